//! The kinds of text: what has a grammar is recognised by it, what has only habits by those.

mod mail;
mod markup;
mod table;

use file_format::FileFormat;
use handler_contract::Metadata;

use crate::formats::json;
use crate::media_type::{Detected, JSON_WITH_COMMENTS, is_textual};

/// Types that `file-format` detects by the start of a text, and that are text in spite of their name.
const BEGINNINGS: &[&str] =
    &["application/rtf", "application/postscript", "image/x-eps", "model/iges", "model/step", "model/vrml"];

/// Lines that Markdown is looked for in.
const LINES: usize = 100;
/// Bytes of a printer's job in which its language is looked for.
const JOB_HEADER: usize = 4 << 10;

/// The media type of a text by its start; `whole` says that there is no more of it.
pub(super) fn kind(text: &str, whole: bool) -> Detected {
    let start = text.trim_start();
    // PostScript of a serial line starts with what ends the job before it.
    let after_job = start.trim_start_matches('\u{4}');
    let proven = script(text)
        .or_else(|| structured(start, whole))
        .or_else(|| flat_open_document(start))
        .or_else(|| markup::declared(start))
        .or_else(|| printer_job(start.as_bytes()))
        .or_else(|| drawing(start));
    if let Some(proven) = proven {
        return Detected::proven(proven);
    }
    if let Some(detected) = mail::message(text).or_else(|| batch(start)) {
        return detected;
    }
    let format = FileFormat::from_bytes(&after_job[..after_job.floor_char_boundary(1024)]);
    if !matches!(format, FileFormat::PlainText | FileFormat::ArbitraryBinaryData | FileFormat::MsDosBatch)
        && (is_textual(format.media_type()) && !is_markup(format) || BEGINNINGS.contains(&format.media_type()))
    {
        return Detected::proven(format.media_type().to_ascii_lowercase());
    }
    if let Some(detected) = markup::undeclared(start, whole) {
        return detected;
    }
    // The last line may be cut.
    let lines = if whole { text } else { text.rsplit_once('\n').map_or(text, |(lines, _)| lines) };
    table::table(lines)
        .or_else(|| markdown(lines).then(|| Detected::likely("text/markdown")))
        .unwrap_or_else(|| Detected::likely("text/plain"))
}

pub(super) use self::mail::message_with_bytes;

/// XML and HTML, which are decided by their outermost element, not by a name anywhere.
fn is_markup(format: FileFormat) -> bool {
    format.media_type().ends_with("xml") || format == FileFormat::HypertextMarkupLanguage
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

/// A batch file of DOS by its first line, which holds the command and nothing else. A note may begin so too.
fn batch(start: &str) -> Option<Detected> {
    let line = start.lines().next()?.trim_end();
    line.eq_ignore_ascii_case("@echo off").then(|| Detected::likely("text/x-msdos-batch"))
}

/// JSON: one value, one a line, one after another, or one with comments.
fn structured(start: &str, whole: bool) -> Option<&'static str> {
    if !start.starts_with(['{', '[', '/']) {
        return None;
    }
    let form = |text: &str| {
        let mut reader = json::JsonReader::new(json::Form::Json);
        reader.feed(text);
        if whole { reader.finish(&mut Metadata::default()).ok() } else { (!reader.is_broken()).then(|| reader.form()) }
    };
    if let Some(form) = form(start) {
        return Some(form.media_type());
    }
    let plain = json::without_comments(start)?;
    let is_container = plain.trim_start().starts_with(['{', '[']);
    (is_container && form(&plain).is_some()).then_some(JSON_WITH_COMMENTS)
}

/// OpenDocument in one XML file, whose outermost element states its kind.
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

/// A drawing of `AutoCAD`: a code and a name on lines of their own, with any blanks before the code.
fn drawing(start: &str) -> Option<&'static str> {
    let mut lines = start.lines().map(str::trim);
    let mut code = lines.next()?;
    // Comments may be before the first section.
    while code == "999" {
        code = lines.nth(1)?;
    }
    (code == "0" && lines.next() == Some("SECTION") && lines.next() == Some("2")).then_some("image/vnd.dxf")
}

/// A job in the language of printers: which language follows its header. `None` if it is none, or of another one.
pub(super) fn printer_job(bytes: &[u8]) -> Option<&'static str> {
    let job = bytes.strip_prefix(b"\x1b%-12345X")?;
    let header = String::from_utf8_lossy(&job[..job.len().min(JOB_HEADER)]).to_ascii_uppercase();
    let language = header.split("LANGUAGE").nth(1)?.trim_start_matches([' ', '=', '\t']);
    let language: String = language.chars().take_while(char::is_ascii_alphanumeric).collect();
    match language.as_str() {
        "POSTSCRIPT" => Some("application/postscript"),
        "PCL" => Some("application/vnd.hp-pcl"),
        "PCLXL" => Some("application/vnd.hp-pclxl"),
        _ => None,
    }
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
mod tests;
