//! Stacks that an earlier release deployed: this version brings them up to date without replacing a resource and without
//! losing a file or a record.
//!
//! `upgrades/RELEASE/` holds stack files, and the templates that this release made of them; `tools/release-fixture` adds
//! a release. The files are never changed afterwards: they are what users have deployed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fake_aws::{ACCOUNT, Fake, REGION};
use handler_contract::table::PARTITION_KEY;
use provisioner_model::change::Action;
use provisioner_model::names::Names;
use provisioner_model::{diff, spec, template};
use serde_json::{Value, json};

use crate::world::{Ran, smallest_handler};

/// What a consent may be given to without asking: more permissions lose nothing.
const HARMLESS: &str = "broaden";

/// A stack that a release deployed.
struct Deployed {
    /// Release and stack file.
    name: String,
    stack_file: PathBuf,
    template: Value,
}

/// Every stack of every release.
fn deployed() -> Vec<Deployed> {
    let list = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let releases = list(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrades"));
    let stacks = releases.iter().flat_map(|release| list(&release.join("stacks"))).map(|stack_file| {
        let (release, file) = (stack_file.parent().unwrap().parent().unwrap(), stack_file.file_name().unwrap());
        let text = std::fs::read_to_string(release.join("templates").join(file)).unwrap();
        let name = format!("{}/{}", release.file_name().unwrap().display(), file.display());
        Deployed { template: template::read(&text).expect("a template"), name, stack_file }
    });
    let stacks: Vec<Deployed> = stacks.collect();
    assert!(!stacks.is_empty());
    stacks
}

impl Deployed {
    fn stack_file(&self) -> String {
        std::fs::read_to_string(&self.stack_file).unwrap()
    }
}

/// The releases that the changelog names.
fn releases() -> Vec<String> {
    let changelog = std::fs::read_to_string(crate::root().join("CHANGELOG.md")).unwrap();
    let names = changelog.lines().filter_map(|line| line.strip_prefix("## [")?.split(']').next());
    let (unreleased, releases): (Vec<_>, Vec<_>) = names.partition(|name| *name == "Unreleased");
    assert_eq!(unreleased.len(), 1, "the changelog has a section [Unreleased]");
    releases.into_iter().map(ToOwned::to_owned).collect()
}

#[test]
fn every_release_has_stacks_that_are_tested() {
    let tested = deployed();
    for release in releases().into_iter().chain(["759e429".to_owned()]) {
        let prefix = format!("{release}/");
        let found = tested.iter().any(|stack| stack.name.starts_with(&prefix));
        assert!(found, "add the release with: tools/release-fixture {release}");
    }
}

#[test]
fn no_resource_of_a_deployed_stack_is_replaced_or_loses_data() {
    for deployed in deployed() {
        let spec = spec::parse(&deployed.stack_file(), &deployed.stack_file)
            .unwrap_or_else(|e| panic!("{}: this version refuses the stack file: {e:?}", deployed.name));
        let template = template::build(&spec).document();
        for change in diff::compare(&deployed.template, &template) {
            let (name, id) = (&deployed.name, &change.logical_id);
            assert!(!change.is_replaced(), "{name}: {id} would be replaced: {:#?}", change.details);
            assert!(!change.loses_data(), "{name}: {id} would lose data: {change:#?}");
            assert_ne!(change.action, Action::Remove, "{name}: {id} would be removed");
        }
    }
}

/// The services with the stack as the release left it, and a file and a record in it.
struct Site {
    folder: tempfile::TempDir,
    fake: Fake,
    names: Names,
}

impl Site {
    fn new(deployed: &Deployed) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = deployed.stack_file();
        let spec = spec::parse(&file, &deployed.stack_file).unwrap();
        let names = Names::new(&spec, ACCOUNT, REGION);
        std::fs::write(folder.path().join("stack.yaml"), file).unwrap();
        std::fs::write(folder.path().join("bootstrap"), smallest_handler(2)).unwrap();

        let fake = Fake::start();
        {
            let mut state = fake.state();
            let stack = state.cloudformation.put(&spec.name, "CREATE_COMPLETE", deployed.template.clone());
            // What every release until now passes. The zip is another than the one at hand.
            stack.parameters = BTreeMap::from([
                ("ArtifactBucket".to_owned(), format!("provisioner-artifacts-{ACCOUNT}-{REGION}")),
                ("ArtifactKey".to_owned(), format!("handler/{}.zip", "0".repeat(64))),
            ]);
            state.s3.put(&format!("provisioner-artifacts-{ACCOUNT}-{REGION}"), "handler/0.zip", "zip");
            state.s3.create_bucket(&names.bucket);
            state.s3.put(&names.bucket, "kept.txt", "ten bytes!");
            state.dynamodb.create_table(&names.table, PARTITION_KEY);
            state.dynamodb.put(&names.table, json!({ PARTITION_KEY: { "S": "kept" } }));
        }
        Self { folder, fake, names }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_provisioner"))
            .args(arguments)
            .args(["-s", "stack.yaml", "--handler", "bootstrap", "--region", REGION])
            .args(["--endpoint-url", &self.fake.url()])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            // The fake has no pipeline for a canary.
            .env("PROVISIONER_NO_VERIFY", "true")
            .stdin(Stdio::null())
            .output();
        Ran::of(&output.unwrap())
    }
}

#[test]
fn up_brings_a_deployed_stack_up_to_date_and_keeps_files_and_records() {
    for deployed in deployed() {
        let (name, site) = (&deployed.name, Site::new(&deployed));
        let plan = site.run(&["plan", "--json"]);
        assert_eq!(plan.code, Some(10), "{name}: there is new code: {plan:#?}");
        let plan = plan.json();
        for consent in plan["consents"].as_array().unwrap() {
            assert_eq!(consent["allow"], HARMLESS, "{name}: {consent:#}");
        }

        let up = site.run(&["up", "--yes", "--allow", HARMLESS]);
        assert_eq!(up.code, Some(0), "{name}: {up:#?}");
        let state = site.fake.state();
        let stack = state.cloudformation.live(&site.names.stack).expect("the stack");
        assert_eq!(stack.status, "UPDATE_COMPLETE", "{name}");
        // The code moves to the stack's own bucket, in place, and the one that stacks shared is left.
        assert_eq!(stack.parameters["ArtifactBucket"], site.names.artifacts, "{name}");
        assert!(state.s3.has(&format!("provisioner-artifacts-{ACCOUNT}-{REGION}"), "handler/0.zip"), "{name}");
        assert!(state.s3.has(&site.names.bucket, "kept.txt"), "{name}: the file is lost");
        assert_eq!(state.dynamodb.items(&site.names.table).len(), 1, "{name}: the record is lost");
        drop(state);

        let again = site.run(&["plan", "--json"]);
        assert_eq!(again.code, Some(0), "{name}: {again:#?}");
    }
}
