//! What every request must pass: the host it names (DNS rebinding), where it comes from (cross-site request forgery) and
//! who sends it. And what every answer says to the browser.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::context::Context;
use crate::respond::problem;

/// Only this server's own files, nothing inline, in no frame.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                              require-trusted-types-for 'script'; trusted-types rows";

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, browsers send forms with the origin `null`.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
];

/// Where the page is that began a request: `none` if it was the reader, by the address bar (W3C Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Adds the headers of every answer. What is not said to be kept is not kept by the browser.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a request that names another host, or that another site has sent.
pub(crate) async fn origin(State(context): State<Context>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    // A request of HTTP/2 or with an absolute URI has its host there.
    let host = request.uri().authority().map_or_else(|| text(headers, &HOST), |authority| Some(authority.as_str()));
    if !host.is_some_and(|host| context.session.is_own_host(host)) {
        let message = "This address does not belong to this page.";
        return problem(&context, headers, StatusCode::MISDIRECTED_REQUEST, "wrong-host", message, None);
    }
    if !is_same_site(&context, request.method(), headers) {
        let message = "This request was sent by another site.";
        let hint = "Open the page by its own address, and send it from there.";
        return problem(&context, headers, StatusCode::FORBIDDEN, "cross-site", message, Some(hint));
    }
    next.run(request).await
}

/// Refuses a request of somebody who is not signed in.
pub(crate) async fn signed_in(State(context): State<Context>, request: Request, next: Next) -> Response {
    if context.session.is_signed_in(request.headers()) {
        return next.run(request).await;
    }
    let hint = context.session.how_to_sign_in().to_owned();
    let message = "You are not signed in.";
    problem(&context, request.headers(), StatusCode::UNAUTHORIZED, "not-signed-in", message, Some(&hint))
}

/// Whether a file or another site began this request.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    !matches!(text(headers, &SITE), None | Some("same-origin" | "none"))
}

fn is_same_site(context: &Context, method: &Method, headers: &HeaderMap) -> bool {
    let changes = *method != Method::GET && *method != Method::HEAD;
    if changes {
        // Browsers send the origin with each of these.
        return match text(headers, &ORIGIN) {
            Some(origin) => {
                context.session.is_own_origin(origin) && matches!(text(headers, &SITE), None | Some("same-origin"))
            }
            None => false,
        };
    }
    // A link from elsewhere is followed; it comes without the cookie. A picture or a script of another page is not served.
    !is_from_elsewhere(headers) || text(headers, &HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    // Two values are an attempt to confuse.
    values.next().is_none().then_some(first)
}
