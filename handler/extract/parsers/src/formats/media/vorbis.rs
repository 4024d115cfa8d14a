//! Vorbis comments, which FLAC and everything in Ogg share: `NAME=value`, in UTF-8, each led by its length.

use handler_contract::Metadata;

use super::fields::track_number;
use crate::formats::date::from_numbers;
use crate::formats::value::clean_bytes;
use crate::input::View;

/// Reads comments up to the first whose length lies.
pub(super) fn read_comments(bytes: &[u8], metadata: &mut Metadata) {
    let view = View::little_endian(bytes);
    let Some(vendor) = view.u32(0) else { return };
    let mut at = 4 + u64::from(vendor);
    for _ in 0..view.u32(at).unwrap_or(0) {
        at += 4;
        let Some(comment) = view.u32(at).and_then(|len| view.slice(at + 4, len.into())) else { return };
        at += comment.len() as u64;
        if let Some(end) = comment.iter().take(32).position(|b| *b == b'=') {
            set(&comment[..end], &comment[end + 1..], metadata);
        }
    }
}

/// The first of each name counts; more are further artists, or genres.
fn set(name: &[u8], value: &[u8], metadata: &mut Metadata) {
    let text = || clean_bytes(value);
    match name.to_ascii_uppercase().as_slice() {
        b"TITLE" if metadata.title.is_none() => metadata.title = text(),
        b"ARTIST" if metadata.author.is_none() => metadata.author = text(),
        b"ALBUM" if metadata.album.is_none() => metadata.album = text(),
        b"GENRE" if metadata.genre.is_none() => metadata.genre = text(),
        b"DESCRIPTION" if metadata.description.is_none() => metadata.description = text(),
        b"DATE" if metadata.date_created.is_none() => metadata.date_created = text().as_deref().and_then(from_numbers),
        b"TRACKNUMBER" if metadata.track_number.is_none() => {
            metadata.track_number = text().as_deref().and_then(track_number);
        }
        _ => {}
    }
}
