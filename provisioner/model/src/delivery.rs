//! How an event that was sent to the function again ended, and what becomes of its message. Pure.

use handler_contract::origin::{self, Origin};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::call_error::{CallError, Kind};

/// How long Lambda tries to process an asynchronous event: as long as it can (Lambda developer guide, "Error handling for
/// asynchronous invocation"). Seconds.
pub const EVENT_AGE: u32 = 6 * 3_600;

/// The same in milliseconds.
pub const EVENT_AGE_MILLIS: i64 = EVENT_AGE as i64 * 1_000;

/// How long after an upload its event may still arrive: [`EVENT_AGE`], and half an hour for clocks and the last attempt.
/// Milliseconds.
pub const GRACE_MILLIS: i64 = EVENT_AGE_MILLIS + 30 * 60_000;

/// What Lambda answers to a synchronous invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationAnswer {
    /// Set if the function failed.
    pub function_error: Option<String>,
    /// The function's answer, or its error; null if it is not JSON.
    pub payload: Value,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The file has a record with the status SUCCESS.
    Stored,
    /// The file has a record with the status FAILED.
    Rejected,
    /// The file had a record already.
    Duplicate,
    /// The event leads to no record.
    Ignored,
    /// The object could not be read, or not to its end in time. The record that is processed again stays.
    Unreadable,
    /// The object no longer exists; the event was not sent.
    Gone,
    /// The function failed again, and may succeed later.
    Retry,
    /// The function cannot read the event.
    NotUnderstood,
    /// The function ended early: it ran out of time or crashed.
    Failed,
    /// The function has no free concurrency.
    Throttled,
    /// The connection was lost: the function may have processed the event.
    NoAnswer,
    /// The answer is not that of the handler.
    Unknown,
    /// The message contains no event; nothing was sent.
    NoEvent,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 13] = [
        Self::Stored,
        Self::Rejected,
        Self::Duplicate,
        Self::Ignored,
        Self::Unreadable,
        Self::Gone,
        Self::Retry,
        Self::NotUnderstood,
        Self::Failed,
        Self::Throttled,
        Self::NoAnswer,
        Self::Unknown,
        Self::NoEvent,
    ];

    /// The name, as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Unreadable => "unreadable",
            Self::Gone => "gone",
            Self::Retry => "retry",
            Self::NotUnderstood => "not-understood",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::NoAnswer => "no-answer",
            Self::Unknown => "unknown",
            Self::NoEvent => "no-event",
        }
    }

    /// Whether the event has done its work, so that its message is deleted. Only a known, final outcome is: everything else
    /// may still lead to a record.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Stored | Self::Rejected | Self::Duplicate | Self::Ignored)
    }

    /// What became of the file, if the handler has said that it is done with it.
    pub const fn processed(self) -> Option<Processed> {
        match self {
            Self::Stored => Some(Processed::Stored),
            Self::Rejected => Some(Processed::Rejected),
            Self::Duplicate => Some(Processed::Duplicate),
            Self::Ignored => Some(Processed::Ignored),
            Self::Unreadable => Some(Processed::Unreadable),
            Self::Gone
            | Self::Retry
            | Self::NotUnderstood
            | Self::Failed
            | Self::Throttled
            | Self::NoAnswer
            | Self::Unknown
            | Self::NoEvent => None,
        }
    }

    /// Whether the function did not answer, so that it may not answer to other events either.
    pub const fn is_unanswered(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Throttled)
    }
}

/// The outcomes of a file that the handler is done with, by the names of [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the outcome of the same name")]
pub enum Processed {
    Stored,
    Rejected,
    Duplicate,
    Ignored,
    Unreadable,
}

/// How one event ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The outcome.
    pub outcome: Outcome,
    /// The reason of an outcome that is not final, except for [`Outcome::Unreadable`].
    pub reason: Option<String>,
    /// The record, if the event was about one file, and the function names it.
    pub document_id: Option<String>,
}

/// The event as it is sent again: in the envelope of a destination, which every handler opens, with a mark for the log.
pub fn envelope(event: &Value, origin: Origin) -> Value {
    json!({ "requestPayload": event, origin::FIELD: origin.mark() })
}

/// The outcome of a synchronous invocation.
///
/// # Errors
/// A failed call that concerns every further one as well: no permission, no function, no valid credentials. A lost connection
/// is [`Outcome::NoAnswer`]: it can concern this call only.
pub fn delivery(answer: Result<InvocationAnswer, CallError>) -> Result<Delivery, CallError> {
    let with = |outcome, reason: String| Ok(Delivery { outcome, reason: Some(reason), document_id: None });
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return match error.kind {
                Kind::Throttled => with(Outcome::Throttled, error.to_string()),
                Kind::Unreachable | Kind::Unavailable => with(Outcome::NoAnswer, error.to_string()),
                Kind::Other | Kind::Busy => with(Outcome::Unknown, error.to_string()),
                _ => Err(error),
            };
        }
    };
    let text = |name: &str| answer.payload[name].as_str().unwrap_or_default();
    if let Some(kind) = &answer.function_error {
        let outcome = match text("errorType") {
            "Retry" => Outcome::Retry,
            "EventNotUnderstood" => Outcome::NotUnderstood,
            _ => Outcome::Failed,
        };
        let message = text("errorMessage");
        return with(outcome, if message.is_empty() { kind.clone() } else { message.to_owned() });
    }
    let files = answer.payload["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let outcomes: Option<Vec<Outcome>> = files.iter().map(|file| named(file["outcome"].as_str()?)).collect();
    // An event names one object; of several, the worst outcome counts, and a FAILED record is worse than none that is new.
    match outcomes.and_then(|outcomes| outcomes.into_iter().max_by_key(|outcome| severity(*outcome))) {
        Some(outcome) => {
            let [file] = files else { return Ok(Delivery { outcome, reason: None, document_id: None }) };
            let document_id = file["documentId"].as_str().map(ToOwned::to_owned);
            Ok(Delivery { outcome, reason: None, document_id })
        }
        None => with(Outcome::Unknown, format!("the function answered {}", shortened(&answer.payload))),
    }
}

/// An outcome by the handler's name for it.
fn named(name: &str) -> Option<Outcome> {
    [Outcome::Stored, Outcome::Rejected, Outcome::Duplicate, Outcome::Ignored, Outcome::Unreadable]
        .into_iter()
        .find(|outcome| outcome.name() == name)
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ignored => 0,
        Outcome::Duplicate => 1,
        Outcome::Stored => 2,
        Outcome::Unreadable => 4,
        _ => 3,
    }
}

/// The start of an answer, for a message.
fn shortened(answer: &Value) -> String {
    const MOST: usize = 100;
    let text = answer.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> Answer {
        Err(CallError { kind, code: None, message: "why".into() })
    }

    type Answer = Result<InvocationAnswer, CallError>;

    fn answer(function_error: Option<&str>, payload: Value) -> InvocationAnswer {
        InvocationAnswer { function_error: function_error.map(Into::into), payload }
    }

    fn files(outcomes: &[&str]) -> InvocationAnswer {
        let files: Vec<Value> =
            outcomes.iter().map(|outcome| json!({ "documentId": "d", "outcome": outcome })).collect();
        answer(None, json!({ "files": files }))
    }

    fn failed(kind: &str) -> InvocationAnswer {
        answer(Some("Unhandled"), json!({ "errorType": kind, "errorMessage": "why" }))
    }

    #[test]
    fn each_answer_has_its_outcome_and_only_final_ones_delete_the_message() {
        use Outcome::{
            Duplicate, Failed, Ignored, NoAnswer, NotUnderstood, Rejected, Retry, Stored, Throttled, Unknown,
            Unreadable,
        };
        for (answer, outcome, deletes) in [
            (Ok(files(&["stored"])), Stored, true),
            (Ok(files(&["rejected"])), Rejected, true),
            (Ok(files(&["duplicate"])), Duplicate, true),
            (Ok(files(&["ignored"])), Ignored, true),
            (Ok(files(&["ignored", "stored", "duplicate"])), Stored, true),
            (Ok(files(&["stored", "rejected"])), Rejected, true),
            (Ok(files(&["unreadable"])), Unreadable, false),
            (Ok(files(&["rejected", "unreadable"])), Unreadable, false),
            // A newer handler may have outcomes that this program does not know; a batch and nothing are none.
            (Ok(files(&["stored", "postponed"])), Unknown, false),
            (Ok(files(&[])), Unknown, false),
            (Ok(answer(None, Value::Null)), Unknown, false),
            (Ok(answer(None, json!({"batchItemFailures": []}))), Unknown, false),
            (Ok(failed("Retry")), Retry, false),
            (Ok(failed("EventNotUnderstood")), NotUnderstood, false),
            (Ok(failed("Sandbox.Timedout")), Failed, false),
            (Ok(failed("Runtime.ExitError")), Failed, false),
            (Ok(answer(Some("Unhandled"), Value::Null)), Failed, false),
            (error(Kind::Throttled), Throttled, false),
            (error(Kind::Unreachable), NoAnswer, false),
            (error(Kind::Unavailable), NoAnswer, false),
            (error(Kind::Other), Unknown, false),
        ] {
            let files = answer.as_ref().ok().and_then(|answer| answer.payload["files"].as_array()).map_or(0, Vec::len);
            let shown = format!("{answer:?}");
            let delivery = delivery(answer).unwrap();
            assert_eq!((delivery.outcome, delivery.outcome.is_final()), (outcome, deletes), "{shown}");
            assert_eq!(delivery.reason.is_some(), !deletes && outcome != Unreadable, "{shown}");
            assert_eq!(outcome.is_unanswered(), [NoAnswer, Throttled].contains(&outcome), "{shown}");
            let has_id = files == 1 && outcome != Unknown;
            assert_eq!(delivery.document_id.as_deref(), has_id.then_some("d"), "{shown}");
        }
        for kind in [Kind::Denied, Kind::NotFound, Kind::Expired, Kind::NotAws, Kind::ClockSkew] {
            assert_eq!(delivery(error(kind)).unwrap_err().kind, kind);
        }
    }

    #[test]
    fn names_are_those_of_the_json() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
    }
}
