//! `up` and `down` in every state of a stack. `docs/states.md` lists the states with their tests.

use fake_aws::cloudformation::{Resource, Stack, Step, ValidationFailure};
use fake_aws::{Cut, Fault, REGION};
use handler_contract::table::PARTITION_KEY;
use provisioner_model::status::{Operation, Phase, StackStatus};
use serde_json::json;

use crate::deploy::{STACK, Site, TEN_BYTES};

const PAGE: &str = include_str!("../../../docs/states.md");

/// The rows of the page's table: state and tests.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let names = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect::<Vec<_>>();
    PAGE.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix('|')?.split('|').collect();
            let state = cells.first()?.trim().trim_matches('`');
            // The tests are in the last column.
            Some((state, names(cells.iter().rev().nth(1)?)))
        })
        .filter(|(state, _)| !["state", "event", "---"].contains(state))
        .collect()
}

#[test]
fn every_status_has_a_row_and_every_row_tests_that_exist() {
    let rows = rows();
    let states = ["none", "drifted"].into_iter().chain(StackStatus::ALL.iter().map(|status| status.as_str()));
    for state in states {
        assert!(rows.iter().any(|(row, _)| *row == state), "docs/states.md has no row for {state}");
    }
    let folder = crate::root().join("provisioner/tests/it");
    let sources: String = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for (state, tests) in rows {
        assert!(!tests.is_empty(), "{state} has no test");
        for test in tests {
            assert!(sources.contains(&format!("#[test]\nfn {test}()")), "{state}: there is no test {test}");
        }
    }
}

/// A deployed stack in this state.
fn in_state(status: &str) -> Site {
    let site = Site::new();
    site.deployed();
    site.stack(|stack| stack.status = status.into());
    site
}

impl Site {
    fn stack(&self, change: impl FnOnce(&mut Stack)) {
        let mut state = self.fake.state();
        change(state.cloudformation.stacks.iter_mut().rfind(|s| s.name == STACK).unwrap());
    }

    #[track_caller]
    fn is_deleted_by_down(&self) {
        self.run(&["down", "--yes"]).ended(0).says("is deleted");
        assert_eq!(self.status(), None);
    }
}

#[test]
fn a_missing_stack_is_created_and_deleted() {
    let site = Site::new();
    site.up().ended(0).says("CREATE_COMPLETE");
    site.is_deleted_by_down();
    site.run(&["down", "--yes"]).ended(0).says("nothing to delete for shop");
}

#[test]
fn a_deleted_stack_counts_as_missing() {
    let site = Site::new();
    site.fake.state().cloudformation.put(STACK, "DELETE_COMPLETE", json!(null));
    site.run(&["down", "--yes"]).ended(0).says("nothing to delete for shop");
    site.up().ended(0).says("CREATE_COMPLETE");
}

#[test]
fn a_stack_in_review_is_reused() {
    let site = Site::new();
    site.fake.state().cloudformation.put(STACK, "REVIEW_IN_PROGRESS", json!(null));
    site.up().ended(0).says("CREATE_COMPLETE");
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0, "another user may be reviewing it");

    let site = Site::new();
    site.fake.state().cloudformation.put(STACK, "REVIEW_IN_PROGRESS", json!(null));
    site.is_deleted_by_down();
}

#[test]
fn a_refused_creation_leaves_no_empty_stack_behind() {
    let site = Site::new();
    site.fake.state().cloudformation.validation_failures = vec![ValidationFailure {
        name: "AWS::EarlyValidation::ResourceExistenceCheck".into(),
        logical_id: "Table".into(),
        kind: "AWS::DynamoDB::Table".into(),
        path: "/Resources/Table/Properties/TableName".into(),
        reason: "The table exists".into(),
    }];
    site.up().ended(6);
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 1);
}

/// How each running operation ends.
const RUNNING: [(&str, &str); 9] = [
    ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
    ("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"),
    ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
    ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
    ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
    ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"),
    ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"),
    ("IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"),
];

/// A stack with a running operation of another process.
fn running(status: &str, end: &'static str) -> Site {
    let site = in_state(status);
    let step = |resource: Option<&str>, status, reason: &str| Step {
        resource: resource.map(ToOwned::to_owned),
        status,
        reason: reason.into(),
        token: "another-process".into(),
    };
    let started = match StackStatus::parse(status).and_then(StackStatus::operation) {
        Some(Operation::Create) => "CREATE_IN_PROGRESS",
        Some(Operation::Delete) => "DELETE_IN_PROGRESS",
        Some(Operation::Import) => "IMPORT_IN_PROGRESS",
        _ => "UPDATE_IN_PROGRESS",
    };
    if end == "DELETE_COMPLETE" {
        let mut state = site.fake.state();
        state.s3.buckets.remove(&Site::bucket());
        state.dynamodb.tables.clear();
        state.sqs.queues.clear();
    }
    site.stack(|stack| {
        stack.script.extend([
            step(None, started, "User Initiated"),
            step(Some("HandlerLogs"), "UPDATE_IN_PROGRESS", ""),
            step(Some("HandlerLogs"), "UPDATE_COMPLETE", ""),
            step(None, end, ""),
        ]);
    });
    site
}

#[test]
fn every_running_operation_is_followed_before_up_continues() {
    let running_ones = StackStatus::ALL.iter().filter(|s| s.phase() == Phase::Running).map(|s| s.as_str());
    assert!(running_ones.eq(StackStatus::ALL.iter().map(|s| s.as_str()).filter(|s| RUNNING.iter().any(|r| r.0 == *s))));
    for (status, end) in RUNNING {
        let ran = running(status, end).up();
        ran.ended(0).says("is already running").says("log group").says(end);
        let shown = ran.err.split(" ended: ").next().unwrap();
        assert!(!shown.contains("creating"), "an earlier operation is reported: {ran:#?}");
        let goes_on = match end {
            "ROLLBACK_COMPLETE" => "deleted and created again",
            "DELETE_COMPLETE" => "CREATE_COMPLETE",
            _ => "nothing to change",
        };
        assert!(ran.err.contains(goes_on), "{status}: {ran:#?}");
    }
}

#[test]
fn down_waits_for_every_running_operation() {
    for (status, end) in RUNNING {
        let site = running(status, end);
        let ran = site.run(&["down", "--yes"]);
        ran.ended(0).says("is already running").says(end);
        assert_eq!(site.status(), None, "{status}: {ran:#?}");
    }
}

#[test]
fn every_stable_state_is_updated_and_deleted() {
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED"]
    {
        assert_eq!(StackStatus::parse(status).map(StackStatus::phase), Some(Phase::Ready));
        let site = in_state(status);
        site.build_handler(2);
        site.up().ended(0).says("UPDATE_COMPLETE");
        site.stack(|stack| stack.status = status.into());
        site.is_deleted_by_down();
    }
    assert_eq!(StackStatus::ALL.iter().filter(|s| s.phase() == Phase::Ready).count(), 5);
}

#[test]
fn a_stack_that_never_completed_is_recreated_or_deleted() {
    for status in ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"] {
        let site = in_state(status);
        site.up().ended(0).says(status).says("deleted and created again").says("CREATE_COMPLETE");
        site.stack(|stack| stack.status = status.into());
        site.is_deleted_by_down();
    }
}

#[test]
fn a_failed_rollback_of_a_creation_can_be_recovered() {
    let site = Site::new();
    {
        let mut state = site.fake.state();
        state.cloudformation.failing.insert("Table".into(), "Resource handler returned message: no".into());
        state.cloudformation.stuck_rollbacks = 1;
    }
    site.up().ended(6).says("Resource handler returned message: no").says("ROLLBACK_FAILED");
    site.up().ended(0).says("deleted and created again").says("CREATE_COMPLETE");
}

#[test]
fn a_bucket_that_cannot_be_read_is_not_reported_as_deleted() {
    let site = Site::new();
    site.deployed();
    site.fake.fail("s3:HeadBucket", (0, 9), (403, "", ""));
    let down = site.run(&["down", "--yes"]);
    down.ended(0).says("Verified as absent: table shop-records");
    assert!(!down.err.contains(&format!("bucket {}", Site::bucket())), "{down:#?}");
}

#[test]
fn a_table_in_use_is_deleted_after_its_update() {
    let site = Site::with("keep");
    site.deployed();
    site.run(&["down", "--yes"]).ended(0).says("kept:");
    let busy = (400, "ResourceInUseException", "Attempt to change a resource which is still in use");
    site.fake.fail("dynamodb:DeleteTable", (0, 2), busy);
    site.run(&["down", "--yes", "--delete-data"]).ended(0).says("deleted the table shop-records");
    assert_eq!(site.fake.count("dynamodb:DeleteTable"), 3);
}

#[test]
fn a_stack_with_a_failed_rollback_can_be_deleted() {
    in_state("UPDATE_ROLLBACK_FAILED").is_deleted_by_down();
}

#[test]
fn a_rollback_that_fails_again_continues_without_confirmed_resources() {
    let site = Site::with_failing_rollbacks(2);
    site.up().ended(6).says("UPDATE_ROLLBACK_FAILED");
    // A resource whose update was only cancelled cannot be skipped, and is not listed.
    site.stack(|stack| {
        let kind = "AWS::Logs::LogGroup".to_owned();
        let reason = "Resource update cancelled".into();
        stack.resources.insert("HandlerLogs".into(), Resource { kind, status: "UPDATE_FAILED".into(), reason });
    });
    let up = site.on_terminal(&["up", "--yes", "--handler", "bootstrap"], 100);
    up.wait_for("[y/N]");
    up.press("y\r");
    up.end().ended(0).says("Handler: could not be reverted").says("leaving Handler as it is").says("UPDATE_COMPLETE");
    assert_eq!(site.fake.state().cloudformation.skipped, [vec![], vec!["Handler".to_owned()]]);
}

#[test]
fn a_failed_deletion_is_retried() {
    let site = Site::new();
    site.deployed();
    let reason = "Resource handler returned message: queue is in use";
    site.fake.state().cloudformation.undeletable.insert("FailedEvents".into(), (1, reason.into()));
    site.run(&["down", "--yes"]).ended(7).says("FailedEvents").says("queue is in use");
    site.is_deleted_by_down();
}

/// A bucket and a table with content that an earlier `down` retained.
fn kept() -> Site {
    let site = Site::with("keep");
    {
        let mut state = site.fake.state();
        state.s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
        state.dynamodb.create_table(&Site::table(), PARTITION_KEY);
    }
    site
}

#[track_caller]
fn has_its_data(site: &Site) {
    let state = site.fake.state();
    assert!(state.s3.has(&Site::bucket(), "a.txt"), "the file is gone");
    assert!(state.dynamodb.tables.contains_key(&Site::table()), "the table is gone");
}

#[test]
fn a_rolled_back_import_is_retried() {
    let site = kept();
    site.fake.state().cloudformation.failing.insert("Table".into(), "The table is being restored".into());
    site.up().ended(6).says("The table is being restored").says("IMPORT_ROLLBACK_COMPLETE");
    has_its_data(&site);
    site.up().ended(0).says("importing").says("IMPORT_COMPLETE").says("UPDATE_COMPLETE");
    has_its_data(&site);
    assert_eq!(site.fake.count("dynamodb:DeleteTable"), 0);
}

#[test]
fn a_rolled_back_import_into_a_working_stack_leaves_it_unchanged() {
    let site = in_state("IMPORT_ROLLBACK_COMPLETE");
    site.build_handler(2);
    site.up().ended(0).says("UPDATE_COMPLETE");
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
    site.stack(|stack| stack.status = "IMPORT_ROLLBACK_COMPLETE".into());
    site.is_deleted_by_down();
}

#[test]
fn a_failed_import_rollback_requires_a_decision_and_can_be_recovered() {
    let site = kept();
    {
        let mut state = site.fake.state();
        state.cloudformation.failing.insert("Table".into(), "The table is being restored".into());
        state.cloudformation.stuck_rollbacks = 1;
    }
    site.up().ended(6).says("IMPORT_ROLLBACK_FAILED");
    site.up().ended(6).says("data: keep").says("provisioner down -s shop");
    site.run(&["down", "--yes"]).ended(0).says("kept:");
    has_its_data(&site);
    site.up().ended(0).says("IMPORT_COMPLETE");
    has_its_data(&site);
}

#[test]
fn a_drifted_stack_is_deleted() {
    let site = Site::new();
    site.deployed();
    {
        let changed = &mut site.fake.state().cloudformation.changed;
        changed.insert("Handler".into(), json!({"MemorySize": 1024}));
        changed.insert("BucketPolicy".into(), json!(null));
    }
    site.run(&["status"]).ended(0).says("drift          changed");
    site.is_deleted_by_down();
}

#[test]
fn data_survives_down_and_up_unchanged() {
    let site = Site::with("keep");
    site.deployed();
    site.fake.state().s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
    site.run(&["down", "--yes"]).ended(0).says("keep").says("kept:");
    assert_eq!(site.status(), None);
    has_its_data(&site);
    site.up().ended(0).says("importing").says("UPDATE_COMPLETE");
    has_its_data(&site);
    assert_eq!(site.fake.count("dynamodb:DeleteTable"), 0);
}

#[test]
fn an_interrupted_import_continues() {
    // Killed during the import.
    let site = kept();
    site.fake.state().cloudformation.slow = true;
    let mut killed = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeStackEvents", 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(site.status().as_deref(), Some("IMPORT_IN_PROGRESS"));
    site.fake.state().cloudformation.slow = false;
    site.up().ended(0).says("is already running").says("UPDATE_COMPLETE");
    has_its_data(&site);

    // Killed before the import started: the change set is not executed.
    let site = kept();
    site.fake.state().cloudformation.change_set_looks = 1_000;
    let mut killed = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeChangeSet", 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(site.status().as_deref(), Some("REVIEW_IN_PROGRESS"));
    site.fake.state().cloudformation.change_set_looks = 0;
    site.up().ended(0).says("IMPORT_COMPLETE").says("UPDATE_COMPLETE");
    has_its_data(&site);
}

#[test]
fn one_of_two_concurrent_runs_applies_and_the_other_attaches() {
    let site = Site::new();
    site.fake.state().cloudformation.slow = true;
    let first = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:ExecuteChangeSet", 1);
    let second = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeStacks", 6);
    site.fake.state().cloudformation.slow = false;
    let first = crate::world::Ran::of(&first.wait_with_output().unwrap());
    let second = crate::world::Ran::of(&second.wait_with_output().unwrap());
    first.ended(0).says("Creation of shop started");
    second.ended(0).says("is already running").says("nothing to change");
    assert_eq!(site.fake.state().cloudformation.live(STACK).unwrap().times_started("CREATE_IN_PROGRESS"), 1);
}

#[test]
fn two_simultaneous_runs_do_not_interfere() {
    let site = Site::new();
    site.fake.state().cloudformation.change_set_looks = 3;
    let both = [site.up_command().spawn().unwrap(), site.up_command().spawn().unwrap()];
    for run in both {
        crate::world::Ran::of(&run.wait_with_output().unwrap()).ended(0);
    }
    let state = site.fake.state();
    assert_eq!(state.cloudformation.live(STACK).unwrap().times_started("CREATE_IN_PROGRESS"), 1);
    assert_eq!(state.cloudformation.stacks.len(), 1, "one run deleted the other's stack");
    assert!(state.cloudformation.change_sets.is_empty(), "a change set was not deleted");
}

#[test]
fn a_slow_change_set_is_awaited() {
    let site = Site::new();
    site.fake.state().cloudformation.change_set_looks = 4;
    site.up().ended(0).says("CREATE_COMPLETE");
    assert!(site.fake.count("cloudformation:DescribeChangeSet") >= 5);
}

#[test]
fn service_faults_are_retried() {
    let events = "cloudformation:DescribeStackEvents";
    for fault in [
        Fault::NoAnswer(Cut::Close),
        Fault::error(500, "InternalFailure", "try again"),
        Fault::error(400, "Throttling", "Rate exceeded"),
    ] {
        let site = Site::new();
        site.fake.fail(events, (2, 3), fault);
        let ran = site.up();
        ran.ended(0)
            .says("is not reachable; the operation continues")
            .says("is reachable again")
            .says("CREATE_COMPLETE");
        assert_eq!(ran.err.matches("is not reachable").count(), 1, "reported once: {ran:#?}");
    }
}

#[test]
fn other_stacks_are_ignored() {
    // A deleted stack of the same name, and another stack.
    let site = Site::new();
    site.fake.state().cloudformation.put("shop-two", "UPDATE_ROLLBACK_FAILED", json!(null));
    site.up().ended(0).says("CREATE_COMPLETE").says(REGION);
    site.is_deleted_by_down();
}

#[test]
fn down_refuses_to_delete_data_of_the_deployed_template_in_every_state() {
    for (status, way) in [
        ("UPDATE_COMPLETE", "provisioner up -s shop"),
        ("UPDATE_ROLLBACK_FAILED", "provisioner up -s shop"),
        ("IMPORT_ROLLBACK_FAILED", "--delete-data"),
    ] {
        let site = in_state(status);
        site.set_data("keep");
        site.run(&["down", "--yes"])
            .ended(5)
            .says("but the deployed template of shop deletes data with the stack")
            .says(way);
        assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0, "{status}");
    }
}
