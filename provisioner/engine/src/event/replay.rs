//! Events of sending files through the pipeline again.

use provisioner_model::delivery::{Outcome, Processed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Events of `reconcile --fix` and `reprocess`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ReplayEvent {
    /// The records whose files `reprocess` sends were selected.
    Selected {
        /// Their number.
        files: u64,
    },
    /// The function has processed a file.
    Replayed {
        /// The object's key.
        key: String,
        /// The version, in a bucket that keeps versions.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
        /// The record; absent if the invocation failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        document_id: Option<String>,
        /// What became of it.
        outcome: Outcome,
        /// Why the invocation failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// All files were sent.
    ReplayDone(Sent),
}

/// The outcomes of all files that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Records with the status SUCCESS that were written.
    pub stored: u64,
    /// Records with the status FAILED that were written.
    pub rejected: u64,
    /// Files whose record in the table stays.
    pub duplicates: u64,
    /// Files that could not be read, or not to their end in time.
    pub unreadable: u64,
    /// Objects without content.
    pub ignored: u64,
    /// Invocations that failed.
    pub failed: u64,
}

impl Sent {
    /// Counts one more file.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome.processed() {
            Some(Processed::Stored) => &mut self.stored,
            Some(Processed::Rejected) => &mut self.rejected,
            Some(Processed::Duplicate) => &mut self.duplicates,
            Some(Processed::Unreadable) => &mut self.unreadable,
            Some(Processed::Ignored) => &mut self.ignored,
            None => &mut self.failed,
        };
        *count += 1;
    }

    /// The number of files that have a record now.
    pub fn with_record(&self) -> u64 {
        self.stored + self.rejected + self.duplicates
    }

    /// All files.
    pub fn total(&self) -> u64 {
        self.with_record() + self.unreadable + self.ignored + self.failed
    }
}
