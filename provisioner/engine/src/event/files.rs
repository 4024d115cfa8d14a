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
        /// Why parts of it were left in the bucket, if any were.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_open: Option<String>,
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
        /// The timeout.
        seconds: u64,
    },
    /// The command has finished.
    #[serde(rename = "put-done")]
    Done(Tally),
}

/// The results of all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Files in the bucket.
    pub uploaded: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are not.
    pub not_uploaded: usize,
    /// Records with the status SUCCESS.
    pub succeeded: usize,
    /// Records with the status FAILED.
    pub failed: usize,
    /// Files whose record did not arrive.
    pub without_record: usize,
    /// How long all of it took.
    pub seconds: f64,
}
