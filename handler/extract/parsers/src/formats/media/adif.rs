//! AAC in ADIF (ISO 13818-7, section 6.2): one header for the whole file, which has the bit rate.

use handler_contract::Metadata;

use super::fields::{seconds, set_audio};
use crate::formats::bits::{Bits, Order};
use crate::input::View;

/// The longest header: one program's elements, and no comment.
const HEADER: u64 = 64;
const RATES: [u64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.from(start)?;
    let mut bits = Bits::new(view.slice_up_to(4, HEADER), Order::Most);
    if bits.take(1)? == 1 {
        // The number of a work under copyright.
        bits.skip(72);
    }
    // Original or copy, home, and whether the rate is the highest rather than the only one.
    let is_variable = bits.take(3)? & 1 == 1;
    let bit_rate = bits.take(23)?;
    bits.skip(4 + if is_variable { 0 } else { 20 });
    // The first program: its number and its profile.
    bits.skip(4 + 2);
    let rate = *RATES.get(usize::try_from(bits.take(4)?).ok()?)?;
    let (front, side, back) = (bits.take(4)?, bits.take(4)?, bits.take(4)?);
    let low = bits.take(2)?;
    bits.skip(3 + 4);
    for width in [4, 4, 3] {
        // How the channels are mixed to fewer.
        if bits.take(1)? == 1 {
            bits.skip(width);
        }
    }
    let mut channels = low;
    for _ in 0..front + side + back {
        channels += 1 + bits.take(1)?;
        bits.skip(4);
    }
    set_audio(metadata, "aac", rate, channels);
    if bit_rate > 0 {
        metadata.duration = seconds(view.len() * 8, bit_rate);
    }
    Some(())
}
