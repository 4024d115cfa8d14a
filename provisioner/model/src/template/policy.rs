//! The IAM documents of `policies/`, which are embedded when the provisioner is compiled.
//!
//! A document may hold placeholders: `${BucketName}` and the other names of [`Names`] are filled in here; what is left,
//! such as `${Table.Arn}` or `${AWS::Region}`, is for CloudFormation's `Fn::Sub`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::intrinsic::Value;
use crate::names::Names;
use crate::partition::Partition;
use crate::spec::StackSpec;

/// The most characters of a managed policy, white space not counted (IAM quotas).
pub const MAX_MANAGED_POLICY: usize = 6_144;

/// An IAM policy document. Its texts are plain ones (`String`) or ones that CloudFormation fills in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Document<T = String> {
    version: String,
    statement: Vec<Statement<T>>,
}

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement<T = String> {
    /// What the statement is for, in one word.
    pub sid: String,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Whom it concerns; only in policies of resources and in trust policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The actions.
    pub action: OneOrMore<String>,
    /// The resources; not in trust policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<OneOrMore<T>>,
    /// Operator to key to value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<BTreeMap<String, BTreeMap<String, T>>>,
}

/// Whom a statement concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// Everybody, as `*`.
    Anyone(String),
    /// By kind, such as `Service`.
    Some(BTreeMap<String, String>),
}

/// IAM writes a list of one without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    /// Without brackets.
    One(T),
    /// With brackets.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// The entries.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }

    fn map<U>(&self, f: impl Fn(&T) -> U) -> OneOrMore<U> {
        match self {
            Self::One(one) => OneOrMore::One(f(one)),
            Self::More(more) => OneOrMore::More(more.iter().map(f).collect()),
        }
    }
}

macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $name:ident = $file:literal,)+) => {
        $(
            $(#[doc = $doc])+
            pub fn $name() -> Document {
                parse($file, include_str!(concat!("../../../../policies/", $file)))
            }
        )+
    };
}

policies! {
    /// The trust policy of the handler's role: Lambda assumes it.
    handler_trust = "handler-trust.json",
    /// The permissions of the handler.
    handler = "handler.json",
    /// The bucket policy: denies requests without TLS.
    bucket = "bucket.json",
    /// The policy of the queue of failed events: denies requests without TLS.
    queue = "queue.json",
    /// What whoever runs the provisioner needs for the calls that it makes itself.
    caller = "caller.json",
    /// What CloudFormation needs to create, update, read and delete the stack's resources: as the caller, or as the
    /// stack's `cloudformationRole`.
    cloudformation = "cloudformation.json",
    /// What the handler may do besides where the bucket keeps versions.
    handler_versions = "handler-versions.json",
    /// What the handler may do besides where the stack has a KMS key of its own.
    handler_key = "handler-key.json",
    /// What the caller needs besides where the stack has a key.
    caller_key = "caller-key.json",
    /// What CloudFormation needs besides where the stack has a key.
    cloudformation_key = "cloudformation-key.json",
    /// What CloudFormation needs instead where the handler's role has a permissions boundary.
    cloudformation_boundary = "cloudformation-boundary.json",
    /// What the policy of the stack's key must allow.
    key = "key.json",
}

fn parse(file: &str, text: &str) -> Document {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("policies/{file}, which was compiled in: {e}"))
}

impl<T> Document<T> {
    /// The statements.
    pub fn statements(&self) -> &[Statement<T>] {
        &self.statement
    }

    fn map<U>(&self, f: impl Fn(&T) -> U) -> Document<U> {
        let statement = self
            .statement
            .iter()
            .map(|s| Statement {
                sid: s.sid.clone(),
                effect: s.effect.clone(),
                principal: s.principal.clone(),
                action: s.action.clone(),
                resource: s.resource.as_ref().map(|r| r.map(&f)),
                condition: s.condition.as_ref().map(|operators| {
                    let keys = |keys: &BTreeMap<String, T>| keys.iter().map(|(k, v)| (k.clone(), f(v))).collect();
                    operators.iter().map(|(operator, tested)| (operator.clone(), keys(tested))).collect()
                }),
            })
            .collect();
        Document { version: self.version.clone(), statement }
    }
}

impl Document {
    /// Both documents in one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.statement.extend(other.statement);
        self
    }

    /// The document with the ARN of the stack's KMS key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.map(|text| fill(text, &[("KmsKeyArn", key.to_owned())]))
    }

    /// The document with this permissions boundary as a condition of what creates the handler's role or gives it
    /// permissions. Removing a boundary is not allowed: it would lift what limits whoever deploys.
    #[must_use]
    pub fn with_boundary(mut self, boundary: &str) -> Self {
        let conditional =
            cloudformation_boundary().map(|text| fill(text, &[("PermissionsBoundaryArn", boundary.to_owned())]));
        let bound: Vec<String> = conditional.statement.iter().flat_map(|s| s.action.as_slice()).cloned().collect();
        for statement in &mut self.statement {
            let actions = statement.action.as_slice();
            statement.action =
                OneOrMore::More(actions.iter().filter(|action| !bound.contains(action)).cloned().collect());
        }
        self.and(conditional)
    }

    /// The document with names filled in and the rest left to CloudFormation.
    pub(crate) fn for_template(&self, names: &Names) -> Document<Value> {
        self.map(|text| Value::text(fill(text, &placeholders(names))))
    }

    /// The document as IAM takes it, for one stack.
    ///
    /// An account that is not known is the caller's in names of buckets, and any elsewhere: a policy variable works only in
    /// the resource part of an ARN (IAM user guide, "Policy elements: variables and tags"), and an ARN without an account
    /// in its name can be reached across accounts only where the other account allows it too. A region that is not known
    /// is any, in the commercial partition.
    #[must_use]
    pub fn for_stack(&self, spec: &StackSpec, account: Option<&str>, region: Option<&str>) -> Self {
        let names = Names::new(spec, account.unwrap_or("${aws:PrincipalAccount}"), region.unwrap_or("*"));
        let partition = Partition::of(region.unwrap_or_default());
        let mut values = placeholders(&names);
        values.push(("AWS::Partition", partition.id.to_owned()));
        values.push(("AWS::URLSuffix", partition.dns_suffix.to_owned()));
        values.push(("AWS::AccountId", account.unwrap_or("*").to_owned()));
        values.push(("AWS::Region", region.unwrap_or("*").to_owned()));
        let mut filled = self.map(|text| fill(text, &values));
        for statement in &mut filled.statement {
            if let Some(Principal::Some(kinds)) = &mut statement.principal {
                for name in kinds.values_mut() {
                    *name = fill(name, &values);
                }
            }
        }
        filled
    }

    /// Allows the caller to pass this role to `CloudFormation`, and to no other service.
    pub fn let_pass(&mut self, role: &str) {
        let service = BTreeMap::from([("iam:PassedToService".to_owned(), "cloudformation.amazonaws.com".to_owned())]);
        self.statement.push(Statement {
            sid: "RoleForCloudFormationOnly".to_owned(),
            effect: "Allow".to_owned(),
            principal: None,
            action: OneOrMore::One("iam:PassRole".to_owned()),
            resource: Some(OneOrMore::One(role.to_owned())),
            condition: Some(BTreeMap::from([("StringEquals".to_owned(), service)])),
        });
    }

    /// The length that IAM counts: characters without white space. At most [`MAX_MANAGED_POLICY`] fit.
    pub fn length(&self) -> usize {
        self.to_json().chars().filter(|c| !c.is_whitespace()).count()
    }

    /// The document as JSON, ending with a line feed.
    ///
    /// # Panics
    /// Never: a policy is texts in lists and maps with text keys, which JSON can hold.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a policy has text keys only");
        text.push('\n');
        text
    }
}

/// The placeholders of the stack's names in policies.
fn placeholders(names: &Names) -> Vec<(&'static str, String)> {
    vec![
        ("StackName", names.stack.clone()),
        ("BucketName", names.bucket.clone()),
        ("TableName", names.table.clone()),
        ("FunctionName", names.function.clone()),
        ("LogGroupName", names.log_group.clone()),
        ("QueueName", names.queue.clone()),
        ("ArtifactBucketName", names.artifacts.clone()),
    ]
}

fn fill(text: &str, values: &[(&str, String)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("${{{name}}}"), value);
    }
    filled
}
