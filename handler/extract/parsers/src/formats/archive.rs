//! Archives and compressed files: how many files they hold, how large these are unpacked, and whether they are
//! encrypted. Nothing is unpacked but gzip, in passing, and no size is believed that the file itself contradicts.

mod failures;
mod gzip;
mod rar;
mod records;
mod seven_zip;
mod stream;
mod tar;
mod varint;
mod xz;
mod zip;
mod zstd;

use self::stream::read_stream;
use super::container::Container;
use crate::input::{Input, View};
use crate::report::{Abort, Report};

/// Reads a zip archive.
pub(super) fn zip(container: Container, report: &mut Report) -> Result<(), Abort> {
    Ok(zip::describe(container, &mut report.metadata)?)
}

/// Reads a 7z archive.
pub(super) fn seven_zip(file: View, report: &mut Report) -> Result<(), Abort> {
    Ok(seven_zip::describe(file, &mut report.metadata)?)
}

/// Reads a RAR archive.
pub(super) fn rar(file: View, report: &mut Report) -> Result<(), Abort> {
    Ok(rar::describe(file, &mut report.metadata)?)
}

/// Reads a tar as it arrives.
pub(super) fn tar(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_stream(tar::TarReader::new(), input, report)
}

/// Reads a file of gzip as it arrives.
pub(super) fn gzip(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_stream(gzip::GzipReader::new(), input, report)
}

/// Reads a file of xz as it arrives.
pub(super) fn xz(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_stream(xz::XzReader::new(), input, report)
}

/// Reads a file of Zstandard as it arrives.
pub(super) fn zstd(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    read_stream(zstd::ZstdReader::new(), input, report)
}

#[cfg(test)]
mod tests;
