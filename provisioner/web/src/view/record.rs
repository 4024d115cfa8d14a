//! One record.

use handler_contract::Status;
use maud::{Markup, html};
use provisioner_model::error::Error;
use provisioner_model::query::Row;
use provisioner_model::units::span;
use serde_json::Value;

use super::format::{foreign, time_of};
use super::{Place, Problem, files, icon, page, problem_box, record_fields, records, tone_class};
use crate::pipeline::{About, Tone, TraceStep};
use crate::remedy::remedy;

/// A record and what belongs to it.
pub(crate) struct Shown<'a> {
    pub(crate) id: &'a str,
    pub(crate) record: &'a Value,
    pub(crate) trace: &'a Result<Vec<TraceStep>, Error>,
    pub(crate) others: &'a Result<Vec<Row>, Error>,
}

/// The page of a record.
pub(crate) fn record(about: &About, shown: &Shown<'_>) -> Markup {
    let text = |name: &str| shown.record[name].as_str().unwrap_or_default();
    let is_failed = text("status") == Status::Failed.as_str();
    let content = html! {
        nav.crumbs aria-label="Breadcrumb" { a href="/records" { "Records" } }
        div.heading {
            h1.with-badge {
                (foreign(text("fileName")))
                (records::status(if is_failed { Status::Failed } else { Status::Success }))
            }
            div.actions {
                a.button href={ "/records/" (shown.id) "/file" } { (icon::download()) "Download" }
                a.button href={ "/records/" (shown.id) ".json" } download { "JSON" }
            }
        }
        @if is_failed { (failure(text("errorCode"), text("errorMessage"))) }
        div.columns {
            div.main-column { (record_fields::groups(shown.record)) }
            div.side-column {
                section.group aria-label="What happened" {
                    h2 { "What happened" }
                    @match shown.trace {
                        Ok(steps) if steps.is_empty() => p.dim { "The log has nothing about this file any more." },
                        Ok(steps) => (trace(steps)),
                        Err(error) => p.dim { "The log cannot be read: " (error.message) },
                    }
                }
                section.group aria-label="Uploads of this name" {
                    h2 { "Other uploads of this name" }
                    @match shown.others {
                        Ok(others) if others.is_empty() => p.dim { "None." },
                        Ok(others) => ul.others { @for other in others { (files::other(other)) } },
                        Err(error) => p.dim { "They cannot be read: " (error.message) },
                    }
                }
            }
        }
    };
    page(Some(about), Place::Records, text("fileName"), &content)
}

fn failure(code: &str, message: &str) -> Markup {
    let remedy = remedy(code);
    html! {
        section.problem aria-label="Why it failed" {
            (icon::tone(Tone::Bad))
            div {
                h2 { (remedy.title) " " code { (code) } }
                p { (foreign(message)) }
                p.hint { (remedy.fix) }
                @if let Some(code) = provisioner_model::remedy::code(code) {
                    p.dim { "For the operator: " (provisioner_model::remedy::remedy(code)) "." }
                }
            }
        }
    }
}

/// Steps with the time between them.
fn trace(steps: &[TraceStep]) -> Markup {
    let before = |n: usize| steps[..n].iter().rev().find_map(|step| step.time);
    html! {
        ol.trace {
            @for (n, step) in steps.iter().enumerate() {
                li.(tone_class(step.tone)) {
                    (icon::tone(step.tone))
                    div {
                        p.step {
                            (foreign(&step.title))
                            @if let (Some(before), Some(time)) = (before(n), step.time) {
                                @if time > before { span.dim { " +" (span(time - before)) } }
                            }
                        }
                        @if let Some(detail) = &step.detail { p.dim { (foreign(detail)) } }
                        @if let Some(time) = step.time { p.dim { (time_of(time)) } }
                    }
                }
            }
        }
    }
}

/// The page of a file that cannot be downloaded.
pub(crate) fn no_file(about: &About, id: &str, error: &Error) -> Markup {
    let content = html! {
        div.narrow {
            (problem_box(&Problem {
                title: "The file cannot be downloaded",
                message: &error.message,
                causes: &error.causes(),
                hint: error.hint.as_deref(),
            }))
            p { a.button href={ "/records/" (id) } { "Back to its record" } }
        }
    };
    page(Some(about), Place::Records, "No file", &content)
}
