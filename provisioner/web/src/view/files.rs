//! The page on which files are dropped.

use handler_contract::Status;
use maud::{Markup, html};
use provisioner_model::error::Error;
use provisioner_model::query::Row;
use provisioner_model::units::Size;

use super::format::{count, foreign, size, time, type_name};
use super::records::{status, table};
use super::{Place, empty, icon, page};
use crate::pipeline::{About, Stored};
use crate::remedy::remedy;

/// What became of a file that was sent without script.
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) result: Result<(Stored, String), Error>,
}

/// The rules of the stack, in words.
fn rules(about: &About) -> Vec<String> {
    let mut rules = vec![format!("Up to {} a file", Size(about.max_size))];
    let types: Vec<&str> = about.allowed_types.iter().collect();
    rules.push(if types.contains(&"*/*") {
        "Any type".to_owned()
    } else {
        let names: Vec<String> = types.into_iter().map(pattern_name).collect();
        format!("Accepted: {}", names.join(", "))
    });
    if let Some(suffix) = &about.suffix {
        rules.push(format!("Names end with {suffix}"));
    }
    if let Some(days) = about.expire_days {
        rules.push(format!("Deleted after {}", count(days, "day", "days")));
    }
    rules
}

/// A pattern of media types in words.
fn pattern_name(pattern: &str) -> String {
    match pattern {
        "text/*" => "text".to_owned(),
        "image/*" => "images".to_owned(),
        "audio/*" => "audio".to_owned(),
        "video/*" => "video".to_owned(),
        other => type_name(other),
    }
}

/// The page of uploads, with the newest records.
pub(crate) fn files(about: &About, recent: &Result<Vec<Row>, Error>) -> Markup {
    let suffix = about.suffix.as_deref().unwrap_or_default();
    let content = html! {
        h1.unseen { "Upload files" }
        form #upload method="post" action="/files" enctype="multipart/form-data"
            data-max=(about.max_size) data-max-text=(Size(about.max_size)) data-suffix=(suffix) {
            div #drop.drop {
                (icon::upload())
                p.drop-title { span.scripted { "Drop files or folders here" } span.plain { "Choose files to upload" } }
                div.choose {
                    label.button.primary for="choose-files" { "Choose files" }
                    input #choose-files.picker type="file" name="file" multiple required;
                    label.button.scripted for="choose-folder" { "Choose a folder" }
                    input #choose-folder.picker.scripted type="file" webkitdirectory multiple disabled;
                    button.plain.primary type="submit" { "Upload" }
                }
                ul.rules { @for rule in rules(about) { li { (rule) } } }
            }
        }
        section #queue aria-labelledby="queue-title" hidden {
            div.heading {
                h2 #queue-title { "This upload" }
                div.actions {
                    button #retry-all type="button" hidden { "Retry failed" }
                    button #cancel-all type="button" hidden { "Cancel all" }
                    button #clear type="button" hidden { "Clear finished" }
                }
            }
            div.overall {
                progress #overall max="1" value="0" aria-label="All files" {}
                p #overall-text {}
            }
            ul #files.files {}
            button #more type="button" hidden {}
        }
        template #file-template {
            li.upload {
                span.upload-state { span.badge {} }
                span.upload-name { bdi {} }
                span.upload-size {}
                span.upload-detail {}
                progress max="1" value="0" hidden {}
                span.upload-actions {
                    button type="button" data-do="pause" hidden { "Pause" }
                    button type="button" data-do="resume" hidden { "Resume" }
                    button type="button" data-do="retry" hidden { "Retry" }
                    button type="button" data-do="cancel" hidden { "Cancel" }
                }
            }
        }
        section #list aria-labelledby="recent" data-live="/live" data-most="20" {
            div.heading { h2 #recent { "Recent files" } a href="/records" { "All records" } }
            @match recent {
                Ok(rows) if rows.is_empty() => {
                    (empty("No files yet", &html! {
                        "Drop a file above. Within seconds it appears here with its type, size, words and pages, or with the \
                         reason why it was refused."
                    }))
                }
                Ok(rows) => (table("Recent files, newest first", rows)),
                Err(error) => (super::problem_box(&super::Problem {
                    title: "The records cannot be read",
                    message: &error.message,
                    causes: &error.causes(),
                    hint: error.hint.as_deref(),
                })),
            }
        }
    };
    page(Some(about), Place::Upload, "Upload", &content)
}

/// What became of a file, for the line of its upload.
pub(crate) fn outcome(row: &Row) -> Markup {
    let link = format!("/records/{}", row.document_id);
    html! {
        @match (row.status, &row.error_code) {
            (Status::Failed, Some(code)) => {
                a href=(link) { (remedy(code).title) } ". " (remedy(code).fix)
            }
            (Status::Failed, None) => a href=(link) { "See why" },
            (Status::Success, _) => {
                a href=(link) { (type_name(&row.file_type)) }
                @if let Some(n) = row.word_count { " · " (count(n, "word", "words")) }
                @if let Some(n) = row.page_count { " · " (count(n, "page", "pages")) }
            }
        }
    }
}

/// What became of files that were sent without script.
pub(crate) fn sent(about: &About, files: &[Sent]) -> Markup {
    let stored = files.iter().filter(|file| file.result.is_ok()).count();
    let content = html! {
        h1 { (stored) " of " (count(files.len() as u64, "file", "files")) " uploaded" }
        ul.files {
            @for file in files {
                li.upload {
                    span.upload-state {
                        @match &file.result {
                            Ok(_) => (super::badge(crate::pipeline::Tone::Good, "Uploaded")),
                            Err(_) => (super::badge(crate::pipeline::Tone::Bad, "Not uploaded")),
                        }
                    }
                    span.upload-name { (foreign(&file.name)) }
                    @match &file.result {
                        Ok((stored, link)) => {
                            span.upload-size { (size(stored.size)) }
                            span.upload-detail { a href=(link) { "Show its record" } }
                        }
                        Err(error) => {
                            span.upload-detail {
                                (error.message) ". "
                                @if let Some(hint) = &error.hint { (hint) }
                            }
                        }
                    }
                }
            }
        }
        p { a.button href="/" { "Upload more" } " " a.button href="/records" { "All records" } }
    };
    page(Some(about), Place::Upload, "Uploaded", &content)
}

/// The page of a file whose record has not arrived.
pub(crate) fn awaited(about: &About, key: &str) -> Markup {
    let content = html! {
        div.narrow {
            h1 { "The record is not there yet" }
            p { (foreign(key)) " is uploaded. Its record usually arrives within seconds." }
            p.dim { "If it does not come within a few minutes, see " a href="/failed-events" { "failed events" } " and "
                a href="/health" { "health" } "." }
            p { a.button href="" { "Look again" } }
        }
    };
    page(Some(about), Place::Upload, "Waiting for the record", &content)
}

/// A short line of a record of the same key.
pub(crate) fn other(row: &Row) -> Markup {
    html! {
        li { (status(row.status)) " " a href={ "/records/" (row.document_id) } { (time(&row.uploaded_at)) } " "
            span.dim { (size(row.file_size)) } }
    }
}
