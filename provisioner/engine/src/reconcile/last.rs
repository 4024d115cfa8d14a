//! The result of the last run, for `status`: a document in the stack's artifact bucket, where everyone finds it who manages the
//! stack, from whichever machine `reconcile` ran. In the table it would be an item that is not a record; a local file
//! would be known to one machine.

use handler_contract::Timestamp;
use provisioner_aws::Aws;
use provisioner_aws::documents::Documents;
use provisioner_model::error::Result;
use provisioner_model::names::Names;
use provisioner_planner::reconcile::Counts;
use serde::{Deserialize, Serialize};

use crate::dialog::Dialog;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// When the listing started, ISO 8601.
    pub started: String,
    /// When the run ended, ISO 8601.
    pub ended: String,
    /// What was counted.
    pub counts: Counts,
    /// Files without a record that were sent through the pipeline.
    pub fixed: u64,
}

impl LastRun {
    pub(super) fn new(started: i64, ended: Timestamp, counts: Counts, fixed: u64) -> Self {
        let started = Timestamp::from_unix_millis(started).map(String::from).unwrap_or_default();
        Self { started, ended: ended.into(), counts, fixed }
    }

    /// The number of findings that were left.
    pub fn left(&self) -> u64 {
        self.counts.findings().saturating_sub(self.fixed)
    }
}

const KEY: &str = "state/reconcile.json";

/// The result of the last run; `None` if there was none, or if its document is of another version of this program.
pub async fn last_run(aws: &Aws, names: &Names) -> Result<Option<LastRun>> {
    let document = Documents::new(aws, &names.artifacts).get(KEY).await;
    let document = document.map_err(|e| e.into_error("read the result of the last reconcile"))?;
    Ok(document.and_then(|text| serde_json::from_slice(&text).ok()))
}

/// Saves the result. A failure is reported and changes nothing else: the result was printed.
pub(super) async fn save(aws: &Aws, names: &Names, run: &LastRun, dialog: &dyn Dialog) {
    let text = serde_json::to_vec(run).unwrap_or_default();
    if let Err(error) = Documents::new(aws, &names.artifacts).put(KEY, text).await {
        dialog.remark(&format!(
            "The result could not be saved in {} ({error}), so `status` does not show it.",
            names.artifacts
        ));
    }
}
