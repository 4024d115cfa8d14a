//! The properties of a template in the stack file's own words: `MemorySize 256` is `handler.memory 256 MiB`. Pure.

use provisioner_model::change::{Change, Detail};
use provisioner_model::resource_type::{BUCKET, FUNCTION, TABLE};
use provisioner_model::units::{Seconds, Size};
use serde_json::Value;

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;

/// A setting of the stack file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, as the stack file has it.
    pub key: String,
    /// The value before, as the stack file would have it.
    pub before: String,
    /// The value after.
    pub after: String,
    /// Whether changing it can replace the resource.
    pub replaces: bool,
}

/// How a property's value is written in the stack file.
#[derive(Debug, Clone, Copy)]
enum Form {
    Mebibytes,
    Bytes,
    Seconds,
    Days,
    /// As text or number.
    Plain,
    /// A list in one text, separated by commas.
    List,
    /// True where there is such a property, or where it holds `true`.
    Flag,
    Billing,
    Data,
}

/// What a property is.
enum Meaning {
    Key(&'static str, Form),
    /// It follows from another setting.
    Derived,
    Unknown,
}

fn meaning(kind: &str, property: &str) -> Meaning {
    use Meaning::{Derived, Key, Unknown};
    let variable = property.strip_prefix("Environment.Variables.");
    match (kind, property) {
        (FUNCTION, "MemorySize") => Key("handler.memory", Form::Mebibytes),
        (FUNCTION, "Timeout") => Key("handler.timeout", Form::Seconds),
        (FUNCTION, "ReservedConcurrentExecutions") => Key("handler.maxConcurrency", Form::Plain),
        (FUNCTION, "EphemeralStorage" | "EphemeralStorage.Size") => Derived,
        (FUNCTION, _) => match variable {
            Some("MAX_FILE_SIZE") => Key("files.maxSize", Form::Bytes),
            Some("ALLOWED_TYPES") => Key("files.allowedTypes", Form::List),
            Some("CHILD_MEMORY") => Key("handler.childMemory", Form::Bytes),
            Some("CHILD_CPU_SECONDS") => Key("handler.childCpu", Form::Seconds),
            Some("KEEP_RECORDS_SECONDS") => Key("table.keepRecords", Form::Seconds),
            Some("DETAILED_METRICS") => Key("handler.detailedMetrics", Form::Flag),
            Some("CHILD_WALL_SECONDS" | "CHILD_SPOOL") => Derived,
            _ => Unknown,
        },
        ("AWS::IAM::Role", "PermissionsBoundary") => Key("permissionsBoundary", Form::Plain),
        ("AWS::Logs::LogGroup", "RetentionInDays") => Key("handler.keepLogs", Form::Days),
        (BUCKET, "VersioningConfiguration" | "VersioningConfiguration.Status") => Key("bucket.versioning", Form::Flag),
        (BUCKET, property) if property.ends_with("NoncurrentVersionExpiration.NoncurrentDays") => {
            Key("bucket.keepOldVersions", Form::Days)
        }
        (BUCKET, property) if property.ends_with("ExpirationInDays") => Key("bucket.expireFiles", Form::Days),
        (TABLE, "BillingMode") => Key("table.billing", Form::Billing),
        (TABLE, property) if property.ends_with("ProvisionedThroughput") => Derived,
        // The setting is in the function's environment; the table only has the attribute's name.
        (TABLE, property) if property.starts_with("TimeToLiveSpecification") => Derived,
        (TABLE, property) if property.starts_with("PointInTimeRecoverySpecification") => {
            Key("table.pointInTimeRecovery", Form::Flag)
        }
        (TABLE, "DeletionProtectionEnabled") => Key("data", Form::Data),
        (TABLE, property) if property.starts_with("SSESpecification") => Derived,
        _ => Unknown,
    }
}

fn written(form: Form, value: Option<&Value>) -> Option<String> {
    let Some(value) = value else { return Some(if matches!(form, Form::Flag) { "false" } else { "none" }.to_owned()) };
    let number = || value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let text = match form {
        Form::Mebibytes => Size(number()?.checked_mul(MIB)?).to_string(),
        Form::Bytes => Size(number()?).to_string(),
        Form::Seconds => Seconds(number()?).to_string(),
        Form::Days => Seconds(number()?.checked_mul(DAY)?).to_string(),
        Form::Plain => value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned),
        Form::List => format!("[{}]", value.as_str()?.split(',').collect::<Vec<_>>().join(", ")),
        Form::Flag => {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (text.contains("true") || text.contains("Enabled")).to_string()
        }
        Form::Billing => if value == "PROVISIONED" { "free-tier" } else { "on-demand" }.to_owned(),
        Form::Data => if value == true { "keep" } else { "delete" }.to_owned(),
    };
    Some(text)
}

/// A change's properties: those that are settings of the stack file, and the others, which the stack file has no word
/// for. Properties that follow from a setting are left out if there is such a setting.
pub fn settings<'a>(change: &Change, details: impl Iterator<Item = &'a Detail>) -> (Vec<Setting>, Vec<&'a Detail>) {
    let (mut settings, mut derived, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for detail in details {
        if let Some(name) = detail.property.strip_prefix("Tags[").and_then(|name| name.strip_suffix(']')) {
            settings.extend(setting(&format!("tags.{name}"), Form::Plain, detail));
            continue;
        }
        match meaning(&change.kind, &detail.property) {
            Meaning::Key(key, form) => match setting(key, form, detail) {
                Some(setting) => settings.push(setting),
                None => others.push(detail),
            },
            Meaning::Derived => derived.push(detail),
            Meaning::Unknown => others.push(detail),
        }
    }
    if settings.is_empty() {
        others.append(&mut derived);
    }
    (settings, others)
}

fn setting(key: &str, form: Form, detail: &Detail) -> Option<Setting> {
    // A property that refers to a replaced resource has the same text before and after.
    if detail.before == detail.after {
        return None;
    }
    Some(Setting {
        key: key.to_owned(),
        before: written(form, detail.before.as_ref())?,
        after: written(form, detail.after.as_ref())?,
        replaces: detail.replaces,
    })
}

#[cfg(test)]
mod tests {
    use provisioner_model::change::{Action, Replacement};
    use serde_json::json;

    use super::*;

    fn change(kind: &str) -> Change {
        Change {
            logical_id: "X".into(),
            physical_id: None,
            kind: kind.into(),
            action: Action::Modify(Replacement::None),
            retained: false,
            details: Vec::new(),
        }
    }

    fn detail(property: &str, before: Value, after: Value) -> Detail {
        let some = |value: Value| Some(value).filter(|value| !value.is_null());
        Detail { property: property.into(), before: some(before), after: some(after), replaces: false }
    }

    #[test]
    fn properties_are_written_as_the_stack_file_has_them() {
        let variable = |name: &str| format!("Environment.Variables.{name}");
        for (kind, property, before, after, expected) in [
            (FUNCTION, "MemorySize".to_owned(), json!(256), json!(1024), "handler.memory 256 MiB → 1 GiB"),
            (FUNCTION, "Timeout".into(), json!(60), json!(90), "handler.timeout 1m → 90s"),
            (
                FUNCTION,
                variable("MAX_FILE_SIZE"),
                json!("2147483648"),
                json!("52428800"),
                "files.maxSize 2 GiB → 50 MiB",
            ),
            (
                FUNCTION,
                variable("ALLOWED_TYPES"),
                json!("*/*"),
                json!("a/b,c/*"),
                "files.allowedTypes [*/*] → [a/b, c/*]",
            ),
            (FUNCTION, "ReservedConcurrentExecutions".into(), Value::Null, json!(5), "handler.maxConcurrency none → 5"),
            (
                FUNCTION,
                "Environment.Variables.KEEP_RECORDS_SECONDS".into(),
                Value::Null,
                json!("7776000"),
                "table.keepRecords none → 90d",
            ),
            ("AWS::Logs::LogGroup", "RetentionInDays".into(), json!(14), json!(30), "handler.keepLogs 14d → 30d"),
            (
                BUCKET,
                "VersioningConfiguration".into(),
                Value::Null,
                json!({"Status": "Enabled"}),
                "bucket.versioning false → true",
            ),
            (
                TABLE,
                "BillingMode".into(),
                json!("PROVISIONED"),
                json!("PAY_PER_REQUEST"),
                "table.billing free-tier → on-demand",
            ),
            (TABLE, "DeletionProtectionEnabled".into(), json!(false), json!(true), "data delete → keep"),
            ("AWS::SQS::Queue", "Tags[team]".into(), json!("a"), Value::Null, "tags.team a → none"),
        ] {
            let detail = detail(&property, before, after);
            let (settings, others) = settings(&change(kind), std::iter::once(&detail));
            let shown: Vec<String> = settings.iter().map(|s| format!("{} {} → {}", s.key, s.before, s.after)).collect();
            assert_eq!(shown, [expected]);
            assert!(others.is_empty(), "{property}");
        }
    }

    #[test]
    fn what_follows_from_a_setting_is_shown_only_alone() {
        let billing = detail("BillingMode", json!("PROVISIONED"), json!("PAY_PER_REQUEST"));
        let units = detail("ProvisionedThroughput", json!({"ReadCapacityUnits": 3}), Value::Null);
        let (found, others) = settings(&change(TABLE), [&billing, &units].into_iter());
        assert_eq!((found.len(), others.len()), (1, 0));
        let (found, others) = settings(&change(TABLE), std::iter::once(&units));
        assert_eq!((found.len(), others.len()), (0, 1));
    }

    #[test]
    fn a_property_without_a_setting_keeps_its_name() {
        let odd = detail("MemorySize", json!("much"), json!(256));
        let unknown = detail("Runtime", json!("a"), json!("b"));
        let (found, others) = settings(&change(FUNCTION), [&odd, &unknown].into_iter());
        assert_eq!((found.len(), others.len()), (0, 2));
    }
}
