//! Events of `up`, `down` and `redrive`.

use provisioner_model::stack::ImportCandidate;
use provisioner_model::stack::{Contents, Items, Output};
use provisioner_model::status::{Operation, Progress, ResourceStatus};
use provisioner_planner::drift::Drift;
use provisioner_planner::preview::Preview;
use schemars::JsonSchema;
use serde::Serialize;

/// What happens while a stack is brought up or taken down.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DeployEvent {
    /// Cargo builds the handler, if it is stale; its own messages follow.
    Building,
    /// The handler is checked and packed.
    Packaged {
        /// The SHA-256 of the zip.
        sha256: String,
        /// The size of the zip, bytes.
        zipped: u64,
        /// The size of the executable, bytes.
        unzipped: u64,
        /// Whether it is the handler inside this program.
        embedded: bool,
        /// Whether it is a development build, as an emulator stack and `up --watch` get it.
        development: bool,
    },
    /// What would be done, before anybody is asked.
    Planned {
        /// The whole plan, as `plan --json` has it (docs/plan.md).
        #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
        plan: Box<Preview>,
    },
    /// What was changed behind the tool's back, and stays so.
    Drifted {
        /// The stack.
        stack: String,
        /// What, as `drift` in the plan.
        #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
        drift: Box<Drift>,
    },
    /// What was changed behind the tool's back is put back in two updates.
    RevertingInTwo {
        /// The stack.
        stack: String,
    },
    /// What was changed behind the tool's back is as it should be again; looked after.
    DriftReverted {
        /// The stack.
        stack: String,
    },
    /// The stack is as it should be.
    NoChange {
        /// The stack.
        stack: String,
    },
    /// A stack of which nothing was ever made is deleted first.
    Recreating {
        /// The stack.
        stack: String,
        /// The status that it is in.
        status: String,
    },
    /// A deletion that failed is ended first.
    #[serde(rename = "ending-deletion")]
    RetryingDeletion {
        /// The stack.
        stack: String,
        /// Resources that stay and are taken back afterwards, by logical id.
        keeping: Vec<String>,
    },
    /// Bucket or table exist, and are taken into the stack.
    Adopting {
        /// What is taken in.
        resources: Vec<ImportCandidate>,
    },
    /// An operation that somebody else started (or an earlier run of this command) is shown to its end.
    Attached {
        /// The stack.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// A rollback that got stuck is continued.
    ContinuingRollback {
        /// The stack.
        stack: String,
        /// What is left as it is: logical id and why it could not be rolled back.
        skipping: Vec<(String, String)>,
    },
    /// The artifact bucket was made.
    ArtifactBucketCreated {
        /// Its name.
        bucket: String,
    },
    /// The handler's zip was uploaded.
    Uploaded {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The size, bytes.
        size: u64,
    },
    /// CloudFormation was told to begin.
    Started {
        /// The stack.
        stack: String,
        /// The operation.
        operation: Operation,
        /// How many resources it touches, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        resources: Option<usize>,
    },
    /// A resource's state changed.
    Resource {
        /// The name in the template.
        logical_id: String,
        /// The CloudFormation type.
        #[serde(rename = "type")]
        kind: String,
        /// CloudFormation's status.
        #[schemars(with = "String")]
        status: ResourceStatus,
        /// How far it is.
        progress: Progress,
        /// When, ISO 8601.
        time: String,
        /// Why, if CloudFormation says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The first cause of a failure, told as soon as it is known.
    Cause {
        /// The resource that failed first.
        logical_id: String,
        /// Its CloudFormation type.
        #[serde(rename = "type")]
        kind: String,
        /// CloudFormation's words.
        reason: String,
        /// What to do about it, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<&'static str>,
    },
    /// An operation failed or was cancelled, and what it did is taken back.
    RollingBack {
        /// The stack.
        stack: String,
        /// When, ISO 8601.
        time: String,
        /// Why, if CloudFormation says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// CloudFormation could not be asked for a while; the operation goes on, and so does the watching.
    #[serde(rename = "disturbed")]
    ConnectionLost {
        /// What was in the way.
        reason: String,
    },
    /// CloudFormation can be asked again.
    #[serde(rename = "undisturbed")]
    ConnectionRestored,
    /// Somebody else began an operation on the stack between two calls of this run; it looks again and decides anew.
    #[serde(rename = "overtaken")]
    Conflict {
        /// The stack.
        stack: String,
    },
    /// An operation ended.
    Finished {
        /// The stack.
        stack: String,
        /// The operation.
        operation: Operation,
        /// CloudFormation's status.
        status: String,
        /// Whether it did what was asked.
        success: bool,
    },
    /// Interrupted once: a second time within some seconds offers to cancel what runs.
    Interrupted {
        /// The operation, which goes on.
        operation: Operation,
        /// The command that shows it again.
        back: String,
        /// What cancelling would do; absent where the operation cannot be cancelled, or nobody can be asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<&'static str>,
    },
    /// What runs is cancelled.
    Cancelling {
        /// The operation.
        operation: Operation,
    },
    /// The stack is up.
    Ready {
        /// The stack.
        stack: String,
        /// Its ARN.
        arn: String,
        /// Its outputs.
        outputs: Vec<Output>,
        /// What to type next.
        next: Vec<String>,
    },
    /// What would be deleted, and what stays, before anybody is asked.
    DeletionPlanned {
        /// The stack.
        stack: String,
        /// What goes.
        deletes: Vec<String>,
        /// What stays.
        keeps: Vec<String>,
        /// The files that go or stay.
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<Contents>,
        /// The records that go or stay.
        #[serde(skip_serializing_if = "Option::is_none")]
        records: Option<Items>,
    },
    /// A bucket is being emptied.
    Emptying {
        /// The bucket.
        bucket: String,
        /// Versions, delete markers and uploads deleted so far.
        deleted: u64,
        /// Versions and delete markers that were counted before; absent where there were too many to count.
        #[serde(skip_serializing_if = "Option::is_none")]
        of: Option<u64>,
    },
    /// A bucket is empty.
    Emptied {
        /// The bucket.
        bucket: String,
        /// Versions, delete markers and uploads deleted.
        deleted: u64,
    },
    /// Something outside the stack is gone.
    Deleted {
        /// What it was, in words.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There was nothing to take down.
    NothingToDelete {
        /// The stack.
        stack: String,
        /// Data that is kept from earlier.
        kept: Vec<String>,
    },
    /// A listing showed that everything is gone that should be.
    Gone {
        /// The stack.
        stack: String,
        /// What was looked for and not found.
        checked: Vec<String>,
        /// What stays on purpose.
        kept: Vec<String>,
    },
    /// The function serves the new code; the stack follows.
    CodePushed {
        /// The function.
        function: String,
        /// The SHA-256 of the zip.
        sha256: String,
        /// How long it took, once the zip was uploaded.
        seconds: f64,
    },
    /// The function could not be given the new code beforehand; the update of the stack does it.
    PushSkipped {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
    /// What the function serves after the stack's update failed.
    CodeAfterFailure {
        /// The function.
        function: String,
        /// The SHA-256 of the zip that it serves.
        sha256: String,
        /// Whether that is the new code, so that it is not what the stack says.
        new: bool,
    },
    /// Failed events were sent to the function again.
    Redriven {
        /// Events that the function took.
        sent: u64,
        /// Messages that hold no event; they stay in the queue.
        unreadable: u64,
    },
}
