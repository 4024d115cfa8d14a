//! What a table is, beside its items.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::synthetic::Synthetic;
use crate::{ACCOUNT, REGION};

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// `ACTIVE`, `UPDATING`, … or a status that nobody knows.
    pub status: String,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// The attribute that holds the time after which an item may be deleted. Nothing expires here.
    pub time_to_live: Option<String>,
    /// The attributes of the primary key: the partition key and, if there is one, the sort key.
    pub(super) key: Vec<String>,
    /// The indexes.
    pub(super) indexes: Vec<Index>,
    /// What it was made from, in the words of `CreateTable`, which are those of a template.
    pub(super) properties: Value,
    /// By primary key, in JSON.
    pub(super) items: BTreeMap<String, Value>,
    pub(super) synthetic: Option<Synthetic<Value>>,
    /// Where the pages of synthetic items end, by `LastEvaluatedKey`.
    pub(super) positions: HashMap<String, u64>,
}

/// A global secondary index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key: the partition key and, if there is one, the sort key.
    pub key: Vec<String>,
    /// The attributes that it holds beside the keys; `None` means all.
    pub projected: Option<Vec<String>>,
}

impl Table {
    /// A table with nothing but a partition key of type `S`.
    pub(super) fn simple(partition_key: &str) -> Self {
        Self::from_properties(&json!({
            "AttributeDefinitions": [{ "AttributeName": partition_key, "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": partition_key, "KeyType": "HASH" }],
            "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
        }))
    }

    /// A table as `CreateTable` or a template describe it.
    pub(crate) fn from_properties(properties: &Value) -> Self {
        let indexes = properties["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        Self {
            status: "ACTIVE".to_owned(),
            protected: properties["DeletionProtectionEnabled"] == true,
            key: key_of(&properties["KeySchema"]),
            indexes: indexes.map(index).collect(),
            properties: properties.clone(),
            ..Self::default()
        }
    }

    /// Adds items that are made when somebody looks: `count` of them, by number. Replaces the synthetic items that there
    /// were. `locate` says an item's number by its key, so that one of them is found without looking at all. `Scan` takes
    /// them in the order of their numbers; `Query` looks at each of them.
    pub fn synthesize(
        &mut self,
        count: u64,
        make: impl Fn(u64) -> Value + Send + Sync + 'static,
        locate: impl Fn(&Value) -> Option<u64> + Send + Sync + 'static,
    ) {
        self.synthetic = Some(Synthetic::new(count, make).located_by(locate));
    }

    /// API, `UpdateTable`: deletion protection and billing.
    pub(super) fn update(&mut self, name: &str, body: &Value) -> Value {
        if let Some(protected) = body["DeletionProtectionEnabled"].as_bool() {
            self.protected = protected;
        }
        for property in ["BillingMode", "ProvisionedThroughput"] {
            if !body[property].is_null() {
                self.properties[property] = body[property].clone();
            }
        }
        self.described(name)
    }

    /// API, `TableDescription`.
    pub(super) fn described(&self, name: &str) -> Value {
        let synthetic = self.synthetic.as_ref().map_or(0, Synthetic::left);
        let mut table = json!({
            "TableName": name,
            "TableArn": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            "TableStatus": self.status,
            "DeletionProtectionEnabled": self.protected,
            "ItemCount": self.items.len() as u64 + synthetic,
            "BillingModeSummary": { "BillingMode": self.properties["BillingMode"] },
        });
        for property in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "ProvisionedThroughput"] {
            if !self.properties[property].is_null() {
                table[property] = self.properties[property].clone();
            }
        }
        table
    }
}

fn index(properties: &Value) -> Index {
    let projection = &properties["Projection"];
    let named = projection["NonKeyAttributes"].as_array().into_iter().flatten();
    let projected = match projection["ProjectionType"].as_str() {
        Some("KEYS_ONLY") => Some(Vec::new()),
        Some("INCLUDE") => Some(named.filter_map(Value::as_str).map(ToOwned::to_owned).collect()),
        _ => None,
    };
    Index {
        name: properties["IndexName"].as_str().unwrap_or_default().to_owned(),
        key: key_of(&properties["KeySchema"]),
        projected,
    }
}

/// The names of a key's attributes, the partition key first.
fn key_of(schema: &Value) -> Vec<String> {
    let named = |kind: &'static str| {
        let elements = schema.as_array().into_iter().flatten();
        elements.filter(move |e| e["KeyType"] == kind).filter_map(|e| e["AttributeName"].as_str())
    };
    named("HASH").chain(named("RANGE")).map(ToOwned::to_owned).collect()
}
