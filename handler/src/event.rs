//! Events in, uploads out. Pure: knows the shapes in which AWS delivers "an object was put", and nothing else.
//!
//! | source | shape | documented in |
//! | --- | --- | --- |
//! | S3 notification | `Records[].s3`, keys form-encoded | S3 user guide, "Event message structure" |
//! | S3, when a notification is set up | `Event: "s3:TestEvent"`, no `Records` | the same |
//! | EventBridge | `detail-type: "Object Created"` and others, keys plain | S3 user guide, "EventBridge event message structure" |
//! | SNS | `Records[].Sns.Message` holds one of the above as text | Lambda developer guide, "Using Lambda with Amazon SNS" |
//! | SQS | `Records[].body` holds one of the above, or an SNS envelope, as text | "Using Lambda with Amazon SQS" |
//! | Lambda's on-failure destination | `requestPayload` holds the event that failed | "Capturing records of Lambda asynchronous invocations" |
//!
//! An event source mapping from a queue must report batch item failures: a batch always succeeds, and names in its
//! answer the messages that must come again.
//!
//! They nest: what the failure queue holds is redriven as an SQS message around a destination's record around the
//! first event.

use std::borrow::Cow;

use handler_contract::{Request, Timestamp, Upload, origin};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// What one invocation was given.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// One event. It succeeds or fails as a whole.
    Single(Vec<Item>),
    /// Messages of a queue. Each one succeeds or fails for itself.
    Batch(Vec<Message>),
}

/// One message of a queue.
#[derive(Debug, PartialEq)]
pub struct Message {
    /// By which a partial batch response names the message.
    pub id: String,
    /// What it holds.
    pub items: Result<Vec<Item>, EventError>,
}

/// One object that an event reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An object was put.
    Upload(Upload),
    /// The provisioner asks to process an object.
    Requested(Upload, Request),
    /// Something that leaves no record.
    Ignored(Ignored),
}

/// What leaves no record, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// S3 tries a new notification.
    TestEvent {
        /// The bucket.
        bucket: String,
    },
    /// An object without bytes whose key ends in `/`: the console's way to show a folder.
    FolderMarker {
        /// The bucket.
        bucket: String,
        /// The key, decoded.
        key: String,
    },
    /// Something happened to an object that makes no new content.
    NoContent {
        /// The bucket.
        bucket: String,
        /// The key, decoded.
        key: String,
        /// What happened, as the end of a sentence whose first word is the file's name.
        what: &'static str,
    },
}

/// What S3 reports of an object besides its creation, in a notification and through EventBridge, and why it leaves no
/// record. A bucket's notification may ask for any of it, which is no error: none of it changes the content.
///
/// Source: S3 user guide, "Supported event types for SQS, SNS, and Lambda" and "Using EventBridge".
const WITHOUT_CONTENT: &[(&[&str], &str)] = &[
    (&["ObjectRemoved:", "LifecycleExpiration:", "Object Deleted"], "was removed; its record stays"),
    (
        &["ObjectRestore:Post", "Object Restore Initiated"],
        "is being restored from the archive; it is read when somebody sends its event again",
    ),
    (
        &["ObjectRestore:Completed", "Object Restore Completed"],
        "was restored from the archive; it is read when somebody sends its event again",
    ),
    (&["ObjectRestore:Delete", "Object Restore Expired"], "went back into the archive; its record stays"),
    (&["ObjectTagging:", "Object Tags Added", "Object Tags Deleted"], "has other tags; its content is the same"),
    (&["ObjectAnnotation:"], "has other annotations; its content is the same"),
    (&["ObjectAcl:", "Object ACL Updated"], "has other permissions; its content is the same"),
    (
        &["LifecycleTransition", "Object Storage Class Changed"],
        "went to another storage class; its content is the same",
    ),
    (&["IntelligentTiering", "Object Access Tier Changed"], "went to another access tier; its content is the same"),
    (&["Replication:"], "is replicated by S3; the bucket of the copy reports it"),
    (&["ReducedRedundancyLostObject"], "was lost by S3; its record stays"),
];

/// What an event other than a creation says of its object; `None` if nobody knows it.
fn without_content(name: &str) -> Option<&'static str> {
    WITHOUT_CONTENT.iter().find(|(names, _)| names.iter().any(|known| name.starts_with(known))).map(|(_, what)| *what)
}

/// An event that this function cannot read. The invocation fails, so that the event ends in the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is not understood: {0}; expected an S3 notification or an EventBridge \"Object Created\" event, by \
     itself or inside SNS, SQS or the message of a failure destination"
)]
pub struct EventError(String);

/// How many envelopes are opened. The deepest that AWS makes is SQS > destination > SNS > S3.
const MAX_NESTING: u8 = 8;

/// Reads an event of any shape.
pub fn read(event: &Value) -> Result<Event, EventError> {
    let Some(messages) = queue_messages(event) else {
        return items(event).map(Event::Single);
    };
    let mut batch = Vec::new();
    for message in messages {
        let id = message["messageId"]
            .as_str()
            .ok_or_else(|| EventError("a message of the queue has no messageId".to_owned()))?;
        batch.push(Message { id: id.to_owned(), items: items_of_record(message, MAX_NESTING).and_then(at_least_one) });
    }
    Ok(Event::Batch(batch))
}

/// Who sent the event again: a mark that the provisioner adds beside `requestPayload`. It only goes into the log.
pub fn origin(event: &Value) -> Option<&str> {
    let mark = event[origin::FIELD].as_str().filter(|_| !event["requestPayload"].is_null())?;
    let is_plain =
        (1..=origin::LONGEST).contains(&mark.len()) && mark.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    is_plain.then_some(mark)
}

/// The records, if they are messages of a queue that waits for a partial batch response.
fn queue_messages(event: &Value) -> Option<&Vec<Value>> {
    let records = event["Records"].as_array()?;
    (source(records.first()?) == "aws:sqs").then_some(records)
}

fn items(event: &Value) -> Result<Vec<Item>, EventError> {
    open(event, MAX_NESTING).and_then(at_least_one)
}

fn at_least_one(items: Vec<Item>) -> Result<Vec<Item>, EventError> {
    if items.is_empty() { Err(EventError("it has no records".to_owned())) } else { Ok(items) }
}

/// Opens an event that arrived as it is or inside an envelope.
fn open(event: &Value, depth: u8) -> Result<Vec<Item>, EventError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(EventError(format!("it is wrapped more than {MAX_NESTING} times")));
    };
    if let Some(records) = event["Records"].as_array() {
        let mut found = Vec::new();
        for record in records {
            found.extend(items_of_record(record, depth)?);
        }
        return Ok(found);
    }
    if !event["requestPayload"].is_null() {
        return open(&event["requestPayload"], depth);
    }
    if event["Event"] == "s3:TestEvent" {
        let bucket = event["Bucket"].as_str().unwrap_or_default().to_owned();
        return Ok(vec![Item::Ignored(Ignored::TestEvent { bucket })]);
    }
    if event["detail-type"].is_string() {
        return event_bridge(event).map(|item| vec![item]);
    }
    // The envelope that SNS puts into a queue, unless the subscription asks for raw messages.
    if event["Type"] == "Notification" {
        return open_text(&event["Message"], "the Message of the SNS notification", depth);
    }
    Err(EventError("it has none of Records, detail-type, Event, requestPayload".to_owned()))
}

/// Opens one of `Records`, whichever service wrote it.
fn items_of_record(record: &Value, depth: u8) -> Result<Vec<Item>, EventError> {
    match source(record) {
        "aws:sqs" => open_text(&record["body"], "the body of the SQS message", depth),
        "aws:sns" => open_text(&record["Sns"]["Message"], "the Message of the SNS notification", depth),
        "aws:s3" => s3_notification(record).map(|item| vec![item]),
        other => Err(EventError(format!("a record has the source {other:?}"))),
    }
}

/// SNS capitalises what the others do not.
fn source(record: &Value) -> &str {
    record["eventSource"].as_str().or_else(|| record["EventSource"].as_str()).unwrap_or_default()
}

fn open_text(text: &Value, name: &str, depth: u8) -> Result<Vec<Item>, EventError> {
    let text = text.as_str().ok_or_else(|| EventError(format!("{name} is not text")))?;
    let event: Value =
        serde_json::from_str(text).map_err(|error| EventError(format!("{name} is not JSON: {error}")))?;
    open(&event, depth)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_name: String,
    event_time: Timestamp,
    s3: S3Entity,
    #[serde(rename = "provisionerRequest")]
    request: Option<Request>,
}

#[derive(Deserialize)]
struct S3Entity {
    bucket: BucketName,
    object: S3Object,
}

#[derive(Deserialize)]
struct BucketName {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    size: Option<u64>,
    e_tag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

fn s3_notification(record: &Value) -> Result<Item, EventError> {
    let S3Record { event_name, event_time, s3, request } = Deserialize::deserialize(record)
        .map_err(|error: serde_json::Error| EventError(format!("a record of S3 is incomplete: {error}")))?;
    let key = decode_key(&s3.object.key)?;
    // Event names come with and without the "s3:" of the notification's configuration.
    let name = event_name.strip_prefix("s3:").unwrap_or(&event_name);
    if let Some(what) = without_content(name) {
        return Ok(Item::Ignored(Ignored::NoContent { bucket: s3.bucket.name, key, what }));
    }
    if !name.starts_with("ObjectCreated:") {
        return Err(EventError(format!("a record of S3 reports {event_name:?}, which is no event that S3 documents")));
    }
    let item = upload(Upload {
        bucket: s3.bucket.name,
        key,
        version_id: non_empty(s3.object.version_id),
        e_tag: e_tag(s3.object.e_tag),
        sequencer: non_empty(s3.object.sequencer),
        size: s3.object.size,
        uploaded_at: event_time,
    });
    Ok(match (item, request) {
        (Item::Upload(upload), Some(request)) => Item::Requested(upload, request),
        (item, _) => item,
    })
}

#[derive(Deserialize)]
struct BridgeEvent {
    time: Timestamp,
    detail: BridgeDetail,
}

#[derive(Deserialize)]
struct BridgeDetail {
    bucket: BucketName,
    object: BridgeObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BridgeObject {
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

fn event_bridge(event: &Value) -> Result<Item, EventError> {
    let kind = event["detail-type"].as_str().unwrap_or_default();
    let BridgeEvent { time, detail } = Deserialize::deserialize(event)
        .map_err(|error: serde_json::Error| EventError(format!("the EventBridge event is incomplete: {error}")))?;
    if let Some(what) = without_content(kind) {
        return Ok(Item::Ignored(Ignored::NoContent { bucket: detail.bucket.name, key: detail.object.key, what }));
    }
    match kind {
        "Object Created" => Ok(upload(Upload {
            bucket: detail.bucket.name,
            key: detail.object.key,
            version_id: non_empty(detail.object.version_id),
            e_tag: e_tag(detail.object.etag),
            sequencer: non_empty(detail.object.sequencer),
            size: detail.object.size,
            uploaded_at: time,
        })),
        other => Err(EventError(format!("the EventBridge event reports {other:?}"))),
    }
}

fn upload(upload: Upload) -> Item {
    if upload.key.ends_with('/') && upload.size == Some(0) {
        Item::Ignored(Ignored::FolderMarker { bucket: upload.bucket, key: upload.key })
    } else {
        Item::Upload(upload)
    }
}

/// An empty text is as good as a missing one.
fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn e_tag(text: Option<String>) -> Option<String> {
    non_empty(text.map(|text| text.trim_matches('"').to_owned()))
}

/// Decodes a key as S3 writes it into its notifications: `application/x-www-form-urlencoded`, UTF-8
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>). A `%` that starts no
/// escape sequence is kept.
fn decode_key(encoded: &str) -> Result<String, EventError> {
    let spaced = encoded.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| EventError(format!("the key {encoded:?} is not UTF-8 when it is decoded")))
}

#[cfg(test)]
mod tests;
