//! Parses text to a [`StackSpec`], or to a list of all errors.

use std::path::Path;

use serde::Deserialize as _;
use serde_yaml::Value;

use super::diagnostics::{Diagnostic, Diagnostics, KeyPath};
use super::lines::{Lines, Position};
use super::{Architecture, StackSpec, rules, schema, shape};
use crate::error::Result;

/// Reads and validates the text of a stack file; the path only serves to name the file.
pub fn parse(text: &str, path: &Path) -> Result<StackSpec> {
    Ok(read(without_bom(text), path)?)
}

/// YAML 1.2, 5.2 ("Character encodings"): a document may start with a byte order mark.
fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The name that a stack file gives its stack, where it can be read, whatever else is wrong with the file.
pub fn name_in(text: &str) -> Option<String> {
    bounded(text, Path::new("")).ok()?;
    serde_yaml::from_str::<Value>(without_bom(text)).ok()?.get("name")?.as_str().map(ToOwned::to_owned)
}

fn read(text: &str, path: &Path) -> Result<StackSpec, Diagnostics> {
    bounded(text, path)?;
    let lines = Lines::of(text);
    let value = document(text, path, &lines)?;
    let mut problems = shape::check(&value, &schema::schema(), &lines);
    let unread: Vec<KeyPath> = problems.iter().map(|problem| problem.path.clone()).collect();
    match serde_yaml::from_value(without(&value, &unread)) {
        Ok(spec) => {
            problems.extend(rules::check(&spec, &value, &unread));
            if problems.is_empty() { Ok(spec) } else { Err(Diagnostics::locate(problems, path, &lines)) }
        }
        // An error that the schema does not describe is reported only if there is no other.
        Err(error) if problems.is_empty() => Err(Diagnostics(vec![Diagnostic::of_file(path, error.to_string())])),
        Err(_) => Err(Diagnostics::locate(problems, path, &lines)),
    }
}

/// Required keys, with placeholders for values that could not be read.
const REQUIRED: [(&[&str], &str); 3] = [(&["name"], "unread"), (&["data"], "keep"), (&["emulator", "port"], "1")];

/// The document without what has not the right shape, so that the rest can be read and judged.
fn without(document: &Value, unread: &[KeyPath]) -> Value {
    let mut rest = document.clone();
    for path in unread {
        remove(&mut rest, path);
    }
    for (path, placeholder) in REQUIRED.iter().filter(|(path, _)| unread.iter().any(|unread| unread == path)) {
        let [above @ .., key] = path else { continue };
        let parent = above.iter().try_fold(&mut rest, |node, step| node.get_mut(*step));
        if let Some(Value::Mapping(map)) = parent {
            map.insert((*key).into(), serde_yaml::from_str(placeholder).unwrap_or_default());
        }
    }
    rest
}

/// Removes a key with its value; of a list the whole, as a part of it would mean something else.
fn remove(node: &mut Value, path: &[String]) {
    let (Value::Mapping(map), [step, below @ ..]) = (node, path) else { return };
    let Some(key) = map.keys().find(|key| shape::plain(key) == *step).cloned() else { return };
    match map.get_mut(&key) {
        Some(child @ Value::Mapping(_)) if !below.is_empty() => remove(child, below),
        _ => drop(map.shift_remove(&key)),
    }
}

/// The largest stack file, bytes: fifty tags of the greatest length have 20,000.
const MAX_LENGTH: usize = 64 << 10;
/// The most opening brackets and list markers of a text, those in quotes included. The parser's time grows with the square
/// of the nesting.
const MAX_OPENING: usize = 1_000;

/// Refuses a text that takes long to read.
fn bounded(text: &str, path: &Path) -> Result<(), Diagnostics> {
    let fail = |problem: String| Err(Diagnostics(vec![Diagnostic::of_file(path, problem)]));
    if text.len() > MAX_LENGTH {
        return fail(format!("has {} bytes; a stack file has at most {MAX_LENGTH}", text.len()));
    }
    let opening = text.matches(['[', '{']).count() + text.matches("- ").count();
    if opening > MAX_OPENING {
        return fail(format!(
            "has {opening} opening brackets and list markers; a stack file has at most {MAX_OPENING}"
        ));
    }
    Ok(())
}

/// The text as one YAML map.
fn document(text: &str, path: &Path, lines: &Lines) -> Result<Value, Diagnostics> {
    let fail = |diagnostic| Err(Diagnostics(vec![diagnostic]));
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        match Value::deserialize(document) {
            Ok(value) => documents.push(value),
            Err(error) => return Err(not_yaml(&error, path, lines)),
        }
    }
    if documents.len() > 1 {
        return fail(Diagnostic::of_file(
            path,
            format!("holds {} YAML documents; write one stack a file, without `---` between", documents.len()),
        ));
    }
    match documents.pop() {
        None | Some(Value::Null) => {
            fail(Diagnostic::of_file(path, "is empty; the minimal stack file is `name: dev` and `data: delete`"))
        }
        // `<<: *anchor` (YAML 1.1, "Merge key language-independent type").
        Some(mut value @ Value::Mapping(_)) => match value.apply_merge() {
            Ok(()) => Ok(value),
            Err(error) => {
                fail(Diagnostic::of_file(path, format!("has a merge key `<<` that cannot be merged: {error}")))
            }
        },
        Some(Value::Sequence(_)) => fail(Diagnostic::of_file(
            path,
            "is a list; a stack file is a map of keys, like `name: dev`, without hyphens",
        )),
        Some(_) => {
            fail(Diagnostic::of_file(path, "is a single value; a stack file is a map of keys, like `name: dev`"))
        }
    }
}

fn not_yaml(error: &serde_yaml::Error, path: &Path, lines: &Lines) -> Diagnostics {
    // serde_yaml reports a duplicate key at the start of the map; the text has the exact position.
    let twice: Vec<_> = lines
        .duplicates()
        .map(|(key, position, first)| {
            let problem = format!("is a duplicate; the first is in line {first}");
            Diagnostic::at(path, lines, position, key.join("."), problem)
        })
        .collect();
    if !twice.is_empty() {
        return Diagnostics(twice);
    }
    let text = error.to_string();
    if let Some(position) = lines.tab_in_indentation() {
        let problem = "is indented with a tab; YAML is indented with spaces".to_owned();
        return Diagnostics(vec![Diagnostic::at(path, lines, position, String::new(), problem)]);
    }
    if text.contains("recursion limit") {
        return Diagnostics(vec![Diagnostic::of_file(path, "is nested too deeply; a stack file has three levels")]);
    }
    let Some(location) = error.location() else { return Diagnostics(vec![Diagnostic::of_file(path, text)]) };
    let (line, column) = (location.line(), location.column());
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let position = Position { line, column, length: 1 };
    Diagnostics(vec![Diagnostic::at(path, lines, position, String::new(), format!("is not YAML: {text}"))])
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
