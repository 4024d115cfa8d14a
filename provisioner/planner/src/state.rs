//! The desired and the observed state of a stack.

use std::collections::BTreeMap;

use provisioner_model::diff;
use provisioner_model::names::Names;
use provisioner_model::resolve::Context;
use provisioner_model::stack::{ChangeSet, Deployed, Presence, Resource, Stack};
use provisioner_model::template::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use serde_json::Value;

/// Where a stack is or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stack's name.
    pub stack: String,
}

impl Place {
    /// The pseudo parameters, which are known before the deployment.
    pub fn context(&self) -> Context {
        Context {
            partition: self.partition.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            stack: self.stack.clone(),
            ..Context::default()
        }
    }
}

/// The desired state.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The location of the stack.
    pub place: Place,
    /// The names of the stack's parts.
    pub names: Names,
    /// The template.
    pub template: Value,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
}

/// The observed state.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The deployed template; only of a working stack.
    pub template: Option<Value>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The function with its code, if there is one.
    pub code: Option<Deployed>,
    /// The upload bucket, whether it belongs to the stack or not.
    pub bucket: Presence,
    /// The table's properties in CloudFormation's format, whether it belongs to the stack or not.
    pub table: Option<Value>,
    /// The change set that an earlier plan proposed.
    pub change_set: Option<ChangeSet>,
    /// Whether this run already continued the rollback without skipping resources, and it failed again.
    pub continued: bool,
}

impl Desired {
    /// The desired state once the handler is packaged. `key` is the key of its zip in the artifact bucket.
    pub fn new(place: Place, names: Names, template: Value, tags: BTreeMap<String, String>, key: String) -> Self {
        let parameters = [(ARTIFACT_BUCKET.to_owned(), names.artifacts.clone()), (ARTIFACT_KEY.to_owned(), key)].into();
        Self { place, names, template, parameters, tags }
    }

    /// The template with the references resolved that are known before the deployment.
    pub fn plain(&self) -> Value {
        Context { parameters: self.parameters.clone(), ..self.place.context() }.plain(&self.template)
    }
}

impl Observed {
    /// The deployed template with the references resolved that are known before the deployment.
    pub fn plain(&self, place: &Place) -> Option<Value> {
        let parameters = self.stack.as_ref()?.parameters.clone();
        Some(Context { parameters, ..place.context() }.plain(self.template.as_ref()?))
    }

    /// The values that references of a working stack resolve to, including its resources.
    pub fn context(&self, place: &Place) -> Context {
        let resources = self.resources.iter().filter(|r| !r.physical_id.is_empty());
        Context {
            parameters: self.stack.as_ref().map(|s| s.parameters.clone()).unwrap_or_default(),
            resources: resources.map(|r| (r.logical_id.clone(), (r.kind.clone(), r.physical_id.clone()))).collect(),
            ..place.context()
        }
    }

    /// Whether the stack already is in the desired state, so that no change set is needed. The description is not
    /// compared: an update cannot change it alone (CloudFormation user guide, "Description"). Parameters are compared
    /// through the properties that use them.
    pub fn is_as(&self, desired: &Desired) -> bool {
        let (Some(before), Some(stack)) = (self.plain(&desired.place), &self.stack) else { return false };
        let after = desired.plain();
        diff::compare(&before, &after).is_empty() && before["Outputs"] == after["Outputs"] && stack.tags == desired.tags
    }
}
