//! Why an event was sent, where that was not S3: the provisioner marks what it sends again, and the handler repeats the mark
//! in its log, so that the trace of a file shows it.

/// The field beside `requestPayload` that the provisioner adds to the envelope of an event, and the field of the handler's
/// log lines.
pub const FIELD: &str = "origin";

/// The longest mark that the handler repeats. Bytes.
pub const LONGEST: usize = 32;

/// The command that sent an event. A newer provisioner may have others; the handler repeats those too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `provisioner redrive`: from the queue of failed events.
    Redrive,
    /// `provisioner reconcile --fix`: of a file without a record.
    Reconcile,
    /// `provisioner reprocess`: of a file whose record is replaced.
    Reprocess,
}

impl Origin {
    /// All origins.
    pub const ALL: [Self; 3] = [Self::Redrive, Self::Reconcile, Self::Reprocess];

    /// The mark: lower-case letters, at most [`LONGEST`] bytes.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Reconcile => "reconcile",
            Self::Reprocess => "reprocess",
        }
    }
}
