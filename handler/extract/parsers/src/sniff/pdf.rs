//! Where a PDF starts: at the first byte, or after others that a program or a server left before it.
//!
//! Any text may quote the first lines of a PDF. What follows a header must therefore be a PDF's body: an object after
//! the header, and, if the file is a text all through, a table of objects where the file's end says that it is.

use crate::formats::pdf::{has_table, headers, is_object};

/// How much of the end is searched for a trailer. Bytes.
const END: usize = 2048;
/// Comments between a header and the first object that are skipped.
const MOST_COMMENTS: usize = 8;

/// How sure it is that a file is a PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is one, whatever it looks like.
    Certain,
    /// It is one unless it is a text.
    UnlessText,
}

/// Looks for a PDF that does not start with the first byte. `whole` says that the file has no more bytes.
pub(super) fn find(head: &[u8], whole: bool) -> Option<Found> {
    let mut found = None;
    for at in headers(head) {
        let before = &head[..at];
        let body = after_header(&head[at..]);
        let at_start =
            before.iter().all(|byte| matches!(byte, 0 | b' ' | b'\t'..=b'\r' | 0xef | 0xbb | 0xbf | 0xfe | 0xff));
        let is_body = match body {
            Body::Binary => true,
            Body::Objects if at_start => true,
            Body::Objects => has_binary(&head[at..]) || is_complete(head, at, whole),
            Body::Other => false,
        };
        if is_body {
            return Some(Found::Certain);
        }
        // Nothing of its body is left, but it is no text either.
        let at_line_start = before
            .last()
            .is_some_and(|byte| byte.is_ascii_whitespace() && *byte != b' ' || !byte.is_ascii() || *byte == 0);
        if at_line_start && head[at + 5..].first().is_some_and(u8::is_ascii_digit) {
            found = Some(Found::UnlessText);
        }
    }
    found.or_else(|| is_headless(head, whole).then_some(Found::Certain))
}

/// Whether a file that starts as PostScript says that it is a PDF, and is one (PDF 1.7 reference, appendix H.3, note
/// 14).
pub(super) fn is_in_postscript(head: &[u8]) -> bool {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    line.starts_with(b"%!PS-Adobe-")
        && memchr::memmem::find(line, b" PDF-").is_some()
        && !matches!(after_header(head), Body::Other)
}

/// What follows the line of a header.
enum Body {
    /// The comment of bytes beyond ASCII that the specification asks for.
    Binary,
    /// An object, or a table of objects.
    Objects,
    Other,
}

fn after_header(header: &[u8]) -> Body {
    let mut lines = header
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .skip(1)
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    for line in lines.by_ref().take(MOST_COMMENTS) {
        if line.starts_with(b"%") {
            if line.iter().filter(|byte| !byte.is_ascii()).count() >= 4 && str::from_utf8(line).is_err() {
                return Body::Binary;
            }
            continue;
        }
        return if is_object(line) || line.starts_with(b"xref") { Body::Objects } else { Body::Other };
    }
    Body::Other
}

/// Whether there are bytes that no text has, as packed streams do.
fn has_binary(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < 7 || (0x0e..0x1b).contains(byte))
        || str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}

/// Whether a file that is a text all through ends as a PDF does, and has its table of objects where its end says,
/// counted from the file's start or from the header.
fn is_complete(head: &[u8], header: usize, whole: bool) -> bool {
    if !whole {
        // What a text quotes is shorter.
        return memchr::memmem::find(&head[header..], b"%%EOF").is_none();
    }
    head.trim_ascii_end().ends_with(b"%%EOF") && (has_table(head, 0) || has_table(head, header))
}

/// A body without its header: an object first, after comments at most, and a trailer at the end.
fn is_headless(head: &[u8], whole: bool) -> bool {
    let mut start = head.trim_ascii_start();
    for _ in 0..MOST_COMMENTS {
        // A header here is too far from the file's start.
        let comment = start.strip_prefix(b"%").filter(|comment| !comment.starts_with(b"PDF-"));
        let Some(end) = comment.and_then(|comment| memchr::memchr2(b'\r', b'\n', comment)) else { break };
        start = start[end + 1..].trim_ascii_start();
    }
    if !is_object(&start[..start.len().min(64)]) || memchr::memmem::find(start, b"endobj").is_none() {
        return false;
    }
    let tail = &head[head.len().saturating_sub(END)..];
    !whole || [&b"trailer"[..], b"startxref"].iter().any(|word| memchr::memmem::find(tail, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of objects, with its table at an offset that is right from the header's place.
    fn pdf(header: &str) -> String {
        let body = format!("{header}1 0 obj\n<< /Type /Catalog >>\nendobj\n");
        let table = body.len();
        format!("{body}xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n")
    }

    #[test]
    fn a_header_after_other_bytes_needs_a_body() {
        const HEADER: &str = "%PDF-1.4\n";
        let plain = pdf(HEADER);
        let binary =
            pdf("%PDF-1.4\n%\u{e2}\u{e3}\u{cf}\u{d3}\n").chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<u8>>();
        let packed = [HEADER.as_bytes(), b"1 0 obj\n<< /Length 4 >>\nstream\n\x01\x02\xff\xfe\nendstream\n"].concat();
        let certain = Some(Found::Certain);
        let rows: &[(&str, Vec<u8>, Option<Found>)] = &[
            ("blanks before it", [b"  \r\n", plain.as_bytes()].concat(), certain),
            ("a mark of UTF-8 before it", [b"\xef\xbb\xbf", plain.as_bytes()].concat(), certain),
            ("a word before it", [b"garbage", plain.as_bytes()].concat(), certain),
            ("a page before it", [b"<html></html>", &binary[..]].concat(), certain),
            ("the header of an answer before it", [b"HTTP/1.1 200 OK\r\n\r\n", &packed[..]].concat(), certain),
            ("bytes after its end", [b"x\n", &binary[..], b"</html>"].concat(), certain),
            ("no header", plain.strip_prefix(HEADER).unwrap().into(), certain),
            ("a comment for a header", plain.replace("%PDF-1.4", "%\u{e2}\u{e3}\u{cf}\u{d3}").into(), certain),
            ("as far as it may be", [&[b' '; 1024][..], plain.as_bytes()].concat(), certain),
            ("too far", [&[b' '; 1025][..], plain.as_bytes()].concat(), None),
            ("a sentence", b"A file starts with %PDF-1.4 if it is one.".to_vec(), None),
            ("a quoted header", b"```\n%PDF-1.4\n```\n".to_vec(), Some(Found::UnlessText)),
            ("quoted objects", b"see:\n%PDF-1.4\n1 0 obj\n<< >>\nendobj\n".to_vec(), Some(Found::UnlessText)),
            ("a quoted file", ["```\n", &plain, "```\n"].concat().into(), Some(Found::UnlessText)),
            (
                "a quoted file at the end, its table elsewhere",
                ["So:\n", &plain.replace("xref\n0 1", "xref  \n0 1 ")]
                    .concat()
                    .replace("endobj\n", "endobj\n\n\n")
                    .into(),
                Some(Found::UnlessText),
            ),
            ("a program", format!("f.write('''\n{plain}''')\n").into(), Some(Found::UnlessText)),
            ("numbers", b"1 0 object\n".to_vec(), None),
            ("objects alone", b"1 0 obj\n<< >>\nendobj\n".to_vec(), None),
        ];
        for (what, bytes, expected) in rows {
            assert_eq!(find(bytes, true), *expected, "{what}");
        }
        assert!(is_in_postscript(plain.replace(HEADER, "%!PS-Adobe-3.0 PDF-1.4\n").as_bytes()));
        assert!(!is_in_postscript(b"%!PS-Adobe-3.0 PDF-1.4\nshowpage\n"));
        assert!(!is_in_postscript(b"%!PS-Adobe-3.0\n1 0 obj\n"));
    }
}
