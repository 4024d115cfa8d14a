//! `provisioner forget` against the fake.

use std::process::Stdio;

use fake_aws::{Fault, Gate, Rule, Visible};
use handler_contract::{Timestamp, Upload, table};
use serde_json::{Value, json};

use crate::deploy::{Site, TEN_BYTES};
use crate::world::Ran;

const KEY: &str = "in/a.txt";

/// Puts the index entry of a record, which is all that `forget` reads.
fn put_record(site: &Site, key: &str, n: u32) {
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
        "uploadedAt": text("2026-11-22T12:00:00.000Z"),
        "fileName": text("a.txt"),
        "fileType": text("text/plain"),
        "fileSize": { "N": "10" },
        "status": text("SUCCESS"),
        "objectKey": text(key),
        "objectShard": text(&table::object_shard(&Site::bucket(), key, id)),
    });
    site.fake.state().dynamodb.put(&Site::table(), item);
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
fn a_key_that_is_put_again_and_again_is_reported() {
    let site = site(1);
    let denied = Rule::on("s3:DeleteObject", Fault::error(403, "AccessDenied", "not you"));
    site.fake.inject(denied.always());
    site.run(&["forget", KEY, "--yes"]).ended(4).says("not you");
    assert_eq!(keys_of_records(&site).len(), 2, "the record stays as long as its object");
}
