//! RTF (specification 1.9.1), in one pass and constant memory.
//!
//! Words are those of the running text with tables and the results of fields. Not counted are headers, footers, notes,
//! comments, text boxes, embedded objects, deleted text, and the numbers that lists put before their items.

use std::borrow::Cow;

use handler_contract::Metadata;

use super::codepage::{self, CodePage};
use super::words::Words;
use crate::formats::container::DocumentError;
use crate::formats::date::DateParts;
use crate::formats::value::clean;

/// How deep groups may be nested. Honest documents stay below a hundred.
const DEEPEST: usize = 4096;
/// How much text is collected before it is counted. Bytes.
const TEXT_AT_ONCE: usize = 4096;
/// The longest character in any encoding, in bytes.
const LONGEST_CHARACTER: usize = 4;
/// The longest property that is kept, in bytes.
const LONGEST_PROPERTY: usize = 4096;

/// Reads an RTF file.
pub(super) fn count(bytes: &[u8], metadata: &mut Metadata) -> Result<(), DocumentError> {
    if !bytes.starts_with(b"{\\rtf") {
        return Err(DocumentError::Damaged("the file does not start as RTF does"));
    }
    let mut parser = Parser::new(bytes, metadata);
    let result = parser.run();
    parser.count_text();
    let Parser { words, metadata, .. } = parser;
    words.record(metadata);
    result
}

/// Where the text of a group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    Skipped,
    Info,
    Property(Property),
    Created,
    Revised,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Title,
    Subject,
    Author,
    Operator,
    Keywords,
    Comment,
    Company,
    Generator,
}

/// What a group inherits and gives back.
#[derive(Debug, Clone, Copy)]
struct Group {
    destination: Destination,
    /// How many characters replace each `\u`, for readers without Unicode.
    fallback: u8,
    is_deleted: bool,
}

struct Parser<'a> {
    rest: &'a [u8],
    metadata: &'a mut Metadata,
    words: Words,
    /// Text that is not yet counted.
    text: String,
    groups: Vec<Group>,
    group: Group,
    /// Whether `\*` was right before: an unknown destination is skipped then.
    is_optional: bool,
    /// Characters still to skip, since a `\u` replaces them.
    to_skip: u8,
    encoding: CodePage,
    /// The property that is being read, as far as it is decoded.
    property: String,
    /// Bytes of the property, or of a character of the running text, that are not decoded yet.
    undecoded: Vec<u8>,
    high_surrogate: Option<u16>,
    time: DateParts,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8], metadata: &'a mut Metadata) -> Self {
        Self {
            rest: bytes,
            metadata,
            words: Words::default(),
            text: String::with_capacity(TEXT_AT_ONCE),
            groups: Vec::new(),
            group: Group { destination: Destination::Body, fallback: 1, is_deleted: false },
            is_optional: false,
            to_skip: 0,
            encoding: codepage::encoding(1252),
            property: String::new(),
            undecoded: Vec::new(),
            high_surrogate: None,
            time: DateParts::default(),
        }
    }

    fn run(&mut self) -> Result<(), DocumentError> {
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            match first {
                b'{' => {
                    if self.groups.len() == DEEPEST {
                        return Err(DocumentError::NestingTooDeep);
                    }
                    self.groups.push(self.group);
                    self.to_skip = 0;
                }
                b'}' => {
                    self.to_skip = 0;
                    if self.close() {
                        return Ok(());
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(*byte),
            }
        }
        Err(DocumentError::Truncated)
    }

    /// Ends a group; whether it was the outermost one.
    fn close(&mut self) -> bool {
        let Some(outer) = self.groups.pop() else { return true };
        let closed = std::mem::replace(&mut self.group, outer).destination;
        if closed != self.group.destination {
            match closed {
                Destination::Property(property) => self.keep(property),
                Destination::Created => self.metadata.date_created = self.time.iso(),
                Destination::Revised => self.metadata.date_modified = self.time.iso(),
                _ => {}
            }
        }
        self.is_optional = false;
        self.groups.is_empty()
    }

    fn keep(&mut self, property: Property) {
        self.decode();
        let text = clean(self.property.trim_end_matches(';'));
        let field = match property {
            Property::Title => &mut self.metadata.title,
            Property::Subject => &mut self.metadata.subject,
            Property::Author => &mut self.metadata.author,
            Property::Operator => &mut self.metadata.last_modified_by,
            Property::Keywords => &mut self.metadata.keywords,
            Property::Comment => &mut self.metadata.description,
            Property::Company => &mut self.metadata.publisher,
            Property::Generator => &mut self.metadata.creator_tool,
        };
        *field = text;
    }

    /// Reads what follows a backslash.
    fn control(&mut self) {
        let Some((first, rest)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = rest;
            return self.symbol(*first);
        }
        let length = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(length);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) =
            if digits == 0 { (None, rest) } else { (Some(&rest[..sign + digits]), &rest[sign + digits..]) };
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        if let Ok(word) = std::str::from_utf8(word) {
            self.word(word, number);
        }
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let hex = self.rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    self.rest = &self.rest[2..];
                    self.byte(byte);
                }
            }
            b'*' => self.is_optional = true,
            b'~' => self.character('\u{a0}'),
            b'_' => self.character('\u{2011}'),
            b'\r' | b'\n' | b'\t' => self.character('\n'),
            b'{' | b'}' | b'\\' => self.byte(symbol),
            _ => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        use Destination::{Body, Created, Info, Revised, Skipped};
        let is_optional = std::mem::take(&mut self.is_optional);
        let inside = self.group.destination;
        match word {
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
                self.rest = self.rest.get(length..).unwrap_or_default();
            }
            "ansicpg" => {
                if let Some(codepage) = number.and_then(|n| u16::try_from(n).ok()) {
                    self.encoding = codepage::encoding(codepage);
                }
            }
            "mac" => self.encoding = codepage::encoding(10000),
            "pc" => self.encoding = codepage::encoding(437),
            "pca" => self.encoding = codepage::encoding(850),
            "uc" => self.group.fallback = number.and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
            "u" => {
                // Numbers above 32767 are written as negative ones.
                let unit = number.and_then(|n| u16::try_from(n & 0xffff).ok()).unwrap_or(0xfffd);
                self.unit(unit);
                self.to_skip = self.group.fallback;
                return;
            }
            "deleted" => self.group.is_deleted = number != Some(0),
            "plain" => self.group.is_deleted = false,
            _ if inside == Skipped => {}

            "info" => self.group.destination = Info,
            "title" if inside == Info => self.start(Property::Title),
            "subject" if inside == Info => self.start(Property::Subject),
            "author" if inside == Info => self.start(Property::Author),
            "operator" if inside == Info => self.start(Property::Operator),
            "keywords" if inside == Info => self.start(Property::Keywords),
            "doccomm" if inside == Info => self.start(Property::Comment),
            "company" if inside == Info => self.start(Property::Company),
            "generator" if inside == Body => self.start(Property::Generator),
            "creatim" if inside == Info => self.begin_time(Created),
            "revtim" if inside == Info => self.begin_time(Revised),
            "nofpages" if inside == Info => self.metadata.declared_page_count = number.and_then(|n| n.try_into().ok()),
            "nofwords" if inside == Info => self.metadata.declared_word_count = number.and_then(|n| n.try_into().ok()),
            "upr" | "ud" if inside == Info => {}
            "yr" => self.time.year = of_date(number),
            "mo" => self.time.month = Some(of_date(number)),
            "dy" => self.time.day = Some(of_date(number)),
            "hr" => self.time.clock.get_or_insert_default().0 = of_date(number),
            "min" => self.time.clock.get_or_insert_default().1 = of_date(number),
            "sec" => self.time.clock.get_or_insert_default().2 = of_date(number),

            "par" | "line" | "sect" | "page" | "column" | "softline" | "tab" | "cell" | "nestcell" | "row"
            | "nestrow" | "emspace" | "enspace" | "qmspace" => self.character('\n'),
            "emdash" => self.character('\u{2014}'),
            "endash" => self.character('\u{2013}'),
            "bullet" => self.character('\u{2022}'),
            "lquote" => self.character('\u{2018}'),
            "rquote" => self.character('\u{2019}'),
            "ldblquote" => self.character('\u{201c}'),
            "rdblquote" => self.character('\u{201d}'),

            _ if is_optional || SKIPPED.contains(&word) => self.group.destination = Skipped,
            _ => {}
        }
        self.to_skip = self.to_skip.saturating_sub(1);
    }

    fn start(&mut self, property: Property) {
        self.group.destination = Destination::Property(property);
        self.property.clear();
        self.undecoded.clear();
    }

    fn begin_time(&mut self, destination: Destination) {
        self.group.destination = destination;
        self.time = DateParts::default();
    }

    /// A byte of text, in the document's encoding.
    fn byte(&mut self, byte: u8) {
        self.is_optional = false;
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        match self.group.destination {
            Destination::Body => self.shown_byte(byte),
            Destination::Property(_) if self.undecoded.len() < LONGEST_PROPERTY => self.undecoded.push(byte),
            _ => {}
        }
    }

    /// A byte of the running text. A character may have several.
    fn shown_byte(&mut self, byte: u8) {
        if byte.is_ascii() && self.undecoded.is_empty() {
            return self.character(char::from(byte));
        }
        self.undecoded.push(byte);
        let decoded = self.encoding.decode_whole(&self.undecoded);
        match decoded.map(Cow::into_owned) {
            Some(text) => {
                self.undecoded.clear();
                text.chars().for_each(|character| self.character(character));
            }
            // The first bytes of one.
            None if !self.encoding.is_single_byte() && self.undecoded.len() < LONGEST_CHARACTER => {}
            None => self.end_shown(),
        }
    }

    /// What started a character of the running text and did not end it counts as one.
    fn end_shown(&mut self) {
        if !self.undecoded.is_empty() {
            self.undecoded.clear();
            self.character(char::REPLACEMENT_CHARACTER);
        }
    }

    /// A unit of UTF-16, which may be half a character.
    fn unit(&mut self, unit: u16) {
        if let Some(high) = self.high_surrogate.take() {
            match char::decode_utf16([high, unit]).next() {
                Some(Ok(character)) => return self.character(character),
                _ => self.character(char::REPLACEMENT_CHARACTER),
            }
        }
        match char::from_u32(u32::from(unit)) {
            Some(character) => self.character(character),
            None if unit < 0xdc00 => self.high_surrogate = Some(unit),
            None => self.character(char::REPLACEMENT_CHARACTER),
        }
    }

    fn character(&mut self, character: char) {
        if self.high_surrogate.take().is_some() {
            self.character(char::REPLACEMENT_CHARACTER);
        }
        match self.group.destination {
            Destination::Body => {
                self.end_shown();
                if self.group.is_deleted {
                    return;
                }
                self.text.push(character);
                if self.text.len() + 4 > TEXT_AT_ONCE {
                    self.count_text();
                }
            }
            Destination::Property(_) => {
                self.decode();
                if self.property.len() < LONGEST_PROPERTY {
                    self.property.push(character);
                }
            }
            _ => {}
        }
    }

    fn count_text(&mut self) {
        self.words.feed(&self.text);
        self.text.clear();
    }

    fn decode(&mut self) {
        let text = self.encoding.decode(&self.undecoded);
        if self.property.len() < LONGEST_PROPERTY {
            self.property.push_str(&text);
        }
        self.undecoded.clear();
    }
}

/// A number of a date. RTF has no zone.
fn of_date(number: Option<i32>) -> u32 {
    // What is negative is on no calendar; no more is the largest number.
    number.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Destinations whose text is not part of the running text. Those that start with `\*` are skipped without a list.
const SKIPPED: &[&str] = &[
    "annotation",
    "atnauthor",
    "atndate",
    "atnicn",
    "atnid",
    "atnparent",
    "atnref",
    "atntime",
    "atrfend",
    "atrfstart",
    "colortbl",
    "colorschememapping",
    "comment",
    "datafield",
    "datastore",
    "do",
    "filetbl",
    "fldinst",
    "fonttbl",
    "footer",
    "footerf",
    "footerl",
    "footerr",
    "footnote",
    "ftncn",
    "ftnsep",
    "ftnsepc",
    "header",
    "headerf",
    "headerl",
    "headerr",
    "leveltext",
    "levelnumbers",
    "listname",
    "listoverridetable",
    "listtable",
    "listtext",
    "nonshppict",
    "objalias",
    "objclass",
    "objdata",
    "objname",
    "objsect",
    "pict",
    "pntext",
    "pntxta",
    "pntxtb",
    "private",
    "revtbl",
    "rxe",
    "shpinst",
    "shprslt",
    "shptxt",
    "stylesheet",
    "tc",
    "tcn",
    "themedata",
    "txe",
    "xe",
];
