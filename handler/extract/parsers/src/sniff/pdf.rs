//! Where a PDF starts: at the first byte, or after others that a program or a server left before it.
//!
//! Any text may quote the first lines of a PDF. What follows a header must therefore be a PDF's body: an object after
//! the header, and, if the file is a text all through, a table of objects where the file's end says that it is.

const HEADER: &[u8] = b"%PDF-";
/// A PDF may start anywhere in the first N bytes (PDF 1.7 reference, appendix H.3, note 13).
const WITHIN: usize = 1024;
/// The end of a PDF says within its last N bytes where the table of objects is (note 18).
const END_WITHIN: usize = 1024;
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
    let within = &head[..head.len().min(WITHIN + HEADER.len())];
    let mut found = None;
    for at in memchr::memmem::find_iter(within, HEADER) {
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

/// Whether a line starts with two numbers and `obj`.
fn is_object(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut number = || words.next().is_some_and(|word| word.len() <= 10 && word.iter().all(u8::is_ascii_digit));
    number() && number() && words.next().is_some_and(|word| word.starts_with(b"obj"))
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
    let end = head.trim_ascii_end();
    if !end.ends_with(b"%%EOF") {
        return false;
    }
    let tail = &end[end.len().saturating_sub(END_WITHIN)..];
    let Some(at) = memchr::memmem::rfind(tail, b"startxref") else { return false };
    let number = tail[at + 9..].trim_ascii_start();
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let offset = str::from_utf8(&number[..digits]).ok().and_then(|digits| digits.parse::<usize>().ok());
    offset.is_some_and(|offset| {
        [offset, offset.saturating_add(header)]
            .into_iter()
            .filter_map(|at| head.get(at..))
            .any(|table| table.starts_with(b"xref") || is_object(&table[..table.len().min(64)]))
    })
}

/// A body without its header: an object first, and a trailer at the end.
fn is_headless(head: &[u8], whole: bool) -> bool {
    let start = head.trim_ascii_start();
    if !is_object(&start[..start.len().min(64)]) || memchr::memmem::find(start, b"endobj").is_none() {
        return false;
    }
    let tail = &head[head.len().saturating_sub(2 * END_WITHIN)..];
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
