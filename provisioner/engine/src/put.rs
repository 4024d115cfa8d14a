//! Uploads files and optionally waits for their records.

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handler_contract::{Status, Timestamp};
use provisioner_aws::Aws;
use provisioner_aws::records::Records;
use provisioner_aws::uploads::{Cause, NotStored, Stored, Uploads, clock_ahead};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use provisioner_model::spec::StackSpec;
use provisioner_planner::record_matching::{Awaited, Lookup, RecordMatcher, SLACK_MILLIS};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::dialog::Dialog;
use crate::event::files::{FilesEvent, Tally};
use crate::interrupt::{self, InterruptGuard};
use crate::upload_list::{Source, Upload};

/// The delay of the first poll for a record. A warm function is faster.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest delay between polls.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long the running uploads may take to abort after an interruption.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest time in which a poll must end, however short the time to wait for records is.
const SHORTEST_POLL: Duration = Duration::from_secs(5);
/// The page size when all newest records are read.
const PAGE: usize = 1_000;

/// How files are uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOptions {
    /// Whether to wait for records.
    pub wait: bool,
    /// How long to wait for each record.
    pub timeout: Duration,
    /// The number of concurrent uploads.
    pub parallel: u16,
}

/// Receives the progress of uploads, many times a second.
pub trait Progress: Send + Sync {
    /// More bytes were uploaded.
    fn bytes(&self, bytes: u64);
    /// The number of files uploaded so far.
    fn done(&self, files: usize);
    /// All files are uploaded, and this number of records is awaited.
    fn awaiting(&self, records: usize);
    /// The end of the progress.
    fn end(&self);
}

/// A stack that files can be uploaded to.
#[derive(Debug)]
pub struct Target<'a> {
    aws: &'a Aws,
    names: Names,
    /// The stack as the caller named it.
    stack: &'a str,
    /// How far S3's clock is ahead of this machine's. Milliseconds.
    ahead: i64,
}

impl<'a> Target<'a> {
    /// Checks that the stack has a bucket, and reads the clock of S3. `stack` is the stack as the caller named it.
    pub async fn find(aws: &'a Aws, spec: &StackSpec, stack: &'a str) -> Result<Self> {
        let names = Names::new(&spec.name, &aws.account, &aws.region);
        let ahead = clock_ahead(aws, &names.bucket).await.map_err(|error| match error.kind {
            Kind::NotFound => Error::new(
                Exit::Failure,
                "no-bucket",
                format!("the stack {} has no bucket {}", spec.name, names.bucket),
            )
            .hint(format!("Create the stack first: provisioner up -s {stack}")),
            _ => error.into_error("look for the bucket"),
        })?;
        Ok(Self { aws, names, stack, ahead })
    }

    /// How far S3's clock is ahead of this machine's. Milliseconds.
    pub fn clock_ahead(&self) -> i64 {
        self.ahead
    }

    /// Uploads the files and optionally waits for their records.
    pub async fn put(
        &self,
        uploads: Vec<Upload>,
        options: PutOptions,
        progress: Arc<dyn Progress>,
        dialog: &dyn Dialog,
    ) -> Result<()> {
        let Self { aws, names, ahead, .. } = self;
        let wait = if options.wait { Some(Wait::start(aws, names, &uploads, *ahead).await?) } else { None };
        let mut work = Work {
            dialog,
            progress: Arc::clone(&progress),
            ahead: *ahead,
            timeout: options.timeout,
            tally: Tally::default(),
            wait,
            stop_starting: None,
            unreadable: None,
        };
        let began = Instant::now();
        let done = work.all(aws, names, uploads, options.parallel).await;
        progress.end();
        done?;
        work.tally.seconds = began.elapsed().as_secs_f64();
        dialog.event(FilesEvent::Done(work.tally));
        work.verdict(self.stack)
    }
}

/// Reports keys that the stack's notification does not match: they never get a record. With `wait`, such a key is an error.
pub fn report_unprocessed(spec: &StackSpec, uploads: &[Upload], wait: bool, dialog: &dyn Dialog) -> Result<()> {
    for upload in uploads {
        let Some(reason) = spec.bucket.mismatch(&upload.key) else { continue };
        if wait {
            let message =
                format!("{}: there would be no record to wait for: the key {} {reason}", upload.name(), upload.key);
            return Err(Error::new(Exit::Usage, "not-processed", message)
                .hint("The stack file's bucket.prefix and bucket.suffix define which keys are processed. Set the key with --prefix or --key."));
        }
        dialog.event(FilesEvent::NotProcessed { file: upload.name(), key: upload.key.clone(), reason });
    }
    Ok(())
}

/// An upload whose record is awaited.
#[derive(Debug)]
struct Waiting {
    file: String,
    uploaded: Instant,
}

/// The state of waiting for records.
#[derive(Debug)]
struct Wait {
    records: Records,
    bucket: String,
    matcher: RecordMatcher<Waiting>,
}

impl Wait {
    async fn start(aws: &Aws, names: &Names, uploads: &[Upload], ahead: i64) -> Result<Self> {
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
    async fn poll(&mut self) -> Result<Vec<(Awaited<Waiting>, serde_json::Value)>, CallError> {
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

/// A finished upload.
struct Ended {
    upload: Upload,
    /// When it started, by S3's clock.
    began: i64,
    seconds: f64,
    result: Result<Stored, NotStored>,
}

/// Running uploads and awaited records.
struct Work<'a> {
    dialog: &'a dyn Dialog,
    progress: Arc<dyn Progress>,
    ahead: i64,
    timeout: Duration,
    tally: Tally,
    wait: Option<Wait>,
    /// The service's error because of which no further upload is started.
    stop_starting: Option<CallError>,
    /// Why the table could not be read any more, and how many records were awaited then.
    unreadable: Option<(CallError, usize)>,
}

impl Work<'_> {
    async fn all(&mut self, aws: &Aws, names: &Names, uploads: Vec<Upload>, parallel: u16) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let progress = Arc::clone(&self.progress);
        let client = Uploads::new(aws, &names.bucket, parallel, stopped, Arc::new(move |bytes| progress.bytes(bytes)));
        let mut interrupts = interrupt::subscribe();
        let mut queue = uploads.into_iter();
        let mut under_way = JoinSet::new();
        let mut pause = FIRST_PAUSE;
        let mut next_poll = tokio::time::Instant::now();
        loop {
            while self.stop_starting.is_none()
                && under_way.len() < usize::from(parallel)
                && let Some(upload) = queue.next()
            {
                under_way.spawn(put(client.clone(), upload, self.ahead));
            }
            let awaited = self.wait.as_ref().map_or(0, |wait| wait.matcher.len());
            if under_way.is_empty() {
                if awaited == 0 {
                    break;
                }
                self.progress.awaiting(awaited);
            }
            tokio::select! {
                () = interrupts.next() => {
                    self.leave(&stop, &mut under_way, &mut interrupts).await;
                    return Err(self.interrupted(queue.len(), awaited));
                }
                Some(ended) = under_way.join_next() => {
                    self.ended(ended);
                    if awaited == 0 {
                        pause = FIRST_PAUSE;
                        next_poll = tokio::time::Instant::now() + pause;
                    }
                }
                () = tokio::time::sleep_until(next_poll), if awaited > 0 => {
                    let polled = tokio::select! {
                        biased;
                        () = interrupts.next() => None,
                        polled = self.poll() => Some(polled),
                    };
                    let Some(polled) = polled else {
                        self.leave(&stop, &mut under_way, &mut interrupts).await;
                        return Err(self.interrupted(queue.len(), awaited));
                    };
                    pause = match polled {
                        Ok(true) => FIRST_PAUSE,
                        Ok(false) => (pause * 3 / 2).min(LONGEST_PAUSE),
                        // The uploads are another service's, and go on.
                        Err(error) => {
                            let message = format!("the table of records cannot be read any more ({error}); uploads continue");
                            self.dialog.remark(&message);
                            self.unreadable = Some((error, awaited));
                            self.wait = None;
                            pause
                        }
                    };
                    next_poll = tokio::time::Instant::now() + pause;
                }
            }
        }
        self.tally.not_uploaded += queue.len();
        Ok(())
    }

    /// Stops the running uploads: each one aborts its multipart upload first. Another interruption, and a service that does
    /// not answer, end that.
    async fn leave(
        &mut self,
        stop: &watch::Sender<bool>,
        under_way: &mut JoinSet<Ended>,
        interrupts: &mut InterruptGuard,
    ) {
        let _ = stop.send(true);
        let mut limit = std::pin::pin!(tokio::time::sleep(LEAVE_TIMEOUT));
        loop {
            tokio::select! {
                ended = under_way.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => return,
                },
                () = interrupts.next() => break,
                () = &mut limit => break,
            }
        }
        self.tally.not_uploaded += under_way.len();
        self.dialog.remark(&format!(
            "{} upload(s) could not be aborted; parts of them can be left in the bucket until its lifecycle removes them",
            under_way.len()
        ));
        under_way.abort_all();
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        // A panic has been reported already.
        let Ok(Ended { upload, began, seconds, result }) = ended else {
            self.tally.not_uploaded += 1;
            return;
        };
        let (file, key) = (upload.name(), upload.key);
        match result {
            Ok(stored) => {
                self.tally.uploaded += 1;
                self.tally.bytes += stored.size;
                self.progress.done(self.tally.uploaded);
                self.dialog.event(FilesEvent::Uploaded {
                    file: file.clone(),
                    key: key.clone(),
                    size: stored.size,
                    e_tag: stored.e_tag.clone(),
                    version_id: stored.version_id.clone(),
                    seconds,
                });
                if let Some(wait) = &mut self.wait {
                    let with = Waiting { file, uploaded: Instant::now() };
                    let Stored { e_tag, version_id, .. } = stored;
                    wait.matcher.expect(Awaited { key, e_tag, version_id, began, with });
                }
            }
            Err(NotStored { cause, left_open }) => {
                self.tally.not_uploaded += 1;
                let reason = cause.to_string();
                // An error of the service is likely for the next file too.
                if let Cause::Service(error) = cause {
                    self.stop_starting.get_or_insert(error);
                }
                let left_open = left_open.map(|error| error.to_string());
                self.dialog.event(FilesEvent::NotUploaded { file, key, reason, left_open });
            }
        }
    }

    /// Polls once, and returns whether a record arrived.
    async fn poll(&mut self) -> Result<bool, CallError> {
        let Some(wait) = &mut self.wait else { return Ok(false) };
        let timeout = self.timeout.max(SHORTEST_POLL);
        let arrived = tokio::time::timeout(timeout, wait.poll()).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", timeout.as_secs());
            Err(CallError { kind: Kind::Unreachable, code: None, message })
        })?;
        let some = !arrived.is_empty();
        for (upload, record) in arrived {
            if record["status"] == Status::Failed.as_str() {
                self.tally.failed += 1;
            } else {
                self.tally.succeeded += 1;
            }
            let seconds = upload.with.uploaded.elapsed().as_secs_f64();
            self.dialog.event(FilesEvent::Record { file: upload.with.file, key: upload.key, seconds, record });
        }
        let timeout = self.timeout;
        for late in wait.matcher.give_up(|waiting| waiting.uploaded.elapsed() >= timeout) {
            self.tally.without_record += 1;
            let seconds = timeout.as_secs();
            self.dialog.event(FilesEvent::NoRecord { file: late.with.file, key: late.key, seconds });
        }
        Ok(some)
    }

    fn interrupted(&self, not_begun: usize, awaited: usize) -> Error {
        let not_uploaded = self.tally.not_uploaded + not_begun;
        let mut message = format!("interrupted: {} file(s) uploaded, {not_uploaded} not uploaded", self.tally.uploaded);
        if awaited > 0 {
            message.push_str(&format!(", and {awaited} record(s) still awaited"));
        }
        Error::new(Exit::Interrupted, "interrupted", message)
            .hint("Uploaded files are processed; `provisioner records` shows their records.")
    }

    /// Fails if the table could not be read to the end.
    fn all_readable(&mut self) -> Result<()> {
        let Some((error, awaited)) = self.unreadable.take() else { return Ok(()) };
        let mut error = error.into_error("read the table of records");
        let uploaded = self.tally.uploaded;
        error.message.push_str(&format!("; {uploaded} file(s) uploaded, {awaited} or more record(s) not awaited"));
        Err(error)
    }

    fn verdict(&mut self, stack: &str) -> Result<()> {
        let Tally { not_uploaded, failed, without_record, .. } = self.tally;
        if not_uploaded > 0 {
            let doing = format!("upload {not_uploaded} file(s)");
            let error = match self.stop_starting.take() {
                Some(error) => error.into_error(&doing),
                None => Error::new(Exit::Failure, "not-uploaded", format!("failed to {doing}")),
            };
            return Err(error.with_followup_error(self.all_readable()));
        }
        self.all_readable()?;
        if without_record > 0 {
            let message = format!("{without_record} file(s) have no record after {} s", self.timeout.as_secs());
            return Err(Error::new(Exit::Files, "no-record", message).hint(format!(
                "See the function's log: provisioner logs -s {stack}\n\
                 Events that failed every attempt are in the queue: provisioner status -s {stack}"
            )));
        }
        if failed > 0 {
            let message = format!("{failed} file(s) were recorded as FAILED");
            return Err(Error::new(Exit::Files, "failed-files", message));
        }
        Ok(())
    }
}

async fn put(client: Uploads, upload: Upload, ahead: i64) -> Ended {
    let began = clock::now_millis() + ahead;
    let clock = Instant::now();
    let (key, content_type) = (upload.key.clone(), upload.content_type.clone());
    let result = match &upload.source {
        Source::File(path, size) => client.file(path.clone(), *size, key, content_type).await,
        Source::Stdin => match std::io::stdin().as_fd().try_clone_to_owned() {
            Ok(stdin) => client.stream(tokio::fs::File::from_std(stdin.into()), key, content_type).await,
            Err(e) => Err(Cause::Read(e).into()),
        },
    };
    Ended { upload, began, seconds: clock.elapsed().as_secs_f64(), result }
}
