//! HEIF, HEIC and AVIF (ISO 23008-12): the properties of the primary item, and its Exif.

use handler_contract::Metadata;

use super::exif;
use super::fields::{Packets, set_size};
use crate::formats::boxes::Boxes;
use crate::input::View;

/// A version and flags are before the content of a full box.
const FULL_BOX: u64 = 4;

/// More blocks of Exif and XMP than this are not looked up: each costs a walk over the places of all items.
const MOST_ITEMS: usize = 16;
/// More items than this are not walked over. Their numbers are 16 bits wide in nearly every file.
const MOST_PLACES: u32 = 1 << 16;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let file = file.as_big_endian();
    let meta = match Boxes::find(file, *b"meta") {
        Some(meta) => meta.from(FULL_BOX)?,
        None => return read_sequence(file, metadata),
    };
    let primary = Boxes::find(meta, *b"pitm").and_then(|pitm| item_id(pitm, FULL_BOX, pitm.u8(0)? > 0));
    let properties = Boxes::find(meta, *b"iprp")?;
    let container = Boxes::find(properties, *b"ipco")?;

    metadata.has_gps = Some(false);
    read_items(file, meta, metadata);

    let associated = primary.and_then(|primary| associations(properties, primary)).unwrap_or_default();
    let (mut rotation, mut mirror) = (None, None);
    for (index, property) in (1..).zip(Boxes::of(container)) {
        // Without a primary item, whatever comes first.
        if !associated.contains(&index) && (primary.is_some() || metadata.width.is_some()) {
            continue;
        }
        match &property.name {
            b"ispe" => set_size(metadata, property.content.u32(FULL_BOX)?, property.content.u32(FULL_BOX + 4)?),
            b"irot" => rotation = property.content.u8(0).map(|angle| angle & 3),
            b"imir" => mirror = property.content.u8(0).map(|axis| axis & 1),
            _ => {}
        }
    }
    // Only the properties say how to turn the picture. What Exif says is for other formats (ISO 23008-12, annex A.2.1).
    metadata.orientation = Some(orientation(rotation.unwrap_or(0), mirror));
    let is_whole = Boxes::of(file).all(|found| found.is_whole) && has_items(file, meta);
    metadata.width.filter(|_| is_whole).map(|_| ())
}

/// A file that has nothing but a video in it.
fn read_sequence(file: View, metadata: &mut Metadata) -> Option<()> {
    let header = Boxes::find_path(file, &[*b"moov", *b"trak", *b"tkhd"])?;
    let at = header.len().checked_sub(8)?;
    set_size(metadata, header.u32(at)? >> 16, header.u32(at + 4)? >> 16);
    Boxes::of(file).all(|found| found.is_whole).then_some(())
}

/// Turns (quarters of a circle against the clock) and then mirroring (at the horizontal axis, or at the vertical) as
/// the value that Exif has for both.
fn orientation(rotation: u8, mirror: Option<u8>) -> u64 {
    match (rotation, mirror) {
        (0, None) => 1,
        (0, Some(1)) | (2, Some(0)) => 2,
        (2, None) => 3,
        (0 | 2, Some(_)) => 4,
        (1, Some(0)) | (3, Some(1)) => 5,
        (3, None) => 6,
        (1 | 3, Some(_)) => 7,
        (_, _) => 8,
    }
}

/// Items have numbers of 16 bits, or of 32 in later versions of a box.
fn item_id(view: View, at: u64, wide: bool) -> Option<u32> {
    if wide { view.u32(at) } else { view.u16(at).map(u32::from) }
}

/// The properties of an item, as places in the container, counted from 1. They are at most 255: their number is a byte.
fn associations(properties: View, item: u32) -> Option<Vec<u16>> {
    let ipma = Boxes::find(properties, *b"ipma")?;
    let (wide_ids, wide_indices) = (ipma.u8(0)? > 0, ipma.u8(3)? & 1 == 1);
    let mut at = FULL_BOX + 4;
    for _ in 0..ipma.u32(FULL_BOX)?.min(MOST_PLACES) {
        let id = item_id(ipma, at, wide_ids)?;
        at += if wide_ids { 4 } else { 2 };
        let count = u64::from(ipma.u8(at)?);
        at += 1;
        let width = if wide_indices { 2 } else { 1 };
        if id == item {
            let index = |i| {
                let at = at + i * width;
                if wide_indices { ipma.u16(at).map(|i| i & 0x7fff) } else { ipma.u8(at).map(|i| u16::from(i & 0x7f)) }
            };
            return (0..count).map(index).collect();
        }
        at += count * width;
    }
    None
}

/// Reads Exif and XMP, which are items beside the picture.
fn read_items(file: View, meta: View, metadata: &mut Metadata) -> Option<()> {
    let infos = Boxes::find(meta, *b"iinf")?;
    let entries = infos.from(if infos.u8(0)? == 0 { 6 } else { 8 })?;
    let mut looked_up = 0;
    let (mut exif, mut packets) = (exif::Block::default(), Packets::default());
    for info in Boxes::of(entries).filter(|info| info.name == *b"infe") {
        let info = info.content;
        let version = info.u8(0)?;
        if version < 2 {
            continue;
        }
        let wide = version > 2;
        let id = item_id(info, FULL_BOX, wide)?;
        let kind = info.name(FULL_BOX + if wide { 6 } else { 4 })?;
        if !matches!(&kind, b"Exif" | b"mime") {
            continue;
        }
        looked_up += 1;
        if looked_up > MOST_ITEMS {
            break;
        }
        let Some(data) = item_data(file, meta, id) else { continue };
        if &kind == b"Exif" {
            // The block is led by the distance to its start.
            let start = u64::from(data.u32(0)?) + 4;
            if let Some(block) = data.from(start) {
                exif.read(block.bytes(), metadata);
            }
        } else {
            packets.read(data.bytes(), metadata);
        }
    }
    Some(())
}

/// The first extent of an item that is in the file itself.
fn item_data<'a>(file: View<'a>, meta: View<'a>, item: u32) -> Option<View<'a>> {
    let extent = extents(meta)?.find(|extent| extent.item == item)?;
    match extent.method {
        0 => file.part(extent.offset, extent.len),
        1 => Boxes::find(meta, *b"idat")?.part(extent.offset, extent.len),
        _ => None,
    }
}

/// Whether the data of all items are in the file.
fn has_items(file: View, meta: View) -> bool {
    let is_within = |extent: Extent| extent.offset.checked_add(extent.len).is_some_and(|end| end <= file.len());
    extents(meta).is_none_or(|mut extents| extents.all(|extent| extent.method != 0 || is_within(extent)))
}

/// Where the first piece of an item is.
struct Extent {
    item: u32,
    /// From the start of the file (0), of a box beside the items (1), or of another item (2).
    method: u16,
    offset: u64,
    len: u64,
}

/// The places of the items, up to the first that cannot be read.
fn extents(meta: View<'_>) -> Option<impl Iterator<Item = Extent>> {
    let iloc = Boxes::find(meta, *b"iloc")?;
    let version = iloc.u8(0)?;
    let sizes = iloc.u16(FULL_BOX)?;
    let (offset_size, length_size) = (u64::from(sizes >> 12), u64::from(sizes >> 8 & 15));
    let (base_size, index_size) = (u64::from(sizes >> 4 & 15), if version > 0 { u64::from(sizes & 15) } else { 0 });
    let wide = version > 1;
    let count = item_id(iloc, FULL_BOX + 2, wide)?.min(MOST_PLACES);
    let mut at = FULL_BOX + 2 + if wide { 4 } else { 2 };
    let mut next = move || {
        let item = item_id(iloc, at, wide)?;
        at += if wide { 4 } else { 2 };
        let method = if version > 0 { iloc.u16(at)? & 15 } else { 0 };
        at += if version > 0 { 4 } else { 2 };
        let base = sized(iloc, at, base_size)?;
        at += base_size;
        let pieces = u64::from(iloc.u16(at)?);
        at += 2;
        let first = if pieces > 0 {
            let offset = sized(iloc, at + index_size, offset_size)?;
            let len = sized(iloc, at + index_size + offset_size, length_size)?;
            Some(Extent { item, method, offset: base.checked_add(offset)?, len })
        } else {
            None
        };
        at += pieces * (index_size + offset_size + length_size);
        Some(first)
    };
    Some((0..count).map_while(move |_| next()).flatten())
}

/// A number whose width the file chooses: 0, 4 or 8 bytes.
fn sized(view: View, at: u64, size: u64) -> Option<u64> {
    match size {
        0 => Some(0),
        4 => view.u32(at).map(u64::from),
        8 => view.u64(at),
        _ => None,
    }
}
