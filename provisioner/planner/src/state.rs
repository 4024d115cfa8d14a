//! The desired and the observed state of a stack.

use std::collections::BTreeMap;

use provisioner_model::diff;
use provisioner_model::names::Names;
use provisioner_model::resolve::Context;
use provisioner_model::spec::{DeploymentMode, StackSpec};
use provisioner_model::stack::{ChangeSet, Deployed, Presence, Resource, Stack};
use provisioner_model::template::{ARTIFACT_BUCKET, ARTIFACT_KEY, ARTIFACT_VERSION};
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
    /// How CloudFormation deploys changes.
    pub deployment: DeploymentMode,
}

/// The version of the handler's zip in a plan that uploads it.
const NOT_UPLOADED: &str = "known after the upload";

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
    /// The desired state once the handler is packaged. `key` is the key of its zip in the artifact bucket. The zip's version
    /// is that of the deployed stack if the stack has this zip, otherwise it is known after the upload ([`Self::pin`]).
    pub fn new(
        place: Place,
        names: Names,
        template: Value,
        spec: &StackSpec,
        key: String,
        observed: Option<&Stack>,
    ) -> Self {
        let mut parameters: BTreeMap<String, String> =
            [(ARTIFACT_BUCKET.to_owned(), names.artifacts.clone()), (ARTIFACT_KEY.to_owned(), key)].into();
        let deployed = observed.map(|stack| &stack.parameters);
        let is_deployed = |deployed: &&BTreeMap<String, String>| {
            [ARTIFACT_BUCKET, ARTIFACT_KEY].iter().all(|name| deployed.get(*name) == parameters.get(*name))
        };
        let version = deployed.filter(is_deployed).and_then(|deployed| deployed.get(ARTIFACT_VERSION)).cloned();
        parameters.insert(ARTIFACT_VERSION.to_owned(), version.unwrap_or_else(|| NOT_UPLOADED.to_owned()));
        Self { place, names, template, parameters, tags: spec.tags.clone(), deployment: spec.deployment }
    }

    /// The parameters that the template declares. A template of an earlier version of this program, which a rollback deploys,
    /// may declare fewer, and CloudFormation refuses others.
    pub fn declared_parameters(&self) -> BTreeMap<String, String> {
        let is_declared = |name: &String| !self.template["Parameters"][name].is_null();
        self.parameters.iter().filter(|(name, _)| is_declared(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    /// The version of the handler's zip, if it was uploaded.
    pub fn version(&self) -> &str {
        &self.parameters[ARTIFACT_VERSION]
    }

    /// Sets the version of the handler's zip.
    pub fn pin(&mut self, version: String) {
        self.parameters.insert(ARTIFACT_VERSION.to_owned(), version);
    }

    /// The template with the references resolved that are known before the deployment.
    pub fn plain(&self) -> Value {
        Context { parameters: self.parameters.clone(), ..self.place.context() }.plain(&self.template)
    }
}

impl Observed {
    /// The artifact bucket of the deployed stack.
    pub fn artifacts(&self) -> Option<&str> {
        self.stack.as_ref()?.parameters.get(ARTIFACT_BUCKET).map(String::as_str)
    }

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_gets_the_parameters_that_it_declares() {
        let spec = provisioner_model::spec::parse("name: shop\ndata: delete\n", "shop.yaml".as_ref()).unwrap();
        let text = |text: &str| text.to_owned();
        let place =
            Place { partition: text("aws"), account: text("1"), region: text("eu-central-1"), stack: text("shop") };
        let names = Names::new(&spec, "1", "eu-central-1");
        // As a version of this program deployed it that knew no versions of zips.
        let template = json!({ "Parameters": { ARTIFACT_BUCKET: {}, ARTIFACT_KEY: {} } });
        let desired = Desired::new(place, names, template, &spec, text("handler/x.zip"), None);
        let declared: Vec<String> = desired.declared_parameters().into_keys().collect();
        assert_eq!(declared, [ARTIFACT_BUCKET, ARTIFACT_KEY]);
    }
}
