//! APE tags, versions 1 and 2: at the end of a file, before what ID3 keeps there.

use handler_contract::Metadata;

use super::fields::track_number;
use crate::formats::date::from_numbers;
use crate::formats::value::clean_bytes;
use crate::input::View;

const FOOTER: u64 = 32;
const ID3_1: u64 = 128;

pub(super) fn read_trailing(file: View, metadata: &mut Metadata) {
    let view = file.as_little_endian();
    // The end, or before an ID3 tag, or, in files that were merged badly, wherever the last footer is near it.
    let footer = [FOOTER, FOOTER + ID3_1].into_iter().filter_map(|from_end| view.len().checked_sub(from_end));
    if let Some(at) = footer.into_iter().find(|at| view.has(*at, b"APETAGEX")) {
        read_items(view, at, metadata);
    }
}

/// Items are before the footer, which knows their length and number.
fn read_items(view: View, footer: u64, metadata: &mut Metadata) -> Option<()> {
    let (len, count) = (u64::from(view.u32(footer + 12)?), view.u32(footer + 16)?);
    let mut at = (footer + FOOTER).checked_sub(len)?;
    for _ in 0..count {
        if at >= footer {
            break;
        }
        let (len, flags) = (u64::from(view.u32(at)?), view.u32(at + 4)?);
        let name = view.slice_up_to(at + 8, 256);
        let name = &name[..name.iter().position(|b| *b == 0)?];
        let value_at = at + 8 + name.len() as u64 + 1;
        // Bits 1 and 2: text, bytes, or a reference.
        if flags & 0b110 == 0 {
            set(name, view.slice_up_to(value_at, len), metadata);
        }
        at = value_at + len;
    }
    Some(())
}

fn set(name: &[u8], value: &[u8], metadata: &mut Metadata) {
    let text = || clean_bytes(value);
    match name.to_ascii_lowercase().as_slice() {
        b"title" if metadata.title.is_none() => metadata.title = text(),
        b"artist" if metadata.author.is_none() => metadata.author = text(),
        b"album" if metadata.album.is_none() => metadata.album = text(),
        b"genre" if metadata.genre.is_none() => metadata.genre = text(),
        b"year" if metadata.date_created.is_none() => metadata.date_created = text().as_deref().and_then(from_numbers),
        b"track" if metadata.track_number.is_none() => {
            metadata.track_number = text().as_deref().and_then(track_number);
        }
        _ => {}
    }
}
