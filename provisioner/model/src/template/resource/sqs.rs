//! `AWS::SQS::*`

use serde::Serialize;

use super::tag::Tag;
use crate::template::intrinsic::Value;
use crate::template::policy::Document;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Queue {
    pub(crate) queue_name: Value,
    /// Seconds.
    pub(crate) message_retention_period: u32,
    /// Seconds.
    pub(crate) visibility_timeout: u32,
    /// With a key of SQS's own; not beside another key.
    pub(crate) sqs_managed_sse_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_master_key_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueuePolicy {
    pub(crate) queues: [Value; 1],
    pub(crate) policy_document: Document<Value>,
}
