//! New records and changes of state, for every viewer: one source, many subscribers, and a memory of the newest events
//! from which a connection that was lost continues.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

/// Events that are kept for connections that return. At a few hundred files a minute, some minutes.
const KEPT: usize = 2_000;

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// A record was written. The whole record, as it is kept.
    Record(Value),
    /// The function could not process a file and will be invoked again.
    Retrying {
        /// The object's key.
        key: String,
        /// Why, as the function's log has it.
        reason: String,
    },
    /// The log can be read again, or not (with the reason).
    Source(Result<(), String>),
}

/// One event of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEvent {
    /// The id from which a connection that was lost continues.
    pub id: String,
    /// What happened.
    pub happening: Happening,
}

/// A subscriber's view of the feed.
#[derive(Debug)]
pub struct Subscription {
    /// Events that happened after the id that the subscriber named.
    pub missed: Vec<FeedEvent>,
    /// Whether events between that id and `missed` can be lost: the subscriber has to read the list again.
    pub gap: bool,
    /// The id of the newest event, from which the subscriber continues if nothing else happens.
    pub newest: String,
    /// Events from now on.
    pub events: broadcast::Receiver<FeedEvent>,
}

/// The events of one process.
#[derive(Debug)]
pub struct Feed {
    /// Distinguishes the ids of this process from those of an earlier one.
    run: String,
    sender: broadcast::Sender<FeedEvent>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    events: VecDeque<FeedEvent>,
    source: Option<Result<(), String>>,
}

impl Feed {
    /// A feed without events. `run` distinguishes this process from others: letters and digits.
    pub fn new(run: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { run: run.into(), sender: broadcast::channel(KEPT).0, kept: Mutex::default() })
    }

    /// The number of subscribers.
    pub fn subscribers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Publishes what happened. A source whose state did not change is no event.
    pub fn publish(&self, happening: Happening) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Happening::Source(state) = &happening {
            // The first state is only worth an event if something is wrong.
            let is_news = kept.source.as_ref().map_or(state.is_err(), |known| known != state);
            kept.source = Some(state.clone());
            if !is_news {
                return;
            }
        }
        kept.last += 1;
        let event = FeedEvent { id: self.id(kept.last), happening };
        kept.events.push_back(event.clone());
        if kept.events.len() > KEPT {
            kept.events.pop_front();
        }
        // Under the lock, so that a new subscriber gets each event once. Without subscribers nobody receives it.
        let _ = self.sender.send(event);
    }

    /// Subscribes after the event with this id.
    pub fn subscribe(&self, after: Option<&str>) -> Subscription {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let events = self.sender.subscribe();
        let newest = self.id(kept.last);
        let known = after.and_then(|id| id.strip_prefix(&self.run)?.strip_prefix('-')?.parse::<u64>().ok());
        let oldest = kept.last - kept.events.len() as u64;
        let (mut missed, gap) = match (after, known) {
            (None, _) => (Vec::new(), false),
            // Of another process, or too old.
            (Some(_), None) => (Vec::new(), true),
            (Some(_), Some(known)) if known < oldest || known > kept.last => (Vec::new(), true),
            (Some(_), Some(known)) => {
                let skip = usize::try_from(known - oldest).unwrap_or(usize::MAX);
                (kept.events.iter().skip(skip).cloned().collect(), false)
            }
        };
        // A new viewer has to know that the source cannot be read.
        if let Some(Err(reason)) = &kept.source
            && !missed.iter().any(|event| matches!(event.happening, Happening::Source(_)))
        {
            missed.push(FeedEvent { id: newest.clone(), happening: Happening::Source(Err(reason.clone())) });
        }
        Subscription { missed, gap, newest, events }
    }

    /// The source is not read any more: who continues after an earlier event has missed some.
    pub fn interrupt(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.clear();
        kept.last += 1;
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(n: usize) -> Happening {
        Happening::Record(json!({ "documentId": n }))
    }

    fn ids(subscription: &Subscription) -> Vec<&str> {
        subscription.missed.iter().map(|event| event.id.as_str()).collect()
    }

    #[test]
    fn a_connection_that_returns_gets_what_it_missed_and_nothing_twice() {
        let feed = Feed::new("a");
        for n in 0..3 {
            feed.publish(record(n));
        }
        let new = feed.subscribe(None);
        assert_eq!((new.missed.len(), new.gap, new.newest.as_str()), (0, false, "a-3"));
        assert_eq!(ids(&feed.subscribe(Some("a-1"))), ["a-2", "a-3"]);
        assert_eq!(ids(&feed.subscribe(Some("a-0"))), ["a-1", "a-2", "a-3"]);
        let current = feed.subscribe(Some("a-3"));
        assert_eq!((current.missed.len(), current.gap), (0, false));
    }

    #[test]
    fn a_gap_is_reported() {
        let feed = Feed::new("b");
        for n in 0..KEPT + 5 {
            feed.publish(record(n));
        }
        for (after, gap) in
            [("b-0", true), ("b-4", true), ("b-5", false), ("b-99999", true), ("a-5", true), ("", true), ("b-x", true)]
        {
            assert_eq!(feed.subscribe(Some(after)).gap, gap, "{after}");
        }
        assert_eq!(feed.subscribe(Some("b-5")).missed.len(), KEPT);
    }

    #[test]
    fn an_interrupted_source_is_a_gap() {
        let feed = Feed::new("d");
        feed.publish(record(1));
        feed.interrupt();
        assert!(feed.subscribe(Some("d-1")).gap);
        let current = feed.subscribe(Some("d-2"));
        assert_eq!((current.gap, current.missed.len()), (false, 0));
        feed.publish(record(2));
        assert_eq!(ids(&feed.subscribe(Some("d-2"))), ["d-3"]);
    }

    #[tokio::test]
    async fn the_state_of_the_source_is_an_event_only_when_it_changes() {
        let feed = Feed::new("c");
        let mut events = feed.subscribe(None).events;
        for state in [Ok(()), Ok(()), Err("throttled".to_owned()), Err("throttled".to_owned())] {
            feed.publish(Happening::Source(state));
        }
        assert_eq!(events.recv().await.unwrap().happening, Happening::Source(Err("throttled".into())));
        // A later subscriber gets the current state too.
        assert_eq!(feed.subscribe(None).missed.len(), 1);
        feed.publish(Happening::Source(Ok(())));
        assert_eq!(events.recv().await.unwrap().happening, Happening::Source(Ok(())));
        assert!(events.try_recv().is_err());
        assert_eq!(feed.subscribe(None).missed.len(), 0);
    }
}
