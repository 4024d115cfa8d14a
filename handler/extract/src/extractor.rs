//! Starts children, one for each file, and before the file is known where the caller asks for that.
//!
//! A child takes milliseconds to start and less than one to read a small file. So one may be started before its file
//! is known. It enters its sandbox and waits, without any data of any file. It still reads one file and exits.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use handler_contract::{FileTypes, Limits};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::process::{Pool, Process};
use crate::protocol::{CHILD_MARKER, ChildConfig, Request, SandboxStatus};
use crate::session::Session;

/// How long a child may take to start and to accept its request, which takes a few milliseconds of processor time.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts children. Created once in a process; clones share everything. Dropping the last clone kills the child that
/// waits.
#[derive(Debug, Clone)]
pub struct Extractor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    limits: Limits,
    allowed: FileTypes,
    sandbox: OnceLock<SandboxStatus>,
    /// The child that was started ahead of its file.
    prewarmed: Mutex<Option<Process>>,
    pool: Arc<Pool>,
}

impl Extractor {
    /// Children are further instances of the running program, whose `main` calls [`crate::child::run_if_asked`].
    ///
    /// # Errors
    /// The system does not report which program is running.
    pub fn new(limits: Limits, allowed: FileTypes) -> io::Result<Self> {
        // The link leads to this program even if another one has replaced it on disk.
        let program =
            if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        Ok(Self::with_program(program, limits, allowed))
    }

    /// Children are instances of another program whose `main` calls [`crate::child::run_if_asked`].
    pub fn with_program(program: impl Into<PathBuf>, limits: Limits, allowed: FileTypes) -> Self {
        Self {
            shared: Arc::new(Shared {
                program: program.into(),
                limits,
                allowed,
                sandbox: OnceLock::new(),
                prewarmed: Mutex::default(),
                pool: Arc::default(),
            }),
        }
    }

    /// How well children are sandboxed, which the first one that accepts a file reports; `None` before.
    pub fn sandbox_status(&self) -> Option<SandboxStatus> {
        self.shared.sandbox.get().copied()
    }

    /// Starts a child ahead of its file, unless one waits already. Reaps those that have finished first, so that no two
    /// use memory at the same time. Must be called within a Tokio runtime that has I/O and time enabled.
    pub async fn prepare(&self) {
        let mut prewarmed = self.shared.prewarmed.lock().await;
        self.shared.pool.reap().await;
        if prewarmed.is_none() {
            // If none can be started, the start for the next file reports why.
            *prewarmed = self.shared.spawn().await.ok();
        }
    }

    /// Assigns one file to the child that waits, or to one that is started now, and returns when the child has accepted
    /// it. The name serves only to compare its extension with the content. The size in bytes, as far as it is known,
    /// gives a large file more processor time ([`Limits::cpu_seconds_for`]). Must be called where [`Self::prepare`] may
    /// be.
    ///
    /// # Errors
    /// No child can be started, or it exits or does not answer before it accepts the file; nothing is known of the
    /// file, and another attempt may succeed.
    pub async fn start(&self, file_name: &str, size: Option<u64>) -> io::Result<Session> {
        let request = Request { file_name: file_name.to_owned() };
        let cpu_seconds = self.shared.limits.cpu_seconds_for(size);
        let waiting = self.shared.prewarmed.lock().await.take();
        let accepted = match waiting {
            Some(process) => self.shared.assign(process, &request, cpu_seconds).await.ok(),
            None => None,
        };
        let process = if let Some(process) = accepted {
            process
        } else {
            // A child that waited may have been killed meanwhile for lack of memory, which is not the file's fault.
            self.shared.pool.reap().await;
            self.shared.assign(self.shared.spawn().await?, &request, cpu_seconds).await?
        };
        Ok(Session::new(process, Limits { cpu_seconds, ..self.shared.limits }))
    }
}

impl Shared {
    /// Starts a child that waits for its request.
    async fn spawn(&self) -> io::Result<Process> {
        let mut command = Command::new(&self.program);
        command
            .arg0("handler-extract")
            .arg(CHILD_MARKER)
            .env_clear()
            // Without it glibc reserves 64 MiB of address space for each further arena (mallopt(3), M_ARENA_MAX), and
            // good files exceed the limit.
            .env("MALLOC_ARENA_MAX", "1")
            .env("TMPDIR", std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // The thread that starts a program blocks until the program is loaded, and the runtime's own has a record to
        // write.
        let child = spawn_blocking(move || command.spawn()).await.map_err(io::Error::other)??;
        let mut process = Process::new(child, &self.pool);
        process.send_line(&ChildConfig { allowed: self.allowed.clone(), limits: self.limits }).await?;
        Ok(process)
    }

    /// Sends a child its request, and waits until it has accepted it.
    async fn assign(&self, mut process: Process, request: &Request, cpu_seconds: u32) -> io::Result<Process> {
        let accepting = async {
            process.send_line(request).await?;
            process.output.accepted().await
        };
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "the parser does not start"));
        timeout(START_TIMEOUT, accepting).await.unwrap_or_else(late)?;
        if let Some(sandbox) = process.output.sandbox() {
            self.sandbox.get_or_init(|| sandbox);
        }
        process.limit_cpu(cpu_seconds);
        Ok(process)
    }
}
