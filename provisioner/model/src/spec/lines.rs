//! Finds the position of a key or a value in the text of a YAML file.
//!
//! `serde_yaml` reports the position only of the first error while parsing. This is not a complete YAML parser: it
//! supports block maps, lists and scalars, quoted keys, comments and flow values as in stack files. For a key that it does
//! not find, it returns the position of the nearest parent.

/// A place in the text. Line and column are counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
    /// Characters.
    pub(super) length: usize,
}

/// A key of a block map, or an item of a block list.
#[derive(Debug)]
struct Entry {
    path: Vec<String>,
    key: Position,
    /// The value, if it starts on the same line.
    value: Option<Position>,
}

/// The lines of a file and the entries found in them.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    lines: Vec<&'a str>,
    entries: Vec<Entry>,
}

/// What encloses a line.
struct Open {
    indent: usize,
    step: String,
    item: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut this = Self { lines: text.lines().collect(), entries: Vec::new() };
        this.scan();
        this
    }

    /// A line, counted from 1.
    pub(super) fn text(&self, line: usize) -> Option<&'a str> {
        self.lines.get(line.checked_sub(1)?).copied()
    }

    /// The first tab in the indentation of a line that is not empty.
    pub(super) fn tab_in_indentation(&self) -> Option<Position> {
        self.lines.iter().enumerate().find_map(|(number, line)| {
            let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
            let column = line[..blanks].find('\t').filter(|_| blanks < line.len())?;
            Some(Position { line: number + 1, column: column + 1, length: 1 })
        })
    }

    /// The value of a key as it is written, if it is on the key's line.
    pub(super) fn written(&self, path: &[String]) -> Option<String> {
        let value = self.entries.iter().find(|entry| entry.path == *path)?.value?;
        Some(self.text(value.line)?.chars().skip(value.column - 1).take(value.length).collect())
    }

    /// Duplicate keys of one map: the path, the second place, and the first one's line.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = (&[String], Position, usize)> {
        self.entries.iter().enumerate().filter_map(|(n, entry)| {
            let first = self.entries[..n].iter().find(|earlier| earlier.path == entry.path)?;
            Some((entry.path.as_slice(), entry.key, first.key.line))
        })
    }

    /// The position of this key or its value, else of the nearest parent, else of the start of the file.
    pub(super) fn find(&self, path: &[String], key: bool) -> Position {
        for depth in (1..=path.len()).rev() {
            let Some(entry) = self.entries.iter().find(|entry| entry.path == path[..depth]) else { continue };
            if depth == path.len() {
                return if key { entry.key } else { entry.value.unwrap_or(entry.key) };
            }
            return self.between_brackets(entry, &path[depth..], key).unwrap_or(entry.key);
        }
        Position { line: 1, column: 1, length: self.text(1).map_or(1, |line| line.chars().count()) }
    }

    /// Looks for `key: value` in a value like `{ memory: 256 MiB }`.
    fn between_brackets(&self, entry: &Entry, steps: &[String], key: bool) -> Option<Position> {
        let start = entry.value?;
        let step = steps.last()?;
        let line: Vec<char> = self.text(start.line)?.chars().collect();
        if let ([index], Some('[')) = (steps, line.get(start.column - 1)) {
            return item_at(&line, start, index.parse().ok()?);
        }
        let wanted: Vec<char> = step.chars().collect();
        let at = (start.column..line.len()).find(|&n| {
            let boundary = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
            line[n..].starts_with(&wanted) && boundary(line.get(n - 1)) && boundary(line.get(n + wanted.len()))
        })?;
        let colon = (at..line.len()).find(|&n| line[n] == ':')?;
        if key {
            return Some(Position { line: start.line, column: at + 1, length: wanted.len() });
        }
        let value = (colon + 1..line.len()).find(|&n| line[n] != ' ')?;
        let end = (value..line.len()).find(|&n| ",}]".contains(line[n])).unwrap_or(line.len());
        let length = end - value - line[value..end].iter().rev().take_while(|c| c.is_whitespace()).count();
        Some(Position { line: start.line, column: value + 1, length })
    }

    fn scan(&mut self) {
        let mut open: Vec<Open> = Vec::new();
        // Lines indented deeper than this belong to a text written with `|` or `>`.
        let mut text_under: Option<usize> = None;
        // Brackets that a value opened and has not closed.
        let mut depth = 0_usize;
        for number in 0..self.lines.len() {
            let line: Vec<char> = self.lines[number].chars().collect();
            let Some(indent) = line.iter().position(|c| *c != ' ') else { continue };
            if text_under.is_some_and(|under| indent > under) {
                continue;
            }
            text_under = None;
            if depth > 0 {
                depth = brackets(&line[indent..], depth);
                continue;
            }
            if line[indent] == '#' || (indent == 0 && (line.starts_with(&['-'; 3]) || line[0] == '%')) {
                continue;
            }
            let mut column = indent;
            while line.get(column) == Some(&'-') && line.get(column + 1).is_none_or(|c| *c == ' ') {
                open.retain(|o| o.indent < column || (o.indent == column && !o.item));
                let above: Vec<String> = open.iter().map(|o| o.step.clone()).collect();
                let before = self
                    .entries
                    .iter()
                    .filter(|e| e.path.len() == above.len() + 1 && e.path.starts_with(&above))
                    .count();
                open.push(Open { indent: column, step: before.to_string(), item: true });
                let value = (column + 1..line.len()).find(|&n| line[n] != ' ').and_then(|n| value_at(&line, number, n));
                let key = Position { line: number + 1, column: column + 1, length: 1 };
                self.entries.push(Entry { path: open.iter().map(|o| o.step.clone()).collect(), key, value });
                column = (column + 1..line.len()).find(|&n| line[n] != ' ').unwrap_or(line.len());
            }
            let Some((name, length, after)) = key_at(&line, column) else {
                depth = brackets(&line[column..], 0);
                continue;
            };
            open.retain(|o| o.indent < column);
            open.push(Open { indent: column, step: name, item: false });
            let value = (after..line.len()).find(|&n| line[n] != ' ').and_then(|n| value_at(&line, number, n));
            let key = Position { line: number + 1, column: column + 1, length };
            self.entries.push(Entry { path: open.iter().map(|o| o.step.clone()).collect(), key, value });
            if let Some(value) = value {
                match line[value.column - 1] {
                    '|' | '>' => text_under = Some(column),
                    '{' | '[' => depth = brackets(&line[value.column - 1..], 0),
                    _ => {}
                }
            }
        }
    }
}

/// The item of a list in brackets.
fn item_at(line: &[char], list: Position, index: usize) -> Option<Position> {
    let (mut depth, mut quote, mut number, mut start) = (0_usize, None, 0, list.column);
    for n in list.column..line.len() {
        let ends = match (quote, line[n]) {
            (Some(q), c) => {
                quote = quote.filter(|_| q != c);
                false
            }
            (None, '"' | '\'') => {
                quote = Some(line[n]);
                false
            }
            (None, '[' | '{') => {
                depth += 1;
                false
            }
            (None, ']' | '}') if depth > 0 => {
                depth -= 1;
                false
            }
            (None, c) => (c == ',' || c == ']') && depth == 0,
        };
        if !ends {
            continue;
        }
        if number == index {
            let blanks = line[start..n].iter().take_while(|c| c.is_whitespace()).count();
            let after = line[start + blanks..n].iter().rev().take_while(|c| c.is_whitespace()).count();
            let length = n - start - blanks - after;
            return Some(Position { line: list.line, column: start + blanks + 1, length });
        }
        (number, start) = (number + 1, n + 1);
    }
    None
}

/// The key that starts here: its name, its length with quotes, and the column after the colon.
fn key_at(line: &[char], start: usize) -> Option<(String, usize, usize)> {
    let quote = line.get(start).copied().filter(|c| *c == '"' || *c == '\'');
    let end = match quote {
        Some(quote) => (start + 1..line.len()).find(|&n| line[n] == quote)? + 1,
        None => (start..line.len()).find(|&n| line[n] == ':' && line.get(n + 1).is_none_or(|c| *c == ' '))?,
    };
    let colon = (end..line.len()).find(|&n| line[n] != ' ').filter(|&n| line[n] == ':')?;
    let name: String = match quote {
        Some(_) => line[start + 1..end - 1].iter().collect(),
        None => line[start..end].iter().collect::<String>().trim_end().to_owned(),
    };
    let plain = quote.is_some() || !(name.is_empty() || name.contains(['#', '{', '[', '"']));
    plain.then_some((name, end - start, colon + 1))
}

/// The value that starts here, up to a comment; `None` if there is only a comment.
fn value_at(line: &[char], number: usize, start: usize) -> Option<Position> {
    if line[start] == '#' {
        return None;
    }
    let quote = Some(line[start]).filter(|c| *c == '"' || *c == '\'');
    let after = quote.and_then(|q| (start + 1..line.len()).find(|&n| line[n] == q)).unwrap_or(start);
    let comment = (after + 1..line.len()).find(|&n| line[n] == '#' && line[n - 1] == ' ').unwrap_or(line.len());
    let length = comment - start - line[start..comment].iter().rev().take_while(|c| c.is_whitespace()).count();
    Some(Position { line: number + 1, column: start + 1, length })
}

/// How many brackets are open after these characters.
fn brackets(text: &[char], mut depth: usize) -> usize {
    let mut quote = None;
    for (n, &c) in text.iter().enumerate() {
        match (quote, c) {
            (Some(q), _) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') if n == 0 || text[n - 1] == ' ' => break,
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            // Anything else, and everything between quotes.
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# yaml-language-server: $schema=stack.schema.json
---
name: dev   # a comment: not a key
tags:
  \"cost: center\": 'a # b'   # c
  'team':   pipeline
  about: |
    name: no key
    region: neither
handler: { memory: 256 MiB, timeout: 60s }
files:
    maxSize: 100 MiB
    allowedTypes:
    - text/*
    -   application/pdf
bucket:
  list: [a,
    name: b,
  ]
  prefix: incoming/
alarm:
";

    fn at(path: &[&str], key: bool) -> (usize, usize, usize) {
        let path: Vec<String> = path.iter().map(|&s| s.to_owned()).collect();
        let Position { line, column, length } = Lines::of(FILE).find(&path, key);
        (line, column, length)
    }

    #[test]
    fn values_and_keys_are_found() {
        for (path, value, key) in [
            (&["name"][..], (3, 7, 3), (3, 1, 4)),
            (&["tags", "cost: center"], (5, 19, 7), (5, 3, 14)),
            (&["tags", "team"], (6, 13, 8), (6, 3, 6)),
            (&["handler"], (10, 10, 33), (10, 1, 7)),
            (&["handler", "memory"], (10, 20, 7), (10, 12, 6)),
            (&["handler", "timeout"], (10, 38, 3), (10, 29, 7)),
            (&["files", "maxSize"], (12, 14, 7), (12, 5, 7)),
            (&["files", "allowedTypes", "0"], (14, 7, 6), (14, 5, 1)),
            (&["files", "allowedTypes", "1"], (15, 9, 15), (15, 5, 1)),
            (&["bucket", "prefix"], (20, 11, 9), (20, 3, 6)),
            (&["alarm"], (21, 1, 5), (21, 1, 5)),
        ] {
            assert_eq!(at(path, false), value, "value of {path:?}");
            assert_eq!(at(path, true), key, "key {path:?}");
        }
    }

    #[test]
    fn a_missing_key_has_the_position_of_the_nearest_parent() {
        assert_eq!(at(&["files", "maxSise"], false), (11, 1, 5));
        assert_eq!(at(&["handler", "architecture"], false), (10, 1, 7));
        assert_eq!(at(&["region"], false), (1, 1, 49));
        assert_eq!(at(&[], false), (1, 1, 49));
        assert_eq!(Lines::of("").find(&[], false), Position { line: 1, column: 1, length: 1 });
    }

    #[test]
    fn duplicate_keys_are_found_within_one_map() {
        let text = "name: a\nbucket:\n  prefix: a\nfiles:\n  prefix: b\nname: c\n";
        let lines = Lines::of(text);
        let found: Vec<_> = lines.duplicates().map(|(path, at, first)| (path.join("."), at.line, first)).collect();
        assert_eq!(found, [("name".to_owned(), 6, 1)]);
        assert_eq!(Lines::of(FILE).duplicates().count(), 0);
    }
}
