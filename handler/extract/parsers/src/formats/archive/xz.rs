//! xz (version 1.2 of the format): the index at the end of the stream, which knows all sizes.

use handler_contract::{Failure, Metadata};

use super::failures::refuse_bomb;
use super::stream::StreamReader;
use super::varint::variable;
use crate::input::View;

/// How much of the end is kept. Bytes. An index needs a few bytes for each block, of which most files have one.
const TAIL: usize = 64 << 10;
/// A header and a footer.
const AROUND: u64 = 24;

/// Keeps the end of what comes.
pub(super) struct XzReader {
    tail: Vec<u8>,
    packed: u64,
}

impl XzReader {
    pub(super) fn new() -> Self {
        Self { tail: Vec::with_capacity(2 * TAIL), packed: 0 }
    }
}

impl StreamReader for XzReader {
    fn feed(&mut self, piece: &[u8]) {
        self.packed += piece.len() as u64;
        for part in piece.chunks(TAIL) {
            if self.tail.len() + part.len() > 2 * TAIL {
                self.tail.drain(..self.tail.len() - TAIL);
            }
            self.tail.extend_from_slice(part);
        }
    }

    fn finish(self, metadata: &mut Metadata) -> Result<(), Failure> {
        metadata.uncompressed_size = unpacked(&self.tail, self.packed);
        if metadata.uncompressed_size.is_none() {
            metadata.is_partial = Some(true);
        }
        refuse_bomb(self.packed, metadata.uncompressed_size.unwrap_or(0))
    }
}

/// The size of all blocks, if the file is one whole stream whose index is in the tail.
fn unpacked(tail: &[u8], file: u64) -> Option<u64> {
    let view = View::little_endian(tail);
    let footer = view.len().checked_sub(12).filter(|at| view.has(at + 10, b"YZ"))?;
    let index_len = (u64::from(view.u32(footer + 4)?) + 1) * 4;
    let index = View::little_endian(view.slice(footer.checked_sub(index_len)?, index_len)?);
    if index.u8(0)? != 0 {
        return None;
    }
    let mut at = 1;
    let (mut packed, mut unpacked) = (0_u64, 0_u64);
    for _ in 0..variable(index, &mut at)? {
        // Blocks are padded to multiples of four.
        packed = packed.checked_add(variable(index, &mut at)?.checked_next_multiple_of(4)?)?;
        unpacked = unpacked.checked_add(variable(index, &mut at)?)?;
    }
    (packed.checked_add(index_len + AROUND)? == file).then_some(unpacked)
}
