//! The queue of failed events, for the page.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use handler_contract::Timestamp;
use provisioner_aws::queue::Queue;
use provisioner_engine::dialog::{Answer, Dialog};
use provisioner_engine::event::Event;
use provisioner_engine::event::deploy::DeployEvent;
use provisioner_engine::redrive;
use provisioner_model::error::Result;
use provisioner_model::sink::Sink;
use provisioner_web::pipeline::{FailedEvent, FailedEvents, Redriven};
use serde_json::Value;

use super::Stack;

/// Reads of the queue, each of up to ten messages.
const MOST_READS: usize = 12;

/// The events that can be read, without hiding them from others.
pub(super) async fn list(stack: &Stack) -> Result<FailedEvents> {
    let doing = "read the queue of failed events";
    let queue = Queue::find(&stack.aws, &stack.names.queue).await.map_err(|e| e.into_error(doing))?;
    let Some(queue) = queue else { return Ok(FailedEvents::default()) };
    let waiting = queue.depth().await.map_err(|e| e.into_error(doing))?;
    let (mut seen, mut events) = (HashSet::new(), Vec::new());
    for _ in 0..MOST_READS {
        if events.len() as u64 >= waiting {
            break;
        }
        let messages = queue.peek().await.map_err(|e| e.into_error(doing))?;
        let before = seen.len();
        events.extend(messages.iter().filter(|message| seen.insert(message.id.clone())).map(|m| failed_event(&m.body)));
        if seen.len() == before {
            break;
        }
    }
    events.sort_by_key(|event: &FailedEvent| std::cmp::Reverse(event.time));
    Ok(FailedEvents { waiting, events })
}

/// What Lambda's record of a failed invocation says (Lambda developer guide, "Capturing records of asynchronous
/// invocations").
fn failed_event(body: &str) -> FailedEvent {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let key = body["requestPayload"]["Records"][0]["s3"]["object"]["key"].as_str();
    let time = body["timestamp"].as_str().and_then(|text| Timestamp::parse(text).ok());
    let response = &body["responsePayload"];
    let reason = response["errorMessage"].as_str().or_else(|| body["requestContext"]["condition"].as_str());
    FailedEvent {
        // Keys are form-encoded there.
        key: key.map(|key| percent_decoded(&key.replace('+', " "))),
        reason: reason.map(ToOwned::to_owned),
        attempts: body["requestContext"]["approximateInvokeCount"].as_u64(),
        time: time.map(|time| time.unix_millis()),
    }
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Sends all of them again. The page has asked.
pub(super) async fn redrive(stack: &Stack) -> Result<Redriven> {
    let answers = Answers::default();
    redrive::redrive(&stack.aws, &stack.file.spec, true, &answers).await?;
    Ok(answers.0.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Takes the events of a command that asks nothing.
#[derive(Default)]
struct Answers(Mutex<Redriven>);

impl Sink<Event> for Answers {
    fn take(&self, event: Event) {
        if let Event::Deploy(DeployEvent::Redriven { sent, unreadable, dropped }) = event {
            let mut result = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (result.sent, result.left, result.dropped) = (sent, unreadable, dropped);
        }
    }
}

impl Dialog for Answers {
    fn can_ask(&self) -> bool {
        false
    }

    fn ask<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn remark(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remarks.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_event_is_read_from_lambdas_record() {
        let body = r#"{"timestamp":"2026-11-22T16:33:49.120Z",
            "requestContext":{"condition":"RetriesExhausted","approximateInvokeCount":3},
            "requestPayload":{"Records":[{"s3":{"object":{"key":"in/a+b%2Bc.pdf"}}}]},
            "responsePayload":{"errorMessage":"S3 denied the read"}}"#;
        let event = failed_event(body);
        assert_eq!(event.key.as_deref(), Some("in/a b+c.pdf"));
        assert_eq!((event.reason.as_deref(), event.attempts), (Some("S3 denied the read"), Some(3)));
        assert_eq!(event.time, Some(1_795_365_229_120));
        for other in ["", "text", "{}", "[1]"] {
            assert_eq!(failed_event(other), FailedEvent { key: None, reason: None, attempts: None, time: None });
        }
    }
}
