//! WAV and AVI: RIFF, and RF64 for what outgrows it.

use handler_contract::Metadata;

use super::fields::{add_codec, seconds, set_audio, track_number};
use super::id3;
use crate::formats::date::from_numbers;
use crate::formats::value::clean_bytes;
use crate::input::View;

/// The chunks of a list, as far as the file goes.
fn chunks(view: View<'_>) -> impl Iterator<Item = ([u8; 4], View<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (name, len) = (view.name(at)?, u64::from(view.u32(at + 4)?));
        let content = view.part_up_to(at + 8, len);
        // A length of all ones means that it does not fit and is stored elsewhere: up to the end.
        at = if len == u64::from(u32::MAX) { view.len() } else { at + 8 + len + (len & 1) };
        Some((name, content))
    })
}

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian().from(start)?;
    let declared = view.u32(4)?;
    let content = view.from(12)?;
    match &view.name(8)? {
        b"WAVE" => wave(content, metadata),
        b"AVI " => avi(content, metadata),
        _ => {}
    }
    (view.len() >= 8 + u64::from(declared) || declared == u32::MAX).then_some(())
}

fn wave(content: View, metadata: &mut Metadata) {
    let (mut bytes_a_second, mut samples, mut data) = (0, None, None);
    for (name, chunk) in chunks(content) {
        match &name {
            b"fmt " => bytes_a_second = wave_format(chunk, metadata).unwrap_or(0),
            b"fact" => samples = chunk.u32(0),
            b"data" => data = Some(chunk.len()),
            b"LIST" if chunk.has(0, b"INFO") => info(chunk, metadata),
            b"id3 " | b"ID3 " => id3::read(chunk, metadata),
            _ => {}
        }
    }
    let is_plain = metadata.codec.as_deref() == Some("pcm");
    // Compressed audio has no constant number of bytes a second; the number of samples is written beside it.
    let by_samples = samples.filter(|samples| *samples > 0 && !is_plain).zip(metadata.sample_rate);
    metadata.duration = match by_samples {
        Some((samples, rate)) => seconds(samples.into(), rate),
        None => data.and_then(|data| seconds(data, bytes_a_second)),
    };
}

/// A `WAVEFORMATEX`, which AVI and ASF have too. Gives back how many bytes make a second.
pub(super) fn wave_format(format: View, metadata: &mut Metadata) -> Option<u64> {
    let codec = match format.u16(0)? {
        // The kind is the start of an identifier further down.
        0xfffe => format.u16(24)?,
        kind => kind,
    };
    let (channels, rate, bytes_a_second) = (format.u16(2)?, format.u32(4)?, format.u32(8)?);
    let name = match codec {
        0x0001 | 0x0003 => "pcm",
        0x0002 | 0x0011 => "adpcm",
        0x0006 => "alaw",
        0x0007 => "mulaw",
        0x0050 => "mp2",
        0x0055 => "mp3",
        0x00ff | 0x1600 | 0x706d => "aac",
        0x0160..=0x0163 => "wma",
        0x2000 => "ac3",
        0x2001 => "dts",
        0x674f..=0x6771 | 0x566f => "vorbis",
        0xf1ac => "flac",
        _ => "unknown",
    };
    set_audio(metadata, name, rate, channels);
    Some(bytes_a_second.into())
}

fn info(list: View, metadata: &mut Metadata) {
    let Some(entries) = list.from(4) else { return };
    for (name, value) in chunks(entries) {
        let text = || clean_bytes(value.bytes());
        match &name {
            b"INAM" => metadata.title = metadata.title.take().or_else(text),
            b"IART" => metadata.author = metadata.author.take().or_else(text),
            b"IPRD" => metadata.album = metadata.album.take().or_else(text),
            b"IGNR" => metadata.genre = metadata.genre.take().or_else(text),
            b"ICMT" => metadata.description = metadata.description.take().or_else(text),
            b"ISFT" => metadata.creator_tool = metadata.creator_tool.take().or_else(text),
            b"ICRD" => metadata.date_created = text().as_deref().and_then(from_numbers),
            b"ITRK" | b"IPRT" => metadata.track_number = text().as_deref().and_then(track_number),
            _ => {}
        }
    }
}

fn avi(content: View, metadata: &mut Metadata) {
    // What an index or a movie holds is skipped as one chunk.
    for (name, chunk) in chunks(content) {
        match (&name, chunk.name(0)) {
            (b"LIST", Some(list)) if &list == b"hdrl" => {
                if let Some(headers) = chunk.from(4) {
                    avi_headers(headers, metadata);
                }
            }
            (b"LIST", Some(list)) if &list == b"INFO" => info(chunk, metadata),
            _ => {}
        }
    }
}

fn avi_headers(headers: View, metadata: &mut Metadata) {
    let mut frame_time = 0;
    for (name, chunk) in chunks(headers) {
        match (&name, chunk.name(0)) {
            (b"avih", _) => {
                frame_time = u64::from(chunk.u32(0).unwrap_or(0));
                let frames = u64::from(chunk.u32(16).unwrap_or(0));
                metadata.duration = seconds(frames * frame_time, 1_000_000).filter(|seconds| *seconds > 0.0);
                metadata.width = chunk.u32(32).map(u64::from);
                metadata.height = chunk.u32(36).map(u64::from);
            }
            (b"LIST", Some(list)) if &list == b"strl" => {
                if let Some(stream) = chunk.from(4) {
                    avi_stream(stream, metadata);
                }
            }
            // The header above counts only the frames of the first part of a large video.
            (b"LIST", Some(list)) if &list == b"odml" => {
                let all = chunk.from(4).and_then(|list| chunks(list).find(|(name, _)| name == b"dmlh"));
                if let Some(frames) = all.and_then(|(_, all)| all.u32(0)).filter(|frames| *frames > 0) {
                    metadata.duration = seconds(u64::from(frames) * frame_time, 1_000_000);
                }
            }
            _ => {}
        }
    }
}

fn avi_stream(stream: View, metadata: &mut Metadata) {
    let mut kind: Option<[u8; 4]> = None;
    for (name, chunk) in chunks(stream) {
        match (&name, &kind) {
            (b"strh", _) => kind = chunk.name(0),
            (b"strf", Some([b'v', b'i', b'd', b's'])) => add_codec(metadata, video_codec(chunk.name(16))),
            (b"strf", Some([b'a', b'u', b'd', b's'])) => {
                wave_format(chunk, metadata);
            }
            _ => {}
        }
    }
}

/// The coding of pictures by the four letters that Windows' formats share.
pub(super) fn video_codec(name: Option<[u8; 4]>) -> &'static str {
    match name.map(|name| name.to_ascii_uppercase()).as_deref() {
        Some(b"H264" | b"X264" | b"AVC1") => "h264",
        Some(b"HEVC" | b"H265" | b"HVC1") => "hevc",
        Some(b"XVID" | b"DIVX" | b"DX50" | b"MP4V" | b"FMP4") => "mpeg4",
        Some(b"MP43" | b"DIV3") => "msmpeg4",
        Some(b"MJPG") => "mjpeg",
        Some(b"WMV1" | b"WMV2" | b"WMV3" | b"WVC1") => "wmv",
        Some(b"VP80") => "vp8",
        Some(b"VP90") => "vp9",
        Some(b"AV01") => "av1",
        Some(b"CVID") => "cinepak",
        Some([0, 0, 0, 0]) => "raw",
        Some([1 | 2, 0, 0, 0] | b"MRLE") => "rle",
        _ => "unknown",
    }
}
