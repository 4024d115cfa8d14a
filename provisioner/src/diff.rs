//! What changes, resource by resource. Data only; how it looks, the report decides.

use serde::Serialize;
use serde_json::Value;

use crate::plan::Kept;

/// The type of the resource that holds files.
pub const BUCKET: &str = "AWS::S3::Bucket";
/// The type of the resource that holds records.
pub const TABLE: &str = "AWS::DynamoDB::Table";

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The property, or the attribute of the resource (`Tags`, `DeletionPolicy`).
    pub property: String,
    /// Whether changing it can replace the resource.
    pub replaces: bool,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The properties that change; empty for what is made or removed.
    pub details: Vec<Detail>,
}

impl Change {
    /// Whether the resource holds files or records.
    pub fn holds_data(&self) -> bool {
        [BUCKET, TABLE].contains(&self.kind.as_str())
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

/// The changes of a stack that is made from nothing but what is `kept`.
pub fn all_new(template: &Value, kept: &[Kept]) -> Vec<Change> {
    let resources = template["Resources"].as_object();
    resources
        .into_iter()
        .flatten()
        .map(|(id, resource)| {
            let kept = kept.iter().find(|kept| kept.logical_id == *id);
            Change {
                logical_id: id.clone(),
                physical_id: kept.map(|kept| kept.name.clone()),
                kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
                action: if kept.is_some() { Action::Import } else { Action::Add },
                details: Vec::new(),
            }
        })
        .collect()
}

/// The name in the template of the only resource of a type.
pub fn logical_id<'a>(template: &'a Value, kind: &str) -> Option<&'a str> {
    template["Resources"].as_object()?.iter().find(|(_, resource)| resource["Type"] == kind).map(|(id, _)| id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: &str, action: Action, details: &[(&str, bool)]) -> Change {
        Change {
            logical_id: "X".into(),
            physical_id: None,
            kind: kind.into(),
            action,
            details: details
                .iter()
                .map(|(property, replaces)| Detail { property: (*property).into(), replaces: *replaces })
                .collect(),
        }
    }

    #[test]
    fn what_loses_data() {
        use Replacement::{Certain, None, Possible};
        let rows = [
            (change(BUCKET, Action::Add, &[]), false),
            (change(BUCKET, Action::Import, &[]), false),
            (change(BUCKET, Action::Modify(None), &[("Tags", false)]), false),
            (change(BUCKET, Action::Modify(Certain), &[("BucketName", true)]), true),
            (change(BUCKET, Action::Remove, &[]), true),
            (change(TABLE, Action::Modify(Possible), &[("AttributeDefinitions", true)]), false),
            (change(TABLE, Action::Modify(Possible), &[("KeySchema", true)]), true),
            (change("AWS::SQS::Queue", Action::Modify(Certain), &[("QueueName", true)]), false),
            (change("AWS::Logs::LogGroup", Action::Remove, &[]), false),
        ];
        for (change, loses) in rows {
            assert_eq!(change.loses_data(), loses, "{change:?}");
        }
    }
}
