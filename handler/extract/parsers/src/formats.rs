//! The formats that are read: one table, and a file for each. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: a file that exceeds the limits ends the child, and the parent classifies its
//! exit.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`FormatReader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

mod archive;
mod bits;
mod bounded_buffer;
mod boxes;
mod container;
mod csv;
pub(crate) mod date;
mod email;
mod executable;
mod html;
mod image;
pub(crate) mod json;
mod language;
mod mapi_properties;
mod markdown;
mod mbox;
pub(crate) mod media;
pub(crate) mod office;
pub(crate) mod pdf;
#[cfg(test)]
mod pieces;
mod syntax;
mod text;
mod value;
pub(crate) mod xml;
mod xmp;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use value::is_unsafe;

use std::sync::Arc;

use memmap2::Mmap;

use crate::input::{Input, View};
use crate::media_type::{
    is_executable, is_flat_open_document, is_office_binary, is_open_document, is_open_xml, is_textual, is_zip,
};
use crate::report::{Abort, Report};

pub(crate) use self::container::{Compound, Container, Movie, Opened, ZipFile};

/// How a format is read.
#[derive(Clone, Copy)]
pub(crate) enum FormatReader {
    /// In order and once, in constant memory whatever the size.
    Stream(fn(&mut Input, &mut Report) -> Result<(), Abort>),
    /// In any order, from the temporary file, which must hold all of it.
    Whole(fn(&Arc<Mmap>, &mut Report) -> Result<(), Abort>),
    /// In any order, from the temporary file. What there is to know is near the two ends of the file, so that these are
    /// enough for a file that is larger than the temporary storage: what the reader then still misses makes the record
    /// partial.
    HeadAndTail(fn(View, &mut Report) -> Result<(), Abort>),
    /// The same, with what sniffing has read of the container.
    Container(fn(Container, &mut Report) -> Result<(), Abort>),
    /// As [`Self::Whole`], with what sniffing has read of the container.
    WholeContainer(fn(Container, &mut Report) -> Result<(), Abort>),
}

/// A row of the table.
struct Format {
    /// Whether files of a type are of this format.
    has: fn(&str) -> bool,
    reader: FormatReader,
}

/// Which types a format reads, and how. The first row that fits serves.
const FORMATS: &[Format] = &[
    Format { has: |file_type| file_type == "application/pdf", reader: FormatReader::Whole(pdf::read) },
    Format { has: is_open_xml, reader: FormatReader::Container(office::open_xml) },
    Format { has: is_open_document, reader: FormatReader::Container(office::open_document) },
    Format { has: is_office_binary, reader: FormatReader::WholeContainer(office::binary) },
    Format {
        has: |file_type| file_type == "application/vnd.ms-outlook",
        reader: FormatReader::WholeContainer(office::outlook),
    },
    Format { has: |file_type| file_type == "application/epub+zip", reader: FormatReader::Container(office::epub) },
    Format { has: |file_type| file_type == "application/x-fb2+xml", reader: FormatReader::Whole(office::fiction_book) },
    Format {
        has: |file_type| file_type == "application/x-mobipocket-ebook",
        reader: FormatReader::Whole(office::mobipocket),
    },
    Format { has: is_flat_open_document, reader: FormatReader::Whole(office::flat_open_document) },
    Format { has: |file_type| file_type == "application/rtf", reader: FormatReader::Whole(office::rtf) },
    // Office documents and e-books are zip archives too; their rows are above.
    Format { has: is_zip, reader: FormatReader::Container(archive::zip) },
    Format { has: |file_type| file_type == "application/x-tar", reader: FormatReader::Stream(archive::tar) },
    Format { has: |file_type| file_type == "application/gzip", reader: FormatReader::Stream(archive::gzip) },
    Format { has: |file_type| file_type == "application/x-xz", reader: FormatReader::Stream(archive::xz) },
    Format { has: |file_type| file_type == "application/zstd", reader: FormatReader::Stream(archive::zstd) },
    Format {
        has: |file_type| file_type == "application/x-7z-compressed",
        reader: FormatReader::HeadAndTail(archive::seven_zip),
    },
    Format { has: |file_type| file_type == "application/vnd.rar", reader: FormatReader::HeadAndTail(archive::rar) },
    Format { has: |file_type| file_type == "image/svg+xml", reader: FormatReader::Stream(image::read_svg) },
    Format { has: image::is_postscript, reader: FormatReader::Stream(image::read_postscript) },
    Format { has: image::reads, reader: FormatReader::HeadAndTail(image::read) },
    Format { has: media::reads, reader: FormatReader::Container(media::read) },
    Format { has: |file_type| file_type == "text/csv", reader: FormatReader::Stream(csv::read) },
    Format { has: |file_type| file_type == "text/tab-separated-values", reader: FormatReader::Stream(csv::read_tabs) },
    Format { has: |file_type| file_type == "application/x-ndjson", reader: FormatReader::Stream(json::read_lines) },
    Format { has: is_json, reader: FormatReader::Stream(json::read) },
    Format { has: is_html, reader: FormatReader::Stream(html::read) },
    Format { has: is_xml, reader: FormatReader::Stream(xml::read) },
    Format { has: |file_type| file_type == "message/rfc822", reader: FormatReader::Stream(email::read) },
    Format { has: |file_type| file_type == "application/vnd.ms-tnef", reader: FormatReader::Whole(email::read_tnef) },
    Format { has: |file_type| file_type == "message/x-emlx", reader: FormatReader::Stream(email::read_emlx) },
    Format { has: |file_type| file_type == "application/mbox", reader: FormatReader::Stream(mbox::read) },
    Format { has: |file_type| file_type == "text/markdown", reader: FormatReader::Stream(text::read_markdown) },
    Format { has: |file_type| file_type == "text/plain", reader: FormatReader::Stream(text::read_prose) },
    Format { has: is_textual, reader: FormatReader::Stream(text::read) },
    Format { has: is_executable, reader: FormatReader::Stream(executable::read) },
];

fn is_json(file_type: &str) -> bool {
    file_type == "application/json" || file_type.ends_with("+json")
}

fn is_html(file_type: &str) -> bool {
    matches!(file_type, "text/html" | "application/xhtml+xml")
}

fn is_xml(file_type: &str) -> bool {
    matches!(file_type, "text/xml" | "application/xml") || file_type.ends_with("+xml") && is_textual(file_type)
}

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<FormatReader> {
    FORMATS.iter().find(|format| (format.has)(file_type)).map(|format| format.reader)
}

/// What a packet of XMP says, as a picture has it and as a document does. For fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn xmp_readings(packet: &[u8]) -> [handler_contract::Metadata; 2] {
    let (mut picture, mut document) = (handler_contract::Metadata::default(), handler_contract::Metadata::default());
    xmp::fill_picture(xmp::read(packet), &mut picture);
    xmp::fill_document(xmp::read(packet), &mut document);
    [picture, document]
}
