//! `deployment: express`: what CloudFormation is asked for, and that `verify` waits for the function.

use fake_aws::cloudformation::{Change, DeploymentConfig};
use fake_aws::{Fault, REGION, Rule};

use crate::deploy::{STACK, Site};
use crate::world::Ran;

impl Site {
    fn express(data: &str) -> Self {
        let site = Self::with(data);
        site.set_deployment(data, "deployment: express\n");
        site
    }

    fn set_deployment(&self, data: &str, lines: &str) {
        let text = format!("name: {STACK}\nregion: {REGION}\ndata: {data}\n{lines}");
        std::fs::write(self.folder.path().join("shop.yaml"), text).unwrap();
    }

    /// What each change set was created with: type, deployment mode and configuration.
    fn proposed(&self) -> Vec<String> {
        let calls = self.fake.calls_of("cloudformation:CreateChangeSet");
        let read = calls.iter().map(|call| {
            let form = call.request.form();
            let said =
                form.iter().filter(|(name, _)| name.starts_with("DeploymentConfig.") || *name == "DeploymentMode");
            let said = said.map(|(name, value)| format!(" {}={value}", name.trim_start_matches("DeploymentConfig.")));
            form["ChangeSetType"].clone() + &said.collect::<String>()
        });
        read.collect()
    }
}

/// The configuration of express mode.
const EXPRESS: &str = "DisableRollback=false Mode=EXPRESS";

#[test]
fn express_mode_is_opt_in_and_never_disables_the_rollback() {
    for lines in ["", "deployment: standard\n"] {
        let site = Site::new();
        site.set_deployment("delete", lines);
        site.up().ended(0);
        assert_eq!(site.proposed(), ["CREATE"]);
        let status = site.run(&["status", "--json"]);
        assert_ne!(status.ended(0).json()["deployment"], "express");
    }
    let site = Site::express("delete");
    site.up().ended(0).says("started in express mode");
    site.build_handler(2);
    let up = site.run(&["up", "--yes", "--json", "--handler", "bootstrap"]);
    let started = up.ended(0).out.lines().find(|line| line.contains("\"started\"")).unwrap();
    let started: serde_json::Value = serde_json::from_str(started).unwrap();
    assert_eq!(started["mode"], "express");
    assert_eq!(site.proposed(), [format!("CREATE {EXPRESS}"), format!("UPDATE {EXPRESS}")]);
    assert_eq!(
        site.fake.state().cloudformation.live(STACK).unwrap().deployment_config,
        Some(DeploymentConfig { mode: Some("EXPRESS".into()), disable_rollback: Some(false) })
    );
    assert_eq!(site.run(&["status", "--json"]).ended(0).json()["deployment"], "express");
    site.run(&["status"]).ended(0).says("in express mode");
}

#[test]
fn imports_drift_and_deletions_are_never_express() {
    let site = Site::express("keep");
    site.deployed();
    site.run(&["down", "--yes"]).ended(0);
    let deletion = site.fake.calls_of("cloudformation:DeleteStack").remove(0).request.form();
    assert!(!deletion.keys().any(|name| name.starts_with("DeploymentConfig")), "{deletion:?}");
    site.up().ended(0).says("importing");
    assert_eq!(site.proposed(), ["IMPORT".to_owned(), format!("UPDATE {EXPRESS}")]);

    let site = Site::express("delete");
    site.deployed();
    {
        let mut state = site.fake.state();
        state.cloudformation.reverts_drift = true;
        state.cloudformation.changed.insert("Handler".into(), serde_json::json!({ "MemorySize": 128 }));
    }
    site.run(&["up", "--yes", "--revert-drift", "--handler", "bootstrap"]).ended(0);
    assert_eq!(site.proposed()[0], "UPDATE DeploymentMode=REVERT_DRIFT");
}

#[test]
fn a_failed_express_update_is_rolled_back() {
    let site = Site::express("delete");
    site.deployed();
    site.build_handler(2);
    site.fake.state().cloudformation.failing.insert("Handler".into(), "no".into());
    site.up().ended(6).says("UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn the_verification_after_an_express_deployment_waits_for_the_function() {
    for (lines, reads) in [("deployment: express\n", 3), ("", 0)] {
        let site = Site::new();
        site.set_deployment("delete", lines);
        site.fake.state().lambda.looks_until_active = 3;
        // The fake runs no pipeline, so the verification ends where it sends its file.
        let denied = Rule::on("s3:PutObject", Fault::error(403, "AccessDenied", "no")).always();
        site.fake.inject(denied.when(|request| request.segment(0).contains("-uploads-")));
        let mut command = site.command(&["up", "--yes", "--handler", "bootstrap"]);
        let ran = Ran::of(&command.env_remove("PROVISIONER_NO_VERIFY").output().unwrap());
        ran.says("failed to send the canary");
        assert_eq!(ran.err.contains("before the function was ready"), reads > 0, "{ran:#?}");
        let calls = site.fake.call_names();
        let executed = calls.iter().position(|call| call == "cloudformation:ExecuteChangeSet").unwrap();
        let canary = calls.iter().rposition(|call| call == "s3:PutObject").unwrap();
        let looked = calls[executed..canary].iter().filter(|call| *call == "lambda:GetFunctionConfiguration").count();
        assert_eq!(looked, reads, "{calls:?}");
    }
}

#[test]
fn a_function_that_does_not_become_active_is_reported() {
    let site = Site::express("delete");
    site.deployed();
    site.build_handler(2);
    // The code of the new version cannot run. CloudFormation did not wait for it.
    site.fake.state().cloudformation.surprise = Some(Change::new("Modify", "Handler", "AWS::Lambda::Function"));
    site.up().ended(0);
    site.fake.state().lambda.broken = Some("the runtime exited");
    let mut command = site.command(&["verify"]);
    Ran::of(&command.output().unwrap()).ended(9).says("the runtime exited");
}
