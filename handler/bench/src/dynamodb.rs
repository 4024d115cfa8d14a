//! `DynamoDB` as far as the handler calls it: `PutItem` on a condition. It keeps the items and judges the conditions.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Ending, Request, Response, Server, Watched};

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

#[derive(Debug, Default)]
struct State {
    items: HashMap<String, Value>,
    faults: VecDeque<Fault>,
    requests: Vec<Value>,
}

/// The service.
#[derive(Debug)]
pub struct DynamoDb {
    server: Server,
    state: Arc<Watched<State>>,
}

impl DynamoDb {
    /// Starts the service on a free port.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Watched::<State>::default());
        let server = Server::start({
            let state = Arc::clone(&state);
            move |request| state.change(|state| answer(state, request))
        })?;
        Ok(Self { server, state })
    }

    /// What belongs into `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Lets these happen to the next requests, one to each.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.change(|state| state.faults.extend(faults));
    }

    /// Every item, as `PutItem` wrote it.
    pub fn items(&self) -> Vec<Value> {
        self.state.change(|state| state.items.values().cloned().collect())
    }

    /// Puts an item there without a condition.
    pub fn put(&self, item: Value) {
        self.state.change(|state| state.items.insert(id(&item), item));
    }

    /// The bodies of all requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.state.change(|state| state.requests.clone())
    }

    /// Waits until there were so many requests.
    ///
    /// # Panics
    /// When there are not within 30 seconds.
    pub fn wait_for_requests(&self, count: usize) {
        let patience = Duration::from_secs(30);
        self.state.wait(patience, |state| (state.requests.len() >= count).then_some(())).expect("the requests come");
    }
}

fn id(item: &Value) -> String {
    item["documentId"]["S"].as_str().unwrap_or_default().to_owned()
}

fn answer(state: &mut State, request: &Request) -> Response {
    let put: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    state.requests.push(put.clone());
    if request.header("x-amz-target") != Some("DynamoDB_20120810.PutItem") {
        return error(400, "UnknownOperationException");
    }
    let lost = Response { ending: Ending::Lost, ..Response::new(200, "{}") };
    match state.faults.pop_front() {
        Some(Fault::Error(status, code)) => return error(status, code),
        Some(Fault::Lost) => return lost,
        Some(Fault::WrittenButLost) => {
            write(state, &put);
            return lost;
        }
        Some(Fault::WrittenButSilent) => {
            write(state, &put);
            return Response { ending: Ending::Hangs(0), ..lost };
        }
        None => {}
    }
    if write(state, &put) {
        Response::new(200, "{}").with("content-type", "application/x-amz-json-1.0")
    } else {
        error(400, "ConditionalCheckFailedException")
    }
}

fn write(state: &mut State, put: &Value) -> bool {
    let item = put["Item"].clone();
    let allowed = put["ConditionExpression"].as_str().is_none_or(|condition| {
        holds(
            condition,
            |name| put["ExpressionAttributeNames"][name].as_str().map(ToOwned::to_owned),
            |value| put["ExpressionAttributeValues"].get(value).cloned(),
            state.items.get(&id(&item)),
        )
    });
    if allowed {
        state.items.insert(id(&item), item);
    }
    allowed
}

/// Whether a condition holds for the item that is there, for the part of the language that the handler speaks:
/// `attribute_not_exists(path)` and `path = :value`, joined by `OR`.
///
/// # Panics
/// When the condition says something else: a fake that guesses would prove nothing.
pub fn holds(
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
            let (path, wanted) = clause.split_once(" = ").expect("a comparison");
            attribute(path) == Some(value(wanted).expect("the value is defined"))
        }
    })
}

fn error(status: u16, code: &str) -> Response {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
        "message": "as the test wants it",
    });
    Response::new(status, body.to_string()).with("content-type", "application/x-amz-json-1.0")
}
