//! `AWS::IAM::*`

use serde::Serialize;

use super::tag::Tag;
use crate::template::intrinsic::Value;
use crate::template::policy::Document;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Role {
    pub(crate) description: &'static str,
    pub(crate) assume_role_policy_document: Document<Value>,
    pub(crate) policies: [InlinePolicy; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permissions_boundary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InlinePolicy {
    pub(crate) policy_name: &'static str,
    pub(crate) policy_document: Document<Value>,
}
