//! The template, or a child that it has forked: a child of this process that no library waits for. The runtime's own
//! would have the system signal each exit, and be woken by it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, kill_process, kill_process_group, pidfd_open, prlimit,
    waitpgid, waitpid,
};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use crate::readable::watch;

/// Between two looks at a child on a kernel that cannot report its exit (before Linux 5.3).
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A process that only this one may reap. Dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Forked {
    pid: Pid,
    /// How it exited; `Some` once it is reaped, after which its id may be another process's.
    status: Option<ExitStatus>,
    /// What reports its exit, once that was waited for.
    exit: Option<AsyncFd<OwnedFd>>,
}

impl Forked {
    /// Takes over a child of this process that nobody else waits for.
    pub(crate) const fn new(pid: Pid) -> Self {
        Self { pid, status: None, exit: None }
    }

    /// Takes over a process that was just started.
    pub(crate) fn adopt(started: Child) -> io::Result<Self> {
        let pid = Pid::from_raw(started.id().cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
        // Dropping it neither kills the process nor waits for it.
        drop(started);
        Ok(Self::new(pid))
    }

    /// Kills it, unless it has exited, without waiting for its exit.
    pub(crate) fn kill(&mut self) {
        // One that cannot be asked does not exist any more.
        if matches!(self.status(), Ok(None)) {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    /// Kills it and all of the group that it leads, without waiting for their exit. A process that it forks meanwhile is
    /// killed as well (fork(2) is done again after a signal that is pending).
    pub(crate) fn kill_group(&mut self) {
        // Once it is reaped, its id may be another process's. An error means that all have exited.
        if self.status.is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Reaps all of the group that it leads, which must have been killed.
    pub(crate) fn reap_group(&mut self) {
        while let Ok(Some((pid, status))) = waitpgid(self.pid, WaitOptions::empty()) {
            if pid == self.pid {
                self.status = Some(ExitStatus::from_raw(status.as_raw()));
            }
        }
    }

    /// Sets one of its resource limits.
    pub(crate) fn limit(&self, resource: Resource, limit: Rlimit) {
        if self.status.is_none() {
            let _ = prlimit(Some(self.pid), resource, limit);
        }
    }

    /// Waits for its exit. Cancel safe: it may be dropped and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            match &self.exit {
                Some(exit) => drop(exit.readable().await?),
                None => match pidfd_open(self.pid, PidfdFlags::empty()) {
                    Ok(fd) => self.exit = Some(watch(fd)?),
                    Err(_) => sleep(POLL_INTERVAL).await,
                },
            }
        }
    }

    /// How it exited; `None` if it has not.
    pub(crate) fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.reap(WaitOptions::NOHANG)
    }

    /// Reaps it if it has exited, or as soon as it has.
    fn reap(&mut self, options: WaitOptions) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let exited = waitpid(Some(self.pid), options)?;
            self.status = exited.map(|(_, status)| ExitStatus::from_raw(status.as_raw()));
        }
        Ok(self.status)
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
            // It was killed, so this takes as long as the system needs to free its memory.
            let _ = self.reap(WaitOptions::empty());
        }
    }
}
