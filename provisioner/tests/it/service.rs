//! Direct calls to the emulator's services, without the program under test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::world::World;

/// The bucket of the stack `local` in the emulator's account and region.
pub(crate) const BUCKET: &str = "local-uploads-000000000000-us-east-1";
/// The table of the stack `local`.
pub(crate) const TABLE: &str = "local-records";

/// Sends one plain HTTP request to a service with the emulator's root credentials, and returns status and body.
pub(crate) fn request(world: &World, service: &str, head: &str, target: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    write!(
        stream,
        "{head} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\nContent-Length: {}\r\n\r\n{body}",
        world.port,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn dynamodb(world: &World, action: &str, body: &Value) {
    let target = format!("DynamoDB_20120810.{action}");
    let (status, answer) = request(world, "dynamodb", "POST /", &target, &body.to_string());
    assert_eq!(status, 200, "{action}: {answer}");
}

/// Creates the bucket without a stack: uploads trigger no function.
pub(crate) fn create_bucket(world: &World) {
    assert_eq!(request(world, "s3", &format!("PUT /{BUCKET}"), "", "").0, 200);
}

/// Creates the table without a stack.
pub(crate) fn create_table(world: &World) {
    use handler_contract::table::{INDEXES, PARTITION_KEY, PROJECTED, SORT_KEY};
    let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let mut attributes = vec![text(PARTITION_KEY), text(SORT_KEY)];
    attributes.extend(INDEXES.iter().map(|index| text(index.partition_key)));
    let index = |index: &handler_contract::table::Index| {
        json!({
            "IndexName": index.name,
            "KeySchema": [key(index.partition_key, "HASH"), key(SORT_KEY, "RANGE")],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": PROJECTED},
        })
    };
    let table = json!({
        "TableName": TABLE,
        "AttributeDefinitions": attributes,
        "KeySchema": [key(PARTITION_KEY, "HASH")],
        "GlobalSecondaryIndexes": INDEXES.iter().map(index).collect::<Vec<_>>(),
        "BillingMode": "PAY_PER_REQUEST",
    });
    dynamodb(world, "CreateTable", &table);
}

/// Writes a record as the handler does.
pub(crate) fn put_record(world: &World, record: &handler_contract::Record) {
    dynamodb(world, "PutItem", &json!({"TableName": TABLE, "Item": item(record)}));
}

/// A record as an item of `DynamoDB`.
pub(crate) fn item(record: &handler_contract::Record) -> Value {
    let record = serde_json::to_value(record).unwrap();
    let attributes = record.as_object().unwrap().iter();
    let item: serde_json::Map<String, Value> = attributes
        .map(|(name, value)| {
            let value = match value {
                Value::Number(n) => json!({"N": n.to_string()}),
                other => json!({"S": other.as_str().unwrap()}),
            };
            (name.clone(), value)
        })
        .collect();
    item.into()
}

/// The record that the handler writes for a text of one word.
pub(crate) fn record(key: &str) -> handler_contract::Record {
    let uploaded_at = handler_contract::Timestamp::parse("2026-11-22T16:33:49Z").unwrap();
    let upload = handler_contract::Upload {
        bucket: BUCKET.into(),
        key: key.into(),
        version_id: None,
        e_tag: Some("e".into()),
        sequencer: Some("s".into()),
        size: Some(1),
        uploaded_at: uploaded_at.clone(),
    };
    let findings = handler_contract::record::Findings {
        file_type: Some("text/plain".into()),
        file_size: 1,
        sha256: None,
        metadata: handler_contract::Metadata::default(),
        failure: None,
    };
    handler_contract::Record::new(&upload, findings, uploaded_at, "1")
}

/// Whether the table exists.
pub(crate) fn has_table(world: &World, name: &str) -> bool {
    let body = json!({"TableName": name}).to_string();
    request(world, "dynamodb", "POST /", "DynamoDB_20120810.DescribeTable", &body).0 == 200
}

/// The multipart uploads of the bucket that are neither completed nor aborted.
pub(crate) fn open_uploads(world: &World) -> usize {
    let (status, body) = request(world, "s3", &format!("GET /{BUCKET}?uploads"), "", "");
    assert_eq!(status, 200, "{body}");
    body.matches("<UploadId>").count()
}
