//! The Lambda function: for each file that is dropped into the bucket, one record in the table.
//!
//! Settings and clients once, then, for each event:
//! event ([`event`]) → fetch and extract ([`fetch`]) → record → put ([`store`]) → outcome ([`outcome`]).
//!
//! Every file ends in a named [`Outcome`]. What can be tried again fails the invocation, so that Lambda tries it again
//! and, when that does not help, sends the event to the queue; a batch of a queue names its failed messages instead.

pub mod aws;
pub mod deadline;
pub mod event;
pub mod fetch;
pub mod log;
pub mod metrics;
pub mod outcome;
pub mod process;
pub mod store;
pub mod target;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, Record, Request, SandboxReport, Settings, Status, Timestamp, Upload};
use handler_extract::{Extractor, SandboxStatus};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::Value;

use crate::aws::Clients;
use crate::event::{Event, EventError, Ignored, Item};
use crate::fetch::Unread;
use crate::log::{Level, Line, Log};
use crate::metrics::FileMetrics;
use crate::outcome::Outcome;
use crate::target::Target;

/// Serves events until Lambda ends the process. Returns only when it cannot start, or lost the Runtime API.
/// `inspection_denied` is whether [`process::deny_inspection`] succeeded.
pub fn run(inspection_denied: bool) -> ExitCode {
    aws::read_certificates_from_one_file();
    let log = Arc::new(Log::new(Box::new(std::io::stdout()), system_clock));
    let Err(error) = start(Arc::clone(&log), inspection_denied);
    log.write(&Line { level: Level::Error, message: format!("the function stops: {error}"), ..Line::default() });
    ExitCode::FAILURE
}

fn system_clock() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// What the Lambda runtime's client panics without.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

fn start(log: Arc<Log>, inspection_denied: bool) -> Result<std::convert::Infallible, lambda_runtime::Error> {
    let vars =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = Settings::parse(vars)?;
    let missing: Vec<_> = SET_BY_LAMBDA.into_iter().filter(|name| std::env::var_os(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(format!("this program runs inside AWS Lambda, which sets {}", missing.join(", ")).into());
    }
    let extractor = Extractor::new(settings.limits, settings.allowed_types.clone())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // A task, because a task that is woken is polled at once, and the future of `block_on` only after a further turn of
        // the event loop, an `epoll_wait` that finds nothing: four of them for each small file.
        tokio::spawn(serve(settings, extractor, log, inspection_denied)).await?
    })
}

async fn serve(
    settings: Settings,
    extractor: Extractor,
    log: Arc<Log>,
    inspection_denied: bool,
) -> Result<std::convert::Infallible, lambda_runtime::Error> {
    // The first file's child starts beside the clients, on the processor that Lambda gives a start for nothing. No
    // event waits for it: what is not ready by then is awaited by the first file.
    let first = extractor.clone();
    tokio::spawn(async move { first.prepare().await });
    tokio::task::yield_now().await;
    let clients = Clients::from_env().await;
    let function = Arc::new(Function {
        settings,
        clients,
        extractor,
        log,
        inspection_denied,
        cold: AtomicBool::new(true),
        sandbox_reported: AtomicBool::new(false),
        template_failure_reported: AtomicBool::new(false),
    });
    let handle = service_fn(move |event| {
        let function = Arc::clone(&function);
        async move { function.handle(event).await }
    });
    Runtime::new(handle).run().await?;
    Err("the Lambda Runtime API gives no more events".into())
}

/// Reaps the last file's child and starts the next one while the record is written: there is time for it while DynamoDB
/// answers, and after the function's own answer Lambda may freeze the process at any moment. What is not done by then is
/// done when the next event has thawed it.
fn prepare_next(extractor: &Extractor) {
    let extractor = extractor.clone();
    tokio::spawn(async move {
        // Once around the event loop, so that the record is on its way before anything is done for the next file.
        tokio::task::yield_now().await;
        extractor.prepare().await;
    });
}

/// All that outlives an invocation.
struct Function {
    settings: Settings,
    clients: Clients,
    extractor: Extractor,
    log: Arc<Log>,
    /// Whether other processes of the same user are denied this one's memory.
    inspection_denied: bool,
    /// Whether no invocation has come yet.
    cold: AtomicBool,
    /// Whether the sandbox status of the children was reported.
    sandbox_reported: AtomicBool,
    /// Whether it was reported that children are executed because no template forks them.
    template_failure_reported: AtomicBool,
}

/// What the function answers its caller.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
enum Answer {
    /// To whoever invokes it with one event.
    #[serde(rename_all = "camelCase")]
    Single { files: Vec<FileAnswer> },
    /// To a queue: the messages that must come again.
    #[serde(rename_all = "camelCase")]
    Batch { batch_item_failures: Vec<MessageAnswer> },
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct FileAnswer {
    document_id: Option<String>,
    outcome: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageAnswer {
    item_identifier: String,
}

/// Why an invocation fails, and so is repeated by Lambda.
#[derive(Debug, thiserror::Error)]
enum InvocationError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("{}", .0.join("; "))]
    Retry(Vec<String>),
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        let error_type = match error {
            InvocationError::Event(_) => "EventNotUnderstood",
            InvocationError::Retry(_) => "Retry",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// One invocation, as far as the work on a file needs it.
struct Invocation {
    context: Context,
    cold_start: bool,
    /// Who sent the event again, if it did not come from S3.
    origin: Option<String>,
}

impl Invocation {
    /// What is left until Lambda ends the invocation by force.
    fn left(&self, now: i64) -> Duration {
        Duration::from_millis(self.context.deadline.saturating_sub(u64::try_from(now).unwrap_or_default()))
    }

    /// A log line that names the invocation.
    fn line(&self, level: Level, message: String) -> Line<'_> {
        Line {
            level,
            message,
            request_id: Some(&self.context.request_id),
            xray_trace_id: self.context.xray_trace_id.as_deref(),
            cold_start: Some(self.cold_start),
            origin: self.origin.as_deref(),
            ..Line::default()
        }
    }
}

impl Function {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Answer, InvocationError> {
        let origin = event::origin(&event.payload).map(ToOwned::to_owned);
        let invocation =
            Invocation { context: event.context, cold_start: self.cold.swap(false, Ordering::Relaxed), origin };
        let refuse = |error: &EventError| self.log.write(&invocation.line(Level::Error, error.to_string()));
        // Whether a file has the invocation's time to itself.
        let mut is_first_file = true;
        match event::read(&event.payload).inspect_err(refuse)? {
            Event::Single(items) => {
                let (files, retries) = self.process_all(&invocation, &items, &mut is_first_file).await;
                if retries.is_empty() { Ok(Answer::Single { files }) } else { Err(InvocationError::Retry(retries)) }
            }
            Event::Batch(messages) => {
                let mut batch_item_failures = Vec::new();
                for message in messages {
                    let failed = match message.items.inspect_err(refuse) {
                        Ok(items) => !self.process_all(&invocation, &items, &mut is_first_file).await.1.is_empty(),
                        Err(_) => true,
                    };
                    if failed {
                        batch_item_failures.push(MessageAnswer { item_identifier: message.id });
                    }
                }
                Ok(Answer::Batch { batch_item_failures })
            }
        }
    }

    /// Processes the objects of an event, one after the other, and returns what must be tried again.
    async fn process_all(
        &self,
        invocation: &Invocation,
        items: &[Item],
        is_first_file: &mut bool,
    ) -> (Vec<FileAnswer>, Vec<String>) {
        let mut files = Vec::new();
        let mut retries = Vec::new();
        for item in items {
            match item {
                Item::Ignored(ignored) => {
                    self.log_ignored(invocation, ignored);
                    files.push(FileAnswer { document_id: None, outcome: "ignored" });
                }
                Item::Upload(upload) | Item::Requested(upload, _) => {
                    let request = if let Item::Requested(_, request) = item { Some(request) } else { None };
                    let outcome = self.process(invocation, upload, request, std::mem::take(is_first_file)).await;
                    files.push(FileAnswer {
                        document_id: Some(record_id(upload, request, &outcome)),
                        outcome: outcome.name(),
                    });
                    if let Outcome::Retry(reason) = outcome {
                        retries.push(format!("{}/{}: {reason}", upload.bucket, upload.key));
                    }
                }
            }
        }
        (files, retries)
    }

    /// Fetch, extract, record, put: one file from its event to its outcome.
    async fn process(
        &self,
        invocation: &Invocation,
        upload: &Upload,
        request: Option<&Request>,
        is_first_file: bool,
    ) -> Outcome {
        let started = self.log.now();
        let is_reprocess = matches!(request, Some(Request::Reprocess { .. }));
        let max_file_size = self.settings.max_file_size;
        let time = deadline::for_work(invocation.left(started));
        let read = fetch::findings(&self.clients.s3, &self.extractor, upload, max_file_size, time).await;
        let extracted = self.log.now();
        prepare_next(&self.extractor);

        let findings = match read {
            Ok(findings) => Ok(findings),
            Err(Unread::OutOfTime { size }) if is_first_file => Ok(out_of_time(size, time)),
            Err(Unread::OutOfTime { .. }) => Err("files before this one in the same event took its time".to_owned()),
            Err(Unread::Retry(reason)) => Err(reason),
        };
        let outcome = match (findings, Target::of(upload, request, extracted)) {
            (Ok(Findings { failure: Some(failure), .. }), Ok(_))
                if is_reprocess && outcome::is_unrelated_to_content(failure.code) =>
            {
                Outcome::Unreadable(failure)
            }
            (Ok(findings), Ok(target)) => {
                let processed_at = Timestamp::from_unix_millis(extracted).unwrap_or_else(|| upload.uploaded_at.clone());
                let record = Record::new(upload, findings, processed_at, env!("CARGO_PKG_VERSION"));
                let record = record.kept_for(self.settings.keep_records);
                let time = deadline::for_record(invocation.left(extracted));
                // On the heap, because it holds up to three requests.
                Box::pin(store::put(&self.clients.dynamodb, &self.settings.table_name, record, target, time)).await
            }
            (Err(reason), _) => Outcome::Retry(reason),
            (_, Err(foreign)) => Outcome::Retry(foreign.to_string()),
        };

        let record = outcome.record();
        let id = record_id(upload, request, &outcome);
        let sandbox = self.unreported_sandbox();
        let line = Line {
            bucket: Some(&upload.bucket),
            key: Some(&upload.key),
            document_id: Some(&id),
            outcome: Some(outcome.name()),
            error_code: record.and_then(|record| record.error_code),
            file_type: record.map(|record| record.file_type.as_str()),
            file_size: record.map(|record| record.file_size).or(upload.size),
            word_count: record.and_then(|record| record.metadata.word_count),
            duration_ms: Some(self.log.now() - started),
            sandbox,
            ..invocation.line(level(&outcome), message(upload, &outcome))
        };
        let file = FileMetrics {
            function_name: &invocation.context.env_config.function_name,
            recorded: matches!(outcome, Outcome::Recorded(_)) && !is_reprocess,
            bytes: record.map_or(0, |record| record.file_size),
            file_type: record.map(|record| record.file_type.as_str()),
            error_code: record.and_then(|record| record.error_code),
            extraction_ms: extracted - started,
            cold_start: invocation.cold_start && is_first_file,
            detailed: self.settings.detailed_metrics,
        };
        self.log.write_with(&line, &metrics::line(&file, self.log.now()));
        if let Some(sandbox) = sandbox.filter(|sandbox| !sandbox.is_full()) {
            self.warn_of_degraded_sandbox(invocation, sandbox);
        }
        self.warn_of_template_failure(invocation);
        outcome
    }

    /// What the system grants of the sandbox, once in a process's life: with its first file.
    fn unreported_sandbox(&self) -> Option<SandboxReport> {
        let SandboxStatus { system_calls, files } =
            self.extractor.sandbox_status().filter(|_| !self.sandbox_reported.swap(true, Ordering::Relaxed))?;
        Some(SandboxReport { system_calls, files, inspection_denied: self.inspection_denied })
    }

    /// Warns that the system does not let children enter the whole sandbox, in the log and as a metric.
    fn warn_of_degraded_sandbox(&self, invocation: &Invocation, sandbox: SandboxReport) {
        let message = format!("the sandbox in which files are read is weaker than it could be: {sandbox}");
        let line = Line { sandbox: Some(sandbox), ..invocation.line(Level::Warn, message) };
        let metrics = metrics::degraded_sandbox(&invocation.context.env_config.function_name, self.log.now());
        self.log.write_with(&line, &metrics);
    }

    /// Warns, once in a process's life, that children are executed because no template forks them.
    fn warn_of_template_failure(&self, invocation: &Invocation) {
        let failure =
            self.extractor.template_failure().filter(|_| !self.template_failure_reported.swap(true, Ordering::Relaxed));
        if let Some(failure) = failure {
            let message =
                format!("each file takes more processor time, because its child is executed and not forked: {failure}");
            self.log.write(&invocation.line(Level::Warn, message));
        }
    }

    fn log_ignored(&self, invocation: &Invocation, ignored: &Ignored) {
        let (message, bucket, key) = match ignored {
            Ignored::TestEvent { bucket } => (format!("S3 tested the notification of bucket {bucket}"), bucket, None),
            Ignored::FolderMarker { bucket, key } => (format!("Folder {key} has no content"), bucket, Some(key)),
            Ignored::NoContent { bucket, key, what } => (format!("File {key} {what}"), bucket, Some(key)),
        };
        self.log.write(&Line {
            bucket: Some(bucket),
            key: key.map(String::as_str),
            outcome: Some("ignored"),
            ..invocation.line(Level::Info, message)
        });
    }
}

fn out_of_time(size: u64, time: Duration) -> Findings {
    let message = format!(
        "the file was not read to its end within {} ms, which is what the function's timeout leaves for it",
        time.as_millis()
    );
    Findings::unread(size, Failure::new(ErrorCode::DeadlineExceeded, message))
}

/// The record that an outcome is about.
fn record_id(upload: &Upload, request: Option<&Request>, outcome: &Outcome) -> String {
    match (outcome.record(), request) {
        (Some(record), _) => record.document_id.clone(),
        (None, Some(Request::Reprocess { document_id, .. })) => document_id.clone(),
        (None, _) => upload.document_id().to_string(),
    }
}

fn level(outcome: &Outcome) -> Level {
    match outcome {
        Outcome::Recorded(record) if record.status == Status::Failed => Level::Error,
        Outcome::Recorded(_) | Outcome::Duplicate(_) => Level::Info,
        Outcome::Unreadable(_) | Outcome::Retry(_) => Level::Warn,
    }
}

/// The line that people read. The form of the first two is the user's own.
fn message(upload: &Upload, outcome: &Outcome) -> String {
    let name = upload.file_name();
    match outcome {
        Outcome::Recorded(record) => {
            let detail = match (record.error_code, record.metadata.word_count) {
                (Some(code), _) => {
                    format!(", errorCode={code}: {}", record.error_message.as_deref().unwrap_or_default())
                }
                (None, Some(words)) => format!(", words={words}"),
                (None, None) => String::new(),
            };
            format!("File {name} processed with status {}{detail}", record.status)
        }
        Outcome::Duplicate(_) => format!("File {name} has its record already"),
        Outcome::Unreadable(failure) => {
            format!("File {name} could not be read to its end, so its record stays: {failure}")
        }
        Outcome::Retry(reason) => format!("File {name} was not processed and will be tried again: {reason}"),
    }
}
