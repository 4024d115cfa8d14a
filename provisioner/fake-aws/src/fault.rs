//! Injected failures: the calls that they match, and their effect.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::http::{Body, Cut, Delivery, Ending, Request, Response};
use crate::server::lock;
use crate::xml;

/// The effect on a call: an error instead of the response, or a changed response.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The service refuses the call with this error; nothing is executed.
    Error {
        /// The HTTP status.
        status: u16,
        /// The service's code, such as `ThrottlingException`.
        code: String,
        /// The service's message.
        message: String,
    },
    /// This response is returned verbatim; nothing is executed.
    Answer(Response),
    /// The connection ends without an answer; nothing is executed.
    NoAnswer(Cut),
    /// The call is executed, and then the connection ends without an answer.
    LostAnswer(Cut),
    /// The call is executed, and the connection ends after at most this many bytes of the answer's body. The head has
    /// the length of the complete body.
    BrokenBody(u64, Cut),
    /// The call is executed, and the response is truncated to at most this many bytes: complete for HTTP, and malformed
    /// as XML or JSON.
    Truncated(u64),
    /// The call is executed, and the last byte of the response body is changed.
    Corrupted,
    /// The call is executed, and the answer's length is not sent beforehand (`Transfer-Encoding: chunked`).
    Chunked,
    /// The call is executed, and every occurrence of a text in the response body is replaced. Use it to return a status
    /// that the client does not know.
    Rewritten {
        /// The text in the response.
        from: String,
        /// The replacement.
        to: String,
    },
    /// The call is executed, and its response is sent this much later, in real time. Prefer [`Fault::Held`] if the test
    /// can release the response.
    Delayed(Duration),
    /// The call is executed, and its answer is sent once the gate is open.
    Held(Gate),
}

impl Fault {
    /// An error of a service; see [`Fault::Error`].
    pub fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error { status, code: code.into(), message: message.into() }
    }

    /// A replaced text in the response; see [`Fault::Rewritten`].
    pub fn rewritten(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self::Rewritten { from: from.into(), to: to.into() }
    }

    /// The response to a call of this service. `answer` executes the call, if the fault does.
    pub(crate) fn deliver(&self, service: &str, answer: impl FnOnce() -> Response) -> Delivery {
        let (mut ending, mut chunked) = (Ending::Whole, false);
        let response = match self {
            Self::Error { status, code, message } => xml::error(service, *status, code, message),
            Self::Answer(response) => response.clone(),
            Self::NoAnswer(cut) => {
                ending = Ending::Before(*cut);
                Response::new(200, "")
            }
            Self::LostAnswer(cut) => {
                ending = Ending::Before(*cut);
                answer()
            }
            Self::BrokenBody(bytes, cut) => {
                ending = Ending::Within(*bytes, *cut);
                answer()
            }
            Self::Truncated(bytes) => {
                let length = usize::try_from(*bytes).unwrap_or(usize::MAX);
                with_body(answer(), |body| body.truncate(length))
            }
            Self::Corrupted => with_body(answer(), |body| body.iter_mut().last().into_iter().for_each(|b| *b ^= 1)),
            Self::Rewritten { from, to } => {
                with_body(answer(), |body| *body = String::from_utf8_lossy(body).replace(from, to).into_bytes())
            }
            Self::Chunked => {
                chunked = true;
                answer()
            }
            Self::Delayed(_) | Self::Held(_) => answer(),
        };
        Delivery { response, ending, chunked }
    }

    /// Waits as long as the fault delays the response; called without the state's lock.
    pub(crate) fn wait(&self) {
        match self {
            Self::Delayed(time) => std::thread::sleep(*time),
            Self::Held(gate) => gate.pass(),
            _ => {}
        }
    }
}

fn with_body(mut response: Response, change: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut bytes = response.body.to_vec();
    change(&mut bytes);
    response.body = Body::from(bytes);
    response
}

/// An error's status, code and message.
impl From<(u16, &str, &str)> for Fault {
    fn from((status, code, message): (u16, &str, &str)) -> Self {
        Self::error(status, code, message)
    }
}

/// Holds back the responses of [`Fault::Held`]. Once open it stays open; dropping its [`Fake`](crate::Fake) opens it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Releases all current and future responses.
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *lock(&self.0.0)
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(lock(&self.0.0), |open| !*open));
    }
}

type Condition = dyn Fn(&Request) -> bool + Send + Sync;

/// The calls that a fault applies to: by name, by content, and how many of them.
pub struct Rule {
    call: String,
    condition: Box<Condition>,
    after: usize,
    times: usize,
    fault: Fault,
}

impl Rule {
    /// Matches the next call of this name, such as `s3:GetObject`; `s3:*` and `*` match any.
    pub fn on(call: impl Into<String>, fault: impl Into<Fault>) -> Self {
        Self { call: call.into(), condition: Box::new(|_| true), after: 0, times: 1, fault: fault.into() }
    }

    /// Lets this many such calls pass first.
    #[must_use]
    pub fn after(mut self, calls: usize) -> Self {
        self.after = calls;
        self
    }

    /// Matches this many calls instead of one.
    #[must_use]
    pub fn times(mut self, calls: usize) -> Self {
        self.times = calls;
        self
    }

    /// Matches every such call from then on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Matches only requests that satisfy this condition, such as those of one key.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Box::new(condition);
        self
    }

    /// The fault, if the rule matches this call; counts the call.
    pub(crate) fn meet(&mut self, call: &str, request: &Request) -> Option<Fault> {
        if self.times == 0 || !names(&self.call, call) || !(self.condition)(request) {
            return None;
        }
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.fault.clone())
    }

    pub(crate) fn release(&self) {
        if let Fault::Held(gate) = &self.fault {
            gate.open();
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, after, times, fault, .. } = self;
        let mut rule = f.debug_struct("Rule");
        rule.field("call", call).field("after", after).field("times", times).field("fault", fault);
        rule.finish_non_exhaustive()
    }
}

/// Whether a pattern matches a call: the complete name, or a prefix before a `*`.
pub(crate) fn names(pattern: &str, call: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == call, |start| call.starts_with(start))
}
