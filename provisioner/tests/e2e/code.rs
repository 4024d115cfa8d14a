//! Code updates of a deployed function: the function first, then the stack.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::rig::Rig;
use crate::rig::handler;

/// A copy of the handler that the test may change.
fn own_handler(rig: &Rig) -> PathBuf {
    let path = rig.folder().join("bootstrap");
    std::fs::copy(handler(), &path).unwrap();
    path
}

/// Changes the executable's hash by appending bytes, which are not loaded.
fn change_and_save(path: &Path) {
    let beside = path.with_extension("new");
    std::fs::copy(path, &beside).unwrap();
    std::fs::OpenOptions::new().append(true).open(&beside).unwrap().write_all(b"\0").unwrap();
    // Atomically, by a rename, as linkers and editors do.
    std::fs::rename(beside, path).unwrap();
}

/// The events of these names, in order.
fn events(lines: &str, names: &[&str]) -> Vec<String> {
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| event["event"].as_str().map(str::to_owned))
        .filter(|name| names.contains(&name.as_str()))
        .collect()
}

/// Asserts that the function runs the built code, and that the stack refers to it.
fn assert_settled(rig: &Rig, file: &str) {
    rig.run(&["plan", "--handler", file]).expect(0);
    let text = rig.file("a.txt", "one two three");
    rig.run(&["put", &text, "--wait"]).expect(0);
}

#[test]
fn new_code_runs_before_the_stack_is_updated() {
    let rig = Rig::new(&[]);
    let path = own_handler(&rig);
    let file = path.to_str().unwrap();
    let up = ["up", "--yes", "--json", "--no-verify", "--handler", file];
    let names = ["code-pushed", "started", "ready", "no-change"];
    assert_eq!(events(&rig.run(&up).expect(0).out, &names), ["started", "ready"]);
    change_and_save(&path);
    rig.run(&["plan", "--handler", file]).expect(10);
    assert_eq!(events(&rig.run(&up).expect(0).out, &names), ["code-pushed", "started", "ready"]);
    assert_settled(&rig, file);
    assert_eq!(events(&rig.run(&up).expect(0).out, &names), ["no-change", "ready"]);
}

/// A run of `up --watch --json`, killed with the test.
struct Watch(Child);

impl Watch {
    fn start(rig: &Rig, file: &str) -> (Self, impl FnMut(&str) -> Value) {
        let mut command = rig.command(&["up", "--yes", "--json", "--no-verify", "--watch", "--handler", file]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let until = move |name: &str| loop {
            let line = lines.next().unwrap_or_else(|| panic!("it exited before {name}")).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == name {
                return event;
            }
        };
        (Self(child), until)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_save_is_deployed_while_watching() {
    let rig = Rig::new(&[]);
    let path = own_handler(&rig);
    let file = path.to_str().unwrap();
    let (mut watch, mut until) = Watch::start(&rig, file);
    until("watching");
    for _ in 0..2 {
        change_and_save(&path);
        let pushed = until("code-pushed");
        assert_eq!(until("deployed")["sha256"], pushed["sha256"]);
    }
    let pid = i32::try_from(watch.0.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    until("watch-ended");
    assert_eq!(watch.0.wait().unwrap().code(), Some(0));
    assert_settled(&rig, file);
}
