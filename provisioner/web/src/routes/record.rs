//! One record: its page, its JSON, its file.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use provisioner_model::error::{Error, Exit, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::context::Context;
use crate::respond::{failed, html, is_page, redirect, status_of, timed};
use crate::view::record as view;

/// Other uploads that the page lists.
const OTHERS: usize = 10;

/// The record of this id.
async fn find(context: &Context, id: &str) -> Result<Value> {
    let missing = || {
        Error::new(Exit::Usage, "not-found", "There is no record with this id.")
            .hint("It may have been deleted. The list of records has those that there are.")
    };
    // Ids are UUIDs; nothing else has to be asked for.
    if id.len() != 36 || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(missing());
    }
    context.pipeline.documents(&[id.to_owned()]).await?.pop().ok_or_else(missing)
}

/// The page of a record; with `.json` after its id, the record as it is kept.
pub(super) async fn page(State(context): State<Context>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let started = Instant::now();
    let (id, is_json) = id.strip_suffix(".json").map_or((id.as_str(), false), |id| (id, true));
    let record = match find(&context, id).await {
        Ok(record) => record,
        Err(error) => return failed(&context, &headers, &error),
    };
    if is_json {
        return axum::Json(record).into_response();
    }
    let key = record["objectKey"].as_str().unwrap_or_default();
    let (trace, others) =
        futures_util::future::join(context.pipeline.trace(&record), context.pipeline.uploads_of(key, OTHERS + 1)).await;
    let others = others.map(|rows| rows.into_iter().filter(|row| row.document_id != id).take(OTHERS).collect());
    let shown = view::Shown { id, record: &record, trace: &trace, others: &others };
    let read = Instant::now();
    timed(html(StatusCode::OK, view::record(context.pipeline.about(), &shown)), started, read)
}

/// The file of a record, as a download from where it is stored.
pub(super) async fn file(State(context): State<Context>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let link = async {
        let record = find(&context, &id).await?;
        context.pipeline.download_link(&record).await
    };
    match link.await {
        Ok(link) => redirect(&link),
        Err(error) if error.code != "not-found" && is_page(&headers) => {
            html(status_of(&error), view::no_file(context.pipeline.about(), &id, &error))
        }
        Err(error) => failed(&context, &headers, &error),
    }
}
