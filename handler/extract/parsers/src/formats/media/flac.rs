//! FLAC (RFC 9639): its metadata blocks.

use handler_contract::Metadata;

use super::fields::{seconds, set_audio};
use super::vorbis;
use crate::input::View;

const STREAM_INFO: u8 = 0;
const VORBIS_COMMENT: u8 = 4;

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let mut at = start + 4;
    let mut has_comments = false;
    loop {
        let (kind, len) = (view.u8(at)?, u64::from(view.u24(at + 1)?));
        match kind & 0x7f {
            // Only the first: after a false length, anything may look like one.
            STREAM_INFO if metadata.codec.is_none() => read_stream_info(view, at + 4, metadata)?,
            // Some programs write a length here that is too short; the comments have lengths of their own.
            VORBIS_COMMENT if !has_comments => {
                has_comments = true;
                vorbis::read_comments(view.from(at + 4)?.bytes(), metadata);
            }
            _ => {}
        }
        if kind & 0x80 != 0 {
            return Some(());
        }
        at += 4 + len;
    }
}

/// `STREAMINFO`: 20 bits of sample rate, 3 of channels less one, 5 of bits a sample less one, 36 of samples.
pub(super) fn read_stream_info(view: View, at: u64, metadata: &mut Metadata) -> Option<()> {
    let packed = view.u64(at + 10)?;
    let (rate, channels, samples) = (packed >> 44, (packed >> 41 & 7) + 1, packed & 0xf_ffff_ffff);
    set_audio(metadata, "flac", rate, channels);
    if samples > 0 {
        metadata.duration = seconds(samples, rate);
    }
    Some(())
}
