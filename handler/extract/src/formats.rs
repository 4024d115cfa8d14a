//! The formats that are read, a file each behind one table. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: what exhausts the child ends it, and the parent names that.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`Reader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

mod archive;
mod boxes;
mod executable;
mod image;
mod media;
mod pdf;
mod text;
mod value;
mod view;

use std::sync::Arc;

use memmap2::Mmap;

use crate::child::{Input, Report, Stop};
use crate::validate::{is_executable, is_textual, is_zip};

/// How a format is read.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    /// In order and once, in constant memory whatever the size.
    Stream(fn(&mut Input, &mut Report) -> Result<(), Stop>),
    /// In any order, from the temporary file.
    Spool(fn(&Arc<Mmap>, &mut Report) -> Result<(), Stop>),
}

/// A row of the table.
struct Format {
    /// Whether files of a type are of this format.
    has: fn(&str) -> bool,
    reader: Reader,
}

/// Which types a format reads, and how. The first row that fits serves.
const FORMATS: &[Format] = &[
    Format { has: |file_type| file_type == "application/pdf", reader: Reader::Spool(pdf::read) },
    Format { has: |file_type| file_type == "image/svg+xml", reader: Reader::Stream(image::read_svg) },
    Format { has: image::is_postscript, reader: Reader::Stream(image::read_postscript) },
    Format { has: image::reads, reader: Reader::Spool(image::read) },
    Format { has: media::reads, reader: Reader::Spool(media::read) },
    Format { has: is_zip, reader: Reader::Spool(archive::zip) },
    Format { has: |file_type| file_type == "application/x-tar", reader: Reader::Stream(archive::tar) },
    Format { has: |file_type| file_type == "application/gzip", reader: Reader::Stream(archive::gzip) },
    Format { has: |file_type| file_type == "application/x-xz", reader: Reader::Stream(archive::xz) },
    Format { has: |file_type| file_type == "application/zstd", reader: Reader::Stream(archive::zstd) },
    Format { has: |file_type| file_type == "application/x-7z-compressed", reader: Reader::Spool(archive::seven_zip) },
    Format { has: |file_type| file_type == "application/vnd.rar", reader: Reader::Spool(archive::rar) },
    Format { has: is_textual, reader: Reader::Stream(text::read) },
    Format { has: is_executable, reader: Reader::Stream(executable::read) },
];

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|format| (format.has)(file_type)).map(|format| format.reader)
}
