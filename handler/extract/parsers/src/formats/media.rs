//! Audio and video: playing time, coding, size of the picture, and what the tags say.
//!
//! Only headers and tags are read, nothing is decoded. Where a format keeps no playing time, its frames are counted by
//! their headers. Every walk moves forward through the file, so that its cost is bounded by the file's size.

mod ac3;
mod adif;
mod aiff;
mod ape;
mod asf;
mod fields;
mod flac;
mod flv;
mod headers;
mod id3;
mod matroska;
mod midi;
mod mp4;
mod mpeg;
mod mpeg_stream;
mod ogg;
mod riff;
mod video;
mod vorbis;

use handler_contract::{ErrorCode, Failure, Metadata};

use super::container::{Container, Movie};
use crate::input::View;
use crate::media_type::is_textual;
use crate::report::{Abort, Report};

/// No honest recording plays longer: a year, in seconds.
const LONGEST_DURATION: f64 = 366.0 * 86_400.0;
/// Sixteen times the rate of the finest recordings there are (DSD1024), in hertz.
const HIGHEST_RATE: u64 = 1 << 30;
/// More channels than any format for rooms full of loudspeakers has.
const MOST_CHANNELS: u64 = 256;
/// How many first bytes hold all signatures.
const SIGNATURES: u64 = 16;
/// No video is larger on a side.
const LONGEST_SIDE: u64 = 1 << 16;

/// Types of audio and video that are not text, as playlists are. Not all have a reader.
pub(super) fn reads(file_type: &str) -> bool {
    let is_media = ["audio/", "video/"].iter().any(|top| file_type.starts_with(top)) && !is_textual(file_type);
    is_media
        || matches!(
            file_type,
            "application/mp4" | "application/ogg" | "application/x-matroska" | "application/vnd.ms-asf"
        )
}

pub(crate) use self::matroska::media_type as matroska_type;
pub(crate) use self::mp4::media_type as mp4_type;

/// Where the ID3 tags that a file starts with end, which may be after the bytes that there are.
pub(crate) fn tags_end(file: View) -> u64 {
    id3::leading_end(file)
}

/// Reads audio or video of any format.
pub(super) fn read(container: Container, report: &mut Report) -> Result<(), Abort> {
    Ok(describe(container, &mut report.metadata)?)
}

/// What is neither audio nor video, or of a format without a reader, gives nothing.
fn describe(container: Container, metadata: &mut Metadata) -> Result<(), Failure> {
    let file = container.file;
    // Tags that may lead and follow whatever format.
    let start = id3::read_leading(file, metadata);
    let complete = match file.from(start).and_then(reader_of) {
        Some(MediaReader::Movie) if start == 0 => mp4::read(&container.movie(), metadata).is_some(),
        Some(MediaReader::Movie) => {
            file.from(start).and_then(|movie| mp4::read(&Movie::open(movie), metadata)).is_some()
        }
        Some(MediaReader::Other(reader)) => reader(file, start, metadata).is_some(),
        // After tags, damage before the first frame is common.
        None if start > 0 => mpeg::read(file, start, metadata).is_some(),
        None => return Ok(()),
    };
    ape::read_trailing(file, metadata);
    id3::read_trailing(file, metadata);
    refuse_absurd(metadata);
    if let Some(seconds) = metadata.duration {
        metadata.bit_rate = bit_rate(file.len(), seconds);
    }
    // A playing time or coding that is missing is a missing field. A file that says nothing at all is damaged.
    let found = Metadata { content_encoding: None, ..metadata.clone() };
    if found == Metadata::default() {
        return Err(Failure::new(ErrorCode::Malformed, "neither audio nor video was found in it"));
    }
    // Tags alone are what is left of a recording.
    let has_media = metadata.codec.is_some() || metadata.duration.is_some() || metadata.width.is_some();
    if !complete || !has_media {
        metadata.is_partial = Some(true);
    }
    Ok(())
}

/// How a format is read.
enum MediaReader {
    /// The reader of MP4, which takes over what sniffing has read.
    Movie,
    /// Reads what starts at an offset, after leading tags. `None` when the file ends before all is read.
    Other(fn(View, u64, &mut Metadata) -> Option<()>),
}

fn reader_of(file: View) -> Option<MediaReader> {
    let head = file.slice_up_to(0, SIGNATURES);
    let reader: fn(View, u64, &mut Metadata) -> Option<()> = match head {
        [b'f', b'L', b'a', b'C', ..] => flac::read,
        [b'O', b'g', b'g', b'S', ..] => ogg::read,
        [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => riff::read,
        [b'F', b'O', b'R', b'M', ..] => aiff::read,
        [b'F', b'R', b'M', b'8', ..] => headers::dsdiff,
        [b'D', b'S', b'D', b' ', ..] => headers::dsf,
        [b'M', b'A', b'C', b' ', ..] => headers::monkeys_audio,
        [b'w', b'v', b'p', b'k', ..] => headers::wavpack,
        [b'M', b'P', b'+', ..] => headers::musepack_7,
        [b'M', b'P', b'C', b'K', ..] => headers::musepack_8,
        [b'T', b'T', b'A', b'1', ..] => headers::true_audio,
        [b't', b'B', b'a', b'K', ..] => headers::tak,
        [b'O', b'F', b'R', b' ', ..] => headers::optimfrog,
        [b'#', b'!', b'A', b'M', b'R', b'\n', ..] => headers::amr,
        [b'A', b'D', b'I', b'F', ..] => adif::read,
        [_, _, _, _, 0x11 | 0x12, 0xaf, ..] if matches!(head.get(14..16), Some([0 | 3, 0])) => headers::fli,
        [0x0b, 0x77, ..] => ac3::read,
        [0x30, 0x26, 0xb2, 0x75, ..] => asf::read,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska::read,
        [b'F', b'L', b'V', ..] => flv::read,
        [b'M', b'T', b'h', b'd', ..] => midi::read,
        [0, 0, 1, 0xba | 0xb3, ..] => mpeg_stream::read,
        _ if mpeg_stream::packet_size(file).is_some() => mpeg_stream::read,
        [0xff, second, ..] if second & 0xf6 == 0xf0 => mpeg::read_aac,
        [0xff, 0xe0..=0xff, ..] => mpeg::read,
        _ if matches!(file.slice(4, 4), Some(b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip")) => {
            return Some(MediaReader::Movie);
        }
        _ => return None,
    };
    Some(MediaReader::Other(reader))
}

/// Numbers that no honest file has are as good as missing.
fn refuse_absurd(metadata: &mut Metadata) {
    // To the millisecond; more is an accident of the division. A file that plays no time does not say how long.
    let duration = metadata.duration.filter(|seconds| (0.0..LONGEST_DURATION).contains(seconds));
    let duration = duration.map(|seconds| (seconds * 1000.0).round() / 1000.0);
    metadata.duration = duration.filter(|seconds| *seconds > 0.0);
    metadata.sample_rate = metadata.sample_rate.filter(|rate| (1..HIGHEST_RATE).contains(rate));
    metadata.channel_count = metadata.channel_count.filter(|count| (1..MOST_CHANNELS).contains(count));
    for side in [&mut metadata.width, &mut metadata.height] {
        *side = side.filter(|side| (1..=LONGEST_SIDE).contains(side));
    }
}

/// Bits a second over the whole file, in kbit/s.
fn bit_rate(bytes: u64, seconds: f64) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "a file has less than 2^53 bits")]
    let rate = (bytes * 8) as f64 / seconds / 1000.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and within bounds")]
    (1.0..1e9).contains(&rate).then_some(rate.round() as u64)
}

#[cfg(test)]
mod tests;
