//! Addresses, and what answers them.

mod events;
mod files;
mod live;
mod record;
mod records;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, REFRESH, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use crate::context::Context;
use crate::respond::{html, problem, redirect};
use crate::{assets, guard, view};

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
        .method_not_allowed_fallback(not_allowed)
        // Each route of files has its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(context.clone(), guard::signed_in));
    Router::new()
        .route("/sign-in", get(sign_in))
        .route("/assets/{name}", get(asset))
        .method_not_allowed_fallback(not_allowed)
        .merge(for_signed_in)
        .layer(from_fn_with_state(context.clone(), guard::origin))
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::headers))
        .with_state(context)
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
    let mut response = if guard::is_from_elsewhere(&headers) {
        // Along a redirection of a navigation that a file or another site began, the browser withholds the new cookie
        // (SameSite=Strict): this page begins the next one.
        let mut page = html(StatusCode::OK, view::signed_in());
        page.headers_mut().insert(REFRESH, HeaderValue::from_static("0;url=/"));
        page
    } else {
        redirect("/")
    };
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
