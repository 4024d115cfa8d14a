//! Email (RFC 5322, MIME): who wrote to whom, what about, what is attached, and how many words the text has.
//!
//! A state machine over the lines as they arrive. Of the parts of a message only the boundaries that enclose the
//! current one are kept, so that neither size nor nesting costs memory. A message within the message is an attachment:
//! its header, text and attachments are its own.

mod address;
mod header;
mod lines;
mod mapi;
mod tnef;
mod transfer;

use std::sync::Arc;

use handler_contract::Metadata;
use memmap2::Mmap;

use self::header::{ContentType, Disposition, DispositionKind};
pub(super) use self::lines::Lines;
use self::transfer::{Coding, Decoder};
use super::bounded_buffer::BoundedBuffer;
use super::value::{LISTED, clean};
use super::{date, html, language};
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
/// Lines before the header that are none of its fields: what mail programs and servers put there.
const MOST_BANNER_LINES: usize = 8;

/// Reads a message.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut reader = MessageReader::new();
    input.stream(|bytes| reader.feed(bytes))?;
    report.metadata = reader.finish();
    Ok(())
}

/// Reads a message as Apple Mail keeps it: its length in a line, the message, and a property list.
pub(super) fn read_emlx(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let (mut reader, mut left) = (MessageReader::new(), None);
    let mut first = Vec::new();
    input.stream(|bytes| {
        let mut bytes = bytes;
        if left.is_none() {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            first.extend_from_slice(&bytes[..end.min(LINE)]);
            bytes = &bytes[end..];
            if first.ends_with(b"\n") || first.len() >= LINE {
                let length = str::from_utf8(&first).ok().and_then(|line| line.trim().parse::<u64>().ok());
                left = Some(length.unwrap_or(u64::MAX));
            }
        }
        if let Some(left) = &mut left {
            let part = &bytes[..bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX))];
            *left -= part.len() as u64;
            reader.feed(part);
        }
    })?;
    report.metadata = reader.finish();
    if left.is_none_or(|left| left > 0) {
        report.metadata.is_partial = Some(true);
    }
    Ok(())
}

/// Reads what Outlook packs the properties and the attachments of a message into.
#[expect(clippy::unnecessary_wraps, reason = "readers of files may fail")]
pub(super) fn read_tnef(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    let (message, is_whole) = tnef::describe(bytes);
    report.metadata = message.finish();
    if !is_whole {
        report.metadata.is_partial = Some(true);
    }
    Ok(())
}

/// Multiparts whose parts are one thing: forms of the same, a page with its pictures, a text with its signature.
const COMPOUND: &[&str] = &["alternative", "related", "signed", "encrypted", "report", "appledouble"];

/// A multipart whose parts are being read.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the parts")]
struct Multipart {
    boundary: Vec<u8>,
    /// Whether its parts say the same in different forms, of which one is read.
    alternative: bool,
    /// Whether its parts are messages unless they say otherwise.
    digest: bool,
    /// Whether its parts belong together, such as a page and its pictures: a part without a name is no attachment.
    is_compound: bool,
    /// Whether a part was its text.
    has_text: bool,
    texts: Texts,
}

/// Words of the parts that are plain text, and of those that are HTML.
#[derive(Debug, Clone, Copy, Default)]
struct Texts {
    plain: Counts,
    html: Counts,
}

impl Texts {
    fn add(&mut self, other: Self) {
        self.plain.add(other.plain);
        self.html.add(other.html);
    }
}

/// The body of the part at hand.
enum Body {
    /// Passed over: attachments, pictures, what is before the first part and after the last.
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
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what was read so far")]
struct MessageReader {
    lines: Lines,
    /// The start of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Whether the current line was started in an earlier piece that is no longer kept.
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
    /// Whether a field of a header was read.
    has_field: bool,
    banner_lines: usize,
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
            lines: Lines::new(),
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
            has_field: false,
            banner_lines: 0,
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
    fn feed(&mut self, bytes: &[u8]) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new());
        lines.feed(bytes, &mut |bytes| self.feed_lines(bytes));
        self.lines = lines;
    }

    /// Reads the next piece, of which each line ends with a line feed.
    fn feed_lines(&mut self, mut bytes: &[u8]) {
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
        let mut lines = std::mem::replace(&mut self.lines, Lines::new());
        lines.finish(&mut |bytes| self.feed_lines(bytes));
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.piece(&line);
        }
        if self.in_header {
            self.end_field();
            self.begin_body();
        }
        self.end_body();
        if !self.open.is_empty() {
            // The last boundary is missing, and perhaps more.
            self.metadata.is_partial = Some(true);
        }
        self.close(0);
        let Texts { plain, html } = self.texts;
        let mut counts = plain;
        counts.add(html);
        let sample = if plain.words >= html.words { self.plain_sample.text() } else { &self.html_sample };
        Metadata {
            sender: self.metadata.sender.or(self.sent_by),
            recipients: (!self.recipients.is_empty()).then_some(self.recipients),
            attachment_count: Some(self.attachments),
            attachment_names: (!self.names.is_empty()).then_some(self.names),
            word_count: Some(counts.words),
            unicode_word_count: counts.known_unicode_words(),
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
            if ended.alternative && texts.plain.words > 0 {
                texts.html = Counts::default();
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
        let is_empty = matches!(piece, b"\n" | b"\r\n");
        if header::is_field(piece) {
            self.has_field = true;
            self.field.push(piece);
        } else if self.outermost && !self.has_field && self.banner_lines < MOST_BANNER_LINES {
            self.banner_lines += 1;
        } else if is_empty {
            self.begin_body();
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
            "date" if metadata.date_created.is_none() => metadata.date_created = date::from_message(value),
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
                        is_compound: COMPOUND.contains(&subtype),
                        has_text: false,
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
        let kind = content_type.media_type.as_str();
        let (is_compound, has_text) =
            self.open.last().map_or((false, false), |multipart| (multipart.is_compound, multipart.has_text));
        let is_text = kind.starts_with("text/") && kind != "text/calendar";
        let is_attachment = match (disposition.kind, is_text) {
            _ if kind == "message/rfc822" => true,
            (DispositionKind::Attachment, _) => true,
            (DispositionKind::Inline, true) => false,
            // A name alone makes no attachment of a text, unless there is another text before.
            (_, true) => name.is_some() && has_text,
            (_, false) => name.is_some() || !is_compound && !is_sealed && !kind.starts_with("message/"),
        };
        if is_attachment {
            self.attachments += 1;
            if self.names.len() < LISTED {
                self.names.extend(name.as_deref().and_then(clean));
            }
            return;
        }
        if !is_text {
            return;
        }
        if let Some(multipart) = self.open.last_mut() {
            multipart.has_text = true;
        }
        let decoder = Decoder::new(self.coding);
        let to_utf8 = ToUtf8::declared(encoding);
        self.body = if kind == "text/html" {
            Body::Html { decoder, to_utf8, reader: Box::new(html::HtmlReader::new()) }
        } else {
            Body::Plain { decoder, to_utf8, words: Counter::default() }
        };
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
        let mut texts = Texts::default();
        match std::mem::replace(&mut self.body, Body::Skipped) {
            Body::Skipped => return,
            Body::Plain { mut decoder, mut to_utf8, mut words } => {
                decoder.finish(&mut |bytes| to_utf8.feed(bytes, &mut |text| words.feed(text)));
                to_utf8.finish(&mut |text| words.feed(text));
                texts.plain = words.counts();
                self.plain_sample.push(b"\n");
            }
            Body::Html { mut decoder, mut to_utf8, mut reader } => {
                decoder.finish(&mut |bytes| to_utf8.feed(bytes, &mut |text| reader.feed(text)));
                to_utf8.finish(&mut |text| reader.feed(text));
                let (counts, sample) = reader.into_shown();
                if self.html_sample.is_empty() {
                    self.html_sample = sample;
                }
                texts.html = counts;
            }
        }
        self.parent().add(texts);
    }
}

#[cfg(test)]
mod tests;
