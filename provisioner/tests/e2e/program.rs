//! Programs of `.venv` that a test runs by itself.

use std::process::{Child, Command, Stdio};

use crate::rig::root;

/// A program of `.venv`, ended with the test.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let program = root().join(".venv/bin").join(name);
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new(&program)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|e| panic!("{}: {e}; `make emulator` installs it", program.display())))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // SIGTERM first, so that it stops its own children.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
