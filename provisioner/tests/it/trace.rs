//! `provisioner show` and `provisioner trace` against the fake.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fake_aws::{Fault, REGION, Rule};
use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, Metadata, Record, Timestamp, Upload};
use serde_json::{Value, json};

use crate::deploy::{STACK, Site, TEN_BYTES};

const QUEUE: &str = "shop-failed-events";

/// The start of the fake's clock: 2026-11-22T12:00:00Z.
fn start() -> i64 {
    Timestamp::parse("2026-11-22T12:00:00Z").unwrap().unix_millis()
}

fn upload(key: &str, sequencer: &str) -> Upload {
    Upload {
        bucket: Site::bucket(),
        key: key.into(),
        version_id: None,
        e_tag: None,
        sequencer: Some(sequencer.into()),
        size: Some(10),
        uploaded_at: Timestamp::from_unix_millis(start() + 100).unwrap(),
    }
}

/// A record as the handler writes it.
fn record(key: &str, sequencer: &str, failure: Option<ErrorCode>) -> Record {
    let findings = Findings {
        file_type: Some("text/plain".into()),
        file_size: 10,
        sha256: Some("00".into()),
        metadata: Metadata { title: Some("a\u{1b}[2Jtitle".into()), ..Metadata::default() },
        failure: failure.map(|code| Failure::new(code, "why it failed")),
    };
    Record::new(&upload(key, sequencer), findings, Timestamp::from_unix_millis(start() + 300).unwrap(), "0.1.0")
}

fn put(site: &Site, record: &Record) {
    let item: serde_json::Map<String, Value> = serde_json::to_value(record)
        .unwrap()
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let value = if value.is_number() { json!({ "N": value.to_string() }) } else { json!({ "S": value }) };
            (name.clone(), value)
        })
        .collect();
    site.fake.state().dynamodb.put(&Site::table(), Value::Object(item));
}

fn log(site: &Site, time: i64, line: &Value) {
    site.fake.state().logs.log(&format!("/provisioner/{STACK}/handler"), start() + time, "stream", &line.to_string());
}

/// The handler's line about a file, and Lambda's about the invocation.
fn invoked(site: &Site, key: &str, sequencer: &str, request: &str, outcome: &str, time: i64) {
    let id = upload(key, sequencer).document_id();
    let at = |millis: i64| Timestamp::from_unix_millis(start() + millis).unwrap();
    log(
        site,
        time - 90,
        &json!({ "time": at(time - 90), "type": "platform.start", "record": { "requestId": request } }),
    );
    log(
        site,
        time,
        &json!({
            "timestamp": at(time), "level": if outcome == "retry" { "WARN" } else { "INFO" },
            "message": format!("File {key} {outcome}\u{1b}[2J"), "requestId": request, "bucket": Site::bucket(), "key": key,
            "documentId": id.to_string(), "outcome": outcome, "durationMs": 80,
        }),
    );
    let metrics = json!({ "durationMs": 85.0 });
    log(site, time + 1, &json!({ "type": "platform.report", "record": { "requestId": request, "metrics": metrics } }));
}

fn queued(site: &Site, key: &str, sequencer: &str, request: &str) {
    let object = json!({ "key": key, "sequencer": sequencer });
    let s3 = json!({ "bucket": { "name": Site::bucket() }, "object": object });
    let body = json!({
        "timestamp": Timestamp::from_unix_millis(start() + 200_000).unwrap(),
        "requestContext": { "requestId": request, "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "Records": [{ "eventTime": upload(key, sequencer).uploaded_at, "s3": s3 }] },
        "responsePayload": { "errorType": "Retry", "errorMessage": format!("{}/{key}: failed: HTTP 503 SlowDown: wait", Site::bucket()) },
    });
    site.fake.state().sqs.send(QUEUE, &body.to_string());
}

fn site() -> Site {
    let site = Site::new();
    site.deployed();
    site
}

fn steps(trace: &Value) -> Vec<String> {
    let step = |step: &Value| match step["outcome"].as_str() {
        Some(outcome) => format!("{} {outcome}", step["step"].as_str().unwrap()),
        None => step["step"].as_str().unwrap().to_owned(),
    };
    trace["steps"].as_array().unwrap().iter().map(step).collect()
}

#[test]
fn a_good_file_is_shown_whole_and_traced() {
    let site = site();
    site.fake.state().s3.put(&Site::bucket(), "in/a.txt", TEN_BYTES);
    put(&site, &record("in/a.txt", "02", None));
    put(&site, &record("in/a.txt", "01", Some(ErrorCode::Encrypted)));
    invoked(&site, "in/a.txt", "02", "r-2", "stored", 280);
    // Lines about a file whose name contains this one's are not in its trace.
    invoked(&site, "in/in/a.txt", "07", "r-7", "stored", 290);

    let id = upload("in/a.txt", "02").document_id().to_string();
    for name in ["in/a.txt", "a.txt", "some/folder/a.txt", &id, &id.to_uppercase()] {
        let shown = site.run(&["show", name, "--json"]);
        let shown = shown.ended(0).json();
        assert_eq!(shown["record"]["objectKey"], "in/a.txt", "{name}");
        assert_eq!(shown["record"]["sha256"], "00", "the whole record, not the index's projection");
        assert_eq!(shown["others"].as_array().map(Vec::len), Some(1), "{shown}");
    }
    let trace = site.run(&["trace", &id, "--json"]);
    let trace = trace.ended(0).json();
    assert_eq!(steps(&trace), ["event", "invocation stored", "record"], "{trace:#}");
    assert_eq!(trace["conclusion"]["state"], "recorded");
    let lines = trace["steps"][1]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "the handler's and Lambda's line: {lines:?}");

    // Nothing of a name, a record or a log reaches the terminal raw.
    for arguments in [["show", &id], ["trace", "in/a.txt"]] {
        let ran = site.run(&arguments);
        ran.ended(0);
        assert!(!ran.out.contains('\u{1b}') && ran.out.contains("\u{fffd}[2J"), "{ran:#?}");
    }
}

#[test]
fn a_record_without_version_and_content_is_not_that_of_an_object_without_them() {
    let site = site();
    site.fake.state().s3.put(&Site::bucket(), "in/a.txt", TEN_BYTES);
    put(&site, &record("in/a.txt", "01", None));
    for (from, to) in [("<VersionId>null</VersionId>", ""), ("ETag>", "Other>")] {
        site.fake.inject(Rule::on("s3:ListObjectVersions", Fault::rewritten(from, to)));
        let shown = site.run(&["show", "in/a.txt", "--json"]).ended(0).json();
        assert_eq!(shown["object"], "gone", "{from}: {shown:#}");
    }
}

#[test]
fn a_failed_file_is_explained_with_what_to_do() {
    let site = site();
    site.fake.state().s3.put(&Site::bucket(), "b.pdf", TEN_BYTES);
    put(&site, &record("b.pdf", "01", Some(ErrorCode::Encrypted)));
    site.run(&["show", "b.pdf"])
        .ended(0)
        .says("ENCRYPTED: The file needs a password.")
        .says("→ remove the password, upload again");
    let shown = site.run(&["show", "b.pdf", "--json"]).json();
    assert_eq!(shown["explanation"]["remedy"], "remove the password, upload again");
    site.run(&["trace", &upload("b.pdf", "01").document_id().to_string()])
        .ended(0)
        .says("recorded as FAILED, ENCRYPTED");
}

#[test]
fn a_retried_file_is_traced_to_the_queue_and_out_of_it() {
    let site = site();
    queued(&site, "deep/c.txt", "01", "r-1");
    for (n, outcome) in [(0, "retry"), (1, "retry"), (2, "retry")] {
        invoked(&site, "deep/c.txt", "01", "r-1", outcome, 280 + n * 60_000);
    }
    site.fake.state().s3.put(&Site::bucket(), "deep/c.txt", TEN_BYTES);
    // The file has no record: the queue knows its name.
    let trace = site.run(&["trace", "c.txt", "--json"]);
    let trace = trace.ended(0).json();
    assert_eq!(
        steps(&trace),
        ["put", "event", "invocation retry", "invocation retry", "invocation retry", "queued"],
        "{trace:#}"
    );
    assert_eq!(trace["conclusion"]["state"], "queued");
    assert_eq!(trace["steps"][5]["code"], "SlowDown");
    let text = site.run(&["trace", "c.txt"]);
    text.ended(0)
        .says("in the queue of failed events: SlowDown, 3 attempts")
        .says("Fix the cause")
        .says("provisioner redrive -s shop.yaml");
    // A look at the queue hides nothing.
    assert!(site.fake.state().sqs.queues[QUEUE].messages.iter().all(|message| message.visible_at == Duration::ZERO));

    put(&site, &record("deep/c.txt", "01", None));
    site.fake.state().sqs.queues.get_mut(QUEUE).unwrap().messages.clear();
    let trace = site.run(&["trace", "c.txt", "--json"]).json();
    assert!(steps(&trace).contains(&"record".to_owned()) && !steps(&trace).contains(&"queued".to_owned()), "{trace:#}");
}

#[test]
fn what_cannot_be_read_is_listed_beside_the_rest() {
    let site = site();
    put(&site, &record("d.txt", "01", None));
    let denied = || Fault::error(400, "AccessDeniedException", "not you");
    site.fake.fail("logs:FilterLogEvents", (0, usize::MAX), denied());
    site.fake.fail("sqs:GetQueueUrl", (0, usize::MAX), denied());
    site.fake.fail("s3:ListObjectVersions", (0, usize::MAX), Fault::error(403, "AccessDenied", "not you"));
    let trace = site.run(&["trace", "d.txt", "--json"]);
    let trace = trace.ended(0).json();
    assert_eq!(steps(&trace), ["event", "record"]);
    let unread = trace["unread"].as_array().unwrap();
    for part in ["the log: ", "the object's versions: ", "the queue of failed events: "] {
        assert!(unread.iter().any(|what| what.as_str().unwrap().starts_with(part)), "{part}: {unread:?}");
    }
    site.run(&["trace", "d.txt"]).ended(0).says("not read: the log: not you");
}

#[test]
fn names_that_mean_no_file_or_several_are_refused() {
    let site = site();
    put(&site, &record("in/e.txt", "01", None));
    put(&site, &record("out/e.txt", "02", None));
    for command in ["show", "trace"] {
        site.run(&[command, "absent.txt"])
            .ended(1)
            .says("knows no file absent.txt")
            .says("provisioner records -s shop.yaml");
        site.run(&[command, "e.txt"]).ended(1).says("2 keys have the name e.txt").says("in/e.txt").says("out/e.txt");
        site.run(&[command, "out/e.txt"]).ended(0);
    }
    // An object without a record has a trace, and no record to show.
    site.fake.state().s3.put(&Site::bucket(), "f.txt", TEN_BYTES);
    site.run(&["show", "f.txt"]).ended(1).says("f.txt has no record").says("provisioner trace KEY -s shop.yaml");
    let trace = site.run(&["trace", "f.txt", "--json"]).json();
    assert_eq!(steps(&trace), ["put"]);
}

#[test]
fn a_key_that_the_stack_does_not_process_says_so() {
    let site = site();
    let file = format!("name: {STACK}\nregion: {REGION}\ndata: delete\nbucket: {{prefix: in/}}\n");
    std::fs::write(site.folder.path().join("shop.yaml"), file).unwrap();
    site.fake.state().s3.put(&Site::bucket(), "f.txt", TEN_BYTES);
    let trace = site.run(&["trace", "f.txt", "--json"]).json();
    assert_eq!(trace["conclusion"]["state"], "not-processed", "{trace:#}");
    // A name alone is also looked for under the prefix.
    site.fake.state().s3.put(&Site::bucket(), "in/g.txt", TEN_BYTES);
    assert_eq!(site.run(&["trace", "g.txt", "--json"]).json()["key"], "in/g.txt");
}

#[test]
fn a_trace_makes_the_calls_that_it_needs_and_no_others() {
    let site = site();
    site.fake.state().s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
    put(&site, &record("a.txt", "01", None));
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    assert!(now > start(), "the log is searched until now");
    invoked(&site, "a.txt", "01", "r-1", "stored", 280);
    site.fake.forget_calls();
    site.run(&["trace", "a.txt"]).ended(0);
    let mut calls = site.fake.call_names();
    calls.sort();
    let mut expected = vec![
        "dynamodb:BatchGetItem",
        "logs:FilterLogEvents",
        "logs:FilterLogEvents",
        "s3:ListObjectVersions",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sts:GetCallerIdentity",
    ];
    // One query for each partition of the index by key.
    expected.extend(std::iter::repeat_n("dynamodb:Query", handler_contract::table::OBJECT_SHARDS.into()));
    expected.sort_unstable();
    assert_eq!(calls, expected);
}
