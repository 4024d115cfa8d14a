//! A record of the operations that this process calls, for the audit of permissions (`docs/permissions.md`).
//!
//! The SDK opens a span for each operation, named after service and operation, such as `S3.HeadBucket`. A subscriber that
//! looks at nothing else sees every call, whichever client makes it, retries not counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::{Interest, Subscriber};
use tracing_core::{Dispatch, Event, Metadata, dispatcher};

/// The environment variable that names the file.
pub const VARIABLE: &str = "PROVISIONER_RECORD_CALLS";

/// A field that every span of an operation has, and no other.
const OPERATION: &str = "rpc.method";

/// From now on, appends the name of each operation that is called to a file, a line each. Several processes may append
/// to one file: a line is one write.
///
/// # Errors
/// Where the file cannot be opened, or where this process records already.
pub fn record_to(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    dispatcher::set_global_default(Dispatch::new(Recorder { file })).map_err(io::Error::other)
}

struct Recorder {
    file: File,
}

impl Subscriber for Recorder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.fields().field(OPERATION).is_some()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        // A record that cannot be written is no reason to fail a call; what is missing in it, the audit reports.
        let _ = (&self.file).write_all(format!("{}\n", span.metadata().name()).as_bytes());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
