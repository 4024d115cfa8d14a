//! `provisioner logs`: the function's log lines.

use std::collections::VecDeque;
use std::time::Duration;

use crate::aws::logs::Logs as Group;
use crate::cli::{Global, Logs};
use crate::commands;
use crate::error::{Error, Exit, Result};
use crate::fault::{Fault, Kind};
use crate::log_lines::{Entry, Line, Seen};
use crate::names::Names;
use crate::query::moment;
use crate::report::Report;
use crate::spec::StackFile;

/// The newest window that is read; the ones before it double, until enough lines are found.
const FIRST_WINDOW: i64 = 60_000;
/// Entries may be ahead of this machine's clock. Milliseconds.
const AHEAD: i64 = 300_000;
/// So far back is read again while following: entries arrive late and out of order. Milliseconds.
const OVERLAP: i64 = 30_000;
/// How often is looked for more.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Prints the newest lines, and goes on with those to come where asked to.
pub async fn run(global: &Global, args: &Logs, report: &Report) -> Result<()> {
    let spec = StackFile::load(&global.stack)?.spec;
    let now = commands::now()?;
    let since = moment(&args.since, &now).map_err(|e| Error::new(Exit::Usage, "usage", e.to_string()))?;
    let aws = commands::connect(global, &spec).await?;
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let failed = |fault: Fault| match fault.kind {
        Kind::NotFound => {
            Error::new(Exit::Failure, "no-log", format!("the stack {} has no log group {}", spec.name, names.log_group))
                .hint(format!("Create the stack first: provisioner up -s {}", global.stack))
        }
        _ => fault.into_error("read the log"),
    };
    let group = Group::new(&aws, &names.log_group);
    let json = report.is_json();
    let shown = move |entry: &Entry| json || entry.line() != Line::Noise;

    let mut seen = Seen::default();
    let (now, since, limit) = (now.unix_millis(), since.unix_millis(), usize::from(args.limit));
    let newest = newest(&group, &mut seen, (since, now), limit, shown).await.map_err(failed)?;
    let none = newest.is_empty();
    for entry in newest {
        report.log(&entry);
    }
    if !args.follow {
        if none {
            report.narrate("No line in this time. Lines further back: --since 7d");
        }
        return Ok(());
    }
    let mut interrupted = std::pin::pin!(commands::interrupted());
    let mut tail = Tail { group, seen, from: (now - OVERLAP).max(since) };
    while report.is_heard() {
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
        let read = tail.read(|entry| {
            if shown(entry) {
                report.log(entry);
            }
        });
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            read = read => read.map_err(failed)?,
        }
    }
    Ok(())
}

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

    /// Gives the entries that have come since the last time.
    pub async fn read(&mut self, mut take: impl FnMut(&Entry)) -> Result<(), Fault> {
        let now = commands::now_millis();
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
) -> Result<VecDeque<Entry>, Fault> {
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
