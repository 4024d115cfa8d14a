//! Office documents and e-books: OOXML, OpenDocument, EPUB, FictionBook, Mobipocket, RTF, and the binary formats before
//! them.
//!
//! Every format is read in two steps, so that what a document says of itself is known before its text is counted,
//! which may not come to an end. Of a file, which lies in a map outside the child's memory, nothing is held whose size
//! the file decides.

mod binary;
mod codepage;
mod epub;
mod fiction_book;
mod markup;
mod mobipocket;
mod open_document;
mod open_xml;
mod outlook;
mod package_type;
mod properties;
mod property_set;
mod rtf;
mod slides;
mod slides_binary;
mod word;
mod word_binary;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use handler_contract::Metadata;
use memmap2::Mmap;

use super::container::{COMPOUND_SIGNATURE, Container, DocumentError, finish};
use crate::report::{Abort, Report};

pub(crate) use self::binary::media_type;
pub(crate) use self::package_type::{type_by_names, type_by_parts};

/// Reads an OOXML document, or reports that it is an encrypted one.
pub(super) fn open_xml(container: Container, report: &mut Report) -> Result<(), Abort> {
    if container.file.has(0, COMPOUND_SIGNATURE) {
        return binary(container, report);
    }
    in_two_steps(container, report, open_xml::describe, open_xml::count)
}

/// Reads an OpenDocument package.
pub(super) fn open_document(container: Container, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(container, report, open_document::describe, open_document::count)
}

/// Reads an e-book.
pub(super) fn epub(container: Container, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(container, report, epub::describe, epub::count)
}

/// Reads a document of the binary formats.
pub(super) fn binary(container: Container, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(container, report, binary::describe, binary::count)
}

/// Reads a message of Outlook.
pub(super) fn outlook(container: Container, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(container, report, outlook::describe, outlook::count)
}

/// Reads an RTF document.
pub(super) fn rtf(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    // As its type is found: after white space and a byte order mark.
    let document = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    in_two_steps(document, report, |bytes, _| Ok(bytes), |bytes, metadata| rtf::count(bytes, metadata))
}

/// Reads a book in the format of FictionBook.
pub(super) fn fiction_book(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(&bytes[..], report, |bytes, _| Ok(bytes), |bytes, metadata| fiction_book::count(*bytes, metadata))
}

/// Reads an OpenDocument that is one XML file.
pub(super) fn flat_open_document(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(&bytes[..], report, open_document::describe_flat, |bytes, metadata| {
        open_document::count_flat(bytes, metadata)
    })
}

/// Reads a book in the format of Mobipocket.
pub(super) fn mobipocket(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    in_two_steps(&bytes[..], report, mobipocket::describe, mobipocket::count)
}

fn in_two_steps<Source, Body>(
    source: Source,
    report: &mut Report,
    describe: impl FnOnce(Source, &mut Metadata) -> Result<Body, DocumentError>,
    count: impl FnOnce(&Body, &mut Metadata) -> Result<(), DocumentError>,
) -> Result<(), Abort> {
    let described = describe(source, &mut report.metadata);
    report.checkpoint()?;
    let result = described.and_then(|body| count(&body, &mut report.metadata));
    Ok(finish(&mut report.metadata, result)?)
}
