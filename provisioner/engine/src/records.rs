//! The table of records, a page at a time.

use std::collections::BTreeSet;

use handler_contract::Status;
use provisioner_aws::Aws;
use provisioner_aws::records::Records;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::query::Query;
use provisioner_model::search::Page;
use provisioner_model::spec::StackSpec;
use serde_json::Value;

use crate::clock;

/// The largest number of records that are examined for one page, about 10 MB, however few of them match.
const BUDGET: usize = 50_000;

/// The largest number of records of a page that are read for [`Listing::partial`]: ten calls.
const MOST_MARKED: usize = 1_000;

/// The records of a stack.
#[derive(Debug)]
pub struct Listing<'a> {
    table: Records,
    names: Names,
    spec: &'a StackSpec,
    /// The stack as the caller named it.
    stack: &'a str,
}

impl<'a> Listing<'a> {
    /// The records of a stack. `stack` is the stack as the caller named it.
    pub fn new(aws: &Aws, spec: &'a StackSpec, stack: &'a str) -> Self {
        let names = Names::new(spec, &aws.account, &aws.region);
        Self { table: Records::new(aws, &names.table), names, spec, stack }
    }

    /// The bucket of the files.
    pub fn bucket(&self) -> &str {
        &self.names.bucket
    }

    /// At most `limit` records that match, newest first.
    pub async fn page(&self, query: &Query, limit: usize) -> Result<Page> {
        let now = clock::now()?;
        self.table.page(query, &now, limit, BUDGET).await.map_err(|error| self.failed(error))
    }

    /// The whole records of a page, in its order.
    pub async fn documents(&self, page: &Page) -> Result<Vec<Value>> {
        let ids: Vec<String> = page.rows.iter().map(|row| row.document_id.clone()).collect();
        self.documents_of(&ids).await
    }

    /// The whole records with these ids, in their order; those that do not exist are left out.
    pub async fn documents_of(&self, ids: &[String]) -> Result<Vec<Value>> {
        self.table.documents(ids).await.map_err(|error| self.failed(error))
    }

    /// The ids of the records of a page whose files could be read only in part. The indexes do not have that attribute, so
    /// the records are read; of a longer page than `MOST_MARKED` only the first ones.
    pub async fn partial(&self, page: &Page) -> Result<BTreeSet<String>> {
        let success = page.rows.iter().filter(|row| row.status == Status::Success);
        let ids: Vec<String> = success.take(MOST_MARKED).map(|row| row.document_id.clone()).collect();
        let documents = self.table.documents(&ids).await.map_err(|error| self.failed(error))?;
        let partial = documents.iter().filter(|document| document["isPartial"] == true);
        Ok(partial.filter_map(|document| document["documentId"].as_str().map(ToOwned::to_owned)).collect())
    }

    /// The error that the stack has no table.
    pub fn missing(&self) -> Error {
        Error::new(Exit::Failure, "no-table", format!("the stack {} has no table {}", self.spec.name, self.names.table))
            .hint(format!(
                "Without a stack: provisioner up -s {0}\nIf its table was deleted: provisioner up --revert-drift -s {0}",
                self.stack
            ))
    }

    /// The error of a failed read.
    pub fn failed(&self, error: CallError) -> Error {
        match error.kind {
            Kind::NotFound => self.missing(),
            _ => error.into_error("read the table of records"),
        }
    }
}
