//! xz (version 1.2 of the format): the index at the end of the stream, which knows all sizes.

use handler_contract::Metadata;

use super::refuse_bomb;
use crate::child::{Input, Report, Stop};
use crate::formats::view::View;

/// So much of the end is kept. An index needs a few bytes for each block, of which most files have one.
const TAIL: usize = 64 << 10;
/// A header and a footer.
const AROUND: u64 = 24;

/// Reads a file as it arrives.
pub(in crate::formats) fn read(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    let (mut tail, mut packed) = (Vec::with_capacity(2 * TAIL), 0);
    input.stream(|piece| {
        packed += piece.len() as u64;
        for part in piece.chunks(TAIL) {
            let excess = (tail.len() + part.len()).saturating_sub(2 * TAIL);
            tail.drain(..excess.max(if excess > 0 { TAIL.min(tail.len()) } else { 0 }));
            tail.extend_from_slice(part);
        }
    })?;
    let unpacked = unpacked(&tail, packed);
    note(unpacked, &mut report.metadata);
    Ok(refuse_bomb(packed, unpacked.unwrap_or(0))?)
}

fn note(unpacked: Option<u64>, metadata: &mut Metadata) {
    metadata.uncompressed_size = unpacked;
    if unpacked.is_none() {
        metadata.is_partial = Some(true);
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

/// Seven bits a byte, the first the least significant.
fn variable(view: View, at: &mut u64) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = view.u8(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
