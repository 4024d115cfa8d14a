//! The queue of failed events, read as a whole. SQS has no read without a receipt: whoever reads a message hides it from
//! other consumers for a while. So what is only looked at is given back at once, and what is worked on is kept hidden for as
//! long as that takes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use provisioner_aws::Aws;
use provisioner_aws::queue::{Message, Queue};
use provisioner_model::call_error::CallError;
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::names::Names;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Messages that a look at the queue reads at most.
pub const MOST_PEEKED: usize = 500;
/// How long messages that are only looked at are hidden, if they cannot be given back. Seconds.
pub const PEEK_SECONDS: u32 = 30;
/// How long messages that are worked on are hidden at a time: as long as the queue itself hides them, so that a command that
/// is killed holds them no longer than any other consumer. Seconds.
pub const HELD_SECONDS: u32 = 120;
/// How often that is extended.
pub const EXTENSION: Duration = Duration::from_secs(40);
/// Batches without a message that is new, after which the whole queue counts as read.
const STALE_BATCHES: u32 = 3;

/// A message, and the event in it.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The message.
    pub message: Message,
    /// The event; `None` if the message contains none.
    pub event: Option<FailedEvent>,
}

/// What a look at the queue found.
#[derive(Debug)]
pub struct Scan {
    /// The messages, oldest first.
    pub messages: Vec<Waiting>,
    /// The approximate number of messages in the queue, including those that another consumer has received.
    pub depth: u64,
    /// Why the messages could not be given back at once: they stay hidden for [`PEEK_SECONDS`].
    pub not_given_back: Option<CallError>,
}

impl Scan {
    /// Messages of the queue that were not read: more than the limit, or hidden by another consumer.
    pub fn unread(&self) -> u64 {
        self.depth.saturating_sub(self.messages.len() as u64)
    }
}

/// Reads at most `most` messages and gives them back. A stack without a queue has none.
pub async fn peek(aws: &Aws, names: &Names, most: usize) -> Result<Scan, CallError> {
    let Some(queue) = Queue::find(aws, &names.queue).await? else {
        return Ok(Scan { messages: Vec::new(), depth: 0, not_given_back: None });
    };
    let depth = queue.depth().await?;
    let mut messages = Vec::new();
    let read = receive_all(&queue, (depth, most), PEEK_SECONDS, |batch| messages.extend(batch)).await;
    let given_back = queue.hide(&messages, 0).await;
    read?;
    Ok(Scan { messages: waiting(messages), depth, not_given_back: given_back.err() })
}

/// Passes the messages of the queue to `take`, each once: until all of about `depth` were read, or at least `most`.
async fn receive_all(
    queue: &Queue,
    (depth, most): (u64, usize),
    hidden_seconds: u32,
    mut take: impl FnMut(Vec<Message>),
) -> Result<(), CallError> {
    let mut seen = HashSet::new();
    let mut stale = 0;
    let enough = usize::try_from(depth).unwrap_or(usize::MAX).min(most);
    while seen.len() < enough && stale < STALE_BATCHES {
        let mut batch = queue.receive(hidden_seconds).await?;
        if batch.is_empty() {
            break;
        }
        batch.retain(|message| seen.insert(message.id.clone()));
        stale = if batch.is_empty() { stale + 1 } else { 0 };
        take(batch);
    }
    Ok(())
}

fn waiting(mut messages: Vec<Message>) -> Vec<Waiting> {
    messages.sort_by(|a, b| (a.sent, &a.id).cmp(&(b.sent, &b.id)));
    messages.into_iter().map(|message| Waiting { event: FailedEvent::parse(&message.body), message }).collect()
}

/// Messages that are kept hidden from other consumers until they are deleted or given back. Dropping it stops the extensions:
/// the messages become visible within [`HELD_SECONDS`].
#[derive(Debug)]
pub struct Held {
    queue: Queue,
    messages: Arc<Mutex<Vec<Message>>>,
    extending: JoinHandle<()>,
    /// Dropping it ends the extensions after the one that is under way.
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.extending.abort();
    }
}

impl Held {
    /// Starts to hold messages of this queue, and hides them again each time that `extension` has passed.
    pub fn new(queue: &Queue, extension: Duration) -> Self {
        let messages = Arc::<Mutex<Vec<Message>>>::default();
        let (extended, kept) = (queue.clone(), Arc::clone(&messages));
        let (stop, mut stopped) = oneshot::channel::<()>();
        let extending = tokio::spawn(async move {
            while tokio::time::timeout(extension, &mut stopped).await.is_err() {
                let held = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // What cannot be extended becomes visible, and is read again by whoever comes next: nothing is lost.
                let _ = extended.hide(&held, HELD_SECONDS).await;
            }
        });
        Self { queue: queue.clone(), messages, extending, stop: Some(stop) }
    }

    /// Receives messages until all of about `depth` were read, or at least `most`; oldest first.
    pub async fn receive(&self, depth: u64, most: usize) -> Result<Vec<Waiting>, CallError> {
        receive_all(&self.queue, (depth, most), HELD_SECONDS, |batch| self.held(|held| held.extend(batch))).await?;
        Ok(waiting(self.held(|held| held.clone())))
    }

    /// Deletes a message from the queue.
    pub async fn delete(&self, message: &Message) -> Result<(), CallError> {
        self.queue.delete(message).await?;
        self.held(|held| held.retain(|other| other.id != message.id));
        Ok(())
    }

    /// Gives all messages that were not deleted back to the queue, where they are visible at once. An extension that is under
    /// way ends first: it would hide them again if it arrived later.
    pub async fn give_back(mut self) -> Result<(), CallError> {
        drop(self.stop.take());
        let _ = (&mut self.extending).await;
        let left = self.held(std::mem::take);
        self.queue.hide(&left, 0).await
    }

    fn held<T>(&self, with: impl FnOnce(&mut Vec<Message>) -> T) -> T {
        with(&mut self.messages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
