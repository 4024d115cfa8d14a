//! Starts children, one for each file, and before the file is known where the caller asks for that.
//!
//! A child may be started before its file is known. It enters its sandbox and waits, without any data of any file. It
//! still reads one file and exits.
//!
//! On Linux children are forked by a template ([`Template`]), which takes a fraction of what it takes to execute a
//! program. All children of one template have the same addresses, so it is replaced after any child that has ended in
//! another way than a good file's does: what an attack learns by a crash is worth nothing to the next one. Where a template
//! cannot be used, children are executed, as on other systems.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::{MutexGuard, PoisonError};
#[cfg(target_os = "linux")]
use std::time::Duration;

use handler_contract::{FileTypes, Limits};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
#[cfg(target_os = "linux")]
use tokio::time::timeout;

#[cfg(target_os = "linux")]
use crate::fallback::Fallback;
#[cfg(target_os = "linux")]
use crate::forked::Forked;
use crate::process::{Pool, Process};
#[cfg(target_os = "linux")]
use crate::protocol::TEMPLATE_MARKER;
use crate::protocol::{CHILD_MARKER, ChildConfig, Request, SandboxStatus};
use crate::session::Session;
#[cfg(target_os = "linux")]
use crate::template::{NewChild, Template, sockets};

/// How long a template may take to start and to fork, which takes a few milliseconds of processor time.
#[cfg(target_os = "linux")]
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
    start: ChildStart,
    /// The child that was started ahead of its file.
    prewarmed: Mutex<Option<Process>>,
    /// What forks the children, once it was started.
    #[cfg(target_os = "linux")]
    template: Mutex<Option<Template>>,
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
                template: Mutex::default(),
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

    /// Assigns one file to the child that waits, or to one that is started now. The name serves only to compare its
    /// extension with the content. The size in bytes, as far as it is known, gives a large file more processor time
    /// ([`Limits::cpu_seconds_for`]). Must be called where [`Self::prepare`] may be.
    ///
    /// # Errors
    /// No child can be started; nothing is known of the file, and another attempt may succeed.
    pub async fn start(&self, file_name: &str, size: Option<u64>) -> io::Result<Session> {
        let request = Request { file_name: file_name.to_owned(), content_encoding: None };
        let cpu_seconds = self.shared.limits.cpu_seconds_for(size);
        let mut waiting = self.shared.prewarmed.lock().await.take();
        // How the children before have ended decides which template may read this file.
        self.shared.pool.reap().await;
        // It may have been killed meanwhile for lack of memory, which is not the file's fault.
        if waiting.take_if(|process| process.has_exited() || process.is_outdated()).is_some() {
            self.shared.pool.reap().await;
        }
        let process = match waiting {
            Some(process) => process,
            None => self.shared.spawn().await?,
        };
        process.limit_cpu(cpu_seconds);
        Ok(Session::new(process, Limits { cpu_seconds, ..self.shared.limits }, request))
    }
}

impl Shared {
    /// Starts a child that waits for its request.
    async fn spawn(&self) -> io::Result<Process> {
        match self.start {
            #[cfg(target_os = "linux")]
            ChildStart::Fork if self.fallback().allows_template() => self.fork_child().await,
            _ => self.execute_child().await,
        }
    }

    async fn execute_child(&self) -> io::Result<Process> {
        let mut command = Command::from(self.command(CHILD_MARKER));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // The thread that starts a program blocks until the program is loaded, and the runtime's own has a record to
        // write.
        let child = spawn_blocking(move || command.spawn()).await.map_err(io::Error::other)??;
        let mut process = Process::executed(child, &self.pool);
        process.send_line(&self.config()).await?;
        Ok(process)
    }

    /// Has the template fork a child. Starts the template where there is none, and replaces it where it may not be used
    /// any more or does not work.
    #[cfg(target_os = "linux")]
    async fn fork_child(&self) -> io::Result<Process> {
        let mut template = self.template.lock().await;
        if let Some(old) = template.as_mut().filter(|template| template.is_spent(self.pool.abnormal_ends())) {
            // It is not killed between a fork and its reply, without which nobody knows of the child.
            let _ = timeout(START_TIMEOUT, old.settle()).await;
            self.leave(&mut template);
        }
        let spool = self.pool.spool();
        if let Some(running) = &mut *template {
            match timeout(START_TIMEOUT, running.fork(spool.as_ref())).await {
                Ok(Ok(child)) => return Process::forked(child, spool.ok(), &self.pool),
                // It may have been killed for lack of memory, which is no reason not to start another one.
                Ok(Err(_)) | Err(_) => self.leave(&mut template),
            }
        }
        match self.start_template(&mut template, spool.as_ref()).await {
            Ok(child) => {
                self.fallback().on_success();
                Process::forked(child, spool.ok(), &self.pool)
            }
            // Whatever this system does not let a template do, a child that is executed does without it.
            Err(error) => {
                self.leave(&mut template);
                self.fallback().on_failure(error.to_string());
                self.execute_child().await
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn fallback(&self) -> MutexGuard<'_, Fallback> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up a template that may not be used any more, or does not work.
    #[cfg(target_os = "linux")]
    fn leave(&self, template: &mut Option<Template>) {
        template.take().into_iter().for_each(|old| self.pool.leave(old));
    }

    /// Starts a template and has it fork its first child.
    #[cfg(target_os = "linux")]
    async fn start_template(
        &self,
        template: &mut Option<Template>,
        spool: Result<&File, &io::Error>,
    ) -> io::Result<NewChild> {
        let (socket, stdin) = sockets()?;
        let mut command = self.command(TEMPLATE_MARKER);
        command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
        let abnormal_ends = self.pool.abnormal_ends();
        let process = spawn_blocking(move || Forked::adopt(command.spawn()?)).await.map_err(io::Error::other)??;
        let running = template.insert(Template::new(process, socket, &self.config(), abnormal_ends)?);
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "the parser's template does not start"));
        timeout(START_TIMEOUT, running.fork(spool)).await.unwrap_or_else(late)
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
