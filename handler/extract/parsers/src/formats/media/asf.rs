//! ASF, which WMA and WMV are: objects named by identifiers of 16 bytes, in one header object.

use handler_contract::Metadata;

use super::fields::{add_codec, seconds, track_number};
use super::riff;
use crate::formats::date::from_numbers;
use crate::formats::value::clean;
use crate::input::View;

pub(super) const FILE_PROPERTIES: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\0\xc0\x0c\x20\x53\x65";
pub(super) const STREAM_PROPERTIES: [u8; 16] = *b"\x91\x07\xdc\xb7\xb7\xa9\xcf\x11\x8e\xe6\0\xc0\x0c\x20\x53\x65";
pub(super) const CONTENT_DESCRIPTION: [u8; 16] = *b"\x33\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c";
const EXTENDED_CONTENT: [u8; 16] = *b"\x40\xa4\xd0\xd2\x07\xe3\xd2\x11\x97\xf0\0\xa0\xc9\x5e\xa8\x50";
pub(super) const AUDIO: [u8; 16] = *b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\0\x80\x5f\x5c\x44\x2b";
const VIDEO: [u8; 16] = *b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\0\x80\x5f\x5c\x44\x2b";

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let header = view.u64(16)?;
    let mut declared = 0;
    let mut at = 30_u64;
    while at < header {
        let (name, len) = (view.slice(at, 16)?, view.u64(at + 16)?);
        let object = view.part_up_to(at + 24, len.saturating_sub(24));
        if name == FILE_PROPERTIES {
            declared = object.u64(16)?;
            // Both in units of their own: 100 nanoseconds, and milliseconds that are loaded before.
            let (plays, loads) = (object.u64(40)? / 10_000, object.u64(56)?);
            metadata.duration = seconds(plays.saturating_sub(loads), 1000).filter(|seconds| *seconds > 0.0);
        } else if name == STREAM_PROPERTIES {
            stream(object, metadata);
        } else if name == CONTENT_DESCRIPTION {
            description(object, metadata);
        } else if name == EXTENDED_CONTENT {
            extended(object, metadata);
        }
        at = at.checked_add(len.max(24))?;
    }
    (view.len() >= declared).then_some(())
}

fn stream(object: View, metadata: &mut Metadata) -> Option<()> {
    let kind = object.slice(0, 16)?;
    if kind == VIDEO {
        metadata.width = Some(object.u32(54)?.into());
        metadata.height = Some(object.u32(58)?.into());
        add_codec(metadata, riff::video_codec(object.name(54 + 11 + 16)));
    } else if kind == AUDIO {
        riff::wave_format(object.from(54)?, metadata);
    }
    Some(())
}

/// Title, author, rights, description, rating: five lengths, then five texts.
fn description(object: View, metadata: &mut Metadata) -> Option<()> {
    let mut at = 10;
    let mut texts = [None, None, None, None];
    for (index, text) in (0..).zip(&mut texts) {
        let len = u64::from(object.u16(2 * index)?);
        *text = wide(object.slice_up_to(at, len));
        at += len;
    }
    let [title, author, _, description] = texts;
    metadata.title = metadata.title.take().or(title);
    metadata.author = metadata.author.take().or(author);
    metadata.description = metadata.description.take().or(description);
    Some(())
}

/// Pairs of a name and a value, of which those that are text are kept.
fn extended(object: View, metadata: &mut Metadata) -> Option<()> {
    let mut at = 2;
    for _ in 0..object.u16(0)? {
        let name_len = u64::from(object.u16(at)?);
        let name = wide(object.slice(at + 2, name_len)?);
        at += 2 + name_len;
        let (kind, len) = (object.u16(at)?, u64::from(object.u16(at + 2)?));
        let value = object.slice(at + 4, len)?;
        let text = || (kind == 0).then(|| wide(value)).flatten();
        match name.as_deref() {
            Some("WM/AlbumTitle") => metadata.album = text(),
            Some("WM/Genre") => metadata.genre = text(),
            Some("WM/Year") => metadata.date_created = text().as_deref().and_then(from_numbers),
            Some("WM/TrackNumber") => {
                let number = || View::little_endian(value).u32(0).map(u64::from).filter(|_| kind == 3);
                metadata.track_number = text().as_deref().and_then(track_number).or_else(number);
            }
            Some("Title") if metadata.title.is_none() => metadata.title = text(),
            Some("Author") if metadata.author.is_none() => metadata.author = text(),
            _ => {}
        }
        at += 4 + len;
    }
    Some(())
}

fn wide(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(2).take(4096).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units = units.take_while(|unit| *unit != 0);
    clean(&char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>())
}
