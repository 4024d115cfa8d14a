//! Effects of changes on data and time: data that is deleted, warnings, slow steps. Pure tables.

use provisioner_model::change::{Action, Change, Detail};
use provisioner_model::resource_type::{BUCKET, FUNCTION, TABLE};
use provisioner_model::units::counted;
use serde::Serialize;
use serde_json::Value;

use crate::consent::{Allow, Consent};
use crate::step::Step;

const LOG_GROUP: &str = "AWS::Logs::LogGroup";
const QUEUE: &str = "AWS::SQS::Queue";
const ROLE: &str = "AWS::IAM::Role";

/// Something that the user should know before confirming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// The resource.
    pub logical_id: String,
    /// The warning, as a sentence without a full stop.
    pub text: String,
}

/// A step that takes longer than a few seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowStep {
    /// The resource.
    pub logical_id: String,
    /// The step and its duration.
    pub text: String,
    /// The source of the duration.
    pub source: String,
}

/// Changes that need consent because they replace or delete something.
pub fn consents(changes: &[Change]) -> Vec<Consent> {
    let mut found = Vec::new();
    let mut need = |allow, what: String| found.push(Consent { allow, what });
    for change in changes {
        let named = format!("{} ({})", change.logical_id, change.kind);
        let rest = if change.retained { "stays outside the stack" } else { "is deleted" };
        match change.action {
            // A change that loses data is refused, whatever `--allow` names.
            _ if change.loses_data() => {}
            Action::Remove => need(Allow::Delete, format!("{named} leaves the stack and {rest}")),
            _ if change.is_replaced() => {
                need(Allow::Replace, format!("{named} is replaced by a new one; the old one {rest}"));
            }
            Action::Modify(_) => {
                change
                    .details
                    .iter()
                    .filter_map(|d| deletes(&change.kind, d))
                    .for_each(|what| need(Allow::Delete, what));
            }
            Action::Add | Action::Import => {}
        }
    }
    found
}

/// The existing data that a change of a property deletes.
fn deletes(kind: &str, detail: &Detail) -> Option<String> {
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64);
    // No value means no limit: data is kept forever.
    let shortened = || {
        let after = number(&detail.after)?;
        number(&detail.before).is_none_or(|before| after < before).then_some(after)
    };
    match (kind, detail.property.as_str()) {
        (LOG_GROUP, "RetentionInDays") => {
            shortened().map(|days| format!("log lines older than {} are deleted", counted(days, "day")))
        }
        (QUEUE, "MessageRetentionPeriod") => shortened().map(|seconds| {
            format!("failed events that have waited longer than {} are deleted", counted(seconds / 86_400, "day"))
        }),
        // Records that exist keep the expiry that they were written with; those without one stay.
        (FUNCTION, "Environment.Variables.KEEP_RECORDS_SECONDS") => {
            let seconds = |value: &Option<Value>| value.as_ref()?.as_str()?.parse::<u64>().ok();
            let after = seconds(&detail.after)?;
            seconds(&detail.before).is_none_or(|before| after < before).then(|| {
                format!(
                    "records that are written from now on are deleted after {}; earlier ones keep the expiry that they have, \
                     or none",
                    counted(after / 86_400, "day")
                )
            })
        }
        (TABLE, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled") => (detail.after == Some(false.into()))
            .then(|| "the table's backups of the last 35 days are deleted".to_owned()),
        // Paths name a rule by its id (template) or by its number (drift), or the whole configuration is new.
        (BUCKET, path)
            if path.starts_with("LifecycleConfiguration") && days_to_live(path, detail.after.as_ref()).is_some() =>
        {
            let (before, after) = (detail.before.as_ref(), days_to_live(path, detail.after.as_ref())?);
            days_to_live(path, before)
                .is_none_or(|before| after < before)
                .then(|| format!("files older than {} are deleted", counted(after, "day")))
        }
        (BUCKET, path) if path.ends_with(".NoncurrentVersionExpiration.NoncurrentDays") => shortened()
            .map(|days| format!("overwritten and deleted versions older than {} are deleted", counted(days, "day"))),
        _ => None,
    }
}

/// The lowest number of days after which files expire, in the value at this path of a bucket's lifecycle.
fn days_to_live(path: &str, value: Option<&Value>) -> Option<u64> {
    const KEY: &str = "ExpirationInDays";
    let value = value?;
    if path == KEY || path.ends_with(".ExpirationInDays") {
        return value.as_u64();
    }
    match value {
        Value::Object(members) => members.iter().filter_map(|(name, value)| days_to_live(name, Some(value))).min(),
        Value::Array(elements) => elements.iter().filter_map(|value| days_to_live("", Some(value))).min(),
        _ => None,
    }
}

/// Warnings to show before the user confirms.
pub fn warnings(changes: &[Change]) -> Vec<Warning> {
    let mut found = Vec::new();
    for change in changes {
        let mut warn =
            |text: &str| found.push(Warning { logical_id: change.logical_id.clone(), text: text.to_owned() });
        let goes = change.action == Action::Remove || change.is_replaced();
        match change.kind.as_str() {
            QUEUE if goes && !change.retained => {
                warn("failed events that are still in the old queue are lost");
            }
            LOG_GROUP if goes && !change.retained => warn("the existing log lines are lost"),
            _ => {}
        }
        if !matches!(change.action, Action::Modify(_)) {
            continue;
        }
        let indexes = |d: &&Detail| d.property.starts_with("GlobalSecondaryIndexes[") && d.property.ends_with(']');
        if change.kind == TABLE && change.details.iter().filter(indexes).count() > 1 {
            warn("CloudFormation creates or deletes only one index of a table in one update; this update may fail");
        }
        for detail in &change.details {
            if let Some(text) = warning(&change.kind, detail) {
                warn(text);
            }
        }
    }
    found
}

fn warning(kind: &str, detail: &Detail) -> Option<&'static str> {
    let after = detail.after.as_ref();
    match (kind, detail.property.as_str()) {
        (BUCKET, "DeletionPolicy") if after.is_none_or(|v| v == "Delete") => {
            Some("from now on `down` deletes the files with the stack")
        }
        (TABLE, "DeletionPolicy") if after.is_none_or(|v| v == "Delete") => {
            Some("from now on `down` deletes the records with the stack")
        }
        (TABLE, "DeletionProtectionEnabled") if after.is_none_or(|v| *v == false) => {
            Some("the table no longer refuses to be deleted")
        }
        (BUCKET, "VersioningConfiguration.Status") if after.is_none_or(|v| *v != "Enabled") => {
            Some("overwritten and deleted files are no longer kept")
        }
        (BUCKET, "VersioningConfiguration") if after.is_none_or(|v| v["Status"] != "Enabled") => {
            Some("overwritten and deleted files are no longer kept")
        }
        (TABLE, "BillingMode") if after.is_some_and(|v| v == "PROVISIONED") => {
            Some("requests beyond the provisioned units are throttled from now on")
        }
        _ => None,
    }
}

/// Steps that take longer than a few seconds on AWS, with the source of the duration.
pub fn slow(step: Step, changes: &[Change]) -> Vec<SlowStep> {
    let mut found = Vec::new();
    for change in changes {
        let property = |name: &str| change.details.iter().any(|d| d.property.starts_with(name));
        let new_index = change.details.iter().any(|d| {
            d.before.is_none() && d.property.starts_with("GlobalSecondaryIndexes[") && d.property.ends_with(']')
        });
        let gone = change.action == Action::Remove || change.is_replaced();
        let row = match (change.kind.as_str(), change.action) {
            (TABLE, Action::Modify(_)) if new_index => Some((
                "a new index is backfilled from the table: minutes to hours, depending on its size; the table stays available",
                "DynamoDB developer guide, \"Managing Global Secondary Indexes\"",
            )),
            (TABLE, Action::Modify(_)) if property("BillingMode") => Some((
                "a change of the billing mode takes several minutes; the table stays available",
                "DynamoDB developer guide, \"Considerations when switching capacity modes\"",
            )),
            (TABLE, Action::Add) => Some((
                "a table with its indexes is created asynchronously, usually within a minute",
                "no published figure; DynamoDB API reference, CreateTable: the operation is asynchronous",
            )),
            (QUEUE, _) if gone => Some((
                "deleting a queue takes up to a minute, and its name can be reused only after that",
                "SQS API reference, DeleteQueue",
            )),
            (BUCKET, _) if gone => Some((
                "the name of a deleted bucket may not be available for a while",
                "S3 user guide, \"Deleting a general purpose bucket\"",
            )),
            (ROLE, Action::Add) => Some((
                "a new role takes some seconds to propagate, and CloudFormation waits for that",
                "IAM user guide, \"Changes that I make are not always immediately visible\"",
            )),
            _ => None,
        };
        found.extend(row.map(|(text, source)| SlowStep {
            logical_id: change.logical_id.clone(),
            text: text.to_owned(),
            source: source.to_owned(),
        }));
    }
    if matches!(step, Step::Create | Step::Adopt | Step::Recreate | Step::EndDeletion) {
        found.push(SlowStep {
            logical_id: String::new(),
            text: "one to three minutes in total: role, function, permission and bucket depend on each other"
                .to_owned(),
            source: "estimated from that chain, not measured".to_owned(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use provisioner_model::change::Replacement;
    use serde_json::json;

    use super::*;

    fn modified(kind: &str, property: &str, before: Value, after: Value) -> Change {
        let some = |value: Value| (!value.is_null()).then_some(value);
        Change {
            logical_id: "X".into(),
            physical_id: None,
            kind: kind.into(),
            action: Action::Modify(Replacement::None),
            retained: false,
            details: vec![Detail {
                property: property.into(),
                before: some(before),
                after: some(after),
                replaces: false,
            }],
        }
    }

    fn resource(kind: &str, action: Action, retained: bool) -> Change {
        Change { action, retained, details: Vec::new(), ..modified(kind, "", Value::Null, Value::Null) }
    }

    #[test]
    fn changes_that_need_consent() {
        const KEEP: &str = "Environment.Variables.KEEP_RECORDS_SECONDS";
        let replaced = Action::Modify(Replacement::Certain);
        let rules = "LifecycleConfiguration.Rules";
        let rows = [
            (resource("T", Action::Add, false), None),
            (resource(TABLE, replaced, false), None),
            (resource(BUCKET, Action::Remove, true), None),
            (resource("T", Action::Remove, false), Some((Allow::Delete, "X (T) leaves the stack and is deleted"))),
            (resource("T", Action::Remove, true), Some((Allow::Delete, "stays outside the stack"))),
            (resource("T", replaced, false), Some((Allow::Replace, "the old one is deleted"))),
            (modified(LOG_GROUP, "RetentionInDays", json!(30), json!(7)), Some((Allow::Delete, "older than 7 days"))),
            (modified(LOG_GROUP, "RetentionInDays", Value::Null, json!(7)), Some((Allow::Delete, "older than 7 days"))),
            (modified(LOG_GROUP, "RetentionInDays", json!(7), json!(30)), None),
            (modified(LOG_GROUP, "RetentionInDays", json!(7), Value::Null), None),
            (
                modified(FUNCTION, KEEP, json!("7776000"), json!("2592000")),
                Some((Allow::Delete, "are deleted after 30 days; earlier ones keep")),
            ),
            (modified(FUNCTION, KEEP, Value::Null, json!("86400")), Some((Allow::Delete, "are deleted after 1 day"))),
            (modified(FUNCTION, KEEP, json!("2592000"), json!("7776000")), None),
            (modified(FUNCTION, KEEP, json!("2592000"), Value::Null), None),
            (
                modified(QUEUE, "MessageRetentionPeriod", json!(1_209_600), json!(86_400)),
                Some((Allow::Delete, "longer than 1 day are")),
            ),
            (
                modified(
                    TABLE,
                    "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled",
                    json!(true),
                    json!(false),
                ),
                Some((Allow::Delete, "backups")),
            ),
            (
                modified(BUCKET, &format!("{rules}[expire-files]"), Value::Null, json!({"ExpirationInDays": 30})),
                Some((Allow::Delete, "files older than 30 days")),
            ),
            (modified(BUCKET, &format!("{rules}[expire-files]"), json!({"ExpirationInDays": 30}), Value::Null), None),
            // The path format of CloudFormation's drift detection, and a configuration that is new as a whole.
            (
                modified(BUCKET, &format!("{rules}.0.ExpirationInDays"), json!(30), json!(10)),
                Some((Allow::Delete, "files older than 10 days")),
            ),
            (modified(BUCKET, &format!("{rules}.0.ExpirationInDays"), json!(10), json!(30)), None),
            (
                modified(
                    BUCKET,
                    "LifecycleConfiguration",
                    Value::Null,
                    json!({"Rules": [{"Id": "a", "AbortIncompleteMultipartUpload": {}}, {"ExpirationInDays": 5}]}),
                ),
                Some((Allow::Delete, "files older than 5 days")),
            ),
            (
                modified(BUCKET, &format!("{rules}[expire-files].ExpirationInDays"), json!(30), json!(10)),
                Some((Allow::Delete, "files older than 10 days")),
            ),
            (
                modified(
                    BUCKET,
                    &format!("{rules}[expire-old-versions].NoncurrentVersionExpiration.NoncurrentDays"),
                    json!(30),
                    json!(10),
                ),
                Some((Allow::Delete, "versions older than 10 days")),
            ),
        ];
        for (change, expected) in rows {
            let found = consents(std::slice::from_ref(&change));
            match expected {
                None => assert_eq!(found, [], "{change:?}"),
                Some((allow, part)) => {
                    assert!(found.len() == 1 && found[0].allow == allow, "{change:?}: {found:?}");
                    assert!(found[0].what.contains(part), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn warnings_of_changes() {
        let rows = [
            (
                modified(BUCKET, "DeletionPolicy", json!("RetainExceptOnCreate"), json!("Delete")),
                Some("deletes the files"),
            ),
            (modified(BUCKET, "DeletionPolicy", json!("Delete"), json!("RetainExceptOnCreate")), None),
            (modified(TABLE, "DeletionPolicy", json!("Retain"), Value::Null), Some("deletes the records")),
            (modified(TABLE, "DeletionProtectionEnabled", json!(true), json!(false)), Some("refuses")),
            (
                modified(BUCKET, "VersioningConfiguration", json!({"Status": "Enabled"}), Value::Null),
                Some("no longer kept"),
            ),
            (modified(BUCKET, "VersioningConfiguration", Value::Null, json!({"Status": "Enabled"})), None),
            (modified(TABLE, "BillingMode", json!("PAY_PER_REQUEST"), json!("PROVISIONED")), Some("throttled")),
            (resource(QUEUE, Action::Remove, false), Some("failed events")),
            (resource(QUEUE, Action::Remove, true), None),
            (resource(LOG_GROUP, Action::Modify(Replacement::Certain), false), Some("log lines")),
        ];
        for (change, part) in rows {
            let found = warnings(std::slice::from_ref(&change));
            assert_eq!(found.len(), usize::from(part.is_some()), "{change:?}: {found:?}");
            assert!(found.iter().all(|w| w.text.contains(part.unwrap_or_default())), "{found:?}");
        }
        let mut indexes = modified(TABLE, "GlobalSecondaryIndexes[a]", Value::Null, json!({}));
        indexes.details.push(Detail { property: "GlobalSecondaryIndexes[b]".into(), ..indexes.details[0].clone() });
        assert!(warnings(&[indexes])[0].text.contains("only one index"));
    }

    #[test]
    fn slow_steps() {
        let index = modified(TABLE, "GlobalSecondaryIndexes[a]", Value::Null, json!({}));
        let units = modified(TABLE, "GlobalSecondaryIndexes[a].ProvisionedThroughput.X", json!(1), json!(2));
        let billing = modified(TABLE, "BillingMode", json!("PROVISIONED"), json!("PAY_PER_REQUEST"));
        for (change, part) in [
            (index, Some("a new index")),
            (units, None),
            (billing, Some("several minutes")),
            (resource(QUEUE, Action::Modify(Replacement::Certain), false), Some("up to a minute")),
            (resource(BUCKET, Action::Remove, false), Some("may not be available")),
            (resource(ROLE, Action::Add, false), Some("some seconds")),
            (resource(TABLE, Action::Add, false), Some("within a minute")),
            (resource("AWS::Lambda::Function", Action::Add, false), None),
        ] {
            let found = slow(Step::Update, std::slice::from_ref(&change));
            assert_eq!(found.len(), usize::from(part.is_some()), "{change:?}: {found:?}");
            assert!(
                found.iter().all(|s| s.text.contains(part.unwrap_or_default()) && !s.source.is_empty()),
                "{found:?}"
            );
        }
        assert_eq!(slow(Step::Create, &[]).len(), 1);
    }
}
