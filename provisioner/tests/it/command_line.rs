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
