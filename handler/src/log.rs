//! Log lines: one JSON object a line, with the fields by which people search.
//!
//! Lambda passes such lines on as they are, and filters them by `level` where the function's logging is set so. They
//! hold names, sizes and reasons; never the content of a file, never a credential.

use std::io::Write;
use std::sync::Mutex;

use handler_contract::{ErrorCode, SandboxReport, Timestamp};
use serde::Serialize;

/// Milliseconds since the Unix epoch, now. An argument, so that tests fix it.
pub type Clock = fn() -> i64;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// All is well.
    #[default]
    Info,
    /// It failed and will be tried again, or it works with less protection than it could have.
    Warn,
    /// A file was refused, or somebody must act.
    Error,
}

/// One line. What is `None` is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    /// How much it matters.
    pub level: Level,
    /// What happened, for people.
    pub message: String,
    /// The invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The invocation's X-Ray trace header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xray_trace_id: Option<&'a str>,
    /// Whether the invocation is the process's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<bool>,
    /// Who sent the event again, if it did not come from S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<&'a str>,
    /// The object's bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<&'a str>,
    /// The object's key, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<&'a str>,
    /// How the work on the file ended: stored, rejected, duplicate, unreadable, ignored, retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// Why the file was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// The media type by content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_type: Option<&'a str>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Words, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_count: Option<u64>,
    /// From taking the file up to its outcome. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// What the system grants of the sandbox, in the line of a process's first file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxReport>,
}

#[derive(Serialize)]
struct Stamped<'a> {
    timestamp: Option<Timestamp>,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// Where lines go.
pub struct Log {
    sink: Mutex<Box<dyn Write + Send>>,
    clock: Clock,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl Log {
    /// A log that writes to the sink and takes its times from the clock.
    pub fn new(sink: Box<dyn Write + Send>, clock: Clock) -> Self {
        Self { sink: Mutex::new(sink), clock }
    }

    /// Now, by the log's clock.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Writes one line, stamped with the time.
    pub fn write(&self, line: &Line<'_>) {
        let mut lines = Vec::new();
        append(&mut lines, &self.stamped(line));
        self.put(&lines);
    }

    /// Writes one line, stamped with the time, and a line of any other form after it. Both go out in one piece, so that
    /// whoever reads them is woken once.
    pub fn write_with(&self, line: &Line<'_>, other: &impl Serialize) {
        let mut lines = Vec::new();
        append(&mut lines, &self.stamped(line));
        append(&mut lines, other);
        self.put(&lines);
    }

    fn stamped<'a>(&self, line: &'a Line<'a>) -> Stamped<'a> {
        Stamped { timestamp: Timestamp::from_unix_millis(self.now()), line }
    }

    fn put(&self, lines: &[u8]) {
        let mut sink = self.sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // If the log cannot be written, there is no other place to report that.
        let _ = sink.write_all(lines).and_then(|()| sink.flush());
    }
}

/// Appends a value as one line.
fn append(lines: &mut Vec<u8>, value: &impl Serialize) {
    let start = lines.len();
    match serde_json::to_writer(&mut *lines, value) {
        Ok(()) => lines.push(b'\n'),
        // None of the values fails to serialise, and if one did, the log would be the place to say so.
        Err(_) => lines.truncate(start),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_in_one_write_and_holds_what_is_known() {
        let sink = Sink::default();
        let log = Log::new(Box::new(sink.clone()), || 1_795_278_829_120);
        log.write(&Line {
            message: "a key with a\nline feed".to_owned(),
            key: Some("a\nb"),
            error_code: Some(ErrorCode::EmptyFile),
            cold_start: Some(true),
            ..Line::default()
        });
        let written = sink.0.lock().unwrap();
        assert_eq!(written.len(), 1);
        assert_eq!(
            String::from_utf8(written[0].clone()).unwrap(),
            "{\"timestamp\":\"2026-11-21T16:33:49.120Z\",\"level\":\"INFO\",\"message\":\"a key with a\\nline feed\",\
             \"coldStart\":true,\"key\":\"a\\nb\",\"errorCode\":\"EMPTY_FILE\"}\n"
        );
    }

    #[test]
    fn two_lines_are_two_objects_in_one_write() {
        let sink = Sink::default();
        let log = Log::new(Box::new(sink.clone()), || 1_795_278_829_120);
        log.write_with(&Line { message: "one".to_owned(), ..Line::default() }, &serde_json::json!({"Files": 1}));
        let written = sink.0.lock().unwrap();
        assert_eq!(written.len(), 1);
        assert_eq!(
            String::from_utf8(written[0].clone()).unwrap(),
            "{\"timestamp\":\"2026-11-21T16:33:49.120Z\",\"level\":\"INFO\",\"message\":\"one\"}\n{\"Files\":1}\n"
        );
    }
}
