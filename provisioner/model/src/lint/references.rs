//! References between resources and outputs of a template: each target must exist, and there must be no cycle.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::code::Code;
use super::finding::Finding;
use super::tree::{members, walk};
use crate::placeholders::names;

/// Pseudo parameters (CloudFormation user guide).
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// What `Fn::GetAtt` can ask of the types in use (CloudFormation resource reference, "Return values").
const ATTRIBUTES: [(&str, &[&str]); 6] = [
    ("AWS::S3::Bucket", &["Arn", "DomainName", "RegionalDomainName"]),
    ("AWS::DynamoDB::Table", &["Arn", "StreamArn"]),
    ("AWS::Lambda::Function", &["Arn"]),
    ("AWS::IAM::Role", &["Arn", "RoleId"]),
    ("AWS::Logs::LogGroup", &["Arn"]),
    ("AWS::SQS::Queue", &["Arn", "QueueName", "QueueUrl"]),
];

/// One resource or output that points to something by name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    /// The resource that points; `None` from an output.
    from: Option<String>,
    place: String,
    to: String,
    attribute: Option<String>,
    /// `DependsOn` may name resources only.
    resource_only: bool,
}

fn references(tree: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    for (id, resource) in members(&tree["Resources"]) {
        let place = format!("Resources.{id}");
        let dependencies = match &resource["DependsOn"] {
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => vec![one.as_str()],
            _ => Vec::new(),
        };
        found.extend(dependencies.into_iter().map(|to| Reference {
            from: Some(id.clone()),
            place: format!("{place}.DependsOn"),
            to: to.to_owned(),
            attribute: None,
            resource_only: true,
        }));
        let mut path = format!("{place}.Properties");
        walk(&resource["Properties"], &mut path, &mut |place, value| {
            found.extend(references_of(value).into_iter().map(|(to, attribute)| Reference {
                from: Some(id.clone()),
                place: place.to_owned(),
                to,
                attribute,
                resource_only: false,
            }));
        });
    }
    walk(&tree["Outputs"], &mut "Outputs".to_owned(), &mut |place, value| {
        found.extend(references_of(value).into_iter().map(|(to, attribute)| Reference {
            from: None,
            place: place.to_owned(),
            to,
            attribute,
            resource_only: false,
        }));
    });
    found
}

/// What this very node points to: names, and attributes where they are asked for.
fn references_of(node: &Value) -> Vec<(String, Option<String>)> {
    let split = |text: &str| match text.split_once('.') {
        Some((to, attribute)) => (to.to_owned(), Some(attribute.to_owned())),
        None => (text.to_owned(), None),
    };
    let Some(object) = node.as_object() else { return Vec::new() };
    if let Some(to) = object.get("Ref").and_then(Value::as_str) {
        return vec![(to.to_owned(), None)];
    }
    match object.get("Fn::GetAtt") {
        Some(Value::String(text)) => return vec![split(text)],
        Some(Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            return vec![split(&parts.join("."))];
        }
        _ => {}
    }
    // In the list form, the second item defines additional names.
    let (text, own) = match object.get("Fn::Sub") {
        Some(Value::String(text)) => (text.as_str(), None),
        Some(Value::Array(parts)) => {
            (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1).and_then(Value::as_object))
        }
        _ => return Vec::new(),
    };
    names(text)
        .filter(|name| !name.starts_with('!') && own.is_none_or(|own| !own.contains_key(*name)))
        .map(split)
        .collect()
}

/// Every reference that leads nowhere, and every circle that references make.
pub(super) fn check(tree: &Value, findings: &mut Vec<Finding>) {
    let references = references(tree);
    dangling(tree, &references, findings);
    cycles(&references, findings);
}

fn dangling(tree: &Value, references: &[Reference], findings: &mut Vec<Finding>) {
    for Reference { place, to, attribute, resource_only, .. } in references {
        let resource = &tree["Resources"][to];
        let parameter = PSEUDO_PARAMETERS.contains(&to.as_str()) || !tree["Parameters"][to].is_null();
        if resource.is_null() && (*resource_only || attribute.is_some() || !parameter) {
            let kind = if *resource_only || attribute.is_some() { "resource" } else { "resource or parameter" };
            let problem = format!("points to {to}, and the template has no such {kind}");
            findings.push(Finding::new(Code::DanglingReference, place, problem));
            continue;
        }
        let Some(attribute) = attribute else { continue };
        let kind = resource["Type"].as_str().unwrap_or_default();
        let known = ATTRIBUTES.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, attributes)| attributes);
        if !known.contains(&attribute.as_str()) {
            let problem = format!("asks {to} for {attribute}, which {kind} does not have");
            let fix = format!("ask for one of its attributes ({})", known.join(", "));
            findings.push(Finding::new(Code::UnknownAttribute, place, problem).with_fix(fix));
        }
    }
}

fn cycles(references: &[Reference], findings: &mut Vec<Finding>) {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reference in references {
        if let Some(from) = &reference.from {
            edges.entry(from).or_default().insert(&reference.to);
        }
    }
    let mut done = BTreeSet::new();
    for start in edges.keys() {
        let mut trail = Vec::new();
        if let Some(cycle) = cycle_from(start, &edges, &mut trail, &mut done) {
            let problem = format!("waits for itself: {} → {}", cycle.join(" → "), cycle[0]);
            findings.push(Finding::new(Code::Cycle, format!("Resources.{}", cycle[0]), problem));
        }
    }
}

fn cycle_from<'a>(
    at: &'a str,
    edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    trail: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(n) = trail.iter().position(|earlier| *earlier == at) {
        return Some(trail[n..].to_vec());
    }
    if !done.insert(at) {
        return None;
    }
    trail.push(at);
    let found = edges.get(at).into_iter().flatten().find_map(|next| cycle_from(next, edges, trail, done));
    trail.pop();
    found
}
