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

use handler_contract::{Timestamp, Upload};
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

/// One thing that an event tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An object was put.
    Upload(Upload),
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
        /// What happened, as the end of the sentence that begins with the file's name.
        what: &'static str,
    },
}

/// What S3 tells of an object beside its creation, in a notification and through EventBridge, and why it leaves no
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
    (&["Replication:"], "is replicated by S3; the copy's own bucket tells of the copy"),
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
        batch.push(Message { id: id.to_owned(), items: items_of_record(message, MAX_NESTING).and_then(non_empty) });
    }
    Ok(Event::Batch(batch))
}

/// The records, if they are messages of a queue that waits for a partial batch response.
fn queue_messages(event: &Value) -> Option<&Vec<Value>> {
    let records = event["Records"].as_array()?;
    (source(records.first()?) == "aws:sqs").then_some(records)
}

fn items(event: &Value) -> Result<Vec<Item>, EventError> {
    open(event, MAX_NESTING).and_then(non_empty)
}

fn non_empty(items: Vec<Item>) -> Result<Vec<Item>, EventError> {
    if items.is_empty() { Err(EventError("it has no records".to_owned())) } else { Ok(items) }
}

/// Opens an event that stands by itself or was found in an envelope.
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
    let S3Record { event_name, event_time, s3 } = Deserialize::deserialize(record)
        .map_err(|error: serde_json::Error| EventError(format!("a record of S3 is incomplete: {error}")))?;
    let key = decode_key(&s3.object.key)?;
    // Event names come with and without the "s3:" of the notification's configuration.
    let name = event_name.strip_prefix("s3:").unwrap_or(&event_name);
    if let Some(what) = without_content(name) {
        return Ok(Item::Ignored(Ignored::NoContent { bucket: s3.bucket.name, key, what }));
    }
    if !name.starts_with("ObjectCreated:") {
        return Err(EventError(format!("a record of S3 tells of {event_name:?}, which is no event that S3 documents")));
    }
    Ok(upload(Upload {
        bucket: s3.bucket.name,
        key,
        version_id: said(s3.object.version_id),
        e_tag: e_tag(s3.object.e_tag),
        sequencer: said(s3.object.sequencer),
        size: s3.object.size,
        uploaded_at: event_time,
    }))
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
            version_id: said(detail.object.version_id),
            e_tag: e_tag(detail.object.etag),
            sequencer: said(detail.object.sequencer),
            size: detail.object.size,
            uploaded_at: time,
        })),
        other => Err(EventError(format!("the EventBridge event tells of {other:?}"))),
    }
}

fn upload(upload: Upload) -> Item {
    if upload.key.ends_with('/') && upload.size == Some(0) {
        Item::Ignored(Ignored::FolderMarker { bucket: upload.bucket, key: upload.key })
    } else {
        Item::Upload(upload)
    }
}

/// An empty text says as little as a missing one.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn e_tag(text: Option<String>) -> Option<String> {
    said(text.map(|text| text.trim_matches('"').to_owned()))
}

/// Decodes a key as S3 writes it into its notifications: `application/x-www-form-urlencoded`, UTF-8.
/// A `%` that starts no escape stands for itself.
fn decode_key(encoded: &str) -> Result<String, EventError> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| EventError(format!("the key {encoded:?} is not UTF-8 when it is decoded")))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notification(key: &str) -> Value {
        json!({"Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "eu-central-1",
            "eventTime": "2026-11-22T16:33:49.120Z",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
                "object": {
                    "key": key,
                    "size": 1024,
                    "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                    "sequencer": "0055AED6DCD90281E5"
                }
            }
        }]})
    }

    fn expected(key: &str) -> Upload {
        Upload {
            bucket: "uploads".to_owned(),
            key: key.to_owned(),
            version_id: Some("096fKKXTRTtl3on89fVO.nfljtsv6qko".to_owned()),
            e_tag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            sequencer: Some("0055AED6DCD90281E5".to_owned()),
            size: Some(1024),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49.120Z").unwrap(),
        }
    }

    fn bridge(kind: &str, key: &str) -> Value {
        json!({
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": kind,
            "source": "aws.s3",
            "time": "2026-11-22T16:33:49Z",
            "resources": ["arn:aws:s3:::uploads"],
            "detail": {
                "version": "0",
                "bucket": {"name": "uploads"},
                "object": {
                    "key": key,
                    "size": 5,
                    "etag": "b1946ac92492d2347c6235b4d2611184",
                    "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                    "sequencer": "617f08299329d189"
                },
                "reason": "PutObject"
            }
        })
    }

    fn sns(event: &Value) -> Value {
        json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": event.to_string()}}]})
    }

    fn sns_envelope(event: &Value) -> Value {
        json!({"Type": "Notification", "MessageId": "m", "Message": event.to_string()})
    }

    fn destination(event: &Value) -> Value {
        json!({
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "slow down"}
        })
    }

    fn sqs(bodies: &[String]) -> Value {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body}))
            .collect();
        json!({ "Records": records })
    }

    #[test]
    fn an_upload_is_found_in_every_wrapping() {
        let plain = notification("a/b.txt");
        let upload = Item::Upload(expected("a/b.txt"));
        for (name, event) in [
            ("S3", plain.clone()),
            ("SNS", sns(&plain)),
            ("destination", destination(&plain)),
            ("destination around SNS", destination(&sns(&plain))),
            ("SNS envelope by itself", sns_envelope(&plain)),
        ] {
            assert_eq!(read(&event), Ok(Event::Single(vec![upload.clone()])), "{name}");
        }
        for (name, body) in [
            ("S3", plain.clone()),
            ("SNS envelope", sns_envelope(&plain)),
            ("destination", destination(&plain)),
            ("destination around SNS", destination(&sns(&plain))),
        ] {
            let batch = vec![Message { id: "m0".to_owned(), items: Ok(vec![upload.clone()]) }];
            assert_eq!(read(&sqs(&[body.to_string()])), Ok(Event::Batch(batch)), "SQS around {name}");
        }
    }

    #[test]
    fn event_bridge_has_plain_keys_and_other_names() {
        let expected = Upload {
            bucket: "uploads".to_owned(),
            key: "a+b%20c.txt".to_owned(),
            version_id: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
            e_tag: Some("b1946ac92492d2347c6235b4d2611184".to_owned()),
            sequencer: Some("617f08299329d189".to_owned()),
            size: Some(5),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        };
        let event = bridge("Object Created", "a+b%20c.txt");
        assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(expected.clone())])));
        assert_eq!(
            read(&sqs(&[event.to_string()])),
            Ok(Event::Batch(vec![Message { id: "m0".to_owned(), items: Ok(vec![Item::Upload(expected)]) }]))
        );
    }

    #[test]
    fn keys_of_notifications_are_form_encoded() {
        for (encoded, decoded) in [
            ("a+b.txt", "a b.txt"),
            ("a%2Bb.txt", "a+b.txt"),
            ("%E4%BB%8A%E5%A4%A9/%c3%a4.pdf", "今天/ä.pdf"),
            ("100%25.txt", "100%.txt"),
            ("100%", "100%"),
            ("100%zz%4", "100%zz%4"),
            ("a%0Ab", "a\nb"),
            ("%2525", "%25"),
        ] {
            assert_eq!(decode_key(encoded).as_deref(), Ok(decoded), "{encoded}");
        }
        assert!(decode_key("%ff%fe.txt").is_err());
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let mut event = notification("a.txt");
        let object = event["Records"][0]["s3"]["object"].as_object_mut().unwrap();
        for field in ["size", "eTag", "versionId", "sequencer"] {
            object.remove(field);
        }
        let bare = Upload { version_id: None, e_tag: None, sequencer: None, size: None, ..expected("a.txt") };
        assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(bare.clone())])));

        let object = &mut event["Records"][0]["s3"]["object"];
        object["eTag"] = json!("\"d41d8cd98f00b204e9800998ecf8427e\"");
        object["versionId"] = json!("");
        let tagged = Upload { e_tag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()), ..bare };
        assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(tagged)])));
    }

    #[test]
    fn what_leaves_no_record_is_named() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads", "RequestId": "R"});
        let tried = Item::Ignored(Ignored::TestEvent { bucket: "uploads".to_owned() });
        assert_eq!(read(&test), Ok(Event::Single(vec![tried.clone()])));
        assert_eq!(read(&sns(&test)), Ok(Event::Single(vec![tried])));

        let mut folder = notification("a/b/");
        folder["Records"][0]["s3"]["object"]["size"] = json!(0);
        let marker = Ignored::FolderMarker { bucket: "uploads".to_owned(), key: "a/b/".to_owned() };
        assert_eq!(read(&folder), Ok(Event::Single(vec![Item::Ignored(marker)])));
        // With bytes in it, it is a file with an odd name.
        assert_eq!(read(&notification("a/b/")), Ok(Event::Single(vec![Item::Upload(expected("a/b/"))])));
    }

    #[test]
    fn what_makes_no_content_is_ignored_with_a_reason() {
        // Every event of the S3 user guide but ObjectCreated and TestEvent, and every one of EventBridge but the first.
        for (name, said) in [
            ("ObjectRemoved:Delete", "was removed"),
            ("s3:ObjectRemoved:DeleteMarkerCreated", "was removed"),
            ("LifecycleExpiration:Delete", "was removed"),
            ("s3:LifecycleExpiration:DeleteMarkerCreated", "was removed"),
            ("ObjectRestore:Post", "is being restored"),
            ("ObjectRestore:Completed", "was restored"),
            ("ObjectRestore:Delete", "went back into the archive"),
            ("ObjectTagging:Put", "other tags"),
            ("ObjectTagging:Delete", "other tags"),
            ("ObjectAnnotation:Put", "other annotations"),
            ("ObjectAnnotation:Delete", "other annotations"),
            ("ObjectAcl:Put", "other permissions"),
            ("LifecycleTransition", "storage class"),
            ("IntelligentTiering", "access tier"),
            ("Replication:OperationFailedReplication", "is replicated"),
            ("Replication:OperationNotTracked", "is replicated"),
            ("Replication:OperationMissedThreshold", "is replicated"),
            ("Replication:OperationReplicatedAfterThreshold", "is replicated"),
            ("ReducedRedundancyLostObject", "was lost"),
        ] {
            let mut event = notification("a+b.txt");
            event["Records"][0]["eventName"] = json!(name);
            expect_ignored(&event, said, name);
        }
        for (kind, said) in [
            ("Object Deleted", "was removed"),
            ("Object Restore Initiated", "is being restored"),
            ("Object Restore Completed", "was restored"),
            ("Object Restore Expired", "went back into the archive"),
            ("Object Tags Added", "other tags"),
            ("Object Tags Deleted", "other tags"),
            ("Object ACL Updated", "other permissions"),
            ("Object Storage Class Changed", "storage class"),
            ("Object Access Tier Changed", "access tier"),
        ] {
            expect_ignored(&bridge(kind, "a b.txt"), said, kind);
        }
    }

    fn expect_ignored(event: &Value, said: &str, name: &str) {
        let Ok(Event::Single(items)) = read(event) else { unreachable!("{name} is understood") };
        let [Item::Ignored(Ignored::NoContent { bucket, key, what })] = &items[..] else {
            unreachable!("{name} gave {items:?}")
        };
        assert_eq!((bucket.as_str(), key.as_str()), ("uploads", "a b.txt"), "{name}");
        assert!(what.contains(said), "{name}: {what}");
    }

    #[test]
    fn what_nobody_understands_is_an_error_that_says_why() {
        let mut unknown = notification("a.txt");
        unknown["Records"][0]["eventName"] = json!("ObjectDreamed:Of");
        let mut without_key = notification("a.txt");
        without_key["Records"][0]["s3"]["object"].as_object_mut().unwrap().remove("key");
        let mut without_time = notification("a.txt");
        without_time["Records"][0].as_object_mut().unwrap().remove("eventTime");
        let mut endless = notification("a.txt");
        for _ in 0..9 {
            endless = destination(&endless);
        }
        for (event, reason) in [
            (json!({"hello": "world"}), "none of Records"),
            (json!("text"), "none of Records"),
            (json!(null), "none of Records"),
            (json!({"Records": []}), "no records"),
            (json!({"Records": [{"eventSource": "aws:kinesis"}]}), "\"aws:kinesis\""),
            (unknown, "ObjectDreamed:Of"),
            (without_key, "`key`"),
            (without_time, "`eventTime`"),
            (bridge("Object Dreamed Of", "a"), "Object Dreamed Of"),
            (json!({"detail-type": "Object Created"}), "`time`"),
            (endless, "wrapped more than 8 times"),
            (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "hi"}}]}), "is not JSON"),
            (json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}), "messageId"),
        ] {
            let message = read(&event).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.contains("expected an S3 notification"), "{message}");
        }
    }

    #[test]
    fn a_bad_message_leaves_its_batch_alone() {
        let event =
            sqs(&[notification("a.txt").to_string(), "not JSON".to_owned(), json!({"Records": []}).to_string()]);
        let Ok(Event::Batch(messages)) = read(&event) else { unreachable!("a batch was read") };
        let read: Vec<_> = messages.iter().map(|m| (m.id.as_str(), m.items.is_ok())).collect();
        assert_eq!(read, [("m0", true), ("m1", false), ("m2", false)]);
    }
}
