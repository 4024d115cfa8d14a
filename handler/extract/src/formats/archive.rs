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

use handler_contract::{ErrorCode, Failure};

pub(super) use self::{gzip::read as gzip, rar::read as rar, seven_zip::read as seven_zip, tar::read as tar};
pub(super) use self::{xz::read as xz, zip::read as zip, zstd::read as zstd};

/// What unpacks to more than this multiple of its size is a bomb. The largest honest one seen is 70.
const RATIO: u64 = 200;
/// Up to this size no ratio is suspicious. Bytes.
const HARMLESS: u64 = 1 << 20;

/// Refuses what unpacks to an absurd multiple of its size.
fn refuse_bomb(packed: u64, unpacked: u64) -> Result<(), Failure> {
    if unpacked > HARMLESS && unpacked / RATIO > packed {
        return Err(Failure::new(
            ErrorCode::DecompressionBomb,
            format!("{packed} bytes of it unpack to {unpacked}; no honest archive unpacks to over {RATIO} times its size"),
        ));
    }
    Ok(())
}

fn malformed(message: &str) -> Failure {
    Failure::new(ErrorCode::Malformed, message)
}

fn encrypted() -> Failure {
    Failure::new(ErrorCode::Encrypted, "the archive's directory is encrypted; only with its password can it be read")
}
