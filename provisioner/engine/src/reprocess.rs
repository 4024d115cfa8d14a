//! Reads files again whose records exist, after a limit or the handler's version changed.
//!
//! The new record replaces the old one under the same id, if it is older than this run; see `handler::target`.

use handler_contract::origin::Origin;
use handler_contract::{ErrorCode, Request};
use provisioner_aws::Aws;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use provisioner_model::spec::StackSpec;
use provisioner_model::units::counted;
use provisioner_planner::replay;
use serde_json::Value;
use uuid::Uuid;

use crate::clock;
use crate::dialog::Dialog;
use crate::event::replay::{ReplayEvent, Sent};
use crate::records::Listing;
use crate::replay::{Replay, send};
use crate::resend::Resender;

/// Records of a page of the selection, and of whole records that are in memory while their files are sent.
const PAGE: usize = 1_000;

/// Which files are read again.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// All uploads of these object keys; empty for all keys.
    pub keys: Vec<String>,
    /// Conditions on the record.
    pub query: Query,
    /// Only records with this error code.
    pub code: Option<ErrorCode>,
    /// Only records that this version of the handler wrote.
    pub handler_version: Option<String>,
}

/// How files are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Do not ask before sending.
    pub yes: bool,
    /// Only count.
    pub dry_run: bool,
    /// Invocations at the same time.
    pub parallel: u16,
}

impl Selection {
    fn includes_row(&self, row: &Row) -> bool {
        self.code.is_none_or(|code| row.error_code.as_deref() == Some(code.as_str()))
    }

    fn includes_document(&self, document: &Value) -> bool {
        self.handler_version.as_deref().is_none_or(|version| document["handlerVersion"] == version)
    }
}

/// Selects records and sends their files. `stack` is the stack as the caller named it.
pub async fn reprocess(
    aws: &Aws,
    spec: &StackSpec,
    stack: &str,
    selection: &Selection,
    options: Options,
    dialog: &dyn Dialog,
) -> Result<Sent> {
    let names = Names::new(spec, &aws.account, &aws.region);
    let listing = Listing::new(aws, spec, stack);
    let ids = select(&listing, selection).await?;
    dialog.event(ReplayEvent::Selected { files: ids.len() as u64 });
    let mut sent = Sent::default();
    if ids.is_empty() || options.dry_run {
        return Ok(sent);
    }
    if !options.yes {
        let question = format!("Process {} again?", counted(ids.len() as u64, "file"));
        dialog.ask(&question, "--yes").await?;
    }
    let requested_at = clock::now()?;
    let function = Resender::new(aws, spec, &names, Origin::Reprocess);
    for chunk in ids.chunks(PAGE) {
        let chunk: Vec<String> = chunk.iter().map(Uuid::to_string).collect();
        let mut documents = listing.documents_of(&chunk).await?.into_iter();
        let next = || {
            Ok(documents.by_ref().find_map(|document| {
                let upload = replay::upload_of_record(&document)?;
                let document_id = document["documentId"].as_str()?.to_owned();
                let request = Request::Reprocess { document_id, requested_at: requested_at.clone() };
                let event = replay::event(&upload, &request);
                Some(Replay { key: upload.key, version_id: upload.version_id, event })
            }))
        };
        send(&function, options.parallel.into(), next, &mut sent, dialog).await?;
    }
    dialog.event(ReplayEvent::ReplayDone(sent));
    if sent.failed > 0 {
        let message = format!("{} could not be processed; their records are unchanged", counted(sent.failed, "file"));
        return Err(Error::new(Exit::Files, "not-processed", message).hint("Run the same command again."));
    }
    Ok(sent)
}

/// The ids of the records.
async fn select(listing: &Listing<'_>, selection: &Selection) -> Result<Vec<Uuid>> {
    let objects: Vec<Option<(String, String)>> = if selection.keys.is_empty() {
        vec![None]
    } else {
        selection.keys.iter().map(|key| Some((listing.bucket().to_owned(), key.clone()))).collect()
    };
    let mut ids = Vec::new();
    for object in objects {
        let mut query = Query { object, ..selection.query.clone() };
        loop {
            let mut page = listing.page(&query, PAGE).await?;
            page.rows.retain(|row| selection.includes_row(row));
            if selection.handler_version.is_none() {
                ids.extend(page.rows.iter().filter_map(|row| row.document_id.parse::<Uuid>().ok()));
            } else {
                let documents = listing.documents(&page).await?;
                let documents = documents.iter().filter(|document| selection.includes_document(document));
                ids.extend(documents.filter_map(|document| document["documentId"].as_str()?.parse::<Uuid>().ok()));
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    Ok(ids)
}
