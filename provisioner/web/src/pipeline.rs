//! What the page shows and changes: the interface between the pages and a stack.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use handler_contract::FileTypes;
use provisioner_model::error::Result;
use provisioner_model::query::{Query, Row};
use provisioner_model::search::Page;
use serde::Serialize;
use serde_json::Value;

use crate::feed::Subscription;

/// A call's answer, as a future.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The bytes of a file as they arrive. An error ends the upload: nothing may be stored then.
pub type Content = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A stack, as its page needs it.
pub trait Pipeline: Send + Sync + 'static {
    /// Which stack it is, and which files it accepts.
    fn about(&self) -> &About;

    /// At most `limit` records that match, in the order of the query.
    fn list<'a>(&'a self, query: &'a Query, limit: usize) -> Answer<'a, Page>;

    /// Whole records in the order of their ids. What does not exist is left out.
    fn documents<'a>(&'a self, ids: &'a [String]) -> Answer<'a, Vec<Value>>;

    /// Records of the same object key, newest first, at most `limit`.
    fn uploads_of<'a>(&'a self, key: &'a str, limit: usize) -> Answer<'a, Vec<Row>>;

    /// What happened to the file of this record, oldest first.
    fn trace<'a>(&'a self, record: &'a Value) -> Answer<'a, Vec<TraceStep>>;

    /// The address from which the file of this record can be downloaded as an attachment, for a minute.
    fn download_link<'a>(&'a self, record: &'a Value) -> Answer<'a, String>;

    /// Stores a file under this key. The content is read as it is stored, and never held as a whole.
    fn upload(&self, key: String, content: Content) -> Answer<'_, Stored>;

    /// The events that failed every attempt.
    fn failed_events(&self) -> Answer<'_, FailedEvents>;

    /// Sends the failed events to the function again.
    fn redrive(&self) -> Answer<'_, Redriven>;

    /// Whether the stack does its work.
    fn health(&self) -> Answer<'_, Health>;

    /// The current time by the service's clock, as far as it is known. Milliseconds since the Unix epoch.
    fn now_millis(&self) -> i64;

    /// New records and changes of state, after the event with this id if it is still known.
    fn subscribe(&self, after: Option<&str>) -> Subscription;
}

/// Which stack it is, and which files it accepts.
#[derive(Debug, Clone)]
pub struct About {
    /// The stack's name.
    pub stack: String,
    /// Where it is: account and Region, or the emulator.
    pub place: String,
    /// The bucket.
    pub bucket: String,
    /// The prefix of processed keys. It precedes every key.
    pub prefix: String,
    /// The suffix of processed keys; a file whose name ends otherwise would get no record.
    pub suffix: Option<String>,
    /// The largest accepted file. Bytes.
    pub max_size: u64,
    /// The accepted media types, by content.
    pub allowed_types: FileTypes,
    /// What the keys of test files contain, which lists leave out.
    pub test_files: &'static str,
    /// After how many days files are deleted, if they are.
    pub expire_days: Option<u64>,
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// The object's key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The object's `ETag`, without quotes.
    pub e_tag: Option<String>,
    /// The object's version, in a bucket that keeps versions.
    pub version_id: Option<String>,
}

/// One step in the trace of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// When. Milliseconds since the Unix epoch.
    pub time: Option<i64>,
    /// What happened, in a few words.
    pub title: String,
    /// More about it.
    pub detail: Option<String>,
    /// How it is to be seen.
    pub tone: Tone,
}

/// How something is to be seen. It is also said in words: colour is never the only carrier of a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    Neutral,
    /// As it should be.
    Good,
    /// Needs a look.
    Warning,
    /// Failed.
    Bad,
}

/// The queue of failed events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedEvents {
    /// The approximate number of events, hidden ones included.
    pub waiting: u64,
    /// The events that could be read; there can be more.
    pub events: Vec<FailedEvent>,
}

/// An event that failed every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEvent {
    /// The object's key; `None` if the message is not an event of S3.
    pub key: Option<String>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// The number of attempts.
    pub attempts: Option<u64>,
    /// When it was given up. Milliseconds since the Unix epoch.
    pub time: Option<i64>,
}

/// What became of failed events that were sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Events that the function processed to the end.
    pub sent: u64,
    /// Events that stay in the queue.
    pub left: u64,
    /// Events of objects that no longer exist, which were deleted.
    pub dropped: u64,
    /// What else is to be said.
    pub remarks: Vec<String>,
}

/// Whether the stack does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How its state is to be seen.
    pub tone: Tone,
    /// The state, in words.
    pub state: String,
    /// Why it is not healthy, the worst first.
    pub problems: Vec<Problem>,
    /// What is known of the stack: a name and a value.
    pub facts: Vec<Fact>,
    /// Its resources.
    pub resources: Vec<Resource>,
}

/// One reason why a stack is not healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether files get no records because of it.
    pub breaks: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Something that is known of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// How it is to be seen.
    pub tone: Tone,
}

/// A resource of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is, in words.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: String,
    /// How its state is to be seen.
    pub tone: Tone,
}
