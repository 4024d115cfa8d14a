//! Computes changes, for each resource and property. Data only; the report formats it.
//!
//! [`compare`] is a pure function of two templates whose known references are filled in
//! ([`crate::resolve::Context::plain`]), so it needs no change set, and no permission to make one. [`REPLACING`] lists
//! the properties whose change replaces the resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::change::{Action, Change, Detail, Replacement};
use crate::placeholders::names;
use crate::stack::ImportCandidate;

/// Properties whose change replaces the resource: `createOnlyProperties` and `conditionalCreateOnlyProperties` of
/// CloudFormation's resource schemas, for the types in use. A test compares it with the schemas that cfn-lint brings.
pub const REPLACING: [(&str, &[&str]); 11] = [
    ("AWS::CloudWatch::Alarm", &["AlarmName"]),
    ("AWS::DynamoDB::Table", &["ImportSourceSpecification", "KeySchema", "TableName"]),
    ("AWS::IAM::Role", &["Path", "RoleName"]),
    ("AWS::Lambda::EventInvokeConfig", &["FunctionName", "Qualifier"]),
    ("AWS::Lambda::Function", &["DurableConfig", "FunctionName", "PackageType", "TenancyConfig"]),
    (
        "AWS::Lambda::Permission",
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
    ),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::S3::Bucket", &["BucketName", "BucketNamePrefix", "BucketNamespace"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::SQS::Queue", &["FifoQueue", "QueueName"]),
    ("AWS::SQS::QueuePolicy", &[]),
];

/// The changes of the creation of a stack that imports the resources in `kept`.
pub fn all_new(template: &Value, kept: &[ImportCandidate]) -> Vec<Change> {
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
                retained: false,
                details: Vec::new(),
            }
        })
        .collect()
}

/// The name in the template of the only resource of a type.
pub fn logical_id<'a>(template: &'a Value, kind: &str) -> Option<&'a str> {
    template["Resources"].as_object()?.iter().find(|(_, resource)| resource["Type"] == kind).map(|(id, _)| id.as_str())
}

/// The changes from one template to another, by logical id. Replacements propagate to the resources that refer to a
/// replaced resource.
pub fn compare(before: &Value, after: &Value) -> Vec<Change> {
    let (old, new) = (members(&before["Resources"]), members(&after["Resources"]));
    let mut changes: BTreeMap<&str, Change> = BTreeMap::new();
    for (id, resource) in new {
        match old.get(id) {
            None => drop(changes.insert(id, change(id, resource, Action::Add))),
            Some(was) => {
                let details = resource_details(was, resource);
                if was["Type"] != resource["Type"] {
                    let mut change = change(id, was, Action::Modify(Replacement::Certain));
                    change.details.push(detail("Type".into(), Some(&was["Type"]), Some(&resource["Type"]), true));
                    changes.insert(id, change);
                } else if !details.is_empty() {
                    let mut change = change(id, was, Action::Modify(Replacement::None));
                    change.details = details;
                    changes.insert(id, change);
                }
            }
        }
    }
    for (id, resource) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        let mut change = change(id, resource, Action::Remove);
        change.retained = retains(resource, "DeletionPolicy");
        changes.insert(id, change);
    }
    follow_replacements(new, &mut changes);
    for (id, change) in &mut changes {
        if change.is_replaced() {
            change.retained = retains(old.get(*id).unwrap_or(&Value::Null), "UpdateReplacePolicy");
        }
    }
    changes.into_values().collect()
}

/// The names and values of one level that differ: outputs, tags.
pub fn entries(before: &Value, after: &Value) -> Vec<Detail> {
    let mut found = Vec::new();
    differences("", before, after, &mut found);
    found
}

fn change(id: &str, resource: &Value, action: Action) -> Change {
    Change {
        logical_id: id.to_owned(),
        physical_id: None,
        kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
        action,
        retained: false,
        details: Vec::new(),
    }
}

fn retains(resource: &Value, policy: &str) -> bool {
    resource[policy].as_str().is_some_and(|policy| policy.starts_with("Retain"))
}

fn detail(property: String, before: Option<&Value>, after: Option<&Value>, replaces: bool) -> Detail {
    Detail { property, before: before.cloned(), after: after.cloned(), replaces }
}

/// The properties of a resource that differ, and its deletion and replacement policies.
pub fn resource_details(before: &Value, after: &Value) -> Vec<Detail> {
    let mut found = Vec::new();
    differences("", &before["Properties"], &after["Properties"], &mut found);
    let kind = after["Type"].as_str().unwrap_or_default();
    for detail in &mut found {
        detail.replaces = replaces(kind, &detail.property);
    }
    for attribute in ["DeletionPolicy", "UpdateReplacePolicy"] {
        if before[attribute] != after[attribute] {
            found.push(detail(attribute.into(), before.get(attribute), after.get(attribute), false));
        }
    }
    found
}

/// Whether a change of this property, or of something in it, replaces a resource of this type.
fn replaces(kind: &str, property: &str) -> bool {
    let top = property.split(['.', '[']).next().unwrap_or_default();
    REPLACING.iter().any(|(of, properties)| *of == kind && properties.contains(&top))
}

/// Marks resources that are replaced by a property's change, and resources that refer to them.
fn follow_replacements<'a>(resources: &'a Map<String, Value>, changes: &mut BTreeMap<&'a str, Change>) {
    let mut handled = BTreeSet::new();
    loop {
        for change in changes.values_mut() {
            if change.action == Action::Modify(Replacement::None) && change.details.iter().any(|d| d.replaces) {
                change.action = Action::Modify(Replacement::Certain);
            }
        }
        let replaced: Vec<String> = changes
            .values()
            .filter(|c| c.is_replaced() && !handled.contains(&c.logical_id))
            .map(|c| c.logical_id.clone())
            .collect();
        if replaced.is_empty() {
            return;
        }
        for (id, resource) in resources {
            let kind = resource["Type"].as_str().unwrap_or_default();
            for (property, value) in members(&resource["Properties"]) {
                let names_one = replaced.iter().any(|other| other != id && refers(value, other));
                let listed = |change: &Change| change.details.iter().any(|d| d.property == *property);
                let added = changes.get(id.as_str()).is_some_and(|c| c.action == Action::Add || listed(c));
                if names_one && !added {
                    let change = changes
                        .entry(id)
                        .or_insert_with(|| self::change(id, resource, Action::Modify(Replacement::None)));
                    change.details.push(detail(property.clone(), Some(value), Some(value), replaces(kind, property)));
                }
            }
        }
        handled.extend(replaced);
    }
}

/// Whether a value names a resource, as `${Id}` or `${Id.Attribute}`.
fn refers(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => names(text).any(|name| name.split('.').next() == Some(id)),
        Value::Array(items) => items.iter().any(|item| refers(item, id)),
        Value::Object(map) => map.values().any(|value| refers(value, id)),
        _ => false,
    }
}

/// Compares two values recursively and adds their differences by path.
fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<Detail>) {
    if before == after {
        return;
    }
    let some = |value: &Value| (!value.is_null()).then(|| value.clone());
    let whole = |found: &mut Vec<Detail>| {
        found.push(Detail { property: path.to_owned(), before: some(before), after: some(after), replaces: false });
    };
    let below = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
    // Policies are compared as a whole: their meaning is reported as changes of permissions.
    if path.ends_with("PolicyDocument") {
        return whole(found);
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let side = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&below(key), &side(old), &side(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) => match identity(path, old, new) {
            Some(name) => {
                let by_name = |list: &[Value]| -> BTreeMap<String, Value> {
                    list.iter().map(|v| (v[name].as_str().unwrap_or_default().to_owned(), v.clone())).collect()
                };
                let (old, new) = (by_name(old), by_name(new));
                let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for of in names {
                    let side = |map: &BTreeMap<String, Value>| map.get(of).cloned().unwrap_or_default();
                    let (old, new) = (side(&old), side(&new));
                    let path = format!("{path}[{of}]");
                    // A tag is its value.
                    let value = |v: &Value| if name == "Key" && !v.is_null() { v["Value"].clone() } else { v.clone() };
                    differences(&path, &value(&old), &value(&new), found);
                }
            }
            None if same_set(old, new) => {}
            None if old.len() == new.len() && old.iter().chain(new).all(Value::is_object) => {
                for (n, (old, new)) in old.iter().zip(new).enumerate() {
                    differences(&format!("{path}[{n}]"), old, new, found);
                }
            }
            None => whole(found),
        },
        _ => whole(found),
    }
}

/// The property that identifies the items of a list. A key schema has none, because its order is significant.
fn identity(path: &str, old: &[Value], new: &[Value]) -> Option<&'static str> {
    if path.ends_with("KeySchema") || (old.is_empty() && new.is_empty()) {
        return None;
    }
    ["Key", "IndexName", "PolicyName", "Id", "AttributeName", "Name"].into_iter().find(|name| {
        let distinct = |list: &[Value]| {
            let names: BTreeSet<_> = list.iter().filter_map(|item| item[*name].as_str()).collect();
            names.len() == list.len()
        };
        distinct(old) && distinct(new)
    })
}

/// Whether two lists of scalars contain the same values in any order.
fn same_set(old: &[Value], new: &[Value]) -> bool {
    let set = |list: &[Value]| -> Option<BTreeSet<String>> {
        list.iter().map(|v| (!v.is_object() && !v.is_array()).then(|| v.to_string())).collect()
    };
    matches!((set(old), set(new)), (Some(old), Some(new)) if old == new)
}

fn members(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource_type::{BUCKET, TABLE};
    use serde_json::json;

    fn change(kind: &str, action: Action, details: &[(&str, bool)]) -> Change {
        Change {
            logical_id: "X".into(),
            physical_id: None,
            kind: kind.into(),
            action,
            retained: false,
            details: details
                .iter()
                .map(|(property, replaces)| detail((*property).into(), None, None, *replaces))
                .collect(),
        }
    }

    #[test]
    fn changes_that_lose_data() {
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

    /// What two values of the property `P` come to: path, before, after.
    fn found(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
        let mut found = Vec::new();
        differences("P", before, after, &mut found);
        let side = Option::unwrap_or_default;
        found.into_iter().map(|d| (d.property, side(d.before), side(d.after))).collect()
    }

    #[test]
    fn differences_of_values_by_path() {
        let row = |path: &str, before: Value, after: Value| (path.to_owned(), before, after);
        let index = |name: &str, units: u32| json!({"IndexName": name, "Units": units});
        for (before, after, expected) in [
            (json!(1), json!(1), vec![]),
            (json!(1), json!("1"), vec![row("P", json!(1), json!("1"))]),
            (
                json!({"a": 1, "b": 2}),
                json!({"a": 1, "c": 3}),
                vec![row("P.b", json!(2), Value::Null), row("P.c", Value::Null, json!(3))],
            ),
            (json!(["a", "b"]), json!(["b", "a"]), vec![]),
            (json!(["a"]), json!(["a", "b"]), vec![row("P", json!(["a"]), json!(["a", "b"]))]),
            (
                json!([index("x", 1), index("y", 2)]),
                json!([index("y", 3), index("x", 1)]),
                vec![row("P[y].Units", json!(2), json!(3))],
            ),
            (json!([{"Key": "k", "Value": "v"}]), json!([]), vec![row("P[k]", json!("v"), Value::Null)]),
            (json!([{"a": 1}]), json!([{"a": 2}]), vec![row("P[0].a", json!(1), json!(2))]),
            (
                json!([{"a": 1}]),
                json!([{"a": 1}, {"a": 2}]),
                vec![row("P", json!([{"a": 1}]), json!([{"a": 1}, {"a": 2}]))],
            ),
            (
                json!({"PolicyDocument": {"S": 1}}),
                json!({"PolicyDocument": {"S": 2}}),
                vec![row("P.PolicyDocument", json!({"S": 1}), json!({"S": 2}))],
            ),
        ] {
            assert_eq!(found(&before, &after), expected, "{before} {after}");
        }
        // The order of a key schema is significant.
        let schema =
            |first: &str, second: &str| json!({"KeySchema": [{"AttributeName": first}, {"AttributeName": second}]});
        assert_eq!(found(&schema("a", "b"), &schema("b", "a")).len(), 2);
    }

    fn resources(changed: &Value) -> Value {
        let mut resources = json!({
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f", "MemorySize": 1}},
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": "${Function.Arn}"}},
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Notify": [{"Function": "${Function.Arn}"}]}},
            "Queue": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {}},
        });
        for (id, resource) in members(changed) {
            if resource.is_null() {
                resources.as_object_mut().unwrap().remove(id);
            } else {
                resources[id] = resource.clone();
            }
        }
        json!({ "Resources": resources })
    }

    fn actions(before: &Value, after: &Value) -> Vec<(String, Action, bool)> {
        let changes = compare(&resources(before), &resources(after));
        changes.into_iter().map(|c| (c.logical_id, c.action, c.retained)).collect()
    }

    #[test]
    fn a_replacement_propagates_to_resources_that_refer_to_it() {
        use Replacement::{Certain, None};
        let renamed = json!({"Function": {"Type": "AWS::Lambda::Function", "UpdateReplacePolicy": "Retain",
            "Properties": {"FunctionName": "g", "MemorySize": 1}}});
        let row = |id: &str, replacement, retained| (id.to_owned(), Action::Modify(replacement), retained);
        assert_eq!(
            actions(&json!({}), &renamed),
            [row("Bucket", None, false), row("Function", Certain, false), row("Permission", Certain, false),]
        );
        // The deployed policy decides whether the old resource is retained.
        assert_eq!(actions(&renamed, &json!({}))[1], row("Function", Certain, true));
        let resized = json!({"Function": {"Type": "AWS::Lambda::Function",
            "Properties": {"FunctionName": "f", "MemorySize": 2}}});
        assert_eq!(actions(&json!({}), &resized), [row("Function", None, false)]);
    }

    #[test]
    fn added_removed_and_retyped_resources() {
        let removed = ("Queue".to_owned(), Action::Remove, true);
        assert_eq!(actions(&json!({}), &json!({"Queue": null})), [removed]);
        assert_eq!(actions(&json!({"Queue": null}), &json!({})), [("Queue".to_owned(), Action::Add, false)]);
        let other = json!({"Queue": {"Type": "AWS::SNS::Topic", "Properties": {}}});
        let replaced = ("Queue".to_owned(), Action::Modify(Replacement::Certain), false);
        assert_eq!(actions(&json!({}), &other), [replaced]);
        let mut dropped = resources(&json!({}));
        dropped["Resources"]["Queue"]["DeletionPolicy"] = json!("Delete");
        let changes = compare(&resources(&json!({})), &dropped);
        assert_eq!(
            changes[0].details,
            [detail("DeletionPolicy".into(), Some(&json!("Retain")), Some(&json!("Delete")), false)]
        );
    }
}
