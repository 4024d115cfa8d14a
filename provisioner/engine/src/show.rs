//! One record whole, with what its error means and the other uploads of its key.

use provisioner_aws::Aws;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::query::Row;
use provisioner_model::remedy;
use provisioner_model::spec::StackSpec;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::subject::Finder;

/// One record, and what belongs to it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The stack.
    pub stack: String,
    /// The record with all of its attributes.
    pub record: Value,
    /// What the record's error code means and what to do; absent for a file that succeeded, and for a code that this program
    /// does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// The object at present; absent if the bucket could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectState>,
    /// The other records of the same key, newest first.
    #[schemars(with = "Vec<serde_json::Map<String, Value>>")]
    pub others: Vec<Row>,
}

/// What an error code means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The code.
    pub code: String,
    /// What it means.
    pub meaning: String,
    /// What to do.
    pub remedy: String,
}

/// Whether the object of a record is still in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectState {
    /// The record's upload is what a read of the key finds.
    Current,
    /// The key was put again; the record's version is kept.
    Overwritten,
    /// The record's upload is not in the bucket any more.
    Gone,
}

/// The newest record of a file, or the one with this id. `text` is a record's id, an object's key, or a file's name.
///
/// # Errors
/// There is no such file, it has no record, several keys have the name, or a read failed.
pub async fn show(aws: &Aws, spec: &StackSpec, text: &str) -> Result<Shown> {
    let finder = Finder::new(aws, spec);
    let found = finder.find(text, false).await?;
    let missing = || {
        Error::new(Exit::Failure, "no-record", format!("{} has no record", found.key))
            .hint(format!("What became of it shows: provisioner trace KEY -s {}", spec.name))
    };
    // The record's whole attributes, and the other uploads of its key, which a search by id has not read.
    let newest = found.rows.first().ok_or_else(missing)?;
    let (record, rows) = tokio::join!(finder.documents(std::slice::from_ref(newest)), async {
        if found.document_id.is_some() { finder.rows_of(&found.key).await } else { Ok(found.rows.clone()) }
    });
    let record = record?.into_iter().next().ok_or_else(missing)?;
    let others = rows?.into_iter().filter(|row| row.document_id != newest.document_id).collect();
    Ok(Shown {
        stack: spec.name.clone(),
        explanation: explanation(&record),
        object: found.versions.as_ref().ok().map(|versions| {
            let is_it = |version: &&provisioner_model::object::ObjectVersion| {
                // Nothing is the same as nothing only by chance.
                let same = |name: &str, other: Option<&str>| other.is_some_and(|other| record[name] == other);
                let same_version = same("versionId", version.version_id.as_deref());
                let same_content = record["versionId"].is_null() && same("eTag", version.e_tag.as_deref());
                !version.is_delete_marker && (same_version || same_content)
            };
            match versions.iter().find(is_it) {
                Some(version) if version.is_latest => ObjectState::Current,
                Some(_) => ObjectState::Overwritten,
                None => ObjectState::Gone,
            }
        }),
        record,
        others,
    })
}

fn explanation(record: &Value) -> Option<Explanation> {
    let code = remedy::code(record["errorCode"].as_str()?)?;
    Some(Explanation {
        code: code.to_string(),
        meaning: code.meaning().trim().to_owned(),
        remedy: remedy::remedy(code).to_owned(),
    })
}
