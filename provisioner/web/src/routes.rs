//! Addresses, and what answers them.

mod events;
mod files;
mod live;
mod record;
mod records;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use maud::Markup;
use provisioner_model::error::{Error, Exit};
use serde_json::json;
use tokio::time::Instant;
use tower_http::compression::CompressionLayer;

use crate::{Context, assets, guard, view};

pub(crate) fn router(context: Context) -> Router {
    let for_signed_in = Router::new()
        .route("/", get(files::page))
        .route("/files", post(files::form).put(files::whole))
        .route("/files/record", get(files::record))
        .route("/transfers", post(files::begin))
        .route("/transfers/{id}", get(files::progress).patch(files::part).delete(files::cancel))
        .route("/records", get(records::page))
        .route("/records.csv", get(records::csv))
        .route("/records.json", get(records::json))
        .route("/records/{id}", get(record::page))
        .route("/records/{id}/file", get(record::file))
        .route("/live", get(live::events))
        .route("/failed-events", get(events::failed))
        .route("/failed-events/redrive", get(events::question).post(events::redrive))
        .route("/health", get(events::health))
        .fallback(not_found)
        // Each route of files has its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(context.clone(), guard::signed_in));
    Router::new()
        .route("/sign-in", get(sign_in))
        .route("/assets/{name}", get(asset))
        .merge(for_signed_in)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(context.clone(), guard::origin))
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::headers))
        .with_state(context)
}

/// A page.
fn html(status: StatusCode, page: Markup) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}

/// Adds how long a page took to the answer (W3C Server Timing): to read what it shows, and to render it.
fn timed(mut response: Response, started: Instant, read: Instant) -> Response {
    let millis = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1_000.0;
    let timing = format!("read;dur={:.2}, render;dur={:.2}", millis(started, read), millis(read, Instant::now()));
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        response.headers_mut().insert("server-timing", timing);
    }
    response
}

/// A page that is sent in two halves: what is known at once, then the content once it is. It works without script, and
/// shows meanwhile what it waits for.
fn halves(before: Markup, content: impl Future<Output = Markup> + Send + 'static) -> Response {
    use futures_util::stream::{StreamExt as _, once};
    let first = once(async move { Ok::<_, std::convert::Infallible>(before.into_string()) });
    let rest = once(async move { Ok(content.await.into_string() + view::after().into_string().as_str()) });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // A compressor would keep the first half until the second one comes.
        (axum::http::header::CONTENT_ENCODING, HeaderValue::from_static("identity")),
    ];
    (headers, Body::from_stream(first.chain(rest))).into_response()
}

/// Answers with another address.
fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Whether the request is of a person who looks at a page, not of the module.
fn is_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// The answer to a request that failed: a page, or JSON for the module.
pub(crate) fn problem(
    context: &Context,
    headers: &HeaderMap,
    status: StatusCode,
    code: &str,
    message: &str,
    hint: Option<&str>,
) -> Response {
    answer_problem(context, headers, status, code, &view::Problem { title: title(status), message, causes: &[], hint })
}

/// The answer to a request that failed with this error.
fn failed(context: &Context, headers: &HeaderMap, error: &Error) -> Response {
    let status = status_of(error);
    let causes = error.causes();
    let problem =
        view::Problem { title: title(status), message: &error.message, causes: &causes, hint: error.hint.as_deref() };
    answer_problem(context, headers, status, error.code, &problem)
}

fn answer_problem(
    context: &Context,
    headers: &HeaderMap,
    status: StatusCode,
    code: &str,
    problem: &view::Problem<'_>,
) -> Response {
    if is_page(headers) {
        return html(status, view::problem(context.pipeline.about(), problem));
    }
    let message = std::iter::once(problem.message).chain(problem.causes.iter().map(String::as_str));
    let error = json!({ "code": code, "message": message.collect::<Vec<_>>().join(": "), "hint": problem.hint });
    (status, axum::Json(json!({ "error": error }))).into_response()
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "This request makes no sense",
        StatusCode::UNAUTHORIZED => "Sign in",
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => "Refused",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Not possible here",
        StatusCode::CONFLICT => "Out of step",
        StatusCode::GONE => "Gone",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::TOO_MANY_REQUESTS => "Too many at once",
        StatusCode::BAD_GATEWAY => "The stack cannot be reached",
        _ => "Something failed",
    }
}

fn status_of(error: &Error) -> StatusCode {
    match (error.code, error.exit) {
        ("not-found" | "unknown-upload", _) => StatusCode::NOT_FOUND,
        ("wrong-offset", _) => StatusCode::CONFLICT,
        ("file-gone", _) => StatusCode::GONE,
        ("too-large", _) => StatusCode::PAYLOAD_TOO_LARGE,
        ("too-many-uploads", _) => StatusCode::TOO_MANY_REQUESTS,
        (_, Exit::Usage) => StatusCode::BAD_REQUEST,
        (_, Exit::Access) => StatusCode::BAD_GATEWAY,
        (_, Exit::Interrupted) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn not_found(State(context): State<Context>, headers: HeaderMap) -> Response {
    let message = "There is no page at this address.";
    problem(&context, &headers, StatusCode::NOT_FOUND, "not-found", message, None)
}

async fn not_allowed(State(context): State<Context>, headers: HeaderMap) -> Response {
    let message = "This address does not answer requests of this kind.";
    problem(&context, &headers, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message, None)
}

async fn sign_in(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token").map(|(_, token)| token);
    // Who is signed in already does not use the token up, which may be meant for another browser.
    if context.session.is_signed_in(&headers) {
        return redirect("/");
    }
    let cookie = token.and_then(|token| context.session.sign_in(&token));
    let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) else {
        let message = "This address was used already, or is not complete.";
        let hint = context.session.how_to_sign_in().to_owned();
        return problem(&context, &headers, StatusCode::UNAUTHORIZED, "wrong-token", message, Some(&hint));
    };
    let mut response = redirect("/");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

async fn asset(State(context): State<Context>, headers: HeaderMap, Path(name): Path<String>) -> Response {
    match assets::find(&name) {
        Some(asset) => {
            let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
            ([(CONTENT_TYPE, asset.media_type.clone()), (CACHE_CONTROL, kept)], asset.content).into_response()
        }
        None => not_found(State(context), headers).await,
    }
}
