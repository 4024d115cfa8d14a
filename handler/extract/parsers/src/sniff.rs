//! The type of a file by its content, as a media type in lower case without parameters.
//!
//! Signatures come from `file-format`; this module adds what they leave open: text and its kinds ([`text`]), a PDF
//! after other bytes, and containers whose directory is at their end and that must be complete.

mod binary;
mod text;

use std::io::Cursor;

use file_format::FileFormat;
use handler_contract::record::UNKNOWN_TYPE;

use crate::charset;
use crate::formats::{Compound, Movie, Opened, ZipFile, media, office};
use crate::input::View;
use crate::media_type::{EMPTY, is_textual};

/// A PDF may start anywhere in the first N bytes (PDF 1.7 reference, appendix H.3, note 13).
const PDF_WITHIN: usize = 1024;

/// What the first bytes of a file show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sniffed {
    Type(String),
    /// A container; what it holds shows only in the whole file, to be given to [`whole`].
    Container(String),
}

const ZIP: &str = "application/zip";
const MP4: &str = "application/mp4";
/// Containers whose type depends on what is at their end or anywhere before.
const CONTAINERS: &[(&[u8], &str)] =
    &[(b"PK\x03\x04", ZIP), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-cfb")];

/// Signatures at an offset, for files whose structure `file-format` could not follow within the head.
const UNFOLLOWED: &[(usize, &[u8], &str)] = &[
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftyp", MP4),
    (0, b"\x1a\x45\xdf\xa3", "application/x-matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "application/vnd.ms-asf"),
    (0, b".RMF", "application/vnd.rn-realmedia"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"MZ", "application/x-dosexec"),
];

/// Types of containers whose content `file-format` could not identify.
const UNTOLD: &[&str] = &["application/x-id3v2", "application/x-ebml"];

/// Sniffs the first [`HEAD`](crate::input::HEAD) bytes of a file; `whole` says that there are no more.
pub(crate) fn head(head: &[u8], whole: bool) -> Sniffed {
    if head.is_empty() {
        return Sniffed::Type(EMPTY.to_owned());
    }
    if let Some((_, file_type)) = CONTAINERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Sniffed::Container((*file_type).to_owned());
    }
    let file_type = if head.starts_with(b"%PDF-") {
        "application/pdf".to_owned()
    } else if let Some(file_type) = binary::never_text(head) {
        file_type.to_owned()
    } else if let Some(text) = charset::as_text(head, whole).filter(|_| !binary::begins_as_no_text(head)) {
        let file_type = text::kind(&text, whole);
        if has_late_pdf(head) { "application/pdf".to_owned() } else { file_type }
    } else {
        match signature(head) {
            Some(known) => known,
            None if has_late_pdf(head) => "application/pdf".to_owned(),
            None => UNKNOWN_TYPE.to_owned(),
        }
    };
    // What kinds of tracks it has is written at its end as often as not.
    if file_type == MP4 && !whole { Sniffed::Container(file_type) } else { Sniffed::Type(file_type) }
}

/// Sniffs a container of which all bytes have been read, and returns its type with what was read of it. Of one whose
/// middle is not kept, fewer kinds are distinguished.
pub(crate) fn whole<'a>(file: View<'a>, container: &str) -> (String, Opened<'a>) {
    if container == MP4 {
        let movie = Movie::open(file);
        return (media::mp4_type(&movie).unwrap_or(MP4).to_owned(), Opened::Movie(movie));
    }
    let bytes = file.bytes();
    let format = if file.is_whole() {
        FileFormat::from_reader(Cursor::new(bytes)).unwrap_or_default()
    } else if container == ZIP {
        FileFormat::Zip
    } else {
        FileFormat::CompoundFileBinary
    };
    match format {
        // Its directory could not be read.
        FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty => {
            (container.to_owned(), Opened::Nothing)
        }
        // The compound file around an encrypted document has no class identifier that would name the type.
        FileFormat::CompoundFileBinary => {
            let compound = Compound::open(bytes);
            let file_type = compound.as_ref().ok().and_then(office::media_type).unwrap_or(container);
            (file_type.to_owned(), Opened::Compound(compound))
        }
        // The type must not depend on the order of the entries, nor on whether they are compressed.
        FileFormat::Zip => {
            let zip = ZipFile::open(file);
            let file_type = match &zip.package {
                Ok(package) => office::type_by_parts(package),
                Err(_) => office::type_by_names(file).map(str::to_owned),
            };
            (file_type.unwrap_or_else(|| container.to_owned()), Opened::Zip(zip))
        }
        _ => (media_type(format), Opened::Nothing),
    }
}

/// A PDF header after other bytes, at the start of a line or after bytes that no text has: a text that mentions one
/// is none.
fn has_late_pdf(head: &[u8]) -> bool {
    let within = &head[..head.len().min(PDF_WITHIN)];
    within.windows(9).any(|window| matches!(window, [before, b'%', b'P', b'D', b'F', b'-', b'1' | b'2', b'.', digit]
        if digit.is_ascii_digit() && (before.is_ascii_whitespace() && *before != b' ' || !before.is_ascii() || *before == 0)))
}

/// A binary type by its signature.
fn signature(head: &[u8]) -> Option<String> {
    if let Some(file_type) = binary::without_signature(head) {
        return Some(file_type.to_owned());
    }
    let format = FileFormat::from_reader(Cursor::new(head)).unwrap_or_default();
    let known = !matches!(format, FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty);
    // Bytes that are no text do not become text because they start like one.
    if known && !is_textual(format.media_type()) && !UNTOLD.contains(&format.media_type()) {
        return Some(media_type(format));
    }
    let unfollowed =
        |(offset, magic, _): &&(usize, &[u8], &str)| head.get(*offset..).is_some_and(|b| b.starts_with(magic));
    let unfollowed = UNFOLLOWED.iter().find(unfollowed).map(|(.., file_type)| *file_type);
    binary::other(head).or(unfollowed).map(str::to_owned)
}

fn media_type(format: FileFormat) -> String {
    format.media_type().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(bytes: &[u8]) -> String {
        match head(bytes, true) {
            Sniffed::Type(file_type) => file_type,
            Sniffed::Container(container) => whole(View::big_endian(bytes), &container).0,
        }
    }

    #[test]
    fn types_by_content() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let rows: &[(&[u8], &str)] = &[
            (b"", "application/x-empty"),
            (b"%PDF-1.7\n...", "application/pdf"),
            (b"\x01\x02garbage\n%PDF-1.4\n", "application/pdf"),
            (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n%\xe2\xe3", "application/pdf"),
            (b"A file starts with %PDF-1.4 if it is one.", "text/plain"),
            (b"plain words", "text/plain"),
            ("größer".as_bytes(), "text/plain"),
            (b"gr\xf6\xdfer", "text/plain"),
            (&wide("wide words, and more of them"), "text/plain"),
            (b"\xef\xbb\xbfmarked", "text/plain"),
            (b"\x1b[31mred\x1b[0m", "text/plain"),
            (b"BM is how this sentence starts", "text/plain"),
            (b"MZ too", "text/plain"),
            (b"\x00\x01\x02\x03\xff\xfe\xfd", "application/octet-stream"),
            (b"text\0with\0zeros\0in\0it", "application/octet-stream"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0\0\0\0", "image/gif"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "application/gzip"),
            (b"PK\x03\x04broken", "application/zip"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1broken", "application/x-cfb"),
            (b"ID3\x04\0\0\x7f\x7f\x7f\x7f\x00", "audio/mpeg"),
            (b"ID3\x03\0\0\0\0\0\x04TIT2\0\0\0\x09\0\0\xff\xfb", "audio/mpeg"),
            (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x80", "application/x-matroska"),
            (&[&b"GIF89a\x04\0\x03\0\0\0\0\x21\xfe"[..], &[b'x'; 9999]].concat(), "image/gif"),
            (b"{\\rtf1\\ansi text}", "application/rtf"),
            (b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml"),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0", "application/x-executable"),
        ];
        for (bytes, file_type) in rows {
            assert_eq!(sniff(bytes), *file_type, "{}", bytes.escape_ascii());
        }
    }
}
