//! The formats that are read, a file each behind one table. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: what exhausts the child ends it, and the parent names that.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`Reader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

pub(crate) mod office;
mod pdf;
mod text;
mod value;

use std::sync::Arc;

use memmap2::Mmap;

use crate::child::{Input, Report, Stop};
use crate::validate::is_textual;

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
    Format { has: office::is_open_xml, reader: Reader::Spool(office::open_xml) },
    Format { has: office::is_open_document, reader: Reader::Spool(office::open_document) },
    Format { has: office::is_binary, reader: Reader::Spool(office::binary) },
    Format { has: |file_type| file_type == "application/epub+zip", reader: Reader::Spool(office::epub) },
    Format { has: |file_type| file_type == "application/rtf", reader: Reader::Spool(office::rtf) },
    Format { has: is_textual, reader: Reader::Stream(text::read) },
];

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|format| (format.has)(file_type)).map(|format| format.reader)
}
