//! Archives and compressed files: how many files they hold, how large these are unpacked, and whether they are
//! encrypted. Nothing is unpacked but gzip, in passing, and no size is believed that the file itself contradicts.

mod gzip;
mod rar;
mod records;
mod seven_zip;
mod tar;
mod xz;
mod zip;
mod zstd;

use handler_contract::{ErrorCode, Failure, Metadata};

use super::view::View;
use crate::child::{Input, Report, Stop};

/// What unpacks to more than this multiple of its size is a bomb. The largest honest one seen is 70.
const RATIO: u64 = 200;
/// Up to this size no ratio is suspicious. Bytes.
const HARMLESS: u64 = 1 << 20;

/// Reads a zip archive.
pub(super) fn zip(file: View, report: &mut Report) -> Result<(), Stop> {
    Ok(zip::describe(file, &mut report.metadata)?)
}

/// Reads a 7z archive.
pub(super) fn seven_zip(file: View, report: &mut Report) -> Result<(), Stop> {
    Ok(seven_zip::describe(file, &mut report.metadata)?)
}

/// Reads a RAR archive.
pub(super) fn rar(file: View, report: &mut Report) -> Result<(), Stop> {
    Ok(rar::describe(file, &mut report.metadata)?)
}

/// Reads a tar as it arrives.
pub(super) fn tar(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    walk(tar::Walk::new(), input, report)
}

/// Reads a file of gzip as it arrives.
pub(super) fn gzip(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    walk(gzip::Walk::new(), input, report)
}

/// Reads a file of xz as it arrives.
pub(super) fn xz(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    walk(xz::Walk::new(), input, report)
}

/// Reads a file of Zstandard as it arrives.
pub(super) fn zstd(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    walk(zstd::Walk::new(), input, report)
}

/// A reader of bytes that come in pieces.
trait Walk {
    fn feed(&mut self, piece: &[u8]);
    /// Says what was found, once all bytes have come.
    fn finish(self, metadata: &mut Metadata) -> Result<(), Failure>;
}

fn walk(mut walk: impl Walk, input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    input.stream(|piece| walk.feed(piece))?;
    Ok(walk.finish(&mut report.metadata)?)
}

/// Refuses what unpacks to an absurd multiple of its size.
fn refuse_bomb(packed: u64, unpacked: u64) -> Result<(), Failure> {
    if unpacked > HARMLESS && unpacked / RATIO > packed {
        return Err(Failure::new(
            ErrorCode::DecompressionBomb,
            format!(
                "{packed} bytes of it unpack to {unpacked}; no honest archive unpacks to over {RATIO} times its size"
            ),
        ));
    }
    Ok(())
}

/// A number of seven bits a byte, the first the least significant; the upper bit says that there are more.
fn variable(view: View, at: &mut u64) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = view.u8(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn malformed(message: &str) -> Failure {
    Failure::new(ErrorCode::Malformed, message)
}

fn encrypted() -> Failure {
    Failure::new(ErrorCode::Encrypted, "the archive's directory is encrypted; only with its password can it be read")
}

#[cfg(test)]
mod tests;
