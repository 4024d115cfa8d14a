//! Formats whose size is at a fixed offset, or after a few blocks, and that say little else.

use handler_contract::Metadata;

use super::fields::set_size;
use crate::formats::boxes::Boxes;
use crate::input::View;

/// BMP: the oldest headers have sizes of 16 bits; a negative height means that the top row comes first.
pub(super) fn bmp(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    if view.u32(14)? == 12 {
        set_size(metadata, view.u16(18)?, view.u16(20)?);
    } else {
        set_size(metadata, view.i32(18)?.unsigned_abs(), view.i32(22)?.unsigned_abs());
    }
    Some(())
}

/// ICO and CUR: the largest picture; a side of 256 is written as 0.
pub(super) fn ico(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let side = |at| view.u8(at).map(|side| if side == 0 { 256 } else { u64::from(side) });
    let entries = (0..u64::from(view.u16(4)?)).map_while(|entry| side(6 + 16 * entry).zip(side(7 + 16 * entry)));
    let (width, height) = entries.max_by_key(|(width, height)| width * height)?;
    set_size(metadata, width, height);
    Some(())
}

/// TGA.
pub(super) fn tga(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    set_size(metadata, view.u16(12)?, view.u16(14)?);
    Some(())
}

/// PSD and PSB.
pub(super) fn psd(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    set_size(metadata, view.u32(18)?, view.u32(14)?);
    Some(())
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
    let view = file.as_big_endian();
    set_size(metadata, view.u32(4)?, view.u32(8)?);
    Some(())
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
    Some(())
}

/// Netpbm and PFM: numbers after the name, or, in `P7`, lines of `WIDTH` and `HEIGHT`.
pub(super) fn pnm(file: View, metadata: &mut Metadata) -> Option<()> {
    let head = file.slice_up_to(0, 64 * 1024);
    let mut words = head
        .split(|b| *b == b'\n')
        .map(|line| line.split(|b| *b == b'#').next().unwrap_or_default())
        .flat_map(|line| line.split(u8::is_ascii_whitespace))
        .filter(|word| !word.is_empty());
    let (width, height) = if words.next()? == b"P7" {
        let value = |name| {
            words.clone().take_while(|word| *word != b"ENDHDR").skip_while(|word| *word != name).nth(1).and_then(number)
        };
        (value(b"WIDTH".as_slice())?, value(b"HEIGHT".as_slice())?)
    } else {
        (number(words.next()?)?, number(words.next()?)?)
    };
    set_size(metadata, width, height);
    Some(())
}

/// EMF: the bounds, in pixels of the device it was made on.
pub(super) fn emf(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let side = |from, to| u64::try_from(i64::from(view.i32(to)?) - i64::from(view.i32(from)?)).ok();
    set_size(metadata, side(8, 16)?, side(12, 20)?);
    Some(())
}

/// JPEG 2000 in its container.
pub(super) fn jp2(file: View, metadata: &mut Metadata) -> Option<()> {
    let header = Boxes::find_path(file.as_big_endian(), &[*b"jp2h", *b"ihdr"])?;
    set_size(metadata, header.u32(4)?, header.u32(0)?);
    Some(())
}

/// JPEG 2000 without a container: the SIZ segment, which always comes first.
pub(super) fn jp2_codestream(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let side = |to, from| view.u32(to)?.checked_sub(view.u32(from)?);
    set_size(metadata, side(8, 16)?, side(12, 20)?);
    Some(())
}
