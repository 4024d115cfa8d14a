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
    Spool(fn(Arc<Mmap>, &mut Report) -> Result<(), Stop>),
}

/// Which types a format reads, and how.
const FORMATS: &[(fn(&str) -> bool, Reader)] = &[
    (|file_type| file_type == "application/pdf", Reader::Spool(pdf::read)),
    (|file_type| file_type == "image/svg+xml", Reader::Stream(image::read_svg)),
    (image::reads, Reader::Spool(|bytes, report| Ok(image::read(&bytes, &mut report.metadata)?))),
    (media::reads, Reader::Spool(|bytes, report| Ok(media::read(&bytes, &mut report.metadata)?))),
    (is_zip, Reader::Spool(|bytes, report| Ok(archive::zip(&bytes, &mut report.metadata)?))),
    (|file_type| file_type == "application/x-tar", Reader::Stream(archive::tar)),
    (|file_type| file_type == "application/gzip", Reader::Stream(archive::gzip)),
    (|file_type| file_type == "application/x-xz", Reader::Stream(archive::xz)),
    (|file_type| file_type == "application/zstd", Reader::Stream(archive::zstd)),
    (
        |file_type| file_type == "application/x-7z-compressed",
        Reader::Spool(|bytes, report| Ok(archive::seven_zip(&bytes, &mut report.metadata)?)),
    ),
    (
        |file_type| file_type == "application/vnd.rar",
        Reader::Spool(|bytes, report| Ok(archive::rar(&bytes, &mut report.metadata)?)),
    ),
    (is_executable, Reader::Stream(executable::read)),
    (is_textual, Reader::Stream(text::read)),
];

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|(reads, _)| reads(file_type)).map(|(_, reader)| *reader)
}
