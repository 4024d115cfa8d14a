//! The function's log group, read.

use aws_sdk_cloudwatchlogs::Client;
use provisioner_model::call_error::CallError;
use provisioner_model::log_lines::Entry;

use super::Aws;
use super::call_error::from_sdk;

/// Entries a call (CloudWatch Logs API reference, `FilterLogEvents`: the most there is).
const PAGE: usize = 10_000;

/// One log group.
#[derive(Debug, Clone)]
pub struct Logs {
    client: Client,
    group: String,
}

/// Where the next page is.
#[derive(Debug, Clone)]
enum Next {
    Token(String),
    /// The service stopped at its limit and named no token: from this time on again. Entries of that millisecond come
    /// twice, so that none is missed.
    From(i64),
}

impl Logs {
    /// The group with this name.
    pub fn new(aws: &Aws, group: &str) -> Self {
        Self { client: Client::new(&aws.sdk), group: group.to_owned() }
    }

    /// Gives all entries between two times (milliseconds since the Unix epoch, both inclusive) page by page, oldest
    /// first. Entries may come twice; [`provisioner_model::log_lines::Seen`] filters them.
    pub async fn read(&self, from: i64, to: i64, mut take: impl FnMut(Vec<Entry>)) -> Result<(), CallError> {
        let mut next: Option<Next> = None;
        loop {
            let (start, token) = match &next {
                None => (from, None),
                Some(Next::Token(token)) => (from, Some(token.clone())),
                Some(Next::From(start)) => (*start, None),
            };
            let answer = self
                .client
                .filter_log_events()
                .log_group_name(&self.group)
                .start_time(start)
                .end_time(to)
                .limit(i32::try_from(PAGE).unwrap_or(i32::MAX))
                .set_next_token(token)
                .send()
                .await
                .map_err(from_sdk)?;
            let entries: Vec<Entry> = answer
                .events
                .unwrap_or_default()
                .into_iter()
                .map(|event| Entry {
                    time: event.timestamp.unwrap_or_default(),
                    message: event.message.unwrap_or_default(),
                    stream: event.log_stream_name.unwrap_or_default(),
                    id: event.event_id,
                })
                .collect();
            let last = entries.last().map(|entry| entry.time);
            let full = entries.len() >= PAGE;
            take(entries);
            next = match (answer.next_token, last) {
                (Some(token), _) => Some(Next::Token(token)),
                (None, Some(last)) if full && last > start => Some(Next::From(last)),
                (None, _) => return Ok(()),
            };
        }
    }
}
