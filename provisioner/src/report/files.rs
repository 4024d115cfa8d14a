//! Human-readable text for records and the function's log lines.

use handler_contract::{Metadata, table};
use provisioner_model::log_lines::{Entry, Line};
use provisioner_model::units::Size;
use serde_json::Value;

use super::Style;
use super::table::clean;

/// The attributes of a record before the metadata, in the order in which they are printed.
const ATTRIBUTES: [&str; 16] = [
    "documentId",
    "fileName",
    "fileType",
    "fileSize",
    "status",
    "uploadedAt",
    "bucket",
    "objectKey",
    "versionId",
    "eTag",
    "sequencer",
    "sha256",
    "errorCode",
    "errorMessage",
    "processedAt",
    "handlerVersion",
];

/// The columns of the CSV output, which do not depend on the records.
fn columns() -> impl Iterator<Item = &'static str> {
    ATTRIBUTES.into_iter().chain(Metadata::FIELDS.iter().map(|field| field.name))
}

/// The attributes of a list, which an index has of every record.
fn list_columns() -> impl Iterator<Item = &'static str> {
    [table::PARTITION_KEY, table::SORT_KEY].into_iter().chain(table::PROJECTED)
}

/// The header of a list as CSV.
pub fn list_header() -> String {
    csv_of(std::iter::once(list_columns().map(ToOwned::to_owned).collect()))
}

/// Rows of a list as CSV, without the header.
pub fn list_rows(records: &[Value]) -> String {
    csv_of(records.iter().map(|record| list_columns().map(|name| csv_cell(&record[name])).collect()))
}

fn csv_of(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Writing into memory does not fail, and all rows have the same length.
        let _ = writer.write_record(row);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Records as CSV (RFC 4180) with a header.
///
/// Names are chosen by whoever uploads. A text that a spreadsheet would evaluate as a formula is prefixed with an
/// apostrophe; programs that need the exact text read the JSON output.
pub fn csv(records: &[Value]) -> String {
    let header = columns().map(ToOwned::to_owned).collect();
    let rows = records.iter().map(|record| columns().map(|name| csv_cell(&record[name])).collect());
    csv_of(std::iter::once(header).chain(rows))
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // OWASP, "CSV Injection": <https://owasp.org/www-community/attacks/CSV_Injection>.
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            csv_cell(&items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join("; ").into())
        }
        other => other.to_string(),
    }
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
    fn every_attribute_except_index_shards_has_a_column() {
        let upload = handler_contract::Upload {
            bucket: "b".into(),
            key: "k".into(),
            version_id: Some("v".into()),
            e_tag: Some("e".into()),
            sequencer: Some("s".into()),
            size: None,
            uploaded_at: handler_contract::Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        };
        let findings = handler_contract::record::Findings {
            file_type: None,
            file_size: 1,
            sha256: Some("h".into()),
            metadata: Metadata::default(),
            failure: Some(handler_contract::Failure::new(handler_contract::ErrorCode::Crashed, "m")),
        };
        let time = upload.uploaded_at.clone();
        let record = serde_json::to_value(handler_contract::Record::new(&upload, findings, time, "1")).unwrap();
        let columns: Vec<&str> = columns().collect();
        for name in record.as_object().unwrap().keys() {
            assert!(columns.contains(&name.as_str()) || name.ends_with("Shard"), "{name}");
        }
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay_numbers() {
        let records = [json!({"fileName": "=HYPERLINK(\"x\")", "fileSize": 3, "title": "a,b\nc", "objectKey": "-1"})];
        let text = csv(&records);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell = |name: &str| &row[header.iter().position(|h| h == name).unwrap()];
        assert_eq!(cell("fileName"), "'=HYPERLINK(\"x\")");
        assert_eq!((cell("fileSize"), cell("title"), cell("objectKey"), cell("author")), ("3", "a,b\nc", "'-1", ""));
        assert_eq!(csv(&[]).lines().count(), 1);
    }

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
