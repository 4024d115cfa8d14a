//! Templates: their resources, and the values of their references.

use serde_json::Value;

use super::stack::{Stack, physical_id};
use crate::{ACCOUNT, REGION};

/// The resources of a template: logical id and type.
pub(super) fn resources(template: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let resources = template["Resources"].as_object();
    resources.into_iter().flatten().map(|(id, r)| (id.clone(), r["Type"].as_str().unwrap_or_default().to_owned()))
}

/// Resolves references against a stack: `Ref`, `Fn::Sub`, and `Fn::GetAtt` of ARNs that can be derived from a name.
/// Others are left as `${…}`.
pub(super) struct Resolver<'a> {
    pub(super) stack: &'a Stack,
}

impl Resolver<'_> {
    /// The value with every known reference replaced.
    pub(super) fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.plain(item)).collect(),
            Value::Object(map) => match map.iter().next() {
                Some((name, argument)) if map.len() == 1 && name == "Ref" => self.named(&path(argument)).into(),
                Some((name, argument)) if map.len() == 1 && name == "Fn::GetAtt" => self.named(&path(argument)).into(),
                Some((name, argument)) if map.len() == 1 && name == "Fn::Sub" => self.substituted(argument).into(),
                _ => map.iter().map(|(key, value)| (key.clone(), self.plain(value))).collect(),
            },
            other => other.clone(),
        }
    }

    /// The text of an `Fn::Sub`: alone, or in a list with a map of variables.
    fn substituted(&self, argument: &Value) -> String {
        let (text, variables) = match argument {
            Value::Array(parts) => (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1)),
            other => (other.as_str().unwrap_or_default(), None),
        };
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once("${").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            resolved += before;
            resolved += &match variables.and_then(|variables| variables.get(name)).map(|value| self.plain(value)) {
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
                None => self.named(name),
            };
            rest = after;
        }
        resolved + rest
    }

    /// The value of a name, or the name as a placeholder.
    fn named(&self, name: &str) -> String {
        self.known(name).unwrap_or_else(|| format!("${{{name}}}"))
    }

    fn known(&self, name: &str) -> Option<String> {
        match name {
            "AWS::Partition" => return Some("aws".to_owned()),
            "AWS::AccountId" => return Some(ACCOUNT.to_owned()),
            "AWS::Region" => return Some(REGION.to_owned()),
            "AWS::StackName" => return Some(self.stack.name.clone()),
            _ => {}
        }
        if let Some(value) = self.stack.parameters.get(name) {
            return Some(value.clone());
        }
        let Some(logical_id) = name.strip_suffix(".Arn") else {
            return self.stack.resources.contains_key(name).then(|| physical_id(name));
        };
        let (kind, id) = (&self.stack.resources.get(logical_id)?.kind, physical_id(logical_id));
        Some(match kind.as_str() {
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{id}"),
            "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{id}"),
            "AWS::Lambda::Function" => format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{id}"),
            "AWS::Logs::LogGroup" => format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{id}:*"),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{id}"),
            _ => return None,
        })
    }
}

/// The argument of `Ref` and `Fn::GetAtt`: text, or a list of its parts.
fn path(argument: &Value) -> String {
    match argument {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
