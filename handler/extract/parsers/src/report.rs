//! What is found in a file, and how the caller receives it.

use handler_contract::{Failure, Metadata};

/// The largest answer for one file, in bytes. An item of the table holds 400 KB
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const MAX_ANSWER: usize = 256 << 10;
/// The longest explanation of a failure, in bytes.
pub const MAX_EXPLANATION: usize = 1 << 10;

/// Why the work on a file stops before its end.
#[derive(Debug)]
pub enum Abort {
    /// The file cannot be accepted. Another attempt has the same result.
    Rejected(Failure),
    /// The cause is not the file; another attempt may succeed.
    Internal(String),
}

impl From<Failure> for Abort {
    fn from(failure: Failure) -> Self {
        Self::Rejected(failure)
    }
}

/// What a [`Report`] sends to its caller.
#[derive(Debug, Clone, Copy)]
pub enum Finding<'a> {
    /// The type by content. A later one is more exact.
    Type(&'a str),
    /// All that was read so far. A later one replaces it.
    Metadata(&'a Metadata),
}

/// Receives findings. An error stops the work; its text says what failed.
pub type Sink = fn(Finding<'_>) -> Result<(), String>;

/// Collects what is read from a file, and sends it to the caller.
#[derive(Debug)]
pub struct Report {
    /// What is known so far.
    pub metadata: Metadata,
    /// The type, where the reader found a more exact one than sniffing.
    pub(crate) exact_type: Option<&'static str>,
    sink: Sink,
}

impl Report {
    /// An empty report that sends its findings to `sink`.
    pub fn new(sink: Sink) -> Self {
        Self { metadata: Metadata::default(), exact_type: None, sink }
    }

    /// A report that sends nothing.
    pub fn discarding() -> Self {
        Self::new(|_| Ok(()))
    }

    /// Sends what is known so far, so that it is kept if the process does not survive the rest of the file. Call it
    /// before work that may not finish.
    ///
    /// # Errors
    /// The caller cannot be reached.
    pub fn checkpoint(&self) -> Result<(), Abort> {
        (self.sink)(Finding::Metadata(&self.metadata)).map_err(Abort::Internal)
    }

    /// Sends the type.
    pub(crate) fn send_type(&self, file_type: &str) -> Result<(), Abort> {
        (self.sink)(Finding::Type(file_type)).map_err(Abort::Internal)
    }
}
