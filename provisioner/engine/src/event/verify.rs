//! Events of `verify`, and of `up` when it verifies.

use provisioner_planner::verify::Leg;
use schemars::JsonSchema;
use serde::Serialize;

/// What comes of a canary.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum VerifyEvent {
    /// The canary has come through: the pipeline works.
    Verified(Verified),
    /// No canary is sent, for this reason.
    #[serde(rename = "verify-skipped")]
    Skipped {
        /// Why there is none.
        reason: String,
    },
    /// The canary was removed before its event came. If that comes later, a record says FAILED (`NOT_FOUND`); the next
    /// `verify` removes it.
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

/// A canary that came through.
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
    /// The parts of the way, in order.
    pub legs: Vec<Leg>,
    /// From the begin of the upload until the record was seen. Milliseconds.
    pub total_millis: u64,
    /// Records of the canary; always one, or it has not come through.
    pub records: usize,
    /// Times that the handler took the file up, as far as its log tells so far. More than one is no fault: S3 may send an
    /// event twice, and the record stays one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_up: Option<usize>,
    /// Whether object and record are gone again.
    pub cleaned: bool,
}
