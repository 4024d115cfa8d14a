//! Matroska and `WebM` (RFC 9559): elements of EBML, of which the media itself is stepped over.

use handler_contract::Metadata;

use super::fields::{add_codec, track_number};
use crate::formats::date::{from_numbers, from_unix_millis};
use crate::formats::value::clean_bytes;
use crate::input::View;

const SEGMENT: u64 = 0x1853_8067;
const SEEK_HEAD: u64 = 0x114d_9b74;
const CLUSTER: u64 = 0x1f43_b675;
const INFO: u64 = 0x1549_a966;
const TRACKS: u64 = 0x1654_ae6b;
const TAGS: u64 = 0x1254_c367;
const CLUSTER_TIME: u64 = 0xe7;
const SIMPLE_BLOCK: u64 = 0xa3;
const BLOCK_GROUP: u64 = 0xa0;
/// From the Unix epoch to 2001, where Matroska's time starts, in milliseconds.
const EPOCH: i64 = 978_307_200_000;

/// Elements before the tracks that are stepped over.
const MOST_ELEMENTS: usize = 256;
/// More tracks than this are not looked at.
const MOST_TRACKS: usize = 64;
/// More places of a table of contents than this are not looked up. Honest ones have half a dozen.
const MOST_PLACES: usize = 32;

/// An element: its identifier and its content, as far as the file has it.
struct Element<'a> {
    id: u64,
    content: View<'a>,
    is_whole: bool,
}

/// The elements that follow one another.
struct Elements<'a> {
    view: View<'a>,
    at: u64,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (id, id_len) = variable(self.view, self.at, false)?;
        let (size, size_len) = variable(self.view, self.at + id_len, true)?;
        let from = self.at + id_len + size_len;
        let rest = self.view.len() - from;
        // All ones: a live recording, whose length was not known. What follows belongs to it.
        let is_unknown = size == (1 << (7 * size_len)) - 1;
        let len = if is_unknown { rest } else { size };
        let content = self.view.part_up_to(from, len);
        // What follows a cluster of unknown length is read as if it were beside it, and so skipped in turn.
        self.at = if is_unknown && id == CLUSTER { from } else { from + len.min(rest) };
        Some(Element { id, content, is_whole: len <= rest })
    }
}

fn elements(view: View<'_>) -> Elements<'_> {
    Elements { view, at: 0 }
}

/// A number whose leading zeros give its length; identifiers keep the bit that ends them.
fn variable(view: View, at: u64, is_size: bool) -> Option<(u64, u64)> {
    let first = view.u8(at)?;
    let len = u64::from(first.leading_zeros()) + 1;
    if len > 8 {
        return None;
    }
    let number = view.slice(at, len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((if is_size { number & ((1 << (7 * len)) - 1) } else { number }, len))
}

/// The media type by the document type and the kinds of the tracks; `None` where they are not within what is there.
pub(crate) fn media_type(file: View) -> Option<&'static str> {
    let view = file.as_big_endian();
    let header = elements(view).next().filter(|element| element.id == 0x1a45_dfa3)?;
    let kind = elements(header.content).find(|field| field.id == 0x4282)?.content.bytes();
    let segment = elements(view).find(|element| element.id == SEGMENT)?;
    let tracks = elements(segment.content).take_while(|element| element.id != CLUSTER);
    let tracks = tracks.take(MOST_ELEMENTS).find(|element| element.id == TRACKS && element.is_whole)?;
    let (mut has_audio, mut has_video) = (false, false);
    for entry in elements(tracks.content).filter(|entry| entry.id == 0xae).take(MOST_TRACKS) {
        let mut fields = elements(entry.content);
        match fields.find(|field| field.id == 0x83).and_then(|field| number(field.content)) {
            Some(1) => has_video = true,
            Some(2) => has_audio = true,
            _ => {}
        }
    }
    Some(match (kind.starts_with(b"webm"), has_video, has_audio) {
        (true, false, true) => "audio/webm",
        (true, ..) => "video/webm",
        (false, true, _) => "video/matroska",
        (false, false, true) => "audio/matroska",
        (false, false, false) => "application/x-matroska",
    })
}

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    let segment = elements(view).find(|element| element.id == SEGMENT)?;
    let (mut walk, mut places) = (elements(segment.content), Vec::new());
    let (mut blocks, mut is_whole) = (Blocks::default(), segment.is_whole);
    for element in walk.by_ref() {
        is_whole &= element.is_whole;
        match element.id {
            SEEK_HEAD => places.extend(seek_head(element.content).take(MOST_PLACES)),
            TRACKS => blocks.read_tracks(element.content),
            // Only a recording that does not say how long it is must be read through.
            CLUSTER | CLUSTER_TIME | SIMPLE_BLOCK | BLOCK_GROUP if metadata.duration.is_none() => {
                is_whole &= blocks.read(&element).is_some();
            }
            _ => {}
        }
        describe(&element, metadata);
    }
    // Of a file whose middle is missing, the table of contents (SeekHead) shows what is after it.
    if segment.content.behind_gap(walk.at).is_some() {
        let element_at = |at: u64| elements(segment.content.from(at)?).next();
        places.iter().filter(|at| **at > walk.at).take(MOST_PLACES).filter_map(|at| element_at(*at)).for_each(
            |element| {
                describe(&element, metadata);
            },
        );
        metadata.duration?;
    }
    let scale = scale(segment.content);
    #[expect(clippy::cast_precision_loss, reason = "what is lost is less than a millisecond")]
    let seconds = blocks.playing_time(scale).map(|nanos| nanos as f64 / 1e9);
    metadata.duration = metadata.duration.or(seconds);
    is_whole.then_some(())
}

/// Nanoseconds of a tick.
fn scale(segment: View) -> u64 {
    let info = elements(segment).take(64).find(|element| element.id == INFO);
    let scale = info.and_then(|info| elements(info.content).find(|field| field.id == 0x2a_d7b1));
    scale.and_then(|scale| number(scale.content)).unwrap_or(1_000_000)
}

/// The times of the blocks of a recording, of which the length was not known when its header was written.
#[derive(Default)]
struct Blocks {
    /// Nanoseconds that a frame of a track lasts, by the track's number.
    frames: Vec<(u64, u64)>,
    /// When the cluster starts that is being read. Ticks.
    cluster: u64,
    first: Option<u64>,
    /// The latest block, and the number of its track.
    last: Option<(u64, u64)>,
    /// The latest end of a block that says how long it lasts.
    end: u64,
}

impl Blocks {
    fn read_tracks(&mut self, tracks: View) {
        for track in elements(tracks).filter(|track| track.id == 0xae).take(MOST_TRACKS) {
            let field =
                |id| elements(track.content).find(|field| field.id == id).and_then(|field| number(field.content));
            self.frames.extend(field(0xd7).zip(field(0x23_e383)));
        }
    }

    /// Reads a cluster, or an element of one. `None` if it is cut.
    fn read(&mut self, element: &Element) -> Option<()> {
        match element.id {
            CLUSTER => {
                for inner in elements(element.content) {
                    if inner.id != CLUSTER {
                        self.read(&inner)?;
                    }
                }
            }
            CLUSTER_TIME => self.cluster = number(element.content)?,
            SIMPLE_BLOCK => self.block(element.content, None)?,
            BLOCK_GROUP => {
                let field = |id| elements(element.content).find(|field| field.id == id).map(|field| field.content);
                self.block(field(0xa1)?, field(0x9b).and_then(number))?;
            }
            _ => {}
        }
        element.is_whole.then_some(())
    }

    /// A block: the number of its track, and its time from that of the cluster on.
    fn block(&mut self, block: View, duration: Option<u64>) -> Option<()> {
        let (track, len) = variable(block, 0, true)?;
        let time = self.cluster.checked_add_signed(block.u16(len)?.cast_signed().into())?;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        if self.last.is_none_or(|(last, _)| time >= last) {
            self.last = Some((time, track));
        }
        self.end = self.end.max(duration.map_or(0, |duration| time.saturating_add(duration)));
        Some(())
    }

    /// From the first block to the end of the last. Nanoseconds.
    fn playing_time(&self, scale: u64) -> Option<u64> {
        let (first, (last, track)) = (self.first?, self.last?);
        let frame = self.frames.iter().find(|(number, _)| *number == track).map_or(0, |(_, nanos)| *nanos);
        let end = last.checked_mul(scale)?.checked_add(frame)?.max(self.end.checked_mul(scale)?);
        end.checked_sub(first.checked_mul(scale)?)
    }
}

fn describe(element: &Element, metadata: &mut Metadata) {
    match element.id {
        INFO => info(element.content, metadata),
        TRACKS => elements(element.content).filter(|track| track.id == 0xae).take(MOST_TRACKS).for_each(|entry| {
            track(entry.content, metadata);
        }),
        TAGS => tags(element.content, metadata),
        _ => {}
    }
}

/// The places that the table of contents names, from the start of the segment.
fn seek_head(view: View<'_>) -> impl Iterator<Item = u64> {
    elements(view)
        .filter(|entry| entry.id == 0x4dbb)
        .filter_map(|entry| elements(entry.content).find(|field| field.id == 0x53ac).and_then(|at| number(at.content)))
}

fn number(view: View) -> Option<u64> {
    (view.len() <= 8).then(|| view.bytes().iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn float(view: View) -> Option<f64> {
    match view.len() {
        4 => view.u32(0).map(|bits| f32::from_bits(bits).into()),
        8 => view.u64(0).map(f64::from_bits),
        _ => None,
    }
}

fn info(view: View, metadata: &mut Metadata) {
    // Nanoseconds of a tick.
    let (mut scale, mut duration) = (1_000_000, None);
    for element in elements(view) {
        match element.id {
            0x2a_d7b1 => scale = number(element.content).unwrap_or(scale),
            0x4489 => duration = float(element.content),
            0x7ba9 => metadata.title = clean_bytes(element.content.bytes()),
            0x5741 => metadata.creator_tool = clean_bytes(element.content.bytes()),
            // Nanoseconds since 2001.
            0x4461 => {
                let millis = number(element.content).map(|nanos| nanos.cast_signed() / 1_000_000);
                metadata.date_created = millis.and_then(|millis| from_unix_millis(millis.checked_add(EPOCH)?));
            }
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a scale is a small number")]
    let seconds = duration.map(|ticks| ticks * scale as f64 / 1e9);
    metadata.duration = seconds.filter(|seconds| *seconds > 0.0);
}

fn track(view: View, metadata: &mut Metadata) {
    for element in elements(view) {
        match element.id {
            0x86 => add_codec(metadata, &codec(element.content.bytes())),
            0xe0 => {
                for property in elements(element.content) {
                    match property.id {
                        0xb0 if metadata.width.is_none() => metadata.width = number(property.content),
                        0xba if metadata.height.is_none() => metadata.height = number(property.content),
                        0x7670 if metadata.orientation.is_none() => metadata.orientation = roll(property.content),
                        _ => {}
                    }
                }
            }
            0xe1 if metadata.channel_count.is_none() => {
                // One channel at 8 kHz, unless said otherwise.
                metadata.channel_count = Some(1);
                metadata.sample_rate = Some(8000);
                for property in elements(element.content) {
                    match property.id {
                        0xb5 => {
                            #[expect(
                                clippy::cast_possible_truncation,
                                clippy::cast_sign_loss,
                                reason = "within bounds"
                            )]
                            let rate = float(property.content).filter(|f| (1.0..1e9).contains(f)).map(|f| f as u64);
                            metadata.sample_rate = rate;
                        }
                        0x9f => metadata.channel_count = number(property.content),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// How the picture is turned, if by quarters of a circle (RFC 9559, section 5.1.4.1.28.43: against the clock).
fn roll(projection: View) -> Option<u64> {
    let degrees = elements(projection).find(|field| field.id == 0x7675).and_then(|roll| float(roll.content))?;
    [(0.0, 1), (90.0, 8), (180.0, 3), (-180.0, 3), (-90.0, 6), (270.0, 6)]
        .into_iter()
        .find_map(|(turn, value): (f64, u64)| ((degrees - turn).abs() < 0.5).then_some(value))
}

/// `V_MPEG4/ISO/AVC` and its like, in the words that other formats use too.
fn codec(id: &[u8]) -> String {
    let known = match id {
        b"V_MPEG4/ISO/AVC" => "h264",
        b"V_MPEGH/ISO/HEVC" => "hevc",
        b"V_MPEG4/ISO/ASP" | b"V_MPEG4/ISO/SP" => "mpeg4",
        b"V_MPEG2" => "mpeg2",
        b"V_VP8" => "vp8",
        b"V_VP9" => "vp9",
        b"V_AV1" => "av1",
        b"V_THEORA" => "theora",
        b"A_VORBIS" => "vorbis",
        b"A_OPUS" => "opus",
        b"A_FLAC" => "flac",
        b"A_AC3" => "ac3",
        b"A_EAC3" => "eac3",
        b"A_DTS" => "dts",
        b"A_MPEG/L3" => "mp3",
        b"A_MPEG/L2" => "mp2",
        [b'A', b'_', b'A', b'A', b'C', ..] => "aac",
        [b'A', b'_', b'P', b'C', b'M', ..] => "pcm",
        _ => "",
    };
    if known.is_empty() {
        let name = &id[..id.len().min(32)];
        String::from_utf8_lossy(name).chars().filter(char::is_ascii_graphic).collect::<String>().to_ascii_lowercase()
    } else {
        known.to_owned()
    }
}

/// Tags are pairs of a name and a text, grouped by what they are about.
fn tags(view: View, metadata: &mut Metadata) {
    let groups = elements(view).filter(|group| group.id == 0x7373).flat_map(|group| elements(group.content));
    for tag in groups.filter(|tag| tag.id == 0x67c8) {
        let child = |id| elements(tag.content).find(|child| child.id == id).map(|child| child.content.bytes());
        let (Some(name), Some(value)) = (child(0x45a3), child(0x4487)) else { continue };
        let text = || clean_bytes(value);
        match name {
            b"TITLE" if metadata.title.is_none() => metadata.title = text(),
            b"ARTIST" if metadata.author.is_none() => metadata.author = text(),
            b"ALBUM" if metadata.album.is_none() => metadata.album = text(),
            b"GENRE" if metadata.genre.is_none() => metadata.genre = text(),
            b"DATE_RELEASED" if metadata.date_created.is_none() => {
                metadata.date_created = text().as_deref().and_then(from_numbers);
            }
            b"PART_NUMBER" if metadata.track_number.is_none() => {
                metadata.track_number = text().as_deref().and_then(track_number);
            }
            _ => {}
        }
    }
}
