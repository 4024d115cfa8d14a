//! `provisioner put`, and the records that follow.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::root;
use crate::service::{BUCKET, create_bucket, create_table, open_uploads, request};
use crate::world::{Ran, World};

/// The handler as built for deployment.
pub(crate) fn handler() -> PathBuf {
    let built = root().join("target/lambda/bootstrap");
    let path = std::env::var_os("PROVISIONER_HANDLER").map_or(built, PathBuf::from);
    assert!(
        path.is_file(),
        "this test needs the handler at {}; `cargo build --profile lambda -p handler` builds it",
        path.display()
    );
    path
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn records(ran: &Ran) -> Vec<Value> {
    events(ran).into_iter().filter(|e| e["event"] == "record").map(|e| e["record"].clone()).collect()
}

#[test]
fn files_become_records() {
    let world = World::new();
    world.ok(&["up", "-s", "local", "--yes", "--handler", handler().to_str().unwrap()]);

    // The samples, good and bad.
    let samples = root().join("samples");
    let ran = world.run(&["put", "-s", "local", "--wait", "--prefix", "in", "--json", samples.to_str().unwrap()]);
    assert_eq!(ran.code, Some(8), "{ran:#?}");
    let files = std::fs::read_dir(&samples).unwrap().count();
    let got = records(&ran);
    assert_eq!(got.len(), files, "{ran:#?}");
    let pdf = got.iter().find(|r| r["objectKey"] == "in/sample.pdf").unwrap();
    assert_eq!((&pdf["wordCount"], &pdf["pageCount"], &pdf["status"]), (&446.into(), &3.into(), &"SUCCESS".into()));
    let empty = got.iter().find(|r| r["objectKey"] == "in/empty.txt").unwrap();
    assert_eq!(empty["errorCode"], "EMPTY_FILE");
    let all = events(&ran);
    let done = all.iter().find(|e| e["event"] == "put-done").unwrap();
    assert_eq!(done["failed"].as_u64().unwrap() + done["succeeded"].as_u64().unwrap(), files as u64);
    assert_eq!(all.last().unwrap()["code"], "failed-files");

    // Repeated uploads of the same bytes under the same key are separate uploads.
    world.write("same.txt", "the same words");
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let ran = world.ok(&["put", "-s", "local", "--wait", "--json", "same.txt"]);
        ids.insert(records(&ran)[0]["documentId"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 3);

    // Multipart, and from standard input.
    let large: Vec<u8> = b"word ".repeat(5 << 20);
    world.write("large.txt", &large);
    let ran = world.ok(&["put", "-s", "local", "--wait", "--json", "large.txt"]);
    let record = &records(&ran)[0];
    assert_eq!(record["wordCount"], 5 << 20);
    assert!(record["eTag"].as_str().unwrap().ends_with("-4"), "25 MiB are four parts: {record}");
    let mut child = world
        .command(&["put", "-s", "local", "--wait", "--json", "--key", "in/stream.txt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&large).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(records(&ran)[0]["sha256"], record["sha256"]);

    // The log lines, as text and as JSON.
    let log = world.ok(&["logs", "-s", "local", "-n", "1000"]);
    assert!(log.out.contains("File sample.pdf processed with status SUCCESS, words=446"), "{log:#?}");
    assert!(log.out.contains("ERROR  File empty.txt processed with status FAILED, errorCode=EMPTY_FILE"), "{log:#?}");
    assert!(!log.out.contains("START RequestId") && !log.out.contains("\"_aws\""), "{log:#?}");
    let one = world.ok(&["logs", "-s", "local", "-n", "1"]);
    assert_eq!(one.out.lines().count(), 1);
    let raw = world.ok(&["logs", "-s", "local", "--json", "-n", "1000"]);
    assert!(raw.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{raw:#?}");
    assert!(raw.out.contains("words=446"), "{raw:#?}");
    following_shows_each_line_once(&world);
}

/// Starts `logs --follow` and reads the newest line.
fn follow(world: &World) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut follow = world
        .command(&["logs", "-s", "local", "--follow", "-n", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some());
    (follow, lines)
}

fn following_shows_each_line_once(world: &World) {
    let (mut follow, lines) = follow(world);
    let mut lines = lines.map(Result::unwrap);
    for n in 0..3 {
        world.write("followed.txt", format!("followed {n}"));
        world.ok(&["put", "-s", "local", "--wait", "--key", &format!("followed-{n}.txt"), "followed.txt"]);
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let line = lines.next().unwrap();
        seen.extend(line.split(' ').find(|word| word.starts_with("followed-")).map(ToOwned::to_owned));
    }
    let process = rustix::process::Pid::from_child(&follow);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    seen.extend(lines.filter(|line| line.contains("followed-")));
    seen.sort();
    assert_eq!(seen, ["followed-0.txt", "followed-1.txt", "followed-2.txt"]);
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    following_ends_when_stdout_is_closed(world);
}

fn following_ends_when_stdout_is_closed(world: &World) {
    let (mut follow, lines) = follow(world);
    drop(lines);
    world.ok(&["put", "-s", "local", "--wait", "--key", "unread.txt", "followed.txt"]);
    let started = Instant::now();
    let ended = loop {
        if let Some(ended) = follow.try_wait().unwrap() {
            break ended;
        }
        if started.elapsed() > Duration::from_mins(1) {
            follow.kill().unwrap();
            panic!("it did not exit");
        }
        std::thread::yield_now();
    };
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn nothing_is_uploaded_if_one_file_is_invalid() {
    let world = World::new();
    world.write("good.txt", "good");
    // There is no emulator: these errors are found before any call.
    let ran = world.run(&["put", "-s", "local", "good.txt", "missing.txt", "gone/away.txt"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.err.contains("missing.txt: No such file") && ran.err.contains("gone/away.txt: No such"), "{ran:#?}");
    let ran = world.run(&["put", "-s", "local", "good.txt", "./good.txt"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.err.contains("has the same key, good.txt"), "{ran:#?}");
    let ran = world.run(&["put", "-s", "local", "-"]);
    assert!(ran.err.contains("give it one with --key"), "{ran:#?}");
    let ran = world.run(&["put", "-s", "local", "steers\u{1b}[2J"]);
    assert!(ran.err.contains("steers\u{fffd}[2J: No such file") && !ran.err.contains('\u{1b}'), "{ran:#?}");
}

#[test]
fn a_missing_stack_is_reported() {
    let world = World::new();
    world.write("good.txt", "good");
    world.ok(&["local", "start"]);
    let ran = world.run(&["put", "-s", "local", "good.txt"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("has no bucket") && ran.err.contains("provisioner up -s local"), "{ran:#?}");
}

#[test]
fn a_missing_record_is_reported_by_file_name() {
    let world = World::new();
    world.write("silent.txt", "without a record");
    world.ok(&["local", "start"]);
    create_bucket(&world);
    create_table(&world);
    // The bucket alone is what `down` keeps of a stack with `data: keep`.
    let ran = world.run(&["put", "-s", "local", "silent.txt"]);
    assert_eq!(ran.code, Some(5), "{ran:#?}");
    assert!(ran.err.contains("would get no record: the stack is not deployed"), "{ran:#?}");
    assert!(ran.err.contains("provisioner up -s local") && ran.err.contains("--yes"), "{ran:#?}");
    let ran = world.run(&["put", "-s", "local", "--wait", "--timeout", "1s", "--yes", "silent.txt"]);
    assert_eq!(ran.code, Some(8), "{ran:#?}");
    assert!(ran.err.contains("no record of silent.txt within 1 s"), "{ran:#?}");
    assert!(ran.err.contains("because: the stack is not deployed"), "{ran:#?}");
    // Without --wait, the upload alone is the success.
    let ran = world.ok(&["put", "-s", "local", "--json", "--yes", "silent.txt"]);
    let all = events(&ran);
    assert_eq!((&all[0]["event"], &all[0]["code"]), (&"put-doubt".into(), &"nobody-listens".into()));
    assert_eq!((&all[1]["event"], &all[1]["key"]), (&"uploaded".into(), &"silent.txt".into()));
    assert_eq!(request(&world, "s3", &format!("GET /{BUCKET}/silent.txt"), "", "").1, "without a record");
}

#[test]
fn a_key_that_only_the_emulator_denies_is_reported() {
    let world = World::new();
    world.write("a.txt", "a");
    // On AWS, such a key is processed.
    let ran = world.run(&["put", "-s", "local", "--wait", "--key", "new\nline.txt", "a.txt"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.err.contains("emulator denies the handler every object; AWS does not (docs/emulator.md)"), "{ran:#?}");
}

#[test]
fn a_key_outside_of_the_stack_s_filter_is_reported() {
    let world = World::new();
    world.write("a.txt", "a");
    world.ok(&["local", "start"]);
    create_bucket(&world);
    let stack = std::fs::read_to_string(world.path().join("stacks/local.yaml")).unwrap();
    world.write("stacks/local.yaml", stack.replace("bucket:\n", "bucket:\n  prefix: in/\n"));
    let ran = world.run(&["put", "-s", "local", "--wait", "a.txt"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.err.contains("does not start with \"in/\""), "{ran:#?}");
    let ran = world.ok(&["put", "-s", "local", "a.txt"]);
    assert!(ran.err.contains("a.txt gets no record"), "{ran:#?}");
    let ran = world.ok(&["put", "-s", "local", "--prefix", "in", "--yes", "a.txt"]);
    assert!(!ran.err.contains("gets no record"), "{ran:#?}");
}

#[test]
fn an_interrupted_upload_leaves_no_parts() {
    let world = World::new();
    world.ok(&["local", "start"]);
    create_bucket(&world);
    let mut child = world
        .command(&["put", "-s", "local", "--yes", "--key", "long.bin", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than one part, and then no more input: the multipart upload stays open.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![1; 20 << 20]).unwrap();
    let started = Instant::now();
    while open_uploads(&world) == 0 {
        assert!(started.elapsed() < Duration::from_mins(1), "no multipart upload was started");
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert_eq!(open_uploads(&world), 0);
}
