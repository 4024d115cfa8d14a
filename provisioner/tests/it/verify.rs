//! `provisioner verify`, and the verification after `up`, on working and broken pipelines in the emulator.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::put::handler;
use crate::service::{BUCKET, TABLE, request};
use crate::world::{Ran, World};

impl World {
    /// Items of the table.
    fn items(&self) -> u64 {
        let body = format!("{{\"TableName\":\"{TABLE}\",\"Select\":\"COUNT\"}}");
        let (status, answer) = request(self, "dynamodb", "POST /", "DynamoDB_20120810.Scan", &body);
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()["Count"].as_u64().unwrap()
    }

    /// Versions and delete markers in the bucket.
    fn versions(&self) -> usize {
        let (status, body) = request(self, "s3", &format!("GET /{BUCKET}?versions"), "", "");
        assert_eq!(status, 200, "{body}");
        body.matches("<Version>").count() + body.matches("<DeleteMarker>").count()
    }

    /// A deployed stack with the real handler and these bucket settings.
    fn with_pipeline(bucket: &str) -> Self {
        let world = Self::new();
        let path = world.path().join("stacks/local.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text + bucket).unwrap();
        world.ok(&["up", "-s", "local", "--yes", "--handler", handler().to_str().unwrap()]);
        world
    }

    /// `up` with the real handler and the verification.
    fn up_and_verify(&self) -> Ran {
        let handler = handler();
        let mut command = self.command(&["up", "-s", "local", "--yes", "--handler", handler.to_str().unwrap()]);
        let ran = Ran::of(&command.env_remove("PROVISIONER_NO_VERIFY").output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran
    }

    fn nothing_is_left(&self) {
        assert_eq!((self.items(), self.versions()), (0, 0), "(records, versions)");
    }
}

#[test]
fn up_verifies_the_stack_and_verify_measures_each_stage() {
    let world = World::new();
    let first = world.up_and_verify();
    assert!(first.err.contains("✓ verified: a text/plain was processed"), "{first:#?}");
    world.nothing_is_left();
    // Without a change there is no verification.
    assert!(!world.up_and_verify().err.contains("verified"));

    let ran = world.ok(&["verify", "-s", "local", "--json"]);
    let verified = ran.json();
    assert_eq!(
        (&verified["event"], &verified["records"], &verified["takenUp"]),
        (&"verified".into(), &1.into(), &1.into())
    );
    let legs = verified["legs"].as_array().unwrap();
    let names: Vec<_> = legs.iter().map(|leg| leg["leg"].as_str().unwrap()).collect();
    assert_eq!(names, ["put", "event", "handler", "record"], "{verified:#}");
    let sum: u64 = legs.iter().map(|leg| leg["millis"].as_u64().unwrap()).sum();
    assert!(sum >= verified["totalMillis"].as_u64().unwrap(), "a stage is missing: {verified:#}");
    world.nothing_is_left();

    let table = world.ok(&["verify", "-s", "local"]);
    for leg in ["LEG", "put", "event", "handler", "record", "total"] {
        assert!(table.out.lines().any(|line| line.starts_with(leg)), "{table:#?}");
    }
}

#[test]
fn the_canary_matches_the_stack_and_all_its_versions_are_deleted() {
    let world = World::with_pipeline(
        "  versioning: true\n  prefix: 'in coming/'\n  suffix: .PDF\nfiles: { allowedTypes: [application/pdf] }\n",
    );
    let verified = world.ok(&["verify", "-s", "local", "--json"]).json();
    assert_eq!(verified["fileType"], "application/pdf", "{verified:#}");
    assert!(verified["key"].as_str().unwrap().starts_with("in coming/provisioner-verify-"), "{verified:#}");
    world.nothing_is_left();
}

#[test]
fn a_stack_without_a_canary_is_reported_and_up_succeeds() {
    let world = World::new();
    let path = world.path().join("stacks/local.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + "files: { allowedTypes: [video/mp4] }\n").unwrap();
    let ran = world.up_and_verify();
    assert!(ran.err.contains("not verified: there is no sample file of an allowed type (video/mp4)"), "{ran:#?}");
    let ran = world.run(&["verify", "-s", "local"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("put FILE --wait"), "{ran:#?}");
}

#[test]
fn a_broken_pipeline_is_reported_with_its_broken_stage() {
    let world = World::with_pipeline("");
    let nothing = "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>";
    assert_eq!(request(&world, "s3", &format!("PUT /{BUCKET}?notification"), "", nothing).0, 200);
    let ran = world.run(&["verify", "-s", "local"]);
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    assert!(ran.err.contains("the bucket does not notify the function of new files"), "{ran:#?}");
    world.nothing_is_left();

    assert_eq!(request(&world, "lambda", "DELETE /2015-03-31/functions/local-handler", "", "").0, 204);
    let ran = world.run(&["verify", "-s", "local", "--json"]);
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    let error: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!((&error["code"], &error["exitCode"]), (&"not-verified".into(), &9.into()));
    assert!(error["causes"][0].as_str().unwrap().contains("does not exist any more"), "{error:#}");
    world.nothing_is_left();
}

#[test]
fn a_failing_handler_is_reported_with_its_own_exit_code() {
    let world = World::with_pipeline("");
    // The handler loses the permission to write records.
    let role = request(&world, "iam", "GET /?Action=ListRoles&Version=2010-05-08", "", "").1;
    let name = role.split("<RoleName>").find(|part| part.starts_with("local-HandlerRole")).unwrap();
    let name = name.split('<').next().unwrap();
    let delete = format!("GET /?Action=DeleteRolePolicy&RoleName={name}&PolicyName=handler&Version=2010-05-08");
    assert_eq!(request(&world, "iam", &delete, "", "").0, 200);
    let ran = world.run(&["verify", "-s", "local", "--timeout", "5s"]);
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    assert!(ran.err.contains("the handler failed"), "{ran:#?}");
    assert!(ran.err.contains("provisioner logs -s local"), "{ran:#?}");
    assert_eq!(world.versions(), 0);
}

/// A handler whose process ends as soon as it starts: exit status 1, without a line of output.
pub(crate) fn dying_handler() -> Vec<u8> {
    // mov edi, 1; mov eax, 60 (exit); syscall
    const CODE: [u8; 12] = [0xbf, 1, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let length = HEADERS + CODE.len() as u64;
    // System V ABI, "ELF header" and "program header" of a 64-bit executable for x86-64 with one loaded segment.
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0];
    file.extend([BASE + HEADERS, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    file.extend([0, BASE, BASE, length, length, 0x1000].map(u64::to_le_bytes).concat());
    file.extend(CODE);
    file
}

#[test]
fn a_handler_that_dies_at_its_start_is_reported_within_seconds_and_without_next_commands() {
    let world = World::new();
    let handler = world.write("dying", dying_handler());
    let started = std::time::Instant::now();
    let mut command = world.command(&["up", "-s", "local", "--yes", "--handler", handler.to_str().unwrap()]);
    let ran = Ran::of(&command.env_remove("PROVISIONER_NO_VERIFY").output().unwrap());
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    assert!(ran.err.contains("process ends without processing the file: bootstrap exited"), "{ran:#?}");
    assert!(!ran.err.contains("Next:") && ran.out.contains("BucketName"), "{ran:#?}");
    // Without the look at the queue it takes two minutes.
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
    world.nothing_is_left();
    let ran = world.run(&["verify", "-s", "local", "--json"]);
    let error: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(error["code"], "handler-crashes", "{error:#}");
}

#[test]
fn a_table_that_is_gone_is_where_the_pipeline_ends() {
    let world = World::with_pipeline("");
    let body = format!("{{\"TableName\":\"{TABLE}\"}}");
    assert_eq!(request(&world, "dynamodb", "POST /", "DynamoDB_20120810.DeleteTable", &body).0, 200);
    let ran = world.run(&["verify", "-s", "local"]);
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    assert!(ran.err.contains("the table of records local-records does not exist"), "{ran:#?}");
    assert_eq!(world.versions(), 0);
}

/// The event that S3 sends for an upload.
fn event(key: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = handler_contract::Timestamp::from_unix_millis(i64::try_from(now).unwrap());
    let object = json!({"key": key, "size": 18, "eTag": "e", "sequencer": "0055AED6DCD90281E5"});
    let s3 = json!({"bucket": {"name": BUCKET}, "object": object});
    let record = json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": now, "s3": s3,
    });
    json!({ "Records": [record] }).to_string()
}

#[test]
fn records_of_late_events_are_deleted_by_the_next_verify() {
    let world = World::with_pipeline("");
    // S3 sends an event for a deleted canary, and one for a deleted file of the user.
    for key in ["provisioner-verify-7.txt", "report.txt"] {
        let head = "POST /2015-03-31/functions/local-handler/invocations";
        let (status, answer) = request(&world, "lambda", head, "", &event(key));
        assert_eq!((status, answer.contains("rejected")), (200, true), "{answer}");
    }
    assert_eq!(world.items(), 2);
    world.ok(&["verify", "-s", "local"]);
    let left = world.ok(&["records", "-s", "local", "--json"]).json();
    assert_eq!(left["records"][0]["objectKey"], "report.txt", "{left:#}");
    assert_eq!((world.items(), world.versions()), (1, 0));
}

#[test]
fn an_interrupted_verify_cleans_up() {
    let world = World::with_pipeline("");
    // The handler is warm, so the event arrives in time.
    world.ok(&["verify", "-s", "local"]);
    let mut command = world.command(&["verify", "-s", "local"]);
    let mut verify = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The command may complete before the signal; then it has succeeded.
    while world.versions() == 0 && verify.try_wait().unwrap().is_none() {}
    let _ = kill_process(Pid::from_child(&verify), Signal::INT);
    let output = verify.wait_with_output().unwrap();
    let ran = Ran::of(&output);
    assert!(matches!(ran.code, Some(130 | 0)), "{ran:#?}");
    assert!(!ran.err.contains("may still arrive"), "{ran:#?}");
    world.nothing_is_left();
}

#[test]
fn without_a_stack_there_is_nothing_to_verify() {
    let world = World::new();
    world.ok(&["local", "start"]);
    let ran = world.run(&["verify", "-s", "local"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("provisioner up -s local"), "{ran:#?}");
}

#[test]
fn every_canary_has_the_type_of_its_name() {
    let world = World::new();
    let types = [
        "text/plain",
        "text/csv",
        "application/json",
        "text/html",
        "text/xml",
        "application/pdf",
        "image/png",
        "image/gif",
        "audio/vnd.wave",
    ];
    for file_type in types {
        let yaml = format!("name: one\ndata: delete\nfiles: {{ allowedTypes: [{file_type}] }}\n");
        let file = world.write("stacks/one.yaml", &yaml);
        let spec = provisioner_model::spec::parse(&yaml, &file).unwrap();
        let canary = provisioner_planner::canary::canary(&spec, "1").unwrap();
        assert_eq!(canary.file_type, file_type);
        world.write(&canary.key, &canary.content);
        let ran = world.ok(&["inspect", "-s", "one", "--json", &canary.key]);
        let record = &ran.json()[0];
        assert_eq!((&record["status"], &record["fileType"]), (&"SUCCESS".into(), &file_type.into()), "{record:#}");
    }
}
