//! Compares the bucket with the table, and sends files without a record through the pipeline.
//!
//! The bucket is listed first and the table is read afterwards, so a record that is written in between is seen. Both are
//! sorted in temporary files (`spill`) and compared in order (`provisioner_planner::reconcile`): memory is bounded,
//! whatever their size. An interrupted run continues where it was (`state`).

mod last;
mod newest;
mod spill;
mod state;

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use handler_contract::origin::Origin;
use handler_contract::upload::identifying_version;
use handler_contract::{Request, Timestamp};
use provisioner_aws::Aws;
use provisioner_aws::records::{Continuation, Records, Source};
use provisioner_aws::versions::{Version, Versions};
use provisioner_model::error::{self, Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::StackSpec;
use provisioner_model::units::counted;
use provisioner_planner::reconcile::{Comparison, Counts, Finding, FindingKind, Kind, Row, Scope};
use provisioner_planner::replay;
use serde_json::Value;

use crate::clock;
use crate::dialog::Dialog;
use crate::event::reconcile::{ReconcileEvent, Summary};
use crate::event::replay::{ReplayEvent, Sent};
use crate::export::Export;
use crate::interrupt::{self, InterruptGuard};
use crate::records::Listing;
use crate::replay::{Replay, send};
use crate::resend::Resender;

pub use last::{LastRun, last_run};
pub use newest::Newest;
pub(crate) use newest::look;

use spill::Sorter;
use state::{Folder, Position, State, Subject};

/// The longest time without a saved state.
const SAVE_INTERVAL: Duration = Duration::from_mins(2);
/// The file of the files without a record, in the folder of the state.
const MISSING: &str = "missing";
/// The attributes of a record that are compared.
pub const ATTRIBUTES: [&str; 8] =
    ["documentId", "objectKey", "versionId", "eTag", "fileSize", "sequencer", "uploadedAt", "status"];

/// How `reconcile` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Options {
    /// Send files without a record through the pipeline.
    pub fix: bool,
    /// Also those whose event may still arrive.
    pub now: bool,
    /// Do not continue an interrupted run.
    pub restart: bool,
    /// Do not ask before sending.
    pub yes: bool,
    /// Invocations at the same time.
    pub parallel: u16,
}

/// Compares, reports, and with [`Options::fix`] sends what is missing. `stack` is the stack as the caller named it.
pub async fn reconcile(
    aws: &Aws,
    spec: &StackSpec,
    stack: &str,
    options: Options,
    dialog: &dyn Dialog,
) -> Result<Summary> {
    let began = Instant::now();
    let names = Names::new(spec, &aws.account, &aws.region);
    let listing = Listing::new(aws, spec, stack);
    let export = Export::of(aws, &names, true).await.map_err(|error| listing.failed(error))?;
    let export = export.ok_or_else(|| listing.missing())?;
    let subject = Subject {
        stack: spec.name.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        endpoint: aws.endpoint().to_owned(),
        bucket: names.bucket.clone(),
        prefix: spec.bucket.prefix.clone(),
        table: names.table.clone(),
    };
    let folder = Folder::open(&state::parent(), &subject)?;
    let (state, resumed) = folder.resume(&subject, clock::now_millis(), options.restart)?;
    dialog.event(ReconcileEvent::Comparing {
        records: export.items,
        bytes: export.bytes,
        read_units: export.pace.map(|pace| pace.units),
        seconds: export.pace.map(|pace| pace.estimate(export.bytes).as_secs()),
    });
    if resumed {
        let started = Timestamp::from_unix_millis(state.started).map(String::from).unwrap_or_default();
        dialog.event(ReconcileEvent::Resumed { started, listed: state.listed, records: state.scanned });
    }
    let started = state.started;
    let mut reading = Reading {
        sorter: Sorter::new(folder.path()),
        folder: &folder,
        state,
        saved: Instant::now(),
        interrupts: interrupt::subscribe(),
    };
    reading.list(&Versions::new(aws, &names.bucket, spec.bucket.prefix.as_deref()), &names, stack).await?;
    dialog.event(ReconcileEvent::Listed { versions: reading.state.listed });
    reading.scan(&Records::new(aws, &names.table), &export, &listing).await?;
    dialog.event(ReconcileEvent::Scanned { records: reading.state.scanned });
    let runs = reading.finish()?;

    let missing = folder.path().join(MISSING);
    let scope = Scope::new(spec, started, options.now);
    let pending_age = u64::try_from(scope.pending_millis() / 1_000).unwrap_or_default();
    let counts = compare(&folder, &runs, scope, &missing, dialog)?;
    // From here on nothing is to be continued, even if this process is killed at the question.
    folder.discard_state()?;
    dialog.event(ReconcileEvent::Compared { counts, pending_age });
    let mut sent = None;
    let fixing: Result<()> = async {
        if fix_wanted(options, counts, &names, dialog).await? {
            let function = Resender::new(aws, spec, &names, Origin::Reconcile);
            let (versioned, sent) = (spec.bucket.versioning, sent.insert(Sent::default()));
            send_missing(&function, &names.bucket, versioned, &missing, options.parallel, sent, dialog).await?;
        }
        Ok(())
    }
    .await;
    // Whatever became of the fix, the comparison is complete: the next run reads bucket and table again.
    let fixed = sent.map_or(0, |sent| (sent.with_record() + sent.ignored).min(counts.missing));
    last::save(aws, &names, &LastRun::new(started, clock::now()?, counts, fixed), dialog).await;
    folder.clear()?;
    fixing?;
    let summary = Summary { counts, sent, left: counts.findings() - fixed, seconds: began.elapsed().as_secs_f64() };
    dialog.event(ReconcileEvent::ReconcileDone(summary));
    Ok(summary)
}

/// Files of a bucket that is taken over whose records are looked for.
const TAKEN_OVER: usize = 1_000;

/// Offers to process the files that the bucket held before its stack listened, or whose records were lost with the table.
/// Where nobody can be asked, names the command. The deployment is done: a failed look is only reported.
pub async fn offer(aws: &Aws, spec: &StackSpec, stack: &str, dialog: &dyn Dialog) -> Result<()> {
    let names = Names::new(spec, &aws.account, &aws.region);
    let found = match look(aws, spec, &names, TAKEN_OVER).await {
        Ok(found) => found,
        Err(error) => {
            dialog.remark(&format!("Whether the bucket holds files without a record is not known: {error}"));
            return Ok(());
        }
    };
    if found.without_record == 0 {
        return Ok(());
    }
    let number = format!("{}{}", if found.partial { "at least " } else { "" }, counted(found.without_record, "file"));
    let command = format!("provisioner reconcile --fix --now -s {}", spec.name);
    dialog.remark(&format!("The bucket {} holds {number} without a record.", names.bucket));
    if !dialog.can_ask() {
        dialog.remark(&format!("Process them with: {command}"));
        return Ok(());
    }
    match dialog.ask("Process them now?", "--yes").await {
        Ok(()) => {
            let options = Options { fix: true, now: true, restart: true, yes: true, parallel: 8 };
            Box::pin(reconcile(aws, spec, stack, options, dialog)).await.map(|_| ())
        }
        Err(error) if error.exit == Exit::Refused => {
            dialog.remark(&format!("They stay without a record. To process them later: {command}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether to send what is missing: with `--fix` after a confirmation.
async fn fix_wanted(options: Options, counts: Counts, names: &Names, dialog: &dyn Dialog) -> Result<bool> {
    if !options.fix || counts.missing == 0 {
        return Ok(false);
    }
    if !options.yes {
        let question = format!("Send {} to {}?", counted(counts.missing, "file"), names.function);
        dialog.ask(&question, "--yes").await?;
    }
    Ok(true)
}

/// Reads the bucket and the table into sorted runs.
struct Reading<'a> {
    sorter: Sorter,
    folder: &'a Folder,
    state: State,
    saved: Instant,
    interrupts: InterruptGuard,
}

impl Reading<'_> {
    async fn list(&mut self, versions: &Versions, names: &Names, stack: &str) -> Result<()> {
        while let Position::At(marker) = self.state.listing.clone() {
            let page = tokio::select! {
                page = versions.page(&marker) => page.map_err(|e| e.into_error("list the versions of the bucket"))?,
                () = self.interrupts.next() => return Err(self.interrupted()?),
            };
            let page = page.ok_or_else(|| {
                Error::new(Exit::Failure, "no-bucket", format!("there is no bucket {}", names.bucket))
                    .hint(format!("Create the stack first: provisioner up -s {stack}"))
            })?;
            self.state.listed += page.versions.len() as u64;
            for version in page.versions {
                rows_of_version(version).for_each(|row| self.sorter.push(row));
            }
            self.state.listing = page.next.map_or(Position::End, Position::At);
            self.save_if_due()?;
        }
        Ok(())
    }

    async fn scan(&mut self, records: &Records, export: &Export, listing: &Listing<'_>) -> Result<()> {
        let started = Instant::now();
        let mut consumed = 0.0;
        while let Position::At(from) = self.state.scan.clone() {
            let from = Continuation::from_text(&from);
            let page = tokio::select! {
                page = records.scan_attributes(Source::Table, &ATTRIBUTES, from) => {
                    page.map_err(|error| listing.failed(error))?
                }
                () = self.interrupts.next() => return Err(self.interrupted()?),
            };
            consumed += page.units;
            self.state.scanned += page.items.len() as u64;
            page.items.iter().filter_map(row_of_record).for_each(|row| self.sorter.push(row));
            self.state.scan = page.next.map_or(Position::End, |next| Position::At(next.to_text()));
            self.save_if_due()?;
            if let (Some(pace), Position::At(_)) = (export.pace, &self.state.scan) {
                tokio::select! {
                    () = tokio::time::sleep(pace.pause(consumed, started.elapsed())) => {}
                    () = self.interrupts.next() => return Err(self.interrupted()?),
                }
            }
        }
        Ok(())
    }

    /// Ends the reading. Returns the runs.
    fn finish(mut self) -> Result<Vec<String>> {
        self.save()?;
        Ok(self.state.runs)
    }

    fn save_if_due(&mut self) -> Result<()> {
        if self.sorter.is_full() || self.saved.elapsed() >= SAVE_INTERVAL { self.save() } else { Ok(()) }
    }

    /// Writes the rows and how far they go.
    fn save(&mut self) -> Result<()> {
        let name = self.state.next_run();
        let written = self.sorter.write(&name).map_err(|e| error::io("write", &self.folder.path().join(&name), e))?;
        if written {
            self.state.runs.push(name);
        }
        self.folder.save(&self.state)?;
        self.saved = Instant::now();
        Ok(())
    }

    fn interrupted(&mut self) -> Result<Error> {
        self.save()?;
        let State { listed, scanned, .. } = &self.state;
        let message =
            format!("interrupted; {} and {} were read", counted(*listed, "version"), counted(*scanned, "record"));
        Ok(Error::new(Exit::Interrupted, "interrupted", message)
            .hint("Within 24 hours, the same command continues there."))
    }
}

/// The rows of a version: itself, and what the newest version of its key is.
fn rows_of_version(version: Version) -> impl Iterator<Item = Row> {
    let Version { key, id, is_latest, modified, content } = version;
    let row = move |kind, version: String, e_tag, size| Row {
        key: key.clone(),
        version,
        kind,
        e_tag,
        size,
        sequencer: String::new(),
        at: modified,
        id: String::new(),
    };
    let head = is_latest
        .then(|| row(if content.is_some() { Kind::Head } else { Kind::Deleted }, String::new(), String::new(), 0));
    let id = identifying_version(id.as_deref()).unwrap_or_default();
    let file = content.map(|content| row(Kind::File, id.to_owned(), content.e_tag, content.size));
    head.into_iter().chain(file)
}

/// The row of a record; `None` for an item that is not one.
fn row_of_record(item: &Value) -> Option<Row> {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let failed = item["status"] == "FAILED";
    let version = identifying_version(item["versionId"].as_str()).unwrap_or_default();
    Some(Row {
        key: item["objectKey"].as_str()?.to_owned(),
        version: version.to_owned(),
        kind: if failed { Kind::FailedRecord } else { Kind::Record },
        e_tag: text("eTag"),
        size: item["fileSize"].as_u64().unwrap_or_default(),
        sequencer: text("sequencer"),
        at: Timestamp::parse(item["uploadedAt"].as_str()?).ok()?.unix_millis(),
        id: item["documentId"].as_str()?.to_owned(),
    })
}

/// Compares the rows of the runs. Writes the files without a record to the file `missing`.
fn compare(folder: &Folder, runs: &[String], scope: Scope, missing: &Path, dialog: &dyn Dialog) -> Result<Counts> {
    let failed = |e| error::io("read the temporary files in", folder.path(), e);
    let mut file = BufWriter::new(File::create(missing).map_err(|e| error::io("create", missing, e))?);
    let mut write_error = None;
    let mut take = |finding: Finding| {
        if finding.kind == FindingKind::FileWithoutRecord {
            let line = serde_json::to_string(&finding).unwrap_or_default();
            write_error = write_error.take().or_else(|| writeln!(file, "{line}").err());
        }
        dialog.event(ReconcileEvent::Finding(finding));
    };
    let mut comparison = Comparison::new(scope);
    for row in spill::merged(folder.path(), runs).map_err(failed)? {
        comparison.push(row.map_err(failed)?, &mut take);
    }
    let counts = comparison.finish(&mut take);
    match write_error.or_else(|| file.flush().err()) {
        None => Ok(counts),
        Some(e) => Err(error::io("write", missing, e)),
    }
}

/// Sends the files of the list through the pipeline. Adds to `sent`.
async fn send_missing(
    function: &Resender,
    bucket: &str,
    versioned: bool,
    missing: &Path,
    parallel: u16,
    sent: &mut Sent,
    dialog: &dyn Dialog,
) -> Result<()> {
    let failed = |e| error::io("read", missing, e);
    let mut lines = BufReader::new(File::open(missing).map_err(failed)?).lines();
    let next = || {
        let Some(line) = lines.next() else { return Ok(None) };
        let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "a line is not a finding");
        let finding: Finding = serde_json::from_str(&line.map_err(failed)?).map_err(|_| failed(invalid()))?;
        let upload = replay::upload_of_finding(bucket, versioned, &finding).ok_or_else(|| failed(invalid()))?;
        let event = replay::event(&upload, &Request::Missing);
        Ok(Some(Replay { key: finding.key, version_id: finding.version_id, event }))
    };
    send(function, parallel.into(), next, sent, dialog).await?;
    dialog.event(ReplayEvent::ReplayDone(*sent));
    Ok(())
}

#[cfg(test)]
mod tests {
    use provisioner_aws::versions::Content;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_is_one_row_and_the_newest_one_more() {
        let version = |id: Option<&str>, is_latest, content: Option<&str>| Version {
            key: "a".into(),
            id: id.map(Into::into),
            is_latest,
            modified: 5,
            content: content.map(|e_tag| Content { e_tag: e_tag.into(), size: 3 }),
        };
        for (version, expected) in [
            (version(None, true, Some("e")), vec![(Kind::Head, ""), (Kind::File, "")]),
            (version(Some("null"), true, Some("e")), vec![(Kind::Head, ""), (Kind::File, "")]),
            (version(Some("v"), true, Some("e")), vec![(Kind::Head, ""), (Kind::File, "v")]),
            (version(Some("v"), false, Some("e")), vec![(Kind::File, "v")]),
            (version(Some("v"), true, None), vec![(Kind::Deleted, "")]),
            (version(Some("v"), false, None), vec![]),
        ] {
            let rows: Vec<Row> = rows_of_version(version).collect();
            assert_eq!(rows.iter().map(|row| (row.kind, row.version.as_str())).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn records_of_any_version_of_this_program_are_compared_and_other_items_are_not() {
        let item = json!({ "documentId": "d", "objectKey": "a", "uploadedAt": "2026-11-22T16:33:49.120Z" });
        let row = row_of_record(&item).unwrap();
        assert_eq!((row.kind, row.version.as_str(), row.at), (Kind::Record, "", 1_795_365_229_120));
        let full = json!({ "documentId": "d", "objectKey": "a", "uploadedAt": "2026-11-22T16:33:49.120Z",
            "versionId": "null", "eTag": "e", "fileSize": 3, "sequencer": "01", "status": "FAILED" });
        let row = row_of_record(&full).unwrap();
        assert_eq!((row.kind, row.version.as_str(), row.e_tag.as_str(), row.size), (Kind::FailedRecord, "", "e", 3));
        for name in ["documentId", "objectKey", "uploadedAt"] {
            let mut other = item.clone();
            other.as_object_mut().unwrap().remove(name);
            assert_eq!(row_of_record(&other), None, "{name}");
        }
    }
}
