//! A child process with its pipes, and the list of those that must be reaped.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustix::process::Signal;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, prlimit};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::sleep;

use crate::child_output::{ChildOutput, Reported, StreamEnd};
#[cfg(target_os = "linux")]
use crate::limits::cpu;
use crate::pipes::Pipes;
use crate::protocol::SandboxStatus;
#[cfg(target_os = "linux")]
use crate::template::Template;

/// How long a child may take before its exit is watched. Most files are read in less, and what reports an exit must be
/// made for each child.
const PATIENCE: Duration = Duration::from_millis(2);

/// The children that are no longer needed. A process that was killed stays a zombie until its parent waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Children whose files are done.
    finished: Mutex<Vec<Process>>,
    /// Processes that were killed and not yet waited for.
    unreaped: Mutex<Vec<(Handle, Pipes)>>,
    /// Templates whose last child is reaped.
    #[cfg(target_os = "linux")]
    idle: Mutex<Vec<(Template, Pipes)>>,
    /// Children that have ended in another way than a good file's does.
    abnormal_ends: AtomicU32,
    /// How well the first child that has accepted a file was sandboxed.
    pub(crate) sandbox: OnceLock<SandboxStatus>,
}

impl Pool {
    /// Ends the children whose files are done, and waits for all that have to end.
    pub(crate) async fn reap(&self) {
        lock(&self.finished).clear();
        loop {
            let Some((mut handle, pipes)) = lock(&self.unreaped).pop() else { return };
            // One that cannot be waited for does not exist any more.
            if !handle.end().await.is_ok_and(is_normal) {
                self.note_abnormal_end();
            }
            match handle {
                Handle::Executed(_) => {}
                #[cfg(target_os = "linux")]
                Handle::Forked(template) => self.recycle(*template, pipes).await,
            }
        }
    }

    /// Keeps a template whose child is reaped for the next child, or ends it.
    #[cfg(target_os = "linux")]
    async fn recycle(&self, mut template: Template, pipes: Pipes) {
        let is_alone = !may_leave_process(self.sandbox.get().copied(), rustix::process::geteuid().is_root());
        let has_input = pipes.input.is_some();
        if is_alone && has_input && self.may_fork(&template) && template.recycle(&pipes).is_ok() {
            lock(&self.idle).push((template, pipes));
        } else {
            template.end().await;
        }
    }

    #[cfg(target_os = "linux")]
    fn may_fork(&self, template: &Template) -> bool {
        !template.is_spent(self.abnormal_ends())
    }

    /// A template that has no child and may have a further one. Ends those that may not.
    #[cfg(target_os = "linux")]
    pub(crate) async fn idle_template(&self) -> Option<(Template, Pipes)> {
        loop {
            let (template, pipes) = lock(&self.idle).pop()?;
            if self.may_fork(&template) {
                return Some((template, pipes));
            }
            template.end().await;
        }
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
}

/// Whether a child exits like this when nothing has gone wrong: by itself, or killed by this process after its answer.
fn is_normal(status: ExitStatus) -> bool {
    status.success() || status.signal() == Some(Signal::KILL.as_raw())
}

/// Whether a child may have left a process that still has its pipes. The filter of system calls prevents that, and where
/// there is none, the limit on processes does, which does not apply to root (getrlimit(2), `RLIMIT_NPROC`). A child that has
/// not reported its sandbox has read no file.
#[cfg(target_os = "linux")]
fn may_leave_process(sandbox: Option<SandboxStatus>, is_root: bool) -> bool {
    is_root && sandbox.is_some_and(|sandbox| !sandbox.system_calls)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that this process must reap.
#[derive(Debug)]
enum Handle {
    /// Started as a program.
    Executed(Child),
    /// Forked by its template.
    #[cfg(target_os = "linux")]
    Forked(Box<Template>),
}

impl Handle {
    /// Kills it, unless it has exited, without waiting for its exit.
    fn kill(&mut self) {
        match self {
            // An error means that it has exited already.
            Self::Executed(child) => drop(child.start_kill()),
            #[cfg(target_os = "linux")]
            Self::Forked(template) => template.kill_child(),
        }
    }

    fn has_exited(&mut self) -> io::Result<bool> {
        match self {
            Self::Executed(child) => Ok(child.try_wait()?.is_some()),
            #[cfg(target_os = "linux")]
            Self::Forked(template) => template.has_child_exited(),
        }
    }

    /// Waits for its exit. Cancel safe: it may be dropped and called again.
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Executed(child) => child.wait().await,
            #[cfg(target_os = "linux")]
            Self::Forked(template) => template.wait_for_child().await,
        }
    }

    /// Kills it, unless it has exited, and waits for its exit.
    async fn end(&mut self) -> io::Result<ExitStatus> {
        #[cfg(target_os = "linux")]
        if let Self::Forked(template) = self {
            template.settle().await?;
        }
        self.kill();
        self.wait().await
    }
}

/// A child and the pipes to it. Dropping it kills the child.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` only while it is dropped.
    child: Option<(Handle, Pipes)>,
    output: ChildOutput,
    /// Whether bytes of a file were sent to it, and its end is not known to be a good one.
    pub(crate) is_reading: bool,
    /// [`Pool::abnormal_ends`] before the template was started that has forked it. `None` for a child that was executed,
    /// which has addresses that no other one has.
    abnormal_ends: Option<u32>,
    /// Where it is reaped.
    pool: Weak<Pool>,
}

/// What happened to the bytes for the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    All,
    /// The child has closed its input: it needs no more bytes, or has exited.
    BrokenPipe,
    /// The child's output ended before its input did.
    Ended(StreamEnd),
}

impl Process {
    /// Takes over a child that was started as a program.
    pub(crate) fn executed(child: Child, pipes: Pipes, pool: &Arc<Pool>) -> Self {
        Self::new(Handle::Executed(child), pipes, None, pool)
    }

    /// Takes over a template that was asked for a child.
    #[cfg(target_os = "linux")]
    pub(crate) fn forked(template: Template, pipes: Pipes, pool: &Arc<Pool>) -> Self {
        let abnormal_ends = Some(template.abnormal_ends());
        Self::new(Handle::Forked(Box::new(template)), pipes, abnormal_ends, pool)
    }

    fn new(handle: Handle, pipes: Pipes, abnormal_ends: Option<u32>, pool: &Arc<Pool>) -> Self {
        let (child, pool) = (Some((handle, pipes)), Arc::downgrade(pool));
        Self { child, output: ChildOutput::default(), is_reading: false, abnormal_ends, pool }
    }

    /// Waits until the child is there, if it was asked for.
    ///
    /// # Errors
    /// There is none, or it has exited already.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        let Some((handle, _)) = &mut self.child else { return Err(io::ErrorKind::NotFound.into()) };
        #[cfg(target_os = "linux")]
        if let Handle::Forked(template) = handle {
            template.settle().await?;
        }
        if handle.has_exited()? { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// Sends the child a line of JSON.
    pub(crate) async fn send_line(&mut self, content: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(content)?;
        line.push(b'\n');
        if let Some((_, Pipes { input: Some(input), .. })) = &mut self.child {
            // If the child cannot be written to, its exit status shows why.
            let _ = input.write_all(&line).await;
        }
        Ok(())
    }

    /// Sends bytes to the child and reads its output at the same time, so that neither waits for the other forever.
    pub(crate) async fn send(&mut self, bytes: &[u8], stall_timeout: Duration) -> io::Result<Sent> {
        let Some((handle, Pipes { input: Some(input), output, .. })) = &mut self.child else {
            return Ok(Sent::BrokenPipe);
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            tokio::select! {
                biased;
                // If the child cannot be written to, its exit status shows why.
                written = input.write(rest) => match written {
                    Ok(count) => rest = &rest[count..],
                    Err(_) => return Ok(Sent::BrokenPipe),
                },
                end = self.output.read_to_end(output) => return end.map(Sent::Ended),
                () = exit(handle) => return Ok(Sent::Ended(self.output.read_rest(&*output))),
                () = sleep(stall_timeout) => return Ok(Sent::Ended(StreamEnd::TimedOut)),
            }
        }
        Ok(Sent::All)
    }

    /// Reads the child's output to its end.
    pub(crate) async fn read_to_end(&mut self, stall_timeout: Duration) -> io::Result<StreamEnd> {
        let Some((handle, Pipes { output, .. })) = &mut self.child else { return Ok(StreamEnd::Closed) };
        tokio::select! {
            biased;
            end = self.output.read_to_end(output) => end,
            () = exit(handle) => Ok(self.output.read_rest(&*output)),
            () = sleep(stall_timeout) => Ok(StreamEnd::TimedOut),
        }
    }

    /// All that the child has reported.
    pub(crate) fn take_reported(&mut self) -> Reported {
        let errors = self.child.as_ref().map(|(_, pipes)| &pipes.errors);
        std::mem::take(&mut self.output).into_reported(errors)
    }

    /// Ends the child's input, unless the child knows where its file ends and the input serves its template's further
    /// children too. Otherwise its template has no further ones.
    pub(crate) fn end_input(&mut self, is_length_known: bool) {
        match &mut self.child {
            #[cfg(target_os = "linux")]
            Some((Handle::Forked(_), _)) if is_length_known => {}
            Some((_, pipes)) => pipes.input = None,
            None => {}
        }
    }

    /// Lowers the limit on processor time, in seconds, to that of the file which the child is about to read. Where the
    /// system does not let the parent do that, the limit of the largest file stays.
    pub(crate) fn limit_cpu(&self, seconds: u32) {
        #[cfg(target_os = "linux")]
        match &self.child {
            Some((Handle::Forked(template), _)) => template.limit_child(Resource::Cpu, cpu(seconds)),
            Some((Handle::Executed(child), _)) => {
                if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                    let _ = prlimit(Some(pid), Resource::Cpu, cpu(seconds));
                }
            }
            None => {}
        }
        #[cfg(not(target_os = "linux"))]
        let _ = seconds;
    }

    /// Leaves the child to be ended at the next [`Pool::reap`], because its file is done. `is_normal` says whether it
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
        if let Some((handle, _)) = &mut self.child {
            handle.kill();
        }
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
        match &mut self.child {
            Some((handle, _)) => handle.wait().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Waits for the exit of a child that takes longer than most. One that cannot be waited for is as good as gone.
async fn exit(child: &mut Handle) {
    sleep(PATIENCE).await;
    let _ = child.wait().await;
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Without a pool the runtime reaps a process that was executed, and its own destructor one that was forked.
        if let (Some(child), Some(pool)) = (self.child.take(), self.pool.upgrade()) {
            if self.is_reading {
                pool.note_abnormal_end();
            }
            lock(&pool.unreaped).push(child);
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::{SandboxStatus, may_leave_process};

    #[test]
    fn a_template_serves_on_only_if_no_process_can_be_left() {
        let sandbox = |system_calls| Some(SandboxStatus { system_calls, files: true });
        for (sandbox, is_root, expected) in [
            (sandbox(true), true, false),
            (sandbox(true), false, false),
            (sandbox(false), true, true),
            (sandbox(false), false, false),
            (None, true, false),
        ] {
            assert_eq!(may_leave_process(sandbox, is_root), expected, "{sandbox:?} {is_root}");
        }
    }
}
