//! `AWS::DynamoDB::*`

use serde::Serialize;

use super::tag::Tag;
use crate::template::intrinsic::Value;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Table {
    pub(crate) table_name: Value,
    pub(crate) billing_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provisioned_throughput: Option<ProvisionedThroughput>,
    pub(crate) attribute_definitions: Vec<AttributeDefinition>,
    pub(crate) key_schema: Vec<KeySchema>,
    pub(crate) global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    pub(crate) deletion_protection_enabled: bool,
    pub(crate) point_in_time_recovery_specification: PointInTimeRecoverySpecification,
    #[serde(rename = "SSESpecification")]
    pub(crate) sse_specification: SseSpecification,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_to_live_specification: Option<TimeToLiveSpecification>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProvisionedThroughput {
    pub(crate) read_capacity_units: u32,
    pub(crate) write_capacity_units: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributeDefinition {
    pub(crate) attribute_name: &'static str,
    pub(crate) attribute_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeySchema {
    pub(crate) attribute_name: &'static str,
    pub(crate) key_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GlobalSecondaryIndex {
    pub(crate) index_name: &'static str,
    pub(crate) key_schema: Vec<KeySchema>,
    pub(crate) projection: Projection,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provisioned_throughput: Option<ProvisionedThroughput>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Projection {
    pub(crate) projection_type: &'static str,
    pub(crate) non_key_attributes: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PointInTimeRecoverySpecification {
    pub(crate) point_in_time_recovery_enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TimeToLiveSpecification {
    pub(crate) attribute_name: &'static str,
    pub(crate) enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SseSpecification {
    #[serde(rename = "SSEEnabled")]
    pub(crate) sse_enabled: bool,
    #[serde(rename = "SSEType", skip_serializing_if = "Option::is_none")]
    pub(crate) sse_type: Option<&'static str>,
    #[serde(rename = "KMSMasterKeyId", skip_serializing_if = "Option::is_none")]
    pub(crate) kms_master_key_id: Option<String>,
}
