//! Values that CloudFormation resolves: `Ref`, `Fn::GetAtt`, `Fn::Sub`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// A text of a property: fixed, or filled in by CloudFormation.
///
/// Written in the long form, which JSON and every YAML reader take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// The text itself.
    Literal(String),
    /// A parameter's value, a pseudo parameter's, or a resource's physical id.
    Ref(String),
    /// An attribute of a resource.
    GetAtt(String, String),
    /// A text with `${…}` in it.
    Sub(String),
}

impl Value {
    /// The value of `Ref`.
    pub(crate) fn reference(to: &str) -> Self {
        Self::Ref(to.to_owned())
    }

    /// The value of `Fn::GetAtt`.
    pub(crate) fn attribute(of: &str, name: &str) -> Self {
        Self::GetAtt(of.to_owned(), name.to_owned())
    }

    /// The simplest value that is equivalent to `Fn::Sub` of this text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.contains("${") {
            return Self::Literal(text);
        }
        let sole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('}'));
        match sole.map(|name| name.split_once('.')) {
            Some(Some((resource, attribute))) => Self::attribute(resource, attribute),
            Some(None) => Self::reference(&text[2..text.len() - 1]),
            None => Self::Sub(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Literal(text) = self {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Literal(_) => {}
            Self::Ref(to) => map.serialize_entry("Ref", to)?,
            Self::GetAtt(of, name) => map.serialize_entry("Fn::GetAtt", &[of, name])?,
            Self::Sub(text) => map.serialize_entry("Fn::Sub", text)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_the_plainest_value() {
        for (text, expected) in [
            ("plain", Value::Literal("plain".into())),
            ("${Table}", Value::reference("Table")),
            ("${AWS::AccountId}", Value::reference("AWS::AccountId")),
            ("${Table.Arn}", Value::attribute("Table", "Arn")),
            ("${Table.Arn}/*", Value::Sub("${Table.Arn}/*".into())),
            ("${A}-${B}", Value::Sub("${A}-${B}".into())),
        ] {
            assert_eq!(Value::text(text), expected);
        }
    }
}
