use serde_json::json;

use super::*;

const T: i64 = 1_795_278_829_000;
const KEY: &str = "in/a.txt";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(T + millis).unwrap()
}

fn subject() -> Subject {
    Subject { bucket: "b".into(), key: KEY.into(), document_id: None }
}

fn version(id: Option<&str>, millis: i64, is_latest: bool) -> ObjectVersion {
    ObjectVersion {
        key: KEY.into(),
        version_id: id.map(Into::into),
        modified: at(millis),
        size: Some(3),
        e_tag: Some("e".into()),
        is_latest,
        is_delete_marker: false,
    }
}

fn id(sequencer: &str) -> String {
    upload(sequencer).document_id().to_string()
}

fn upload(sequencer: &str) -> Upload {
    Upload {
        bucket: "b".into(),
        key: KEY.into(),
        version_id: None,
        e_tag: Some("e".into()),
        sequencer: Some(sequencer.into()),
        size: Some(3),
        uploaded_at: at(100),
    }
}

fn record(sequencer: &str, status: &str, code: Option<&str>) -> Value {
    json!({
        "documentId": id(sequencer), "status": status, "errorCode": code, "errorMessage": code.map(|_| "why"),
        "uploadedAt": at(100), "processedAt": at(250), "fileType": "text/plain", "handlerVersion": "1", "eTag": "e",
        "sequencer": sequencer, "fileName": "a.txt", "objectKey": KEY, "fileSize": 3,
    })
}

fn entry(millis: i64, message: impl std::fmt::Display) -> Entry {
    Entry { time: T + millis, message: message.to_string(), stream: "s".into(), id: None }
}

fn handled(millis: i64, request: &str, outcome: &str, more: &Value) -> Entry {
    let mut line = json!({
        "timestamp": at(millis), "level": if outcome == "retry" { "WARN" } else { "INFO" }, "message": format!("File a.txt {outcome}"),
        "requestId": request, "coldStart": true, "bucket": "b", "key": KEY, "documentId": id("01"), "outcome": outcome,
        "durationMs": 80,
    });
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    entry(millis + 5, line)
}

fn platform(millis: i64, kind: &str, request: &str) -> Entry {
    let record = json!({ "requestId": request, "status": "success", "metrics": { "durationMs": 81.5 } });
    entry(millis, json!({ "time": at(millis), "type": format!("platform.{kind}"), "record": record }))
}

fn queued(request: &str, sequencer: &str) -> Queued {
    let object = json!({ "key": KEY, "sequencer": sequencer, "eTag": "e" });
    let event = json!({ "Records": [{ "eventTime": at(100), "s3": { "bucket": { "name": "b" }, "object": object } }] });
    let body = json!({
        "timestamp": at(200_000), "requestContext": { "requestId": request, "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": event,
        "responsePayload": { "errorType": "Retry", "errorMessage": "b/in/a.txt: failed to read the object: HTTP 503 SlowDown: wait" },
    });
    Queued { event: FailedEvent::parse(&body.to_string()).unwrap(), message_id: "m".into(), sent: Some(T + 200_001) }
}

/// The steps by their names, with the milliseconds before each.
fn names(trace: &Trace) -> Vec<(String, i64)> {
    let step = |step: &Step| {
        let json = serde_json::to_value(step).unwrap();
        let name = json["step"].as_str().unwrap();
        let detail =
            json["outcome"].as_str().or(json["origin"].as_str()).map(|word| format!(" {word}")).unwrap_or_default();
        (format!("{name}{detail}"), step.after_millis.unwrap_or_default())
    };
    trace.steps.iter().map(step).collect()
}

fn traced(facts: Facts, age: i64) -> Trace {
    trace("shop", &subject(), facts, &at(age))
}

#[test]
fn the_trace_of_a_good_file() {
    let trace = traced(
        Facts {
            versions: vec![version(None, 0, true)],
            records: vec![record("01", "SUCCESS", None)],
            entries: vec![
                platform(300, "report", "r"),
                handled(280, "r", "stored", &json!({})),
                platform(180, "start", "r"),
                // Metrics, another file of the same event, and another invocation.
                entry(281, json!({ "_aws": {}, "requestId": "r" })),
                handled(281, "r", "stored", &json!({ "key": "in/b.txt" })),
                handled(290, "other", "stored", &json!({ "key": "in/b.txt" })),
            ],
            ..Facts::default()
        },
        1_000,
    );
    let expected = [("put", 0), ("event", 100), ("invocation stored", 80), ("record", 70)];
    assert_eq!(names(&trace), expected.map(|(name, after)| (name.to_owned(), after)));
    assert_eq!((trace.conclusion.state, &trace.conclusion.next), (State::Recorded, &None));
    let What::Invocation(invocation) = &trace.steps[2].what else { panic!("{trace:?}") };
    assert_eq!((invocation.attempt, invocation.cold_start, invocation.duration_millis), (1, Some(true), Some(80)));
    let lines: Vec<_> = invocation.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["File a.txt stored", "REPORT RequestId: r  duration: 81.5 ms"]);
    assert_eq!(serde_json::to_value(&trace.steps[0]).unwrap()["step"], "put");
}

#[test]
fn the_trace_of_a_rejected_file_ends_with_what_to_do() {
    let facts = Facts {
        versions: vec![version(None, 0, true)],
        records: vec![record("01", "FAILED", Some("ENCRYPTED"))],
        ..Facts::default()
    };
    let trace = traced(facts, 1_000);
    assert_eq!(trace.conclusion.state, State::Rejected);
    assert_eq!(trace.conclusion.what, "recorded as FAILED, ENCRYPTED");
    assert_eq!(trace.conclusion.next.as_deref(), Some("ENCRYPTED: remove the password, upload again"));
}

#[test]
fn the_trace_of_a_file_that_is_retried_queued_and_redriven() {
    let mut facts = Facts {
        versions: vec![version(None, 0, true)],
        entries: vec![
            // Attempts that Lambda makes by itself share an id; the third one ends without a line of the handler.
            platform(150, "start", "r"),
            handled(240, "r", "retry", &json!({})),
            platform(241, "report", "r"),
            platform(60_150, "start", "r"),
            handled(60_240, "r", "retry", &json!({})),
            platform(60_241, "report", "r"),
            platform(180_150, "start", "r"),
            entry(199_000, "2026-11-26T12:00:00.000Z r Task timed out after 20.00 seconds"),
        ],
        queued: vec![queued("r", "01")],
        ..Facts::default()
    };
    let trace = traced(facts.clone(), 300_000);
    let expected = ["put", "event", "invocation retry", "invocation retry", "invocation", "queued"];
    assert_eq!(names(&trace).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected);
    let attempts: Vec<usize> = trace
        .steps
        .iter()
        .filter_map(|step| match &step.what {
            What::Invocation(invocation) => Some(invocation.attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(trace.conclusion.state, State::Queued);
    assert!(trace.conclusion.what.contains("SlowDown"), "{trace:?}");
    assert!(trace.conclusion.next.as_ref().unwrap().contains("provisioner redrive -s shop"));

    facts.queued.clear();
    facts.records = vec![record("01", "SUCCESS", None)];
    facts.records[0]["processedAt"] = json!(at(400_000));
    facts.entries.push(handled(400_010, "again", "stored", &json!({ "origin": "redrive" })));
    let trace = traced(facts, 500_000);
    assert_eq!(names(&trace).last().unwrap().0, "record");
    let redriven = trace.steps.iter().find_map(|step| match &step.what {
        What::Invocation(invocation) => invocation.origin.as_deref(),
        _ => None,
    });
    assert_eq!((redriven, trace.conclusion.state), (Some("redrive"), State::Recorded));
}

#[test]
fn without_a_record_the_conclusion_depends_on_age_key_and_queue() {
    const HOUR: i64 = 3_600_000;
    let put = || Facts { versions: vec![version(None, 0, true)], ..Facts::default() };
    let not_processed = Facts { not_processed: Some("does not start with \"x/\"".into()), ..put() };
    for (facts, age, state) in [
        (put(), HOUR, State::Pending),
        (put(), 7 * HOUR, State::NoRecord),
        (not_processed, HOUR, State::NotProcessed),
        (Facts { queued: vec![queued("r", "01")], ..put() }, HOUR, State::Queued),
        (Facts::default(), HOUR, State::NoRecord),
        // The record of an earlier upload of the key is none of the newest.
        (
            Facts {
                records: vec![record("01", "SUCCESS", None)],
                versions: vec![version(None, 9 * HOUR, true)],
                ..put()
            },
            10 * HOUR,
            State::Pending,
        ),
    ] {
        let trace = traced(facts, age);
        assert_eq!(trace.conclusion.state, state, "{trace:?}");
    }
}

#[test]
fn one_upload_of_several_has_its_own_story() {
    let (first, second) = ("v1", "v2");
    let of_version = |version: &str| id_of_version("b", KEY, Some(version)).unwrap();
    let mut facts = Facts {
        versions: vec![version(Some(second), 5_000, true), version(Some(first), 0, false)],
        records: vec![record("01", "SUCCESS", None), record("02", "SUCCESS", None)],
        entries: vec![
            handled(280, "r1", "stored", &json!({ "documentId": of_version(first) })),
            handled(5_280, "r2", "stored", &json!({ "documentId": of_version(second) })),
        ],
        ..Facts::default()
    };
    facts.records[0]["documentId"] = json!(of_version(first));
    facts.records[1]["documentId"] = json!(of_version(second));
    assert_eq!(traced(facts.clone(), 9_000).steps.len(), 8);
    let one = Subject { document_id: Some(of_version(first)), ..subject() };
    let trace = trace("shop", &one, facts, &at(9_000));
    let expected = ["put", "event", "invocation stored", "record"];
    assert_eq!(names(&trace).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected);
    assert!(trace.steps.iter().all(|step| step.document_id.as_ref() == Some(&of_version(first))), "{trace:?}");
}

#[test]
fn a_deleted_object_says_so() {
    let marker = ObjectVersion { is_delete_marker: true, size: None, e_tag: None, ..version(Some("d"), 9_000, true) };
    let versions = vec![marker, version(Some("v1"), 0, false)];
    let mut facts = Facts { versions, versions_known: true, ..Facts::default() };
    facts.queued = vec![queued("r", "01")];
    let trace = traced(facts, 10_000);
    assert!(trace.conclusion.what.ends_with("The object has been deleted"), "{trace:?}");
    assert!(trace.conclusion.next.as_ref().unwrap().contains("dropped"), "{trace:?}");
    assert!(names(&trace).iter().any(|(name, _)| name == "deleted"));
    let unread = traced(Facts { queued: vec![queued("r", "01")], ..Facts::default() }, 10_000);
    assert!(!unread.conclusion.what.contains("deleted"), "nobody looked: {unread:?}");
}

#[test]
fn lines_of_the_same_millisecond_are_in_the_order_of_an_invocation() {
    // As the emulator logs them, all at the end.
    let facts = Facts {
        entries: vec![
            entry(300, "REPORT RequestId: r\tDuration: 3 ms\t"),
            entry(300, "END RequestId: r"),
            handled(295, "r", "stored", &json!({})),
            entry(300, "START RequestId: r Version: $LATEST"),
        ],
        ..Facts::default()
    };
    let trace = traced(facts, 1_000);
    let [Step { what: What::Invocation(invocation), .. }] = trace.steps.as_slice() else { panic!("{trace:?}") };
    let lines: Vec<_> = invocation.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["File a.txt stored", "REPORT RequestId: r  Duration: 3 ms"]);
}

#[test]
fn the_invocations_to_search_for_are_those_of_the_file_newest_first() {
    let facts = Facts {
        entries: vec![
            handled(100, "r1", "retry", &json!({})),
            handled(150, "r1", "retry", &json!({})),
            handled(200, "r2", "stored", &json!({})),
            handled(300, "other", "stored", &json!({ "key": "in/a.txt.txt" })),
        ],
        queued: vec![queued("r0", "01")],
        ..Facts::default()
    };
    assert_eq!(request_ids(&subject(), &facts), ["r0", "r2", "r1"]);
}
