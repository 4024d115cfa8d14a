//! `AWS::CloudWatch::*`

use serde::Serialize;

use super::tag::Tag;
use crate::template::intrinsic::Value;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Alarm {
    pub(crate) alarm_description: String,
    pub(crate) namespace: &'static str,
    pub(crate) metric_name: &'static str,
    pub(crate) dimensions: [Dimension; 1],
    pub(crate) statistic: &'static str,
    /// Seconds.
    pub(crate) period: u32,
    pub(crate) evaluation_periods: u32,
    pub(crate) threshold: u32,
    pub(crate) comparison_operator: &'static str,
    pub(crate) treat_missing_data: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) alarm_actions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
}
