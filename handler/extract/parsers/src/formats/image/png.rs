//! PNG and APNG (W3C PNG, third edition): a walk over the chunks.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;
use handler_contract::Metadata;

use super::exif;
use super::fields::{set_frames, set_size};
use crate::formats::date::{from_message, from_numbers};
use crate::formats::value::clean_bytes;
use crate::formats::xmp;
use crate::input::View;

/// Texts that are looked at. Honest pictures have some dozen.
const MOST_TEXTS: usize = 256;
/// Length, name and checksum of a chunk.
const AROUND_CHUNK: u64 = 12;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    metadata.has_gps = Some(false);
    let mut at = 8;
    let mut exif = exif::Block::default();
    let (mut animated, mut frames, mut texts) = (false, 0, 0);
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
            b"tEXt" | b"zTXt" | b"iTXt" if texts < MOST_TEXTS => {
                texts += 1;
                text(name, data, metadata);
            }
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

/// Reads `tEXt`, `zTXt` or `iTXt`: a keyword, NUL, and what the kind has before the text.
fn text(kind: [u8; 4], data: &[u8], metadata: &mut Metadata) -> Option<()> {
    let end = data.iter().take(80).position(|byte| *byte == 0)?;
    let (keyword, rest) = (&data[..end], &data[end + 1..]);
    let text = match (&kind, rest) {
        // The method, of which there is one.
        (b"zTXt", [0, packed @ ..]) => unpacked(packed),
        // Compressed or not, method, language, NUL, translated keyword, NUL.
        (b"iTXt", [is_packed @ (0 | 1), _, rest @ ..]) => {
            let text = rest.splitn(3, |byte| *byte == 0).nth(2)?;
            if *is_packed == 1 { unpacked(text) } else { text.into() }
        }
        (b"tEXt", text) => text.into(),
        _ => return None,
    };
    set_text(keyword, &text, metadata);
    Some(())
}

/// A compressed text, as far as it can be unpacked and is looked at.
fn unpacked(packed: &[u8]) -> Cow<'static, [u8]> {
    let mut text = Vec::new();
    // What is damaged or cut leaves what was unpacked before.
    let _ = ZlibDecoder::new(packed).take(xmp::LARGEST as u64).read_to_end(&mut text);
    text.into()
}

/// The keywords that section 11.3.3.1 registers.
fn set_text(keyword: &[u8], text: &[u8], metadata: &mut Metadata) {
    let field = match keyword {
        b"Title" => &mut metadata.title,
        b"Author" => &mut metadata.author,
        b"Description" => &mut metadata.description,
        b"Software" => &mut metadata.creator_tool,
        b"Creation Time" => {
            let text = clean_bytes(text);
            let date = text.and_then(|text| from_numbers(&text).or_else(|| from_message(&text)));
            metadata.date_created = metadata.date_created.take().or(date);
            return;
        }
        b"XML:com.adobe.xmp" => {
            xmp::fill_picture(xmp::read(text), metadata);
            return;
        }
        _ => return,
    };
    if field.is_none() {
        *field = clean_bytes(text);
    }
}
