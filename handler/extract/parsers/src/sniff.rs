//! The type of a file by its content, as a media type in lower case without parameters.
//!
//! The order of evidence, of which the first that decides counts:
//!
//! 1. a strict signature of the table ([`signatures`]), with what proves it: no text starts so;
//! 2. `%PDF-` at the start, or after other bytes if a PDF's body follows ([`pdf`]); but a message is not what it carries;
//! 3. a text, by its kind ([`text`]);
//! 4. a signature that a text might start with by chance: those of the table, then those of `file-format`.
//!
//! Of a container the content decides further ([`whole`]): the inner type must be proven, a name inside is not enough.

mod der;
mod head;
mod iso_media;
mod pdf;
mod signatures;
mod structure;
mod text;
mod tiff;

#[cfg(test)]
mod tests;

use std::io::Cursor;

use file_format::FileFormat;
use handler_contract::record::UNKNOWN_TYPE;

use self::head::Head;
use self::signatures::{COMPOUND, DER, HDF5, ID3, MATROSKA, MP4, OGG, PNG, SIGNATURES, Strength, TIFF, WEAK, ZIP};
use crate::charset;
use crate::formats::{Compound, Movie, Opened, ZipFile, media, office};
use crate::input::View;
use crate::media_type::{Detected, EMPTY, is_textual};

const PDF: &str = "application/pdf";
const MPEG_AUDIO: &str = "audio/mpeg";

/// What the first bytes of a file show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sniffed {
    Type(Detected),
    /// A container; what it holds shows only in the whole file, to be given to [`whole`].
    Container(&'static str),
}

impl From<&str> for Sniffed {
    fn from(file_type: &str) -> Self {
        Self::Type(Detected::proven(file_type))
    }
}

/// Signatures at an offset, for files whose structure `file-format` could not follow within the head.
const UNFOLLOWED: &[(usize, &[u8], &str)] = &[
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "application/vnd.ms-asf"),
    (0, b".RMF", "application/vnd.rn-realmedia"),
    (0, b"MZ", "application/x-dosexec"),
];

/// Types of containers whose content `file-format` could not identify.
const UNTOLD: &[&str] = &["application/x-id3v2", "application/x-ebml"];

/// Sniffs the first [`HEAD`](crate::input::HEAD) bytes of a file; `whole` says that there are no more.
pub(crate) fn head(bytes: &[u8], whole: bool) -> Sniffed {
    if bytes.is_empty() {
        return EMPTY.into();
    }
    let head = Head { bytes, is_whole: whole };
    if let Some(file_type) = own_signature(head, Strength::Strict) {
        return refine(head, file_type);
    }
    if bytes.starts_with(b"%PDF-") || pdf::is_in_postscript(bytes) {
        return PDF.into();
    }
    let late_pdf = pdf::find(bytes, whole);
    if let Some(text) = charset::as_text(bytes, whole) {
        let mut detected = text::kind(&text, whole);
        let is_message = matches!(detected.file_type.as_str(), "message/rfc822" | "application/mbox");
        match late_pdf {
            Some(pdf::Found::Certain) if !is_message => return PDF.into(),
            // A text that quotes a PDF, or a PDF whose end is damaged: the name tells.
            Some(pdf::Found::UnlessText) if detected.by_extension.is_empty() => detected.by_extension = &[("pdf", PDF)],
            _ => {}
        }
        return Sniffed::Type(detected);
    }
    // A message may carry any bytes after its header.
    if let Some(detected) = text::message_with_bytes(bytes) {
        return Sniffed::Type(detected);
    }
    if late_pdf.is_some() {
        return PDF.into();
    }
    if let Some(file_type) = text::printer_job(bytes) {
        return file_type.into();
    }
    if let Some(file_type) = own_signature(head, Strength::UnlessText) {
        return file_type.into();
    }
    foreign_signature(head).as_deref().unwrap_or(UNKNOWN_TYPE).into()
}

fn own_signature(head: Head, strength: Strength) -> Option<&'static str> {
    SIGNATURES.iter().filter(|row| row.strength == strength).find(|row| row.matches(head)).map(|row| row.file_type)
}

/// The type of a file whose signature is one of several formats.
fn refine(head: Head, file_type: &'static str) -> Sniffed {
    match file_type {
        ZIP | COMPOUND => Sniffed::Container(file_type),
        // What kinds of tracks it has is written at its end as often as not.
        MP4 => match iso_media::media_type(head.bytes) {
            MP4 => Sniffed::Container(MP4),
            file_type => file_type.into(),
        },
        MATROSKA => match media::matroska_type(View::big_endian(head.bytes)) {
            Some(file_type) => file_type.into(),
            None if head.is_whole => MATROSKA.into(),
            None => Sniffed::Container(MATROSKA),
        },
        ID3 => match tagged(View::big_endian(head.bytes)) {
            Some(file_type) => Sniffed::Type(Detected::proven(file_type)),
            None if head.is_whole => MPEG_AUDIO.into(),
            None => Sniffed::Container(ID3),
        },
        TIFF => tiff::media_type(head.bytes).into(),
        DER => der::media_type(head).unwrap_or(UNKNOWN_TYPE).into(),
        // netCDF 4 is HDF5 under another extension.
        HDF5 => Sniffed::Type(Detected { by_extension: &[("nc", "application/x-netcdf")], ..Detected::proven(HDF5) }),
        PNG | OGG => foreign_signature(head).as_deref().unwrap_or(file_type).into(),
        _ => file_type.into(),
    }
}

/// The type of audio that ID3 tags are before; `None` where the tags end beyond what is there.
fn tagged(file: View) -> Option<String> {
    let start = media::tags_end(file);
    let bytes = file.from(start).filter(|rest| rest.len() >= 16)?.slice_up_to(0, 4096);
    if bytes.len() < 16 {
        return None;
    }
    let head = Head { bytes, is_whole: false };
    let known = match own_signature(head, Strength::Strict) {
        Some(MP4) => match iso_media::media_type(bytes) {
            MP4 => media::mp4_type(&Movie::open(file.from(start)?)).unwrap_or("audio/mp4").to_owned(),
            file_type => file_type.to_owned(),
        },
        Some(OGG) => foreign_signature(head).unwrap_or_else(|| OGG.to_owned()),
        Some(file_type) => file_type.to_owned(),
        None => own_signature(head, Strength::UnlessText).map(str::to_owned).or_else(|| foreign_signature(head))?,
    };
    let is_media = ["audio/", "video/"].iter().any(|top| known.starts_with(top)) || known == OGG;
    Some(if is_media { known } else { MPEG_AUDIO.to_owned() })
}

/// Sniffs a container of which all bytes have been read, and returns its type with what was read of it. Of one whose
/// middle is not kept, fewer kinds are distinguished.
pub(crate) fn whole<'a>(file: View<'a>, container: &'static str) -> (Detected, Opened<'a>) {
    match container {
        MP4 => {
            let movie = Movie::open(file);
            (Detected::proven(media::mp4_type(&movie).unwrap_or(MP4)), Opened::Movie(movie))
        }
        MATROSKA => (Detected::proven(media::matroska_type(file).unwrap_or(MATROSKA)), Opened::Nothing),
        ID3 => (Detected::proven(tagged(file).as_deref().unwrap_or(MPEG_AUDIO)), Opened::Nothing),
        COMPOUND => {
            let compound = Compound::open(file.bytes());
            let encrypted_or_known = compound.as_ref().ok().and_then(office::media_type);
            let by_class = || (file.is_whole()).then(|| compound_class(file.bytes())).flatten();
            // A class identifier shows what the root is, but programs copy it from one kind of document to another.
            let file_type = encrypted_or_known.map(str::to_owned).or_else(by_class);
            (Detected::proven(file_type.as_deref().unwrap_or(COMPOUND)), Opened::Compound(compound))
        }
        _ => {
            let zip = ZipFile::open(file);
            let detected = match &zip.package {
                Ok(package) => office::type_by_parts(package),
                Err(_) => office::type_by_names(file).map(Detected::proven),
            };
            (detected.unwrap_or_else(|| Detected::proven(container)), Opened::Zip(zip))
        }
    }
}

/// The type of a compound file by the class identifier of its root.
fn compound_class(bytes: &[u8]) -> Option<String> {
    match FileFormat::from_reader(Cursor::new(bytes)).ok()? {
        FileFormat::CompoundFileBinary
        | FileFormat::ArbitraryBinaryData
        | FileFormat::PlainText
        | FileFormat::Empty => None,
        format => Some(media_type(format)),
    }
}

/// A binary type by a signature of `file-format`.
fn foreign_signature(head: Head) -> Option<String> {
    let format = FileFormat::from_reader(Cursor::new(head.bytes)).unwrap_or_default();
    let known = !matches!(format, FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty);
    let file_type = format.media_type();
    let is_proven = || WEAK.iter().find(|(weak, _)| *weak == file_type).is_none_or(|(_, proof)| proof(head));
    // Bytes that are no text do not become text because they start like one.
    if known && !is_textual(file_type) && !UNTOLD.contains(&file_type) && is_proven() {
        return Some(media_type(format));
    }
    let unfollowed =
        |(offset, magic, _): &&(usize, &[u8], &str)| head.bytes.get(*offset..).is_some_and(|b| b.starts_with(magic));
    UNFOLLOWED.iter().find(unfollowed).map(|(.., file_type)| (*file_type).to_owned())
}

fn media_type(format: FileFormat) -> String {
    format.media_type().to_ascii_lowercase()
}
