//! HTML: what the document says of itself, and the words that a reader sees.
//!
//! A tokenizer of the WHATWG's shape (HTML standard, section 13.2.5) over the text as it arrives: it knows tags,
//! attributes, comments, the elements whose content is no markup, and character references. It builds no tree, so that
//! neither size nor nesting costs memory. Where browsers repair a document, this reader only has to find its text.

mod info;
mod references;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use handler_contract::Metadata;

use self::info::{Attributes, DocumentInfo, is_java_script};
use self::references::{resolve, unescape};
use super::bounded_buffer::BoundedBuffer;
use super::language;
use super::value::clean;
use crate::charset::ToUtf8;
use crate::input::Input;
use crate::report::{Abort, Report};
use crate::words::{Counter, Counts};

/// Bytes of an element's name, of an attribute's name and value, and of a character reference that are looked at.
const TAG: usize = 32;
const ATTRIBUTE: usize = 64;
const VALUE: usize = 4096;
/// Bytes of text that are counted at once.
const SHOWN: usize = 8 << 10;
/// The longest named reference is `CounterClockwiseContourIntegral`.
const REFERENCE: usize = 32;

/// Elements that do not part the words before and after them.
const INLINE: &[&[u8]] = &[
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"big", b"cite", b"code", b"data", b"del", b"dfn", b"em", b"font",
    b"i", b"ins", b"kbd", b"label", b"mark", b"nobr", b"q", b"rb", b"ruby", b"s", b"samp", b"small", b"span",
    b"strike", b"strong", b"sub", b"sup", b"time", b"tt", b"u", b"var", b"wbr",
];

/// Reads a document.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut to_utf8 = ToUtf8::declared(declared_encoding(input.head()));
    let mut reader = HtmlReader::new();
    input.stream(|bytes| to_utf8.feed(bytes, &mut |text| reader.feed(text)))?;
    to_utf8.finish(&mut |text| reader.feed(text));
    report.metadata = Metadata { charset: Some(to_utf8.charset().to_owned()), ..reader.finish() };
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `&`.
    Reference,
    /// After `<`.
    Open,
    /// After `</`.
    OpenEnd,
    TagName,
    InTag,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    Value(u8),
    Unquoted,
    /// After `<!` and, if `true`, a hyphen.
    Declaration(bool),
    Comment(CommentEnd),
    /// A doctype, a processing instruction, or what else ends at the next `>`.
    Bogus,
    /// After `<` in an element whose content is no markup.
    RawOpen,
    /// After `</` there.
    RawEnd,
}

/// How much of a comment's end was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommentEnd {
    No,
    Hyphen,
    Hyphens,
    Bang,
}

/// What becomes of the text inside an element whose content is no markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raw {
    /// `script`, `style` and their like: nobody reads it.
    Hidden,
    /// `xmp`: it is shown as it is.
    Shown,
    /// `textarea`: it is shown, with character references.
    Form,
    /// `title`, with character references.
    Title,
}

/// Reads a document piece by piece.
#[derive(Debug)]
pub(super) struct HtmlReader {
    state: State,
    tag: BoundedBuffer,
    is_end_tag: bool,
    attribute: BoundedBuffer,
    value: BoundedBuffer,
    attributes: Attributes,
    reference: BoundedBuffer,
    /// The open element whose content is no markup.
    raw: Option<Raw>,
    raw_tag: BoundedBuffer,
    title: BoundedBuffer,
    /// Open `template` and `svg` elements: nobody reads the one, and the title of the other is a picture's.
    templates: u64,
    pictures: u64,
    info: DocumentInfo,
    /// Text that is shown and not counted yet: counting much at once costs less.
    shown: String,
    words: Counter,
    sample: BoundedBuffer,
}

impl HtmlReader {
    pub(super) fn new() -> Self {
        Self {
            state: State::Text,
            tag: BoundedBuffer::new(TAG),
            is_end_tag: false,
            attribute: BoundedBuffer::new(ATTRIBUTE),
            value: BoundedBuffer::new(VALUE),
            attributes: Attributes::default(),
            reference: BoundedBuffer::new(REFERENCE),
            raw: None,
            raw_tag: BoundedBuffer::new(TAG),
            title: BoundedBuffer::new(VALUE),
            templates: 0,
            pictures: 0,
            info: DocumentInfo::default(),
            shown: String::new(),
            words: Counter::default(),
            sample: BoundedBuffer::new(language::SAMPLE),
        }
    }

    /// Reads the next piece.
    pub(super) fn feed(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            // Stretches that hold nothing of interest.
            let rest = &bytes[at..];
            let end = match self.state {
                State::Text if matches!(self.raw, Some(Raw::Hidden | Raw::Shown)) => memchr::memchr(b'<', rest),
                State::Text => memchr::memchr2(b'<', b'&', rest),
                State::Comment(CommentEnd::No) => memchr::memchr(b'-', rest),
                State::Bogus => memchr::memchr(b'>', rest),
                State::Value(quote) => memchr::memchr(quote, rest),
                _ => Some(0),
            };
            let end = at + end.unwrap_or(rest.len());
            match self.state {
                // Text starts after an ASCII byte; other states may be entered in the middle of a character.
                State::Text => self.show(&text[at..end]),
                State::Value(_) => self.value.push(&bytes[at..end]),
                _ => {}
            }
            at = end;
            // A byte that ends what came before it is looked at again.
            if at < bytes.len() && self.step(bytes[at]) {
                at += 1;
            }
        }
    }

    /// What the document says of itself and how many words it shows; the language is detected from them if it is not
    /// declared.
    pub(super) fn finish(mut self) -> Metadata {
        self.end();
        let counts = self.words.counts();
        let info = self.info;
        Metadata {
            title: info.title.or(info.other_title),
            author: info.author,
            description: info.description.or(info.other_description),
            keywords: info.keywords,
            creator_tool: info.generator,
            language: info.language.or(info.other_language).or_else(|| language::detect(self.sample.text())),
            has_java_script: Some(info.scripts),
            word_count: Some(counts.words),
            unicode_word_count: counts.known_unicode_words(),
            ..Metadata::default()
        }
    }

    /// How many words the document shows, and its text as far as it is kept to detect the language.
    pub(super) fn into_shown(mut self) -> (Counts, String) {
        self.end();
        (self.words.counts(), self.sample.text().to_owned())
    }

    /// What is at the end and started nothing is text.
    fn end(&mut self) {
        match self.state {
            State::Reference => self.end_reference(false),
            State::Open | State::RawOpen => self.show("<"),
            State::OpenEnd | State::RawEnd => self.show("</"),
            _ => {}
        }
        self.count();
    }

    /// Takes a byte, or says that the state it led to must look at it again.
    fn step(&mut self, byte: u8) -> bool {
        match self.state {
            State::Text if byte == b'&' => {
                self.reference.clear();
                self.state = State::Reference;
                true
            }
            State::Text => {
                self.state = if self.raw.is_some() { State::RawOpen } else { State::Open };
                true
            }
            State::Reference => self.in_reference(byte),
            State::Open | State::OpenEnd => self.open(byte),
            State::TagName | State::InTag => self.in_tag(byte),
            State::AttributeName | State::AfterAttributeName => self.in_attribute(byte),
            State::BeforeValue | State::Value(_) | State::Unquoted => {
                self.in_value(byte);
                true
            }
            State::Declaration(_) | State::Comment(_) => self.in_declaration(byte),
            State::Bogus => {
                self.state = State::Text;
                true
            }
            State::RawOpen | State::RawEnd => self.in_raw(byte),
        }
    }

    fn in_reference(&mut self, byte: u8) -> bool {
        let first = self.reference.bytes().is_empty();
        if byte.is_ascii_alphanumeric() && !self.reference.is_full() || first && byte == b'#' {
            self.reference.push_byte(byte);
            return true;
        }
        let ended = byte == b';';
        self.end_reference(ended);
        ended
    }

    fn open(&mut self, byte: u8) -> bool {
        let is_end = self.state == State::OpenEnd;
        match byte {
            _ if byte.is_ascii_alphabetic() => {
                self.is_end_tag = is_end;
                self.tag.clear();
                self.tag.push_byte(byte.to_ascii_lowercase());
                self.attributes = Attributes::default();
                self.state = State::TagName;
            }
            b'>' if is_end => self.state = State::Text,
            b'/' if !is_end => self.state = State::OpenEnd,
            b'!' if !is_end => self.state = State::Declaration(false),
            _ if is_end || byte == b'?' => self.state = State::Bogus,
            _ => {
                self.show("<");
                self.state = State::Text;
                return false;
            }
        }
        true
    }

    fn in_tag(&mut self, byte: u8) -> bool {
        match byte {
            b'>' => self.end_tag(),
            b'/' => self.state = State::InTag,
            _ if is_space(byte) => self.state = State::InTag,
            _ if self.state == State::TagName => self.tag.push_byte(byte.to_ascii_lowercase()),
            _ => {
                self.attribute.clear();
                self.value.clear();
                self.attribute.push_byte(byte.to_ascii_lowercase());
                self.state = State::AttributeName;
            }
        }
        true
    }

    fn in_attribute(&mut self, byte: u8) -> bool {
        match byte {
            b'=' => self.state = State::BeforeValue,
            _ if is_space(byte) => self.state = State::AfterAttributeName,
            b'>' | b'/' => {
                self.end_attribute();
                return false;
            }
            // The attribute has no value, and this is the next one.
            _ if self.state == State::AfterAttributeName => {
                self.end_attribute();
                return false;
            }
            _ => self.attribute.push_byte(byte.to_ascii_lowercase()),
        }
        true
    }

    fn in_value(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::BeforeValue, b'"' | b'\'') => self.state = State::Value(byte),
            (State::BeforeValue, _) if is_space(byte) => {}
            (State::BeforeValue | State::Unquoted, b'>') => {
                self.end_attribute();
                self.end_tag();
            }
            // The quote that ends it.
            (State::Value(_), _) => self.end_attribute(),
            _ if is_space(byte) => self.end_attribute(),
            _ => {
                self.value.push_byte(byte);
                self.state = State::Unquoted;
            }
        }
    }

    fn in_declaration(&mut self, byte: u8) -> bool {
        use CommentEnd::{Bang, Hyphen, Hyphens, No};
        self.state = match (self.state, byte) {
            (State::Declaration(false), b'-') => State::Declaration(true),
            // Those that start a comment may end it at once: `<!-->`.
            (State::Declaration(true) | State::Comment(Hyphen | Hyphens), b'-') => State::Comment(Hyphens),
            (State::Declaration(_), _) => {
                self.state = State::Bogus;
                return false;
            }
            (State::Comment(Hyphens | Bang), b'>') => State::Text,
            (State::Comment(No | Bang), b'-') => State::Comment(Hyphen),
            (State::Comment(Hyphens), b'!') => State::Comment(Bang),
            _ => State::Comment(No),
        };
        true
    }

    /// After `<` in an element whose content is no markup: whether it ends there.
    fn in_raw(&mut self, byte: u8) -> bool {
        if self.state == State::RawOpen && byte == b'/' {
            self.tag.clear();
            self.state = State::RawEnd;
        } else if self.state == State::RawEnd && byte.is_ascii_alphabetic() && !self.tag.is_full() {
            self.tag.push_byte(byte.to_ascii_lowercase());
        } else {
            let ends = is_space(byte) || byte == b'/' || byte == b'>';
            if self.state == State::RawEnd && ends && self.tag.bytes() == self.raw_tag.bytes() {
                self.is_end_tag = true;
                self.attributes = Attributes::default();
                self.state = State::InTag;
            } else {
                let seen = if self.state == State::RawEnd { format!("</{}", self.tag.text()) } else { "<".to_owned() };
                self.show(&seen);
                self.state = State::Text;
            }
            return false;
        }
        true
    }

    /// Text between tags.
    fn show(&mut self, text: &str) {
        match self.raw {
            Some(Raw::Title) => self.title.push(text.as_bytes()),
            Some(Raw::Hidden) => {}
            _ if self.templates > 0 => {}
            _ => {
                self.put(text);
            }
        }
    }

    fn put(&mut self, text: &str) {
        self.shown.push_str(text);
        if self.shown.len() >= SHOWN {
            self.count();
        }
    }

    fn count(&mut self) {
        self.words.feed(&self.shown);
        self.sample.push(self.shown.as_bytes());
        self.shown.clear();
    }

    fn end_reference(&mut self, semicolon: bool) {
        self.state = State::Text;
        let name = self.reference.text();
        let literal = || format!("&{name}{}", if semicolon { ";" } else { "" });
        let text = resolve(name, semicolon).unwrap_or_else(literal);
        self.show(&text);
    }

    fn end_attribute(&mut self) {
        self.state = State::InTag;
        let name = self.attribute.bytes();
        let attributes = &mut self.attributes;
        let slot = match name {
            b"name" | b"property" => &mut attributes.name,
            b"content" => &mut attributes.content,
            b"http-equiv" => &mut attributes.http_equiv,
            b"charset" => &mut attributes.charset,
            b"lang" | b"xml:lang" => &mut attributes.lang,
            b"type" => &mut attributes.script_type,
            _ => {
                // Event handlers: onclick, onload, …
                self.info.scripts |= !self.is_end_tag && name.len() > 4 && name.starts_with(b"on");
                return;
            }
        };
        if slot.is_none() {
            *slot = Some(unescape(self.value.text()));
        }
    }

    fn end_tag(&mut self) {
        self.state = State::Text;
        let tag = std::mem::replace(&mut self.tag, BoundedBuffer::new(TAG));
        let name = tag.bytes();
        let attributes = std::mem::take(&mut self.attributes);
        if self.raw.take() == Some(Raw::Title) {
            if self.pictures == 0 && self.templates == 0 && self.info.title.is_none() {
                self.info.title = clean(self.title.text());
            }
            self.title.clear();
        }
        if self.is_end_tag {
            match name {
                b"template" => self.templates = self.templates.saturating_sub(1),
                b"svg" => self.pictures = self.pictures.saturating_sub(1),
                _ => {}
            }
        } else {
            match name {
                b"template" => self.templates += 1,
                b"svg" => self.pictures += 1,
                b"html" => {
                    self.info.language =
                        self.info.language.take().or(attributes.lang.as_deref().and_then(language::declared));
                }
                b"meta" => self.info.meta(&attributes),
                b"script" => self.info.scripts |= attributes.script_type.as_deref().is_none_or(is_java_script),
                _ => {}
            }
            self.raw = match name {
                b"script" | b"style" | b"iframe" | b"noembed" | b"noframes" => Some(Raw::Hidden),
                b"xmp" => Some(Raw::Shown),
                b"textarea" => Some(Raw::Form),
                b"title" => Some(Raw::Title),
                _ => None,
            };
            if self.raw.is_some() {
                self.raw_tag.clear();
                self.raw_tag.push(name);
            }
        }
        if !INLINE.contains(&name) && self.templates == 0 {
            self.put("\n");
        }
        self.tag = tag;
    }
}

/// The encoding that a document declares near its start (HTML standard, section 13.2.3.2).
pub(super) fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let mut reader = HtmlReader::new();
    // Markup is ASCII in every encoding that can be declared so.
    reader.feed(&WINDOWS_1252.decode_without_bom_handling(head).0);
    reader.info.charset.map(|encoding| if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\x0c')
}

#[cfg(test)]
mod tests;
