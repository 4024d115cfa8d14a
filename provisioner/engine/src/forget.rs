//! Erases one file: all versions of its object, then its records.
//!
//! The object goes first. Until it is gone, a late event would make a new record of it; afterwards none can. Everything is
//! found by the object's key, so a run that was interrupted at any point is finished by the next one.

use std::collections::BTreeSet;

use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::records::Records;
use provisioner_aws::storage::Storage;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::object::ObjectVersion;
use provisioner_model::query::Query;
use provisioner_model::spec::StackSpec;
use provisioner_model::units::{Seconds, counted};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::dialog::Dialog;
use crate::failed_events::{self, MOST_PEEKED};
use crate::{clock, interrupt};

/// Deletions at the same time.
const PARALLEL: usize = 16;
/// How often versions and records are looked for again after they were deleted: some may have been written meanwhile, and the
/// index of the table shows a change after a moment.
const MOST_PASSES: usize = 5;
/// Records of a page.
const PAGE: usize = 1_000;
/// How long an event can lead to an invocation (Lambda developer guide, "Error handling for asynchronous invocation").
/// Milliseconds.
const EVENT_AGE: i64 = 6 * 3_600_000;

/// What was erased, and what remains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    /// The stack.
    pub stack: String,
    /// The object's key.
    pub key: String,
    /// Versions that were deleted, with those of incomplete uploads.
    pub versions: u64,
    /// Delete markers that were deleted.
    pub delete_markers: u64,
    /// Records that were deleted.
    pub records: u64,
    /// Where the file may still be named, and until when. Commands are named as `provisioner VERB … -s STACK`.
    pub remains: Vec<String>,
}

/// Erases the file of exactly this key. Asks first, unless `agreed` is set or there is nothing to erase.
///
/// # Errors
/// The user declines, a call fails, or the key is written to all the time. Run again, it finishes the work.
pub async fn forget(aws: &Aws, spec: &StackSpec, key: &str, agreed: bool, dialog: &dyn Dialog) -> Result<Forgotten> {
    let mut interrupts = interrupt::subscribe();
    tokio::select! {
        forgotten = erase(aws, spec, key, agreed, dialog) => forgotten,
        () = interrupts.next() => Err(Error::new(Exit::Interrupted, "interrupted", "interrupted")
            .hint("Run the same command again: it deletes what is left.")),
    }
}

async fn erase(aws: &Aws, spec: &StackSpec, key: &str, agreed: bool, dialog: &dyn Dialog) -> Result<Forgotten> {
    let names = Names::new(spec, &aws.account, &aws.region);
    let erasing = Erasing {
        bucket: Storage::new(aws, &names.bucket),
        object: Object::new(aws, &names.bucket, key),
        records: Records::new(aws, &names.table),
        names: &names,
        key,
    };
    let (versions, ids) = tokio::join!(erasing.versions(), erasing.ids());
    let (versions, ids) = (versions?, ids?);
    let mut forgotten = Forgotten {
        stack: spec.name.clone(),
        key: key.to_owned(),
        versions: 0,
        delete_markers: 0,
        records: 0,
        remains: Vec::new(),
    };
    if !versions.is_empty() || !ids.is_empty() {
        if !agreed {
            let markers = versions.iter().filter(|version| version.is_delete_marker).count() as u64;
            let of_markers =
                if markers > 0 { format!(", {}", counted(markers, "delete marker")) } else { String::new() };
            let question = format!(
                "Delete {key} for good: {}{of_markers} and {}?",
                counted(versions.len() as u64 - markers, "version"),
                counted(ids.len() as u64, "record")
            );
            dialog.ask(&question, "--yes").await?;
        }
        // A file that was put within the last hours may have an event on its way.
        let newest = versions.iter().map(|version| version.modified.unix_millis()).max();
        if newest.is_some_and(|newest| clock::now_millis() - newest < EVENT_AGE) && ids.is_empty() {
            forgotten.remains.push(
                "its event, if it was not processed yet: it fails, because the object is gone, and goes into the queue of \
                 failed events within six hours"
                    .to_owned(),
            );
        }
    }
    erasing.delete_versions(versions, &mut forgotten).await?;
    erasing.delete_records(ids, &mut forgotten).await?;
    forgotten.remains.extend(remains(aws, spec, &names, key).await);
    Ok(forgotten)
}

struct Erasing<'a> {
    bucket: Storage,
    object: Object,
    records: Records,
    names: &'a Names,
    key: &'a str,
}

impl Erasing<'_> {
    async fn versions(&self) -> Result<Vec<ObjectVersion>> {
        self.object.versions(usize::MAX).await.map_err(|e| e.into_error(&format!("list the versions of {}", self.key)))
    }

    /// The ids of all records of the key; none without a table.
    async fn ids(&self) -> Result<Vec<String>> {
        let mut query = Query { object: Some((self.names.bucket.clone(), self.key.to_owned())), ..Query::default() };
        let (mut ids, now) = (Vec::new(), clock::now()?);
        loop {
            let page = match self.records.page(&query, &now, PAGE, usize::MAX).await {
                Err(error) if error.kind == Kind::NotFound => return Ok(Vec::new()),
                page => page.map_err(|e| e.into_error("read the table of records"))?,
            };
            ids.extend(page.rows.into_iter().map(|row| row.document_id));
            query.after = page.next;
            if query.after.is_none() {
                return Ok(ids);
            }
        }
    }

    /// Deletes versions until none is listed.
    async fn delete_versions(&self, mut versions: Vec<ObjectVersion>, forgotten: &mut Forgotten) -> Result<()> {
        let failed = |e: CallError| e.into_error(&format!("delete the versions of {}", self.key));
        forgotten.versions += self.bucket.abort_uploads(Some(self.key)).await.map_err(failed)?;
        for _ in 0..MOST_PASSES {
            if versions.is_empty() {
                return Ok(());
            }
            let object = self.object.clone();
            let delete = move |version: ObjectVersion| {
                let object = object.clone();
                async move { object.delete_version(version.version_id.as_deref()).await.map(|()| version.is_delete_marker) }
            };
            all(versions, delete, |is_delete_marker| {
                let count = if is_delete_marker { &mut forgotten.delete_markers } else { &mut forgotten.versions };
                *count += 1;
            })
            .await
            .map_err(failed)?;
            versions = self.versions().await?;
        }
        let message = format!("{} was put again while it was deleted", self.key);
        Err(Error::new(Exit::Leftovers, "written-meanwhile", message)
            .hint("Stop the program that uploads it, and run the same command again."))
    }

    /// Deletes records until the index lists none that was not deleted.
    async fn delete_records(&self, mut ids: Vec<String>, forgotten: &mut Forgotten) -> Result<()> {
        let mut deleted = BTreeSet::new();
        for _ in 0..MOST_PASSES {
            ids.retain(|id| deleted.insert(id.clone()));
            if ids.is_empty() {
                break;
            }
            let records = self.records.clone();
            let delete = move |id: String| {
                let records = records.clone();
                async move { records.delete(&id).await }
            };
            all(ids, delete, |()| forgotten.records += 1).await.map_err(|e| e.into_error("delete a record"))?;
            ids = self.ids().await?;
        }
        Ok(())
    }
}

/// Makes a call for each item, at most [`PARALLEL`] at the same time, and counts those that succeeded.
async fn all<T, R: Send + 'static, F: Future<Output = Result<R, CallError>> + Send + 'static>(
    items: Vec<T>,
    call: impl Fn(T) -> F,
    mut done: impl FnMut(R),
) -> Result<(), CallError> {
    let mut items = items.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < PARALLEL
            && let Some(item) = items.next()
        {
            running.spawn(call(item));
        }
        let Some(ended) = running.join_next().await else { return Ok(()) };
        done(ended.unwrap_or_else(|e| Err(CallError { kind: Kind::Other, code: None, message: e.to_string() }))?);
    }
}

/// Where the file may still be named.
async fn remains(aws: &Aws, spec: &StackSpec, names: &Names, key: &str) -> Vec<String> {
    let mut remains = vec![format!(
        "log lines with its name and key, until {} after they were written",
        days(spec.handler.keep_logs)
    )];
    match failed_events::peek(aws, names, MOST_PEEKED).await {
        Ok(scan) => {
            let is_of_key =
                |waiting: &&failed_events::Waiting| waiting.event.iter().any(|event| event.keys().any(|k| k == key));
            let queued = scan.messages.iter().filter(is_of_key).count() as u64;
            if queued > 0 {
                let what = counted(queued, "failed event");
                remains.push(format!("{what} in the queue. Delete with: provisioner redrive -s {}", spec.name));
            }
            if scan.unread() > 0 {
                let what = counted(scan.unread(), "failed event");
                remains.push(format!("{what} that could not be read may name it, for at most 14 days"));
            }
        }
        Err(error) => remains.push(format!("failed events, which could not be read ({error}), for at most 14 days")),
    }
    if spec.table.point_in_time_recovery {
        remains.push("its records in the table's backups, for at most 35 days".to_owned());
    }
    remains
}

fn days(time: Seconds) -> String {
    counted(time.0 / 86_400, "day")
}
