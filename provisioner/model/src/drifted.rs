//! What the services say of resources that are deployed, in the words of the template. `provisioner_planner::drift`
//! compares it with the template.

use serde::Serialize;
use serde_json::{Map, Value};

/// A resource that differs from what was deployed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// The name in the template.
    pub logical_id: String,
    /// The service's name of it.
    pub physical_id: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is gone.
    pub deleted: bool,
    /// Property by property: what was deployed, and what there is.
    pub properties: Vec<Difference>,
    /// The whole top-level properties that differ, as they are.
    #[serde(skip)]
    pub actual: Map<String, Value>,
}

/// A property that was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Its path.
    pub property: String,
    /// What was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Value>,
    /// What there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
}

/// What a service says of one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveState {
    /// There is no such thing any more.
    Gone,
    /// Its properties in CloudFormation's words; only those that are to be compared.
    Properties(Map<String, Value>),
    /// It could not be read.
    Unreadable(String),
}

/// The top-level property of a path.
pub fn top_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
