//! Costs of a stack with `billing: free-tier`.
//!
//! What is free is free for a whole account and region together; another stack's part of it cannot be seen from here.

use serde_json::Value;

use super::code::Code;
use super::finding::Finding;
use super::tree::{members, walk};
use crate::spec::{Billing, StackSpec};
use crate::template::FREE_UNITS;

/// Alarms that are free (CloudWatch pricing page, "free tier").
const FREE_ALARMS: usize = 10;
/// Temporary storage that a function has for nothing (Lambda pricing page). MiB.
const FREE_STORAGE: u64 = 512;
/// Properties for customer managed KMS keys, which are billed (CloudFormation resource reference).
const KEYS: [&str; 5] = ["KMSMasterKeyId", "KMSMasterKeyID", "KmsMasterKeyId", "KmsKeyId", "KmsKeyArn"];

pub(super) fn check(spec: &StackSpec, tree: &Value, findings: &mut Vec<Finding>) {
    // An emulator has no costs.
    if spec.table.billing != Billing::FreeTier || spec.emulator.is_some() {
        return;
    }
    let of_type = |kind: &'static str| members(&tree["Resources"]).filter(move |(_, one)| one["Type"] == kind);
    units(&of_type("AWS::DynamoDB::Table").map(|(_, table)| &table["Properties"]).collect::<Vec<_>>(), findings);
    for (id, table) in of_type("AWS::DynamoDB::Table") {
        let recovery = "PointInTimeRecoverySpecification";
        if table["Properties"][recovery]["PointInTimeRecoveryEnabled"] == true {
            let place = format!("Resources.{id}.Properties.{recovery}");
            findings.push(Finding::new(Code::FreeTierBackups, place, "keeps continuous backups, which cost by size"));
        }
    }
    let alarms = of_type("AWS::CloudWatch::Alarm").count();
    if alarms > FREE_ALARMS {
        let problem = format!("has {alarms} alarms, and {FREE_ALARMS} are free");
        findings.push(Finding::new(Code::FreeTierAlarms, "Resources", problem));
    }
    for (id, group) in of_type("AWS::Logs::LogGroup") {
        if group["Properties"]["RetentionInDays"].is_null() {
            let problem = "has no retention period, and 5 GB of logs are free";
            findings.push(Finding::new(Code::FreeTierLogs, format!("Resources.{id}.Properties"), problem));
        }
    }
    for (id, function) in of_type("AWS::Lambda::Function") {
        let storage = function["Properties"]["EphemeralStorage"]["Size"].as_u64().unwrap_or_default();
        if storage > FREE_STORAGE {
            let problem = format!("has {storage} MiB of temporary storage, and {FREE_STORAGE} MiB are free");
            let place = format!("Resources.{id}.Properties.EphemeralStorage");
            findings.push(Finding::new(Code::FreeTierStorage, place, problem));
        }
    }
    if spec.handler.detailed_metrics {
        let problem = "makes a custom metric of every file type and error code that occurs, and ten metrics are free";
        findings.push(Finding::new(Code::FreeTierMetrics, "handler.detailedMetrics", problem));
    }
    walk(&tree["Resources"], &mut "Resources".to_owned(), &mut |place, node| {
        for key in KEYS.iter().filter(|key| !node[**key].is_null()) {
            let problem = "names a KMS key, which costs by the month and by use";
            findings.push(Finding::new(Code::FreeTierKeys, format!("{place}.{key}"), problem));
        }
    });
}

fn units(tables: &[&Value], findings: &mut Vec<Finding>) {
    for unit in ["ReadCapacityUnits", "WriteCapacityUnits"] {
        let sum: u64 = tables
            .iter()
            .flat_map(|table| {
                let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
                std::iter::once(*table).chain(indexes)
            })
            .filter_map(|owner| owner["ProvisionedThroughput"][unit].as_u64())
            .sum();
        if sum > FREE_UNITS.into() {
            let problem = format!("ask for {sum} {unit} in all tables and indexes, and {FREE_UNITS} are free");
            findings.push(Finding::new(Code::FreeTierUnits, "Resources", problem));
        }
    }
}
