//! Where children come from and where they end: one for each file, started ahead of it where somebody asks for that.
//!
//! A child takes milliseconds to start and less than one to read a small file. So one may be started before its file
//! is known, and waits, locked in already, with nothing of any file. It still reads one file and ends.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use handler_contract::{FileTypes, Limits};
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, prlimit};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

#[cfg(target_os = "linux")]
use crate::child::cpu;
use crate::protocol::{CHILD_MARKER, Containment, Request, Terms};
use crate::session::{Ears, Session};

/// How long a child may take to start and to take its request, which is a few milliseconds of processor time.
const START: Duration = Duration::from_secs(10);
/// What the pipe to a child holds: enough that it reads one piece while the parent gets the next. Bytes.
#[cfg(target_os = "linux")]
const PIPE: usize = 256 << 10;

/// Starts children. Made once a process; a clone shares everything. Dropping the last one ends the child that waits.
#[derive(Debug, Clone)]
pub struct Extractor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    limits: Limits,
    allowed: FileTypes,
    containment: OnceLock<Containment>,
    /// The child that was started ahead of its file.
    spare: tokio::sync::Mutex<Option<Process>>,
    /// Children whose files are done.
    left: Mutex<Vec<Process>>,
    /// Children that were ended and not yet buried.
    ended: Mutex<Vec<Child>>,
}

impl Extractor {
    /// Children are further instances of the running program, whose `main` calls [`crate::child::run_if_asked`].
    ///
    /// # Errors
    /// The system does not say which program is running.
    pub fn new(limits: Limits, allowed: FileTypes) -> io::Result<Self> {
        // The link still leads to this program when another one has taken its place on disk.
        let program =
            if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        Ok(Self::with_program(program, limits, allowed))
    }

    /// Children are instances of another program whose `main` calls [`crate::child::run_if_asked`].
    pub fn with_program(program: impl Into<PathBuf>, limits: Limits, allowed: FileTypes) -> Self {
        let program = program.into();
        Self {
            shared: Arc::new(Shared {
                program,
                limits,
                allowed,
                containment: OnceLock::new(),
                spare: tokio::sync::Mutex::default(),
                left: Mutex::default(),
                ended: Mutex::default(),
            }),
        }
    }

    /// How well children are locked in, which the first one that takes a file tells; `None` before.
    pub fn containment(&self) -> Option<Containment> {
        self.shared.containment.get().copied()
    }

    /// Starts a child ahead of its file, unless one waits already. Buries those that have ended first, so that no two
    /// use memory at the same time. Must be called within a Tokio runtime that has its I/O and its clock enabled.
    pub async fn prepare(&self) {
        let mut spare = self.shared.spare.lock().await;
        self.shared.bury().await;
        if spare.is_none() {
            // Where none can be started, the start for the next file says why.
            *spare = self.shared.spawn().await.ok();
        }
    }

    /// Gives one file to the child that waits, or to one that is started now, and returns when it has taken the task.
    /// The name serves only to compare its extension with the content; the size in bytes, as far as it is known, gives
    /// a large file more processor time ([`Limits::cpu_seconds_for`]). Must be called where [`Self::prepare`] may be.
    ///
    /// # Errors
    /// No child can be started, or it ends or stays silent before it takes the task; nothing is known of the file, and
    /// another attempt may succeed.
    pub async fn start(&self, file_name: &str, size: Option<u64>) -> io::Result<Session> {
        let request = Request { file_name: file_name.to_owned() };
        let cpu_seconds = self.shared.limits.cpu_seconds_for(size.unwrap_or_default());
        let waiting = self.shared.spare.lock().await.take();
        let taken = match waiting {
            Some(process) => self.shared.assign(process, &request, cpu_seconds).await.ok(),
            None => None,
        };
        let process = if let Some(process) = taken {
            process
        } else {
            // A child that waited may have been ended meanwhile, by whoever was short of memory: no fault of the file's.
            self.shared.bury().await;
            self.shared.assign(self.shared.spawn().await?, &request, cpu_seconds).await?
        };
        Ok(Session::new(process, Limits { cpu_seconds, ..self.shared.limits }))
    }
}

impl Shared {
    /// Starts a child that waits for its task.
    async fn spawn(self: &Arc<Self>) -> io::Result<Process> {
        let mut command = Command::new(&self.program);
        command
            .arg0("handler-extract")
            .arg(CHILD_MARKER)
            .env_clear()
            // Without it glibc reserves 64 MiB of address space for each further arena, and good files hit the limit.
            .env("MALLOC_ARENA_MAX", "1")
            .env("TMPDIR", std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // The thread that starts a program stands still until that is loaded. The runtime's own has a record to write.
        let mut child = spawn_blocking(move || command.spawn()).await.map_err(io::Error::other)??;
        let (input, ears) = (child.stdin.take(), Ears::new(child.stdout.take(), child.stderr.take()));
        let mut process = Process { child: Some(child), input, ears, home: Arc::downgrade(self) };
        process.widen_pipe();
        process.tell(&Terms { allowed: self.allowed.clone(), limits: self.limits }).await?;
        Ok(process)
    }

    /// Gives a child its task, and waits until it has taken it.
    async fn assign(&self, mut process: Process, request: &Request, cpu_seconds: u32) -> io::Result<Process> {
        let taking = async {
            process.tell(request).await?;
            process.ears.taken().await
        };
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "the parser does not start"));
        timeout(START, taking).await.unwrap_or_else(late)?;
        if let Some(containment) = process.ears.containment() {
            self.containment.get_or_init(|| containment);
        }
        process.limit_cpu(cpu_seconds);
        Ok(process)
    }

    /// Ends the children whose files are done, and waits for all that were ended, so that none stays as a zombie.
    async fn bury(&self) {
        lock(&self.left).clear();
        loop {
            let Some(mut child) = lock(&self.ended).pop() else { return };
            // One that cannot be waited for is not there any more.
            let _ = child.wait().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child and the pipes to it. Dropping it ends the child.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` only while it is dropped.
    child: Option<Child>,
    /// `None` once the child takes no more.
    pub(crate) input: Option<ChildStdin>,
    pub(crate) ears: Ears,
    /// Where it is buried.
    home: Weak<Shared>,
}

impl Process {
    /// Tells the child something, in a line.
    async fn tell(&mut self, what: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        if let Some(input) = &mut self.input {
            // Whatever keeps it from the child, the child's end tells why.
            let _ = input.write_all(&line).await;
        }
        Ok(())
    }

    /// Lets the pipe to the child hold more than the system gives it.
    fn widen_pipe(&self) {
        #[cfg(target_os = "linux")]
        if let Some(input) = &self.input {
            // A user may have only so much of it; the pipe works all the same.
            let _ = rustix::pipe::fcntl_setpipe_size(input, PIPE);
        }
    }

    /// Leaves the child so much of the processor time that it gave itself, for the file that it has taken. Where the
    /// system does not let its parent do that, the child keeps what the largest file may use.
    fn limit_cpu(&self, seconds: u32) {
        #[cfg(target_os = "linux")]
        if let Some(pid) = self.child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = prlimit(Some(pid), Resource::Cpu, cpu(seconds));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = seconds;
    }

    /// Leaves the child to be ended when there is time for that, because its file is done.
    pub(crate) fn leave(self) {
        if let Some(home) = self.home.upgrade() {
            lock(&home.left).push(self);
        }
    }

    /// Ends the child, without waiting for its end.
    pub(crate) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself, which is as good.
            let _ = child.start_kill();
        }
    }

    /// Waits for the child to end.
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
        // Without a home the runtime buries it.
        if let (Some(child), Some(home)) = (self.child.take(), self.home.upgrade()) {
            lock(&home.ended).push(child);
        }
    }
}
