//! PNG and APNG (W3C PNG, third edition): a walk over the chunks.

use handler_contract::Metadata;

use super::exif;
use super::fields::{set_frames, set_size, xmp_has_gps};
use crate::formats::value::clean_bytes;
use crate::input::View;

/// Length, name and checksum of a chunk.
const AROUND_CHUNK: u64 = 12;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    metadata.has_gps = Some(false);
    let mut at = 8;
    let mut exif = exif::Block::default();
    let (mut animated, mut frames) = (false, 0);
    loop {
        let (Some(len), Some(name)) = (view.u32(at), view.name(at + 4)) else {
            break set_animation(metadata, animated, frames);
        };
        let data = view.slice_up_to(at + 8, len.into());
        match &name {
            b"IEND" => {
                set_animation(metadata, animated, frames);
                return Some(());
            }
            b"IHDR" => set_size(metadata, view.u32(at + 8)?, view.u32(at + 12)?),
            b"acTL" => animated = true,
            b"fcTL" => frames += 1,
            b"eXIf" => exif.read(data, metadata),
            b"tEXt" => text(data, metadata),
            b"iTXt" => international_text(data, metadata),
            _ => {}
        }
        at += AROUND_CHUNK + u64::from(len);
    }
    None
}

/// Frames are counted, not taken from `acTL`, which may claim any number.
fn set_animation(metadata: &mut Metadata, animated: bool, frames: u64) {
    set_frames(metadata, if animated { frames.max(1) } else { 1 });
}

fn text(data: &[u8], metadata: &mut Metadata) {
    if let Some(end) = data.iter().take(80).position(|b| *b == 0) {
        set_text(&data[..end], &data[end + 1..], metadata);
    }
}

/// `iTXt`: keyword, NUL, compressed or not, method, language, NUL, translated keyword, NUL, text.
fn international_text(data: &[u8], metadata: &mut Metadata) {
    let mut parts = data.splitn(2, |b| *b == 0);
    let (Some(keyword), Some([0, _, rest @ ..])) = (parts.next(), parts.next()) else {
        return;
    };
    if let Some(text) = rest.splitn(3, |b| *b == 0).nth(2) {
        set_text(keyword, text, metadata);
    }
}

/// The keywords that section 11.3.3.1 registers.
fn set_text(keyword: &[u8], text: &[u8], metadata: &mut Metadata) {
    let field = match keyword {
        b"Title" => &mut metadata.title,
        b"Author" => &mut metadata.author,
        b"Description" => &mut metadata.description,
        b"Software" => &mut metadata.creator_tool,
        b"XML:com.adobe.xmp" => {
            if xmp_has_gps(text) {
                metadata.has_gps = Some(true);
            }
            return;
        }
        _ => return,
    };
    if field.is_none() {
        *field = clean_bytes(text);
    }
}
