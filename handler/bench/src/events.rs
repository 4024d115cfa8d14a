//! Events as AWS sends them.

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

/// The notification that S3 sends for an upload.
pub fn notification(put: &Put<'_>) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T16:33:49.120Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": put.bucket, "arn": format!("arn:aws:s3:::{}", put.bucket)},
            "object": {"key": put.key, "size": put.size, "eTag": put.e_tag, "sequencer": put.sequencer},
        },
    }]})
}

/// A batch of queue messages with these bodies; their ids are `m0`, `m1`, ….
pub fn queue(bodies: &[String]) -> Value {
    let message =
        |(n, body): (usize, &String)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body});
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}
