//! The list of records, and its exports.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use handler_contract::Timestamp;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::query::{Order, Query, Row};
use provisioner_model::record_csv;
use provisioner_model::search::Page;
use serde_json::Value;
use tokio::time::Instant;

use crate::context::Context;
use crate::filter::{Filter, Mistake};
use crate::respond::{failed, html, timed};
use crate::view::records as view;

/// Records on a page.
const PAGE: usize = 50;
/// Records that are read at once for an export.
const EXPORT_PAGE: usize = 500;

fn now(context: &Context) -> Result<Timestamp> {
    Timestamp::from_unix_millis(context.pipeline.now_millis())
        .ok_or_else(|| Error::new(Exit::Failure, "clock", "the clock is beyond the year 9999"))
}

/// The page of records.
pub(super) async fn page(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let started = Instant::now();
    let filter = Filter::parse(&query.unwrap_or_default());
    match list(&context, &filter).await {
        Ok(list) => {
            let read = Instant::now();
            let status = if list.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            timed(html(status, view::records(context.pipeline.about(), &filter, &list)), started, read)
        }
        Err(error) => failed(&context, &headers, &error),
    }
}

async fn list(context: &Context, filter: &Filter) -> Result<Result<view::List, Vec<Mistake>>> {
    let query = match filter.query(&now(context)?, context.pipeline.about().test_files) {
        Ok(query) => query,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let page = context.pipeline.list(&query, PAGE).await?;
    Ok(Ok(in_display_order(query.order, filter, page)))
}

/// A page of the list, newest first, with the tokens of its neighbours.
fn in_display_order(direction: Order, filter: &Filter, page: Page) -> view::List {
    let Page { mut rows, next, gave_up_after } = page;
    let next = next.as_ref().map(ToString::to_string);
    if direction == Order::OldestFirst {
        rows.reverse();
    }
    let token = |row: Option<&Row>| row.map(|row| row.position().to_string());
    let (older_page, newer_page) = match direction {
        Order::NewestFirst => (next, if filter.is_first_page() { None } else { token(rows.first()) }),
        Order::OldestFirst => (token(rows.last()).or_else(|| Some(filter.before.clone())), next),
    };
    view::List { rows, older: older_page, newer: newer_page, gave_up_after }
}

/// The matching records with the columns of the list, as CSV.
pub(super) async fn csv(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let write = |records: &[Value], is_first: bool| {
        let header = if is_first { record_csv::list_header() } else { String::new() };
        header + record_csv::list_rows(records).as_str()
    };
    export(context, &headers, query, ("text/csv; charset=utf-8", "csv"), false, write).await
}

/// The matching records with all of their attributes, as a JSON array.
pub(super) async fn json(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let write = |records: &[Value], is_first: bool| {
        let mut text = String::new();
        for (n, record) in records.iter().enumerate() {
            text.push_str(if is_first && n == 0 { "\n" } else { ",\n" });
            text.push_str(&record.to_string());
        }
        text
    };
    export(context, &headers, query, ("application/json", "json"), true, write).await
}

/// Streams records a page at a time. An error after the beginning breaks the download off, so that it is not taken for
/// whole.
async fn export(
    context: Context,
    headers: &HeaderMap,
    query: Option<String>,
    (media_type, extension): (&'static str, &str),
    is_whole: bool,
    write: fn(&[Value], bool) -> String,
) -> Response {
    let filter = Filter::parse(&query.unwrap_or_default()).first_page();
    let parsed = match now(&context) {
        Ok(now) => filter.query(&now, context.pipeline.about().test_files).map(|query| (query, now)),
        Err(error) => return failed(&context, headers, &error),
    };
    let (query, now) = match parsed {
        Ok(parsed) => parsed,
        Err(mistakes) => {
            let message = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
            return failed(&context, headers, &Error::new(Exit::Usage, "bad-filter", message));
        }
    };
    // The first page is read before the answer starts: most errors come with it.
    let first = match records(&context, &query, is_whole).await {
        Ok(first) => first,
        Err(error) => return failed(&context, headers, &error),
    };
    let name = format!("{}-records-{}.{extension}", context.pipeline.about().stack, now.day());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let export = Export { context, query, is_whole, write, page: Some(Ok(first)), is_first: true };
    let body = futures_util::stream::unfold(export, Export::next);
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_DISPOSITION, disposition)];
    // A compressor asks again after the end.
    (headers, Body::from_stream(body.fuse())).into_response()
}

type Records = (Vec<Value>, Option<provisioner_model::query::Position>);

/// An export under way.
struct Export {
    context: Context,
    query: Query,
    is_whole: bool,
    write: fn(&[Value], bool) -> String,
    /// What is written next; `None` at the end.
    page: Option<Result<Records>>,
    is_first: bool,
}

impl Export {
    /// The text of a page, after the next one was read.
    async fn next(mut self) -> Option<(Result<Bytes>, Self)> {
        let (rows, next) = match self.page.take()? {
            Ok(page) => page,
            Err(error) => return Some((Err(error), self)),
        };
        let mut text = String::new();
        if self.is_whole && self.is_first {
            text.push('[');
        }
        text.push_str(&(self.write)(&rows, self.is_first));
        self.is_first = false;
        match next {
            None if self.is_whole => text.push_str("\n]\n"),
            None => {}
            Some(next) => {
                self.query.after = Some(next);
                self.page = Some(records(&self.context, &self.query, self.is_whole).await);
            }
        }
        Some((Ok(Bytes::from(text)), self))
    }
}

async fn records(context: &Context, query: &Query, is_whole: bool) -> Result<Records> {
    let page = context.pipeline.list(query, EXPORT_PAGE).await?;
    let records = if is_whole {
        let ids: Vec<String> = page.rows.iter().map(|row| row.document_id.clone()).collect();
        context.pipeline.documents(&ids).await?
    } else {
        page.rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
    };
    Ok((records, page.next))
}
