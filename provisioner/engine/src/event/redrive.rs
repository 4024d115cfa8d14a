//! Events of `redrive`.

use provisioner_model::delivery::Outcome;
use schemars::JsonSchema;
use serde::Serialize;

/// Events of sending failed events again.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RedriveEvent {
    /// One message of the queue has its outcome.
    FailedEvent {
        /// The message's id.
        message_id: String,
        /// The keys of its objects.
        keys: Vec<String>,
        /// What had failed, as one word; `redrive --code` selects by it.
        code: String,
        /// How it ended; absent with `--dry-run` and `--discard`, unless nothing is sent: `gone` or `no-event`.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
        /// What becomes of the message.
        action: Action,
        /// Why it ended so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The command has finished.
    Redriven(Tally),
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was deleted.
    Deleted,
    /// It stays in the queue.
    Kept,
    /// With `--dry-run`: its event would be sent.
    WouldSend,
    /// With `--dry-run`: it would be deleted without being sent.
    WouldDelete,
}

/// The results of all messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Events that the function processed to the end: stored, rejected, duplicate or ignored.
    pub sent: u64,
    /// Events that failed again, or whose outcome is not known; they stay in the queue.
    pub failed: u64,
    /// Messages that were deleted without being sent: their objects no longer exist, or `--discard` was given.
    pub dropped: u64,
    /// Messages without an event; they stay in the queue.
    pub no_event: u64,
    /// Messages that stay in the queue because they were not selected, not confirmed, or not tried.
    pub left: u64,
}
