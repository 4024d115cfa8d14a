//! Stack files: parsing, validation and error messages.

use std::path::Path;

use proptest::prelude::*;
use provisioner_engine::stack_file::StackFile;
use provisioner_model::error::Exit;
use provisioner_model::spec::{StackSpec, child_limits, json_schema, parse};

use crate::root;
use crate::specs::{any_spec, spec};

/// The error message for an invalid file.
fn refused(text: &str) -> String {
    let error = parse(text, Path::new("stacks/dev.yaml")).expect_err(text);
    assert_eq!((error.exit, error.code), (Exit::Invalid, "stack-file"));
    error.message
}

/// The first line of the only error of a minimal file with these additional lines.
fn fault(more: &str) -> String {
    let message = refused(&format!("name: dev\ndata: delete\n{more}"));
    let faults: Vec<&str> = message.lines().filter(|line| line.starts_with("stacks/")).collect();
    assert_eq!(faults.len(), 1, "{message}");
    faults[0].strip_prefix("stacks/dev.yaml").unwrap().to_owned()
}

#[test]
fn the_shipped_stacks_are_read_and_name_the_schema() {
    for name in ["dev", "prod", "local"] {
        let path = root().join(format!("stacks/{name}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some("# yaml-language-server: $schema=stack.schema.json"));
        let stack = StackFile::load(path.to_str().unwrap()).unwrap();
        assert_eq!(stack.spec.name, name);
        assert_eq!(stack.spec.emulator.is_some(), name == "local");
    }
}

#[test]
fn the_minimal_file_has_the_defaults_of_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    let spec = serde_json::to_value(spec("")).unwrap();
    for group in ["bucket", "table", "files", "handler", "alarm"] {
        assert_eq!(schema["properties"][group]["default"], spec[group], "{group}");
    }
}

#[test]
fn every_error_has_location_problem_and_fix() {
    for (more, expected) in [
        // Keys
        ("handler:\n  memroy: 1 GiB", ":4:3: handler.memroy: is an unknown key; did you mean `memory`?"),
        ("bucket: {require-tls: no}", ":3:10: bucket.require-tls: is an unknown key; did you mean `requireTls`?"),
        (
            "colour: blue",
            ":3:1: colour: is an unknown key; known keys are account, alarm, bucket, cloudformationRole, data, deployment, emulator, ",
        ),
        ("bucket:\n  <<: {version: true}", ":3:1: bucket.version: is an unknown key"),
        ("emulator: {}", ":3:1: emulator.port: is missing (The port on 127.0.0.1)"),
        // Types
        (
            "handler: 256 MiB",
            ":3:10: handler: \"256 MiB\" is given where a map of keys is expected, like `architecture:`",
        ),
        ("handler:", ":3:1: handler: has no value; give it one, or leave the key out"),
        ("handler:\n  memory: [1 GiB, 2 GiB]", ":4:11: handler.memory: holds several values where one is expected"),
        ("bucket:\n  versioning: yes", ":4:15: bucket.versioning: \"yes\" is not true or false"),
        ("account: 123456789012", ":3:10: account: 123456789012 is not text; put it in quotes: \"123456789012\""),
        ("tags:\n  version: 1.10", ":4:12: tags.version: 1.10 is not text; put it in quotes: \"1.10\""),
        ("tags:\n  id: 0x1F", ":4:7: tags.id: 0x1F is not text; put it in quotes: \"0x1F\""),
        ("tags:\n  cost: 12", ":4:9: tags.cost: 12 is not text; put it in quotes: \"12\""),
        ("tags:\n  12: cost", ":4:3: tags.12: 12 is not text; put it in quotes: \"12\""),
        (
            "files:\n  allowedTypes: text/*",
            ":4:17: files.allowedTypes: \"text/*\" is not a list; write it between brackets",
        ),
        ("handler:\n  memory: !big 1 GiB", ":4:11: handler.memory: !big is a YAML tag"),
        // Enumerations and quantities
        (
            "table: {billing: ondemand}",
            ":3:18: table.billing: \"ondemand\" is not one of free-tier, on-demand; did you mean on-demand?",
        ),
        ("handler:\n  architecture: x86", ":4:17: handler.architecture: \"x86\" is not one of x86_64, arm64"),
        (
            "handler:\n  memory: 256",
            ":4:11: handler.memory: \"256\" is not a size; write a whole number and a unit, like 100 MiB",
        ),
        (
            "handler:\n  timeout: 1 minute",
            ":4:12: handler.timeout: \"1 minute\" is not a time; write a whole number and a unit",
        ),
        ("emulator: {port: 70000}", ":3:18: emulator.port: 70000 is not a whole number from 1 to 65535"),
        ("emulator: {port: 0}", ":3:18: emulator.port: 0 is not a whole number from 1 to 65535"),
        (
            "handler: {maxConcurrency: -1}",
            ":3:27: handler.maxConcurrency: -1 is not a whole number from 1 to 4294967295",
        ),
        ("files:\n  allowedTypes:\n    - text/*\n    - pdf", ":6:7: files.allowedTypes.1: \"pdf\" is not a media type"),
        ("files:\n  allowedTypes: ['text/*', pdf]", ":4:28: files.allowedTypes.1: \"pdf\" is not a media type"),
        ("files: {allowedTypes: [ .txt ]}", ":3:1: files.allowedTypes.0: \".txt\" is not a media type"),
        ("files:\n  allowedTypes: []", ":4:17: files.allowedTypes: names nothing"),
        // Semantics
        ("region: Frankfurt", ":3:9: region: \"Frankfurt\" is not a region; write its code, like eu-central-1"),
        ("region: eu-1", ":3:9: region: \"eu-1\" is not a region"),
        ("account: '1234'", ":3:10: account: \"1234\" is not an account's number; write its 12 digits in quotes"),
        ("bucket:\n  keepOldVersions: 36h", ":4:20: bucket.keepOldVersions: \"36h\" is not a number of whole days"),
        ("table:\n  keepRecords: 36h", ":4:16: table.keepRecords: \"36h\" is not a number of whole days"),
        ("table:\n  keepRecords: 0d", ":4:16: table.keepRecords: \"0d\" is not a number of whole days"),
        ("bucket:\n  expireFiles: 0d", ":4:16: bucket.expireFiles: \"0d\" is not a number of whole days"),
        (
            "bucket:\n  expireFiles: 2147483648d",
            ":4:16: bucket.expireFiles: \"2147483648d\" is not a number of whole days",
        ),
        ("bucket:\n  suffix: ''", ":4:11: bucket.suffix: \"\" fits every key"),
        (
            "cloudformationRole: deployer",
            ":3:21: cloudformationRole: \"deployer\" is not a role's ARN; write it like arn:aws:",
        ),
        (
            "permissionsBoundary: boundary",
            ":3:22: permissionsBoundary: \"boundary\" is not a managed policy's ARN; write it like arn:aws:iam::",
        ),
        (
            "account: '111111111111'\npermissionsBoundary: arn:aws:iam::222222222222:policy/b",
            ":4:22: permissionsBoundary: \"arn:aws:iam::222222222222:policy/b\" is in another account",
        ),
        ("terminationProtection: yes", ":3:24: terminationProtection: \"yes\" is not true or false"),
        ("kmsKey: alias/files", ":3:9: kmsKey: \"alias/files\" is not a key's ARN; write it like arn:aws:kms:"),
        (
            "region: eu-west-1\nkmsKey: arn:aws:kms:eu-west-3:123456789012:key/a",
            ":4:9: kmsKey: \"arn:aws:kms:eu-west-3:123456789012:key/a\" is in another region than the stack",
        ),
        ("handler:\n  keepLogs: 25h", ":4:13: handler.keepLogs: \"25h\" is not a period"),
        ("tags:\n  '': a", ":4:3: tags.: has 0 characters; a tag's key has 1 to 128"),
        ("bucket:\n  prefix: ''", ":4:11: bucket.prefix: \"\" fits every key"),
        ("files:\n  maxSize: 0 B", ":4:12: files.maxSize: \"0 B\" accepts no file"),
        (
            "files:\n  maxSize: 11 GiB",
            ":4:12: files.maxSize: \"11 GiB\" is more than the 10112 MiB of temporary storage",
        ),
        (
            "files: {maxSize: 50001 GiB, allowedTypes: [text/*]}",
            ":3:18: files.maxSize: \"50001 GiB\" is more than the largest object that S3 keeps, 50000 GiB",
        ),
        (
            "handler:\n  memory: 100 MB",
            ":4:11: handler.memory: \"100 MB\" is not between 128 MiB and 10,240 MiB, in whole MiB",
        ),
        ("handler:\n  memory: 11 GiB", ":4:11: handler.memory: \"11 GiB\" is not between 128 MiB and 10,240 MiB"),
        ("handler:\n  timeout: 2s", ":4:12: handler.timeout: \"2s\" is not between 3s and 900s (15m)"),
        ("handler:\n  timeout: 1h", ":4:12: handler.timeout: \"1h\" is not between 3s and 900s (15m)"),
        (
            "handler:\n  keepLogs: 10d",
            ":4:13: handler.keepLogs: \"10d\" is not a period that CloudWatch Logs offers: 1d, 3d, 5d, 7d",
        ),
        (
            "handler:\n  childMemory: 250 MiB",
            ":4:16: handler.childMemory: \"250 MiB\" does not fit into the function's 256 MiB with 32 MiB for the function itself; write at most 224 MiB, or give `memory` 282 MiB",
        ),
        ("handler:\n  childMemory: 1 MiB", ":4:16: handler.childMemory: \"1 MiB\" is less than the 16 MiB"),
        (
            "handler:\n  childCpu: 46s",
            ":4:13: handler.childCpu: \"46s\" is more than the 45s that a file may take, three quarters of `timeout`",
        ),
        (
            "handler:\n  timeout: 5s",
            ":3:1: handler.childCpu: \"5s\", the default, is more than the 3s that a file may take",
        ),
        ("handler:\n  childCpu: 0s", ":4:13: handler.childCpu: \"0s\" reads no file"),
        ("alarm:\n  topic: alarms", ":4:10: alarm.topic: \"alarms\" is not the ARN of an SNS topic"),
        (
            "alarm: {topic: 'arn:aws:sqs:eu-west-1:123456789012:q'}",
            ":3:16: alarm.topic: \"arn:aws:sqs:eu-west-1:123456789012:q\" is not the ARN",
        ),
        (
            "region: eu-west-3\nalarm:\n  topic: arn:aws:sns:eu-west-1:123456789012:q",
            ":5:10: alarm.topic: \"arn:aws:sns:eu-west-1:123456789012:q\" is in eu-west-1, and an alarm can notify only topics of its own region: eu-west-3",
        ),
        ("tags:\n  aws:stage: dev", ":4:3: tags.aws:stage: starts with `aws:`"),
        ("tags:\n  a: b\n  A: c", ":4:3: tags.a: differs from the tag \"A\" only in letter case"),
        ("tags:\n  a*: b", ":4:3: tags.a*: holds a character that tags do not allow"),
        ("tags:\n  a: b?", ":4:6: tags.a: \"b?\" holds a character that tags do not allow"),
    ] {
        let found = fault(more);
        assert!(found.starts_with(expected), "{more}\n     found {found}\n  expected {expected}");
    }
}

#[test]
fn max_size_is_unlimited_for_types_that_are_streamed() {
    for pattern in ["text/*", "image/tiff", "audio/*", "video/mp4"] {
        let spec = spec(&format!("files: {{maxSize: 50 GiB, allowedTypes: [{pattern}]}}"));
        assert_eq!(spec.files.max_size.0, 50 << 30, "{pattern}");
        // The included temporary storage is enough for head and tail.
        assert_eq!(child_limits(&spec).spool, 384 << 20, "{pattern}");
    }
    for pattern in ["application/pdf", "application/*", "'*/*'"] {
        let found = fault(&format!("files: {{maxSize: 50 GiB, allowedTypes: [video/*, {pattern}]}}"));
        assert!(found.contains("need not be there as a whole"), "{found}");
    }
}

#[test]
fn lengths_have_limits() {
    let long = |n: usize| "x".repeat(n);
    for (fits, too_long, part) in [
        (
            format!("bucket: {{prefix: {}}}", long(1024)),
            format!("bucket: {{prefix: {}}}", long(1025)),
            "has 1025 bytes",
        ),
        (
            format!("bucket: {{suffix: {}}}", long(1024)),
            format!("bucket: {{suffix: {}}}", long(1025)),
            "has 1025 bytes",
        ),
        (format!("tags: {{{}: a}}", long(128)), format!("tags: {{{}: a}}", long(129)), "has 129 characters"),
        (format!("tags: {{a: {}}}", long(256)), format!("tags: {{a: {}}}", long(257)), "has 257 characters"),
    ] {
        spec(&fits);
        assert!(fault(&too_long).contains(part), "{}", fault(&too_long));
    }
    let tags = |n: usize| (0..n).map(|n| format!("  key{n}: v")).collect::<Vec<_>>().join("\n");
    spec(&format!("tags:\n{}", tags(50)));
    assert!(fault(&format!("tags:\n{}", tags(51))).contains("holds 51 tags"));
}

#[test]
fn names_are_valid_for_every_service() {
    let name = |name: &str| parse(&format!("name: {name}\ndata: keep"), Path::new("x.yaml"));
    for good in ["a", "dev", "dev-2", "a-b-c", "abcdefghijklmnopqrstuvwx"] {
        assert!(name(good).is_ok(), "{good}");
    }
    for bad in ["Dev", "2dev", "-dev", "dev-", "dev--2", "dev_2", "dév", "abcdefghijklmnopqrstuvwxy", "'a b'", "''"] {
        let message = name(bad).unwrap_err().message;
        assert!(message.contains("is no name for a stack"), "{message}");
    }
}

#[test]
fn all_errors_are_listed_in_file_order_with_the_location_marked() {
    let text = "\
name: Dev # mine
data: delete
handler:
  memory: 64 MiB   # little
  timeout: 20m
";
    assert_eq!(
        refused(text),
        "\
stacks/dev.yaml:1:7: name: \"Dev\" is no name for a stack; write lower-case letters, digits and single hyphens, \
beginning with a letter and not ending with a hyphen, at most 24 characters
    1 | name: Dev # mine
      |       ^^^
stacks/dev.yaml:4:11: handler.memory: \"64 MiB\" is not between 128 MiB and 10,240 MiB, in whole MiB
    4 |   memory: 64 MiB   # little
      |           ^^^^^^
stacks/dev.yaml:5:12: handler.timeout: \"20m\" is not between 3s and 900s (15m)
    5 |   timeout: 20m
      |            ^^^"
    );
}

#[test]
fn syntactic_and_semantic_errors_are_listed_together_without_follow_up_errors() {
    for (text, expected) in [
        (
            "nam: dev\nhandler:\n  memory: big\n  timout: 1s\n",
            &["nam", "name", "data", "handler.memory", "handler.timout"][..],
        ),
        // A semantic error together with each kind of syntactic error: a missing key, an unknown key, a wrong value, a
        // scalar instead of a group, a list.
        ("name: Dev\nhandler: {timeout: 1h}\n", &["name", "data", "handler.timeout"]),
        ("name: Dev\ndata: keep\ncolour: blue\ntags: {12: a, b*: c}\n", &["name", "colour", "tags.12", "tags.b*"]),
        ("name: dev\ndata: kept\nregion: Frankfurt\nemulator: {port: 0}\n", &["data", "region", "emulator.port"]),
        ("name: dev\ndata: keep\nhandler: 1 GiB\nfiles:\n  maxSize: 0 B\n", &["handler", "files.maxSize"]),
        (
            "name: dev\ndata: keep\nfiles:\n  maxSize: 0 B\n  allowedTypes: [pdf, text/*, xls]\n",
            &["files.maxSize", "files.allowedTypes.0", "files.allowedTypes.2"],
        ),
        ("name: 5\ndata: !x keep\nemulator: 4566\naccount: '1'\n", &["name", "data", "emulator", "account"]),
        // An invalid value has no default: checks that depend on it are skipped.
        ("name: dev\ndata: keep\nhandler:\n  memory: 1 GB of it\n  childMemory: 900 MiB\n", &["handler.memory"]),
        ("name: dev\ndata: keep\nhandler:\n  timeout: long\n  childCpu: 90s\n", &["handler.timeout"]),
        ("name: dev\ndata: keep\nhandler:\n  timeout: 5s\n  childCpu: long\n", &["handler.childCpu"]),
        ("name: dev\ndata: keep\nfiles:\n  maxSize: 50 GiB\n  allowedTypes: text/*\n", &["files.allowedTypes"]),
    ] {
        let message = refused(text);
        let places: Vec<&str> =
            message.lines().filter_map(|l| l.strip_prefix("stacks/dev.yaml:")?.split(": ").nth(1)).collect();
        let mut sorted = (places.clone(), expected.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        assert_eq!(sorted.0, sorted.1, "{message}");
    }
}

#[test]
fn a_file_that_is_not_a_stack_file_is_refused() {
    for (text, expected) in [
        ("", "stacks/dev.yaml: is empty"),
        ("# only a comment\n", "stacks/dev.yaml: is empty"),
        ("- name: dev\n", "stacks/dev.yaml: is a list"),
        ("dev", "stacks/dev.yaml: is a single value"),
        ("name: dev\n---\nname: prod\n", "stacks/dev.yaml: holds 2 YAML documents"),
        ("name: dev\ndata: [keep\n", "stacks/dev.yaml:3:1: is not YAML: "),
        (
            "name: dev\n\tdata: keep\n",
            "stacks/dev.yaml:2:1: is indented with a tab; YAML is indented with spaces\n    2 | →data",
        ),
        ("name: dev\nhandler:\n  \tmemory: 1 GiB\n", "stacks/dev.yaml:3:3: is indented with a tab"),
        ("name: null\ndata: keep\n", "stacks/dev.yaml:1:7: name: has no value; give it one\n"),
        ("name: dev\ndata: keep\nbucket:\n  <<: 5\n", "stacks/dev.yaml: has a merge key `<<` that cannot be merged"),
        ("name: dev\ndata: keep\nname: prod\n", "stacks/dev.yaml:3:1: name: is a duplicate; the first is in line 1"),
        (
            "name: dev\ndata: keep\nbucket:\n  prefix: a\n  prefix: b\n",
            "stacks/dev.yaml:5:3: bucket.prefix: is a duplicate; the first is in line 4",
        ),
    ] {
        let message = refused(text);
        assert!(message.starts_with(expected), "{text:?}\n     found {message}\n  expected {expected}");
    }
}

#[test]
fn a_byte_order_mark_and_merge_keys_are_read() {
    let text = "\u{feff}name: dev\ndata: delete\nbucket: &b {versioning: true, expireFiles: 9d}\n";
    assert!(parse(text, Path::new("x.yaml")).unwrap().bucket.versioning);
    assert_eq!(provisioner_model::spec::name_in(text).as_deref(), Some("dev"));
    let text = "name: dev\ndata: delete\ntags: &t {a: b, c: d}\nhandler:\n  <<: [{memory: 1 GiB}, {timeout: 9s}]\n  timeout: 8s\n";
    let spec = parse(text, Path::new("x.yaml")).unwrap();
    assert_eq!((spec.handler.memory.0, spec.handler.timeout.0), (1 << 30, 8));
}

#[test]
fn a_deeply_nested_or_large_file_is_refused_at_once() {
    let long = format!("name: {}\n", "x".repeat(2 << 20));
    let deep = |open: &str, times: usize| format!("name: dev\ndata: {}\n", open.repeat(times));
    let aliases: Vec<_> = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
    let aliases = aliases.concat();
    let aliases = format!("a0: &a0 x\n{aliases}");
    for text in [long, deep("[", 100_000), deep("{a: ", 100_000), deep("- ", 100_000), deep("[", 500), aliases] {
        let started = std::time::Instant::now();
        let message = refused(&text);
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
        assert!(message.len() < 10_000, "{} bytes: {}", message.len(), &message[..200]);
    }
}

#[test]
fn a_long_value_is_cut() {
    let message = refused(&format!("name: {}\ndata: keep\n", "x".repeat(5_000)));
    assert!(message.len() < 1_000, "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_spec_written_and_read_is_the_same(spec in any_spec()) {
        let text = serde_yaml::to_string(&spec).unwrap();
        let read = parse(&text, Path::new("x.yaml"));
        prop_assert_eq!(read.map_err(|e| e.message), Ok(spec), "{}", text);
    }

    /// An error in any value is reported at the line of that value.
    #[test]
    fn an_invalid_value_is_reported_at_its_line(spec in any_spec(), pick in any::<prop::sample::Index>()) {
        let text = serde_yaml::to_string(&spec).unwrap();
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        let amounts: Vec<usize> = (0..lines.len())
            .filter(|&n| ["keepOldVersions:", "maxSize:", "memory:", "timeout:", "keepLogs:", "childCpu:", "billing:"]
                .iter().any(|key| lines[n].trim_start().starts_with(key)))
            .collect();
        let line = amounts[pick.index(amounts.len())];
        let key = lines[line].split(':').next().unwrap().to_owned();
        lines[line] = format!("{key}: spoiled");
        let message = refused(&lines.join("\n"));
        let place = format!("stacks/dev.yaml:{}:{}: ", line + 1, key.len() + 3);
        prop_assert!(message.starts_with(&place), "{} has not {}", message, place);
        prop_assert_eq!(message.matches("stacks/dev.yaml:").count(), 1, "more than one error: {}", message);
    }

    /// The parser returns a spec or an error for any text, and does not panic.
    #[test]
    fn any_text_is_parsed_or_refused(text in "([a-z]{1,6}(: |:\n  |\n|- |[{}\\[\\]|>'\"#&*!,])){0,12}") {
        let _: Result<StackSpec, _> = parse(&text, Path::new("x.yaml"));
    }
}
