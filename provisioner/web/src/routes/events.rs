//! Failed events, and the health of the stack. Both take a second or more to read, so their pages are sent in halves.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html as markup};
use provisioner_model::error::Error;

use crate::context::Context;
use crate::respond::{failed as failure, halves, html};
use crate::view::{self, Place, Problem, events, loading, problem_box};

fn heading(context: &Context, place: Place, title: &str, what: &str) -> Markup {
    markup! {
        (view::before(Some(context.pipeline.about()), place, title))
        h1 { (title) }
        (loading(what))
    }
}

fn not_read(error: &Error) -> Markup {
    let causes = error.causes();
    let problem =
        Problem { title: "This cannot be read", message: &error.message, causes: &causes, hint: error.hint.as_deref() };
    markup! { div.loaded { (problem_box(&problem)) } }
}

/// The page of failed events.
pub(super) async fn failed(State(context): State<Context>) -> Response {
    let before = heading(&context, Place::FailedEvents, "Failed events", "Reading the queue…");
    halves(before, async move {
        context.pipeline.failed_events().await.map_or_else(|e| not_read(&e), |queue| events::failed_events(&queue))
    })
}

/// The question before failed events are sent again.
pub(super) async fn question(State(context): State<Context>, headers: HeaderMap) -> Response {
    match context.pipeline.failed_events().await {
        Ok(queue) => html(StatusCode::OK, events::question(context.pipeline.about(), &queue)),
        Err(error) => failure(&context, &headers, &error),
    }
}

/// Sends failed events again.
pub(super) async fn redrive(State(context): State<Context>, headers: HeaderMap) -> Response {
    match context.pipeline.redrive().await {
        Ok(result) => html(StatusCode::OK, events::redriven(context.pipeline.about(), &result)),
        Err(error) => failure(&context, &headers, &error),
    }
}

/// The page of the stack's health.
pub(super) async fn health(State(context): State<Context>) -> Response {
    let before = heading(&context, Place::Health, "Health", "Looking at every part of the stack…");
    halves(before, async move {
        context.pipeline.health().await.map_or_else(|e| not_read(&e), |health| view::health::health(&health))
    })
}
