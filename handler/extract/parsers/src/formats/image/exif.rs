//! Exif (CIPA DC-008): what the camera wrote down, out of a block that is a small TIFF file.

use encoding_rs::UTF_16LE;
use handler_contract::Metadata;

use super::ifd::{Directory, Entry, Tiff};
use super::iptc;
use crate::formats::date::from_exif;
use crate::formats::value::{clean, clean_bytes};
use crate::formats::xmp;
use crate::input::View;

const IMAGE_DESCRIPTION: u16 = 0x010e;
const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
const ORIENTATION: u16 = 0x0112;
const SOFTWARE: u16 = 0x0131;
const DATE_TIME: u16 = 0x0132;
const ARTIST: u16 = 0x013b;
const XMP: u16 = 0x02bc;
const IPTC: u16 = 0x83bb;
const PHOTOSHOP: u16 = 0x8649;
const EXIF_IFD: u16 = 0x8769;
const GPS_IFD: u16 = 0x8825;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const DATE_TIME_DIGITIZED: u16 = 0x9004;
const OFFSET_TIME: u16 = 0x9010;
const OFFSET_TIME_ORIGINAL: u16 = 0x9011;
const OFFSET_TIME_DIGITIZED: u16 = 0x9012;
// What Windows writes.
const XP_TITLE: u16 = 0x9c9b;
const XP_COMMENT: u16 = 0x9c9c;
const XP_AUTHOR: u16 = 0x9c9d;
const XP_KEYWORDS: u16 = 0x9c9e;
const XP_SUBJECT: u16 = 0x9c9f;
const GPS_LATITUDE: u16 = 0x0002;

/// The longest text that is decoded, in bytes.
const LONGEST_TEXT: usize = 4096;
/// More entries than this of a directory are not looked at. Honest ones have some dozen.
const MOST_ENTRIES: usize = 1024;

/// The block of a picture: the first counts, whatever a hostile file repeats.
#[derive(Default)]
pub(super) struct Block {
    is_read: bool,
}

impl Block {
    /// Reads the block, if it is the first. What is damaged in it is left out: the picture is good without.
    pub(super) fn read(&mut self, block: &[u8], metadata: &mut Metadata) {
        if !std::mem::replace(&mut self.is_read, true) {
            read(block, metadata);
        }
    }
}

fn read(block: &[u8], metadata: &mut Metadata) {
    if let Some(tiff) = Tiff::new(View::big_endian(block))
        && let Some(directory) = tiff.first().and_then(|at| tiff.directory(at))
    {
        read_tiff(tiff, directory, metadata);
    }
}

/// Reads the directory of the main picture and the two below it.
pub(super) fn read_tiff(tiff: Tiff, directory: Directory, metadata: &mut Metadata) {
    let mut times = Times::default();
    // Followed after the walk, once each: a hostile file names a directory as often as it likes.
    let (mut details, mut place) = (None, None);
    let mut windows = Metadata::default();
    let (mut xmp_packet, mut iptc_fields, mut photoshop) = (None, None, None);
    for entry in tiff.entries(directory).take(MOST_ENTRIES) {
        let text = |known: &mut Option<String>| entry.text().and_then(clean_bytes).or(known.take());
        let wide = || entry.text().and_then(wide_text);
        match entry.tag {
            IMAGE_DESCRIPTION => metadata.description = text(&mut metadata.description),
            MAKE => metadata.camera_make = text(&mut metadata.camera_make),
            MODEL => metadata.camera_model = text(&mut metadata.camera_model),
            ORIENTATION => metadata.orientation = entry.number(0).filter(|value| (1..=8).contains(value)),
            SOFTWARE => metadata.creator_tool = text(&mut metadata.creator_tool),
            ARTIST => metadata.author = text(&mut metadata.author),
            XP_TITLE => windows.title = wide(),
            XP_COMMENT => windows.description = wide(),
            XP_AUTHOR => windows.author = wide(),
            XP_KEYWORDS => windows.keywords = wide(),
            XP_SUBJECT => windows.subject = wide(),
            XMP => xmp_packet = Some(entry),
            IPTC => iptc_fields = Some(entry),
            PHOTOSHOP => photoshop = Some(entry),
            EXIF_IFD => details = Some(entry),
            GPS_IFD => place = Some(entry),
            _ => times.take(entry),
        }
    }
    for entry in details.into_iter().flat_map(|details| below(tiff, details)) {
        times.take(entry);
    }
    if place.is_some_and(|place| below(tiff, place).any(|entry| entry.tag == GPS_LATITUDE)) {
        metadata.has_gps = Some(true);
    }
    metadata.date_created = times.created().or(metadata.date_created.take());
    metadata.date_modified = times.modified().or(metadata.date_modified.take());
    for (field, value) in [
        (&mut metadata.title, windows.title),
        (&mut metadata.description, windows.description),
        (&mut metadata.author, windows.author),
        (&mut metadata.keywords, windows.keywords),
        (&mut metadata.subject, windows.subject),
    ] {
        *field = field.take().or(value);
    }
    if let Some(packet) = xmp_packet {
        xmp::fill_picture(xmp::read(packet.bytes()), metadata);
    }
    if let Some(fields) = iptc_fields {
        iptc::read(fields.bytes(), metadata);
    }
    if let Some(blocks) = photoshop {
        // The directory at hand is the Exif data.
        iptc::read_resources(View::big_endian(blocks.bytes()), metadata, |_, _| {});
    }
}

/// A text of Windows: UTF-16, the lower byte first, up to a zero.
fn wide_text(bytes: &[u8]) -> Option<String> {
    let text = UTF_16LE.decode_without_bom_handling(&bytes[..bytes.len().min(LONGEST_TEXT)]).0;
    clean(text.split('\0').next()?)
}

/// The entries of the directory that an entry points to.
fn below<'a>(tiff: Tiff<'a>, entry: Entry<'a>) -> impl Iterator<Item = Entry<'a>> {
    let directory = entry.number(0).and_then(|at| tiff.directory(at));
    directory.into_iter().flat_map(move |directory| tiff.entries(directory)).take(MOST_ENTRIES)
}

/// The times that a picture has, each with the zone it was noted in.
#[derive(Default)]
struct Times<'a> {
    original: Option<&'a [u8]>,
    original_zone: Option<&'a [u8]>,
    digitized: Option<&'a [u8]>,
    digitized_zone: Option<&'a [u8]>,
    changed: Option<&'a [u8]>,
    changed_zone: Option<&'a [u8]>,
}

impl<'a> Times<'a> {
    fn take(&mut self, entry: Entry<'a>) {
        let field = match entry.tag {
            DATE_TIME_ORIGINAL => &mut self.original,
            OFFSET_TIME_ORIGINAL => &mut self.original_zone,
            DATE_TIME_DIGITIZED => &mut self.digitized,
            OFFSET_TIME_DIGITIZED => &mut self.digitized_zone,
            DATE_TIME => &mut self.changed,
            OFFSET_TIME => &mut self.changed_zone,
            _ => return,
        };
        *field = entry.text();
    }

    fn created(&self) -> Option<String> {
        let original = self.original.and_then(|time| from_exif(time, self.original_zone));
        original.or_else(|| from_exif(self.digitized?, self.digitized_zone))
    }

    fn modified(&self) -> Option<String> {
        from_exif(self.changed?, self.changed_zone)
    }
}
