//! Parses the function's log: the handler's lines, Lambda's lines, and which entries were seen before.
//!
//! Pure. The handler's lines are JSON objects with `timestamp`, `level`, `message`, `requestId`, `durationMs` and more.
//! The log also contains metrics for CloudWatch and Lambda's lines about each invocation.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use handler_contract::SandboxReport;
use handler_contract::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// An entry of the log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// The line, as it was written.
    pub message: String,
    /// The log stream: one a process of the function.
    pub stream: String,
    /// Which entry it is, if the service returns one.
    pub id: Option<String>,
}

/// A line, by who wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// The handler.
    Handler(HandlerLine),
    /// Lambda, on an invocation that ended.
    Report(String),
    /// Not shown: metrics, and the start and end of invocations.
    Noise,
    /// Anybody else: a panic, for example.
    Text(String),
}

/// The fields of a handler's line that are shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerLine {
    /// INFO, WARN or ERROR.
    pub level: String,
    /// What happened.
    pub message: String,
    /// The invocation.
    pub request_id: Option<String>,
    /// How long the file took.
    pub duration_ms: Option<i64>,
    /// What the system grants of the sandbox; in the line of a process's first file.
    pub sandbox: Option<SandboxReport>,
}

impl Line {
    /// The text for people, without its fields.
    pub fn text(&self) -> String {
        match self {
            Self::Handler(line) => line.message.clone(),
            Self::Report(text) | Self::Text(text) => text.clone(),
            Self::Noise => String::new(),
        }
    }
}

impl Entry {
    /// The entry as a JSON object: the handler's lines as they were written, others with `timestamp`, `type` (`report`,
    /// `platform` or `text`) and `message`.
    pub fn to_json(&self) -> Value {
        let text = self.message.trim_end();
        if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
            return object;
        }
        let kind = match self.line() {
            Line::Report(_) => "report",
            Line::Noise => "platform",
            Line::Handler(_) | Line::Text(_) => "text",
        };
        let time = Timestamp::from_unix_millis(self.time);
        json!({ "timestamp": time.as_ref().map(Timestamp::as_str), "type": kind, "message": text })
    }

    /// Who wrote it, and what.
    pub fn line(&self) -> Line {
        let text = self.message.trim_end();
        if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
            if value.get("_aws").is_some() {
                return Line::Noise;
            }
            // Lambda's own lines, where the function's log format is JSON.
            if let Some(kind) = value["type"].as_str().filter(|kind| kind.starts_with("platform.")) {
                return if kind == "platform.report" { Line::Report(report(&value)) } else { Line::Noise };
            }
            return serde_json::from_value(value).map_or_else(|_| Line::Text(text.to_owned()), Line::Handler);
        }
        match text.split(' ').next() {
            Some("START" | "END" | "INIT_START") => Line::Noise,
            Some("REPORT") => Line::Report(text.replace('\t', "  ")),
            _ => Line::Text(text.to_owned()),
        }
    }
}

/// Lambda developer guide, "Using Lambda advanced logging controls": the record of a platform.report event.
fn report(value: &Value) -> String {
    let record = &value["record"];
    let id = record["requestId"].as_str().unwrap_or_default();
    let mut text = format!("REPORT RequestId: {id}");
    for (name, unit) in
        [("durationMs", "ms"), ("billedDurationMs", "ms"), ("maxMemoryUsedMB", "MB"), ("initDurationMs", "ms")]
    {
        if let Some(number) = record["metrics"][name].as_f64() {
            let name = name.trim_end_matches(|c: char| c.is_ascii_uppercase()).trim_end_matches("Ms");
            text.push_str(&format!("  {name}: {number} {unit}"));
        }
    }
    text
}

/// Which entries were seen, so that times may be read again: entries arrive late and out of order.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(i64, u64), usize>);

impl Seen {
    /// Keeps those entries of a page that were not seen on an earlier one. A page must hold all entries of its times.
    ///
    /// Two lines of the same text in the same millisecond are two entries, also where the service gives no ids.
    pub fn keep_new(&mut self, page: Vec<Entry>) -> Vec<Entry> {
        let mut on_this_page = HashMap::new();
        page.into_iter()
            .filter(|entry| {
                let mut hasher = DefaultHasher::new();
                match &entry.id {
                    Some(id) => id.hash(&mut hasher),
                    None => (&entry.stream, &entry.message).hash(&mut hasher),
                }
                let key = (entry.time, hasher.finish());
                let count: &mut usize = on_this_page.entry(key).or_default();
                *count += 1;
                let before = self.0.entry(key).or_default();
                let new = *count > *before;
                *before = (*before).max(*count);
                new
            })
            .collect()
    }

    /// Forgets entries before this time, which will not be read again.
    pub fn forget_before(&mut self, time: i64) {
        self.0.retain(|(seen, _), _| *seen >= time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: i64, message: &str, id: Option<&str>) -> Entry {
        Entry { time, message: message.into(), stream: "s".into(), id: id.map(Into::into) }
    }

    #[test]
    fn who_wrote_a_line() {
        let line = |message: &str| entry(0, message, None).line();
        assert_eq!(
            line(
                "{\"timestamp\":\"2026-11-22T16:33:49.120Z\",\"level\":\"INFO\",\"message\":\"File a.txt processed with status SUCCESS, words=3\",\"requestId\":\"r\",\"durationMs\":4}\n"
            ),
            Line::Handler(HandlerLine {
                level: "INFO".into(),
                message: "File a.txt processed with status SUCCESS, words=3".into(),
                request_id: Some("r".into()),
                duration_ms: Some(4),
                sandbox: None,
            })
        );
        assert_eq!(line("{\"_aws\":{},\"Files\":1}"), Line::Noise);
        assert_eq!(line("START RequestId: r Version: $LATEST\n"), Line::Noise);
        assert_eq!(line("END RequestId: r"), Line::Noise);
        assert_eq!(
            line("REPORT RequestId: r\tDuration: 1.2 ms\t"),
            Line::Report("REPORT RequestId: r  Duration: 1.2 ms".into())
        );
        assert_eq!(
            line(
                "{\"time\":\"t\",\"type\":\"platform.report\",\"record\":{\"requestId\":\"r\",\"metrics\":{\"durationMs\":1.5,\"maxMemoryUsedMB\":14}}}"
            ),
            Line::Report("REPORT RequestId: r  duration: 1.5 ms  maxMemoryUsed: 14 MB".into())
        );
        assert_eq!(line("{\"time\":\"t\",\"type\":\"platform.start\",\"record\":{}}"), Line::Noise);
        assert_eq!(line("thread 'main' panicked"), Line::Text("thread 'main' panicked".into()));
        assert_eq!(line("{\"other\":1}"), Line::Text("{\"other\":1}".into()));
        assert_eq!(line("[1]"), Line::Text("[1]".into()));
    }

    #[test]
    fn reading_again_gives_what_is_new_and_nothing_twice() {
        let mut seen = Seen::default();
        let times = |entries: Vec<Entry>| entries.into_iter().map(|e| e.time).collect::<Vec<_>>();
        assert_eq!(times(seen.keep_new(vec![entry(1, "a", Some("1")), entry(3, "b", Some("2"))])), [1, 3]);
        // A late one, in between.
        let again = vec![entry(1, "a", Some("1")), entry(2, "late", Some("3")), entry(3, "b", Some("2"))];
        assert_eq!(times(seen.keep_new(again.clone())), [2]);
        seen.forget_before(2);
        assert_eq!(times(seen.keep_new(again[1..].to_vec())), Vec::<i64>::new());
    }

    #[test]
    fn equal_lines_without_ids_are_counted() {
        let mut seen = Seen::default();
        let twice = vec![entry(1, "same", None), entry(1, "same", None)];
        assert_eq!(seen.keep_new(vec![entry(1, "same", None)]).len(), 1);
        assert_eq!(seen.keep_new(twice.clone()).len(), 1);
        assert_eq!(seen.keep_new(twice).len(), 0);
    }
}
