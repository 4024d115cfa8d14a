//! Resolves a template's references, against a deployed stack or as far as they are known beforehand. Pure.
//!
//! Supports `Ref`, `Fn::GetAtt` of `Arn`, and `Fn::Sub` of both, of parameters and of pseudo parameters, for the types of
//! resource this program deploys. [`Context::resolve`] fails for anything else; [`Context::plain`] leaves it as
//! `${…}`, so that two templates compare by what they mean and read like text.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::placeholders::{Piece, pieces};

/// The values that references resolve to.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The partition.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stack's name.
    pub stack: String,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// Each resource's type and physical id, by logical id.
    pub resources: BTreeMap<String, (String, String)>,
}

/// Something that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be resolved")]
pub struct Unresolved(pub String);

impl Context {
    /// The value with every reference replaced by its value.
    pub fn resolve(&self, value: &Value) -> Result<Value, Unresolved> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(map) => {
                if let (1, Some((name, argument))) = (map.len(), map.iter().next()) {
                    match name.as_str() {
                        "Ref" => return self.text(argument.as_str().unwrap_or_default()).map(Value::String),
                        "Fn::GetAtt" => return self.text(&attribute(argument)).map(Value::String),
                        "Fn::Sub" => return self.substitute(argument).map(Value::String),
                        other if other.starts_with("Fn::") => return Err(Unresolved(other.to_owned())),
                        _ => {}
                    }
                }
                map.iter().map(|(key, value)| Ok((key.clone(), self.resolve(value)?))).collect()
            }
            other => Ok(other.clone()),
        }
    }

    /// The value with every reference that is known replaced, and every other one written as `${…}`.
    #[must_use]
    pub fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.plain(item)).collect(),
            Value::Object(map) => {
                if let (1, Some((name, argument))) = (map.len(), map.iter().next()) {
                    match name.as_str() {
                        "Ref" => return Value::String(self.known_or_named(argument.as_str().unwrap_or_default())),
                        "Fn::GetAtt" => return Value::String(self.known_or_named(&attribute(argument))),
                        "Fn::Sub" => return Value::String(self.substitute_known(argument)),
                        _ => {}
                    }
                }
                map.iter().map(|(key, value)| (key.clone(), self.plain(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn known_or_named(&self, name: &str) -> String {
        self.text(name).unwrap_or_else(|_| format!("${{{name}}}"))
    }

    fn substitute_known(&self, argument: &Value) -> String {
        let (text, variables) = sub(argument);
        let known = |name: &str| match variables.and_then(|v| v.get(name)).map(|v| self.plain(v)) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None if name.starts_with('!') => format!("${{{name}}}"),
            None => self.known_or_named(name),
        };
        let done = pieces(text).map(|piece| match piece {
            Piece::Name(name) => known(name),
            Piece::Text(text) | Piece::Unclosed(text) => text.to_owned(),
        });
        done.collect()
    }

    fn substitute(&self, argument: &Value) -> Result<String, Unresolved> {
        let (text, variables) = sub(argument);
        let named = |name: &str| {
            if let Some(literal) = name.strip_prefix('!') {
                return Ok(format!("${{{literal}}}"));
            }
            match variables.and_then(|v| v.get(name)).map(|variable| self.resolve(variable)) {
                Some(Ok(Value::String(text))) => Ok(text),
                Some(Ok(other)) => Err(Unresolved(other.to_string())),
                Some(Err(unresolved)) => Err(unresolved),
                None => self.text(name),
            }
        };
        let resolved = pieces(text).map(|piece| match piece {
            Piece::Text(text) => Ok(text.to_owned()),
            Piece::Name(name) => named(name),
            Piece::Unclosed(_) => Err(Unresolved(text.to_owned())),
        });
        resolved.collect()
    }

    /// The value of a name in a template: `AWS::Region`, `Table`, `Table.Arn`.
    fn text(&self, name: &str) -> Result<String, Unresolved> {
        let unresolved = || Unresolved(name.to_owned());
        match name {
            "AWS::Partition" => return Ok(self.partition.clone()),
            "AWS::AccountId" => return Ok(self.account.clone()),
            "AWS::Region" => return Ok(self.region.clone()),
            "AWS::StackName" => return Ok(self.stack.clone()),
            _ => {}
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        let (logical_id, needs_arn) = name.strip_suffix(".Arn").map_or((name, false), |id| (id, true));
        let (kind, physical_id) = self.resources.get(logical_id).ok_or_else(unresolved)?;
        if !needs_arn {
            return Ok(physical_id.clone());
        }
        let Self { partition, account, region, .. } = self;
        let last = physical_id.rsplit('/').next().unwrap_or(physical_id);
        Ok(match kind.as_str() {
            "AWS::S3::Bucket" => format!("arn:{partition}:s3:::{physical_id}"),
            "AWS::DynamoDB::Table" => format!("arn:{partition}:dynamodb:{region}:{account}:table/{physical_id}"),
            "AWS::Lambda::Function" => format!("arn:{partition}:lambda:{region}:{account}:function:{physical_id}"),
            "AWS::Logs::LogGroup" => format!("arn:{partition}:logs:{region}:{account}:log-group:{physical_id}:*"),
            "AWS::SQS::Queue" => format!("arn:{partition}:sqs:{region}:{account}:{last}"),
            _ => return Err(unresolved()),
        })
    }
}

/// The text of `Fn::Sub` and its variables.
fn sub(argument: &Value) -> (&str, Option<&Value>) {
    match argument {
        Value::Array(parts) => (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1)),
        other => (other.as_str().unwrap_or_default(), None),
    }
}

fn attribute(argument: &Value) -> String {
    match argument {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_of_a_policy() {
        let row = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
        let context = Context {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            parameters: BTreeMap::from([("Key".to_owned(), "k".to_owned())]),
            resources: BTreeMap::from([
                ("Table".to_owned(), row("AWS::DynamoDB::Table", "s-records")),
                ("Queue".to_owned(), row("AWS::SQS::Queue", "https://sqs.eu-central-1.amazonaws.com/123456789012/q")),
                ("Role".to_owned(), row("AWS::IAM::Role", "r")),
            ]),
            ..Context::default()
        };
        for (value, expected) in [
            (json!({"Ref": "Table"}), json!("s-records")),
            (
                json!({"Fn::GetAtt": ["Table", "Arn"]}),
                json!("arn:aws:dynamodb:eu-central-1:123456789012:table/s-records"),
            ),
            (json!({"Fn::Sub": "${Queue.Arn}"}), json!("arn:aws:sqs:eu-central-1:123456789012:q")),
            (
                json!({"Fn::Sub": ["arn:${AWS::Partition}:s3:::${B}/*", {"B": {"Ref": "Table"}}]}),
                json!("arn:aws:s3:::s-records/*"),
            ),
            (json!({"Fn::Sub": "${!literal}"}), json!("${literal}")),
            (json!({"Fn::Sub": "${Key}/${AWS::Region}"}), json!("k/eu-central-1")),
            (json!({"a": [1, {"Ref": "AWS::Region"}]}), json!({"a": [1, "eu-central-1"]})),
        ] {
            assert_eq!(context.resolve(&value), Ok(expected), "{value}");
        }
        for value in [
            json!({"Ref": "Nothing"}),
            json!({"Fn::GetAtt": ["Role", "Arn"]}),
            json!({"Fn::Join": ["", []]}),
            json!({"Fn::Sub": "a ${Table"}),
            json!({"Fn::Sub": ["${A}", {"A": {"Ref": "Nothing"}}]}),
            json!({"Fn::Sub": ["${A}", {"A": ["a list"]}]}),
        ] {
            assert!(context.resolve(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_not_known_stays_readable() {
        let context = Context {
            account: "1".into(),
            parameters: BTreeMap::from([("Key".to_owned(), "k".to_owned())]),
            ..Context::default()
        };
        for (value, expected) in [
            (json!({"Ref": "Key"}), json!("k")),
            (json!({"Ref": "Table"}), json!("${Table}")),
            (json!({"Fn::GetAtt": ["Table", "Arn"]}), json!("${Table.Arn}")),
            (json!({"Fn::Sub": "${Table.Arn}/${AWS::AccountId}/${Key}"}), json!("${Table.Arn}/1/k")),
            (json!({"Fn::Sub": ["${A}-${B}", {"A": {"Ref": "Key"}}]}), json!("k-${B}")),
            (json!({"Fn::Sub": "${Key}/${!literal}/${Key"}), json!("k/${!literal}/${Key")),
            (json!({"Fn::Join": ["", [{"Ref": "Key"}]]}), json!({"Fn::Join": ["", ["k"]]})),
        ] {
            assert_eq!(context.plain(&value), expected, "{value}");
        }
    }
}
