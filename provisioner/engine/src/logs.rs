//! The function's log: the newest entries, and new entries as they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use provisioner_aws::logs::Logs as Group;
use provisioner_model::call_error::CallError;
use provisioner_model::log_lines::{Entry, Seen};

use crate::clock;

/// The first time window, in milliseconds; each earlier window is twice as long, until enough entries are found.
const FIRST_WINDOW: i64 = 60_000;
/// How far timestamps can be ahead of this machine's clock. Milliseconds.
const AHEAD: i64 = 300_000;
/// The time span that is read again while following, because entries arrive late and out of order. Milliseconds.
const OVERLAP: i64 = 30_000;
/// The interval between two reads while following.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Follows a log group; returns each entry once.
#[derive(Debug)]
pub struct Tail {
    group: Group,
    seen: Seen,
    from: i64,
}

impl Tail {
    /// Follows entries from this time, milliseconds since the Unix epoch.
    pub fn new(group: Group, from: i64) -> Self {
        Self { group, seen: Seen::default(), from }
    }

    /// The newest entries since a time that are `shown`, at most `limit`, oldest first; and the tail after them.
    /// `between` is that time and the current time, milliseconds since the Unix epoch.
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

    /// Passes the entries since the last call to `take`.
    pub async fn read(&mut self, mut take: impl FnMut(&Entry)) -> Result<(), CallError> {
        let now = clock::now_millis();
        let seen = &mut self.seen;
        self.group.read(self.from, now + AHEAD, |page| seen.keep_new(page).iter().for_each(&mut take)).await?;
        self.from = self.from.max(now - OVERLAP);
        self.seen.forget_before(self.from);
        Ok(())
    }
}

/// The newest entries that are shown, oldest first. Reads backwards in windows of doubling length, so that the newest
/// entries of a long time span are found quickly.
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
        // Entries before the overlap are not read again.
        seen.forget_before(now - OVERLAP);
        if found.len() >= limit || start <= since {
            return Ok(found);
        }
        end = start - 1;
        width *= 2;
        start -= width;
    }
}
