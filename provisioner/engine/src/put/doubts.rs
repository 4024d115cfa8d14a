//! What may be wrong with uploads before the first byte is sent: files that were perhaps not meant, and files that get no
//! useful record. The user is asked; `--yes` confirms.

use provisioner_model::error::Result;
use provisioner_model::spec::StackSpec;
use provisioner_model::units::counted;

use super::target::Target;
use crate::dialog::Dialog;
use crate::event::files::FilesEvent;
use crate::upload_list::{Source, Upload};

/// The largest number of names that a doubt lists.
const LISTED: usize = 10;

/// Something that may be wrong with some of the uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// `hidden-files`, `too-large` or `nobody-listens`.
    pub code: &'static str,
    /// What may be wrong.
    pub reason: String,
    /// The number of files.
    pub files: usize,
    /// Some of them, or the folders that they are in.
    pub names: Vec<String>,
}

/// Doubts that follow from the uploads and the stack file alone.
pub fn doubts(uploads: &[Upload], spec: &StackSpec) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let hidden: Vec<&String> = uploads.iter().filter_map(|upload| upload.hidden.as_ref()).collect();
    if !hidden.is_empty() {
        let mut names: Vec<String> = hidden.iter().map(|&name| name.clone()).collect();
        names.dedup();
        names.truncate(LISTED);
        doubts.push(Doubt {
            code: "hidden-files",
            reason: format!(
                "{} hidden ({}); --exclude '.*' leaves hidden files out",
                are(hidden.len()),
                names.join(", ")
            ),
            files: hidden.len(),
            names,
        });
    }
    let limit = spec.files.max_size;
    let large = |upload: &&Upload| matches!(upload.source, Source::File(_, size) if size > limit.0);
    let large: Vec<String> = uploads.iter().filter(large).map(Upload::name).collect();
    if let Some(first) = large.first() {
        doubts.push(Doubt {
            code: "too-large",
            reason: format!(
                "{} larger than the stack's limit, files.maxSize {limit}, and will be recorded as FAILED without being read: {first}{}",
                are(large.len()),
                if large.len() > 1 { ", …" } else { "" }
            ),
            files: large.len(),
            names: large.into_iter().take(LISTED).collect(),
        });
    }
    doubts
}

fn are(files: usize) -> String {
    format!("{} {}", counted(files as u64, "file"), if files == 1 { "is" } else { "are" })
}

impl Target<'_> {
    /// The doubts of these uploads, also whether anything processes them. Reads the configuration of the pipeline.
    pub async fn doubts(&self, uploads: &[Upload], spec: &StackSpec) -> Vec<Doubt> {
        let mut doubts = doubts(uploads, spec);
        // Keys that the stack does not process are reported one by one.
        let processed = |upload: &&Upload| spec.bucket.mismatch(&upload.key).is_none();
        let Some(first) = uploads.iter().find(processed) else { return doubts };
        if let Some(cause) = self.nobody_listens(&first.key).await {
            doubts.push(Doubt {
                code: "nobody-listens",
                reason: format!(
                    "uploaded files would get no record: {}. {}",
                    cause.text,
                    cause.hint.replace("{stack}", self.stack)
                ),
                files: uploads.len(),
                names: Vec::new(),
            });
        }
        doubts
    }
}

/// Reports the doubts, and asks whether to upload nevertheless unless that is confirmed already.
pub async fn settle(doubts: &[Doubt], confirmed: bool, dialog: &dyn Dialog) -> Result<()> {
    for Doubt { code, reason, files, names } in doubts {
        let (code, reason, names) = ((*code).to_owned(), reason.clone(), names.clone());
        dialog.event(FilesEvent::Doubtful { code, reason, files: *files, names });
    }
    if doubts.is_empty() || confirmed {
        return Ok(());
    }
    dialog.ask("Upload nevertheless?", "--yes").await
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn hidden_and_too_large_files_are_doubted() {
        let spec = "name: a\ndata: delete\nfiles: { maxSize: 1 KiB }\n";
        let spec = provisioner_model::spec::parse(spec, Path::new("a.yaml")).unwrap();
        let upload = |name: &str, size: u64, hidden: Option<&str>| Upload {
            source: Source::File(name.into(), size),
            key: name.to_owned(),
            content_type: String::new(),
            hidden: hidden.map(ToOwned::to_owned),
        };
        let rows = [
            (vec![upload("a", 1_024, None)], vec![]),
            (vec![upload("a", 1_025, None), upload("b", 1, None)], vec![("too-large", 1, vec!["a"])]),
            (
                vec![
                    upload(".git/a", 1, Some(".git")),
                    upload(".git/b", 1, Some(".git")),
                    upload(".env", 1, Some(".env")),
                ],
                vec![("hidden-files", 3, vec![".git", ".env"])],
            ),
        ];
        for (uploads, expected) in rows {
            let found = doubts(&uploads, &spec);
            let found: Vec<_> = found
                .iter()
                .map(|doubt| (doubt.code, doubt.files, doubt.names.iter().map(String::as_str).collect()))
                .collect();
            assert_eq!(found, expected);
        }
    }
}
