//! Readers that take an archive as it arrives.

use handler_contract::{Failure, Metadata};

use crate::input::Input;
use crate::report::{Abort, Report};

/// A reader of bytes that come in pieces.
pub(super) trait StreamReader {
    fn feed(&mut self, piece: &[u8]);
    /// Says what was found, once all bytes have come.
    fn finish(self, metadata: &mut Metadata) -> Result<(), Failure>;
}

pub(super) fn read_stream(mut reader: impl StreamReader, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    input.stream(|piece| reader.feed(piece))?;
    Ok(reader.finish(&mut report.metadata)?)
}
