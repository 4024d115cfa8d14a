//! Delimited text (RFC 4180 and its relatives): rows, columns, the delimiter, whether there is a header.
//!
//! The delimiter is found at the start of the text; the rest streams through a small machine that knows only
//! quotes and line ends. Rows are counted as Python's `csv` module yields them, blank lines left out.

use handler_contract::Metadata;

use super::text;
use crate::charset::{self, ToUtf8};
use crate::input::Input;
use crate::report::{Abort, Report};

/// Delimiters that are looked for. Where several divide all rows evenly, the one that values hold least comes first.
const DELIMITERS: [u8; 5] = [b'\t', b'|', b';', b',', b':'];
/// Rows that must agree before a delimiter that the name does not promise is believed.
const ROWS_TO_BELIEVE: usize = 3;
/// Rows that are looked at to find the delimiter and the header.
const SAMPLE_ROWS: usize = 100;
/// Bytes of a field that are looked at.
const SAMPLE_FIELD: usize = 64;
/// Columns that are looked at to find the header.
const SAMPLE_COLUMNS: usize = 256;
/// Reads a text whose columns are most likely parted by commas.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_by(b',', input, report)
}

/// Reads a text whose columns are most likely parted by tabs.
pub(super) fn read_tabs(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_by(b'\t', input, report)
}

fn read_by(likely: u8, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    // A head that ends inside of a character is none the worse for it: lines that were cut do not count.
    let head = charset::as_text(input.head(), input.is_whole()).unwrap_or_default();
    let mut reader = CsvReader::new(Dialect::of(&head, input.is_whole(), likely));
    text::stream(input, report, ToUtf8::new(), &mut |text| reader.feed(text))?;
    reader.finish(&mut report.metadata);
    Ok(())
}

/// How a text is delimited, as its start shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dialect {
    /// `None` where there is one column.
    delimiter: Option<u8>,
    has_header: Option<bool>,
    /// Bytes of a first line `sep=;`, which gives Excel the delimiter.
    skip: usize,
}

impl Dialect {
    /// Finds the dialect of a text that is delimited, from its start.
    /// `whole` says that there is no more of it; else its last line may be cut.
    fn of(head: &str, whole: bool, promised: u8) -> Self {
        let head = if whole { head } else { head.rfind('\n').map_or(head, |at| &head[..=at]) };
        if let Some(delimiter) = head.strip_prefix("sep=").and_then(|rest| rest.bytes().next()).filter(u8::is_ascii) {
            let line = head.find('\n').map_or(head.len(), |at| at + 1);
            if line <= "sep=;\r\n".len() {
                return Self { skip: line, ..Self::delimited_by(&head[line..], delimiter) };
            }
        }
        let mut best: Option<(Shape, u8)> = None;
        for delimiter in DELIMITERS {
            let shape = Shape::of(head, delimiter);
            if shape.columns < 2 {
                continue;
            }
            let better = best.is_none_or(|(best, chosen)| {
                // How many rows agree, in tenths. Then few rows say less than the name does.
                let agreement = |shape: Shape| shape.usual * 10 / shape.rows;
                let believed = agreement(shape) == 10 && shape.rows >= ROWS_TO_BELIEVE;
                let promised = |by: u8| !believed && by == promised;
                (agreement(shape), promised(delimiter)) > (agreement(best), promised(chosen))
            });
            if better {
                best = Some((shape, delimiter));
            }
        }
        match best {
            Some((_, delimiter)) => Self::delimited_by(head, delimiter),
            None => Self { delimiter: None, ..Self::delimited_by(head, promised) },
        }
    }

    fn delimited_by(head: &str, delimiter: u8) -> Self {
        let rows = sample(head, delimiter);
        Self { delimiter: Some(delimiter), has_header: has_header(&rows), skip: 0 }
    }
}

/// A row's fields, as far as they are looked at.
struct Row {
    count: usize,
    fields: Vec<String>,
}

fn sample(head: &str, delimiter: u8) -> Vec<Row> {
    let mut rows = vec![];
    let mut row = Row { count: 0, fields: vec![] };
    let mut machine = Machine::new(Some(delimiter));
    let mut starts = 0;
    let bytes = head.as_bytes();
    let take = |row: &mut Row, from: usize, to: usize| {
        row.count += 1;
        if row.fields.len() < SAMPLE_COLUMNS {
            let text = head[from..to].trim().trim_matches('"');
            row.fields.push(text[..text.floor_char_boundary(SAMPLE_FIELD)].to_owned());
        }
    };
    for (at, byte) in bytes.iter().enumerate() {
        match machine.step(*byte) {
            Step::Within => {}
            Step::EndsField => {
                take(&mut row, starts, at);
                starts = at + 1;
            }
            Step::EndsRow => {
                take(&mut row, starts, at);
                starts = at + 1;
                rows.push(std::mem::replace(&mut row, Row { count: 0, fields: vec![] }));
                if rows.len() == SAMPLE_ROWS {
                    return rows;
                }
            }
            Step::Blank => starts = at + 1,
        }
    }
    if machine.place != Place::RowStart {
        take(&mut row, starts, bytes.len());
        rows.push(row);
    }
    rows
}

/// How evenly a delimiter divides the rows.
#[derive(Debug, Clone, Copy)]
struct Shape {
    rows: usize,
    /// Columns of most rows.
    columns: usize,
    /// Rows that have this number of fields.
    usual: usize,
}

impl Shape {
    fn of(head: &str, delimiter: u8) -> Self {
        let rows = sample(head, delimiter);
        let mut counts: Vec<usize> = rows.iter().map(|row| row.count).collect();
        counts.sort_unstable();
        let (columns, usual) = counts
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0], same.len()))
            .max_by_key(|(_, rows)| *rows)
            .unwrap_or((0, 0));
        Self { rows: rows.len(), columns, usual }
    }
}

/// Whether the first row looks like names of columns: names are there, differ, and are no values; and some column
/// below holds only values of which its name is none, or the names recur nowhere below them.
fn has_header(rows: &[Row]) -> Option<bool> {
    let (first, rest) = rows.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let named = first.fields.iter().filter(|name| !name.is_empty()).count();
    // Index columns and trailing delimiters leave a name or two empty.
    if named == 0 || named + 1 < first.fields.len().min(SAMPLE_COLUMNS) {
        return Some(false);
    }
    if first.fields.iter().any(|name| is_value(name)) {
        return Some(false);
    }
    let mut sorted: Vec<&str> = first.fields.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(false);
    }
    let column = |at: usize| rest.iter().filter_map(move |row| row.fields.get(at)).filter(|field| !field.is_empty());
    let below_are_values =
        (0..first.fields.len()).any(|at| column(at).next().is_some() && column(at).all(|field| is_value(field)));
    let recurs = first.fields.iter().enumerate().any(|(at, name)| column(at).any(|field| field == name));
    let like_names = first.fields.iter().all(|name| name.len() < SAMPLE_FIELD && !name.ends_with(['.', '!', '?']));
    Some(below_are_values || !recurs && like_names)
}

/// Whether a field is a number, a date, a time, an amount or a boolean, and so no name.
fn is_value(field: &str) -> bool {
    let digits = field.bytes().filter(u8::is_ascii_digit).count();
    let others = field.bytes().filter(|b| !b.is_ascii_digit() && !b" +-.,:/%$eETZ()".contains(b)).count();
    digits > 0 && others == 0 || matches!(field.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "null")
}

/// What a byte does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Within,
    EndsField,
    EndsRow,
    /// It ends a line that holds nothing.
    Blank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    RowStart,
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote inside of quotes: the end of the field, or the first half of a quote.
    QuoteSeen,
}

/// Quotes, delimiters and line ends, a byte at a time.
#[derive(Debug, Clone)]
struct Machine {
    delimiter: Option<u8>,
    place: Place,
}

impl Machine {
    fn new(delimiter: Option<u8>) -> Self {
        Self { delimiter, place: Place::RowStart }
    }

    fn step(&mut self, byte: u8) -> Step {
        match (self.place, byte) {
            (Place::Quoted, b'"') => {
                self.place = Place::QuoteSeen;
                Step::Within
            }
            (Place::Quoted, _) => Step::Within,
            (Place::QuoteSeen | Place::RowStart | Place::FieldStart, b'"') => {
                self.place = Place::Quoted;
                Step::Within
            }
            // The line feed after a carriage return is on a blank line of its own.
            (Place::RowStart, b'\r' | b'\n') => Step::Blank,
            (_, b'\r' | b'\n') => {
                self.place = Place::RowStart;
                Step::EndsRow
            }
            (_, byte) if Some(byte) == self.delimiter => {
                self.place = Place::FieldStart;
                Step::EndsField
            }
            _ => {
                self.place = Place::Unquoted;
                Step::Within
            }
        }
    }
}

/// Counts the rows of a delimited text piece by piece.
#[derive(Debug)]
struct CsvReader {
    dialect: Dialect,
    machine: Machine,
    skip: usize,
    rows: u64,
    /// Delimiters in the first row.
    delimiters: u64,
}

impl CsvReader {
    fn new(dialect: Dialect) -> Self {
        let skip = dialect.skip;
        Self { machine: Machine::new(dialect.delimiter), dialect, skip, rows: 0, delimiters: 0 }
    }

    /// Reads the next piece; the first one is the start by which the dialect was found.
    fn feed(&mut self, text: &str) {
        let skipped = self.skip.min(text.len());
        self.skip -= skipped;
        let bytes = &text.as_bytes()[skipped..];
        let mut at = 0;
        while at < bytes.len() {
            // Inside a field only few bytes matter; the machine takes those and the one after a delimiter.
            let rest = &bytes[at..];
            let plain = match self.machine.place {
                Place::Quoted => memchr::memchr(b'"', rest),
                // Of the first row the fields are counted.
                Place::Unquoted if self.rows == 0 => Some(0),
                Place::Unquoted => match self.dialect.delimiter {
                    // A quote means something only right after a delimiter, so fields need not be distinguished.
                    Some(delimiter) => self.skip_fields(rest, delimiter),
                    None => memchr::memchr2(b'\n', b'\r', rest),
                },
                _ => Some(0),
            };
            let Some(plain) = plain else {
                return;
            };
            at += plain;
            if at == bytes.len() {
                return;
            }
            match self.machine.step(bytes[at]) {
                Step::EndsRow => self.rows += 1,
                Step::EndsField if self.rows == 0 => self.delimiters += 1,
                _ => {}
            }
            at += 1;
        }
    }

    /// Where the next byte is that the machine must see: a line end, or a delimiter with a quote or the end of the
    /// piece after it.
    fn skip_fields(&self, rest: &[u8], delimiter: u8) -> Option<usize> {
        debug_assert_eq!(self.machine.place, Place::Unquoted);
        let end = memchr::memchr3(b'\n', b'\r', b'"', rest);
        let end = end.unwrap_or(rest.len());
        match rest[..end].last() {
            Some(last) if *last == delimiter => Some(end - 1),
            _ => (end < rest.len()).then_some(end),
        }
    }

    fn finish(self, metadata: &mut Metadata) {
        // A last row without a line feed counts.
        let rows = self.rows + u64::from(self.machine.place != Place::RowStart);
        let unclosed = self.machine.place == Place::Quoted;
        metadata.row_count = Some(rows.saturating_sub(u64::from(self.dialect.has_header == Some(true))));
        metadata.column_count = Some(if rows > 0 { self.delimiters + 1 } else { 0 });
        metadata.delimiter = self.dialect.delimiter.map(|delimiter| char::from(delimiter).to_string());
        metadata.has_header = self.dialect.has_header;
        // The rest of the text is one field then, whatever it was meant to be.
        metadata.is_partial = unclosed.then_some(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Metadata {
        let (mut reader, mut metadata) = (CsvReader::new(Dialect::of(text, true, b',')), Metadata::default());
        reader.feed(text);
        reader.finish(&mut metadata);
        metadata
    }

    /// Rows, columns, the delimiter or nothing, and whether there is a header.
    fn facts(text: &str) -> (u64, u64, String, Option<bool>) {
        let metadata = read(text);
        let delimiter = metadata.delimiter.unwrap_or_default();
        (metadata.row_count.unwrap(), metadata.column_count.unwrap(), delimiter, metadata.has_header)
    }

    #[test]
    fn rows_columns_delimiter_and_header() {
        for (text, expected) in [
            ("id,name\n1,a\n2,b\n", (2, 2, ",", Some(true))),
            ("id,name\r\n1,a\r\n2,b", (2, 2, ",", Some(true))),
            ("id\tname\n1\ta,b,c\n2\tb,c\n", (2, 2, "\t", Some(true))),
            ("a;b;c\n1,5;2;3\n2,5;3;4\n", (2, 3, ";", Some(true))),
            ("a|b\nx|2026-11-22\n", (1, 2, "|", Some(true))),
            ("b,c,a\n2,3,1", (1, 3, ",", Some(true))),
            ("a:b\nx:y\nz:z\n", (2, 2, ":", Some(true))),
            ("t,n\n10:30,1\n10:40,2\n", (2, 2, ",", Some(true))),
            ("1,5;2,5\n3,1;4,2\n5,1;6,2\n", (3, 2, ";", Some(false))),
            ("1,2\n3,4\n", (2, 2, ",", Some(false))),
            ("a,b\n\n\nc,d\n", (1, 2, ",", Some(true))),
            ("a,a\nb,c\n", (2, 2, ",", Some(false))),
            ("yes,x\nno,x\n", (2, 2, ",", Some(false))),
            ("one\ntwo\nthree\n", (2, 1, "", Some(true))),
            ("x,y\n", (1, 2, ",", None)),
            ("", (0, 0, "", None)),
            ("sep=;\r\na;b,c\r\n1;2\r\n", (1, 2, ";", Some(true))),
        ] {
            let (rows, columns, delimiter, has_header) = expected;
            assert_eq!(facts(text), (rows, columns, delimiter.to_owned(), has_header), "{text:?}");
        }
    }

    #[test]
    fn quotes_hide_delimiters_and_line_feeds() {
        let text = "name,note\n\"a\nb\",\"says \"\"hi\"\", twice\r\n\"\nc,5\" tall\nd,\"\"\n";
        assert_eq!(facts(text), (3, 2, ",".to_owned(), Some(true)));
        assert_eq!(read(text).is_partial, None);
        assert_eq!(read("a,b\n1,\"2\n3,4\n").is_partial, Some(true));
    }

    #[test]
    fn a_wide_first_row_is_counted_and_not_kept() {
        // Longer than the start by which the dialect is found.
        let text = "x,".repeat(100_000);
        let (mut reader, mut metadata) = (CsvReader::new(Dialect::of(&text[..1000], false, b',')), Metadata::default());
        reader.feed(&text);
        reader.finish(&mut metadata);
        assert_eq!((metadata.column_count, metadata.row_count), (Some(100_001), Some(1)));
        assert_eq!(sample(&text, b',')[0].fields.len(), SAMPLE_COLUMNS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn rows_in_any_pieces_are_those_of_the_machine(
            text in "[a,\"\n\r]{0,40}", at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        ) {
            let mut machine = Machine::new(Some(b','));
            let ends = text.bytes().filter(|b| machine.step(*b) == Step::EndsRow).count();
            let rows = ends + usize::from(machine.place != Place::RowStart);
            let dialect = Dialect { delimiter: Some(b','), has_header: Some(false), skip: 0 };
            let mut reader = CsvReader::new(dialect);
            let (mut at, mut to) = (at.index(text.len() + 1), to.index(text.len() + 1));
            if at > to {
                std::mem::swap(&mut at, &mut to);
            }
            for piece in [&text[..at], &text[at..to], &text[to..]] {
                reader.feed(piece);
            }
            let mut metadata = Metadata::default();
            reader.finish(&mut metadata);
            prop_assert_eq!(metadata.row_count, Some(rows as u64));
        }
    }
}
