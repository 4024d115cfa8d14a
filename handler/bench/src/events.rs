//! Events as AWS sends them.

use std::time::{SystemTime, UNIX_EPOCH};

use handler_contract::Timestamp;
use serde_json::{Value, json};

/// What an event says of one upload.
#[derive(Debug, Clone)]
pub struct Put<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key, encoded as notifications do.
    pub key: &'a str,
    /// The `ETag`, without quotes.
    pub e_tag: &'a str,
    /// Bytes.
    pub size: u64,
    /// Orders the events of one key.
    pub sequencer: &'a str,
}

/// The notification that S3 sends for an upload that is put now. The handler treats the event of an older upload as late
/// (`handler_contract::upload::LATE_AFTER`).
pub fn notification(put: &Put<'_>) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": now(),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": put.bucket, "arn": format!("arn:aws:s3:::{}", put.bucket)},
            "object": {"key": put.key, "size": put.size, "eTag": put.e_tag, "sequencer": put.sequencer},
        },
    }]})
}

fn now() -> Option<Timestamp> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).ok().and_then(Timestamp::from_unix_millis)
}

/// A batch of queue messages with these bodies; their ids are `m0`, `m1`, ….
pub fn queue(bodies: &[String]) -> Value {
    let message =
        |(n, body): (usize, &String)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body});
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}
