//! The plan document that `plan` prints and `up` shows before it asks: a pure function of the desired and the observed
//! state.
//!
//! The document lists the changes, the permissions that principals gain or lose, the effects on data and time, the
//! required consents, and in [`Preconditions`] the state that it was made for. `up --plan` applies it only to the same
//! state. `docs/plan.md` describes the format.

use std::collections::BTreeMap;
use std::path::Path;

use provisioner_model::change::{Action, Change, Detail, Replacement};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::hash::{sha256, short};
use provisioner_model::resolve::Context;
use provisioner_model::status::{Operation, StackStatus};
use provisioner_model::template::ARTIFACT_VERSION;
use provisioner_model::{diff, resource_type};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::code::{artifact_bucket, code_change};
use crate::consent::{Allow, Consent};
use crate::drift::Drift;
use crate::effects::{self, SlowStep, Warning};
use crate::health::{Facts, Problem, health};
use crate::permissions::{self, PermissionChange};
use crate::plan::{Plan, decide};
use crate::state::{Desired, Observed};
use crate::step::{Blocker, Step, step};

pub use crate::code::{ArtifactBucket, Code, CodeChange};

/// The version of the format. It is raised by every incompatible change.
pub const VERSION: u32 = 1;

/// The state that a plan was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preconditions {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stack's ARN; absent where there is no stack.
    #[serde(default)]
    pub stack_arn: Option<String>,
    /// Its status.
    #[serde(default)]
    pub stack_status: Option<String>,
    /// When it was last changed, as CloudFormation reports it.
    #[serde(default)]
    pub stack_changed: Option<String>,
    /// The SHA-256 of the deployed template.
    #[serde(default)]
    pub deployed_template: Option<String>,
    /// The SHA-256 of the desired template.
    pub template: String,
    /// The SHA-256 of the desired parameters and tags.
    pub settings: String,
    /// The SHA-256 of the handler's zip.
    pub code: String,
    /// The SHA-256 of the drift, if it is reverted.
    #[serde(default)]
    pub drift: Option<String>,
    /// Bucket and table that would be imported.
    #[serde(default)]
    pub kept: Vec<String>,
}

/// The plan of `up`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The version of this document.
    pub version: u32,
    /// The version of the program that made it.
    pub tool: String,
    /// The stack.
    pub stack: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The first step.
    pub step: Step,
    /// Whether anything would change.
    pub changes: bool,
    /// Why the plan cannot be applied; absent if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocker>,
    /// The changes, one for each resource.
    pub resources: Vec<Change>,
    /// Outputs of the stack that change.
    pub outputs: Vec<Detail>,
    /// Tags of the stack that change.
    pub tags: Vec<Detail>,
    /// The handler's code, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeChange>,
    /// The bucket for the handler's zips, if the plan creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactBucket>,
    /// The permissions that principals gain or lose.
    pub permissions: Vec<PermissionChange>,
    /// Warnings to show before the user confirms.
    pub warnings: Vec<Warning>,
    /// Changes that need separate confirmation.
    pub consents: Vec<Consent>,
    /// Steps that take longer than a few seconds.
    pub slow: Vec<SlowStep>,
    /// What was changed out of band.
    pub drift: Drift,
    /// Whether the drift would be reverted.
    pub reverts_drift: bool,
    /// The state that the plan was made for.
    pub basis: Preconditions,
}

/// Creates the plan document.
pub fn preview(desired: &Desired, observed: &Observed, code: Code<'_>, drift: Drift, revert: bool) -> Preview {
    let reverts_drift = revert && !drift.is_empty();
    let plan = decide(desired, observed);
    let (mut step, mut blocked) = step(&plan);
    // Whether the plan updates an existing stack, so that changes are differences to its template.
    let updates = matches!(plan, Plan::Propose(Operation::Update) | Plan::NoChange);
    let (before, after) = (observed.plain(&desired.place), desired.plain());
    let mut resources = match &plan {
        Plan::Recreate { changes, .. } | Plan::RetryDelete { changes, .. } | Plan::Adopt { changes, .. } => {
            changes.clone()
        }
        Plan::Propose(Operation::Create) => diff::all_new(&desired.template, &[]),
        Plan::Propose(_) | Plan::NoChange => {
            before.as_ref().map(|before| diff::compare(before, &after)).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if updates && reverts_drift {
        add_drift_reverts(&mut resources, &drift, &after);
        step = Step::Update;
    }
    for change in resources.iter_mut().filter(|c| c.physical_id.is_none()) {
        let known = observed.resources.iter().find(|r| r.logical_id == change.logical_id && !r.physical_id.is_empty());
        change.physical_id = known.map(|r| r.physical_id.clone());
    }
    blocked = blocked.or_else(|| data_loss(&resources));
    if blocked.is_some() {
        step = Step::Blocked;
    }
    let (outputs, tags) = match (&before, &observed.stack) {
        (Some(before), Some(stack)) if updates => (
            diff::entries(&values(&before["Outputs"]), &values(&after["Outputs"])),
            diff::entries(&tags_of(&stack.tags), &tags_of(&desired.tags)),
        ),
        _ => (Vec::new(), Vec::new()),
    };
    let permissions = if matches!(step, Step::None | Step::Wait | Step::ContinueRollback) {
        Vec::new()
    } else {
        permission_changes(desired, observed, updates, reverts_drift.then_some(&drift))
    };
    // The stack can be in the desired state although the function is not: its code is from an earlier run or was deployed
    // out of band.
    let code_change = code_change(step, observed.code.as_ref().filter(|_| updates), code);
    if step == Step::None && code_change.is_some() {
        step = Step::Update;
    }
    let mut consents = Vec::new();
    if updates {
        // The update completes an import, which needs no more consent than a creation.
        let completes = before.as_ref().is_some_and(|before| is_only_imported(observed, before));
        let broadening = permissions.iter().filter(|shift| shift.broadens && !completes);
        consents.extend(broadening.map(|s| Consent { allow: Allow::Broaden, what: s.sentence.clone() }));
        consents.extend(effects::consents(&resources));
    }
    Preview {
        version: VERSION,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        stack: desired.names.stack.clone(),
        account: desired.place.account.clone(),
        region: desired.place.region.clone(),
        step,
        changes: step != Step::None,
        blocked,
        warnings: effects::warnings(&resources),
        slow: effects::slow(step, &resources),
        basis: preconditions(desired, observed, code, reverts_drift.then_some(&drift), &plan),
        code: code_change,
        artifacts: artifact_bucket(step, desired, observed),
        resources,
        outputs,
        tags,
        permissions,
        consents,
        drift,
        reverts_drift,
    }
}

impl Preview {
    /// Why files do not get their records although the plan changes nothing: a stack without its table, for example, is
    /// as its template says, and still not up to date.
    pub fn broken(&self) -> Vec<Problem> {
        if self.step != Step::None {
            return Vec::new();
        }
        let status = self.basis.stack_status.as_deref().and_then(StackStatus::parse);
        let facts = Facts {
            stack: &self.stack,
            status,
            drift: Some(&self.drift),
            failed_events: None,
            files_without_record: None,
        };
        health(facts).problems.into_iter().filter(|problem| problem.breaks).collect()
    }
}

/// Whether the stack contains only an imported bucket or table.
fn is_only_imported(observed: &Observed, before: &Value) -> bool {
    let imported = observed.stack.as_ref().is_some_and(|stack| stack.status == StackStatus::ImportComplete);
    let mut resources = before["Resources"].as_object().into_iter().flatten();
    imported
        && resources.all(|(_, r)| [resource_type::BUCKET, resource_type::TABLE].iter().any(|kind| r["Type"] == *kind))
}

/// Adds the changes that revert drift: from the live to the desired values.
fn add_drift_reverts(changes: &mut Vec<Change>, drift: &Drift, after: &Value) {
    for drifted in &drift.resources {
        let resource = &after["Resources"][&drifted.logical_id];
        if resource.is_null() {
            continue;
        }
        let at = changes.iter().position(|c| c.logical_id == drifted.logical_id).unwrap_or_else(|| {
            changes.push(Change {
                logical_id: drifted.logical_id.clone(),
                physical_id: Some(drifted.physical_id.clone()).filter(|id| !id.is_empty()),
                kind: drifted.kind.clone(),
                action: Action::Modify(Replacement::None),
                retained: false,
                details: Vec::new(),
            });
            changes.len() - 1
        });
        let change = &mut changes[at];
        if drifted.deleted {
            (change.action, change.details) = (Action::Add, Vec::new());
            continue;
        }
        for difference in &drifted.properties {
            match change.details.iter_mut().find(|d| d.property == difference.property) {
                Some(detail) => detail.before.clone_from(&difference.actual),
                None => change.details.push(Detail {
                    property: difference.property.clone(),
                    before: difference.actual.clone(),
                    after: difference.deployed.clone(),
                    replaces: false,
                }),
            }
        }
    }
    changes.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
}

/// The changes of permissions. Physical ids are filled in for resources that exist.
fn permission_changes(
    desired: &Desired,
    observed: &Observed,
    updates: bool,
    reverted: Option<&Drift>,
) -> Vec<PermissionChange> {
    let known = observed.context(&desired.place);
    let before = match observed.template.as_ref().filter(|_| updates).map(|template| known.plain(template)) {
        Some(before) => reverted.map_or_else(|| before.clone(), |drift| drift.overlay(before.clone())),
        None => Value::Null,
    };
    let resources = if updates { known.resources } else { BTreeMap::new() };
    let parameters = desired.parameters.clone();
    let after = Context { parameters, resources, ..desired.place.context() }.plain(&desired.template);
    permissions::compare(&before, &after)
}

fn data_loss(resources: &[Change]) -> Option<Blocker> {
    let (code, reason, hint) = crate::plan::data_loss(resources)?;
    Some(Blocker { code: code.to_owned(), reason, hint })
}

/// Outputs by name, without their descriptions.
fn values(outputs: &Value) -> Value {
    outputs.as_object().into_iter().flatten().map(|(name, output)| (name.clone(), output["Value"].clone())).collect()
}

fn tags_of(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect()
}

fn preconditions(
    desired: &Desired,
    observed: &Observed,
    code: Code<'_>,
    drift: Option<&Drift>,
    plan: &Plan,
) -> Preconditions {
    let stack = observed.stack.as_ref();
    Preconditions {
        account: desired.place.account.clone(),
        region: desired.place.region.clone(),
        stack_arn: stack.map(|s| s.arn.clone()),
        stack_status: stack.map(|s| s.status.as_str().to_owned()),
        stack_changed: stack.and_then(|s| s.changed.clone()),
        deployed_template: observed.template.as_ref().map(|template| hash(&template.to_string())),
        template: hash(&desired.template.to_string()),
        settings: hash(&format!("{:?} {:?}", settings(desired), desired.tags)),
        code: code.sha256.to_owned(),
        drift: drift.map(|drift| hash(&serde_json::to_string(drift).unwrap_or_default())),
        kept: match plan {
            Plan::Adopt { kept, .. } => kept.iter().map(|k| k.name.clone()).collect(),
            _ => Vec::new(),
        },
    }
}

/// The parameters without the version of the handler's zip, which an upload decides, and which `code` stands for.
fn settings(desired: &Desired) -> BTreeMap<&String, &String> {
    desired.parameters.iter().filter(|(name, _)| *name != ARTIFACT_VERSION).collect()
}

fn hash(text: &str) -> String {
    sha256(text.as_bytes())
}

/// The differences between the state that a plan was made for and the current one, one sentence each.
pub fn stale_reasons(then: &Preconditions, now: &Preconditions) -> Vec<String> {
    let short_or_none = |text: &Option<String>| text.as_deref().map_or("none", short).to_owned();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let same_stack = then.stack_arn == now.stack_arn;
    let rows = [
        (then.account != now.account, format!("the account was {} and is {}", then.account, now.account)),
        (then.region != now.region, format!("the region was {} and is {}", then.region, now.region)),
        (
            !same_stack,
            match (&then.stack_arn, &now.stack_arn) {
                (None, Some(_)) => "there was no stack, and now there is one".to_owned(),
                (Some(_), None) => "there was a stack, and now there is none".to_owned(),
                _ => format!("the stack was {} and is {}", or_none(&then.stack_arn), or_none(&now.stack_arn)),
            },
        ),
        (
            same_stack && then.stack_status != now.stack_status,
            format!("the stack was in {} and is in {}", or_none(&then.stack_status), or_none(&now.stack_status)),
        ),
        (
            same_stack && then.stack_changed != now.stack_changed,
            format!("the stack was changed at {}", or_none(&now.stack_changed)),
        ),
        (
            same_stack && then.deployed_template != now.deployed_template,
            format!(
                "another template is deployed ({} instead of {})",
                short_or_none(&now.deployed_template),
                short_or_none(&then.deployed_template)
            ),
        ),
        (
            then.template != now.template,
            "the stack file, or this version of provisioner, gives another template".to_owned(),
        ),
        (then.settings != now.settings && then.code == now.code, "parameters or tags of the stack differ".to_owned()),
        (then.code != now.code, format!("the handler is {} instead of {}", short(&now.code), short(&then.code))),
        (then.drift != now.drift, "the drift of the stack has changed".to_owned()),
        (
            then.kept != now.kept,
            format!("the resources to import were [{}] and are [{}]", then.kept.join(", "), now.kept.join(", ")),
        ),
    ];
    rows.into_iter().filter(|(differs, _)| *differs).map(|(_, text)| text).collect()
}

/// The changes of a change set that were not shown, one sentence each. A change set also lists resources that only refer
/// to a changed resource, as a possible modification; these are not reported.
pub fn unplanned_changes(shown: &[Change], proposed: &[Change]) -> Vec<String> {
    let replaces = |c: &Change| c.is_replaced();
    proposed
        .iter()
        .filter_map(|change| {
            let known = shown.iter().find(|s| s.logical_id == change.logical_id);
            let what = match change.action {
                Action::Add if known.is_none_or(|k| k.action != Action::Add) => "add",
                Action::Import if known.is_none_or(|k| k.action != Action::Import) => "adopt",
                Action::Remove if known.is_none_or(|k| k.action != Action::Remove) => "remove",
                // CloudFormation can report the new creation of a resource that was deleted out of band as a replacement.
                Action::Modify(_)
                    if replaces(change) && !known.is_some_and(|k| replaces(k) || k.action == Action::Add) =>
                {
                    "replace"
                }
                _ => return None,
            };
            Some(format!("{what} {} ({})", change.logical_id, change.kind))
        })
        .collect()
}

/// The parts of a saved plan that are needed to apply it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The version of the document.
    pub version: u32,
    /// The stack.
    pub stack: String,
    /// Whether drift would be reverted.
    #[serde(default)]
    pub reverts_drift: bool,
    /// The state that it was made for.
    pub basis: Preconditions,
}

impl SavedPlan {
    /// Reads a plan that `plan --out` wrote; the path is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |message: String| {
            Error::new(Exit::Invalid, "plan-file", message).hint("Create a new plan with: provisioner plan --out FILE")
        };
        // Check the version first: the fields of another version may not be readable.
        let version = serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|document| document["version"].as_u64())
            .ok_or_else(|| wrong(format!("{} is not a plan", path.display())))?;
        if version != u64::from(VERSION) {
            return Err(wrong(format!(
                "{} is a plan of version {version}, and this program reads version {}",
                path.display(),
                VERSION
            )));
        }
        serde_json::from_str(text).map_err(|e| wrong(format!("{} is an incomplete plan", path.display())).source(e))
    }

    /// Fails if the state has changed since the plan was made.
    pub fn ensure_fresh(&self, path: &Path, now: &Preview) -> Result<()> {
        let mut different = stale_reasons(&self.basis, &now.basis);
        if self.stack != now.stack {
            different.insert(0, format!("it is for the stack {}, and this is {}", self.stack, now.stack));
        }
        if different.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            Exit::Refused,
            "plan-stale",
            format!("the plan {} is out of date; nothing was changed:\n  {}", path.display(), different.join("\n  ")),
        )
        .hint(format!(
            "Create a new plan and review it: provisioner plan --out {} -s {}",
            path.display(),
            now.stack
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis() -> Preconditions {
        Preconditions {
            account: "1".into(),
            region: "r".into(),
            stack_arn: Some("arn".into()),
            stack_status: Some("CREATE_COMPLETE".into()),
            stack_changed: Some("2026-11-22T12:00:00Z".into()),
            deployed_template: Some("t".into()),
            template: "u".into(),
            settings: "s".into(),
            code: "c".into(),
            drift: None,
            kept: Vec::new(),
        }
    }

    type Edit = fn(&mut Preconditions);

    #[test]
    fn every_difference_is_named() {
        assert_eq!(stale_reasons(&basis(), &basis()), Vec::<String>::new());
        let some = |text: &str| Some(text.to_owned());
        let rows: [(Edit, &str); 11] = [
            (|b| b.account = "2".into(), "account was 1 and is 2"),
            (|b| b.region = "q".into(), "region was r and is q"),
            (|b| b.stack_arn = None, "now there is none"),
            (|b| b.stack_arn = Some("other".into()), "the stack was arn and is other"),
            (|b| b.stack_status = Some("UPDATE_COMPLETE".into()), "is in UPDATE_COMPLETE"),
            (|b| b.stack_changed = Some("later".into()), "changed at later"),
            (|b| b.deployed_template = Some("v".into()), "another template is deployed"),
            (|b| b.template = "v".into(), "gives another template"),
            (|b| b.settings = "v".into(), "parameters or tags"),
            (|b| b.code = "d".into(), "the handler is d instead of c"),
            (|b| b.kept = vec!["bucket".into()], "were [] and are [bucket]"),
        ];
        for (change, part) in rows {
            let mut now = basis();
            change(&mut now);
            let reasons = stale_reasons(&basis(), &now);
            assert!(reasons.len() == 1 && reasons[0].contains(part), "{part}: {reasons:?}");
        }
        let mut drifted = basis();
        drifted.drift = some("d");
        assert_eq!(stale_reasons(&basis(), &drifted).len(), 1);
        let mut absent = basis();
        absent.stack_arn = None;
        assert_eq!(stale_reasons(&absent, &basis()), ["there was no stack, and now there is one"]);
    }

    #[test]
    fn changes_that_were_not_shown_are_reported() {
        let change = |id: &str, action| Change {
            logical_id: id.into(),
            physical_id: None,
            kind: "T".into(),
            action,
            retained: false,
            details: Vec::new(),
        };
        let (add, remove) = (Action::Add, Action::Remove);
        let (changed, replaced) = (Action::Modify(Replacement::None), Action::Modify(Replacement::Certain));
        let maybe = Action::Modify(Replacement::Possible);
        for (shown, proposed, reasons) in [
            (vec![change("A", add)], vec![change("A", add)], None),
            (vec![], vec![change("A", add)], Some("add A (T)")),
            (vec![], vec![change("A", Action::Import)], Some("adopt A (T)")),
            (vec![change("A", changed)], vec![change("A", remove)], Some("remove A (T)")),
            (vec![change("A", changed)], vec![change("A", replaced)], Some("replace A (T)")),
            (vec![change("A", replaced)], vec![change("A", replaced)], None),
            (vec![change("A", replaced)], vec![change("A", changed)], None),
            (vec![], vec![change("A", maybe)], None),
            (vec![], vec![change("A", changed)], None),
        ] {
            assert_eq!(
                unplanned_changes(&shown, &proposed).first().map(String::as_str),
                reasons,
                "{shown:?} {proposed:?}"
            );
        }
    }
}
