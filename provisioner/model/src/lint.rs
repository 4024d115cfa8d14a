//! Finds what AWS would reject, or what would fail or cost money later, before any call.
//!
//! [`check`] is a pure function of spec and template. It checks the template as CloudFormation receives it, a tree of
//! JSON, so that it also judges what the types that made it cannot rule out. `docs/lint.md` lists what it finds.

mod code;
mod finding;
mod free_tier;
mod references;
mod tree;

use serde_json::Value;

pub use code::{Code, Severity};
pub use finding::Finding;
use tree::{members, one_or_more, walk};

use crate::error::{Error, Exit, Result};
use crate::spec::{StackSpec, child_limits};
use crate::template::Template;
use crate::units::Size;

/// The most bytes that CloudFormation takes as a template's text (CloudFormation quotas).
const MAX_TEMPLATE: usize = 51_200;
/// The most bytes of a function's environment variables together (Lambda quotas).
const MAX_ENVIRONMENT: usize = 4_096;
/// With this memory a function has one whole processor (Lambda developer guide, "Configure memory"). MiB.
const WHOLE_PROCESSOR: u64 = 1_769;
/// The longest time-out that Lambda gives (Lambda quotas). Seconds.
const MAX_TIMEOUT: u64 = 900;
/// Bytes a second that a function can count on from S3; a rough figure, as AWS promises none.
const FETCH_RATE: u64 = 50_000_000;
/// Bytes that pass through parent and child in a second of one whole processor (`docs/benchmarks-handler.md`).
const PROCESSOR_RATE: u64 = 500_000_000;
/// The longest region name, used if no region is set.
const LONGEST_REGION: &str = "ap-southeast-1";
/// A placeholder for an account id.
const SOME_ACCOUNT: &str = "123456789012";

/// Names that AWS limits: type, property, least and most characters (the services' API references).
const NAMES: [(&str, &str, usize, usize); 5] = [
    ("AWS::S3::Bucket", "BucketName", 3, 63),
    ("AWS::DynamoDB::Table", "TableName", 3, 255),
    ("AWS::Lambda::Function", "FunctionName", 1, 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 1, 512),
    ("AWS::SQS::Queue", "QueueName", 1, 80),
];

/// Numbers that AWS limits: type, property, least and most (the services' API references).
const NUMBERS: [(&str, &str, u64, u64); 7] = [
    ("AWS::Lambda::Function", "MemorySize", 128, 10_240),
    ("AWS::Lambda::Function", "Timeout", 1, MAX_TIMEOUT),
    ("AWS::Lambda::Function", "EphemeralStorage.Size", 512, 10_240),
    ("AWS::Lambda::EventInvokeConfig", "MaximumRetryAttempts", 0, 2),
    ("AWS::Lambda::EventInvokeConfig", "MaximumEventAgeInSeconds", 60, 21_600),
    ("AWS::SQS::Queue", "MessageRetentionPeriod", 60, 1_209_600),
    ("AWS::SQS::Queue", "VisibilityTimeout", 0, 43_200),
];

/// All that is wrong with a stack, errors first.
pub fn check(spec: &StackSpec, template: &Template) -> Vec<Finding> {
    let tree = serde_json::to_value(template).unwrap_or_default();
    let mut findings = check_tree(spec, &tree);
    let bytes = template.to_json().len();
    if bytes > MAX_TEMPLATE {
        let problem = format!("has {bytes} bytes, and CloudFormation takes at most {MAX_TEMPLATE}");
        findings.push(Finding::new(Code::TemplateSize, "template", problem));
    }
    check_spec(spec, &mut findings);
    findings.sort_by_key(|finding| finding.severity() == Severity::Warning);
    findings
}

/// Refuses a stack that has errors, naming all of them.
pub fn refuse(findings: &[Finding]) -> Result<()> {
    let errors: Vec<String> =
        findings.iter().filter(|f| f.severity() == Severity::Error).map(ToString::to_string).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::new(Exit::Invalid, "lint", format!("AWS would reject this stack:\n{}", errors.join("\n"))))
}

/// What is wrong with a template, whoever made it.
fn check_tree(spec: &StackSpec, tree: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    references::check(tree, &mut findings);
    walk(tree, &mut String::new(), &mut |place, value| wildcards(place, value, &mut findings));
    for (id, resource) in members(&tree["Resources"]) {
        let place = format!("Resources.{id}.Properties");
        let properties = &resource["Properties"];
        if resource["Type"] == "AWS::Lambda::Function" {
            environment(&place, properties, &mut findings);
        }
        for (_, property, least, most) in NAMES.iter().filter(|(kind, ..)| resource["Type"] == *kind) {
            name(spec, &format!("{place}.{property}"), &properties[property], (*least, *most), &mut findings);
        }
        for (_, property, least, most) in NUMBERS.iter().filter(|(kind, ..)| resource["Type"] == *kind) {
            let number = property.split('.').fold(properties, |value, step| &value[step]);
            if number.is_number() && !number.as_u64().is_some_and(|n| (*least..=*most).contains(&n)) {
                let problem = format!("is {number}, and AWS takes {least} to {most}");
                findings.push(Finding::new(Code::OutOfRange, format!("{place}.{property}"), problem));
            }
        }
    }
    free_tier::check(spec, tree, &mut findings);
    findings
}

/// What the numbers of a stack file, each valid by itself, mean together.
fn check_spec(spec: &StackSpec, findings: &mut Vec<Finding>) {
    if !spec.bucket.require_tls && spec.emulator.is_none() {
        let problem = "AWS would accept requests without TLS, whose content can be read on the network";
        findings.push(Finding::new(Code::NoTls, "bucket.requireTls", problem));
    }
    for (key, text) in [("prefix", &spec.bucket.prefix), ("suffix", &spec.bucket.suffix)] {
        let Some(text) = text else { continue };
        let place = format!("bucket.{key}");
        if text.contains(['*', '?']) {
            let problem = format!("{text:?} matches only keys that contain these very characters");
            findings.push(Finding::new(Code::LiteralWildcard, &*place, problem));
        }
        if key == "prefix" && text.starts_with('/') {
            findings.push(Finding::new(Code::LeadingSlash, place, format!("{text:?} starts with a slash")));
        }
    }
    findings.extend(cpu_beyond_time(spec));
    findings.extend(size_beyond_time(spec));
}

/// The function's share of a vCPU, in 1,769ths.
fn processor(spec: &StackSpec) -> u64 {
    (spec.handler.memory.0 >> 20).clamp(1, WHOLE_PROCESSOR)
}

/// The function timeout that gives one file this number of seconds, if Lambda allows it.
fn timeout_for(seconds: u64) -> Option<String> {
    let timeout = seconds.saturating_mul(4).div_ceil(3);
    (timeout <= MAX_TIMEOUT).then(|| format!("`timeout` {timeout}s"))
}

fn cpu_beyond_time(spec: &StackSpec) -> Option<Finding> {
    let wall = u64::from(child_limits(spec).wall_seconds);
    let (cpu, share) = (spec.handler.child_cpu.0, processor(spec));
    let needed = cpu.saturating_mul(WHOLE_PROCESSOR).div_ceil(share);
    if needed <= wall {
        return None;
    }
    let problem = format!(
        "with {} a function has {} % of a processor, so {} of processor time take {needed}s, and a file is given {wall}s",
        spec.handler.memory,
        share * 100 / WHOLE_PROCESSOR,
        spec.handler.child_cpu,
    );
    let memory = cpu.saturating_mul(WHOLE_PROCESSOR).div_ceil(wall.max(1));
    let ways = [Some(format!("`memory` {memory} MiB")), timeout_for(needed), {
        let most = wall * share / WHOLE_PROCESSOR;
        (most > 0).then(|| format!("`childCpu` {most}s"))
    }];
    Some(Finding::new(Code::CpuBeyondTime, "handler.childCpu", problem).with_fix(one_of(ways)))
}

fn size_beyond_time(spec: &StackSpec) -> Option<Finding> {
    let wall = u64::from(child_limits(spec).wall_seconds);
    let size = spec.files.max_size;
    let read = (PROCESSOR_RATE * processor(spec) / WHOLE_PROCESSOR).max(1);
    let rate = read.min(FETCH_RATE);
    let needed = size.0.div_ceil(rate);
    if needed <= wall {
        return None;
    }
    let problem = if read < FETCH_RATE {
        format!(
            "with the {} % of a processor that {} give, to read {size} takes about {needed}s, and a file is given {wall}s",
            processor(spec) * 100 / WHOLE_PROCESSOR,
            spec.handler.memory,
        )
    } else {
        format!("to fetch {size} takes about {needed}s, and a file is given {wall}s")
    };
    let memory = (FETCH_RATE * WHOLE_PROCESSOR).div_ceil(PROCESSOR_RATE);
    let ways = [
        (read < FETCH_RATE && size.0.div_ceil(FETCH_RATE) <= wall).then(|| format!("`memory` {memory} MiB")),
        timeout_for(needed),
        Some(format!("`maxSize` {}", Size((wall * rate) >> 20 << 20))),
    ];
    Some(Finding::new(Code::SizeBeyondTime, "files.maxSize", problem).with_fix(one_of(ways)))
}

fn one_of<const N: usize>(ways: [Option<String>; N]) -> String {
    format!("write {}", ways.into_iter().flatten().collect::<Vec<_>>().join(" or "))
}

/// A statement that allows every action of a service, or an action on everything.
fn wildcards(place: &str, node: &Value, findings: &mut Vec<Finding>) {
    if node["Effect"] != "Allow" {
        return;
    }
    for action in one_or_more(&node["Action"]).filter_map(Value::as_str).filter(|action| action.contains('*')) {
        let problem = format!("allows {action}, a pattern that can match more than intended");
        findings.push(Finding::new(Code::WildcardAction, place, problem));
    }
    for resource in one_or_more(&node["Resource"]) {
        let text = resource.as_str().or_else(|| resource["Fn::Sub"].as_str()).unwrap_or_default();
        // The last part of an ARN names the resource; alone, `*` there means all of the service's. The colons of pseudo
        // parameters part nothing.
        if text == "*" || text.replace("AWS::", "").splitn(6, ':').nth(5) == Some("*") {
            findings.push(Finding::new(Code::WildcardResource, place, format!("allows its actions on {text}")));
        }
    }
}

fn environment(place: &str, function: &Value, findings: &mut Vec<Finding>) {
    let variables = members(&function["Environment"]["Variables"]);
    let bytes: usize = variables.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MAX_ENVIRONMENT {
        let problem = format!("holds {bytes} bytes of variables, and Lambda takes {MAX_ENVIRONMENT}");
        findings.push(Finding::new(Code::EnvironmentSize, format!("{place}.Environment"), problem));
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
        let problem = format!("{full} has {} characters, and AWS takes {least} to {most}", full.len());
        findings.push(Finding::new(Code::NameLength, place, problem));
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

    /// The findings for a small template after a modification.
    fn broken(breaking: impl FnOnce(&mut Value)) -> Vec<String> {
        let spec = spec("");
        let mut tree = serde_json::to_value(template::build(&spec)).unwrap();
        breaking(&mut tree);
        check_tree(&spec, &tree).iter().map(ToString::to_string).collect()
    }

    /// Writes a value at `Resources.Table.Properties`, and so on.
    fn write(tree: &mut Value, path: &str, value: Value) {
        let place = path.split('.').fold(tree, |node, step| match step.parse::<usize>() {
            Ok(n) => &mut node[n],
            Err(_) => &mut node[step],
        });
        *place = value;
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

    /// Ways in which a template can be wrong: the path, the value, and the expected finding.
    fn broken_templates() -> Vec<(&'static str, Value, Code, &'static str)> {
        use Code::{
            Cycle, DanglingReference, FreeTierAlarms, FreeTierBackups, FreeTierKeys, FreeTierLogs, FreeTierStorage,
            FreeTierUnits, NameLength, OutOfRange, UnknownAttribute, WildcardAction, WildcardResource,
        };
        const ACTION: &str = "Resources.HandlerRole.Properties.Policies.0.PolicyDocument.Statement.0.Action";
        const RESOURCE: &str = "Resources.HandlerRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource";
        const DESCRIPTION: &str = "Resources.Handler.Properties.Description";
        let alarms: serde_json::Map<String, Value> =
            (0..11).map(|n| (format!("Alarm{n}"), json!({"Type": "AWS::CloudWatch::Alarm"}))).collect();
        vec![
            (DESCRIPTION, json!({"Ref": "Nothing"}), DanglingReference, "points to Nothing"),
            (
                DESCRIPTION,
                json!({"Fn::GetAtt": ["Table", "Name"]}),
                UnknownAttribute,
                "ask for one of its attributes (Arn",
            ),
            ("Resources.Table.DependsOn", json!("Table"), Cycle, "waits for itself"),
            (ACTION, json!("s3:*"), WildcardAction, "allows s3:*"),
            (RESOURCE, json!("*"), WildcardResource, "on *"),
            ("Resources.FailedEvents.Properties.QueueName", json!("q".repeat(81)), NameLength, "has 81 characters"),
            ("Resources.Handler.Properties.MemorySize", json!(127), OutOfRange, "is 127, and AWS takes 128 to 10240"),
            ("Resources.Handler.Properties.MemorySize", json!(10_241), OutOfRange, "is 10241"),
            ("Resources.Handler.Properties.MemorySize", json!(-1), OutOfRange, "is -1"),
            ("Resources.Handler.Properties.Timeout", json!(0), OutOfRange, "is 0, and AWS takes 1 to 900"),
            ("Resources.Handler.Properties.Timeout", json!(901), OutOfRange, "is 901"),
            ("Resources.Handler.Properties.EphemeralStorage.Size", json!(511), OutOfRange, "takes 512 to 10240"),
            ("Resources.HandlerRetries.Properties.MaximumRetryAttempts", json!(3), OutOfRange, "takes 0 to 2"),
            (
                "Resources.HandlerRetries.Properties.MaximumEventAgeInSeconds",
                json!(59),
                OutOfRange,
                "takes 60 to 21600",
            ),
            ("Resources.FailedEvents.Properties.MessageRetentionPeriod", json!(1_209_601), OutOfRange, "60 to 1209600"),
            ("Resources.FailedEvents.Properties.VisibilityTimeout", json!(43_201), OutOfRange, "takes 0 to 43200"),
            (
                "Resources.Table.Properties.ProvisionedThroughput.WriteCapacityUnits",
                json!(8),
                FreeTierUnits,
                "26 WriteCapacityUnits in all tables and indexes, and 25 are free",
            ),
            (
                "Resources.Table.Properties.GlobalSecondaryIndexes.2.ProvisionedThroughput.ReadCapacityUnits",
                json!(9),
                FreeTierUnits,
                "26 ReadCapacityUnits",
            ),
            (
                "Resources.Second",
                json!({"Type": "AWS::DynamoDB::Table", "Properties": {"ProvisionedThroughput": {"ReadCapacityUnits": 5}}}),
                FreeTierUnits,
                "30 ReadCapacityUnits",
            ),
            (
                "Resources.Table.Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled",
                json!(true),
                FreeTierBackups,
                "continuous backups",
            ),
            ("Resources", alarms.into(), FreeTierAlarms, "has 11 alarms, and 10 are free"),
            ("Resources.HandlerLogs.Properties.RetentionInDays", json!(null), FreeTierLogs, "no retention period"),
            ("Resources.Handler.Properties.EphemeralStorage.Size", json!(513), FreeTierStorage, "has 513 MiB"),
            (
                "Resources.Table.Properties.SSESpecification.KMSMasterKeyId",
                json!("k"),
                FreeTierKeys,
                "KMSMasterKeyId: ",
            ),
            ("Resources.FailedEvents.Properties.KmsMasterKeyId", json!("k"), FreeTierKeys, "KmsMasterKeyId: "),
        ]
    }

    /// Stack files that are valid and yet wrong, and what is found.
    fn doubtful_specs() -> Vec<(String, Code, &'static str)> {
        use Code::{
            CpuBeyondTime, EnvironmentSize, FreeTierBackups, FreeTierMetrics, FreeTierStorage, LeadingSlash,
            LiteralWildcard, NoTls, SizeBeyondTime, TemplateSize,
        };
        let tags: Vec<String> = (0..50).map(|n| format!("  key-{n}: {}", "v".repeat(200))).collect();
        let types: Vec<String> = (0..100).map(|n| format!("application/vnd.provisioner.test-number-{n}")).collect();
        let slow = "table: {billing: on-demand}\nhandler: {memory: 128 MiB, childCpu: 3s}\nfiles: ";
        [
            ("bucket: {requireTls: false}", NoTls, "without TLS"),
            ("bucket: {suffix: '*.pdf'}", LiteralWildcard, "bucket.suffix: \"*.pdf\" matches only keys that contain"),
            ("bucket: {prefix: 'in/?/'}", LiteralWildcard, "bucket.prefix: \"in/?/\" matches only"),
            ("bucket: {prefix: /in/, suffix: /a}", LeadingSlash, "\"/in/\" starts with a slash"),
            (
                "handler: {memory: 128 MiB, childCpu: 30s}",
                CpuBeyondTime,
                "take 415s, and a file is given 45s; write `memory` 1180 MiB or `timeout` 554s or `childCpu` 3s",
            ),
            // No time-out is long enough.
            (
                "handler: {memory: 128 MiB, timeout: 900s, childCpu: 60s}",
                CpuBeyondTime,
                "take 830s, and a file is given 675s; write `memory` 158 MiB or `childCpu` 48s",
            ),
            (
                "table: {billing: on-demand}\nfiles: {maxSize: 9 GiB}",
                SizeBeyondTime,
                "to fetch 9 GiB takes about 194s, and a file is given 45s; write `timeout` 259s or `maxSize` 2145 MiB",
            ),
            // What S3 gives in time, the processor does not read in time.
            (
                &format!("{slow}{{maxSize: 2 GiB}}"),
                SizeBeyondTime,
                "with the 7 % of a processor that 128 MiB give, to read 2 GiB takes about 60s, and a file is given 45s; \
                 write `memory` 177 MiB or `timeout` 80s or `maxSize` 1552 MiB",
            ),
            (&format!("{slow}{{maxSize: 9 GiB}}"), SizeBeyondTime, "about 268s, and a file is given 45s; write `timeout`"),
            ("handler: {detailedMetrics: true}", FreeTierMetrics, "a custom metric"),
            ("table: {pointInTimeRecovery: true}", FreeTierBackups, "cost by size"),
            ("files: {maxSize: 385 MiB}", FreeTierStorage, "has 513 MiB of temporary storage, and 512 MiB are free"),
            (&format!("files: {{allowedTypes: [{}]}}", types.join(", ")), EnvironmentSize, "Lambda takes 4096"),
            (&format!("tags:\n{}", tags.join("\n")), TemplateSize, "CloudFormation takes at most 51200"),
        ]
        .map(|(text, code, part)| (text.to_owned(), code, part))
        .into()
    }

    fn findings(spec: &StackSpec) -> Vec<Finding> {
        check(spec, &template::build(spec))
    }

    #[track_caller]
    fn is_only(findings: &[Finding], code: Code, part: &str) {
        assert!(
            matches!(findings, [one] if one.code == code && one.to_string().contains(part)),
            "wanted only {code} with {part:?}: {findings:#?}"
        );
    }

    #[test]
    fn every_way_in_which_a_template_can_be_wrong_is_found_alone() {
        let spec = spec("");
        for (path, value, code, part) in broken_templates() {
            let mut tree = serde_json::to_value(template::build(&spec)).unwrap();
            if path == "Resources" {
                tree["Outputs"] = Value::Null;
            }
            write(&mut tree, path, value);
            is_only(&check_tree(&spec, &tree), code, part);
        }
    }

    #[test]
    fn what_the_spec_s_numbers_mean_together_is_found() {
        assert_eq!(findings(&spec("")), []);
        for (text, code, part) in doubtful_specs() {
            let findings = findings(&spec(&text));
            is_only(&findings, code, part);
            assert_eq!(refuse(&findings).is_err(), code.severity() == Severity::Error);
        }
    }

    #[test]
    fn every_code_is_found_by_a_test() {
        let found: std::collections::BTreeSet<Code> = broken_templates()
            .into_iter()
            .map(|(_, _, code, _)| code)
            .chain(doubtful_specs().into_iter().map(|(_, code, _)| code))
            .collect();
        assert!(found.iter().eq(Code::ALL), "{found:?}");
    }

    #[test]
    fn applying_a_suggested_fix_removes_the_finding() {
        let mut tried = 0;
        for (text, code, _) in doubtful_specs() {
            for fix in findings(&spec(&text)).iter().filter_map(|finding| finding.fix.strip_prefix("write ")) {
                for way in fix.split(" or ") {
                    let (key, value) = way.strip_prefix('`').unwrap().split_once("` ").unwrap();
                    let mut fixed = spec(&text);
                    match key {
                        "memory" => fixed.handler.memory = value.parse().unwrap(),
                        "timeout" => fixed.handler.timeout = value.parse().unwrap(),
                        "childCpu" => fixed.handler.child_cpu = value.parse().unwrap(),
                        "maxSize" => fixed.files.max_size = value.parse().unwrap(),
                        _ => panic!("{way}"),
                    }
                    assert!(findings(&fixed).iter().all(|finding| finding.code != code), "{way} does not fix {text}");
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 12);
    }

    #[test]
    fn costs_are_reported_only_for_a_free_tier_stack_on_aws() {
        let costly = "files: {maxSize: 1 GiB}\nhandler: {detailedMetrics: true}\ntable: {pointInTimeRecovery: true";
        let found = |more: &str| findings(&spec(&format!("{costly}{more}")));
        assert_eq!(found("}").len(), 3);
        assert_eq!(found(", billing: on-demand}"), []);
        assert_eq!(found("}\nemulator: {port: 4566}"), []);
        assert_eq!(findings(&spec("bucket: {requireTls: false}\nemulator: {port: 4566}")), []);
    }

    #[test]
    fn names_that_do_not_fit_are_found_with_account_and_region_in_them() {
        let findings = broken(|t| {
            t["Resources"]["Bucket"]["Properties"]["BucketName"] =
                json!({"Fn::Sub": format!("{}-${{AWS::AccountId}}-${{AWS::Region}}", "x".repeat(36))});
        });
        one(&findings, "has 64 characters, and AWS takes 3 to 63");
    }
}
