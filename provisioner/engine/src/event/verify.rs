//! Events of `verify`, and of `up` when it verifies.

use provisioner_planner::verify::Leg;
use schemars::JsonSchema;
use serde::Serialize;

/// Events of a canary.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum VerifyEvent {
    /// The canary was recorded: the pipeline works.
    Verified(Verified),
    /// No canary is sent.
    #[serde(rename = "verify-skipped")]
    Skipped {
        /// The reason.
        reason: String,
    },
    /// The canary was removed before its event arrived. If the event arrives later, it leaves a FAILED record
    /// (`NOT_FOUND`), which the next `verify` removes.
    #[serde(rename = "canary-expected")]
    Expected {
        /// The object's key.
        key: String,
        /// The stack.
        stack: String,
    },
    /// Something of the canary could not be removed.
    #[serde(rename = "canary-left")]
    Left {
        /// What is left.
        what: String,
        /// Why.
        reason: String,
    },
}

/// A canary that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The stack.
    pub stack: String,
    /// The object's key.
    pub key: String,
    /// The media type that was sent and recorded.
    pub file_type: String,
    /// Bytes.
    pub size: usize,
    /// The record's id.
    pub document_id: String,
    /// The stages of the pipeline, in order.
    pub legs: Vec<Leg>,
    /// From the start of the upload until the record was read. Milliseconds.
    pub total_millis: u64,
    /// The number of records of the canary: always one.
    pub records: usize,
    /// How often the handler processed the file, according to its log so far. More than one is not an error: S3 can send an
    /// event twice, which gives one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_up: Option<usize>,
    /// Whether object and record were removed.
    pub cleaned: bool,
}
