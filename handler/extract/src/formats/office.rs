//! Office documents and e-books: OOXML, OpenDocument, EPUB, RTF, and the binary formats before them.
//!
//! Every format is read in two steps, so that what a document says of itself is known before its text is counted,
//! which may not come to an end. Of a file, which lies in a map outside the child's memory, nothing is held whose size
//! the file decides.

mod binary;
mod bytes;
mod codepage;
mod compound;
mod epub;
mod fault;
mod markup;
mod open_document;
mod open_xml;
mod package;
mod package_type;
mod properties;
mod property_set;
mod rtf;
mod slides;
mod word;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use handler_contract::Metadata;
use memmap2::Mmap;

use super::view::View;
use crate::child::{Report, Stop};
use fault::Fault;

pub(crate) use binary::{ENCRYPTED_OPEN_XML, media_type};
pub(crate) use package_type::package_type;

/// Types of OOXML documents.
pub(crate) fn is_open_xml(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.openxmlformats-officedocument.")
}

/// Types of OpenDocument packages.
pub(super) fn is_open_document(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.oasis.opendocument.")
}

/// Types of the binary formats, and of OOXML documents that are encrypted.
pub(super) fn is_binary(file_type: &str) -> bool {
    ["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", ENCRYPTED_OPEN_XML]
        .contains(&file_type)
}

/// Reads an OOXML document, or says that it is an encrypted one.
pub(super) fn open_xml(file: View, report: &mut Report) -> Result<(), Stop> {
    if file.has(0, compound::SIGNATURE) {
        return in_two_steps(file.bytes(), report, binary::describe, binary::count);
    }
    in_two_steps(file, report, open_xml::describe, open_xml::count)
}

/// Reads an OpenDocument package.
pub(super) fn open_document(file: View, report: &mut Report) -> Result<(), Stop> {
    in_two_steps(file, report, open_document::describe, open_document::count)
}

/// Reads an e-book.
pub(super) fn epub(file: View, report: &mut Report) -> Result<(), Stop> {
    in_two_steps(file, report, epub::describe, epub::count)
}

/// Reads a document of the binary formats.
pub(super) fn binary(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Stop> {
    in_two_steps(&bytes[..], report, binary::describe, binary::count)
}

/// Reads an RTF document.
pub(super) fn rtf(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Stop> {
    in_two_steps(&bytes[..], report, |bytes, _| Ok(bytes), |bytes, metadata| rtf::count(bytes, metadata))
}

fn in_two_steps<Source, Body>(
    source: Source,
    report: &mut Report,
    describe: impl FnOnce(Source, &mut Metadata) -> Result<Body, Fault>,
    count: impl FnOnce(&Body, &mut Metadata) -> Result<(), Fault>,
) -> Result<(), Stop> {
    let described = describe(source, &mut report.metadata);
    report.keep()?;
    let result = described.and_then(|body| count(&body, &mut report.metadata));
    Ok(fault::finish(&mut report.metadata, result)?)
}
