//! Starts, stops and resets the local emulator, and reports its status.
//!
//! The emulator is MiniStack, a separate program that outlives the command that starts it. Each port has a data folder
//! with the emulator's state, its log, a pid file and a lock. It listens on 127.0.0.1 only.
//! The rest of the provisioner treats it as any endpoint.

pub mod event;
mod health;
mod process;
mod program;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use provisioner_model::error::{Error, Exit, Result, io as io_error};
use provisioner_model::sink::Sink;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use event::LocalEvent;
use health::Probe;
use process::Identity;
pub use program::Environment;

/// The release of MiniStack that the project is tested with; `tools/requirements.txt` pins the same.
pub const VERSION: &str = "1.5.33";

/// How long a terminating program can still hold the emulator's port.
const PORT_LIMIT: Duration = Duration::from_secs(3);
/// How long a start may take until the emulator answers. It takes 0.6 s on an idle machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long a stop may take before it is forced. The emulator writes its whole state to disk meanwhile.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How long to wait for another command that starts or stops the same emulator.
const LOCK_LIMIT: Duration = Duration::from_secs(150);
/// The interval between two checks of a condition.
const POLL: Duration = Duration::from_millis(20);

/// The emulator of one port.
#[derive(Debug, Clone)]
pub struct Emulator {
    port: u16,
    dir: PathBuf,
    environment: Environment,
}

/// What the pid file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    #[serde(flatten)]
    process: Identity,
    program: PathBuf,
}

/// Whether the emulator runs, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether an emulator answers, or is ours and alive.
    pub running: bool,
    /// The address of every service.
    pub endpoint: String,
    /// The process; absent when it was not started by `provisioner` with this data folder.
    pub pid: Option<u32>,
    /// The release that answers.
    pub version: Option<String>,
    /// Where state, log and pid file are.
    pub data_folder: PathBuf,
    /// The emulator's own output.
    pub log_file: PathBuf,
}

/// Starts the emulator of a stack unless it runs. `up` calls this before it connects.
pub async fn ensure_running(port: u16, events: &dyn Sink<LocalEvent>) -> Result<()> {
    Emulator::new(port, Environment::of_this_process())?.start(events).await
}

impl Emulator {
    /// The emulator of a port; its data folder follows from the environment.
    pub fn new(port: u16, environment: Environment) -> Result<Self> {
        let dir = environment.data_folder(port).ok_or_else(|| {
            Error::new(Exit::Failure, "no-home", "there is no folder for the emulator's data: HOME is not set")
                .hint("Name one with PROVISIONER_LOCAL_DIR.")
        })?;
        Ok(Self { port, dir, environment })
    }

    /// Where state, log and pid file are.
    pub fn data_folder(&self) -> &Path {
        &self.dir
    }

    /// The address of every service.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it runs.
    pub async fn status(&self) -> Result<Status> {
        let ours = self.ours()?;
        let version = match health::probe(self.port).await {
            Probe::MiniStack { version } => Some(version),
            Probe::Nothing | Probe::Silent | Probe::Other => None,
        };
        Ok(Status {
            running: ours.is_some() || version.is_some(),
            endpoint: self.endpoint(),
            pid: ours.map(|started| started.process.pid),
            version,
            data_folder: self.dir.clone(),
            log_file: self.log(),
        })
    }

    /// Starts it, and returns when it answers. Success also when it runs already.
    pub async fn start(&self, events: &dyn Sink<LocalEvent>) -> Result<()> {
        let _lock = match self.lock().await {
            Ok(lock) => lock,
            Err(error) => return self.answers_already(error, events).await,
        };
        if let Some(started) = self.ours()? {
            match self.wait_until_ready(None, &started.process).await {
                Ok(version) => {
                    self.warn_of_version(&version, events);
                    let pid = Some(started.process.pid);
                    events.event(LocalEvent::AlreadyRunning { endpoint: self.endpoint(), pid });
                    return Ok(());
                }
                // It was just ending: a new one is started.
                Err(_) if !process::is_alive(&started.process) => {}
                Err(error) => return Err(error),
            }
        }
        match self.probe_at_rest().await {
            Probe::Nothing => {}
            Probe::MiniStack { version } => {
                self.warn_of_version(&version, events);
                events.event(LocalEvent::AlreadyRunning { endpoint: self.endpoint(), pid: None });
                return Ok(());
            }
            Probe::Silent | Probe::Other => return Err(self.port_taken()),
        }
        let program = self.environment.find_ministack()?;
        self.clear_leftovers().await?;
        fs::create_dir_all(self.tmp()).map_err(|e| io_error("create", &self.tmp(), e))?;
        events.event(LocalEvent::Starting { endpoint: self.endpoint(), data_folder: self.dir.clone() });
        let began = Instant::now();
        let mut child = self.spawn(&program)?;
        let process = process::identify(child.id()).ok_or_else(|| self.died(&mut child))?;
        let ready = match self.remember(&Started { process: process.clone(), program }) {
            Ok(()) => self.wait_until_ready(Some(&mut child), &process).await,
            Err(error) => Err(error),
        };
        let version = match ready {
            Ok(version) => version,
            Err(error) => {
                // Nothing half-started stays behind.
                self.end(&process, events).await?;
                return Err(error);
            }
        };
        self.warn_of_version(&version, events);
        events.event(LocalEvent::Started {
            endpoint: self.endpoint(),
            pid: process.pid,
            seconds: began.elapsed().as_secs_f64(),
        });
        Ok(())
    }

    /// A data folder that cannot be used does not matter to an emulator that runs already.
    async fn answers_already(&self, error: Error, events: &dyn Sink<LocalEvent>) -> Result<()> {
        match health::probe(self.port).await {
            Probe::MiniStack { version } if error.code == "io" => {
                self.warn_of_version(&version, events);
                events.event(LocalEvent::AlreadyRunning { endpoint: self.endpoint(), pid: None });
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Waits until no other command on this machine deploys or deletes this stack in the emulator, which does not refuse a
    /// second operation on a stack as CloudFormation does. Commands of one data folder exclude each other until the file is
    /// dropped. `waiting` is called once if there is one. `None` where the data folder cannot be used.
    pub async fn deployment_lock(&self, stack: &str, waiting: impl FnOnce()) -> Option<File> {
        fs::create_dir_all(&self.dir).ok()?;
        let file = open_lock(&self.dir.join(format!("deployment-{stack}.lock"))).ok()?;
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    tokio::time::sleep(POLL).await;
                }
                Err(TryLockError::Error(_)) => return None,
            }
        }
    }

    /// The error that another program listens on the port, if one does. An own emulator that does not answer is none.
    pub async fn port_conflict(&self) -> Option<Error> {
        if matches!(self.ours(), Ok(Some(_))) {
            return None;
        }
        matches!(health::probe(self.port).await, Probe::Silent | Probe::Other).then(|| self.port_taken())
    }

    /// Stops it, and returns when it has written its state and is gone. Success also when it does not run.
    pub async fn stop(&self, events: &dyn Sink<LocalEvent>) -> Result<()> {
        let _lock = self.lock().await?;
        self.stop_locked(events).await
    }

    /// Stops it and deletes its state: the next start is the first.
    pub async fn reset(&self, events: &dyn Sink<LocalEvent>) -> Result<()> {
        let _lock = self.lock().await?;
        self.stop_locked(events).await?;
        for folder in [self.state(), self.objects()] {
            remove_folder(&folder)?;
        }
        events.event(LocalEvent::StateDeleted { data_folder: self.dir.clone() });
        Ok(())
    }

    async fn stop_locked(&self, events: &dyn Sink<LocalEvent>) -> Result<()> {
        if let Some(started) = self.ours()? {
            events.event(LocalEvent::Stopping { endpoint: self.endpoint(), pid: started.process.pid });
            self.end(&started.process, events).await?;
            events.event(LocalEvent::Stopped { endpoint: self.endpoint() });
            return Ok(());
        }
        if let Probe::MiniStack { .. } = health::probe(self.port).await {
            return Err(Error::new(
                Exit::Failure,
                "not-ours",
                format!(
                    "the emulator on port {} was not started with the data folder {}",
                    self.port,
                    self.dir.display()
                ),
            )
            .hint("Stop it where it was started, or name its data folder's parent with PROVISIONER_LOCAL_DIR."));
        }
        self.clear_leftovers().await?;
        events.event(LocalEvent::NotRunning { endpoint: self.endpoint() });
        Ok(())
    }

    /// Stops the process with SIGTERM, so that it writes its state, or after a timeout with SIGKILL. Then cleans up.
    async fn end(&self, process: &Identity, events: &dyn Sink<LocalEvent>) -> Result<()> {
        let failed =
            |e| Error::new(Exit::Failure, "not-stopped", format!("failed to stop process {}", process.pid)).source(e);
        process::signal(process, Signal::TERM).map_err(failed)?;
        if !wait_for(STOP_LIMIT, || !process::is_alive(process)).await {
            events.event(LocalEvent::Forced { pid: process.pid, seconds: STOP_LIMIT.as_secs() });
            process::signal(process, Signal::KILL).map_err(failed)?;
            if !wait_for(STOP_LIMIT, || !process::is_alive(process)).await {
                return Err(Error::new(
                    Exit::Failure,
                    "not-stopped",
                    format!("process {} does not end, not even when killed", process.pid),
                ));
            }
        }
        self.clear_leftovers().await
    }

    /// Removes what an emulator that is gone has left: its functions' processes, which survive it, its temporary
    /// files, and the pid file.
    async fn clear_leftovers(&self) -> Result<()> {
        let tmp = self.tmp();
        if let Ok(tmp) = fs::canonicalize(&tmp) {
            for orphan in process::running_from(&tmp) {
                process::signal(&orphan, Signal::KILL).map_err(|e| {
                    let message = format!("failed to stop process {}, which the emulator left behind", orphan.pid);
                    Error::new(Exit::Failure, "not-stopped", message).source(e)
                })?;
                wait_for(STOP_LIMIT, || !process::is_alive(&orphan)).await;
            }
        }
        remove_folder(&tmp)?;
        match fs::remove_file(self.pid_file()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &self.pid_file(), e)),
            _ => Ok(()),
        }
    }

    fn spawn(&self, program: &Path) -> Result<Child> {
        let log = self.log();
        // The output of the run before stays readable for one more run.
        if log.exists() {
            fs::rename(&log, log.with_extension("log.old")).map_err(|e| io_error("rename", &log, e))?;
        }
        let out = File::create(&log).map_err(|e| io_error("create", &log, e))?;
        let err = out.try_clone().map_err(|e| io_error("open", &log, e))?;
        let mut command = Command::new(program);
        // The environment is ours alone: the emulator's functions inherit all of it.
        command
            .env_clear()
            .env("PATH", self.environment.path.clone().unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
            .env("HOME", &self.dir)
            .env("TMPDIR", self.tmp())
            .env("AUTH", "true")
            .env("GATEWAY_PORT", self.port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("PERSIST_STATE", "1")
            .env("STATE_DIR", self.state())
            .env("S3_PERSIST", "1")
            .env("S3_DATA_DIR", self.objects())
            .env("LOG_LEVEL", "WARNING")
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        in_own_session(&mut command);
        command.spawn().map_err(|e| {
            Error::new(Exit::Failure, "emulator", format!("failed to run {}", program.display()))
                .hint("Choose another MiniStack with PROVISIONER_MINISTACK, or install it again.")
                .source(e)
        })
    }

    /// Waits until the emulator answers, and returns its version.
    async fn wait_until_ready(&self, mut child: Option<&mut Child>, process: &Identity) -> Result<String> {
        let began = Instant::now();
        loop {
            if let Some(child) = child.as_deref_mut()
                && !matches!(child.try_wait(), Ok(None))
            {
                return Err(self.died(child));
            }
            if !process::is_alive(process) {
                return Err(self.not_ready("the emulator ended before it was ready"));
            }
            if let Probe::MiniStack { version } = health::probe(self.port).await {
                return Ok(version);
            }
            if began.elapsed() > START_LIMIT {
                return Err(self.not_ready(&format!("the emulator does not answer after {} s", START_LIMIT.as_secs())));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Who listens on the port. A program that was killed holds it a moment longer, so whatever is not the emulator is
    /// looked at until it has had time to go.
    async fn probe_at_rest(&self) -> Probe {
        let began = Instant::now();
        loop {
            let probe = health::probe(self.port).await;
            let may_go = matches!(probe, Probe::Silent | Probe::Other);
            if !may_go || began.elapsed() > PORT_LIMIT {
                return probe;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn died(&self, child: &mut Child) -> Error {
        let how = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
        self.not_ready(&format!("the emulator ended before it was ready ({how})"))
    }

    fn not_ready(&self, message: &str) -> Error {
        let mut error =
            Error::new(Exit::Failure, "emulator", message).hint(format!("Its output is in {}.", self.log().display()));
        let last = tail(&self.log(), 2_000);
        if let Some(line) = last.lines().rev().find(|line| !line.trim().is_empty()) {
            error = error.source(line.trim().to_owned());
        }
        error
    }

    fn port_taken(&self) -> Error {
        Error::new(Exit::Failure, "port-taken", format!("another program listens on port {} of 127.0.0.1", self.port))
            .hint(format!(
                "Stop it (`lsof -i :{}` names it), or choose another port in the stack file under `emulator:`.",
                self.port
            ))
    }

    fn warn_of_version(&self, version: &str, events: &dyn Sink<LocalEvent>) {
        if version != VERSION {
            events.event(LocalEvent::OtherVersion {
                endpoint: self.endpoint(),
                found: version.to_owned(),
                expected: VERSION.to_owned(),
            });
        }
    }

    /// The content of the pid file, if that process still runs.
    fn ours(&self) -> Result<Option<Started>> {
        let path = self.pid_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("read", &path, e)),
        };
        // A pid file that is torn by a crash names no process that could be signalled.
        Ok(serde_json::from_str::<Started>(&text).ok().filter(|started| process::is_alive(&started.process)))
    }

    fn remember(&self, started: &Started) -> Result<()> {
        let path = self.pid_file();
        let text = serde_json::to_string(started).map_err(|e| io_error("write", &path, e.into()))?;
        let new = path.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).map_err(|e| io_error("write", &path, e))
    }

    /// Two commands that start or stop at the same moment take turns.
    async fn lock(&self) -> Result<File> {
        let unusable = |error: Error| {
            error.hint("Name another folder for the emulator's data with PROVISIONER_LOCAL_DIR or XDG_STATE_HOME.")
        };
        fs::create_dir_all(&self.dir).map_err(|e| unusable(io_error("create", &self.dir, e)))?;
        let path = self.dir.join("lock");
        let file = open_lock(&path).map_err(|e| unusable(io_error("open", &path, e)))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_LIMIT => tokio::time::sleep(POLL).await,
                Err(TryLockError::WouldBlock) => {
                    let message = format!("another command has held {} for {} s", path.display(), LOCK_LIMIT.as_secs());
                    return Err(Error::new(Exit::Failure, "locked", message));
                }
                Err(TryLockError::Error(e)) => return Err(io_error("lock", &path, e)),
            }
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("emulator.json")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("emulator.log")
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn objects(&self) -> PathBuf {
        self.dir.join("s3")
    }

    fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }
}

/// Lets the program outlive this terminal: neither its Ctrl-C nor its end reaches another session.
fn in_own_session(command: &mut Command) {
    let detach = || rustix::process::setsid().map(drop).map_err(io::Error::from);
    #[expect(unsafe_code, reason = "the standard library has no stable call for setsid")]
    // SAFETY: between fork and exec the closure makes one system call, setsid, which is async-signal-safe, and it
    // neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(detach);
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

/// Whether the condition came true in time.
async fn wait_for(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}

/// The last bytes of a file, for an error message; empty when it cannot be read.
fn tail(path: &Path, bytes: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
