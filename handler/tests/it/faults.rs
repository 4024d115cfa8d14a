//! What the function does when S3, `DynamoDB`, the time or its own process fails: no wrong record, no lost file.

use std::time::Duration;

use fake_aws::{Cut, Fault};
use serde_json::json;

use crate::world::{TIME, World};

/// As often as the SDK tries.
const EVERY_ATTEMPT: usize = 3;

#[test]
fn an_object_that_cannot_be_read_now_fails_the_invocation_and_is_read_by_the_next() {
    let error = |status, code: &str| Fault::error(status, code, "as the test wants it");
    let cases = [
        ("throttled", vec![error(503, "SlowDown"); EVERY_ATTEMPT], "SlowDown"),
        ("an internal error", vec![error(500, "InternalError"); EVERY_ATTEMPT], "InternalError"),
        ("denied", vec![error(403, "AccessDenied")], "S3 denied the read"),
        ("no answer", vec![Fault::NoAnswer(Cut::Close); EVERY_ATTEMPT], "failed to read the object: dispatch failure"),
        ("a truncated body", vec![Fault::BrokenBody(1000, Cut::Close)], "streaming error"),
        ("a reset body", vec![Fault::BrokenBody(30_000, Cut::Reset)], "streaming error"),
        ("a stalled body", vec![Fault::BrokenBody(30_000, Cut::Stall)], "minimum throughput"),
        ("a corrupted body", vec![Fault::Corrupted], "checksum"),
    ];
    World::each(cases, |world, (name, faults, said)| {
        let dropped = world.drop_file("a.txt", &b"word ".repeat(10_000), "01");
        world.fail_reads(faults);
        let message = world.failure(&dropped.event, "Retry");
        assert!(message.starts_with("uploads/a.txt: "), "{name}: {message}");
        assert!(message.contains(said), "{name}: {message}");
        assert!(world.writes().is_empty(), "{name}");
        let line = world.function.line(|line| line["outcome"] == "retry");
        assert_eq!(line["level"], "WARN", "{name}");

        assert_eq!(world.outcome(&dropped.event), "stored", "{name}");
        assert_eq!(world.item()["fileSize"], json!({"N": "50000"}), "{name}");
    });
}

#[test]
fn a_fault_that_passes_is_not_even_noticed() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    world.fail_reads([(503, "SlowDown", "Please reduce your request rate.").into()]);
    world.fail_writes([Fault::NoAnswer(Cut::Close)]);
    assert_eq!(world.outcome(&dropped.event), "stored");
}

#[test]
fn a_record_that_cannot_be_written_fails_the_invocation_and_is_written_by_the_next() {
    let error = |status, code: &str| Fault::error(status, code, "as the test wants it");
    let cases = [
        (error(400, "ProvisionedThroughputExceededException"), EVERY_ATTEMPT),
        (error(400, "ThrottlingException"), EVERY_ATTEMPT),
        (error(500, "InternalServerError"), EVERY_ATTEMPT),
        (Fault::NoAnswer(Cut::Close), EVERY_ATTEMPT),
        (error(400, "AccessDeniedException"), 1),
        (error(400, "ResourceNotFoundException"), 1),
        (error(400, "ValidationException"), 1),
    ];
    World::each(cases, |world, (fault, times)| {
        let dropped = world.drop_file("a.txt", b"text", "01");
        world.fail_writes(vec![fault.clone(); times]);
        let message = world.failure(&dropped.event, "Retry");
        if let Fault::Error { code, .. } = &fault {
            assert!(message.contains(code.as_str()), "{message}");
        }
        assert!(world.items().is_empty(), "{fault:?}");
        assert_eq!(world.outcome(&dropped.event), "stored", "{fault:?}");
        world.item();
    });
}

#[test]
fn a_write_whose_answer_was_lost_leaves_one_record_and_one_line_of_success() {
    for (name, content, outcome) in [("a.txt", b"text".as_slice(), "stored"), ("empty.txt", b"", "rejected")] {
        let world = World::start();
        let dropped = world.drop_file(name, content, "01");
        world.fail_writes([Fault::LostAnswer(Cut::Close)]);
        assert_eq!(world.outcome(&dropped.event), outcome);
        let line = world.function.line(|line| line["outcome"] == outcome);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("File {name} processed with status ")), "{message}");
        assert_eq!(world.function.line(|line| line["_aws"].is_object())["Files"], 1);
        world.item();
        assert_eq!(world.writes().len(), 2);
        // The same event again finds the record of another delivery.
        assert_eq!(world.outcome(&dropped.event), "duplicate");
    }
}

#[test]
fn a_file_that_would_not_finish_in_time_is_recorded() {
    let world = World::start();
    let dropped = world.drop_file("slow.txt", &b"word ".repeat(10_000), "01");
    world.fail_reads([Fault::BrokenBody(1000, Cut::Stall)]);
    let (answer, _) = world.api.invoke(dropped.event, Duration::from_secs(4));
    assert!(matches!(answer, handler_bench::runtime_api::Answer::Success(_)), "{answer:?}");
    let item = world.item();
    assert_eq!(item["status"], json!({"S": "FAILED"}));
    assert_eq!(item["errorCode"], json!({"S": "DEADLINE_EXCEEDED"}));
    assert_eq!(item["fileSize"], json!({"N": "50000"}));
}

#[test]
fn a_file_that_another_one_took_the_time_from_comes_again() {
    let world = World::start();
    let slow = world.drop_file("slow.txt", &b"word ".repeat(10_000), "01");
    let next = world.drop_file("next.txt", &b"word ".repeat(10_000), "02");
    let mut event = slow.event;
    event["Records"].as_array_mut().unwrap().push(next.event["Records"][0].clone());
    world.fail_reads(vec![Fault::BrokenBody(1000, Cut::Stall); 2]);
    let (answer, _) = world.api.invoke(event, Duration::from_secs(6));
    let handler_bench::runtime_api::Answer::Failure(error) = answer else { unreachable!("{answer:?}") };
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("uploads/next.txt: files before this one"), "{message}");
    assert_eq!(world.item()["fileName"], json!({"S": "slow.txt"}));
}

#[test]
fn one_file_that_must_come_again_does_not_hold_up_the_others_of_its_event() {
    let world = World::start();
    let first = world.drop_file("first.txt", b"first", "01");
    let second = world.drop_file("second.txt", b"second", "02");
    let mut event = first.event;
    event["Records"].as_array_mut().unwrap().push(second.event["Records"][0].clone());
    world.fail_reads([(403, "AccessDenied", "Access Denied").into()]);
    let message = world.failure(&event, "Retry");
    assert!(message.starts_with("uploads/first.txt: "), "{message}");
    assert_eq!(world.item()["fileName"], json!({"S": "second.txt"}));
}

#[test]
fn a_function_that_is_killed_leaves_nothing_wrong() {
    // While it reads.
    let mut world = World::start();
    let dropped = world.drop_file("a.txt", &b"word ".repeat(10_000), "01");
    world.fail_reads([Fault::BrokenBody(20_000, Cut::Stall)]);
    drop(world.api.send(dropped.event.clone(), TIME));
    world.aws.wait_for("s3:GetObject", 1);
    world.kill_and_restart();
    assert!(world.items().is_empty());
    assert_eq!(world.outcome(&dropped.event), "stored");
    world.item();

    // After it wrote, before it knows.
    let mut world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    world.fail_writes([Fault::LostAnswer(Cut::Stall)]);
    drop(world.api.send(dropped.event.clone(), TIME));
    world.aws.wait_for("dynamodb:PutItem", 1);
    world.kill_and_restart();
    assert_eq!(world.outcome(&dropped.event), "duplicate");
    assert_eq!(world.item()["status"], json!({"S": "SUCCESS"}));
}
