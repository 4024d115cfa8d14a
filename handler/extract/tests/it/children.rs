//! Children that do not do their work: whatever they do instead ends in a named outcome, within the limits. They are
//! scripts, executed; `tests/template` has those that a template forks.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::{Extractor, SandboxStatus};
use tempfile::TempDir;

use crate::{code, read};

fn extractor() -> Extractor {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/children/misbehave.sh");
    Extractor::without_template(program, Limits { wall_seconds: 1, ..Limits::default() }, FileTypes::any())
}

#[tokio::test]
async fn every_misbehaviour_has_its_outcome() {
    let rows = [
        ("silent", Some(ErrorCode::TimeLimit)),
        ("mute", Some(ErrorCode::TimeLimit)),
        ("flood", Some(ErrorCode::OutputLimit)),
        ("drone", Some(ErrorCode::OutputLimit)),
        ("nonsense", Some(ErrorCode::Crashed)),
        ("wrong-type", Some(ErrorCode::Crashed)),
        ("wrong-report", Some(ErrorCode::Crashed)),
        ("early-end", Some(ErrorCode::Crashed)),
        ("full-sandbox", Some(ErrorCode::Crashed)),
        ("sandbox-in-answer", Some(ErrorCode::Crashed)),
        ("accepted-twice", Some(ErrorCode::Crashed)),
        ("brief", None),
        ("half", Some(ErrorCode::Crashed)),
        ("out-of-memory", Some(ErrorCode::MemoryLimit)),
        ("chatter", Some(ErrorCode::StackLimit)),
        // Nobody reads so much.
        ("babble", Some(ErrorCode::TimeLimit)),
        ("exit-0", Some(ErrorCode::Crashed)),
        ("exit-7", Some(ErrorCode::Crashed)),
        ("KILL", Some(ErrorCode::Crashed)),
        ("TERM", Some(ErrorCode::Crashed)),
        ("XCPU", Some(ErrorCode::CpuLimit)),
        ("SYS", Some(ErrorCode::SandboxViolation)),
        ("XFSZ", Some(ErrorCode::SpoolLimit)),
    ];
    let extractor = extractor();
    // More than a pipe holds, so that a child that takes nothing is felt while the file is still fed.
    let big = vec![b'x'; 3 << 20];
    for (name, expected) in rows {
        for bytes in [b"small".as_slice(), &big] {
            let findings = read(&extractor, name, bytes).await;
            assert_eq!(code(&findings), expected, "{name} with {} bytes", bytes.len());
            assert_eq!(findings.file_size, bytes.len() as u64, "{name}");
            let message = findings.failure.map(|failure| failure.message).unwrap_or_default();
            assert!(!message.contains("secret"), "{name}: {message}");
        }
    }
}

#[tokio::test]
async fn a_file_cannot_report_a_better_sandbox_than_its_child_has() {
    let extractor = extractor();
    assert_eq!(code(&read(&extractor, "full-sandbox", b"bytes").await), Some(ErrorCode::Crashed));
    assert_eq!(extractor.sandbox_status(), Some(SandboxStatus { system_calls: false, files: false }));
}

#[tokio::test]
async fn what_was_known_before_a_death_is_kept() {
    let findings = read(&extractor(), "half", b"bytes").await;
    assert_eq!(findings.file_type.as_deref(), Some("application/pdf"));
    assert_eq!(findings.metadata.page_count, Some(3));
    assert!(findings.sha256.is_some());
}

#[tokio::test]
async fn an_internal_error_is_an_error() {
    let session = extractor().start("internal-error", None).await.unwrap();
    let error = session.finish().await.unwrap_err();
    assert_eq!(error.to_string(), "the parser failed to make a temporary file");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_error() {
    for new in [Extractor::with_program, Extractor::without_template] {
        let extractor = new("/nonexistent/program", Limits::default(), FileTypes::any());
        extractor.prepare().await;
        assert!(extractor.start("x.txt", None).await.is_err());
    }
}

/// A program made of this shell script, in a directory of its own.
fn scripted(script: &str) -> (TempDir, Extractor) {
    let directory = tempfile::tempdir().expect("a directory");
    let extractor = program(&directory, script, Extractor::without_template);
    (directory, extractor)
}

type New = fn(PathBuf, Limits, FileTypes) -> Extractor;

fn program(directory: &TempDir, script: &str, new: New) -> Extractor {
    let program = directory.path().join("child.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("the script is written");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("the script may be run");
    new(program, Limits::default(), FileTypes::any())
}

/// The second instance answers; what the first one does is written before it.
const ANSWER: &str = "read -r config; read -r request; echo '\"accepted\"' >&2; cat >/dev/null; echo '{\"end\":null}'";

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_ends_before_it_has_a_file_is_replaced() {
    for first in ["exit 7", "kill -KILL $$", "echo '{\"internalError\":\"not today\"}'", "echo nonsense"] {
        counting(async {
            let (_directory, extractor) =
                scripted(&format!("if mkdir $0.first 2>/dev/null; then {first}; exit; fi; {ANSWER}"));
            extractor.prepare().await;
            until_it_has_exited().await;
            let findings = read(&extractor, "a.txt", b"bytes").await;
            assert_eq!((code(&findings), findings.file_size), (None, 5), "{first}");
        });
    }
}

#[tokio::test]
async fn a_child_that_ends_before_it_has_accepted_its_file_is_an_error_and_no_finding() {
    for (script, said) in [
        ("exit 7", "the parser ended before it accepted the file"),
        ("read -r config; read -r request; exit 7", "the parser ended before it accepted the file"),
        ("read -r config; read -r request; kill -KILL $$", "the parser ended before it accepted the file"),
        ("echo nonsense; cat >/dev/null", "the parser ended before it accepted the file"),
        ("echo '{\"internalError\":\"not today\"}'; cat >/dev/null", "not today"),
    ] {
        for bytes in [&b""[..], b"bytes"] {
            let (_directory, extractor) = scripted(script);
            let mut session = extractor.start("a.txt", None).await.unwrap();
            if !bytes.is_empty() {
                session.feed(bytes).await.unwrap();
            }
            let error = session.finish().await.unwrap_err();
            assert_eq!(error.to_string(), said, "{script}");
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_a_template_cannot_be_used_children_are_executed() {
    let script = format!("echo $1 >>$0.log; case $1 in */template) exit 7;; esac; {ANSWER}");
    let directory = tempfile::tempdir().unwrap();
    let extractor = program(&directory, &script, Extractor::with_program);
    assert_eq!(extractor.template_failure(), None);
    for _ in 0..5 {
        assert_eq!(code(&read(&extractor, "a.txt", b"bytes").await), None);
    }
    assert_eq!(extractor.template_failure().as_deref(), Some("the parser's template has ended"));
    // It is not tried for each file.
    let log = std::fs::read_to_string(directory.path().join("child.sh.log")).unwrap();
    assert_eq!((log.matches("/template").count(), log.matches("/child").count()), (3, 5), "{log}");
}

/// An extractor that executes each of its children, so that they are the only processes that it starts.
#[cfg(target_os = "linux")]
fn executing(limits: Limits) -> Extractor {
    Extractor::without_template(env!("CARGO_BIN_EXE_extract"), limits, FileTypes::any())
}

/// Runs a test that counts its children: one thread starts all of them, and none of another test's.
#[cfg(target_os = "linux")]
fn counting(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// The children of this test.
#[cfg(target_os = "linux")]
async fn running() -> String {
    let list = || std::fs::read_to_string("/proc/thread-self/children").expect("Linux lists them");
    tokio::task::spawn_blocking(list).await.expect("the list is read")
}

/// A child that has exited stays a zombie until it is reaped.
#[cfg(target_os = "linux")]
async fn until_it_has_exited() {
    let is_zombie = |id: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    };
    while !is_zombie(running().await.trim()) {
        tokio::task::yield_now().await;
    }
}

/// The runtime reaps what was killed as soon as it gets to it.
#[cfg(target_os = "linux")]
async fn until_all_have_ended() {
    while !running().await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_that_waits_reads_one_file_and_the_next_file_has_another() {
    counting(async {
        let extractor = executing(Limits::default());
        let mut last = String::new();
        for content in [b"one".as_slice(), b"and two"] {
            extractor.prepare().await;
            let waiting = running().await;
            // Only one waits, however often it is asked for, and the one before it is gone.
            extractor.prepare().await;
            assert_eq!(running().await, waiting);
            assert_eq!(waiting.split_whitespace().count(), 1, "{waiting}");
            assert_ne!(waiting, last);

            let mut session = extractor.start("a.txt", None).await.unwrap();
            assert_eq!(running().await, waiting, "a child waits, and another one was started");
            session.feed(content).await.unwrap();
            let findings = session.finish().await.unwrap();
            assert_eq!(findings.file_type.as_deref(), Some("text/plain"));
            assert_eq!(findings.file_size, content.len() as u64);
            last = waiting;
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_has_processor_time_by_its_size() {
    counting(async {
        let extractor = executing(Limits { cpu_seconds: 7, wall_seconds: 20, ..Limits::default() });
        for (size, least_and_most) in
            [(None, ["20", "21"]), (Some(2 << 20), ["9", "10"]), (Some(1 << 40), ["20", "21"])]
        {
            extractor.prepare().await;
            let _session = extractor.start("a.txt", size).await.unwrap();
            let limits = std::fs::read_to_string(format!("/proc/{}/limits", running().await.trim())).unwrap();
            let row = limits.lines().find_map(|line| line.strip_prefix("Max cpu time")).unwrap();
            assert_eq!(row.split_whitespace().take(2).collect::<Vec<_>>(), least_and_most, "{size:?}");
        }
    });
}

/// Whether the parent or the child is first, the file's own limit stays.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_that_is_lower_already_stays() {
    let script = "ulimit -S -t 3; ulimit -H -t 4; exec \"$0\" handler-extract/child";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_extract")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let config =
        r#"{"allowed":["*/*"],"limits":{"memory":100663296,"cpu_seconds":5,"wall_seconds":5,"spool":1048576}}"#;
    writeln!(input, "{config}").unwrap();
    let row = |name: &str| {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let row = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        row.split_whitespace().take(2).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    // The last that it sets.
    while row("Max processes") != ["0", "0"] {
        std::thread::yield_now();
    }
    assert_eq!(row("Max cpu time"), ["3", "4"]);
    drop(input);
    child.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_session_that_is_dropped_leaves_no_child() {
    counting(async {
        let extractor = extractor();
        let mut session = extractor.start("silent", None).await.unwrap();
        session.feed(b"bytes").await.unwrap();
        assert!(!running().await.is_empty());
        drop(session);
        drop(extractor);
        until_all_have_ended().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_goes_on_after_its_answer_is_ended_before_the_next_one_starts_and_with_the_extractor() {
    counting(async {
        let (_directory, extractor) = scripted(&format!("{ANSWER}; exec tail -f /dev/null"));
        let mut last = String::new();
        for _ in 0..2 {
            assert_eq!(code(&read(&extractor, "a.txt", b"bytes").await), None);
            let going_on = running().await;
            assert_eq!(going_on.split_whitespace().count(), 1, "{going_on}");
            extractor.prepare().await;
            last = running().await;
            assert_eq!(last.split_whitespace().count(), 1, "{last}");
            assert_ne!(last, going_on);
        }
        assert_eq!(code(&read(&extractor, "a.txt", b"bytes").await), None);
        assert_eq!(running().await, last);
        drop(extractor);
        until_all_have_ended().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_extractor_that_is_dropped_leaves_no_child() {
    counting(async {
        let extractor = executing(Limits::default());
        extractor.prepare().await;
        assert!(!running().await.is_empty());
        drop(extractor);
        until_all_have_ended().await;
    });
}

#[test]
fn a_child_that_nobody_needs_ends_by_itself_and_says_nothing() {
    let config =
        r#"{"allowed":["*/*"],"limits":{"memory":100663296,"cpu_seconds":5,"wall_seconds":5,"spool":1048576}}"#;
    for input in [String::new(), format!("{config}\n")] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_extract"))
            .arg("handler-extract/child")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
