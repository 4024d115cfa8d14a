//! AAC in ADIF (ISO 13818-7, section 6.2): one header for the whole, which tells the bit rate.

use handler_contract::Metadata;

use super::{seconds, set_sound};
use crate::formats::view::View;

/// The longest header: one program's elements, and no comment.
const HEADER: u64 = 64;
const RATES: [u64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.from(start)?;
    let mut bits = Bits { bytes: view.slice_up_to(4, HEADER), at: 0 };
    if bits.take(1)? == 1 {
        // The number of a work under copyright.
        bits.at += 72;
    }
    // Original or copy, home, and whether the rate is the highest rather than the only one.
    let is_variable = bits.take(3)? & 1 == 1;
    let bit_rate = bits.take(23)?;
    bits.at += 4 + if is_variable { 0 } else { 20 };
    // The first program: its number and its profile.
    bits.at += 4 + 2;
    let rate = *RATES.get(bits.take(4)?)?;
    let (front, side, back) = (bits.take(4)?, bits.take(4)?, bits.take(4)?);
    let low = bits.take(2)?;
    bits.at += 3 + 4;
    for width in [4, 4, 3] {
        // How the channels are mixed to fewer.
        bits.at += width * bits.take(1)?;
    }
    let mut channels = low;
    for _ in 0..front + side + back {
        channels += 1 + bits.take(1)?;
        bits.at += 4;
    }
    set_sound(metadata, "aac", rate, channels as u64);
    if bit_rate > 0 {
        metadata.duration = seconds(view.len() * 8, bit_rate as u64);
    }
    Some(())
}

/// Bits, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | usize::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}
