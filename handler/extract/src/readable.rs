//! Waiting until a file descriptor can be read.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the runtime report when the file descriptor can be read. It must not block. Must be called within a Tokio runtime
/// that has I/O enabled.
///
/// # Errors
/// The system cannot report that.
#[expect(unsafe_code, reason = "the function takes types that may close their descriptor early, and so is not safe")]
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is an open descriptor, always the same one, and closed only when it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}
