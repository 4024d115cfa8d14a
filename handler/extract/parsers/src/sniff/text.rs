//! The kinds of text: what has a grammar is recognised by it, what has only habits by those.

use file_format::FileFormat;
use handler_contract::Metadata;

use crate::formats::{json, xml};
use crate::media_type::is_textual;

/// Header fields of which a message has at least two (RFC 5322, section 3.6), or a mail server adds.
const MESSAGE_FIELDS: &[&str] = &[
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "received",
    "return-path",
    "delivered-to",
    "reply-to",
    "mime-version",
    "content-type",
    "sender",
    "x-mailer",
];

/// What an HTML document starts with (WHATWG MIME Sniffing, section 7.1).
const HTML_TAGS: &[&str] = &[
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
];

/// Types that `file-format` detects by the start of a text, and that are text in spite of their name.
const BEGINNINGS: &[&str] =
    &["application/rtf", "application/postscript", "image/x-eps", "model/iges", "model/step", "model/vrml"];

/// Lines that tables and Markdown are looked for in.
const LINES: usize = 100;

/// The media type of a text by its start; `whole` says that there is no more of it.
pub(super) fn kind(text: &str, whole: bool) -> String {
    let start = text.trim_start();
    let known = script(text)
        .or_else(|| structured(start, whole))
        .or_else(|| html(start).then_some("text/html"))
        .or_else(|| xhtml(start).then_some("application/xhtml+xml"))
        .or_else(|| flat_open_document(start))
        .or_else(|| mail(text));
    if let Some(known) = known {
        return known.to_owned();
    }
    let format = FileFormat::from_bytes(start);
    if !matches!(format, FileFormat::PlainText | FileFormat::ArbitraryBinaryData)
        && (is_textual(format.media_type()) || BEGINNINGS.contains(&format.media_type()))
    {
        return format.media_type().to_ascii_lowercase();
    }
    if undeclared_xml(start, whole) {
        return "text/xml".to_owned();
    }
    // The last line may be cut.
    let lines = if whole { text } else { text.rsplit_once('\n').map_or(text, |(lines, _)| lines) };
    table(lines).or_else(|| markdown(lines).then_some("text/markdown")).unwrap_or("text/plain").to_owned()
}

/// A script by the program that its first line names.
fn script(text: &str) -> Option<&'static str> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = match words.next()? {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('='))?,
        program => program,
    };
    Some(match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" | "fish" | "csh" | "tcsh" => "text/x-shellscript",
        "python" | "pypy" => "text/x-python",
        "perl" => "text/x-perl",
        "ruby" => "text/x-ruby",
        "node" | "deno" | "bun" => "text/javascript",
        "lua" => "text/x-lua",
        "tclsh" | "wish" => "text/x-tcl",
        _ => "text/plain",
    })
}

/// JSON, one value or one a line.
fn structured(start: &str, whole: bool) -> Option<&'static str> {
    if !start.starts_with(['{', '[']) {
        return None;
    }
    let mut reader = json::JsonReader::new(json::Form::Json);
    reader.feed(start);
    let form =
        if whole { reader.finish(&mut Metadata::default()).ok() } else { (!reader.is_broken()).then(|| reader.form()) };
    form.map(json::Form::media_type)
}

/// XML that does not declare itself: tags that match, more than one.
fn undeclared_xml(start: &str, whole: bool) -> bool {
    if !start.starts_with('<') {
        return false;
    }
    let mut reader = xml::XmlReader::new();
    reader.feed(start);
    reader.elements() > 1 && if whole { reader.finish(&mut Metadata::default()).is_ok() } else { !reader.is_broken() }
}

/// OpenDocument in one XML file, which says in its outermost element which kind it is.
fn flat_open_document(start: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str); 4] = [
        ("text", "application/vnd.oasis.opendocument.text-flat-xml"),
        ("spreadsheet", "application/vnd.oasis.opendocument.spreadsheet-flat-xml"),
        ("presentation", "application/vnd.oasis.opendocument.presentation-flat-xml"),
        ("graphics", "application/vnd.oasis.opendocument.graphics-flat-xml"),
    ];
    let (_, element) = start.strip_prefix("<?xml")?.split_once("<office:document ")?;
    let (attributes, _) = element.split_once('>')?;
    let (_, kind) = attributes.split_once("office:mimetype=\"application/vnd.oasis.opendocument.")?;
    let kind = kind.split(['"', '-']).next()?;
    KINDS.iter().find(|(name, _)| *name == kind).map(|(_, file_type)| *file_type)
}

fn html(start: &str) -> bool {
    let mut rest = start;
    while let Some(comment) = rest.strip_prefix("<!--") {
        match comment.split_once("-->") {
            Some((_, after)) => rest = after.trim_start(),
            None => return false,
        }
    }
    let Some(tag) = rest.strip_prefix('<') else { return false };
    HTML_TAGS.iter().any(|name| {
        tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && tag[name.len()..].starts_with([' ', '>', '\n', '\r', '\t'])
    })
}

/// HTML after an XML declaration. Other elements of the same names are XML then.
fn xhtml(start: &str) -> bool {
    let rest = start.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(_, rest)| rest.trim_start());
    rest.is_some_and(|rest| {
        html(rest)
            && ["<!doctype", "<html", "<!--"]
                .iter()
                .any(|start| rest.get(..start.len()).is_some_and(|r| r.eq_ignore_ascii_case(start)))
    })
}

/// A message, or a file of messages that each start with a `From ` line (RFC 4155).
fn mail(text: &str) -> Option<&'static str> {
    match text.strip_prefix("From ") {
        Some(rest) => is_message(rest.split_once('\n')?.1).then_some("application/mbox"),
        None => is_message(text).then_some("message/rfc822"),
    }
}

fn is_message(text: &str) -> bool {
    let mut known = 0;
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { return false };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return false;
        }
        known += usize::from(MESSAGE_FIELDS.contains(&name.to_ascii_lowercase().as_str()));
    }
    known >= 2
}

/// A table: every line has the same number of fields, two or more.
fn table(lines: &str) -> Option<&'static str> {
    [('\t', "text/tab-separated-values"), (',', "text/csv"), (';', "text/csv"), ('|', "text/csv")]
        .into_iter()
        .find(|(delimiter, _)| is_table(lines, *delimiter))
        .map(|(_, file_type)| file_type)
}

fn is_table(text: &str, delimiter: char) -> bool {
    let mut rows = Vec::new();
    let (mut fields, mut quoted, mut empty, mut at_start) = (1, false, true, true);
    for c in text.chars() {
        match c {
            '"' if quoted || at_start => quoted = !quoted,
            '\n' if !quoted => {
                if !empty {
                    rows.push(fields);
                }
                (fields, empty, at_start) = (1, true, true);
                if rows.len() == LINES {
                    break;
                }
                continue;
            }
            _ if c == delimiter && !quoted => fields += 1,
            _ => {}
        }
        // A quote within quotes is written twice.
        at_start = c == delimiter || c == '"';
        empty &= c == '\r';
    }
    if !empty && !quoted {
        rows.push(fields);
    }
    // A comma a line is found in verse as well; two lines need more to be a table, and one is a sentence.
    let columns = rows.first().copied().unwrap_or_default();
    rows.len() >= 2 && columns >= 2 && rows.iter().all(|row| *row == columns) && rows.len() * columns >= 6
}

/// Markdown shows by headings and by marks that no other text has; a heading alone may be a comment.
fn markdown(lines: &str) -> bool {
    let (mut headings, mut marks) = (0, 0);
    let mut previous = "";
    for line in lines.lines().take(LINES) {
        let level = line.len() - line.trim_start_matches('#').len();
        let underlined = !previous.trim().is_empty()
            && line.len() >= 3
            && (line.trim_end().bytes().all(|b| b == b'=') || line.trim_end().bytes().all(|b| b == b'-'));
        headings += usize::from((1..=6).contains(&level) && line[level..].starts_with(' ') || underlined);
        // A comment that quotes such a mark is no mark.
        let mark = line.starts_with("```")
            || line.starts_with("~~~")
            || line.contains("](") && line.contains('[')
            || line.matches("**").count() >= 2;
        marks += usize::from(mark && level == 0);
        previous = line;
    }
    headings > 0 && marks > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_text() {
        let rows = [
            ("", "text/plain"),
            ("Dear Sir, or Madam,\nthank you.", "text/plain"),
            ("#!/bin/sh\necho", "text/x-shellscript"),
            ("#!/usr/bin/env -S python3.12 -u\nprint()", "text/x-python"),
            ("#!/opt/unheard-of\n", "text/plain"),
            ("{\"a\": [1, 2]}\n", "application/json"),
            ("[]", "application/json"),
            ("{\"a\":1}\n{\"a\":2}\n", "application/x-ndjson"),
            ("{\"a\":1} and so on", "text/plain"),
            ("{not json}", "text/plain"),
            ("[1] Knuth, The Art\n[2] Wirth, Oberon", "text/plain"),
            ("<!DOCTYPE html><p>", "text/html"),
            ("  <!-- c -->\n<HTML>", "text/html"),
            ("<p>It", "text/html"),
            ("<pre-history>", "text/plain"),
            ("<note><to>x</to></note>", "text/xml"),
            ("<note><to>x</note>", "text/plain"),
            ("<?xml version=\"1.0\"?><a/>", "text/xml"),
            (
                "<?xml version=\"1.0\"?><office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
                 office:mimetype=\"application/vnd.oasis.opendocument.text\"><office:body/></office:document>",
                "application/vnd.oasis.opendocument.text-flat-xml",
            ),
            ("<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"x\"><html/>", "application/xhtml+xml"),
            ("<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"/>", "application/xhtml+xml"),
            ("From: a@example.com\nTo: b@example.com\nSubject: x\n\nHello", "message/rfc822"),
            ("Received: from a\n by b\nMessage-ID: <1@a>\n\n", "message/rfc822"),
            ("Note: this is\nno message", "text/plain"),
            ("From a@example.com Thu Jan  1 00:00:00 1970\nFrom: a\nDate: b\n\nx", "application/mbox"),
            ("From here it continues.\nAnd on.", "text/plain"),
            ("a,b,c\n1,2,3\n", "text/csv"),
            ("name;age\nA;1\nB;2\n", "text/csv"),
            ("a\tb\n1\t2\n3\t4", "text/tab-separated-values"),
            ("\"a, b\",c\n\"d\"\"e\",f\n\"g\nh\",i\n", "text/csv"),
            ("One, two\nthree, four", "text/plain"),
            ("One, two, three, four, five, six, and no more.\n", "text/plain"),
            ("a,b\nc\nd,e\n", "text/plain"),
            ("# Title\n\nSee [here](there).\n", "text/markdown"),
            ("Title\n=====\n\n```\ncode\n```\n", "text/markdown"),
            ("# a comment\nx = 1\n", "text/plain"),
            ("# see [this](there) and `that`\nx = \"`y`\"\n", "text/plain"),
            ("BEGIN:VCARD\r\nVERSION:3.0\r\n", "text/vcard"),
            ("%!PS-Adobe-3.0\n", "application/postscript"),
        ];
        for (text, file_type) in rows {
            assert_eq!(kind(text, true), file_type, "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_is_judged_by_what_is_there() {
        let rows = [
            ("{\"a\": [1, 2", "application/json"),
            ("{\"a\":1}\n{\"a\":", "application/x-ndjson"),
            ("a,b,c\n1,2,3\n4,5", "text/csv"),
            ("{\"a\" oh", "text/plain"),
        ];
        for (text, file_type) in rows {
            assert_eq!(kind(text, false), file_type, "{text:?}");
        }
        assert_eq!(kind("{\"a\": [1, 2", true), "text/plain");
    }

    #[test]
    fn brackets_without_end_are_no_harm() {
        assert_eq!(kind(&"[".repeat(64 << 10), true), "text/plain");
        assert_eq!(kind(&"[".repeat(64 << 10), false), "application/json");
    }
}
