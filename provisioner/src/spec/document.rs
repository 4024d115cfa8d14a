//! From text to a [`StackSpec`], or to everything that is wrong with it.

use std::path::Path;

use serde::Deserialize as _;
use serde_yaml::Value;

use super::faults::{Fault, Faults};
use super::lines::{Lines, Position};
use super::{Architecture, StackSpec, rules, schema, shape};
use crate::error::Result;

/// Reads and validates the text of a stack file; the path only serves to name the file.
pub fn parse(text: &str, path: &Path) -> Result<StackSpec> {
    Ok(read(text, path)?)
}

fn read(text: &str, path: &Path) -> Result<StackSpec, Faults> {
    let lines = Lines::of(text);
    let value = document(text, path, &lines)?;
    let problems = shape::check(&value, &schema::schema());
    if !problems.is_empty() {
        return Err(Faults::locate(problems, path, &lines));
    }
    let spec: StackSpec =
        serde_yaml::from_value(value.clone()).map_err(|e| Faults(vec![Fault::of_file(path, e.to_string())]))?;
    let problems = rules::check(&spec, &value);
    if problems.is_empty() { Ok(spec) } else { Err(Faults::locate(problems, path, &lines)) }
}

/// The text as one YAML map.
fn document(text: &str, path: &Path, lines: &Lines) -> Result<Value, Faults> {
    let fault = |fault| Err(Faults(vec![fault]));
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        match Value::deserialize(document) {
            Ok(value) => documents.push(value),
            Err(error) => return Err(not_yaml(&error, path, lines)),
        }
    }
    if documents.len() > 1 {
        return fault(Fault::of_file(
            path,
            format!("holds {} YAML documents; write one stack a file, without `---` between", documents.len()),
        ));
    }
    match documents.pop() {
        None | Some(Value::Null) => fault(Fault::of_file(
            path,
            "says nothing; the least that a stack file says is `name: dev` and `data: delete`",
        )),
        Some(value @ Value::Mapping(_)) => Ok(value),
        Some(Value::Sequence(_)) => {
            fault(Fault::of_file(path, "is a list; a stack file is a map of keys, like `name: dev`, without hyphens"))
        }
        Some(_) => fault(Fault::of_file(path, "is a single value; a stack file is a map of keys, like `name: dev`")),
    }
}

fn not_yaml(error: &serde_yaml::Error, path: &Path, lines: &Lines) -> Faults {
    // A key that stands twice fails the whole map, at the map's beginning; the text knows better where.
    let twice: Vec<_> = lines
        .duplicates()
        .map(|(key, position, first)| {
            let problem = format!("stands here a second time; the first is in line {first}");
            Fault::at(path, lines, position, key.join("."), problem)
        })
        .collect();
    if !twice.is_empty() {
        return Faults(twice);
    }
    let text = error.to_string();
    let Some(location) = error.location() else { return Faults(vec![Fault::of_file(path, text)]) };
    let (line, column) = (location.line(), location.column());
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let position = Position { line, column, length: 1 };
    Faults(vec![Fault::at(path, lines, position, String::new(), format!("is not YAML: {text}"))])
}

/// A processor architecture as stack files and the command line spell it.
///
/// # Errors
/// Names what there is.
pub fn architecture(text: &str) -> Result<Architecture, &'static str> {
    match text {
        "x86_64" => Ok(Architecture::X86_64),
        "arm64" => Ok(Architecture::Arm64),
        _ => Err("it is x86_64 or arm64"),
    }
}
