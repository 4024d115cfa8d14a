//! Whether the stack does its work.

use maud::{Markup, html};

use super::format::foreign;
use super::{badge, tone_class};
use crate::pipeline::Health;
use crate::view::icon;

/// The content of the page.
pub(crate) fn health(health: &Health) -> Markup {
    html! {
        div.loaded {
            section.verdict.(tone_class(health.tone)) {
                (icon::tone(health.tone))
                div {
                    h2 { (health.state) }
                    @if health.problems.is_empty() { p.dim { "Nothing needs attention." } }
                    @for problem in &health.problems {
                        p { strong { (problem.what) } }
                        @for line in problem.fix.lines() { p.hint { (line) } }
                    }
                }
            }
            div.columns.even {
                section.group aria-label="Facts" {
                    h2 { "Facts" }
                    dl {
                        @for fact in &health.facts {
                            div { dt { (fact.name) } dd.(tone_class(fact.tone)) { (foreign(&fact.value)) } }
                        }
                    }
                }
                @if !health.resources.is_empty() {
                    section.group aria-label="Resources" {
                        h2 { "Resources" }
                        table.plain-table {
                            thead { tr { th scope="col" { "Resource" } th scope="col" { "State" } th scope="col" { "Name" } } }
                            tbody {
                                @for resource in &health.resources {
                                    tr {
                                        td { (resource.kind) }
                                        td { (badge(resource.tone, &resource.status)) }
                                        td.name { (foreign(&resource.name)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
