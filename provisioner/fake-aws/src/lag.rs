//! Eventual consistency: reads that do not see a change at once.
//!
//! While a [`Lag`] is in force, the state before each change is kept, and the reads that the lag names are answered
//! from it until the change is due: a copy of everything but synthetic objects and the bytes of contents, so lags are
//! for small states. Writes always use the current state. Changes that a test makes through
//! [`Fake::state`](crate::Fake::state) are visible at once: they represent old changes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::fault::names;
use crate::state::State;

/// When a change becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// After this many reads that did not see it.
    AfterReads(usize),
    /// This long after it was made, by the logical clock ([`Fake::advance`](crate::Fake::advance)).
    AfterTime(Duration),
}

/// Reads that see changes late.
#[derive(Debug)]
pub(crate) struct Lag {
    reads: String,
    visible: Visible,
    /// The states before the changes that are not visible yet; the oldest first.
    past: VecDeque<Past>,
}

#[derive(Debug)]
struct Past {
    state: Box<State>,
    due: Visible,
}

impl Lag {
    pub(crate) fn new(reads: &str, visible: Visible) -> Self {
        Self { reads: reads.to_owned(), visible, past: VecDeque::new() }
    }

    /// Keeps the state before a change.
    pub(crate) fn remember(&mut self, state: &State) {
        let due = match self.visible {
            Visible::AfterTime(time) => Visible::AfterTime(state.clock + time),
            reads @ Visible::AfterReads(_) => reads,
        };
        self.past.push_back(Past { state: Box::new(state.clone()), due });
    }

    /// The state that this read sees, if it is not the current one; counts the read.
    pub(crate) fn seen_by(&mut self, call: &str, clock: Duration) -> Option<&mut State> {
        if !names(&self.reads, call) {
            return None;
        }
        self.past.retain(|past| match past.due {
            Visible::AfterReads(left) => left > 0,
            Visible::AfterTime(due) => clock < due,
        });
        for past in &mut self.past {
            if let Visible::AfterReads(left) = &mut past.due {
                *left -= 1;
            }
        }
        self.past.front_mut().map(|past| &mut *past.state)
    }
}
