//! Late events, and events that the provisioner sends: each upload keeps exactly one record.

use std::time::Duration;

use fake_aws::{Cut, Fault, Rule};
use handler_bench::runtime_api::Answer;
use handler_contract::{Request, Timestamp, request};
use serde_json::{Value, json};

use crate::world::World;

const LONG_AGO: &str = "2026-01-01T00:00:00.000Z";

/// The same event, delivered months after the upload.
fn late(event: &Value) -> Value {
    let mut event = event.clone();
    event["Records"][0]["eventTime"] = LONG_AGO.into();
    event
}

/// What `reconcile --fix` makes of a listing: it has no sequencer.
fn listed(event: &Value) -> Value {
    let mut event = late(event);
    event["Records"][0]["s3"]["object"].as_object_mut().expect("an object").remove("sequencer");
    event["Records"][0][request::MEMBER] = json!(Request::Missing);
    event
}

/// What `reprocess` makes of a record, in a run that is requested this number of hours from now.
fn again(event: &Value, record: &Value, hours: i64) -> Value {
    let now = Timestamp::parse(event["Records"][0]["eventTime"].as_str().expect("a time")).expect("a time");
    let request = Request::Reprocess {
        document_id: text(record, "documentId"),
        requested_at: Timestamp::from_unix_millis(now.unix_millis() + hours * 3_600_000).expect("a time"),
    };
    let mut event = event.clone();
    event["Records"][0][request::MEMBER] = json!(request);
    event
}

fn text(item: &Value, attribute: &str) -> String {
    item[attribute]["S"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_late_event_of_a_file_finds_the_record_that_reconcile_made_and_the_other_way_round() {
    for versioned in [false, true] {
        for reversed in [false, true] {
            let world = World::start();
            let dropped = if versioned {
                world.keep_versions();
                world.drop_version("a.txt", b"two words", "01")
            } else {
                world.drop_file("a.txt", b"two words", "01")
            };
            let mut events = [listed(&dropped.event), late(&dropped.event)];
            if reversed {
                events.reverse();
            }
            let case = format!("versioned: {versioned}, reversed: {reversed}");
            assert_eq!(world.outcome(&events[0]), "stored", "{case}");
            for event in [&events[1], &events[0], &events[1]] {
                assert_eq!(world.outcome(event), "duplicate", "{case}");
            }
            assert_eq!(text(&world.item(), "status"), "SUCCESS", "{case}");
        }
    }
}

#[test]
fn a_late_delivery_finds_the_record_of_an_earlier_one() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
    assert_eq!(world.outcome(&late(&dropped.event)), "duplicate");
    world.item();

    // It also replaces a FAILED one, as an early delivery does.
    let mut failed = world.item();
    failed["status"] = json!({ "S": "FAILED" });
    world.put_item(failed);
    assert_eq!(world.outcome(&late(&dropped.event)), "stored");
    assert_eq!(text(&world.item(), "status"), "SUCCESS");

    // A file that is refused has one record, too.
    let world = World::start();
    let empty = world.drop_file("empty.txt", b"", "01");
    assert_eq!(world.outcome(&empty.event), "rejected");
    assert_eq!(world.outcome(&late(&empty.event)), "duplicate");
    world.item();
}

#[test]
fn a_late_write_whose_answer_was_lost_leaves_one_record() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    // The first write looks for the record of the event.
    world.aws.inject(Rule::on("dynamodb:PutItem", Fault::LostAnswer(Cut::Close)).after(1));
    assert_eq!(world.outcome(&late(&dropped.event)), "stored");
    assert_eq!(world.outcome(&late(&dropped.event)), "duplicate");
    world.item();
}

#[test]
fn the_same_bytes_put_twice_have_two_records_even_if_both_events_are_late() {
    let world = World::start();
    let first = late(&world.drop_file("a.txt", b"text", "01").event);
    let mut second = first.clone();
    second["Records"][0]["s3"]["object"]["sequencer"] = "02".into();
    for outcome in ["stored", "duplicate"] {
        assert_eq!(world.outcome(&first), outcome);
        assert_eq!(world.outcome(&second), outcome);
    }
    assert_eq!(world.items().len(), 2);

    // Also where the first could not be read.
    let world = World::start();
    let first = late(&world.drop_file("a.txt", b"text", "01").event);
    world.aws.fail("s3:GetObject", (0, 1), (404, "NoSuchKey", "The specified key does not exist."));
    assert_eq!(world.outcome(&first), "rejected");
    assert_eq!(world.outcome(&second), "stored");
    assert_eq!(world.items().len(), 2);
}

#[test]
fn a_later_run_replaces_the_record_and_an_earlier_one_never_does() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"two words", "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
    let first = world.item();
    let run = |hours| again(&dropped.event, &first, hours);

    assert_eq!(world.outcome(&run(1)), "stored");
    let second = world.item();
    assert_eq!(second["documentId"], first["documentId"]);
    assert!(text(&second, "processedAt") > text(&first, "processedAt"));
    assert!(!text(&second, "reprocessedAt").is_empty());
    // The file was counted when it came.
    let lines = world.function.lines();
    let metrics = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["Files"].as_u64());
    assert_eq!(metrics.sum::<u64>(), 1);

    assert_eq!(world.outcome(&run(3)), "stored");
    let third = world.item();
    // The same run again, an earlier run whose event comes late, and the event of S3.
    for event in [run(3), run(2), run(1), dropped.event.clone(), late(&dropped.event)] {
        assert_eq!(world.outcome(&event), "duplicate");
        assert_eq!(world.item(), third);
    }
    // A run that was requested before the file was processed for the first time.
    world.put_item(first.clone());
    assert_eq!(world.outcome(&run(-1)), "duplicate");
    assert_eq!(world.item(), first);
}

#[test]
fn a_later_run_may_refuse_what_was_accepted() {
    let mut accepting = World::start();
    let dropped = accepting.drop_file("a.txt", &b"word ".repeat(100), "01");
    assert_eq!(accepting.outcome(&dropped.event), "stored");
    let record = accepting.item();
    accepting.change_settings(|settings| settings.max_file_size = 100);
    assert_eq!(accepting.outcome(&again(&dropped.event, &record, 1)), "rejected");
    let refused = accepting.item();
    assert_eq!(text(&refused, "errorCode"), "FILE_TOO_LARGE");
    // With the old limit again: the event of S3 changes nothing, a later run does.
    accepting.change_settings(|settings| settings.max_file_size = 100_000);
    for event in [dropped.event.clone(), late(&dropped.event)] {
        assert_eq!(accepting.outcome(&event), "duplicate");
        assert_eq!(accepting.item(), refused);
    }
    assert_eq!(accepting.outcome(&again(&dropped.event, &record, 2)), "stored");
    assert_eq!(text(&accepting.item(), "status"), "SUCCESS");
}

#[test]
fn a_file_that_can_no_longer_be_read_keeps_its_record() {
    let cases = [
        ("deleted", (404, "NoSuchKey")),
        ("overwritten", (412, "PreconditionFailed")),
        ("archived", (403, "InvalidObjectState")),
    ];
    World::each(cases, |world, (case, (status, code))| {
        let dropped = world.drop_file("a.txt", b"text", "01");
        assert_eq!(world.outcome(&dropped.event), "stored");
        let record = world.item();
        world.aws.fail("s3:GetObject", (0, 1), (status, code, "as the test requires"));
        assert_eq!(world.outcome(&again(&dropped.event, &record, 1)), "unreadable", "{case}");
        assert_eq!(world.item(), record, "{case}");
        assert_eq!(
            world.function.line(|line| line["outcome"] == "unreadable")["documentId"],
            text(&record, "documentId")
        );
    });
}

#[test]
fn a_file_that_would_not_finish_in_time_keeps_its_record() {
    let world = World::start();
    let dropped = world.drop_file("slow.txt", &b"word ".repeat(10_000), "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
    let record = world.item();
    world.aws.inject(Rule::on("s3:GetObject", Fault::BrokenBody(1000, Cut::Stall)));
    let (answer, _) = world.api.invoke(again(&dropped.event, &record, 1), Duration::from_secs(4));
    assert!(matches!(answer, Answer::Success(_)), "{answer:?}");
    assert_eq!(world.item(), record);
    let line = world.function.line(|line| line["outcome"] == "unreadable");
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("its record stays: DEADLINE_EXCEEDED"), "{message}");
    // The next run has the time.
    assert_eq!(world.outcome(&again(&dropped.event, &record, 2)), "stored");
}

#[test]
fn a_record_that_was_deleted_does_not_come_back() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
    let record = world.item();
    world.aws.state().dynamodb.remove("records", &record);
    assert_eq!(world.outcome(&again(&dropped.event, &record, 1)), "duplicate");
    assert!(world.items().is_empty());
}

#[test]
fn a_request_for_the_record_of_another_upload_is_refused() {
    let world = World::start();
    let [one, other] = ["a.txt", "b.txt"].map(|key| world.drop_file(key, b"text", "01").event);
    assert_eq!(world.outcome(&one), "stored");
    let record = world.item();
    let message = world.failure(&again(&other, &record, 1), "Retry");
    assert!(message.contains("of another upload"), "{message}");
    assert_eq!(world.item(), record);
}
