//! Identifies processes that outlive the command that started them, even if their process ids are reused.
//!
//! A process id can be reused after the process has ended; the start time distinguishes the two. Nothing is
//! signalled unless both agree. Linux is read from `/proc`; elsewhere `ps` is asked, whose start times have a
//! resolution of a second.

use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process, for all time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    /// The process number.
    pub(super) pid: u32,
    /// When it was started, in the system's own terms: only good for comparing.
    // The name in files of 0.1.0 up to commit 759e429, whose emulators may still run.
    #[serde(alias = "born")]
    start_time: String,
}

/// The running process with this number; `None` when there is none, or only its exit status is left.
pub(super) fn identify(pid: u32) -> Option<Identity> {
    system::start_time(pid).map(|start_time| Identity { pid, start_time })
}

/// Whether this very process still runs.
pub(super) fn is_alive(process: &Identity) -> bool {
    identify(process.pid).as_ref() == Some(process)
}

/// Sends a signal to this process; does nothing if it has ended.
pub(super) fn signal(process: &Identity, signal: Signal) -> io::Result<()> {
    if !is_alive(process) {
        return Ok(());
    }
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// All processes whose program, or the script that they run, lies below this folder (absolute, without links).
pub(super) fn running_from(folder: &Path) -> Vec<Identity> {
    system::running_from(folder).into_iter().filter_map(identify).collect()
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{Path, PathBuf};

    /// proc(5): the start time of field 22 counts from the boot, so that the boot's own id belongs to it.
    pub(super) fn start_time(pid: u32) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        ticks(&stat).map(|ticks| format!("{ticks}@{}", boot.trim()))
    }

    /// The start time in a line of `/proc/PID/stat`; `None` for a process that has ended.
    pub(super) fn ticks(stat: &str) -> Option<&str> {
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") { None } else { fields.nth(18) }
    }

    /// The script that a process runs. Its interpreter gets the script's path as an argument, as an editor or a pager would
    /// get that of a file, but only the process of a script is named after it (proc(5), `comm`: at most 15 bytes).
    fn script(pid: u32) -> Option<PathBuf> {
        let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let name = name.strip_suffix(b"\n").unwrap_or(&name);
        let script = line.split(|&b| b == 0).nth(1).map(|word| Path::new(OsStr::from_bytes(word)))?;
        let own = script.file_name()?.as_bytes();
        (own.get(..own.len().min(15)) == Some(name)).then(|| script.to_owned())
    }

    pub(super) fn running_from(folder: &Path) -> Vec<u32> {
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let program = fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(folder));
                program || script(*pid).is_some_and(|script| script.starts_with(folder))
            })
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;
    use std::process::Command;

    fn ps(arguments: &[&str]) -> Option<String> {
        let output = Command::new("ps").args(arguments).env("LC_ALL", "C").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) fn start_time(pid: u32) -> Option<String> {
        let line = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let (state, start) = line.trim().split_once(char::is_whitespace)?;
        if state.starts_with('Z') { None } else { Some(start.trim().to_owned()) }
    }

    pub(super) fn running_from(folder: &Path) -> Vec<u32> {
        let Some(lines) = ps(&["-axo", "pid=,args="]) else { return Vec::new() };
        let inside = format!("{}/", folder.display());
        lines
            .lines()
            .filter_map(|line| line.trim().split_once(char::is_whitespace))
            .filter(|(_, arguments)| {
                let arguments = arguments.trim_start();
                // The program itself, or the script behind the name of its interpreter.
                arguments.starts_with(&inside)
                    || arguments.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(&inside))
            })
            .filter_map(|(pid, _)| pid.parse().ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    struct Running(std::process::Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Starts a program that waits for the end of its input.
    fn waiting(program: &Path) -> Running {
        let child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        Running(child)
    }

    #[test]
    fn another_process_with_the_same_number_is_not_signalled() {
        let mut child = waiting(Path::new("cat"));
        let real = identify(child.0.id()).unwrap();
        let recycled = Identity { start_time: "another time".into(), ..real.clone() };
        assert!(is_alive(&real) && !is_alive(&recycled));
        signal(&recycled, Signal::KILL).unwrap();
        assert!(child.0.try_wait().unwrap().is_none());
        signal(&real, Signal::KILL).unwrap();
        assert!(!child.0.wait().unwrap().success());
        assert!(!is_alive(&real));
    }

    #[test]
    fn an_emulator_of_an_earlier_version_is_recognised() {
        let process: Identity = serde_json::from_str(r#"{"pid": 7, "born": "1@boot"}"#).unwrap();
        assert_eq!(process, Identity { pid: 7, start_time: "1@boot".into() });
    }

    #[test]
    fn one_that_has_ended_and_was_not_waited_for_is_gone() {
        let mut child = waiting(Path::new("cat"));
        let process = identify(child.0.id()).unwrap();
        drop(child.0.stdin.take());
        while is_alive(&process) {
            std::thread::yield_now();
        }
        assert_eq!(identify(process.pid), None);
    }

    #[test]
    fn programs_of_a_folder_are_found_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder_path = folder.path().canonicalize().unwrap();
        let script = folder_path.join("bootstrap");
        std::fs::write(&script, "#!/bin/sh\nread line\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let inside = waiting(&script);
        let _outside = waiting(Path::new("cat"));
        // A program whose argument lies in the folder, such as a pager, is not of the folder.
        let notes = folder_path.join("notes");
        std::fs::write(&notes, "read line\n").unwrap();
        let reader = Command::new("sh").arg(&notes).stdin(Stdio::piped()).spawn();
        let _reader = Running(reader.unwrap());
        // A process has no arguments to be found by for an instant while it becomes the program.
        let found = loop {
            let found = running_from(&folder_path);
            if !found.is_empty() {
                break found;
            }
            std::thread::yield_now();
        };
        assert_eq!(found.iter().map(|p| p.pid).collect::<Vec<_>>(), [inside.0.id()]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let fields = "S 1 2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2 3";
        assert_eq!(system::ticks(&format!("42 (a) b (c)) {fields}")), Some("987654"));
        assert_eq!(system::ticks("42 (gone) Z 1 2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2 3"), None);
        assert_eq!(system::ticks("nonsense"), None);
    }
}
