//! Zstandard (RFC 8878): a walk over frames and blocks, for the sizes that frames declare.

use handler_contract::{Failure, Metadata};

use super::failures::{malformed, refuse_bomb};
use super::records::{Next, Records};
use super::stream::StreamReader;
use crate::input::View;

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

/// A walk over frames and blocks.
pub(super) struct ZstdReader {
    records: Records,
    frames: Frames,
    packed: u64,
}

struct Frames {
    at: At,
    has_checksum: bool,
    /// The size of all frames so far, as long as each declares one.
    declared: Option<u64>,
    count: u64,
    is_broken: bool,
}

impl ZstdReader {
    pub(super) fn new() -> Self {
        let frames = Frames { at: At::Magic, has_checksum: false, declared: Some(0), count: 0, is_broken: false };
        Self { records: Records::new(4), frames, packed: 0 }
    }
}

impl StreamReader for ZstdReader {
    fn feed(&mut self, piece: &[u8]) {
        self.packed += piece.len() as u64;
        let frames = &mut self.frames;
        self.records.feed(piece, |record| frames.take(record));
    }

    fn finish(self, metadata: &mut Metadata) -> Result<(), Failure> {
        let Frames { at, declared, count, is_broken, .. } = self.frames;
        if count == 0 && is_broken {
            return Err(malformed("its first frame is damaged"));
        }
        metadata.uncompressed_size = declared;
        if is_broken || at != At::Magic || !self.records.is_between() {
            metadata.is_partial = Some(true);
        }
        refuse_bomb(self.packed, declared.unwrap_or(0))
    }
}

#[derive(PartialEq)]
enum At {
    Magic,
    SkippableSize,
    Descriptor,
    Header { descriptor: u8 },
    Block,
}

impl Frames {
    fn take(&mut self, record: &[u8]) -> Next {
        self.step(View::little_endian(record)).unwrap_or_else(|| {
            self.is_broken = true;
            Next { skip: 0, record_len: None }
        })
    }

    fn step(&mut self, record: View) -> Option<Next> {
        let (at, skip, len) = match self.at {
            At::Magic => match record.u32(0)? {
                MAGIC => (At::Descriptor, 0, 1),
                magic if magic & !15 == SKIPPABLE => (At::SkippableSize, 0, 4),
                _ => return None,
            },
            At::SkippableSize => (At::Magic, u64::from(record.u32(0)?), 4),
            At::Descriptor => {
                let descriptor = record.u8(0)?;
                self.has_checksum = descriptor & 4 != 0;
                self.count += 1;
                let len = before_size(descriptor) + size_len(descriptor);
                // A header is never without a window or a size.
                (At::Header { descriptor }, 0, len)
            }
            At::Header { descriptor } => {
                let at = before_size(descriptor) as u64;
                let size = match size_len(descriptor) {
                    1 => Some(u64::from(record.u8(at)?)),
                    // Counted from the first that needs two bytes.
                    2 => Some(u64::from(record.u16(at)?) + 256),
                    4 => Some(u64::from(record.u32(at)?)),
                    8 => Some(record.u64(at)?),
                    _ => None,
                };
                self.declared = self.declared.zip(size).map(|(sum, size)| sum.saturating_add(size));
                (At::Block, 0, 3)
            }
            At::Block => {
                let header = record.u24(0)?;
                // One byte that is repeated, or bytes.
                let len = match header >> 1 & 3 {
                    1 => 1,
                    3 => return None,
                    _ => u64::from(header >> 3),
                };
                if header & 1 == 0 {
                    (At::Block, len, 3)
                } else {
                    (At::Magic, len + if self.has_checksum { 4 } else { 0 }, 4)
                }
            }
        };
        self.at = at;
        Some(Next { skip, record_len: Some(len) })
    }
}

/// Bytes of a frame's header before its size: a window, unless the frame is one piece, and a dictionary's number.
fn before_size(descriptor: u8) -> usize {
    usize::from(descriptor & 0x20 == 0) + [0, 1, 2, 4][usize::from(descriptor & 3)]
}

fn size_len(descriptor: u8) -> usize {
    match descriptor >> 6 {
        0 => usize::from(descriptor & 0x20 != 0),
        flag => 1 << flag,
    }
}
