//! What was changed behind the tool's back: what is deployed according to CloudFormation against what the services
//! themselves say. Pure; `provisioner_aws::live` and CloudFormation's own detection read.
//!
//! Two depths. The quick look reads the resources that matter most (the function with its code and who may invoke it, its
//! role, whom the bucket tells of new files, the policies of bucket and queue, queue, table, log group) straight from
//! their services, in the time of one call. The full look adds what CloudFormation's drift detection says of every type
//! that it supports, which takes up to a minute.

use std::collections::BTreeMap;

use provisioner_model::change::Detail;
use provisioner_model::diff;
use provisioner_model::drifted::{Difference, Drifted, LiveState, top_of};
use provisioner_model::resolve::Context;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::permissions::{self, PermissionChange};

/// How closely was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Not at all: there is no stack that works.
    #[default]
    None,
    /// At the resources that matter most.
    Quick,
    /// Also at all that CloudFormation's drift detection supports.
    Full,
}

/// All that was changed behind the tool's back.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// How closely was looked.
    pub depth: Depth,
    /// Resources that differ.
    pub resources: Vec<Drifted>,
    /// The function's code, if it is not what was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeDrift>,
    /// Who may do what more or less because of it.
    pub permissions: Vec<PermissionChange>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<Unchecked>,
}

/// Code that somebody put there past the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeDrift {
    /// The SHA-256 of the zip that was deployed.
    pub deployed: String,
    /// The SHA-256 of the zip that runs.
    pub actual: String,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unchecked {
    /// The resource.
    pub logical_id: String,
    /// Why.
    pub reason: String,
}

impl Drift {
    /// Compares a deployed template with what the services say, by logical id. Only properties that the template sets
    /// count, as in CloudFormation's own detection, and lists of policies that should be empty.
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

    /// Adds what CloudFormation's detection found, where nothing was found yet.
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

    /// Whether anything was changed.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.code.is_none()
    }

    /// The template as it would have to be for nothing to have drifted.
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

/// Notes where a property of a resource is not what was deployed.
fn compare_property(drifted: &mut Drifted, name: &str, expected: Option<&Value>, actual: Value, context: &Context) {
    // What cannot be resolved cannot be compared.
    let Ok(expected) = context.resolve(expected.unwrap_or(&Value::Null)) else { return };
    let differences = differences(name, &expected, &actual);
    if !differences.is_empty() {
        drifted.properties.extend(differences);
        drifted.actual.insert(name.to_owned(), actual);
    }
}

/// Where a property differs; policies are compared by their meaning.
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

/// Nothing can wait for what is gone.
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
    fn only_what_was_deployed_and_can_be_compared_counts() {
        let same =
            json!({"MemorySize": 256, "Role": "somebody else", "Environment": {"Variables": {"B": "2", "A": "1"}}});
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
    fn what_is_gone_and_what_could_not_be_read() {
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
    fn a_detection_adds_what_the_quick_look_did_not_see() {
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
        assert_eq!(drift.resources[1].actual["MemorySize"], 512, "what the service itself says goes first");
    }
}
