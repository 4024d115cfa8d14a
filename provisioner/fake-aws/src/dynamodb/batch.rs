//! Batches of items of several tables.

use serde_json::{Map, Value, json};

use super::{Answered, DynamoDb, validation};

/// Keys in a `BatchGetItem` (API).
const MOST_KEYS: usize = 100;
/// Writes in a `BatchWriteItem` (API).
const MOST_WRITES: usize = 25;

impl DynamoDb {
    /// API, `BatchGetItem`.
    pub(super) fn batch_get(&mut self, body: &Value) -> Answered {
        let requests = tables(body);
        if requests.iter().map(|(_, wanted)| list(&wanted["Keys"]).len()).sum::<usize>() > MOST_KEYS {
            return Err(validation("Too many items requested for the BatchGetItem call"));
        }
        let (mut responses, mut left) = (Map::new(), Map::new());
        for (name, wanted) in requests {
            let (skipped, keys) = self.split(list(&wanted["Keys"]));
            let table = self.table(&name)?;
            let items: Vec<Value> = keys.iter().filter_map(|key| table.get(key)).collect();
            responses.insert(name.clone(), items.into());
            if !skipped.is_empty() {
                left.insert(name, json!({ "Keys": skipped }));
            }
        }
        Ok(json!({ "Responses": responses, "UnprocessedKeys": left }))
    }

    /// API, `BatchWriteItem`.
    pub(super) fn batch_write(&mut self, body: &Value) -> Answered {
        let requests = tables(body);
        if requests.iter().map(|(_, writes)| list(writes).len()).sum::<usize>() > MOST_WRITES {
            return Err(validation("Too many items requested for the BatchWriteItem call"));
        }
        let mut left = Map::new();
        for (name, writes) in requests {
            let (skipped, writes) = self.split(list(&writes));
            let table = self.table(&name)?;
            for write in writes {
                match (&write["PutRequest"]["Item"], &write["DeleteRequest"]["Key"]) {
                    (Value::Null, key) => table.remove(key),
                    (item, _) => table.put(item.clone()),
                }
            }
            if !skipped.is_empty() {
                left.insert(name, skipped.into());
            }
        }
        Ok(json!({ "UnprocessedItems": left }))
    }

    /// Splits a batch into unprocessed and processed entries.
    fn split(&mut self, mut all: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
        let rest = all.split_off(self.unprocessed.min(all.len()));
        self.unprocessed -= all.len();
        (all, rest)
    }
}

fn tables(body: &Value) -> Vec<(String, Value)> {
    let requests = body["RequestItems"].as_object().into_iter().flatten();
    requests.map(|(name, request)| (name.clone(), request.clone())).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}
