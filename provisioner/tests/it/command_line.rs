//! The command line as other people's terminals, scripts and CI systems use it.

use std::process::Command;

use crate::deploy::{STACK, Site};
use crate::terminal::Terminal;
use crate::world::Ran;

/// Runs a command that the program printed, in a shell, as a user would paste it.
fn pasted(site: &Site, command: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_provisioner");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("provisioner() {{ {program} \"$@\"; }}; {command}"));
    let like = site.command(&[]);
    shell.current_dir(site.folder.path()).env_clear();
    let environment = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
    shell.envs(environment.filter(|(name, _)| *name != "AWS_ENDPOINT_URL"));
    Ran::of(&shell.output().unwrap())
}

#[test]
fn colour_is_decided_for_each_stream() {
    let site = Site::new();
    site.up().ended(0);
    let path = site.folder.path().join("out.txt");
    for arguments in [["status", "-n"], ["plan", "--handler=bootstrap"], ["records", "-n5"]] {
        let arguments: Vec<&str> = arguments.into_iter().filter(|a| *a != "-n").collect();
        let mut command = site.command(&arguments);
        command.env("TERM", "xterm");
        let terminal = Terminal::with_stdout(command, 80, Some(std::fs::File::create(&path).unwrap()));
        let shown = terminal.end();
        assert!(matches!(shown.code, Some(0 | 10)), "{shown:?}");
        let data = std::fs::read_to_string(&path).unwrap();
        assert!(!data.contains('\u{1b}'), "{arguments:?}: {data:?}");
    }
    // The same data on the terminal is coloured, and --color overrides both.
    let shown = site.on_terminal(&["status"], 80).end();
    assert!(shown.bytes.contains("\u{1b}["), "{:?}", shown.bytes);
    assert!(site.run(&["status", "--color", "always"]).out.contains("\u{1b}["));
}

#[test]
fn nothing_asks_under_ci_on_a_terminal_either() {
    let site = Site::new();
    let mut command = site.command(&["up", "--handler", "bootstrap"]);
    command.env("CI", "true").env("TERM", "xterm");
    let shown = Terminal::start(command, 80).end();
    shown.ended(5).says("give --yes");
    assert_eq!(site.status(), None);
}

#[test]
fn printed_commands_work_where_they_are_typed() {
    let site = Site::new();
    let folder = site.folder.path().join("dir with space");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(site.folder.path().join("shop.yaml"), folder.join("shop.yml")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        let like = site.command(&[]);
        command.args(arguments).args(["-s", "dir with space/shop.yml", "--endpoint-url", &site.fake.url()]);
        command.current_dir(site.folder.path()).env_clear();
        let environment = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(environment.filter(|(name, _)| *name != "AWS_ENDPOINT_URL"));
        Ran::of(&command.output().unwrap())
    };
    let deploy = run(&["status"]).out;
    let command = deploy.lines().find_map(|line| line.split_once("provisioner up")).unwrap().1;
    pasted(&site, &format!("provisioner up{command} --yes --handler bootstrap")).ended(0);
    let up = run(&["up", "--yes", "--handler", "bootstrap"]);
    let next: Vec<&str> = up.err.lines().filter_map(|line| Some(&line[line.find("provisioner ")?..])).collect();
    let status = next.iter().find(|command| command.starts_with("provisioner status")).expect(&up.err);
    pasted(&site, status).ended(0).says(STACK);
    let json = run(&["up", "--yes", "--handler", "bootstrap", "--json"]);
    let ready = json.out.lines().find(|line| line.contains("\"ready\"")).expect(&json.out);
    assert!(ready.contains("'dir with space/shop.yml' --endpoint-url http://"), "{ready}");
}

#[test]
fn messages_are_broken_between_words() {
    let site = Site::new();
    for columns in [40, 80] {
        let shown = site.on_terminal(&["verify"], columns).end();
        let wide = |line: &&str| provisioner::report::wrap::columns(line) > usize::from(columns);
        // Only a command to copy, or a single word, may be longer than a line.
        let may = |line: &str| line.starts_with("provisioner ") || !line.contains(' ');
        let broken: Vec<&str> = shown.bytes.split("\r\n").filter(wide).filter(|line| !may(line.trim())).collect();
        assert_eq!(broken, [""; 0]);
        assert_ne!(shown.code, Some(0));
    }
}

#[test]
fn a_stack_without_its_table_is_broken_for_every_command() {
    let site = Site::new();
    site.up().ended(0);
    site.run(&["status", "--check"]).ended(0);
    site.fake.state().cloudformation.changed.insert("Table".into(), serde_json::Value::Null);
    let fix = "provisioner up --revert-drift -s shop.yaml";
    let status = site.run(&["status"]);
    let first: Vec<&str> = status.ended(0).out.lines().take(3).collect();
    assert!(first[0].starts_with("shop  broken"), "{first:?}");
    assert!(first[1].contains("was deleted, with its records") && first[2].contains(fix), "{first:?}");
    site.run(&["status", "--check"]).ended(11);
    let json: serde_json::Value =
        serde_json::from_str(&site.run(&["status", "--json", "--check"]).ended(11).out).unwrap();
    assert_eq!((&json["health"]["state"], &json["health"]["problems"][0]["breaks"]), (&"broken".into(), &true.into()));
    for arguments in [["plan", "--handler", "bootstrap"], ["up", "--yes", "--handler=bootstrap"]] {
        let ran = site.run(&arguments);
        ran.ended(11).says("is broken").says(fix);
        assert!(!ran.out.contains("up to date") && !ran.err.contains("up to date"), "{ran:#?}");
    }
}

#[test]
fn a_stack_that_was_never_created_is_not_ok_for_monitoring() {
    let site = Site::new();
    site.run(&["status", "--check"]).ended(11).says("not deployed");
    site.run(&["status"]).ended(0).says("Deploy it with: provisioner up -s shop.yaml");
}

#[test]
fn logs_as_json_are_json_lines_only() {
    let site = Site::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = i64::try_from(now).unwrap();
    let handler = r#"{"level":"INFO","message":"File a.txt processed","requestId":"r"}"#;
    for (age, message) in [
        (9, "START RequestId: r Version: $LATEST"),
        (8, handler),
        (7, "thread main panicked"),
        (6, "END RequestId: r"),
        (5, "REPORT RequestId: r\tDuration: 1 ms"),
    ] {
        site.fake.state().logs.log(&format!("/provisioner/{STACK}/handler"), now - age * 3_600_000, "stream", message);
    }
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let out = site.run(&[&["logs", "--json", "--since", "1d"], arguments].concat()).ended(0).out.clone();
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    };
    let shown = lines(&[]);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[0]["message"], "File a.txt processed");
    assert_eq!((&shown[1]["type"], &shown[1]["message"]), (&"text".into(), &"thread main panicked".into()));
    assert!(shown[1]["timestamp"].as_str().unwrap().ends_with('Z'));
    let all = lines(&["--reports"]);
    assert_eq!(
        all.iter().map(|line| line["type"].as_str().unwrap_or("handler")).collect::<Vec<_>>(),
        ["platform", "handler", "text", "platform", "report"]
    );
    assert_eq!(lines(&["--grep", "a.txt"]).len(), 1);
    assert_eq!(lines(&["--limit", "1"])[0]["message"], "thread main panicked", "hidden lines are not counted");
    assert_eq!(lines(&["--until", "450m"]).len(), 1);
    assert!(!site.run(&["logs", "--since", "1d"]).ended(0).out.contains("REPORT"));
    site.run(&["logs", "--until", "2h"]).ended(2).says("is not before --until");
}

#[test]
fn contradictory_formats_are_refused() {
    let site = Site::new();
    for arguments in [
        vec!["plan", "--json", "--format", "markdown"],
        vec!["records", "--json", "--format", "csv"],
        vec!["records", "--json", "--format", "table"],
    ] {
        site.run(&arguments).ended(2).says("--json contradicts --format");
    }
    site.run(&["records", "--type", "pdf"]).ended(2).says("Did you mean application/pdf?");
    site.run(&["records", "--all", "--format", "table"]).ended(2).says("--format csv");
}

/// An item of the table, by number.
fn item(number: u64) -> serde_json::Value {
    let id = format!("00000000-0000-5000-8000-{number:012x}");
    let text = |text: String| serde_json::json!({ "S": text });
    serde_json::json!({
        "documentId": text(id),
        "uploadedAt": text("2026-11-22T16:33:49.120Z".into()),
        "recentShard": text(format!("{:02}", number % 32)),
        "fileName": text(format!("{number}.txt")),
        "fileType": text("text/plain".into()),
        "fileSize": { "N": "1024" },
        "status": text(if number.is_multiple_of(10) { "FAILED" } else { "SUCCESS" }.into()),
        "objectKey": text(format!("in/{number}.txt")),
        "title": text("x".repeat(300)),
    })
}

fn with_records(count: u64) -> Site {
    use handler_contract::table::{PARTITION_KEY, PROJECTED, RECENT, SORT_KEY};
    let site = Site::new();
    {
        let mut state = site.fake.state();
        let table = state.dynamodb.create_table(&Site::table(), PARTITION_KEY);
        table.indexes.push(fake_aws::dynamodb::Index {
            name: RECENT.name.into(),
            key: vec![RECENT.partition_key.into(), SORT_KEY.into()],
            projected: Some(PROJECTED.map(Into::into).to_vec()),
        });
        table.synthesize(count, item, |key| {
            u64::from_str_radix(key["documentId"]["S"].as_str()?.rsplit('-').next()?, 16).ok()
        });
    }
    site
}

#[test]
fn all_records_are_streamed_in_bounded_memory() {
    use std::io::BufRead as _;
    const RECORDS: u64 = 100_000;
    let site = with_records(RECORDS);
    let mut command = site.command(&["records", "--all", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // At nine tenths the program waits for its reader, so that its peak can be read.
    let first: Vec<String> = lines.by_ref().take(usize::try_from(RECORDS).unwrap() * 9 / 10).collect();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    let rest = lines.count() as u64;
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(first.len() as u64 + rest, RECORDS);
    assert!(peak < 100 << 10, "{peak} KiB");
    let record: serde_json::Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(record["title"].as_str().unwrap().len(), 300, "JSON lines have all attributes");
}

#[test]
fn all_records_can_be_filtered() {
    let site = with_records(1_000);
    let out = site.run(&["records", "--all", "--status", "failed", "--name", "in/5*"]).ended(0).out.clone();
    // The header, 50, and 500 to 590.
    assert_eq!(out.lines().count(), 12, "{out}");
    assert!(out.starts_with("documentId,uploadedAt,fileName,"), "{out}");
    assert_eq!(
        site.run(&["records", "--all", "--json", "--name", "in/7.txt"]).ended(0).json()["objectKey"],
        "in/7.txt"
    );
    let without_table = Site::new();
    without_table.run(&["records", "--all"]).ended(1).says("has no table");
}

#[test]
fn one_kind_of_mistake_has_one_exit_code() {
    let site = Site::new();
    for arguments in [
        vec!["up", "--yes", "--handler", "missing"],
        vec!["plan", "--handler", "missing"],
        vec!["up", "--yes", "--plan", "missing"],
        vec!["inspect", "missing"],
        vec!["put", "missing"],
        vec!["records", "-n", "0"],
    ] {
        assert_eq!(site.run(&arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn usage_errors_are_json_where_json_is_asked_for() {
    let site = Site::new();
    let ran = site.run(&["records", "--json", "--limit", "0"]);
    let error = ran.ended(2).json();
    assert_eq!((&error["event"], &error["code"], &error["exitCode"]), (&"error".into(), &"usage".into(), &2.into()));
    assert!(error["message"].as_str().unwrap().contains("--limit"), "{error}");
    assert!(ran.err.contains("--limit"), "a person reads standard error");
    assert_eq!(site.run(&["records", "--limit", "0"]).out, "");
    site.run(&["update"]).ended(2).says("A stack is created and updated by: provisioner up");
}

#[test]
fn inspect_takes_what_put_takes() {
    use std::io::Write as _;
    let site = Site::new();
    let folder = site.folder.path().join("in/deep");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("b.txt"), "two words").unwrap();
    std::fs::write(site.folder.path().join("in/a.txt"), "one").unwrap();
    let records = site.run(&["inspect", "in", "--json"]).ended(0).json();
    let names: Vec<&str> = records.as_array().unwrap().iter().map(|r| r["fileName"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.txt", "b.txt"]);
    let mut command = site.command(&["inspect", "-", "--json"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"three more words").unwrap();
    let record = Ran::of(&child.wait_with_output().unwrap()).ended(0).json();
    assert_eq!((&record[0]["wordCount"], &record[0]["fileName"]), (&3.into(), &"stdin".into()));
}

#[test]
fn the_tools_own_test_files_are_hidden() {
    let site = with_records(3);
    let mut canary = item(7);
    canary["objectKey"]["S"] = "in/provisioner-verify-0.txt".into();
    site.fake.state().dynamodb.put(&Site::table(), canary);
    for (arguments, expected) in [(vec!["records"], 3), (vec!["records", "--test-files"], 4)] {
        let out = site.run(&arguments).ended(0).out.clone();
        assert_eq!(out.lines().count(), 1 + expected, "{out}");
    }
    let all = |more: &str| site.run(&["records", "--all", more]).ended(0).out.lines().count();
    assert_eq!((all("--json"), all("--test-files")), (3, 1 + 4));
}
