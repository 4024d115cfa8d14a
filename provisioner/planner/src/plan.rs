//! From what should be and what is to what is done: pure, and data throughout.
//!
//! `up` observes, decides, shows ([`crate::preview`]), asks, applies, and starts over until the plan is
//! [`Plan::NoChange`] or the change set has been executed. Every state that a stack can be in has its row in [`decide`];
//! applying a plan makes no choices.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::change::Change;
use provisioner_model::names::Names;
use provisioner_model::resolve::Context;
use provisioner_model::spec::DataPolicy;
use provisioner_model::stack::{ChangeSet, Deployed, Kept, Presence, Resource, Stack};
use provisioner_model::status::{self, ChangeSetState, Operation, Phase, StackStatus};
use provisioner_model::template::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use provisioner_model::{diff, resource_type};
use serde::Serialize;
use serde_json::{Value, json};

/// Where a stack is or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stack's name.
    pub stack: String,
}

impl Place {
    /// What is known beforehand of what a template refers to.
    pub fn context(&self) -> Context {
        Context {
            partition: self.partition.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            stack: self.stack.clone(),
            ..Context::default()
        }
    }
}

/// What should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Where.
    pub place: Place,
    /// The names of the stack's parts.
    pub names: Names,
    /// The template.
    pub template: Value,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
}

/// What is.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The template that is deployed; only of a stack that works.
    pub template: Option<Value>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The function with its code, if there is one.
    pub code: Option<Deployed>,
    /// The upload bucket, whether it belongs to the stack or not.
    pub bucket: Presence,
    /// The table's properties in CloudFormation's words, whether it belongs to the stack or not.
    pub table: Option<Value>,
    /// The change set that an earlier plan proposed.
    pub change_set: Option<ChangeSet>,
    /// Whether the rollback was continued before in this run, without leaving anything out, and got stuck again.
    pub continued: bool,
}

/// What is done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Only a change set can tell: have one made and decide again.
    Propose(Operation),
    /// Everything is as it should be.
    NoChange,
    /// Execute this change set.
    Execute {
        /// What for.
        operation: Operation,
        /// The change set's ARN.
        change_set: String,
        /// The stack's ARN.
        stack: String,
        /// What it changes.
        changes: Vec<Change>,
    },
    /// Delete a stack of which nothing was ever made, then create it.
    Recreate {
        /// The stack's ARN.
        stack: String,
        /// Its status.
        status: StackStatus,
        /// What the creation will make.
        changes: Vec<Change>,
    },
    /// End a deletion that failed, leaving these resources outside the stack, then create it around them.
    RetryDelete {
        /// The stack's ARN.
        stack: String,
        /// Logical ids of what could not be deleted, or holds data.
        keep: Vec<String>,
        /// What the creation will make, roughly: what can be adopted is known after the deletion.
        changes: Vec<Change>,
    },
    /// Take a bucket or table that exists into a new stack, then update the stack to the full template.
    Adopt {
        /// What is taken in.
        kept: Vec<Kept>,
        /// A template that describes exactly that, as it is.
        template: Value,
        /// What adoption and update do together.
        changes: Vec<Change>,
    },
    /// Another operation runs: show it to its end, then decide again.
    Attach {
        /// The stack's ARN.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// Continue a rollback that got stuck, then decide again.
    ContinueRollback {
        /// The stack's ARN.
        stack: String,
        /// What is left as it is, with the reason for which it could not be rolled back.
        skip: Vec<(String, String)>,
    },
    /// Nothing can be done without a person's decision.
    Blocked {
        /// A stable name of the case.
        code: &'static str,
        /// Why.
        reason: String,
        /// How to go on.
        hint: String,
    },
}

impl Desired {
    /// What should be, once the handler is packed: `key` is where its zip is, or will be, in the artifact bucket.
    pub fn new(place: Place, names: Names, template: Value, tags: BTreeMap<String, String>, key: String) -> Self {
        let parameters = [(ARTIFACT_BUCKET.to_owned(), names.artifacts.clone()), (ARTIFACT_KEY.to_owned(), key)].into();
        Self { place, names, template, parameters, tags }
    }

    /// The template with the references filled in that are known beforehand.
    pub fn plain(&self) -> Value {
        Context { parameters: self.parameters.clone(), ..self.place.context() }.plain(&self.template)
    }
}

impl Observed {
    /// The deployed template with the references filled in that are known beforehand.
    pub fn plain(&self, place: &Place) -> Option<Value> {
        let parameters = self.stack.as_ref()?.parameters.clone();
        Some(Context { parameters, ..place.context() }.plain(self.template.as_ref()?))
    }

    /// What is known of a stack that works: its resources too.
    pub fn context(&self, place: &Place) -> Context {
        let resources = self.resources.iter().filter(|r| !r.physical_id.is_empty());
        Context {
            parameters: self.stack.as_ref().map(|s| s.parameters.clone()).unwrap_or_default(),
            resources: resources.map(|r| (r.logical_id.clone(), (r.kind.clone(), r.physical_id.clone()))).collect(),
            ..place.context()
        }
    }

    /// Whether the stack already is as it should be, so that CloudFormation need not be asked. A description alone
    /// cannot be changed (CloudFormation user guide, "Description"), and a parameter counts by what it changes.
    fn is_as(&self, desired: &Desired) -> bool {
        let (Some(before), Some(stack)) = (self.plain(&desired.place), &self.stack) else { return false };
        let after = desired.plain();
        diff::compare(&before, &after).is_empty() && before["Outputs"] == after["Outputs"] && stack.tags == desired.tags
    }
}

/// The name of the case that files or records would be lost.
pub const DATA_LOSS: &str = "data-loss";

/// How the loss of files or records is told: a stable name of the case, why, and how to go on.
pub fn data_loss(lost: &[&str]) -> (&'static str, String, String) {
    (
        DATA_LOSS,
        format!("this would replace or remove {}, and with it files or records", lost.join(" and ")),
        "Take back the change of name or keys, or deploy it as a second stack with another `name:` and move the data."
            .into(),
    )
}

/// Whether [`decide`] needs the stack's resources.
pub fn wants_resources(phase: Phase) -> bool {
    matches!(phase, Phase::RollbackStuck | Phase::DeleteStuck | Phase::ImportUndone)
}

/// Decides what to do next.
pub fn decide(desired: &Desired, observed: &Observed) -> Plan {
    let Some(stack) = &observed.stack else { return create(desired, observed) };
    let arn = stack.arn.clone();
    match stack.status.phase() {
        Phase::Absent => create(desired, observed),
        Phase::Ready if observed.change_set.is_none() && observed.is_as(desired) => Plan::NoChange,
        Phase::Ready => with_change_set(Operation::Update, observed),
        Phase::Running => Plan::Attach { stack: arn, operation: stack.status.operation().unwrap_or(Operation::Update) },
        // Nothing was ever made. A change set that an earlier run or somebody else left there is not in the way of
        // another one, and whoever looks at it may go on looking. An import wants a stack of its own.
        Phase::Review if observed.change_set.is_some() || kept(desired, observed).is_empty() => {
            create(desired, observed)
        }
        Phase::ImportUndone if observed.resources.iter().any(is_held) => with_change_set(Operation::Update, observed),
        Phase::Review | Phase::NeverMade | Phase::ImportUndone => Plan::Recreate {
            stack: arn,
            status: stack.status,
            changes: diff::all_new(&desired.template, &kept(desired, observed)),
        },
        Phase::RollbackStuck => Plan::ContinueRollback {
            stack: arn,
            skip: if observed.continued { failed(&observed.resources) } else { Vec::new() },
        },
        Phase::DeleteStuck => Plan::RetryDelete {
            stack: arn,
            keep: undeleted(&observed.resources),
            changes: diff::all_new(&desired.template, &kept(desired, observed)),
        },
        Phase::ImportStuck => Plan::Blocked {
            code: "import-stuck",
            reason: format!("an import into the stack {} failed, and so did its rollback", stack.name),
            hint: format!(
                "Look at the stack's events and mend what they name. Then let `data: keep` stand in the stack file and run \
                 `provisioner down -s {0}`, which leaves files and records, and `provisioner up -s {0}`, which takes them \
                 back.",
                stack.name
            ),
        },
    }
}

fn create(desired: &Desired, observed: &Observed) -> Plan {
    if observed.bucket == Presence::Foreign {
        return Plan::Blocked {
            code: "bucket-taken",
            reason: format!("the bucket {} exists, and may not be looked at", desired.names.bucket),
            hint: "If an earlier `down` kept it: the caller lacks a permission; policies/provisioner.json has what deploying \
                   needs. If it is somebody else's, as bucket names are shared by everybody: give the stack another \
                   `name:` in its stack file."
                .into(),
        };
    }
    let kept = kept(desired, observed);
    if kept.is_empty() {
        return with_change_set(Operation::Create, observed);
    }
    Plan::Adopt {
        template: import_template(desired, observed, &kept),
        changes: diff::all_new(&desired.template, &kept),
        kept,
    }
}

fn with_change_set(operation: Operation, observed: &Observed) -> Plan {
    let Some(set) = &observed.change_set else { return Plan::Propose(operation) };
    match &set.state {
        ChangeSetState::Pending => Plan::Propose(operation),
        ChangeSetState::NoChange => Plan::NoChange,
        ChangeSetState::Failed(reason) => Plan::Blocked {
            code: "change-set-failed",
            reason: format!("CloudFormation refuses the change: {reason}"),
            hint: provisioner_model::status::advice(reason).unwrap_or("The reason names what to mend.").to_owned(),
        },
        ChangeSetState::Ready => {
            let lost: Vec<&str> =
                set.changes.iter().filter(|c| c.loses_data()).map(|c| c.logical_id.as_str()).collect();
            if lost.is_empty() {
                return Plan::Execute {
                    operation,
                    change_set: set.id.clone(),
                    stack: set.stack.clone(),
                    changes: set.changes.clone(),
                };
            }
            let (code, reason, hint) = data_loss(&lost);
            Plan::Blocked { code, reason, hint }
        }
    }
}

/// What holds data and exists outside any stack.
fn kept(desired: &Desired, observed: &Observed) -> Vec<Kept> {
    let bucket =
        (observed.bucket == Presence::Ours).then_some((resource_type::BUCKET, "BucketName", &desired.names.bucket));
    let table = observed.table.as_ref().map(|_| (resource_type::TABLE, "TableName", &desired.names.table));
    [bucket, table]
        .into_iter()
        .flatten()
        .filter_map(|(kind, identifier, name)| {
            Some(Kept {
                logical_id: diff::logical_id(&desired.template, kind)?.to_owned(),
                kind: kind.to_owned(),
                identifier: identifier.to_owned(),
                name: name.clone(),
            })
        })
        .collect()
}

/// Describes what is there as it is, so that the update that follows finds every difference. Retained whatever the
/// stack file says: should the update fail, nothing may be lost.
fn import_template(desired: &Desired, observed: &Observed, kept: &[Kept]) -> Value {
    let mut resources = serde_json::Map::new();
    for kept in kept {
        let properties = match (&observed.table, kept.kind.as_str()) {
            (Some(table), resource_type::TABLE) => table.clone(),
            _ => json!({ &kept.identifier: kept.name }),
        };
        resources.insert(
            kept.logical_id.clone(),
            json!({
                "Type": kept.kind,
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": properties,
            }),
        );
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": desired.template["Description"],
        "Resources": resources,
    })
}

fn failed(resources: &[Resource]) -> Vec<(String, String)> {
    resources
        .iter()
        // ContinueUpdateRollback takes only what failed in the rollback, not what was cancelled because of it.
        .filter(|r| r.status == "UPDATE_FAILED" && !r.reason.as_deref().is_some_and(status::is_consequence))
        .map(|r| (r.logical_id.clone(), r.reason.clone().unwrap_or_default()))
        .collect()
}

/// Whether a stack whose import was rolled back holds the resource: what was not taken in after all, it does not.
fn is_held(resource: &Resource) -> bool {
    let undone = resource.status.starts_with("IMPORT_") && resource.status != "IMPORT_COMPLETE";
    !(undone || resource.physical_id.is_empty() || resource.status == "DELETE_COMPLETE")
}

fn undeleted(resources: &[Resource]) -> Vec<String> {
    resources
        .iter()
        .filter(|r| {
            r.status == "DELETE_FAILED"
                || (r.status != "DELETE_COMPLETE"
                    && [resource_type::BUCKET, resource_type::TABLE].contains(&r.kind.as_str()))
        })
        .map(|r| r.logical_id.clone())
        .collect()
}

/// What `down` finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The types of resource that the deployed template keeps when the stack goes.
    pub retained: BTreeSet<String>,
    /// The upload bucket.
    pub bucket: Presence,
    /// The table, if there is one.
    pub table: Option<Lock>,
}

/// Whether something can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It can.
    Open,
    /// It is protected from deletion.
    Protected,
}

/// One step of taking a stack down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "step")]
pub enum DownStep {
    /// Take away the bucket's notification.
    SilenceBucket,
    /// Delete every object of the bucket.
    EmptyBucket,
    /// Take away the table's protection from deletion.
    UnprotectTable,
    /// Delete the stack.
    DeleteStack {
        /// Its ARN.
        stack: String,
        /// Resources that are left outside, by logical id.
        retain: Vec<String>,
    },
    /// Delete the bucket, if it is still there.
    DeleteBucket,
    /// Delete the table, if it is still there.
    DeleteTable,
    /// Delete the handler's zips that no other stack uses, and the artifact bucket after the last one.
    DeleteArtifacts,
}

/// How a stack is taken down.
#[derive(Debug, Clone, PartialEq)]
pub enum DownPlan {
    /// There is nothing.
    Nothing,
    /// There is only data that is kept.
    OnlyKeptData,
    /// Another operation runs: show it to its end, then decide again.
    Attach {
        /// The stack's ARN.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// Do this.
    Proceed {
        /// Whether files and records go too.
        delete_data: bool,
        /// The steps, in order.
        steps: Vec<DownStep>,
    },
    /// Nothing can be done without a person's decision.
    Blocked {
        /// A stable name of the case.
        code: &'static str,
        /// Why.
        reason: String,
        /// How to go on.
        hint: String,
    },
}

/// Whether a stack in this phase can hold files and records that only the deployed template keeps from going with it.
/// What was never made holds none, and the deletion of a stack whose deletion failed is told what to leave.
pub fn keeps_by_template(phase: Phase) -> bool {
    matches!(phase, Phase::Ready | Phase::RollbackStuck | Phase::ImportUndone | Phase::ImportStuck)
}

/// Decides how to take a stack down.
pub fn decide_down(name: &str, policy: DataPolicy, delete_data: bool, standing: &Standing) -> DownPlan {
    let delete_data = delete_data || policy == DataPolicy::Delete;
    let bucket = standing.bucket == Presence::Ours;
    let Some(stack) = standing.stack.as_ref().filter(|s| s.status.phase() != Phase::Absent) else {
        return match (bucket || standing.table.is_some(), delete_data) {
            (false, _) => DownPlan::Nothing,
            (true, false) => DownPlan::OnlyKeptData,
            (true, true) => DownPlan::Proceed { delete_data, steps: data_steps(standing, bucket, Vec::new()) },
        };
    };
    let phase = stack.status.phase();
    if phase == Phase::Running {
        return DownPlan::Attach {
            stack: stack.arn.clone(),
            operation: stack.status.operation().unwrap_or(Operation::Update),
        };
    }
    if stack.protected {
        return DownPlan::Blocked {
            code: "termination-protection",
            reason: format!("the stack {name} is protected from termination"),
            hint: format!(
                "If it may really go: aws cloudformation update-termination-protection \
                 --no-enable-termination-protection --stack-name {name}"
            ),
        };
    }
    let owns = |kind: &str| {
        standing.resources.iter().any(|r| r.kind == kind && !r.physical_id.is_empty() && r.status != "DELETE_COMPLETE")
    };
    let goes_along = |kind: &str, there: bool| there && owns(kind) && !standing.retained.contains(kind);
    let at_risk =
        goes_along(resource_type::BUCKET, bucket) || goes_along(resource_type::TABLE, standing.table.is_some());
    if !delete_data && at_risk && keeps_by_template(phase) {
        return DownPlan::Blocked {
            code: "policy-not-deployed",
            reason: format!(
                "the stack file says that data is kept, but {name} was deployed with data that goes with the stack"
            ),
            hint: if phase == Phase::ImportStuck {
                format!("Bring them to safety, then: provisioner down -s {name} --delete-data")
            } else {
                format!("First deploy the stack file as it is now: provisioner up -s {name}")
            },
        };
    }
    // A stack that could not be deleted before keeps what the data policy keeps, and what cannot go.
    let retain = if phase == Phase::DeleteStuck && !delete_data { undeleted(&standing.resources) } else { Vec::new() };
    let delete = DownStep::DeleteStack { stack: stack.arn.clone(), retain };
    let steps = if delete_data {
        data_steps(standing, bucket, vec![delete])
    } else {
        let mut steps = vec![delete];
        steps.extend(bucket.then_some(DownStep::SilenceBucket));
        steps.push(DownStep::DeleteArtifacts);
        steps
    };
    DownPlan::Proceed { delete_data, steps }
}

fn data_steps(standing: &Standing, bucket: bool, delete: Vec<DownStep>) -> Vec<DownStep> {
    let mut steps = Vec::new();
    if bucket {
        steps.extend([DownStep::SilenceBucket, DownStep::EmptyBucket]);
    }
    if standing.table == Some(Lock::Protected) {
        steps.push(DownStep::UnprotectTable);
    }
    steps.extend(delete);
    if bucket {
        steps.push(DownStep::DeleteBucket);
    }
    if standing.table.is_some() {
        steps.push(DownStep::DeleteTable);
    }
    steps.push(DownStep::DeleteArtifacts);
    steps
}

#[cfg(test)]
mod tests {
    use provisioner_model::change::{Action, Detail, Replacement};

    use super::*;

    fn desired() -> Desired {
        Desired {
            place: Place {
                partition: "aws".into(),
                account: "000000000000".into(),
                region: "eu-central-1".into(),
                stack: "s".into(),
            },
            names: Names::new("s", "000000000000", "eu-central-1"),
            template: json!({ "Description": "d", "Resources": {
                "Bucket": { "Type": "AWS::S3::Bucket" },
                "Table": { "Type": "AWS::DynamoDB::Table" },
                "Handler": { "Type": "AWS::Lambda::Function" },
            }}),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    fn stack(status: StackStatus) -> Stack {
        Stack {
            name: "s".into(),
            arn: "arn".into(),
            status,
            reason: None,
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            outputs: Vec::new(),
            protected: false,
            changed: None,
        }
    }

    fn observed(status: Option<StackStatus>) -> Observed {
        Observed {
            stack: status.map(stack),
            template: None,
            resources: Vec::new(),
            code: None,
            bucket: Presence::Absent,
            table: None,
            change_set: None,
            continued: false,
        }
    }

    fn change_set(state: ChangeSetState, changes: Vec<Change>) -> ChangeSet {
        ChangeSet { id: "cs".into(), stack: "arn".into(), state, changes }
    }

    fn resource(logical_id: &str, kind: &str, status: &str) -> Resource {
        Resource {
            logical_id: logical_id.into(),
            physical_id: "p".into(),
            kind: kind.into(),
            status: status.into(),
            reason: Some("why".into()),
        }
    }

    fn name(plan: &Plan) -> &'static str {
        match plan {
            Plan::Propose(Operation::Create) => "propose-create",
            Plan::Propose(_) => "propose-update",
            Plan::NoChange => "no-change",
            Plan::Execute { .. } => "execute",
            Plan::Recreate { .. } => "recreate",
            Plan::RetryDelete { .. } => "retry-delete",
            Plan::Adopt { .. } => "adopt",
            Plan::Attach { .. } => "attach",
            Plan::ContinueRollback { .. } => "continue",
            Plan::Blocked { code, .. } => code,
        }
    }

    #[test]
    fn every_state_of_a_stack_has_a_way_on() {
        for status in StackStatus::ALL {
            let expected = match status.as_str() {
                "DELETE_COMPLETE" | "REVIEW_IN_PROGRESS" => "propose-create",
                "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "IMPORT_ROLLBACK_COMPLETE" => "recreate",
                "UPDATE_ROLLBACK_FAILED" => "continue",
                "DELETE_FAILED" => "retry-delete",
                "IMPORT_ROLLBACK_FAILED" => "import-stuck",
                running if running.ends_with("_IN_PROGRESS") => "attach",
                _ => "propose-update",
            };
            assert_eq!(name(&decide(&desired(), &observed(Some(*status)))), expected, "{status:?}");
        }
        assert_eq!(name(&decide(&desired(), &observed(None))), "propose-create");
    }

    #[test]
    fn an_import_that_was_rolled_back_leaves_a_stack_that_works_or_holds_nothing() {
        for (status, expected) in [
            ("CREATE_COMPLETE", "propose-update"),
            ("UPDATE_COMPLETE", "propose-update"),
            ("IMPORT_COMPLETE", "propose-update"),
            ("IMPORT_ROLLBACK_COMPLETE", "recreate"),
            ("IMPORT_FAILED", "recreate"),
            ("DELETE_COMPLETE", "recreate"),
        ] {
            let mut observed = observed(Some(StackStatus::ImportRollbackComplete));
            observed.resources = vec![resource("Table", resource_type::TABLE, status)];
            assert_eq!(name(&decide(&desired(), &observed)), expected, "{status}");
        }
    }

    #[test]
    fn a_change_set_decides() {
        let replaced = Change {
            logical_id: "Table".into(),
            physical_id: None,
            kind: resource_type::TABLE.into(),
            action: Action::Modify(Replacement::Certain),
            retained: false,
            details: vec![Detail { property: "TableName".into(), before: None, after: None, replaces: true }],
        };
        for (state, changes, expected) in [
            (ChangeSetState::NoChange, vec![], "no-change"),
            (ChangeSetState::Ready, vec![], "execute"),
            (ChangeSetState::Ready, vec![replaced], "data-loss"),
            (ChangeSetState::Failed("x".into()), vec![], "change-set-failed"),
        ] {
            let mut observed = observed(Some(StackStatus::UpdateComplete));
            observed.change_set = Some(change_set(state, changes));
            assert_eq!(name(&decide(&desired(), &observed)), expected);
        }
        let mut reviewed = observed(Some(StackStatus::ReviewInProgress));
        reviewed.change_set = Some(change_set(ChangeSetState::Ready, Vec::new()));
        assert_eq!(name(&decide(&desired(), &reviewed)), "execute", "the change set of this run is not a leftover");
    }

    #[test]
    fn a_stack_that_is_as_it_should_be_needs_no_change_set() {
        let mut observed = observed(Some(StackStatus::CreateComplete));
        observed.template = Some(desired().template);
        assert_eq!(name(&decide(&desired(), &observed)), "no-change");
        let changed: [fn(&mut Desired); 4] = [
            |d| d.template["Resources"]["Table"]["Properties"] = json!({ "TableName": "t" }),
            |d| d.template["Outputs"] = json!({ "A": { "Value": "b" } }),
            |d| drop(d.tags.insert("a".into(), "b".into())),
            |d| drop(d.template["Resources"].as_object_mut().unwrap().remove("Handler")),
        ];
        for change in changed {
            let mut desired = desired();
            change(&mut desired);
            assert_eq!(name(&decide(&desired, &observed)), "propose-update", "{desired:?}");
        }
        // The same text with other parameters is another stack.
        let mut desired = desired();
        desired.template["Resources"]["Handler"]["Properties"] = json!({ "Key": { "Ref": "Key" } });
        observed.template = Some(desired.template.clone());
        assert_eq!(name(&decide(&desired, &observed)), "no-change");
        desired.parameters.insert("Key".into(), "k".into());
        assert_eq!(name(&decide(&desired, &observed)), "propose-update");
    }

    #[test]
    fn kept_data_is_adopted_as_it_is() {
        let mut observed = observed(None);
        observed.bucket = Presence::Ours;
        observed.table = Some(json!({ "TableName": "s-records", "BillingMode": "PROVISIONED" }));
        let Plan::Adopt { kept, template, changes } = decide(&desired(), &observed) else { panic!("not adopted") };
        assert_eq!(kept.iter().map(|k| k.logical_id.as_str()).collect::<Vec<_>>(), ["Bucket", "Table"]);
        assert_eq!(template["Resources"]["Table"]["Properties"]["BillingMode"], "PROVISIONED");
        assert_eq!(template["Resources"]["Bucket"]["DeletionPolicy"], "Retain");
        assert_eq!(template["Resources"]["Bucket"]["Properties"]["BucketName"], desired().names.bucket);
        assert!(template["Resources"].get("Handler").is_none());
        let adopted: Vec<_> =
            changes.iter().filter(|c| c.action == Action::Import).map(|c| c.logical_id.as_str()).collect();
        assert_eq!(adopted, ["Bucket", "Table"]);

        observed.bucket = Presence::Foreign;
        assert_eq!(name(&decide(&desired(), &observed)), "bucket-taken");
    }

    #[test]
    fn a_stuck_rollback_is_continued_whole_before_anything_is_skipped() {
        let mut observed = observed(Some(StackStatus::UpdateRollbackFailed));
        observed.resources = vec![
            resource("Handler", "AWS::Lambda::Function", "UPDATE_FAILED"),
            resource("Table", resource_type::TABLE, "UPDATE_COMPLETE"),
        ];
        let Plan::ContinueRollback { skip, .. } = decide(&desired(), &observed) else { panic!() };
        assert!(skip.is_empty());
        observed.continued = true;
        let Plan::ContinueRollback { skip, .. } = decide(&desired(), &observed) else { panic!() };
        assert_eq!(skip, [("Handler".to_owned(), "why".to_owned())]);
    }

    #[test]
    fn a_stuck_deletion_keeps_what_holds_data() {
        let mut observed = observed(Some(StackStatus::DeleteFailed));
        observed.resources = vec![
            resource("Bucket", resource_type::BUCKET, "DELETE_FAILED"),
            resource("Table", resource_type::TABLE, "CREATE_COMPLETE"),
            resource("Handler", "AWS::Lambda::Function", "DELETE_COMPLETE"),
            resource("Queue", "AWS::SQS::Queue", "CREATE_COMPLETE"),
        ];
        let Plan::RetryDelete { keep, .. } = decide(&desired(), &observed) else { panic!() };
        assert_eq!(keep, ["Bucket", "Table"]);
    }

    fn standing(status: Option<StackStatus>) -> Standing {
        Standing {
            stack: status.map(stack),
            resources: vec![
                resource("Bucket", resource_type::BUCKET, "CREATE_COMPLETE"),
                resource("Table", resource_type::TABLE, "CREATE_COMPLETE"),
            ],
            retained: BTreeSet::new(),
            bucket: Presence::Ours,
            table: Some(Lock::Open),
        }
    }

    fn down_name(plan: &DownPlan) -> &'static str {
        match plan {
            DownPlan::Nothing => "nothing",
            DownPlan::OnlyKeptData => "only-kept-data",
            DownPlan::Attach { .. } => "attach",
            DownPlan::Proceed { delete_data: true, .. } => "delete-all",
            DownPlan::Proceed { delete_data: false, .. } => "delete-stack",
            DownPlan::Blocked { code, .. } => code,
        }
    }

    #[test]
    fn down_in_every_situation() {
        use DataPolicy::{Delete, Keep};
        let up = Some(StackStatus::CreateComplete);
        let kept = |mut s: Standing| {
            s.retained = BTreeSet::from([resource_type::BUCKET.to_owned(), resource_type::TABLE.to_owned()]);
            s
        };
        let bare = |mut s: Standing| {
            s.bucket = Presence::Absent;
            s.table = None;
            s
        };
        let protected = |mut s: Standing| {
            if let Some(stack) = &mut s.stack {
                stack.protected = true;
            }
            s
        };
        for (policy, flag, standing, expected) in [
            (Delete, false, standing(up), "delete-all"),
            (Keep, false, kept(standing(up)), "delete-stack"),
            (Keep, true, kept(standing(up)), "delete-all"),
            (Keep, false, standing(up), "policy-not-deployed"),
            (Keep, false, standing(Some(StackStatus::UpdateRollbackFailed)), "policy-not-deployed"),
            (Keep, false, kept(standing(Some(StackStatus::UpdateRollbackFailed))), "delete-stack"),
            (Keep, false, standing(Some(StackStatus::ImportRollbackComplete)), "policy-not-deployed"),
            (Keep, false, standing(Some(StackStatus::ImportRollbackFailed)), "policy-not-deployed"),
            (Keep, false, kept(standing(Some(StackStatus::ImportRollbackFailed))), "delete-stack"),
            (Keep, true, standing(Some(StackStatus::ImportRollbackFailed)), "delete-all"),
            (Keep, false, standing(Some(StackStatus::RollbackComplete)), "delete-stack"),
            (Keep, false, standing(Some(StackStatus::DeleteFailed)), "delete-stack"),
            (Keep, false, bare(standing(up)), "delete-stack"),
            (Delete, false, protected(standing(up)), "termination-protection"),
            (Delete, false, standing(Some(StackStatus::DeleteInProgress)), "attach"),
            (Delete, false, standing(Some(StackStatus::RollbackComplete)), "delete-all"),
            (Delete, false, bare(standing(None)), "nothing"),
            (Keep, false, standing(None), "only-kept-data"),
            (Keep, true, standing(None), "delete-all"),
            (Delete, false, standing(None), "delete-all"),
        ] {
            assert_eq!(
                down_name(&decide_down("s", policy, flag, &standing)),
                expected,
                "{policy:?} {flag} {standing:?}"
            );
        }
    }

    #[test]
    fn data_goes_in_an_order_that_cannot_fail_on_itself() {
        let mut standing = standing(Some(StackStatus::CreateComplete));
        standing.table = Some(Lock::Protected);
        let DownPlan::Proceed { steps, .. } = decide_down("s", DataPolicy::Keep, true, &standing) else { panic!() };
        assert_eq!(
            steps,
            [
                DownStep::SilenceBucket,
                DownStep::EmptyBucket,
                DownStep::UnprotectTable,
                DownStep::DeleteStack { stack: "arn".into(), retain: vec![] },
                DownStep::DeleteBucket,
                DownStep::DeleteTable,
                DownStep::DeleteArtifacts,
            ]
        );
    }
}
