//! The formats that are read, a file each behind one table. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: what exhausts the child ends it, and the parent names that.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`Reader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

mod clip;
mod csv;
mod email;
mod html;
pub(crate) mod json;
mod language;
mod markdown;
mod mbox;
pub(crate) mod office;
mod pdf;
mod text;
mod value;
pub(crate) mod xml;

use std::sync::Arc;

use handler_contract::{ErrorCode, Failure};
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

/// Whether a format reads files of a type.
type Reads = fn(&str) -> bool;

/// Which types a format reads, and how.
const FORMATS: &[(Reads, Reader)] = &[
    (|file_type| file_type == "application/pdf", Reader::Spool(pdf::read)),
    (office::is_open_xml, Reader::Spool(office::open_xml)),
    (office::is_open_document, Reader::Spool(office::open_document)),
    (office::is_binary, Reader::Spool(office::binary)),
    (|file_type| file_type == "application/epub+zip", Reader::Spool(office::epub)),
    (|file_type| file_type == "application/rtf", Reader::Spool(office::rtf)),
    (|file_type| file_type == "text/csv", Reader::Stream(csv::read)),
    (|file_type| file_type == "text/tab-separated-values", Reader::Stream(csv::read_tabs)),
    (|file_type| file_type == "application/x-ndjson", Reader::Stream(json::read_lines)),
    (|file_type| file_type == "application/json" || file_type.ends_with("+json"), Reader::Stream(json::read)),
    (|file_type| matches!(file_type, "text/html" | "application/xhtml+xml"), Reader::Stream(html::read)),
    (is_xml, Reader::Stream(xml::read)),
    (|file_type| file_type == "message/rfc822", Reader::Stream(email::read)),
    (|file_type| file_type == "application/mbox", Reader::Stream(mbox::read)),
    (|file_type| file_type == "text/markdown", Reader::Stream(text::read_markdown)),
    (|file_type| file_type == "text/plain", Reader::Stream(text::read_prose)),
    (is_textual, Reader::Stream(text::read)),
];

fn is_xml(file_type: &str) -> bool {
    matches!(file_type, "text/xml" | "application/xml") || file_type.ends_with("+xml") && is_textual(file_type)
}

/// How files of a type are read; `None` where type, size and hash are all that is recorded.
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|(reads, _)| reads(file_type)).map(|(_, reader)| *reader)
}

/// Why a text is not of the format that its beginning promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It breaks the format's rules.
    Syntax {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// It is nested deeper than this reader follows.
    TooDeep {
        /// Levels that are followed.
        levels: u64,
    },
}

impl Broken {
    /// The failure that ends up in the record; `format` is a name for people.
    pub(crate) fn failure(self, format: &str) -> Failure {
        match self {
            Self::Syntax { line, reason } => {
                Failure::new(ErrorCode::Malformed, format!("this is not valid {format}: line {line}: {reason}"))
            }
            Self::TooDeep { levels } => {
                Failure::new(ErrorCode::StackLimit, format!("this {format} is nested deeper than {levels} levels"))
            }
        }
    }
}
