//! `provisioner records` on a table and its indexes in the emulator.

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, Metadata, Record, Timestamp, Upload};
use serde_json::Value;

use crate::service::{BUCKET, create_table, put_record};
use crate::world::World;

const NEWEST: i64 = 1_795_278_829_120;

/// Record `n`: each one is 7 seconds older than the previous one, every fifth failed, every third is a PDF.
fn record(n: i64) -> Record {
    let upload = Upload {
        bucket: BUCKET.into(),
        key: if n % 10 == 0 { "in/again.txt".into() } else { format!("in/f{n:03}.txt") },
        version_id: None,
        e_tag: Some("e".into()),
        sequencer: Some(format!("{n:08X}")),
        size: None,
        uploaded_at: Timestamp::from_unix_millis(NEWEST - n * 7_000).unwrap(),
    };
    let findings = Findings {
        file_type: Some(if n % 3 == 0 { "application/pdf" } else { "text/plain" }.into()),
        file_size: u64::try_from(n).unwrap(),
        sha256: None,
        metadata: Metadata { word_count: Some(5), title: Some("=1+1".into()), ..Metadata::default() },
        failure: (n % 5 == 0).then(|| Failure::new(ErrorCode::Malformed, "broken")),
    };
    Record::new(&upload, findings, upload.uploaded_at.clone(), "1")
}

fn sizes(document: &Value) -> Vec<i64> {
    document["records"].as_array().unwrap().iter().map(|r| r["fileSize"].as_i64().unwrap()).collect()
}

#[test]
fn listing_filters_and_pages() {
    let world = World::new();
    world.ok(&["local", "start"]);
    let missing = world.run(&["records", "-s", "local"]);
    assert_eq!(missing.code, Some(1), "{missing:#?}");
    assert!(missing.err.contains("provisioner up -s local"), "{missing:#?}");
    create_table(&world);
    let none = world.ok(&["records", "-s", "local"]);
    assert_eq!((none.out.as_str(), none.err.contains("No record matches")), ("", true));
    for n in 0..60 {
        put_record(&world, &record(n));
    }
    let list = |more: &[&str]| {
        let mut arguments = vec!["records", "-s", "local", "--json"];
        arguments.extend(more);
        world.ok(&arguments).json()
    };

    // Newest first, page by page, with a record that arrives in between.
    let first = list(&["-n", "25"]);
    assert_eq!(sizes(&first), (0..25).collect::<Vec<_>>());
    put_record(&world, &record(60));
    let second = list(&["-n", "25", "--after", first["next"].as_str().unwrap()]);
    assert_eq!(sizes(&second), (25..50).collect::<Vec<_>>());
    let third = list(&["-n", "25", "--after", second["next"].as_str().unwrap()]);
    assert_eq!((sizes(&third), &third["next"]), ((50..=60).collect(), &Value::Null));
    assert_eq!(first["records"][0]["eTag"], "e", "complete records, not the index's projection");

    // Filters, through each of the indexes.
    let matching = |test: fn(i64) -> bool| (0..=60).filter(|&n| test(n)).collect::<Vec<_>>();
    assert_eq!(sizes(&list(&["-n", "100", "--status", "failed"])), matching(|n| n % 5 == 0));
    assert_eq!(sizes(&list(&["-n", "100", "--status", "SUCCESS"])), matching(|n| n % 5 != 0));
    assert_eq!(sizes(&list(&["--key", "in/again.txt"])), matching(|n| n % 10 == 0));
    assert_eq!(sizes(&list(&["--type", "application/*"])), matching(|n| n % 3 == 0)[..20]);
    assert_eq!(sizes(&list(&["--name", "F00"])), matching(|n| (1..10).contains(&n)));
    assert_eq!(sizes(&list(&["--name", "*1.txt"])), matching(|n| n % 10 == 1));
    let window = ["--since", "2026-11-21T16:33:00Z", "--until", "2026-11-21T16:33:30Z"];
    let in_window = matching(|n| (19_121..=49_120).contains(&(n * 7_000)));
    assert!(!in_window.is_empty());
    assert_eq!(sizes(&list(&window)), in_window);
    let failures: Vec<i64> = in_window.iter().copied().filter(|n| n % 5 == 0).collect();
    assert_eq!(sizes(&list(&[&window[..], &["--status", "failed"]].concat())), failures);

    // The output formats.
    let table = world.ok(&["records", "-s", "local", "-n", "2"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines[0].starts_with("UPLOADED (UTC)       STATUS   KEY"), "{table:#?}");
    assert!(lines[1].starts_with("2026-11-21 16:33:49  FAILED   in/again.txt"), "{table:#?}");
    assert!(lines[1].ends_with("MALFORMED"), "{table:#?}");
    assert_eq!(lines.len(), 3);
    assert!(table.err.contains("--after "), "{table:#?}");
    let csv = world.ok(&["records", "-s", "local", "-n", "3", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.out.as_bytes());
    let title = reader.headers().unwrap().iter().position(|h| h == "title").unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), &rows[0][title]), (3, "'=1+1"));
}

#[test]
fn invalid_queries_are_refused_before_any_call() {
    let world = World::new();
    for (arguments, message) in [
        (&["--after", "zz"][..], "is not a token"),
        (&["--since", "tomorrow"], "is not a time"),
        (&["--since", "1h", "--until", "2h"], "is not before --until"),
        (&["-n", "0"], "write a whole number from 1 to 10000"),
        (&["--status", "odd"], "invalid value"),
    ] {
        let ran = world.run(&[&["records", "-s", "local"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.err.contains(message), "{ran:#?}");
    }
}
