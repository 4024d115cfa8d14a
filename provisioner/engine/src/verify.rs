//! Sends a canary through the live pipeline, waits for its record, and removes both. `docs/verify.md` describes what can be
//! left, and how it is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use handler_contract::{ErrorCode, Status, Timestamp};
use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::records::Records;
use provisioner_aws::uploads::{Stored, Uploads};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::delivery::EVENT_AGE_MILLIS;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::log_lines::Entry;
use provisioner_model::names::Names;
use provisioner_model::query::{Pattern, Query};
use provisioner_model::spec::{DeploymentMode, StackSpec};
use provisioner_planner::canary::{Canary, NAME, canary};
use provisioner_planner::record_matching::id_of_version;
use provisioner_planner::verify::{self as diagnosis, Cause, Findings, LogObservation, Moments};
use serde_json::Value;
use tokio::sync::watch;

use crate::clock;
use crate::diagnose;
use crate::dialog::Dialog;
use crate::event::verify::{Verified, VerifyEvent};
use crate::interrupt::{self, InterruptGuard};
use crate::ready;

/// How long `up` waits for the canary's record.
pub const RECORD_TIMEOUT: Duration = Duration::from_mins(2);
/// The shortest and the longest delay between polls for the record.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// The time without a record after which the configuration is checked: some errors make waiting useless.
const DIAGNOSE_AFTER: Duration = Duration::from_secs(3);
/// The pause between reads of the queue and the log while the record is awaited.
const REASONS_EVERY: Duration = Duration::from_secs(2);
/// The extra time to wait for a record that can still arrive after an interruption or a timeout.
const LATE_RECORD_GRACE: Duration = Duration::from_secs(3);
/// How long the diagnosis may take after the timeout. It reads a few settings, the queue and the log.
const DIAGNOSIS: Duration = Duration::from_secs(10);
/// How long each step of the removal may take. A service that does not answer must not hold the command.
const REMOVAL: Duration = Duration::from_secs(10);
/// The maximum age of an asynchronous event, with a reserve of a day for manual retries. Milliseconds.
const LATE_EVENT_WINDOW: i64 = EVENT_AGE_MILLIS + 24 * 3_600_000;
/// The largest number of records of late events that are removed, and of failures that are searched for them.
const LATE_RECORDS: (usize, usize) = (100, 20_000);
/// How long to wait for the handler's log line after the record. CloudWatch Logs delays lines by seconds.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest number of records of one key that are counted; more than one is an error.
const MAX_RECORDS: usize = 10;
/// Milliseconds.
const HOUR: i64 = 3_600_000;

/// Sends a canary through the stack's pipeline, waits up to `timeout` for its record, and removes both.
pub async fn verify(aws: &Aws, spec: &StackSpec, timeout: Duration, dialog: &dyn Dialog) -> Result<Verified> {
    let verifying = Verifying::new(aws, spec, dialog, timeout);
    verifying.until_ready(spec).await?;
    let canary = canary(spec, &clock::run_id()).map_err(|no| {
        Error::new(Exit::Failure, "no-canary", format!("nothing can be sent through {}", spec.name))
            .source(no)
            .hint("Upload a file and wait for its record: provisioner put FILE --wait")
    })?;
    let interrupts = interrupt::subscribe();
    dialog.remark(&format!("sending {} through {}", canary.key, spec.name));
    let sent = Box::pin(verifying.send(&canary, LOG_TIMEOUT, interrupts)).await;
    // Remove records that late events of earlier canaries left. A failure does not affect the result. An interruption ends
    // the command here, as nothing of this canary is left to remove.
    if !sent.as_ref().is_err_and(is_pointless_to_continue) {
        let removed = tokio::time::timeout(REMOVAL, verifying.remove_late(&canary)).await;
        if let Err(error) = removed.unwrap_or_else(|_| Err(no_answer(REMOVAL))) {
            dialog.remark(&format!("could not look for records that late events of earlier canaries left: {error}"));
        }
    }
    sent
}

/// The last step of `up`. If the stack accepts no canary, the step is skipped with an event.
pub async fn after_up(aws: &Aws, spec: &StackSpec, dialog: &dyn Dialog) -> Result<()> {
    let canary = match canary(spec, &clock::run_id()) {
        Ok(canary) => canary,
        Err(no) => {
            dialog.event(VerifyEvent::Skipped { reason: no.to_string() });
            return Ok(());
        }
    };
    // The log is read only once, so that `up` does not wait for CloudWatch Logs.
    let verifying = Verifying::new(aws, spec, dialog, RECORD_TIMEOUT);
    verifying.until_ready(spec).await?;
    let verified = Box::pin(verifying.send(&canary, Duration::ZERO, interrupt::subscribe())).await?;
    dialog.event(VerifyEvent::Verified(verified));
    Ok(())
}

struct Verifying<'a> {
    aws: &'a Aws,
    stack: &'a str,
    names: Names,
    records: Records,
    dialog: &'a dyn Dialog,
    timeout: Duration,
    /// Whether the canary's event can still arrive.
    expected: AtomicBool,
}

/// The result of waiting for the record.
enum Awaited {
    /// The record, and when it was read.
    Record(Value, i64),
    /// No record arrived.
    Nothing(Cause),
}

impl<'a> Verifying<'a> {
    fn new(aws: &'a Aws, spec: &'a StackSpec, dialog: &'a dyn Dialog, timeout: Duration) -> Self {
        let names = Names::new(spec, &aws.account, &aws.region);
        let records = Records::new(aws, &names.table);
        Self { aws, stack: &spec.name, names, records, dialog, timeout, expected: AtomicBool::new(false) }
    }

    /// Waits for the function of a stack that is deployed in express mode.
    async fn until_ready(&self, spec: &StackSpec) -> Result<()> {
        match spec.deployment {
            DeploymentMode::Standard => Ok(()),
            DeploymentMode::Express => ready::until_active(self.aws, &self.names.function, self.dialog).await,
        }
    }

    fn expect(&self, expected: bool) {
        self.expected.store(expected, Ordering::Relaxed);
    }

    /// Sends the canary, waits for its record, and removes both, also after an error.
    async fn send(&self, canary: &Canary, log_timeout: Duration, mut interrupts: InterruptGuard) -> Result<Verified> {
        let ended = tokio::select! {
            ended = self.send_and_wait(canary, log_timeout) => ended,
            () = interrupts.next() => {
                self.wait_once_more(canary, &mut interrupts).await;
                Err(Error::new(Exit::Interrupted, "interrupted", format!("interrupted; {} is not verified", self.stack)))
            }
        };
        let cleaned = self.clean_up(canary, &mut interrupts).await;
        let mut verified = ended?;
        verified.cleaned = cleaned;
        if !cleaned {
            let message = format!("the pipeline of {} works, but its canary could not be removed", self.stack);
            return Err(Error::new(Exit::Leftovers, "canary-left", message)
                .hint("What is left is listed above. Remove it manually after fixing the cause."));
        }
        Ok(verified)
    }

    async fn send_and_wait(&self, canary: &Canary, log_timeout: Duration) -> Result<Verified> {
        let began = Instant::now();
        let ahead = self.in_time(began, provisioner_aws::clock::ahead(self.aws, &self.names.bucket)).await.map_err(
            |error| match error.kind {
                Kind::NotFound => Error::new(
                    Exit::Failure,
                    "no-bucket",
                    format!("the stack {} has no bucket {}", self.stack, self.names.bucket),
                )
                .hint(format!("Create the stack first: provisioner up -s {}", self.stack)),
                _ => error.into_error("look for the bucket"),
            },
        )?;
        let put = clock::now_millis();
        self.expect(true);
        let put_in_time = tokio::time::timeout(self.timeout.saturating_sub(began.elapsed()), self.put(canary)).await;
        let stored = put_in_time.unwrap_or_else(|_| Err(no_answer(self.timeout).into_error("send the canary")))?;
        let moments = Moments { put, stored: clock::now_millis(), seen: 0 };
        let (record, seen) = match Box::pin(self.wait(canary, &stored, put + ahead)).await? {
            Awaited::Record(record, seen) => (record, seen),
            Awaited::Nothing(cause) => return Err(self.failed("no record arrived", cause)),
        };
        self.judge(canary, &record)?;
        let moments = Moments { seen, ..moments };
        let log = self.read_log(canary, put, log_timeout).await;
        let records = self.in_time(began, self.ids(canary, put + ahead)).await.map_err(table_failed)?.len();
        if records > 1 {
            let cause = Cause::new(
                format!("the table contains {records} records of this upload"),
                "Two handlers that derive record ids differently write to this table. Deploy one: provisioner up \
                 -s {stack}",
            );
            return Err(self.failed("it was recorded twice", cause));
        }
        Ok(Verified {
            stack: self.stack.to_owned(),
            key: canary.key.clone(),
            file_type: canary.file_type.to_owned(),
            size: canary.content.len(),
            document_id: text(&record, "documentId").to_owned(),
            legs: diagnosis::legs(moments, log),
            total_millis: u64::try_from(seen - put).unwrap_or_default(),
            // The index is eventually consistent; the record was read from the table.
            records: records.max(1),
            taken_up: (log.times > 0).then_some(log.times),
            cleaned: false,
        })
    }

    /// The result of a call, or an error once the time to wait for the record is over. A call that started in time has at
    /// least a second.
    async fn in_time<T>(
        &self,
        began: Instant,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let left = self.timeout.saturating_sub(began.elapsed()).max(Duration::from_secs(1));
        tokio::time::timeout(left, call).await.unwrap_or_else(|_| Err(no_answer(self.timeout)))
    }

    async fn put(&self, canary: &Canary) -> Result<Stored> {
        let (_stop, stopped) = watch::channel(false);
        Uploads::new(self.aws, &self.names.bucket, 1, stopped, Arc::new(|_| {}))
            .stream(canary.content.as_slice(), canary.key.clone(), canary.file_type.to_owned())
            .await
            .map_err(|not| Error::new(Exit::Failure, "not-uploaded", "failed to send the canary").source(not))
    }

    /// Polls for the record until it arrives, until waiting is useless, or until the timeout.
    async fn wait(&self, canary: &Canary, stored: &Stored, since: i64) -> Result<Awaited> {
        let arrived = tokio::select! {
            biased;
            arrived = self.record(canary, stored, since) => arrived?,
            cause = self.until_hopeless(canary, since) => return Ok(Awaited::Nothing(cause)),
        };
        if let Some(record) = arrived {
            self.expect(false);
            return Ok(Awaited::Record(record, clock::now_millis()));
        }
        let mut findings = Findings::default();
        let diagnosed = tokio::time::timeout(DIAGNOSIS, async {
            findings = self.findings(canary).await;
            self.find_reasons(canary, since, &mut findings).await;
        });
        if diagnosed.await.is_err() {
            findings.unreadable.push(format!("more: {}", no_answer(DIAGNOSIS)));
        }
        self.report_unreadable(&findings);
        Ok(Awaited::Nothing(diagnosis::cause(&findings)))
    }

    /// The record; `None` after the timeout.
    async fn record(&self, canary: &Canary, stored: &Stored, since: i64) -> Result<Option<Value>> {
        let began = Instant::now();
        let known = self.known_id(canary, stored);
        let mut pause = PAUSES.0;
        loop {
            let look = async {
                let ids = match &known {
                    Some(id) => vec![id.clone()],
                    None => self.ids(canary, since).await?,
                };
                if ids.is_empty() { Ok(Vec::new()) } else { self.records.documents(&ids).await }
            };
            let found = self.in_time(began, look).await.map_err(|error| self.unreadable_table(error))?;
            let arrived = found.into_iter().next();
            if arrived.is_some() || began.elapsed() >= self.timeout {
                return Ok(arrived);
            }
            tokio::time::sleep(pause.min(self.timeout.saturating_sub(began.elapsed()))).await;
            pause = (pause * 3 / 2).min(PAUSES.1);
        }
    }

    /// Returns when no record can be expected any more, with the cause: a part of the pipeline is missing, every attempt
    /// failed, or the handler's process ends at its start. Otherwise never.
    async fn until_hopeless(&self, canary: &Canary, since: i64) -> Cause {
        tokio::time::sleep(DIAGNOSE_AFTER).await;
        let mut findings = self.findings(canary).await;
        if let Some(cause) = diagnosis::certain_cause(&findings) {
            self.expect(diagnosis::event_possible(&findings));
            return cause;
        }
        self.dialog.remark("no record yet; bucket, permission and function are configured correctly, still waiting");
        loop {
            findings.unreadable.clear();
            self.find_reasons(canary, since, &mut findings).await;
            if let Some(cause) = diagnosis::failed_attempts(&findings) {
                // An event in the queue had its last attempt.
                self.expect(findings.queued.is_none());
                return cause;
            }
            tokio::time::sleep(REASONS_EVERY).await;
        }
    }

    /// A table that does not exist ends the pipeline, as a function that does not exist does.
    fn unreadable_table(&self, error: CallError) -> Error {
        if error.kind != Kind::NotFound {
            return table_failed(error);
        }
        let text = format!("the table of records {} does not exist", self.names.table);
        self.failed("its record cannot arrive", diagnosis::out_of_band(&text))
    }

    /// The record's id, which follows from the version in a bucket with versioning.
    fn known_id(&self, canary: &Canary, stored: &Stored) -> Option<String> {
        id_of_version(&self.names.bucket, &canary.key, stored.version_id.as_deref())
    }

    /// The ids of all records of the canary's key, which is unique to this run.
    async fn ids(&self, canary: &Canary, since: i64) -> Result<Vec<String>, CallError> {
        let other = |message: String| CallError { kind: Kind::Other, code: None, message };
        let now = clock::now().map_err(|e| other(e.message))?;
        let query = Query {
            since: Timestamp::from_unix_millis(since - clock::SKEW_MILLIS),
            object: Some((self.names.bucket.clone(), canary.key.clone())),
            ..Query::default()
        };
        let page = self.records.page(&query, &now, MAX_RECORDS, usize::MAX).await?;
        Ok(page.rows.into_iter().map(|row| row.document_id).collect())
    }

    /// Checks status and type of the record.
    fn judge(&self, canary: &Canary, record: &Value) -> Result<()> {
        if text(record, "status") == Status::Success.as_str() && text(record, "fileType") == canary.file_type {
            return Ok(());
        }
        let is = if text(record, "status") == Status::Success.as_str() {
            format!("it is recorded as {} and is {}", text(record, "fileType"), canary.file_type)
        } else {
            format!("{}: {}", text(record, "errorCode"), text(record, "errorMessage"))
        };
        let hint = "The function's settings may differ from the stack file: provisioner plan -s {stack}";
        Err(self.failed("it was recorded incorrectly", Cause::new(is, hint)))
    }

    /// The canary's processing according to the log, or nothing after the timeout. An unreadable log is not an error of the
    /// pipeline.
    async fn read_log(&self, canary: &Canary, put: i64, timeout: Duration) -> LogObservation {
        let began = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let read = tokio::time::timeout(LOG_TIMEOUT, self.entries(put)).await;
            match read.unwrap_or_else(|_| Err(no_answer(LOG_TIMEOUT))) {
                Ok(entries) => {
                    let log = diagnosis::observe_log(&entries, &canary.key);
                    if log.times > 0 || began.elapsed() >= timeout {
                        return log;
                    }
                }
                Err(error) => {
                    self.dialog.remark(&format!("the log cannot be read: {error}"));
                    return LogObservation::default();
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(PAUSES.1);
        }
    }

    async fn entries(&self, since: i64) -> Result<Vec<Entry>, CallError> {
        diagnose::log(self.aws, &self.names, since - clock::SKEW_MILLIS).await
    }

    async fn findings(&self, canary: &Canary) -> Findings {
        diagnose::configuration(self.aws, &self.names, &canary.key).await
    }

    /// Reads the queue of failed events and the log, which contain the errors of a failed handler.
    async fn find_reasons(&self, canary: &Canary, since: i64, findings: &mut Findings) {
        match self.queued(canary).await {
            Ok(queued) => findings.queued = queued,
            Err(error) => findings.unreadable.push(format!("the queue of failed events: {error}")),
        }
        match self.entries(since).await {
            Ok(entries) => diagnose::note_log(&entries, |key| key == canary.key, since, findings),
            Err(error) => findings.unreadable.push(format!("the log: {error}")),
        }
    }

    /// The canary's error in the queue of failed events. Its message is deleted, because the file is removed.
    async fn queued(&self, canary: &Canary) -> Result<Option<FailedEvent>, CallError> {
        let Some((queue, message, event)) = diagnose::queued(self.aws, &self.names, |key| key == canary.key).await?
        else {
            return Ok(None);
        };
        queue.delete(&message).await?;
        Ok(Some(event))
    }

    fn report_unreadable(&self, findings: &Findings) {
        for unreadable in &findings.unreadable {
            self.dialog.remark(&format!("could not read {unreadable}"));
        }
    }

    /// Waits a short time for the record of an event that can still arrive, or until an interruption.
    async fn wait_once_more(&self, canary: &Canary, interrupts: &mut InterruptGuard) {
        let wait = async {
            let mut pause = PAUSES.0;
            // An unreadable table is reported when the record is removed.
            while self.ids(canary, clock::now_millis() - HOUR).await.is_ok_and(|ids| ids.is_empty()) {
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(PAUSES.1);
            }
            self.expect(false);
        };
        if self.expected.load(Ordering::Relaxed) {
            tokio::select! {
                _ = tokio::time::timeout(LATE_RECORD_GRACE, wait) => {}
                () = interrupts.next() => {}
            }
        }
    }

    /// Removes records of events that arrived after their canary was deleted (`NOT_FOUND`).
    async fn remove_late(&self, canary: &Canary) -> Result<(), CallError> {
        let now = clock::now().map_err(|e| CallError { kind: Kind::Other, code: None, message: e.message })?;
        let query = Query {
            status: Some(Status::Failed),
            name: Some(Pattern::contained(NAME)),
            since: Timestamp::from_unix_millis(clock::now_millis() - LATE_EVENT_WINDOW),
            ..Query::default()
        };
        let page = self.records.page(&query, &now, LATE_RECORDS.0, LATE_RECORDS.1).await?;
        // The keys of all canaries of the stack have this prefix.
        let prefix = canary.key.split_inclusive(NAME).next().unwrap_or(NAME);
        for row in page.rows {
            if row.error_code.as_deref() == Some(ErrorCode::NotFound.as_str()) && row.object_key.starts_with(prefix) {
                self.records.delete(&row.document_id).await?;
            }
        }
        Ok(())
    }

    /// Removes the object and its records. Reports what could not be removed and what can still arrive.
    async fn clean_up(&self, canary: &Canary, interrupts: &mut InterruptGuard) -> bool {
        let left = |what: String, error: &CallError| {
            self.dialog.event(VerifyEvent::Left { what, reason: error.to_string() });
            false
        };
        let object = Object::new(self.aws, &self.names.bucket, &canary.key);
        let mut cleaned = match step(interrupts, object.delete_versions()).await {
            Ok(()) => true,
            Err(error) => left(format!("the object {} of {}", canary.key, self.names.bucket), &error),
        };
        // The handler can have read the object before the deletion.
        self.wait_once_more(canary, interrupts).await;
        if self.expected.load(Ordering::Relaxed) {
            self.dialog.event(VerifyEvent::Expected { key: canary.key.clone(), stack: self.stack.to_owned() });
        }
        let ids = match step(interrupts, self.ids(canary, clock::now_millis() - HOUR)).await {
            Ok(ids) => ids,
            // Without the table there is no record.
            Err(error) if error.kind == Kind::NotFound => Vec::new(),
            Err(error) => {
                cleaned = left(format!("records of {} in {}", canary.key, self.names.table), &error);
                Vec::new()
            }
        };
        for id in ids {
            if let Err(error) = step(interrupts, self.records.delete(&id)).await {
                cleaned = left(format!("the record {id} in {}", self.names.table), &error);
            }
        }
        cleaned
    }

    fn failed(&self, what: &str, cause: Cause) -> Error {
        let message = format!("a canary was sent through {}, and {what}", self.stack);
        Error::new(Exit::Unverified, cause.code, message)
            .source(cause.text)
            .hint(cause.hint.replace("{stack}", self.stack))
    }
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

/// A step of the removal, which a service without an answer and an interruption end.
async fn step<T>(
    interrupts: &mut InterruptGuard,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::select! {
        done = tokio::time::timeout(REMOVAL, call) => done.unwrap_or_else(|_| Err(no_answer(REMOVAL))),
        () = interrupts.next() => Err(CallError { kind: Kind::Other, code: None, message: "interrupted".to_owned() }),
    }
}

fn no_answer(after: Duration) -> CallError {
    CallError { kind: Kind::Unreachable, code: None, message: format!("no answer within {} s", after.as_secs()) }
}

/// Whether a failure was an interruption, or a service that cannot be reached.
fn is_pointless_to_continue(error: &Error) -> bool {
    error.exit == Exit::Interrupted || error.exit == Exit::Access
}

fn table_failed(error: CallError) -> Error {
    error.into_error("read the table of records")
}
