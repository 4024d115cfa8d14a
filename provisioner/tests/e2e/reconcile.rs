//! Files that were lost, doubled and altered on purpose are found and fixed, and processed again under new limits, by the
//! deployed handler.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::rig::Rig;

const TABLE: &str = "local-records";
const BUCKET: &str = "local-uploads-000000000000-us-east-1-an";

/// A call of `DynamoDB` on the emulator.
fn dynamodb(rig: &Rig, action: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", rig.port())).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.{action}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        rig.port(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{action}: {answer}");
    serde_json::from_str(body).unwrap_or_default()
}

/// Puts a changed copy of a record into the table.
fn put_changed(rig: &Rig, record: &Value, attribute: &str, value: Value) {
    let key = json!({ "documentId": { "S": record["documentId"] } });
    let mut item = dynamodb(rig, "GetItem", &json!({ "TableName": TABLE, "Key": key }))["Item"].take();
    item[attribute] = value;
    dynamodb(rig, "PutItem", &json!({ "TableName": TABLE, "Item": item }));
}

/// From now on, the bucket reports no uploads.
fn disable_notifications(rig: &Rig) {
    rig.ask(async |sdk| {
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build());
        let nothing = aws_sdk_s3::types::NotificationConfiguration::builder().build();
        s3.put_bucket_notification_configuration()
            .bucket(BUCKET)
            .notification_configuration(nothing)
            .send()
            .await
            .unwrap();
    });
}

/// The event of a record's upload as S3 would deliver it late. The sequencer is made up if the record has none.
fn late_event(record: &Value, uploaded_at: &str) -> Value {
    let sequencer =
        if record["sequencer"].is_null() { json!("0055AED6DCD90281E5") } else { record["sequencer"].clone() };
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": uploaded_at,
        "s3": { "bucket": { "name": record["bucket"] }, "object": {
            "key": record["objectKey"], "size": record["fileSize"], "eTag": record["eTag"],
            "versionId": record["versionId"], "sequencer": sequencer,
        }},
    }]})
}

fn record(rig: &Rig, key: &str) -> Value {
    let records = rig.records();
    let mut found = records.into_iter().filter(|record| record["objectKey"] == key);
    let record = found.next().unwrap_or_else(|| panic!("{key} has no record"));
    assert!(found.next().is_none(), "{key} has two records");
    record
}

/// Kind and key of each finding.
fn findings(rig: &Rig, more: &[&str], code: i32) -> Vec<String> {
    let ran = rig.run(&[&["reconcile", "--json"], more].concat()).expect(code);
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = lines.filter(|line| line["event"] == "finding");
    found.map(|line| format!("{} {}", line["kind"].as_str().unwrap(), line["key"].as_str().unwrap())).collect()
}

#[test]
fn files_that_were_lost_doubled_and_altered_are_found_and_the_lost_ones_fixed() {
    let rig = Rig::up(&[("bucket.versioning", "true")]);
    for name in ["good.txt", "doubled.txt", "altered.txt"] {
        rig.run(&["put", &rig.file(name, format!("words in {name}")), "--wait"]).expect(0);
    }
    assert_eq!(findings(&rig, &[], 0), [""; 0]);
    let altered = record(&rig, "altered.txt");
    put_changed(&rig, &altered, "fileSize", json!({ "N": "99" }));
    put_changed(
        &rig,
        &record(&rig, "doubled.txt"),
        "documentId",
        json!({ "S": "00000000-0000-5000-8000-000000000000" }),
    );
    disable_notifications(&rig);
    rig.run(&["put", &rig.file("lost.txt", "four words in here"), "--yes"]).expect(0);

    // The event of a new file may still arrive.
    assert_eq!(findings(&rig, &[], 12), ["other-content altered.txt", "doubled doubled.txt"]);
    let all = ["other-content altered.txt", "doubled doubled.txt", "file-without-record lost.txt"];
    assert_eq!(findings(&rig, &["--now"], 12), all);
    assert_eq!(findings(&rig, &["--now", "--fix", "--yes"], 12), all);
    let fixed = record(&rig, "lost.txt");
    assert_eq!((&fixed["status"], &fixed["wordCount"]), (&json!("SUCCESS"), &json!(4)));
    assert_eq!(findings(&rig, &["--now"], 12), all[..2]);

    // The event of S3, hours later, finds this record.
    let answer = rig.invoke("local-handler", &late_event(&fixed, "2026-01-01T00:00:00.000Z"));
    assert_eq!(answer["files"][0], json!({ "documentId": fixed["documentId"], "outcome": "duplicate" }));
    assert_eq!(record(&rig, "lost.txt"), fixed);
}

#[test]
fn without_versions_too_a_late_event_and_a_listing_give_one_record() {
    let rig = Rig::up(&[]);
    rig.run(&["put", &rig.file("good.txt", "some words"), "--wait"]).expect(0);
    disable_notifications(&rig);
    rig.run(&["put", &rig.file("lost.txt", "four words in here"), "--yes"]).expect(0);
    // For two minutes its event might be processed as one in time.
    assert_eq!(findings(&rig, &["--now"], 0), [""; 0]);

    let listed = rig.ask(async |sdk| {
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build());
        s3.list_objects_v2().bucket(BUCKET).prefix("lost.txt").send().await.unwrap().contents()[0].clone()
    });
    let upload = json!({ "bucket": BUCKET, "objectKey": "lost.txt", "fileSize": listed.size(),
        "eTag": listed.e_tag().unwrap().trim_matches('"') });
    let mut from_listing = late_event(&upload, "2026-01-01T00:00:00.000Z");
    from_listing["Records"][0]["s3"]["object"].as_object_mut().unwrap().remove("sequencer");
    from_listing["Records"][0]["provisionerRequest"] = json!({ "purpose": "missing" });
    let late = late_event(&upload, "2026-01-01T00:00:01.000Z");
    for (event, outcome) in [(&from_listing, "stored"), (&late, "duplicate"), (&from_listing, "duplicate")] {
        assert_eq!(rig.invoke("local-handler", event)["files"][0]["outcome"], outcome);
    }
    assert_eq!(record(&rig, "lost.txt")["wordCount"], 4);
    // The event of a record from before is late, too, and finds it.
    let good = record(&rig, "good.txt");
    let answer = rig.invoke("local-handler", &late_event(&good, "2026-01-01T00:00:00.000Z"));
    assert_eq!(answer["files"][0], json!({ "documentId": good["documentId"], "outcome": "duplicate" }));
    assert_eq!(rig.records().len(), 2);
}

#[test]
fn files_are_processed_again_under_other_limits_and_only_by_later_runs() {
    let rig = Rig::up(&[]);
    rig.run(&["put", &rig.file("a.txt", "four words in here"), "--wait"]).expect(0);
    let first = record(&rig, "a.txt");
    rig.change("files.maxSize", "10 B");
    rig.run(&["up", "--yes", "--no-verify"]).expect(0);
    rig.run(&["reprocess", "a.txt", "--yes"]).expect(0);
    let refused = record(&rig, "a.txt");
    assert_eq!((&refused["errorCode"], &refused["documentId"]), (&json!("FILE_TOO_LARGE"), &first["documentId"]));

    rig.change("files.maxSize", "1 MiB");
    rig.run(&["up", "--yes", "--no-verify"]).expect(0);
    // Neither the event of S3 nor an earlier run replaces the record.
    let mut earlier = late_event(&first, first["uploadedAt"].as_str().unwrap());
    assert_eq!(rig.invoke("local-handler", &earlier)["files"][0]["outcome"], "duplicate");
    earlier["Records"][0]["provisionerRequest"] = json!({
        "purpose": "reprocess", "documentId": first["documentId"], "requestedAt": first["processedAt"],
    });
    assert_eq!(rig.invoke("local-handler", &earlier)["files"][0]["outcome"], "duplicate");
    assert_eq!(record(&rig, "a.txt"), refused);
    rig.run(&["reprocess", "--code", "FILE_TOO_LARGE", "--yes"]).expect(0);
    let again = record(&rig, "a.txt");
    assert_eq!((&again["status"], &again["wordCount"]), (&json!("SUCCESS"), &json!(4)));
    assert!(again["reprocessedAt"].as_str() > refused["reprocessedAt"].as_str());
}
