//! The fields of a record in words: groups, labels, values with their units.

use handler_contract::metadata::Field;
use handler_contract::{Metadata, Record, Timestamp};
use maud::{Markup, html};
use provisioner_model::units::grouped;
use serde_json::Value;

use super::format::{foreign, size, time, time_of, type_name};

/// Groups of fields, in the order of the page. What is in none of them is shown last, so that fields of a newer handler
/// are not lost.
const GROUPS: &[(&str, &[&str])] = &[
    ("File", &["fileName", "fileType", "fileSize", "uploadedAt", "isPartial", "contentEncoding"]),
    (
        "Text",
        &[
            "wordCount",
            "pageCount",
            "slideCount",
            "sheetCount",
            "unicodeWordCount",
            "characterCount",
            "lineCount",
            "language",
            "charset",
            "declaredPageCount",
            "declaredWordCount",
        ],
    ),
    (
        "Document",
        &[
            "title",
            "author",
            "subject",
            "description",
            "keywords",
            "publisher",
            "identifier",
            "creatorTool",
            "producer",
            "lastModifiedBy",
            "dateCreated",
            "dateModified",
            "formatVersion",
            "hasTextLayer",
            "hasForms",
            "attachmentCount",
            "attachmentNames",
        ],
    ),
    ("Security", &["isEncrypted", "hasMacros", "hasJavaScript", "hasGps"]),
    (
        "Data",
        &[
            "rowCount",
            "columnCount",
            "delimiter",
            "hasHeader",
            "itemCount",
            "nestingDepth",
            "rootElement",
            "rootNamespace",
            "elementCount",
        ],
    ),
    ("Mail", &["sender", "recipients", "messageCount"]),
    (
        "Picture, audio and video",
        &[
            "width",
            "height",
            "orientation",
            "duration",
            "codec",
            "bitRate",
            "sampleRate",
            "channelCount",
            "isAnimated",
            "frameCount",
            "cameraMake",
            "cameraModel",
            "album",
            "genre",
            "trackNumber",
        ],
    ),
    ("Archive or program", &["entryCount", "uncompressedSize", "machine"]),
    (
        "Storage",
        &[
            "objectKey",
            "bucket",
            "versionId",
            "eTag",
            "sha256",
            "sequencer",
            "documentId",
            "processedAt",
            "reprocessedAt",
            "handlerVersion",
            "expiresAt",
        ],
    ),
];

/// Fields that the page shows elsewhere, or that only the indexes need.
const ELSEWHERE: [&str; 6] = ["status", "errorCode", "errorMessage", "recentShard", "failureShard", "objectShard"];

/// Labels that do not follow from the field's name.
const LABELS: &[(&str, &str)] = &[
    ("fileName", "Name"),
    ("fileType", "Type"),
    ("fileSize", "Size"),
    ("uploadedAt", "Uploaded"),
    ("processedAt", "Read"),
    ("reprocessedAt", "Read again for"),
    ("expiresAt", "Record expires"),
    ("isPartial", "Only partly readable"),
    ("wordCount", "Words"),
    ("unicodeWordCount", "Words by Unicode"),
    ("characterCount", "Characters"),
    ("lineCount", "Lines"),
    ("pageCount", "Pages"),
    ("slideCount", "Slides"),
    ("sheetCount", "Sheets"),
    ("declaredPageCount", "Pages, as declared"),
    ("declaredWordCount", "Words, as declared"),
    ("charset", "Encoding"),
    ("creatorTool", "Written with"),
    ("producer", "Converted with"),
    ("lastModifiedBy", "Changed by"),
    ("dateCreated", "Created"),
    ("dateModified", "Changed"),
    ("hasTextLayer", "Selectable text"),
    ("hasForms", "Forms"),
    ("hasJavaScript", "Scripts"),
    ("hasMacros", "Macros"),
    ("hasGps", "Place in the picture"),
    ("isEncrypted", "Encrypted"),
    ("isAnimated", "Animated"),
    ("hasHeader", "Header row"),
    ("attachmentCount", "Attachments"),
    ("attachmentNames", "Attached files"),
    ("contentEncoding", "Stored as"),
    ("rowCount", "Rows"),
    ("columnCount", "Columns"),
    ("itemCount", "Items"),
    ("elementCount", "Elements"),
    ("messageCount", "Messages"),
    ("frameCount", "Frames"),
    ("channelCount", "Channels"),
    ("entryCount", "Files inside"),
    ("uncompressedSize", "Unpacked size"),
    ("machine", "Processor"),
    ("objectKey", "Key"),
    ("versionId", "Version"),
    ("eTag", "ETag"),
    ("sha256", "SHA-256"),
    ("documentId", "Record"),
];

/// The label of a field: `bitRate` is "Bit rate".
fn label(name: &str) -> String {
    if let Some((_, label)) = LABELS.iter().find(|(known, _)| *known == name) {
        return (*label).to_owned();
    }
    let mut label = String::new();
    for c in name.chars() {
        match c {
            c if label.is_empty() => label.extend(c.to_uppercase()),
            c if c.is_ascii_uppercase() => {
                label.push(' ');
                label.push(c.to_ascii_lowercase());
            }
            c => label.push(c),
        }
    }
    label
}

fn field(name: &str) -> Option<&'static Field> {
    Record::FIELDS.iter().chain(Metadata::FIELDS).find(|field| field.name == name)
}

/// A value with its unit.
fn value(name: &str, value: &Value) -> Markup {
    let unit = field(name).map_or("", |field| field.unit);
    match value {
        Value::Bool(true) => html! { "Yes" },
        Value::Bool(false) => html! { "No" },
        Value::Number(number) => html! {
            @match (unit, number.as_u64(), number.as_f64()) {
                ("bytes", Some(n), _) => { (size(n)) span.dim { " (" (grouped(n)) " bytes)" } }
                ("seconds", _, Some(seconds)) => (playing_time(seconds)),
                ("seconds since 1970, UTC", Some(n), _) => (time_of(i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000))),
                ("pixels" | "Hz" | "kbit/s" | "levels", Some(n), _) => { (grouped(n)) " " (unit) }
                (_, Some(n), _) => (grouped(n)),
                _ => (number),
            }
        },
        Value::Array(items) => html! {
            ul { @for item in items { li { (foreign(&text(item))) } } }
        },
        Value::String(text) => html! {
            @match (name, Timestamp::parse(text)) {
                ("uploadedAt" | "processedAt" | "reprocessedAt", Ok(at)) => (time(&at)),
                ("fileType", _) => { (type_name(text)) span.dim { " (" (text) ")" } }
                ("eTag" | "sha256" | "versionId" | "sequencer" | "documentId" | "bucket", _) => code { (foreign(text)) },
                ("objectKey", _) => code { (foreign(text)) },
                _ => (foreign(text)),
            }
        },
        other => html! { (foreign(&text(other))) },
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn playing_time(seconds: f64) -> String {
    if !(0.0..1e9).contains(&seconds) {
        return format!("{seconds} s");
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// All fields of a record, in groups.
pub(crate) fn groups(record: &Value) -> Markup {
    let grouped: Vec<(&str, Vec<&str>)> = GROUPS
        .iter()
        .map(|(title, names)| (*title, names.iter().copied().filter(|name| !record[*name].is_null()).collect()))
        .collect();
    let is_known = |name: &str| ELSEWHERE.contains(&name) || GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> = record
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| !is_known(name))
        .collect();
    html! {
        @for (title, names) in grouped.iter().chain([&("Other", others)]) {
            @if !names.is_empty() {
                section.group aria-label=(title) {
                    h2 { (title) }
                    dl {
                        @for name in names {
                            div {
                                dt title=[field(name).map(|field| field.meaning.trim())] { (label(name)) }
                                dd { (value(name, &record[*name])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_has_one_place() {
        let mut placed: Vec<&str> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).chain(ELSEWHERE).collect();
        let mut fields: Vec<&str> = Record::FIELDS.iter().chain(Metadata::FIELDS).map(|field| field.name).collect();
        placed.sort_unstable();
        fields.sort_unstable();
        assert_eq!(placed, fields);
        for (name, _) in LABELS {
            assert!(fields.contains(name), "{name}");
        }
    }

    #[test]
    fn values_are_read_like_values() {
        for (name, given, expected) in [
            ("bitRate", json!(128), "128 kbit/s"),
            ("fileSize", json!(2_048), "2.00 KiB<span class=\"dim\"> (2,048 bytes)</span>"),
            ("duration", json!(61.4), "1:01"),
            ("duration", json!(3_661), "1:01:01"),
            ("duration", json!(2.25), "2.2 s"),
            ("hasMacros", json!(true), "Yes"),
            (
                "expiresAt",
                json!(0),
                "<time datetime=\"1970-01-01T00:00:00.000Z\" title=\"1970-01-01T00:00:00.000Z\">1970-01-01 00:00 UTC</time>",
            ),
            ("expiresAt", json!(u64::MAX), ""),
            ("recipients", json!(["a", "<b>"]), "<ul><li><bdi>a</bdi></li><li><bdi>&lt;b&gt;</bdi></li></ul>"),
            ("title", json!("<script>"), "<bdi>&lt;script&gt;</bdi>"),
            ("new", json!({"a": 1}), "<bdi>{&quot;a&quot;:1}</bdi>"),
        ] {
            assert_eq!(value(name, &given).into_string(), expected, "{name}");
        }
        assert_eq!(label("bitRate"), "Bit rate");
        let page = groups(&json!({"status": "SUCCESS", "somethingNew": 5})).into_string();
        assert!(page.contains("Something new") && !page.contains("SUCCESS"), "{page}");
    }
}
