//! `provisioner reconcile` and `reprocess` against the fake: files that were lost, doubled and altered on purpose. `e2e`
//! tests them with the real handler.

use std::process::Stdio;
use std::time::Duration;

use fake_aws::s3::Versioning;
use fake_aws::{Cut, Fault, Gate, Rule};
use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, Metadata, Record, Timestamp, Upload};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::deploy::Site;
use crate::world::Ran;

/// The time of every object of the fake.
const PUT: &str = "2026-11-22T12:00:00.000Z";

/// A deployed stack whose bucket keeps versions.
fn versioned() -> Site {
    let site = Site::new();
    write_stack_file(&site, "bucket:\n  versioning: true\n  keepOldVersions: 3650d\n");
    site.deployed();
    site.fake.state().s3.create_bucket(&Site::bucket()).versioning = Versioning::Enabled;
    site
}

fn write_stack_file(site: &Site, more: &str) {
    let file = format!("name: {}\nregion: {}\ndata: delete\n{more}", crate::deploy::STACK, fake_aws::REGION);
    std::fs::write(site.folder.path().join("shop.yaml"), file).unwrap();
}

/// Puts a file. Returns its upload, as its event would report it.
fn put(site: &Site, key: &str) -> Upload {
    let mut state = site.fake.state();
    let e_tag = state.s3.put(&Site::bucket(), key, crate::deploy::TEN_BYTES);
    let version = state.s3.create_bucket(&Site::bucket()).object(key).unwrap().version;
    Upload {
        bucket: Site::bucket(),
        key: key.to_owned(),
        version_id: Some(version).filter(|version| version != "null"),
        e_tag: Some(e_tag),
        sequencer: Some("01".into()),
        size: Some(10),
        uploaded_at: Timestamp::parse(PUT).unwrap(),
    }
}

fn record(upload: &Upload) -> Record {
    let findings = Findings {
        file_type: Some("text/plain".into()),
        file_size: 10,
        sha256: None,
        metadata: Metadata::default(),
        failure: None,
    };
    Record::new(upload, findings, upload.uploaded_at.clone(), "0.1.0")
}

fn put_record(site: &Site, record: &Record) {
    let item = crate::service::item(record);
    site.fake.state().dynamodb.put(&Site::table(), item);
}

/// The events of a command with `--json`, by name.
fn events<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The kind and key of each finding.
fn findings(ran: &Ran) -> Vec<String> {
    let lines = lines(ran);
    let found = events(&lines, "finding");
    found.iter().map(|finding| format!("{} {}", text(finding, "kind"), text(finding, "key"))).collect()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn answer(site: &Site, outcome: &str) {
    site.fake.state().lambda.answer = json!({ "files": [{ "documentId": "d", "outcome": outcome }] });
}

#[test]
fn what_was_lost_doubled_and_altered_on_purpose_is_found() {
    let site = versioned();
    // In agreement, as are a folder and a test file.
    for key in ["good.txt", "name with\nnew line \u{1F980}.txt"] {
        put_record(&site, &record(&put(&site, key)));
    }
    site.fake.state().s3.put(&Site::bucket(), "folder/", "");
    put(&site, "provisioner-verify-1.txt");
    site.run(&["reconcile"]).ended(0).says("Bucket and table agree: 2 files, 2 records");

    put(&site, "lost.txt");
    let doubled = record(&put(&site, "doubled.txt"));
    put_record(&site, &doubled);
    put_record(&site, &doubled.clone().identified_by(put(&site, "other").document_id()));
    put_record(&site, &record(&put(&site, "other")));
    let altered = record(&put(&site, "altered.txt"));
    put_record(&site, &Record { file_size: 11, ..altered });
    let gone = put(&site, "gone.txt");
    put_record(&site, &record(&gone));
    let version = gone.version_id.clone().unwrap();
    site.fake.state().s3.create_bucket(&Site::bucket()).delete_version("gone.txt", &version);
    // Deleted as users delete, and its version expired: not a finding.
    let deleted = put(&site, "deleted.txt");
    put_record(&site, &record(&deleted));
    site.fake.state().s3.delete(&Site::bucket(), "deleted.txt");
    let version = deleted.version_id.clone().unwrap();
    site.fake.state().s3.create_bucket(&Site::bucket()).delete_version("deleted.txt", &version);

    let found = site.run(&["reconcile", "--json"]);
    found.ended(12);
    assert_eq!(
        findings(&found),
        [
            "other-content altered.txt",
            "doubled doubled.txt",
            "record-without-file gone.txt",
            "file-without-record lost.txt",
            // The first of the two versions of this key has no record.
            "file-without-record other"
        ]
    );
    let text = site.run(&["reconcile"]);
    text.ended(12)
        .says("no record      lost.txt")
        .says("doubled        doubled.txt")
        .says("reconcile --fix -s shop.yaml");
    text.says("1 record of deleted, expired or overwritten files");
    assert_eq!(site.fake.count("lambda:Invoke"), 0);
}

#[test]
fn files_without_a_record_are_sent_after_a_confirmation() {
    let site = Site::new();
    site.deployed();
    put_record(&site, &record(&put(&site, "good.txt")));
    let lost = put(&site, "a b/l\u{e4}st.txt");
    site.run(&["reconcile", "--fix"]).ended(5).says("Send 1 file to shop-handler?");
    assert_eq!(site.fake.count("lambda:Invoke"), 0);

    answer(&site, "stored");
    let fixed = site.run(&["reconcile", "--fix", "--yes", "--json"]);
    fixed.ended(0);
    let lines = lines(&fixed);
    let replayed = events(&lines, "replayed");
    assert_eq!((replayed.len(), text(replayed[0], "outcome")), (1, "stored".to_owned()));
    assert_eq!(events(&lines, "reconcile-done")[0]["left"], 0);
    let invocation = site.fake.state().lambda.invocations[0].clone();
    assert_eq!((invocation.kind.as_str(), invocation.function.as_str()), ("RequestResponse", "shop-handler"));
    assert_eq!(invocation.payload["origin"], "reconcile");
    let event = &invocation.payload["requestPayload"]["Records"][0];
    assert_eq!(event["provisionerRequest"], json!({ "purpose": "missing" }));
    assert_eq!(event["s3"]["object"], json!({ "key": "a%20b%2Fl%C3%A4st%2Etxt", "eTag": lost.e_tag, "size": 10 }));
    assert_eq!(event["eventTime"], PUT);
}

#[test]
fn what_is_not_fixed_is_left() {
    let site = Site::new();
    site.deployed();
    put(&site, "lost.txt");
    for (outcome, code) in [("stored", 0), ("rejected", 0), ("duplicate", 0), ("ignored", 0), ("unreadable", 12)] {
        answer(&site, outcome);
        site.run(&["reconcile", "--fix", "--yes"]).ended(code);
    }
    site.fake.state().lambda.answer = json!("not an answer");
    site.run(&["reconcile", "--fix", "--yes"]).ended(12).says("the function answered").says("1 not processed");
    // A function that cannot be invoked is the failure of the command.
    site.fake.inject(Rule::on("lambda:Invoke", Fault::error(403, "AccessDeniedException", "no")).always());
    site.run(&["reconcile", "--fix", "--yes"]).ended(4).says("invoke the function");
}

#[test]
fn a_function_that_does_not_answer_is_not_called_for_every_file() {
    let site = Site::new();
    site.deployed();
    let keys = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"];
    for key in keys {
        put_record(&site, &record(&put(&site, key)));
    }
    answer(&site, "stored");
    // The second, the third and the fifth call: three, but not in a row.
    site.fake.fail("lambda:Invoke", (1, 2), Fault::NoAnswer(Cut::Close));
    site.fake.fail("lambda:Invoke", (2, 1), Fault::NoAnswer(Cut::Close));
    site.run(&["reprocess", "--all", "--yes", "--parallel", "1"]).ended(8).says("3 files could not be processed");
    assert_eq!(site.fake.state().lambda.invocations.len(), 2);

    site.fake.forget_calls();
    site.fake.inject(Rule::on("lambda:Invoke", Fault::NoAnswer(Cut::Close)).always());
    let ran = site.run(&["reprocess", "--all", "--yes", "--parallel", "1"]);
    ran.ended(1).says("the function does not answer").says("Run the same command again");
    assert_eq!(site.fake.count("lambda:Invoke"), 3);
    site.run(&["reprocess", "a.txt", "b.txt", "c.txt", "--yes"]).ended(8).says("3 files could not be processed");
}

#[test]
fn an_interrupted_run_is_continued_and_a_stale_one_refused() {
    let site = Site::new();
    site.deployed();
    for key in ["a.txt", "b.txt", "c.txt"] {
        put(&site, key);
    }
    let gate = Gate::new();
    site.fake.inject(Rule::on("dynamodb:Scan", Fault::Held(gate.clone())));
    let interrupt = || {
        site.fake.forget_calls();
        let mut command = site.command(&["reconcile"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        site.fake.wait_for("dynamodb:Scan", 1);
        let process = Pid::from_child(&child);
        kill_process(process, Signal::INT).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        ran.ended(130).says("3 versions and 0 records were read").says("the same command continues there");
    };
    interrupt();
    gate.open();
    // The bucket is not listed again.
    site.fake.forget_calls();
    let continued = site.run(&["reconcile", "--json"]);
    continued.ended(12);
    assert_eq!(findings(&continued).len(), 3);
    assert_eq!(events(&lines(&continued), "resumed")[0]["listed"], 3);
    assert_eq!(site.fake.count("s3:ListObjectVersions"), 0);
    // A finished run leaves nothing to continue.
    let next = site.run(&["reconcile", "--json"]);
    assert!(events(&lines(&next), "resumed").is_empty());

    let gate = Gate::new();
    site.fake.inject(Rule::on("dynamodb:Scan", Fault::Held(gate.clone())));
    interrupt();
    gate.open();
    write_stack_file(&site, "bucket:\n  prefix: in/\n");
    site.run(&["reconcile"]).ended(5).says("compared another bucket, prefix").says("reconcile --restart -s shop.yaml");
    site.run(&["reconcile", "--restart"]).ended(0);
}

#[test]
fn a_fix_that_is_declined_or_fails_leaves_nothing_to_continue() {
    let denied = || Rule::on("lambda:Invoke", Fault::error(403, "AccessDeniedException", "no"));
    for (arguments, code) in [(&["--fix"][..], 5), (&["--fix", "--yes"], 4)] {
        let site = Site::new();
        site.deployed();
        put(&site, "before.txt");
        site.fake.inject(denied());
        site.run(&[&["reconcile"], arguments].concat()).ended(code);
        // The comparison is complete, and its result is kept.
        let status = site.run(&["status", "--json"]).json();
        assert_eq!(status["files"]["lastReconcile"]["counts"]["missing"], 1, "{arguments:?}: {status:#}");

        put(&site, "later.txt");
        let next = site.run(&["reconcile", "--json"]);
        next.ended(12);
        assert!(events(&lines(&next), "resumed").is_empty(), "{arguments:?}");
        assert_eq!(
            findings(&next),
            ["file-without-record before.txt", "file-without-record later.txt"],
            "{arguments:?}"
        );
    }
}

#[test]
fn files_that_are_too_new_are_named_with_what_to_do() {
    let site = Site::with_file("new.txt", 10);
    // Newer than every event, whatever the time of this machine is.
    site.fake.advance(Duration::from_hours(100 * 365 * 24));
    site.run(&["put", "new.txt"]).ended(0);
    for (arguments, age, expected, other) in [
        (&["reconcile"][..], 23_400, "(--now includes it)", "run the same command"),
        (&["reconcile", "--now"], 120, "(run the same command again after 2 minutes)", "--now"),
    ] {
        let ran = site.run(arguments);
        ran.ended(0).says("1 file without a record so new that its event may still arrive").says(expected);
        assert!(!ran.out.contains(other) && !ran.err.contains(other), "{ran:#?}");
        let ran = site.run(&[arguments, &["--json"]].concat());
        let lines = lines(&ran);
        let compared = events(&lines, "compared")[0];
        assert_eq!((&compared["pending"], &compared["pendingAge"]), (&json!(1), &json!(age)), "{compared}");
    }
    // What is named as the next command processes the files that this one found.
    put(&site, "old.txt");
    for (arguments, next) in [
        (&["reconcile"][..], "provisioner reconcile --fix -s"),
        (&["reconcile", "--now"], "provisioner reconcile --fix --now -s"),
    ] {
        site.run(arguments).ended(12).says(next);
    }
}

#[test]
fn a_stack_without_table_or_bucket_is_named() {
    let site = Site::new();
    site.run(&["reconcile"]).ended(1).says("has no table");
    site.deployed();
    site.fake.fail("s3:ListObjectVersions", (0, 1), (404, "NoSuchBucket", "no"));
    site.run(&["reconcile"]).ended(1).says("there is no bucket");
    site.fake.fail("s3:ListObjectVersions", (0, 1), (403, "AccessDenied", "no"));
    site.run(&["reconcile"]).ended(4).says("list the versions of the bucket");
}

#[test]
fn chosen_files_are_processed_again() {
    let site = Site::new();
    site.deployed();
    let pdf = Record { file_type: "application/pdf".into(), ..record(&put(&site, "a.pdf")) };
    let old = Record { handler_version: "0.0.9".into(), ..record(&put(&site, "old.txt")) };
    let large = put(&site, "large.txt");
    let failure = Failure::new(ErrorCode::FileTooLarge, "too large");
    let refused = Record::new(&large, Findings::unread(10, failure), large.uploaded_at.clone(), "0.1.0");
    for record in [&pdf, &old, &refused] {
        put_record(&site, record);
    }
    answer(&site, "stored");

    for (arguments, expected) in [
        (&["--type", "application/pdf"][..], vec!["a.pdf"]),
        (&["--handler-version", "0.0.9"], vec!["old.txt"]),
        (&["--code", "file_too_large"], vec!["large.txt"]),
        (&["a.pdf", "old.txt"], vec!["a.pdf", "old.txt"]),
        (&["--since", "2026-11-22", "--until", "2026-11-23", "--type", "text/plain"], vec!["old.txt"]),
        (&["--since", "2026-11-23"], vec![]),
        (&["--all"], vec!["a.pdf", "large.txt", "old.txt"]),
    ] {
        let ran = site.run(&[&["reprocess", "--yes", "--json"], arguments].concat());
        ran.ended(0);
        let lines = lines(&ran);
        let mut keys: Vec<_> = events(&lines, "replayed").iter().map(|event| text(event, "key")).collect();
        keys.sort();
        assert_eq!(keys, expected, "{arguments:?}");
    }
    let invocations = site.fake.state().lambda.invocations.clone();
    assert_eq!(invocations[0].payload["origin"], "reprocess");
    let event = &invocations[0].payload["requestPayload"]["Records"][0];
    assert_eq!(event["provisionerRequest"]["purpose"], "reprocess");
    assert_eq!(event["provisionerRequest"]["documentId"], pdf.document_id.as_str());
    assert_eq!(event["s3"]["object"]["sequencer"], "01");
    assert_eq!(event["s3"]["object"]["key"], "a%2Epdf");

    let counted = site.run(&["reprocess", "--all", "--dry-run"]);
    counted.ended(0).says("3 files selected");
    site.run(&["reprocess", "--all"]).ended(5).says("Process 3 files again?");
    assert_eq!(site.fake.state().lambda.invocations.len(), invocations.len());

    answer(&site, "duplicate");
    site.run(&["reprocess", "a.pdf", "--yes"])
        .ended(0)
        .says("No record was replaced")
        .says("provisioner up -s shop.yaml");
    site.fake.state().lambda.answer = Value::Null;
    site.run(&["reprocess", "a.pdf", "--yes"]).ended(8).says("1 file could not be processed");
}

#[test]
fn reprocess_requires_a_selection_that_is_valid() {
    let site = Site::new();
    for (arguments, message) in [
        (&[][..], "required"),
        (&["--code", "NONE"], "is not an error code"),
        (&["--since", "1h", "--until", "2h"], "is not before --until"),
        (&["--type", "pdf"], "pdf"),
    ] {
        site.run(&[&["reprocess"], arguments].concat()).ended(2).says(message);
    }
    assert_eq!(site.fake.calls().len(), 0);
}

#[test]
fn status_counts_files_without_a_record() {
    let site = Site::new();
    site.deployed();
    let lost = put(&site, "lost.txt");
    put_record(&site, &record(&put(&site, "good.txt")));
    let status = site.run(&["status", "--check"]);
    status.ended(11).says("1 file has no record").says("1 of the newest without a record: lost.txt");
    status.says("reconcile --fix -s shop.yaml").says("never compared with the table");

    // The result of `reconcile` is kept for everyone who manages the stack.
    site.run(&["reconcile"]).ended(12);
    put_record(&site, &record(&lost));
    let after = site.run(&["status", "--check", "--json"]);
    after.ended(11);
    let document: Value = serde_json::from_str(&after.out).unwrap();
    assert_eq!(document["files"]["lastReconcile"]["counts"]["missing"], 1);
    assert_eq!(document["files"]["newest"], json!({ "checked": 2, "withoutRecord": 0, "keys": [], "partial": false }));
    site.run(&["reconcile"]).ended(0);
    site.run(&["status", "--check"]).ended(0).says("the newest 2 with a record; 2 files compared on 20");

    // A result that cannot be saved does not change the result.
    site.fake.inject(Rule::on("s3:PutObject", Fault::error(403, "AccessDenied", "no")).always());
    site.run(&["reconcile"]).ended(0).says("The result could not be saved");
}

#[test]
fn up_offers_to_process_what_a_bucket_held_before() {
    let site = Site::with("keep");
    site.deployed();
    put(&site, "before.txt");
    put_record(&site, &record(&put(&site, "known.txt")));
    site.run(&["down", "--yes"]).ended(0);
    // Where nobody can be asked, the command is named.
    let up = site.up();
    up.ended(0).says("holds 1 file without a record").says("provisioner reconcile --fix --now -s shop.yaml");
    assert_eq!(site.fake.count("lambda:Invoke"), 0);

    site.run(&["down", "--yes"]).ended(0);
    answer(&site, "stored");
    let up = site.on_terminal(&["up", "--yes", "--handler", "bootstrap"], 100);
    up.wait_for("Process them now? [y/N]");
    up.press("y\r");
    up.end().ended(0).says("every finding is fixed");
    assert_eq!(site.fake.count("lambda:Invoke"), 1);

    site.run(&["down", "--yes"]).ended(0);
    let up = site.on_terminal(&["up", "--yes", "--handler", "bootstrap"], 100);
    up.wait_for("Process them now? [y/N]");
    up.press("n\r");
    up.end().ended(0).says("stay without a record");
    // An update of a stack that listens asks nothing.
    site.build_handler(2);
    site.fake.forget_calls();
    site.up().ended(0);
    let listings = site.fake.calls_of("s3:ListObjectVersions");
    assert!(listings.iter().all(|call| call.request.segment(0) != Site::bucket()));
}

#[test]
fn many_objects_are_compared_in_bounded_memory() {
    const OBJECTS: u64 = 60_000;
    let site = Site::new();
    {
        let mut state = site.fake.state();
        state.s3.create_bucket(&Site::bucket()).synthesize(OBJECTS, |number| fake_aws::s3::SyntheticObject {
            key: format!("{number:06}"),
            size: 10,
            e_tag: format!("{number:x}"),
        });
        let table = state.dynamodb.create_table(&Site::table(), handler_contract::table::PARTITION_KEY);
        // In another order than the bucket's, as DynamoDB returns them.
        let make = |number: u64| {
            let number = number * 7_919 % (OBJECTS - 1);
            let upload = Upload {
                bucket: Site::bucket(),
                key: format!("{number:06}"),
                version_id: None,
                e_tag: Some(format!("{number:x}")),
                sequencer: Some("01".into()),
                size: Some(10),
                uploaded_at: Timestamp::parse(PUT).unwrap(),
            };
            crate::service::item(&record(&upload))
        };
        table.synthesize(OBJECTS - 1, make, |_| None);
    }
    // Its last call, which writes the result, is answered when its peak was read.
    let gate = Gate::new();
    site.fake.inject(Rule::on("s3:PutObject", Fault::Held(gate.clone())));
    let mut command = site.command(&["reconcile", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let process = child.id();
    site.fake.wait_for("s3:PutObject", 1);
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    gate.open();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 100 << 10, "{peak} KiB");
    let ran = Ran::of(&child.wait_with_output().unwrap());
    ran.ended(12);
    assert_eq!(findings(&ran), [format!("file-without-record {:06}", OBJECTS - 1)]);
}
