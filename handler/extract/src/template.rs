//! The template: a process that is executed once, prepares all that does not depend on a file, and then forks a child
//! for each one. It never sees a byte of a file. Its children are this process's own (`CLONE_PARENT`), which limits,
//! kills and reaps them.
//!
//! It has one child at a time, and all of them use the same pipes and the same temporary file. The next child is forked
//! once the one before is reaped, and [`Template::recycle`] has made sure that nothing of it is left in them.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
    send, sendmsg, socketpair,
};
use rustix::process::{Pid, Resource, Rlimit};
use tokio::io::Interest;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::forked::Forked;
use crate::pipes::{ChildEnds, Pipes, read_available};
use crate::protocol::{ChildConfig, FORK_REQUEST, ForkReply, MAX_DESCRIPTORS, TemplateConfig};
use crate::readable::watch;

/// Children of one template. They share its addresses, so what a file learns without a crash is of use to this many
/// files at most. Starting a template takes some milliseconds of processor time, which is little for so many.
const MAX_CHILDREN: u32 = 500;

/// The longest packet of a template: a reply that says why there is no child. Bytes.
const MAX_REPLY: usize = 4 << 10;

/// How long a template may take to start and to fork, which takes a few milliseconds of processor time.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running template, and its child. Dropping it kills both.
#[derive(Debug)]
pub(crate) struct Template {
    process: Forked,
    socket: OwnedFd,
    /// The end of the input that children read. What one has left unread is taken from here.
    unread: OwnedFd,
    /// The temporary file that each child may use; `None` where it could not be made.
    spool: Option<File>,
    /// Children that had ended abnormally before it was started.
    abnormal_ends: u32,
    children: u32,
    child: Child,
}

/// The child of a template.
#[derive(Debug)]
enum Child {
    None,
    /// It was asked for; the reply is due.
    Due,
    Forked(Forked),
}

impl Template {
    /// Starts a template, which is the program that the command names. `abnormal_ends` is how many children have ended
    /// abnormally until now.
    ///
    /// # Errors
    /// The system lacks something for that, or does not know the program.
    pub(crate) async fn start(
        mut command: Command,
        config: ChildConfig,
        abnormal_ends: u32,
    ) -> io::Result<(Self, Pipes)> {
        let (socket, stdin) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        let (pipes, ChildEnds { input, output, errors }) = Pipes::new()?;
        let spool = tempfile::tempfile();
        let spool_error = spool.as_ref().err().map(|error| error.raw_os_error().unwrap_or(libc::EIO));
        let config = serde_json::to_vec(&TemplateConfig { child: config, spool_error })?;
        let mut descriptors = vec![input.as_fd(), output.as_fd(), errors.as_fd()];
        descriptors.extend(spool.as_ref().ok().map(File::as_fd));
        // Packets wait in the socket until the program reads them.
        send_with(&socket, &config, &descriptors)?;
        // In a group of its own, which its children are in too, so that all of them are found whatever happens to it.
        command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        // The thread that starts a program blocks until the program is loaded.
        let process = spawn_blocking(move || Forked::adopt(command.spawn()?)).await.map_err(io::Error::other)??;
        let template =
            Self { process, socket, unread: input, spool: spool.ok(), abnormal_ends, children: 0, child: Child::None };
        Ok((template, pipes))
    }

    /// [`crate::process::Pool::abnormal_ends`] before it was started.
    pub(crate) const fn abnormal_ends(&self) -> u32 {
        self.abnormal_ends
    }

    /// Asks for a child, and does not wait for it.
    ///
    /// # Errors
    /// The template has ended.
    pub(crate) fn ask_for_child(&mut self) -> io::Result<()> {
        // There is one request at a time, for which a socket has room.
        match send(&self.socket, &FORK_REQUEST, SendFlags::NOSIGNAL) {
            // If it has ended, its last packet says why.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => {}
            Err(error) => return Err(error.into()),
        }
        self.children += 1;
        self.child = Child::Due;
        Ok(())
    }

    /// Waits until the child that was asked for is there.
    ///
    /// # Errors
    /// The template has ended, cannot fork, or takes too long.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        if matches!(self.child, Child::Due) {
            let Ok(reply) = timeout(START_TIMEOUT, self.reply()).await else {
                // So that nobody waits for it again.
                self.process.kill_group();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the parser's template does not start"));
            };
            self.child = Child::Forked(Forked::new(reply?));
        }
        Ok(())
    }

    async fn reply(&self) -> io::Result<Pid> {
        let mut packet = [0; MAX_REPLY];
        let mut receive = || match recv(&self.socket, &mut packet[..], RecvFlags::empty()) {
            // It has ended without reading all requests, which is reported once, before its last packet.
            Err(Errno::CONNRESET) => recv(&self.socket, &mut packet[..], RecvFlags::empty()),
            received => received,
        };
        let length = match receive() {
            // Registered only where that is needed: mostly the reply is there when it is waited for.
            Err(Errno::AGAIN) => {
                let socket = watch(self.socket.try_clone()?)?;
                socket.async_io(Interest::READABLE, |_| Ok(receive()?)).await?.0
            }
            received => received?.0,
        };
        forked(&packet[..length])
    }

    /// Kills the child, unless it has exited, without waiting for that.
    pub(crate) fn kill_child(&mut self) {
        if let Child::Forked(child) = &mut self.child {
            child.kill();
        }
    }

    /// Sets one of the child's resource limits.
    pub(crate) fn limit_child(&self, resource: Resource, limit: Rlimit) {
        if let Child::Forked(child) = &self.child {
            child.limit(resource, limit);
        }
    }

    /// Whether the child has exited, as far as that is known without waiting.
    pub(crate) fn has_child_exited(&mut self) -> io::Result<bool> {
        match &mut self.child {
            Child::None => Ok(true),
            Child::Due => Ok(false),
            Child::Forked(child) => Ok(child.status()?.is_some()),
        }
    }

    /// Waits for the child to exit.
    pub(crate) async fn wait_for_child(&mut self) -> io::Result<ExitStatus> {
        self.settle().await?;
        match &mut self.child {
            Child::Forked(child) => child.wait().await,
            Child::None | Child::Due => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether it may have a further child: neither has it had as many as it may have, nor has one ended abnormally since
    /// it was started, of `abnormal_ends` until now.
    pub(crate) const fn is_spent(&self, abnormal_ends: u32) -> bool {
        self.children >= MAX_CHILDREN || self.abnormal_ends != abnormal_ends
    }

    /// Makes sure that nothing of the child, which is reaped, is left for the next one: no byte that it has not read, none
    /// that it has written.
    ///
    /// # Errors
    /// The pipes or the temporary file cannot be cleared, so that the next child must have others.
    pub(crate) fn recycle(&mut self, pipes: &Pipes) -> io::Result<()> {
        self.child = Child::None;
        let mut buffer = [0; 4 << 10];
        // It blocks, being the children's end, so that no more may be read than there is.
        while rustix::io::ioctl_fionread(&self.unread)? > 0 {
            rustix::io::retry_on_intr(|| rustix::io::read(&self.unread, &mut buffer))?;
        }
        for pipe in [pipes.output.as_fd(), pipes.errors.as_fd()] {
            while rustix::io::ioctl_fionread(pipe)? > 0 {
                read_available(pipe, &mut buffer).ok_or(io::ErrorKind::BrokenPipe)?;
            }
        }
        let spool = self.spool.as_mut().ok_or(io::ErrorKind::NotFound)?;
        if spool.metadata()?.len() > 0 {
            spool.set_len(0)?;
        }
        Ok(())
    }

    /// Ends it. Its child must be reaped.
    pub(crate) async fn end(mut self) {
        self.process.kill_group();
        // One that cannot be waited for does not exist any more.
        let _ = self.process.wait().await;
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        // Whether the template has forked the child that was asked for, and as which process, nobody knows.
        if matches!(self.child, Child::Due) {
            self.process.kill_group();
            self.process.reap_group();
        }
    }
}

/// Sends a packet with file descriptors.
fn send_with(socket: &OwnedFd, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    sendmsg(socket, &[IoSlice::new(packet)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The process id of a new child, as a reply has it. An empty one means that the template has ended.
fn forked(reply: &[u8]) -> io::Result<Pid> {
    let ended = || io::Error::other("the parser's template has ended");
    let ForkReply(forked) = ForkReply::decode(reply).ok_or_else(ended)?;
    Pid::from_raw(forked.map_err(io::Error::other)?).ok_or_else(ended)
}
