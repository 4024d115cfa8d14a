//! One thing that is wrong with a stack.

use super::code::{Code, Severity};

/// Something that is wrong with a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub code: Code,
    /// Where: a path through the template like `Resources.Table.Properties.TableName`, or a key of the stack file.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// How to fix it.
    pub fix: String,
}

impl Finding {
    /// A finding with the general fix of its code.
    pub(super) fn new(code: Code, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { code, place: place.into(), problem: problem.into(), fix: code.fix().to_owned() }
    }

    /// Replaces the fix by a specific one.
    pub(super) fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {} [{}]", self.place, self.problem, self.fix, self.code)
    }
}
