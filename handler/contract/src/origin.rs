//! Why an event was sent, where that was not S3: the provisioner marks what it sends again, and the handler repeats the mark
//! in its log, so that the trace of a file shows it.

/// The field beside `requestPayload` that the provisioner adds to the envelope of an event, and the field of the handler's
/// log lines.
pub const FIELD: &str = "origin";

/// Sent again from the queue of failed events.
pub const REDRIVE: &str = "redrive";

/// The longest mark that the handler repeats. Bytes.
pub const LONGEST: usize = 32;
