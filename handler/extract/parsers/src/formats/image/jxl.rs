//! JPEG XL (ISO 18181): the size header, at the start of a bare codestream or of the one inside a container.

use handler_contract::Metadata;

use super::exif;
use super::fields::{Packets, set_size};
use crate::formats::bits::{Bits, Order};
use crate::formats::boxes::Boxes;
use crate::input::View;

/// The signature and the longest size header, generously.
const HEADER: u64 = 16;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let is_bare = view.has(0, &[0xff, 0x0a]);
    let codestream = if is_bare { view } else { in_container(view)? };
    let is_whole = is_bare || Boxes::of(view).all(|found| found.is_whole);
    if !is_bare {
        describe(view, metadata);
    }
    if !codestream.has(0, &[0xff, 0x0a]) {
        return None;
    }
    let mut bits = Bits::new(codestream.slice_up_to(2, HEADER), Order::Least);
    let small = bits.take(1)? == 1;
    let height = side(&mut bits, small)?;
    let width = match bits.take(3)? {
        0 => side(&mut bits, small)?,
        1 => height,
        2 => height * 12 / 10,
        3 => height * 4 / 3,
        4 => height * 3 / 2,
        5 => height * 16 / 9,
        6 => height * 5 / 4,
        _ => height * 2,
    };
    set_size(metadata, width, height);
    is_whole.then_some(())
}

/// Exif and XMP, which are boxes beside the picture. Compressed ones are not read.
fn describe(view: View, metadata: &mut Metadata) {
    let (mut exif, mut packets) = (exif::Block::default(), Packets::default());
    for found in Boxes::of(view) {
        match &found.name {
            // The block is led by the distance to its start.
            b"Exif" => {
                let start = found.content.u32(0).map(|distance| u64::from(distance) + 4);
                if let Some(block) = start.and_then(|start| found.content.from(start)) {
                    exif.read(block.bytes(), metadata);
                }
            }
            b"xml " => packets.read(found.content.bytes(), metadata),
            _ => {}
        }
    }
}

/// The codestream, or its first piece, in a box.
fn in_container(view: View<'_>) -> Option<View<'_>> {
    Boxes::of(view).find_map(|found| match &found.name {
        b"jxlc" => Some(found.content),
        // A piece is led by its number.
        b"jxlp" => found.content.from(4),
        _ => None,
    })
}

/// The height, or a width that is none of the usual ratios.
fn side(bits: &mut Bits<'_>, small: bool) -> Option<u64> {
    if small {
        return Some((bits.take(5)? + 1) * 8);
    }
    let width = [9, 13, 18, 30][usize::try_from(bits.take(2)?).ok()?];
    Some(bits.take(width)? + 1)
}
