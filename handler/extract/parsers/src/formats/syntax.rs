//! Why a text breaks the rules of its format.

use handler_contract::{ErrorCode, Failure};

/// What a reader found at the byte it stopped at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// It breaks the format's rules; the text says how.
    Syntax(&'static str),
    /// It is nested deeper than the reader follows.
    TooDeep,
}

impl Violation {
    /// The violation with its place: the line, counted from 1, and the number of levels that the reader follows.
    pub(super) const fn at(self, line: u64, levels: u64) -> Malformed {
        match self {
            Self::Syntax(reason) => Malformed::Syntax { line, reason },
            Self::TooDeep => Malformed::TooDeep { levels },
        }
    }
}

/// Why a text is not of the format that its first bytes suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It breaks the format's rules.
    Syntax {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// It is nested deeper than this reader follows.
    TooDeep {
        /// Levels that are followed.
        levels: u64,
    },
}

impl Malformed {
    /// The failure for the record; `format` is a name for people.
    pub(super) fn failure(self, format: &str) -> Failure {
        match self {
            Self::Syntax { line, reason } => {
                Failure::new(ErrorCode::Malformed, format!("this is not valid {format}: line {line}: {reason}"))
            }
            Self::TooDeep { levels } => {
                Failure::new(ErrorCode::StackLimit, format!("this {format} is nested deeper than {levels} levels"))
            }
        }
    }
}
