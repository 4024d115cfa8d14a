//! Change sets: created, described, listed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::template::resources;
use super::{Answered, CloudFormation, Form, pairs, refused};
use crate::http::Response;
use crate::xml::{error, members, node, optional, text};
use crate::{ACCOUNT, REGION};

/// What API `DescribeChangeSet` gives as the reason of a change set without changes: the `StatusReason` that the AWS CLI's
/// `deploy` command matches, too.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// Statuses in which a stack can only be deleted, or its rollback be continued. Guide, `view-stack-events.html`.
const UNCHANGEABLE: [&str; 5] =
    ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"];

/// A change set.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// The ARN of its stack.
    pub stack: String,
    /// `CREATE`, `UPDATE` or `IMPORT`.
    pub kind: String,
    /// The template.
    pub template: Value,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// Its changes.
    pub changes: Vec<Change>,
    /// How it is to be deployed, if the call said so.
    pub deployment_config: Option<DeploymentConfig>,
    /// Why early validation refuses it.
    pub validation_failures: Vec<ValidationFailure>,
    /// Reads until it is created.
    looks: u32,
    /// Whether it reverts drift.
    pub(super) reverts: bool,
}

/// A change of a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `Add`, `Modify`, `Remove` or `Import`.
    pub action: &'static str,
    /// The resource.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
}

impl Change {
    /// A change of a resource of a type.
    pub fn new(action: &'static str, logical_id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { action, logical_id: logical_id.into(), kind: kind.into() }
    }
}

/// API, `DeploymentConfig`, as a call has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentConfig {
    /// `STANDARD` or `EXPRESS`.
    pub mode: Option<String>,
    /// Whether rollback is off.
    pub disable_rollback: Option<bool>,
}

/// A finding of early validation in a change set; API, `OperationEvent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationFailure {
    /// Such as `AWS::EarlyValidation::ResourceExistenceCheck`.
    pub name: String,
    /// The resource.
    pub logical_id: String,
    /// The resource's type.
    pub kind: String,
    /// Where in the template, such as `/Resources/Bucket/Properties/BucketName`.
    pub path: String,
    /// The problem.
    pub reason: String,
}

impl CloudFormation {
    /// The ARN of a change set that is named by it, or by its name within a stack.
    pub(super) fn change_set_id(&mut self, name: &str, stack: &str) -> Option<String> {
        if self.change_sets.contains_key(name) {
            return Some(name.to_owned());
        }
        let stack = self.find(stack)?.arn.clone();
        let is_named = |id: &str| id.rsplit('/').nth(1) == Some(name);
        self.change_sets.iter().find(|(id, set)| set.stack == stack && is_named(id)).map(|(id, _)| id.clone())
    }

    pub(super) fn missing_change_set(id: &str) -> Response {
        error("cloudformation", 404, "ChangeSetNotFound", &format!("ChangeSet [{id}] does not exist"))
    }

    /// API, `CreateChangeSet`: CREATE and IMPORT create a stack in `REVIEW_IN_PROGRESS`, which may have several change
    /// sets. Guide, `using-cfn-updating-stacks-changesets-create.html`: a set without changes is FAILED.
    pub(super) fn create_change_set(&mut self, form: &Form) -> Answered {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (stack, kind) = (get("StackName"), get("ChangeSetType"));
        let template: Value =
            serde_json::from_str(&get("TemplateBody")).map_err(|e| refused(&format!("Template format error: {e}")))?;
        let parameters = pairs(form, "Parameters", "ParameterKey", "ParameterValue");
        let tags = self.tags_of(form, &stack);
        let arn = self.changeable(&stack, &kind)?;
        let reverts = self.reverts_drift && get("DeploymentMode") == "REVERT_DRIFT";
        let mut changes = if kind == "UPDATE" {
            self.changes_of_update(&arn, &template, &parameters, reverts)
        } else {
            let action = if kind == "IMPORT" { "Import" } else { "Add" };
            resources(&template).map(|(id, kind)| Change::new(action, id, kind)).collect()
        };
        changes.extend(self.surprise.clone());
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{}/1", get("ChangeSetName"));
        let set = ChangeSet {
            stack: arn.clone(),
            kind,
            template,
            parameters,
            tags,
            changes,
            deployment_config: deployment_config(form),
            validation_failures: std::mem::take(&mut self.validation_failures),
            looks: self.change_set_looks,
            reverts,
        };
        self.change_sets.insert(id.clone(), set);
        if std::mem::take(&mut self.concurrent_update)
            && let Some(stack) = self.find(&arn)
        {
            stack.updates += 1;
        }
        Ok(text("Id", id) + &text("StackId", arn))
    }

    /// API, `CreateChangeSet` takes tags as `UpdateStack` does: without the parameter, the stack's tags stay; an empty
    /// value removes them.
    fn tags_of(&mut self, form: &Form, stack: &str) -> BTreeMap<String, String> {
        let keeps_tags = !form.keys().any(|name| name == "Tags" || name.starts_with("Tags."));
        match self.find(stack) {
            Some(stack) if keeps_tags => stack.tags.clone(),
            _ => pairs(form, "Tags", "Key", "Value"),
        }
    }

    /// The ARN of the stack of a change set of this type; creates the stack if the type does.
    fn changeable(&mut self, name: &str, kind: &str) -> Result<String, Response> {
        match (kind, self.find(name)) {
            (_, Some(stack)) if stack.is_busy() || UNCHANGEABLE.contains(&stack.status.as_str()) => {
                let message = format!("Stack:{} is in {} state and can not be updated.", stack.arn, stack.status);
                Err(refused(&message))
            }
            ("UPDATE", Some(stack)) => Ok(stack.arn.clone()),
            ("UPDATE", None) => Err(refused(&format!("Stack [{name}] does not exist"))),
            (_, Some(stack)) if stack.status != "REVIEW_IN_PROGRESS" => {
                let message = format!("Stack [{name}] already exists and cannot be created again");
                Err(error("cloudformation", 400, "AlreadyExistsException", &message))
            }
            (_, Some(stack)) => Ok(stack.arn.clone()),
            (_, None) => Ok(self.put(name, "REVIEW_IN_PROGRESS", Value::Null).arn.clone()),
        }
    }

    fn changes_of_update(
        &self,
        arn: &str,
        template: &Value,
        parameters: &BTreeMap<String, String>,
        reverts: bool,
    ) -> Vec<Change> {
        let Some(stack) = self.stacks.iter().find(|stack| stack.arn == arn) else { return Vec::new() };
        let (before, after) = (&stack.template["Resources"], &template["Resources"]);
        let had = |id: &str| before.get(id).is_some();
        let is_modified = |id: &str| {
            before[id] != after[id]
                || (reverts && self.changed.contains_key(id))
                || (stack.parameters != *parameters && after[id]["Type"] == "AWS::Lambda::Function")
        };
        let changed = resources(template).filter(|(id, _)| !had(id) || is_modified(id));
        let changed = changed.map(|(id, kind)| Change::new(if had(&id) { "Modify" } else { "Add" }, id, kind));
        let removed = resources(&stack.template).filter(|(id, _)| after.get(id).is_none());
        changed.chain(removed.map(|(id, kind)| Change::new("Remove", id, kind))).collect()
    }

    /// API, `DescribeChangeSet`: a change set is created step by step, and can be executed once its `ExecutionStatus`
    /// is `AVAILABLE`.
    pub(super) fn describe_change_set(&mut self, name: &str, stack: &str) -> Answered {
        let id = self.change_set_id(name, stack).ok_or_else(|| Self::missing_change_set(name))?;
        let set = self.change_sets.get_mut(&id).ok_or_else(|| Self::missing_change_set(name))?;
        let is_made = set.looks == 0;
        set.looks = set.looks.saturating_sub(1);
        let (status, execution, reason) = if !is_made {
            (if set.looks > 0 { "CREATE_PENDING" } else { "CREATE_IN_PROGRESS" }, "UNAVAILABLE", String::new())
        } else if !set.validation_failures.is_empty() {
            ("FAILED", "UNAVAILABLE", invalid(&set.validation_failures))
        } else if set.changes.is_empty() {
            ("FAILED", "UNAVAILABLE", NO_CHANGES.to_owned())
        } else {
            ("CREATE_COMPLETE", "AVAILABLE", String::new())
        };
        let changes = set.changes.iter().filter(|_| is_made).map(|change| {
            let resource = [
                text("Action", change.action),
                text("LogicalResourceId", &change.logical_id),
                text("ResourceType", &change.kind),
                optional("Replacement", (change.action == "Modify").then_some("False")),
            ];
            text("Type", "Resource") + &node("ResourceChange", &resource.concat())
        });
        Ok([
            text("ChangeSetId", &id),
            text("StackId", &set.stack),
            text("Status", status),
            text("ExecutionStatus", execution),
            text("StatusReason", reason),
            members("Changes", changes),
        ]
        .concat())
    }

    /// API, `ListChangeSets`: those of a stack that are pending or can be executed.
    pub(super) fn list_change_sets(&mut self, stack: &str) -> Answered {
        let arn = self.existing(stack)?.arn.clone();
        let of_stack = self.change_sets.iter().filter(|(_, set)| set.stack == arn);
        Ok(members("Summaries", of_stack.map(|(id, set)| text("ChangeSetId", id) + &text("StackId", &set.stack))))
    }
}

fn deployment_config(form: &Form) -> Option<DeploymentConfig> {
    let field = |name: &str| form.get(&format!("DeploymentConfig.{name}")).cloned();
    let (mode, disable) = (field("Mode"), field("DisableRollback"));
    (mode.is_some() || disable.is_some())
        .then(|| DeploymentConfig { mode, disable_rollback: disable.map(|disable| disable == "true") })
}

/// The reason of a change set that early validation refuses: it names no more than the validations.
fn invalid(failures: &[ValidationFailure]) -> String {
    let mut names: Vec<&str> = failures.iter().map(|failure| failure.name.as_str()).collect();
    names.dedup();
    format!(
        "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, use the DescribeEvents \
         API for detailed failure information.",
        names.join(", ")
    )
}
