//! The function's log: its newest lines, and those to come.

use std::collections::VecDeque;
use std::time::Duration;

use provisioner_aws::logs::Logs as Group;
use provisioner_model::call_error::CallError;
use provisioner_model::log_lines::{Entry, Seen};

use crate::clock;

/// The newest window that is read; the ones before it double, until enough lines are found.
const FIRST_WINDOW: i64 = 60_000;
/// Entries may be ahead of this machine's clock. Milliseconds.
const AHEAD: i64 = 300_000;
/// So far back is read again while following: entries arrive late and out of order. Milliseconds.
const OVERLAP: i64 = 30_000;
/// How often is looked for more.
pub const PAUSE: Duration = Duration::from_secs(1);

/// A log group that is read again and again, each entry once.
#[derive(Debug)]
pub struct Tail {
    group: Group,
    seen: Seen,
    from: i64,
}

impl Tail {
    /// Entries from this time on, milliseconds since the Unix epoch.
    pub fn new(group: Group, from: i64) -> Self {
        Self { group, seen: Seen::default(), from }
    }

    /// The newest entries since a time that are `shown`, at most `limit`, oldest first; and the tail after them.
    /// `between` is that time and this moment, milliseconds since the Unix epoch.
    pub async fn after_newest(
        group: Group,
        between: (i64, i64),
        limit: usize,
        shown: impl Fn(&Entry) -> bool,
    ) -> Result<(VecDeque<Entry>, Self), CallError> {
        let mut seen = Seen::default();
        let (since, now) = between;
        let newest = newest(&group, &mut seen, between, limit, shown).await?;
        Ok((newest, Self { group, seen, from: (now - OVERLAP).max(since) }))
    }

    /// Gives the entries that have come since the last time.
    pub async fn read(&mut self, mut take: impl FnMut(&Entry)) -> Result<(), CallError> {
        let now = clock::now_millis();
        let seen = &mut self.seen;
        self.group.read(self.from, now + AHEAD, |page| seen.keep_new(page).iter().for_each(&mut take)).await?;
        self.from = self.from.max(now - OVERLAP);
        self.seen.forget_before(self.from);
        Ok(())
    }
}

/// The newest entries of a time that are shown, oldest first. Reads from the new end in windows that double, so that
/// the last lines of a long time are found at once.
async fn newest(
    group: &Group,
    seen: &mut Seen,
    (since, now): (i64, i64),
    limit: usize,
    shown: impl Fn(&Entry) -> bool,
) -> Result<VecDeque<Entry>, CallError> {
    let mut found: VecDeque<Entry> = VecDeque::new();
    let mut end = now + AHEAD;
    let mut start = now - FIRST_WINDOW;
    let mut width = FIRST_WINDOW;
    loop {
        start = start.max(since);
        let room = limit - found.len();
        let mut window: VecDeque<Entry> = VecDeque::new();
        group
            .read(start, end, |page| {
                for entry in seen.keep_new(page).into_iter().filter(|entry| shown(entry)) {
                    if window.len() == room {
                        window.pop_front();
                    }
                    window.push_back(entry);
                }
            })
            .await?;
        window.append(&mut found);
        found = window;
        // What lies further back than is ever read again need not be remembered.
        seen.forget_before(now - OVERLAP);
        if found.len() >= limit || start <= since {
            return Ok(found);
        }
        end = start - 1;
        width *= 2;
        start -= width;
    }
}
