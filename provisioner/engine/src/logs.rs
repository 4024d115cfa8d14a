//! The function's log: the newest entries, and new entries as they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use provisioner_aws::logs::{Logs as Group, NEWEST_FIRST_SINCE};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::log_lines::{Entry, Seen};

use crate::clock;

/// Lines of the log for each that is shown: the handler's, its metrics, and Lambda's on start, end and cost.
const LINES_OF_A_FILE: usize = 5;
/// Entries of a page that is read newest first.
const LEAST_PAGE: usize = 2_000;
const MOST_PAGE: usize = 10_000;
/// The first time window, in milliseconds; each earlier window is twice as long, until enough entries are found.
const FIRST_WINDOW: i64 = 60_000;
/// How far timestamps can be ahead of this machine's clock. Milliseconds.
const AHEAD: i64 = 300_000;
/// The time span that is read again while following, because entries arrive late and out of order. Milliseconds.
const OVERLAP: i64 = 30_000;
/// The interval between two reads while following. All who follow a log in an account and Region share five calls of
/// `FilterLogEvents` a second, a quota that cannot be raised (CloudWatch Logs user guide, "CloudWatch Logs quotas").
const INTERVAL: Duration = Duration::from_secs(2);
/// The longest interval, after failed reads.
const LONGEST_INTERVAL: Duration = Duration::from_secs(32);

/// Follows a log group; returns each entry once.
#[derive(Debug)]
pub struct Tail {
    group: Group,
    seen: Seen,
    from: i64,
    /// The number of consecutive failed reads.
    failures: u32,
}

impl Tail {
    /// Follows entries from this time, milliseconds since the Unix epoch.
    pub fn new(group: &Group, from: i64) -> Self {
        Self { group: group.without_retries(), seen: Seen::default(), from, failures: 0 }
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
        let from = (now - OVERLAP).max(since);
        Ok((newest, Self { group: group.without_retries(), seen, from, failures: 0 }))
    }

    /// Passes the entries since the last call to `take`. To be called once every [`Self::interval`].
    ///
    /// # Errors
    /// The log cannot be read. After a transient error ([`is_transient`]) the next read passes what this one missed.
    pub async fn read(&mut self, mut take: impl FnMut(&Entry)) -> Result<(), CallError> {
        let now = clock::now_millis();
        let seen = &mut self.seen;
        let read = self.group.read(self.from, now + AHEAD, |page| seen.keep_new(page).iter().for_each(&mut take));
        if let Err(error) = read.await {
            self.failures += 1;
            return Err(error);
        }
        self.failures = 0;
        self.from = self.from.max(now - OVERLAP);
        self.seen.forget_before(self.from);
        Ok(())
    }

    /// How long to wait before the next read: two seconds, and after each failed read in a row twice as long, up to half a
    /// minute.
    pub fn interval(&self) -> Duration {
        interval_after(self.failures)
    }
}

fn interval_after(failures: u32) -> Duration {
    INTERVAL.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_INTERVAL)
}

/// Whether reading the log again may succeed: the service is throttling or does not answer.
pub fn is_transient(error: &CallError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unreachable | Kind::Unavailable | Kind::NotAws)
}

/// The newest entries of a past time span that are shown, at most `limit`, oldest first. `between` is from the first
/// time, inclusive, to the second, exclusive; milliseconds since the Unix epoch.
pub async fn newest_until(
    group: &Group,
    between: (i64, i64),
    limit: usize,
    shown: impl Fn(&Entry) -> bool,
) -> Result<VecDeque<Entry>, CallError> {
    let (since, until) = between;
    // Entries are looked for some minutes ahead of the end, as of the current time, because clocks differ.
    let within = |entry: &Entry| entry.time < until && shown(entry);
    newest(group, &mut Seen::default(), (since, until), limit, within).await
}

/// The newest entries that are shown, oldest first.
async fn newest(
    group: &Group,
    seen: &mut Seen,
    between: (i64, i64),
    limit: usize,
    shown: impl Fn(&Entry) -> bool,
) -> Result<VecDeque<Entry>, CallError> {
    match newest_first(group, seen, between, limit, &shown).await? {
        Some(found) => Ok(found),
        None => newest_in_windows(group, seen, between, limit, shown).await,
    }
}

/// The same with the service's own order, which takes one call in most cases; `None` if the service does not know the order
/// and has more entries than one page.
async fn newest_first(
    group: &Group,
    seen: &mut Seen,
    (since, now): (i64, i64),
    limit: usize,
    shown: impl Fn(&Entry) -> bool,
) -> Result<Option<VecDeque<Entry>>, CallError> {
    if since < NEWEST_FIRST_SINCE {
        return Ok(None);
    }
    let most = (LINES_OF_A_FILE * limit).clamp(LEAST_PAGE, MOST_PAGE);
    let (mut found, mut token) = (VecDeque::new(), None);
    loop {
        let (mut entries, next) = group.newest_first((since, now + AHEAD), most, token).await?;
        let is_last = next.is_none() && entries.len() < most;
        let ends = entries.first().zip(entries.last()).map(|(first, last)| (first.time, last.time));
        if ends.is_some_and(|(first, last)| first < last) && !(is_last && found.is_empty()) {
            return Ok(None);
        }
        if ends.is_some_and(|(first, last)| first > last) {
            entries.reverse();
        }
        entries.sort_by_key(|entry| entry.time);
        for entry in seen.keep_new(entries).into_iter().rev().filter(|entry| shown(entry)) {
            if found.len() < limit {
                found.push_front(entry);
            }
        }
        token = next;
        if found.len() >= limit || token.is_none() {
            seen.forget_before(now - OVERLAP);
            // Without a token, a full page is all that a service without the order returns.
            return Ok((is_last || found.len() >= limit).then_some(found));
        }
    }
}

/// The same where the service returns the oldest entries first: reads backwards in windows of doubling length, so that the
/// newest entries of a long time span are found quickly.
async fn newest_in_windows(
    group: &Group,
    seen: &mut Seen,
    (since, now): (i64, i64),
    limit: usize,
    shown: impl Fn(&Entry) -> bool,
) -> Result<VecDeque<Entry>, CallError> {
    // What was read newest first is read again.
    *seen = Seen::default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_reads_every_two_seconds_and_less_often_while_reads_fail() {
        let seconds: Vec<u64> = (0..7).map(|failures| interval_after(failures).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(interval_after(u32::MAX), LONGEST_INTERVAL);
    }
}
