//! A cheap look at the newest files: one page of the bucket and the newest records, whatever the size of both.

use handler_contract::Timestamp;
use provisioner_aws::Aws;
use provisioner_aws::records::Records;
use provisioner_aws::versions::{Marker, Versions};
use provisioner_model::call_error::CallError;
use provisioner_model::names::Names;
use provisioner_model::query::Query;
use provisioner_model::spec::StackSpec;
use provisioner_planner::reconcile::{Scope, without_record};
use serde::Serialize;

use crate::clock;

/// Keys that are named.
const NAMED: usize = 5;

/// What a look at the newest files found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Newest {
    /// Files that were looked at.
    pub checked: u64,
    /// Those of them that have no record.
    pub without_record: u64,
    /// The newest of these, by key; at most five.
    pub keys: Vec<String>,
    /// Whether the bucket has more files than one page of a listing, so that newer ones may not have been seen.
    pub partial: bool,
}

/// Looks for the records of the newest files of the first page of the bucket, at most this number. Files whose records are
/// older than the newest `5 * most` records are not judged.
pub(crate) async fn look(aws: &Aws, spec: &StackSpec, names: &Names, most: usize) -> Result<Newest, CallError> {
    let versions = Versions::new(aws, &names.bucket, spec.bucket.prefix.as_deref());
    let Some(page) = versions.page(&Marker::default()).await? else { return Ok(Newest::default()) };
    let partial = page.next.is_some();
    let rows: Vec<_> = page.versions.into_iter().flat_map(super::rows_of_version).collect();
    let now = clock::now_millis();
    let files = Scope::new(spec, now, true).newest(&rows, most);
    let Some(oldest) = files.iter().map(|file| file.at).min() else {
        return Ok(Newest { partial, ..Newest::default() });
    };
    let since = Timestamp::from_unix_millis(oldest - clock::SKEW_MILLIS);
    let now = Timestamp::from_unix_millis(now).or(since.clone()).ok_or_else(unknown_time)?;
    let query = Query { since, ..Query::default() };
    let limit = 5 * most;
    let found = Records::new(aws, &names.table).page(&query, &now, limit, limit).await?;
    let records: Vec<(&str, i64)> =
        found.rows.iter().map(|row| (row.object_key.as_str(), row.uploaded_at.unix_millis())).collect();
    // Where there are more records, only the files that are newer than the oldest of these can be judged.
    let complete_since = match found.next {
        Some(_) => records.iter().map(|(_, at)| *at).min().unwrap_or_default(),
        None => i64::MIN,
    };
    let missing = without_record(&files, &records, complete_since);
    Ok(Newest {
        checked: files.iter().filter(|file| file.at >= complete_since).count() as u64,
        without_record: missing.len() as u64,
        keys: missing.iter().take(NAMED).map(|file| file.key.clone()).collect(),
        partial,
    })
}

fn unknown_time() -> CallError {
    let message = "this machine's clock is beyond the year 9999".to_owned();
    CallError { kind: provisioner_model::call_error::Kind::Other, code: None, message }
}
