//! `docs/stack-file.md`: every key of a stack file, from the JSON Schema that also checks the file.

use std::fmt::Write as _;

use provisioner_model::spec;
use serde_json::{Map, Value};

use super::{NOTE, cell, sentence};

/// The formats that the schema gives to texts with a unit, and how the page names them.
const UNITS: [(&str, &str); 2] = [("size-with-unit", "size"), ("time-with-unit", "duration")];

/// The page. The keys of the top level come first, then one section for each key that holds others.
pub fn page() -> String {
    let schema: Value = serde_json::from_str(&spec::json_schema()).unwrap_or_default();
    let mut page = format!(
        "{NOTE}\n\n# The stack file\n\n\
         One YAML file describes one deployment. `-s NAME` selects `stacks/NAME.yaml`, or the one file in `stacks/` whose \
         `name:` is NAME; `-s PATH` selects any file. Only `name` and `data` are required. Unknown keys, wrong types and \
         values that AWS would refuse are reported together, each with its line, before any call is made \
         ([lint.md](lint.md)).\n\n\
         A size is a number with a unit: `512 KiB`, `100 MiB`, `2 GiB`. A duration is a whole number with a unit: `60s`, \
         `15m`, `6h`, `14d`.\n\n\
         For completion and checks in an editor, start the file with \
         `# yaml-language-server: $schema=stack.schema.json`; `provisioner schema` prints that file, and `provisioner init` \
         writes it. Complete files: [dev.yaml](../stacks/dev.yaml), [prod.yaml](../stacks/prod.yaml), \
         [local.yaml](../stacks/local.yaml).\n\n\
         ## Top level\n\n"
    );
    let document = Document { schema: &schema };
    document.table(&mut page, &schema);
    for (name, key) in members(&schema) {
        let key = document.resolve(key);
        if key["properties"].is_object() {
            let _ = writeln!(page, "\n## `{name}`\n\n{}\n", sentence(key));
            document.table(&mut page, key);
        }
    }
    page
}

struct Document<'a> {
    schema: &'a Value,
}

impl<'a> Document<'a> {
    /// What a key refers to; the key itself if it refers to nothing. An optional key lists `null` beside its type.
    fn resolve(&self, key: &'a Value) -> &'a Value {
        let key = key["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null")).unwrap_or(key);
        match key["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(pointer) => self.schema.pointer(pointer).unwrap_or(key),
            None => key,
        }
    }

    fn table(&self, page: &mut String, object: &'a Value) {
        page.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let is_required =
            |name: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let (required, optional): (Vec<_>, Vec<_>) = members(object).partition(|(name, _)| is_required(name));
        for (name, key) in required.into_iter().chain(optional) {
            let target = self.resolve(key);
            let (kind, default) = if target["properties"].is_object() {
                (format!("[section](#{})", name.to_lowercase()), String::new())
            } else {
                (kind(target), if is_required(name) { "required".to_owned() } else { default(key) })
            };
            let mut meaning = sentence(key);
            for choice in choices(target) {
                let _ = write!(meaning, " `{}`: {}", text(&choice["const"]), sentence(choice));
            }
            let _ = writeln!(page, "| `{name}` | {kind} | {default} | {} |", cell(&meaning));
        }
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object["properties"].as_object().map(Map::iter).into_iter().flatten()
}

fn choices(key: &Value) -> impl Iterator<Item = &Value> {
    key["oneOf"].as_array().into_iter().flatten()
}

/// The type, with its range and an example where the schema has them.
fn kind(key: &Value) -> String {
    let values: Vec<String> = choices(key).map(|choice| format!("`{}`", text(&choice["const"]))).collect();
    if !values.is_empty() {
        return values.join(" or ");
    }
    let unit = UNITS.iter().find(|(format, _)| key["format"] == *format).map(|(_, name)| (*name).to_owned());
    let mut kind = unit.unwrap_or_else(|| match name_of_type(key) {
        "string" => "text".to_owned(),
        "array" => "list of text".to_owned(),
        "object" => "names and texts".to_owned(),
        other => other.to_owned(),
    });
    match (key["minimum"].as_u64(), key["maximum"].as_u64()) {
        (Some(least), Some(most)) => _ = write!(kind, ", {least} to {most}"),
        (Some(least), None) => _ = write!(kind, ", at least {least}"),
        _ => {}
    }
    if let Some(example) = key["examples"].get(0) {
        let _ = write!(kind, ", such as `{}`", text(example));
    }
    kind
}

/// The name of a key's type; that of an optional key is in a list beside `null`.
fn name_of_type(key: &Value) -> &str {
    let first = key["type"].as_array().and_then(|names| names.iter().find(|name| *name != "null"));
    first.unwrap_or(&key["type"]).as_str().unwrap_or_default()
}

fn default(key: &Value) -> String {
    match &key["default"] {
        Value::Null => "none".to_owned(),
        value => format!("`{}`", text(value)),
    }
}

/// A value as it is written in YAML.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_schema_is_on_the_page() {
        let page = page();
        let schema: Value = serde_json::from_str(&spec::json_schema()).unwrap();
        let objects = std::iter::once(&schema).chain(schema["$defs"].as_object().unwrap().values());
        let names: Vec<&String> = objects.flat_map(members).map(|(name, _)| name).collect();
        assert!(names.len() > 20, "the schema has lost its keys: {names:?}");
        for name in names {
            assert!(page.contains(&format!("| `{name}` | ")), "{name} is missing in\n{page}");
        }
    }

    #[test]
    fn each_kind_of_key_has_its_form() {
        let page = page();
        for start in [
            // Required, with choices; a section; text; a size; a duration; a number; a boolean; a list; free names.
            "| `data` | `keep` or `delete` | required | ",
            "| `handler` | [section](#handler) |  | ",
            "| `region` | text, such as `eu-central-1` | none | ",
            "| `maxSize` | size, such as `100 MiB` | `100 MiB` | ",
            "| `timeout` | duration, such as `60s` | `1m` | ",
            "| `port` | integer, 1 to 65535 | required | ",
            "| `maxConcurrency` | integer, at least 1 | none | ",
            "| `versioning` | boolean | `false` | ",
            "| `allowedTypes` | list of text, such as `[\"text/*\",\"application/pdf\"]` | `[\"*/*\"]` | ",
            "| `tags` | names and texts | none | ",
        ] {
            assert!(page.lines().any(|line| line.starts_with(start)), "{start} is missing in\n{page}");
        }
    }
}
