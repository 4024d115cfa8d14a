//! gzip (RFC 1952): unpacked in passing, to count what it holds, and to read it if it is a tar.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use handler_contract::{Failure, Metadata};

use super::failures::{malformed, refuse_ratio};
use super::stream::StreamReader;
use super::tar;

/// The most that is unpacked: about a second's work. Bytes.
const MOST_UNPACKED: u64 = 512 << 20;

/// Unpacks what comes.
pub(super) struct GzipReader {
    decoder: MultiGzDecoder<Sink>,
    packed: u64,
    outcome: io::Result<()>,
}

impl GzipReader {
    pub(super) fn new() -> Self {
        Self::up_to(MOST_UNPACKED)
    }

    /// Unpacks at most `limit` bytes, and a little more.
    pub(super) fn up_to(limit: u64) -> Self {
        let decoder = MultiGzDecoder::new(Sink { tar: tar::TarReader::new(), unpacked: 0, limit });
        Self { decoder, packed: 0, outcome: Ok(()) }
    }
}

impl StreamReader for GzipReader {
    fn feed(&mut self, piece: &[u8]) {
        if self.outcome.is_ok() {
            self.packed += piece.len() as u64;
            self.outcome = self.decoder.write_all(piece);
        }
    }

    fn finish(mut self, metadata: &mut Metadata) -> Result<(), Failure> {
        // An error is damage, the bound above, or something after the last member: what was unpacked counts.
        let finished = self.decoder.try_finish();
        let ended = self.outcome.and(finished);
        let Sink { unpacked, limit, .. } = *self.decoder.get_ref();
        if unpacked == 0 && ended.is_err() {
            return Err(malformed("not even its first byte can be unpacked"));
        }
        let tar = std::mem::replace(&mut self.decoder.get_mut().tar, tar::TarReader::new());
        if tar.is_tar() {
            tar.finish(metadata)?;
        } else {
            metadata.uncompressed_size = Some(unpacked);
        }
        if ended.is_err() {
            metadata.is_partial = Some(true);
        }
        if unpacked > limit { refuse_ratio(self.packed, unpacked) } else { Ok(()) }
    }
}

/// Counts what comes, and gives it on to be read as a tar.
struct Sink {
    tar: tar::TarReader,
    unpacked: u64,
    limit: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unpacked > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.unpacked += bytes.len() as u64;
        self.tar.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
