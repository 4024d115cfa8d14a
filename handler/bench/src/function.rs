//! The function's process: its environment, its output, its memory, its end.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Watched;

/// A running function. It is killed when it is dropped.
#[derive(Debug)]
pub struct Function {
    child: Child,
    started: Instant,
    lines: Arc<Watched<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// The variables that Lambda sets for every function.
pub fn lambda_vars(runtime_api: &str) -> Vec<(&'static str, String)> {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

impl Function {
    /// Starts a program with exactly these variables. Its standard output is kept line by line.
    pub fn start<K: AsRef<str>, V: AsRef<str>>(
        program: &Path,
        arguments: &[&str],
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        Self::spawn(command, vars)
    }

    /// Starts a command as a function: with exactly these variables, and its standard output kept line by line.
    pub fn spawn<K: AsRef<str>, V: AsRef<str>>(
        mut command: Command,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self> {
        command.env_clear().stdout(Stdio::piped());
        for (name, value) in vars {
            command.env(name.as_ref(), value.as_ref());
        }
        let started = Instant::now();
        let mut child = command.spawn()?;
        let lines = Arc::new(Watched::<Vec<String>>::default());
        let reader = child.stdout.take().map(|stdout| {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    lines.change(|lines| lines.push(line));
                }
            })
        });
        Ok(Self { child, started, lines, reader })
    }

    /// When the process was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of JSON that the test accepts.
    ///
    /// # Panics
    /// When none comes within 30 seconds.
    pub fn line(&self, accept: impl Fn(&Value) -> bool) -> Value {
        let find = |lines: &mut Vec<String>| {
            lines.iter().filter_map(|line| serde_json::from_str(line).ok()).find(|line| accept(line))
        };
        self.lines.wait(Duration::from_secs(30), find).expect("the line is logged")
    }

    /// All that the process has written to its standard output, line by line.
    pub fn lines(&self) -> Vec<String> {
        self.lines.change(|lines| lines.clone())
    }

    /// The most memory that was ever resident, in KiB, as Linux reports it; `None` elsewhere.
    pub fn peak_kib(&self) -> Option<u64> {
        peak_kib(self.child.id())
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        Ok(status)
    }

    /// Ends the process as `kill -9` does.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.kill());
    }
}

/// The most memory of a process that was ever resident, in KiB (`VmHWM` of proc(5)).
pub fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Whether a process exists and is not a zombie.
pub fn runs(process: u32) -> bool {
    let state =
        |stat: String| stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().next()?.chars().next());
    std::fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(state).is_some_and(|state| state != 'Z')
}

/// The processes that a process has started and that still run or wait to be reaped.
pub fn children(process: u32) -> Vec<u32> {
    // Each thread has its own.
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}
