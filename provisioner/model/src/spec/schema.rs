//! The JSON Schema of stack files, made from the types. Editors check a file against it while it is written, and
//! [`super::shape`] checks every file against it before it is read.

use super::StackSpec;

/// The schema as a tree.
pub(super) fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(StackSpec);
    schema.insert("title".into(), "Stack file of provisioner".into());
    schema.to_value()
}

/// The JSON Schema of stack files (draft 2020-12), ending with a line feed.
pub fn json_schema() -> String {
    format!("{:#}\n", schema())
}
