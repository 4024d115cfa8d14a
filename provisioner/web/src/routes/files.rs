//! Uploads: the page, a form without script, whole files and parts.

use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use form_urlencoded::Serializer;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::query::Query;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::context::Context;
use crate::pipeline::Stored;
use crate::respond::{failed, html, is_page, redirect, timed};
use crate::transfer::{Progress, too_large};
use crate::view::files as view;

/// Recent records on the page of uploads.
const RECENT: usize = 20;
/// Records of one key among which that of an upload is looked for.
const OF_KEY: usize = 20;
/// S3 user guide, "Naming Amazon S3 objects": bytes of UTF-8.
const LONGEST_KEY: usize = 1_024;
/// How much older than the request a record of an upload can be, because clocks differ. Milliseconds.
const SLACK: i64 = 5_000;
/// Files of one form.
const MOST_FILES: usize = 10_000;

/// The page of uploads.
pub(super) async fn page(State(context): State<Context>) -> Response {
    let started = Instant::now();
    let about = context.pipeline.about();
    let query = Query { excluded: Some(about.test_files), ..Query::default() };
    let recent = context.pipeline.list(&query, RECENT).await.map(|page| page.rows);
    let read = Instant::now();
    timed(html(StatusCode::OK, view::files(about, &recent)), started, read)
}

/// The object's key for a name that a browser sent: below the stack's prefix. An error says what is wrong with it.
fn key_of(context: &Context, name: &str) -> Result<String> {
    let about = context.pipeline.about();
    let refuse =
        |message: String| Error::new(Exit::Usage, "bad-name", message).hint("Rename the file, then send it again.");
    let name = name.replace('\\', "/");
    let name = name.trim_start_matches('/');
    if name.is_empty() || name.ends_with('/') {
        return Err(refuse("the file has no name".to_owned()));
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse("the name has a part that is empty or consists of dots".to_owned()));
    }
    if name.chars().any(char::is_control) {
        return Err(refuse("the name contains a control character".to_owned()));
    }
    if let Some(suffix) = about.suffix.as_deref().filter(|suffix| !name.ends_with(suffix)) {
        return Err(refuse(format!("this stack only reads files whose names end with {suffix}")));
    }
    let key = format!("{}{name}", about.prefix);
    if key.len() > LONGEST_KEY {
        return Err(refuse(format!("the name has {} bytes, and S3 accepts {LONGEST_KEY}", key.len())));
    }
    Ok(key)
}

/// A file that was stored, as the module needs it to find its record.
fn stored(stored: &Stored, since: i64) -> Value {
    json!({ "key": stored.key, "size": stored.size, "eTag": stored.e_tag, "versionId": stored.version_id, "since": since,
            "record": record_link(stored, since) })
}

/// The address of the record of a stored file.
fn record_link(stored: &Stored, since: i64) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("key", &stored.key).append_pair("since", &since.to_string());
    for (name, value) in [("etag", &stored.e_tag), ("version", &stored.version_id)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("/files/record?{}", query.finish())
}

/// The values of an address's query.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: Option<String>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.text(name).parse().map_err(|_| {
            Error::new(Exit::Usage, "bad-request", format!("{name} is missing in the address, or not a number"))
        })
    }
}

/// Stores a file that is the body of one request.
pub(super) async fn whole(
    State(context): State<Context>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let result = async {
        let key = key_of(&context, Parameters::of(query).text("name"))?;
        let since = context.pipeline.now_millis();
        let limit = context.pipeline.about().max_size;
        // The length is known before anything is read.
        let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let done = context.transfers.whole(&context.pipeline, key, limit, body.into_data_stream()).await?;
        Ok(stored(&done, since))
    };
    match result.await {
        Ok(stored) => axum::Json(stored).into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

/// Begins a file that is sent in parts.
pub(super) async fn begin(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let begun = || {
        let parameters = Parameters::of(query);
        let key = key_of(&context, parameters.text("name"))?;
        let size: u64 = parameters.number("size")?;
        let limit = context.pipeline.about().max_size;
        if size > limit {
            return Err(too_large(limit));
        }
        let since = context.pipeline.now_millis();
        let id = context.transfers.begin(&context.pipeline, key, size)?;
        Ok(json!({ "id": id, "offset": 0, "since": since }))
    };
    match begun() {
        Ok(begun) => (StatusCode::CREATED, axum::Json(begun)).into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

fn progress_of(progress: Result<Progress>, since: i64) -> Result<Value> {
    Ok(match progress? {
        Progress::At(offset) => json!({ "offset": offset }),
        Progress::Stored(done) => json!({ "stored": stored(&done, since) }),
    })
}

/// Adds a part to a file.
pub(super) async fn part(
    State(context): State<Context>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let parameters = Parameters::of(query);
    let result = async {
        let (offset, since) = (parameters.number("offset")?, parameters.number("since")?);
        progress_of(context.transfers.send(&id, offset, body.into_data_stream()).await, since)
    };
    match result.await {
        Ok(progress) => axum::Json(progress).into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

/// How far a file is that is sent in parts.
pub(super) async fn progress(
    State(context): State<Context>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let since = Parameters::of(query).number("since").unwrap_or_default();
    match progress_of(context.transfers.progress(&id).await, since) {
        Ok(progress) => axum::Json(progress).into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

/// Cancels a file that is sent in parts.
pub(super) async fn cancel(State(context): State<Context>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    match context.transfers.cancel(&id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

/// Stores the files of a form, for a browser without script.
pub(super) async fn form(State(context): State<Context>, headers: HeaderMap, form: Multipart) -> Response {
    match form_files(&context, form).await {
        Ok(files) => html(StatusCode::OK, view::sent(context.pipeline.about(), &files)),
        Err(error) => failed(&context, &headers, &error),
    }
}

async fn form_files(context: &Context, mut form: Multipart) -> Result<Vec<view::Sent>> {
    let broken = |e: MultipartError| {
        Error::new(Exit::Usage, "bad-form", "the form is not complete").source(e.body_text()).hint("Send it again.")
    };
    let limit = context.pipeline.about().max_size;
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        // A form without a chosen file has one without a name.
        let Some(name) = field.file_name().filter(|name| !name.is_empty()).map(ToOwned::to_owned) else { continue };
        if files.len() >= MOST_FILES {
            return Err(Error::new(Exit::Usage, "too-many-files", format!("a form takes {MOST_FILES} files")));
        }
        let since = context.pipeline.now_millis();
        let result = match key_of(context, &name) {
            Ok(key) => context.transfers.whole(&context.pipeline, key, limit, field).await,
            Err(error) => Err(error),
        };
        let result = result.map(|stored| {
            let link = record_link(&stored, since);
            (stored, link)
        });
        files.push(view::Sent { name, result });
    }
    if files.is_empty() {
        return Err(
            Error::new(Exit::Usage, "no-file", "no file was chosen").hint("Choose one or more files, then upload.")
        );
    }
    Ok(files)
}

/// The record of an upload: its page for a person, its line for the module; until it is there, a page that says so.
pub(super) async fn record(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query);
    match find(&context, &parameters).await {
        Ok(Some(record)) if is_page(&headers) => {
            redirect(&format!("/records/{}", record["documentId"].as_str().unwrap_or_default()))
        }
        Ok(Some(record)) => axum::Json(json!({ "record": super::live::described(&record) })).into_response(),
        Ok(None) if is_page(&headers) => {
            html(StatusCode::OK, view::awaited(context.pipeline.about(), parameters.text("key")))
        }
        Ok(None) => axum::Json(json!({ "record": null })).into_response(),
        Err(error) => failed(&context, &headers, &error),
    }
}

async fn find(context: &Context, parameters: &Parameters) -> Result<Option<Value>> {
    let since: i64 = parameters.number("since")?;
    let rows = context.pipeline.uploads_of(parameters.text("key"), OF_KEY).await?;
    let is_new = |at: &handler_contract::Timestamp| at.unix_millis() >= since - SLACK;
    let ids: Vec<String> = rows.into_iter().filter(|row| is_new(&row.uploaded_at)).map(|row| row.document_id).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let (version, e_tag) = (parameters.text("version"), parameters.text("etag"));
    let is_of_upload = |record: &Value| match record["versionId"].as_str() {
        Some(known) if !version.is_empty() => known == version,
        _ => e_tag.is_empty() || record["eTag"] == e_tag,
    };
    Ok(context.pipeline.documents(&ids).await?.into_iter().find(is_of_upload))
}
