//! `plan`, consents, saved plans and drift against the fake. The expected output is in `snapshots/plan/`. To update it:
//! `UPDATE_SNAPSHOTS=1 cargo test -p provisioner --test it plan::`, then review the diff.

use std::path::{Path, PathBuf};

use fake_aws::REGION;
use fake_aws::cloudformation::Change;
use serde_json::{Value, json};

use crate::deploy::{STACK, Site};
use crate::world::Ran;

/// Compares with a file of `snapshots/plan/`, after the temporary folder's path is replaced.
#[track_caller]
fn matches(site: &Site, name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots/plan").join(name);
    let text =
        text.replace(&site.folder.path().display().to_string(), "FOLDER").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{} differs; UPDATE_SNAPSHOTS=1 updates it", path.display());
}

/// Rewrites the stack file with these additional settings.
fn set(site: &Site, settings: &str) {
    let file = format!("name: {STACK}\nregion: {REGION}\n{settings}");
    std::fs::write(site.folder.path().join("shop.yaml"), file).unwrap();
}

fn plan(site: &Site, more: &[&str]) -> Ran {
    let mut arguments = vec!["plan", "--handler", "bootstrap"];
    arguments.extend(more);
    site.run(&arguments)
}

fn up(site: &Site, more: &[&str]) -> Ran {
    let mut arguments = vec!["up", "--yes", "--no-verify", "--handler", "bootstrap"];
    arguments.extend(more);
    site.run(&arguments)
}

/// The calls that change something.
fn writes(site: &Site) -> Vec<String> {
    const READS: [&str; 8] = ["Describe", "Get", "List", "Head", "Detect", "Scan", "Query", "Filter"];
    let is_read =
        |call: &str| call.split_once(':').is_some_and(|(_, action)| READS.iter().any(|read| action.starts_with(read)));
    site.fake.call_names().into_iter().filter(|call| !is_read(call)).collect()
}

/// Plans a change, and compares the output with this snapshot.
#[track_caller]
fn plans(site: &Site, name: &str) {
    matches(site, name, &plan(site, &[]).ended(10).out);
}

/// The same, also with the Markdown output.
#[track_caller]
fn plans_in_both_forms(site: &Site, name: &str) {
    plans(site, &format!("{name}.txt"));
    matches(site, &format!("{name}.md"), &plan(site, &["--format", "markdown"]).ended(10).out);
}

/// A stack that is deployed from these settings.
fn deployed(settings: &str) -> Site {
    let site = Site::new();
    set(&site, settings);
    up(&site, &[]).ended(0);
    site.fake.forget_calls();
    site
}

fn change(site: &Site, logical_id: &str, properties: Value) {
    site.fake.state().cloudformation.changed.insert(logical_id.to_owned(), properties);
}

#[test]
fn a_first_plan() {
    let site = Site::new();
    plans(&site, "create.txt");
    assert_eq!(writes(&site), Vec::<String>::new());
}

#[test]
fn no_change() {
    let site = deployed("data: delete\n");
    let ran = plan(&site, &[]);
    ran.ended(0);
    matches(&site, "no-change.txt", &ran.out);
    let json = plan(&site, &["--json"]).ended(0).json();
    assert_eq!((&json["version"], &json["changes"], &json["step"]), (&json!(1), &json!(false), &json!("none")));
    assert_eq!(writes(&site), Vec::<String>::new());
}

#[test]
fn only_the_code() {
    let site = deployed("data: delete\n");
    site.build_handler(2);
    plans(&site, "code.txt");
}

#[test]
fn changed_settings() {
    let site = deployed("data: delete\ntags: {team: a}\n");
    set(
        &site,
        "data: delete\ntags: {team: b}\nbucket: {versioning: true}\nhandler: {memory: 512 MiB, keepLogs: 30d}\n\
         table: {billing: on-demand}\n",
    );
    plans_in_both_forms(&site, "settings");
    plan(&site, &["--verbose"]).ended(10).says("MemorySize").says("(AWS::Lambda::Function)");
    // A bucket with versions lets the function read them.
    up(&site, &["--allow", "broaden"]).ended(0).says("UPDATE_COMPLETE");
    plan(&site, &[]).ended(0);
}

#[test]
fn the_last_tag_is_removed_too() {
    let site = deployed("data: delete\ntags: {team: a}\n");
    set(&site, "data: delete\n");
    plan(&site, &[]).ended(10).says("~ change  tags  ");
    up(&site, &[]).ended(0).says("UPDATE_COMPLETE");
    assert!(site.fake.state().cloudformation.live(STACK).unwrap().tags.is_empty());
    plan(&site, &[]).ended(0);
}

#[test]
fn broader_permissions_need_separate_confirmation() {
    let site = deployed("data: delete\n");
    set(&site, "data: delete\nbucket: {requireTls: false}\n");
    plans_in_both_forms(&site, "broaden");
    let refused = up(&site, &[]);
    refused.ended(5);
    matches(&site, "broaden-refused.txt", refused.err.split_once("error:").unwrap().1);
    up(&site, &["--allow", "broaden"]).ended(5).says("delete: BucketPolicy").says("--allow delete");
    assert_eq!(writes(&site), Vec::<String>::new(), "nothing is done without consent");
    up(&site, &["--allow", "broaden,delete"]).ended(0).says("UPDATE_COMPLETE");
}

#[test]
fn data_deletion_needs_separate_confirmation() {
    let site = deployed("data: keep\nhandler: {keepLogs: 30d}\ntable: {pointInTimeRecovery: true}\n");
    set(&site, "data: delete\nhandler: {keepLogs: 7d}\nbucket: {expireFiles: 30d}\n");
    plans(&site, "data.txt");
    up(&site, &["--allow", "broaden,replace"]).ended(5).says("log lines older than 7 days");
    up(&site, &["--allow", "delete"]).ended(0);
}

#[test]
fn records_expire_and_expire_sooner_only_with_separate_confirmation() {
    let site = deployed("data: delete\n");
    set(&site, "data: delete\ntable: {keepRecords: 90d}\n");
    plan(&site, &[])
        .ended(10)
        .says("table.keepRecords  none → 90d")
        .says("earlier ones keep the expiry that they have, or none");
    up(&site, &[]).ended(5).says("are deleted after 90 days").says("--allow delete");
    up(&site, &["--allow", "delete"]).ended(0);
    // Without the attribute's name in the table nothing expires; CloudFormation's own detection finds that.
    change(&site, "Table", json!({"TimeToLiveSpecification": null}));
    plan(&site, &["--drift"]).ended(0).says("TimeToLiveSpecification");
    site.fake.state().cloudformation.changed.clear();
    set(&site, "data: delete\ntable: {keepRecords: 30d}\n");
    plan(&site, &[]).ended(10).says("table.keepRecords  90d → 30d");
    up(&site, &[]).ended(5).says("are deleted after 30 days");
    // Longer, and no more at all, deletes nothing.
    set(&site, "data: delete\ntable: {keepRecords: 180d}\n");
    up(&site, &[]).ended(0);
    set(&site, "data: delete\n");
    up(&site, &[]).ended(0);
}

/// Renames a resource in the deployed template, as if an older version of the tool had created it.
fn rename(site: &Site, logical_id: &str, property: &str) {
    let mut state = site.fake.state();
    let stack = state.cloudformation.stacks.iter_mut().find(|s| s.name == STACK).unwrap();
    stack.template["Resources"][logical_id]["Properties"][property] = "an-older-name".into();
}

#[test]
fn a_replacement_needs_separate_confirmation() {
    let site = deployed("data: delete\n");
    rename(&site, "FailedEvents", "QueueName");
    plans(&site, "replace.txt");
    let refused = up(&site, &[]);
    refused.ended(5).says("--allow replace");
    matches(&site, "replace-refused.txt", refused.err.split_once("error:").unwrap().1);
    assert_eq!(writes(&site), Vec::<String>::new());
}

#[test]
fn replacing_the_table_is_refused_whatever_is_allowed() {
    let site = deployed("data: delete\n");
    rename(&site, "Table", "TableName");
    let ran = plan(&site, &[]);
    ran.ended(5);
    matches(&site, "data-loss.txt", &ran.out);
    up(&site, &["--allow", "broaden,replace,delete"]).ended(5).says("replace or remove Table");
    assert_eq!(writes(&site), Vec::<String>::new());
}

#[test]
fn a_saved_plan_is_applied_to_the_same_state_only() {
    let site = deployed("data: delete\n");
    site.build_handler(2);
    plan(&site, &["--out", "plan.json"]).ended(10).says("up --plan plan.json");
    let saved = |site: &Site| up(site, &["--plan", "plan.json"]);

    set(&site, "data: delete\nhandler: {memory: 512 MiB}\n");
    saved(&site).ended(5).says("gives another template");
    set(&site, "data: delete\n");
    site.build_handler(3);
    saved(&site).ended(5).says("the handler is");
    site.build_handler(2);
    site.fake.state().cloudformation.stacks[0].status = "UPDATE_COMPLETE".into();
    saved(&site).ended(5).says("was in CREATE_COMPLETE and is in UPDATE_COMPLETE");
    site.fake.state().cloudformation.stacks[0].status = "CREATE_COMPLETE".into();
    rename(&site, "FailedEvents", "VisibilityTimeout");
    let stale = saved(&site);
    stale.ended(5).says("another template is deployed").says("Create a new plan and review it");
    assert_eq!(writes(&site), Vec::<String>::new());
    site.fake.state().cloudformation.stacks[0].template["Resources"]["FailedEvents"]["Properties"]["VisibilityTimeout"] =
        json!(120);
    saved(&site).ended(0).says("UPDATE_COMPLETE");
    saved(&site).ended(5).says("the stack was");
}

#[test]
fn a_file_that_is_not_a_plan_is_refused() {
    let site = Site::new();
    let file = |name: &str, text: &str| std::fs::write(site.folder.path().join(name), text).unwrap();
    file("text", "no plan");
    file("old", r#"{"version": 0}"#);
    file("half", r#"{"version": 1, "stack": "shop"}"#);
    for (name, code, part) in [
        ("text", 3, "text is not a plan"),
        ("old", 3, "version 0, and this program reads version 1"),
        ("half", 3, "is an incomplete plan"),
        ("missing", 2, "failed to read the plan"),
    ] {
        up(&site, &["--plan", name]).ended(code).says(part);
    }
    assert_eq!(site.fake.call_names(), Vec::<String>::new(), "nothing is called for a file that is wrong");
}

/// What [`drifted`] changes.
const DRIFTED: [&str; 4] = ["BucketPolicy", "FailedEventsAlarm", "Handler", "HandlerRole"];

fn drifted() -> Site {
    let site = deployed("data: delete\n");
    change(&site, "Handler", json!({"MemorySize": 1024, "Timeout": 3}));
    let mut policies = json!([{"PolicyName": "handler", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}]);
    policies[0]["PolicyDocument"]["Statement"] = json!([
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": format!("arn:aws:dynamodb:{REGION}:123456789012:table/physical-Table")}
    ]);
    change(&site, "HandlerRole", json!({"Policies": policies}));
    change(&site, "BucketPolicy", Value::Null);
    change(&site, "FailedEventsAlarm", json!({"Threshold": 100}));
    site
}

#[test]
fn drift_is_reported_property_by_property() {
    let site = drifted();
    let ran = plan(&site, &[]);
    ran.ended(0);
    matches(&site, "drift.txt", &ran.out);
    let closely = plan(&site, &["--drift"]);
    closely.ended(0).says("Threshold");
    matches(&site, "drift-full.txt", &closely.out);
    matches(&site, "drift.md", &plan(&site, &["--drift", "--format", "markdown"]).ended(0).out);
    matches(&site, "drift-revert.txt", &plan(&site, &["--drift", "--revert-drift"]).ended(10).out);
    up(&site, &[]).ended(0).says("nothing to change").says("up --revert-drift");
    // What is shown and what is compared are the same observation.
    let observations =
        ["cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudformation:GetTemplate"];
    let before = observations.map(|call| site.fake.count(call));
    site.run(&["status"]).ended(0).says("drift          changed").says("MemorySize  256 → 1024");
    assert_eq!(observations.map(|call| site.fake.count(call)), before.map(|count| count + 1));
    assert_eq!(writes(&site), Vec::<String>::new());
}

#[test]
fn a_failed_drift_check_does_not_stop_the_plan() {
    let site = deployed("data: delete\n");
    let denied = (403, "AccessDenied", "not authorized to perform: iam:GetRole");
    site.fake.fail("iam:GetRole", (0, 99), denied);
    plan(&site, &[]).ended(0).says("HandlerRole: not checked").says("iam:GetRole");
    let status = site.run(&["status"]);
    status.ended(0).says("drift          not checked: HandlerRole; otherwise none").says("iam:GetRole");
    assert!(!status.out.contains("drift          none"), "{status:#?}");
}

#[test]
fn a_missing_public_access_block_is_drift_and_is_put_back() {
    let site = deployed("data: delete\n");
    change(&site, "Bucket", json!({"PublicAccessBlockConfiguration": null}));
    let planned = plan(&site, &[]);
    planned.ended(0).says("bucket Bucket").says("PublicAccessBlockConfiguration");
    site.run(&["status"]).ended(0).says("drift          changed");
    let gained = "everybody is no longer refused public access";
    planned.says(gained);
    up(&site, &["--revert-drift"]).ended(0).says("is as it was deployed");
    assert_eq!(site.fake.state().cloudformation.changed, [].into());
    site.run(&["status"]).ended(0).says("drift          none");
}

#[test]
fn drift_is_reverted_by_cloudformation() {
    let site = drifted();
    site.fake.state().cloudformation.reverts_drift = true;
    // The deployed permissions are restored, which was confirmed before; what the stack file adds was not.
    set(&site, "data: delete\nbucket: {versioning: true}\n");
    up(&site, &["--revert-drift"])
        .ended(5)
        .says("--allow broaden")
        .says("broaden: role HandlerRole gains s3:GetObjectVersion");
    assert_eq!(writes(&site), Vec::<String>::new());
    set(&site, "data: delete\n");
    up(&site, &["--revert-drift"]).ended(0).says("is as it was deployed");
    assert_eq!(site.fake.state().cloudformation.updated, [DRIFTED]);
    assert_eq!(site.fake.state().cloudformation.changed, [].into());
}

#[test]
fn a_drift_aware_change_set_with_unplanned_changes_is_not_executed() {
    for surprise in [("Remove", "Table", "AWS::DynamoDB::Table"), ("Add", "Other", "AWS::SQS::Queue")] {
        let site = drifted();
        {
            let mut state = site.fake.state();
            state.cloudformation.reverts_drift = true;
            state.cloudformation.surprise = Some(Change::new(surprise.0, surprise.1, surprise.2));
        }
        up(&site, &["--revert-drift", "--allow", "broaden"]).ended(5).says(surprise.1);
        assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
        assert!(site.fake.state().cloudformation.change_sets.is_empty(), "the change set was not deleted");
        // A failed deletion of the change set does not hide why it was not executed.
        site.fake.fail("cloudformation:DeleteChangeSet", (0, 9), (403, "AccessDenied", "no DeleteChangeSet"));
        let refused = up(&site, &["--revert-drift", "--allow", "broaden"]);
        refused.ended(5).says(surprise.1).says("no DeleteChangeSet");
    }
}

#[test]
fn drift_is_reverted_in_two_updates_without_drift_aware_change_sets() {
    let site = drifted();
    let ran = up(&site, &["--revert-drift", "--allow", "broaden"]);
    ran.ended(0).says("is updated twice").says("is as it was deployed");
    assert_eq!(site.fake.state().cloudformation.updated, [DRIFTED, DRIFTED]);
    assert_eq!(site.fake.state().cloudformation.changed, [].into());
    plan(&site, &["--drift"]).ended(0);
    site.run(&["status", "--drift"]).ended(0).says("drift          none, including CloudFormation's drift detection");
}

#[test]
fn resources_without_drift_are_neither_updated_nor_reported() {
    for reverts in [true, false] {
        let site = deployed("data: delete\ntags: {team: a}\n");
        change(&site, "Handler", json!({"MemorySize": 1024}));
        {
            let mut state = site.fake.state();
            state.cloudformation.reverts_drift = reverts;
            state.cloudformation.events_of_unchanged = true;
        }
        let ran = up(&site, &["--revert-drift", "--json"]);
        ran.ended(0);
        let reported: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |event: &str| reported.iter().filter(|e| e["event"] == event).collect::<Vec<_>>();
        let updates = if reverts { 1 } else { 2 };
        assert_eq!(of("started").len(), updates);
        assert!(of("started").iter().all(|e| e["resources"] == 1), "{reported:#?}");
        assert_eq!(of("resource").len(), updates * 2);
        assert!(of("resource").iter().all(|e| e["logicalId"] == "Handler"), "{reported:#?}");
        assert_eq!(site.fake.state().cloudformation.updated, vec![["Handler"]; updates]);
    }
}

#[test]
fn drift_is_reverted_together_with_a_stack_file_change() {
    let site = deployed("data: delete\ntags: {team: a}\n");
    change(&site, "Handler", json!({"MemorySize": 1024}));
    set(&site, "data: delete\ntags: {team: b}\nhandler: {timeout: 90s}\n");
    up(&site, &["--revert-drift"]).ended(0).says("is as it was deployed");
    let state = site.fake.state();
    assert_eq!(state.cloudformation.changed, [].into());
    assert_eq!(state.cloudformation.stacks[0].tags["team"], "b");
    // One update for the stack file, then two for the memory, which change nothing else.
    assert_eq!(state.cloudformation.updated[1..], [["Handler"], ["Handler"]]);
}

#[test]
fn a_concurrent_update_makes_the_drift_revert_plan_again() {
    let site = drifted();
    site.fake.state().cloudformation.reverts_drift = true;
    site.fake.state().cloudformation.concurrent_update = true;
    let ran = up(&site, &["--revert-drift", "--allow", "broaden"]);
    ran.ended(0).says("another process").says("is as it was deployed");
    assert_eq!(site.fake.count("cloudformation:CreateChangeSet"), 2, "a stale one, and one after planning again");
}

#[test]
fn drift_that_cannot_be_reverted_is_reported() {
    let site = deployed("data: delete\n");
    change(&site, "HandlerRetries", json!({"MaximumRetryAttempts": 0}));
    site.fake.state().cloudformation.changed_for_good = true;
    up(&site, &["--revert-drift"]).ended(6).says("could not be reverted").says("MaximumRetryAttempts  2 → 0");
}

#[test]
fn code_that_was_deployed_out_of_band_is_reported_and_reverted() {
    let site = deployed("data: delete\n");
    plan(&site, &[]).ended(0);
    let other = "0123456789abcdef".repeat(4);
    site.fake.state().lambda.functions.values_mut().for_each(|f| f.key = format!("handler/{other}.zip"));
    plan(&site, &[]).ended(10).says("handler's code").says("0123456789ab");
    up(&site, &[]).ended(0);
    plan(&site, &[]).ended(0);
}

#[test]
fn a_change_set_with_unplanned_changes_is_not_executed() {
    let site = deployed("data: delete\n");
    site.build_handler(2);
    site.fake.state().cloudformation.surprise = Some(Change::new("Remove", "FailedEvents", "AWS::SQS::Queue"));
    up(&site, &[]).ended(5).says("remove FailedEvents");
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
    assert!(site.fake.state().cloudformation.change_sets.is_empty(), "the change set was not deleted");
}

/// The table of replacing properties equals that of CloudFormation's resource schemas, which cfn-lint ships.
#[test]
fn replacing_properties_match_the_resource_schemas() {
    let packages = crate::root().join(".venv/lib");
    let schemas: PathBuf = std::fs::read_dir(&packages)
        .unwrap_or_else(|e| panic!("{}: {e}; `make emulator` installs cfn-lint", packages.display()))
        .map(|entry| entry.unwrap().path().join("site-packages/cfnlint/data/schemas"))
        .find(|path| path.is_dir())
        .unwrap();
    let read = |path: PathBuf| -> Value { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let index = read(schemas.join("providers/us-east-1.json"));
    for (kind, properties) in provisioner_model::diff::REPLACING {
        let schema = read(schemas.join(format!("resources/{}.json", index[kind].as_str().unwrap())));
        let listed = ["createOnlyProperties", "conditionalCreateOnlyProperties"];
        let mut expected: Vec<&str> = listed
            .iter()
            .flat_map(|list| schema[*list].as_array().into_iter().flatten())
            .map(|pointer| pointer.as_str().unwrap().trim_start_matches("/properties/"))
            .collect();
        expected.sort_unstable();
        let mut known = properties.to_vec();
        known.sort_unstable();
        assert_eq!(known, expected, "{kind}");
    }
}
