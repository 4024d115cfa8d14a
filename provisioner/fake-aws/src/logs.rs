//! CloudWatch Logs, to read.
//!
//! API: "Amazon CloudWatch Logs API Reference".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Response;
use crate::xml;

/// Events in a page (API, `FilterLogEvents`).
const PAGE: usize = 10_000;

/// All log groups.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    /// The groups by name, besides those of deployed stacks.
    pub groups: BTreeMap<String, Group>,
    /// The maximum number of events in a page; 0 means the service's 10,000.
    pub page: usize,
    /// Returns the oldest events first whatever the request says, and no token, as the emulator does.
    pub ignores_order: bool,
}

/// A log group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The retention in days; `None` means unlimited.
    pub retention_days: Option<u32>,
    /// The log events, in no particular order.
    pub events: Vec<Event>,
}

/// A line of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// The stream.
    pub stream: String,
    /// The line.
    pub message: String,
}

impl Logs {
    /// Logs a line in a group, which is created if it is missing.
    pub fn log(&mut self, group: &str, time: i64, stream: &str, message: &str) {
        let event = Event { time, stream: stream.to_owned(), message: message.to_owned() };
        self.groups.entry(group.to_owned()).or_default().events.push(event);
    }

    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&self, action: &str, body: &Value) -> Option<Response> {
        match action {
            "DescribeLogGroups" => {
                let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
                let groups = self.groups.iter().filter(|(name, _)| name.starts_with(prefix));
                let groups =
                    groups.map(|(name, g)| json!({ "logGroupName": name, "retentionInDays": g.retention_days }));
                Some(xml::json(200, &json!({ "logGroups": groups.collect::<Vec<_>>() })))
            }
            "FilterLogEvents" => Some(self.filter(body)),
            _ => None,
        }
    }

    fn filter(&self, body: &Value) -> Response {
        let name = body["logGroupName"].as_str().unwrap_or_default();
        let Some(group) = self.groups.get(name) else {
            let message = "The specified log group does not exist.";
            return xml::error("logs", 400, "ResourceNotFoundException", message);
        };
        let (from, to) = (body["startTime"].as_i64().unwrap_or(0), body["endTime"].as_i64().unwrap_or(i64::MAX));
        let pattern = body["filterPattern"].as_str().unwrap_or_default();
        // API, `FilterLogEvents`: all plain terms must occur.
        let mut found: Vec<(usize, &Event)> = group.events.iter().enumerate().collect();
        found.retain(|(_, event)| {
            (from..=to).contains(&event.time)
                && pattern.split_whitespace().all(|term| event.message.contains(term.trim_matches('"')))
        });
        found.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
        if body["startFromHead"] == false && !self.ignores_order {
            found.reverse();
        }
        let most = if self.page == 0 { PAGE } else { self.page };
        let limit = body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most).min(most);
        let skip: usize = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let events = found.iter().skip(skip).take(limit).map(|(number, event)| {
            json!({
                "timestamp": event.time, "message": event.message, "logStreamName": event.stream,
                "eventId": format!("{number:020}"),
            })
        });
        let mut answer = json!({ "events": events.collect::<Vec<_>>() });
        if skip + limit < found.len() && !self.ignores_order {
            answer["nextToken"] = (skip + limit).to_string().into();
        }
        xml::json(200, &answer)
    }
}
