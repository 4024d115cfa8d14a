//! The deployments of a stack, and which of them a rollback returns to. Pure.

use provisioner_model::change::{Action, Change};
use provisioner_model::hash::short;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the format.
pub const VERSION: u32 = 1;

/// How a deployment came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// By `up`.
    Up,
    /// By `up --watch`.
    Watch,
    /// By `rollback`.
    Rollback,
    /// By a program that kept no history: the state that the first deployment with one found.
    Found,
}

impl Mode {
    /// The mode in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Watch => "up --watch",
            Self::Rollback => "rollback",
            Self::Found => "found",
        }
    }
}

/// The code of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedCode {
    /// The bucket of the zip.
    pub bucket: String,
    /// The key of the zip.
    pub key: String,
    /// The SHA-256 of the zip, lower-case hexadecimal digits.
    pub sha256: String,
}

/// A resource that a deployment changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedResource {
    /// `add`, `import`, `change`, `replace` or `remove`.
    pub action: String,
    /// The name in the template.
    pub logical_id: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The paths of the properties that changed.
    #[serde(default)]
    pub properties: Vec<String>,
}

impl From<&Change> for ChangedResource {
    fn from(change: &Change) -> Self {
        let action = match change.action {
            Action::Add => "add",
            Action::Import => "import",
            Action::Modify(_) if change.is_replaced() => "replace",
            Action::Modify(_) => "change",
            Action::Remove => "remove",
        };
        Self {
            action: action.to_owned(),
            logical_id: change.logical_id.clone(),
            kind: change.kind.clone(),
            properties: change.details.iter().map(|detail| detail.property.clone()).collect(),
        }
    }
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The version of the format.
    pub version: u32,
    /// When it ended, ISO 8601.
    pub at: String,
    /// The ARN of who deployed; absent for [`Mode::Found`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// How it came about.
    pub mode: Mode,
    /// Why it failed; absent if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The code.
    pub code: DeployedCode,
    /// What changed.
    #[serde(default)]
    pub changes: Vec<ChangedResource>,
    /// The template.
    pub template: Value,
}

/// What is deployed now.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// The SHA-256 of the function's code; empty without a function.
    pub sha256: &'a str,
    /// The template of the stack; `None` if it is not known.
    pub template: Option<&'a Value>,
}

/// The deployment that a rollback returns to. `history` is the newest first. With `to`, the newest whose code hash or time
/// starts with that text; else the newest successful one whose code is another than the current one, or, with `template`, whose
/// code or template is.
pub fn target<'a>(
    history: &'a [Deployment],
    current: Current<'_>,
    template: bool,
    to: Option<&str>,
) -> Option<&'a Deployment> {
    let mut succeeded = history.iter().filter(|deployment| deployment.failure.is_none());
    match to {
        Some(to) => {
            succeeded.find(|deployment| deployment.code.sha256.starts_with(to) || deployment.at.starts_with(to))
        }
        None => succeeded.find(|deployment| {
            let other_template = current.template.is_some_and(|now| *now != deployment.template);
            deployment.code.sha256 != current.sha256 || (template && other_template)
        }),
    }
}

/// A deployment in one phrase.
pub fn phrase(deployment: &Deployment) -> String {
    format!("{} of {}", short(&deployment.code.sha256), deployment.at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(at: &str, sha256: &str, template: u8, failed: bool) -> Deployment {
        Deployment {
            version: VERSION,
            at: at.into(),
            caller: None,
            mode: Mode::Up,
            failure: failed.then(|| "no".to_owned()),
            code: DeployedCode { bucket: "b".into(), key: format!("handler/{sha256}.zip"), sha256: sha256.into() },
            changes: Vec::new(),
            template: json!(template),
        }
    }

    #[test]
    fn a_rollback_returns_to_the_newest_that_worked_and_differs() {
        let history = [
            deployment("2026-11-26", "ccc", 2, true),
            deployment("2026-11-25", "bbb", 2, false),
            deployment("2026-11-24", "bbb", 1, false),
            deployment("2026-11-23", "aaa", 1, false),
        ];
        let template = json!(2);
        let at = |sha256, template: Option<&Value>, with_template, to| {
            target(&history, Current { sha256, template }, with_template, to).map(|found| found.at.as_str())
        };
        for (sha256, template, with_template, to, expected) in [
            ("bbb", Some(&template), false, None, Some("2026-11-23")),
            ("bbb", Some(&template), true, None, Some("2026-11-24")),
            // The function has the code of an update that was rolled back.
            ("ccc", Some(&template), false, None, Some("2026-11-25")),
            ("bbb", None, true, None, Some("2026-11-23")),
            ("bbb", Some(&template), false, Some("aa"), Some("2026-11-23")),
            ("bbb", Some(&template), false, Some("2026-11-24"), Some("2026-11-24")),
            ("bbb", Some(&template), false, Some("ccc"), None),
        ] {
            assert_eq!(at(sha256, template, with_template, to), expected, "{sha256} {with_template} {to:?}");
        }
        assert_eq!(target(&[], Current { sha256: "", template: None }, true, None), None);
    }

    #[test]
    fn a_deployment_survives_being_stored() {
        let mut stored = serde_json::to_value(deployment("2026-11-25", "bbb", 2, true)).unwrap();
        let read: Deployment = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(read, deployment("2026-11-25", "bbb", 2, true));
        // Fields of later versions are ignored.
        stored["new"] = json!(1);
        assert!(serde_json::from_value::<Deployment>(stored).is_ok());
    }
}
