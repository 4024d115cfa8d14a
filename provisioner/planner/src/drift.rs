//! Drift: the differences between the deployed template and the live resources, which were changed out of band. Pure;
//! `provisioner_aws::live` and CloudFormation's drift detection read the resources.
//!
//! There are two depths. The quick check reads the most important resources (the function with its code and its policy,
//! its role, the bucket's notification, the policies of bucket and queue, queue, table, log group) from their services,
//! in the time of one call. The full check adds the results of CloudFormation's drift detection for every type that it
//! supports, which takes up to a minute.

use std::collections::BTreeMap;

use provisioner_model::change::Detail;
use provisioner_model::diff;
use provisioner_model::drifted::{Difference, Drifted, LiveState, top_of};
use provisioner_model::resolve::Context;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::permissions::{self, PermissionChange};

/// The depth of a drift check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Not checked: there is no working stack.
    #[default]
    None,
    /// The most important resources.
    Quick,
    /// Also every resource that CloudFormation's drift detection supports.
    Full,
}

/// All changes that were made out of band.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The depth of a drift check.
    pub depth: Depth,
    /// Resources that differ.
    pub resources: Vec<Drifted>,
    /// The function's code, if it is not what was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeDrift>,
    /// Permissions that principals gained or lost by it.
    pub permissions: Vec<PermissionChange>,
    /// Resources that could not be read, with the reason.
    pub unchecked: Vec<Unchecked>,
}

/// Code that was deployed to the function out of band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeDrift {
    /// The SHA-256 of the zip that was deployed.
    pub deployed: String,
    /// The SHA-256 of the zip that runs.
    pub actual: String,
}

/// A resource that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unchecked {
    /// The resource.
    pub logical_id: String,
    /// Why.
    pub reason: String,
}

impl Drift {
    /// Compares a deployed template with the live state of its resources, by logical id. As in CloudFormation's drift
    /// detection, only properties that the template sets are compared; a list of policies counts as set to empty.
    pub fn of(template: &Value, context: &Context, readings: BTreeMap<String, LiveState>) -> Self {
        let mut drift = Self { depth: Depth::Quick, ..Self::default() };
        for (logical_id, reading) in readings {
            let resource = &template["Resources"][&logical_id];
            let drifted = |deleted| Drifted {
                physical_id: context.resources.get(&logical_id).map(|(_, id)| id.clone()).unwrap_or_default(),
                kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
                logical_id: logical_id.clone(),
                deleted,
                properties: Vec::new(),
                actual: Map::new(),
            };
            match reading {
                LiveState::Gone => drift.resources.push(drifted(true)),
                LiveState::Unreadable(reason) => drift.unchecked.push(Unchecked { logical_id, reason }),
                LiveState::Properties(actual) => {
                    let mut drifted = drifted(false);
                    for (name, actual) in actual {
                        compare_property(&mut drifted, &name, resource["Properties"].get(&name), actual, context);
                    }
                    if !drifted.properties.is_empty() {
                        drift.resources.push(drifted);
                    }
                }
            }
        }
        drift.update_permissions(template, context);
        drift
    }

    /// Adds the results of CloudFormation's drift detection for properties that have no difference yet.
    pub fn merge_detected(&mut self, detected: Vec<Drifted>, template: &Value, context: &Context) {
        self.depth = Depth::Full;
        for drifted in detected {
            match self.resources.iter_mut().find(|known| known.logical_id == drifted.logical_id) {
                None => self.resources.push(drifted),
                Some(known) => {
                    let tops: Vec<String> = known.actual.keys().cloned().collect();
                    let is_new = |path: &str| !tops.iter().any(|top| *top == top_of(path));
                    known.properties.extend(drifted.properties.into_iter().filter(|p| is_new(&p.property)));
                    for (top, value) in drifted.actual {
                        known.actual.entry(top).or_insert(value);
                    }
                    known.deleted |= drifted.deleted;
                }
            }
        }
        self.resources.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
        self.update_permissions(template, context);
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.code.is_none()
    }

    /// The template that describes the live state, so that nothing drifts from it.
    #[must_use]
    pub fn overlay(&self, mut template: Value) -> Value {
        for drifted in &self.resources {
            if drifted.deleted {
                if let Some(resources) = template["Resources"].as_object_mut() {
                    resources.remove(&drifted.logical_id);
                    resources.values_mut().for_each(|resource| forget_dependency(resource, &drifted.logical_id));
                }
                continue;
            }
            let Some(properties) = template["Resources"][&drifted.logical_id]["Properties"].as_object_mut() else {
                continue;
            };
            for (name, value) in &drifted.actual {
                if value.is_null() {
                    properties.remove(name);
                } else {
                    properties.insert(name.clone(), value.clone());
                }
            }
        }
        template
    }

    fn update_permissions(&mut self, template: &Value, context: &Context) {
        let deployed = context.plain(template);
        self.permissions = permissions::compare(&deployed, &self.overlay(deployed.clone()));
    }
}

/// Adds the differences of one property to a drifted resource.
fn compare_property(drifted: &mut Drifted, name: &str, expected: Option<&Value>, actual: Value, context: &Context) {
    // A property with an unresolved reference cannot be compared.
    let Ok(expected) = context.resolve(expected.unwrap_or(&Value::Null)) else { return };
    let differences = differences(name, &expected, &actual);
    if !differences.is_empty() {
        drifted.properties.extend(differences);
        drifted.actual.insert(name.to_owned(), actual);
    }
}

/// The differences of a property; policies are compared by their meaning.
pub fn differences(name: &str, deployed: &Value, actual: &Value) -> Vec<Difference> {
    let empty = |v: &Value| v.is_null() || v.as_array().is_some_and(Vec::is_empty);
    if empty(deployed) && empty(actual) {
        return Vec::new();
    }
    let (before, after) = (serde_json::json!({ name: deployed }), serde_json::json!({ name: actual }));
    diff::entries(&before, &after)
        .into_iter()
        .filter(|Detail { property, before, after, .. }| {
            !property.ends_with("PolicyDocument")
                || before.as_ref().zip(after.as_ref()).is_none_or(|(a, b)| !permissions::same_document(a, b))
        })
        .map(|Detail { property, before, after, .. }| Difference { property, deployed: before, actual: after })
        .collect()
}

/// Removes a deleted resource from `DependsOn`.
fn forget_dependency(resource: &mut Value, logical_id: &str) {
    let Some(resource) = resource.as_object_mut() else { return };
    let left: Vec<Value> = match resource.get("DependsOn") {
        Some(Value::Array(ids)) => ids.iter().filter(|id| *id != logical_id).cloned().collect(),
        Some(id) if id != logical_id => return,
        _ => Vec::new(),
    };
    if left.is_empty() {
        resource.remove("DependsOn");
    } else {
        resource.insert("DependsOn".to_owned(), left.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({"Resources": {
            "F": {"Type": "AWS::Lambda::Function", "Properties": {
                "MemorySize": 256, "Role": {"Fn::GetAtt": ["R", "Arn"]}, "Environment": {"Variables": {"A": "1", "B": "2"}},
            }},
            "R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "p", "PolicyDocument": {
                "Statement": [{"Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": {"Fn::GetAtt": ["T", "Arn"]}}],
            }}]}},
        }})
    }

    fn context() -> Context {
        let table = ("AWS::DynamoDB::Table".to_owned(), "t".to_owned());
        Context {
            partition: "aws".into(),
            account: "1".into(),
            region: "r".into(),
            resources: BTreeMap::from([("T".to_owned(), table)]),
            ..Context::default()
        }
    }

    fn read(id: &str, properties: Value) -> Drift {
        let Value::Object(properties) = properties else { panic!() };
        Drift::of(&template(), &context(), BTreeMap::from([(id.to_owned(), LiveState::Properties(properties))]))
    }

    #[test]
    fn only_deployed_and_resolvable_properties_are_compared() {
        let same =
            json!({"MemorySize": 256, "Role": "another role", "Environment": {"Variables": {"B": "2", "A": "1"}}});
        assert!(read("F", same).is_empty());
        let drift = read("F", json!({"MemorySize": 512, "Environment": {"Variables": {"A": "1", "C": "3"}}}));
        let paths: Vec<&str> = drift.resources[0].properties.iter().map(|p| p.property.as_str()).collect();
        assert_eq!(paths, ["Environment.Variables.B", "Environment.Variables.C", "MemorySize"]);
        let overlaid = drift.overlay(template());
        assert_eq!(overlaid["Resources"]["F"]["Properties"]["MemorySize"], 512);
        assert_eq!(overlaid["Resources"]["F"]["Properties"]["Environment"]["Variables"], json!({"A": "1", "C": "3"}));
    }

    #[test]
    fn policies_differ_by_what_they_allow() {
        let policies =
            |statement: Value| json!({"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": statement}}]});
        let arn = "arn:aws:dynamodb:r:1:table/t";
        let same = json!({"Effect": "Allow", "Action": ["a:B"], "Resource": [arn]});
        assert!(read("R", policies(same)).is_empty());
        let wider = read("R", policies(json!([{"Effect": "Allow", "Action": "a:*", "Resource": arn}])));
        assert_eq!(wider.permissions[0].sentence, format!("role R gains a:* on {arn}"));
        let attached = read("R", json!({"ManagedPolicyArns": ["arn:admin"]}));
        assert_eq!(attached.resources[0].properties[0].property, "ManagedPolicyArns");
        assert!(attached.permissions[0].broadens);
        assert!(read("R", json!({"ManagedPolicyArns": []})).is_empty());
    }

    #[test]
    fn deleted_and_unreadable_resources() {
        let readings = BTreeMap::from([
            ("F".to_owned(), LiveState::Gone),
            ("R".to_owned(), LiveState::Unreadable("denied".into())),
        ]);
        let drift = Drift::of(&template(), &context(), readings);
        assert!(drift.resources[0].deleted);
        assert_eq!(drift.unchecked, [Unchecked { logical_id: "R".into(), reason: "denied".into() }]);
        assert!(drift.overlay(template())["Resources"].get("F").is_none());
        for (waits_for, left) in [
            (json!(["F", "R"]), json!(["R"])),
            (json!(["F"]), Value::Null),
            (json!("F"), Value::Null),
            (json!("R"), json!("R")),
            (json!(["R"]), json!(["R"])),
        ] {
            let mut template = template();
            template["Resources"]["B"] = json!({"Type": "AWS::S3::Bucket", "DependsOn": waits_for});
            assert_eq!(drift.overlay(template)["Resources"]["B"]["DependsOn"], left, "{waits_for}");
        }
    }

    #[test]
    fn drift_detection_adds_what_the_quick_check_does_not_read() {
        let mut drift = read("F", json!({"MemorySize": 512}));
        let detected = |id: &str, properties: &[&str]| Drifted {
            logical_id: id.into(),
            physical_id: String::new(),
            kind: String::new(),
            deleted: false,
            properties: properties
                .iter()
                .map(|p| Difference { property: (*p).into(), deployed: None, actual: None })
                .collect(),
            actual: properties.iter().map(|p| (top_of(p).to_owned(), json!(1))).collect(),
        };
        drift.merge_detected(
            vec![detected("F", &["MemorySize", "Timeout"]), detected("B", &["X"])],
            &template(),
            &context(),
        );
        assert_eq!(drift.depth, Depth::Full);
        let found: Vec<(&str, Vec<&str>)> = drift
            .resources
            .iter()
            .map(|d| (d.logical_id.as_str(), d.properties.iter().map(|p| p.property.as_str()).collect()))
            .collect();
        assert_eq!(found, [("B", vec!["X"]), ("F", vec!["MemorySize", "Timeout"])]);
        assert_eq!(drift.resources[1].actual["MemorySize"], 512, "the value read from the service has precedence");
    }
}
