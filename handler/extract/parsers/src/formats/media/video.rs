//! The size of a picture out of the headers of coded video: MPEG-1 and -2, H.264, H.265.

use std::borrow::Cow;

use crate::formats::bits::{Bits, Order};

/// What the headers in a piece of video say: the size in pixels.
pub(super) type Size = (u64, u64);

/// A parameter set is not longer than this. Bytes.
const LONGEST_SET: usize = 1 << 10;
/// Reference frames, and points of a table, that a parameter set may list.
const MOST_LISTED: u64 = 256;

/// The units between start codes (`00 00 01`), without them.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memchr::memmem::find_iter(bytes, b"\0\0\x01").map(|at| at + 3).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        let end = starts.peek().map_or(bytes.len(), |next| next - 3);
        bytes.get(start..end)
    })
}

/// MPEG-1 and MPEG-2 (ISO 13818-2, section 6.2.2.1): a sequence header.
pub(super) fn mpeg_size(bytes: &[u8]) -> Option<Size> {
    let header = units(bytes).find_map(|unit| unit.strip_prefix(&[0xb3]))?;
    let mut bits = Bits::new(header, Order::Most);
    Some((bits.take(12)?, bits.take(12)?)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// Whether a sequence of MPEG has the extension that makes it MPEG-2.
pub(super) fn is_mpeg_2(bytes: &[u8]) -> bool {
    units(bytes).any(|unit| matches!(unit, [0xb5, first, ..] if first >> 4 == 1))
}

/// H.264 (section 7.3.2.1.1): a sequence parameter set.
pub(super) fn h264_size(bytes: &[u8]) -> Option<Size> {
    let set = units(bytes).find(|unit| unit.first().is_some_and(|kind| kind & 0x1f == 7))?;
    h264_set(&without_emulation(set.get(1..)?))
}

/// H.265 (section 7.3.2.2): a sequence parameter set.
pub(super) fn h265_size(bytes: &[u8]) -> Option<Size> {
    let set = units(bytes).find(|unit| unit.first().is_some_and(|kind| kind >> 1 & 0x3f == 33))?;
    h265_set(&without_emulation(set.get(2..)?))
}

fn h264_set(set: &[u8]) -> Option<Size> {
    /// Profiles that say how colours are sampled.
    const HIGH: [u64; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
    let mut bits = Bits::new(set, Order::Most);
    let profile = bits.take(8)?;
    bits.skip(16);
    golomb(&mut bits)?;
    let (mut chroma, mut separate) = (1, false);
    if HIGH.contains(&profile) {
        chroma = golomb(&mut bits)?;
        if chroma == 3 {
            separate = bits.take(1)? == 1;
        }
        golomb(&mut bits)?;
        golomb(&mut bits)?;
        bits.skip(1);
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    golomb(&mut bits)?;
    match golomb(&mut bits)? {
        0 => {
            golomb(&mut bits)?;
        }
        1 => {
            bits.skip(1);
            golomb(&mut bits)?;
            golomb(&mut bits)?;
            for _ in 0..golomb(&mut bits)?.min(MOST_LISTED) {
                golomb(&mut bits)?;
            }
        }
        _ => {}
    }
    golomb(&mut bits)?;
    bits.skip(1);
    let width = (golomb(&mut bits)? + 1) * 16;
    let rows = golomb(&mut bits)? + 1;
    let is_frame = bits.take(1)? == 1;
    let fields = if is_frame { 1 } else { 2 };
    if !is_frame {
        bits.skip(1);
    }
    bits.skip(1);
    let height = rows * 16 * fields;
    let [left, right, top, bottom] = crop(&mut bits)?;
    let (wide, high) = match chroma {
        1 if !separate => (2, 2),
        2 if !separate => (2, 1),
        _ => (1, 1),
    };
    let width = width.checked_sub((left + right).checked_mul(wide)?)?;
    let height = height.checked_sub((top + bottom).checked_mul(high * fields)?)?;
    Some((width, height)).filter(|(width, height)| *width > 0 && *height > 0)
}

fn h265_set(set: &[u8]) -> Option<Size> {
    let mut bits = Bits::new(set, Order::Most);
    bits.skip(4);
    let layers = bits.take(3)?;
    bits.skip(1);
    // Profile and level of the whole, and of each layer that has them.
    bits.skip(88 + 8);
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.take(1)?, bits.take(1)?));
    }
    if layers > 0 {
        bits.skip(2 * usize::try_from(8 - layers).ok()?);
    }
    for (profile, level) in present {
        bits.skip(if profile == 1 { 88 } else { 0 } + if level == 1 { 8 } else { 0 });
    }
    golomb(&mut bits)?;
    let chroma = golomb(&mut bits)?;
    if chroma == 3 {
        bits.skip(1);
    }
    let (width, height) = (golomb(&mut bits)?, golomb(&mut bits)?);
    let [left, right, top, bottom] = crop(&mut bits)?;
    let (wide, high) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let width = width.checked_sub((left + right).checked_mul(wide)?)?;
    let height = height.checked_sub((top + bottom).checked_mul(high)?)?;
    Some((width, height)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// What is cut off at the left, the right, the top and the bottom, in units of the colours' sampling.
fn crop(bits: &mut Bits<'_>) -> Option<[u64; 4]> {
    if bits.take(1)? == 0 {
        return Some([0; 4]);
    }
    let mut sides = [0; 4];
    for side in &mut sides {
        *side = golomb(bits)?;
    }
    Some(sides)
}

fn skip_scaling_list(bits: &mut Bits<'_>, len: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + signed_golomb(bits)?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// A number of up to 32 bits as these standards write it: as many zeros as it has bits after the first.
fn golomb(bits: &mut Bits<'_>) -> Option<u64> {
    let mut zeros = 0;
    while bits.take(1)? == 0 {
        zeros += 1;
        if zeros > 32 {
            return None;
        }
    }
    Some((1 << zeros) - 1 + bits.take(zeros)?)
}

fn signed_golomb(bits: &mut Bits<'_>) -> Option<i64> {
    let number = i64::try_from(golomb(bits)?).ok()?;
    Some(if number % 2 == 0 { -(number / 2) } else { number / 2 + 1 })
}

/// A three after two zeros keeps the content from looking like a start code, and is no part of it.
fn without_emulation(unit: &[u8]) -> Cow<'_, [u8]> {
    let unit = &unit[..unit.len().min(LONGEST_SET)];
    if memchr::memmem::find(unit, b"\0\0\x03").is_none() {
        return unit.into();
    }
    let (mut kept, mut zeros) = (Vec::with_capacity(unit.len()), 0);
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        kept.push(*byte);
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_each_coding() {
        // Of x264, 64 × 48 pixels with all colours; of x264, 1920 × 1080, of which eight rows are cut off.
        let small = b"\0\0\0\x01\x67\xf4\0\x0a\x91\x9b\x28\x8f\x60\x22\0\0\x03\0\x02\0\0\x03\0\x28\x1e\x24\x4b\x2c";
        let large =
            b"\0\0\x01\x67\x64\0\x28\xac\xd9\x40\x78\x02\x27\xe5\xc0\x44\0\0\x03\0\x04\0\0\x03\0\xf0\x3c\x60\xc6\x58";
        assert_eq!(h264_size(small), Some((64, 48)));
        assert_eq!(h264_size(large), Some((1920, 1080)));
        // Of x265, 1920 × 1080.
        let hevc =
            b"\0\0\0\x01\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x78\xa0\x03\xc0\x80\x10\xe5\x96\x56\x69";
        assert_eq!(h265_size(hevc), Some((1920, 1080)));
        let mpeg = b"\0\0\x01\xb3\x16\x01\x20\x33\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a";
        assert_eq!((mpeg_size(mpeg), is_mpeg_2(mpeg)), (Some((352, 288)), true));
        assert!(!is_mpeg_2(&mpeg[..12]));
    }

    #[test]
    fn what_is_cut_or_lies_has_no_size() {
        let set =
            b"\0\0\x01\x67\x64\0\x28\xac\xd9\x40\x78\x02\x27\xe5\xc0\x44\0\0\x03\0\x04\0\0\x03\0\xf0\x3c\x60\xc6\x58";
        for at in 0..set.len() {
            h264_size(&set[..at]);
            h265_size(&set[..at]);
            let mut mangled = set.to_vec();
            for value in [0, 1, 0x7f, 0xff] {
                mangled[at] = value;
                h264_size(&mangled);
                mangled[3] = 0x42;
                h265_size(&mangled);
            }
        }
        assert_eq!(h264_size(b"\0\0\x01\x67\x64\0\x28\0\0\0\0\0\0\0\0"), None);
    }
}
