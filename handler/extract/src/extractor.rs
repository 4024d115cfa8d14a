//! Starts children, one for each file, and before the file is known where the caller asks for that.
//!
//! A child may be started before its file is known. It enters its sandbox and waits, without any data of any file. It
//! still reads one file and exits.
//!
//! On Linux children are forked by a template ([`Template`]), which takes a fraction of what it takes to execute a
//! program. It has one child at a time, so files that are read at the same time have templates of their own. All children of
//! one template have the same addresses, so it is replaced after any child that has ended in another way than a good file's
//! does: what an attack learns by a crash is worth nothing to the next one. Where a template cannot be used, children are
//! executed, as on other systems.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::{MutexGuard, PoisonError};

use handler_contract::{FileTypes, Limits};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

#[cfg(target_os = "linux")]
use crate::fallback::Fallback;
use crate::pipes::{ChildEnds, Pipes};
use crate::process::{Pool, Process};
#[cfg(target_os = "linux")]
use crate::protocol::TEMPLATE_MARKER;
use crate::protocol::{CHILD_MARKER, ChildConfig, Request, SandboxStatus};
use crate::session::Session;
#[cfg(target_os = "linux")]
use crate::template::Template;

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
    start: ChildStart,
    /// The child that was started ahead of its file.
    prewarmed: Mutex<Option<Process>>,
    /// Whether children are executed because templates fail.
    #[cfg(target_os = "linux")]
    fallback: std::sync::Mutex<Fallback>,
    pool: Arc<Pool>,
}

/// How children are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChildStart {
    /// Each is the program, executed.
    Execute,
    /// By the template.
    #[cfg(target_os = "linux")]
    Fork,
}

impl ChildStart {
    /// What takes the least time on this system.
    const FASTEST: Self = {
        #[cfg(target_os = "linux")]
        {
            Self::Fork
        }
        #[cfg(not(target_os = "linux"))]
        {
            Self::Execute
        }
    };
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
        Self::with_start(ChildStart::FASTEST, program.into(), limits, allowed)
    }

    /// The same without a template, as on systems that have none: each child is the program, executed.
    pub fn without_template(program: impl Into<PathBuf>, limits: Limits, allowed: FileTypes) -> Self {
        Self::with_start(ChildStart::Execute, program.into(), limits, allowed)
    }

    fn with_start(start: ChildStart, program: PathBuf, limits: Limits, allowed: FileTypes) -> Self {
        Self {
            shared: Arc::new(Shared {
                program,
                limits,
                allowed,
                start,
                prewarmed: Mutex::default(),
                #[cfg(target_os = "linux")]
                fallback: std::sync::Mutex::default(),
                pool: Arc::default(),
            }),
        }
    }

    /// How well children are sandboxed, which the first one that reads a file reports; `None` before.
    pub fn sandbox_status(&self) -> Option<SandboxStatus> {
        self.shared.pool.sandbox.get().copied()
    }

    /// Why the last template that was started did not fork a child, so that children are executed, which takes several
    /// times the processor time. `None` while templates work, and on systems without them. A template is tried again
    /// for the next files, and after some failures in a row once in 500 files.
    pub fn template_failure(&self) -> Option<String> {
        #[cfg(target_os = "linux")]
        {
            self.shared.fallback().error().map(ToOwned::to_owned)
        }
        #[cfg(not(target_os = "linux"))]
        {
            None
        }
    }

    /// Starts a child ahead of its file, unless one waits already, and does not wait for it. Reaps those that have finished
    /// first, so that no two use memory at the same time. Must be called within a Tokio runtime that has I/O and time
    /// enabled.
    pub async fn prepare(&self) {
        let mut prewarmed = self.shared.prewarmed.lock().await;
        self.shared.pool.reap().await;
        if prewarmed.is_none() {
            // If none can be started, the start for the next file reports why.
            *prewarmed = self.shared.ask_for_child().await.ok();
        }
    }

    /// Assigns one file to the child that waits, or to one that is started now. The name serves only to compare its
    /// extension with the content. The size in bytes, as far as it is known, gives a large file more processor time
    /// ([`Limits::cpu_seconds_for`]). Must be called where [`Self::prepare`] may be.
    ///
    /// # Errors
    /// No child can be started; nothing is known of the file, and another attempt may succeed.
    pub async fn start(&self, file_name: &str, size: Option<u64>) -> io::Result<Session> {
        let request = Request { file_name: file_name.to_owned(), content_encoding: None, length: None };
        let cpu_seconds = self.shared.limits.cpu_seconds_for(size);
        let mut waiting = self.shared.prewarmed.lock().await.take();
        // How the children before have ended decides which template may read this file.
        self.shared.pool.reap().await;
        // It may have been killed meanwhile for lack of memory, which is not the file's fault.
        let is_usable = match &mut waiting {
            Some(process) => !process.is_outdated() && process.settle().await.is_ok(),
            None => true,
        };
        if !is_usable {
            waiting = None;
            self.shared.pool.reap().await;
        }
        let process = match waiting {
            Some(process) => process,
            None => self.shared.start_child().await?,
        };
        process.limit_cpu(cpu_seconds);
        Ok(Session::new(process, Limits { cpu_seconds, ..self.shared.limits }, request))
    }
}

impl Shared {
    /// Asks for a child, which may turn out not to come.
    async fn ask_for_child(&self) -> io::Result<Process> {
        #[cfg(target_os = "linux")]
        if self.is_forking() {
            return match self.pool.idle_template().await {
                Some((template, pipes)) => self.ask(template, pipes),
                None => self.ask_new_template().await,
            };
        }
        self.execute_child().await
    }

    /// Starts a child that waits for its request.
    async fn start_child(&self) -> io::Result<Process> {
        #[cfg(target_os = "linux")]
        if self.is_forking() {
            if let Some((template, pipes)) = self.pool.idle_template().await {
                if let Ok(mut process) = self.ask(template, pipes)
                    && process.settle().await.is_ok()
                {
                    return Ok(process);
                }
                // It may have been killed for lack of memory, which is no reason not to start another one. It is reaped
                // first, because after its end only a newer template may read files.
                self.pool.reap().await;
            }
            match self.start_template().await {
                Ok(process) => {
                    self.fallback().on_success();
                    return Ok(process);
                }
                // Whatever this system does not let a template do, a child that is executed does without it.
                Err(error) => self.fallback().on_failure(error.to_string()),
            }
        }
        self.execute_child().await
    }

    async fn execute_child(&self) -> io::Result<Process> {
        let (pipes, ChildEnds { input, output, errors }) = Pipes::new()?;
        let mut command = Command::from(self.command(CHILD_MARKER));
        command.stdin(input).stdout(output).stderr(errors).kill_on_drop(true);
        // The thread that starts a program blocks until the program is loaded, and the runtime's own has a record to
        // write.
        let child = spawn_blocking(move || command.spawn()).await.map_err(io::Error::other)??;
        let mut process = Process::executed(child, pipes, &self.pool);
        process.send_line(&self.config()).await?;
        Ok(process)
    }

    /// Whether the next child is to be forked.
    #[cfg(target_os = "linux")]
    fn is_forking(&self) -> bool {
        self.start == ChildStart::Fork && self.fallback().allows_template()
    }

    #[cfg(target_os = "linux")]
    fn ask(&self, mut template: Template, pipes: Pipes) -> io::Result<Process> {
        template.ask_for_child()?;
        Ok(Process::forked(template, pipes, &self.pool))
    }

    /// Starts a template and asks it for its first child.
    #[cfg(target_os = "linux")]
    async fn ask_new_template(&self) -> io::Result<Process> {
        let abnormal_ends = self.pool.abnormal_ends();
        let (template, pipes) = Template::start(self.command(TEMPLATE_MARKER), self.config(), abnormal_ends).await?;
        self.ask(template, pipes)
    }

    /// Starts a template and its first child.
    #[cfg(target_os = "linux")]
    async fn start_template(&self) -> io::Result<Process> {
        let mut process = self.ask_new_template().await?;
        process.settle().await?;
        Ok(process)
    }

    #[cfg(target_os = "linux")]
    fn fallback(&self) -> MutexGuard<'_, Fallback> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program as a further process.
    fn command(&self, marker: &str) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command
            .arg0("handler-extract")
            .arg(marker)
            .env_clear()
            // Without it glibc reserves 64 MiB of address space for each further arena (mallopt(3), M_ARENA_MAX), and
            // good files exceed the limit.
            .env("MALLOC_ARENA_MAX", "1")
            .env("TMPDIR", std::env::temp_dir());
        command
    }

    fn config(&self) -> ChildConfig {
        ChildConfig { allowed: self.allowed.clone(), limits: self.limits }
    }
}
