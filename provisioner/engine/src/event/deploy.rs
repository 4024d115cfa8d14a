//! Events of `up` and `down`.

use provisioner_model::spec::DeploymentMode;
use provisioner_model::stack::{Contents, ImportCandidate, Items, Output};
use provisioner_model::status::{Operation, Progress, ResourceStatus};
use provisioner_planner::drift::Drift;
use provisioner_planner::preview::Preview;
use schemars::JsonSchema;
use serde::Serialize;

/// Events of the deployment or deletion of a stack.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DeployEvent {
    /// `rollback` returns to an earlier deployment.
    Returning {
        /// The stack.
        stack: String,
        /// The SHA-256 of the code.
        sha256: String,
        /// When it was deployed, ISO 8601.
        at: String,
        /// Whether the template is restored as well.
        template: bool,
    },
    /// Cargo builds the handler, if it is stale; its own messages follow.
    Building,
    /// The handler is checked and packaged.
    Packaged {
        /// The SHA-256 of the zip.
        sha256: String,
        /// The size of the zip, bytes.
        zipped: u64,
        /// The size of the executable, bytes.
        unzipped: u64,
        /// Whether it is the handler embedded in this program.
        embedded: bool,
        /// Whether it is a development build, as an emulator stack and `up --watch` get it.
        development: bool,
    },
    /// The plan, before the user is asked.
    Planned {
        /// The plan, as printed by `plan --json` (docs/plan.md).
        #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
        plan: Box<Preview>,
    },
    /// Resources were changed out of band, and are not reverted.
    Drifted {
        /// The stack.
        stack: String,
        /// The drift, as in the plan.
        #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
        drift: Box<Drift>,
    },
    /// Drift is reverted in two updates.
    RevertingInTwo {
        /// The stack.
        stack: String,
    },
    /// The drift was reverted, and the result was checked.
    DriftReverted {
        /// The stack.
        stack: String,
    },
    /// The stack is in the desired state.
    NoChange {
        /// The stack.
        stack: String,
    },
    /// The creation failed because a queue of the same name was deleted within the last minute. It is repeated once the
    /// name is free.
    WaitingForQueueName {
        /// The stack.
        stack: String,
        /// How long that takes, seconds.
        seconds: f64,
    },
    /// A stack whose creation failed is deleted first.
    Recreating {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
    },
    /// A failed deletion is repeated first.
    #[serde(rename = "ending-deletion")]
    RetryingDeletion {
        /// The stack.
        stack: String,
        /// Logical ids of resources that are retained and imported afterwards.
        keeping: Vec<String>,
    },
    /// Bucket or table exist, and are taken into the stack.
    Adopting {
        /// The imported resources.
        resources: Vec<ImportCandidate>,
    },
    /// An operation of another user, process or earlier run is followed to its end.
    Attached {
        /// The stack.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// A failed rollback is continued.
    ContinuingRollback {
        /// The stack.
        stack: String,
        /// The skipped resources: logical id and the reason why it could not be rolled back.
        skipping: Vec<(String, String)>,
    },
    /// The artifact bucket was created.
    ArtifactBucketCreated {
        /// Its name.
        bucket: String,
    },
    /// The stack no longer uses the artifact bucket that it shared with other stacks; it is left, because they may use it.
    SharedArtifactsLeft {
        /// Its name.
        bucket: String,
    },
    /// The handler's zip was uploaded.
    #[serde(rename = "artifact-uploaded")]
    Uploaded {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The size, bytes.
        size: u64,
    },
    /// CloudFormation started the operation.
    Started {
        /// The stack.
        stack: String,
        /// The operation.
        operation: Operation,
        /// The number of resources that it changes, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        resources: Option<usize>,
        /// How CloudFormation deploys; absent for a deletion.
        #[serde(skip_serializing_if = "Option::is_none")]
        mode: Option<DeploymentMode>,
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
        /// Its progress.
        progress: Progress,
        /// When, ISO 8601.
        time: String,
        /// The reason, if CloudFormation gives one.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The first cause of a failure, reported as soon as it is known.
    Cause {
        /// The resource that failed first.
        logical_id: String,
        /// Its CloudFormation type.
        #[serde(rename = "type")]
        kind: String,
        /// CloudFormation's reason.
        reason: String,
        /// Advice for known causes.
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<&'static str>,
    },
    /// An operation failed or was cancelled, and is rolled back.
    RollingBack {
        /// The stack.
        stack: String,
        /// When, ISO 8601.
        time: String,
        /// The reason, if CloudFormation gives one.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// CloudFormation cannot be reached; the operation continues, and polling is retried.
    #[serde(rename = "disturbed")]
    ConnectionLost {
        /// The error.
        reason: String,
    },
    /// CloudFormation can be reached again.
    #[serde(rename = "undisturbed")]
    ConnectionRestored,
    /// Another user or process started an operation on the stack; this run reads the state and decides again.
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
        /// Whether it succeeded.
        success: bool,
    },
    /// Interrupted once: a second interruption within some seconds offers to cancel the operation.
    Interrupted {
        /// The operation, which continues.
        operation: Operation,
        /// The command that follows it again.
        back: String,
        /// The effect of cancelling; absent if the operation cannot be cancelled or the user cannot be asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<&'static str>,
    },
    /// The operation is being cancelled.
    Cancelling {
        /// The operation.
        operation: Operation,
    },
    /// The stack's termination protection was turned on or off, as the stack file has it.
    TerminationProtection {
        /// The stack.
        stack: String,
        /// Whether it is on now.
        enabled: bool,
    },
    /// The stack is deployed.
    Ready {
        /// The stack.
        stack: String,
        /// Its ARN.
        arn: String,
        /// Its outputs.
        outputs: Vec<Output>,
        /// The next commands.
        next: Vec<String>,
    },
    /// What will be deleted and kept, before the user is asked.
    DeletionPlanned {
        /// The stack.
        stack: String,
        /// What is deleted.
        deletes: Vec<String>,
        /// What is kept.
        keeps: Vec<String>,
        /// The files that are deleted or kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<Contents>,
        /// The records that are deleted or kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        records: Option<Items>,
    },
    /// A bucket is being emptied.
    Emptying {
        /// The bucket.
        bucket: String,
        /// Versions, delete markers and uploads deleted so far.
        deleted: u64,
        /// The number of versions and delete markers that were counted before; absent if there were too many.
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
    /// Something outside the stack was deleted.
    Deleted {
        /// Its kind, in words.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There was nothing to delete.
    NothingToDelete {
        /// The stack.
        stack: String,
        /// Data that an earlier `down` kept.
        kept: Vec<String>,
    },
    /// The deletion was checked: nothing is left.
    Gone {
        /// The stack.
        stack: String,
        /// What was checked and not found.
        checked: Vec<String>,
        /// What is kept on purpose.
        kept: Vec<String>,
    },
    /// The function serves the new code; the stack's update follows.
    CodePushed {
        /// The function.
        function: String,
        /// The SHA-256 of the zip.
        sha256: String,
        /// The duration after the upload of the zip, seconds.
        seconds: f64,
    },
    /// The function could not be updated directly; the stack's update deploys the code.
    PushSkipped {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
    /// The code that the function serves after the stack's update failed.
    CodeAfterFailure {
        /// The function.
        function: String,
        /// The SHA-256 of the zip that it serves.
        sha256: String,
        /// Whether that is the new code, which differs from the stack.
        new: bool,
    },
}
