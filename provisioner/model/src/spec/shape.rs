//! Checks keys and values against the schema: reports every unknown or missing key and every value of a wrong type, with
//! a correction.
//!
//! Supports only the parts of JSON Schema that these types generate.

use std::fmt::Write as _;

use handler_contract::FileTypes;
use serde_json::Value as Schema;
use serde_yaml::Value;

use super::diagnostics::{Problem, quoted};
use super::lines::Lines;
use crate::units::{Seconds, Size};

/// All violations of the schema. `lines` is used to quote values as they were written.
pub(super) fn check(value: &Value, schema: &Schema, lines: &Lines) -> Vec<Problem> {
    let mut checker = SchemaChecker { root: schema, lines, path: Vec::new(), problems: Vec::new() };
    checker.node(value, schema);
    checker.problems
}

struct SchemaChecker<'a> {
    root: &'a Schema,
    lines: &'a Lines<'a>,
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl<'a> SchemaChecker<'a> {
    fn wrong(&mut self, text: impl Into<String>) {
        self.problems.push(Problem { path: self.path.clone(), key: false, text: text.into() });
    }

    fn below(&mut self, step: impl Into<String>, f: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        f(self);
        self.path.pop();
    }

    /// Follows references, and takes the branch that is not `null`.
    fn resolve(&self, schema: &'a Schema) -> (&'a Schema, bool) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return self.resolve(target.unwrap_or(&Schema::Null));
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            let some = branches.iter().find(|branch| branch["type"] != "null");
            return (self.resolve(some.unwrap_or(&Schema::Null)).0, true);
        }
        let nullable = schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
        (schema, nullable)
    }

    fn node(&mut self, value: &Value, schema: &'a Schema) {
        let (schema, nullable) = self.resolve(schema);
        let kind = schema["type"].as_array().map_or(&schema["type"], |kinds| &kinds[0]).as_str();
        match (kind, value) {
            (_, Value::Tagged(tagged)) => {
                self.wrong(format!("{} is a YAML tag, and tags mean nothing here; leave it out", tagged.tag));
            }
            (_, Value::Null) if nullable => {}
            (_, Value::Null) => self.wrong("has no value; give it one, or leave the key out"),
            (Some("object"), Value::Mapping(map)) => self.object(map, schema),
            (Some("object"), _) => self.wrong(format!(
                "{} is given where a map of keys is expected{}",
                shown(value),
                properties(schema).next().map(|key| format!(", like `{key}:`")).unwrap_or_default()
            )),
            (Some("array"), Value::Sequence(items)) => self.array(items, schema),
            (Some("array"), _) => {
                self.wrong(format!(
                    "{} is not a list; write it between brackets, like [{}]",
                    shown(value),
                    shown(value)
                ));
            }
            (Some("boolean"), Value::Bool(_)) => {}
            (Some("boolean"), _) => self.wrong(format!("{} is not true or false", shown(value))),
            (Some("integer"), _) => self.integer(value, schema),
            (_, Value::Mapping(_) | Value::Sequence(_)) => {
                self.wrong("holds several values where one is expected");
            }
            _ if schema["oneOf"].is_array() || schema["enum"].is_array() => self.choice(value, schema),
            _ => self.text(value, schema),
        }
    }

    fn object(&mut self, map: &serde_yaml::Mapping, schema: &'a Schema) {
        for (key, value) in map {
            let name = plain(key);
            let property = &schema["properties"][&name];
            let is_required = schema["required"].as_array().is_some_and(|names| names.iter().any(|n| *n == name));
            if value.is_null() && is_required {
                self.below(&name, |checker| checker.wrong("has no value; give it one"));
            } else if !property.is_null() {
                self.below(&name, |checker| checker.node(value, property));
            } else if schema["additionalProperties"].is_object() {
                if key.is_string() {
                    self.below(&name, |checker| checker.node(value, &schema["additionalProperties"]));
                } else {
                    let text = format!("{name} is not text; put it in quotes: \"{name}\"");
                    self.below(&name, |checker| {
                        checker.problems.push(Problem { path: checker.path.clone(), key: true, text });
                    });
                }
            } else {
                let known: Vec<&str> = properties(schema).collect();
                let mut text = "is an unknown key".to_owned();
                let _ = match nearest(&name, &known) {
                    Some(near) => write!(text, "; did you mean `{near}`?"),
                    None => write!(text, "; known keys are {}", known.join(", ")),
                };
                self.below(&name, |checker| {
                    checker.problems.push(Problem { path: checker.path.clone(), key: true, text });
                });
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Schema::as_str) {
            if !map.contains_key(name) {
                let meaning = self.resolve(&schema["properties"][name]).0["description"].as_str();
                let own = schema["properties"][name]["description"].as_str().or(meaning).unwrap_or_default();
                let own = own.replace('\n', " ");
                let first = own.split_once(": ").or_else(|| own.split_once(". ")).map_or(&*own, |(first, _)| first);
                let first = first.trim_end_matches('.').to_owned();
                self.below(name, |checker| checker.wrong(format!("is missing ({first})")));
            }
        }
    }

    fn array(&mut self, items: &[Value], schema: &'a Schema) {
        // The only list contains media types, which have a separate parser.
        for (n, item) in items.iter().enumerate() {
            self.below(n.to_string(), |checker| match item {
                Value::String(text) => {
                    if let Err(error) = FileTypes::new([text]) {
                        checker.wrong(error.to_string());
                    }
                }
                _ => checker.node(item, &schema["items"]),
            });
        }
        if items.is_empty() {
            self.wrong("names nothing, so that no file could be accepted; name at least one type, like \"text/*\"");
        }
    }

    fn integer(&mut self, value: &Value, schema: &Schema) {
        let least = schema["minimum"].as_u64().unwrap_or(0);
        let most = schema["maximum"].as_u64().unwrap_or(u32::MAX.into());
        if !value.as_u64().is_some_and(|n| (least..=most).contains(&n)) {
            self.wrong(format!("{} is not a whole number from {least} to {most}", shown(value)));
        }
    }

    fn choice(&mut self, value: &Value, schema: &Schema) {
        let constants = schema["oneOf"].as_array().into_iter().flatten().map(|branch| &branch["const"]);
        let listed = schema["enum"].as_array().into_iter().flatten();
        let choices: Vec<&str> = constants.chain(listed).filter_map(Schema::as_str).collect();
        let given = plain(value);
        if !choices.contains(&given.as_str()) {
            let near = nearest(&given, &choices).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            self.wrong(format!("{} is not one of {}{near}", shown(value), choices.join(", ")));
        }
    }

    fn text(&mut self, value: &Value, schema: &Schema) {
        let given = plain(value);
        let unit = match schema["format"].as_str() {
            Some("size-with-unit") => given.parse::<Size>().err(),
            Some("time-with-unit") => given.parse::<Seconds>().err(),
            _ if value.is_string() => None,
            _ => {
                // As it was written: 1.10 is the number 1.1.
                let written = self.lines.written(&self.path).unwrap_or(given);
                return self.wrong(format!("{written} is not text; put it in quotes: \"{written}\""));
            }
        };
        if let Some(error) = unit {
            self.wrong(error.to_string());
        }
    }
}

fn properties(schema: &Schema) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().into_iter().flat_map(serde_json::Map::keys).map(String::as_str)
}

/// A scalar as it was meant, without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

/// A value as messages show it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Mapping(_) => "a map of keys".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        other => plain(other),
    }
}

/// The known word that a mistyped one is most like, if it is like one at all.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase().replace(['_', '-', ' '], "");
    known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&given, &word.to_lowercase().replace('-', "")), *word))
        .min()
        .filter(|(distance, word)| *distance <= word.len().div_ceil(3))
        .map(|(_, word)| word)
}
