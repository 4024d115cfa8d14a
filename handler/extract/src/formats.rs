//! The formats that are read, a file each behind one table. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: what exhausts the child ends it, and the parent names that.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`Reader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

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
    Spool(fn(Arc<Mmap>, &mut Report) -> Result<(), Stop>),
}

/// Which types a format reads, and how.
const FORMATS: &[(fn(&str) -> bool, Reader)] =
    &[(|file_type| file_type == "application/pdf", Reader::Spool(pdf::read)), (is_textual, Reader::Stream(text::read))];

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|(reads, _)| reads(file_type)).map(|(_, reader)| *reader)
}
