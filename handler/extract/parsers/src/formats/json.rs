//! JSON (RFC 8259) and newline-delimited JSON: whether it is valid, how many items, how deep.
//!
//! A state machine over the text as it arrives. It keeps one bit for each open array or object and nothing of the
//! content, so that neither the size of the text nor its nesting costs memory or stack.
//!
//! What is not valid JSON is not JSON: the caller decides whether it is then a broken file or a text of another kind.

use handler_contract::Metadata;

use super::syntax::{Malformed, Violation};
use super::text;
use crate::charset::ToUtf8;
use crate::input::Input;
use crate::report::{Abort, Report};

/// Open arrays and objects that are distinguished: a bit each, 2 MiB at most.
const MAX_DEPTH: u64 = 16 << 20;

/// Reads a text whose start or name says that it is JSON.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_as(Form::Json, input, report)
}

/// Reads a text whose start or name says that it is NDJSON.
pub(super) fn read_lines(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_as(Form::Lines, input, report)
}

fn read_as(promised: Form, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut reader = JsonReader::new(promised);
    text::stream(input, report, ToUtf8::new(), &mut |text| reader.feed(text))?;
    let form = reader.finish(&mut report.metadata).map_err(|broken| broken.failure("JSON"))?;
    if promised == Form::Json && form == Form::Lines {
        // Its first line was longer than the head that was sniffed.
        report.exact_type = Some(form.media_type());
    }
    Ok(())
}

/// A text without comments, and without commas before a closing bracket; `None` if it has neither. Both come in the
/// settings of programs, and are no JSON.
pub(crate) fn without_comments(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut has_extras) = (text, false);
    while let Some(c) = rest.chars().next() {
        let len = if c == '"' {
            let mut is_escaped = true;
            let end = rest.bytes().position(|byte| {
                let ends = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 1)
        } else if rest.starts_with("//") {
            has_extras = true;
            rest = &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..];
            continue;
        } else if rest.starts_with("/*") {
            has_extras = true;
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
            continue;
        } else {
            c.len_utf8()
        };
        if matches!(c, ']' | '}') && plain.trim_end().ends_with(',') {
            has_extras = true;
            plain.truncate(plain.trim_end().len() - 1);
        }
        plain.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    has_extras.then_some(plain)
}

/// What a text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One value.
    Json,
    /// One value a line, or arrays and objects one after another.
    Lines,
}

impl Form {
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Lines => "application/x-ndjson",
        }
    }
}

/// The state: what the last byte was part of, or what the next one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value must start.
    Value,
    /// A value starts, or the array ends.
    FirstItem,
    /// A key starts, or the object ends.
    FirstKey,
    /// A key must start.
    Key,
    /// A colon must come.
    Colon,
    /// A comma comes, or the array or object ends.
    Next,
    /// Outside of every value: the text ends, or another line of NDJSON starts.
    Between,
    String,
    Escape,
    /// How many hexadecimal digits must follow.
    Hex(u8),
    /// The rest of `true`, `false` or `null` must come.
    Literal(&'static [u8]),
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// Reads a text piece by piece.
#[derive(Debug)]
pub(crate) struct JsonReader {
    state: State,
    /// Whether the string at hand is a key.
    in_key: bool,
    open: Containers,
    deepest: u64,
    /// Items of the first value.
    items: u64,
    /// Values outside of every other.
    values: u64,
    line: u64,
    /// The line on which the current outermost value started, and the one on which the last one ended.
    value_start: u64,
    ended: u64,
    /// Whether each value so far was on one line.
    one_a_line: bool,
    /// Where NDJSON is promised, bare numbers and strings are accepted as lines: any list of numbers would be NDJSON.
    promised: Form,
    first_is_container: bool,
    broken: Option<Malformed>,
}

impl JsonReader {
    pub(crate) fn new(promised: Form) -> Self {
        Self {
            state: State::Between,
            in_key: false,
            open: Containers::default(),
            deepest: 0,
            items: 0,
            values: 0,
            line: 1,
            value_start: 1,
            ended: 0,
            one_a_line: true,
            promised,
            first_is_container: false,
            broken: None,
        }
    }

    /// Whether the text so far cannot become valid any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Reads the next piece.
    pub(crate) fn feed(&mut self, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::String {
                let rest = &bytes[at..];
                at += rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
                if at == bytes.len() {
                    return;
                }
            }
            match self.step(bytes[at]) {
                Ok(state) => self.state = state,
                Err(violation) => {
                    self.broken = Some(violation.at(self.line, MAX_DEPTH));
                    return;
                }
            }
            at += 1;
        }
    }

    /// What the text is, as far as it was read.
    pub(crate) fn form(&self) -> Form {
        let started = self.values + u64::from(self.state != State::Between);
        if started > 1 || self.promised == Form::Lines { Form::Lines } else { Form::Json }
    }

    /// What the text is; and into the metadata what is known of it.
    pub(crate) fn finish(mut self, metadata: &mut Metadata) -> Result<Form, Malformed> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let ended = match self.state {
            State::Between => Ok(()),
            // Only the end of the text shows that these numbers are complete.
            State::Zero | State::Integer | State::Fraction | State::ExponentDigits if self.open.depth == 0 => {
                self.state = self.end_value();
                Ok(())
            }
            _ => Err("the text ends inside a value"),
        };
        let reason = match ended {
            Ok(()) if self.values > 0 => {
                let form = self.form();
                metadata.item_count = match form {
                    Form::Json => self.first_is_container.then_some(self.items),
                    Form::Lines => Some(self.values),
                };
                metadata.nesting_depth = (self.deepest > 0).then_some(self.deepest);
                return Ok(form);
            }
            Ok(()) => "there is no value",
            Err(reason) => reason,
        };
        Err(Malformed::Syntax { line: self.line, reason })
    }

    fn step(&mut self, byte: u8) -> Result<State, Violation> {
        match self.state {
            State::FirstItem if byte == b']' => Ok(self.close()),
            State::Value | State::FirstItem => self.begin_value_or_space(byte),
            State::FirstKey if byte == b'}' => Ok(self.close()),
            State::FirstKey | State::Key => match byte {
                b'"' => {
                    self.items += u64::from(self.open.depth == 1 && self.values == 0);
                    self.in_key = true;
                    Ok(State::String)
                }
                _ => self.space(byte, "a key in quotes is missing"),
            },
            State::Colon => match byte {
                b':' => Ok(State::Value),
                _ => self.space(byte, "a colon is missing after a key"),
            },
            State::Next => self.next(byte),
            State::Between => self.between(byte),
            State::String => match byte {
                b'"' => {
                    if self.in_key {
                        self.in_key = false;
                        Ok(State::Colon)
                    } else {
                        Ok(self.end_value())
                    }
                }
                b'\\' => Ok(State::Escape),
                0..=0x1f => Err(Violation::Syntax("a string holds a control character")),
                _ => Ok(State::String),
            },
            State::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(State::String),
                b'u' => Ok(State::Hex(4)),
                _ => Err(Violation::Syntax("a string holds an unknown escape sequence")),
            },
            State::Hex(left) => match byte {
                b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if left == 1 => Ok(State::String),
                b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => Ok(State::Hex(left - 1)),
                _ => Err(Violation::Syntax("a string holds an unfinished \\u escape sequence")),
            },
            State::Literal(rest) => match rest {
                [expected, rest @ ..] if *expected == byte => {
                    if rest.is_empty() {
                        Ok(self.end_value())
                    } else {
                        Ok(State::Literal(rest))
                    }
                }
                _ => Err(Violation::Syntax("there is a bare word that is not true, false or null")),
            },
            _ => self.number(byte),
        }
    }

    fn number(&mut self, byte: u8) -> Result<State, Violation> {
        const BAD: &str = "a number is not written as JSON writes it";
        match (self.state, byte) {
            (State::Minus, b'0') => Ok(State::Zero),
            (State::Minus, b'1'..=b'9') | (State::Integer, b'0'..=b'9') => Ok(State::Integer),
            (State::Zero | State::Integer, b'.') => Ok(State::Point),
            (State::Point | State::Fraction, b'0'..=b'9') => Ok(State::Fraction),
            (State::Zero | State::Integer | State::Fraction, b'e' | b'E') => Ok(State::Exponent),
            (State::Exponent, b'+' | b'-') => Ok(State::ExponentSign),
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => Ok(State::ExponentDigits),
            (State::Zero, b'0'..=b'9') => Err(Violation::Syntax(BAD)),
            (State::Zero | State::Integer | State::Fraction | State::ExponentDigits, _) => {
                self.state = self.end_value();
                self.step_after_value(byte)
            }
            _ => Err(Violation::Syntax(BAD)),
        }
    }

    /// The byte that ended a number belongs to what comes after it.
    fn step_after_value(&mut self, byte: u8) -> Result<State, Violation> {
        match self.state {
            State::Next => self.next(byte),
            _ => match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.between(byte),
                _ => Err(Violation::Syntax("something follows a number")),
            },
        }
    }

    fn next(&mut self, byte: u8) -> Result<State, Violation> {
        match (byte, self.open.innermost_is_object()) {
            (b',', true) => Ok(State::Key),
            (b',', false) => Ok(State::Value),
            (b'}', true) | (b']', false) => Ok(self.close()),
            (_, object) => self.space(
                byte,
                if object { "a comma or } is missing after a value" } else { "a comma or ] is missing after a value" },
            ),
        }
    }

    fn between(&mut self, byte: u8) -> Result<State, Violation> {
        if self.values == 0 {
            return self.begin_value_or_space(byte);
        }
        // Services write one object after another without anything between.
        let follows = self.first_is_container && matches!(byte, b'{' | b'[');
        if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') && !follows {
            if self.ended == self.line {
                return Err(Violation::Syntax("something follows the value"));
            }
            if !self.one_a_line || !(self.first_is_container || self.promised == Form::Lines) {
                return Err(Violation::Syntax("there is more than one value"));
            }
        }
        self.begin_value_or_space(byte)
    }

    fn begin_value_or_space(&mut self, byte: u8) -> Result<State, Violation> {
        let state = match byte {
            b'"' => State::String,
            b'[' | b'{' => State::Value,
            b't' => State::Literal(b"rue"),
            b'f' => State::Literal(b"alse"),
            b'n' => State::Literal(b"ull"),
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Integer,
            _ => return self.space(byte, "a value is missing"),
        };
        if self.open.depth == 0 {
            self.value_start = self.line;
        } else if self.open.depth == 1 && self.values == 0 && !self.open.innermost_is_object() {
            self.items += 1;
        }
        let object = byte == b'{';
        if object || byte == b'[' {
            if self.open.depth == MAX_DEPTH {
                return Err(Violation::TooDeep);
            }
            self.first_is_container |= self.values == 0;
            self.open.push(object);
            self.deepest = self.deepest.max(self.open.depth);
            return Ok(if object { State::FirstKey } else { State::FirstItem });
        }
        Ok(state)
    }

    /// Ends the innermost array or object.
    fn close(&mut self) -> State {
        self.open.pop();
        self.end_value()
    }

    fn end_value(&mut self) -> State {
        if self.open.depth > 0 {
            return State::Next;
        }
        self.values += 1;
        self.ended = self.line;
        self.one_a_line &= self.value_start == self.line;
        State::Between
    }

    fn space(&mut self, byte: u8, otherwise: &'static str) -> Result<State, Violation> {
        match byte {
            b' ' | b'\t' | b'\r' => Ok(self.state),
            b'\n' => {
                self.line += 1;
                Ok(self.state)
            }
            _ => Err(Violation::Syntax(otherwise)),
        }
    }
}

/// The open arrays and objects, outermost first: a set bit is an object.
#[derive(Debug, Default)]
struct Containers {
    bits: Vec<u64>,
    depth: u64,
}

impl Containers {
    fn push(&mut self, object: bool) {
        let bit = self.depth % 64;
        if bit == 0 {
            self.bits.push(0);
        }
        if let Some(word) = self.bits.last_mut() {
            *word = *word & !(1 << bit) | u64::from(object) << bit;
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        if self.depth.is_multiple_of(64) {
            self.bits.pop();
        }
    }

    fn innermost_is_object(&self) -> bool {
        let bit = (self.depth.wrapping_sub(1)) % 64;
        self.bits.last().is_some_and(|word| word >> bit & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
