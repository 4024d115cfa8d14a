//! The CloudFormation template of a stack: a pure function of its [`StackSpec`].
//!
//! [`build`] turns a validated spec into typed resources (`resource`), which serde writes as JSON or YAML. The parts
//! of the stack are in `parts`, one file for each part; IAM documents come from `policies/*.json` through [`policy`].
//! Account and region are not inputs: CloudFormation fills them in.
//!
//! Neither role nor permission refers to the bucket, whose notification needs both: the bucket's ARN is made of its
//! name instead, which [`Names`] derives from the stack's name. So there is no cycle.

pub mod id;
mod intrinsic;
pub mod output;
mod parameter;
mod parts;
pub mod policy;
mod read;
mod resource;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::names::Names;
use crate::spec::StackSpec;
use intrinsic::Value;
use resource::Resource;

pub use parameter::{ARTIFACT_BUCKET, ARTIFACT_KEY, ARTIFACT_VERSION};
pub use parts::FREE_UNITS;
pub use read::read;

/// A CloudFormation template. Equal specs give equal text, byte by byte.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    format_version: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    parameters: Ordered<Parameter>,
    resources: Ordered<Resource>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    outputs: Ordered<Output>,
}

/// A map that keeps the order in which it was written.
#[derive(Debug, Clone, PartialEq)]
struct Ordered<T>(Vec<(&'static str, T)>);

impl<T> Ordered<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(rename = "Type")]
    kind: &'static str,
    description: &'static str,
    min_length: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    description: &'static str,
    value: Value,
}

/// The template of a valid spec.
pub fn build(spec: &StackSpec) -> Template {
    let names = Names::for_template(spec);
    let mut resources = Vec::new();
    parts::bucket::add(spec, &names, &mut resources);
    parts::table::add(spec, &names, &mut resources);
    parts::handler::add(spec, &names, &mut resources);
    parts::failures::add(spec, &names, &mut resources);
    let parameter = |description| Parameter { kind: "String", description, min_length: 1 };
    let output = |description, value| Output { description, value };
    Template {
        format_version: "2010-09-09",
        description: format!(
            "File pipeline {}: a file dropped into the bucket becomes a record in the table. Made by provisioner from stacks/*.yaml.",
            spec.name
        ),
        parameters: Ordered(vec![
            (ARTIFACT_BUCKET, parameter("The bucket that holds the handler's zip")),
            (ARTIFACT_KEY, parameter("The key of the handler's zip, which contains the zip's SHA-256")),
            (ARTIFACT_VERSION, parameter("The version of that object")),
        ]),
        resources: Ordered(resources),
        outputs: Ordered(vec![
            (output::BUCKET_NAME, output("The bucket that files are dropped into", Value::reference(id::BUCKET))),
            (output::TABLE_NAME, output("The table of records", Value::reference(id::TABLE))),
            (output::FUNCTION_NAME, output("The function that reads files", Value::reference(id::HANDLER))),
            (
                output::QUEUE_URL,
                output("The queue of events that failed every attempt", Value::reference(id::FAILED_EVENTS)),
            ),
            (output::LOG_GROUP_NAME, output("The function's log group", Value::reference(id::HANDLER_LOGS))),
        ]),
    }
}

impl Template {
    /// The template as JSON, ending with a line feed.
    ///
    /// # Panics
    /// Never: a template is made of maps with text keys, which JSON can hold.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a template has text keys only");
        text.push('\n');
        text
    }

    /// The template as YAML, ending with a line feed.
    ///
    /// # Panics
    /// Never: a template is made of maps with text keys, which YAML can hold.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("a template has text keys only")
    }

    /// The template as the document that is compared and sent.
    ///
    /// # Panics
    /// Never: a template is made of maps with text keys, which JSON can hold.
    pub fn document(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a template has text keys only")
    }
}
