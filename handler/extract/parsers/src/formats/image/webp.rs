//! WebP (RFC 9649): a walk over the RIFF chunks.

use handler_contract::Metadata;

use super::exif;
use super::fields::{Packets, set_frames, set_size};
use crate::input::View;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let end = view.len().min(8 + u64::from(view.u32(4)?));
    let complete = end == 8 + u64::from(view.u32(4)?);
    metadata.has_gps = Some(false);
    let (mut exif, mut packets) = (exif::Block::default(), Packets::default());
    let (mut at, mut frames, mut animated) = (12, 0, false);
    while let (true, Some(name), Some(len)) = (at < end, view.name(at), view.u32(at + 4)) {
        let body = at + 8;
        match &name {
            b"VP8X" => {
                animated = view.u8(body)? & 2 != 0;
                set_size(metadata, view.u24(body + 4)? + 1, view.u24(body + 7)? + 1);
            }
            b"VP8 " if metadata.width.is_none() => {
                // The upper two bits ask for scaling.
                set_size(metadata, view.u16(body + 6)? & 0x3fff, view.u16(body + 8)? & 0x3fff);
            }
            b"VP8L" if metadata.width.is_none() => {
                let bits = view.u32(body + 1)?;
                set_size(metadata, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
            }
            b"ANMF" => frames += 1,
            b"EXIF" => {
                let data = view.slice_up_to(body, len.into());
                // Some programs keep the prefix that only JPEG asks for.
                exif.read(data.strip_prefix(b"Exif\0\0").unwrap_or(data), metadata);
            }
            b"XMP " => packets.read(view.slice_up_to(body, len.into()), metadata),
            _ => {}
        }
        at = body + u64::from(len) + u64::from(len & 1);
    }
    set_frames(metadata, if animated { frames } else { 1 });
    (complete && at >= end).then_some(())
}
