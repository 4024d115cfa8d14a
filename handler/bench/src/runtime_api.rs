//! The Lambda Runtime API, version 2018-06-01, as far as a function needs it: the next event, an answer, an error.
//! Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes"; for the headers that the page does
//! not have, AWS's own server, aws-lambda-runtime-interface-emulator, `internal/lambda/rapi/rendering` (Go's server adds
//! `Date`).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::http::{Request, Response, Server, Watched, http_date};

/// What a function made of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It succeeded.
    Success(Value),
    /// It failed; Lambda would try again.
    Failure(Value),
}

/// Longer than any test may take. It ends a test that would hang.
const TIMEOUT: Duration = Duration::from_mins(10);

#[derive(Default)]
struct State {
    /// When a function first asked for work.
    first_request: Option<Instant>,
    requests: u64,
    events: VecDeque<(String, Value, SystemTime)>,
    answers: HashMap<String, (Answer, Instant)>,
    invocations: u64,
    stopping: bool,
}

/// The API. One function is served by it.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    state: Arc<Watched<State>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// An event that waits for its answer.
#[derive(Debug)]
pub struct Pending {
    request_id: String,
    sent: Instant,
}

impl RuntimeApi {
    /// Starts the API on a free port.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Watched::<State>::default());
        let server = Server::start({
            let state = Arc::clone(&state);
            move |request| answer(&state, request)
        })?;
        Ok(Self { server, state })
    }

    /// What belongs into `AWS_LAMBDA_RUNTIME_API`.
    pub fn endpoint(&self) -> String {
        self.server.address().to_string()
    }

    /// Waits until a function has asked for its n-th event, counted from one, and says when the first was asked for.
    pub fn asked(&self, times: u64) -> Option<Instant> {
        self.state.wait(TIMEOUT, |state| state.first_request.filter(|_| state.requests >= times))
    }

    /// Gives an event to the function, which has so long for it.
    pub fn send(&self, event: Value, time: Duration) -> Pending {
        let (deadline, sent) = (SystemTime::now() + time, Instant::now());
        let request_id = self.state.change(|state| {
            state.invocations += 1;
            let request_id = format!("00000000-0000-4000-8000-{:012}", state.invocations);
            state.events.push_back((request_id.clone(), event, deadline));
            request_id
        });
        Pending { request_id, sent }
    }

    /// Waits for the answer to an event and says how long it took; `None` when there is none in time.
    pub fn answer(&self, pending: &Pending, limit: Duration) -> Option<(Answer, Duration)> {
        let (answer, at) = self.state.wait(limit, |state| state.answers.remove(&pending.request_id))?;
        Some((answer, at.saturating_duration_since(pending.sent)))
    }

    /// Sends an event and waits for its answer.
    ///
    /// # Panics
    /// When there is no answer within ten minutes.
    pub fn invoke(&self, event: Value, time: Duration) -> (Answer, Duration) {
        let pending = self.send(event, time);
        self.answer(&pending, TIMEOUT).expect("the function answers")
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.state.change(|state| state.stopping = true);
    }
}

fn answer(state: &Watched<State>, request: &Request) -> Response {
    let arrived = Instant::now();
    let path = request.path.strip_prefix("/2018-06-01/runtime/invocation/").unwrap_or_default();
    if path == "next" {
        state.change(|state| {
            state.requests += 1;
            state.first_request.get_or_insert(arrived);
        });
        let next = state.wait(TIMEOUT, |state| match state.events.pop_front() {
            None if state.stopping => Some(None),
            event => event.map(Some),
        });
        let Some(Some((request_id, event, deadline))) = next else { return Response::new(410, "") };
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        return Response::new(200, event.to_string())
            .with("Content-Type", "application/json")
            .with("Lambda-Runtime-Aws-Request-Id", request_id)
            .with("Lambda-Runtime-Deadline-Ms", deadline.to_string())
            .with("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
            .with("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
            .with("Date", http_date(SystemTime::now()));
    }
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let (request_id, answer) = match path.split_once('/') {
        Some((id, "response")) => (id, Answer::Success(body)),
        Some((id, "error")) => (id, Answer::Failure(body)),
        _ => return Response::new(404, ""),
    };
    state.change(|state| state.answers.insert(request_id.to_owned(), (answer, arrived)));
    Response::new(202, "{\"status\":\"OK\"}\n")
        .with("Content-Type", "application/json")
        .with("Date", http_date(SystemTime::now()))
}
