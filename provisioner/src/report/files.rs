//! Human-readable text for records and the function's log lines.

use handler_contract::Metadata;
use provisioner_model::log_lines::{Entry, Line};
use provisioner_model::text::clean;
use provisioner_model::units::Size;
use serde_json::Value;

use super::Style;

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
}
