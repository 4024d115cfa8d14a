//! A test environment: a folder with stack files and a separate emulator port, without the user's settings.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The environment of one test. Dropping it stops its emulator.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

/// The output and exit code of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// An environment whose stack `local` is on an emulator that is not running yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let world = Self { folder, port };
        std::fs::create_dir(world.path().join("stacks")).unwrap();
        world.write(
            "stacks/local.yaml",
            format!("name: local\nemulator:\n  port: {port}\ndata: delete\nbucket:\n  requireTls: false\n"),
        );
        world.write("stacks/dev.yaml", "name: dev\nregion: eu-central-1\ndata: delete\n");
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The emulator's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(format!("data/emulator-{}", self.port))
    }

    /// The program, with arguments, in this folder and without the user's environment variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(recording())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("PROVISIONER_LOCAL_DIR", self.path().join("data"))
            .env("PROVISIONER_MINISTACK", ministack())
            // Most tests deploy a handler that cannot run; the tests of `verify` deploy the real one.
            .env("PROVISIONER_NO_VERIFY", "true");
        command
    }

    /// Runs the program until it exits.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs the program and asserts that it succeeds.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:#?}");
        ran
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let ran = self.run(&["local", "stop", "-s", "local"]);
        assert!(ran.code == Some(0) || std::thread::panicking(), "the emulator was not stopped: {ran:#?}");
    }
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// The emulator of the workspace's `.venv`, or the one that the environment names.
pub(crate) fn ministack() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let program =
        std::env::var_os("PROVISIONER_MINISTACK").map_or_else(|| workspace.join(".venv/bin/ministack"), PathBuf::from);
    assert!(program.is_file(), "these tests need the emulator at {}; `make emulator` installs it", program.display());
    program
}

/// The variable with which `make test` has every run record its calls to AWS, where it is set.
pub(crate) fn recording() -> Option<(&'static str, std::ffi::OsString)> {
    use provisioner_aws::calls::VARIABLE;
    std::env::var_os(VARIABLE).map(|path| (VARIABLE, path))
}

/// A free port.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A handler: the smallest static executable for `x86_64`, followed by `version`. It does not run.
pub(crate) fn smallest_handler(version: u8) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0, 0, 16];
    file.resize(64, 0);
    file[52] = 64;
    file.push(version);
    file
}
