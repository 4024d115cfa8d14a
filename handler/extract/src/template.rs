//! The template: a process that is executed once, prepares all that does not depend on a file, and then forks a child
//! for each one. It never sees a byte of a file. Its children are this process's own (`CLONE_PARENT`), which limits,
//! kills and reaps them.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
    send, sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::forked::Forked;
use crate::protocol::{ChildConfig, ForkReply, ForkRequest, MAX_DESCRIPTORS};
use crate::readable::watch;

/// Children of one template. They share its addresses, so what a file learns without a crash is of use to this many
/// files at most. Starting a template takes some milliseconds of processor time, which is little for so many.
const MAX_CHILDREN: u32 = 500;

/// The longest packet of a template: a reply that says why there is no child. Bytes.
const MAX_REPLY: usize = 4 << 10;

/// How long dropping a template waits for the reply that nobody else has waited for: to fork takes a fraction of a
/// millisecond.
const LATE_REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// A running template, and the parent's end of the socket to it. Dropping it kills it, and the child that it has forked for
/// a start that nobody has waited for.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) process: Forked,
    socket: AsyncFd<OwnedFd>,
    /// Children that had ended abnormally before it was started.
    abnormal_ends: u32,
    children: u32,
    /// Whether a request has no reply yet.
    is_reply_due: bool,
}

/// A child that was just forked, and the parent's ends of its pipes.
#[derive(Debug)]
pub(crate) struct NewChild {
    pub(crate) process: Forked,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// Children that had ended abnormally before its template was started.
    pub(crate) abnormal_ends: u32,
}

/// The two ends of the socket: the parent's, and the one that is the template's standard input.
pub(crate) fn sockets() -> io::Result<(OwnedFd, OwnedFd)> {
    let (parent, template) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&parent, true)?;
    Ok((parent, template))
}

impl Template {
    /// Takes over a process that was started with the other end of the socket, and sends it what applies to every file.
    /// `abnormal_ends` is how many children had ended abnormally before it was started.
    pub(crate) fn new(process: Forked, socket: OwnedFd, config: &ChildConfig, abnormal_ends: u32) -> io::Result<Self> {
        // The first packet, for which a socket has room. If it has ended already, the first fork reports why.
        match send(&socket, &serde_json::to_vec(config)?, SendFlags::NOSIGNAL) {
            Ok(_) | Err(Errno::PIPE) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { process, socket: watch(socket)?, abnormal_ends, children: 0, is_reply_due: false })
    }

    /// Whether it may fork no further child: it has had as many as it may have, or one has ended abnormally since it was
    /// started, of `abnormal_ends` until now.
    pub(crate) const fn is_spent(&self, abnormal_ends: u32) -> bool {
        self.children >= MAX_CHILDREN || self.abnormal_ends != abnormal_ends
    }

    /// Waits for the reply that is due because whoever asked for a child has not waited for it. That child ends.
    ///
    /// # Errors
    /// The template has ended or cannot fork.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        if self.is_reply_due {
            drop(Forked::new(self.reply().await?));
        }
        Ok(())
    }

    /// Forks a child that may use this temporary file.
    ///
    /// # Errors
    /// The template has ended or cannot fork.
    pub(crate) async fn fork(&mut self, spool: Result<&File, &io::Error>) -> io::Result<NewChild> {
        self.settle().await?;
        self.children += 1;
        let (child_stdin, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut descriptors = vec![child_stdin.as_fd(), child_stdout.as_fd(), child_stderr.as_fd()];
        descriptors.extend(spool.ok().map(File::as_fd));
        let spool_error = spool.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        self.request(ForkRequest { spool_error }, &descriptors)?;
        self.is_reply_due = true;
        let process = Forked::new(self.reply().await?);
        let abnormal_ends = self.abnormal_ends;
        Ok(NewChild { process, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into(), abnormal_ends })
    }

    fn request(&self, request: ForkRequest, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let packet = request.encode();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(descriptors));
        // There is one request at a time, for which a socket has room.
        match sendmsg(&self.socket, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL) {
            // If it has ended already, its last packet says why.
            Ok(_) | Err(Errno::PIPE) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn reply(&mut self) -> io::Result<Pid> {
        let mut packet = [0; MAX_REPLY];
        let receive = |socket: &OwnedFd| {
            let mut receive = || recv(socket, &mut packet[..], RecvFlags::empty());
            match receive() {
                // It has ended without reading all requests, which is reported once, before its last packet.
                Err(Errno::CONNRESET) => Ok(receive()?),
                received => Ok(received?),
            }
        };
        let (length, _) = self.socket.async_io(Interest::READABLE, receive).await?;
        self.is_reply_due = false;
        forked(&packet[..length])
    }

    /// Blocks until the reply comes that is due.
    fn late_reply(&self) -> io::Result<Pid> {
        let mut packet = [0; MAX_REPLY];
        let socket = self.socket.get_ref();
        rustix::io::ioctl_fionbio(socket, false)?;
        set_socket_timeout(socket, Timeout::Recv, Some(LATE_REPLY_TIMEOUT))?;
        let (length, _) = recv(socket, &mut packet[..], RecvFlags::empty())?;
        forked(&packet[..length])
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        if self.is_reply_due {
            // It is not killed between a fork and its reply, without which nobody knows of the child. One that has exited is
            // not waited for.
            if let Ok(child) = self.late_reply() {
                drop(Forked::new(child));
            }
        }
    }
}

/// The process id of a new child, as a reply has it. An empty one means that the template has ended.
fn forked(reply: &[u8]) -> io::Result<Pid> {
    let ended = || io::Error::other("the parser's template has ended");
    let ForkReply(forked) = ForkReply::decode(reply).ok_or_else(ended)?;
    Pid::from_raw(forked.map_err(io::Error::other)?).ok_or_else(ended)
}
