//! Formats whose size is at a fixed offset, or after a few blocks, and that say little else.

use handler_contract::Metadata;

use super::fields::set_size;
use super::{exif, iptc};
use crate::formats::boxes::Boxes;
use crate::input::View;

/// BMP: the oldest headers have sizes of 16 bits; a negative height means that the top row comes first.
pub(super) fn bmp(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    if view.u32(14)? == 12 {
        set_size(metadata, view.u16(18)?, view.u16(20)?);
        return Some(());
    }
    let (width, height) = (view.i32(18)?.unsigned_abs(), view.i32(22)?.unsigned_abs());
    set_size(metadata, width, height);
    // Rows are as long as a multiple of four bytes. Compressed ones have no length of their own.
    let (bits, coding) = (u64::from(view.u16(28)?), view.u32(30)?);
    let row = (u64::from(width) * bits).div_ceil(32) * 4;
    let pixels = if matches!(coding, 0 | 3 | 6) { row.saturating_mul(height.into()) } else { 0 };
    (view.len() >= pixels.saturating_add(view.u32(10)?.into())).then_some(())
}

/// ICO and CUR: the largest picture; a side of 256 is written as 0.
pub(super) fn ico(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let side = |at| view.u8(at).map(|side| if side == 0 { 256 } else { u64::from(side) });
    let entries = (0..u64::from(view.u16(4)?)).map_while(|entry| side(6 + 16 * entry).zip(side(7 + 16 * entry)));
    let (width, height) = entries.max_by_key(|(width, height)| width * height)?;
    set_size(metadata, width, height);
    let ends = (0..u64::from(view.u16(4)?)).map(|entry| {
        let (len, from) = (view.u32(14 + 16 * entry)?, view.u32(18 + 16 * entry)?);
        Some(u64::from(len) + u64::from(from))
    });
    ends.into_iter().all(|end| end.is_some_and(|end| end <= view.len())).then_some(())
}

/// TGA.
pub(super) fn tga(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    set_size(metadata, view.u16(12)?, view.u16(14)?);
    // An identifier, a palette, and the pixels, if they are not packed.
    let palette = (u64::from(view.u16(5)?) * u64::from(view.u8(7)?)).div_ceil(8);
    let pixels = u64::from(view.u16(12)?) * u64::from(view.u16(14)?) * u64::from(view.u8(16)?).div_ceil(8);
    let is_packed = view.u8(2)? >= 9;
    (is_packed || view.len() >= 18 + u64::from(view.u8(0)?) + palette + pixels).then_some(())
}

/// PSD and PSB.
pub(super) fn psd(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    set_size(metadata, view.u32(18)?, view.u32(14)?);
    // Colours, resources, layers: each is preceded by its length. PSB has lengths of 64 bits for layers.
    let resources = 30 + u64::from(view.u32(26)?);
    let layers = resources + 4 + u64::from(view.u32(resources)?);
    iptc::read_resources(view.part_up_to(resources + 4, layers - resources - 4), metadata, |data, metadata| {
        exif::Block::default().read(data, metadata);
    });
    let is_wide = view.u16(4)? == 2;
    let (header, len) = if is_wide { (8, view.u64(layers)?) } else { (4, view.u32(layers)?.into()) };
    // Of the picture after them, at least its coding.
    (view.len() >= layers.checked_add(header + 2)?.checked_add(len)?).then_some(())
}

/// Apple's icons: the largest, by the names of its pictures.
pub(super) fn icns(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let (mut at, mut largest) = (8, 0_u32);
    while let (Some(name), Some(len)) = (view.name(at), view.u32(at + 4)) {
        largest = largest.max(match &name {
            b"ICN#" | b"icl4" | b"icl8" | b"il32" | b"l8mk" | b"ic11" | b"icp5" => 32,
            b"ics#" | b"ics4" | b"ics8" | b"is32" | b"s8mk" | b"icp4" => 16,
            b"ich#" | b"ich4" | b"ich8" | b"ih32" | b"h8mk" => 48,
            b"icp6" | b"ic12" => 64,
            b"it32" | b"t8mk" | b"ic07" => 128,
            b"ic08" | b"ic13" => 256,
            b"ic09" | b"ic14" => 512,
            b"ic10" => 1024,
            _ => 0,
        });
        at += u64::from(len.max(8));
    }
    set_size(metadata, largest, largest);
    (at >= view.len()).then_some(())
}

/// QOI.
pub(super) fn qoi(file: View, metadata: &mut Metadata) -> Option<()> {
    const END: &[u8] = b"\0\0\0\0\0\0\0\x01";
    let view = file.as_big_endian();
    set_size(metadata, view.u32(4)?, view.u32(8)?);
    view.has(view.len().checked_sub(END.len() as u64)?, END).then_some(())
}

/// DDS.
pub(super) fn dds(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    set_size(metadata, view.u32(16)?, view.u32(12)?);
    Some(())
}

/// `OpenEXR`: attributes of name, kind, length and value; the data window is given by its corners, both within.
pub(super) fn exr(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let mut at = 8;
    loop {
        let name = word(view, at)?;
        at += name.len() as u64 + 1;
        let kind = word(view, at)?;
        at += kind.len() as u64 + 1;
        let len = u64::from(view.u32(at)?);
        at += 4;
        if (name, kind) == (b"dataWindow", b"box2i") {
            let side = |from: u64, to: u64| {
                let (from, to) = (view.i32(at + from)?, view.i32(at + to)?);
                u64::try_from(i64::from(to) - i64::from(from) + 1).ok()
            };
            set_size(metadata, side(0, 8)?, side(4, 12)?);
            return Some(());
        }
        at += len;
    }
}

/// The text up to the next NUL; an empty one ends a list.
fn word(view: View<'_>, at: u64) -> Option<&[u8]> {
    let word = view.slice_up_to(at, 256);
    word.get(..word.iter().position(|b| *b == 0)?).filter(|word| !word.is_empty())
}

/// Radiance: lines up to `-Y height +X width`, in whichever order and direction.
pub(super) fn hdr(file: View, metadata: &mut Metadata) -> Option<()> {
    let head = file.slice_up_to(0, 64 * 1024);
    let line = head.split(|b| *b == b'\n').find(|line| matches!(line, [b'+' | b'-', b'X' | b'Y', b' ', ..]))?;
    let mut words = line.split(|b| *b == b' ');
    let (first, height, width) = (words.next()?, number(words.next()?)?, number(words.nth(1)?)?);
    // A picture written column by column is one turned by a quarter.
    if first.ends_with(b"X") {
        set_size(metadata, height, width);
    } else {
        set_size(metadata, width, height);
    }
    Some(())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// PCX: the corners, both within.
pub(super) fn pcx(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let side = |from, to| Some(u64::from(view.u16(to)?.checked_sub(view.u16(from)?)?) + 1);
    set_size(metadata, side(4, 8)?, side(6, 10)?);
    Some(())
}

/// SGI.
pub(super) fn sgi(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    set_size(metadata, view.u16(6)?, view.u16(8)?);
    // Rows of plain bytes have a length; packed ones have tables of their own.
    let (is_packed, bytes) = (view.u8(2)? != 0, u64::from(view.u8(3)?));
    let sides = [view.u16(6)?, view.u16(8)?, view.u16(10).unwrap_or(1).max(1)];
    let pixels = sides.iter().fold(bytes, |product, side| product.saturating_mul((*side).into()));
    (is_packed || view.len() >= 512 + pixels).then_some(())
}

/// Netpbm and PFM: numbers after the name, or, in `P7`, lines of `WIDTH` and `HEIGHT`.
pub(super) fn pnm(file: View, metadata: &mut Metadata) -> Option<()> {
    let head = file.slice_up_to(0, 64 * 1024);
    let mut words = head
        .split(|b| *b == b'\n')
        .map(|line| line.split(|b| *b == b'#').next().unwrap_or_default())
        .flat_map(|line| line.split(u8::is_ascii_whitespace))
        .filter(|word| !word.is_empty());
    let kind = words.next()?;
    let value = |name: &'static [u8]| {
        words.clone().take_while(|word| *word != b"ENDHDR").skip_while(|word| *word != name).nth(1).and_then(number)
    };
    // Bits of a pixel, by the largest value of a sample.
    let bits = |samples: u64, largest: u64| samples.saturating_mul(if largest > 255 { 16 } else { 8 });
    let (width, height, bits) = if kind == b"P7" {
        let (width, height) = (value(b"WIDTH")?, value(b"HEIGHT")?);
        (width, height, bits(value(b"DEPTH").unwrap_or(1), value(b"MAXVAL").unwrap_or(255)))
    } else {
        let (width, height) = (number(words.next()?)?, number(words.next()?)?);
        let bits = match kind {
            b"P4" => 1,
            b"P5" => bits(1, words.next().and_then(number).unwrap_or(255)),
            b"P6" => bits(3, words.next().and_then(number).unwrap_or(255)),
            b"Pf" => 32,
            b"PF" => 96,
            // Written out in digits: one for a point of black and white, and something between others.
            b"P1" => 8,
            b"P2" => 16,
            b"P3" => 48,
            _ => 0,
        };
        (width, height, bits)
    };
    set_size(metadata, width, height);
    let row = width.saturating_mul(bits).div_ceil(8);
    // The header is not counted: what is cut off within its length at the end is not noticed.
    (file.len() >= row.saturating_mul(height)).then_some(())
}

/// EMF: the bounds, in pixels of the device it was made on.
pub(super) fn emf(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let side = |from, to| u64::try_from(i64::from(view.i32(to)?) - i64::from(view.i32(from)?)).ok();
    set_size(metadata, side(8, 16)?, side(12, 20)?);
    (view.len() >= view.u32(48).unwrap_or(0).into()).then_some(())
}

/// JPEG 2000 in its container.
pub(super) fn jp2(file: View, metadata: &mut Metadata) -> Option<()> {
    let header = Boxes::find_path(file.as_big_endian(), &[*b"jp2h", *b"ihdr"])?;
    set_size(metadata, header.u32(4)?, header.u32(0)?);
    Boxes::of(file.as_big_endian()).all(|found| found.is_whole).then_some(())
}

/// JPEG 2000 without a container: the SIZ segment, which always comes first.
pub(super) fn jp2_codestream(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let side = |to, from| view.u32(to)?.checked_sub(view.u32(from)?);
    set_size(metadata, side(8, 16)?, side(12, 20)?);
    // The mark of the end, and perhaps padding.
    let tail = view.from(view.len().saturating_sub(64))?.bytes();
    tail.windows(2).any(|bytes| bytes == b"\xff\xd9").then_some(())
}
