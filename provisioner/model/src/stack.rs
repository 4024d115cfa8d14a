//! A stack and its parts as AWS reports them, in the provisioner's types. Pure data, filled in by `provisioner-aws`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::change::Change;
use crate::spec::DeploymentMode;
use crate::status::{ChangeSetState, ResourceStatus, StackStatus};

/// A deployed stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// The name.
    pub name: String,
    /// The ARN, which names the stack also when it is deleted.
    pub arn: String,
    /// The status.
    pub status: StackStatus,
    /// The reason of the status, if CloudFormation gives one.
    pub reason: Option<String>,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
    /// The outputs, in the service's order.
    pub outputs: Vec<Output>,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// When it was made or last changed, ISO 8601.
    pub changed: Option<String>,
    /// How it was last deployed, if CloudFormation reports it.
    pub deployment: Option<DeploymentMode>,
}

/// An output of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Output {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// What it is.
    pub description: String,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The name in the template.
    pub logical_id: String,
    /// The service's name or address of it.
    pub physical_id: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status.
    pub status: ResourceStatus,
    /// Why it has this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A bucket or table that an earlier `down` (or an accident) left outside any stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportCandidate {
    /// The name in the template.
    pub logical_id: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The property by which CloudFormation finds it.
    pub identifier: String,
    /// Its value.
    pub name: String,
}

/// A change set.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSet {
    /// The ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack: String,
    /// What became of it.
    pub state: ChangeSetState,
    /// What it would change; complete only when it is ready.
    pub changes: Vec<Change>,
}

/// What CloudFormation's failed events say about a change set or an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFailure {
    /// The operation that it belongs to.
    pub operation: Option<String>,
    /// The name in the template; empty for the stack as a whole.
    pub logical_id: String,
    /// The CloudFormation type.
    pub kind: String,
    /// What found it, such as `AWS::EarlyValidation::ResourceExistenceCheck` or a hook; `None` for the resource itself.
    pub check: Option<String>,
    /// Where in the template, such as `/Resources/Bucket/Properties/BucketName`.
    pub path: Option<String>,
    /// Why it failed.
    pub reason: String,
}

impl OperationFailure {
    /// The failure in one sentence, with its place.
    pub fn sentence(&self) -> String {
        let place = match (&self.path, &self.check) {
            (Some(path), Some(check)) => format!(" (at {path}, found by {check})"),
            (Some(path), None) => format!(" (at {path})"),
            (None, Some(check)) => format!(" (found by {check})"),
            (None, None) => String::new(),
        };
        let subject = if self.logical_id.is_empty() { String::new() } else { format!("{}: ", self.logical_id) };
        format!("{subject}{}{place}", self.reason)
    }
}

/// The function as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// The SHA-256 of its zip, lower-case hexadecimal digits.
    pub sha256: String,
    /// The size of its zip, bytes.
    pub size: u64,
    /// Whether it can be invoked: `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// When it was last changed, as Lambda writes it.
    pub changed: String,
    /// Which revision of code and settings this is.
    #[serde(skip)]
    pub revision: Option<String>,
    /// What became of the last change.
    #[serde(skip)]
    pub last_update: LastUpdate,
}

/// What became of the last change of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUpdate {
    /// It is in force.
    Done,
    /// The function still serves what was there before.
    Running,
    /// It failed for this reason; the function still serves the previous code.
    Failed(String),
}

/// Whether a bucket is there, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    Absent,
    /// It belongs to this account.
    Ours,
    /// It belongs to another account.
    Foreign,
}

/// What a bucket holds, as far as it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    /// Files: objects whose newest version is not a delete marker.
    pub files: u64,
    /// Versions of objects, the newest ones too.
    pub versions: u64,
    /// Delete markers.
    pub markers: u64,
    /// Bytes of all versions.
    pub bytes: u64,
    /// Whether the count stopped at its limit, so that there is more.
    #[serde(rename = "andMore")]
    pub truncated: bool,
}

/// How many items a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Items {
    /// The number.
    pub items: u64,
    /// Whether it is DynamoDB's approximate count, which is up to six hours old.
    #[serde(rename = "about")]
    pub approximate: bool,
}

/// An event of CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceEvent {
    /// The service's id of it.
    pub id: String,
    /// When, ISO 8601.
    pub time: String,
    /// Whether it concerns the stack itself.
    pub stack_level: bool,
    /// The name in the template.
    pub logical_id: String,
    /// The service's name of the resource.
    pub physical_id: Option<String>,
    /// The CloudFormation type.
    pub kind: String,
    /// The status.
    pub status: ResourceStatus,
    /// The status of the stack; only for an event of the stack itself with a known status.
    pub stack_status: Option<StackStatus>,
    /// Why it has this status.
    pub reason: Option<String>,
    /// The operation that it belongs to.
    pub token: Option<String>,
}
