//! The live state of deployed resources, in the format of the template. `provisioner_planner::drift` compares it with the
//! template.

use serde::Serialize;
use serde_json::{Map, Value};

/// A resource that differs from what was deployed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// The name in the template.
    pub logical_id: String,
    /// The physical id.
    pub physical_id: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The differences: deployed and live values.
    pub properties: Vec<Difference>,
    /// The complete live values of the top-level properties that differ.
    #[serde(skip)]
    pub actual: Map<String, Value>,
}

/// A property that was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Its path.
    pub property: String,
    /// The deployed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Value>,
    /// The live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
}

/// The live state of one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveState {
    /// It does not exist.
    Gone,
    /// Its properties in CloudFormation's format; only those that are compared.
    Properties(Map<String, Value>),
    /// It could not be read.
    Unreadable(String),
}

/// The top-level property of a path.
pub fn top_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
