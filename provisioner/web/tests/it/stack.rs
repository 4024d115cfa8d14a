//! A stack in memory: files are recorded as soon as they are stored, unless a test holds them back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, FileTypes, Metadata, Record, Timestamp, Upload};
use provisioner_model::error::{Error, Exit};
use provisioner_model::query::{Order, Query, Row};
use provisioner_model::search::Page;
use provisioner_web::feed::{Feed, Happening, Subscription};
use provisioner_web::pipeline::{
    About, Answer, Content, Fact, FailedEvent, FailedEvents, Health, Pipeline, Problem, Redriven, Resource, Stored,
    Tone, TraceStep,
};
use serde_json::Value;

pub(crate) const BUCKET: &str = "test-uploads-123456789012-eu-central-1";
/// 2026-11-26T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_694_400_000;

/// The stack, and what a test makes of it.
pub(crate) struct Stack {
    about: About,
    pub(crate) feed: Arc<Feed>,
    /// Newest first.
    records: Mutex<Vec<(Row, Value)>>,
    pub(crate) stored: Mutex<Vec<(String, u64)>>,
    pub(crate) aborted: AtomicU64,
    /// Whether files get no record until [`Stack::release`].
    pub(crate) holds: AtomicBool,
    held: Mutex<VecDeque<(Value, bool)>>,
    /// How long each chunk of an upload takes.
    pub(crate) slowness: Mutex<Duration>,
    pub(crate) fails: AtomicBool,
    pub(crate) denies_uploads: AtomicBool,
    pub(crate) failed_events: Mutex<FailedEvents>,
    pub(crate) is_silent: AtomicBool,
    clock: AtomicI64,
}

/// What a test can set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_size: u64,
    pub(crate) prefix: &'static str,
    pub(crate) suffix: Option<&'static str>,
    pub(crate) types: &'static [&'static str],
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_size: 64 << 20, prefix: "", suffix: None, types: &["*/*"] }
    }
}

impl Stack {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(&Settings::default())
    }

    pub(crate) fn with(settings: &Settings) -> Arc<Self> {
        let about = About {
            stack: "intake".into(),
            place: "eu-central-1, account 123456789012".into(),
            bucket: BUCKET.into(),
            prefix: settings.prefix.into(),
            suffix: settings.suffix.map(Into::into),
            max_size: settings.max_size,
            allowed_types: FileTypes::new(settings.types).unwrap(),
            test_files: "test-file-",
            expire_days: None,
        };
        Arc::new(Self {
            about,
            feed: Feed::new("test"),
            records: Mutex::default(),
            stored: Mutex::default(),
            aborted: AtomicU64::new(0),
            holds: AtomicBool::new(false),
            held: Mutex::default(),
            slowness: Mutex::default(),
            fails: AtomicBool::new(false),
            denies_uploads: AtomicBool::new(false),
            failed_events: Mutex::default(),
            is_silent: AtomicBool::new(false),
            clock: AtomicI64::new(NOW),
        })
    }

    /// Adds a record of this key and age, and returns its id.
    pub(crate) fn add(&self, key: &str, minutes_ago: i64) -> String {
        let record = record(key, NOW - minutes_ago * 60_000, 12_345);
        let id = record["documentId"].as_str().unwrap().to_owned();
        self.keep(record);
        id
    }

    /// Adds a record as it is, without an event.
    pub(crate) fn keep(&self, record: Value) {
        let mut records = self.records.lock().unwrap();
        let row = row(&record);
        let at = records.partition_point(|(other, _)| other.position() > row.position());
        records.insert(at, (row, record));
    }

    /// Adds a record, and publishes it.
    pub(crate) fn arrive(&self, record: Value) {
        self.keep(record.clone());
        self.feed.publish(Happening::Record(record));
    }

    /// Gives the held files their records.
    pub(crate) fn release(&self) {
        self.holds.store(false, Ordering::SeqCst);
        for (record, silent) in std::mem::take(&mut *self.held.lock().unwrap()) {
            if silent { self.keep(record) } else { self.arrive(record) }
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::new(Exit::Access, "unreachable", "failed to read the table of records")
                .source("no answer from dynamodb.eu-central-1.amazonaws.com")
                .hint("Check the network."));
        }
        Ok(())
    }
}

pub(crate) fn row(record: &Value) -> Row {
    serde_json::from_value(record.clone()).unwrap()
}

/// A record like the handler's. What it is follows from the name.
pub(crate) fn record(key: &str, uploaded: i64, size: u64) -> Value {
    let upload = Upload {
        bucket: BUCKET.into(),
        key: key.into(),
        version_id: None,
        e_tag: Some(format!("etag-{size}")),
        sequencer: Some(format!("{uploaded:016X}")),
        size: Some(size),
        uploaded_at: Timestamp::from_unix_millis(uploaded).unwrap(),
    };
    let extension = key.rsplit('.').next().unwrap_or_default();
    let (file_type, word_count, page_count) = match extension {
        "pdf" => ("application/pdf", Some(4_461), Some(12)),
        "txt" => ("text/plain", Some(1_205), None),
        "png" => ("image/png", None, None),
        "docx" => ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Some(892), None),
        "mp3" => ("audio/mpeg", None, None),
        _ => ("application/octet-stream", None, None),
    };
    let failure = if key.contains("locked") {
        Some(Failure::new(ErrorCode::Encrypted, "the document needs a password"))
    } else if key.contains("broken") {
        Some(Failure::new(ErrorCode::Malformed, "the file ends in the middle of <an object>"))
    } else {
        None
    };
    let mut metadata = Metadata::default();
    if failure.is_none() {
        metadata.word_count = word_count;
        metadata.page_count = page_count;
        metadata.title = (extension == "pdf").then(|| "Minutes <b>of</b> the meeting".to_owned());
        metadata.author = (extension == "pdf").then(|| "A. Writer".to_owned());
        metadata.has_java_script = (extension == "pdf").then_some(false);
        metadata.language = word_count.map(|_| "en".to_owned());
        metadata.width = (extension == "png").then_some(1_280);
        metadata.height = (extension == "png").then_some(800);
        metadata.duration = (extension == "mp3").then_some(183.4);
    }
    let findings = Findings {
        file_type: Some(file_type.into()),
        file_size: size,
        sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        metadata,
        failure,
    };
    let processed = Timestamp::from_unix_millis(uploaded + 420).unwrap();
    serde_json::to_value(Record::new(&upload, findings, processed, "0.1.0")).unwrap()
}

impl Pipeline for Stack {
    fn about(&self) -> &About {
        &self.about
    }

    fn list<'a>(&'a self, query: &'a Query, limit: usize) -> Answer<'a, Page> {
        Box::pin(async move {
            self.check()?;
            let mut rows: Vec<Row> = self
                .records
                .lock()
                .unwrap()
                .iter()
                .map(|(row, _)| row.clone())
                .filter(|row| query.matches(row))
                .collect();
            if query.order == Order::OldestFirst {
                rows.reverse();
            }
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| more).map(Row::position);
            Ok(Page { rows, next, gave_up_after: None })
        })
    }

    fn documents<'a>(&'a self, ids: &'a [String]) -> Answer<'a, Vec<Value>> {
        Box::pin(async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            let find =
                |id: &String| records.iter().find(|(row, _)| row.document_id == *id).map(|(_, record)| record.clone());
            Ok(ids.iter().filter_map(find).collect())
        })
    }

    fn uploads_of<'a>(&'a self, key: &'a str, limit: usize) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            Ok(records.iter().map(|(row, _)| row).filter(|row| row.object_key == key).take(limit).cloned().collect())
        })
    }

    fn trace<'a>(&'a self, record: &'a Value) -> Answer<'a, Vec<TraceStep>> {
        Box::pin(async move {
            let row = row(record);
            let at = row.uploaded_at.unix_millis();
            let detail = format!("File {} processed with status {}", row.file_name, row.status);
            let step = |after: i64, title: &str, tone| TraceStep {
                time: Some(at + after),
                title: title.into(),
                detail: Some(detail.clone()).filter(|_| tone != Tone::Neutral),
                tone,
            };
            let tone = if record["status"] == "FAILED" { Tone::Bad } else { Tone::Good };
            Ok(vec![
                step(0, "Stored", Tone::Neutral),
                step(180, "Reported to the function", Tone::Neutral),
                step(420, "Read in 12 ms", tone),
            ])
        })
    }

    fn download_link<'a>(&'a self, record: &'a Value) -> Answer<'a, String> {
        Box::pin(async move {
            if record["objectKey"].as_str().unwrap().contains("gone") {
                return Err(Error::new(Exit::Failure, "file-gone", "the file was deleted"));
            }
            Ok(format!("https://{BUCKET}.s3.amazonaws.com/file?X-Amz-Signature=0"))
        })
    }

    fn upload(&self, key: String, mut content: Content) -> Answer<'_, Stored> {
        Box::pin(async move {
            if self.denies_uploads.load(Ordering::SeqCst) {
                return Err(
                    Error::new(Exit::Access, "denied", "the bucket denies the upload").hint("Ask the operator.")
                );
            }
            let mut size = 0;
            while let Some(chunk) = content.next().await {
                let chunk = chunk.map_err(|e| {
                    self.aborted.fetch_add(1, Ordering::SeqCst);
                    Error::new(Exit::Failure, "not-uploaded", "the upload was aborted").source(e)
                })?;
                size += chunk.len() as u64;
                let slowness = *self.slowness.lock().unwrap();
                if !slowness.is_zero() {
                    tokio::time::sleep(slowness).await;
                }
            }
            self.stored.lock().unwrap().push((key.clone(), size));
            let at = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
            let record = record(&key, at, size);
            let silent = self.is_silent.load(Ordering::SeqCst);
            if self.holds.load(Ordering::SeqCst) {
                self.held.lock().unwrap().push_back((record, silent));
            } else if silent {
                self.keep(record);
            } else {
                self.arrive(record);
            }
            Ok(Stored { key, size, e_tag: Some(format!("etag-{size}")), version_id: None })
        })
    }

    fn failed_events(&self) -> Answer<'_, FailedEvents> {
        Box::pin(async move {
            self.check()?;
            Ok(self.failed_events.lock().unwrap().clone())
        })
    }

    fn redrive(&self) -> Answer<'_, Redriven> {
        Box::pin(async move {
            let queue = std::mem::take(&mut *self.failed_events.lock().unwrap());
            Ok(Redriven { sent: queue.waiting, ..Redriven::default() })
        })
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(async move {
            self.check()?;
            let failed = self.failed_events.lock().unwrap().waiting;
            let fact = |name: &str, value: &str, tone| Fact { name: name.into(), value: value.into(), tone };
            let resource = |kind: &str, name: &str| Resource {
                kind: kind.into(),
                name: name.into(),
                status: "CREATE_COMPLETE".into(),
                tone: Tone::Good,
            };
            let problem = Problem {
                breaks: false,
                what: format!("{failed} failed events without a record"),
                fix: "Send them to the function again with: provisioner redrive -s intake".into(),
            };
            Ok(Health {
                tone: if failed > 0 { Tone::Warning } else { Tone::Good },
                state: if failed > 0 { "needs attention" } else { "healthy" }.into(),
                problems: if failed > 0 { vec![problem] } else { Vec::new() },
                facts: vec![
                    fact("Account", "123456789012", Tone::Neutral),
                    fact("Region", "eu-central-1", Tone::Neutral),
                    fact("Stack", "UPDATE_COMPLETE", Tone::Neutral),
                    fact("Permissions", "as generated", Tone::Good),
                    fact("Drift", "none", Tone::Good),
                ],
                resources: vec![
                    resource("bucket", BUCKET),
                    resource("table of records", "intake-records"),
                    resource("handler function", "intake-handler"),
                    resource("queue of failed events", "intake-failed-events"),
                ],
            })
        })
    }

    fn now_millis(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn subscribe(&self, after: Option<&str>) -> Subscription {
        self.feed.subscribe(after)
    }
}

/// An event that failed every attempt.
pub(crate) fn failed_event(key: &str) -> FailedEvent {
    FailedEvent {
        key: Some(key.into()),
        reason: Some("S3 denied the read".into()),
        attempts: Some(3),
        time: Some(NOW - 600_000),
    }
}
