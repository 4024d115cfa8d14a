//! What happened to one file, in one list: versions put, events, invocations with their log lines, records, and the place in the
//! queue of failed events, in the order of time. Pure: what was read comes in as [`Facts`].

mod attempts;
mod conclusion;

use handler_contract::{Timestamp, Upload};
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::log_lines::Entry;
use provisioner_model::object::ObjectVersion;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::record_matching::id_of_version;

pub use attempts::request_ids;
pub use conclusion::{Conclusion, State};

/// The file of a trace, or one of its uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The record's id, if the trace is that of one upload of the key only.
    pub document_id: Option<String>,
}

/// A failed event and its message.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// The event.
    pub event: FailedEvent,
    /// The message's id.
    pub message_id: String,
    /// When the message was sent, milliseconds since the Unix epoch.
    pub sent: Option<i64>,
}

/// What was read about the file.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The object's versions and delete markers.
    pub versions: Vec<ObjectVersion>,
    /// Whether the versions were read, so that none means that the object is gone.
    pub versions_known: bool,
    /// Its records, whole.
    pub records: Vec<Value>,
    /// Entries of the function's log that may be about it.
    pub entries: Vec<Entry>,
    /// Messages of the queue of failed events that may be about it.
    pub queued: Vec<Queued>,
    /// Why the stack does not process objects with this key; `None` if it does.
    pub not_processed: Option<String>,
    /// What could not be read, or not to its end.
    pub unread: Vec<String>,
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The stack.
    pub stack: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The record's id, if the trace is that of one upload only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// What became of the newest upload, and what to do.
    pub conclusion: Conclusion,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// What could not be read, or not to its end: steps may be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When. ISO 8601, UTC. A version's time has a resolution of a second.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// How long after the step before it, milliseconds; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_millis: Option<i64>,
    /// The record that the step leads to, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen to a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    /// A version was put into the bucket.
    Put {
        /// The version, in a bucket that keeps versions.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
        /// Bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// The `ETag`.
        #[serde(skip_serializing_if = "Option::is_none")]
        e_tag: Option<String>,
        /// Whether a read without a version finds this one.
        is_latest: bool,
    },
    /// The object was deleted in a bucket that keeps versions: a delete marker was put.
    Deleted {
        /// The delete marker's version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String>,
    },
    /// S3 reported the upload.
    Event {
        /// Orders the events of one key.
        #[serde(skip_serializing_if = "Option::is_none")]
        sequencer: Option<String>,
    },
    /// The function was invoked with the event.
    Invocation(Invocation),
    /// The record was written.
    Record {
        /// SUCCESS or FAILED.
        status: String,
        /// Why it failed, for programs.
        #[serde(skip_serializing_if = "Option::is_none")]
        error_code: Option<String>,
        /// Why it failed, for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        error_message: Option<String>,
        /// The media type by content.
        file_type: String,
        /// The handler's version.
        handler_version: String,
    },
    /// Lambda gave up on the event and sent it to the queue of failed events, where it is now.
    Queued {
        /// The message.
        message_id: String,
        /// What failed, as one word.
        code: String,
        /// What failed.
        reason: String,
        /// The number of attempts, where Lambda reports it.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempts: Option<u64>,
    },
}

/// One attempt of the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// The invocation's id. Attempts that Lambda makes by itself share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which attempt it is on this file, from 1.
    pub attempt: usize,
    /// Who sent the event again, if it did not come from S3: `redrive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How the work on the file ended, by the handler's log line: `stored`, `rejected`, `duplicate`, `ignored`, `retry`.
    /// Absent if the invocation ended before it could write one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// How long the work on the file took, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_millis: Option<i64>,
    /// Whether it was the first of its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<bool>,
    /// Its lines in the log.
    pub lines: Vec<LogLine>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When it was logged. ISO 8601, UTC.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// INFO, WARN or ERROR; absent for lines of others than the handler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The text. It can contain any character of a file's name.
    pub message: String,
}

/// Puts together the trace. `now` decides whether a record can still arrive.
pub fn trace(stack: &str, subject: &Subject, facts: Facts, now: &Timestamp) -> Trace {
    let facts = of_subject(subject, facts);
    let mut steps: Vec<Step> = facts.versions.iter().map(|version| of_version(subject, version)).collect();
    steps.extend(facts.records.iter().flat_map(of_record));
    steps.extend(attempts::steps(subject, &facts));
    for queued in &facts.queued {
        steps.extend(of_queued(subject, queued, &facts, now));
    }
    // Steps of the same millisecond stay in the order of a file's way through the pipeline.
    steps.sort_by(|a, b| (&a.time, rank(&a.what)).cmp(&(&b.time, rank(&b.what))));
    for at in 1..steps.len() {
        steps[at].after_millis = Some(steps[at].time.unix_millis() - steps[at - 1].time.unix_millis());
    }
    Trace {
        stack: stack.to_owned(),
        bucket: subject.bucket.clone(),
        key: subject.key.clone(),
        document_id: subject.document_id.clone(),
        conclusion: conclusion::conclusion(stack, subject, &facts, now),
        steps,
        unread: facts.unread,
    }
}

/// The facts that are about the subject.
fn of_subject(subject: &Subject, mut facts: Facts) -> Facts {
    let is_of_key = |upload: &Upload| upload.bucket == subject.bucket && upload.key == subject.key;
    facts.queued.retain(|queued| queued.event.uploads.iter().any(is_of_key));
    let Some(id) = &subject.document_id else { return facts };
    facts.records.retain(|record| record["documentId"] == id.as_str());
    let is_of_id = |upload: &Upload| is_of_key(upload) && upload.document_id().to_string() == *id;
    facts.queued.retain(|queued| queued.event.uploads.iter().any(is_of_id));
    // Without versions there is one object of the key, and the record may be that of an earlier one.
    let versions = facts.versions.iter().any(|version| id_of(subject, version).as_ref() == Some(id));
    if versions {
        facts.versions.retain(|version| id_of(subject, version).as_ref() == Some(id));
    } else {
        let record = facts.records.first();
        facts
            .versions
            .retain(|version| record.is_some_and(|record| version.e_tag.as_deref() == record["eTag"].as_str()));
    }
    facts
}

/// The id of the record of a version; `None` without versioning.
fn id_of(subject: &Subject, version: &ObjectVersion) -> Option<String> {
    id_of_version(&subject.bucket, &subject.key, version.version_id.as_deref())
}

fn of_version(subject: &Subject, version: &ObjectVersion) -> Step {
    // S3 names the version of a bucket without versions `null`.
    let version_id = version.version_id.clone().filter(|id| id != "null");
    let what = if version.is_delete_marker {
        What::Deleted { version_id }
    } else {
        What::Put { version_id, size: version.size, e_tag: version.e_tag.clone(), is_latest: version.is_latest }
    };
    let document_id = id_of(subject, version).filter(|_| !version.is_delete_marker);
    Step { time: version.modified.clone(), after_millis: None, document_id, what }
}

fn of_record(record: &Value) -> Vec<Step> {
    let text = |name: &str| record[name].as_str().map(ToOwned::to_owned);
    let time = |name: &str| Timestamp::parse(record[name].as_str()?).ok();
    let document_id = text("documentId");
    let step = |time, what| Step { time, after_millis: None, document_id: document_id.clone(), what };
    let event = time("uploadedAt").map(|time| step(time, What::Event { sequencer: text("sequencer") }));
    let written = time("processedAt").map(|time| {
        let what = What::Record {
            status: text("status").unwrap_or_default(),
            error_code: text("errorCode"),
            error_message: text("errorMessage"),
            file_type: text("fileType").unwrap_or_default(),
            handler_version: text("handlerVersion").unwrap_or_default(),
        };
        step(time, what)
    });
    event.into_iter().chain(written).collect()
}

/// The place of an event in the queue, and the event itself where no record has it.
fn of_queued(subject: &Subject, queued: &Queued, facts: &Facts, now: &Timestamp) -> Vec<Step> {
    let event = &queued.event;
    let upload = event.uploads.iter().find(|upload| upload.key == subject.key);
    let document_id = upload.map(|upload| upload.document_id().to_string());
    let is_recorded = facts.records.iter().any(|record| record["documentId"].as_str() == document_id.as_deref());
    let mut steps = Vec::new();
    if let Some(upload) = upload.filter(|upload| !is_recorded && upload.uploaded_at.unix_millis() > 0) {
        let what = What::Event { sequencer: upload.sequencer.clone() };
        steps.push(Step {
            time: upload.uploaded_at.clone(),
            after_millis: None,
            document_id: document_id.clone(),
            what,
        });
    }
    let sent = queued.sent.and_then(Timestamp::from_unix_millis);
    steps.push(Step {
        time: event.time.clone().or(sent).unwrap_or_else(|| now.clone()),
        after_millis: None,
        document_id,
        what: What::Queued {
            message_id: queued.message_id.clone(),
            code: event.code().to_owned(),
            reason: event.reason().to_owned(),
            attempts: event.attempts,
        },
    });
    steps
}

/// The order in which the steps of a file can follow each other.
fn rank(what: &What) -> u8 {
    match what {
        What::Put { .. } => 0,
        What::Event { .. } => 1,
        What::Invocation(_) => 2,
        What::Record { .. } => 3,
        What::Queued { .. } => 4,
        What::Deleted { .. } => 5,
    }
}

#[cfg(test)]
mod tests;
