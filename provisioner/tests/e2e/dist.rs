//! The released single file: no workspace, no cargo, an empty PATH.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::rig::{Run, free_port, handler, root};

/// A folder with only the program, on a machine with only the emulator.
struct Elsewhere {
    folder: tempfile::TempDir,
}

impl Elsewhere {
    fn new() -> Self {
        let elsewhere = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "home", "project"] {
            std::fs::create_dir(elsewhere.folder.path().join(folder)).unwrap();
        }
        let mut bundle = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        bundle.args(["bundle", "--handler"]).arg(handler()).arg("--output").arg(elsewhere.program());
        let made = bundle.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        elsewhere
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("bin/provisioner")
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let emulator =
            std::env::var_os("PROVISIONER_MINISTACK").map_or_else(|| root().join(".venv/bin/ministack"), PathBuf::from);
        let output = Command::new(self.program())
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", "")
            .env("HOME", self.folder.path().join("home"))
            .env("PROVISIONER_MINISTACK", emulator)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let stopped = self.run(&["local", "stop", "-s", "local"]);
        assert!(stopped.code == 0 || std::thread::panicking(), "the emulator did not stop: {}", stopped.err);
    }
}

#[test]
fn one_file_deploys_from_an_empty_folder_without_cargo() {
    let elsewhere = Elsewhere::new();
    let version = elsewhere.run(&["--version"]).expect(0).out;
    let hash = version.lines().find_map(|line| line.split_whitespace().find(|word| word.len() >= 64)).unwrap();
    let hash = hash.trim_end_matches(',').to_owned();

    // Missing files are reported with a hint, here and in an empty folder.
    let lost = elsewhere.run(&["up", "-s", "local", "--yes"]).expect(3);
    assert!(lost.err.contains("To create a project here: provisioner init"), "{}", lost.err);
    elsewhere.run(&["init"]).expect(0);
    let file = elsewhere.project().join("stacks/local.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("port: 4566"), "{text}");
    std::fs::write(&file, text.replace("port: 4566", &format!("port: {}", free_port()))).unwrap();

    let up = elsewhere.run(&["up", "-s", "local", "--yes"]).expect(0);
    assert!(up.err.contains(&format!("handler {} embedded in this program", &hash[..12])), "{}", up.err);
    let sample = root().join("samples/sample.pdf");
    let put = elsewhere.run(&["put", "-s", "local", "--wait", sample.to_str().unwrap()]).expect(0);
    assert!(put.out.contains("446 words"), "{}", put.out);
    let records = elsewhere.run(&["records", "-s", "local", "--json"]).expect(0).json();
    assert_eq!(records["records"][0]["wordCount"], 446, "{records:#}");
    let status = elsewhere.run(&["status", "-s", "local"]).expect(0);
    assert!(status.out.contains("same as the local build"), "{}", status.out);
    elsewhere.run(&["down", "-s", "local", "--yes"]).expect(0);
}
