//! Changes of a stack's resources and their properties. [`crate::diff`] computes the changes between two templates; a
//! change set has the same format.

use serde::Serialize;
use serde_json::Value;

use crate::resource_type::{BUCKET, TABLE};

/// Properties that cannot change without a new bucket or table. If CloudFormation reports a replacement as possible, only
/// a change of one of these replaces the resource; this program changes the other properties in place.
const IDENTITY: [&str; 4] = ["BucketName", "TableName", "KeySchema", "LocalSecondaryIndexes"];

/// Whether a modified resource is replaced by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// It is changed in place.
    None,
    /// CloudFormation cannot determine it beforehand.
    Possible,
    /// It is replaced by a new one.
    Certain,
}

/// The kind of change of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is created.
    Add,
    /// It exists outside the stack and is imported.
    Import,
    /// It is changed.
    Modify(Replacement),
    /// It is removed from the stack.
    Remove,
}

/// A property that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The path to the property, like `Environment.Variables.TABLE_NAME` or `Tags[stage]`; or the attribute of the
    /// resource (`DeletionPolicy`).
    pub property: String,
    /// The value that is deployed; absent if there is none or CloudFormation does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether changing it can replace the resource.
    pub replaces: bool,
}

/// The change of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The name in the template.
    pub logical_id: String,
    /// The physical id, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of change.
    pub action: Action,
    /// Whether the removed or replaced resource is retained outside the stack by its policy.
    pub retained: bool,
    /// The properties that change; empty for added and removed resources.
    pub details: Vec<Detail>,
}

impl Change {
    /// Whether the resource contains files or records.
    pub fn holds_data(&self) -> bool {
        [BUCKET, TABLE].contains(&self.kind.as_str())
    }

    /// Whether the resource is replaced.
    pub fn is_replaced(&self) -> bool {
        self.action == Action::Modify(Replacement::Certain)
    }

    /// Whether files or records would be lost, or retained outside the stack.
    pub fn loses_data(&self) -> bool {
        self.holds_data()
            && match self.action {
                Action::Add | Action::Import | Action::Modify(Replacement::None) => false,
                Action::Remove | Action::Modify(Replacement::Certain) => true,
                Action::Modify(Replacement::Possible) => {
                    self.details.iter().any(|d| d.replaces && IDENTITY.contains(&d.property.as_str()))
                }
            }
    }
}
