//! Records as CSV (RFC 4180). Pure.
//!
//! Names are chosen by whoever uploads. A text that a spreadsheet would evaluate as a formula is prefixed with an
//! apostrophe; programs that need the exact text read JSON.

use handler_contract::{Metadata, table};
use serde_json::Value;

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

/// Records as CSV with a header.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
}
