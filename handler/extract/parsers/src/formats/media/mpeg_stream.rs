//! MPEG-2 transport streams and program streams (ISO 13818-1), and video of MPEG without either around it: the kinds of
//! the streams, what their first packets show, and the time between the first and the last stamp.
//!
//! Packets are read from both ends, in a number that does not grow with the file.

use handler_contract::Metadata;

use super::fields::{add_codec, seconds, set_audio};
use super::{ac3, mpeg, video};
use crate::input::View;

/// Bytes at each end that are read.
const END: u64 = 2 << 20;
/// Bytes of a stream that are kept to find its headers.
const KEPT: usize = 64 << 10;
/// Streams that are followed.
const MOST_STREAMS: usize = 32;
/// Stamps count this many units a second, in 33 bits.
const UNITS: u64 = 90_000;
const WRAP: u64 = 1 << 33;

/// How a stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    MpegVideo,
    Mpeg4,
    H264,
    H265,
    MpegAudio,
    Aac,
    AacLatm,
    Ac3,
    Dts,
    Lpcm,
    Other,
}

impl Coding {
    /// By the stream type of a program map (ISO 13818-1, table 2-34, and what ATSC and Blu-ray add).
    fn of(stream_type: u8) -> Self {
        match stream_type {
            0x01 | 0x02 => Self::MpegVideo,
            0x03 | 0x04 => Self::MpegAudio,
            0x0f => Self::Aac,
            0x10 => Self::Mpeg4,
            0x11 => Self::AacLatm,
            0x1b => Self::H264,
            0x24 => Self::H265,
            0x80 => Self::Lpcm,
            0x81 | 0x84 | 0x87 => Self::Ac3,
            0x82 | 0x85 | 0x86 | 0x8a => Self::Dts,
            _ => Self::Other,
        }
    }
}

/// A stream of video or audio.
struct Stream {
    /// What its packets are known by.
    id: u16,
    coding: Coding,
    /// Its first bytes.
    start: Vec<u8>,
    first: Option<u64>,
    last: Option<u64>,
    /// The last stamps, of which the difference is how long a frame plays.
    before_last: Option<u64>,
}

#[derive(Default)]
struct Streams(Vec<Stream>);

impl Streams {
    fn get(&mut self, id: u16) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| stream.id == id)
    }

    fn add(&mut self, id: u16, coding: Coding) {
        if self.0.len() < MOST_STREAMS && self.get(id).is_none() {
            self.0.push(Stream { id, coding, start: Vec::new(), first: None, last: None, before_last: None });
        }
    }

    /// Writes down what is known.
    fn describe(&self, metadata: &mut Metadata) {
        for stream in &self.0 {
            stream.describe(metadata);
        }
        let first = self.0.iter().filter_map(|stream| stream.first).min();
        let ends = self.0.iter().filter_map(|stream| {
            let (last, first) = (stream.last?, first?);
            // Stamps that are further from each other than frames are say nothing of how long one plays.
            let frame = stream.before_last.map_or(0, |before| last.abs_diff(before));
            let frame = if frame > UNITS / 4 { 0 } else { frame };
            // The count may have started again.
            let last = if last < first { last + WRAP } else { last };
            Some(last - first + frame)
        });
        if let Some(units) = ends.max().filter(|units| *units > 0) {
            metadata.duration = seconds(units, UNITS);
        }
    }
}

impl Stream {
    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT - self.start.len();
        self.start.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// A stamp near the start of the file, or near its end.
    fn stamp(&mut self, stamp: u64) {
        if self.first.is_none() {
            self.first = Some(stamp);
        }
        // Frames are sent in another order than they are shown.
        match self.last {
            Some(last) if stamp > last || last - stamp > WRAP / 2 => {
                self.before_last = self.last;
                self.last = Some(stamp);
            }
            Some(_) => self.before_last = self.before_last.max(Some(stamp)),
            None => self.last = Some(stamp),
        }
    }

    fn describe(&self, metadata: &mut Metadata) -> Option<()> {
        let start = &*self.start;
        let (codec, size) = match self.coding {
            Coding::MpegVideo if video::is_mpeg_2(start) => ("mpeg2", video::mpeg_size(start)),
            Coding::MpegVideo => ("mpeg1", video::mpeg_size(start)),
            Coding::Mpeg4 => ("mpeg4", None),
            Coding::H264 => ("h264", video::h264_size(start)),
            Coding::H265 => ("hevc", video::h265_size(start)),
            Coding::AacLatm => ("aac", None),
            Coding::Dts => ("dts", None),
            Coding::Lpcm => ("pcm", None),
            Coding::Other => return None,
            Coding::MpegAudio | Coding::Aac | Coding::Ac3 => {
                let view = View::big_endian(start);
                let header = (0..view.len()).find_map(|at| match self.coding {
                    Coding::MpegAudio => mpeg::mpeg_frame(view, at).map(|f| (f.codec, f.rate, f.channels)),
                    Coding::Aac => mpeg::aac_frame(view, at).map(|f| (f.codec, f.rate, f.channels)),
                    _ => ac3::frame(view, at).map(|f| (f.codec, f.rate, f.channels)),
                });
                let (codec, rate, channels) = header?;
                set_audio(metadata, codec, rate, channels);
                return Some(());
            }
        };
        add_codec(metadata, codec);
        if let (Some((width, height)), None) = (size, metadata.width) {
            (metadata.width, metadata.height) = (Some(width), Some(height));
        }
        Some(())
    }
}

/// The length of a transport stream's packets: 188 bytes, with a time before them (192) or a sum after them (204).
pub(super) fn packet_size(file: View) -> Option<(u64, u64)> {
    [(188, 0), (192, 4), (204, 0)].into_iter().find(|(size, lead)| {
        let packets = (file.len() / size).min(5);
        packets >= 2 && (0..packets).all(|index| file.has(index * size + lead, &[0x47]))
    })
}

/// Reads a stream of any of these kinds.
pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    if let Some((size, lead)) = packet_size(view) {
        return read_transport(view, size, lead, metadata);
    }
    if view.has(0, &[0, 0, 1, 0xba]) { read_program(view, metadata) } else { read_video(view, metadata) }
}

/// Video of MPEG: pictures are counted by their headers.
fn read_video(view: View, metadata: &mut Metadata) -> Option<()> {
    const RATES: [f64; 8] = [24_000.0 / 1001.0, 24.0, 25.0, 30_000.0 / 1001.0, 30.0, 50.0, 60_000.0 / 1001.0, 60.0];
    let head = view.slice_up_to(0, END);
    let (width, height) = video::mpeg_size(head)?;
    (metadata.width, metadata.height) = (Some(width), Some(height));
    add_codec(metadata, if video::is_mpeg_2(head) { "mpeg2" } else { "mpeg1" });
    let rate = *RATES.get(usize::from(view.u8(7)? & 15).checked_sub(1)?)?;
    let pictures = memchr::memmem::find_iter(view.bytes(), b"\0\0\x01\0").count();
    #[expect(clippy::cast_precision_loss, reason = "a count of pictures is a small number")]
    let seconds = pictures as f64 / rate;
    metadata.duration = Some(seconds).filter(|_| view.is_whole());
    view.is_whole().then_some(())
}

fn read_transport(view: View, size: u64, lead: u64, metadata: &mut Metadata) -> Option<()> {
    let mut reader = Transport { streams: Streams::default(), map: None };
    let packets = view.len() / size;
    let some = (END / size).min(packets);
    for index in 0..some {
        if let Some(packet) = view.part(index * size + lead, 188) {
            reader.packet(packet);
        }
    }
    for index in (packets - some).max(some)..packets {
        if let Some(packet) = view.part(index * size + lead, 188) {
            reader.stamp(packet);
        }
    }
    reader.streams.describe(metadata);
    // Packets are whole, and so is a file of them.
    view.len().is_multiple_of(size).then_some(())
}

struct Transport {
    streams: Streams,
    /// The packets that list the streams.
    map: Option<u16>,
}

impl Transport {
    /// The identifier of a packet, whether a unit starts in it, and its content.
    fn content(packet: View<'_>) -> Option<(u16, bool, View<'_>)> {
        if packet.u8(0)? != 0x47 {
            return None;
        }
        let header = packet.u16(1)?;
        let control = packet.u8(3)?;
        let from = match control >> 4 & 3 {
            1 => 4,
            3 => 5 + u64::from(packet.u8(4)?),
            _ => return None,
        };
        Some((header & 0x1fff, header & 0x4000 != 0, packet.from(from)?))
    }

    fn packet(&mut self, packet: View) -> Option<()> {
        let (id, starts, content) = Self::content(packet)?;
        if id == 0 && starts {
            // The first program of the table, after the network's.
            let section = content.from(u64::from(content.u8(0)?) + 1)?;
            let end = u64::from(section.u16(1)? & 0xfff) + 3;
            let program = (8..end.saturating_sub(4)).step_by(4).find(|at| section.u16(*at).is_some_and(|n| n != 0))?;
            self.map = self.map.or(Some(section.u16(program + 2)? & 0x1fff));
        } else if Some(id) == self.map && starts {
            self.read_map(content.from(u64::from(content.u8(0)?) + 1)?)?;
        } else if let Some(stream) = self.streams.get(id) {
            if starts {
                let (stamp, payload) = packet_of_stream(content)?;
                if let Some(stamp) = stamp {
                    stream.stamp(stamp);
                }
                stream.keep(payload.bytes());
            } else if stream.first.is_some() || !stream.start.is_empty() {
                stream.keep(content.bytes());
            }
        }
        Some(())
    }

    fn read_map(&mut self, section: View) -> Option<()> {
        let end = (u64::from(section.u16(1)? & 0xfff) + 3).saturating_sub(4);
        let mut at = 12 + u64::from(section.u16(10)? & 0xfff);
        while at + 5 <= end {
            let (kind, id) = (section.u8(at)?, section.u16(at + 1)? & 0x1fff);
            let len = u64::from(section.u16(at + 3)? & 0xfff);
            // Private data names its coding in a descriptor.
            let coding = match kind {
                0x06 => private_coding(section.part(at + 5, len)?),
                kind => Coding::of(kind),
            };
            self.streams.add(id, coding);
            at += 5 + len;
        }
        Some(())
    }

    /// Near the end only the stamps count.
    fn stamp(&mut self, packet: View) -> Option<()> {
        let (id, starts, content) = Self::content(packet)?;
        if starts
            && let Some(stream) = self.streams.get(id)
            && let (Some(stamp), _) = packet_of_stream(content)?
        {
            stream.stamp(stamp);
        }
        Some(())
    }
}

/// By the descriptors of DVB (ETSI EN 300 468, section 6.1) and by registration.
fn private_coding(descriptors: View) -> Coding {
    let mut at = 0;
    while let (Some(tag), Some(len)) = (descriptors.u8(at), descriptors.u8(at + 1)) {
        match (tag, descriptors.name(at + 2)) {
            (0x6a | 0x7a, _) | (0x05, Some([b'A', b'C', b'-', b'3'])) => return Coding::Ac3,
            (0x7b, _) => return Coding::Dts,
            (0x05, Some([b'H', b'E', b'V', b'C'])) => return Coding::H265,
            _ => at += 2 + u64::from(len),
        }
    }
    Coding::Other
}

/// A packet of an elementary stream: when it is shown, and what is in it.
fn packet_of_stream(packet: View<'_>) -> Option<(Option<u64>, View<'_>)> {
    if !packet.has(0, &[0, 0, 1]) {
        return None;
    }
    // MPEG-2 has two bits of mark, flags and the header's length; MPEG-1 has padding and the stamps.
    let first = packet.u8(6)?;
    if first >> 6 == 2 {
        let stamp = if packet.u8(7)? & 0x80 == 0 { None } else { stamp(packet, 9) };
        return Some((stamp, packet.from(9 + u64::from(packet.u8(8)?))?));
    }
    let mut at = 6;
    while packet.u8(at)? == 0xff {
        at += 1;
    }
    if packet.u8(at)? >> 6 == 1 {
        at += 2;
    }
    match packet.u8(at)? >> 4 {
        2 => Some((stamp(packet, at), packet.from(at + 5)?)),
        3 => Some((stamp(packet, at), packet.from(at + 10)?)),
        _ => Some((None, packet.from(at + 1)?)),
    }
}

/// 33 bits in five bytes, with marks between them.
fn stamp(view: View, at: u64) -> Option<u64> {
    let (first, second, third) = (view.u8(at)?, view.u16(at + 1)?, view.u16(at + 3)?);
    Some(u64::from(first >> 1 & 7) << 30 | u64::from(second >> 1) << 15 | u64::from(third >> 1))
}

fn read_program(view: View, metadata: &mut Metadata) -> Option<()> {
    let mut streams = Streams::default();
    let (end, is_whole) = walk_program(view, 0, END, &mut streams, true);
    let complete = if is_whole && end < view.len() {
        // The first pack near the end from which the packets lead to the end.
        let from = view.len().saturating_sub(END).max(end);
        let rest = view.from(from)?;
        let pack = memchr::memmem::find(rest.bytes(), b"\0\0\x01\xba").map(|at| from + at as u64)?;
        walk_program(view, pack, u64::MAX, &mut streams, false).1
    } else {
        is_whole
    };
    streams.describe(metadata);
    complete.then_some(())
}

/// Follows packets by their lengths from `at` for this number of bytes. Returns where it ended, and whether nothing was cut.
fn walk_program(view: View, mut at: u64, most: u64, streams: &mut Streams, keep: bool) -> (u64, bool) {
    let stop = at.saturating_add(most);
    while at < stop && at < view.len() {
        let Some(next) = program_packet(view, at, streams, keep) else { return (at, false) };
        at = next;
    }
    (at, at <= view.len())
}

fn program_packet(view: View, at: u64, streams: &mut Streams, keep: bool) -> Option<u64> {
    if !view.has(at, &[0, 0, 1]) {
        // Padding between packs.
        let zeros = view.slice_up_to(at, 4096).iter().take_while(|byte| **byte == 0).count();
        return if zeros > 2 { Some(at + (zeros - 2).max(1) as u64) } else { None };
    }
    match view.u8(at + 3)? {
        0xb9 => Some(view.len()),
        0xba if view.u8(at + 4)? >> 6 == 1 => Some(at + 14 + u64::from(view.u8(at + 13)? & 7)),
        0xba => Some(at + 12),
        kind => {
            let len = 6 + u64::from(view.u16(at + 4)?);
            let coding = match kind {
                0xc0..=0xdf => Some(Coding::MpegAudio),
                0xe0..=0xef => Some(Coding::MpegVideo),
                0xbd => Some(Coding::Other),
                _ => None,
            };
            if let (Some(coding), Some((stamp, payload))) = (coding, packet_of_stream(view.part_up_to(at, len))) {
                // The first byte of private data says what it is on a DVD.
                let (coding, id, skip) = match (coding, payload.u8(0)) {
                    (Coding::Other, Some(sub @ 0x80..=0x87)) => (Coding::Ac3, u16::from(sub) << 8, 4),
                    (Coding::Other, Some(sub @ 0x88..=0x8f)) => (Coding::Dts, u16::from(sub) << 8, 4),
                    (Coding::Other, Some(sub @ 0xa0..=0xaf)) => (Coding::Lpcm, u16::from(sub) << 8, 4),
                    (coding, _) => (coding, u16::from(kind), 0),
                };
                streams.add(id, coding);
                if let Some(stream) = streams.get(id) {
                    if let Some(stamp) = stamp {
                        stream.stamp(stamp);
                    }
                    if keep {
                        stream.keep(payload.from(skip).map(View::bytes).unwrap_or_default());
                    }
                    // H.264 in a program stream has no list that says so.
                    if stream.coding == Coding::MpegVideo && video::mpeg_size(&stream.start).is_none() {
                        let is_avc = video::h264_size(&stream.start).is_some();
                        stream.coding = if is_avc { Coding::H264 } else { stream.coding };
                    }
                }
            }
            Some(at + len)
        }
    }
}
