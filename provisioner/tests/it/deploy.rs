//! `up` and `down` against the fake: failures of AWS services, and recovery from them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use fake_aws::{ACCOUNT, Fake, Fault, Gate, REGION, Rule};
use handler_contract::table::PARTITION_KEY;
use serde_json::json;

use crate::terminal::Terminal;
use crate::world::{Ran, recording, smallest_handler};

pub(crate) const STACK: &str = "shop";
/// The content of an uploaded file.
pub(crate) const TEN_BYTES: &str = "0123456789";

/// A folder with a stack file and a handler, and the fake.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) fake: Fake,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with("delete")
    }

    pub(crate) fn with(data: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder, fake: Fake::start() };
        site.set_data(data);
        site.build_handler(1);
        site
    }

    /// Writes a handler whose code differs by `version`.
    pub(crate) fn build_handler(&self, version: u8) {
        std::fs::write(self.handler(), smallest_handler(version)).unwrap();
    }

    pub(crate) fn handler(&self) -> PathBuf {
        self.folder.path().join("bootstrap")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command
            .args(arguments)
            .args(["-s", "shop.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(recording())
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", self.fake.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            // The fake runs no pipeline, so verification cannot succeed.
            .env("PROVISIONER_NO_VERIFY", "true")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn up(&self) -> Ran {
        self.run(&["up", "--yes", "--handler", "bootstrap"])
    }

    pub(crate) fn up_command(&self) -> Command {
        let mut command = self.command(&["up", "--yes", "--handler", "bootstrap"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn status(&self) -> Option<String> {
        self.fake.state().cloudformation.live(STACK).map(|s| s.status.clone())
    }

    /// Runs the program on a pseudo-terminal.
    pub(crate) fn on_terminal(&self, arguments: &[&str], columns: u16) -> Terminal {
        let mut command = self.command(arguments);
        command.env("TERM", "xterm-256color");
        Terminal::start(command, columns)
    }

    /// Writes a stack file with this `data` setting.
    pub(crate) fn set_data(&self, data: &str) {
        let file = format!("name: {STACK}\nregion: {REGION}\ndata: {data}\n");
        std::fs::write(self.folder.path().join("shop.yaml"), file).unwrap();
    }

    pub(crate) fn bucket() -> String {
        format!("{STACK}-uploads-{ACCOUNT}-{REGION}")
    }

    pub(crate) fn table() -> String {
        format!("{STACK}-records")
    }

    /// A stack that is up, and a handler that is not deployed.
    pub(crate) fn with_new_code() -> Self {
        let site = Self::new();
        site.deployed();
        site.build_handler(2);
        site
    }

    /// The same, but the handler's update fails, and N rollbacks fail.
    pub(crate) fn with_failing_rollbacks(rollbacks: u32) -> Self {
        let site = Self::with_new_code();
        {
            let mut state = site.fake.state();
            state.cloudformation.failing.insert("Handler".into(), "no".into());
            state.cloudformation.stuck_rollbacks = rollbacks;
        }
        site
    }

    /// The number of times that a zip was uploaded.
    pub(crate) fn zip_uploads(&self) -> usize {
        self.fake.calls_of("s3:PutObject").iter().filter(|call| call.request.path.contains("/handler/")).count()
    }

    /// Whether a bucket policy denied uploads to everyone.
    fn denied_uploads(&self) -> bool {
        let policies = self.fake.calls_of("s3:PutBucketPolicy");
        policies.iter().any(|call| {
            let policy = String::from_utf8_lossy(&call.request.body);
            call.request.segment(0) == Self::bucket() && policy.contains("s3:PutObject")
        })
    }

    /// Creates the stack in the fake as `up` would have deployed it.
    pub(crate) fn deployed(&self) {
        let ran = self.up();
        ran.ended(0);
        self.fake.forget_calls();
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that the output contains this text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.err.contains(text) || self.out.contains(text), "{text:?} is missing in {self:#?}");
        self
    }
}

#[test]
fn a_second_up_reports_no_change() {
    let site = Site::new();
    site.up().ended(0).says("created the artifact bucket").says("uploaded the handler").says("CREATE_COMPLETE");
    assert_eq!(site.status().as_deref(), Some("CREATE_COMPLETE"));
    site.fake.forget_calls();
    site.up().ended(0).says("nothing to change");
    assert_eq!(site.fake.count("s3:PutObject"), 0);
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
    assert!(site.fake.state().cloudformation.change_sets.is_empty(), "the empty change set was not deleted");
}

#[test]
fn new_code_is_an_update() {
    let site = Site::with_new_code();
    site.up().ended(0).says("handler function").says("UPDATE_COMPLETE");
    assert_eq!(site.zip_uploads(), 1);
}

#[test]
fn without_consent_nothing_is_created() {
    let writes = |site: &Site| {
        let is_read = |call: &str| {
            call.split_once(':').is_some_and(|(_, action)| {
                ["Describe", "Get", "List", "Head", "GET"].iter().any(|read| action.starts_with(read))
            })
        };
        site.fake.call_names().into_iter().filter(|call| !is_read(call)).collect::<Vec<_>>()
    };
    let site = Site::new();
    site.run(&["up", "--handler", "bootstrap"]).ended(5).says("--yes").says("+ add");
    assert_eq!(writes(&site), Vec::<String>::new());
    assert_eq!(site.status(), None);

    let site = Site::with_new_code();
    site.run(&["up", "--handler", "bootstrap"]).ended(5);
    assert_eq!(writes(&site), Vec::<String>::new());
    assert_eq!(site.status().as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn a_failed_creation_reports_its_cause_at_once_and_is_recreated() {
    let site = Site::new();
    let reason = "shop-failed-events already exists";
    site.fake.state().cloudformation.failing.insert("FailedEvents".into(), reason.into());
    let failed = site.up();
    failed.ended(6).says(reason).says("give the stack another name").says("ROLLBACK_COMPLETE");
    let cause = failed.err.find("failed first").unwrap();
    let end = failed.err.find("ended: ROLLBACK_COMPLETE").unwrap();
    assert!(cause < end, "the cause is reported only at the end");
    assert_eq!(failed.err.matches("failed first").count(), 1, "{failed:#?}");
    assert_eq!(site.status().as_deref(), Some("ROLLBACK_COMPLETE"));

    site.up().ended(0).says("deleted and created again").says("CREATE_COMPLETE");
    assert_eq!(site.status().as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn a_failed_update_is_rolled_back_and_the_next_one_works() {
    let site = Site::with_new_code();
    site.fake.state().cloudformation.failing.insert("Handler".into(), "Resource handler returned message: no".into());
    site.up().ended(6).says("Resource handler returned message: no").says("UPDATE_ROLLBACK_COMPLETE");
    site.up().ended(0).says("UPDATE_COMPLETE");
}

#[test]
fn a_failed_rollback_is_continued() {
    let site = Site::with_failing_rollbacks(1);
    site.up().ended(6).says("UPDATE_ROLLBACK_FAILED");
    site.up().ended(0).says("continuing the rollback").says("UPDATE_COMPLETE");
    assert_eq!(site.fake.state().cloudformation.skipped, [Vec::<String>::new()]);
}

#[test]
fn resources_that_a_continued_rollback_skips_need_confirmation() {
    let site = Site::with_failing_rollbacks(2);
    site.up().ended(6);
    site.up().ended(5).says("Handler: could not be reverted").says("Continue it and skip Handler?");
    assert_eq!(site.fake.state().cloudformation.skipped, [Vec::<String>::new()], "nothing was skipped without consent");
}

#[test]
fn a_running_operation_is_followed_to_completion_first() {
    use fake_aws::cloudformation::Step;
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        let stack = state.cloudformation.stacks.iter_mut().find(|s| s.name == STACK).unwrap();
        stack.status = "UPDATE_IN_PROGRESS".into();
        let step = |resource: Option<&str>, status| Step {
            resource: resource.map(ToOwned::to_owned),
            status,
            reason: String::new(),
            token: "another-process".into(),
        };
        stack.script.extend([
            step(None, "UPDATE_IN_PROGRESS"),
            step(Some("Table"), "UPDATE_IN_PROGRESS"),
            step(Some("Table"), "UPDATE_COMPLETE"),
            step(None, "UPDATE_COMPLETE"),
        ]);
    }
    site.up().ended(0).says("is already running").says("table of records").says("nothing to change");
}

#[test]
fn closed_output_does_not_stop_the_operation_or_change_the_exit_code() {
    for json in [false, true] {
        for (fails, code, status) in [(false, 0, "CREATE_COMPLETE"), (true, 6, "ROLLBACK_COMPLETE")] {
            let site = Site::new();
            if fails {
                site.fake.state().cloudformation.failing.insert("Table".into(), "no".into());
            }
            let mut command = site.up_command();
            let mut up = if json { command.arg("--json") } else { &mut command }.spawn().unwrap();
            // The read ends of both pipes are closed, as with `up | head -0`.
            drop((up.stdout.take(), up.stderr.take()));
            assert_eq!(up.wait().unwrap().code(), Some(code), "{json}");
            assert_eq!(site.status().as_deref(), Some(status), "{json}");
        }
    }
}

#[test]
fn put_completes_its_uploads_if_the_table_cannot_be_read() {
    let site = Site::new();
    site.deployed();
    std::fs::write(site.folder.path().join("small.txt"), "small").unwrap();
    std::fs::write(site.folder.path().join("large.bin"), vec![1; 9 << 20]).unwrap();
    let gate = Gate::new();
    site.fake.inject(Rule::on("s3:UploadPart", Fault::Held(gate.clone())).always());
    let put = site
        .command(&["put", "--wait", "small.txt", "large.bin"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    site.fake.wait_for("s3:PutObject", 1);
    site.fake.wait_for("s3:UploadPart", 1);
    let before = site.fake.count("dynamodb:Query");
    site.fake.fail("dynamodb:Query", (0, 9_999), (400, "AccessDeniedException", "not authorized: dynamodb:Query"));
    site.fake.wait_for("dynamodb:Query", before + 1);
    gate.open();
    let ran = Ran::of(&put.wait_with_output().unwrap());
    ran.ended(4).says("failed to read the table of records; 2 files uploaded").says("uploads continue");
    assert_eq!((site.fake.count("s3:CompleteMultipartUpload"), site.fake.count("s3:AbortMultipartUpload")), (1, 0));
}

#[test]
fn files_are_uploaded_unchanged_in_one_part_and_in_several() {
    let site = Site::new();
    site.deployed();
    let large: Vec<u8> = (0..9_u32 << 18).flat_map(u32::to_le_bytes).collect();
    std::fs::write(site.folder.path().join("small.txt"), "small").unwrap();
    std::fs::write(site.folder.path().join("large.bin"), &large).unwrap();
    site.run(&["put", "small.txt", "large.bin"]).ended(0);
    assert_eq!(site.fake.count("s3:UploadPart"), 2);
    let state = site.fake.state();
    let content = |key: &str| state.s3.buckets[&Site::bucket()].object(key).unwrap().body.to_vec();
    assert_eq!(content("small.txt"), b"small");
    assert!(content("large.bin") == large, "the uploaded bytes differ");
}

#[test]
fn throttled_calls_are_retried() {
    let site = Site::new();
    site.fake.fail("cloudformation:DescribeStackEvents", (1, 2), (400, "Throttling", "Rate exceeded"));
    site.up().ended(0).says("CREATE_COMPLETE");
}

#[test]
fn a_missing_permission_is_reported() {
    let site = Site::new();
    let message = "User: arn:aws:iam::1:user/t is not authorized to perform: cloudformation:CreateChangeSet";
    site.fake.fail("cloudformation:CreateChangeSet", (0, 99), (403, "AccessDenied", message));
    site.up().ended(4).says("cloudformation:CreateChangeSet").says("synth --permissions");
}

#[test]
fn after_expired_credentials_are_renewed_the_next_up_continues() {
    let site = Site::new();
    site.fake.state().cloudformation.slow = true;
    site.fake.fail(
        "cloudformation:DescribeStackEvents",
        (2, 1),
        (403, "ExpiredToken", "The security token included in the request is expired"),
    );
    site.up().ended(4).says("continues").says("Renew the credentials");
    assert_eq!(site.status().as_deref(), Some("CREATE_IN_PROGRESS"));
    site.fake.state().cloudformation.slow = false;
    site.up().ended(0).says("is already running").says("nothing to change");
    assert_eq!(site.status().as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn events_of_many_pages_are_reported_once_each() {
    let site = Site::new();
    site.fake.state().cloudformation.page = 2;
    let ran = site.up();
    ran.ended(0);
    for resource in ["Bucket", "Table", "Handler", "HandlerRole", "FailedEvents"] {
        let printed = ran
            .err
            .lines()
            .filter(|line| line.contains(" created ") && line.split_whitespace().last() == Some(resource))
            .count();
        assert_eq!(printed, 1, "{resource}: {ran:#?}");
    }
}

#[test]
fn after_a_killed_up_the_next_up_attaches() {
    let site = Site::new();
    site.fake.state().cloudformation.slow = true;
    let mut killed = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeStackEvents", 3);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(site.status().as_deref(), Some("CREATE_IN_PROGRESS"));
    site.fake.state().cloudformation.slow = false;
    site.up().ended(0).says("is already running").says("nothing to change");
}

#[test]
fn an_interrupt_detaches_and_prints_the_command_to_reattach() {
    let site = Site::new();
    site.fake.state().cloudformation.slow = true;
    let child = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeStackEvents", 2);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    ran.ended(130).says("continues in AWS").says("To follow it again: provisioner up -s shop");
    assert_eq!(site.status().as_deref(), Some("CREATE_IN_PROGRESS"));
    site.fake.state().cloudformation.slow = false;
    site.up().ended(0);
}

#[test]
fn data_retained_by_an_earlier_down_is_imported() {
    let site = Site::with("keep");
    {
        let mut state = site.fake.state();
        state.s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
        let table = state.dynamodb.create_table(&Site::table(), PARTITION_KEY);
        table.time_to_live = Some("expiresAt".to_owned());
    }
    site.up().ended(0).says("+ adopt").says("importing").says("IMPORT_COMPLETE").says("UPDATE_COMPLETE");
    let state = site.fake.state();
    let [imported] = state.cloudformation.imported.as_slice() else { panic!("one import") };
    assert_eq!(imported["Resources"].as_object().unwrap().len(), 2);
    assert_eq!(imported["Resources"]["Table"]["DeletionPolicy"], "Retain");
    // As the table is, so that the update that follows finds every difference, and no other.
    let table = &imported["Resources"]["Table"]["Properties"];
    assert_eq!(table["SSESpecification"], json!({"SSEEnabled": false}));
    assert_eq!(table["PointInTimeRecoverySpecification"], json!({"PointInTimeRecoveryEnabled": false}));
    assert_eq!(table["DeletionProtectionEnabled"], false);
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": "expiresAt", "Enabled": true}));
    assert!(state.s3.has(&Site::bucket(), "a.txt"));
}

#[test]
fn down_deletes_everything_and_a_second_down_finds_nothing() {
    let site = Site::new();
    site.deployed();
    site.run(&["down"]).ended(5).says("- delete");
    site.run(&["down", "--yes"]).ended(0).says("DELETE_COMPLETE").says("is deleted");
    assert_eq!(site.status(), None);
    assert!(site.fake.state().s3.buckets.is_empty(), "the unused artifact bucket was not deleted");
    site.run(&["down", "--yes"]).ended(0).says("nothing to delete for shop");
}

#[test]
fn a_bucket_that_is_not_empty_at_deletion_is_emptied_again() {
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        state.s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
        let reason = "The bucket you tried to delete is not empty";
        state.cloudformation.undeletable.insert("Bucket".into(), (1, reason.into()));
    }
    site.run(&["down", "--yes"]).ended(0).says("DELETE_FAILED").says("is deleted");
    assert!(site.denied_uploads());
}

#[test]
fn concurrent_uploads_do_not_make_a_deletion_fail() {
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        state.s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
        state.s3.writer = true;
    }
    site.run(&["down", "--yes"]).ended(0).says("1 file (10 B)").says("is deleted");
    assert!(site.denied_uploads(), "uploads were not denied");
    assert!(site.fake.state().s3.buckets.is_empty());
}

#[test]
fn objects_that_s3_fails_to_delete_are_retried() {
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        for n in 0..20 {
            state.s3.put(&Site::bucket(), &format!("{n}.txt"), TEN_BYTES);
        }
        state.s3.busy_deletes = 7;
    }
    site.run(&["down", "--yes"]).ended(0).says("20 files (200 B)").says("emptied").says("is deleted");
}

#[test]
fn denied_object_deletions_are_reported() {
    let site = Site::new();
    site.deployed();
    site.fake.state().s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
    site.fake.fail("s3:DeleteObjects", (0, 99), (403, "AccessDenied", "Access Denied"));
    site.run(&["down", "--yes"]).ended(4).says("empty the bucket").says("synth --permissions");
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
}

#[test]
fn files_and_records_are_counted_before_deletion() {
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        for key in ["a.txt", "b.txt"] {
            state.s3.put(&Site::bucket(), key, TEN_BYTES);
        }
        for id in ["1", "2", "3"] {
            state.dynamodb.put(&Site::table(), json!({ PARTITION_KEY: { "S": id } }));
        }
    }
    let ran = site.run(&["down"]);
    ran.ended(5).says("with 2 files (20 B)").says("with 3 records");
    ran.says("Delete the stack shop, with 2 files (20 B) and 3 records?");
    let planned = site.run(&["down", "--json"]);
    let line = planned.ended(5).out.lines().find(|line| line.contains("deletion-planned")).unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&event["version"], &event["files"]["files"], &event["records"]["items"]),
        (&1.into(), &2.into(), &3.into())
    );
}

#[test]
fn the_cause_of_a_failure_is_reported_with_advice() {
    for (resource, reason, advice) in [
        (
            "HandlerLogs",
            "Resource of type 'AWS::Logs::LogGroup' with identifier 'x' already exists.",
            "delete-log-group",
        ),
        (
            "Handler",
            "User: u is not authorized to perform: iam:PassRole on resource: r",
            "iam:PassRole that deploying needs",
        ),
        ("Bucket", "The requested bucket name is not available.", "another `name:`"),
    ] {
        let site = Site::new();
        site.fake.state().cloudformation.failing.insert(resource.into(), reason.into());
        let failed = site.up();
        failed.ended(6).says(advice).says(reason);
        let (advised, raw) = (failed.err.find(advice).unwrap(), failed.err.find("CloudFormation: ").unwrap());
        assert!(advised < raw, "the advice is printed before the raw reason: {failed:#?}");
    }
}

#[test]
fn a_resource_that_cannot_be_deleted_is_reported() {
    let site = Site::new();
    site.deployed();
    let reason = "Resource handler returned message: queue is in use";
    site.fake.state().cloudformation.undeletable.insert("FailedEvents".into(), (99, reason.into()));
    site.run(&["down", "--yes"]).ended(7).says("FailedEvents").says("queue is in use");
    assert_eq!(site.status().as_deref(), Some("DELETE_FAILED"));

    // `up` completes the deletion, retaining what cannot be deleted, and creates the stack again.
    site.up().ended(0).says("the last deletion of shop failed").says("CREATE_COMPLETE");
}

#[test]
fn a_protected_stack_is_not_deleted() {
    let site = Site::new();
    site.deployed();
    site.fake.state().cloudformation.stacks.iter_mut().for_each(|s| s.protected = true);
    site.run(&["down", "--yes"]).ended(5).says("update-termination-protection");
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
}

#[test]
fn a_data_setting_that_is_not_deployed_is_refused() {
    let site = Site::new();
    site.deployed();
    site.fake.state().s3.put(&Site::bucket(), "a.txt", TEN_BYTES);
    site.set_data("keep");
    site.run(&["down", "--yes"]).ended(5).says("First deploy the stack file");
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
}

#[test]
fn status_of_a_missing_stack_succeeds() {
    let site = Site::new();
    site.run(&["status"]).ended(0).says("not deployed");
    let ran = site.run(&["status", "--json"]);
    assert_eq!(ran.ended(0).json()["phase"], "absent");
}

#[test]
fn a_queue_that_was_deleted_within_the_last_minute_is_waited_for() {
    let reason = "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
    let site = Site::new();
    site.fake.state().cloudformation.failing.insert("FailedEvents".into(), reason.into());
    site.up().ended(0).says("SQS keeps its name reserved").says("CREATE_COMPLETE");
    assert_eq!(site.status().as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn a_conflicting_operation_of_s3_is_repeated() {
    let site = Site::new();
    let conflict = || (409, "OperationAborted", "A conflicting conditional operation is currently in progress");
    site.fake.fail("s3:PutBucketVersioning", (0, 1), conflict());
    site.fake.fail("s3:CreateBucket", (0, 1), conflict());
    site.up().ended(0);
    assert_eq!(site.fake.count("s3:CreateBucket"), 2);
    // Another 409 is an answer: the policy cannot be put as it is.
    let site = Site::new();
    site.fake.fail("s3:PutBucketVersioning", (0, 9), (409, "InvalidBucketState", "no"));
    site.up().ended(1);
    assert_eq!(site.fake.count("s3:PutBucketVersioning"), 1);
}

#[test]
fn a_quota_is_not_reported_as_a_busy_service() {
    let site = Site::new();
    site.fake.fail(
        "cloudformation:CreateChangeSet",
        (0, 9),
        (400, "LimitExceeded", "Limit for stack has been exceeded"),
    );
    site.up().ended(1).says("Limit for stack").says("Service Quotas");
}
