//! The failures that readers of archives share.

use handler_contract::{ErrorCode, Failure};

/// The multiple of its size up to which nothing is suspicious, however large. Honest archives of sparse disk images and
/// of logs that repeat themselves go up to Deflate's maximum, so the ratio counts only together with the size.
const RATIO: u64 = 200;
/// What an archive may say that it unpacks to at any ratio. Bytes. None of it is unpacked here.
const MOST_DECLARED: u64 = 8 << 30;

/// Refuses what says that it unpacks to a size that is absurd for what it has.
pub(super) fn refuse_bomb(packed: u64, unpacked: u64) -> Result<(), Failure> {
    if unpacked > MOST_DECLARED { refuse_ratio(packed, unpacked) } else { Ok(()) }
}

/// Refuses what has unpacked to as much as is read, at a ratio that only repetition has.
pub(super) fn refuse_ratio(packed: u64, unpacked: u64) -> Result<(), Failure> {
    if unpacked / RATIO <= packed {
        return Ok(());
    }
    let message = format!("{packed} bytes of it unpack to {unpacked} or more, over {RATIO} times as many");
    Err(Failure::new(ErrorCode::DecompressionBomb, message))
}

pub(super) fn malformed(message: &str) -> Failure {
    Failure::new(ErrorCode::Malformed, message)
}

pub(super) fn encrypted() -> Failure {
    Failure::new(ErrorCode::Encrypted, "the archive's directory is encrypted; only with its password can it be read")
}
