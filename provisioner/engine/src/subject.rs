//! Finds the file that a command line means: by the record's id, by the object's key, or by the file's name.

use handler_contract::Upload;
use provisioner_aws::Aws;
use provisioner_aws::object::Object;
use provisioner_aws::records::Records;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::names::Names;
use provisioner_model::object::ObjectVersion;
use provisioner_model::query::{Pattern, Query, Row};
use provisioner_model::spec::StackSpec;
use serde_json::Value;
use uuid::Uuid;

use crate::clock;
use crate::failed_events::{self, Scan};

/// The largest number of uploads of one key that are read, newest first.
pub const MOST_UPLOADS: usize = 20;
/// The largest number of records that are examined for a file's name, about 10 MB.
const BUDGET: usize = 50_000;
/// The largest number of pages of 1,000 versions of one key.
pub const VERSION_PAGES: usize = 5;
/// Keys that an ambiguous name lists.
const LISTED_KEYS: usize = 5;

/// A file, and what was read to find it.
#[derive(Debug)]
pub struct Found {
    /// The object's key.
    pub key: String,
    /// The record's id, if one was named.
    pub document_id: Option<String>,
    /// The records of the key, newest first; at most [`MOST_UPLOADS`]. Where a record's id was named, that record.
    pub rows: Vec<Row>,
    /// The object's versions, or why they could not be read.
    pub versions: Result<Vec<ObjectVersion>, CallError>,
    /// The failed events, if they were read to find the file.
    pub failed_events: Option<Scan>,
}

/// Finds files of one stack.
#[derive(Debug)]
pub struct Finder<'a> {
    aws: &'a Aws,
    spec: &'a StackSpec,
    /// The stack's names.
    pub names: Names,
    /// The table of records.
    pub records: Records,
}

impl<'a> Finder<'a> {
    /// A finder for this stack.
    pub fn new(aws: &'a Aws, spec: &'a StackSpec) -> Self {
        let names = Names::new(spec, &aws.account, &aws.region);
        Self { aws, spec, records: Records::new(aws, &names.table), names }
    }

    /// Finds the file that `text` means: the id of a record, an object's key, or a file's name; a path of this machine counts
    /// by its last part. With `in_queue`, a file that has neither object nor record is also looked for among the failed
    /// events.
    ///
    /// # Errors
    /// There is no such file, several keys have the name, or a read failed.
    pub async fn find(&self, text: &str, in_queue: bool) -> Result<Found> {
        if Uuid::parse_str(text).is_ok()
            && let Some(found) = self.by_id(text).await?
        {
            return Ok(found);
        }
        if let Some(found) = self.by_key(text).await? {
            return Ok(found);
        }
        let name = text.rsplit('/').find(|part| !part.is_empty()).unwrap_or(text);
        if let Some(prefix) = &self.spec.bucket.prefix
            && let Some(found) = self.by_key(&format!("{prefix}{name}")).await?
        {
            return Ok(found);
        }
        if let Some(key) = one_key(text, self.keys_of_name(name).await?)? {
            return Ok(self.by_key(&key).await?.unwrap_or_else(|| Found::nothing(key)));
        }
        if in_queue {
            let scan = self.failed_events().await?;
            let keys = scan.messages.iter().flat_map(|message| message.event.iter().flat_map(FailedEvent::keys));
            let fits = |key: &&str| *key == text || key.rsplit('/').next() == Some(name);
            let keys = keys.filter(fits).map(ToOwned::to_owned).collect();
            if let Some(key) = one_key(text, keys)? {
                let found = self.by_key(&key).await?.unwrap_or_else(|| Found::nothing(key));
                return Ok(Found { failed_events: Some(scan), ..found });
            }
        }
        Err(Error::new(Exit::Failure, "no-such-file", format!("the stack {} knows no file {text}", self.spec.name))
            .hint(format!(
                "Name a record's id, an object's whole key, or a file's name. Newest records: provisioner records -s {}",
                self.spec.name
            )))
    }

    /// The failed events, read and given back to the queue.
    pub async fn failed_events(&self) -> Result<Scan> {
        failed_events::peek(self.aws, &self.names, failed_events::MOST_PEEKED)
            .await
            .map_err(|e| e.into_error("read the queue of failed events"))
    }

    async fn by_id(&self, id: &str) -> Result<Option<Found>> {
        let id = id.to_ascii_lowercase();
        let records = match self.records.documents(std::slice::from_ref(&id)).await {
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            records => records.map_err(failed)?,
        };
        let Some(row) = records.into_iter().next().and_then(|record| serde_json::from_value::<Row>(record).ok()) else {
            return Ok(None);
        };
        let versions = self.object(&row.object_key).versions(VERSION_PAGES).await;
        let key = row.object_key.clone();
        Ok(Some(Found { key, document_id: Some(id), rows: vec![row], versions, failed_events: None }))
    }

    /// The file of exactly this key; `None` if it has neither record nor version.
    pub async fn by_key(&self, key: &str) -> Result<Option<Found>> {
        let object = self.object(key);
        let (rows, versions) = tokio::join!(self.rows_of(key), object.versions(VERSION_PAGES));
        let rows = rows?;
        let is_known = !rows.is_empty() || versions.as_ref().is_ok_and(|versions| !versions.is_empty());
        let found = Found { key: key.to_owned(), document_id: None, rows, versions, failed_events: None };
        Ok(is_known.then_some(found))
    }

    /// The records of a key, newest first.
    pub async fn rows_of(&self, key: &str) -> Result<Vec<Row>> {
        let query = Query { object: Some((self.names.bucket.clone(), key.to_owned())), ..Query::default() };
        match self.records.page(&query, &clock::now()?, MOST_UPLOADS, usize::MAX).await {
            Ok(page) => Ok(page.rows),
            // Without the table there is no record; the bucket and the log may know the file.
            Err(error) if error.kind == Kind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }

    /// The keys of the newest records whose file has exactly this name.
    async fn keys_of_name(&self, name: &str) -> Result<Vec<String>> {
        let query = Query { name: Some(Pattern::contained(name)), ..Query::default() };
        match self.records.page(&query, &clock::now()?, MOST_UPLOADS, BUDGET).await {
            Ok(page) => {
                let rows = page.rows.into_iter().filter(|row| row.file_name == name);
                Ok(rows.map(|row| row.object_key).collect())
            }
            Err(error) if error.kind == Kind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn object(&self, key: &str) -> Object {
        Object::new(self.aws, &self.names.bucket, key)
    }

    /// The whole records of rows.
    pub async fn documents(&self, rows: &[Row]) -> Result<Vec<Value>> {
        let ids: Vec<String> = rows.iter().map(|row| row.document_id.clone()).collect();
        if ids.is_empty() { Ok(Vec::new()) } else { self.records.documents(&ids).await.map_err(failed) }
    }
}

impl Found {
    fn nothing(key: String) -> Self {
        Self { key, document_id: None, rows: Vec::new(), versions: Ok(Vec::new()), failed_events: None }
    }

    /// Whether an upload is of this key.
    pub fn is_of(&self, upload: &Upload) -> bool {
        upload.key == self.key
    }
}

/// The one key among these; an error if there are several.
fn one_key(text: &str, mut keys: Vec<String>) -> Result<Option<String>> {
    keys.sort();
    keys.dedup();
    if keys.len() <= 1 {
        return Ok(keys.pop());
    }
    let listed = keys.iter().take(LISTED_KEYS).map(String::as_str).collect::<Vec<_>>().join("\n");
    let more = if keys.len() > LISTED_KEYS { "\n…" } else { "" };
    Err(Error::new(Exit::Failure, "ambiguous-name", format!("{} keys have the name {text}", keys.len()))
        .hint(format!("Name one of these keys:\n{listed}{more}")))
}

fn failed(error: CallError) -> Error {
    error.into_error("read the table of records")
}
