//! Server-sent events: each viewer gets what matches its page, and a lost connection continues.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::http::Method;
use futures_util::StreamExt as _;
use provisioner_web::feed::Happening;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::client::Client;
use crate::stack::{NOW, Stack, record};

/// A connection.
struct Events {
    body: BodyDataStream,
    text: String,
}

/// One event: its name, its id and its data.
#[derive(Debug, PartialEq)]
struct Event(String, String, Value);

impl Events {
    async fn of(client: &Client, path: &str, last: Option<&str>) -> Self {
        let mut request = client.request(&Method::GET, path).header("accept-encoding", "gzip");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = client.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert!(!answer.headers().contains_key("content-encoding"), "a compressor would hold events back");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                    line.unwrap_or_default().to_owned()
                };
                let data = serde_json::from_str(&field("data")).unwrap_or_default();
                let event = Event(field("event"), field("id"), data);
                self.text = String::from(rest);
                return event;
            }
            let chunk = self.body.next().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn names(&mut self, count: usize) -> Vec<(String, String)> {
        let mut names = Vec::new();
        for _ in 0..count {
            let Event(name, id, _) = self.next().await;
            names.push((name, id));
        }
        names
    }
}

fn pair(name: &str, id: &str) -> (String, String) {
    (name.to_owned(), id.to_owned())
}

#[tokio::test]
async fn records_arrive_at_the_pages_that_they_match() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let mut all = Events::of(&client, "/live", None).await;
    let mut failed = Events::of(&client, "/live?status=failed&name=locked", None).await;
    assert_eq!(all.names(1).await, [pair("connected", "test-0")]);
    assert_eq!(failed.names(1).await, [pair("connected", "test-0")]);
    stack.arrive(record("test-file-1.txt", NOW, 1));
    stack.arrive(record("in/<b>.txt", NOW, 1));
    stack.arrive(record("in/locked.pdf", NOW, 2));
    stack.feed.publish(Happening::Retrying { key: "k".into(), reason: "S3 \u{1b}denied".into() });
    let Event(name, id, data) = all.next().await;
    assert_eq!((name.as_str(), id.as_str()), ("record", "test-2"), "test files are left out");
    assert_eq!(
        (&data["key"], &data["eTag"], &data["uploadedAt"]),
        (&"in/<b>.txt".into(), &"etag-1".into(), &NOW.into())
    );
    assert!(
        data["row"].as_str().unwrap().starts_with("<tr") && data["row"].as_str().unwrap().contains("&lt;b&gt;.txt")
    );
    assert_eq!(all.next().await.1, "test-3");
    assert_eq!(all.next().await.2, serde_json::json!({ "key": "k", "reason": "S3 \u{fffd}denied" }));
    let Event(_, id, data) = failed.next().await;
    assert_eq!((id.as_str(), &data["failed"]), ("test-3", &true.into()));
    assert!(data["outcome"].as_str().unwrap().contains("Remove the password"));
}

#[tokio::test]
async fn a_lost_connection_continues_where_it_was() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    for n in 0..3 {
        stack.arrive(record(&format!("{n}.txt"), NOW + n, 1));
    }
    let mut events = Events::of(&client, "/live", Some("test-1")).await;
    assert_eq!(
        events.names(3).await,
        [pair("record", "test-2"), pair("record", "test-3"), pair("connected", "test-3")]
    );
    // A page that opens a new connection by itself cannot send the header.
    let mut events = Events::of(&client, "/live?from=test-2", None).await;
    assert_eq!(events.names(2).await, [pair("record", "test-3"), pair("connected", "test-3")]);
    for unknown in ["other-1", "test-99", "x"] {
        let mut events = Events::of(&client, "/live", Some(unknown)).await;
        assert_eq!(events.names(2).await, [pair("gap", "test-3"), pair("connected", "test-3")], "{unknown}");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_said() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let mut early = Events::of(&client, "/live", None).await;
    early.next().await;
    stack.feed.publish(Happening::Source(Err("Throttled".into())));
    assert_eq!(early.next().await.2["problem"], "Throttled");
    let mut late = Events::of(&client, "/live", None).await;
    assert_eq!(late.next().await.2["problem"], "Throttled");
    stack.feed.publish(Happening::Source(Ok(())));
    assert_eq!(early.next().await.2["problem"], Value::Null);
}

#[tokio::test]
async fn a_viewer_that_reads_too_slowly_is_told_to_read_the_list() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let mut events = Events::of(&client, "/live", None).await;
    events.next().await;
    let record = record("a.txt", NOW, 1);
    let feed = Arc::clone(&stack.feed);
    for _ in 0..2_100 {
        feed.publish(Happening::Record(record.clone()));
    }
    assert_eq!(events.next().await.0, "gap");
    assert_eq!(events.next().await.0, "record");
}
