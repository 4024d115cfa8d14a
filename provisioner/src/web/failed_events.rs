//! The queue of failed events, as its page shows it.

use std::sync::{Mutex, PoisonError};

use provisioner_engine::dialog::{Answer, Dialog};
use provisioner_engine::event::Event;
use provisioner_engine::event::deploy::DeployEvent;
use provisioner_engine::failed_events::{Scan, Waiting, peek};
use provisioner_engine::redrive;
use provisioner_model::error::Result;
use provisioner_model::sink::Sink;
use provisioner_web::pipeline::{FailedEvent, FailedEvents, Redriven};

use super::Stack;

/// Events that the page shows, at most.
const SHOWN: usize = 100;

/// The events that can be read.
pub(super) async fn list(stack: &Stack) -> Result<FailedEvents> {
    let scan = peek(&stack.aws, &stack.names, SHOWN).await;
    Ok(view(&scan.map_err(|e| e.into_error("read the queue of failed events"))?))
}

fn view(scan: &Scan) -> FailedEvents {
    FailedEvents { waiting: scan.depth, events: scan.messages.iter().rev().map(failed_event).collect() }
}

fn failed_event(waiting: &Waiting) -> FailedEvent {
    let event = waiting.event.as_ref();
    let time = event.and_then(|event| event.time.as_ref()).map(handler_contract::Timestamp::unix_millis);
    FailedEvent {
        key: event.and_then(|event| event.keys().next()).map(ToOwned::to_owned),
        reason: event.map(|event| event.reason().to_owned()),
        attempts: event.and_then(|event| event.attempts),
        time: time.or(waiting.message.sent),
    }
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
