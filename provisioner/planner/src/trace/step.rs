//! What is read about a file, and the trace that is made of it.

use handler_contract::Timestamp;
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::log_lines::Entry;
use provisioner_model::object::ObjectVersion;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::record_matching::id_of_version;

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
    /// Who sent the event again, if it did not come from S3: `redrive`, `reconcile`, `reprocess`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How the work on the file ended, by the handler's log line: `stored`, `rejected`, `duplicate`, `unreadable`, `ignored`,
    /// `retry`. Absent if the invocation ended before it could write one.
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

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has a record with the status SUCCESS.
    Recorded,
    /// It has a record with the status FAILED.
    Rejected,
    /// Its event is in the queue of failed events.
    Queued,
    /// It has no record yet, and Lambda may still be trying.
    Pending,
    /// The stack does not process its key.
    NotProcessed,
    /// It has no record, and none will come by itself.
    NoRecord,
}

/// What became of the newest upload, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conclusion {
    /// The state.
    pub state: State,
    /// The state in a sentence.
    pub what: String,
    /// What to do; absent if nothing is to be done. Commands are named as `provisioner VERB … -s STACK`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The id of the record of a version; `None` without versioning.
pub(super) fn id_of(subject: &Subject, version: &ObjectVersion) -> Option<String> {
    id_of_version(&subject.bucket, &subject.key, version.version_id.as_deref())
}
