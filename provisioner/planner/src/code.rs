//! Decides whether only the handler's code differs from the deployed stack. Pure.

use provisioner_model::stack::Stack;
use provisioner_model::status::Phase;
use provisioner_model::template::ARTIFACT_KEY;
use serde_json::Value;

use crate::state::Desired;

/// Whether a working stack differs from the desired state only in the key of the handler's zip. `template` is the
/// deployed template.
///
/// A change set does not answer this: CloudFormation also lists every resource that refers to the function.
pub fn only_code_differs(desired: &Desired, stack: &Stack, template: &Value) -> bool {
    let is_other = |(name, _): &(&String, &String)| *name != ARTIFACT_KEY;
    let (wanted, deployed) = (desired.parameters.iter().filter(is_other), stack.parameters.iter().filter(is_other));
    stack.status.phase() == Phase::Ready
        && desired.parameters.get(ARTIFACT_KEY) != stack.parameters.get(ARTIFACT_KEY)
        && wanted.eq(deployed)
        && desired.template == *template
        && desired.tags == stack.tags
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use provisioner_model::names::Names;
    use provisioner_model::status::StackStatus;
    use provisioner_model::template::ARTIFACT_BUCKET;
    use serde_json::json;

    use super::*;
    use crate::state::Place;

    fn parameters(bucket: &str, key: &str) -> BTreeMap<String, String> {
        [(ARTIFACT_BUCKET, bucket), (ARTIFACT_KEY, key)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
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
            names: Names::new("s", "1", "r"),
            template: template.clone(),
            parameters: parameters("b", "2"),
            tags: BTreeMap::new(),
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
            };
            assert_eq!(only_code_differs(&desired, &stack, deployed), expected, "{case}");
        }
    }
}
