//! The queue of failed events.

use maud::{Markup, html};

use super::format::{count, foreign, time_of};
use super::{Place, badge, empty, page};
use crate::pipeline::{About, FailedEvents, Redriven, Tone};

/// The content of the page.
pub(crate) fn failed_events(queue: &FailedEvents) -> Markup {
    html! {
        div.loaded {
            @if queue.waiting == 0 && queue.events.is_empty() {
                (empty("No failed events", &html! {
                    "An event gets here if the function could not process a file after several attempts. Then the file has no \
                     record, and can be sent to the function again here."
                }))
            } @else {
                div.heading {
                    p { (count(queue.waiting.max(queue.events.len() as u64), "file has", "files have")) " no record." }
                    div.actions { a.button.primary href="/failed-events/redrive" { "Process again…" } }
                }
                @if queue.events.is_empty() {
                    p.note { "None of them can be shown at the moment: another reader has received them." }
                } @else {
                    table.plain-table {
                        thead { tr { th scope="col" { "File" } th scope="col" { "Reason" } th.number scope="col" { "Attempts" }
                            th scope="col" { "Given up" } } }
                        tbody {
                            @for event in &queue.events {
                                tr {
                                    td.name {
                                        @match &event.key {
                                            Some(key) => (foreign(key)),
                                            None => span.dim { "Not an event of a file" },
                                        }
                                    }
                                    td { @if let Some(reason) = &event.reason { (foreign(reason)) } }
                                    td.number { @if let Some(attempts) = event.attempts { (attempts) } }
                                    td.time { @if let Some(time) = event.time { (time_of(time)) } }
                                }
                            }
                        }
                    }
                    @if (queue.events.len() as u64) < queue.waiting {
                        p.note { "The first " (queue.events.len()) " of about " (queue.waiting) " are shown." }
                    }
                }
            }
        }
    }
}

/// The question before failed events are sent again.
pub(crate) fn question(about: &About, queue: &FailedEvents) -> Markup {
    let content = html! {
        div.narrow {
            h1 { "Process " (count(queue.waiting, "failed event", "failed events")) " again?" }
            p { "The function reads each file again. A file that succeeds gets its record; one that fails again returns here. \
                 Events of files that were deleted meanwhile are removed." }
            form method="post" action="/failed-events/redrive" {
                button.primary type="submit" { "Process again" } " "
                a.button href="/failed-events" { "Cancel" }
            }
        }
    };
    page(Some(about), Place::FailedEvents, "Process failed events again", &content)
}

/// What became of them.
pub(crate) fn redriven(about: &About, result: &Redriven) -> Markup {
    let content = html! {
        div.narrow {
            h1 { (count(result.sent, "event", "events")) " processed again" }
            @if result.sent > 0 { p { (badge(Tone::Good, "Processed")) " The function has processed them to the end." } }
            @if result.dropped > 0 { p { (count(result.dropped, "event", "events")) " of deleted files removed." } }
            @if result.left > 0 { p { (badge(Tone::Warning, "Left")) " " (count(result.left, "event stays", "events stay")) " in the queue." } }
            @for remark in &result.remarks { p.note { (foreign(remark)) } }
            p { a.button href="/records" { "Records" } " " a.button href="/failed-events" { "Failed events" } }
        }
    };
    page(Some(about), Place::FailedEvents, "Processed again", &content)
}
