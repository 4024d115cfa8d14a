//! A child process with its pipes, and the list of those that must be reaped.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::io::Seek;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rustix::process::Signal;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, WaitOptions, prlimit};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
#[cfg(target_os = "linux")]
use tokio::process::{ChildStderr, ChildStdout};

use crate::child_output::ChildOutput;
#[cfg(target_os = "linux")]
use crate::forked::Forked;
#[cfg(target_os = "linux")]
use crate::limits::cpu;
use crate::protocol::SandboxStatus;
#[cfg(target_os = "linux")]
use crate::template::{NewChild, Template};

/// Capacity of the pipe to a child, in bytes: enough that it reads one chunk while the parent receives the next.
#[cfg(target_os = "linux")]
const PIPE_CAPACITY: usize = 256 << 10;

/// The children that are no longer needed. A process that was killed stays a zombie until its parent waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Children whose files are done.
    finished: Mutex<Vec<Process>>,
    /// Processes that were killed and not yet waited for.
    unreaped: Mutex<Vec<Remains>>,
    /// Children that have ended in another way than a good file's does.
    abnormal_ends: AtomicU32,
    /// How well the first child that has accepted a file was sandboxed.
    pub(crate) sandbox: OnceLock<SandboxStatus>,
    /// A temporary file that no child has written to, and that no other process has open.
    #[cfg(target_os = "linux")]
    spool: Mutex<Option<File>>,
}

/// What is left of a process that was killed.
#[derive(Debug)]
struct Remains {
    handle: Handle,
    #[cfg(target_os = "linux")]
    spool: Option<File>,
}

impl Pool {
    /// Kills the children whose files are done, and waits for all that were killed.
    pub(crate) async fn reap(&self) {
        lock(&self.finished).clear();
        loop {
            let Some(mut remains) = lock(&self.unreaped).pop() else { return };
            // One that cannot be waited for does not exist any more.
            let ended_well = remains.handle.wait().await.is_ok_and(is_normal);
            if !ended_well {
                self.note_abnormal_end();
            }
            #[cfg(target_os = "linux")]
            if let Some(spool) = remains.spool.take().filter(|spool| self.may_reuse(spool)) {
                *lock(&self.spool) = Some(spool);
            }
        }
    }

    /// Kills a template, and leaves it to be reaped, with the child that nobody has waited for.
    #[cfg(target_os = "linux")]
    pub(crate) fn leave(&self, template: Template) {
        let mut handle = Handle::Template(template);
        handle.kill();
        lock(&self.unreaped).push(Remains { handle, spool: None });
    }

    /// Notes that a child has ended in another way than a good file's does.
    fn note_abnormal_end(&self) {
        self.abnormal_ends.fetch_add(1, Ordering::Relaxed);
    }

    /// How many children have ended in another way than a good file's does. A template that was started when there were
    /// fewer, and its children, read no further file.
    pub(crate) fn abnormal_ends(&self) -> u32 {
        self.abnormal_ends.load(Ordering::Relaxed)
    }

    /// Whether the next child may have the temporary file of one that is reaped: that has not written to it, and could
    /// not leave it open in another process, which only the filter of system calls makes sure of.
    #[cfg(target_os = "linux")]
    fn may_reuse(&self, spool: &File) -> bool {
        self.sandbox.get().is_some_and(|sandbox| sandbox.system_calls)
            && spool.metadata().is_ok_and(|metadata| metadata.len() == 0)
    }

    /// A temporary file without a name, for one child at a time. One that the last child has not written to serves the
    /// next child too, where system calls are filtered.
    #[cfg(target_os = "linux")]
    pub(crate) fn spool(&self) -> io::Result<File> {
        if let Some(mut unwritten) = lock(&self.spool).take() {
            // The position is the file's, wherever the child before has left it.
            unwritten.rewind()?;
            return Ok(unwritten);
        }
        tempfile::tempfile()
    }
}

/// Whether a child exits like this when nothing has gone wrong: by itself, or killed by this process after its answer.
fn is_normal(status: ExitStatus) -> bool {
    status.success() || status.signal() == Some(Signal::KILL.as_raw())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that this one must reap.
#[derive(Debug)]
enum Handle {
    /// Started as a program.
    Executed(Child),
    /// Forked by the template.
    #[cfg(target_os = "linux")]
    Forked(Forked),
    /// Forks the others. Dropping it reaps a child whose start nobody has waited for.
    #[cfg(target_os = "linux")]
    Template(Template),
}

impl Handle {
    fn kill(&mut self) {
        match self {
            // An error means that it has exited already.
            Self::Executed(child) => drop(child.start_kill()),
            #[cfg(target_os = "linux")]
            Self::Forked(child) => child.kill(),
            #[cfg(target_os = "linux")]
            Self::Template(template) => template.process.kill(),
        }
    }

    fn has_exited(&mut self) -> io::Result<bool> {
        Ok(match self {
            Self::Executed(child) => child.try_wait()?.is_some(),
            #[cfg(target_os = "linux")]
            Self::Forked(child) => child.reap(WaitOptions::NOHANG)?.is_some(),
            #[cfg(target_os = "linux")]
            Self::Template(template) => template.process.reap(WaitOptions::NOHANG)?.is_some(),
        })
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Executed(child) => child.wait().await,
            #[cfg(target_os = "linux")]
            Self::Forked(child) => child.wait().await,
            #[cfg(target_os = "linux")]
            Self::Template(template) => template.process.wait().await,
        }
    }
}

/// A child and the pipes to it. Dropping it kills the child.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` only while it is dropped.
    handle: Option<Handle>,
    /// `None` once the child does not read any more.
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: ChildOutput,
    /// Whether bytes of a file were sent to it, and its end is not known to be a good one.
    pub(crate) is_reading: bool,
    /// [`Pool::abnormal_ends`] before the template was started that has forked it. `None` for a child that was executed,
    /// which has addresses that no other one has.
    abnormal_ends: Option<u32>,
    /// The temporary file that a forked child has been given.
    #[cfg(target_os = "linux")]
    spool: Option<File>,
    /// Where it is reaped.
    pool: Weak<Pool>,
}

impl Process {
    /// Takes over a child that was started with three pipes.
    pub(crate) fn executed(mut child: Child, pool: &Arc<Pool>) -> Self {
        let (input, output) = (child.stdin.take(), ChildOutput::new(child.stdout.take(), child.stderr.take()));
        let process = Self {
            handle: Some(Handle::Executed(child)),
            input,
            output,
            is_reading: false,
            abnormal_ends: None,
            #[cfg(target_os = "linux")]
            spool: None,
            pool: Arc::downgrade(pool),
        };
        process.widen_pipe();
        process
    }

    /// Takes over a child that the template has forked.
    #[cfg(target_os = "linux")]
    pub(crate) fn forked(child: NewChild, spool: Option<File>, pool: &Arc<Pool>) -> io::Result<Self> {
        let NewChild { process, stdin, stdout, stderr, abnormal_ends } = child;
        let (stdout, stderr) = (ChildStdout::from_std(stdout)?, ChildStderr::from_std(stderr)?);
        let process = Self {
            handle: Some(Handle::Forked(process)),
            input: Some(ChildStdin::from_std(stdin)?),
            output: ChildOutput::new(Some(stdout), Some(stderr)),
            is_reading: false,
            abnormal_ends: Some(abnormal_ends),
            spool,
            pool: Arc::downgrade(pool),
        };
        process.widen_pipe();
        Ok(process)
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

    /// Lowers the limit on processor time, in seconds, to that of the file which the child is about to read. Where the
    /// system does not let the parent do that, the limit of the largest file stays.
    pub(crate) fn limit_cpu(&self, seconds: u32) {
        #[cfg(target_os = "linux")]
        match &self.handle {
            Some(Handle::Forked(child)) => child.limit(Resource::Cpu, cpu(seconds)),
            Some(Handle::Executed(child)) => {
                if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                    let _ = prlimit(Some(pid), Resource::Cpu, cpu(seconds));
                }
            }
            Some(Handle::Template(_)) | None => {}
        }
        #[cfg(not(target_os = "linux"))]
        let _ = seconds;
    }

    /// Leaves the child to be killed at the next [`Pool::reap`], because its file is done. `is_normal` says whether it
    /// has ended as it does after a good file.
    pub(crate) fn retire(mut self, is_normal: bool) {
        self.is_reading = false;
        if let Some(pool) = self.pool.upgrade() {
            if !is_normal {
                // At once: the next file may be given to a child before this one is reaped.
                pool.note_abnormal_end();
            }
            lock(&pool.finished).push(self);
        }
    }

    /// Kills the child, without waiting for its exit.
    pub(crate) fn kill(&mut self) {
        if let Some(handle) = &mut self.handle {
            handle.kill();
        }
    }

    /// Whether the child has exited, as far as that is known without waiting.
    pub(crate) fn has_exited(&mut self) -> bool {
        // One that cannot be asked does not exist any more.
        self.handle.as_mut().is_none_or(|handle| handle.has_exited().unwrap_or(true))
    }

    /// Whether its template may not be used any more, because a child has ended abnormally since that was started.
    pub(crate) fn is_outdated(&self) -> bool {
        let ends = self.pool.upgrade().map(|pool| pool.abnormal_ends());
        self.abnormal_ends.is_some_and(|before| Some(before) != ends)
    }

    /// Notes how well the child is sandboxed.
    pub(crate) fn note_sandbox(&self, status: SandboxStatus) {
        if let Some(pool) = self.pool.upgrade() {
            pool.sandbox.get_or_init(|| status);
        }
    }

    /// Waits for the child to exit.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.handle {
            Some(handle) => handle.wait().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Without a pool the runtime reaps a process that was executed, and its own destructor one that was forked.
        if let (Some(handle), Some(pool)) = (self.handle.take(), self.pool.upgrade()) {
            if self.is_reading {
                pool.note_abnormal_end();
            }
            lock(&pool.unreaped).push(Remains {
                handle,
                #[cfg(target_os = "linux")]
                spool: self.spool.take(),
            });
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::linux::fs::MetadataExt;
    use std::process::Command;

    use super::{Handle, Pool, Remains, lock};
    use crate::forked::Forked;
    use crate::protocol::SandboxStatus;

    fn inode(file: &File) -> u64 {
        file.metadata().unwrap().st_ino()
    }

    #[tokio::test]
    async fn a_temporary_file_serves_the_next_child_only_if_no_process_can_have_kept_or_changed_it() {
        let filtered = |system_calls| Some(SandboxStatus { system_calls, files: true });
        for (sandbox, bytes, is_reused) in [
            (filtered(true), &b""[..], true),
            (filtered(true), b"x", false),
            (filtered(false), b"", false),
            // No child has reported its sandbox yet.
            (None, b"", false),
        ] {
            let pool = Pool::default();
            if let Some(status) = sandbox {
                pool.sandbox.set(status).unwrap();
            }
            let mut spool = pool.spool().unwrap();
            spool.write_all(bytes).unwrap();
            // Open as long as the test compares, so that another file has another number.
            let first = spool.try_clone().unwrap();
            let handle = Handle::Forked(Forked::adopt(Command::new("true").spawn().unwrap()).unwrap());
            lock(&pool.unreaped).push(Remains { handle, spool: Some(spool) });
            pool.reap().await;
            let next = pool.spool().unwrap();
            assert_eq!(inode(&next) == inode(&first), is_reused, "{sandbox:?} {bytes:?}");
        }
    }
}
