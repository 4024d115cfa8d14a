//! ID3: version 2 (2.2, 2.3, 2.4) before the audio or in a chunk of its own, version 1 in the last 128 bytes.

use std::borrow::Cow;

use handler_contract::Metadata;

use super::fields::track_number;
use crate::formats::date::from_numbers;
use crate::formats::value::{clean, clean_bytes};
use crate::input::View;

const HEADER: u64 = 10;
/// A tag is read up to here; after the texts there may be pictures.
const LONGEST_TAG: u64 = 1 << 20;
/// More tags than this before the audio are not read.
const MOST_TAGS: usize = 16;

/// Reads the tags that a file starts with, and returns where they end.
pub(super) fn read_leading(file: View, metadata: &mut Metadata) -> u64 {
    leading_tags(file, |tag| read(tag, metadata)).min(file.len())
}

/// Where the tags that a file starts with end, which may be after the bytes that there are.
pub(super) fn leading_end(file: View) -> u64 {
    leading_tags(file, |_| ())
}

fn leading_tags<'a>(file: View<'a>, mut take: impl FnMut(View<'a>)) -> u64 {
    let mut at = 0_u64;
    for _ in 0..MOST_TAGS {
        let Some(tag) = file.from(at) else { break };
        let Some(len) = tag_len(tag) else { break };
        take(tag);
        at = at.saturating_add(len);
    }
    at
}

/// The whole length of the tag that starts here.
fn tag_len(tag: View) -> Option<u64> {
    let view = tag.as_big_endian();
    if !view.has(0, b"ID3") || view.u8(3)? > 4 {
        return None;
    }
    // Version 2.4 may repeat its header at the end (section 3.4).
    let footer = if view.u8(3)? == 4 && view.u8(5)? & 0x10 != 0 { HEADER } else { 0 };
    Some(u64::from(synchsafe(view.u32(6)?)) + HEADER + footer)
}

/// Seven bits a byte.
fn synchsafe(number: u32) -> u32 {
    (number & 0x7f) | (number >> 1 & 0x3f80) | (number >> 2 & 0x1f_c000) | (number >> 3 & 0x0fe0_0000)
}

/// Reads the tag that starts here, as far as it can be read.
pub(super) fn read(tag: View, metadata: &mut Metadata) {
    let (Some(len), Some(version), Some(flags)) = (tag_len(tag), tag.u8(3), tag.u8(5)) else { return };
    let body = tag.slice_up_to(HEADER, (len - HEADER).min(LONGEST_TAG));
    // Before version 2.4 unsynchronisation is a flag of the tag as a whole.
    let body = if flags & 0x80 != 0 && version < 4 { without_unsynchronisation(body) } else { body.into() };
    let view = View::big_endian(&body);
    let mut at = 0;
    // Some programs set the mark of an extended header and write none.
    if flags & 0x40 != 0 && !view.slice(0, 4).is_some_and(is_name) {
        let size = view.u32(0).unwrap_or(0);
        at = match version {
            3 => u64::from(size) + 4,
            4 => synchsafe(size).into(),
            _ => return,
        };
    }
    while let Some(frame) = Frame::at(view, at, version) {
        at = frame.end;
        read_frame(&frame, metadata);
    }
}

/// A zero after every byte that would look like the start of a sync.
fn without_unsynchronisation(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut previous = 0;
    let kept = bytes.iter().copied().filter(|byte| {
        let is_added = previous == 0xff && *byte == 0;
        previous = *byte;
        !is_added
    });
    Cow::Owned(kept.collect())
}

fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

struct Frame<'a> {
    name: [u8; 4],
    content: Cow<'a, [u8]>,
    end: u64,
}

impl<'a> Frame<'a> {
    fn at(view: View<'a>, at: u64, version: u8) -> Option<Self> {
        if version < 3 {
            let (name, len) = (view.slice(at, 3)?, u64::from(view.u24(at + 3)?));
            let content = view.slice_up_to(at + 6, len).into();
            return is_name(name).then(|| Self { name: [name[0], name[1], name[2], 0], content, end: at + 6 + len });
        }
        let (name, size, flags) = (view.name(at)?, view.u32(at + 4)?, view.u16(at + 8)?);
        if !is_name(&name) {
            return None;
        }
        let len = if version == 3 { size } else { size_2_4(view, at, size) };
        let end = at + HEADER + u64::from(len);
        let mut content = view.slice_up_to(at + HEADER, len.into());
        let (packed, unsynchronised, has_length) = if version == 3 {
            (flags & 0xc0 != 0, false, false)
        } else {
            (flags & 0x0c != 0, flags & 2 != 0, flags & 1 != 0)
        };
        if has_length {
            content = content.get(4..).unwrap_or_default();
        }
        // Compressed or encrypted: nothing that is kept of a file ever is.
        if packed {
            content = &[];
        }
        let content = if unsynchronised { without_unsynchronisation(content) } else { content.into() };
        Some(Self { name, content, end })
    }
}

/// The size of a frame of version 2.4 is written with seven bits a byte, but a widespread program writes it with
/// eight: right is what another frame, padding or the end follows.
fn size_2_4(view: View, at: u64, size: u32) -> u32 {
    let fits = |len: u32| {
        let next = at + HEADER + u64::from(len);
        next >= view.len() || view.name(next).is_none_or(|name| name == [0; 4] || is_name(&name))
    };
    let safe = synchsafe(size);
    if size & 0x8080_8080 != 0 || (!fits(safe) && fits(size)) { size } else { safe }
}

fn read_frame(frame: &Frame, metadata: &mut Metadata) {
    let text = || text(&frame.content);
    match &frame.name {
        b"TIT2" | b"TT2\0" if metadata.title.is_none() => metadata.title = text(),
        b"TPE1" | b"TP1\0" if metadata.author.is_none() => metadata.author = text(),
        b"TALB" | b"TAL\0" if metadata.album.is_none() => metadata.album = text(),
        b"TCON" | b"TCO\0" if metadata.genre.is_none() => metadata.genre = text().and_then(|genre| named_genre(&genre)),
        b"TRCK" | b"TRK\0" if metadata.track_number.is_none() => {
            metadata.track_number = text().as_deref().and_then(track_number);
        }
        b"TDRC" | b"TYER" | b"TYE\0" if metadata.date_created.is_none() => {
            metadata.date_created = text().as_deref().and_then(from_numbers);
        }
        _ => {}
    }
}

/// A byte for the encoding, then text. More than one value is parted by zeros; the first counts.
fn text(content: &[u8]) -> Option<String> {
    let (encoding, text) = content.split_first()?;
    let text = &text[..text.len().min(4096)];
    match encoding {
        0 | 3 => clean_bytes(text),
        1 | 2 => {
            let (order, text) = match text {
                [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes as fn([u8; 2]) -> u16, rest),
                [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes as fn([u8; 2]) -> u16, rest),
                rest if *encoding == 1 => (u16::from_le_bytes as fn([u8; 2]) -> u16, rest),
                rest => (u16::from_be_bytes as fn([u8; 2]) -> u16, rest),
            };
            let units = text.chunks_exact(2).map(|pair| order([pair[0], pair[1]])).take_while(|unit| *unit != 0);
            clean(&char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>())
        }
        _ => None,
    }
}

/// `17`, `(17)`, `(17)Rock` or a name.
fn named_genre(text: &str) -> Option<String> {
    let number = text.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    match number {
        Some((number, "")) => number.parse().ok().and_then(genre),
        Some((number, name)) if number.parse::<u8>().is_ok() => clean(name),
        _ => text.parse().ok().map_or_else(|| Some(text.to_owned()), genre),
    }
}

/// The genres that ID3 numbered; those that others added later are not among them.
pub(super) fn genre(number: u8) -> Option<String> {
    const GENRES: &str = "Blues,Classic Rock,Country,Dance,Disco,Funk,Grunge,Hip-Hop,Jazz,Metal,New Age,Oldies,Other,\
        Pop,R&B,Rap,Reggae,Rock,Techno,Industrial,Alternative,Ska,Death Metal,Pranks,Soundtrack,Euro-Techno,Ambient,\
        Trip-Hop,Vocal,Jazz+Funk,Fusion,Trance,Classical,Instrumental,Acid,House,Game,Sound Clip,Gospel,Noise,\
        Alt. Rock,Bass,Soul,Punk,Space,Meditative,Instrumental Pop,Instrumental Rock,Ethnic,Gothic,Darkwave,\
        Techno-Industrial,Electronic,Pop-Folk,Eurodance,Dream,Southern Rock,Comedy,Cult,Gangsta Rap,Top 40,\
        Christian Rap,Pop/Funk,Jungle,Native American,Cabaret,New Wave,Psychedelic,Rave,Showtunes,Trailer,Lo-Fi,\
        Tribal,Acid Punk,Acid Jazz,Polka,Retro,Musical,Rock & Roll,Hard Rock";
    GENRES.split(',').nth(number.into()).map(str::to_owned)
}

/// Version 1: fields of fixed length, filled up with zeros or blanks.
pub(super) fn read_trailing(file: View, metadata: &mut Metadata) {
    let tag = file.len().checked_sub(128).and_then(|at| file.slice(at, 128));
    let Some(tag) = tag.filter(|tag| tag.starts_with(b"TAG")) else { return };
    let field = |from: usize, len: usize| clean_bytes(&tag[from..from + len]);
    metadata.title = metadata.title.take().or_else(|| field(3, 30));
    metadata.author = metadata.author.take().or_else(|| field(33, 30));
    metadata.album = metadata.album.take().or_else(|| field(63, 30));
    metadata.date_created = metadata.date_created.take().or_else(|| field(93, 4).as_deref().and_then(from_numbers));
    metadata.genre = metadata.genre.take().or_else(|| genre(tag[127]));
    // Version 1.1 has the track after a comment that is two bytes shorter.
    if tag[125] == 0 && tag[126] != 0 {
        metadata.track_number.get_or_insert(tag[126].into());
    }
}
