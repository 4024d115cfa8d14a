//! XML as office formats use it: a stream of elements and text in bounded memory, whatever the encoding.
//!
//! Elements go by their local names: the same vocabulary comes under several namespaces (transitional and strict
//! OOXML) and any prefix, and which element is meant follows from where it is. Entities are never expanded; one
//! that is not built in counts as a letter.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Error, Reader};

use crate::formats::container::DocumentError;

/// The longest tag, comment or run of text.
const LONGEST_PIECE: usize = 8 << 20;
/// How deep elements may be nested. Honest documents stay below a hundred.
const DEEPEST: usize = 4096;
/// The longest name of an element; names are kept while the element is open.
const LONGEST_NAME: usize = 512;
/// The longest value of an attribute that is of use to anybody here.
const LONGEST_VALUE: usize = 4096;

/// What comes next in a document.
pub(super) enum Node<'m> {
    /// An element starts. Empty elements start and end, too.
    Start(Tag<'m>),
    /// An element ends.
    End(EndTag<'m>),
    /// A piece of text. What belongs together may come in several pieces.
    Text(Cow<'m, str>),
    /// Something without meaning here: a comment, a declaration.
    Other,
    /// The document ends.
    Eof,
}

/// The tag that starts an element.
pub(super) struct Tag<'m>(BytesStart<'m>);

impl Tag<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The value of the attribute with this local name; of several, the first.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        self.find(|key| local(key) == name)
    }

    /// The value of the attribute with this local name that has a prefix, such as `r:id` beside `id`.
    pub(super) fn prefixed_attribute(&self, name: &str) -> Option<String> {
        self.find(|key| key.split_once(':').is_some_and(|(_, local)| local == name))
    }

    fn find(&self, matches: impl Fn(&str) -> bool) -> Option<String> {
        // Looking for duplicates takes time that grows with the square of their number.
        let mut attributes = self.0.attributes();
        let found = attributes.with_checks(false).flatten().find(|a| matches(a.key.into_inner()))?;
        let value = &found.value[..found.value.floor_char_boundary(LONGEST_VALUE)];
        Some(quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), Cow::into_owned))
    }
}

/// The tag that ends an element.
pub(super) struct EndTag<'m>(BytesEnd<'m>);

impl EndTag<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A document, read from its start to its end.
pub(super) struct Markup<R> {
    reader: Reader<Utf8<R>>,
    buffer: Vec<u8>,
    depth: usize,
    rooted: bool,
    lenient: bool,
}

impl<R: Read> Markup<R> {
    /// A document that must be well-formed.
    pub(super) fn new(input: R) -> Self {
        let mut reader = Reader::from_reader(Utf8::new(input));
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0, rooted: false, lenient: false }
    }

    /// A document that people write as if it were HTML: tags may be left open.
    pub(super) fn lenient(input: R) -> Self {
        let mut markup = Self::new(input);
        let config = markup.reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        markup.lenient = true;
        markup
    }

    /// What comes next. After [`Node::Eof`] or an error there is nothing more.
    pub(super) fn next(&mut self) -> Result<Node<'_>, DocumentError> {
        self.buffer.clear();
        self.reader.get_mut().allowance = LONGEST_PIECE;
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Start(tag)) => {
                self.depth += 1;
                self.rooted = true;
                if self.depth > DEEPEST {
                    return Err(if self.lenient { DocumentError::Truncated } else { DocumentError::NestingTooDeep });
                }
                if tag.name().into_inner().len() > LONGEST_NAME {
                    return Err(DocumentError::Truncated);
                }
                Ok(Node::Start(Tag(tag)))
            }
            Ok(Event::End(tag)) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Node::End(EndTag(tag)))
            }
            Ok(Event::Text(text)) => Ok(Node::Text(text.into_inner())),
            Ok(Event::CData(text)) => Ok(Node::Text(text.into_inner())),
            Ok(Event::GeneralRef(reference)) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character,
                    Ok(None) => named(&reference.into_inner()),
                    Err(_) => char::REPLACEMENT_CHARACTER,
                };
                Ok(Node::Text(Cow::Owned(character.into())))
            }
            Ok(Event::Eof) if !self.rooted => Err(DocumentError::Damaged("a part of the document is not XML")),
            Ok(Event::Eof) if self.depth > 0 && !self.lenient => Err(DocumentError::Truncated),
            Ok(Event::Eof) => Ok(Node::Eof),
            Ok(_) => Ok(Node::Other),
            Err(error) => Err(fault(&error, self.rooted)),
        }
    }
}

fn fault(error: &Error, rooted: bool) -> DocumentError {
    let known = match error {
        Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref::<DocumentError>()).copied(),
        _ => None,
    };
    match known {
        None | Some(DocumentError::Truncated) if !rooted => DocumentError::Damaged("a part of the document is not XML"),
        None => DocumentError::Truncated,
        Some(fault) => fault,
    }
}

/// The character of a named entity, as far as it matters for separating words.
fn named(entity: &str) -> char {
    match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "ensp" => '\u{2002}',
        "emsp" => '\u{2003}',
        "thinsp" => '\u{2009}',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Brings a document to UTF-8: by its byte order mark, by the way its first characters are coded, or as it declares
/// (XML 1.0, appendix F). What does not decode becomes U+FFFD.
struct Utf8<R> {
    input: R,
    decoder: Option<Decoder>,
    raw: Box<[u8]>,
    raw_range: std::ops::Range<usize>,
    text: Box<[u8]>,
    text_range: std::ops::Range<usize>,
    is_at_end: bool,
    is_flushed: bool,
    /// How much may be taken before the next event. Checked here, where an event grows.
    allowance: usize,
}

/// How much is unpacked at once.
const CHUNK: usize = 32 << 10;

impl<R: Read> Utf8<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            decoder: None,
            raw: vec![0; CHUNK].into(),
            raw_range: 0..0,
            text: vec![0; CHUNK].into(),
            text_range: 0..0,
            is_at_end: false,
            is_flushed: false,
            allowance: LONGEST_PIECE,
        }
    }

    /// Fills the buffer of raw bytes, which must be empty, as far as the input goes.
    fn read_raw(&mut self) -> io::Result<()> {
        let mut filled = 0;
        while filled < self.raw.len() && !self.is_at_end {
            match self.input.read(&mut self.raw[filled..]) {
                Ok(0) => self.is_at_end = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came before the error is good; the error comes again.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        self.raw_range = 0..filled;
        Ok(())
    }

    fn start(&mut self) -> Decoder {
        let head = &self.raw[self.raw_range.clone()];
        let (encoding, mark) = match (Encoding::for_bom(head), head) {
            (Some((encoding, mark)), _) => (encoding, mark),
            (None, [0, b'<', 0, _, ..]) => (UTF_16BE, 0),
            (None, [b'<', 0, _, 0, ..]) => (UTF_16LE, 0),
            _ => (declared(head).unwrap_or(UTF_8), 0),
        };
        self.raw_range.start += mark;
        encoding.new_decoder_without_bom_handling()
    }
}

/// The encoding that a declaration in ASCII names.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(1024)];
    let head = head.strip_prefix(b"<?xml")?;
    let head = &head[..head.windows(2).position(|w| w == b"?>")?];
    let after = &head[head.windows(8).position(|w| w == b"encoding")? + 8..];
    let quote = after.iter().position(|b| matches!(b, b'"' | b'\''))?;
    let label = after[quote + 1..].split(|b| *b == after[quote]).next()?;
    // Whoever reads this in ASCII has not written it in UTF-16.
    Encoding::for_label(label).filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.allowance == 0 {
            return Err(DocumentError::TokenTooLong.into());
        }
        while self.text_range.is_empty() && !self.is_flushed {
            if self.raw_range.is_empty() {
                self.read_raw()?;
            }
            let mut decoder = match self.decoder.take() {
                Some(decoder) => decoder,
                None => self.start(),
            };
            let raw = &self.raw[self.raw_range.clone()];
            let (result, read, written, _) = decoder.decode_to_utf8(raw, &mut self.text, self.is_at_end);
            self.decoder = Some(decoder);
            self.raw_range.start += read;
            self.text_range = 0..written;
            self.is_flushed = self.is_at_end && result == CoderResult::InputEmpty;
        }
        Ok(&self.text[self.text_range.clone()])
    }

    fn consume(&mut self, amount: usize) {
        self.text_range.start += amount;
        self.allowance = self.allowance.saturating_sub(amount);
    }
}
