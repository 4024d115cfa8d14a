//! The uploads that run and the records that are awaited, until all have ended.

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handler_contract::Status;
use provisioner_aws::uploads::{Cause, NotStored, Stored, Uploads};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::counted;
use provisioner_planner::record_matching::Awaited;
use provisioner_planner::verify as diagnosis;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::target::{Progress, PutOptions, Target};
use super::waiting::{Wait, Waiting};
use crate::clock;
use crate::dialog::Dialog;
use crate::event::files::{FileResult, FilesEvent, Summary, Tally};
use crate::interrupt::{self, InterruptGuard};
use crate::upload_list::{Source, Upload};

/// The delay of the first poll for a record. A warm function is faster.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest delay between polls.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long the running uploads may take to abort or complete after an interruption.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest time in which a poll must end, however short the time to wait for records is.
const SHORTEST_POLL: Duration = Duration::from_secs(5);
/// What happened to a file that was written to during its upload.
const CHANGED: &str = "changed during the upload; what is stored may be neither the old nor the new content";

/// A finished upload.
struct Ended {
    upload: Upload,
    /// When it started, by S3's clock.
    began: i64,
    seconds: f64,
    /// `None` if the bucket had the file already.
    result: Result<Option<Stored>, NotStored>,
}

/// Running uploads and awaited records.
pub(super) struct Work<'a> {
    target: &'a Target<'a>,
    options: PutOptions,
    dialog: &'a dyn Dialog,
    progress: Arc<dyn Progress>,
    summary: Summary,
    wait: Option<Wait>,
    /// Why no record can be expected any more.
    hopeless: Option<diagnosis::Cause>,
    /// The service's error because of which no further upload is started.
    stop_starting: Option<CallError>,
    /// Why the table could not be read any more, and how many records were awaited then.
    unreadable: Option<(CallError, usize)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        target: &'a Target<'a>,
        options: PutOptions,
        wait: Option<Wait>,
        progress: Arc<dyn Progress>,
        dialog: &'a dyn Dialog,
    ) -> Self {
        Self {
            target,
            options,
            dialog,
            progress,
            summary: Summary::default(),
            wait,
            hopeless: None,
            stop_starting: None,
            unreadable: None,
        }
    }

    /// Uploads everything and waits for the records.
    pub(super) async fn run(mut self, uploads: Vec<Upload>) -> Result<()> {
        let began = Instant::now();
        let keys = uploads.iter().map(|upload| upload.key.clone()).collect();
        let since = clock::now_millis() + self.target.ahead;
        let done = self.all(uploads, &keys, since).await;
        self.progress.end();
        done?;
        self.summary.tally.seconds = began.elapsed().as_secs_f64();
        self.dialog.event(FilesEvent::Done(self.summary.clone()));
        self.verdict(&keys, since).await
    }

    fn awaited(&self) -> usize {
        self.wait.as_ref().map_or(0, |wait| wait.matcher.len())
    }

    async fn all(&mut self, uploads: Vec<Upload>, keys: &BTreeSet<String>, since: i64) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (progress, target) = (Arc::clone(&self.progress), self.target);
        let sent: provisioner_aws::uploads::Progress = Arc::new(move |bytes| progress.bytes(bytes));
        let client = Uploads::new(target.aws, &target.names.bucket, self.options.parallel, stopped, sent);
        let mut interrupts = interrupt::subscribe();
        let mut queue = uploads.into_iter();
        let mut under_way = JoinSet::new();
        let mut pause = FIRST_PAUSE;
        let mut next_poll = tokio::time::Instant::now();
        let mut hopeless = std::pin::pin!(target.until_hopeless(keys, since));
        loop {
            while self.stop_starting.is_none()
                && under_way.len() < usize::from(self.options.parallel)
                && let Some(upload) = queue.next()
            {
                under_way.spawn(put(client.clone(), upload, target.ahead, self.options.skip_existing));
            }
            let awaited = self.awaited();
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
                // A record that arrived shows that the pipeline works.
                cause = &mut hopeless, if awaited > 0 && self.hopeless.is_none() && self.no_record_yet() => {
                    self.give_up(|_| true, Some(&cause.text));
                    self.hopeless = Some(cause);
                    self.wait = None;
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
                        // Uploads call another service, and continue.
                        Err(error) => {
                            let message =
                                format!("the table of records cannot be read any more ({error}); uploads continue");
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
        self.summary.tally.not_uploaded += queue.len();
        Ok(())
    }

    fn no_record_yet(&self) -> bool {
        self.summary.tally.succeeded + self.summary.tally.failed == 0
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
        if !under_way.is_empty() {
            self.dialog.remark(&format!(
                "interrupted; waiting until {} {} aborted or completed (interrupt again to leave at once)",
                counted(under_way.len() as u64, "upload"),
                if under_way.len() == 1 { "is" } else { "are" }
            ));
        }
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
        self.summary.tally.unknown += under_way.len();
        self.dialog.remark(&format!(
            "{} neither completed nor aborted; the files can be in the bucket, or parts of them until its lifecycle \
             removes them",
            counted(under_way.len() as u64, "upload")
        ));
        under_way.abort_all();
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        // A panic has been reported already.
        let Ok(Ended { upload, began, seconds, result }) = ended else {
            self.summary.tally.unknown += 1;
            return;
        };
        let (file, key) = (upload.name(), upload.key);
        match result {
            Ok(None) => {
                self.summary.tally.skipped += 1;
                self.progress.bytes(match upload.source {
                    Source::File(_, size) => size,
                    Source::Stdin => 0,
                });
                self.progress.done(self.summary.tally.handled());
                self.dialog.event(FilesEvent::Skipped { file, key });
            }
            Ok(Some(stored)) => self.stored(file, key, stored, began, seconds),
            Err(NotStored { cause, left_open }) => {
                let unknown = matches!(cause, Cause::Unknown(_));
                if unknown {
                    self.summary.tally.unknown += 1;
                } else {
                    self.summary.tally.not_uploaded += 1;
                }
                let reason = cause.to_string();
                // An error of the service is likely for the next file too.
                if let Cause::Service(error) | Cause::Unknown(error) = cause {
                    self.stop_starting.get_or_insert(error);
                }
                let left_open = left_open.map(|error| error.to_string());
                self.summary.problem(FileResult::NotUploaded, &file, &key, reason.clone());
                self.dialog.event(FilesEvent::NotUploaded { file, key, reason, unknown, left_open });
            }
        }
    }

    fn stored(&mut self, file: String, key: String, stored: Stored, began: i64, seconds: f64) {
        self.summary.tally.uploaded += 1;
        self.summary.tally.bytes += stored.size;
        self.progress.done(self.summary.tally.handled());
        if stored.changed {
            self.summary.tally.changed += 1;
            self.summary.problem(FileResult::Changed, &file, &key, CHANGED.to_owned());
        }
        self.dialog.event(FilesEvent::Uploaded {
            file: file.clone(),
            key: key.clone(),
            size: stored.size,
            e_tag: stored.e_tag.clone(),
            version_id: stored.version_id.clone(),
            changed: stored.changed,
            seconds,
        });
        if let Some(cause) = &self.hopeless {
            let reason = Some(cause.text.clone());
            self.summary.tally.without_record += 1;
            self.summary.problem(FileResult::NoRecord, &file, &key, cause.text.clone());
            self.dialog.event(FilesEvent::NoRecord { file, key, seconds: 0, reason });
        } else if let Some(wait) = &mut self.wait {
            let with = Waiting { file, uploaded: Instant::now() };
            let Stored { e_tag, version_id, .. } = stored;
            wait.matcher.expect(Awaited { key, e_tag, version_id, began, with });
        }
    }

    /// Polls once, and returns whether a record arrived.
    async fn poll(&mut self) -> Result<bool, CallError> {
        let Some(wait) = &mut self.wait else { return Ok(false) };
        let timeout = self.options.timeout.max(SHORTEST_POLL);
        let arrived = tokio::time::timeout(timeout, wait.poll()).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", timeout.as_secs());
            Err(CallError { kind: Kind::Unreachable, code: None, message })
        })?;
        let some = !arrived.is_empty();
        for (upload, record) in arrived {
            let file = upload.with.file;
            if record["status"] == Status::Failed.as_str() {
                self.summary.tally.failed += 1;
                let text = |name: &str| record[name].as_str().unwrap_or_default();
                let reason = format!("{}: {}", text("errorCode"), text("errorMessage"));
                self.summary.problem(FileResult::Failed, &file, &upload.key, reason);
            } else {
                self.summary.tally.succeeded += 1;
            }
            let seconds = upload.with.uploaded.elapsed().as_secs_f64();
            self.dialog.event(FilesEvent::Record { file, key: upload.key, seconds, record });
        }
        let timeout = self.options.timeout;
        self.give_up(|waiting| waiting.uploaded.elapsed() >= timeout, None);
        Ok(some)
    }

    /// Ends the wait for some records.
    fn give_up(&mut self, which: impl Fn(&Waiting) -> bool, reason: Option<&str>) {
        let Some(wait) = &mut self.wait else { return };
        for late in wait.matcher.give_up(which) {
            self.summary.tally.without_record += 1;
            let seconds = late.with.uploaded.elapsed().as_secs();
            let why = reason.map_or_else(|| format!("no record within {seconds} s"), ToOwned::to_owned);
            self.summary.problem(FileResult::NoRecord, &late.with.file, &late.key, why);
            let reason = reason.map(ToOwned::to_owned);
            self.dialog.event(FilesEvent::NoRecord { file: late.with.file, key: late.key, seconds, reason });
        }
    }

    fn interrupted(&self, not_begun: usize, awaited: usize) -> Error {
        let Tally { uploaded, not_uploaded, unknown, skipped, .. } = self.summary.tally;
        let mut message = format!(
            "interrupted: {} uploaded, {} not uploaded",
            counted(uploaded as u64, "file"),
            not_uploaded + not_begun
        );
        for (number, what) in [(skipped, "skipped"), (unknown, "perhaps uploaded")] {
            if number > 0 {
                message.push_str(&format!(", {number} {what}"));
            }
        }
        if awaited > 0 {
            message.push_str(&format!(", and {} not awaited any more", counted(awaited as u64, "record")));
        }
        Error::new(Exit::Interrupted, "interrupted", message).hint(
            "Uploaded files are processed; `provisioner records` shows their records. The same command with \
             --skip-existing uploads only what is not in the bucket.",
        )
    }

    /// Fails if the table could not be read to the end.
    fn all_readable(&mut self) -> Result<()> {
        let Some((error, awaited)) = self.unreadable.take() else { return Ok(()) };
        let mut error = error.into_error("read the table of records");
        let uploaded = counted(self.summary.tally.uploaded as u64, "file");
        error.message.push_str(&format!("; {uploaded} uploaded, {awaited} or more not awaited any more"));
        Err(error)
    }

    async fn verdict(&mut self, keys: &BTreeSet<String>, since: i64) -> Result<()> {
        let Tally { not_uploaded, unknown, changed, failed, without_record, .. } = self.summary.tally;
        let files = |number: usize| counted(number as u64, "file");
        if not_uploaded + unknown > 0 {
            let doing = format!("upload {}", files(not_uploaded + unknown));
            let error = match self.stop_starting.take() {
                Some(error) => error.into_error(&doing),
                None => Error::new(Exit::Failure, "not-uploaded", format!("failed to {doing}")),
            };
            return Err(error.with_followup_error(self.all_readable()));
        }
        self.all_readable()?;
        if changed > 0 {
            let message = format!("{} {CHANGED}", files(changed));
            return Err(Error::new(Exit::Failure, "changed-files", message)
                .hint("Upload them again when nothing writes to them."));
        }
        if without_record > 0 {
            let cause = match self.hopeless.take() {
                Some(cause) => cause,
                None => self.target.cause(keys, since).await,
            };
            let have = if without_record == 1 { "has" } else { "have" };
            let message = format!("{} {have} no record", files(without_record));
            let stack = self.target.stack;
            return Err(Error::new(Exit::Files, "no-record", message)
                .source(cause.text)
                .hint(cause.hint.replace("{stack}", stack)));
        }
        if failed > 0 {
            let message = format!("{} recorded as FAILED", files(failed));
            return Err(Error::new(Exit::Files, "failed-files", message));
        }
        Ok(())
    }
}

async fn put(client: Uploads, upload: Upload, ahead: i64, skip_existing: bool) -> Ended {
    let began = clock::now_millis() + ahead;
    let clock = Instant::now();
    let result = put_unless_there(client, &upload, ahead, skip_existing).await;
    Ended { upload, began, seconds: clock.elapsed().as_secs_f64(), result }
}

async fn put_unless_there(
    client: Uploads,
    upload: &Upload,
    ahead: i64,
    skip_existing: bool,
) -> Result<Option<Stored>, NotStored> {
    let (key, content_type) = (upload.key.clone(), upload.content_type.clone());
    match &upload.source {
        Source::File(path, _) if skip_existing && client.has(path, &key, ahead).await? => Ok(None),
        Source::File(path, _) => client.file(path.clone(), key, content_type).await.map(Some),
        Source::Stdin => {
            let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(Cause::Read)?;
            client.stream(tokio::fs::File::from_std(stdin.into()), key, content_type).await.map(Some)
        }
    }
}
