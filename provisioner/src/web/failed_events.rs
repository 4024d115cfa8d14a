//! The queue of failed events, as its page shows it.

use std::sync::{Mutex, PoisonError};

use provisioner_aws::Aws;
use provisioner_engine::dialog::{Answer, Dialog};
use provisioner_engine::event::Event;
use provisioner_engine::event::redrive::{Action, RedriveEvent, Tally};
use provisioner_engine::failed_events::{Scan, Waiting, peek};
use provisioner_engine::redrive::{self, Options};
use provisioner_model::error::Result;
use provisioner_model::names::Names;
use provisioner_model::sink::Sink;
use provisioner_model::spec::StackSpec;
use provisioner_web::pipeline::{FailedEvent, FailedEvents, Redriven};

/// Events that the page shows, at most.
const SHOWN: usize = 100;
/// Reasons that the page shows, at most.
const MOST_REMARKS: usize = 20;

/// The events that can be read.
pub(super) async fn list(aws: &Aws, names: &Names) -> Result<FailedEvents> {
    let scan = peek(aws, names, SHOWN).await;
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
pub(super) async fn redrive(aws: &Aws, spec: &StackSpec) -> Result<Redriven> {
    let answers = Answers::default();
    let options = Options { agreed: true, limit: usize::MAX, ..Options::default() };
    let ended = redrive::redrive(aws, spec, &options, &answers).await;
    let Collected { tally, mut remarks } = answers.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (ended, tally) {
        // Events that failed again are a result of the page, and no error.
        (_, Some(tally)) => {
            let left = tally.failed + tally.no_event + tally.left;
            remarks.truncate(MOST_REMARKS);
            Ok(Redriven { sent: tally.sent, left, dropped: tally.dropped, remarks })
        }
        (ended, None) => ended.map(|()| Redriven::default()),
    }
}

/// What a command reported that asks nothing.
#[derive(Default)]
struct Collected {
    tally: Option<Tally>,
    remarks: Vec<String>,
}

#[derive(Default)]
struct Answers(Mutex<Collected>);

impl Answers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink<Event> for Answers {
    fn take(&self, event: Event) {
        match event {
            Event::Redrive(RedriveEvent::Redriven(tally)) => self.lock().tally = Some(tally),
            Event::Redrive(RedriveEvent::FailedEvent { keys, action: Action::Kept, reason: Some(reason), .. }) => {
                self.lock().remarks.push(format!("{}: {reason}", keys.join(", ")));
            }
            _ => {}
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
        self.lock().remarks.push(text.to_owned());
    }
}
