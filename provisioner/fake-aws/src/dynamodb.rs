//! DynamoDB.
//!
//! API: "Amazon DynamoDB API Reference". Items and keys are in its JSON notation: `{"id": {"S": "a"}, "n": {"N": "1"}}`.

mod batch;
pub mod expression;
mod items;
mod search;
mod table;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::table::{Index, Table};
use crate::http::Response;
use crate::xml;

/// Bytes of items in a page (API, `Query` and `Scan`: 1 MB), by the length of their JSON.
const PAGE_BYTES: usize = 1 << 20;

/// All tables, and DynamoDB's behaviour.
#[derive(Debug, Clone, Default)]
pub struct DynamoDb {
    /// The tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Bytes of items in a page of `Query` and `Scan`; 0 means 1 MiB.
    pub page_bytes: usize,
    /// How many of the next keys and writes in batches are left unprocessed, as when capacity is short.
    pub unprocessed: usize,
}

/// The result of a call; an error is also a response.
type Answered = Result<Value, Response>;

impl DynamoDb {
    /// Creates a table with this partition key of type `S`, if there is none of this name.
    pub fn create_table(&mut self, name: &str, partition_key: &str) -> &mut Table {
        self.tables.entry(name.to_owned()).or_insert_with(|| Table::simple(partition_key))
    }

    /// Every item of a table, in no particular order; empty for a table that does not exist. Synthetic items are left
    /// out.
    pub fn items(&self, table: &str) -> Vec<Value> {
        self.tables.get(table).map(|table| table.items().cloned().collect()).unwrap_or_default()
    }

    /// Puts an item without a condition into a table, which has to exist.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn put(&mut self, table: &str, item: Value) {
        self.tables.get_mut(table).expect("the table exists").put(item);
    }

    /// Deletes the item with the key of this one. The table must exist.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn remove(&mut self, table: &str, item: &Value) {
        self.tables.get_mut(table).expect("the table exists").remove(item);
    }

    fn page_bytes(&self) -> usize {
        if self.page_bytes == 0 { PAGE_BYTES } else { self.page_bytes }
    }

    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, action: &str, body: &Value) -> Option<Response> {
        let name = body["TableName"].as_str().unwrap_or_default();
        let page_bytes = self.page_bytes();
        let answered = match action {
            "ListTables" => Ok(json!({ "TableNames": self.tables.keys().collect::<Vec<_>>() })),
            "CreateTable" => self.create(name, body),
            "BatchGetItem" => self.batch_get(body),
            "BatchWriteItem" => self.batch_write(body),
            "DescribeTable" => self.table(name).map(|table| json!({ "Table": table.described(name) })),
            "UpdateTable" => self.table(name).map(|table| json!({ "TableDescription": table.update(name, body) })),
            "DeleteTable" => self.delete(name),
            "DescribeContinuousBackups" => self.table(name).map(|table| {
                let recovery =
                    table.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true;
                let status = if recovery { "ENABLED" } else { "DISABLED" };
                json!({ "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED",
                    "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
                }})
            }),
            "DescribeTimeToLive" => self.table(name).map(|table| {
                let status = if table.time_to_live.is_some() { "ENABLED" } else { "DISABLED" };
                json!({ "TimeToLiveDescription": { "TimeToLiveStatus": status, "AttributeName": table.time_to_live } })
            }),
            "UpdateTimeToLive" => self.table(name).map(|table| {
                let wanted = &body["TimeToLiveSpecification"];
                let attribute = wanted["AttributeName"].as_str().filter(|_| wanted["Enabled"] == true);
                table.time_to_live = attribute.map(ToOwned::to_owned);
                json!({ "TimeToLiveSpecification": wanted })
            }),
            "PutItem" => self.table(name).and_then(|table| table.put_item(body)),
            "GetItem" => self.table(name).map(|table| match table.get(&body["Key"]) {
                Some(item) => json!({ "Item": item }),
                None => json!({}),
            }),
            "DeleteItem" => self.table(name).and_then(|table| table.delete_item(body)),
            "Query" => self.table(name).and_then(|table| table.query(body, page_bytes)),
            "Scan" => self.table(name).and_then(|table| table.scan(body, page_bytes)),
            _ => return None,
        };
        Some(answered.map_or_else(|refusal| refusal, |body| xml::json(200, &body)))
    }

    fn table(&mut self, name: &str) -> Result<&mut Table, Response> {
        let message = format!("Requested resource not found: Table: {name} not found");
        self.tables.get_mut(name).ok_or_else(|| refused("ResourceNotFoundException", &message))
    }

    fn create(&mut self, name: &str, body: &Value) -> Answered {
        if self.tables.contains_key(name) {
            return Err(refused("ResourceInUseException", &format!("Table already exists: {name}")));
        }
        let table = Table::from_properties(body);
        let described = table.described(name);
        self.tables.insert(name.to_owned(), table);
        Ok(json!({ "TableDescription": described }))
    }

    fn delete(&mut self, name: &str) -> Answered {
        let table = self.table(name)?;
        if table.protected {
            return Err(validation("Resource cannot be deleted as it is currently protected against deletion."));
        }
        let described = table.described(name);
        self.tables.remove(name);
        Ok(json!({ "TableDescription": described }))
    }
}

/// An error of DynamoDB; all have the status 400.
fn refused(code: &str, message: &str) -> Response {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message });
    xml::json(400, &body)
}

fn validation(message: &str) -> Response {
    let body = json!({ "__type": "com.amazon.coral.validate#ValidationException", "message": message });
    xml::json(400, &body)
}
