//! Formats whose header has all there is to know, at fixed offsets or after a few blocks.

use handler_contract::Metadata;

use super::fields::{add_codec, at_mean_rate, seconds, set_audio};
use super::id3;
use crate::input::View;

/// Monkey's Audio: from version 3.98 on after a descriptor, before that in one header.
pub(super) fn monkeys_audio(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let version = view.u16(4)?;
    let (frame, last_frame, frames, channels, rate) = if version >= 3980 {
        let header = u64::from(view.u32(8)?);
        let header = view.from(header)?;
        (header.u32(4)?, header.u32(8)?, header.u32(12)?, header.u16(18)?, header.u32(20)?)
    } else {
        let frame = match (version, view.u16(6)?) {
            (3950.., _) => 73_728 * 4,
            (3900.., _) | (3800.., 4000) => 73_728,
            _ => 9_216,
        };
        (frame, view.u32(28)?, view.u32(24)?, view.u16(10)?, view.u32(12)?)
    };
    set_audio(metadata, "ape", rate, channels);
    let samples = u64::from(frames.saturating_sub(1)) * u64::from(frame) + u64::from(last_frame);
    metadata.duration = seconds(samples, rate.into());
    if version < 3980 {
        return Some(());
    }
    // The descriptor has the lengths of all that follows it.
    let parts = [8, 12, 16, 20, 24, 32].iter().try_fold(0, |sum, at| Some(sum + u64::from(view.u32(*at)?)))?;
    (view.len() >= parts).then_some(())
}

/// `WavPack`: the first block knows the number of samples, or else all blocks do.
pub(super) fn wavpack(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    const RATES: [u64; 15] = [
        6_000, 8_000, 9_600, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000,
        192_000,
    ];
    let view = file.as_little_endian().from(start)?;
    let flags = view.u32(24)?;
    let mut rate = *RATES.get((flags >> 23 & 15) as usize)?;
    // DSD is kept eight bits to a sample, at a rate that most files keep at this multiple.
    rate *= if flags >> 31 == 1 { 4 } else { 1 };
    set_audio(metadata, "wavpack", rate, if flags & 4 == 0 { 2_u64 } else { 1 });
    let total = view.u32(12)?;
    let (mut at, mut samples) = (0, 0);
    while let (true, Some(len), Some(block)) = (view.has(at, b"wvpk"), view.u32(at + 4), view.u32(at + 20)) {
        // More than two channels are in blocks beside each other, of which the first says so.
        let is_first = view.u32(at + 24).is_some_and(|flags| flags & 0x800 != 0);
        samples += if is_first { u64::from(block) } else { 0 };
        at += 8 + u64::from(len);
    }
    if total != u32::MAX && view.u32(16)? == 0 {
        metadata.duration = seconds(total.into(), rate);
        let is_there = samples >= u64::from(total) && at <= view.len();
        return (is_there || !view.is_whole()).then_some(());
    }
    metadata.duration = seconds(samples, rate);
    at_mean_rate(view, 0, at, metadata)?;
    (at <= view.len()).then_some(())
}

const MUSEPACK_RATES: [u64; 4] = [44_100, 48_000, 37_800, 32_000];

/// Musepack, stream version 7.
pub(super) fn musepack_7(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let (frames, flags) = (u64::from(view.u32(4)?), view.u32(8)?);
    let rate = MUSEPACK_RATES[(flags >> 16 & 3) as usize];
    set_audio(metadata, "musepack", rate, 2_u64);
    metadata.duration = seconds((frames * 1152).saturating_sub(576), rate);
    Some(())
}

/// Musepack, stream version 8: packets of two letters and a length of seven bits a byte.
pub(super) fn musepack_8(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    let mut at = 4;
    loop {
        let (name, mut body) = (view.slice(at, 2)?, at + 2);
        let len = variable(view, &mut body)?;
        if name == b"SH" {
            body += 5;
            let (samples, skip) = (variable(view, &mut body)?, variable(view, &mut body)?);
            let rate = *MUSEPACK_RATES.get(usize::from(view.u8(body)? >> 5))?;
            set_audio(metadata, "musepack", rate, (view.u8(body + 1)? >> 4) + 1);
            metadata.duration = seconds(samples.saturating_sub(skip), rate);
            return Some(());
        }
        if name == b"SE" || name == b"AP" {
            return None;
        }
        at = at.checked_add(len.max(3))?;
    }
}

fn variable(view: View, at: &mut u64) -> Option<u64> {
    let mut value = 0_u64;
    for _ in 0..9 {
        let byte = view.u8(*at)?;
        *at += 1;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// True Audio.
pub(super) fn true_audio(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let rate = view.u32(10)?;
    set_audio(metadata, "tta", rate, view.u16(6)?);
    metadata.duration = seconds(view.u32(14)?.into(), rate.into());
    Some(())
}

/// TAK: metadata blocks; the one about the stream is packed from the least significant bit on.
pub(super) fn tak(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let mut at = 4;
    loop {
        let (kind, len) = (view.u8(at)? & 0x7f, u64::from(view.u24(at + 1)?));
        match kind {
            0 => return None,
            1 => {
                // 10 bits of encoder, 4 of frame size, 35 of samples; 3 of kind, 18 of rate, 5 of bits, 4 of channels.
                let (low, high) = (view.u64(at + 4)?, view.u32(at + 10)?);
                let samples = low >> 14 & 0x7_ffff_ffff;
                let rate = u64::from(high >> 4 & 0x3_ffff) + 6_000;
                set_audio(metadata, "tak", rate, (high >> 27 & 15) + 1);
                metadata.duration = seconds(samples, rate);
                return Some(());
            }
            _ => at += 4 + len,
        }
    }
}

/// `OptimFROG`: the samples of all channels together.
pub(super) fn optimfrog(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let samples = u64::from(view.u32(8)?) | u64::from(view.u16(12)?) << 32;
    let (channels, rate) = (u64::from(view.u8(15)?) + 1, u64::from(view.u32(16)?));
    set_audio(metadata, "optimfrog", rate, channels);
    metadata.duration = seconds(samples / channels, rate);
    Some(())
}

/// DSF: three chunks, and tags where the first says.
pub(super) fn dsf(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let tags = view.u64(20)?;
    let rate = view.u32(56)?;
    set_audio(metadata, "dsd", rate, view.u32(52)?);
    metadata.duration = seconds(view.u64(64)?, rate.into());
    if let (1.., Some(tags)) = (tags, view.from(tags)) {
        id3::read(tags, metadata);
    }
    (view.len() >= view.u64(12)?).then_some(())
}

/// DSDIFF: chunks with lengths of 64 bits.
pub(super) fn dsdiff(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    let (mut rate, mut channels, mut data, mut frames) = (0_u64, 0_u64, 0, None);
    let mut codec = "dsd";
    for (name, chunk) in dsdiff_chunks(view.from(16)?) {
        match &name {
            b"PROP" => {
                for (name, property) in dsdiff_chunks(chunk.from(4)?) {
                    match &name {
                        b"FS  " => rate = property.u32(0)?.into(),
                        b"CHNL" => channels = property.u16(0)?.into(),
                        b"CMPR" if property.has(0, b"DST ") => codec = "dst",
                        _ => {}
                    }
                }
            }
            b"DSD " => data = chunk.len(),
            b"DST " => {
                let header = dsdiff_chunks(chunk).find(|(name, _)| name == b"FRTE");
                frames = header.and_then(|(_, header)| Some((header.u32(0)?.into(), header.u16(4)?.into())));
            }
            b"ID3 " => id3::read(chunk, metadata),
            _ => {}
        }
    }
    set_audio(metadata, codec, rate, channels);
    metadata.duration = match frames {
        Some((frames, per_second)) => seconds(frames, per_second),
        None => seconds(data * 8 / channels.max(1), rate),
    };
    (view.len() >= view.u64(4)?.checked_add(12)?).then_some(())
}

fn dsdiff_chunks(view: View<'_>) -> impl Iterator<Item = ([u8; 4], View<'_>)> {
    let mut at = 0_u64;
    std::iter::from_fn(move || {
        let (name, len) = (view.name(at)?, view.u64(at.checked_add(4)?)?);
        let content = view.part_up_to(at + 12, len);
        at = at.saturating_add(12).saturating_add(len).saturating_add(len & 1);
        Some((name, content))
    })
}

/// AMR (RFC 4867): 20 ms a frame, whose first byte gives its length.
pub(super) fn amr(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    const LENGTHS: [u64; 16] = [13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1];
    set_audio(metadata, "amr", 8_000_u64, 1_u64);
    let (mut at, mut frames) = (start + 6, 0);
    while let Some(header) = file.u8(at) {
        at += LENGTHS[usize::from(header >> 3 & 15)];
        frames += 1;
    }
    metadata.duration = seconds(frames, 50);
    at_mean_rate(file, start, at, metadata)?;
    (at == file.len()).then_some(())
}

/// FLI and FLC: pictures at a pace given in ticks of a 70th of a second, or in milliseconds.
pub(super) fn fli(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let (kind, frames, pace) = (view.u16(4)?, u64::from(view.u16(6)?), u64::from(view.u32(16)?));
    add_codec(metadata, "flic");
    metadata.width = Some(view.u16(8)?.into());
    metadata.height = Some(view.u16(10)?.into());
    metadata.duration = seconds(frames * pace, if kind == 0xaf11 { 70 } else { 1000 }).filter(|time| *time > 0.0);
    Some(())
}
