//! `up --watch` against the fake: each save is deployed, failures are reported, and an interrupt completes the running
//! deployment.

use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use fake_aws::{Fault, Gate, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::deploy::{STACK, Site};
use crate::world::Ran;

/// A fake cargo: its output is the smallest executable, followed by profile and source.
const CARGO: &str = r#"#!/bin/sh
here=$(pwd)
if [ "$1" = metadata ]; then
    echo '{"target_directory":"'"$here"'/target"}'
    exit
fi
while [ "$1" != --profile ]; do shift; done
if grep -q broken handler/src/main.rs; then
    echo "error: the source is broken" >&2
    exit 101
fi
out=$here/target/$2
mkdir -p "$out"
cat bootstrap handler/src/main.rs > "$out/bootstrap"
echo "$2" >> "$out/bootstrap"
echo "$out/bootstrap: $here/handler/src/main.rs" > "$out/bootstrap.d"
echo '{"reason":"compiler-artifact","target":{"name":"bootstrap"},"executable":"'"$out"'/bootstrap"}'
"#;

/// A run of `up --watch --json`. Dropping it kills it.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<Value>,
}

impl Watch {
    fn start(site: &Site, more: &[&str]) -> Self {
        let mut arguments = vec!["up", "--yes", "--watch", "--json"];
        arguments.extend(more);
        let mut child = site.with_cargo(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, seen: Vec::new() }
    }

    /// Reads until an event is printed.
    #[track_caller]
    fn until(&mut self, event: &str) -> Value {
        for line in self.lines.by_ref() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            self.seen.push(line.clone());
            if line["event"] == event {
                return line;
            }
        }
        panic!("{event} was not printed: {:#?}", self.seen);
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Reads to the end, and returns the exit code.
    fn end(&mut self) -> Option<i32> {
        for line in self.lines.by_ref() {
            self.seen.push(serde_json::from_str(&line.unwrap()).unwrap());
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Site {
    fn code_is_in_function_and_stack(&self) -> bool {
        let state = self.fake.state();
        let stack = state.cloudformation.live(STACK).unwrap();
        stack.status == "UPDATE_COMPLETE"
            && state.lambda.functions["shop-handler"].key == stack.parameters["ArtifactKey"]
    }

    /// The program, with the workspace's fake cargo in PATH.
    fn with_cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("CARGO", self.folder.path().join("cargo"));
        command
    }

    /// Creates a workspace with a handler and a fake cargo.
    fn workspace(&self) {
        let write = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        write("Cargo.toml", "");
        write("handler/Cargo.toml", "name = \"handler\"\n");
        write("provisioner/Cargo.toml", "name = \"provisioner\"\n");
        self.save("one");
        let cargo = write("cargo", CARGO);
        std::fs::set_permissions(cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn save(&self, source: &str) {
        let path = self.folder.path().join("handler/src/main.rs");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, source).unwrap();
    }
}

#[test]
fn a_handler_built_by_another_program_is_deployed_when_it_changes() {
    let site = Site::new();
    let mut watch = Watch::start(&site, &["--handler", "bootstrap"]);
    assert_eq!(watch.until("watching")["files"], 1);
    for version in [2, 3] {
        site.build_handler(version);
        watch.until("code-pushed");
        watch.until("deployed");
        assert!(site.code_is_in_function_and_stack());
    }
    // Touched, but the same: nothing is deployed.
    site.build_handler(9);
    watch.until("deployed");
    let calls = site.fake.count("lambda:UpdateFunctionCode");
    std::fs::remove_file(site.handler()).unwrap();
    watch.until("not-deployed");
    site.build_handler(9);
    watch.until("same-code");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), calls);
    watch.interrupt();
    watch.until("watch-ended");
    assert_eq!(watch.end(), Some(0));
}

#[test]
fn sources_are_built_and_deployed_on_save_and_build_errors_are_reported() {
    let site = Site::new();
    site.workspace();
    let mut watch = Watch::start(&site, &[]);
    watch.until("watching");
    let first = site.fake.state().cloudformation.live(STACK).unwrap().parameters["ArtifactKey"].clone();

    site.save("broken");
    let printed = watch.until("not-deployed");
    assert!(printed["message"].as_str().unwrap().contains("does not build"), "{printed}");

    site.save("two");
    let changed = watch.until("sources-changed");
    assert!(changed["files"][0].as_str().unwrap().ends_with("main.rs"), "{changed}");
    watch.until("deployed");
    assert!(site.code_is_in_function_and_stack());
    assert_ne!(site.fake.state().cloudformation.live(STACK).unwrap().parameters["ArtifactKey"], first);

    // A changed stack file is not deployed, but reported.
    let path = site.folder.path().join("shop.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "handler: { memory: 512 MiB }\n").unwrap();
    watch.until("stack-file-changed");
    watch.interrupt();
    assert_eq!(watch.end(), Some(0));
}

#[test]
fn a_development_build_is_reported_until_up_deploys_the_optimized_build() {
    let site = Site::new();
    site.workspace();
    let run = |arguments: &[&str]| Ran::of(&site.with_cargo(arguments).output().unwrap());
    run(&["up", "--yes", "--no-verify"]).ended(0);
    run(&["status"]).ended(0).says("same as the local build");

    let mut watch = Watch::start(&site, &[]);
    assert_eq!(watch.until("packaged")["development"], true);
    watch.until("watching");
    site.save("two");
    watch.until("deployed");
    watch.interrupt();
    assert_eq!(watch.until("watch-ended")["release"], "provisioner up -s shop.yaml");
    assert_eq!(watch.end(), Some(0));

    run(&["status"]).ended(0).says("a development build of up --watch; up deploys the optimized build");
    assert_eq!(run(&["status", "--json"]).json()["code"]["development"], true);
    run(&["plan"]).ended(10).says("  code  ");
    run(&["up", "--yes", "--no-verify"]).ended(0).says("runs the new code");
    run(&["status"]).ended(0).says("same as the local build");
    run(&["plan"]).ended(0);
}

#[test]
fn watch_does_not_revert_concurrent_changes() {
    let site = Site::new();
    let mut watch = Watch::start(&site, &["--handler", "bootstrap"]);
    watch.until("watching");
    let other = "handler: { memory: 512 MiB }\n";
    let text = std::fs::read_to_string(site.folder.path().join("shop.yaml")).unwrap();
    std::fs::write(site.folder.path().join("other.yaml"), text + other).unwrap();
    let up = site.command(&[]).args(["up", "--yes", "--handler", "bootstrap", "-s", "other.yaml"]).output();
    assert!(up.is_ok());
    site.build_handler(2);
    let printed = watch.until("not-deployed");
    assert!(printed["message"].as_str().unwrap().contains("more than the code"), "{printed}");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 0);
}

#[test]
fn an_interrupt_waits_for_the_running_deployment() {
    let site = Site::new();
    let mut watch = Watch::start(&site, &["--handler", "bootstrap"]);
    watch.until("watching");
    // The function update is in progress.
    site.fake.state().lambda.looks_until_served = 8;
    let before = site.fake.count("lambda:UpdateFunctionCode");
    site.build_handler(2);
    site.fake.wait_for("lambda:UpdateFunctionCode", before + 1);
    watch.interrupt();
    assert_eq!(watch.end(), Some(0), "{:#?}", watch.seen);
    let printed: Vec<&str> = watch.seen.iter().filter_map(|e| e["event"].as_str()).collect();
    assert!(printed.contains(&"ending") && printed.ends_with(&["deployed", "watch-ended"]), "{printed:?}");
    assert!(site.code_is_in_function_and_stack());
}

#[test]
fn an_interrupt_waits_for_the_stack_s_update_too() {
    let site = Site::new();
    let mut watch = Watch::start(&site, &["--handler", "bootstrap"]);
    watch.until("watching");
    let gate = Gate::new();
    site.fake.inject(Rule::on("cloudformation:DescribeStackEvents", Fault::Held(gate.clone())));
    let before = site.fake.count("cloudformation:DescribeStackEvents");
    site.build_handler(2);
    site.fake.wait_for("cloudformation:DescribeStackEvents", before + 1);
    watch.interrupt();
    watch.until("ending");
    gate.open();
    assert_eq!(watch.end(), Some(0), "{:#?}", watch.seen);
    let printed: Vec<&str> = watch.seen.iter().filter_map(|e| e["event"].as_str()).collect();
    assert!(printed.ends_with(&["deployed", "watch-ended"]) && !printed.contains(&"interrupted"), "{printed:?}");
    assert!(site.code_is_in_function_and_stack());
}

#[test]
fn a_second_interrupt_leaves_the_stack_s_update_running() {
    let site = Site::new();
    let mut watch = Watch::start(&site, &["--handler", "bootstrap"]);
    watch.until("watching");
    site.fake.inject(Rule::on("cloudformation:DescribeStackEvents", Fault::Held(Gate::new())).always());
    let before = site.fake.count("cloudformation:DescribeStackEvents");
    site.build_handler(2);
    site.fake.wait_for("cloudformation:DescribeStackEvents", before + 1);
    watch.interrupt();
    watch.until("ending");
    watch.interrupt();
    watch.until("interrupted");
    assert_eq!(watch.end(), Some(130), "{:#?}", watch.seen);
}
