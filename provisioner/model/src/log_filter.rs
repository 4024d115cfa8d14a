//! Which entries of the function's log are wanted, and what of that `FilterLogEvents` can decide. Pure.
//!
//! The service's patterns cannot express everything: names may have characters that the pattern syntax reserves, and what a
//! line is about is a field of JSON. So the pattern that is sent matches at least the wanted entries, and
//! [`LogFilter::matches`] decides.

use serde_json::Value;

use crate::log_lines::{Entry, Line};
use crate::query::Pattern;

/// Characters of a pattern (CloudWatch Logs API reference, `FilterLogEvents`: 1,024).
const LONGEST_PATTERN: usize = 1_000;
/// Words of which an entry that reports a failure has one: the levels of the handler's lines, and what Lambda and the Rust
/// runtime write about an invocation that ended early.
const FAILURE_WORDS: [&str; 8] = ["ERROR", "WARN", "Error", "error", "timeout", "failure", "timed", "panicked"];

/// A pattern in the syntax of `FilterLogEvents`: terms that must all occur, or of which one must.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFilter {
    /// Every entry has all of them.
    all: Vec<String>,
    /// Every entry has one of them; empty for no such condition.
    any: &'static [&'static str],
}

impl ServerFilter {
    /// Entries that contain this text, as far as the service can decide that.
    ///
    /// Sent are the pieces of the text that consist of letters, digits and a few other ASCII characters, each in quotation
    /// marks: they are the same in the JSON of a log line, and no character of them has a meaning in a pattern.
    pub fn containing(text: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let mut all: Vec<String> = text
            .split(|c| !is_plain(c))
            .map(|piece| piece.trim_matches(|c| c == '-' || c == '.').to_owned())
            .filter(|piece| !piece.is_empty())
            .collect();
        // The longest pieces exclude most.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        let mut length = 0;
        all.retain(|piece| {
            length += piece.len() + 3;
            length <= LONGEST_PATTERN
        });
        Self { all, any: &[] }
    }

    /// Both conditions.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.all.extend(other.all);
        if self.any.is_empty() {
            self.any = other.any;
        }
        self
    }

    /// The pattern; `None` to read everything. Optional terms are sent only to AWS itself: the emulator takes every term as
    /// required. And they are not combined with required terms, beside which the service ignores them.
    pub fn pattern(&self, is_aws: bool) -> Option<String> {
        let terms: Vec<String> = if !self.all.is_empty() {
            self.all.iter().map(|term| format!("\"{term}\"")).collect()
        } else if is_aws {
            self.any.iter().map(|term| format!("?{term}")).collect()
        } else {
            Vec::new()
        };
        (!terms.is_empty()).then(|| terms.join(" "))
    }
}

/// Which entries are shown.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Only lines about files of this name or key; `*` matches any characters.
    pub file: Option<String>,
    /// Only lines of the invocation whose id starts with this.
    pub request: Option<String>,
    /// Only lines at WARN and ERROR, and what Lambda reports about invocations that failed.
    pub errors: bool,
    /// Only lines with this text.
    pub text: Option<Pattern>,
    /// Also metrics, and Lambda's own lines.
    pub reports: bool,
}

impl LogFilter {
    /// The part of the filter that the service decides.
    pub fn on_server(&self) -> ServerFilter {
        let file = self.file.as_deref().map(ServerFilter::containing).unwrap_or_default();
        let request = self.request.as_deref().map(ServerFilter::containing).unwrap_or_default();
        let errors = ServerFilter { all: Vec::new(), any: if self.errors { &FAILURE_WORDS } else { &[] } };
        file.and(request).and(errors)
    }

    /// Whether an entry is shown.
    pub fn matches(&self, entry: &Entry) -> bool {
        let line = entry.line();
        let fields = || serde_json::from_str::<Value>(entry.message.trim_end()).unwrap_or_default();
        let shown = match &line {
            Line::Noise => self.reports,
            // A report of a failed invocation is all that there is of one that ran out of time.
            Line::Report(_) => self.reports || self.request.is_some() || self.errors,
            Line::Handler(_) | Line::Text(_) => true,
        };
        // What was uploaded is in the message as a JSON string, so the text is searched as it is printed too.
        let contains = |pattern: &Pattern| pattern.matches(&entry.message) || pattern.matches(&line.text());
        shown
            && (!self.errors || is_failure(&line, entry))
            && self.file.as_deref().is_none_or(|name| is_about(&fields(), name))
            && self.request.as_deref().is_none_or(|id| is_of_request(entry, id))
            && self.text.as_ref().is_none_or(contains)
    }
}

/// Whether a line reports a failure.
fn is_failure(line: &Line, entry: &Entry) -> bool {
    let has_word = |text: &str| FAILURE_WORDS.iter().any(|word| text.contains(word));
    match line {
        Line::Handler(line) => line.level != "INFO",
        Line::Report(text) => {
            let status = |value: &Value| value["record"]["status"].as_str().map(|status| status != "success");
            let json = serde_json::from_str::<Value>(entry.message.trim_end()).ok();
            json.as_ref()
                .and_then(status)
                .unwrap_or_else(|| text.contains("Status: timeout") || text.contains("Status: error"))
        }
        Line::Text(text) => has_word(text),
        Line::Noise => false,
    }
}

/// Whether the line of the handler with these fields is about the file of this name, or under this key.
pub fn is_about(line: &Value, name: &str) -> bool {
    let Some(key) = line["key"].as_str() else { return false };
    let pattern = Pattern::exactly(name);
    pattern.matches(key) || key.rsplit('/').find(|part| !part.is_empty()).is_some_and(|name| pattern.matches(name))
}

/// The invocation that an entry belongs to: a field of the handler's and of Lambda's lines.
pub fn request_of(entry: &Entry) -> Option<String> {
    let text = entry.message.trim_end();
    if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        let id = value["requestId"].as_str().or_else(|| value["record"]["requestId"].as_str());
        return id.map(ToOwned::to_owned);
    }
    // `START RequestId: ID Version: …`, `RequestId: ID Error: …`
    let after = text.split("RequestId: ").nth(1)?;
    Some(after.split(|c: char| c.is_whitespace()).next()?.to_owned())
}

/// Whether an entry belongs to the invocation whose id starts with this.
fn is_of_request(entry: &Entry, id: &str) -> bool {
    match request_of(entry) {
        Some(request) => request.starts_with(id),
        // `2026-11-26T12:00:00.000Z ID Task timed out after 3.00 seconds`
        None => entry.message.split_whitespace().any(|word| word.starts_with(id)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(message: impl Into<String>) -> Entry {
        Entry { time: 0, message: message.into(), stream: "s".into(), id: None }
    }

    fn handler(level: &str, key: &str, request: &str) -> Entry {
        let name = key.rsplit('/').next().unwrap();
        entry(
            json!({ "level": level, "message": format!("File {name}"), "key": key, "requestId": request }).to_string(),
        )
    }

    #[test]
    fn terms_are_free_of_characters_with_a_meaning_and_occur_in_the_json_of_the_name() {
        for (name, pattern) in [
            ("report.pdf", Some(r#""report.pdf""#)),
            ("in/a b.txt", Some(r#""b.txt" "in/a""#)),
            (r#"say "hi" \ 100%*.txt"#, Some(r#""100" "say" "txt" "hi""#)),
            ("-x -y", Some(r#""x" "y""#)),
            ("?ERROR {[%", Some(r#""ERROR""#)),
            ("漢字", None),
            ("漢字.pdf", Some(r#""pdf""#)),
            ("a\u{1b}[2Jb", Some(r#""2Jb" "a""#)),
            ("", None),
        ] {
            assert_eq!(ServerFilter::containing(name).pattern(true).as_deref(), pattern, "{name}");
            let logged = json!({ "key": name }).to_string();
            for term in ServerFilter::containing(name).all {
                assert!(logged.contains(&term), "{term} is not in {logged}");
            }
        }
        let longest = ServerFilter::containing(&"word ".repeat(300)).pattern(true).unwrap();
        assert_eq!(longest, r#""word""#);
        let many = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(ServerFilter::containing(&many).pattern(true).unwrap().len() <= 1_024);
    }

    #[test]
    fn optional_terms_go_to_aws_alone_and_not_beside_required_ones() {
        let errors = LogFilter { errors: true, ..LogFilter::default() };
        assert_eq!(
            errors.on_server().pattern(true).as_deref(),
            Some("?ERROR ?WARN ?Error ?error ?timeout ?failure ?timed ?panicked")
        );
        assert_eq!(errors.on_server().pattern(false), None);
        let of_file = LogFilter { file: Some("a.txt".into()), request: Some("r-1".into()), ..errors };
        assert_eq!(of_file.on_server().pattern(true).as_deref(), Some(r#""a.txt" "r-1""#));
        assert_eq!(LogFilter::default().on_server().pattern(true), None);
    }

    #[test]
    fn a_file_is_found_by_its_name_and_by_its_key_and_nothing_else_is() {
        let of = |name: &str| LogFilter { file: Some(name.into()), ..LogFilter::default() };
        for (name, key, matches) in [
            ("a.txt", "a.txt", true),
            ("a.txt", "in/a.txt", true),
            ("in/a.txt", "in/a.txt", true),
            ("A.txt", "in/a.txt", false),
            ("a.txt", "in/aa.txt", false),
            ("n/a.txt", "in/a.txt", false),
            ("*.txt", "in/a.txt", true),
            ("in/*", "in/a.txt", true),
            ("a*t", "in/a.txt", true),
            ("a*b*t", "in/a.txt", false),
            ("say \"hi\".txt", "in/say \"hi\".txt", true),
        ] {
            assert_eq!(of(name).matches(&handler("INFO", key, "r")), matches, "{name} {key}");
        }
        assert!(!of("a.txt").matches(&entry("a.txt in a text")), "a text has no field that says what it is about");
    }

    #[test]
    fn an_invocation_is_found_by_the_start_of_its_id_in_every_form_of_line() {
        let filter = LogFilter { request: Some("0123abcd".into()), ..LogFilter::default() };
        let id = "0123abcd-0000-4000-8000-000000000000";
        let start = json!({ "type": "platform.start", "record": { "requestId": id } }).to_string();
        let report =
            json!({ "type": "platform.report", "record": { "requestId": id, "status": "success" } }).to_string();
        for (line, shown) in [
            (handler("INFO", "a", id), true),
            (entry(report), true),
            (entry(format!("RequestId: {id} Error: Runtime exited")), true),
            (entry(format!("2026-11-26T12:00:00Z {id} Task timed out after 3.00 seconds")), true),
            (entry(start), false),
            (handler("INFO", "0123abcd", "other"), false),
            (entry("0123abcc"), false),
        ] {
            assert_eq!(filter.matches(&line), shown, "{line:?}");
        }
        let with_reports = LogFilter { reports: true, ..filter };
        assert!(with_reports.matches(&entry(format!("START RequestId: {id} Version: $LATEST"))));
    }

    #[test]
    fn errors_are_warnings_errors_panics_and_invocations_that_failed() {
        let filter = LogFilter { errors: true, ..LogFilter::default() };
        let report =
            |status: &str| entry(json!({ "type": "platform.report", "record": { "status": status } }).to_string());
        for (line, shown) in [
            (handler("ERROR", "a", "r"), true),
            (handler("WARN", "a", "r"), true),
            (handler("INFO", "ERROR.txt", "r"), false),
            (report("timeout"), true),
            (report("error"), true),
            (report("success"), false),
            (entry("REPORT RequestId: r\tDuration: 3000 ms\tStatus: timeout"), true),
            (entry("REPORT RequestId: r\tDuration: 3 ms\t"), false),
            (entry("thread 'main' panicked at src/lib.rs"), true),
            (entry("2026-11-26T12:00:00Z r Task timed out after 3.00 seconds"), true),
            (entry("RequestId: r Error: Runtime exited"), true),
            (entry("hello"), false),
            (entry(r#"{"_aws":{},"error":1}"#), false),
        ] {
            assert_eq!(filter.matches(&line), shown, "{line:?}");
            if shown {
                assert!(
                    FAILURE_WORDS.iter().any(|word| line.message.contains(word)),
                    "the service would not send {line:?}"
                );
            }
        }
    }
}
