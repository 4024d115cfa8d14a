//! Messages (RFC 5322) and files of messages (RFC 4155), by their header.
//!
//! Two fields with known names are in any file of keys and values. A message has somebody who wrote it, and either what
//! mail servers add on its way or an end of the header.

use crate::media_type::Detected;

const MESSAGE: &str = "message/rfc822";
const MESSAGES: &str = "application/mbox";
/// A message as the program Mail of Apple keeps it: its length on a line of its own, the message, and a property list.
const APPLE_MESSAGE: &str = "message/x-emlx";

/// Bytes of a header that are looked at.
const HEADER: usize = 64 << 10;

/// Fields of which a message has at least two (RFC 5322, section 3.6).
const WRITTEN: &[&str] = &["to", "cc", "bcc", "subject", "date", "reply-to", "in-reply-to", "references", "sender"];
/// Fields that mail programs and servers add.
const ADDED: &[&str] = &[
    "message-id",
    "received",
    "return-path",
    "delivered-to",
    "mime-version",
    "x-mailer",
    "user-agent",
    "dkim-signature",
    "arc-seal",
    "authentication-results",
    "received-spf",
    "x-originating-ip",
    "x-received",
    "thread-index",
    "x-ms-exchange-organization-scl",
    "list-id",
];

/// What a header shows.
enum Header {
    /// It is that of a message, whatever follows.
    Certain,
    /// It could be that of a message.
    Likely,
    None,
}

/// A message, or a file of messages that each start with a `From ` line.
pub(super) fn message(text: &str) -> Option<Detected> {
    let text = &text[..text.floor_char_boundary(HEADER)];
    let (line, rest) = split_line(text);
    if line.starts_with("From ") {
        return is_after_separator(line, rest).then(|| Detected::proven(MESSAGES));
    }
    let is_number = !line.is_empty() && line.len() <= 10 && line.trim_end().bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        return matches!(header(rest), Header::Certain).then(|| Detected::proven(APPLE_MESSAGE));
    }
    match header(text) {
        Header::Certain => Some(Detected::proven(MESSAGE)),
        Header::Likely => Some(Detected::likely(MESSAGE)),
        // Some programs write a line of their own before the header.
        Header::None if !line.trim().is_empty() => {
            matches!(header(rest), Header::Certain).then(|| Detected::proven(MESSAGE))
        }
        Header::None => None,
    }
}

/// A message whose body is no text: it may hold anything that is not encoded.
pub(crate) fn message_with_bytes(bytes: &[u8]) -> Option<Detected> {
    let bytes = &bytes[..bytes.len().min(HEADER)];
    let end = [&b"\r\n\r\n"[..], b"\n\n", b"\r\r"].iter().filter_map(|end| memchr::memmem::find(bytes, end)).min()?;
    let header = &bytes[..end];
    let is_text = header.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace());
    let detected = is_text.then(|| message(&(String::from_utf8_lossy(header).into_owned() + "\n\n")))??;
    (!detected.is_likely).then_some(detected)
}

/// Whether a line that starts with `From ` names a sender and a time, and a header follows.
fn is_after_separator(line: &str, rest: &str) -> bool {
    let has_time = line.split_whitespace().any(|word| {
        let mut parts = word.split(':');
        let mut number =
            || parts.next().is_some_and(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
        number() && number()
    });
    let fields = fields(rest).take_while(Option::is_some).flatten();
    let known = fields.filter(|(name, _)| name == "from" || is_in(WRITTEN, name) || is_in(ADDED, name)).count();
    if has_time { known >= 1 } else { known >= 3 }
}

fn header(text: &str) -> Header {
    let (mut has_writer, mut written, mut added, mut is_lower_case) = (false, 0, 0, true);
    let (mut has_version, mut has_parts) = (false, false);
    for field in fields(text) {
        let Some((name, value)) = field else { return Header::None };
        let is_from = matches!(name.as_str(), "from" | "return-path" | "sender" | "resent-from");
        has_writer |= is_from && value.contains('@') || name == "received" || name == "return-path";
        written += usize::from(is_in(WRITTEN, &name));
        added += usize::from(is_in(ADDED, &name));
        has_version |= name == "mime-version";
        has_parts |= name == "content-type" && value.trim_start().to_ascii_lowercase().starts_with("multipart/");
        is_lower_case &= !text.is_empty() && text.starts_with(|c: char| c.is_ascii_lowercase());
    }
    let ends = text.contains("\n\n") || text.contains("\r\n\r\n") || text.contains("\r\r");
    // A page with its pictures is saved as a message that nobody wrote (RFC 2557).
    if has_version && has_parts {
        return Header::Certain;
    }
    match (has_writer, written, added) {
        (true, _, 2..) | (true, 1.., 1) => Header::Certain,
        (true, 2.., _) if ends && !is_lower_case => Header::Likely,
        _ => Header::None,
    }
}

fn is_in(names: &[&str], name: &str) -> bool {
    names.contains(&name)
}

/// The fields of a header up to the first empty line; `None` for a line that belongs to no field.
fn fields(text: &str) -> impl Iterator<Item = Option<(String, &str)>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (line, next) = split_line(rest);
            if line.is_empty() {
                return None;
            }
            rest = next;
            if line.starts_with([' ', '\t']) {
                continue;
            }
            let field = line.split_once(':').filter(|(name, _)| is_field_name(name));
            return Some(field.map(|(name, value)| (name.to_ascii_lowercase(), value)));
        }
    })
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.')
}

/// The first line without its end, which is a line feed, a carriage return or both; and what follows.
fn split_line(text: &str) -> (&str, &str) {
    let end = memchr::memchr2(b'\r', b'\n', text.as_bytes()).unwrap_or(text.len());
    let (line, rest) = text.split_at(end);
    (line, rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_writer_and_what_mail_adds() {
        const FROM: &str = "From: Ann <ann@example.org>\n";
        let carriage = "From: ann@example.org\rTo: bob@example.org\rSubject: x\r\rHello";
        let likely = Some(Detected::likely(MESSAGE));
        let certain = || Some(Detected::proven(MESSAGE));
        let rows: &[(String, Option<Detected>)] = &[
            (format!("{FROM}To: b@example.com\nSubject: x\n\nHello"), likely.clone()),
            (format!("{FROM}Message-ID: <1@a>\nDate: x\n\nHello"), certain()),
            (format!("{FROM}MIME-Version: 1.0\nX-Mailer: x\n"), certain()),
            ("Received: from a\n by b\nMessage-ID: <1@a>\n\n".to_owned(), certain()),
            (format!("Microsoft Mail Internet Headers Version 2.0\n{FROM}Message-ID: <1@a>\nDate: x\n"), certain()),
            (carriage.to_owned(), likely),
            (format!("231\n{FROM}Message-ID: <1@a>\nDate: x\n\n"), Some(Detected::proven(APPLE_MESSAGE))),
            (
                "From ann@example.org Thu Jan  1 00:00:00 1970\nFrom: a\nDate: b\n\nx".to_owned(),
                Some(Detected::proven(MESSAGES)),
            ),
            ("From here it continues.\nAnd on: so.\n".to_owned(), None),
            ("MIME-Version: 1.0\nContent-Type: multipart/related;\n boundary=x\n\n--x\n".to_owned(), certain()),
            ("from: a\nto: b\nsubject: c\n".to_owned(), None),
            ("from: a@example.org\nto: b@example.org\nsubject: c\n\nnext: 1\n".to_owned(), None),
            ("from: noreply@example.org\nreply-to: help@example.org\nsmtp: mail\n".to_owned(), None),
            ("Content-Type: text/html\nDate: Thu, 26 Nov 2026 10:00:00 GMT\n\nbody".to_owned(), None),
            ("HTTP/1.1 200 OK\nDate: x\nContent-Type: text/plain\n\n".to_owned(), None),
            ("WARC/1.0\nWARC-Date: x\n".to_owned(), None),
            ("Note: this is\nno message".to_owned(), None),
            ("Subject: groceries\nDate: today\n\nmilk".to_owned(), None),
            (format!("{FROM}Subject: x"), None),
        ];
        for (text, expected) in rows {
            assert_eq!(message(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn the_body_of_a_message_may_be_any_bytes() {
        let header = b"From: ann@example.org\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\nSubject: x\r\n";
        let with = |body: &[u8]| message_with_bytes(&[&header[..], b"\r\n", body].concat());
        assert_eq!(with(b"\0\x01\x02\xff"), Some(Detected::proven(MESSAGE)));
        assert_eq!(message_with_bytes(&[&header[..], b"\0\x01\x02"].concat()), None);
        assert_eq!(message_with_bytes(b"From: ann@example.org\n\n\0\x01\x02"), None);
    }
}
