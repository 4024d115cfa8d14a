//! The trace of one file: reads versions, records, log and queue, and puts them together
//! ([`provisioner_planner::trace`]).

use handler_contract::Timestamp;
use provisioner_aws::Aws;
use provisioner_aws::logs::Logs;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::Result;
use provisioner_model::log_filter::ServerFilter;
use provisioner_model::log_lines::Entry;
use provisioner_model::spec::StackSpec;
use provisioner_planner::trace::{self, Facts, Queued, Subject};
use tokio::task::JoinSet;

pub use provisioner_planner::trace::{Conclusion, Invocation, LogLine, State, Step, Trace, What};

use crate::clock;
use crate::failed_events::{MOST_PEEKED, PEEK_SECONDS, Scan};
use crate::subject::{Finder, Found, MOST_UPLOADS};

/// How far back the log is searched for a file of which no time is known. Milliseconds.
const UNKNOWN_TIME: i64 = 24 * 3_600_000;
/// Calls for one search of the log: all who read logs of an account share five a second (CloudWatch Logs quotas).
const MOST_CALLS: usize = 40;
/// Invocations whose own lines are searched for, the newest ones.
const MOST_INVOCATIONS: usize = 6;

/// What was logged, and whether that is all.
type Logged = Result<(Vec<Entry>, bool), CallError>;

/// The trace of a file. `text` is a record's id, for the trace of one upload; an object's key; or a file's name.
///
/// What cannot be read is listed in [`Trace::unread`]; the trace has the rest.
///
/// # Errors
/// There is no such file, several keys have the name, or the table cannot be read.
pub async fn trace(aws: &Aws, spec: &StackSpec, text: &str) -> Result<Trace> {
    let finder = Finder::new(aws, spec);
    let mut found = finder.find(text, true).await?;
    let subject =
        Subject { bucket: finder.names.bucket.clone(), key: found.key.clone(), document_id: found.document_id.clone() };
    let now = clock::now()?;
    let mut facts = Facts { not_processed: spec.bucket.mismatch(&found.key), ..Facts::default() };

    let since = first_time(&found).unwrap_or(now.unix_millis() - UNKNOWN_TIME) - clock::SKEW_MILLIS;
    let scan = found.failed_events.take();
    let queue = async {
        match scan {
            Some(scan) => Ok(scan),
            None => finder.failed_events().await,
        }
    };
    let group = Logs::new(aws, &finder.names.log_group);
    let until = now.unix_millis() + clock::SKEW_MILLIS;
    let about_file = search(group.clone(), ServerFilter::containing(&found.key), since, until);
    let (records, queue, logged) = tokio::join!(finder.documents(&found.rows), queue, about_file);

    facts.records = records?;
    if found.rows.len() >= MOST_UPLOADS {
        facts.unread.push(format!("records before the newest {MOST_UPLOADS}"));
    }
    match found.versions {
        Ok(versions) => (facts.versions, facts.versions_known) = (versions, true),
        Err(error) => facts.unread.push(format!("the object's versions: {error}")),
    }
    match queue {
        Ok(scan) => add_queue(&mut facts, scan),
        Err(error) => facts.unread.push(format!("the queue of failed events: {}", error.causes().join(": "))),
    }
    add_log(&mut facts, logged);
    // Lambda's lines on an invocation name its id only.
    let mut searching = JoinSet::new();
    for id in trace::request_ids(&subject, &facts).into_iter().take(MOST_INVOCATIONS) {
        searching.spawn(search(group.clone(), ServerFilter::containing(&id), since, until));
    }
    while let Some(logged) = searching.join_next().await {
        add_log(
            &mut facts,
            logged.unwrap_or_else(|e| Err(CallError { kind: Kind::Other, code: None, message: e.to_string() })),
        );
    }
    facts.unread.sort();
    facts.unread.dedup();
    Ok(trace::trace(&spec.name, &subject, facts, &now))
}

/// When the oldest known upload of the file was put. Milliseconds since the Unix epoch.
fn first_time(found: &Found) -> Option<i64> {
    let versions = found.versions.as_ref().map(Vec::as_slice).unwrap_or_default();
    let queued = found.failed_events.iter().flat_map(|scan| &scan.messages).flat_map(|waiting| &waiting.event);
    let uploads = queued.flat_map(|event| &event.uploads).filter(|upload| found.is_of(upload));
    let versions = versions.iter().map(|version| &version.modified);
    // The trace of one upload needs the log since that upload.
    let rows = found.rows.iter().map(|row| &row.uploaded_at);
    let known: Vec<i64> = match found.document_id {
        Some(_) => rows.map(Timestamp::unix_millis).collect(),
        None => {
            versions.chain(rows).chain(uploads.map(|upload| &upload.uploaded_at)).map(Timestamp::unix_millis).collect()
        }
    };
    known.into_iter().filter(|time| *time > 0).min()
}

async fn search(group: Logs, filter: ServerFilter, from: i64, to: i64) -> Logged {
    let mut entries = Vec::new();
    let complete = group.matching(&filter).read_in_calls(from, to, MOST_CALLS, |page| entries.extend(page)).await?;
    Ok((entries, complete))
}

fn add_log(facts: &mut Facts, logged: Logged) {
    match logged {
        Ok((entries, complete)) => {
            if !complete {
                let last = entries.last().and_then(|entry| Timestamp::from_unix_millis(entry.time));
                let until = last.map(|time| format!(" after {time}")).unwrap_or_default();
                facts.unread.push(format!("the log{until}: it is too long"));
            }
            // Without ids, an entry of two searches is the same if it is equal.
            let new: Vec<Entry> = entries.into_iter().filter(|entry| !facts.entries.contains(entry)).collect();
            facts.entries.extend(new);
        }
        Err(error) if error.kind == Kind::NotFound => facts.unread.push("the log: there is no log group".to_owned()),
        Err(error) => facts.unread.push(format!("the log: {error}")),
    }
}

fn add_queue(facts: &mut Facts, scan: Scan) {
    let unread = scan.unread();
    if unread > 0 {
        let why = if scan.messages.len() >= MOST_PEEKED {
            "more than are read"
        } else {
            "another consumer has received them"
        };
        facts.unread.push(format!("{unread} of the failed events: {why}"));
    }
    if let Some(error) = &scan.not_given_back {
        facts.unread.push(format!("nothing, but failed events stay hidden from redrive for {PEEK_SECONDS} s: {error}"));
    }
    facts.queued = scan
        .messages
        .into_iter()
        .filter_map(|waiting| {
            Some(Queued { event: waiting.event?, message_id: waiting.message.id, sent: waiting.message.sent })
        })
        .collect();
}
