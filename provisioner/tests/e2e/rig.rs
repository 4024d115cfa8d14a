//! A separate emulator for each test: own port, own folder, stopped when the test ends, also when it fails.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use provisioner_artifact::handler_build::is_set_by_cargo;
use serde_json::Value;
use tempfile::TempDir;

/// One emulator with one stack file.
pub(crate) struct Rig {
    folder: TempDir,
    port: u16,
    /// The test runs the emulator, not `provisioner local`.
    own_emulator: bool,
    env: Vec<(String, String)>,
}

/// The output and exit code of a run of the provisioner.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Returns the run if it exited with this code; else panics with the output.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in\n{}\n--- stderr\n{}", self.out, self.err))
    }
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is inside the workspace")
}

/// The handler as built for Lambda; cargo builds it if it is missing.
pub(crate) fn handler() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars().filter(|(name, _)| is_set_by_cargo(name)) {
            cargo.env_remove(name);
        }
        let build = ["build", "--locked", "--quiet", "--profile", "lambda", "-p", "handler", "--bin", "bootstrap"];
        assert!(cargo.args(build).current_dir(root()).status().expect("cargo starts").success());
        let target = Path::new(env!("CARGO_BIN_EXE_provisioner")).ancestors().nth(2).expect("the target folder");
        target.join("lambda/bootstrap")
    });
    &BUILT
}

impl Rig {
    /// A stack file like `stacks/local.yaml`, with a free port and these additional settings.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let port = free_port();
        let text = std::fs::read_to_string(root().join("stacks/local.yaml")).expect("stacks/local.yaml");
        let mut spec: serde_yaml::Value = serde_yaml::from_str(&text).expect("stacks/local.yaml is YAML");
        spec["emulator"]["port"] = port.into();
        for (path, value) in settings {
            set(&mut spec, path, value);
        }
        let rig = Self { folder, port, own_emulator: false, env: Vec::new() };
        std::fs::write(rig.stack_file(), serde_yaml::to_string(&spec).expect("YAML")).expect("the stack file");
        rig
    }

    /// A stack as on AWS, without an `emulator:` section, on an emulator that the test runs itself.
    pub(crate) fn on_endpoint(port: u16) -> Self {
        let mut rig = Self::new(&[]);
        let text = std::fs::read_to_string(rig.stack_file()).expect("the stack file");
        let mut spec: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        spec.as_mapping_mut().expect("a mapping").remove("emulator");
        std::fs::write(rig.stack_file(), serde_yaml::to_string(&spec).expect("YAML")).expect("the stack file");
        rig.port = port;
        rig.own_emulator = true;
        rig.set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        rig.set("AWS_REGION", "us-east-1");
        rig.set("AWS_ACCESS_KEY_ID", "test");
        rig.set("AWS_SECRET_ACCESS_KEY", "test");
        rig
    }

    /// The rig with its stack up.
    pub(crate) fn up(settings: &[(&str, &str)]) -> Self {
        let rig = Self::new(settings);
        rig.run(&["up", "--yes"]).expect(0);
        rig
    }

    /// Changes a setting of the stack file, named as `section.key`.
    pub(crate) fn change(&self, path: &str, value: &str) {
        let text = std::fs::read_to_string(self.stack_file()).expect("the stack file");
        let mut spec: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        set(&mut spec, path, value);
        std::fs::write(self.stack_file(), serde_yaml::to_string(&spec).expect("YAML")).expect("the stack file");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn stack_file(&self) -> PathBuf {
        self.folder.path().join("stack.yaml")
    }

    /// Sets an environment variable for the following runs.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.env.push((name.to_owned(), value.into()));
    }

    /// The provisioner with this stack, ready to be started. It deploys the handler as built for Lambda, not the
    /// development build that an emulator stack gets by default.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command
            .args(args)
            .current_dir(root())
            .env("PROVISIONER_STACK", self.stack_file())
            .env("PROVISIONER_HANDLER", handler())
            .env("PROVISIONER_LOCAL_DIR", self.folder.path().join("emulator"))
            .env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_CA_BUNDLE")
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the provisioner until it exits.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let Output { status, stdout, stderr } = self.command(args).output().expect("the provisioner starts");
        Run {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// All records, newest first.
    pub(crate) fn records(&self) -> Vec<Value> {
        let Value::Array(records) =
            self.run(&["records", "--limit", "10000", "--json"]).expect(0).json()["records"].take()
        else {
            panic!("no list of records")
        };
        records
    }

    /// Calls the emulator without the program under test.
    pub(crate) fn ask<T>(&self, question: impl AsyncFnOnce(aws_config::SdkConfig) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "emulator");
            let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .region("us-east-1")
                .endpoint_url(format!("http://127.0.0.1:{}", self.port))
                .credentials_provider(credentials)
                .load()
                .await;
            question(sdk).await
        })
    }

    /// Invokes a function with an event and returns its answer.
    pub(crate) fn invoke(&self, function: &str, event: &Value) -> Value {
        let answer = self.ask(async |sdk| {
            let call = aws_sdk_lambda::Client::new(&sdk).invoke().function_name(function);
            call.payload(event.to_string().into_bytes().into()).send().await.expect("the emulator answers")
        });
        let payload = answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
        assert!(answer.function_error().is_none(), "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).expect("the answer is JSON")
    }

    /// Writes a file into the rig's folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join("files").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Kills the emulator with SIGKILL, as a power cut would.
    pub(crate) fn kill_emulator(&self) {
        let status = self.run(&["local", "status", "--json"]).expect(0).json();
        let pid = i32::try_from(status["pid"].as_i64().expect("a pid")).expect("a pid");
        kill(pid);
        wait_until("the emulator is gone", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if self.own_emulator {
            return;
        }
        let stopped = self.run(&["local", "stop"]);
        assert!(stopped.code == 0 || std::thread::panicking(), "the emulator did not stop: {}", stopped.err);
    }
}

fn set(spec: &mut serde_yaml::Value, path: &str, value: &str) {
    let value: serde_yaml::Value = serde_yaml::from_str(value).expect("a YAML value");
    match path.split_once('.') {
        Some((section, key)) => spec[section][key] = value,
        None => spec[path] = value,
    }
}

/// Sends SIGKILL.
pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    // It may have exited.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// Waits for a condition; panics after a minute.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    panic!("timed out after a minute: {what}");
}

/// A free port of 127.0.0.1.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}
