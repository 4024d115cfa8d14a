//! Permissions before and after a change: compares the policy statements of two templates by their meaning. Pure.
//!
//! A statement is split into single grants: one principal, one action, one resource, one condition. The order, the
//! grouping and the `Sid` of statements make no difference, and a wildcard covers what it matches.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use provisioner_model::placeholders::{Piece, pieces};
use serde::Serialize;
use serde_json::{Value, json};

/// How a permission of a principal changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It was not allowed and now is.
    Gains,
    /// It was allowed and now is not.
    Loses,
    /// An explicit deny was removed.
    NoLongerRefused,
    /// An explicit deny was added.
    NowRefused,
}

/// A change of permissions, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionChange {
    /// The principal: `role HandlerRole`, `everybody`, `service s3.amazonaws.com`.
    pub who: String,
    /// How it changes.
    pub verb: Verb,
    /// The actions.
    pub actions: Vec<String>,
    /// The resource.
    pub resource: String,
    /// The condition; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether the principal gains permissions.
    pub broadens: bool,
    /// The change as a sentence, without a full stop.
    pub sentence: String,
}

/// One permission: a single principal, action, resource and condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    allow: bool,
    who: String,
    resource: String,
    condition: String,
    action: String,
}

impl Grant {
    /// Whether this grant includes the other one.
    fn covers(&self, other: &Self) -> bool {
        self.allow == other.allow
            // `Principal: *` matches every IAM identity and anonymous callers, but no service principal.
            && (self.who == other.who || (self.who == EVERYBODY && !other.who.starts_with("service ")))
            && covers(&self.action.to_ascii_lowercase(), &other.action.to_ascii_lowercase())
            && covers(&self.resource, &other.resource)
            && (self.condition.is_empty() || self.condition == other.condition)
    }
}

const EVERYBODY: &str = "everybody";
/// The prefix of an action or resource that is described by its exceptions (`NotAction`, `NotResource`).
const NEGATED: &str = "everything but ";
/// The subject of the four settings of S3 Block Public Access.
const PUBLIC_ACCESS: &str = "public access";

/// The changes of permissions between two templates whose known references are resolved.
pub fn compare(before: &Value, after: &Value) -> Vec<PermissionChange> {
    let (before, after) = (grants(before), grants(after));
    let covered = |by: &BTreeSet<Grant>, grant: &Grant| by.iter().any(|other| other.covers(grant));
    // Principal, verb, resource, condition, whether it broadens → actions.
    let mut shifts: BTreeMap<(String, Verb, String, String, bool), Vec<String>> = BTreeMap::new();
    let mut note = |grant: &Grant, verb, action: String| {
        let broadens = matches!(verb, Verb::Gains | Verb::NoLongerRefused);
        let key = (grant.who.clone(), verb, grant.resource.clone(), grant.condition.clone(), broadens);
        shifts.entry(key).or_default().push(action);
    };
    for grant in after.iter().filter(|grant| !covered(&before, grant)) {
        note(grant, if grant.allow { Verb::Gains } else { Verb::NowRefused }, grant.action.clone());
    }
    for grant in before.iter().filter(|grant| !covered(&after, grant)) {
        let kept: Vec<String> = after
            .iter()
            .filter(|other| grant.covers(other) && other.resource == grant.resource)
            .map(|other| {
                let differs = [
                    (other.action != grant.action).then(|| other.action.clone()),
                    (other.who != grant.who).then(|| format!("for {}", other.who)),
                    (other.condition != grant.condition).then(|| format!("when {}", other.condition)),
                ];
                differs.into_iter().flatten().collect::<Vec<_>>().join(" ")
            })
            .collect();
        let action = match kept.as_slice() {
            [] => grant.action.clone(),
            kept => format!("{} (but not {})", grant.action, kept.join(", ")),
        };
        note(grant, if grant.allow { Verb::Loses } else { Verb::NoLongerRefused }, action);
    }
    shifts
        .into_iter()
        .map(|((who, verb, resource, condition, broadens), actions)| {
            let sentence = sentence(&who, verb, &actions, &resource, &condition);
            let condition = (!condition.is_empty()).then_some(condition);
            PermissionChange { who, verb, actions, resource, condition, broadens, sentence }
        })
        .collect()
}

/// Whether two policy documents allow and deny the same.
pub fn same_document(one: &Value, other: &Value) -> bool {
    let grants = |policy: &Value| {
        let mut found = BTreeSet::new();
        document(None, None, policy, &mut found);
        found
    };
    grants(one) == grants(other)
}

fn sentence(who: &str, verb: Verb, actions: &[String], resource: &str, condition: &str) -> String {
    let verb = match verb {
        Verb::Gains => "gains",
        Verb::Loses => "loses",
        Verb::NoLongerRefused => "is no longer refused",
        Verb::NowRefused => "is refused from now on",
    };
    let switches: Option<Vec<&str>> = actions
        .iter()
        .map(|action| action.strip_prefix(PUBLIC_ACCESS)?.strip_prefix(" (")?.strip_suffix(')'))
        .collect();
    let actions = match switches {
        Some(switches) => format!("{PUBLIC_ACCESS} ({})", enumeration(&switches)),
        None => enumeration(&actions.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let mut text = format!("{who} {verb} {actions}");
    if !resource.is_empty() {
        let _ = write!(text, " on {}", readable(resource));
    }
    if !condition.is_empty() {
        let _ = write!(text, " when {}", readable(condition));
    }
    text
}

/// Joins words: `one, two and three`.
fn enumeration(words: &[&str]) -> String {
    match words {
        [many @ .., last] if !many.is_empty() => format!("{} and {last}", many.join(", ")),
        words => words.concat(),
    }
}

/// Replaces references by logical ids, because a resource that does not exist yet has no other name: `${Table.Arn}`
/// becomes `Table`. IAM policy variables such as `${aws:username}` stay.
fn readable(text: &str) -> String {
    let mut readable = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Name(variable) if variable.contains(':') => readable.push_str(&format!("${{{variable}}}")),
            Piece::Name(reference) => readable.push_str(reference.strip_suffix(".Arn").unwrap_or(reference)),
            Piece::Text(text) | Piece::Unclosed(text) => readable.push_str(text),
        }
    }
    readable
}

/// All permissions that a template allows or denies.
fn grants(template: &Value) -> BTreeSet<Grant> {
    let mut found = BTreeSet::new();
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::IAM::Role" => role(id, properties, &mut found),
            "AWS::S3::BucketPolicy" | "AWS::SQS::QueuePolicy" => {
                document(None, None, &properties["PolicyDocument"], &mut found);
            }
            "AWS::Lambda::Permission" => invocation(properties, &mut found),
            "AWS::S3::Bucket" => public_access(id, properties, &mut found),
            _ => {}
        }
    }
    found
}

fn role(id: &str, properties: &Value, found: &mut BTreeSet<Grant>) {
    let who = format!("role {id}");
    document(None, Some(&who), &properties["AssumeRolePolicyDocument"], found);
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        document(Some(&who), None, &policy["PolicyDocument"], found);
    }
    let whole = |allow, action: String| Grant {
        allow,
        who: who.clone(),
        resource: String::new(),
        condition: String::new(),
        action,
    };
    for arn in texts(&properties["ManagedPolicyArns"]) {
        found.insert(whole(true, format!("the managed policy {arn}")));
    }
    if let Some(boundary) = properties["PermissionsBoundary"].as_str() {
        found.insert(whole(false, format!("what the boundary {boundary} leaves out")));
    }
}

/// The grants of a policy document. `who` is the principal of an identity-based policy, `on` is the role of a trust
/// policy.
fn document(who: Option<&str>, on: Option<&str>, document: &Value, found: &mut BTreeSet<Grant>) {
    let statements: Vec<&Value> = match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    for statement in statements {
        let allow = statement["Effect"] == "Allow";
        let principals = match who {
            Some(who) => vec![who.to_owned()],
            None => principals(statement),
        };
        let actions = positive_or_not(statement, "Action");
        let resources = match on {
            Some(on) => vec![on.to_owned()],
            None => positive_or_not(statement, "Resource"),
        };
        let condition = condition(&statement["Condition"]);
        for who in &principals {
            for action in &actions {
                for resource in &resources {
                    found.insert(Grant {
                        allow,
                        who: who.clone(),
                        resource: resource.clone(),
                        condition: condition.clone(),
                        action: action.clone(),
                    });
                }
            }
        }
    }
}

/// The values of `Action` or `Resource`; for `NotAction` and `NotResource`, a description of the exceptions.
fn positive_or_not(statement: &Value, key: &str) -> Vec<String> {
    let values: Vec<String> = texts(&statement[key]).map(ToOwned::to_owned).collect();
    if !values.is_empty() {
        return values;
    }
    let mut others: Vec<&str> = texts(&statement[format!("Not{key}")]).collect();
    others.sort_unstable();
    vec![format!("{NEGATED}{}", others.join(", "))]
}

fn principals(statement: &Value) -> Vec<String> {
    let named = |principal: &Value| -> Vec<String> {
        match principal {
            Value::Object(kinds) => kinds
                .iter()
                .flat_map(|(kind, names)| {
                    texts(names).map(move |name| match (kind.as_str(), name) {
                        ("AWS", "*") => EVERYBODY.to_owned(),
                        ("AWS", name) => name.to_owned(),
                        (kind, name) => format!("{} {name}", kind.to_ascii_lowercase()),
                    })
                })
                .collect(),
            Value::String(text) if text == "*" => vec![EVERYBODY.to_owned()],
            Value::String(text) => vec![text.clone()],
            _ => Vec::new(),
        }
    };
    let principals = named(&statement["Principal"]);
    if !principals.is_empty() {
        return principals;
    }
    vec![format!("everybody but {}", named(&statement["NotPrincipal"]).join(", "))]
}

/// Lambda keeps a permission as a statement of the function's policy (Lambda API, `AddPermission`).
fn invocation(properties: &Value, found: &mut BTreeSet<Grant>) {
    let principal = properties["Principal"].as_str().unwrap_or_default();
    let principal = match principal {
        "*" => json!("*"),
        service if service.contains(".amazonaws.com") => json!({"Service": service}),
        other => json!({"AWS": other}),
    };
    let mut conditions = serde_json::Map::new();
    for (property, operator, key) in [
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ] {
        if let Some(value) = properties[property].as_str() {
            conditions.entry(operator).or_insert_with(|| json!({}))[key] = json!(value);
        }
    }
    let statement = json!({
        "Effect": "Allow",
        "Principal": principal,
        "Action": properties["Action"],
        "Resource": properties["FunctionName"],
        "Condition": conditions,
    });
    document(None, None, &json!({ "Statement": statement }), found);
}

fn public_access(id: &str, properties: &Value, found: &mut BTreeSet<Grant>) {
    for (switch, is_on) in properties["PublicAccessBlockConfiguration"].as_object().into_iter().flatten() {
        if is_on == true {
            found.insert(Grant {
                allow: false,
                who: EVERYBODY.to_owned(),
                resource: format!("${{{id}}}"),
                condition: String::new(),
                action: format!("{PUBLIC_ACCESS} ({switch})"),
            });
        }
    }
}

/// A condition as text; equal conditions give equal text.
fn condition(condition: &Value) -> String {
    let mut parts = Vec::new();
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let mut values: Vec<String> = match values {
                Value::Array(values) => values.iter().map(plain).collect(),
                one => vec![plain(one)],
            };
            values.sort();
            let is = match operator.as_str() {
                "Bool" | "StringEquals" => "is",
                // Both ARN operators support wildcards (IAM user guide, "Condition operators").
                "StringLike" | "ArnLike" | "ArnEquals" => "is like",
                "StringNotEquals" => "is not",
                other => other,
            };
            parts.push(format!("{key} {is} {}", values.join(" or ")));
        }
    }
    parts.sort();
    parts.join(" and ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter().filter_map(Value::as_str)
}

/// Whether an action or resource includes another one. The description of a negation is not a pattern: each exception
/// makes it narrower.
fn covers(one: &str, other: &str) -> bool {
    if one.starts_with(NEGATED) {
        return one == other;
    }
    if other.starts_with(NEGATED) {
        return one == "*";
    }
    matches(one, other)
}

/// Whether an IAM pattern (`*` matches any characters, `?` matches one) matches a text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star, mut mark) = (0, 0, None, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some(p);
                mark = t;
                p += 1;
            }
            // The text can be a pattern itself: `?` does not cover its `*`.
            Some(&c) if c == text[t] || (c == '?' && text[t] != '*') => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some(at) = star else { return false };
                p = at + 1;
                mark += 1;
                t = mark;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(statements: &Value) -> Value {
        json!({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": statements}}],
        }}}})
    }

    fn sentences(before: &Value, after: &Value) -> Vec<(bool, String)> {
        compare(before, after).into_iter().map(|s| (s.broadens, s.sentence)).collect()
    }

    fn allow(action: &Value, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    #[test]
    fn only_the_meaning_of_a_statement_counts() {
        let one = role(&json!([{"Sid": "A", "Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": "x"}]));
        let two = role(&json!([allow(&json!("s3:Put"), "x"), allow(&json!(["s3:get"]), "x")]));
        assert_eq!(sentences(&one, &two), []);
        let more = role(&json!([allow(&json!(["s3:Put", "s3:Get", "s3:List", "s3:Tag"]), "x")]));
        assert_eq!(sentences(&one, &more), [(true, "role R gains s3:List and s3:Tag on x".to_owned())]);
        assert_eq!(sentences(&more, &one), [(false, "role R loses s3:List and s3:Tag on x".to_owned())]);
        let elsewhere = role(&json!([allow(&json!(["s3:Get", "s3:Put"]), "y")]));
        assert_eq!(
            sentences(&one, &elsewhere),
            [
                (true, "role R gains s3:Get and s3:Put on y".to_owned()),
                (false, "role R loses s3:Get and s3:Put on x".to_owned()),
            ]
        );
    }

    #[test]
    fn a_wildcard_covers_what_it_matches() {
        let all = role(&json!([allow(&json!("s3:*"), "arn:b/*")]));
        let one = role(&json!([allow(&json!("s3:Get"), "arn:b/*")]));
        assert_eq!(sentences(&all, &one), [(false, "role R loses s3:* (but not s3:Get) on arn:b/*".to_owned())]);
        assert_eq!(sentences(&one, &all), [(true, "role R gains s3:* on arn:b/*".to_owned())]);
        let narrower = role(&json!([allow(&json!("s3:Get"), "arn:b/x/*")]));
        assert_eq!(sentences(&one, &narrower), [(false, "role R loses s3:Get on arn:b/*".to_owned())]);
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abd", false),
            ("a?c", "abc", true),
            ("a?", "a*", false),
            ("a", "a*", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn removing_a_condition_broadens_and_adding_one_narrows() {
        let unconditional = role(&json!([allow(&json!("iam:PassRole"), "r")]));
        let mut bound = allow(&json!("iam:PassRole"), "r");
        bound["Condition"] = json!({"StringEquals": {"iam:PassedToService": ["b", "a"]}});
        let bound = role(&json!([bound]));
        assert_eq!(sentences(&bound, &unconditional), [(true, "role R gains iam:PassRole on r".to_owned())]);
        // The remaining permission is shown; otherwise the sentence would report a complete loss.
        let rest = "role R loses iam:PassRole (but not when iam:PassedToService is a or b) on r";
        assert_eq!(sentences(&unconditional, &bound), [(false, rest.to_owned())]);
    }

    #[test]
    fn an_arn_condition_with_wildcards_is_broader_than_an_exact_one() {
        let when = |operator: &str| {
            let mut statement = allow(&json!("s3:Get"), "x");
            statement["Condition"] = json!({operator: {"aws:SourceArn": "arn:aws:s3:::*"}});
            role(&json!([statement]))
        };
        let shifts = sentences(&when("StringEquals"), &when("ArnEquals"));
        assert_eq!(shifts[0], (true, "role R gains s3:Get on x when aws:SourceArn is like arn:aws:s3:::*".to_owned()));
    }

    #[test]
    fn a_permission_that_one_principal_keeps_names_the_principal() {
        let to = |principal: Value| {
            json!({"Resources": {"P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {
                "Statement": {"Effect": "Allow", "Principal": principal, "Action": "s3:Get", "Resource": "b/*"},
            }}}}})
        };
        let shifts = sentences(&to(json!("*")), &to(json!({"AWS": "arn:user"})));
        assert_eq!(shifts, [(false, "everybody loses s3:Get (but not for arn:user) on b/*".to_owned())]);
    }

    #[test]
    fn removing_a_deny_broadens() {
        let tls = json!({"Resources": {"P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {
            "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["b", "b/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        }}}}});
        let none = json!({"Resources": {}});
        assert_eq!(
            sentences(&tls, &none),
            [
                (true, "everybody is no longer refused s3:* on b when aws:SecureTransport is false".to_owned()),
                (true, "everybody is no longer refused s3:* on b/* when aws:SecureTransport is false".to_owned()),
            ]
        );
        assert!(sentences(&none, &tls).iter().all(|(broadens, _)| !broadens));
    }

    #[test]
    fn permissions_to_invoke_assume_the_role_and_access_the_bucket() {
        let invoke = |properties: Value| json!({"Resources": {"P": {"Type": "AWS::Lambda::Permission", "Properties": properties}}});
        let anybody =
            invoke(json!({"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "s3.amazonaws.com"}));
        let ours =
            invoke(json!({"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "s3.amazonaws.com",
            "SourceAccount": "1", "SourceArn": "arn:b"}));
        assert_eq!(
            sentences(&ours, &anybody),
            [(true, "service s3.amazonaws.com gains lambda:InvokeFunction on f".to_owned())]
        );
        let trust = |principal: Value| {
            json!({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {
                "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]},
            }}}})
        };
        assert_eq!(
            sentences(&trust(json!({"Service": "lambda.amazonaws.com"})), &trust(json!({"AWS": "*"}))),
            [
                (true, "everybody gains sts:AssumeRole on role R".to_owned()),
                (false, "service lambda.amazonaws.com loses sts:AssumeRole on role R".to_owned()),
            ]
        );
        let attached = |arns: Value| json!({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": arns}}}});
        assert_eq!(
            sentences(&attached(json!([])), &attached(json!(["arn:admin"]))),
            [(true, "role R gains the managed policy arn:admin".to_owned())]
        );
        let public = |on: bool| {
            json!({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": on},
            }}}})
        };
        assert_eq!(
            sentences(&public(true), &public(false)),
            [(true, "everybody is no longer refused public access (BlockPublicAcls) on B".to_owned())]
        );
    }

    #[test]
    fn negations_are_compared_literally() {
        let not = |action: &str| role(&json!([{"Effect": "Allow", "NotAction": action, "Resource": "x"}]));
        assert_eq!(sentences(&not("a:*"), &not("a:*")), []);
        assert_eq!(
            sentences(&role(&json!([])), &not("a:*")),
            [(true, "role R gains everything but a:* on x".to_owned())]
        );
        // Fewer exceptions allow more.
        assert_eq!(
            sentences(&not("a:*"), &not("a:Get")),
            [
                (true, "role R gains everything but a:Get on x".to_owned()),
                (false, "role R loses everything but a:* on x".to_owned()),
            ]
        );
        let on = |not: &str| role(&json!([{"Effect": "Allow", "Action": "a:B", "NotResource": not}]));
        assert_eq!(sentences(&on("b/*"), &on("b/c"))[0], (true, "role R gains a:B on everything but b/c".to_owned()));
        assert_eq!(
            sentences(&role(&json!([allow(&json!("*"), "*")])), &not("a:*")).len(),
            1,
            "`*` includes a negation"
        );
    }

    #[test]
    fn references_are_shown_as_logical_ids() {
        for (text, expected) in [
            ("${Table.Arn}", "Table"),
            ("${Bucket}/*", "Bucket/*"),
            ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:username}/*"),
            ("${Table.Arn}/index/${Index}", "Table/index/Index"),
            ("${open", "${open"),
            ("arn:aws:s3:::b", "arn:aws:s3:::b"),
        ] {
            assert_eq!(readable(text), expected);
        }
        assert_eq!(enumeration(&["a"]), "a");
        assert_eq!(enumeration(&["a", "b", "c"]), "a, b and c");
    }
}
