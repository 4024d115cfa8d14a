//! Events of `put`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Events of uploads and of waiting for records.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FilesEvent {
    /// A file is in the bucket.
    Uploaded {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
        /// Bytes.
        size: u64,
        /// The object's `ETag`.
        e_tag: Option<String>,
        /// The object's version, in a bucket that keeps versions.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
        /// Whether the file was written to during the upload, so that the object may be neither its old nor its new content.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        changed: bool,
        /// How long it took.
        seconds: f64,
    },
    /// A file is not in the bucket.
    NotUploaded {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
        /// Why.
        reason: String,
        /// Whether the file can be in the bucket nevertheless: the service's answer was lost.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        unknown: bool,
        /// Why parts of it were left in the bucket, if any were.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_open: Option<String>,
    },
    /// A file was left out, because the bucket has it already (`--skip-existing`).
    Skipped {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
    },
    /// Files that may not be meant, or that get no useful record. The command asks before it uploads them.
    #[serde(rename = "put-doubt")]
    Doubtful {
        /// `hidden-files`, `too-large` or `nobody-listens`.
        code: String,
        /// What may be wrong.
        reason: String,
        /// The number of files.
        files: usize,
        /// Some of them.
        names: Vec<String>,
    },
    /// A file will have no record, because the stack does not process its key.
    NotProcessed {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
        /// Why the notification does not match the key.
        reason: String,
    },
    /// A file's record arrived.
    Record {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
        /// From the end of the upload until the record was read.
        seconds: f64,
        /// The record.
        record: Value,
    },
    /// A file's record did not arrive in time.
    NoRecord {
        /// The file.
        file: String,
        /// The object's key.
        key: String,
        /// How long it was awaited.
        seconds: u64,
        /// Why it cannot be expected any more, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The command has finished.
    #[serde(rename = "put-done")]
    Done(Summary),
}

/// The result of a file that needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileResult {
    /// It is not in the bucket, or it is not known whether it is.
    NotUploaded,
    /// It changed during its upload.
    Changed,
    /// Its record is FAILED.
    Failed,
    /// Its record did not arrive.
    NoRecord,
}

/// A file that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// What happened.
    pub result: FileResult,
    /// The file.
    pub file: String,
    /// The object's key.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// The results of all files, and those that need attention.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The numbers.
    #[serde(flatten)]
    pub tally: Tally,
    /// The first 1,000 files that need attention.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// The largest number of [`Summary::problems`].
const MOST_PROBLEMS: usize = 1_000;

impl Summary {
    /// Adds a file that needs attention.
    pub(crate) fn problem(&mut self, result: FileResult, file: &str, key: &str, reason: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { result, file: file.to_owned(), key: key.to_owned(), reason });
        }
    }
}

/// The numbers of files by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Files in the bucket.
    pub uploaded: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are not.
    pub not_uploaded: usize,
    /// Files of which it is not known, because the service's answer was lost.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown: usize,
    /// Files that were left out, because the bucket has them already.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// Files in the bucket that changed during their upload.
    #[serde(skip_serializing_if = "is_zero")]
    pub changed: usize,
    /// Records with the status SUCCESS.
    pub succeeded: usize,
    /// Records with the status FAILED.
    pub failed: usize,
    /// Files whose record did not arrive.
    pub without_record: usize,
    /// How long all of it took.
    pub seconds: f64,
}

impl Tally {
    /// Files that are in the bucket now.
    pub fn handled(&self) -> usize {
        self.uploaded + self.skipped
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
