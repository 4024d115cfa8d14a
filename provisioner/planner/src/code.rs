//! The handler's code in a plan: how it differs from the deployed stack, and the bucket that holds it. Pure.

use provisioner_model::stack::{Deployed, Stack};
use provisioner_model::status::Phase;
use provisioner_model::template::{ARTIFACT_KEY, ARTIFACT_VERSION};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::state::{Desired, Observed};
use crate::step::Step;

/// Whether a working stack differs from the desired state only in the key of the handler's zip, and so in its version.
/// `template` is the deployed template.
///
/// A change set does not answer this: CloudFormation also lists every resource that refers to the function.
pub fn only_code_differs(desired: &Desired, stack: &Stack, template: &Value) -> bool {
    let is_other = |(name, _): &(&String, &String)| ![ARTIFACT_KEY, ARTIFACT_VERSION].contains(&name.as_str());
    let (wanted, deployed) = (desired.parameters.iter().filter(is_other), stack.parameters.iter().filter(is_other));
    stack.status.phase() == Phase::Ready
        && desired.parameters.get(ARTIFACT_KEY) != stack.parameters.get(ARTIFACT_KEY)
        && wanted.eq(deployed)
        && desired.template == *template
        && desired.tags == stack.tags
}

/// The handler's code before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeChange {
    /// The SHA-256 of the deployed zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The size of that zip, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_size: Option<u64>,
    /// The SHA-256 of the new zip.
    pub to: String,
    /// The size of that zip, bytes.
    pub to_size: u64,
}

/// A bucket for the handler's zips, which belongs to the stack and is not part of its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactBucket {
    /// Its name.
    pub name: String,
    /// The bucket that the stack has used until now, and that is left: other stacks may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

/// The handler's code to deploy.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The SHA-256 of the zip.
    pub sha256: &'a str,
    /// Its size, bytes.
    pub size: u64,
}

/// The change of the code, if it differs from the deployed one.
pub(crate) fn code_change(step: Step, deployed: Option<&Deployed>, code: Code<'_>) -> Option<CodeChange> {
    let differs = match step {
        Step::Wait | Step::ContinueRollback => false,
        // A deleted function is reported as drift, not as a change of code.
        Step::None => deployed.is_some_and(|d| d.sha256 != code.sha256),
        _ => deployed.is_none_or(|d| d.sha256 != code.sha256),
    };
    differs.then(|| CodeChange {
        from: deployed.map(|d| d.sha256.clone()),
        from_size: deployed.map(|d| d.size),
        to: code.sha256.to_owned(),
        to_size: code.size,
    })
}

/// The artifact bucket, if the plan creates it: with the stack, or for a stack that used one together with other stacks.
pub(crate) fn artifact_bucket(step: Step, desired: &Desired, observed: &Observed) -> Option<ArtifactBucket> {
    let name = &desired.names.artifacts;
    let used = observed.artifacts().filter(|used| used != name);
    let creates = match step {
        Step::Create | Step::Adopt | Step::Recreate | Step::EndDeletion => true,
        Step::Update => used.is_some(),
        Step::None | Step::ContinueRollback | Step::Wait | Step::Blocked => false,
    };
    creates.then(|| ArtifactBucket { name: name.clone(), instead_of: used.map(ToOwned::to_owned) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use provisioner_model::names::Names;
    use provisioner_model::spec::{BucketNamespace, DeploymentMode};
    use provisioner_model::status::StackStatus;
    use provisioner_model::template::ARTIFACT_BUCKET;
    use serde_json::json;

    use super::*;
    use crate::state::Place;

    fn parameters(bucket: &str, key: &str) -> BTreeMap<String, String> {
        [(ARTIFACT_BUCKET, bucket), (ARTIFACT_KEY, key), (ARTIFACT_VERSION, &format!("version of {key}"))]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    }

    #[test]
    fn nothing_but_the_key_may_differ() {
        let template = json!({"Resources": {"Handler": {"Properties": {"MemorySize": 128}}}});
        let other = json!({"Resources": {"Handler": {"Properties": {"MemorySize": 256}}}});
        let complete = StackStatus::UpdateComplete;
        let rows = [
            ("new code", complete, parameters("b", "1"), &template, true),
            ("after a rollback", StackStatus::UpdateRollbackComplete, parameters("b", "1"), &template, true),
            ("the same code", complete, parameters("b", "2"), &template, false),
            ("another template too", complete, parameters("b", "1"), &other, false),
            ("another bucket too", complete, parameters("c", "1"), &template, false),
            ("one parameter more", complete, [("X".to_owned(), "1".to_owned())].into(), &template, false),
            ("a busy stack", StackStatus::UpdateInProgress, parameters("b", "1"), &template, false),
            ("failed creation", StackStatus::RollbackComplete, parameters("b", "1"), &template, false),
        ];
        let desired = Desired {
            place: Place { partition: "aws".into(), account: "1".into(), region: "r".into(), stack: "s".into() },
            names: Names::of("s", BucketNamespace::Global, "1", "r"),
            template: template.clone(),
            parameters: parameters("b", "2"),
            tags: BTreeMap::new(),
            deployment: DeploymentMode::Standard,
        };
        let tagged = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let rows = rows.map(|(case, status, parameters, template, expected)| {
            (case, status, parameters, template, BTreeMap::new(), expected)
        });
        let another_tag = ("another tag too", complete, parameters("b", "1"), &template, tagged, false);
        for (case, status, parameters, deployed, tags, expected) in rows.into_iter().chain([another_tag]) {
            let stack = Stack {
                name: "s".into(),
                arn: "arn".into(),
                status,
                reason: None,
                parameters,
                tags,
                outputs: Vec::new(),
                protected: false,
                changed: None,
                deployment: None,
            };
            assert_eq!(only_code_differs(&desired, &stack, deployed), expected, "{case}");
        }
    }
}
