//! Header fields: their parts, parameters (RFC 2045, RFC 2231) and encoded words (RFC 2047).

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use percent_encoding::percent_decode_str;

/// Whether a line starts a header field.
pub(super) fn is_field(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
    line.contains(&b':') && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// A field's name in lower case and its value. Bytes that are no ASCII are UTF-8 or else windows-1252.
pub(super) fn split(field: &[u8]) -> Option<(String, String)> {
    let at = field.iter().position(|b| *b == b':')?;
    let name = str::from_utf8(field[..at].trim_ascii()).ok()?.to_ascii_lowercase();
    Some((name, decode_bytes(&field[at + 1..]).replace(['\r', '\n'], "")))
}

fn decode_bytes(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// A text with its encoded words decoded. White space between two of them does not count; a character may be divided
/// among them.
pub(super) fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    // The bytes of the encoded words at hand, and their encoding.
    let mut pending: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((encoding, bytes, after)) = encoded_word(from) else {
            flush(&mut pending, &mut decoded);
            decoded.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        if pending.is_none() || !before.trim().is_empty() {
            flush(&mut pending, &mut decoded);
            decoded.push_str(before);
        }
        match &mut pending {
            Some((same, sum)) if *same == encoding => sum.extend_from_slice(&bytes),
            _ => {
                flush(&mut pending, &mut decoded);
                pending = Some((encoding, bytes));
            }
        }
        rest = after;
    }
    flush(&mut pending, &mut decoded);
    decoded.push_str(rest);
    decoded
}

fn flush(pending: &mut Option<(&'static Encoding, Vec<u8>)>, decoded: &mut String) {
    if let Some((encoding, bytes)) = pending.take() {
        decoded.push_str(&encoding.decode_without_bom_handling(&bytes).0);
    }
}

/// The encoded word at the start of a text: `=?charset*language?B or Q?text?=`.
fn encoded_word(text: &str) -> Option<(&'static Encoding, Vec<u8>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (coding, rest) = rest.split_once('?')?;
    let (encoded, after) = rest.split_once("?=")?;
    let encoding = encoding(charset.split('*').next()?)?;
    let bytes = match coding {
        "b" | "B" => super::transfer::decode(super::transfer::Coding::Base64, encoded.as_bytes()),
        // What should have been encoded and was not, was in the same charset.
        "q" | "Q" => super::transfer::decode(
            super::transfer::Coding::QuotedPrintable,
            &encoding.encode(&encoded.replace('_', " ")).0,
        ),
        _ => return None,
    };
    Some((encoding, bytes, after))
}

fn encoding(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes())
}

/// `Content-Type`.
#[derive(Debug, Default)]
pub(super) struct ContentType {
    /// In lower case, without parameters.
    pub(super) media_type: String,
    pub(super) boundary: Option<String>,
    pub(super) name: Option<String>,
    pub(super) smime_type: Option<String>,
    charset: Option<String>,
}

impl ContentType {
    pub(super) fn parse(value: &str) -> Self {
        let (media_type, parameters) = value.split_once(';').unwrap_or((value, ""));
        let media_type = media_type.trim().to_ascii_lowercase();
        // What is no type is text (RFC 2045, section 5.2).
        let media_type = if media_type.contains('/') { media_type } else { "text/plain".to_owned() };
        let mut parameters = Parameters::parse(parameters);
        Self {
            media_type,
            boundary: parameters.take("boundary"),
            name: parameters.take("name"),
            smime_type: parameters.take("smime-type"),
            charset: parameters.take("charset"),
        }
    }

    /// What a part is that does not say it.
    pub(super) fn unsaid(in_digest: bool) -> Self {
        let media_type = if in_digest { "message/rfc822" } else { "text/plain" };
        Self { media_type: media_type.to_owned(), ..Self::default() }
    }

    /// The declared encoding. ASCII declares nothing: what is not ASCII then is another encoding.
    pub(super) fn encoding(&self) -> Option<&'static Encoding> {
        let label = self.charset.as_deref()?.trim();
        let is_ascii = ["us-ascii", "ascii", "ansi_x3.4-1968"].iter().any(|ascii| label.eq_ignore_ascii_case(ascii));
        encoding(label).filter(|_| !is_ascii)
    }
}

/// How a part is to be shown (RFC 2183, section 2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum DispositionKind {
    /// The part does not say.
    #[default]
    Unsaid,
    Inline,
    Attachment,
}

/// `Content-Disposition`.
#[derive(Debug, Default)]
pub(super) struct Disposition {
    pub(super) kind: DispositionKind,
    pub(super) file_name: Option<String>,
}

impl Disposition {
    pub(super) fn parse(value: &str) -> Self {
        let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
        Self {
            kind: match kind.trim().to_ascii_lowercase().as_str() {
                "inline" | "" => DispositionKind::Inline,
                // Kinds that are unknown are attachments (section 2.8).
                _ => DispositionKind::Attachment,
            },
            file_name: Parameters::parse(parameters).take("filename"),
        }
    }
}

/// Parameters of a field, `; name=value; name*=charset'language'value; name*0=…; name*1=…`.
struct Parameters(Vec<Parameter>);

struct Parameter {
    name: String,
    /// Which piece of the value it is.
    section: u32,
    /// Whether it is written with `%` and a charset.
    extended: bool,
    value: String,
}

impl Parameters {
    fn parse(text: &str) -> Self {
        let mut parameters = vec![];
        let mut rest = text;
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = value(after.trim_start());
            rest = after.split_once(';').map_or("", |(_, after)| after);
            // What is before a semicolon without a value belongs to nothing.
            let name = name.rsplit(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let mut parts = name.split('*');
            let base = parts.next().unwrap_or_default().to_owned();
            let (second, third) = (parts.next(), parts.next());
            let section = second.and_then(|section| section.parse().ok()).unwrap_or_default();
            let extended = second == Some("") || third == Some("");
            parameters.push(Parameter { name: base, section, extended, value });
        }
        Self(parameters)
    }

    /// A parameter's value, put together and decoded.
    fn take(&mut self, name: &str) -> Option<String> {
        let mut sections: Vec<&Parameter> = self.0.iter().filter(|parameter| parameter.name == name).collect();
        // The extended form of a name counts more than the plain one beside it.
        if sections.iter().any(|s| s.extended) && sections.iter().any(|s| !s.extended && s.section == 0) {
            let extended_first = sections.iter().any(|s| s.extended && s.section == 0);
            sections.retain(|s| s.section > 0 || s.extended == extended_first);
        }
        sections.sort_by_key(|section| section.section);
        sections.dedup_by_key(|section| section.section);
        let first = sections.first()?;
        if !sections.iter().any(|section| section.extended) {
            let value: String = sections.iter().map(|section| section.value.as_str()).collect();
            return Some(decode_words(&value));
        }
        let label = if first.extended { first.value.split('\'').next().unwrap_or_default() } else { "" };
        let mut bytes = vec![];
        for section in &sections {
            let value = section.value.as_str();
            let value = if section.section == 0 && section.extended {
                value.splitn(3, '\'').last().unwrap_or(value)
            } else {
                value
            };
            if section.extended {
                bytes.extend(percent_decode_str(value));
            } else {
                bytes.extend_from_slice(value.as_bytes());
            }
        }
        Some(encoding(label).unwrap_or(UTF_8).decode_without_bom_handling(&bytes).0.into_owned())
    }
}

/// A value with or without quotes, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words() {
        for (text, decoded) in [
            ("plain = text ?=", "plain = text ?="),
            ("=?utf-8?q?Gr=C3=BC=C3=9Fe_an?= alle", "Grüße an alle"),
            ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
            ("=?utf-8*de?Q?a?= \t =?utf-8?q?b?= c", "ab c"),
            // A character in two words.
            ("=?utf-8?b?w7w=?= =?utf-8?q?=C3?= =?utf-8?q?=9F?=", "üß"),
            ("=?iso-8859-1?q?=FC?= =?utf-8?q?=C3=BC?=", "üü"),
            ("=?gb2312?B?1tA=?=", "中"),
            ("=?nonsense?q?a?=", "=?nonsense?q?a?="),
            ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
            ("=?utf-8?q?a", "=?utf-8?q?a"),
        ] {
            assert_eq!(decode_words(text), decoded, "{text}");
        }
    }

    #[test]
    fn names_of_attachments() {
        for (value, name) in [
            ("attachment; filename=a.pdf", Some("a.pdf")),
            ("attachment; filename=two words.pdf; size=1", Some("two words.pdf")),
            ("attachment; filename=\"a;b\\\"c.pdf\"", Some("a;b\"c.pdf")),
            ("attachment; filename*=UTF-8''%e2%82%ac%20rates", Some("€ rates")),
            ("attachment; filename*=iso-8859-1'en'%A3", Some("£")),
            ("attachment; filename=\"plain.txt\"; filename*=utf-8''better.txt", Some("better.txt")),
            ("attachment; filename*1=\"b.pdf\"; filename*0=\"a\"", Some("ab.pdf")),
            ("attachment; filename*0*=utf-8''a%20; filename*1*=%62; filename*2=c%20", Some("a bc%20")),
            ("attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe?=\"", Some("Grüße")),
            ("attachment; size=1", None),
            ("attachment", None),
            ("attachment; filename=\"open", Some("open")),
            ("attachment; filename*=%", Some("%")),
            ("attachment; x; filename=a", Some("a")),
        ] {
            assert_eq!(Disposition::parse(value).file_name.as_deref(), name, "{value}");
        }
        let kind = |value| Disposition::parse(value).kind;
        assert_eq!((kind("ATTACHMENT ; x"), kind("other")), (DispositionKind::Attachment, DispositionKind::Attachment));
        assert_eq!((kind("inline"), Disposition::default().kind), (DispositionKind::Inline, DispositionKind::Unsaid));
    }

    #[test]
    fn content_types() {
        let html = ContentType::parse("Text/HTML; Charset=\"ISO-8859-1\" (comment)");
        assert_eq!((html.media_type.as_str(), html.encoding()), ("text/html", Some(WINDOWS_1252)));
        assert_eq!(ContentType::parse("text/plain; charset=us-ascii").encoding(), None);
        assert_eq!(ContentType::parse("nonsense").media_type, "text/plain");
        assert_eq!(ContentType::parse("multipart/mixed; boundary=\"a b\"").boundary.as_deref(), Some("a b"));
    }

    #[test]
    fn fields() {
        assert!(is_field(b"Subject: x") && is_field(b"X-A :b") && is_field(b"a:"));
        assert!(!is_field(b"no field: x") && !is_field(b": x") && !is_field(b"text"));
        let (_, raw) = split(b"Subject: =?iso-8859-1?Q?Fr\xf6sche=FC?=\n").unwrap();
        assert_eq!(decode_words(&raw), " Fröscheü");
        assert_eq!(split(b"Subject : a\r\n b\xe9\r\n"), Some(("subject".to_owned(), " a bé".to_owned())));
    }
}
