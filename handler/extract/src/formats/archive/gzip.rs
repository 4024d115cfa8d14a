//! gzip (RFC 1952): unpacked in passing, to count what it holds, and to read it if it is a tar.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::tar::Walk;
use super::{malformed, refuse_bomb};
use crate::child::{Input, Report, Stop};

/// So much is unpacked at most: about a second's work. Bytes.
const MOST_UNPACKED: u64 = 512 << 20;

/// Reads a file as it arrives.
pub(in crate::formats) fn read(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    let mut decoder = MultiGzDecoder::new(Sink { walk: Walk::new(), unpacked: 0 });
    let mut packed = 0;
    let mut outcome = Ok(());
    input.stream(|piece| {
        if outcome.is_ok() {
            packed += piece.len() as u64;
            outcome = decoder.write_all(piece);
        }
    })?;
    // What follows the last member is no gzip, and is left alone as gunzip does.
    let ended = outcome.and_then(|()| decoder.try_finish());
    let Sink { walk, unpacked } = decoder.get_ref();
    let unpacked = *unpacked;
    if unpacked == 0 && ended.is_err() {
        return Err(malformed("not even its first byte can be unpacked").into());
    }
    let metadata = &mut report.metadata;
    if walk.is_tar() {
        let walk = std::mem::replace(&mut decoder.get_mut().walk, Walk::new());
        walk.finish(metadata)?;
    } else {
        metadata.uncompressed_size = Some(unpacked);
    }
    if ended.is_err() {
        metadata.is_partial = Some(true);
    }
    Ok(refuse_bomb(packed, unpacked)?)
}

/// Counts what comes, and gives it on to be read as a tar.
struct Sink {
    walk: Walk,
    unpacked: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unpacked > MOST_UNPACKED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.unpacked += bytes.len() as u64;
        self.walk.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
