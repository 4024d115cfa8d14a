//! A child process with its pipes, and the list of those that must be reaped.

use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, prlimit};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};

use crate::child_output::ChildOutput;
#[cfg(target_os = "linux")]
use crate::limits::cpu;

/// Capacity of the pipe to a child, in bytes: enough that it reads one chunk while the parent receives the next.
#[cfg(target_os = "linux")]
const PIPE_CAPACITY: usize = 256 << 10;

/// The children that are no longer needed. A process that was killed stays a zombie until its parent waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Children whose files are done.
    finished: Mutex<Vec<Process>>,
    /// Children that were killed and not yet waited for.
    unreaped: Mutex<Vec<Child>>,
}

impl Pool {
    /// Kills the children whose files are done, and waits for all that were killed.
    pub(crate) async fn reap(&self) {
        lock(&self.finished).clear();
        loop {
            let Some(mut child) = lock(&self.unreaped).pop() else { return };
            // One that cannot be waited for does not exist any more.
            let _ = child.wait().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child and the pipes to it. Dropping it kills the child.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` only while it is dropped.
    child: Option<Child>,
    /// `None` once the child does not read any more.
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: ChildOutput,
    /// Where it is reaped.
    pool: Weak<Pool>,
}

impl Process {
    /// Takes over a child that was started with three pipes.
    pub(crate) fn new(mut child: Child, pool: &Arc<Pool>) -> Self {
        let (input, output) = (child.stdin.take(), ChildOutput::new(child.stdout.take(), child.stderr.take()));
        let process = Self { child: Some(child), input, output, pool: Arc::downgrade(pool) };
        process.widen_pipe();
        process
    }

    /// Sends the child a line of JSON.
    pub(crate) async fn send_line(&mut self, content: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(content)?;
        line.push(b'\n');
        if let Some(input) = &mut self.input {
            // If the child cannot be written to, its exit status shows why.
            let _ = input.write_all(&line).await;
        }
        Ok(())
    }

    /// Gives the pipe to the child more capacity than the default.
    fn widen_pipe(&self) {
        #[cfg(target_os = "linux")]
        if let Some(input) = &self.input {
            // The sum of a user's pipes is limited (pipe(7), pipe-user-pages-soft); the pipe works without it.
            let _ = rustix::pipe::fcntl_setpipe_size(input, PIPE_CAPACITY);
        }
    }

    /// Lowers the limit on processor time, in seconds, to that of the file which the child has accepted. Where the
    /// system does not let the parent do that, the limit of the largest file stays.
    pub(crate) fn limit_cpu(&self, seconds: u32) {
        #[cfg(target_os = "linux")]
        if let Some(pid) = self.child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = prlimit(Some(pid), Resource::Cpu, cpu(seconds));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = seconds;
    }

    /// Leaves the child to be killed at the next [`Pool::reap`], because its file is done.
    pub(crate) fn retire(self) {
        if let Some(pool) = self.pool.upgrade() {
            lock(&pool.finished).push(self);
        }
    }

    /// Kills the child, without waiting for its exit.
    pub(crate) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // An error means that it has exited already.
            let _ = child.start_kill();
        }
    }

    /// Waits for the child to exit.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.child {
            Some(child) => child.wait().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Without a pool the runtime reaps it.
        if let (Some(child), Some(pool)) = (self.child.take(), self.pool.upgrade()) {
            lock(&pool.unreaped).push(child);
        }
    }
}
