//! The records that uploads wait for.

use std::collections::BTreeSet;
use std::time::Instant;

use handler_contract::Timestamp;
use provisioner_aws::Aws;
use provisioner_aws::records::Records;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::Result;
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use provisioner_planner::record_matching::{Awaited, Lookup, RecordMatcher, SLACK_MILLIS};

use crate::clock;
use crate::upload_list::Upload;

/// The page size when all newest records are read.
const PAGE: usize = 1_000;

/// An upload whose record is awaited.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) file: String,
    pub(super) uploaded: Instant,
}

/// The state of waiting for records.
#[derive(Debug)]
pub(super) struct Wait {
    records: Records,
    bucket: String,
    pub(super) matcher: RecordMatcher<Waiting>,
}

impl Wait {
    pub(super) async fn start(aws: &Aws, names: &Names, uploads: &[Upload], ahead: i64) -> Result<Self> {
        let records = Records::new(aws, &names.table);
        let keys: BTreeSet<String> = uploads.iter().map(|upload| upload.key.clone()).collect();
        let mut before = Vec::new();
        if let Some(since) = Timestamp::from_unix_millis(clock::now_millis() + ahead - SLACK_MILLIS) {
            let query = Query { since: Some(since), ..Query::default() };
            all_of(&records, query, |rows| {
                before.extend(rows.into_iter().filter(|row| keys.contains(&row.object_key)));
            })
            .await
            .map_err(|error| error.into_error("read the table of records"))?;
        }
        let matcher = RecordMatcher::new(&names.bucket, keys, &before);
        Ok(Self { records, bucket: names.bucket.clone(), matcher })
    }

    /// Polls once for the awaited records.
    pub(super) async fn poll(&mut self) -> Result<Vec<(Awaited<Waiting>, serde_json::Value)>, CallError> {
        let mut ids = self.matcher.known_ids();
        let matcher = &self.matcher;
        match matcher.lookup() {
            None => {}
            Some(Lookup::ByKeys(keys, since)) => {
                for key in keys {
                    let object = Some((self.bucket.clone(), key));
                    let query = Query { since: Some(since.clone()), object, ..Query::default() };
                    all_of(&self.records, query, |rows| ids.extend(matcher.candidates(&rows))).await?;
                }
            }
            Some(Lookup::Newest(since)) => {
                let query = Query { since: Some(since), ..Query::default() };
                all_of(&self.records, query, |rows| ids.extend(matcher.candidates(&rows))).await?;
            }
        }
        let found = self.records.documents(&ids).await?;
        Ok(self.matcher.match_records(found))
    }
}

/// Reads all records of a query, a page at a time.
async fn all_of(records: &Records, mut query: Query, mut take: impl FnMut(Vec<Row>)) -> Result<(), CallError> {
    let now = clock::now().map_err(|e| CallError { kind: Kind::Other, code: None, message: e.message })?;
    loop {
        let page = records.page(&query, &now, PAGE, usize::MAX).await?;
        take(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            return Ok(());
        }
    }
}
