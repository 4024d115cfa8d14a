//! MP4, `QuickTime` and 3GP (ISO 14496-12, -14): the movie header, the tracks, and the tags of `iTunes` and
//! `QuickTime`.

mod fragments;

use handler_contract::Metadata;

use super::fields::{add_codec, seconds};
use crate::formats::boxes::Boxes;
use crate::formats::container::Movie;
use crate::formats::date::{from_numbers, from_unix_millis};
use crate::formats::value::clean_bytes;
use crate::input::View;

/// More tracks than this are not read.
const MOST_TRACKS: usize = 64;
/// More tags than this are not read.
const MOST_TAGS: usize = 1024;
/// From 1904, where this format's time starts, to the Unix epoch, in seconds.
const EPOCH: i64 = 2_082_844_800;

/// The media type by the kinds of the tracks, where the movie's header is found.
pub(crate) fn media_type(movie: &Movie<'_>) -> Option<&'static str> {
    let tracks = Boxes::of(movie.header?).filter(|found| found.name == *b"trak").take(MOST_TRACKS);
    let kinds = tracks.filter_map(|track| Boxes::find_path(track.content, &[*b"mdia", *b"hdlr"])?.name(8));
    let mut has_sound = false;
    for kind in kinds {
        match &kind {
            b"vide" => return Some("video/mp4"),
            b"soun" => has_sound = true,
            _ => {}
        }
    }
    has_sound.then_some("audio/mp4")
}

/// Reads a movie of which the outermost boxes are known. `None` when the file ends before all is read.
pub(super) fn read(movie: &Movie<'_>, metadata: &mut Metadata) -> Option<()> {
    let mut complete = movie.is_complete;
    let file = movie.file;
    let movie = movie.header?;
    let mut starts = Vec::new();
    let (mut audio, mut picture) = (None, None);
    for track in Boxes::of(movie).filter(|found| found.name == *b"trak").take(MOST_TRACKS) {
        let Some(track) = Track::read(track.content) else { continue };
        complete &= track.last_chunk < file.len();
        starts.push((track.id, track.timescale, track.edit));
        match &track.handler {
            b"soun" if audio.is_none() => audio = Some(track),
            b"vide" if picture.is_none() => picture = Some(track),
            _ => {}
        }
    }
    let header = Boxes::find(movie, *b"mvhd");
    let (created, whole) = header.and_then(movie_header).unwrap_or_default();
    if let Some(track) = &picture {
        add_codec(metadata, &codec(track.format));
        // The size to show it in; files without one keep it with the coding.
        let (width, height) = Some(track.shown).filter(|(w, h)| *w > 0 && *h > 0).unwrap_or(track.coded);
        (metadata.width, metadata.height) = (Some(width), Some(height));
        metadata.orientation = track.orientation;
    }
    if let Some(track) = &audio {
        add_codec(metadata, &codec(track.format));
        (metadata.channel_count, metadata.sample_rate) = (Some(track.channels), Some(track.rate));
    }
    // Audio alone lasts as long as its samples; a video as long as the longest of its tracks.
    metadata.duration = match (&audio, &picture) {
        (Some(audio), None) => audio.duration.or(whole),
        _ => whole.or(picture.as_ref().and_then(|track| track.duration)),
    };
    metadata.duration = metadata.duration.filter(|seconds| *seconds > 0.0).or_else(|| {
        // Fragmented, as it is streamed: the length of all fragments may be in a box of its own.
        let all = Boxes::find_path(movie, &[*b"mvex", *b"mehd"])?;
        let duration = if all.u8(0)? == 0 { all.u32(4)?.into() } else { all.u64(4)? };
        seconds(duration, timescale(header?)?)
    });
    if let Some(extends) = Boxes::find(movie, *b"mvex") {
        let fragments = fragments::playing_time(file, extends, &starts);
        metadata.duration = [metadata.duration, fragments].into_iter().flatten().reduce(f64::max);
    }
    metadata.date_created = created;
    tags(movie, metadata);
    complete.then_some(())
}

fn timescale(header: View) -> Option<u64> {
    header.u32(if header.u8(0)? == 0 { 12 } else { 20 }).map(u64::from)
}

/// When it was made, and how long it is. Times and lengths are wider in version 1.
fn movie_header(header: View) -> Option<(Option<String>, Option<f64>)> {
    let created = if header.u8(0)? == 0 { header.u32(4)?.into() } else { header.u64(4)? };
    let unix = i64::try_from(created).ok()?.checked_sub(EPOCH)?;
    // Most programs leave it at zero, and some count from Unix's start.
    let created = (unix > 0).then(|| from_unix_millis(unix.checked_mul(1000)?)).flatten();
    Some((created, duration(header)))
}

/// `mvhd` and `mdhd` start alike: two times, units a second, a length in them, all ones where it is not known.
fn duration(header: View) -> Option<f64> {
    let (units, unknown) = match header.u8(0)? {
        0 => (header.u32(16)?.into(), u32::MAX.into()),
        _ => (header.u64(24)?, u64::MAX),
    };
    seconds(units, timescale(header)?).filter(|_| units != unknown)
}

#[derive(Default)]
struct Track {
    handler: [u8; 4],
    format: [u8; 4],
    duration: Option<f64>,
    id: u32,
    timescale: u64,
    /// Where the presentation starts in the track's own time, by its edit list.
    edit: u64,
    /// Where in the file the last piece of the track starts.
    last_chunk: u64,
    /// The Exif value for its rotation.
    orientation: Option<u64>,
    shown: (u64, u64),
    coded: (u64, u64),
    channels: u64,
    rate: u64,
}

impl Track {
    fn read(track: View) -> Option<Self> {
        let media = Boxes::find(track, *b"mdia")?;
        let mut read = Self { handler: Boxes::find(media, *b"hdlr")?.name(8)?, ..Self::default() };
        let header = Boxes::find(media, *b"mdhd");
        read.duration = header.and_then(duration);
        read.timescale = header.and_then(timescale).unwrap_or(0);
        read.edit = Boxes::find_path(track, &[*b"edts", *b"elst"]).and_then(first_edit).unwrap_or(0);
        if let Some(header) = Boxes::find(track, *b"tkhd") {
            let at = header.len().checked_sub(8)?;
            read.id = header.u32(if header.u8(0)? == 0 { 12 } else { 20 })?;
            read.orientation = at.checked_sub(36).and_then(|matrix| orientation(header, matrix));
            read.shown = ((header.u32(at)? >> 16).into(), (header.u32(at + 4)? >> 16).into());
        }
        let samples = Boxes::find_path(media, &[*b"minf", *b"stbl"])?;
        read.last_chunk = last_chunk(samples).unwrap_or(0);
        let descriptions = Boxes::find(samples, *b"stsd")?;
        if let Some(entry) = Boxes::of(descriptions.from(8)?).next() {
            read.format = entry.name;
            match &read.handler {
                b"vide" => read.coded = (entry.content.u16(24)?.into(), entry.content.u16(26)?.into()),
                b"soun" => read.read_sound(entry.content)?,
                _ => {}
            }
        }
        Some(read)
    }

    fn read_sound(&mut self, entry: View) -> Option<()> {
        self.channels = entry.u16(16)?.into();
        self.rate = (entry.u32(24)? >> 16).into();
        // QuickTime's later versions have more fields before the boxes.
        let boxes = match entry.u16(8)? {
            1 => 44,
            2 => 64,
            _ => 28,
        };
        let inner = entry.from(boxes)?;
        let settings = Boxes::find(inner, *b"esds").or_else(|| Boxes::find_path(inner, &[*b"wave", *b"esds"]));
        if let Some((rate, channels)) = settings.and_then(aac_settings) {
            (self.rate, self.channels) = (rate, channels);
        }
        // ALAC's own settings are right where the fields above have no room.
        if let (b"alac", Some(settings)) = (&self.format, Boxes::find(inner, *b"alac")) {
            (self.channels, self.rate) = (settings.u8(13)?.into(), settings.u32(24)?.into());
        }
        Some(())
    }
}

/// How a track is turned, by the first four numbers of its matrix (ISO 14496-12, section 8.3.2.3).
fn orientation(header: View, matrix: u64) -> Option<u64> {
    let at = |index: u64| header.i32(matrix + 4 * index).map(i32::signum);
    match (at(0)?, at(1)?, at(3)?, at(4)?) {
        (1, 0, 0, 1) => Some(1),
        (-1, 0, 0, 1) => Some(2),
        (-1, 0, 0, -1) => Some(3),
        (1, 0, 0, -1) => Some(4),
        (0, 1, 1, 0) => Some(5),
        (0, 1, -1, 0) => Some(6),
        (0, -1, -1, 0) => Some(7),
        (0, -1, 1, 0) => Some(8),
        _ => None,
    }
}

/// Where the first edit that is not empty starts in the media.
fn first_edit(list: View) -> Option<u64> {
    let is_wide = list.u8(0)? == 1;
    let (at, len) = if is_wide { (8, 20) } else { (4, 12) };
    (0..list.u32(4)?.min(16)).find_map(|index| {
        let entry = 8 + u64::from(index) * len;
        let start = if is_wide { list.u64(entry + at)? } else { u64::from(list.u32(entry + at)?) };
        // All ones: nothing is shown.
        (start != u64::MAX && (is_wide || start != u64::from(u32::MAX))).then_some(start)
    })
}

/// Where the last chunk of a track is in the file.
fn last_chunk(samples: View) -> Option<u64> {
    if let Some(offsets) = Boxes::find(samples, *b"stco") {
        return offsets.u32(8 + 4 * u64::from(offsets.u32(4)?.checked_sub(1)?)).map(u64::from);
    }
    let offsets = Boxes::find(samples, *b"co64")?;
    offsets.u64(8 + 8 * u64::from(offsets.u32(4)?.checked_sub(1)?))
}

/// Sample rate and channels of AAC, deep in descriptors (ISO 14496-1) that each start with a kind and a length.
fn aac_settings(settings: View) -> Option<(u64, u64)> {
    const RATES: [u64; 13] =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
    let mut at = 4;
    for (kind, fields) in [(0x03, 3), (0x04, 13), (0x05, 0)] {
        if settings.u8(at)? != kind {
            return None;
        }
        at += 1;
        while settings.u8(at)? & 0x80 != 0 {
            at += 1;
        }
        at += 1 + fields;
    }
    // Five bits of kind, four of rate, four of channels. Longer kinds and other rates are rare, and left out.
    let packed = settings.u16(at)?;
    if packed >> 11 == 31 {
        return None;
    }
    let rate = *RATES.get(usize::from(packed >> 7 & 15))?;
    match u64::from(packed >> 3 & 15) {
        0 => None,
        7 => Some((rate, 8)),
        channels => Some((rate, channels)),
    }
}

fn codec(format: [u8; 4]) -> String {
    let known = match &format {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" => "hevc",
        b"av01" => "av1",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"mp4v" => "mpeg4",
        b"s263" => "h263",
        b"jpeg" | b"mjpa" | b"mjpb" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" => "prores",
        b"mp4a" => "aac",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b".mp3" => "mp3",
        b"samr" => "amr",
        b"sawb" => "amr-wb",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"sowt" | b"twos" | b"lpcm" | b"raw " | b"in24" | b"fl32" => "pcm",
        _ => "",
    };
    if known.is_empty() {
        let name: String = format.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(*b)).collect();
        if name.is_empty() { "unknown".to_owned() } else { name.to_ascii_lowercase() }
    } else {
        known.to_owned()
    }
}

fn tags(movie: View, metadata: &mut Metadata) {
    let Some(user) = Boxes::find(movie, *b"udta") else {
        if let Some(meta) = Boxes::find(movie, *b"meta") {
            named_tags(meta, metadata);
        }
        return;
    };
    if let Some(list) = Boxes::find(user, *b"meta").and_then(|meta| Boxes::find(meta_content(meta)?, *b"ilst")) {
        itunes_tags(list, metadata);
    }
    if let Some(meta) = Boxes::find(movie, *b"meta") {
        named_tags(meta, metadata);
    }
    // QuickTime's old texts: a length, a language, the text.
    for tag in Boxes::of(user).take(MOST_TAGS).filter(|tag| tag.name[0] == 0xa9) {
        let text = tag.content.u16(0).map(|len| tag.content.slice_up_to(4, len.into()));
        set(tag.name, || text.and_then(clean_bytes), metadata);
    }
}

/// `meta` is a full box in MP4, and a plain one in `QuickTime`.
fn meta_content(meta: View<'_>) -> Option<View<'_>> {
    if meta.has(4, b"hdlr") { Some(meta) } else { meta.from(4) }
}

fn itunes_tags(list: View, metadata: &mut Metadata) {
    for tag in Boxes::of(list).take(MOST_TAGS) {
        let Some(data) = Boxes::find(tag.content, *b"data").and_then(|data| data.from(8)) else { continue };
        match &tag.name {
            b"trkn" => metadata.track_number = data.u16(2).map(u64::from).filter(|number| *number > 0),
            // The number of ID3's genre, plus one.
            b"gnre" => {
                let number = data.u16(0).and_then(|number| u8::try_from(number.checked_sub(1)?).ok());
                metadata.genre = metadata.genre.take().or_else(|| number.and_then(super::id3::genre));
            }
            _ => set(tag.name, || clean_bytes(data.bytes()), metadata),
        }
    }
}

fn set(name: [u8; 4], text: impl Fn() -> Option<String>, metadata: &mut Metadata) {
    match &name {
        b"\xa9nam" => metadata.title = metadata.title.take().or_else(text),
        b"\xa9ART" => metadata.author = metadata.author.take().or_else(text),
        b"\xa9alb" => metadata.album = metadata.album.take().or_else(text),
        b"\xa9gen" => metadata.genre = metadata.genre.take().or_else(text),
        b"\xa9too" | b"\xa9swr" => metadata.creator_tool = metadata.creator_tool.take().or_else(text),
        b"desc" | b"\xa9cmt" => metadata.description = metadata.description.take().or_else(text),
        b"\xa9mak" => metadata.camera_make = metadata.camera_make.take().or_else(text),
        b"\xa9mod" => metadata.camera_model = metadata.camera_model.take().or_else(text),
        b"\xa9xyz" => metadata.has_gps = Some(true),
        b"\xa9day" => metadata.date_created = text().as_deref().and_then(from_numbers).or(metadata.date_created.take()),
        _ => {}
    }
}

/// What cameras of later years write: names in one box, values by their numbers in another.
fn named_tags(meta: View, metadata: &mut Metadata) -> Option<()> {
    let content = meta_content(meta)?;
    let names = Boxes::find(content, *b"keys")?.from(8)?;
    let list = Boxes::find(content, *b"ilst")?;
    let names: Vec<&[u8]> = Boxes::of(names).take(MOST_TAGS).map(|name| name.content.bytes()).collect();
    for tag in Boxes::of(list).take(MOST_TAGS) {
        let index = usize::try_from(u32::from_be_bytes(tag.name).checked_sub(1)?).ok()?;
        let Some(data) = Boxes::find(tag.content, *b"data").and_then(|data| data.from(8)) else { continue };
        let text = || clean_bytes(data.bytes());
        match names.get(index).copied().unwrap_or_default() {
            b"com.apple.quicktime.make" => metadata.camera_make = text(),
            b"com.apple.quicktime.model" => metadata.camera_model = text(),
            b"com.apple.quicktime.software" => metadata.creator_tool = text(),
            b"com.apple.quicktime.title" => metadata.title = text(),
            b"com.apple.quicktime.location.ISO6709" => metadata.has_gps = Some(true),
            // With the zone it was made in, unlike the movie's header.
            b"com.apple.quicktime.creationdate" => {
                metadata.date_created = text().as_deref().and_then(from_numbers).or(metadata.date_created.take());
            }
            _ => {}
        }
    }
    Some(())
}
