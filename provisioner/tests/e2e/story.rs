//! A user's workflow, from deployment to deletion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::rig::{Rig, root, wait_until};

/// The samples and their expected records: the table of `samples/README.md`, as maps from column to cell.
fn samples() -> BTreeMap<String, BTreeMap<String, String>> {
    let text = std::fs::read_to_string(root().join("samples/README.md")).expect("samples/README.md");
    let mut rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .map(|row| row.split(" |").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    let header = rows.next().expect("a table");
    let samples: BTreeMap<_, _> = rows
        .filter(|row| !row[0].starts_with("---"))
        .map(|row| (row[0].clone(), header.iter().cloned().zip(row).collect()))
        .collect();
    assert!(samples.len() > 5, "{samples:?}");
    samples
}

#[test]
fn deploy_process_files_and_delete() {
    let rig = Rig::new(&[]);

    let first = rig.run(&["up", "--yes", "--json"]).expect(0);
    let status = rig.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["phase"], "ready", "{status:#}");

    // Good and bad files; the bad ones make the exit code 8.
    rig.run(&["put", root().join("samples").to_str().unwrap(), "--wait", "--json"]).expect(8);
    let records: BTreeMap<String, Value> =
        rig.records().into_iter().map(|r| (r["fileName"].as_str().unwrap().to_owned(), r)).collect();
    let expected = samples();
    for (name, cells) in &expected {
        let record = &records[name];
        for field in ["status", "fileType", "errorCode"] {
            assert_eq!(record[field].as_str().unwrap_or(""), cells[field], "{field} of {name}: {record:#}");
        }
        if !cells["wordCount"].is_empty() {
            assert_eq!(record["wordCount"].to_string(), cells["wordCount"], "{record:#}");
        }
    }

    // The message of the requirements, in a structured log line.
    let logs = rig.run(&["logs", "--json", "--limit", "1000"]).expect(0).out;
    let line = logs
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
        .find(|l| l["message"] == "File sample.pdf processed with status SUCCESS, words=446");
    let line = line.unwrap_or_else(|| panic!("the success line is not among\n{logs}"));
    assert_eq!(line["key"], "sample.pdf");
    assert!(line["requestId"].is_string() && line["durationMs"].is_number() && line["bucket"].is_string(), "{line}");

    // Filters.
    let failed = rig.run(&["records", "--status", "failed", "--json", "--limit", "100"]).expect(0).json();
    let bad = expected.values().filter(|cells| cells["status"] == "FAILED").count();
    assert_eq!(failed["records"].as_array().unwrap().len(), bad);
    let pdfs = rig.run(&["records", "--type", "application/pdf", "--name", "sample*", "--format", "csv"]).expect(0).out;
    assert_eq!(pdfs.lines().count(), 2, "{pdfs}");

    // No change: nothing is uploaded, and no change set remains.
    let second = rig.run(&["up", "--yes", "--json"]).expect(0);
    assert!(first.out.contains("\"artifact-uploaded\""), "{}", first.out);
    assert!(!second.out.contains("\"artifact-uploaded\""), "{}", second.out);
    assert!(second.out.contains("\"no-change\""), "{}", second.out);

    rig.run(&["down", "--yes"]).expect(0);
    let status = rig.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["phase"], "absent", "{status:#}");
    rig.run(&["down", "--yes"]).expect(0);
}

#[test]
fn a_changed_stack_file_changes_the_stack_and_keeps_the_files() {
    let rig = Rig::up(&[]);
    let file = rig.file("a.txt", "one two three");
    rig.run(&["put", &file, "--wait"]).expect(0);
    rig.change("files.allowedTypes", "[application/pdf]");
    rig.run(&["up", "--yes"]).expect(0);
    let file = rig.file("b.txt", "one two three");
    rig.run(&["put", &file, "--wait"]).expect(8);
    let codes: Vec<_> = rig.records().iter().map(|r| r["errorCode"].clone()).collect();
    assert_eq!(codes, [json!("TYPE_NOT_ALLOWED"), Value::Null]);
}

#[test]
fn five_hundred_files_at_once_give_five_hundred_records() {
    let rig = Rig::up(&[]);
    for n in 0..500 {
        rig.file(&format!("burst/{n}.txt"), format!("file number {n}"));
    }
    let folder = rig.folder().join("files");
    rig.run(&["put", folder.to_str().unwrap(), "--wait", "--parallel", "32"]).expect(0);
    let records = rig.records();
    assert_eq!(records.len(), 500);
    let keys: std::collections::BTreeSet<_> = records.iter().map(|r| r["objectKey"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 500);
    assert!(records.iter().all(|r| r["status"] == "SUCCESS" && r["wordCount"] == 3));
}

#[test]
fn a_gibibyte_of_text_is_processed_in_constant_memory() {
    let rig = Rig::up(&[("files.maxSize", "2 GiB"), ("handler.timeout", "5m")]);
    let line = "the quick brown fox jumps over the lazy dog 0123456\n";
    let lines = (1_u64 << 30).div_ceil(line.len() as u64);
    let path = rig.folder().join("big.txt");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for _ in 0..lines {
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
    std::io::Write::flush(&mut file).unwrap();
    drop(file);

    rig.run(&["put", path.to_str().unwrap(), "--wait", "--timeout", "5m"]).expect(0);
    let record = rig.records().remove(0);
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(record["fileSize"], lines * line.len() as u64);
    assert_eq!(record["wordCount"], lines * 10);
    assert_eq!(record["lineCount"], lines);

    // The handler's peak memory (VmHWM) is far below the file's size.
    #[cfg(target_os = "linux")]
    {
        let peaks = crate::crash::handlers(&rig).into_iter().map(crate::crash::peak_memory).collect::<Vec<_>>();
        assert!(!peaks.is_empty(), "no warm handler process");
        assert!(peaks.iter().all(|&kib| kib < 32 << 10), "peak memory in KiB: {peaks:?}");
    }
}

#[test]
fn an_object_with_a_content_encoding_is_read_as_what_it_decodes_to() {
    // Two lines of NDJSON, by gzip.
    const LINES: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xabVJT\xb2R0\xac\xe5\xaa\x063\x8cj\xb9\0\xce2\xde\xc1\x12\0\0\0";
    // By `sha256sum`.
    const SHA_256: &str = "157e4731a3cca066a7b8f8bb5a83a12a40ed89954ddda8d0c4513f938cafd4fb";
    const BUCKET: &str = "local-uploads-000000000000-us-east-1-an";
    let rig = Rig::up(&[]);
    for (key, coding) in [("a.ndjson", "gzip"), ("b.ndjson", "br")] {
        rig.ask(async |sdk| {
            let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
            let put = aws_sdk_s3::Client::from_conf(s3).put_object().bucket(BUCKET).key(key);
            put.content_encoding(coding).body(LINES.to_vec().into()).send().await.expect("the object is stored");
        });
    }
    wait_until("both objects are recorded", || rig.records().len() == 2);
    let records = rig.records();
    let record = |key: &str| records.iter().find(|record| record["objectKey"] == key).expect("a record");
    let decoded = record("a.ndjson");
    assert_eq!(decoded["fileType"], "application/x-ndjson", "{decoded:#}");
    assert_eq!((&decoded["itemCount"], &decoded["contentEncoding"]), (&json!(2), &json!("gzip")), "{decoded:#}");
    // Size and hash are those of the object as it is stored.
    assert_eq!(decoded["fileSize"], LINES.len());
    assert_eq!(decoded["sha256"], SHA_256);
    let opaque = record("b.ndjson");
    assert_eq!(opaque["fileType"], "application/octet-stream", "{opaque:#}");
    assert_eq!((&opaque["isPartial"], &opaque["contentEncoding"]), (&json!(true), &json!("br")), "{opaque:#}");
    assert_eq!(opaque["sha256"], SHA_256);
}

#[test]
fn keys_of_every_kind_are_recorded_unchanged() {
    let rig = Rig::up(&[]);
    let keys = ["a b+c%20d.txt", "ünï/çødé 漢字.txt", "q?x=1&y=2#z.txt", "deep/er/and/deep.er/\"quoted\".txt"];
    for (n, key) in keys.iter().enumerate() {
        let file = rig.file(&format!("{n}.txt"), "some words");
        rig.run(&["put", &file, "--key", key, "--wait"]).expect(0);
    }
    let mut seen: Vec<_> = rig.records().iter().map(|r| r["objectKey"].as_str().unwrap().to_owned()).collect();
    seen.sort();
    let mut given: Vec<_> = keys.iter().map(|k| (*k).to_owned()).collect();
    given.sort();
    assert_eq!(seen, given);
}

#[test]
fn the_same_event_sent_twice_gives_one_record() {
    let rig = Rig::up(&[]);
    let file = rig.file("a b.txt", "one two three");
    rig.run(&["put", &file, "--wait"]).expect(0);
    let record = rig.records().remove(0);

    // The event as S3 sent it, rebuilt from the record.
    let event = json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": record["uploadedAt"],
        "s3": {
            "bucket": {"name": record["bucket"]},
            "object": {
                "key": "a+b.txt",
                "size": record["fileSize"],
                "eTag": record["eTag"],
                "sequencer": record["sequencer"],
                "versionId": record["versionId"],
            },
        },
    }]});
    for _ in 0..2 {
        let answer = rig.invoke("local-handler", &event);
        assert_eq!(answer["files"][0], json!({"documentId": record["documentId"], "outcome": "duplicate"}));
    }
    assert_eq!(rig.records(), [record]);
}
