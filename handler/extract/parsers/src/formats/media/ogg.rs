//! Ogg (RFC 3533): a walk over the pages, for the header, the comments and the last position of each stream.

use handler_contract::Metadata;

use super::fields::{add_codec, seconds, set_audio};
use super::{flac, vorbis};
use crate::input::View;

/// More streams than this are not followed.
const MOST_STREAMS: usize = 16;
/// Comments are read up to here; after the text there may be pictures.
const LONGEST_COMMENTS: usize = 1 << 20;

/// Where a stream's positions come from, and what they mean.
struct Stream {
    serial: u32,
    kind: Kind,
    /// Bytes of the packet after the header, as far as they have arrived.
    comments: Vec<u8>,
    has_comments: bool,
    /// The last position that a page gave.
    position: u64,
}

enum Kind {
    /// Samples a second, and samples to skip before the first that is played.
    Audio {
        rate: u64,
        skip: u64,
    },
    /// The header has the playing time.
    HasDuration,
    /// The length of a frame in units, and units a second; positions are a key frame's number and a distance from it.
    Theora {
        numerator: u64,
        denominator: u64,
        shift: u32,
    },
    Other,
}

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_little_endian();
    let mut streams: Vec<Stream> = Vec::new();
    let mut at = start;
    let mut is_whole = true;
    loop {
        let Some(page) = Page::at(view, at) else {
            // Of a file whose middle is missing, the last positions are still at its end.
            match view.behind_gap(at) {
                Some(next) => at = next,
                None => break,
            }
            continue;
        };
        at = page.end.min(view.len());
        is_whole &= page.end <= view.len();
        if page.begins_stream {
            if streams.len() < MOST_STREAMS {
                let kind = start_stream(page.data, metadata).unwrap_or(Kind::Other);
                let stream =
                    Stream { serial: page.serial, kind, comments: Vec::new(), has_comments: false, position: 0 };
                streams.push(stream);
            }
            continue;
        }
        let Some(stream) = streams.iter_mut().find(|stream| stream.serial == page.serial) else { continue };
        if let Some(position) = page.position {
            stream.position = position;
        }
        if !stream.has_comments {
            let room = LONGEST_COMMENTS - stream.comments.len();
            let packet = &page.data.bytes()[..page.first_packet.min(page.data.bytes().len())];
            stream.comments.extend_from_slice(&packet[..packet.len().min(room)]);
            if page.ends_packet || stream.comments.len() == LONGEST_COMMENTS {
                stream.has_comments = true;
                read_comments(&std::mem::take(&mut stream.comments), metadata);
            }
        }
    }
    let longest = streams
        .iter()
        .filter_map(Stream::seconds)
        .fold(None, |longest: Option<f64>, seconds| Some(longest.map_or(seconds, |longest| longest.max(seconds))));
    metadata.duration = longest.or(metadata.duration);
    (is_whole && at == view.len()).then_some(())
}

struct Page<'a> {
    serial: u32,
    position: Option<u64>,
    begins_stream: bool,
    data: View<'a>,
    /// Bytes of the first packet, or of what is there of it.
    first_packet: usize,
    ends_packet: bool,
    /// Where the next page starts, which may be outside of a file that is cut.
    end: u64,
}

impl<'a> Page<'a> {
    /// The next page at or after `at`.
    fn at(view: View<'a>, at: u64) -> Option<Self> {
        let rest = view.from(at)?.bytes();
        let at = at + rest.windows(4).position(|window| window == b"OggS")? as u64;
        let segments = u64::from(view.u8(at + 26)?);
        let table = view.slice(at + 27, segments)?;
        let len = table.iter().map(|len| u64::from(*len)).sum();
        let data = view.part_up_to(at + 27 + segments, len);
        let full = table.iter().take_while(|len| **len == 255).count();
        let last = table.get(full).copied();
        Some(Self {
            serial: view.u32(at + 14)?,
            // No packet ends on a page whose position is -1.
            position: view.u64(at + 6).filter(|position| *position != u64::MAX),
            begins_stream: view.u8(at + 5)? & 2 != 0,
            data,
            first_packet: full * 255 + usize::from(last.unwrap_or(0)),
            ends_packet: last.is_some(),
            end: at + 27 + segments + len,
        })
    }
}

/// Reads the header packet of a stream.
fn start_stream(header: View, metadata: &mut Metadata) -> Option<Kind> {
    let big_endian = header.as_big_endian();
    if header.has(0, b"\x01vorbis") {
        let rate = u64::from(header.u32(12)?);
        set_audio(metadata, "vorbis", rate, header.u8(11)?);
        Some(Kind::Audio { rate, skip: 0 })
    } else if header.has(0, b"OpusHead") {
        // Whatever the rate of the original, positions count 48,000 a second.
        set_audio(metadata, "opus", 48_000_u64, header.u8(9)?);
        Some(Kind::Audio { rate: 48_000, skip: header.u16(10)?.into() })
    } else if header.has(0, b"Speex   ") {
        let rate = u64::from(header.u32(36)?);
        set_audio(metadata, "speex", rate, header.u32(48)?);
        Some(Kind::Audio { rate, skip: 0 })
    } else if header.has(0, b"\x7fFLAC") {
        flac::read_stream_info(big_endian, 17, metadata)?;
        let rate = metadata.sample_rate?;
        Some(if metadata.duration.is_some() { Kind::HasDuration } else { Kind::Audio { rate, skip: 0 } })
    } else if header.has(0, b"\x80theora") {
        metadata.width = Some(big_endian.u24(14)?.into());
        metadata.height = Some(big_endian.u24(17)?.into());
        add_codec(metadata, "theora");
        let shift = u32::from(big_endian.u16(40)? >> 5 & 0x1f);
        Some(Kind::Theora { numerator: big_endian.u32(22)?.into(), denominator: big_endian.u32(26)?.into(), shift })
    } else {
        None
    }
}

fn read_comments(packet: &[u8], metadata: &mut Metadata) {
    const PREFIXES: [&[u8]; 4] = [b"\x03vorbis", b"OpusTags", b"\x81theora", b"\x7fFLAC"];
    let comments = PREFIXES.iter().find_map(|prefix| packet.strip_prefix(*prefix));
    // FLAC's packet is a metadata block; Speex's has no prefix.
    let flac = || packet.first().filter(|kind| **kind & 0x7f == 4).and_then(|_| packet.get(4..));
    vorbis::read_comments(comments.or_else(flac).unwrap_or(packet), metadata);
}

impl Stream {
    fn seconds(&self) -> Option<f64> {
        match self.kind {
            Kind::Audio { rate, skip } => seconds(self.position.saturating_sub(skip), rate),
            Kind::Theora { numerator, denominator, shift } => {
                let frames = (self.position >> shift) + (self.position & ((1 << shift) - 1));
                seconds(frames.saturating_mul(denominator), numerator)
            }
            Kind::HasDuration | Kind::Other => None,
        }
    }
}
