//! Server-sent events: new records that match the filters of the page, and changes of state.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use handler_contract::Timestamp;
use provisioner_model::query::{Query, Row};
use provisioner_model::text::clean;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::context::Context;
use crate::feed::{FeedEvent, Happening};
use crate::filter::Filter;
use crate::respond::problem;
use crate::view;

/// After how long a browser connects again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a comment shows that the connection is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Stream {
    waiting: VecDeque<Event>,
    events: broadcast::Receiver<FeedEvent>,
    query: Query,
}

/// The events. `Last-Event-ID`, or `after` in the address, is where a connection that was lost continues.
pub(super) async fn events(State(context): State<Context>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let address = query.unwrap_or_default();
    let filter = Filter::parse(&address).first_page();
    let now = Timestamp::from_unix_millis(context.pipeline.now_millis());
    let query = now.and_then(|now| filter.query(&now, context.pipeline.about().test_files).ok());
    let Some(query) = query else {
        let message = "The filters of this address make no sense.";
        return problem(&context, &headers, StatusCode::BAD_REQUEST, "bad-filter", message, None);
    };
    let named =
        form_urlencoded::parse(address.as_bytes()).find(|(name, _)| name == "from").map(|(_, id)| id.into_owned());
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(ToOwned::to_owned).or(named);
    let subscription = context.pipeline.subscribe(last.as_deref());
    let mut waiting = VecDeque::new();
    if subscription.gap {
        waiting.push_back(gap(&subscription.newest));
    }
    waiting.extend(subscription.missed.into_iter().filter_map(|event| sent(&query, event)));
    // The first event says that the connection is there, and where it continues.
    waiting.push_back(Event::default().event("connected").id(&subscription.newest).retry(RETRY).data("{}"));
    let stream = Stream { waiting, events: subscription.events, query };
    let stream = futures_util::stream::unfold(stream, |mut stream| async {
        loop {
            if let Some(event) = stream.waiting.pop_front() {
                return Some((Ok::<_, Infallible>(event), stream));
            }
            match stream.events.recv().await {
                Ok(event) => stream.waiting.extend(sent(&stream.query, event)),
                // A reader that is too slow has lost some.
                Err(RecvError::Lagged(_)) => stream.waiting.push_back(Event::default().event("gap").data("{}")),
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream.fuse()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// Tells the page to read its list again.
fn gap(newest: &str) -> Event {
    Event::default().event("gap").id(newest).data("{}")
}

/// An event for a viewer of the records that match.
fn sent(query: &Query, event: FeedEvent) -> Option<Event> {
    let (name, data) = match event.happening {
        Happening::Record(record) => {
            let row = serde_json::from_value::<Row>(record.clone()).ok()?;
            if !query.matches(&row) {
                return None;
            }
            ("record", described(&record))
        }
        Happening::Retrying { key, reason } => ("retrying", json!({ "key": key, "reason": clean(&reason) })),
        Happening::Source(state) => ("source", json!({ "problem": state.err() })),
    };
    Some(Event::default().event(name).id(event.id).data(data.to_string()))
}

/// A record for the module: what identifies its upload, and its markup for the list and for the line of its upload.
pub(super) fn described(record: &Value) -> Value {
    let Ok(row) = serde_json::from_value::<Row>(record.clone()) else { return Value::Null };
    json!({
        "id": row.document_id,
        "key": row.object_key,
        "name": clean(&row.file_name),
        "versionId": record["versionId"],
        "eTag": record["eTag"],
        "uploadedAt": row.uploaded_at.unix_millis(),
        "failed": row.status == handler_contract::Status::Failed,
        "row": view::records::row(&row).into_string(),
        "outcome": view::files::outcome(&row).into_string(),
    })
}
