//! The queue of failed events: what it holds and why, and sending events to the function again.
//!
//! Each event is sent by a synchronous invocation, so that its outcome is known. Its message is deleted only on an outcome
//! that is final ([`provisioner_model::delivery::Outcome::is_final`]); until then it is hidden from other consumers, and
//! becomes visible again whatever happens to this process. So an interruption at any point loses no event; the worst is an
//! event that is processed twice, which gives one record.

use std::time::Duration;

use handler_contract::origin::Origin;
use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::queue::Queue;
use provisioner_model::call_error::CallError;
use provisioner_model::delivery::{Delivery, Outcome};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::names::Names;
use provisioner_model::query::Pattern;
use provisioner_model::spec::StackSpec;
use provisioner_model::units::counted;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::dialog::Dialog;
use crate::event::redrive::{Action, RedriveEvent, Tally};
use crate::failed_events::{self, Held, Waiting};
use crate::resend::{Resender, Unanswered};
use crate::{clock, interrupt};

/// The largest number of messages that one run reads.
const MOST_MESSAGES: usize = 10_000;
/// Calls at the same time: invocations, and reads of objects.
const PARALLEL: usize = 8;
/// How long giving messages back may take when the command is interrupted.
const GIVE_BACK: Duration = Duration::from_secs(5);
/// The code of a message without an event.
const NO_EVENT: &str = "NoEvent";

/// Which failed events, and what to do with them.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Options {
    /// Do not ask.
    pub agreed: bool,
    /// Only events that failed with this code.
    pub code: Option<String>,
    /// Only events of files whose name or key matches.
    pub name: Option<Pattern>,
    /// At most this many, the oldest.
    pub limit: usize,
    /// Change nothing.
    pub dry_run: bool,
    /// Keep every message.
    pub keep: bool,
    /// Delete the messages instead of sending their events.
    pub discard: bool,
}

impl Options {
    /// Whether a message is selected.
    fn selects(&self, waiting: &Waiting) -> bool {
        let code = self.code.as_deref().is_none_or(|code| code.eq_ignore_ascii_case(code_of(waiting)));
        let named =
            |pattern: &Pattern| waiting.event.as_ref().is_some_and(|e| e.keys().any(|key| pattern.matches(key)));
        code && self.name.as_ref().is_none_or(named)
    }
}

/// What the queue holds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The stack.
    pub stack: String,
    /// The events that were read and selected, oldest first.
    pub events: Vec<Listed>,
    /// The approximate number of messages in the queue.
    pub depth: u64,
    /// Messages that were not read: another consumer has received them, or there are more than are read at a time.
    pub unread: u64,
    /// Why the messages stay hidden from other consumers for half a minute; absent if they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
}

/// A failed event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The message's id.
    pub message_id: String,
    /// What failed, as one word.
    pub code: String,
    /// What failed.
    pub reason: String,
    /// The keys of its objects.
    pub keys: Vec<String>,
    /// How long it has been in the queue, seconds; absent if the service does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// How often Lambda tried it, where Lambda reports that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// The invocation, for `logs --request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often the message was read.
    pub received: u32,
}

/// Lists the failed events and gives them back to the queue.
pub async fn list(aws: &Aws, spec: &StackSpec, options: &Options) -> Result<Listing> {
    let names = Names::new(spec, &aws.account, &aws.region);
    find(aws, spec, &names).await?;
    let scan = failed_events::peek(aws, &names, options.limit.max(failed_events::MOST_PEEKED))
        .await
        .map_err(|e| e.into_error("read the queue of failed events"))?;
    let now = clock::now_millis();
    let (unread, depth) = (scan.unread(), scan.depth);
    let selected = scan.messages.iter().filter(|waiting| options.selects(waiting)).take(options.limit);
    Ok(Listing {
        stack: spec.name.clone(),
        events: selected.map(|waiting| listed(waiting, now)).collect(),
        depth,
        unread,
        hidden: scan.not_given_back.map(|error| error.to_string()),
    })
}

fn listed(waiting: &Waiting, now: i64) -> Listed {
    let event = waiting.event.as_ref();
    Listed {
        message_id: waiting.message.id.clone(),
        code: code_of(waiting).to_owned(),
        reason: event.map_or_else(|| "the message contains no event of Lambda".to_owned(), |e| e.reason().to_owned()),
        keys: event.map(|event| event.keys().map(ToOwned::to_owned).collect()).unwrap_or_default(),
        age_seconds: waiting.message.sent.and_then(|sent| u64::try_from((now - sent) / 1_000).ok()),
        attempts: event.and_then(|event| event.attempts),
        request_id: event.and_then(|event| event.request_id.clone()),
        received: waiting.message.received,
    }
}

fn code_of(waiting: &Waiting) -> &str {
    waiting.event.as_ref().map_or(NO_EVENT, FailedEvent::code)
}

async fn find(aws: &Aws, spec: &StackSpec, names: &Names) -> Result<Queue> {
    Queue::find(aws, &names.queue)
        .await
        .map_err(|e| e.into_error(&format!("look for the queue {}", names.queue)))?
        .ok_or_else(|| {
            Error::new(Exit::Failure, "not-deployed", format!("there is no queue {}", names.queue))
                .hint(format!("Deploy the stack first: provisioner up -s {}", spec.name))
        })
}

/// Sends the selected events to the function, one report for each. Asks first, unless the options agree or nothing is
/// selected.
///
/// # Errors
/// The queue cannot be read, the user declines, an event failed again, a message contains no event, or an interruption. Every
/// event that has no final outcome is in the queue then.
pub async fn redrive(aws: &Aws, spec: &StackSpec, options: &Options, dialog: &dyn Dialog) -> Result<()> {
    let names = Names::new(spec, &aws.account, &aws.region);
    let queue = find(aws, spec, &names).await?;
    let depth = queue.depth().await.map_err(|e| e.into_error("read the queue of failed events"))?;
    if depth == 0 {
        dialog.event(RedriveEvent::Redriven(Tally::default()));
        return Ok(());
    }
    let mut interrupts = interrupt::subscribe();
    let held = Held::new(&queue, failed_events::EXTENSION);
    let mut run = Redriving {
        aws,
        function: Resender::new(aws, spec, &names, Origin::Redrive),
        names: &names,
        options,
        dialog,
        held: &held,
        tally: Tally::default(),
    };
    let ended = tokio::select! {
        ended = run.all(depth) => ended,
        () = interrupts.next() => Err(Error::new(Exit::Interrupted, "interrupted", "interrupted").hint(
            "Events without a reported outcome are in the queue. Run the same command again to continue.",
        )),
    };
    let given_back = tokio::time::timeout(GIVE_BACK, held.give_back()).await;
    if !matches!(given_back, Ok(Ok(()))) {
        dialog.remark(&format!(
            "Messages that were not deleted become visible again within {} s.",
            failed_events::HELD_SECONDS
        ));
    }
    ended
}

struct Redriving<'a> {
    aws: &'a Aws,
    function: Resender,
    names: &'a Names,
    options: &'a Options,
    dialog: &'a dyn Dialog,
    held: &'a Held,
    tally: Tally,
}

impl Redriving<'_> {
    async fn all(&mut self, depth: u64) -> Result<()> {
        let messages =
            self.held.receive(depth, MOST_MESSAGES).await.map_err(|e| e.into_error("receive failed events"))?;
        let read = messages.len() as u64;
        let selected: Vec<Waiting> =
            messages.into_iter().filter(|waiting| self.options.selects(waiting)).take(self.options.limit).collect();
        self.tally.left = read - selected.len() as u64;
        if self.options.discard {
            self.discard(selected).await?;
        } else {
            self.send(selected).await?;
        }
        if !self.options.dry_run {
            self.dialog.event(RedriveEvent::Redriven(self.tally));
        }
        if read >= MOST_MESSAGES as u64 && depth > read {
            self.dialog.remark(&format!(
                "About {} more are in the queue: one run reads {MOST_MESSAGES}. Run the same command again for those.",
                depth - read
            ));
        } else if depth > read {
            self.dialog.remark(&format!(
                "About {} more are hidden, because another consumer has received them. Those that it does not delete \
                 become visible within minutes; run the same command again then.",
                depth - read
            ));
        }
        self.verdict()
    }

    /// Deletes the selected messages.
    async fn discard(&mut self, selected: Vec<Waiting>) -> Result<()> {
        if !selected.is_empty() && !self.options.dry_run && !self.options.agreed {
            let what = counted(selected.len() as u64, "failed event");
            let question = format!("Delete {what} without sending? Their files get no record.");
            self.dialog.ask(&question, "--yes").await?;
        }
        for waiting in selected {
            let outcome = waiting.event.is_none().then_some(Outcome::NoEvent);
            self.delete(&waiting, outcome).await?;
        }
        Ok(())
    }

    /// Deletes a message whose event is not sent.
    async fn delete(&mut self, waiting: &Waiting, outcome: Option<Outcome>) -> Result<()> {
        if self.options.dry_run {
            self.report(waiting, outcome, Action::WouldDelete, None);
            return Ok(());
        }
        self.held.delete(&waiting.message).await.map_err(|e| e.into_error("delete a failed event from the queue"))?;
        self.tally.dropped += 1;
        self.report(waiting, outcome, Action::Deleted, None);
        Ok(())
    }

    /// Sends the selected events, and offers to delete those of objects that no longer exist.
    async fn send(&mut self, selected: Vec<Waiting>) -> Result<()> {
        let (events, others): (Vec<_>, Vec<_>) = selected.into_iter().partition(|waiting| waiting.event.is_some());
        let (present, gone) = self.by_presence(events).await?;
        self.tally.no_event = others.len() as u64;
        for waiting in &others {
            self.report(waiting, Some(Outcome::NoEvent), Action::Kept, None);
        }
        if self.options.dry_run {
            for waiting in present {
                self.report(&waiting, None, Action::WouldSend, None);
            }
            for waiting in gone {
                self.delete(&waiting, Some(Outcome::Gone)).await?;
            }
            return Ok(());
        }
        if !present.is_empty() && !self.options.agreed {
            let question =
                format!("Send {} to {} again?", counted(present.len() as u64, "failed event"), self.names.function);
            self.dialog.ask(&question, "--yes").await?;
        }
        self.send_all(present).await?;
        self.drop_gone(gone).await
    }

    /// Separates events of which no object exists any more. The function's role may not list the bucket, so for it such an
    /// object is one that it may not read: its event would fail again.
    async fn by_presence(&self, waiting: Vec<Waiting>) -> Result<(Vec<Waiting>, Vec<Waiting>)> {
        let (mut present, mut gone) = (Vec::new(), Vec::new());
        let mut waiting = waiting.into_iter();
        let mut looking: JoinSet<Result<(Waiting, bool), CallError>> = JoinSet::new();
        loop {
            while looking.len() < PARALLEL
                && let Some(next) = waiting.next()
            {
                let aws = self.aws.clone();
                looking.spawn(async move {
                    let uploads = next.event.as_ref().map_or(&[][..], |event| &event.uploads);
                    let is_gone = Object::all_gone(&aws, uploads).await?;
                    Ok((next, is_gone))
                });
            }
            let Some(looked) = looking.join_next().await else { break };
            let (next, is_gone) = joined(looked)?.map_err(|e| e.into_error("look for the object of an event"))?;
            if is_gone { gone.push(next) } else { present.push(next) }
        }
        present.sort_by_key(|waiting| waiting.message.sent);
        Ok((present, gone))
    }

    async fn send_all(&mut self, present: Vec<Waiting>) -> Result<()> {
        let mut present = present.into_iter();
        let mut running: JoinSet<(Waiting, Result<Delivery, CallError>)> = JoinSet::new();
        let mut unanswered = Unanswered::default();
        loop {
            while running.len() < PARALLEL
                && !unanswered.is_enough()
                && let Some(waiting) = present.next()
            {
                let function = self.function.clone();
                running.spawn(async move {
                    let event = waiting.event.as_ref().map_or(&Value::Null, |event| &event.payload);
                    let sent = function.send(event).await;
                    (waiting, sent)
                });
            }
            let Some(ended) = running.join_next().await else { break };
            let (waiting, sent) = joined(ended)?;
            let Delivery { outcome, reason, .. } =
                sent.map_err(|e| e.into_error(&format!("send an event to {}", self.names.function)))?;
            unanswered.note(outcome);
            let mut action = Action::Kept;
            if outcome.is_final() {
                self.tally.sent += 1;
                if !self.options.keep {
                    let deleted = self.held.delete(&waiting.message).await;
                    deleted.map_err(|e| e.into_error("delete a sent event from the queue"))?;
                    action = Action::Deleted;
                }
            } else {
                self.tally.failed += 1;
            }
            self.report(&waiting, Some(outcome), action, reason);
        }
        let untried = present.len() as u64;
        self.tally.left += untried;
        if untried > 0 {
            let what = counted(untried, "event");
            self.dialog.remark(&format!("The function does not answer: {what} were not tried and stay in the queue."));
        }
        Ok(())
    }

    /// Offers to delete the messages whose objects no longer exist.
    async fn drop_gone(&mut self, gone: Vec<Waiting>) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        if self.options.keep {
            for waiting in &gone {
                self.report(waiting, Some(Outcome::Gone), Action::Kept, None);
            }
            self.tally.left += gone.len() as u64;
            return Ok(());
        }
        if !self.options.agreed {
            let what = if gone.len() == 1 {
                "1 event is about an object".to_owned()
            } else {
                format!("{} events are about objects", gone.len())
            };
            self.dialog
                .ask(
                    &format!("{what} that no longer exist{}. Delete?", if gone.len() == 1 { "s" } else { "" }),
                    "--yes",
                )
                .await?;
        }
        for waiting in gone {
            self.delete(&waiting, Some(Outcome::Gone)).await?;
        }
        Ok(())
    }

    fn report(&self, waiting: &Waiting, outcome: Option<Outcome>, action: Action, reason: Option<String>) {
        self.dialog.event(RedriveEvent::FailedEvent {
            message_id: waiting.message.id.clone(),
            keys: waiting.event.iter().flat_map(FailedEvent::keys).map(ToOwned::to_owned).collect(),
            code: code_of(waiting).to_owned(),
            outcome,
            action,
            reason,
        });
    }

    fn verdict(&self) -> Result<()> {
        if self.tally.failed > 0 {
            let message = format!("{} of the events failed again and stay in the queue", self.tally.failed);
            return Err(Error::new(Exit::Failure, "still-failing", message)
                .hint(format!("The reasons are above, and in: provisioner logs --errors -s {}", self.names.stack)));
        }
        if self.tally.no_event > 0 {
            let message = format!("{} message(s) in {} contain no Lambda event", self.tally.no_event, self.names.queue);
            return Err(Error::new(Exit::Failure, "no-event", message).hint(format!(
                "Another producer writes to this queue. Delete its messages with: \
                 provisioner redrive --code {NO_EVENT} --discard -s {}",
                self.names.stack
            )));
        }
        Ok(())
    }
}

fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> Result<T> {
    ended.map_err(|e| Error::new(Exit::Failure, "internal", "a task ended early").source(e))
}
