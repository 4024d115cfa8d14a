//! The formats that are read, a file each behind one table. A format knows bytes and [`Report`], not where the bytes
//! come from, nor limits, nor processes: what exhausts the child ends it, and the parent names that.
//!
//! To add one: write `formats/<name>.rs` with a function of one of the shapes of [`Reader`], give it a row in
//! [`FORMATS`], and its fields a row in [`handler_contract::metadata`].

mod archive;
mod bits;
mod boxes;
mod clip;
mod csv;
mod email;
mod executable;
mod html;
mod image;
pub(crate) mod json;
mod language;
mod markdown;
mod mbox;
pub(crate) mod media;
pub(crate) mod office;
mod pdf;
#[cfg(test)]
mod pieces;
mod text;
mod value;
pub(crate) mod view;
pub(crate) mod xml;
mod zip;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use value::is_unsafe;

use std::sync::Arc;

use handler_contract::{ErrorCode, Failure};
use memmap2::Mmap;

use crate::child::{Input, Report, Stop};
use crate::validate::{is_executable, is_textual, is_zip};
use view::View;

/// How a format is read.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    /// In order and once, in constant memory whatever the size.
    Stream(fn(&mut Input, &mut Report) -> Result<(), Stop>),
    /// In any order, from the temporary file, which must hold all of it.
    Whole(fn(&Arc<Mmap>, &mut Report) -> Result<(), Stop>),
    /// In any order, from the temporary file. What there is to know stands near the file's two ends, so that of one that
    /// is larger than the temporary storage these are enough: what the reader then still misses makes the record partial.
    Ends(fn(View, &mut Report) -> Result<(), Stop>),
}

/// A row of the table.
struct Format {
    /// Whether files of a type are of this format.
    has: fn(&str) -> bool,
    reader: Reader,
}

/// Which types a format reads, and how. The first row that fits serves.
const FORMATS: &[Format] = &[
    Format { has: |file_type| file_type == "application/pdf", reader: Reader::Whole(pdf::read) },
    Format { has: office::is_open_xml, reader: Reader::Ends(office::open_xml) },
    Format { has: office::is_open_document, reader: Reader::Ends(office::open_document) },
    Format { has: office::is_binary, reader: Reader::Whole(office::binary) },
    Format { has: |file_type| file_type == "application/epub+zip", reader: Reader::Ends(office::epub) },
    Format { has: |file_type| file_type == "application/rtf", reader: Reader::Whole(office::rtf) },
    // Office documents and e-books are zip archives too; their rows stand above.
    Format { has: is_zip, reader: Reader::Ends(archive::zip) },
    Format { has: |file_type| file_type == "application/x-tar", reader: Reader::Stream(archive::tar) },
    Format { has: |file_type| file_type == "application/gzip", reader: Reader::Stream(archive::gzip) },
    Format { has: |file_type| file_type == "application/x-xz", reader: Reader::Stream(archive::xz) },
    Format { has: |file_type| file_type == "application/zstd", reader: Reader::Stream(archive::zstd) },
    Format { has: |file_type| file_type == "application/x-7z-compressed", reader: Reader::Ends(archive::seven_zip) },
    Format { has: |file_type| file_type == "application/vnd.rar", reader: Reader::Ends(archive::rar) },
    Format { has: |file_type| file_type == "image/svg+xml", reader: Reader::Stream(image::read_svg) },
    Format { has: image::is_postscript, reader: Reader::Stream(image::read_postscript) },
    Format { has: image::reads, reader: Reader::Ends(image::read) },
    Format { has: media::reads, reader: Reader::Ends(media::read) },
    Format { has: |file_type| file_type == "text/csv", reader: Reader::Stream(csv::read) },
    Format { has: |file_type| file_type == "text/tab-separated-values", reader: Reader::Stream(csv::read_tabs) },
    Format { has: |file_type| file_type == "application/x-ndjson", reader: Reader::Stream(json::read_lines) },
    Format { has: is_json, reader: Reader::Stream(json::read) },
    Format { has: is_html, reader: Reader::Stream(html::read) },
    Format { has: is_xml, reader: Reader::Stream(xml::read) },
    Format { has: |file_type| file_type == "message/rfc822", reader: Reader::Stream(email::read) },
    Format { has: |file_type| file_type == "application/mbox", reader: Reader::Stream(mbox::read) },
    Format { has: |file_type| file_type == "text/markdown", reader: Reader::Stream(text::read_markdown) },
    Format { has: |file_type| file_type == "text/plain", reader: Reader::Stream(text::read_prose) },
    Format { has: is_textual, reader: Reader::Stream(text::read) },
    Format { has: is_executable, reader: Reader::Stream(executable::read) },
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
pub(crate) fn reader(file_type: &str) -> Option<Reader> {
    FORMATS.iter().find(|format| (format.has)(file_type)).map(|format| format.reader)
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
