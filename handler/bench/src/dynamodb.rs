//! `DynamoDB` as far as the handler calls it: `PutItem` on a condition. It keeps the items and judges the conditions.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::checksum::crc32;
use crate::fake::{Fake, Service};
use crate::http::{Ending, Request, Response, http_date};

/// The service.
pub type DynamoDb = Fake<Table>;

/// What happens to one request instead of its right answer.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// An error with this status and code; nothing is written.
    Error(u16, &'static str),
    /// The connection is closed without an answer; nothing is written.
    Lost,
    /// The item is written, and the connection closed without an answer.
    WrittenButLost,
    /// The item is written, and no answer comes.
    WrittenButSilent,
}

/// The one table, whatever name it is called by.
#[derive(Debug, Default)]
pub struct Table {
    items: HashMap<String, Value>,
}

impl DynamoDb {
    /// Every item, as `PutItem` wrote it.
    pub fn items(&self) -> Vec<Value> {
        self.with(|table| table.items.values().cloned().collect())
    }

    /// Puts an item there without a condition.
    pub fn put(&self, item: Value) {
        self.with(|table| table.items.insert(id(&item), item));
    }
}

impl Service for Table {
    type Fault = Fault;

    fn answer(&mut self, request: &Request, fault: Option<Fault>) -> Response {
        if request.header("x-amz-target") != Some("DynamoDB_20120810.PutItem") {
            return answer(400, &error("UnknownOperationException"));
        }
        let put = request.json();
        let lost = Response { ending: Ending::Lost, ..Response::new(200, "{}") };
        match fault {
            Some(Fault::Error(status, code)) => return answer(status, &error(code)),
            Some(Fault::Lost) => return lost,
            Some(Fault::WrittenButLost) => {
                self.write(&put);
                return lost;
            }
            Some(Fault::WrittenButSilent) => {
                self.write(&put);
                return Response { ending: Ending::Hangs(0), ..lost };
            }
            None => {}
        }
        if self.write(&put) {
            return answer(200, &json!({}));
        }
        let mut failed = error("ConditionalCheckFailedException");
        if put["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            && let Some(existing) = self.items.get(&id(&put["Item"]))
        {
            failed["Item"] = existing.clone();
        }
        answer(400, &failed)
    }
}

impl Table {
    fn write(&mut self, put: &Value) -> bool {
        let item = put["Item"].clone();
        let allowed = put["ConditionExpression"].as_str().is_none_or(|condition| {
            condition_holds(
                condition,
                |name| put["ExpressionAttributeNames"][name].as_str().map(ToOwned::to_owned),
                |value| put["ExpressionAttributeValues"].get(value).cloned(),
                self.items.get(&id(&item)),
            )
        });
        if allowed {
            self.items.insert(id(&item), item);
        }
        allowed
    }
}

fn id(item: &Value) -> String {
    item["documentId"]["S"].as_str().unwrap_or_default().to_owned()
}

/// Whether a condition holds for the item that is there, for the part of the language that the handler speaks:
/// `attribute_not_exists(path)` and `path = :value`, joined by `OR`.
///
/// # Panics
/// When the condition says something else: a fake that guesses would prove nothing.
pub fn condition_holds(
    condition: &str,
    name: impl Fn(&str) -> Option<String>,
    value: impl Fn(&str) -> Option<Value>,
    existing: Option<&Value>,
) -> bool {
    let attribute = |path: &str| {
        let path = if path.starts_with('#') { name(path).expect("the name is defined") } else { path.to_owned() };
        existing.and_then(|item| item.get(&path)).cloned()
    };
    condition.split(" OR ").any(|clause| {
        if let Some(path) = clause.strip_prefix("attribute_not_exists(").and_then(|rest| rest.strip_suffix(')')) {
            attribute(path).is_none()
        } else {
            let (path, expected) = clause.split_once(" = ").expect("a comparison");
            attribute(path) == Some(value(expected).expect("the value is defined"))
        }
    })
}

fn error(code: &str) -> Value {
    json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
        "message": "injected by the test",
    })
}

/// An answer with the headers of every answer of `DynamoDB`. Source: `DynamoDB` developer guide, "DynamoDB low-level API",
/// and the `ResponseMetadata` that boto3 gives of its answers.
///
/// The identifier is made up and as long as one of `DynamoDB`.
fn answer(status: u16, body: &Value) -> Response {
    let body = body.to_string();
    let checksum = crc32(body.as_bytes()).to_string();
    Response::new(status, body)
        .with("Server", "Server")
        .with("Date", http_date(SystemTime::now()))
        .with("Content-Type", "application/x-amz-json-1.0")
        .with("Connection", "keep-alive")
        .with("x-amzn-RequestId", "BENCHMARK0000000000000000000000001VV4KQNSO5AEMVJF66Q")
        .with("x-amz-crc32", checksum)
}
