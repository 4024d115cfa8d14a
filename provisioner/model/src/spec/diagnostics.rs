//! Errors in a stack file, with their positions.

use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthChar as _;

use super::lines::{Lines, Position};
use crate::error::{Error, Exit};

/// A key's path through the file: `handler`, `memory`.
pub(super) type KeyPath = Vec<String>;

/// What is wrong at one place of the document, before that place is looked up in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) path: KeyPath,
    /// Whether the key is wrong, and not its value.
    pub(super) key: bool,
    /// What is wrong and what would be right, beginning with the bad value where it is short.
    pub(super) text: String,
}

/// One error in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) struct Diagnostic {
    /// The file.
    file: PathBuf,
    /// Counted from 1; `None` where the whole file is meant.
    line: Option<usize>,
    /// Counted in characters from 1.
    column: Option<usize>,
    /// The key's path, like `handler.memory`; empty where there is none.
    key: String,
    /// What is wrong and what would be right.
    problem: String,
    /// The line itself and how many characters of it are meant.
    excerpt: Option<(String, usize)>,
}

impl Diagnostic {
    pub(super) fn of_file(file: &Path, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            key: String::new(),
            problem: problem.into(),
            excerpt: None,
        }
    }

    pub(super) fn at(file: &Path, lines: &Lines, position: Position, key: String, problem: String) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(position.line),
            column: Some(position.column),
            key,
            problem,
            excerpt: lines.text(position.line).map(|line| (line.to_owned(), position.length)),
        }
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        if let (Some(line), Some(column), Some((text, length))) = (self.line, self.column, &self.excerpt) {
            let (text, caret) = excerpt(text, column - 1, *length);
            write!(f, "\n{line:>5} | {text}\n      | {caret}")?;
        }
        Ok(())
    }
}

/// Columns of an excerpt.
const EXCERPT: usize = 100;
/// Columns that are shown before what is meant, if the line is longer than an excerpt.
const BEFORE: usize = 40;

/// A line, cut around `length` characters from `start` on, and the line of carets below it. Tabs are shown as arrows.
fn excerpt(line: &str, start: usize, length: usize) -> (String, String) {
    let line: Vec<char> = line.chars().map(|c| if c == '\t' { '→' } else { c }).collect();
    let columns = |chars: &[char]| chars.iter().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let start = start.min(line.len());
    let mut first = 0;
    if columns(&line) > EXCERPT {
        while columns(&line[first..start]) > BEFORE {
            first += 1;
        }
    }
    let mut end = line.len();
    while columns(&line[first..end]) > EXCERPT {
        end -= 1;
    }
    let (head, tail) = (if first > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
    let shown: String = line[first..end].iter().collect();
    let until = (start + length).clamp(start, end.max(start));
    let carets = columns(&line[start..until]).max(1);
    let blanks = columns(&line[first..start]) + head.chars().count();
    (format!("{head}{shown}{tail}"), format!("{}{}", " ".repeat(blanks), "^".repeat(carets)))
}

/// The longest value that is quoted, in characters.
const QUOTED: usize = 60;

/// A value in quotation marks, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= QUOTED {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(QUOTED).collect();
    format!("{:?}", format!("{cut}…"))
}

/// All diagnostics of a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(super) struct Diagnostics(pub(super) Vec<Diagnostic>);

impl Diagnostics {
    pub(super) fn locate(problems: Vec<Problem>, file: &Path, lines: &Lines) -> Self {
        let mut diagnostics: Vec<_> = problems
            .into_iter()
            .map(|p| Diagnostic::at(file, lines, lines.find(&p.path, p.key), p.path.join("."), p.text))
            .collect();
        diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        Self(diagnostics)
    }
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::new(Exit::Invalid, "stack-file", diagnostics.to_string())
            .hint("Every key, its default and its values: provisioner schema")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_are_below_what_they_mean() {
        for (line, start, length, expected) in [
            ("a: b", 3, 1, ("a: b", "   ^")),
            ("报告: 很好", 4, 2, ("报告: 很好", "      ^^^^")),
            ("a:\tb", 3, 1, ("a:→b", "   ^")),
            ("a", 5, 3, ("a", " ^")),
        ] {
            let (text, caret) = excerpt(line, start, length);
            assert_eq!((text.as_str(), caret.as_str()), expected);
        }
    }

    #[test]
    fn a_long_line_is_cut_around_what_is_meant() {
        let line = format!("{}WRONG{}", "x".repeat(500), "y".repeat(500));
        let (text, caret) = excerpt(&line, 500, 5);
        assert!(text.starts_with("…x") && text.ends_with("y…") && text.chars().count() == EXCERPT + 2, "{text}");
        let at = text.chars().position(|c| c == 'W').unwrap();
        assert_eq!(caret, format!("{}^^^^^", " ".repeat(at)));
        let (text, caret) = excerpt(&"x".repeat(5_000), 0, 5_000);
        assert_eq!((text.chars().count(), caret.len()), (EXCERPT + 1, EXCERPT));
        assert!(quoted(&"x".repeat(5_000)).chars().count() < 70);
    }
}
