//! What happens to a stack's resources, as data: resource by resource and property by property. [`crate::diff`] computes
//! the changes between two templates; a change set has the same form.

use serde::Serialize;
use serde_json::Value;

use crate::resource_type::{BUCKET, TABLE};

/// Properties that cannot change without another bucket or table. Where CloudFormation only says that a replacement is
/// possible, these decide: the others of which it says so are changed in place by what this program does to them.
const IDENTITY: [&str; 4] = ["BucketName", "TableName", "KeySchema", "LocalSecondaryIndexes"];

/// Whether a modified resource is replaced by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// It is changed in place.
    None,
    /// CloudFormation does not know beforehand.
    Possible,
    /// A new one takes its place.
    Certain,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is made.
    Add,
    /// It exists outside the stack and is taken in as it is.
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
    /// The value that is deployed; absent where there is none, or where CloudFormation does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value that would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether changing it can replace the resource.
    pub replaces: bool,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The name in the template.
    pub logical_id: String,
    /// The service's name of it, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happens.
    pub action: Action,
    /// Whether what is removed or replaced stays, outside the stack: its policy says so.
    pub retained: bool,
    /// The properties that change; empty for what is made or removed.
    pub details: Vec<Detail>,
}

impl Change {
    /// Whether the resource holds files or records.
    pub fn holds_data(&self) -> bool {
        [BUCKET, TABLE].contains(&self.kind.as_str())
    }

    /// Whether another resource takes this one's place.
    pub fn is_replaced(&self) -> bool {
        self.action == Action::Modify(Replacement::Certain)
    }

    /// Whether files or records would be lost, or left behind where nobody looks.
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
