//! New records as they are written: one reader of the function's log a process, shared by all viewers.
//!
//! The log is read every two seconds while somebody watches, and less often while it is throttled
//! ([`provisioner_engine::logs::Tail`]): all who follow a log in an account and Region share five calls a second. The
//! records of finished files are then read by their ids, which costs a fraction of a list of the newest ones: 16 read units
//! for each list, of which a table in the free tier has ten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use provisioner_aws::Aws;
use provisioner_aws::logs::Logs;
use provisioner_aws::records::Records;
use provisioner_engine::clock;
use provisioner_engine::logs::{Tail, is_transient};
use provisioner_model::call_error::CallError;
use provisioner_model::log_lines::Entry;
use provisioner_model::names::Names;
use provisioner_web::feed::{Feed, Happening, Subscription};
use serde::Deserialize;

/// How far back a new reader starts: entries become readable some seconds after they were written. Milliseconds.
const START: i64 = 10_000;
/// How long the log is read on without a viewer: pages are changed and loaded again.
const LINGER: Duration = Duration::from_mins(1);
/// Records whose line was seen and that could not be read yet. Beyond it, the oldest are left to the next list.
const MOST_PENDING: usize = 5_000;
/// Failed reads in a row that the page does not show: a throttled call is followed by a successful one.
const SILENT_FAILURES: u32 = 1;

/// The feed of a stack.
pub(super) struct Live {
    source: Arc<Source>,
    /// Whether the log is being read.
    is_running: Arc<AtomicBool>,
}

struct Source {
    feed: Arc<Feed>,
    group: Logs,
    records: Records,
}

/// What the handler's line about a file says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileLine {
    outcome: String,
    key: String,
    document_id: Option<String>,
    message: String,
}

impl Live {
    pub(super) fn new(aws: &Aws, names: &Names, records: Records) -> Self {
        let source = Source { feed: Feed::new(clock::run_id()), group: Logs::new(aws, &names.log_group), records };
        Self { source: Arc::new(source), is_running: Arc::default() }
    }

    /// Subscribes, and reads the log from now on if it is not read already.
    pub(super) fn subscribe(&self, after: Option<&str>) -> Subscription {
        let subscription = self.source.feed.subscribe(after);
        if !self.is_running.swap(true, Ordering::SeqCst) {
            let (source, is_running) = (Arc::clone(&self.source), Arc::clone(&self.is_running));
            tokio::spawn(async move {
                source.follow(&is_running).await;
            });
        }
        subscription
    }
}

impl Source {
    /// Reads the log until nobody has watched for a while.
    async fn follow(&self, is_running: &AtomicBool) {
        let mut tail = Tail::new(&self.group, clock::now_millis() - START);
        let mut pending: Vec<String> = Vec::new();
        let mut failures = 0;
        let mut watched = tokio::time::Instant::now();
        loop {
            let result = self.read(&mut tail, &mut pending).await;
            match result {
                Ok(()) => {
                    failures = 0;
                    self.feed.publish(Happening::Source(Ok(())));
                }
                Err(error) => {
                    failures += 1;
                    if !is_transient(&error) || failures > SILENT_FAILURES {
                        self.feed.publish(Happening::Source(Err(format!("The log cannot be read: {error}"))));
                    }
                }
            }
            if self.feed.subscribers() > 0 {
                watched = tokio::time::Instant::now();
            } else if watched.elapsed() >= LINGER {
                // Who comes back has missed what is not read any more.
                self.feed.interrupt();
                is_running.store(false, Ordering::SeqCst);
                // A viewer that came in between would have nobody who reads.
                if self.feed.subscribers() == 0 || is_running.swap(true, Ordering::SeqCst) {
                    return;
                }
                watched = tokio::time::Instant::now();
            }
            tokio::time::sleep(tail.interval()).await;
        }
    }

    /// Reads new lines, and the records of the files that they are about.
    async fn read(&self, tail: &mut Tail, pending: &mut Vec<String>) -> Result<(), CallError> {
        let mut retries = Vec::new();
        let read = tail
            .read(|entry| match file_line(entry) {
                Some(FileLine { outcome, key, message, .. }) if outcome == "retry" => retries.push((key, message)),
                Some(FileLine { document_id: Some(id), .. }) if !pending.contains(&id) => pending.push(id),
                _ => {}
            })
            .await;
        for (key, reason) in retries {
            self.feed.publish(Happening::Retrying { key, reason });
        }
        pending.drain(..pending.len().saturating_sub(MOST_PENDING));
        if !pending.is_empty() {
            let records = self.records.documents(pending).await?;
            pending.clear();
            for record in records {
                self.feed.publish(Happening::Record(record));
            }
        }
        read
    }
}

/// The line of a file that has a record, or will be tried again.
fn file_line(entry: &Entry) -> Option<FileLine> {
    let line: FileLine = serde_json::from_str(entry.message.trim_end()).ok()?;
    matches!(line.outcome.as_str(), "stored" | "rejected" | "duplicate" | "retry").then_some(line)
}

#[cfg(test)]
mod tests {
    use fake_aws::{ACCOUNT, Fake, Fault, REGION, Rule};
    use provisioner_aws::Target;
    use provisioner_model::spec::BucketNamespace;
    use provisioner_web::feed::FeedEvent;
    use serde_json::json;

    use super::*;

    /// The next event, within a time that is far above the interval of the reads.
    async fn next(subscription: &mut Subscription) -> FeedEvent {
        tokio::time::timeout(Duration::from_secs(30), subscription.events.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn one_reader_serves_all_viewers_and_recovers_from_a_failed_read() {
        let fake = Fake::start();
        let names = Names::of("dev", BucketNamespace::Global, ACCOUNT, REGION);
        let record = |id: &str| json!({ "documentId": { "S": id } });
        {
            let mut state = fake.state();
            state.dynamodb.create_table(&names.table, "documentId");
            state.dynamodb.put(&names.table, record("first"));
            let message = r#"{"outcome":"stored","key":"a","documentId":"first","message":"m"}"#;
            state.logs.log(&names.log_group, clock::now_millis(), "s", message);
        }
        let denied = Fault::error(400, "AccessDeniedException", "not authorized to perform: logs:FilterLogEvents");
        fake.inject(Rule::on("logs:FilterLogEvents", denied).times(1));
        let target = Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(fake.url()),
            credentials: Some(("AKID".to_owned(), "secret".to_owned())),
            ..Target::default()
        };
        let aws = Aws::connect(&target).await.unwrap();
        let live = Live::new(&aws, &names, Records::new(&aws, &names.table));
        let (mut one, mut other) = (live.subscribe(None), live.subscribe(None));
        for viewer in [&mut one, &mut other] {
            let Happening::Source(Err(reason)) = next(viewer).await.happening else { panic!("no failure") };
            assert!(reason.contains("logs:FilterLogEvents"), "{reason}");
            assert_eq!(next(viewer).await.happening, Happening::Record(json!({ "documentId": "first" })));
            assert_eq!(next(viewer).await.happening, Happening::Source(Ok(())));
        }
        let reads = fake.count("logs:FilterLogEvents");
        assert!(reads <= 3, "{reads} reads for two viewers");
        // A record is published once, however often its line is read.
        {
            let mut state = fake.state();
            state.dynamodb.put(&names.table, record("second"));
            let message = r#"{"outcome":"retry","key":"b","documentId":"b","message":"denied"}"#;
            state.logs.log(&names.log_group, clock::now_millis(), "s", message);
            let message = r#"{"outcome":"rejected","key":"c","documentId":"second","message":"m"}"#;
            state.logs.log(&names.log_group, clock::now_millis(), "s", message);
        }
        let retrying = Happening::Retrying { key: "b".into(), reason: "denied".into() };
        assert_eq!(next(&mut one).await.happening, retrying);
        assert_eq!(next(&mut one).await.happening, Happening::Record(json!({ "documentId": "second" })));
    }

    fn outcome(message: &str) -> Option<(String, Option<String>)> {
        let entry = Entry { time: 0, message: message.into(), stream: String::new(), id: None };
        file_line(&entry).map(|line| (line.outcome, line.document_id))
    }

    #[test]
    fn only_lines_about_the_outcome_of_a_file_count() {
        assert_eq!(
            outcome(r#"{"outcome":"stored","key":"a","documentId":"d","message":"File a processed"}"#),
            Some(("stored".into(), Some("d".into())))
        );
        assert_eq!(outcome("{\"outcome\":\"retry\",\"key\":\"a\",\"message\":\"m\"}\n"), Some(("retry".into(), None)));
        for other in
            ["", "text", "REPORT RequestId: r", r#"{"outcome":"ignored","key":"a","message":"m"}"#, r#"{"outcome":1}"#]
        {
            assert_eq!(outcome(other), None, "{other}");
        }
    }
}
