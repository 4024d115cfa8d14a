//! The failures that readers of archives share.

use handler_contract::{ErrorCode, Failure};

/// What unpacks to more than this multiple of its size is a bomb. The largest honest one seen is 70.
const RATIO: u64 = 200;
/// Up to this size no ratio is suspicious. Bytes.
const HARMLESS: u64 = 1 << 20;

/// Refuses what unpacks to an absurd multiple of its size.
pub(super) fn refuse_bomb(packed: u64, unpacked: u64) -> Result<(), Failure> {
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

pub(super) fn malformed(message: &str) -> Failure {
    Failure::new(ErrorCode::Malformed, message)
}

pub(super) fn encrypted() -> Failure {
    Failure::new(ErrorCode::Encrypted, "the archive's directory is encrypted; only with its password can it be read")
}
