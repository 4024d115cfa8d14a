//! `provisioner rollback` and `history` against the fake: the code, and on request the template, of an earlier deployment.

use fake_aws::{ACCOUNT, Fault, REGION, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::deploy::{STACK, Site};
use crate::world::{Ran, World};

pub(crate) fn artifacts() -> String {
    format!("{STACK}-artifacts-{ACCOUNT}-{REGION}")
}

/// The key of the function's zip.
fn deployed_key(site: &Site) -> String {
    // The fake's functions follow their stacks at each call of Lambda.
    site.run(&["status"]).ended(0);
    site.fake.state().lambda.functions[&format!("{STACK}-handler")].key.clone()
}

fn memory(site: &Site) -> Value {
    let state = site.fake.state();
    state.cloudformation.live(STACK).unwrap().template["Resources"]["Handler"]["Properties"]["MemorySize"].clone()
}

fn set_memory(site: &Site, mib: u32) {
    let file = format!("name: {STACK}\nregion: {REGION}\ndata: delete\nhandler:\n  memory: {mib} MiB\n");
    std::fs::write(site.folder.path().join("shop.yaml"), file).unwrap();
}

fn history(site: &Site) -> Vec<Value> {
    let document = site.run(&["history", "--json"]).ended(0).json();
    document["deployments"].as_array().unwrap().clone()
}

fn history_keys(site: &Site) -> Vec<String> {
    let state = site.fake.state();
    state.s3.buckets[&artifacts()].keys().filter(|key| key.starts_with("history/")).collect()
}

fn rollback(site: &Site, more: &[&str]) -> Ran {
    site.run(&[&["rollback", "--yes"], more].concat())
}

#[test]
fn the_history_says_when_who_and_what() {
    let site = Site::new();
    site.run(&["history"]).ended(0).says("No deployment is recorded");
    site.deployed();
    site.build_handler(2);
    site.up().ended(0);
    set_memory(&site, 512);
    site.up().ended(0);
    site.up().ended(0).says("nothing to change");

    let deployments = history(&site);
    assert_eq!(deployments.len(), 3, "{deployments:#?}");
    let [settings, code, creation] = deployments.as_slice() else { unreachable!() };
    assert_eq!(settings["changes"][0]["logicalId"], "Handler");
    assert_eq!(settings["changes"][0]["properties"], json!(["MemorySize"]));
    assert_eq!((&code["mode"], &code["code"]["sha256"]), (&json!("up"), &settings["code"]["sha256"]));
    assert_ne!(code["code"]["sha256"], creation["code"]["sha256"]);
    assert!(creation["changes"].as_array().unwrap().iter().all(|change| change["action"] == "add"));
    assert!(creation["caller"].as_str().unwrap().starts_with("arn:aws:"), "{creation}");
    assert!(creation["at"].as_str() < code["at"].as_str());
    assert_eq!(creation["template"], Value::Null, "templates are long");
    let text = site.run(&["history", "-n", "1"]);
    text.ended(0).says("change Handler (MemorySize)").says("up");
    assert_eq!(text.out.lines().count(), 2);
}

#[test]
fn a_rollback_returns_to_the_code_before_and_keeps_the_template() {
    let site = Site::new();
    site.deployed();
    let first = deployed_key(&site);
    site.build_handler(2);
    set_memory(&site, 512);
    site.up().ended(0);
    let second = deployed_key(&site);
    assert_ne!(first, second);
    // What the stack file says meanwhile does not matter.
    set_memory(&site, 1024);
    site.run(&["rollback"]).ended(5).says("Returning shop to the code of").says("--yes");
    assert_eq!(deployed_key(&site), second);
    rollback(&site, &[]).ended(0).says("The next `up` deploys the sources");
    assert_eq!((deployed_key(&site), memory(&site)), (first, json!(512)));
    assert_eq!(history(&site)[0]["mode"], "rollback");
    // Again: what was deployed before this.
    rollback(&site, &[]).ended(0);
    assert_eq!(deployed_key(&site), second);
}

#[test]
fn a_rollback_of_the_template_returns_to_the_settings_too() {
    let site = Site::new();
    site.deployed();
    let before = memory(&site);
    set_memory(&site, 512);
    site.up().ended(0);
    let code = deployed_key(&site);
    rollback(&site, &[]).ended(1).says("no earlier deployment that differs").says("provisioner history -s shop.yaml");
    rollback(&site, &["--template"]).ended(0);
    assert_eq!((memory(&site), deployed_key(&site)), (before, code));

    // By the start of a time or a hash.
    let deployments = history(&site);
    let at = deployments[1]["at"].as_str().unwrap();
    rollback(&site, &["--template", "--to", at]).ended(0);
    assert_eq!(memory(&site), 512);
    rollback(&site, &["--to", "no-such"]).ended(1).says("starts with no-such");
}

#[test]
fn a_failed_deployment_is_recorded_and_never_returned_to() {
    let site = Site::with_new_code();
    let first = deployed_key(&site);
    site.fake.state().cloudformation.failing.insert("Handler".into(), "no".into());
    site.up().ended(6);
    site.fake.state().cloudformation.failing.clear();
    let deployments = history(&site);
    assert!(deployments[0]["failure"].is_string(), "{deployments:#?}");
    site.run(&["history"]).ended(0).says("FAILED");
    site.build_handler(3);
    site.up().ended(0);
    rollback(&site, &[]).ended(0);
    assert_eq!(deployed_key(&site), first);
}

/// A stack whose update was interrupted, and completed by CloudFormation. Returns the key of the code before.
fn with_completed_update() -> (Site, String) {
    let site = Site::with_new_code();
    let first = deployed_key(&site);
    site.fake.forget_calls();
    site.fake.state().cloudformation.slow = true;
    let up = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeStackEvents", 2);
    kill_process(Pid::from_child(&up), Signal::INT).unwrap();
    Ran::of(&up.wait_with_output().unwrap()).ended(130);
    site.fake.state().cloudformation.slow = false;
    (site, first)
}

#[test]
fn an_interrupted_deployment_that_is_completed_is_returned_to() {
    // With and without another `up` that finds it completed.
    for is_followed in [true, false] {
        let (site, first) = with_completed_update();
        assert!(history(&site)[0]["failure"].is_string());
        if is_followed {
            site.up().ended(0).says("nothing to change");
            site.up().ended(0).says("nothing to change");
            let deployments = history(&site);
            let failures: Vec<bool> = deployments.iter().map(|one| one["failure"].is_string()).collect();
            assert_eq!(failures, [false, true, false], "{deployments:#?}");
            assert_eq!(deployments[0]["code"], deployments[1]["code"]);
        }
        site.build_handler(3);
        site.up().ended(0);
        rollback(&site, &[]).ended(0);
        let returned_to = deployed_key(&site);
        assert_ne!(returned_to, first, "{is_followed}");
        assert_eq!(history(&site)[0]["code"]["key"], returned_to.as_str());
    }
}

#[test]
fn the_document_of_a_completed_deployment_counts_as_one_of_the_history() {
    for is_changed in [true, false] {
        let (site, _) = with_completed_update();
        put_old_documents(&site);
        if is_changed {
            site.build_handler(3);
        }
        site.up().ended(0);
        assert_eq!(history_keys(&site).len(), 50, "{is_changed}");
        assert_eq!(history(&site).len(), if is_changed { 4 } else { 3 }, "{is_changed}");
    }
}

#[test]
fn documents_of_another_format_are_left_out() {
    let site = Site::new();
    site.deployed();
    let key = history_keys(&site).remove(0);
    let text = site.fake.state().s3.buckets[&artifacts()].object(&key).unwrap().body.to_vec();
    let mut document: Value = serde_json::from_slice(&text).unwrap();
    document["version"] = json!(2);
    site.fake.state().s3.put(&artifacts(), "history/9999-01-01T00:00:00.000Z-0.json", document.to_string());
    assert_eq!(history(&site).len(), 1);
    site.run(&["rollback", "--yes"]).ended(1).says("no earlier deployment");
}

#[test]
fn a_stack_of_a_program_without_history_can_be_rolled_back() {
    let site = Site::new();
    site.deployed();
    let first = deployed_key(&site);
    for key in history_keys(&site) {
        site.fake.state().s3.delete(&artifacts(), &key);
    }
    site.run(&["rollback", "--yes"]).ended(1).says("no earlier deployment");
    site.build_handler(2);
    site.up().ended(0);
    let modes: Vec<Value> = history(&site).iter().map(|deployment| deployment["mode"].clone()).collect();
    assert_eq!(modes, ["up", "found"]);
    rollback(&site, &[]).ended(0);
    assert_eq!(deployed_key(&site), first);
}

#[test]
fn only_the_code_that_was_deployed_is_returned_to() {
    let site = Site::new();
    site.run(&["rollback", "--yes"]).ended(1).says("there is no stack shop");
    site.deployed();
    let first = deployed_key(&site);
    site.build_handler(2);
    site.up().ended(0);
    let second = deployed_key(&site);
    site.fake.state().s3.put(&artifacts(), &first, "other bytes");
    rollback(&site, &[]).ended(5).says("is not the code that was deployed");
    site.fake.state().s3.delete(&artifacts(), &first);
    rollback(&site, &[]).ended(1).says("is no longer kept");
    assert_eq!(deployed_key(&site), second);
}

/// Puts the documents of 60 deployments before all others.
fn put_old_documents(site: &Site) {
    for n in 0..60 {
        let key = format!("history/2020-01-01T00:00:{n:02}.000Z-0.json");
        site.fake.state().s3.put(&artifacts(), &key, "{}");
    }
}

#[test]
fn the_history_is_bounded_and_survives_the_deletion_of_old_code() {
    let site = Site::new();
    site.deployed();
    for version in 2..=8 {
        site.build_handler(version);
        site.up().ended(0);
    }
    assert_eq!(history_keys(&site).len(), 8);
    put_old_documents(&site);
    site.build_handler(9);
    site.up().ended(0);
    let keys = history_keys(&site);
    assert_eq!(keys.len(), 50);
    assert!(keys[0].starts_with("history/2020-01-01T00:00:19"), "{keys:?}");
    // What is no deployment is left out.
    assert_eq!(history(&site).len(), 9);
}

#[test]
fn a_history_that_cannot_be_written_fails_nothing() {
    let site = Site::with_new_code();
    let is_history = |request: &fake_aws::Request| request.path.contains("/history/");
    site.fake.inject(Rule::on("s3:PutObject", Fault::error(403, "AccessDenied", "no")).when(is_history).always());
    site.up().ended(0).says("could not be recorded in its history");
}

#[test]
fn up_offers_the_code_before_if_the_handler_dies_at_its_start() {
    let world = World::new();
    let working = world.write("working", crate::world::smallest_handler(1));
    world.ok(&["up", "-s", "local", "--yes", "--handler", working.to_str().unwrap()]);
    let dying = world.write("dying", crate::verify::dying_handler());
    let mut command = world.command(&["up", "-s", "local", "--yes", "--handler", dying.to_str().unwrap()]);
    let up = Ran::of(&command.env_remove("PROVISIONER_NO_VERIFY").output().unwrap());
    up.ended(9).says("process ends without processing the file").says("with: provisioner rollback -s local");
    world.ok(&["rollback", "-s", "local", "--yes"]);
    let status = world.ok(&["status", "-s", "local", "--json"]).json();
    let deployments = world.ok(&["history", "-s", "local", "--json"]).json();
    assert_eq!(status["code"]["deployed"]["sha256"], deployments["deployments"][2]["code"]["sha256"]);
}
