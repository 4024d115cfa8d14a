//! The table of records, read: pages of an index for a [`Search`], whole records by their ids.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use handler_contract::{Timestamp, table};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::query::{Order, Query, Row};
use provisioner_model::search::{Page, Request, Search, Step};
use serde_json::Value;
use tokio::task::JoinSet;

use super::Aws;
use super::call_error::from_sdk;

/// `DynamoDB` API reference, `BatchGetItem`: items a call.
const BATCH: usize = 100;
/// Calls at the same time when whole records are read.
const PARALLEL: usize = 8;
/// The pause before items that a batch left out are asked for again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often left-out items are asked for again before that counts as throttling.
const BATCH_ATTEMPTS: u32 = 8;
/// Bounds of the sort key where the question has none.
const BEFORE_ALL: &str = "0";
const AFTER_ALL: &str = "9999-12-31T23:59:59.999Z";

type Key = HashMap<String, AttributeValue>;

/// The table of one stack.
#[derive(Debug, Clone)]
pub struct Records {
    client: Client,
    table: String,
}

/// What a scan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The table: records with all of their attributes.
    Table,
    /// The index of the newest records, in which every record is: the attributes of a list.
    List,
}

impl Source {
    /// The index's name; `None` for the table.
    pub fn index(self) -> Option<&'static str> {
        match self {
            Self::Table => None,
            Self::List => Some(table::RECENT.name),
        }
    }
}

/// Where a scan continues.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation(Key);

impl Continuation {
    /// As a text that [`Self::from_text`] reads. All keys of the table and its indexes are texts.
    pub fn to_text(&self) -> String {
        let texts: BTreeMap<&String, &String> =
            self.0.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
        serde_json::to_string(&texts).unwrap_or_default()
    }

    /// The continuation of a text; `None` if it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let texts: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        (!texts.is_empty())
            .then(|| Self(texts.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect()))
    }
}

/// One page of a scan: at most 1 MB.
#[derive(Debug)]
pub struct Scanned {
    /// The items.
    pub items: Vec<Value>,
    /// The read units that the page took.
    pub units: f64,
    /// Where to continue; `None` after the last page.
    pub next: Option<Continuation>,
}

impl Records {
    /// The table with this name.
    pub fn new(aws: &Aws, table: &str) -> Self {
        Self { client: Client::new(&aws.sdk), table: table.to_owned() }
    }

    /// At most `limit` records that match, in the order of the query. Examines at most about `budget` records.
    pub async fn page(&self, query: &Query, now: &Timestamp, limit: usize, budget: usize) -> Result<Page, CallError> {
        let (index, groups) = query.source(now);
        let oldest = query.oldest();
        let low = oldest.as_ref().map_or(BEFORE_ALL, Timestamp::as_str).to_owned();
        let newest = query.newest();
        let high = newest.as_ref().map_or(AFTER_ALL, Timestamp::as_str).to_owned();
        if low > high {
            return Ok(Page { rows: Vec::new(), next: None, gave_up_after: None });
        }
        let is_forward = query.order == Order::OldestFirst;
        let mut search = Search::<Key>::new(query.clone(), groups, limit, budget);
        loop {
            match search.step() {
                Step::Done(page) => return Ok(page),
                Step::Fetch(requests) => {
                    let mut reading = JoinSet::new();
                    for request in requests {
                        reading.spawn(self.clone().read(index, request, (low.clone(), high.clone()), is_forward));
                    }
                    while let Some(read) = reading.join_next().await {
                        let (partition, rows, next) = read.map_err(|e| other(e.to_string()))??;
                        search.supply(&partition, rows, next);
                    }
                }
            }
        }
    }

    async fn read(
        self,
        index: table::Index,
        request: Request<Key>,
        (low, high): (String, String),
        is_forward: bool,
    ) -> Result<(String, Vec<Row>, Option<Key>), CallError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index.name)
            .key_condition_expression("#partition = :partition AND #sort BETWEEN :low AND :high")
            .expression_attribute_names("#partition", index.partition_key)
            .expression_attribute_names("#sort", table::SORT_KEY)
            .expression_attribute_values(":partition", AttributeValue::S(request.partition.clone()))
            .expression_attribute_values(":low", AttributeValue::S(low))
            .expression_attribute_values(":high", AttributeValue::S(high))
            .scan_index_forward(is_forward)
            .limit(i32::try_from(request.limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(request.from)
            .send()
            .await
            .map_err(from_sdk)?;
        let rows =
            answer.items.unwrap_or_default().into_iter().map(|item| self.parse(item)).collect::<Result<_, _>>()?;
        Ok((request.partition, rows, answer.last_evaluated_key.filter(|key| !key.is_empty())))
    }

    /// One page of all records, in no order.
    pub async fn scan(&self, source: Source, from: Option<Continuation>) -> Result<Scanned, CallError> {
        self.scan_attributes(source, &[], from).await
    }

    /// One page of all records, in no order, with these attributes only; without any, with all. The page takes as many read
    /// units as with all, and less time.
    pub async fn scan_attributes(
        &self,
        source: Source,
        attributes: &[&str],
        from: Option<Continuation>,
    ) -> Result<Scanned, CallError> {
        // Placeholders, because some names are reserved words.
        let placeholder = |n: usize| format!("#a{n}");
        let names = attributes.iter().enumerate().map(|(n, name)| (placeholder(n), (*name).to_owned())).collect();
        let projection = (0..attributes.len()).map(placeholder).collect::<Vec<_>>().join(", ");
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .set_index_name(source.index().map(ToOwned::to_owned))
            .set_projection_expression(Some(projection).filter(|projection| !projection.is_empty()))
            .set_expression_attribute_names(Some(names).filter(|names: &HashMap<_, _>| !names.is_empty()))
            .set_exclusive_start_key(from.map(|from| from.0))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(from_sdk)?;
        let items =
            answer.items.unwrap_or_default().into_iter().map(|item| self.parse(item)).collect::<Result<_, _>>()?;
        Ok(Scanned {
            items,
            units: answer.consumed_capacity.and_then(|consumed| consumed.capacity_units).unwrap_or_default(),
            next: answer.last_evaluated_key.filter(|key| !key.is_empty()).map(Continuation),
        })
    }

    /// Whole records, as they are kept, in the order of their ids. What does not exist is left out.
    pub async fn documents(&self, ids: &[String]) -> Result<Vec<Value>, CallError> {
        let mut found = HashMap::new();
        let mut reading = JoinSet::new();
        let mut batches = ids.chunks(BATCH);
        loop {
            while reading.len() < PARALLEL
                && let Some(batch) = batches.next()
            {
                reading.spawn(self.clone().batch(batch.to_vec()));
            }
            let Some(read) = reading.join_next().await else { break };
            for item in read.map_err(|e| other(e.to_string()))?? {
                let document: Value = self.parse(item)?;
                let id = document[table::PARTITION_KEY].as_str().unwrap_or_default().to_owned();
                found.insert(id, document);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Deletes a record; none is fine.
    pub async fn delete(&self, id: &str) -> Result<(), CallError> {
        let key = AttributeValue::S(id.to_owned());
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(table::PARTITION_KEY, key)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    async fn batch(self, ids: Vec<String>) -> Result<Vec<Key>, CallError> {
        let mut keys: Vec<Key> = ids
            .into_iter()
            .map(|id| HashMap::from([(table::PARTITION_KEY.to_owned(), AttributeValue::S(id))]))
            .collect();
        let mut items = Vec::new();
        let mut pause = FIRST_PAUSE;
        for _ in 0..BATCH_ATTEMPTS {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build().map_err(|e| other(e.to_string()))?;
            let answer =
                self.client.batch_get_item().request_items(&self.table, wanted).send().await.map_err(from_sdk)?;
            items.extend(answer.responses.into_iter().filter_map(|mut tables| tables.remove(&self.table)).flatten());
            keys = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table))
                .map(|left| left.keys)
                .unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(CallError {
            kind: Kind::Throttled,
            code: None,
            message: format!("the table {} gives its items too slowly", self.table),
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, item: Key) -> Result<T, CallError> {
        let id = item.get(table::PARTITION_KEY).and_then(|id| id.as_s().ok()).cloned().unwrap_or_default();
        serde_dynamo::from_item(item)
            .map_err(|e| other(format!("the item {id} of the table {} is not a record: {e}", self.table)))
    }
}

fn other(message: String) -> CallError {
    CallError { kind: Kind::Other, code: None, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_survives_being_stored() {
        let key = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
        let continuation = Continuation(HashMap::from([key("documentId", "a"), key("recentShard", "01")]));
        assert_eq!(Continuation::from_text(&continuation.to_text()), Some(continuation));
        for broken in ["", "{}", "[]", "{\"documentId\":1}"] {
            assert_eq!(Continuation::from_text(broken), None, "{broken}");
        }
    }
}
