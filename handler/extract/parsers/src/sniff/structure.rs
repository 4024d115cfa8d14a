//! What proves a type beyond its signature: fields whose values are few, sums and sizes that must be right.
//!
//! Everything is read from the head. What a field refers to beyond it is not looked at.

use super::head::Head;
use crate::input::View;

impl<'a> Head<'a> {
    fn little(self) -> View<'a> {
        View::little_endian(self.bytes)
    }

    fn big(self) -> View<'a> {
        View::big_endian(self.bytes)
    }

    /// Whether the file may have this many bytes.
    fn may_have(self, len: u64) -> bool {
        !self.is_whole || len <= self.bytes.len() as u64
    }
}

/// Whether bytes are among the first `within`.
pub(super) fn holds(head: Head, bytes: &[u8], within: usize) -> bool {
    memchr::memmem::find(&head.bytes[..head.bytes.len().min(within)], bytes).is_some()
}

/// The box that starts an ISO base media file: a length that holds a brand, and a brand of printable characters.
pub(super) fn is_file_type_box(head: Head) -> bool {
    let len = head.big().u32(0).unwrap_or(0);
    let brand = head.bytes.get(8..12);
    (len >= 16 || len == 0) && len <= 4096 && brand.is_some_and(|brand| brand.iter().all(|b| matches!(b, b' '..=b'~')))
}

/// The header of an ID3 tag: a version there is, and four bytes of length without their upper bits.
pub(super) fn is_id3(head: Head) -> bool {
    matches!(head.bytes, [_, _, _, 2..=4, revision, _, length @ ..]
        if *revision != 0xff && length.len() >= 4 && length[..4].iter().all(|byte| byte & 0x80 == 0))
}

/// The sum over the first header of a tar, of any version: no other file has it right by chance.
pub(super) fn is_tar(head: Head) -> bool {
    let Some(block) = head.bytes.get(..512) else { return false };
    // The sum is digits of base eight between blanks and NULs.
    let field = block[148..156].split(|byte| matches!(byte, 0 | b' ')).find(|digits| !digits.is_empty());
    let digits =
        field.and_then(|digits| str::from_utf8(digits).ok()).and_then(|text| u64::from_str_radix(text, 8).ok());
    let value = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) };
    let sum: u64 = block.iter().enumerate().map(value).sum();
    // Some old programs added the bytes up as signed numbers.
    let signed = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { i64::from(byte.cast_signed()) };
    let signed_sum: i64 = block.iter().enumerate().map(signed).sum();
    block[0] != 0 && digits.is_some_and(|digits| digits == sum || i64::try_from(digits) == Ok(signed_sum))
}

/// The marks that end the header of the first entry, or no entry at all.
pub(super) fn is_unix_archive(head: Head) -> bool {
    head.bytes.len() == 8 || head.bytes.get(66..68) == Some(b"`\n")
}

/// The header of a GIF holds a byte that is no letter: sizes, flags, the colour of the ground.
pub(super) fn is_gif(head: Head) -> bool {
    matches!(head.bytes.get(4..6), Some(b"7a" | b"9a"))
        && head.bytes.get(6..13).is_some_and(|header| {
            header.iter().any(|byte| *byte >= 0x7f || *byte < b' ' && !byte.is_ascii_whitespace())
        })
}

/// A bitmap of Windows or OS/2: the length of its second header is one that there is, and there is one plane.
pub(super) fn is_bitmap(head: Head) -> bool {
    let view = head.little();
    let planes = match view.u32(14) {
        Some(12) => view.u16(22),
        Some(16..=64 | 108 | 124) => view.u16(26),
        _ => return false,
    };
    // The file's length is often wrong, and so is the number of planes at times.
    planes.is_some_and(|planes| planes <= 4) && view.u32(10).is_some_and(|pixels| pixels == 0 || pixels >= 26)
}

/// Numbers of a netpbm header, with comments between, and where the pixels start.
fn netpbm_numbers(bytes: &[u8], count: usize) -> Option<(Vec<u64>, usize)> {
    let mut at = 2;
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let start = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'#' if at > start => at += memchr::memchr(b'\n', &bytes[at..])? + 1,
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
        }
        let digits = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if at == start || digits == 0 || digits > 9 {
            return None;
        }
        numbers.push(str::from_utf8(&bytes[at..at + digits]).ok()?.parse().ok()?);
        at += digits;
    }
    bytes.get(at).is_some_and(u8::is_ascii_whitespace).then_some((numbers, at + 1))
}

/// A picture of binary netpbm: its numbers, and as many pixels after them as they say. A text of these numbers is
/// shorter.
pub(super) fn is_netpbm(head: Head) -> bool {
    let is_bitmap = head.bytes[1] == b'4';
    let Some((numbers, pixels)) = netpbm_numbers(head.bytes, if is_bitmap { 2 } else { 3 }) else { return false };
    let (width, height) = (numbers[0], numbers[1]);
    let len = match numbers.get(2) {
        None => width.div_ceil(8).saturating_mul(height),
        Some(0 | 65_536..) => return false,
        Some(most) => {
            let samples = width.saturating_mul(height).saturating_mul(if head.bytes[1] == b'6' { 3 } else { 1 });
            samples.saturating_mul(if *most > 255 { 2 } else { 1 })
        }
    };
    let rest = (head.bytes.len() - pixels) as u64;
    // Of one that was cut off, the pixels show that it is no text.
    let is_binary = head.bytes[pixels..].iter().any(|byte| *byte < 7);
    width > 0 && height > 0 && (len <= rest || !head.is_whole || is_binary)
}

/// A picture written out in digits: its numbers, and nothing but numbers after them.
pub(super) fn is_plain_netpbm(head: Head) -> bool {
    let Some((_, pixels)) = netpbm_numbers(head.bytes, 2) else { return false };
    let lines = head.bytes[pixels..].split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    let mut words = lines.flat_map(|line| line.split(u8::is_ascii_whitespace)).filter(|word| !word.is_empty()).take(16);
    words.all(|word| word.iter().all(u8::is_ascii_digit))
}

/// A picture of floating-point numbers: two numbers, and a scale that is not zero.
pub(super) fn is_float_map(head: Head) -> bool {
    let Some((numbers, at)) = netpbm_numbers(head.bytes, 2) else { return false };
    let scale = head.bytes[at..].split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let scale = str::from_utf8(scale).ok().and_then(|scale| scale.parse::<f64>().ok());
    numbers.iter().all(|number| *number > 0) && scale.is_some_and(|scale| scale.is_finite() && scale != 0.0)
}

/// A directory of icons: each entry's picture is after the directory and has a length, and within the file.
pub(super) fn is_icon(head: Head) -> bool {
    let view = head.little();
    let count = view.u16(4).map_or(0, u64::from);
    let directory = 6 + 16 * count;
    count > 0
        && head.may_have(directory)
        && (0..count.min(4)).all(|entry| {
            let at = 6 + 16 * entry;
            let place = view.u32(at + 8).zip(view.u32(at + 12)).zip(view.u8(at + 3));
            place.is_some_and(|((len, from), reserved)| {
                matches!(reserved, 0 | 0xff)
                    && len >= 16
                    && u64::from(from) >= directory
                    && head.may_have(u64::from(from) + 16)
            })
        })
}

/// A picture of PC Paintbrush: a version, bits, and corners that are in order.
pub(super) fn is_pcx(head: Head) -> bool {
    let view = head.little();
    let corner = |at| view.u16(at).unwrap_or(0);
    matches!(head.bytes, [_, 0 | 2..=5, _, 1 | 2 | 4 | 8, ..])
        && head.bytes.get(64) == Some(&0)
        && corner(8) >= corner(4)
        && corner(10) >= corner(6)
}

/// TGA has no signature, but few values are possible at its start: a palette or none, with its place, a coding, a
/// size, bits a pixel. Pixels that are not packed need their room, and newer files end with a name.
pub(super) fn is_tga(head: Head) -> bool {
    let [id, palette, coding, p0, p1, p2, p3, entry, _, _, _, _, w0, w1, h0, h1, depth, attributes, ..] = *head.bytes
    else {
        return false;
    };
    let has_palette = match (palette, coding) {
        (0, 2 | 3 | 10 | 11) => [p0, p1, p2, p3, entry] == [0; 5],
        (1, 1 | 9) => (p2, p3) != (0, 0) && matches!(entry, 15 | 16 | 24 | 32),
        _ => false,
    };
    let (width, height) = (u64::from(u16::from_le_bytes([w0, w1])), u64::from(u16::from_le_bytes([h0, h1])));
    let has_depth = match coding {
        3 | 11 => matches!(depth, 8 | 16),
        1 | 9 => matches!(depth, 8 | 16),
        _ => matches!(depth, 15 | 16 | 24 | 32),
    };
    let is_named = head.is_whole && head.bytes.ends_with(b"TRUEVISION-XFILE.\0");
    let pixels = width * height * u64::from(depth.div_ceil(8));
    let packed = if coding >= 9 { pixels / 128 } else { pixels };
    has_palette
        && width > 0
        && height > 0
        && has_depth
        && attributes & 0xc0 == 0
        && attributes & 15 <= 8
        && (is_named || head.may_have(18 + u64::from(id) + packed / 2))
}

/// Audio of Sun: a coding that there is, and samples right after the header.
pub(super) fn is_au(head: Head) -> bool {
    let view = head.big();
    view.u32(4).is_some_and(|offset| (24..1 << 16).contains(&offset))
        && view.u32(12).is_some_and(|c| (1..=27).contains(&c))
}

/// A table of dBase: a version, a date, and a header that is a whole number of fields long.
pub(super) fn is_dbase(head: Head) -> bool {
    let view = head.little();
    let is_version = matches!(
        head.bytes.first(),
        Some(0x02 | 0x03 | 0x04 | 0x05 | 0x30 | 0x31 | 0x32 | 0x43 | 0x63 | 0x83 | 0x8b | 0x8e | 0xcb | 0xf5 | 0xfb)
    );
    let is_date = matches!(head.bytes, [_, _, 1..=12, 1..=31, ..]);
    let (Some(header), Some(record)) = (view.u16(8), view.u16(10)) else { return false };
    let fields = u64::from(header).checked_sub(33);
    // After its fields a header ends with a carriage return; Visual FoxPro has a path after that.
    let end = fields.filter(|len| *len >= 32).map(|len| 32 + len / 32 * 32);
    let ends = |at: u64| (at..=at + 1).any(|at| view.u8(at) == Some(0x0d));
    let is_foxpro = || u64::from(header).checked_sub(264).is_some_and(|at| view.u8(at) == Some(0x0d));
    is_version && is_date && record > 0 && end.is_some_and(|end| ends(end) || is_foxpro())
}

/// An object file: a machine's number is two bytes, so sections and the optional header must be right too.
pub(super) fn is_coff(head: Head) -> bool {
    let view = head.little();
    let sections = view.u16(2).unwrap_or(0);
    let symbols = view.u32(8).unwrap_or(u32::MAX);
    (1..1000).contains(&sections)
        && view.u16(16) == Some(0)
        && head.may_have(20 + 40 * u64::from(sections))
        && head.may_have(symbols.into())
}

/// The digits of the three textual kinds, or a binary header whose name is as long as it says.
pub(super) fn is_cpio(head: Head) -> bool {
    let digits = matches!(head.bytes.get(..6), Some(b"070701" | b"070702" | b"070707"));
    let has_name = |view: View| {
        let name = view.u16(20).filter(|len| (2..1024).contains(len)).and_then(|len| view.slice(26, len.into()));
        name.is_some_and(|name| name.ends_with(b"\0") && !name[..name.len() - 1].contains(&0))
    };
    digits || !head.bytes.starts_with(b"0707") && (has_name(head.little()) || has_name(head.big()))
}

/// A chunk of Android's resources says how long the file is.
pub(super) fn is_android_chunk(head: Head) -> bool {
    let len = head.little().u32(4).map_or(0, u64::from);
    if head.is_whole { len == head.bytes.len() as u64 } else { len > head.bytes.len() as u64 }
}

/// A header of MPEG audio in which no value is a forbidden one.
pub(super) fn is_mpeg_audio(head: Head) -> bool {
    matches!(head.bytes, [0xff, second, third, ..]
        if second >> 3 & 3 != 1 && second >> 1 & 3 != 0 && third >> 4 != 15 && third >> 2 & 3 != 3)
}

/// A header of AAC that says how long its frame is.
pub(super) fn is_adts(head: Head) -> bool {
    matches!(*head.bytes, [0xff, second, third, fourth, fifth, sixth, ..]
        if second & 0xf6 == 0xf0
            && third >> 2 & 15 < 13
            && u32::from(fourth & 3) << 11 | u32::from(fifth) << 3 | u32::from(sixth >> 5) >= 7)
}

/// A header of AC-3 with a sample rate and a frame size that there are, or one of E-AC-3.
pub(super) fn is_ac3(head: Head) -> bool {
    matches!(*head.bytes, [0x0b, 0x77, _, _, rate, version, ..]
        if matches!(version >> 3, 11..=16) || rate >> 6 != 3 && rate & 0x3f < 38 && version >> 3 <= 10)
}

/// The mark of a packet at the start of each of the first packets.
pub(super) fn is_transport_stream(head: Head) -> bool {
    let packets = |first: usize, len: usize| {
        let mut marks = head.bytes.iter().skip(first).step_by(len).take(8);
        marks.len() >= 2 && marks.all(|mark| *mark == 0x47)
    };
    packets(0, 188) || packets(4, 192)
}

/// An animation of Autodesk: frames, a size, and bits a pixel.
pub(super) fn is_animation(head: Head) -> bool {
    let view = head.little();
    let number = |at| view.u16(at).unwrap_or(0);
    number(6) > 0
        && (1..=4096).contains(&number(8))
        && (1..=4096).contains(&number(10))
        && matches!(number(12), 0 | 8 | 15 | 16 | 24)
}

/// A picture of SGI: packed or not, one or two bytes a sample, up to three dimensions.
pub(super) fn is_sgi(head: Head) -> bool {
    matches!(head.bytes, [_, _, 0 | 1, 1 | 2, 0, 1..=3, ..])
}

/// The directory of a font: names of tables.
pub(super) fn is_true_type(head: Head) -> bool {
    let view = head.big();
    let tables = view.u16(4).unwrap_or(0);
    head.bytes.starts_with(b"true")
        || (1..=96).contains(&tables)
            && view.name(12).is_some_and(|name| name.iter().all(|byte| matches!(byte, b' '..=b'~')))
}
