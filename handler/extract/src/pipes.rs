//! The pipes between this process and a child.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use tokio::net::unix::pipe::{Receiver, Sender};

/// Capacity of the pipe to a child, in bytes: enough that it reads one chunk while the parent receives the next.
#[cfg(target_os = "linux")]
const PIPE_CAPACITY: usize = 256 << 10;

/// This process's ends. None of them blocks.
#[derive(Debug)]
pub(crate) struct Pipes {
    /// To the child's standard input. `None` once that has ended.
    pub(crate) input: Option<Sender>,
    /// From its standard output.
    pub(crate) output: Receiver,
    /// From its standard error. Nothing wakes this process when there is something to read: it is of use only once the
    /// child has answered or has ended.
    pub(crate) errors: OwnedFd,
}

/// A child's ends, which block.
#[derive(Debug)]
pub(crate) struct ChildEnds {
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
    pub(crate) errors: OwnedFd,
}

impl Pipes {
    /// Must be called within a Tokio runtime that has I/O enabled.
    pub(crate) fn new() -> io::Result<(Self, ChildEnds)> {
        let (child_input, input) = io::pipe()?;
        let (output, child_output) = io::pipe()?;
        let (errors, child_errors) = io::pipe()?;
        // The sum of a user's pipes is limited (pipe(7), pipe-user-pages-soft); the pipe works without it.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&input, PIPE_CAPACITY);
        rustix::io::ioctl_fionbio(&errors, true)?;
        let pipes = Self {
            input: Some(Sender::from_owned_fd(input.into())?),
            output: Receiver::from_owned_fd(output.into())?,
            errors: errors.into(),
        };
        Ok((pipes, ChildEnds { input: child_input.into(), output: child_output.into(), errors: child_errors.into() }))
    }
}

/// Reads what a pipe that does not block holds already. `None` where it has ended or fails.
pub(crate) fn read_available(pipe: impl AsFd, buffer: &mut [u8]) -> Option<usize> {
    match rustix::io::retry_on_intr(|| rustix::io::read(&pipe, &mut *buffer)) {
        Ok(0) => None,
        Ok(count) => Some(count),
        Err(Errno::AGAIN) => Some(0),
        Err(_) => None,
    }
}
