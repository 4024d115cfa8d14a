//! `provisioner inspect`: it needs neither AWS nor the emulator.

use crate::root;
use crate::world::World;

const ANY_TYPE: &str = "name: any\ndata: delete\nfiles:\n  maxSize: 1 MiB\n  allowedTypes: [\"*/*\"]\n";

#[test]
fn every_sample_has_the_record_of_the_samples_table() {
    let world = World::new();
    world.write("stacks/any.yaml", ANY_TYPE);
    let page = std::fs::read_to_string(root().join("samples/README.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let names = &rows[0];
    let mut seen = 0;
    for row in &rows[2..] {
        let file = root().join("samples").join(row[0]);
        let ran = world.run(&["inspect", "--json", "-s", "any", file.to_str().unwrap()]);
        let records = ran.json();
        let record = &records[0];
        for (name, expected) in names.iter().zip(row).skip(2).filter(|(_, expected)| !expected.is_empty()) {
            let got = record[*name].as_str().map_or_else(|| record[*name].to_string(), ToOwned::to_owned);
            assert_eq!(got, *expected, "{}: {name}", row[0]);
        }
        assert_eq!(ran.code, Some(if row[2] == "FAILED" { 8 } else { 0 }), "{}: {ran:#?}", row[0]);
        assert_eq!(record["errorCode"].is_null(), row[2] == "SUCCESS", "{}", row[0]);
        seen += 1;
    }
    let files = std::fs::read_dir(root().join("samples")).unwrap().count();
    assert_eq!(seen, files - 2, "all but make.py and the page have a row");
}

#[test]
fn inspect_works_outside_of_a_project() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().unwrap());
    std::fs::write(elsewhere.path().join("a.txt"), "one two three").unwrap();
    let run = |arguments: &[&str]| world.command(arguments).current_dir(elsewhere.path()).output().unwrap();
    let ran = run(&["inspect", "--json", "a.txt"]);
    let records: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.code(), &records[0]["wordCount"]), (Some(0), &3.into()), "{ran:?}");
    // A stack that is named explicitly must exist.
    assert_eq!(run(&["inspect", "-s", "local", "a.txt"]).status.code(), Some(3));
}

#[test]
fn samples_match_the_output_of_their_script() {
    let script = root().join("samples/make.py");
    let output = std::process::Command::new("python3").arg(script).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_stack_s_size_and_types_are_applied() {
    let world = World::new();
    world.write("stacks/any.yaml", ANY_TYPE);
    world.write("stacks/pdf.yaml", ANY_TYPE.replace("*/*", "application/pdf").replace("name: any", "name: pdf"));
    world.write("big.txt", vec![b'a'; (1 << 20) + 1]);
    world.write("small.txt", "two words");
    let code = |arguments: &[&str]| {
        let ran = world.run(arguments);
        (ran.code, ran.json()[0]["errorCode"].as_str().map(ToOwned::to_owned))
    };
    assert_eq!(code(&["inspect", "--json", "-s", "any", "big.txt"]), (Some(8), Some("FILE_TOO_LARGE".into())));
    assert_eq!(code(&["inspect", "--json", "-s", "pdf", "small.txt"]), (Some(8), Some("TYPE_NOT_ALLOWED".into())));
    assert_eq!(code(&["inspect", "--json", "-s", "any", "small.txt"]), (Some(0), None));
}

#[test]
fn text_output_lists_fields_and_a_missing_file_is_reported() {
    let world = World::new();
    world.write("stacks/any.yaml", ANY_TYPE);
    world.write("a\nb.txt", "two words");
    let ran = world.ok(&["inspect", "-s", "any", "a\nb.txt"]);
    assert!(ran.out.starts_with("a\u{fffd}b.txt\n  status"), "{ran:#?}");
    assert!(ran.out.contains("wordCount         2"), "{ran:#?}");
    let ran = world.run(&["inspect", "-s", "any", "missing.txt"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("failed to read the file missing.txt"), "{ran:#?}");
}
