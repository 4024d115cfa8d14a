//! The list of records.

use handler_contract::Status;
use maud::{Markup, html};
use provisioner_model::query::Row;
use provisioner_model::text::clean;
use provisioner_model::units::grouped;

use super::format::{foreign, size, time, type_name};
use super::{Place, badge, empty, icon, page};
use crate::filter::{AGES, Filter, Mistake, TYPES};
use crate::pipeline::{About, Tone};
use crate::remedy::remedy;

/// A page of the list.
pub(crate) struct List {
    pub(crate) rows: Vec<Row>,
    /// The token of the older page.
    pub(crate) older: Option<String>,
    /// The token of the newer page.
    pub(crate) newer: Option<String>,
    /// The number of records that were examined, if the search ended early.
    pub(crate) gave_up_after: Option<usize>,
}

/// A status as a badge.
pub(crate) fn status(status: Status) -> Markup {
    match status {
        Status::Success => badge(Tone::Good, "Success"),
        Status::Failed => badge(Tone::Bad, "Failed"),
    }
}

/// The folder of a key, with its last slash.
fn folder(row: &Row) -> &str {
    row.object_key.trim_end_matches('/').rfind('/').map_or("", |slash| &row.object_key[..=slash])
}

/// The table around rows. The roles are said because a narrow page lays rows out as cards, which takes a table's own roles
/// away in some browsers.
pub(crate) fn table(label: &str, rows: &[Row]) -> Markup {
    html! {
        table.records role="table" aria-label=(label) {
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { "Status" }
                    th role="columnheader" scope="col" { "Name" }
                    th role="columnheader" scope="col" { "Type" }
                    th.number role="columnheader" scope="col" { "Size" }
                    th.number role="columnheader" scope="col" { "Words" }
                    th.number role="columnheader" scope="col" { "Pages" }
                    th role="columnheader" scope="col" { "Uploaded" }
                }
            }
            tbody #rows role="rowgroup" { @for record in rows { (row(record)) } }
        }
    }
}

/// A row of the table.
pub(crate) fn row(row: &Row) -> Markup {
    let number = |n: Option<u64>| n.map(grouped);
    html! {
        tr role="row" id={ "r-" (row.document_id) } {
            td.state role="cell" { (status(row.status)) }
            td.name role="cell" {
                a href={ "/records/" (row.document_id) } title=(clean(&row.object_key)) {
                    @if !folder(row).is_empty() { span.folder { (foreign(folder(row))) } }
                    span.file { (foreign(&row.file_name)) }
                }
                @if let Some(code) = &row.error_code { span.why { (remedy(code).title) } }
            }
            td.type role="cell" title=(row.file_type) { (type_name(&row.file_type)) }
            td.number role="cell" title={ (grouped(row.file_size)) " bytes" } { (size(row.file_size)) }
            td.number role="cell" { @if let Some(n) = number(row.word_count) { (n) } }
            td.number role="cell" { @if let Some(n) = number(row.page_count) { (n) } }
            td.time role="cell" { (time(&row.uploaded_at)) }
        }
    }
}

/// The page of records.
pub(crate) fn records(about: &About, filter: &Filter, list: &Result<List, Vec<Mistake>>) -> Markup {
    let mistakes = list.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    let content = html! {
        div.heading {
            h1 { "Records" }
            div.actions {
                a.button href=(filter.first_page().link("/records.csv")) download { (icon::download()) "CSV" }
                a.button href=(filter.first_page().link("/records.json")) download { (icon::download()) "JSON" }
            }
        }
        (filters(filter, mistakes))
        @if let Ok(list) = list {
            section #list aria-label="Records" data-live=[filter.is_first_page().then(|| filter.link("/live"))] {
                @if list.rows.is_empty() {
                    (none(filter, list))
                } @else {
                    (table("Records, newest first", &list.rows))
                }
                @if let Some(examined) = list.gave_up_after {
                    p.note { "Searched " (grouped(examined as u64)) " records and stopped there. Older records may match as well." }
                }
                (pages(filter, list))
            }
        }
    };
    page(Some(about), Place::Records, "Records", &content)
}

fn none(filter: &Filter, list: &List) -> Markup {
    if filter.is_set() {
        return empty(
            "No record matches",
            &html! {
                @if list.gave_up_after.is_some() { "None of the records that were searched. " }
                "Change the filters, or " a href="/records" { "show all records" } "."
            },
        );
    }
    if !filter.is_first_page() {
        return empty("No further records", &html! { a href="/records" { "To the newest records" } });
    }
    empty(
        "No records yet",
        &html! {
            "Each file that is uploaded gets a record: its type, size, words and pages, or why it was refused. "
            a href="/" { "Upload a file" } " to see the first."
        },
    )
}

fn pages(filter: &Filter, list: &List) -> Markup {
    let to = |after: &str, before: &str| {
        Filter { after: after.to_owned(), before: before.to_owned(), ..filter.clone() }.link("/records")
    };
    html! {
        @if list.older.is_some() || list.newer.is_some() || !filter.is_first_page() {
            nav.pages aria-label="Pages of the list" {
                @if !filter.is_first_page() { a.button href=(filter.first_page().link("/records")) { "Newest" } }
                @if let Some(before) = &list.newer { a.button rel="prev" href=(to("", before)) { "← Newer" } }
                @if let Some(after) = &list.older { a.button rel="next" href=(to(after, "")) { "Older →" } }
            }
        }
    }
}

fn filters(filter: &Filter, mistakes: &[Mistake]) -> Markup {
    let mistake = |field: &str| mistakes.iter().find(|mistake| mistake.field == field);
    let known_type = filter.file_type.is_empty() || TYPES.iter().any(|(pattern, _)| *pattern == filter.file_type);
    let is_age = filter.since.is_empty() || AGES.iter().any(|(age, _)| *age == filter.since);
    let field = |name: &str, label: &str, input: Markup| {
        html! {
            div.field.wrong[mistake(name).is_some()] {
                label for={ "f-" (name) } { (label) }
                (input)
                @if let Some(mistake) = mistake(name) { p.mistake id={ "m-" (name) } { (mistake.message) } }
            }
        }
    };
    let wrong = |name: &str| mistake(name).is_some().then_some("true");
    let described = |name: &str| mistake(name).map(|mistake| format!("m-{}", mistake.field));
    html! {
        form #filters.filters method="get" action="/records" role="search" aria-label="Filters" {
            div.segments role="group" aria-label="Status" {
                @for (value, label) in [("", "All"), ("success", "Success"), ("failed", "Failed")] {
                    a href=(filter.with_status(value).link("/records")) aria-current=[(filter.status == value).then_some("true")] {
                        (label)
                    }
                }
            }
            @if !filter.status.is_empty() { input type="hidden" name="status" value=(filter.status); }
            (field("name", "Name", html! {
                input #f-name type="search" name="name" value=(filter.name) placeholder="report or *.pdf" autocomplete="off"
                    aria-invalid=[wrong("name")];
            }))
            (field("type", "Type", html! {
                select #f-type name="type" aria-invalid=[wrong("type")] aria-describedby=[described("type")] {
                    option value="" { "Any" }
                    @for (pattern, label) in TYPES {
                        option value=(pattern) selected[pattern == filter.file_type] { (label) }
                    }
                    @if !known_type { option value=(filter.file_type) selected { (filter.file_type) } }
                }
            }))
            @if is_age && filter.until.is_empty() {
                (field("since", "Uploaded", html! {
                    select #f-since name="since" aria-invalid=[wrong("since")] {
                        option value="" { "Any time" }
                        @for (age, label) in AGES { option value=(age) selected[age == filter.since] { (label) } }
                        option value="today" { "Between…" }
                    }
                }))
            } @else {
                (field("since", "From (UTC)", html! {
                    input #f-since name="since" value=(filter.since) placeholder="2026-11-22 16:00" data-moment
                        aria-invalid=[wrong("since")] aria-describedby=[described("since")];
                }))
                (field("until", "Until (UTC)", html! {
                    input #f-until name="until" value=(filter.until) placeholder="2026-11-23 16:00" data-moment
                        aria-invalid=[wrong("until")] aria-describedby=[described("until")];
                }))
            }
            div.field.submit {
                button.primary type="submit" { "Filter" }
                @if filter.is_set() || !mistakes.is_empty() { a.button href="/records" { "Clear" } }
            }
            @for mistake in mistakes.iter().filter(|mistake| matches!(mistake.field, "status" | "after")) {
                p.mistake { (mistake.message) }
            }
        }
    }
}
