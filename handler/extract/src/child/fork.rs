//! Forks this process.

use std::io;

/// In which process [`fork_sibling`] has returned.
pub(super) enum Fork {
    /// In the new one.
    Child,
    /// In the one that was there before, with the id of the new one.
    Parent(i32),
}

/// The flags of [`fork_sibling`]: the new process is a child of this one's parent, which is signalled when it exits.
pub(super) const FLAGS: u64 = (libc::CLONE_PARENT | libc::SIGCHLD).cast_unsigned() as u64;

/// Forks this process, so that the new one is a child of its parent: a sibling. Must be called where the process has
/// one thread.
///
/// Source: clone(2), `CLONE_PARENT`.
///
/// # Errors
/// The system does not let this process have another one.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor rustix can fork, and the C library's fork has no flags"
)]
pub(super) fn fork_sibling() -> io::Result<Fork> {
    // SAFETY: without CLONE_VM the new process has a copy of this one's memory, stack included, and goes on where this
    // one does, with no pointer in common. The process has one thread, so no lock is held and no memory is half changed.
    // The C library is not told, and knows but one thing that is different: the id of the thread, which it keeps for
    // mutexes of a kind that Rust does not use; it asks the system whenever it sends a signal.
    let id = unsafe { libc::syscall(libc::SYS_clone, FLAGS, 0, 0, 0, 0) };
    match id {
        0 => Ok(Fork::Child),
        ..0 => Err(io::Error::last_os_error()),
        id => i32::try_from(id).map(Fork::Parent).map_err(io::Error::other),
    }
}
