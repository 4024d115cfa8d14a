use super::*;

const NOW: i64 = 1_795_278_829_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn spec(yaml: &str) -> StackSpec {
    provisioner_model::spec::parse(&format!("name: shop\ndata: delete\n{yaml}"), std::path::Path::new("shop.yaml"))
        .unwrap()
}

fn plain() -> Scope {
    Scope::new(&spec(""), NOW, false)
}

fn versioned() -> Scope {
    Scope::new(&spec("bucket:\n  versioning: true\n  keepOldVersions: 30d\n"), NOW, false)
}

fn row(kind: Kind, key: &str, version: &str, e_tag: &str, at: i64) -> Row {
    Row {
        key: key.into(),
        version: version.into(),
        kind,
        e_tag: e_tag.into(),
        size: if e_tag.is_empty() { 0 } else { 10 },
        sequencer: String::new(),
        at,
        id: String::new(),
    }
}

fn file(key: &str, version: &str, e_tag: &str, at: i64) -> Row {
    row(Kind::File, key, version, e_tag, at)
}

fn head(key: &str, at: i64) -> Row {
    row(Kind::Head, key, "", "", at)
}

fn record(key: &str, version: &str, e_tag: &str, at: i64, id: &str) -> Row {
    Row { sequencer: format!("{at:X}"), id: id.into(), ..row(Kind::Record, key, version, e_tag, at) }
}

fn compare(scope: &Scope, mut rows: Vec<Row>) -> (Counts, Vec<Finding>) {
    rows.sort();
    let mut found = Vec::new();
    let mut comparison = Comparison::new(scope.clone());
    for row in rows {
        comparison.push(row, &mut |finding| found.push(finding));
    }
    let counts = comparison.finish(&mut |finding| found.push(finding));
    assert_eq!(counts.findings(), found.len() as u64);
    (counts, found)
}

/// Names of findings with the key, or the record.
fn names(scope: &Scope, rows: Vec<Row>) -> Vec<String> {
    let (_, found) = compare(scope, rows);
    found
        .iter()
        .map(|finding| {
            let id = finding.document_id.as_deref().unwrap_or_default();
            match finding.kind {
                FindingKind::FileWithoutRecord => format!("missing {}", finding.key),
                FindingKind::RecordWithoutFile => format!("without file {id}"),
                FindingKind::OtherContent => format!("other content {id}"),
                FindingKind::Doubled => format!("doubled {id} {}", finding.other_document_id.as_deref().unwrap()),
            }
        })
        .collect()
}

#[test]
fn each_kind_of_finding_has_its_row() {
    let old = NOW - 10 * DAY;
    for (case, scope, rows, expected) in [
        ("agreement", plain(), vec![file("a", "", "e", old), record("a", "", "e", old, "r")], vec![]),
        ("agreement by version", versioned(), vec![file("a", "v", "e", old), record("a", "v", "e", old, "r")], vec![]),
        ("a lost event", plain(), vec![file("a", "", "e", old)], vec!["missing a"]),
        ("a lost event of a version", versioned(), vec![file("a", "v", "e", old)], vec!["missing a"]),
        (
            "a lost event of the second upload",
            plain(),
            vec![file("a", "", "new", old + HOUR), record("a", "", "old", old, "r")],
            vec!["missing a"],
        ),
        (
            "a lost event of an older version",
            versioned(),
            vec![
                head("a", old + HOUR),
                file("a", "v1", "e", old),
                file("a", "v2", "f", old + HOUR),
                record("a", "v2", "f", old + HOUR, "r"),
            ],
            vec!["missing a"],
        ),
        (
            "an altered record",
            plain(),
            vec![file("a", "", "e", old), record("a", "", "altered", old + 500, "r")],
            vec!["other content r"],
        ),
        (
            "an altered record of a version",
            versioned(),
            vec![file("a", "v", "e", old), record("a", "v", "altered", old, "r")],
            vec!["other content r"],
        ),
        (
            "a version with two records",
            versioned(),
            vec![file("a", "v", "e", old), record("a", "v", "e", old, "r"), record("a", "v", "e", old, "s")],
            vec!["doubled s r"],
        ),
        (
            "a sequencer with two records",
            plain(),
            vec![file("a", "", "e", old), record("a", "", "e", old, "r"), record("a", "", "e", old, "s")],
            vec!["doubled s r"],
        ),
        (
            "the record of an event beside that of a listing",
            plain(),
            vec![
                file("a", "", "e", old),
                Row { sequencer: String::new(), ..record("a", "", "e", old, "listed") },
                record("a", "", "e", old + 900, "event"),
            ],
            vec!["doubled event listed"],
        ),
        (
            "a record whose version was deleted for good",
            versioned(),
            vec![record("a", "v", "e", old, "r")],
            vec!["without file r"],
        ),
        (
            "a record that is newer than what the key holds",
            versioned(),
            vec![
                head("a", old - DAY),
                file("a", "v1", "e", old - DAY),
                record("a", "v1", "e", old - DAY, "r"),
                record("a", "v2", "f", old, "s"),
            ],
            vec!["without file s"],
        ),
    ] {
        assert_eq!(names(&scope, rows), expected, "{case}");
    }
}

#[test]
fn what_is_explained_is_no_finding() {
    let old = NOW - 10 * DAY;
    let narrow = Scope::new(&spec("bucket:\n  prefix: in/\n  suffix: .pdf\n"), NOW, false);
    let expiring = Scope::new(&spec("bucket:\n  versioning: true\n  expireFiles: 5d\n"), NOW, false);
    for (case, scope, rows) in [
        ("deleted in a bucket without versions", plain(), vec![record("a", "", "e", old, "r")]),
        (
            "deleted, with a delete marker",
            versioned(),
            vec![row(Kind::Deleted, "a", "", "", old + DAY), record("a", "v", "e", old, "r")],
        ),
        ("deleted so long ago that nothing is left", versioned(), vec![record("a", "v", "e", NOW - 31 * DAY, "r")]),
        ("expired", expiring, vec![record("a", "v", "e", old, "r")]),
        (
            "overwritten",
            plain(),
            vec![
                file("a", "", "new", old + DAY),
                record("a", "", "new", old + DAY, "s"),
                record("a", "", "e", old, "r"),
            ],
        ),
        (
            "an overwritten version that expired",
            versioned(),
            vec![
                head("a", old + DAY),
                file("a", "v2", "f", old + DAY),
                record("a", "v2", "f", old + DAY, "s"),
                record("a", "v1", "e", old, "r"),
            ],
        ),
        ("outside of the prefix", narrow.clone(), vec![file("out/a.pdf", "", "e", old)]),
        ("outside of the suffix", narrow.clone(), vec![file("in/a.txt", "", "e", old)]),
        ("a record from before the prefix", narrow.clone(), vec![record("out/a.pdf", "", "e", old, "r")]),
        ("a folder", plain(), vec![Row { size: 0, ..file("a/", "", "e", old) }]),
        ("a test file", plain(), vec![file("provisioner-verify-1.txt", "", "e", old)]),
        ("a test file below the prefix", narrow, vec![file("in/provisioner-verify-1.pdf", "", "e", old)]),
        ("the record of a test file", versioned(), vec![record("provisioner-verify-1.txt", "v", "e", old, "r")]),
        ("a file whose event may still arrive", plain(), vec![file("a", "", "e", NOW - 6 * HOUR)]),
        ("a record of a file that was put during the listing", versioned(), vec![record("a", "v", "e", NOW + 1, "r")]),
        (
            "the same bytes put twice",
            plain(),
            vec![
                file("a", "", "e", old + HOUR),
                record("a", "", "e", old, "r"),
                record("a", "", "e", old + HOUR, "s"),
                Row { sequencer: String::new(), ..record("a", "", "e", old - HOUR, "listed") },
            ],
        ),
        (
            "a failed record whose size was not known",
            plain(),
            vec![file("a", "", "e", old), Row { kind: Kind::FailedRecord, size: 0, ..record("a", "", "e", old, "r") }],
        ),
    ] {
        assert_eq!(names(&scope, rows), [""; 0], "{case}");
    }
}

#[test]
fn files_are_pending_until_their_event_cannot_arrive_any_more() {
    for (version, age, now, missing) in [
        ("", GRACE_MILLIS - 1, false, false),
        ("", GRACE_MILLIS, false, true),
        ("v", GRACE_MILLIS - 1, false, false),
        ("v", 0, true, true),
        // Without versions, an event that is processed in time does not look for the record of the content.
        ("", LEAST_AGE_MILLIS - 1, true, false),
        ("", LEAST_AGE_MILLIS, true, true),
    ] {
        let scope = Scope::new(&spec("bucket:\n  versioning: true\n"), NOW, now);
        let (counts, _) = compare(&scope, vec![file("a", version, "e", NOW - age)]);
        let case = format!("{version:?} {age} {now}");
        assert_eq!((counts.missing, counts.pending), (u64::from(missing), u64::from(!missing)), "{case}");
    }
}

#[test]
fn counts_cover_every_row() {
    let old = NOW - 10 * DAY;
    let rows = vec![
        head("a", old),
        file("a", "", "e", old),
        // On two pages.
        file("a", "", "e", old),
        record("a", "", "e", old, "r"),
        head("b", old),
        file("b", "", "e", old),
        file("c", "", "e", NOW - HOUR),
        file("d/", "", "", old),
        record("e", "", "e", old, "s"),
    ];
    let (counts, _) = compare(&plain(), rows);
    let expected = Counts { files: 3, records: 2, missing: 1, pending: 1, gone: 1, outside: 1, ..Counts::default() };
    assert_eq!(counts, expected);
}

#[test]
fn rows_survive_being_stored() {
    for key in ["a", "new\nline", "quote\"s", "\u{1F980}", "nul\0"] {
        let row = Row { id: "x".into(), ..file(key, "v", "e", -1) };
        let line = row.to_line();
        assert!(!line.contains('\n'));
        assert_eq!(Row::from_line(&line), Some(row));
    }
    for broken in ["", "[]", "{\"a\":1}", "[\"a\",\"v\",9,\"e\",1,\"\",0,\"\"]"] {
        assert_eq!(Row::from_line(broken), None, "{broken}");
    }
}

#[test]
fn the_head_of_a_key_comes_first_and_a_file_before_its_records() {
    let ordered = [
        head("a", 5),
        file("a", "", "z", 0),
        record("a", "", "e", 0, "r"),
        file("a", "v", "z", 0),
        record("a", "v", "a", 0, "r"),
        head("b", 0),
    ];
    let mut shuffled: Vec<Row> = ordered.iter().rev().cloned().collect();
    shuffled.sort();
    assert_eq!(shuffled, ordered);
}

#[test]
fn a_look_at_the_newest_files_judges_what_is_due_and_known() {
    let files = [
        file("new", "", "e", NOW - EXPECTED_MILLIS + 1),
        file("a", "", "e", NOW - HOUR),
        head("a", NOW - HOUR),
        file("b", "", "e", NOW - 2 * HOUR),
        file("folder/", "", "", NOW - 2 * HOUR),
        file("c", "", "e", NOW - 3 * HOUR),
        file("old", "", "e", NOW - 9 * HOUR),
    ];
    let scope = plain();
    let keys = |rows: &[&Row]| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    let newest = scope.newest(&files, 3);
    assert_eq!(keys(&newest), ["a", "b", "c"]);
    for (records, since, expected) in [
        (vec![("a", NOW - HOUR), ("b", NOW - 2 * HOUR + 500)], 0, vec!["c"]),
        // Of an earlier upload of the same key.
        (vec![("a", NOW - 5 * HOUR)], NOW - 2 * HOUR, vec!["a", "b"]),
        (vec![], NOW - HOUR, vec!["a"]),
    ] {
        assert_eq!(keys(&without_record(&newest, &records, since)), expected);
    }
}
