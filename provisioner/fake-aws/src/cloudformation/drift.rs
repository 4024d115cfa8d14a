//! Drift: the properties of a resource in the template, the actual ones, and their differences.

use serde_json::Value;

use super::stack::physical_id;
use super::{Answered, CloudFormation, Stack, refused};
use crate::xml::{members, node, text};

impl CloudFormation {
    /// API, `DetectStackResourceDrift`.
    pub(super) fn detect_drift(&self, id: &str) -> Answered {
        let kind = self.deployed().map(|s| s.template["Resources"][id]["Type"].clone()).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default();
        // Guide, `resource-import-supported-resources.html`: not every type supports drift detection.
        if kind == "AWS::Lambda::Permission" {
            return Err(refused(&format!("Drift detection is not supported for resource type {kind}")));
        }
        let (status, details) = match self.changed.get(id) {
            None => ("IN_SYNC", String::new()),
            Some(Value::Null) => ("DELETED", String::new()),
            Some(changed) => ("MODIFIED", self.differences(id, changed)),
        };
        let drift = [
            text("StackId", "s"),
            text("LogicalResourceId", id),
            text("PhysicalResourceId", physical_id(id)),
            text("ResourceType", kind),
            text("StackResourceDriftStatus", status),
            details,
            text("Timestamp", "2026-11-22T12:00:00Z"),
        ];
        Ok(node("StackResourceDrift", &drift.concat()))
    }

    fn differences(&self, id: &str, changed: &Value) -> String {
        let expected = self.deployed().and_then(|stack| stack.properties(id)).unwrap_or_default();
        let mut actual = expected.clone();
        let mut differences = Vec::new();
        for (name, value) in changed.as_object().into_iter().flatten() {
            actual[name] = value.clone();
            differences.push(
                [
                    text("PropertyPath", format!("/{name}")),
                    text("ExpectedValue", &expected[name]),
                    text("ActualValue", value),
                    text("DifferenceType", "NOT_EQUAL"),
                ]
                .concat(),
            );
        }
        let whole = text("ExpectedProperties", expected) + &text("ActualProperties", actual);
        whole + &members("PropertyDifferences", differences)
    }

    /// The stack that is deployed; of several, the oldest.
    pub(super) fn deployed(&self) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.template.is_object() && !stack.status.starts_with("DELETE"))
    }

    /// The actual properties of the only resource of a type; `None` if there is none, or it was deleted.
    pub(crate) fn properties_of_kind(&self, kind: &str) -> Option<Value> {
        self.actual(&self.logical_id(kind)?)
    }

    /// The logical id of the only resource of a type.
    pub(super) fn logical_id(&self, kind: &str) -> Option<String> {
        let resources = self.deployed()?.template["Resources"].as_object()?;
        resources.iter().find(|(_, resource)| resource["Type"] == kind).map(|(id, _)| id.clone())
    }

    /// The properties of a resource with the out-of-band changes; `None` if it was deleted.
    fn actual(&self, logical_id: &str) -> Option<Value> {
        let mut properties = self.deployed()?.properties(logical_id)?;
        match self.changed.get(logical_id) {
            Some(Value::Null) => return None,
            Some(changed) => {
                for (name, value) in changed.as_object()? {
                    properties[name] = value.clone();
                }
            }
            None => {}
        }
        Some(properties)
    }
}
