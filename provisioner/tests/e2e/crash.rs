//! Crashes are recovered by the next run or by a retry.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::rig::{Rig, kill, wait_until};

/// The processes of this rig's handler that wait for work or do it; extraction children are not among them. They are
/// known by the folder that the emulator unpacks code into: nobody but root may read a handler's environment.
pub(crate) fn handlers(rig: &Rig) -> Vec<i32> {
    let code = format!("/ministack-provided-code-{}/", rig.port());
    let numbers =
        std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &i32| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut arguments = arguments.split(|&b| b == 0).filter(|a| !a.is_empty()).map(String::from_utf8_lossy);
            let is_handler = arguments.next().is_some_and(|path| path.contains(&code) && path.ends_with("/bootstrap"));
            is_handler && arguments.next().is_none()
        })
        .collect()
}

/// The peak resident memory of a process, in KiB.
pub(crate) fn peak_memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is running");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("the status has VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn works(rig: &Rig, name: &str) {
    let file = rig.file(name, "one two three");
    rig.run(&["put", &file, "--wait"]).expect(0);
}

#[test]
fn up_recovers_from_a_killed_emulator() {
    let rig = Rig::up(&[]);
    works(&rig, "before.txt");
    rig.kill_emulator();
    rig.run(&["up", "--yes"]).expect(0);
    works(&rig, "after.txt");
    rig.run(&["down", "--yes"]).expect(0);
}

#[test]
fn a_restarted_emulator_has_all_its_state() {
    let rig = Rig::up(&[]);
    works(&rig, "before.txt");
    rig.run(&["local", "stop"]).expect(0);
    rig.run(&["up", "--yes"]).expect(0);
    works(&rig, "after.txt");
    assert_eq!(rig.records().len(), 2);
}

#[test]
fn up_recovers_from_a_killed_up() {
    // Killed right after each of these events.
    for moment in ["packaged", "planned", "artifact-uploaded", "started", "resource"] {
        let rig = Rig::new(&[]);
        let mut up =
            rig.command(&["up", "--yes", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let printed = BufReader::new(up.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains(&format!("\"{moment}\"")));
        assert!(printed, "up did not print {moment}");
        up.kill().unwrap();
        up.wait().unwrap();

        rig.run(&["up", "--yes"]).expect(0);
        works(&rig, "after.txt");
    }
}

#[test]
fn a_killed_handler_s_file_is_recorded_by_the_retry() {
    let rig = Rig::up(&[("files.maxSize", "1 GiB")]);
    works(&rig, "warm.txt");
    let before = handlers(&rig);
    let big = rig.file("big.txt", "word ".repeat(60 << 20));
    rig.run(&["put", &big]).expect(0);
    // A handler that reads a file has a child process.
    let mut busy = None;
    wait_until("a handler reads the file", || {
        busy = handlers(&rig).into_iter().find(|pid| {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            !children.trim().is_empty()
        });
        busy.is_some()
    });
    let pid = busy.unwrap_or_else(|| panic!("none of {before:?} is busy"));
    kill(pid);
    wait_until("the retry has recorded the file", || rig.records().len() == 2);
    let record = rig.records().into_iter().find(|r| r["fileName"] == "big.txt").unwrap();
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(record["wordCount"], 60 << 20);
}
