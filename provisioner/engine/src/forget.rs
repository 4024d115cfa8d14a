//! Erases one file: all versions of its object, then its records.
//!
//! The object goes first: until it is gone, a late event makes a new record of it. Records are therefore looked for after the
//! object is gone. An invocation that has read the object by then can still write one, so that one is named among what may
//! remain. Everything is found by the object's key, so the next run deletes it, and finishes a run that was interrupted.

use std::collections::BTreeSet;

use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::records::Records;
use provisioner_aws::storage::Storage;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::delivery::GRACE_MILLIS;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::object::ObjectVersion;
use provisioner_model::query::{Query, Row};
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
/// How often versions and records that are found are deleted: some may be written meanwhile, and the index of the table shows
/// a change after a moment.
const MOST_PASSES: usize = 5;
/// Records of a page.
const PAGE: usize = 1_000;

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
    let (versions, records, uploads) = tokio::join!(erasing.versions(), erasing.rows(), erasing.open_uploads());
    let (versions, records, uploads) = (versions?, records?, uploads?);
    let mut forgotten = Forgotten {
        stack: spec.name.clone(),
        key: key.to_owned(),
        versions: 0,
        delete_markers: 0,
        records: 0,
        remains: Vec::new(),
    };
    if !versions.is_empty() || !records.is_empty() || uploads > 0 {
        if !agreed {
            dialog.ask(&question(key, &versions, records.len() as u64, uploads), "--yes").await?;
        }
        erasing.delete_versions(&mut forgotten).await?;
        erasing.delete_records(&mut forgotten).await?;
        if may_be_in_flight(&versions, &records, clock::now_millis()) {
            forgotten.remains.extend(in_flight(spec));
        }
    }
    forgotten.remains.extend(remains(aws, spec, &names, key).await);
    Ok(forgotten)
}

fn question(key: &str, versions: &[ObjectVersion], records: u64, uploads: u64) -> String {
    let markers = versions.iter().filter(|version| version.is_delete_marker).count() as u64;
    let of = |number: u64, what: &str| if number > 0 { format!(", {}", counted(number, what)) } else { String::new() };
    format!(
        "Delete {key} for good: {}{}{} and {}?",
        counted(versions.len() as u64 - markers, "version"),
        of(markers, "delete marker"),
        of(uploads, "incomplete upload"),
        counted(records, "record")
    )
}

/// Whether the event of the newest version may not be processed yet: it was put within the last hours, and no record is as new.
fn may_be_in_flight(versions: &[ObjectVersion], records: &[Row], now: i64) -> bool {
    // A listing counts whole seconds, and has the start of a multipart upload: a record is never older than its version.
    let put = versions.iter().filter(|version| !version.is_delete_marker).map(|version| version.modified.unix_millis());
    let recorded = records.iter().map(|row| row.uploaded_at.unix_millis()).max();
    put.max().is_some_and(|put| now - put < GRACE_MILLIS && recorded.is_none_or(|recorded| recorded < put))
}

/// What remains of an event that may not be processed yet.
fn in_flight(spec: &StackSpec) -> [String; 2] {
    [
        "its event, if it was not processed yet: it fails, because the object is gone, and goes into the queue of failed \
         events within six hours"
            .to_owned(),
        format!(
            "a record, if the function was processing the file meanwhile. Look again after its time limit, {} s, with: \
             provisioner forget KEY -s {}",
            spec.handler.timeout.0, spec.name
        ),
    ]
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

    async fn open_uploads(&self) -> Result<u64> {
        let open = self.bucket.open_uploads(self.key).await;
        open.map_err(|e| e.into_error(&format!("list the incomplete uploads of {}", self.key)))
    }

    /// The index entries of all records of the key; none without a table.
    async fn rows(&self) -> Result<Vec<Row>> {
        let mut query = Query { object: Some((self.names.bucket.clone(), self.key.to_owned())), ..Query::default() };
        let (mut rows, now) = (Vec::new(), clock::now()?);
        loop {
            let page = match self.records.page(&query, &now, PAGE, usize::MAX).await {
                Err(error) if error.kind == Kind::NotFound => return Ok(Vec::new()),
                page => page.map_err(|e| e.into_error("read the table of records"))?,
            };
            rows.extend(page.rows);
            query.after = page.next;
            if query.after.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Deletes versions and aborts uploads until no version is listed.
    async fn delete_versions(&self, forgotten: &mut Forgotten) -> Result<()> {
        let failed = |e: CallError| e.into_error(&format!("delete the versions of {}", self.key));
        for pass in 0.. {
            // An upload that is completed before it can be aborted is a version that the listing has.
            forgotten.versions += self.bucket.abort_uploads(Some(self.key)).await.map_err(failed)?;
            let versions = self.versions().await?;
            if versions.is_empty() {
                break;
            }
            if pass == MOST_PASSES {
                return Err(self.written_meanwhile());
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
        }
        Ok(())
    }

    /// Deletes records until the index lists none that was not deleted.
    async fn delete_records(&self, forgotten: &mut Forgotten) -> Result<()> {
        let mut deleted = BTreeSet::new();
        for pass in 0.. {
            let mut ids: Vec<String> = self.rows().await?.into_iter().map(|row| row.document_id).collect();
            ids.retain(|id| deleted.insert(id.clone()));
            if ids.is_empty() {
                break;
            }
            if pass == MOST_PASSES {
                return Err(self.written_meanwhile());
            }
            let records = self.records.clone();
            let delete = move |id: String| {
                let records = records.clone();
                async move { records.delete(&id).await }
            };
            all(ids, delete, |()| forgotten.records += 1).await.map_err(|e| e.into_error("delete a record"))?;
        }
        Ok(())
    }

    fn written_meanwhile(&self) -> Error {
        let message = format!("{} was put or processed again while it was deleted", self.key);
        Error::new(Exit::Leftovers, "written-meanwhile", message)
            .hint("Stop the program that uploads it, and run the same command again.")
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
