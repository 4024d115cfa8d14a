//! What the function does while everything around it works.

use fake_aws::Fault;
use handler_bench::events::{Put, notification, queue};
use handler_bench::function::{Function, lambda_vars};
use handler_bench::runtime_api::Answer;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::world::{MAX_FILE_SIZE, World, bootstrap, until};

fn text(item: &Value, attribute: &str) -> String {
    item[attribute]["S"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_file_becomes_one_record_and_one_line() {
    let world = World::start();
    let content = b"four words in here\n";
    // "a/four words.txt" as notifications spell it.
    world.put("a/four words.txt", content);
    let event = notification(&Put {
        bucket: "uploads",
        key: "a/four+words.txt",
        e_tag: "00000000000000000000000000000001",
        size: content.len() as u64,
        sequencer: "0055AED6DCD90281E5",
    });
    assert_eq!(world.outcome(&event), "stored");

    let item = world.item();
    assert_eq!(text(&item, "fileName"), "four words.txt");
    assert_eq!(text(&item, "status"), "SUCCESS");
    assert_eq!(item["fileSize"], json!({"N": "19"}));
    assert_eq!(text(&item, "uploadedAt"), event["Records"][0]["eventTime"]);
    assert!(!text(&item, "fileType").is_empty());
    assert_eq!(text(&item, "objectKey"), "a/four words.txt");
    assert_eq!(text(&item, "bucket"), "uploads");
    assert_eq!(text(&item, "eTag"), "00000000000000000000000000000001");
    assert_eq!(text(&item, "sequencer"), "0055AED6DCD90281E5");
    assert_eq!(item.get("errorCode"), None);
    assert_eq!(world.writes()[0].request.json()["TableName"], "records");

    let line = world.function.line(|line| line["outcome"] == "stored");
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with("File four words.txt processed with status SUCCESS"), "{message}");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["coldStart"], true);
    assert_eq!(line["key"], "a/four words.txt");
    assert_eq!(line["documentId"].as_str(), item["documentId"]["S"].as_str());
    assert_eq!(line["requestId"], "00000000-0000-4000-8000-000000000001");
    assert!(line["xrayTraceId"].as_str().unwrap().starts_with("Root=1-"));
    assert!(line["durationMs"].is_u64());
    let metrics = world.function.line(|line| line["_aws"].is_object());
    assert_eq!((&metrics["Files"], &metrics["Bytes"], &metrics["ColdStart"]), (&json!(1), &json!(19), &json!(1)));
    // The second invocation is warm.
    assert_eq!(world.outcome(&event), "duplicate");
    let again = world.function.line(|line| line["outcome"] == "duplicate");
    assert_eq!((&again["coldStart"], &again["origin"]), (&json!(false), &json!(null)));
    // What the provisioner sends again is marked as such in the log.
    assert_eq!(world.outcome(&json!({ "requestPayload": event, "origin": "redrive" })), "duplicate");
    world.function.line(|line| line["origin"] == "redrive" && line["key"] == "a/four words.txt");

    for line in world.function.lines() {
        assert!(!line.contains("four words in here"), "a log line shows the file's content: {line}");
    }
}

/// A coding is that of the object, not of the file: what is decoded is typed and read, and what is stored is hashed.
#[test]
fn an_encoded_object_is_read_as_what_it_decodes_to() {
    type Row = (&'static str, &'static str, Vec<u8>, &'static str, &'static str, Option<&'static str>);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let json = "{\"a\": [1, 2]}";
    let table = "a,b\n1,2\n3,4\n";
    let cut = &gzip(&table.repeat(200))[..40];
    let rows: &[Row] = &[
        ("x.json", "gzip", gzip(json), "application/json", "", Some("gzip")),
        ("x.csv", "x-gzip", gzip(table), "text/csv", "", Some("gzip")),
        ("x.csv", "aws-chunked,gzip", gzip(table), "text/csv", "", Some("gzip")),
        ("x.html", "gzip", gzip("<!DOCTYPE html><p>x"), "text/html", "", Some("gzip")),
        ("x.csv", "aws-chunked", table.into(), "text/csv", "", None),
        ("x.csv", "utf-8", table.into(), "text/csv", "", None),
        // Said, but not so.
        ("x.csv", "gzip", table.into(), "text/csv", "", None),
        // Its name says that the object itself is the compressed file.
        ("x.csv.gz", "gzip", gzip(table), "application/gzip", "", None),
        // What nothing here decodes.
        ("x.json", "br", b"\x0b\x05\x80".to_vec(), "application/octet-stream", "", Some("br")),
        ("x.json", "zstd", b"\x28\xb5\x2f\xfd".to_vec(), "application/octet-stream", "", Some("zstd")),
        // What it decodes to is judged as any file.
        ("x.png", "gzip", gzip("a text"), "text/plain", "TYPE_MISMATCH", Some("gzip")),
        ("x.csv", "gzip", b"\x1f\x8b\x08broken".to_vec(), "application/x-empty", "MALFORMED", Some("gzip")),
        ("x.csv", "gzip", gzip(""), "application/x-empty", "EMPTY_FILE", Some("gzip")),
        ("x.csv", "gzip", cut.to_vec(), "text/csv", "", Some("gzip")),
    ];
    let world = World::start();
    for (n, (key, coding, content, file_type, code, recorded)) in rows.iter().enumerate() {
        let key = format!("{n}/{key}");
        let dropped = world.drop_encoded(&key, content, Some(coding), &format!("{n:04}"));
        let outcome = if code.is_empty() { "stored" } else { "rejected" };
        assert_eq!(world.outcome(&dropped.event), outcome, "{key} {coding}");
        let items = world.items();
        let item = items.iter().find(|item| text(item, "objectKey") == key).unwrap();
        let found = (text(item, "fileType"), text(item, "errorCode"), item["contentEncoding"]["S"].as_str());
        assert_eq!(found, ((*file_type).to_owned(), (*code).to_owned(), *recorded), "{key} {coding}");
        assert_eq!(item["fileSize"], json!({"N": content.len().to_string()}), "{key}");
        assert_eq!(text(item, "sha256"), hex::encode(sha2::Sha256::digest(content)), "the hash of what is stored");
        let is_partial = content.len() == cut.len() && content == cut || matches!(*coding, "br" | "zstd");
        assert_eq!(item["isPartial"]["BOOL"].as_bool().unwrap_or_default(), is_partial, "{key} {coding}");
    }
}

#[test]
fn what_leaves_no_record_calls_nothing_and_succeeds() {
    let world = World::start();
    let mut removal = notification(&Put { bucket: "uploads", key: "a.txt", e_tag: "1", size: 1, sequencer: "01" });
    removal["Records"][0]["eventName"] = json!("ObjectRemoved:Delete");
    for event in [
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}),
        notification(&Put { bucket: "uploads", key: "folder/", e_tag: "1", size: 0, sequencer: "01" }),
        removal,
    ] {
        assert_eq!(world.outcome(&event), "ignored");
    }
    assert!(world.reads().is_empty());
    assert!(world.writes().is_empty());
    let ignored = || world.function.lines().iter().filter(|line| line.contains("\"outcome\":\"ignored\"")).count();
    until("three lines are logged", || ignored() == 3);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let world = World::start();
    let event = notification(&Put {
        bucket: "uploads",
        key: "large.txt",
        e_tag: "1",
        size: MAX_FILE_SIZE + 1,
        sequencer: "01",
    });
    assert_eq!(world.outcome(&event), "rejected");
    assert!(world.reads().is_empty());
    let item = world.item();
    assert_eq!(text(&item, "errorCode"), "FILE_TOO_LARGE");
    assert_eq!(item["fileSize"], json!({"N": "100001"}));
    assert!(text(&item, "errorMessage").contains("100001 bytes"));
    let line = world.function.line(|line| line["outcome"] == "rejected");
    assert_eq!(line["level"], "ERROR");
    let message = line["message"].as_str().unwrap();
    assert!(
        message.starts_with("File large.txt processed with status FAILED, errorCode=FILE_TOO_LARGE: "),
        "{message}"
    );
}

#[test]
fn an_event_that_is_wrong_about_the_size_does_not_help_a_large_file() {
    for chunked in [false, true] {
        let world = World::start();
        let dropped = world.drop_file("large.txt", &vec![b'a'; 100_001], "01");
        let mut event = dropped.event;
        event["Records"][0]["s3"]["object"].as_object_mut().unwrap().remove("size");
        if chunked {
            world.fail_reads([Fault::Chunked]);
        }
        assert_eq!(world.outcome(&event), "rejected");
        assert_eq!(text(&world.item(), "errorCode"), "FILE_TOO_LARGE");
    }
}

#[test]
fn an_overwritten_and_a_deleted_object_are_named() {
    let world = World::start();
    let old = world.drop_file("a.txt", b"old", "01");
    let new = world.drop_file("a.txt", b"newer", "02");
    assert_eq!(world.outcome(&old.event), "rejected");
    assert_eq!(text(&world.item(), "errorCode"), "SUPERSEDED");
    assert_eq!(world.outcome(&new.event), "stored");

    let gone = world.drop_file("b.txt", b"gone", "03");
    world.delete("b.txt");
    assert_eq!(world.outcome(&gone.event), "rejected");
    let mut codes: Vec<_> = world.items().iter().map(|item| text(item, "errorCode")).collect();
    codes.sort();
    assert_eq!(codes, ["", "NOT_FOUND", "SUPERSEDED"]);
}

#[test]
fn the_version_that_the_event_reports_is_read() {
    let world = World::start();
    world.keep_versions();
    let old = world.drop_version("a.txt", b"one two three", "01");
    let new = world.drop_version("a.txt", b"four five", "02");
    assert_eq!(world.outcome(&old.event), "stored");
    assert_eq!(world.outcome(&new.event), "stored");
    let mut words: Vec<_> = world.items().iter().map(|item| item["wordCount"]["N"].clone()).collect();
    words.sort_by_key(ToString::to_string);
    assert_eq!(words, ["2", "3"]);

    let gone = world.drop_version("b.txt", b"gone", "03");
    world.aws.fail("s3:GetObject", (0, 1), (404, "NoSuchVersion", "The specified version does not exist."));
    assert_eq!(world.outcome(&gone.event), "rejected");
    assert!(world.items().iter().any(|item| text(item, "errorCode") == "NOT_FOUND"));
}

#[test]
fn the_better_record_stays() {
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
    let stored = world.item();
    // The same event again, while the object is there and after it has gone.
    assert_eq!(world.outcome(&dropped.event), "duplicate");
    world.delete("a.txt");
    assert_eq!(world.outcome(&dropped.event), "duplicate");
    assert_eq!(world.item(), stored);

    // A delivery that read the file replaces what one left that could not.
    let world = World::start();
    let dropped = world.drop_file("a.txt", b"text", "01");
    let id = stored["documentId"].clone();
    world.put_item(json!({"documentId": id, "status": {"S": "FAILED"}, "errorCode": {"S": "NOT_FOUND"}}));
    assert_eq!(world.outcome(&dropped.event), "stored");
    assert_eq!(text(&world.item(), "status"), "SUCCESS");
}

#[test]
fn a_queue_gets_back_what_must_come_again_and_nothing_else() {
    let world = World::start();
    let good = world.drop_file("good.txt", b"good", "01");
    let slow = world.drop_file("slow.txt", b"slow", "02");
    world.fail_writes(vec![Fault::error(400, "ProvisionedThroughputExceededException", "Slow down"); 3]);
    let batch = queue(&[slow.event.to_string(), "not JSON".to_owned(), good.event.to_string()]);
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]});
    assert_eq!(world.invoke(&batch), Answer::Success(failures));
    assert_eq!(text(&world.item(), "fileName"), "good.txt");
    let line = world.function.line(|line| line["level"] == "ERROR");
    assert!(line["message"].as_str().unwrap().contains("the body of the SQS message is not JSON"));

    assert_eq!(world.invoke(&queue(&[slow.event.to_string()])), Answer::Success(json!({"batchItemFailures": []})));
    assert_eq!(world.items().len(), 2);
}

#[test]
fn an_event_that_nobody_understands_fails_the_invocation() {
    let world = World::start();
    let message = world.failure(&json!({"hello": "world"}), "EventNotUnderstood");
    assert!(message.contains("expected an S3 notification"), "{message}");
    assert_eq!(world.function.line(|line| line["level"] == "ERROR")["message"], message);
    // The function continues.
    let dropped = world.drop_file("a.txt", b"text", "01");
    assert_eq!(world.outcome(&dropped.event), "stored");
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_waits_for_the_next_file_and_ends_with_the_function() {
    use handler_bench::function::{children, runs};
    let mut world = World::start();
    let mut before = Vec::new();
    for (key, sequencer) in [("a.txt", "01"), ("b.txt", "02")] {
        let dropped = world.drop_file(key, b"text", sequencer);
        assert_eq!(world.outcome(&dropped.event), "stored");
        // The template, and one child, not the last file's, and that one is no zombie.
        let function = world.function.id();
        let is_new = |child: &u32| !before.contains(child) && runs(*child);
        until(
            "one child waits beside the template",
            || matches!(&children(function)[..], [template, child] if runs(*template) && is_new(child)),
        );
        before.extend(children(function).last());
    }
    let waiting = children(world.function.id());
    world.function.kill().unwrap();
    until("the template and the child that waited end", || waiting.iter().all(|child| !runs(*child)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_was_killed_while_it_waited_costs_no_file() {
    use handler_bench::function::{children, runs};
    let world = World::start();
    let first = world.drop_file("a.txt", b"text", "01");
    assert_eq!(world.outcome(&first.event), "stored");
    for n in 2..6 {
        let dropped = world.drop_file("b.txt", b"text", &format!("{n:02}"));
        let killed = children(world.function.id());
        for child in &killed {
            // It may have gone by itself, if it is the last file's.
            let _ = std::process::Command::new("kill").args(["-KILL", &child.to_string()]).status();
        }
        // It ends once it is on a processor; until then nobody can know.
        until("those that were killed have ended", || !killed.iter().any(|child| runs(*child)));
        assert_eq!(world.outcome(&dropped.event), "stored");
    }
}

#[test]
fn a_record_expires_only_where_the_settings_say_so() {
    for (keep, expires) in [(None, false), (Some(90 * 86_400), true)] {
        let world = World::with(|settings| settings.keep_records = keep);
        assert_eq!(world.outcome(&world.drop_file("a.txt", b"words", "01").event), "stored");
        let item = world.item();
        let processed = handler_contract::Timestamp::parse(&text(&item, "processedAt")).unwrap().unix_millis() / 1_000;
        let expected = expires.then(|| json!({ "N": (processed + 90 * 86_400).to_string() }));
        assert_eq!(item.get("expiresAt"), expected.as_ref());
    }
}

#[test]
fn a_start_without_settings_is_refused_with_every_fault() {
    let api = handler_bench::runtime_api::RuntimeApi::start().unwrap();
    for (vars, named) in [
        (
            lambda_vars(&api.endpoint()),
            vec![
                "TABLE_NAME",
                "MAX_FILE_SIZE",
                "ALLOWED_TYPES",
                "CHILD_MEMORY",
                "CHILD_CPU_SECONDS",
                "CHILD_WALL_SECONDS",
                "CHILD_SPOOL",
            ],
        ),
        (
            handler_contract::Settings {
                table_name: "records".to_owned(),
                max_file_size: 1,
                allowed_types: handler_contract::FileTypes::any(),
                keep_records: None,
                detailed_metrics: false,
                limits: handler_contract::Limits::default(),
            }
            .to_vars(),
            vec!["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "runs inside AWS Lambda"],
        ),
    ] {
        let mut function = Function::start(bootstrap(), &[], vars).unwrap();
        assert!(!function.wait().unwrap().success());
        let lines = function.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["level"], "ERROR");
        for name in named {
            assert!(line["message"].as_str().unwrap().contains(name), "{name} is not in {line}");
        }
    }
}
