//! The error type of all commands: a code for programs, a message and a hint for users, and an exit code.
//!
//! Modules have separate error types if callers distinguish cases; these are converted to this one.

use std::process::ExitCode;

/// The exit codes, as the README's table lists them. Code 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Any other failure.
    Failure = 1,
    /// The command line is wrong (clap uses the same code).
    Usage = 2,
    /// The stack file, a plan or the handler's binary is wrong; nothing was changed.
    Invalid = 3,
    /// No credentials, no region, no permission, or the service cannot be reached.
    Access = 4,
    /// Consent is missing, or the change is refused: nothing was changed.
    Refused = 5,
    /// The deployment failed; the stack is in the state that the message names.
    Deployment = 6,
    /// Something could not be removed; the message lists what is left.
    Leftovers = 7,
    /// A file was recorded as FAILED, or its record did not arrive in time.
    Files = 8,
    /// The stack is deployed, but a canary was not recorded.
    Unverified = 9,
    /// No failure: `plan` found that something would change.
    Changes = 10,
    /// `status --check`: the stack is broken or needs attention; also `plan` and `up` where resources were deleted.
    Unhealthy = 11,
    /// `reconcile`: bucket and table disagree.
    Findings = 12,
    /// Interrupted; operations in AWS continue.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure, ready to be reported.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// A stable name for programs, in kebab case.
    pub code: &'static str,
    /// What failed and where, without a full stop.
    pub message: String,
    /// How to fix it: sentences or a command.
    pub hint: Option<String>,
    /// The process's exit code.
    pub exit: Exit,
    /// Whether the printed data already contains the failure: with `--json`, nothing follows on standard output.
    pub already_reported: bool,
    /// The underlying error, shown below the message.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result type of the provisioner.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with neither hint nor cause.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, exit, already_reported: false, source: None }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds a second failure that occurred during the cleanup. The first failure stays the reported one.
    #[must_use]
    pub fn with_followup_error(mut self, then: Result<()>) -> Self {
        if let Err(then) = then {
            let followup = [vec![then.message.clone()], then.causes()].concat().join(": ");
            let before = self.hint.take().map(|hint| hint + "\n").unwrap_or_default();
            self.hint = Some(format!("{before}After that, the command also {followup}."));
        }
        self
    }

    /// Marks the failure as contained in the printed data.
    #[must_use]
    pub fn already_reported(mut self) -> Self {
        self.already_reported = true;
        self
    }

    /// The messages of the underlying errors, outermost first, without repetitions.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let text = cause.to_string();
            if !self.message.contains(&text) && !causes.iter().any(|known| known.contains(&text)) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

/// Turns an I/O failure into an [`Error`] that names the path.
pub fn io(doing: &str, path: &std::path::Path, source: std::io::Error) -> Error {
    Error::new(Exit::Failure, "io", format!("failed to {doing} {}", path.display())).source(source)
}
