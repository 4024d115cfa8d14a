//! Errors in a stack file, with their positions.

use std::path::{Path, PathBuf};

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
            // A tab before the value would move the caret away from it.
            let text = text.replace('\t', " ");
            write!(f, "\n{line:>5} | {text}\n      | {}{}", " ".repeat(column - 1), "^".repeat((*length).max(1)))?;
        }
        Ok(())
    }
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
