//! What AWS says of a stack and of what belongs to it, in the provisioner's own types. Pure data: `provisioner-aws` fills
//! it in, and whoever decides or tells needs no more than this.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::change::Change;
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
    /// Why it has this status, if CloudFormation says so.
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
    /// The function goes on serving what was there before, for this reason.
    Failed(String),
}

/// Whether a bucket is there, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    Absent,
    /// It belongs to this account.
    Ours,
    /// It belongs to somebody else.
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
    /// There is more than was counted.
    #[serde(rename = "andMore")]
    pub truncated: bool,
}

/// How many items a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Items {
    /// The number.
    pub items: u64,
    /// It is DynamoDB's own count, which is up to six hours old.
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
    /// Whether it tells of the stack as a whole.
    pub stack_level: bool,
    /// The name in the template.
    pub logical_id: String,
    /// The service's name of the resource.
    pub physical_id: Option<String>,
    /// The CloudFormation type.
    pub kind: String,
    /// The status.
    pub status: ResourceStatus,
    /// The status of the stack; only of an event that tells of it as a whole, and where this program knows the status.
    pub stack_status: Option<StackStatus>,
    /// Why it has this status.
    pub reason: Option<String>,
    /// The operation that it belongs to.
    pub token: Option<String>,
}
