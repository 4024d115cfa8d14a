//! Events of `reconcile`.

use provisioner_planner::reconcile::{Counts, Finding};
use schemars::JsonSchema;
use serde::Serialize;

use crate::event::replay::Sent;

/// Events of comparing the bucket with the table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ReconcileEvent {
    /// The comparison starts.
    Comparing {
        /// The number of records by the service's own count, which is up to six hours old.
        records: u64,
        /// Their size by the same count. Bytes.
        bytes: u64,
        /// The table's read units; absent for a table that is billed by request.
        #[serde(skip_serializing_if = "Option::is_none")]
        read_units: Option<u64>,
        /// How long reading the table takes with these units, estimated. Seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
    /// The comparison continues where an earlier run was interrupted.
    Resumed {
        /// When the earlier run started, ISO 8601.
        started: String,
        /// Versions that it had listed.
        listed: u64,
        /// Records that it had read.
        records: u64,
    },
    /// The bucket was listed.
    Listed {
        /// Versions and delete markers.
        versions: u64,
    },
    /// The table was read.
    Scanned {
        /// Records.
        records: u64,
    },
    /// Something disagrees.
    Finding(Finding),
    /// The comparison has finished.
    Compared {
        /// What was counted.
        #[serde(flatten)]
        counts: Counts,
        /// The age below which a file without a record is pending: 6.5 hours; with `--now` two minutes, in a bucket without
        /// versions. Seconds.
        pending_age: u64,
    },
    /// The command has finished.
    ReconcileDone(Summary),
}

/// The result of `reconcile`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What was counted.
    pub counts: Counts,
    /// What was sent through the pipeline; absent without `--fix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// Findings that are left.
    pub left: u64,
    /// How long it took.
    pub seconds: f64,
}
