//! The invocations of the function, from the entries of its log.

use std::collections::BTreeMap;

use handler_contract::{Timestamp, origin};
use provisioner_model::log_filter::request_of;
use provisioner_model::log_lines::{Entry, Line};
use serde_json::Value;

use super::{Facts, Invocation, LogLine, Step, Subject, What};

/// The invocations that worked on the subject, by the handler's lines among these entries and by the queue: the ids to
/// search the log for, so that the trace has also what Lambda wrote about them. Newest first.
pub fn request_ids(subject: &Subject, facts: &Facts) -> Vec<String> {
    let mut ids: Vec<(i64, String)> = Vec::new();
    for entry in &facts.entries {
        let about = serde_json::from_str::<Value>(entry.message.trim_end()).is_ok_and(|line| is_about(subject, &line));
        if let Some(id) = request_of(entry).filter(|_| about) {
            ids.push((entry.time, id));
        }
    }
    for queued in &facts.queued {
        let time = queued.event.time.as_ref().map(Timestamp::unix_millis).or(queued.sent).unwrap_or_default();
        ids.extend(queued.event.request_id.clone().map(|id| (time, id)));
    }
    ids.sort_by(|a, b| b.cmp(a));
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|(_, id)| seen.insert(id.clone()));
    ids.into_iter().map(|(_, id)| id).collect()
}

/// An attempt while its lines are collected.
#[derive(Debug, Default)]
struct Attempt {
    lines: Vec<LogLine>,
    /// When its first line was logged; earlier where the handler's line has a duration.
    start: Option<i64>,
    outcome: Option<String>,
    document_id: Option<String>,
    origin: Option<String>,
    duration: Option<i64>,
    cold_start: Option<bool>,
    /// Whether a line of the handler is about the subject.
    is_about: bool,
}

/// A step for each attempt on the subject.
pub(super) fn steps(subject: &Subject, facts: &Facts) -> Vec<Step> {
    let known = request_ids(subject, facts);
    let queued: Vec<&str> = facts.queued.iter().filter_map(|queued| queued.event.request_id.as_deref()).collect();
    let mut entries: Vec<&Entry> = facts.entries.iter().collect();
    // Lambda's lines on start and end may have the time of the handler's.
    entries.sort_by_cached_key(|entry| (entry.time, place(entry), entry.id.clone()));
    entries.dedup_by(|a, b| a.id.is_some() && a.id == b.id);

    let mut attempts: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for entry in entries {
        let id = request_of(entry).filter(|id| known.contains(id));
        // `2026-11-26T12:00:00.000Z ID Task timed out after 3.00 seconds`
        let id = id.or_else(|| known.iter().find(|id| entry.message.contains(id.as_str())).cloned());
        if let Some(id) = id {
            add(subject, attempts.entry(id).or_default(), entry);
        }
    }
    let mut steps: Vec<Step> = Vec::new();
    for (id, attempts) in attempts {
        let is_queued = queued.contains(&id.as_str());
        steps.extend(
            attempts
                .into_iter()
                .filter(|attempt| attempt.is_about || is_queued)
                .filter_map(|attempt| step(&id, attempt)),
        );
    }
    if let Some(wanted) = &subject.document_id {
        steps.retain(|step| step.document_id.as_ref().is_none_or(|id| id == wanted));
    }
    steps.sort_by(|a, b| a.time.cmp(&b.time));
    for (number, step) in steps.iter_mut().enumerate() {
        if let What::Invocation(invocation) = &mut step.what {
            invocation.attempt = number + 1;
        }
    }
    steps
}

fn step(id: &str, attempt: Attempt) -> Option<Step> {
    Some(Step {
        time: Timestamp::from_unix_millis(attempt.start?)?,
        after_millis: None,
        document_id: attempt.document_id,
        what: What::Invocation(Invocation {
            request_id: Some(id.to_owned()),
            attempt: 0,
            origin: attempt.origin,
            outcome: attempt.outcome,
            duration_millis: attempt.duration,
            cold_start: attempt.cold_start,
            lines: attempt.lines,
        }),
    })
}

/// The place of an entry among those of an invocation.
fn place(entry: &Entry) -> u8 {
    match entry.line() {
        _ if is_start(entry) => 0,
        Line::Handler(_) | Line::Text(_) => 1,
        Line::Noise => 2,
        Line::Report(_) => 3,
    }
}

/// Whether it is Lambda's line on the start of an invocation.
fn is_start(entry: &Entry) -> bool {
    entry.message.starts_with("START ")
        || serde_json::from_str::<Value>(entry.message.trim_end()).is_ok_and(|line| line["type"] == "platform.start")
}

/// Adds an entry to the attempt that it belongs to: Lambda repeats an event under the same id, so that an attempt ends where
/// the next one starts.
fn add(subject: &Subject, attempts: &mut Vec<Attempt>, entry: &Entry) {
    let json = serde_json::from_str::<Value>(entry.message.trim_end()).unwrap_or_default();
    let is_about = is_about(subject, &json);
    let line = entry.line();
    if matches!(line, Line::Handler(_)) && !json["key"].is_null() && !is_about {
        // Another file of the same event.
        return;
    }
    let starts = is_start(entry);
    let outcome = json["outcome"].as_str().filter(|_| is_about).map(ToOwned::to_owned);
    let is_next = attempts
        .last()
        .is_none_or(|last| starts && last.start.is_some() || outcome.is_some() && last.outcome.is_some());
    if is_next {
        attempts.push(Attempt::default());
    }
    let Some(attempt) = attempts.last_mut() else { return };
    let time = json["timestamp"]
        .as_str()
        .and_then(|time| Timestamp::parse(time).ok())
        .map_or(entry.time, |time| time.unix_millis());
    let duration = json["durationMs"].as_i64().filter(|_| is_about);
    let start = time - duration.unwrap_or_default();
    attempt.start = Some(attempt.start.map_or(start, |known| known.min(start)));
    if is_about {
        let text = |name: &str| json[name].as_str().map(ToOwned::to_owned);
        attempt.is_about = true;
        attempt.outcome = outcome.or(attempt.outcome.take());
        attempt.document_id = text("documentId").or(attempt.document_id.take());
        attempt.origin = text(origin::FIELD).or(attempt.origin.take());
        attempt.duration = duration.or(attempt.duration);
        attempt.cold_start = json["coldStart"].as_bool().or(attempt.cold_start);
    }
    if let (Some(time), false) = (Timestamp::from_unix_millis(time), matches!(line, Line::Noise)) {
        let level = if let Line::Handler(line) = &line { Some(line.level.clone()) } else { None };
        attempt.lines.push(LogLine { time, level, message: line.text() });
    }
}

/// Whether a line of the handler is about the subject.
fn is_about(subject: &Subject, line: &Value) -> bool {
    line["key"] == subject.key.as_str() && line["bucket"] == subject.bucket.as_str()
}
