//! XML: the outermost element, how many elements, how deep, and whether tags match.
//!
//! A state machine over the text as it arrives. It expands no entity and follows no reference, and it keeps a hash of
//! each open element's name, so that neither the size of the text nor its nesting costs memory or stack.
//!
//! Structure is checked: quotes, names, tags that match, one outermost element. What leaves the structure readable is
//! tolerated: entities that nobody declared, attributes that come twice, bare ampersands.

use handler_contract::Metadata;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::bounded_buffer::BoundedBuffer;
use super::syntax::{Malformed, Violation};
use super::text;
use super::value::clean;
use crate::charset::ToUtf8;
use crate::input::Input;
use crate::report::{Abort, Report};

/// Open elements that are remembered, 16 MiB at most.
const MAX_DEPTH: usize = 4 * 1024 * 1024;
/// Bytes of a name that is looked at.
const NAME: usize = 256;
const NAMESPACE: usize = 1024;

/// Reads a document.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut reader = XmlReader::new();
    let to_utf8 = ToUtf8::declared(declared_encoding(input.head()));
    text::stream(input, report, to_utf8, &mut |text| reader.feed(text))?;
    Ok(reader.finish(&mut report.metadata).map_err(|broken| broken.failure("XML"))?)
}

/// The encoding in an XML declaration. That it is UTF-16 shows without.
fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?")?.split(|byte| *byte == b'>').next()?;
    let label = pseudo_attribute(str::from_utf8(declaration).ok()?, "encoding")?;
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
}

/// What the last byte was part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`.
    Open,
    /// After `<!` and this number of bytes of the keyword that follows.
    Declaration(usize),
    /// How many of the last bytes were `-`, at most 2.
    Comment(u8),
    /// How many of the last bytes were `]`, at most 2.
    CData(u8),
    /// Whether the last byte was `?`.
    Instruction(bool),
    Doctype(Doctype),
    StartName,
    /// Between attributes.
    InTag,
    AttributeName,
    /// After an attribute's name.
    Equals,
    /// Before an attribute's value.
    Quote,
    Value(u8),
    /// After an attribute's value.
    AfterValue,
    /// After the `/` of an empty element.
    Empty,
    EndName,
    AfterEndName,
}

/// The state inside a document type declaration; its declarations are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doctype {
    Outer,
    /// Inside of `[` and `]`.
    Subset,
    /// Inside of a declaration of the subset.
    Declaration,
    OuterQuoted(u8),
    Quoted(u8),
    /// After `<`, `<!` or `<!-` in the subset.
    Opening(u8),
    Comment(u8),
    Instruction(bool),
}

/// Reads a text piece by piece.
#[derive(Debug)]
pub(crate) struct XmlReader {
    state: State,
    /// The keyword after `<!`.
    keyword: &'static [u8],
    /// The hashes of the open elements' names.
    open: Vec<u32>,
    /// The hash of the name at hand.
    hash: u32,
    deepest: u64,
    elements: u64,
    /// The outermost element's name, and then its namespace.
    root: BoundedBuffer,
    attribute: BoundedBuffer,
    value: BoundedBuffer,
    namespace: Option<String>,
    /// The first processing instruction, which may be the XML declaration.
    instruction: BoundedBuffer,
    instructions: u64,
    /// Line feeds in the pieces before this one.
    lines: u64,
    broken: Option<Malformed>,
}

impl XmlReader {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Text,
            keyword: b"",
            open: vec![],
            hash: 0,
            deepest: 0,
            elements: 0,
            root: BoundedBuffer::new(NAME),
            attribute: BoundedBuffer::new(NAME),
            value: BoundedBuffer::new(NAMESPACE),
            namespace: None,
            instruction: BoundedBuffer::new(NAME),
            instructions: 0,
            lines: 0,
            broken: None,
        }
    }

    /// Reads the next piece.
    pub(crate) fn feed(&mut self, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            // Long stretches that hold nothing of interest.
            let skip = match self.state {
                State::Text if !self.open.is_empty() => memchr::memchr(b'<', rest),
                State::Value(quote) if !self.in_root_tag() => memchr::memchr2(quote, b'<', rest),
                State::Comment(0) => memchr::memchr(b'-', rest),
                State::CData(0) => memchr::memchr(b']', rest),
                _ => Some(0),
            };
            let Some(skip) = skip else { break };
            at += skip;
            if let Err(violation) = self.step(bytes[at]) {
                let line = 1 + self.lines + line_feeds(&bytes[..at]);
                self.broken = Some(violation.at(line, MAX_DEPTH as u64));
                return;
            }
            at += 1;
        }
        self.lines += line_feeds(bytes);
    }

    /// Whether the text so far cannot become XML any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Elements so far.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// The outermost element's name without its prefix, once its start tag has ended.
    pub(crate) fn root(&self) -> Option<&str> {
        let has_ended = !self.in_root_tag() || self.state == State::Text;
        (has_ended && self.elements > 0).then(|| self.root.text().rsplit(':').next()).flatten()
    }

    /// The outermost element's namespace.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Into the metadata what is known, also of a text that is broken.
    pub(crate) fn finish(self, metadata: &mut Metadata) -> Result<(), Malformed> {
        let complete = self.state == State::Text && self.open.is_empty() && self.elements > 0;
        let broken = self.broken.or_else(|| {
            let reason = match (self.elements, self.open.is_empty()) {
                (0, _) => "there is no element",
                (_, false) => "the text ends inside an element",
                (_, true) => "the text ends inside a tag or a comment",
            };
            (!complete).then_some(Malformed::Syntax { line: 1 + self.lines, reason })
        });
        metadata.root_element = self.root.text().rsplit(':').next().and_then(clean);
        metadata.root_namespace = self.namespace;
        metadata.element_count = (self.elements > 0).then_some(self.elements);
        metadata.nesting_depth = (self.deepest > 0).then_some(self.deepest);
        metadata.format_version = version(self.instruction.text());
        broken.map_or(Ok(()), Err)
    }

    fn in_root_tag(&self) -> bool {
        self.elements == 1 && self.open.len() == 1
    }

    fn step(&mut self, byte: u8) -> Result<(), Violation> {
        self.state = match self.state {
            State::Text => match byte {
                b'<' => State::Open,
                _ if self.open.is_empty() && !is_space(byte) => {
                    return syntax(if self.elements == 0 {
                        "there is text before the first element"
                    } else {
                        "something follows the outermost element"
                    });
                }
                _ => State::Text,
            },
            State::Open => self.open_tag(byte)?,
            State::Declaration(seen) => self.declaration(seen, byte)?,
            State::Comment(2) | State::CData(2) | State::Instruction(true) if byte == b'>' => State::Text,
            State::Comment(2) => return syntax("a comment holds two hyphens"),
            State::Comment(seen) => State::Comment(if byte == b'-' { seen + 1 } else { 0 }),
            State::CData(seen) => State::CData(if byte == b']' { (seen + 1).min(2) } else { 0 }),
            State::Instruction(_) => {
                if self.instructions == 1 {
                    self.instruction.push_byte(byte);
                }
                State::Instruction(byte == b'?')
            }
            State::Doctype(doctype) => doctype.step(byte),
            State::StartName if is_name(byte) => {
                self.hash = hash(self.hash, byte);
                if self.elements == 1 {
                    self.root.push_byte(byte);
                }
                State::StartName
            }
            State::StartName => {
                self.push_element()?;
                self.in_tag(byte, "a tag's name holds a character that names do not have")?
            }
            State::AttributeName if is_name(byte) => {
                self.attribute.push_byte(byte);
                State::AttributeName
            }
            State::AttributeName | State::Equals => match byte {
                b'=' => State::Quote,
                _ if is_space(byte) => State::Equals,
                _ => return syntax("an attribute has no value"),
            },
            State::Quote => match byte {
                b'"' | b'\'' => State::Value(byte),
                _ if is_space(byte) => State::Quote,
                _ => return syntax("an attribute's value has no quotes"),
            },
            State::Value(quote) if byte == quote => {
                if self.in_root_tag() {
                    self.root_attribute();
                }
                State::AfterValue
            }
            State::Value(_) if byte == b'<' => return syntax("an attribute's value holds a <"),
            State::Value(quote) => {
                self.value.push_byte(byte);
                State::Value(quote)
            }
            State::AfterValue if is_name_start(byte) => return syntax("there is no space between two attributes"),
            State::AfterValue | State::InTag => self.in_tag(byte, "an attribute's name is missing")?,
            State::Empty if byte == b'>' => {
                self.open.pop();
                State::Text
            }
            State::Empty => return syntax("there is a / inside a tag"),
            State::EndName if is_name(byte) => {
                self.hash = hash(self.hash, byte);
                State::EndName
            }
            State::EndName | State::AfterEndName => match byte {
                b'>' => {
                    if self.open.pop() != Some(self.hash) {
                        return syntax("an end tag does not match its start tag");
                    }
                    State::Text
                }
                _ if is_space(byte) => State::AfterEndName,
                _ => return syntax("an end tag holds more than a name"),
            },
        };
        Ok(())
    }

    /// After `<`.
    fn open_tag(&mut self, byte: u8) -> Result<State, Violation> {
        Ok(match byte {
            b'!' => State::Declaration(0),
            b'?' => {
                self.instructions += 1;
                State::Instruction(false)
            }
            b'/' if self.open.is_empty() => return Err(Violation::Syntax("an end tag has no start tag")),
            b'/' => {
                self.hash = HASH_START;
                State::EndName
            }
            byte if is_name_start(byte) => self.begin_element(byte)?,
            _ => return Err(Violation::Syntax("a < starts no tag; it must be written &lt;")),
        })
    }

    fn begin_element(&mut self, byte: u8) -> Result<State, Violation> {
        if self.open.is_empty() && self.elements > 0 {
            return Err(Violation::Syntax("there is more than one outermost element"));
        }
        self.elements += 1;
        self.hash = hash(HASH_START, byte);
        if self.elements == 1 {
            self.root.push_byte(byte);
        }
        Ok(State::StartName)
    }

    fn push_element(&mut self) -> Result<(), Violation> {
        if self.open.len() == MAX_DEPTH {
            return Err(Violation::TooDeep);
        }
        self.open.push(self.hash);
        self.deepest = self.deepest.max(self.open.len() as u64);
        Ok(())
    }

    fn in_tag(&mut self, byte: u8, otherwise: &'static str) -> Result<State, Violation> {
        Ok(match byte {
            b'>' => State::Text,
            b'/' => State::Empty,
            _ if is_space(byte) => State::InTag,
            // Right after the element's name no attribute can start: such a byte would belong to the name.
            _ if is_name_start(byte) && self.state != State::StartName => {
                self.attribute.clear();
                self.attribute.push_byte(byte);
                self.value.clear();
                State::AttributeName
            }
            _ => return Err(Violation::Syntax(otherwise)),
        })
    }

    /// Keeps the namespace of the outermost element's prefix, or of no prefix.
    fn root_attribute(&mut self) {
        let declares = match (self.root.text().split_once(':'), self.attribute.text().strip_prefix("xmlns")) {
            (Some((prefix, _)), Some(rest)) => rest.strip_prefix(':') == Some(prefix),
            (None, Some(rest)) => rest.is_empty(),
            (_, None) => false,
        };
        if declares {
            self.namespace = clean(self.value.text());
        }
    }

    fn declaration(&mut self, seen: usize, byte: u8) -> Result<State, Violation> {
        const COMMENT: &[u8] = b"--";
        const CDATA: &[u8] = b"[CDATA[";
        const DOCTYPE: &[u8] = b"DOCTYPE";
        if seen == 0 {
            self.keyword = match byte {
                b'-' => COMMENT,
                b'[' if !self.open.is_empty() => CDATA,
                b'D' if self.elements == 0 => DOCTYPE,
                _ => return Err(Violation::Syntax("a <! starts no comment, CDATA section or document type")),
            };
        }
        if self.keyword.get(seen) != Some(&byte) {
            return Err(Violation::Syntax("a <! starts no comment, CDATA section or document type"));
        }
        Ok(match self.keyword {
            keyword if seen + 1 < keyword.len() => State::Declaration(seen + 1),
            COMMENT => State::Comment(0),
            CDATA => State::CData(0),
            _ => State::Doctype(Doctype::Outer),
        })
    }
}

impl Doctype {
    fn step(self, byte: u8) -> State {
        State::Doctype(match (self, byte) {
            (Self::Outer, b'>') => return State::Text,
            (Self::Outer, b'"' | b'\'') => Self::OuterQuoted(byte),
            (Self::OuterQuoted(quote), byte) if byte == quote => Self::Outer,
            (Self::Subset, b']') => Self::Outer,
            (Self::Subset, b'<') => Self::Opening(1),
            (Self::Opening(1), b'!') => Self::Opening(2),
            (Self::Opening(1), b'?') => Self::Instruction(false),
            (Self::Opening(2), b'-') => Self::Opening(3),
            (Self::Outer, b'[')
            | (Self::Comment(2) | Self::Instruction(true) | Self::Declaration | Self::Opening(_), b'>') => Self::Subset,
            (Self::Comment(seen), b'-') => Self::Comment((seen + 1).min(2)),
            (Self::Opening(3), b'-') | (Self::Comment(_), _) => Self::Comment(0),
            (Self::Instruction(_), byte) => Self::Instruction(byte == b'?'),
            (Self::Declaration | Self::Opening(_), b'"' | b'\'') => Self::Quoted(byte),
            (Self::Quoted(quote), byte) if byte == quote => Self::Declaration,
            (Self::Opening(_), _) => Self::Declaration,
            (same, _) => same,
        })
    }
}

fn syntax(reason: &'static str) -> Result<(), Violation> {
    Err(Violation::Syntax(reason))
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || !byte.is_ascii()
}

fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
}

/// FNV-1a: names are compared by it, and nothing depends on its being hard to fool.
const HASH_START: u32 = 0x811c_9dc5;

fn hash(before: u32, byte: u8) -> u32 {
    (before ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The version in an XML declaration, `xml version="1.0" …`.
fn version(instruction: &str) -> Option<String> {
    pseudo_attribute(instruction, "version").filter(|v| v.starts_with(|c: char| c.is_ascii_digit())).and_then(clean)
}

/// A value in an XML declaration.
fn pseudo_attribute<'a>(declaration: &'a str, name: &str) -> Option<&'a str> {
    let rest = declaration.strip_prefix("xml")?.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(value, _)| value)
}

#[cfg(test)]
mod tests;
