//! AIFF and AIFF-C: chunks of EA IFF 85.

use handler_contract::Metadata;

use super::fields::set_audio;
use super::id3;
use crate::formats::value::clean_bytes;
use crate::input::View;

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    if !matches!(&view.name(8)?, b"AIFF" | b"AIFC") {
        return None;
    }
    let is_compressed = view.name(8)? == *b"AIFC";
    let mut at = 12;
    while let (Some(name), Some(len)) = (view.name(at), view.u32(at + 4)) {
        let len = u64::from(len);
        let chunk = view.part_up_to(at + 8, len);
        let text = || clean_bytes(chunk.bytes());
        match &name {
            b"COMM" => common(chunk, is_compressed, metadata)?,
            b"NAME" => metadata.title = text(),
            b"AUTH" => metadata.author = text(),
            b"ANNO" => metadata.description = text(),
            b"ID3 " | b"id3 " => id3::read(chunk, metadata),
            _ => {}
        }
        at += 8 + len + (len & 1);
    }
    // The last chunk may lack the byte that makes it even.
    (at >= view.len() && view.len() + 1 >= 8 + u64::from(view.u32(4)?)).then_some(())
}

fn common(chunk: View, is_compressed: bool, metadata: &mut Metadata) -> Option<()> {
    let (channels, frames) = (chunk.u16(0)?, chunk.u32(2)?);
    let codec = match if is_compressed { chunk.name(18) } else { None } {
        None => "pcm",
        Some(name) => match name.to_ascii_lowercase().as_slice() {
            b"none" | b"sowt" | b"twos" | b"fl32" | b"fl64" | b"in24" | b"in32" => "pcm",
            b"alaw" => "alaw",
            b"ulaw" => "mulaw",
            b"ima4" => "adpcm",
            _ => "unknown",
        },
    };
    let rate = extended(chunk, 8)?;
    set_audio(metadata, codec, rate, channels);
    metadata.duration = super::fields::seconds(frames.into(), rate);
    Some(())
}

/// The whole part of an 80-bit float: an exponent of 15 bits, then 64 bits of which the first counts one.
fn extended(view: View, at: u64) -> Option<u64> {
    let exponent = i32::from(view.u16(at)? & 0x7fff) - 16_383;
    let shift = u32::try_from(63 - exponent).ok()?;
    view.u64(at + 2)?.checked_shr(shift)
}
