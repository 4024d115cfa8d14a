//! Reads the text of a template that is deployed, whoever wrote it.

use serde_json::{Value, json};

/// A template as a tree of JSON; `None` for text that is neither JSON nor YAML. The short forms of functions, such as
/// `!Ref`, become their long forms.
pub fn read(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let value = from_yaml(&value)?;
    value.is_object().then_some(value)
}

fn from_yaml(value: &serde_yaml::Value) -> Option<Value> {
    use serde_yaml::Value as Yaml;
    Some(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(on) => json!(on),
        Yaml::Number(number) => serde_json::to_value(number).ok()?,
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => items.iter().map(from_yaml).collect::<Option<Vec<_>>>()?.into(),
        Yaml::Mapping(map) => {
            let entry = |(key, value): (&Yaml, &Yaml)| Some((key.as_str()?.to_owned(), from_yaml(value)?));
            Value::Object(map.iter().map(entry).collect::<Option<_>>()?)
        }
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let name = name.trim_start_matches('!');
            let name = if ["Ref", "Condition"].contains(&name) { name.to_owned() } else { format!("Fn::{name}") };
            json!({ name: from_yaml(&tagged.value)? })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_say_the_same() {
        let expected = json!({"Resources": {"B": {"Type": "T", "Properties": {
            "A": {"Ref": "X"}, "B": {"Fn::GetAtt": "X.Arn"}, "C": {"Fn::Sub": "${X}"}, "D": [1, true, null],
        }}}});
        assert_eq!(read(&expected.to_string()), Some(expected.clone()));
        let yaml = "Resources:\n  B:\n    Type: T\n    Properties:\n      A: !Ref X\n      B: !GetAtt X.Arn\n      C: !Sub ${X}\n      D: [1, true, null]\n";
        assert_eq!(read(yaml), Some(expected));
        assert_eq!(read("just text"), None);
        assert_eq!(read("a: [b"), None);
    }
}
