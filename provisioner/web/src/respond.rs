//! Answers: pages, redirections and errors, each as a page for a person or as JSON for the module.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::Markup;
use provisioner_model::error::{Error, Exit};
use serde_json::json;
use tokio::time::Instant;

use crate::context::Context;
use crate::view;

/// A page.
pub(crate) fn html(status: StatusCode, page: Markup) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}

/// Adds how long a page took to the answer (W3C Server Timing): to read what it shows, and to render it.
pub(crate) fn timed(mut response: Response, started: Instant, read: Instant) -> Response {
    let millis = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1_000.0;
    let timing = format!("read;dur={:.2}, render;dur={:.2}", millis(started, read), millis(read, Instant::now()));
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        response.headers_mut().insert("server-timing", timing);
    }
    response
}

/// A page that is sent in two halves: what is known at once, then the content once it is. It works without script, and
/// shows meanwhile what it waits for.
pub(crate) fn halves(before: Markup, content: impl Future<Output = Markup> + Send + 'static) -> Response {
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
pub(crate) fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Whether the request is of a person who looks at a page, not of the module.
pub(crate) fn is_page(headers: &HeaderMap) -> bool {
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
pub(crate) fn failed(context: &Context, headers: &HeaderMap, error: &Error) -> Response {
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
        // A page that another site reads by DNS rebinding, or another user of this machine opens, does not name the stack.
        let about = context.session.is_signed_in(headers).then(|| context.pipeline.about());
        return html(status, view::problem(about, problem));
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

pub(crate) fn status_of(error: &Error) -> StatusCode {
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
