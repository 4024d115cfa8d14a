//! What other processes of the function's user can see of it, and what it reports where the system grants less than the
//! whole sandbox.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use handler_bench::function::{Function, children};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use serde_json::{Value, json};

use crate::world::{World, bootstrap, until};

/// In the function's environment on Lambda: what a child must not see.
const CREDENTIAL: (&str, &str) = ("AWS_SESSION_TOKEN", "the-session-token-of-the-role");

/// Lambda runs functions as a user without privileges. Root could read everything, so a test that root runs becomes
/// `nobody`; any other user has no privileges to give up.
fn unprivileged(command: &mut Command) -> &mut Command {
    const NOBODY: u32 = 65_534;
    if rustix::process::geteuid().is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// The handler's executable as standard input of the process that becomes it: `nobody` need not reach its folder.
fn start_unprivileged(vars: Vec<(&'static str, String)>) -> std::io::Result<Function> {
    let mut command = Command::new("/proc/self/fd/0");
    unprivileged(command.stdin(File::open(bootstrap())?));
    Function::spawn(command, vars.into_iter().chain([(CREDENTIAL.0, CREDENTIAL.1.to_owned())]))
}

fn read(path: &str) -> Output {
    unprivileged(Command::new("cat").arg(path)).env("LC_ALL", "C").output().expect("cat runs")
}

#[test]
fn no_process_of_its_user_reads_the_functions_environment_or_memory() {
    // What a child can do to a parent that does not prevent it: the shell is the parent of `cat`.
    let by_child = |file: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("cat /proc/$$/{file}; exit $?")).env(CREDENTIAL.0, CREDENTIAL.1);
        unprivileged(&mut shell).env("LC_ALL", "C").output().expect("sh runs")
    };
    let seen = by_child("environ");
    assert!(String::from_utf8_lossy(&seen.stdout).contains(CREDENTIAL.1), "{seen:?}");
    // The file can be opened; address zero, which `cat` starts at, is not mapped. Yama may forbid that to children.
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").is_ok_and(|scope| scope.trim() != "0");
    let seen = by_child("mem");
    assert!(yama || String::from_utf8_lossy(&seen.stderr).contains("Input/output error"), "{seen:?}");

    let world = World::started_by(start_unprivileged, |_| ());
    world.api.asked(1).expect("the function is ready");
    let function = world.function.id();
    until("the template and one child wait for a file", || children(function).len() == 2);
    let children = children(function);
    for process in [function, children[0], children[1]] {
        for file in ["environ", "mem"] {
            let refused = read(&format!("/proc/{process}/{file}"));
            assert!(refused.stdout.is_empty(), "{file}: {refused:?}");
            let reason = String::from_utf8_lossy(&refused.stderr);
            assert!(reason.contains("Permission denied"), "{file}: {reason}");
        }
    }
    // It works all the same.
    assert_eq!(world.outcome(&world.drop_file("a.txt", b"three words here", "01").event), "stored");
    assert_eq!(world.item()["wordCount"], json!({"N": "3"}));
}

type Denied = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// A filter that refuses these system calls, each where one of its rules applies, and always where it has none.
fn refusing(denied: Denied) -> Result<BpfProgram, BackendError> {
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(denied, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// The function on a system with this filter. A filter applies to the thread that sets it and to what that starts.
fn world_on(filter: Result<BpfProgram, BackendError>) -> World {
    let world = std::thread::spawn(move || {
        apply_filter(&filter.expect("the filter is valid")).expect("the filter is set");
        World::start()
    });
    world.join().expect("the world starts")
}

/// A filter that makes the system as poor as some kernels are: without Landlock, as Linux before 5.13, or without
/// filters of system calls, as some virtual machines.
fn poor_system(landlock: bool, seccomp: bool) -> Result<BpfProgram, BackendError> {
    let mut denied = Denied::new();
    if !landlock {
        denied.insert(libc::SYS_landlock_create_ruleset, Vec::new());
    }
    if !seccomp {
        let call = libc::PR_SET_SECCOMP.unsigned_abs().into();
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, call)?;
        denied.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![condition])?]);
        denied.insert(libc::SYS_seccomp, Vec::new());
    }
    refusing(denied)
}

/// A filter that lets no process fork a sibling, as a template does.
fn without_siblings() -> Result<BpfProgram, BackendError> {
    let flag = libc::CLONE_PARENT.unsigned_abs().into();
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
    refusing(Denied::from([(libc::SYS_clone, vec![SeccompRule::new(vec![condition])?])]))
}

fn warnings(world: &World) -> Vec<Value> {
    let lines = world.function.lines();
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "WARN" || line["DegradedSandbox"].is_number()).collect()
}

#[test]
fn a_weaker_sandbox_is_a_warning_with_its_parts_and_a_metric_and_the_file_is_read() {
    for (landlock, seccomp) in [(false, true), (true, false), (false, false)] {
        let world = world_on(poor_system(landlock, seccomp));
        let case = format!("Landlock: {landlock}, seccomp: {seccomp}");

        assert_eq!(world.outcome(&world.drop_file("a.txt", b"three words here", "01").event), "stored", "{case}");
        let report = json!({"systemCalls": seccomp, "files": landlock, "inspectionDenied": true});
        assert_eq!(world.function.line(|line| line["outcome"] == "stored")["sandbox"], report, "{case}");
        let metric = world.function.line(|line| line["DegradedSandbox"].is_number());
        assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "DegradedSandbox", "{case}");

        // Once in a process's life.
        assert_eq!(world.outcome(&world.drop_file("b.txt", b"more", "02").event), "stored", "{case}");
        world.function.line(|line| line["key"] == "b.txt");
        let [warning, _metric] = &warnings(&world)[..] else { unreachable!("{case}: {:?}", world.function.lines()) };
        assert_eq!(warning["sandbox"], report, "{case}");
        let message = warning["message"].as_str().expect("a message");
        assert_eq!(message.contains("Landlock"), !landlock, "{message}");
        assert_eq!(message.contains("seccomp"), !seccomp, "{message}");
    }
}

#[test]
fn children_that_no_template_forks_are_one_warning_and_the_files_are_read() {
    let world = world_on(without_siblings());
    for key in ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"] {
        assert_eq!(world.outcome(&world.drop_file(key, b"three words here", "01").event), "stored", "{key}");
        world.function.line(|line| line["key"] == key);
    }
    let messages: Vec<_> =
        warnings(&world).iter().filter_map(|line| Some(line["message"].as_str()?.to_owned())).collect();
    let about_children: Vec<_> = messages.iter().filter(|message| message.contains("is executed")).collect();
    let [message] = about_children[..] else { unreachable!("{messages:?}") };
    assert!(message.ends_with("the parser failed to start a child: Operation not permitted (os error 1)"), "{message}");
}

#[test]
fn the_sandbox_is_in_the_first_line_and_the_whole_one_is_no_warning() {
    let world = World::start();
    let first = world.drop_file("a.txt", b"three words here", "01").event;
    assert_eq!(world.outcome(&first), "stored");
    let sandbox = world.function.line(|line| line["outcome"] == "stored")["sandbox"].clone();
    // Landlock is in Linux since 5.13, and may be left out of a kernel.
    let landlock = sandbox["files"] == true;
    assert_eq!(sandbox, json!({"systemCalls": true, "files": landlock, "inspectionDenied": true}));
    assert_eq!(world.outcome(&first), "duplicate");
    assert_eq!(world.function.line(|line| line["outcome"] == "duplicate")["sandbox"], Value::Null);
    assert_eq!(warnings(&world).is_empty(), landlock, "{:?}", warnings(&world));
}
