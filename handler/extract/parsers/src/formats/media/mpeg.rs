//! MPEG audio (ISO 11172-3, 13818-3) and AAC in ADTS (ISO 13818-7): streams of frames, each with a header.
//!
//! The playing time of MP3 is in a frame that encoders put first (Xing's, or Fraunhofer's `VBRI`); without it, and
//! for everything else, frames are counted.

use handler_contract::Metadata;

use super::fields::{at_mean_rate, seconds, set_audio};
use crate::input::View;

/// How far from the start a first frame is looked for: there may be padding or the rest of a cut frame. Bytes.
const LONGEST_LEAD: u64 = 1 << 20;
/// This number of frames in a row is no coincidence.
const ENOUGH_FRAMES: usize = 4;

/// What the header of a frame says.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    len: u64,
    samples: u64,
    pub(super) rate: u64,
    pub(super) channels: u8,
    pub(super) codec: &'static str,
    /// Bytes between the header and Xing's header, which is where the audio would be.
    side_info: u64,
}

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    walk(file, start, metadata, mpeg_frame, xing_or_vbri)
}

pub(super) fn read_aac(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    walk(file, start, metadata, aac_frame, |_, _, _| None)
}

type ReadFrame = fn(View, u64) -> Option<Frame>;

fn walk(
    file: View,
    start: u64,
    metadata: &mut Metadata,
    frame_at: ReadFrame,
    declared: fn(View, u64, Frame) -> Option<Declared>,
) -> Option<()> {
    let view = file.as_big_endian();
    let (mut at, first) = first_frame(view, start, frame_at, declared)?;
    set_audio(metadata, first.codec, first.rate, first.channels);
    // A number of zero is what encoders leave that could not go back to the start.
    if let Some(declared) = declared(view, at, first).filter(|declared| declared.samples > 0) {
        metadata.duration = seconds(declared.samples, first.rate);
        let end = declared.bytes.and_then(|bytes| at.checked_add(bytes)).unwrap_or(0);
        return (end <= view.len()).then_some(());
    }
    let (start, mut samples) = (at, 0);
    loop {
        match frame_at(view, at) {
            Some(frame) if frame.rate == first.rate => {
                samples += frame.samples;
                at += frame.len;
            }
            // Tags, padding, or damage: on to the next frame that another follows, or the end.
            _ => match resume(view, at + 1, first, frame_at) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    metadata.duration = seconds(samples, first.rate);
    at_mean_rate(view, start, at, metadata)?;
    // The last frame may be cut.
    (at <= view.len()).then_some(())
}

fn first_frame(
    view: View,
    start: u64,
    frame_at: ReadFrame,
    declared: fn(View, u64, Frame) -> Option<Declared>,
) -> Option<(u64, Frame)> {
    let mut fallback = None;
    let lead = view.slice_up_to(start, LONGEST_LEAD);
    for (at, byte) in (start..).zip(lead) {
        if *byte != 0xff {
            continue;
        }
        let Some(first) = frame_at(view, at) else { continue };
        let (mut next, mut frames) = (at + first.len, 1);
        while let (true, Some(frame)) = (frames < ENOUGH_FRAMES, frame_at(view, next)) {
            next += frame.len;
            frames += 1;
        }
        if frames == ENOUGH_FRAMES || declared(view, at, first).is_some() {
            return Some((at, first));
        }
        if frames > 1 || next == view.len() {
            fallback = fallback.or(Some((at, first)));
        }
    }
    fallback
}

/// The next frame like the first, from `at` on, that another one or the end follows.
fn resume(view: View, at: u64, first: Frame, frame_at: ReadFrame) -> Option<u64> {
    let rest = view.from(at)?.bytes();
    let like_first = |at| frame_at(view, at).filter(|frame| frame.rate == first.rate && frame.codec == first.codec);
    (at..).zip(rest).filter(|(_, byte)| **byte == 0xff).map(|(at, _)| at).find(|at| {
        like_first(*at).is_some_and(|frame| at + frame.len == view.len() || like_first(at + frame.len).is_some())
    })
}

/// A frame of MPEG audio.
pub(super) fn mpeg_frame(view: View, at: u64) -> Option<Frame> {
    const RATES: [u64; 3] = [44_100, 48_000, 32_000];
    // kbit/s by version 1 and layer, then by version 2 and layer.
    const BIT_RATES: [[u16; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let header = view.u32(at)?;
    if header >> 21 != 0x7ff {
        return None;
    }
    let (version, layer) = (header >> 19 & 3, 4 - (header >> 17 & 3) as usize);
    let bits = (header >> 12 & 15) as usize;
    if version == 1 || layer == 4 || bits == 0 || bits == 15 {
        return None;
    }
    let is_first = version == 3;
    let rate = RATES.get((header >> 10 & 3) as usize)? >> [2, 0, 1, 0][version as usize];
    let table = match (is_first, layer) {
        (true, layer) => layer - 1,
        (false, 1) => 3,
        (false, _) => 4,
    };
    let bit_rate = u64::from(BIT_RATES[table][bits]) * 1000;
    let padding = u64::from(header >> 9 & 1);
    let samples = match (is_first, layer) {
        (_, 1) => 384,
        (false, 3) => 576,
        _ => 1152,
    };
    let len = if layer == 1 { (12 * bit_rate / rate + padding) * 4 } else { samples / 8 * bit_rate / rate + padding };
    let is_mono = header >> 6 & 3 == 3;
    let side_info = match (is_first, is_mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let codec = ["mp1", "mp2", "mp3"][layer - 1];
    Some(Frame { len, samples, rate, channels: if is_mono { 1 } else { 2 }, codec, side_info })
}

/// What the first frame declares of the whole.
struct Declared {
    samples: u64,
    /// From the first frame on.
    bytes: Option<u64>,
}

/// Reads what the first frame declares.
fn xing_or_vbri(view: View, at: u64, frame: Frame) -> Option<Declared> {
    if frame.codec != "mp3" {
        return None;
    }
    let xing = at + 4 + frame.side_info;
    if view.has(xing, b"Xing") || view.has(xing, b"Info") {
        let flags = view.u32(xing + 4)?;
        if flags & 1 == 0 {
            return None;
        }
        let samples = u64::from(view.u32(xing + 8)?) * frame.samples;
        // Frames, bytes, a table of contents and a quality, as far as they are there.
        let lengths = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let fields: u64 = lengths.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, len)| len).sum();
        let encoder = xing + 8 + fields;
        // What the encoder added at both ends, where it says so.
        let added = if [b"LAME", b"L3.9", b"Lavf", b"Lavc"].iter().any(|name| view.has(encoder, *name)) {
            let added = view.u24(encoder + 21)?;
            u64::from(added >> 12) + u64::from(added & 0xfff)
        } else {
            0
        };
        let bytes = if flags & 2 == 0 { None } else { view.u32(xing + 12).map(u64::from) };
        return Some(Declared { samples: samples.saturating_sub(added), bytes });
    }
    let vbri = at + 4 + 32;
    if !view.has(vbri, b"VBRI") {
        return None;
    }
    let (bytes, frames) = (view.u32(vbri + 10)?, view.u32(vbri + 14)?);
    Some(Declared { samples: u64::from(frames) * frame.samples, bytes: Some(bytes.into()) })
}

/// A frame of AAC in ADTS.
pub(super) fn aac_frame(view: View, at: u64) -> Option<Frame> {
    const RATES: [u64; 13] =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
    // Twelve bits of sync, and a layer of zero.
    if view.u16(at)? & 0xfff6 != 0xfff0 {
        return None;
    }
    let (fixed, variable) = (view.u16(at + 2)?, view.u32(at + 3)?);
    let rate = *RATES.get(usize::from(fixed >> 10 & 15))?;
    let channels = match fixed >> 6 & 7 {
        7 => 8,
        count => u8::try_from(count).ok()?,
    };
    let len = u64::from(variable >> 13 & 0x1fff);
    let blocks = u64::from(view.u8(at + 6)? & 3) + 1;
    (len >= 7).then_some(Frame { len, samples: blocks * 1024, rate, channels, codec: "aac", side_info: 0 })
}
