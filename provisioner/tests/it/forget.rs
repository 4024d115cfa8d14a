//! `provisioner forget` against the fake.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use fake_aws::{Fault, Gate, Rule, Visible};
use handler_contract::{Timestamp, Upload, table};
use serde_json::{Value, json};

use crate::deploy::{Site, TEN_BYTES};
use crate::world::Ran;

const KEY: &str = "in/a.txt";

/// Puts the index entry of a record, which is all that `forget` reads.
fn put_record(site: &Site, key: &str, n: u32) {
    put_record_of(site, key, n, "2026-11-22T12:00:00.000Z");
}

/// The same, of a file that was put at this time.
fn put_record_of(site: &Site, key: &str, n: u32, uploaded_at: &str) {
    let upload = Upload {
        bucket: Site::bucket(),
        key: key.into(),
        version_id: None,
        e_tag: None,
        sequencer: Some(n.to_string()),
        size: None,
        uploaded_at: Timestamp::parse("2026-11-22T12:00:00Z").unwrap(),
    };
    let id = upload.document_id();
    let text = |text: &str| json!({ "S": text });
    let item = json!({
        "documentId": text(&id.to_string()),
        "uploadedAt": text(uploaded_at),
        "fileName": text("a.txt"),
        "fileType": text("text/plain"),
        "fileSize": { "N": "10" },
        "status": text("SUCCESS"),
        "objectKey": text(key),
        "objectShard": text(&table::object_shard(&Site::bucket(), key, id)),
    });
    site.fake.state().dynamodb.put(&Site::table(), item);
}

/// A multipart upload without a part.
fn upload(key: &str) -> fake_aws::s3::Upload {
    fake_aws::s3::Upload {
        key: key.to_owned(),
        parts: BTreeMap::new(),
        content_type: None,
        content_encoding: None,
        metadata: BTreeMap::new(),
    }
}

/// A stack with versions, which keeps `versions` versions and records of the key, and one of another.
fn site(versions: u32) -> Site {
    let site = Site::new();
    let path = site.folder.path().join("shop.yaml");
    let file = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{file}bucket: {{versioning: true}}\ntable: {{pointInTimeRecovery: true}}\n"))
        .unwrap();
    site.deployed();
    for n in 0..versions {
        site.fake.state().s3.put(&Site::bucket(), KEY, TEN_BYTES);
        put_record(&site, KEY, n);
    }
    site.fake.state().s3.put(&Site::bucket(), "in/a.txt.bak", TEN_BYTES);
    put_record(&site, "in/a.txt.bak", 1_000);
    site
}

fn keys_of_records(site: &Site) -> Vec<Value> {
    site.fake.state().dynamodb.items(&Site::table()).iter().map(|item| item["objectKey"]["S"].clone()).collect()
}

/// Asserts that the file is gone and the other one is not.
#[track_caller]
fn is_forgotten(site: &Site) {
    assert_eq!(keys_of_records(site), [json!("in/a.txt.bak")]);
    let state = site.fake.state();
    assert!(!state.s3.has(&Site::bucket(), KEY) && state.s3.has(&Site::bucket(), "in/a.txt.bak"));
}

#[test]
fn all_versions_and_records_of_one_key_go_and_what_remains_is_said() {
    let site = site(3);
    site.run(&["forget", KEY]).ended(5).says("--yes");
    assert_eq!(keys_of_records(&site).len(), 4, "nothing is deleted without confirmation");
    let object = json!({ "key": KEY, "sequencer": "01" });
    let event = json!({ "Records": [{ "s3": { "bucket": { "name": Site::bucket() }, "object": object } }] });
    site.fake.state().sqs.send("shop-failed-events", &json!({ "requestPayload": event }).to_string());

    let ran = site.run(&["forget", KEY, "--yes"]);
    ran.ended(0)
        .says("3 versions, 3 records deleted")
        .says("log lines with its name and key, until 14 days")
        .says("1 failed event in the queue. Delete with: provisioner redrive -s shop.yaml")
        .says("backups, for at most 35 days");
    is_forgotten(&site);

    let again = site.run(&["forget", KEY, "--yes", "--json"]);
    let again = again.ended(0).json();
    assert_eq!((&again["versions"], &again["records"]), (&json!(0), &json!(0)), "{again}");
    // With nothing to delete, nothing is asked.
    site.run(&["forget", KEY]).ended(0).says("neither a version nor a record");
}

#[test]
fn records_go_even_where_the_index_lags() {
    let site = site(2);
    site.fake.lag("dynamodb:Query", Visible::AfterReads(20));
    site.run(&["forget", KEY, "--yes"]).ended(0).says("2 records deleted");
    is_forgotten(&site);
}

#[test]
fn an_interrupted_run_is_finished_by_the_next_one() {
    for (call, after) in
        [("s3:ListObjectVersions", 0), ("s3:DeleteObject", 1), ("dynamodb:DeleteItem", 0), ("dynamodb:DeleteItem", 1)]
    {
        let site = site(3);
        let gate = Gate::new();
        site.fake.inject(Rule::on(call, Fault::Held(gate.clone())).after(after));
        let mut command = site.command(&["forget", KEY, "--yes"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        site.fake.wait_for(call, after + 1);
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        gate.open();
        // As long as a version is there, its record is too: the file stays findable.
        let records = keys_of_records(&site).len();
        assert!(!site.fake.state().s3.has(&Site::bucket(), KEY) || records == 4, "{call}: {records}");
        ran.ended(130).says("it deletes what is left");
        site.run(&["forget", KEY, "--yes"]).ended(0);
        is_forgotten(&site);
    }
}

#[test]
fn all_pages_of_versions_are_counted() {
    // A page of a listing has at most 1,000 versions.
    let site = site(2_001);
    site.run(&["forget", KEY]).ended(5).says("2,001 versions and 2,001 records");
}

#[test]
fn a_denied_deletion_keeps_the_record() {
    let site = site(1);
    let denied = Rule::on("s3:DeleteObject", Fault::error(403, "AccessDenied", "not you"));
    site.fake.inject(denied.always());
    site.run(&["forget", KEY, "--yes"]).ended(4).says("not you");
    assert_eq!(keys_of_records(&site).len(), 2, "the record stays as long as its object");
}

#[test]
fn a_record_that_is_written_before_the_deletion_is_deleted_too() {
    let site = site(0);
    site.fake.state().s3.put(&Site::bucket(), KEY, TEN_BYTES);
    let forget = site.on_terminal(&["forget", KEY], 100);
    forget.wait_for("1 version and 0 records?");
    put_record(&site, KEY, 0);
    forget.press("y\r");
    forget.end().ended(0).says("1 version, 1 record deleted");
    is_forgotten(&site);
}

#[test]
fn a_key_that_is_written_again_and_again_is_reported() {
    // The number of times that the key is written again after its deletion, and whether the last pass finds nothing.
    for (call, times, ends) in [
        ("s3:DeleteObject", 4, true),
        ("s3:DeleteObject", 5, false),
        ("dynamodb:DeleteItem", 4, true),
        ("dynamodb:DeleteItem", 5, false),
    ] {
        let site = site(1);
        let gates: Vec<Gate> = (0..times).map(|_| Gate::new()).collect();
        for gate in &gates {
            site.fake.inject(Rule::on(call, Fault::Held(gate.clone())));
        }
        let mut command = site.command(&["forget", KEY, "--yes"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        for (n, gate) in (1..).zip(&gates) {
            site.fake.wait_for(call, usize::try_from(n).unwrap());
            if call == "s3:DeleteObject" {
                site.fake.state().s3.put(&Site::bucket(), KEY, TEN_BYTES);
            } else {
                put_record(&site, KEY, n);
            }
            gate.open();
        }
        let ran = Ran::of(&child.wait_with_output().unwrap());
        if ends {
            ran.ended(0);
        } else {
            ran.ended(7)
                .says("was put or processed again while it was deleted")
                .says("Stop the program that uploads it");
        }
        site.run(&["forget", KEY, "--yes"]).ended(0);
        is_forgotten(&site);
    }
}

#[test]
fn incomplete_uploads_are_aborted_after_the_question() {
    let site = site(0);
    site.fake.state().s3.create_bucket(&Site::bucket()).uploads.insert("u".into(), upload(KEY));
    site.fake.state().s3.create_bucket(&Site::bucket()).uploads.insert("v".into(), upload("in/a.txt.bak"));
    let open = || site.fake.state().s3.buckets[&Site::bucket()].uploads.keys().cloned().collect::<Vec<_>>();
    site.run(&["forget", KEY]).ended(5).says("0 versions, 1 incomplete upload and 0 records");
    assert_eq!(open(), ["u", "v"], "nothing is aborted without confirmation");
    site.run(&["forget", KEY, "--yes"]).ended(0);
    assert_eq!(open(), ["v"]);
}

#[test]
fn a_file_that_may_be_in_process_is_named_among_what_remains() {
    for (records, is_named) in [(0, true), (1, false)] {
        let site = site(0);
        // Not older than an event, whatever the time of this machine is.
        site.fake.advance(Duration::from_hours(100 * 365 * 24));
        std::fs::write(site.folder.path().join("a.txt"), TEN_BYTES).unwrap();
        site.run(&["put", "a.txt", "--prefix", "in"]).ended(0);
        for n in 0..records {
            put_record_of(&site, KEY, n, "2126-11-22T12:00:00.000Z");
        }
        let ran = site.run(&["forget", KEY, "--yes"]);
        ran.ended(0);
        let expected = "if the function was processing the file meanwhile";
        assert_eq!(ran.out.replace("\n    ", " ").contains(expected), is_named, "{ran:#?}");
    }
}
