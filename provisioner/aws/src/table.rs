//! The table as a container: whether it exists, what it looks like, how much it holds, and how it is deleted.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    BillingMode, GlobalSecondaryIndexDescription, KeySchemaElement, PointInTimeRecoveryStatus,
    ProvisionedThroughputDescription, Select, SseStatus, TableDescription, TimeToLiveStatus,
};
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::stack::Items;
use serde_json::{Value, json};

use super::Aws;
use super::call_error::from_sdk;

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// Whether it is ready; else it is being made, changed or deleted.
    pub active: bool,
    /// Items by the service's own count, which is up to six hours old.
    pub items: u64,
    /// Sizes by the same count, bytes: of the table under an empty name, and of its indexes.
    pub sizes: BTreeMap<String, u64>,
    /// What CloudFormation would call its properties: those that cannot be changed, and those that an update compares.
    pub properties: Value,
}

/// What reading a table or an index costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The provisioned read units; `None` where requests are billed one by one.
    pub units: Option<u64>,
    /// The size by the service's own count, which is up to six hours old. Bytes.
    pub bytes: u64,
}

impl Described {
    /// The capacity of an index, or of the table itself.
    pub fn capacity(&self, index: Option<&str>) -> Capacity {
        let indexes = self.properties["GlobalSecondaryIndexes"].as_array();
        let found = match index {
            Some(name) => {
                indexes.into_iter().flatten().find(|index| index["IndexName"] == name).unwrap_or(&Value::Null)
            }
            None => &self.properties,
        };
        let units = found["ProvisionedThroughput"]["ReadCapacityUnits"].as_u64();
        Capacity { units, bytes: self.sizes.get(index.unwrap_or_default()).copied().unwrap_or_default() }
    }
}

/// The client of one table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table of this name.
    pub fn new(aws: &Aws, name: &str) -> Self {
        Self { client: Client::new(&aws.sdk), name: name.to_owned() }
    }

    /// What the table is; `None` if there is none.
    pub async fn describe(&self) -> Result<Option<Described>, CallError> {
        let output = self.client.describe_table().table_name(&self.name).send().await.map_err(from_sdk);
        Ok(optional(output)?.and_then(|o| o.table).map(|table| Described {
            protected: table.deletion_protection_enabled == Some(true),
            active: table.table_status.as_ref().is_none_or(|status| status.as_str() == "ACTIVE"),
            items: table.item_count.and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            sizes: sizes(&table),
            properties: properties(&self.name, &table),
        }))
    }

    /// The table's properties in CloudFormation's words, for an import template: with encryption, backups, expiry and
    /// protection as they are. Names the KMS key wherever one is used that is not DynamoDB's own: also where that is the account's key for
    /// DynamoDB, which the service does not tell from a chosen one. `None` if there is no table.
    pub async fn properties_for_import(&self) -> Result<Option<Value>, CallError> {
        let backups = self.client.describe_continuous_backups().table_name(&self.name).send();
        let table = self.client.describe_table().table_name(&self.name).send();
        let expiry = self.client.describe_time_to_live().table_name(&self.name).send();
        let (table, backups, expiry) = tokio::join!(table, backups, expiry);
        let Some(table) = optional(table.map_err(from_sdk))?.and_then(|output| output.table) else { return Ok(None) };
        let mut properties = properties(&self.name, &table);
        properties["DeletionProtectionEnabled"] = json!(table.deletion_protection_enabled == Some(true));
        let encryption = table.sse_description.as_ref();
        let with_key =
            encryption.and_then(|sse| sse.status.as_ref()).is_some_and(|status| *status != SseStatus::Disabled);
        properties["SSESpecification"] = json!({ "SSEEnabled": with_key });
        // Who may not read this may still import: the update that follows sets it.
        let recovery = backups
            .ok()
            .and_then(|output| output.continuous_backups_description?.point_in_time_recovery_description)
            .and_then(|recovery| recovery.point_in_time_recovery_status);
        if let Some(status) = recovery {
            let enabled = status == PointInTimeRecoveryStatus::Enabled;
            properties["PointInTimeRecoverySpecification"] = json!({ "PointInTimeRecoveryEnabled": enabled });
        }
        let expiry = expiry.ok().and_then(|output| output.time_to_live_description);
        if let Some(expiry) = expiry.filter(|expiry| expiry.time_to_live_status.as_ref().is_some_and(is_enabled)) {
            properties["TimeToLiveSpecification"] = json!({ "AttributeName": expiry.attribute_name, "Enabled": true });
        }
        if let Some(key) = encryption.filter(|_| with_key).and_then(|sse| sse.kms_master_key_arn.as_ref()) {
            properties["SSESpecification"]["KMSMasterKeyId"] = json!(key);
        }
        Ok(Some(properties))
    }

    /// Counts items: those of a small table by reading them, else by the service's own count. Reading costs capacity,
    /// which a table within the free tier has little of: so one page of 1 MB at most.
    pub async fn count(&self, described: &Described) -> Result<Items, CallError> {
        let page = self.client.scan().table_name(&self.name).select(Select::Count).send().await.map_err(from_sdk)?;
        let counted = u64::try_from(page.count).unwrap_or_default();
        let whole = page.last_evaluated_key.is_none_or(|key| key.is_empty());
        Ok(Items { items: if whole { counted } else { counted.max(described.items) }, approximate: !whole })
    }

    /// Takes away the protection from deletion.
    pub async fn unprotect(&self) -> Result<(), CallError> {
        let updated = self.client.update_table().table_name(&self.name).deletion_protection_enabled(false).send().await;
        optional(updated.map_err(control_plane_error)).map(|_| ())
    }

    /// Starts to delete the table; none is fine. `false` while it is being changed and cannot be deleted yet.
    pub async fn delete(&self) -> Result<bool, CallError> {
        match self.client.delete_table().table_name(&self.name).send().await.map_err(control_plane_error) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::NotFound => Ok(true),
            Err(error) if error.kind == Kind::Busy => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What a failed change of a table means. `LimitExceededException` is no quota here: too many tables of the account are
/// being changed at the same time (DynamoDB API reference, `DeleteTable`, errors), which passes.
fn control_plane_error<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = from_sdk(error);
    match error.kind {
        Kind::Quota => CallError { kind: Kind::Throttled, ..error },
        _ => error,
    }
}

fn is_enabled(status: &TimeToLiveStatus) -> bool {
    matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
}

fn sizes(table: &TableDescription) -> BTreeMap<String, u64> {
    let bytes = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    let indexes = table.global_secondary_indexes().iter();
    indexes
        .map(|index| (index.index_name.clone().unwrap_or_default(), bytes(index.index_size_bytes)))
        .chain([(String::new(), bytes(table.table_size_bytes))])
        .collect()
}

/// The table in CloudFormation's words.
fn properties(name: &str, table: &TableDescription) -> Value {
    let on_demand = table
        .billing_mode_summary
        .as_ref()
        .and_then(|b| b.billing_mode.as_ref())
        .is_some_and(|mode| *mode == BillingMode::PayPerRequest);
    let attributes: Vec<Value> = table
        .attribute_definitions()
        .iter()
        .map(|a| json!({ "AttributeName": a.attribute_name, "AttributeType": a.attribute_type.as_str() }))
        .collect();
    let mut properties = json!({
        "TableName": name,
        "AttributeDefinitions": attributes,
        "KeySchema": keys(table.key_schema()),
        "BillingMode": if on_demand { "PAY_PER_REQUEST" } else { "PROVISIONED" },
    });
    let indexes: Vec<Value> = table.global_secondary_indexes().iter().map(|i| index(i, on_demand)).collect();
    if !indexes.is_empty() {
        properties["GlobalSecondaryIndexes"] = Value::Array(indexes);
    }
    if !on_demand {
        properties["ProvisionedThroughput"] = throughput(table.provisioned_throughput.as_ref());
    }
    properties
}

fn keys(schema: &[KeySchemaElement]) -> Vec<Value> {
    schema.iter().map(|key| json!({ "AttributeName": key.attribute_name, "KeyType": key.key_type.as_str() })).collect()
}

fn throughput(throughput: Option<&ProvisionedThroughputDescription>) -> Value {
    let units = |units: Option<i64>| units.unwrap_or(1).max(1);
    json!({
        "ReadCapacityUnits": units(throughput.and_then(|t| t.read_capacity_units)),
        "WriteCapacityUnits": units(throughput.and_then(|t| t.write_capacity_units)),
    })
}

fn index(index: &GlobalSecondaryIndexDescription, on_demand: bool) -> Value {
    let projection = index.projection.as_ref();
    let mut value = json!({
        "IndexName": index.index_name,
        "KeySchema": keys(index.key_schema()),
        "Projection": {
            "ProjectionType": projection.and_then(|p| p.projection_type.as_ref()).map_or("ALL", |t| t.as_str()),
        },
    });
    if let Some(projection) = projection.filter(|p| !p.non_key_attributes().is_empty()) {
        value["Projection"]["NonKeyAttributes"] = json!(projection.non_key_attributes());
    }
    if !on_demand {
        value["ProvisionedThroughput"] = throughput(index.provisioned_throughput.as_ref());
    }
    value
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::delete_table::DeleteTableError;

    use super::*;

    #[test]
    fn too_many_changes_of_tables_are_a_throttle_and_no_quota() {
        for (code, kind) in [
            ("LimitExceededException", Kind::Throttled),
            ("ResourceInUseException", Kind::Busy),
            ("ResourceNotFoundException", Kind::NotFound),
        ] {
            let error = DeleteTableError::generic(ErrorMetadata::builder().code(code).build());
            let response = HttpResponse::new(400.try_into().unwrap(), Vec::new().into());
            assert_eq!(control_plane_error(SdkError::service_error(error, response)).kind, kind, "{code}");
        }
    }
}
