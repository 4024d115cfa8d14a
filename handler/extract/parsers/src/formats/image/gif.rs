//! GIF (`CompuServe` 89a): a walk over the blocks; pictures are counted, not unpacked.

use handler_contract::Metadata;

use super::fields::{Packets, set_frames, set_size};
use crate::formats::xmp;
use crate::input::View;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let (width, height) = (view.u16(6)?, view.u16(8)?);
    set_size(metadata, width, height);
    let mut at = 13 + color_table(view.u8(10)?);
    let (mut frames, mut packets) = (0, Packets::default());
    let complete = loop {
        match view.u8(at) {
            Some(0x3b) => break Some(()),
            // An extension: its label, then data. A packet of XMP is written as it is, and its last bytes are such that
            // they lead to the end of the data from wherever they are read.
            Some(0x21) => {
                if view.has(at + 1, b"\xff\x0bXMP DataXMP") {
                    packets.read(view.slice_up_to(at + 14, xmp::LARGEST as u64), metadata);
                }
                at += 2;
            }
            Some(0x2c) => {
                let Some(flags) = view.u8(at + 9) else { break None };
                frames += 1;
                // Some encoders leave the screen's size empty, and viewers take the first picture's.
                if (width == 0 || height == 0) && frames == 1 {
                    set_size(metadata, view.u16(at + 5)?, view.u16(at + 7)?);
                }
                // The descriptor, its colours, the size of a code, then data.
                at += 10 + color_table(flags) + 1;
            }
            // Stray bytes between blocks, which every viewer steps over.
            Some(_) => {
                at += 1;
                continue;
            }
            None => break None,
        }
        match after_data(view, at) {
            Some(next) => at = next,
            None => break None,
        }
    };
    set_frames(metadata, frames);
    complete
}

fn color_table(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where the sub-blocks that start at `at` end: each is preceded by its length, the last has none.
fn after_data(view: View, mut at: u64) -> Option<u64> {
    loop {
        match view.u8(at)? {
            0 => return Some(at + 1),
            len => at += 1 + u64::from(len),
        }
    }
}
