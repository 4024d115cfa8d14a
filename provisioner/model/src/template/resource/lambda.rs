//! `AWS::Lambda::*`

use serde::{Serialize, Serializer};

use super::tag::Tag;
use crate::spec::Architecture;
use crate::template::intrinsic::Value;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Function {
    pub(crate) function_name: Value,
    pub(crate) description: &'static str,
    pub(crate) runtime: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) architectures: [Architecture; 1],
    pub(crate) code: Code,
    pub(crate) role: Value,
    pub(crate) memory_size: u64,
    pub(crate) timeout: u64,
    pub(crate) ephemeral_storage: EphemeralStorage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reserved_concurrent_executions: Option<u32>,
    pub(crate) recursive_loop: &'static str,
    pub(crate) logging_config: LoggingConfig,
    pub(crate) environment: Environment,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Code {
    pub(crate) s3_bucket: Value,
    pub(crate) s3_key: Value,
    pub(crate) s3_object_version: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EphemeralStorage {
    /// MiB.
    pub(crate) size: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LoggingConfig {
    pub(crate) log_format: &'static str,
    pub(crate) log_group: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Environment {
    pub(crate) variables: Variables,
}

/// Environment variables, in the order of the contract.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variables(pub(crate) Vec<(&'static str, String)>);

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Permission {
    pub(crate) action: &'static str,
    pub(crate) function_name: Value,
    pub(crate) principal: &'static str,
    pub(crate) source_account: Value,
    pub(crate) source_arn: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EventInvokeConfig {
    pub(crate) function_name: Value,
    pub(crate) qualifier: &'static str,
    pub(crate) maximum_retry_attempts: u32,
    pub(crate) maximum_event_age_in_seconds: u32,
    pub(crate) destination_config: DestinationConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DestinationConfig {
    pub(crate) on_failure: OnFailure,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnFailure {
    pub(crate) destination: Value,
}
