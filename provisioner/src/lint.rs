//! What AWS would refuse, or accept and let fail later, found before any call.
//!
//! [`check`] is a pure function of spec and template. It looks at the template as CloudFormation sees it, a tree of
//! JSON, so that it also judges what the types that made it cannot rule out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Error, Exit, Result};
use crate::spec::StackSpec;
use crate::template::{FREE_UNITS, Template, child_limits};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// AWS would refuse it, or it grants too much: nothing is deployed.
    Error,
    /// It can be deployed, and will probably disappoint.
    Warning,
}

/// Something that is wrong with a stack.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: a path through the template like `Resources.Table.Properties.TableName`, or a key of the stack file.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub mend: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.problem, self.mend)
    }
}

/// The most bytes that CloudFormation takes as a template's text (CloudFormation quotas).
const MAX_TEMPLATE: usize = 51_200;
/// The most bytes of a function's environment variables together (Lambda quotas).
const MAX_ENVIRONMENT: usize = 4_096;
/// With this memory a function has one whole processor (Lambda developer guide, "Configure memory"). MiB.
const WHOLE_PROCESSOR: u64 = 1_769;
/// Bytes a second that a function can count on from S3; a rough figure, as AWS promises none.
const FETCH_RATE: u64 = 50_000_000;
/// The longest text that stands for a region where none is known.
const LONGEST_REGION: &str = "ap-southeast-1";
/// Stands for an account.
const SOME_ACCOUNT: &str = "123456789012";

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

/// Names that AWS limits: type, property, least and most characters (the services' API references).
const NAMES: [(&str, &str, usize, usize); 5] = [
    ("AWS::S3::Bucket", "BucketName", 3, 63),
    ("AWS::DynamoDB::Table", "TableName", 3, 255),
    ("AWS::Lambda::Function", "FunctionName", 1, 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 1, 512),
    ("AWS::SQS::Queue", "QueueName", 1, 80),
];

/// All that is wrong with a stack, errors first.
pub fn check(spec: &StackSpec, template: &Template) -> Vec<Finding> {
    let tree = serde_json::to_value(template).unwrap_or_default();
    let mut findings = check_tree(spec, &tree);
    let bytes = template.to_json().len();
    if bytes > MAX_TEMPLATE {
        findings.push(error(
            "template",
            format!("has {bytes} bytes, and CloudFormation takes at most {MAX_TEMPLATE}"),
            "shorten what repeats in every resource: `tags` in the stack file",
        ));
    }
    check_spec(spec, &mut findings);
    findings.sort_by_key(|finding| finding.severity == Severity::Warning);
    findings
}

/// Refuses a stack that has errors, naming all of them.
pub fn refuse(findings: &[Finding]) -> Result<()> {
    let errors: Vec<String> =
        findings.iter().filter(|f| f.severity == Severity::Error).map(ToString::to_string).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::new(Exit::Invalid, "lint", format!("AWS would not take this stack:\n{}", errors.join("\n"))))
}

fn error(place: impl Into<String>, problem: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, place: place.into(), problem: problem.into(), mend: mend.into() }
}

fn warning(place: &str, problem: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, place: place.into(), problem: problem.into(), mend: mend.into() }
}

/// What is wrong with a template, whoever made it.
fn check_tree(spec: &StackSpec, tree: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let references = references(tree);
    dangling(tree, &references, &mut findings);
    cycles(&references, &mut findings);
    walk(tree, &mut String::new(), &mut |place, value| wildcards(place, value, &mut findings));
    for (id, resource) in members(&tree["Resources"]) {
        let place = format!("Resources.{id}.Properties");
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => capacity(&place, properties, &mut findings),
            "AWS::Lambda::Function" => environment(&place, properties, &mut findings),
            _ => {}
        }
        for (kind, property, least, most) in NAMES {
            if resource["Type"] == kind {
                name(spec, &format!("{place}.{property}"), &properties[property], (least, most), &mut findings);
            }
        }
    }
    findings
}

/// What the numbers of a stack file, each valid by itself, mean together.
fn check_spec(spec: &StackSpec, findings: &mut Vec<Finding>) {
    if !spec.bucket.require_tls && spec.emulator.is_none() {
        findings.push(warning(
            "bucket.requireTls",
            "AWS would accept requests without TLS, whose content anybody on the way can read",
            "leave the key out; only a local emulator has reason to say no",
        ));
    }
    let wall = u64::from(child_limits(spec).wall_seconds);
    let memory = (spec.handler.memory.0 >> 20).clamp(1, WHOLE_PROCESSOR);
    let needed = spec.handler.child_cpu.0.saturating_mul(WHOLE_PROCESSOR).div_ceil(memory);
    if needed > wall {
        findings.push(warning(
            "handler.childCpu",
            format!(
                "with {} a function has {} % of a processor, so {} of processor time take {needed}s, and a file is given {wall}s",
                spec.handler.memory,
                memory * 100 / WHOLE_PROCESSOR,
                spec.handler.child_cpu,
            ),
            format!("raise `memory` or `timeout` ({}s would do), or lower `childCpu`", needed.div_ceil(3) * 4),
        ));
    }
    let fetch = spec.files.max_size.0 / FETCH_RATE;
    if fetch > wall {
        findings.push(warning(
            "files.maxSize",
            format!("to fetch {} takes about {fetch}s, and a file is given {wall}s", spec.files.max_size),
            "raise `timeout` or lower `maxSize`",
        ));
    }
}

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
    // With a list, the second item gives names of its own.
    let (text, own) = match object.get("Fn::Sub") {
        Some(Value::String(text)) => (text.as_str(), None),
        Some(Value::Array(parts)) => {
            (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1).and_then(Value::as_object))
        }
        _ => return Vec::new(),
    };
    placeholders(text)
        .filter(|name| !name.starts_with('!') && own.is_none_or(|own| !own.contains_key(*name)))
        .map(split)
        .collect()
}

/// The names between `${` and `}`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn dangling(tree: &Value, references: &[Reference], findings: &mut Vec<Finding>) {
    for Reference { place, to, attribute, resource_only, .. } in references {
        let resource = &tree["Resources"][to];
        let parameter = PSEUDO_PARAMETERS.contains(&to.as_str()) || !tree["Parameters"][to].is_null();
        if resource.is_null() && (*resource_only || attribute.is_some() || !parameter) {
            let kind = if *resource_only || attribute.is_some() { "resource" } else { "resource or parameter" };
            findings.push(error(
                place,
                format!("points to {to}, and the template has no such {kind}"),
                "correct the name, or add what it names",
            ));
            continue;
        }
        let Some(attribute) = attribute else { continue };
        let kind = resource["Type"].as_str().unwrap_or_default();
        let known = ATTRIBUTES.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, attributes)| attributes);
        if !known.contains(&attribute.as_str()) {
            findings.push(error(
                place,
                format!("asks {to} for {attribute}, which {kind} does not have"),
                format!("ask for one of its attributes ({})", known.join(", ")),
            ));
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
            findings.push(error(
                format!("Resources.{}", cycle[0]),
                format!("waits for itself: {} → {}", cycle.join(" → "), cycle[0]),
                "make one of these refer to the other by a name that is known beforehand",
            ));
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

/// A statement that allows every action of a service, or an action on everything.
fn wildcards(place: &str, node: &Value, findings: &mut Vec<Finding>) {
    if node["Effect"] != "Allow" {
        return;
    }
    for action in one_or_more(&node["Action"]).filter_map(Value::as_str).filter(|action| action.contains('*')) {
        findings.push(error(
            place,
            format!("allows {action}, which is more than anybody has looked at"),
            "name the actions in policies/*.json one by one",
        ));
    }
    for resource in one_or_more(&node["Resource"]) {
        let text = resource.as_str().or_else(|| resource["Fn::Sub"].as_str()).unwrap_or_default();
        // The last part of an ARN names the resource; alone, `*` there means all of the service's. The colons of pseudo
        // parameters part nothing.
        if text == "*" || text.replace("AWS::", "").splitn(6, ':').nth(5) == Some("*") {
            findings.push(error(
                place,
                format!("allows its actions on {text}"),
                "name the resource in policies/*.json",
            ));
        }
    }
}

fn capacity(place: &str, table: &Value, findings: &mut Vec<Finding>) {
    let throughputs = || {
        let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        std::iter::once(table).chain(indexes).map(|owner| &owner["ProvisionedThroughput"])
    };
    for unit in ["ReadCapacityUnits", "WriteCapacityUnits"] {
        let sum: u64 = throughputs().filter_map(|throughput| throughput[unit].as_u64()).sum();
        if sum > FREE_UNITS.into() {
            findings.push(error(
                place,
                format!("asks for {sum} {unit} with its indexes, and {FREE_UNITS} are free"),
                "lower the shares, or pay by request with `billing: on-demand`",
            ));
        }
    }
}

fn environment(place: &str, function: &Value, findings: &mut Vec<Finding>) {
    let variables = members(&function["Environment"]["Variables"]);
    let bytes: usize = variables.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MAX_ENVIRONMENT {
        findings.push(error(
            format!("{place}.Environment"),
            format!("holds {bytes} bytes of variables, and Lambda takes {MAX_ENVIRONMENT}"),
            "shorten `allowedTypes` in the stack file, for example with patterns like image/*",
        ));
    }
}

fn name(spec: &StackSpec, place: &str, value: &Value, (least, most): (usize, usize), findings: &mut Vec<Finding>) {
    let Some(text) = value.as_str().or_else(|| value["Fn::Sub"].as_str()) else { return };
    let region = spec.region.as_deref().unwrap_or(LONGEST_REGION);
    let full = text
        .replace("${AWS::AccountId}", spec.account.as_deref().unwrap_or(SOME_ACCOUNT))
        .replace("${AWS::Region}", region)
        .replace("${AWS::StackName}", &spec.name);
    if !(least..=most).contains(&full.len()) {
        findings.push(error(
            place,
            format!("{full} has {} characters, and AWS takes {least} to {most}", full.len()),
            "choose another `name` in the stack file",
        ));
    }
}

fn one_or_more(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.iter(),
        Value::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Visits every node with its path.
fn walk(node: &Value, path: &mut String, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    let mut below = |step: &str, child: &Value| {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(step);
        walk(child, path, visit);
        path.truncate(length);
    };
    match node {
        Value::Object(object) => object.iter().for_each(|(key, child)| below(key, child)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, child)| below(&n.to_string(), child)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::template;

    fn spec(text: &str) -> StackSpec {
        crate::spec::parse(&format!("name: dev\ndata: delete\n{text}"), Path::new("dev.yaml")).unwrap()
    }

    /// The template of a small stack after somebody broke it.
    fn broken(breaking: impl FnOnce(&mut Value)) -> Vec<String> {
        let spec = spec("");
        let mut tree = serde_json::to_value(template::build(&spec)).unwrap();
        breaking(&mut tree);
        check_tree(&spec, &tree).iter().map(ToString::to_string).collect()
    }

    fn one(findings: &[String], part: &str) {
        assert!(findings.len() == 1 && findings[0].contains(part), "wanted one with {part:?}: {findings:#?}");
    }

    #[test]
    fn the_template_as_it_is_has_nothing_wrong() {
        assert_eq!(broken(|_| {}), [""; 0]);
    }

    #[test]
    fn every_kind_of_dangling_reference_is_found() {
        for (value, part) in [
            (json!({"Ref": "Nothing"}), "points to Nothing, and the template has no such resource or parameter"),
            (json!({"Fn::GetAtt": ["Nothing", "Arn"]}), "points to Nothing"),
            (json!({"Fn::GetAtt": "Nothing.Arn"}), "points to Nothing"),
            (
                json!({"Fn::GetAtt": ["ArtifactKey", "Arn"]}),
                "points to ArtifactKey, and the template has no such resource;",
            ),
            (json!({"Fn::GetAtt": ["Table", "Name"]}), "asks Table for Name"),
            (json!({"Fn::Sub": "a-${Nothing}-b"}), "points to Nothing"),
            (json!({"Fn::Sub": "a-${Table.Name}"}), "asks Table for Name"),
            (json!({"Fn::Sub": ["${Own}-${Nothing}", {"Own": "x"}]}), "points to Nothing"),
            (json!({"Ref": "AWS::Nothing"}), "points to AWS::Nothing"),
        ] {
            one(&broken(|t| t["Resources"]["Handler"]["Properties"]["Description"] = value.clone()), part);
            one(&broken(|t| t["Outputs"]["TableName"]["Value"] = value.clone()), part);
        }
        one(&broken(|t| t["Resources"]["Bucket"]["DependsOn"] = json!("ArtifactKey")), "points to ArtifactKey");
        let fine = json!({"Fn::Sub": ["${Own}-${!Literal}-${AWS::Region}", {"Own": {"Ref": "ArtifactKey"}}]});
        assert_eq!(broken(|t| t["Resources"]["Handler"]["Properties"]["Description"] = fine), [""; 0]);
    }

    #[test]
    fn the_classic_cycle_of_bucket_and_permission_is_found() {
        let findings = broken(|t| {
            t["Resources"]["HandlerPermission"]["Properties"]["SourceArn"] = json!({"Fn::GetAtt": ["Bucket", "Arn"]});
        });
        one(&findings, "waits for itself: Bucket → HandlerPermission → Bucket");
        let findings = broken(|t| t["Resources"]["Table"]["DependsOn"] = json!(["Table"]));
        one(&findings, "waits for itself: Table → Table");
        let findings = broken(|t| {
            t["Resources"]["HandlerRole"]["Properties"]["Description"] = json!({"Fn::Sub": "for ${Bucket}"});
        });
        one(&findings, "waits for itself: Bucket → Handler → HandlerRole → Bucket");
    }

    #[test]
    fn wildcards_are_found_where_something_is_allowed() {
        let statement = "/Resources/HandlerRole/Properties/Policies/0/PolicyDocument/Statement/0";
        for (key, value, part) in [
            ("Action", json!("*"), "allows *"),
            ("Action", json!(["s3:GetObject", "s3:*"]), "allows s3:*"),
            ("Resource", json!("*"), "on *"),
            ("Resource", json!(["arn:aws:s3:::b/*", "arn:aws:s3:::*"]), "on arn:aws:s3:::*"),
            ("Resource", json!({"Fn::Sub": "arn:${AWS::Partition}:sqs:*:*:*"}), "on arn:${AWS::Partition}:sqs:*:*:*"),
        ] {
            one(&broken(|t| t.pointer_mut(statement).unwrap()[key] = value), part);
        }
    }

    #[test]
    fn capacity_beyond_the_free_tier_is_found() {
        let findings = broken(|t| {
            t["Resources"]["Table"]["Properties"]["ProvisionedThroughput"]["WriteCapacityUnits"] = json!(8);
        });
        one(&findings, "asks for 26 WriteCapacityUnits with its indexes, and 25 are free");
    }

    #[test]
    fn names_that_do_not_fit_are_found_with_account_and_region_in_them() {
        let findings = broken(|t| {
            t["Resources"]["Bucket"]["Properties"]["BucketName"] =
                json!({"Fn::Sub": format!("{}-${{AWS::AccountId}}-${{AWS::Region}}", "x".repeat(36))});
        });
        one(&findings, "has 64 characters, and AWS takes 3 to 63");
    }

    #[test]
    fn what_the_spec_s_numbers_mean_together_is_found() {
        let findings = |text: &str| {
            let spec = spec(text);
            check(&spec, &template::build(&spec))
        };
        assert_eq!(findings(""), []);
        let tags: Vec<String> = (0..50).map(|n| format!("  key-{n}: {}", "v".repeat(200))).collect();
        let types: Vec<String> = (0..100).map(|n| format!("application/vnd.provisioner.test-number-{n}")).collect();
        for (text, severity, part) in [
            ("bucket: {requireTls: false}", Severity::Warning, "without TLS"),
            ("handler: {memory: 128 MiB, childCpu: 30s}", Severity::Warning, "take 415s, and a file is given 45s"),
            ("files: {maxSize: 9 GiB}", Severity::Warning, "to fetch 9 GiB takes about 193s"),
            (&format!("files: {{allowedTypes: [{}]}}", types.join(", ")), Severity::Error, "Lambda takes 4096"),
            (&format!("tags:\n{}", tags.join("\n")), Severity::Error, "CloudFormation takes at most 51200"),
        ] {
            let findings = findings(text);
            assert_eq!(findings.len(), 1, "{findings:#?}");
            assert_eq!(findings[0].severity, severity);
            assert!(findings[0].to_string().contains(part), "{}", findings[0]);
            assert_eq!(refuse(&findings).is_err(), severity == Severity::Error);
        }
        assert_eq!(findings("bucket: {requireTls: false}\nemulator: {port: 4566}"), []);
    }
}
