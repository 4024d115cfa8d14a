//! Email (RFC 5322, MIME): who wrote to whom, what about, what is attached, and how many words the text has.
//!
//! A state machine over the lines as they arrive. Of the parts of a message only the boundaries that enclose the
//! current one are kept, so that neither size nor nesting costs memory. A message within the message is an attachment:
//! its header, text and attachments are its own.

mod address;
mod date;
mod header;
mod transfer;

use handler_contract::Metadata;

use self::header::{ContentType, Disposition};
use self::transfer::{Coding, Decoder};
use super::bounded_buffer::BoundedBuffer;
use super::value::clean;
use super::{html, language};
use crate::charset::ToUtf8;
use crate::input::Input;
use crate::report::{Abort, Report};
use crate::words::{Counter, Counts};

/// Bytes of a line that are kept while its end is not there. Longer ones are taken in pieces.
const LINE: usize = 8 << 10;
/// Bytes of a header field that is looked at.
const FIELD: usize = 16 << 10;
/// Multiparts within each other that are followed; a deeper one is passed over.
const MAX_DEPTH: usize = 64;
/// Bytes of a boundary (RFC 2046, section 5.1.1, allows 70).
const BOUNDARY: usize = 256;
/// Names and addresses in a record.
const LISTED: usize = 32;

/// Reads a message.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut reader = MessageReader::new();
    input.stream(|bytes| reader.feed(bytes))?;
    report.metadata = reader.finish();
    Ok(())
}

/// A multipart whose parts are being read.
#[derive(Debug)]
struct Multipart {
    boundary: Vec<u8>,
    /// Whether its parts say the same in different forms, of which one is read.
    alternative: bool,
    /// Whether its parts are messages unless they say otherwise.
    digest: bool,
    texts: Texts,
}

/// Words of the parts that are plain text, and of those that are HTML.
#[derive(Debug, Clone, Copy, Default)]
struct Texts {
    plain: (u64, u64),
    html: (u64, u64),
}

impl Texts {
    fn add(&mut self, other: Self) {
        for (sum, more) in [(&mut self.plain, other.plain), (&mut self.html, other.html)] {
            sum.0 += more.0;
            sum.1 += more.1;
        }
    }
}

/// The body of the part at hand.
enum Body {
    /// Passed over: attachments, pictures, what stands before the first part and after the last.
    Skipped,
    Plain {
        decoder: Decoder,
        to_utf8: ToUtf8,
        words: Counter,
    },
    Html {
        decoder: Decoder,
        to_utf8: ToUtf8,
        reader: Box<html::HtmlReader>,
    },
}

/// Reads a message piece by piece.
struct MessageReader {
    /// The beginning of a line whose end is not there yet.
    line: Vec<u8>,
    /// Whether the line at hand was begun in an earlier piece that is no longer kept.
    in_line: bool,
    in_header: bool,
    /// The header field at hand, unfolded.
    field: BoundedBuffer,
    content_type: Option<ContentType>,
    disposition: Option<Disposition>,
    coding: Coding,
    open: Vec<Multipart>,
    body: Body,
    /// Whether the header at hand is the message's own.
    outermost: bool,
    texts: Texts,
    plain_sample: BoundedBuffer,
    html_sample: String,
    attachments: u64,
    names: Vec<String>,
    recipients: Vec<String>,
    /// The address of `Sender`, for messages without `From`.
    sent_by: Option<String>,
    metadata: Metadata,
}

impl MessageReader {
    fn new() -> Self {
        Self {
            line: Vec::new(),
            in_line: false,
            in_header: true,
            field: BoundedBuffer::new(FIELD),
            content_type: None,
            disposition: None,
            coding: Coding::Identity,
            open: vec![],
            body: Body::Skipped,
            outermost: true,
            texts: Texts::default(),
            plain_sample: BoundedBuffer::new(language::SAMPLE),
            html_sample: String::new(),
            attachments: 0,
            names: vec![],
            recipients: vec![],
            sent_by: None,
            metadata: Metadata::default(),
        }
    }

    /// Reads the next piece.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest;
            if self.line.is_empty() && end.is_some() {
                self.piece(piece);
                self.in_line = false;
                continue;
            }
            self.line.extend_from_slice(piece);
            if end.is_some() || self.line.len() >= LINE {
                let line = std::mem::take(&mut self.line);
                self.piece(&line);
                self.in_line = end.is_none();
                self.line = line;
                self.line.clear();
            }
        }
    }

    fn finish(mut self) -> Metadata {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.piece(&line);
        }
        if self.in_header {
            self.end_field();
            self.begin_body();
        }
        self.end_body();
        self.close(0);
        let sum = |plain: u64, html: u64| Some(plain + html);
        let (plain, html) = (self.texts.plain, self.texts.html);
        let sample = if plain.0 >= html.0 { self.plain_sample.text() } else { &self.html_sample };
        Metadata {
            sender: self.metadata.sender.or(self.sent_by),
            recipients: (!self.recipients.is_empty()).then_some(self.recipients),
            attachment_count: Some(self.attachments),
            attachment_names: (!self.names.is_empty()).then_some(self.names),
            word_count: sum(plain.0, html.0),
            unicode_word_count: sum(plain.1, html.1),
            language: self.metadata.language.or_else(|| language::detect(sample)),
            ..self.metadata
        }
    }

    /// A line with its end, or a piece of one that is too long to be kept.
    fn piece(&mut self, piece: &[u8]) {
        if !self.in_line && piece.starts_with(b"--") && self.boundary(piece) {
            return;
        }
        if self.in_header {
            self.header_line(piece);
        } else {
            self.body_bytes(piece);
        }
    }

    /// Whether the line is a boundary of an open multipart, the innermost first; one of an outer multipart ends those
    /// within it.
    fn boundary(&mut self, line: &[u8]) -> bool {
        let line = line[2..].trim_ascii_end();
        let is_boundary = |level: &Multipart| {
            line.strip_prefix(&level.boundary[..]).is_some_and(|rest| rest.is_empty() || rest == b"--")
        };
        let Some(at) = self.open.iter().rposition(is_boundary) else { return false };
        if self.in_header {
            self.end_field();
            self.begin_body();
        }
        self.end_body();
        let last = line.len() > self.open[at].boundary.len();
        self.close(if last { at } else { at + 1 });
        if !last {
            self.in_header = true;
            self.outermost = false;
            self.content_type = None;
            self.disposition = None;
            self.coding = Coding::Identity;
        }
        true
    }

    /// Ends the multiparts from a level on.
    fn close(&mut self, level: usize) {
        while self.open.len() > level {
            let Some(ended) = self.open.pop() else { return };
            let mut texts = ended.texts;
            if ended.alternative && texts.plain.0 > 0 {
                texts.html = (0, 0);
            }
            self.parent().add(texts);
        }
    }

    fn parent(&mut self) -> &mut Texts {
        match self.open.last_mut() {
            Some(multipart) => &mut multipart.texts,
            None => &mut self.texts,
        }
    }

    fn header_line(&mut self, piece: &[u8]) {
        if self.in_line || piece.starts_with(b" ") || piece.starts_with(b"\t") {
            self.field.push(piece);
            return;
        }
        self.end_field();
        if matches!(piece, b"\n" | b"\r\n") {
            self.begin_body();
        } else if header::is_field(piece) {
            self.field.push(piece);
        } else if !piece.starts_with(b"From ") && !piece.starts_with(b">From ") {
            // The empty line is missing; what follows can only be the text.
            self.begin_body();
            self.body_bytes(piece);
        }
    }

    fn end_field(&mut self) {
        let field = std::mem::replace(&mut self.field, BoundedBuffer::new(FIELD));
        if let Some((name, value)) = header::split(field.bytes()) {
            match name.as_str() {
                "content-type" if self.content_type.is_none() => self.content_type = Some(ContentType::parse(&value)),
                "content-disposition" if self.disposition.is_none() => {
                    self.disposition = Some(Disposition::parse(&value));
                }
                "content-transfer-encoding" => self.coding = Coding::parse(&value),
                name if self.outermost => self.own_field(name, &value),
                _ => {}
            }
        }
        self.field = field;
        self.field.clear();
    }

    /// A field of the message itself.
    fn own_field(&mut self, name: &str, value: &str) {
        let metadata = &mut self.metadata;
        match name {
            "from" if metadata.sender.is_none() => {
                if let Some(mailbox) = address::mailboxes(value).next() {
                    metadata.author = mailbox.name.as_deref().and_then(clean);
                    metadata.sender = clean(&mailbox.address);
                }
            }
            "sender" if self.sent_by.is_none() => {
                self.sent_by = address::mailboxes(value).next().and_then(|mailbox| clean(&mailbox.address));
            }
            "to" | "cc" | "bcc" => {
                for address in address::mailboxes(value).filter_map(|mailbox| clean(&mailbox.address)) {
                    if self.recipients.len() < LISTED && !self.recipients.contains(&address) {
                        self.recipients.push(address);
                    }
                }
            }
            "subject" if metadata.subject.is_none() => metadata.subject = clean(&header::decode_words(value)),
            "date" if metadata.date_created.is_none() => metadata.date_created = date::iso(value),
            "message-id" if metadata.identifier.is_none() => {
                metadata.identifier = clean(value.trim().trim_start_matches('<').trim_end_matches('>'));
            }
            "content-language" if metadata.language.is_none() => {
                metadata.language = value.split(',').next().and_then(language::declared);
            }
            "x-mailer" | "user-agent" if metadata.creator_tool.is_none() => {
                metadata.creator_tool = clean(&header::decode_words(value));
            }
            _ => {}
        }
    }

    /// The header is complete: the body is a multipart, an attachment, or text.
    fn begin_body(&mut self) {
        self.in_header = false;
        let in_digest = self.open.last().is_some_and(|multipart| multipart.digest);
        let content_type = self.content_type.take().unwrap_or_else(|| ContentType::unsaid(in_digest));
        let disposition = self.disposition.take().unwrap_or_default();
        self.body = Body::Skipped;
        if let Some(subtype) = content_type.media_type.strip_prefix("multipart/") {
            self.metadata.is_encrypted = self.metadata.is_encrypted.or((subtype == "encrypted").then_some(true));
            let boundary = content_type.boundary.filter(|b| !b.is_empty() && b.len() <= BOUNDARY);
            if let Some(boundary) = boundary {
                if self.open.len() < MAX_DEPTH {
                    self.open.push(Multipart {
                        boundary: boundary.into_bytes(),
                        alternative: subtype == "alternative",
                        digest: subtype == "digest",
                        texts: Texts::default(),
                    });
                } else {
                    self.metadata.is_partial = Some(true);
                }
            }
            return;
        }
        let is_sealed =
            matches!(content_type.media_type.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime")
                && content_type.smime_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("enveloped-data"));
        if is_sealed {
            self.metadata.is_encrypted = Some(true);
        }
        let encoding = content_type.encoding();
        let name = disposition.file_name.or(content_type.name);
        if disposition.is_attachment || name.is_some() || content_type.media_type == "message/rfc822" {
            self.attachments += 1;
            if self.names.len() < LISTED {
                self.names.extend(name.as_deref().and_then(clean));
            }
            return;
        }
        let decoder = Decoder::new(self.coding);
        let to_utf8 = ToUtf8::declared(encoding);
        match content_type.media_type.as_str() {
            "text/html" => {
                self.body = Body::Html { decoder, to_utf8, reader: Box::new(html::HtmlReader::new()) };
            }
            kind if kind.starts_with("text/") && kind != "text/calendar" => {
                self.body = Body::Plain { decoder, to_utf8, words: Counter::default() };
            }
            _ => {}
        }
    }

    fn body_bytes(&mut self, piece: &[u8]) {
        match &mut self.body {
            Body::Skipped => {}
            Body::Plain { decoder, to_utf8, words } => {
                let sample = &mut self.plain_sample;
                decoder.feed(piece, &mut |bytes| {
                    to_utf8.feed(bytes, &mut |text| {
                        words.feed(text);
                        sample.push(text.as_bytes());
                    });
                });
            }
            Body::Html { decoder, to_utf8, reader } => {
                decoder.feed(piece, &mut |bytes| to_utf8.feed(bytes, &mut |text| reader.feed(text)));
            }
        }
    }

    fn end_body(&mut self) {
        let counted = |counts: Counts| (counts.words, counts.unicode_words);
        let mut texts = Texts::default();
        match std::mem::replace(&mut self.body, Body::Skipped) {
            Body::Skipped => return,
            Body::Plain { mut decoder, mut to_utf8, mut words } => {
                decoder.finish(&mut |bytes| to_utf8.feed(bytes, &mut |text| words.feed(text)));
                to_utf8.finish(&mut |text| words.feed(text));
                texts.plain = counted(words.counts());
                self.plain_sample.push(b"\n");
            }
            Body::Html { mut decoder, mut to_utf8, mut reader } => {
                decoder.finish(&mut |bytes| to_utf8.feed(bytes, &mut |text| reader.feed(text)));
                to_utf8.finish(&mut |text| reader.feed(text));
                let (counts, sample) = reader.into_shown();
                if self.html_sample.is_empty() {
                    self.html_sample = sample;
                }
                texts.html = counted(counts);
            }
        }
        self.parent().add(texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Metadata {
        let mut reader = MessageReader::new();
        reader.feed(text.as_bytes());
        reader.finish()
    }

    const LETTER: &str = "Return-Path: <x@example.org>\r\n\
        From: =?UTF-8?Q?J=C3=BCrgen_M?= =?utf-8?B?w7xsbGVy?= <jm@example.org>\r\n\
        To: \"Doe, Jane\" <jane@example.com>, team: a@example.com, B (b) <b@example.com>;\r\n\
        Cc: undisclosed-recipients:;,\r\n jane@example.com\r\n\
        Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n and more\r\n\
        Date: Fri, 8 Aug 2003 21:20:15 +0200 (CEST)\r\n\
        Message-ID: <1@example.org>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\
        \r\n\
        preamble words\r\n\
        --=_outer\r\n\
        Content-Type: multipart/alternative; boundary==_inner\r\n\
        \r\n\
        --=_inner\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\
        \r\n\
        Sch=C3=B6ne Gr=\r\n\
        =C3=BC=C3=9Fe\r\n\
        --not a boundary\r\n\
        --=_inner\r\n\
        Content-Type: text/html\r\n\
        \r\n\
        <p>Sch&ouml;ne Gr&uuml;&szlig;e and much more</p>\r\n\
        --=_inner--\r\n\
        epilogue words\r\n\
        --=_outer\r\n\
        Content-Type: application/pdf; name=\"old.pdf\"\r\n\
        Content-Disposition: attachment; filename*0*=utf-8''Gr%C3%BC; filename*1=\"sse.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\
        \r\n\
        JVBERi0=\r\n\
        --=_outer\r\n\
        Content-Type: message/rfc822\r\n\
        \r\n\
        From: other@example.net\r\n\
        Subject: another\r\n\
        \r\n\
        forwarded words\r\n\
        --=_outer--\r\n";

    #[test]
    fn a_letter() {
        let metadata = read(LETTER);
        assert_eq!(metadata.sender.as_deref(), Some("jm@example.org"));
        assert_eq!(metadata.author.as_deref(), Some("Jürgen Müller"));
        assert_eq!(metadata.recipients.as_deref().unwrap(), ["jane@example.com", "a@example.com", "b@example.com"]);
        assert_eq!(metadata.subject.as_deref(), Some("Grüße and more"));
        assert_eq!(metadata.date_created.as_deref(), Some("2003-08-08T21:20:15+02:00"));
        assert_eq!(metadata.identifier.as_deref(), Some("1@example.org"));
        // The message within is the second, without a name.
        assert_eq!(metadata.attachment_count, Some(2));
        assert_eq!(metadata.attachment_names.as_deref().unwrap(), ["Grüsse.pdf"]);
        // Schöne Grüße --not a boundary
        assert_eq!(metadata.word_count, Some(5));
    }

    #[test]
    fn any_pieces_are_read_as_the_whole() {
        let whole = read(LETTER);
        for at in 0..LETTER.len() {
            let mut reader = MessageReader::new();
            reader.feed(&LETTER.as_bytes()[..at]);
            reader.feed(&LETTER.as_bytes()[at..]);
            assert_eq!(reader.finish(), whole, "{at}");
            let mut cut = MessageReader::new();
            cut.feed(&LETTER.as_bytes()[..at]);
            cut.finish();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_it_is_its_pieces_are_read_as_the_whole(
            parts in prop::collection::vec(prop::sample::select(vec![
                &b"From: "[..], b"To: ", b"Subject: ", b"Date: ", b"Content-Type: ", b"multipart/mixed; boundary=b\n",
                b"text/html\n", b"Content-Disposition: attachment; filename*0*=", b"Content-Transfer-Encoding: base64\n",
                b"\n", b"\r\n", b" ", b"--b\n", b"--b--", b"=?utf-8?q?", b"?=", b"=", b"\"", b"<a@b>", b"(", b",", b"%C3",
                b"\xc3\xbc", b"\xe4", b"8 Aug 2003 21:20", b"a",
            ]), 0..30),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = parts.concat();
            let at = cut.index(bytes.len() + 1);
            let (mut whole, mut pieces) = (MessageReader::new(), MessageReader::new());
            whole.feed(&bytes);
            pieces.feed(&bytes[..at]);
            pieces.feed(&bytes[at..]);
            prop_assert_eq!(pieces.finish(), whole.finish());
        }
    }

    #[test]
    fn words_of_the_form_that_is_read() {
        let part = |kind: &str, text: &str| format!("--b\nContent-Type: {kind}\n\n{text}\n");
        let message =
            |kind: &str, parts: &str| format!("From: a@b\nContent-Type: {kind}; boundary=b\n\n{parts}--b--\n");
        for (text, words) in [
            ("From: a@b\n\none two".to_owned(), 2),
            ("From: a@b\nContent-Type: text/html\n\n<p>one</p><p>two</p>".to_owned(), 2),
            ("From: a@b\nContent-Transfer-Encoding: base64\n\nb25lIHR3\nbyB0aHJlZQ==\n".to_owned(), 3),
            ("From: a@b\nno header this\nfour".to_owned(), 4),
            ("Subject:\n \n  x\nFrom: a@b\n\none".to_owned(), 1),
            (message("multipart/alternative", &part("text/html", "<b>one</b> two")), 2),
            (message("multipart/mixed", &(part("text/plain", "one") + &part("text/html", "two three"))), 3),
            (message("multipart/mixed", &part("text/plain; name=x.txt", "one")), 0),
            (message("multipart/mixed", &part("image/png", "one")), 0),
            (message("multipart/digest", "--b\n\nFrom: x\n\none\n"), 0),
            // Without its last boundary.
            ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none two\n".to_owned(), 2),
            (String::new(), 0),
        ] {
            assert_eq!(read(&text).word_count, Some(words), "{text}");
        }
    }

    #[test]
    fn sealed_messages_are_encrypted() {
        for (kind, sealed) in [
            ("multipart/encrypted; boundary=b", Some(true)),
            ("application/pkcs7-mime; smime-type=enveloped-data", Some(true)),
            ("application/pkcs7-mime; smime-type=signed-data", None),
            ("multipart/signed; boundary=b", None),
        ] {
            assert_eq!(read(&format!("From: a@b\nContent-Type: {kind}\n\nx")).is_encrypted, sealed, "{kind}");
        }
    }

    #[test]
    fn multiparts_without_end_and_lines_without_end() {
        let mut reader = MessageReader::new();
        reader.feed(b"From: a@b\n");
        for level in 0..100_000 {
            reader.feed(format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n").as_bytes());
        }
        assert_eq!(reader.open.len(), MAX_DEPTH);
        assert_eq!(reader.finish().is_partial, Some(true));

        let piece = vec![b'a'; 1 << 20];
        for start in ["Subject: ", "To: ", "\n", "--", "Content-Type: multipart/mixed; boundary="] {
            let mut reader = MessageReader::new();
            reader.feed(start.as_bytes());
            for _ in 0..16 {
                reader.feed(&piece);
            }
            assert!(reader.line.capacity() + reader.field.bytes().len() < 3 << 20, "{start}");
            reader.finish();
        }
    }

    #[test]
    fn lists_are_bounded() {
        let addresses: Vec<String> = (0..1000).map(|n| format!("a{n}@example.org")).collect();
        let attachments = "--b\nContent-Disposition: attachment; filename=a\n\n".repeat(1000);
        let metadata = read(&format!(
            "To: {}\nContent-Type: multipart/mixed; boundary=b\n\n{attachments}",
            addresses.join(",\n ")
        ));
        assert_eq!(metadata.recipients.unwrap().len(), LISTED);
        assert_eq!((metadata.attachment_names.unwrap().len(), metadata.attachment_count), (LISTED, Some(1000)));
    }
}
