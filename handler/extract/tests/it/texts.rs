//! Kinds of text through the whole child: their type, what is read, and what is said of those that are broken.

use handler_contract::{ErrorCode, FileTypes, Limits, Metadata};
use handler_extract::Extractor;

use crate::{code, extractor, read};

async fn metadata(name: &str, bytes: &[u8], file_type: &str) -> Metadata {
    let findings = read(&extractor(Limits::default()), name, bytes).await;
    assert_eq!((findings.file_type.as_deref(), findings.failure), (Some(file_type), None), "{name}");
    findings.metadata
}

#[tokio::test]
async fn tables_in_any_encoding() {
    let table = "Größe;Länge\r\n1;\"zwei\r\ndrei\"\r\n4;5\r\n";
    let wide: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &wide].concat();
    let latin = encoding_rs::WINDOWS_1252.encode(table).0;
    for (bytes, charset) in [(table.as_bytes(), "UTF-8"), (&marked, "UTF-16LE"), (&latin, "windows-1252")] {
        let metadata = metadata("x.csv", bytes, "text/csv").await;
        assert_eq!(metadata.charset.as_deref(), Some(charset));
        assert_eq!((metadata.row_count, metadata.column_count), (Some(2), Some(2)), "{charset}");
        assert_eq!((metadata.delimiter.as_deref(), metadata.has_header), (Some(";"), Some(true)), "{charset}");
        assert_eq!((metadata.line_count, metadata.word_count), (Some(4), Some(4)), "{charset}");
    }
    assert_eq!(
        metadata("x.tsv", b"a\tb\n1,5\t2\n", "text/tab-separated-values").await.delimiter.as_deref(),
        Some("\t")
    );
}

#[tokio::test]
async fn json_is_valid_or_a_failure_by_its_name() {
    let good = metadata("x.json", b"{\"a\": [1, 2], \"b\": {}}", "application/json").await;
    assert_eq!((good.item_count, good.nesting_depth, good.word_count), (Some(2), Some(2), Some(5)));
    assert_eq!(metadata("x", b"{\"a\": 1}\n{\"a\": 2}\n", "application/x-ndjson").await.item_count, Some(2));
    assert_eq!(metadata("x.txt", b"{\"a\": [1, 2}", "text/plain").await.item_count, None);

    let findings = read(&extractor(Limits::default()), "x.json", b"{\n\"a\": [1, 2}").await;
    let failure = findings.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::Malformed);
    assert_eq!(failure.message, "this is not valid JSON: line 2: a comma or ] is missing after a value");
    assert_eq!(findings.metadata.word_count, Some(4));
}

#[tokio::test]
async fn a_type_that_only_reading_tells_must_be_allowed_too() {
    let mut lines = format!("{{\"a\": \"{}\"}}\n", "long ".repeat(20_000));
    lines.push_str("{\"b\": 2}\n");
    assert_eq!(metadata("x", lines.as_bytes(), "application/x-ndjson").await.item_count, Some(2));

    let json_only = FileTypes::new(["application/json"]).unwrap();
    let extractor = Extractor::with_program(env!("CARGO_BIN_EXE_extract"), Limits::default(), json_only);
    let findings = read(&extractor, "x", lines.as_bytes()).await;
    assert_eq!(code(&findings), Some(ErrorCode::TypeNotAllowed));
}

#[tokio::test]
async fn xml_and_html_are_decoded_as_they_declare() {
    let xml =
        metadata("x.xml", b"<?xml version='1.0' encoding='ISO-8859-15'?><a xmlns='n'><b>\xa4</b></a>", "text/xml")
            .await;
    assert_eq!((xml.charset.as_deref(), xml.root_element.as_deref()), (Some("ISO-8859-15"), Some("a")));
    assert_eq!((xml.element_count, xml.root_namespace.as_deref()), (Some(2), Some("n")));

    let html =
        metadata("x.html", b"<!doctype html><meta charset=iso-8859-15><title>\xa4</title>a<b>b</b>", "text/html").await;
    assert_eq!((html.charset.as_deref(), html.title.as_deref()), (Some("ISO-8859-15"), Some("€")));
    assert_eq!((html.word_count, html.has_java_script), (Some(1), Some(false)));

    let findings = read(&extractor(Limits::default()), "x.xml", b"<?xml version='1.0'?>\n<a><b></a>").await;
    assert_eq!(code(&findings), Some(ErrorCode::Malformed));
    assert_eq!(findings.metadata.root_element.as_deref(), Some("a"));
}

#[tokio::test]
async fn mail() {
    let letter = b"From: A <a@example.org>\nTo: b@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nTwo words\n";
    let one = metadata("x.eml", letter, "message/rfc822").await;
    assert_eq!((one.sender.as_deref(), one.subject.as_deref()), (Some("a@example.org"), Some("Grüße")));
    assert_eq!((one.word_count, one.attachment_count), (Some(2), Some(0)));

    let two = [&b"From a@example.org Thu Jan  1 00:00:00 1970\n"[..], letter].concat().repeat(2);
    assert_eq!(metadata("x", &two, "application/mbox").await.message_count, Some(2));
}

#[tokio::test]
async fn markdown_and_prose() {
    let prose = "All human beings are born free and equal in dignity and rights. They are endowed with reason.";
    let markdown = format!("<p align=center><img src=logo.png></p>\n\n# The *title*\n\n{prose}\n");
    let markdown = metadata("README.md", markdown.as_bytes(), "text/markdown").await;
    assert_eq!((markdown.title.as_deref(), markdown.language.as_deref()), (Some("The title"), Some("en")));
    assert_eq!(metadata("x.txt", prose.as_bytes(), "text/plain").await.language.as_deref(), Some("en"));
}

#[tokio::test]
async fn depth_exhausts_nothing() {
    let deep = 300_000;
    let json = "[".repeat(deep) + &"]".repeat(deep);
    assert_eq!(metadata("x.json", json.as_bytes(), "application/json").await.nesting_depth, Some(deep as u64));
    let xml = "<a>".repeat(deep) + &"</a>".repeat(deep);
    assert_eq!(metadata("x.xml", xml.as_bytes(), "text/xml").await.nesting_depth, Some(deep as u64));
    metadata("x.html", format!("<!doctype html>{}", "<div>".repeat(deep)).as_bytes(), "text/html").await;
}
