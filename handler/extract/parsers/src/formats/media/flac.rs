//! FLAC (RFC 9639): its metadata blocks.

use handler_contract::Metadata;

use super::fields::{seconds, set_audio};
use super::vorbis;
use crate::input::View;

const STREAM_INFO: u8 = 0;
const VORBIS_COMMENT: u8 = 4;
/// How far from the end the last frame is looked for. Bytes.
const TAIL: u64 = 256 << 10;

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
            return (!is_cut(view, start + 8)).then_some(());
        }
        at += 4 + len;
    }
}

/// Whether the last frame that is found near the end is not the last one of the recording, of which the number of
/// samples is known. `info` is where the content of `STREAMINFO` starts.
fn is_cut(view: View, info: u64) -> bool {
    let last_samples = || {
        let total = view.u64(info + 10)? & 0xf_ffff_ffff;
        let block = u64::from(view.u16(info + 2)?);
        let tail = view.from(view.len().saturating_sub(TAIL))?.bytes();
        let frames = memchr::memrchr_iter(0xff, tail).filter_map(|at| Frame::read(&tail[at..], block));
        frames.take(1).next().map(|frame| (frame.end, total))
    };
    last_samples().is_some_and(|(end, total)| end < total)
}

/// A frame (RFC 9639, section 9.1), as far as it says where in the recording it is.
struct Frame {
    /// The sample after its last one.
    end: u64,
}

impl Frame {
    /// Reads the header of a frame, if its sum is right. `block` is how many samples a frame has where all have the same.
    fn read(bytes: &[u8], block: u64) -> Option<Self> {
        let view = View::big_endian(bytes);
        let (sync, sizes) = (view.u16(0)?, view.u8(2)?);
        if sync & 0xfffe != 0xfff8 {
            return None;
        }
        // A number as UTF-8 has it, of up to seven bytes.
        let first = view.u8(4)?;
        let len = u64::from(first.leading_ones()).max(1);
        let bits = if len == 1 { first } else { first & (0x7f_u8.checked_shr(u32::try_from(len).ok()?)?) };
        let mut number = u64::from(bits);
        for at in 1..len {
            let next = view.u8(4 + at)?;
            if next >> 6 != 2 {
                return None;
            }
            number = number << 6 | u64::from(next & 0x3f);
        }
        let mut at = 4 + len;
        let samples = match sizes >> 4 {
            1 => 192,
            size @ 2..=5 => 144 << size,
            6 => u64::from(view.u8(at)?) + 1,
            7 => u64::from(view.u16(at)?) + 1,
            size @ 8..=15 => 1 << size,
            _ => return None,
        };
        at += match sizes >> 4 {
            6 => 1,
            7 => 2,
            _ => 0,
        };
        at += match sizes & 15 {
            12 => 1,
            13 | 14 => 2,
            15 => return None,
            _ => 0,
        };
        let header = view.slice(0, at)?;
        let is_variable = sync & 1 == 1;
        let start = if is_variable { number } else { number.checked_mul(block)? };
        (sum(header) == view.u8(at)?).then_some(Self { end: start + samples })
    }
}

/// The sum of a header: the polynomial x⁸ + x² + x + 1.
fn sum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |sum, byte| (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 0x07 }))
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
