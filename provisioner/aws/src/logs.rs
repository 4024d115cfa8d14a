//! The function's log group, read.

use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::Client;
use provisioner_model::call_error::CallError;
use provisioner_model::log_filter::ServerFilter;
use provisioner_model::log_lines::Entry;

use super::Aws;
use super::call_error::from_sdk;

/// Entries a call (CloudWatch Logs API reference, `FilterLogEvents`: the most there is).
const PAGE: usize = 10_000;

/// The time since which entries can be read newest first, milliseconds since the Unix epoch: 2024-01-01T00:00:00Z
/// (CloudWatch Logs API reference, `FilterLogEvents`, startFromHead).
pub const NEWEST_FIRST_SINCE: i64 = 1_704_067_200_000;

/// The order of a page's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    /// With at most this many entries.
    NewestFirst(usize),
}

impl Order {
    /// Entries of a page.
    fn page(self) -> usize {
        match self {
            Self::OldestFirst => PAGE,
            Self::NewestFirst(most) => most.min(PAGE),
        }
    }
}

/// One log group.
#[derive(Debug, Clone)]
pub struct Logs {
    client: Client,
    group: String,
    /// The filter pattern of every read.
    pattern: Option<String>,
    /// Whether the service is AWS's own, and not at another endpoint.
    is_aws: bool,
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
        let is_aws = aws.sdk.endpoint_url().is_none();
        Self { client: Client::new(&aws.sdk), group: group.to_owned(), pattern: None, is_aws }
    }

    /// The same group, of which only entries are read that can match.
    #[must_use]
    pub fn matching(&self, filter: &ServerFilter) -> Self {
        Self { pattern: filter.pattern(self.is_aws), ..self.clone() }
    }

    /// The same group, each of whose calls is made once: for a caller that reads again and again anyway, and should not
    /// add to the load that a throttled call shows.
    #[must_use]
    pub fn without_retries(&self) -> Self {
        let config = self.client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), ..self.clone() }
    }

    /// Gives all entries between two times (milliseconds since the Unix epoch, both inclusive) page by page, oldest
    /// first. Entries may come twice; [`provisioner_model::log_lines::Seen`] filters them.
    pub async fn read(&self, from: i64, to: i64, take: impl FnMut(Vec<Entry>)) -> Result<(), CallError> {
        self.read_in_calls(from, to, usize::MAX, take).await.map(|_| ())
    }

    /// The same with at most this many calls. Returns whether everything between the times was read.
    pub async fn read_in_calls(
        &self,
        from: i64,
        to: i64,
        most_calls: usize,
        mut take: impl FnMut(Vec<Entry>),
    ) -> Result<bool, CallError> {
        let mut next: Option<Next> = None;
        for _ in 0..most_calls {
            let (start, token) = match &next {
                None => (from, None),
                Some(Next::Token(token)) => (from, Some(token.clone())),
                Some(Next::From(start)) => (*start, None),
            };
            let (entries, token) = self.page((start, to), self.pattern.as_deref(), Order::OldestFirst, token).await?;
            let last = entries.last().map(|entry| entry.time);
            let full = entries.len() >= PAGE;
            take(entries);
            next = match (token, last) {
                (Some(token), _) => Some(Next::Token(token)),
                (None, Some(last)) if full && last > start => Some(Next::From(last)),
                (None, _) => return Ok(true),
            };
        }
        Ok(false)
    }

    /// The entries between two times (milliseconds since the Unix epoch, both inclusive) that contain a word, oldest first.
    /// With at most this many calls, so that of very many entries only the oldest are found.
    pub async fn containing(
        &self,
        word: &str,
        between: (i64, i64),
        most_calls: usize,
    ) -> Result<Vec<Entry>, CallError> {
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..most_calls {
            let (entries, token) = self.page(between, Some(word), Order::OldestFirst, next).await?;
            found.extend(entries);
            next = token;
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// One page of at most `most` entries between two times (milliseconds since the Unix epoch, both inclusive), the newest
    /// first, and the token of the next page. A service that does not know the order returns the oldest first, and not always
    /// a token.
    ///
    /// # Errors
    /// Also if the first time is before [`NEWEST_FIRST_SINCE`].
    pub async fn newest_first(
        &self,
        between: (i64, i64),
        most: usize,
        token: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>), CallError> {
        self.page(between, self.pattern.as_deref(), Order::NewestFirst(most), token).await
    }

    /// One call: entries between two times, and the token of the next page.
    async fn page(
        &self,
        (from, to): (i64, i64),
        pattern: Option<&str>,
        order: Order,
        token: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>), CallError> {
        let answer = self
            .client
            .filter_log_events()
            .log_group_name(&self.group)
            .start_time(from)
            .end_time(to)
            .set_filter_pattern(pattern.map(ToOwned::to_owned))
            .limit(i32::try_from(order.page()).unwrap_or(i32::MAX))
            .set_start_from_head(matches!(order, Order::NewestFirst(_)).then_some(false))
            .set_next_token(token)
            .send()
            .await
            .map_err(from_sdk)?;
        let entries = answer.events.unwrap_or_default().into_iter().map(|event| Entry {
            time: event.timestamp.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            stream: event.log_stream_name.unwrap_or_default(),
            id: event.event_id,
        });
        Ok((entries.collect(), answer.next_token))
    }
}
