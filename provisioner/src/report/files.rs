//! Human-readable text for files, records and the function's log lines.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use handler_contract::{Metadata, Status};
use provisioner_engine::event::files::{FilesEvent, Tally};
use provisioner_engine::put::Progress;
use provisioner_model::log_lines::{Entry, Line};
use provisioner_model::units::{Size, counted};
use serde_json::Value;

use super::Style;
use super::live::{LineId, Live, Place};
use super::meter::{bar, clock};
use super::table::clean;

/// The line for an event; `None` if a live line or data shows it.
pub fn line(event: &FilesEvent, style: Style) -> Option<String> {
    match event {
        FilesEvent::Uploaded { .. } if style.live => None,
        FilesEvent::Uploaded { file, key, size, .. } => {
            let name =
                if file.ends_with(key.as_str()) { clean(file) } else { format!("{} as {}", clean(file), clean(key)) };
            Some(style.dim(&format!("uploaded {name} ({})", Size(*size).rounded())))
        }
        FilesEvent::NotUploaded { file, reason, left_open, .. } => {
            let mut line = format!("{} {}: {}", style.bad("not uploaded"), clean(file), clean(reason));
            if let Some(left) = left_open {
                line.push_str(&format!(
                    "; its parts remain in the bucket until a lifecycle rule deletes them ({})",
                    clean(left)
                ));
            }
            Some(line)
        }
        FilesEvent::NotProcessed { file, key, reason } => {
            let warning = style.warn("warning:");
            Some(format!("{warning} {} gets no record: the key {} {reason}", clean(file), clean(key)))
        }
        FilesEvent::Record { .. } => None,
        FilesEvent::NoRecord { file, seconds, .. } => {
            Some(format!("{} of {} within {seconds} s", style.bad("no record"), clean(file)))
        }
        FilesEvent::Done(tally) => Some(done(tally)),
    }
}

fn done(tally: &Tally) -> String {
    let files = |n: usize| if n == 1 { "1 file".to_owned() } else { format!("{n} files") };
    let mut text =
        format!("{} uploaded, {} in {:.1} s", files(tally.uploaded), Size(tally.bytes).rounded(), tally.seconds);
    for (n, what) in [
        (tally.not_uploaded, "not uploaded"),
        (tally.succeeded, "SUCCESS"),
        (tally.failed, "FAILED"),
        (tally.without_record, "without record"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {what}"));
        }
    }
    text
}

/// A record that has just arrived, as one line of data.
pub fn record_line(file: &str, record: &Value, style: Style) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let failed = text("status") == Status::Failed.as_str();
    let status = format!("{:<7}", clean(text("status")));
    let status = if failed { style.bad(&status) } else { style.good(&status) };
    let mut line = format!("{status}  {}", clean(file));
    if failed {
        line.push_str(&format!("  {}: {}", clean(text("errorCode")), clean(text("errorMessage"))));
        return line;
    }
    line.push_str(&format!("  {}", clean(text("fileType"))));
    if let Some(size) = record["fileSize"].as_u64() {
        line.push_str(&format!("  {}", Size(size).rounded()));
    }
    for (name, one, many) in [("wordCount", "word", "words"), ("pageCount", "page", "pages")] {
        match record[name].as_u64() {
            Some(1) => line.push_str(&format!("  1 {one}")),
            Some(n) => line.push_str(&format!("  {n} {many}")),
            None => {}
        }
    }
    // Only a part of the file could be read, for example because it breaks off in the middle.
    if record["isPartial"] == true {
        line.push_str(&format!("  {}", style.warn("partial")));
    }
    line
}

/// The progress bar of an upload; shown on a terminal only.
#[derive(Debug, Clone)]
pub struct Uploading {
    live: Live,
    line: LineId,
    state: Arc<Mutex<Uploaded>>,
}

#[derive(Debug)]
struct Uploaded {
    since: Instant,
    bytes: u64,
    of: u64,
    message: String,
    files: usize,
}

impl Uploading {
    /// A bar for `files` files of `bytes` bytes in total.
    pub fn new(lines: &Live, files: usize, bytes: u64) -> Self {
        let message = format!("0 of {files} files");
        let state = Arc::new(Mutex::new(Uploaded { since: Instant::now(), bytes: 0, of: bytes, message, files }));
        let shown = Arc::clone(&state);
        let line = lines.add(Place::Total, move |width| {
            let state = shown.lock().unwrap_or_else(PoisonError::into_inner);
            uploading(state.since.elapsed(), state.bytes, state.of, &state.message, width)
        });
        Self { live: lines.clone(), line, state }
    }

    fn change(&self, change: impl FnOnce(&mut Uploaded)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Uploading {
    fn bytes(&self, bytes: u64) {
        self.change(|state| state.bytes += bytes);
    }

    fn done(&self, files: usize) {
        self.change(|state| state.message = format!("{files} of {} files", state.files));
    }

    fn awaiting(&self, records: usize) {
        self.change(|state| state.message = format!("waiting for {}", counted(records as u64, "record")));
    }

    fn end(&self) {
        self.live.remove(self.line);
    }
}

fn uploading(elapsed: Duration, bytes: u64, of: u64, message: &str, width: usize) -> String {
    let rate = bytes.saturating_mul(1_000) / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    format!(
        "{}{}{}/{} {message} {}/s",
        clock(elapsed),
        bar(bytes, of, width),
        Size(bytes).rounded(),
        Size(of).rounded(),
        Size(rate).rounded()
    )
}

/// A record of `inspect` as aligned fields: only the attributes that are derived from the content.
pub fn inspected(file: &str, record: &Value, style: Style) -> String {
    let shown = ["status", "fileType", "fileSize", "errorCode", "errorMessage", "sha256"];
    let names = shown.into_iter().chain(Metadata::FIELDS.iter().map(|field| field.name));
    let mut lines = vec![style.strong(&clean(file))];
    lines.extend(fields(record, names, style));
    lines.join("\n")
}

/// The attributes of a record as aligned lines, in this order; those that it does not have are left out.
pub fn fields<'a>(record: &'a Value, names: impl Iterator<Item = &'a str>, style: Style) -> Vec<String> {
    let present: Vec<(&str, &Value)> =
        names.map(|name| (name, &record[name])).filter(|(_, value)| !value.is_null()).collect();
    let width = present.iter().map(|(name, _)| clean(name).len()).max().unwrap_or_default();
    let line = |(name, value): (&str, &Value)| {
        let text = match (name, value) {
            ("fileSize", value) => {
                let size = value.as_u64().unwrap_or_default();
                if size < 1_024 { format!("{size} B") } else { format!("{size} B ({})", Size(size).rounded()) }
            }
            (_, Value::String(text)) => clean(text),
            (_, Value::Array(items)) => {
                items.iter().map(|i| clean(i.as_str().unwrap_or_default())).collect::<Vec<_>>().join(", ")
            }
            (_, other) => clean(&other.to_string()),
        };
        let text = match (name, text.as_str()) {
            ("status", "FAILED") | ("errorCode", _) => style.bad(&text),
            ("status", _) => style.good(&text),
            _ => text,
        };
        let name = clean(name);
        format!("  {name:<width$}  {text}")
    };
    present.into_iter().map(line).collect()
}

/// The start of an invocation's id, which is enough for `logs --request`.
pub fn request_id(id: &str) -> String {
    clean(&id.chars().take(8).collect::<String>())
}

/// A log entry as one line.
pub fn log_line(entry: &Entry, style: Style) -> String {
    let time = handler_contract::Timestamp::from_unix_millis(entry.time)
        .map(|time| time.as_str()[..23].replace('T', " "))
        .unwrap_or_default();
    let (level, text, rest) = match entry.line() {
        Line::Noise => ("", style.dim(&clean(entry.message.trim_end())), String::new()),
        Line::Report(text) => ("", style.dim(&clean(&text)), String::new()),
        Line::Text(text) => ("", clean(&text), String::new()),
        Line::Handler(line) => {
            let level = match line.level.as_str() {
                "INFO" => "INFO",
                "WARN" => "WARN",
                "ERROR" => "ERROR",
                _ => "?",
            };
            let mut rest = String::new();
            if let Some(duration) = line.duration_ms {
                rest.push_str(&format!("  {duration} ms"));
            }
            if let Some(id) = &line.request_id {
                rest.push_str(&format!("  {}", request_id(id)));
            }
            (level, clean(&line.message), rest)
        }
    };
    let padded = format!("{level:<5}");
    let level = match level {
        "ERROR" => style.bad(&padded),
        "WARN" => style.warn(&padded),
        _ => padded,
    };
    format!("{}  {level}  {text}{}", style.dim(&time), style.dim(&rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Style = Style { colour: false, live: false, width: 200 };

    #[test]
    fn control_characters_in_log_lines_are_replaced() {
        let entry =
            |message: &str| Entry { time: 1_795_278_829_120, message: message.into(), stream: "s".into(), id: None };
        let line = log_line(
            &entry(
                "{\"level\":\"ERROR\",\"message\":\"File a\\u001b[2Jb failed\",\"requestId\":\"0123456789\",\"durationMs\":7}",
            ),
            PLAIN,
        );
        assert_eq!(line, "2026-11-21 16:33:49.120  ERROR  File a\u{fffd}[2Jb failed  7 ms  01234567");
    }

    #[test]
    fn a_record_is_one_line() {
        let success = json!({"status": "SUCCESS", "fileType": "application/pdf", "fileSize": 2048, "wordCount": 446, "pageCount": 1});
        assert_eq!(
            record_line("a.pdf", &success, PLAIN),
            "SUCCESS  a.pdf  application/pdf  2.00 KiB  446 words  1 page"
        );
        let cut = json!({"status": "SUCCESS", "fileType": "image/png", "fileSize": 2048, "isPartial": true});
        assert_eq!(record_line("a.png", &cut, PLAIN), "SUCCESS  a.png  image/png  2.00 KiB  partial");
        let failed = json!({"status": "FAILED", "errorCode": "EMPTY_FILE", "errorMessage": "the file is empty"});
        assert_eq!(record_line("a\nb", &failed, PLAIN), "FAILED   a\u{fffd}b  EMPTY_FILE: the file is empty");
    }
}
