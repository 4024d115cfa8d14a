//! Tables of delimited fields. Commas, semicolons and bars divide lines of every kind of text, so a table must show more
//! than lines of as many fields: columns of numbers, a header, quotes, or fields that are neither prose nor code.

use crate::media_type::Detected;

/// Rows that are looked at.
const ROWS: usize = 100;
/// A table of fewer fields is a sentence or two.
const FEWEST_FIELDS: usize = 6;
/// Words that a field of prose has more of.
const MOST_WORDS: usize = 6;

/// The type of a table; `None` for a text that is none.
pub(super) fn table(lines: &str) -> Option<Detected> {
    if lines.strip_prefix("sep=").is_some_and(|rest| rest.find(['\r', '\n']) == Some(1)) {
        // So a table names its delimiter to Excel.
        return Some(Detected::proven("text/csv"));
    }
    let types = [('\t', "text/tab-separated-values"), (',', "text/csv"), (';', "text/csv"), ('|', "text/csv")];
    types.into_iter().find_map(|(delimiter, file_type)| match Rows::read(lines, delimiter)?.judge(delimiter) {
        Verdict::Table => Some(Detected::proven(file_type)),
        Verdict::Likely => Some(Detected::likely(file_type)),
        Verdict::Other => None,
    })
}

/// What rows of fields are.
enum Verdict {
    Table,
    Likely,
    Other,
}

/// A field, without its quotes.
struct Field {
    text: String,
    is_quoted: bool,
}

/// Rows of which each has as many fields.
struct Rows {
    rows: Vec<Vec<Field>>,
    columns: usize,
}

impl Rows {
    /// `None` if rows differ in their number of fields, or are too few.
    fn read(lines: &str, delimiter: char) -> Option<Self> {
        // Most texts are not even lines of as many delimiters. One that has a single, long line should not be copied either.
        if !lines.contains(delimiter) {
            return None;
        }
        let mut rows: Vec<Vec<Field>> = Vec::new();
        let (mut row, mut field) = (Vec::new(), Field { text: String::new(), is_quoted: false });
        let mut quoted = false;
        let mut characters = lines.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    field.text.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if field.text.is_empty() && !field.is_quoted => (quoted, field.is_quoted) = (true, true),
                '\n' if !quoted => {
                    row.push(std::mem::replace(&mut field, Field { text: String::new(), is_quoted: false }));
                    let row = std::mem::take(&mut row);
                    if row.len() == 1 && row[0].text.trim().is_empty() {
                        continue;
                    }
                    if row.len() < 2 || rows.first().is_some_and(|first| first.len() != row.len()) {
                        return None;
                    }
                    rows.push(row);
                    if rows.len() == ROWS {
                        break;
                    }
                }
                '\r' if !quoted => {}
                _ if c == delimiter && !quoted => {
                    row.push(std::mem::replace(&mut field, Field { text: String::new(), is_quoted: false }));
                }
                _ => field.text.push(c),
            }
        }
        if rows.len() < ROWS && (!row.is_empty() || !field.text.trim().is_empty()) {
            row.push(field);
            if quoted || rows.first().is_some_and(|first| first.len() != row.len()) {
                return None;
            }
            rows.push(row);
        }
        let columns = rows.first().map_or(0, Vec::len);
        (rows.len() >= 2 && columns >= 2 && rows.len() * columns >= FEWEST_FIELDS).then_some(Self { rows, columns })
    }

    fn judge(&self, delimiter: char) -> Verdict {
        let Self { rows, columns } = self;
        let columns = *columns;
        let of_rows = |is: &dyn Fn(&[Field]) -> bool| rows.iter().filter(|row| is(row)).count();
        let half = rows.len().div_ceil(2);
        let header = is_header(&rows[0]);
        let numeric = (0..columns).filter(|column| self.is_numeric(*column)).count();
        let named_numbers = header && numeric > 0;
        // Statements end with semicolons, and lines that are set in have tabs before them.
        let empty_last = of_rows(&|row| row[columns - 1].text.trim().is_empty()) == rows.len();
        let empty_first = of_rows(&|row| row[0].text.trim().is_empty()) == rows.len();
        if (empty_last || empty_first) && !(named_numbers && columns > 2) {
            return Verdict::Other;
        }
        let is_code = |row: &[Field]| row.iter().any(|field| !field.is_quoted && !is_balanced(&field.text));
        let is_assignments = |row: &[Field]| {
            let count = row.iter().filter(|field| !field.is_quoted && is_assignment(&field.text)).count();
            count * 2 >= columns || is_assignment(&row[0].text) && !row[0].is_quoted
        };
        if of_rows(&is_code) * 3 >= rows.len() || of_rows(&is_assignments) >= half {
            return Verdict::Other;
        }
        let quoted = of_rows(&|row| row.iter().any(|field| field.is_quoted)) >= half;
        if quoted {
            return Verdict::Table;
        }
        // A comma in a number or a time of day parts no fields.
        let is_decimal = |row: &[Field]| {
            columns == 2
                && row[0].text.ends_with(|c: char| c.is_ascii_digit())
                && row[0].text.contains(':')
                && row[1].text.starts_with(|c: char| c.is_ascii_digit())
        };
        if delimiter == ',' && of_rows(&is_decimal) >= half {
            return Verdict::Other;
        }
        let is_spaced = |row: &[Field]| row[1..].iter().all(|field| field.text.starts_with(' '));
        let is_prose = delimiter != '\t' && of_rows(&is_spaced) >= half;
        let words: usize = rows.iter().flatten().map(|field| field.text.split_whitespace().count()).sum();
        let is_wordy = words > MOST_WORDS * rows.len() * columns;
        let certain = named_numbers || numeric > 1 && columns > 2 || numeric == columns;
        match (is_prose, is_wordy) {
            (true, _) if delimiter == '|' => Verdict::Other,
            (true, _) if columns > 2 && certain => Verdict::Likely,
            (true, _) | (_, true) => Verdict::Other,
            _ if certain => Verdict::Table,
            _ => Verdict::Likely,
        }
    }

    /// Whether every value of a column after the first row is a number, a date, a truth value or missing.
    fn is_numeric(&self, column: usize) -> bool {
        let values = self.rows[1..].iter().map(|row| row[column].text.trim());
        let mut filled = 0;
        let all = values.filter(|value| !value.is_empty()).all(|value| {
            filled += 1;
            is_value(value)
        });
        all && filled > 0
    }
}

/// Whether a row names columns: each field is a short text of its own.
fn is_header(row: &[Field]) -> bool {
    let mut names: Vec<_> = row.iter().map(|field| field.text.trim()).filter(|name| !name.is_empty()).collect();
    let are_names = names.iter().all(|name| name.len() <= 40 && name.contains(char::is_alphabetic) && !is_value(name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    are_names && count == names.len() && count + 1 >= row.len()
}

/// A number, perhaps with a unit of money; a date; a truth value.
fn is_value(text: &str) -> bool {
    let number = text.trim_start_matches(['+', '-', '$', '€', '£', '(', '~']);
    number.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && number.chars().all(|c| c.is_ascii_digit() || " .,:/%-+eETZ€)".contains(c))
        || ["true", "false", "yes", "no", "null", "na", "n/a", "nan", "-"]
            .iter()
            .any(|value| text.eq_ignore_ascii_case(value))
}

/// Whether as many brackets open as close.
fn is_balanced(text: &str) -> bool {
    let count = |c| text.matches(c).count();
    [('(', ')'), ('[', ']'), ('{', '}')].iter().all(|(open, close)| count(*open) == count(*close))
}

/// A name, then an equals sign or a comparison.
fn is_assignment(text: &str) -> bool {
    let text = text.trim();
    let name = text.trim_start_matches(|c: char| c.is_alphanumeric() || "_-.".contains(c)).trim_start();
    name.len() < text.len() && name.starts_with(['=', '<', '>', '~', '!']) || text.starts_with(['<', '>'])
}
