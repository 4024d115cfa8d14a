//! AC-3 and E-AC-3 (ETSI TS 102 366): the header of a frame gives its length, so that frames can be counted.

use handler_contract::Metadata;

use super::fields::{at_mean_rate, seconds, set_audio};
use crate::input::View;

const RATES: [u64; 3] = [48_000, 44_100, 32_000];
/// Full-bandwidth channels by coding mode.
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Bit rates by half the frame size code, in kbit/s.
const BIT_RATES: [u64; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// What the header of a frame says.
pub(super) struct Frame {
    pub(super) codec: &'static str,
    pub(super) rate: u64,
    pub(super) channels: u8,
    len: u64,
    samples: u64,
}

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    let mut at = start;
    let (start, first) = (at, frame(view, at)?);
    set_audio(metadata, first.codec, first.rate, first.channels);
    let mut samples = 0;
    while let Some(frame) = frame(view, at) {
        samples += frame.samples;
        at += frame.len;
    }
    metadata.duration = seconds(samples, first.rate);
    at_mean_rate(view, start, at, metadata)?;
    // The last frame may be cut, or something else follows it.
    (at == view.len()).then_some(())
}

pub(super) fn frame(view: View, at: u64) -> Option<Frame> {
    if !view.has(at, &[0x0b, 0x77]) {
        return None;
    }
    match view.u8(at + 5)? >> 3 {
        version @ 0..=10 => {
            let sizes = view.u8(at + 4)?;
            let rate = *RATES.get(usize::from(sizes >> 6))?;
            let bit_rate = *BIT_RATES.get(usize::from(sizes & 0x3f) / 2)?;
            // 1,536 samples a frame; at 44.1 kHz, every other frame is two bytes longer.
            let odd = u64::from(sizes & 1) * if rate == 44_100 { 2 } else { 0 };
            let len = bit_rate * 1000 * 1536 / rate / 8 / 2 * 2 + odd;
            let modes = view.u16(at + 6)?;
            let mode = usize::from(modes >> 13);
            // Mix levels are before the bit for low frequencies, depending on the mode.
            let mut skip = 3;
            skip += if mode & 1 != 0 && mode != 1 { 2 } else { 0 };
            skip += if mode & 4 != 0 { 2 } else { 0 };
            skip += if mode == 2 { 2 } else { 0 };
            let low = u8::from(modes >> (15 - skip) & 1 != 0);
            let shift = u32::from(version.max(8) - 8);
            Some(Frame { codec: "ac3", rate: rate >> shift, channels: CHANNELS[mode] + low, len, samples: 1536 })
        }
        11..=16 => {
            let (header, modes) = (view.u16(at + 2)?, view.u8(at + 4)?);
            let len = (u64::from(header & 0x7ff) + 1) * 2;
            let (rate, blocks) = match (modes >> 6, modes >> 4 & 3) {
                (3, half) => (RATES.get(usize::from(half))? / 2, 6),
                (rate, blocks) => (RATES[usize::from(rate)], [1, 2, 3, 6][usize::from(blocks)]),
            };
            // Frames of dependent streams play together with the one before.
            let samples = if header >> 14 == 1 { 0 } else { blocks * 256 };
            let channels = CHANNELS[usize::from(modes >> 1 & 7)] + (modes & 1);
            Some(Frame { codec: "eac3", rate, channels, len, samples })
        }
        _ => None,
    }
}
