//! Plans `up` from the desired and the observed state. Pure: data in, data out.
//!
//! `up` observes, decides, shows the plan ([`crate::preview`]), asks, applies, and repeats until the plan is
//! [`Plan::NoChange`] or the change set has been executed. [`decide`] has a branch for every state of a stack; applying a
//! plan makes no decisions.

use provisioner_model::change::Change;
use provisioner_model::spec::BucketNamespace;
use provisioner_model::stack::{ImportCandidate, Presence, Resource};
use provisioner_model::status::{ChangeSetState, Operation, Phase, StackStatus};
use provisioner_model::template::id;
use provisioner_model::{advice, diff, resource_type};
use serde_json::{Value, json};

use crate::state::{Desired, Observed};

/// The next action.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The changes are not known yet: create a change set and decide again.
    Propose(Operation),
    /// The stack is in the desired state.
    NoChange,
    /// Execute this change set.
    Execute {
        /// The operation.
        operation: Operation,
        /// The change set's ARN.
        change_set: String,
        /// The stack's ARN.
        stack: String,
        /// What it changes.
        changes: Vec<Change>,
    },
    /// Delete a stack whose creation failed, then create it.
    Recreate {
        /// The stack's ARN.
        stack: String,
        /// Its status.
        status: StackStatus,
        /// The resources that the creation adds.
        changes: Vec<Change>,
    },
    /// Repeat a failed deletion, retaining these resources outside the stack, then create the stack and import them.
    RetryDelete {
        /// The stack's ARN.
        stack: String,
        /// Logical ids of resources that could not be deleted or contain data.
        keep: Vec<String>,
        /// The approximate changes: which resources can be imported is known only after the deletion.
        changes: Vec<Change>,
    },
    /// Import an existing bucket or table into a new stack, then update the stack to the full template.
    Adopt {
        /// The resources to import.
        kept: Vec<ImportCandidate>,
        /// A template that describes only these resources, in their current state.
        template: Value,
        /// The changes of import and update together.
        changes: Vec<Change>,
    },
    /// Another operation runs: follow it to its end, then decide again.
    Attach {
        /// The stack's ARN.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// Continue a failed rollback, then decide again.
    ContinueRollback {
        /// The stack's ARN.
        stack: String,
        /// Resources to skip, with the reason why they could not be rolled back.
        skip: Vec<(String, String)>,
    },
    /// The user must decide first.
    Blocked {
        /// A stable code.
        code: &'static str,
        /// Why.
        reason: String,
        /// How to proceed.
        hint: String,
    },
}

/// The code of a plan that would lose files or records.
pub const DATA_LOSS: &str = "data-loss";

/// Describes the loss of files or records by these changes, if there is one: a stable code, the reason, and how to proceed.
pub fn data_loss(changes: &[Change]) -> Option<(&'static str, String, String)> {
    let lost: Vec<&Change> = changes.iter().filter(|change| change.loses_data()).collect();
    if lost.is_empty() {
        return None;
    }
    let names: Vec<&str> = lost.iter().map(|change| change.logical_id.as_str()).collect();
    let mut details = lost.iter().flat_map(|change| &change.details);
    let hint = match details.find(|detail| detail.property == "BucketNamespace") {
        Some(namespace) => format!(
            "The deployed bucket is in another namespace: write `namespace: {}` below `bucket:` to keep it, or deploy a \
             second stack with another `name:` and move the data.",
            // The template of the global namespace does not have the property.
            namespace.before.as_ref().and_then(Value::as_str).unwrap_or(BucketNamespace::Global.as_str())
        ),
        None => {
            "Revert the change of name or keys, or deploy a second stack with another `name:` and move the data.".into()
        }
    };
    Some((
        DATA_LOSS,
        format!("this would replace or remove {}, which contains files or records", names.join(" and ")),
        hint,
    ))
}

/// Describes a bucket that exists and cannot be read: a stable code, the reason, and how to proceed.
pub fn bucket_taken(bucket: &str) -> (&'static str, String, String) {
    (
        "bucket-taken",
        format!("the bucket {bucket} exists, and access to it is denied"),
        "If it is this account's: the caller lacks a permission; `synth --permissions` prints what deploying needs. If it \
         belongs to another account (bucket names are global): give the stack another `name:` in its stack file, or write \
         `namespace: account-regional` below `bucket:`, where nobody else can hold a name."
            .into(),
    )
}

/// Whether [`decide`] needs the stack's resources.
pub fn needs_resources(phase: Phase) -> bool {
    matches!(phase, Phase::RollbackStuck | Phase::DeleteStuck | Phase::ImportUndone)
}

/// Decides the next action.
pub fn decide(desired: &Desired, observed: &Observed) -> Plan {
    let Some(stack) = &observed.stack else { return create(desired, observed) };
    let arn = stack.arn.clone();
    match stack.status.phase() {
        Phase::Absent => create(desired, observed),
        Phase::Ready if observed.change_set.is_none() && observed.is_as(desired) => Plan::NoChange,
        Phase::Ready => with_change_set(Operation::Update, observed),
        Phase::Running => Plan::Attach { stack: arn, operation: stack.status.operation().unwrap_or(Operation::Update) },
        // The stack has no resources yet. A change set of an earlier run or of another user does not prevent a new one and
        // is left for its owner. An import change set requires that no stack exists.
        Phase::Review if observed.change_set.is_some() || import_candidates(desired, observed).is_empty() => {
            create(desired, observed)
        }
        Phase::ImportUndone if observed.resources.iter().any(is_held) => with_change_set(Operation::Update, observed),
        Phase::Review | Phase::CreateFailed | Phase::ImportUndone => Plan::Recreate {
            stack: arn,
            status: stack.status,
            changes: diff::all_new(&desired.template, &import_candidates(desired, observed)),
        },
        Phase::RollbackStuck => Plan::ContinueRollback {
            stack: arn,
            skip: if observed.continued { failed(&observed.resources) } else { Vec::new() },
        },
        Phase::DeleteStuck => Plan::RetryDelete {
            stack: arn,
            keep: undeleted(&observed.resources),
            changes: diff::all_new(&desired.template, &import_candidates(desired, observed)),
        },
        Phase::ImportStuck => Plan::Blocked {
            code: "import-stuck",
            reason: format!("an import into the stack {} failed, and so did its rollback", stack.name),
            hint: format!(
                "Check the stack's events and fix the errors. Then set `data: keep` in the stack file and run \
                 `provisioner down -s {0}`, which retains files and records, and `provisioner up -s {0}`, which imports \
                 them again.",
                stack.name
            ),
        },
    }
}

fn create(desired: &Desired, observed: &Observed) -> Plan {
    if observed.bucket == Presence::Foreign {
        let (code, reason, hint) = bucket_taken(&desired.names.bucket);
        return Plan::Blocked { code, reason, hint };
    }
    let kept = import_candidates(desired, observed);
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
            hint: provisioner_model::advice::advice(reason).unwrap_or("The reason names what to fix.").to_owned(),
        },
        ChangeSetState::Ready => {
            if let Some((code, reason, hint)) = data_loss(&set.changes) {
                return Plan::Blocked { code, reason, hint };
            }
            Plan::Execute {
                operation,
                change_set: set.id.clone(),
                stack: set.stack.clone(),
                changes: set.changes.clone(),
            }
        }
    }
}

/// Bucket and table that exist outside any stack.
fn import_candidates(desired: &Desired, observed: &Observed) -> Vec<ImportCandidate> {
    let bucket =
        (observed.bucket == Presence::Ours).then_some((resource_type::BUCKET, "BucketName", &desired.names.bucket));
    let table = observed.table.as_ref().map(|_| (resource_type::TABLE, "TableName", &desired.names.table));
    [bucket, table]
        .into_iter()
        .flatten()
        .filter_map(|(kind, identifier, name)| {
            Some(ImportCandidate {
                logical_id: diff::logical_id(&desired.template, kind)?.to_owned(),
                kind: kind.to_owned(),
                identifier: identifier.to_owned(),
                name: name.clone(),
            })
        })
        .collect()
}

/// Describes the resources in their current state, so that the following update finds every difference. They are
/// retained whatever the data policy is: a failed update must not lose data.
fn import_template(desired: &Desired, observed: &Observed, kept: &[ImportCandidate]) -> Value {
    let mut resources = serde_json::Map::new();
    for kept in kept {
        let properties = match (&observed.table, kept.kind.as_str()) {
            (Some(table), resource_type::TABLE) => with_chosen_key(table, desired),
            _ => bucket_for_import(kept, desired),
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

/// The bucket's properties. Its namespace is part of its identity: CloudFormation cannot read it, and a change replaces
/// the bucket (resource schema, `createOnlyProperties` and `writeOnlyProperties`).
fn bucket_for_import(kept: &ImportCandidate, desired: &Desired) -> Value {
    let mut properties = json!({ &kept.identifier: kept.name });
    let namespace = &desired.template["Resources"][&kept.logical_id]["Properties"]["BucketNamespace"];
    if !namespace.is_null() {
        properties["BucketNamespace"] = namespace.clone();
    }
    properties
}

/// The table's properties, naming its KMS key only if that is the stack file's. Another one is the account's key for
/// `DynamoDB`, which a template does not name, or one that the next update replaces.
fn with_chosen_key(table: &Value, desired: &Desired) -> Value {
    let wanted = &desired.template["Resources"][id::TABLE]["Properties"]["SSESpecification"];
    let mut table = table.clone();
    if let Some(encryption) = table["SSESpecification"].as_object_mut() {
        match encryption.get("KMSMasterKeyId") {
            Some(key) if *key == wanted["KMSMasterKeyId"] => {
                encryption.insert("SSEType".to_owned(), json!("KMS"));
            }
            _ => {
                encryption.remove("KMSMasterKeyId");
            }
        }
    }
    table
}

fn failed(resources: &[Resource]) -> Vec<(String, String)> {
    resources
        .iter()
        // ContinueUpdateRollback accepts only resources that failed in the rollback, not those that were cancelled.
        .filter(|r| r.status.is_failed_update() && !r.reason.as_deref().is_some_and(advice::is_consequence))
        .map(|r| (r.logical_id.clone(), r.reason.clone().unwrap_or_default()))
        .collect()
}

/// Whether a stack whose import was rolled back still contains the resource.
fn is_held(resource: &Resource) -> bool {
    !(resource.status.is_undone_import() || resource.physical_id.is_empty() || resource.status.is_deleted())
}

/// Resources that a failed deletion left, and resources that contain data.
pub(crate) fn undeleted(resources: &[Resource]) -> Vec<String> {
    resources
        .iter()
        .filter(|r| {
            r.status.is_failed_deletion()
                || (!r.status.is_deleted() && [resource_type::BUCKET, resource_type::TABLE].contains(&r.kind.as_str()))
        })
        .map(|r| r.logical_id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use provisioner_model::change::{Action, Detail, Replacement};
    use provisioner_model::names::Names;
    use provisioner_model::spec::DeploymentMode;
    use provisioner_model::stack::ChangeSet;

    use super::*;
    use crate::samples::{resource, stack};
    use crate::state::Place;

    fn desired() -> Desired {
        Desired {
            place: Place {
                partition: "aws".into(),
                account: "000000000000".into(),
                region: "eu-central-1".into(),
                stack: "s".into(),
            },
            names: Names::of("s", BucketNamespace::Global, "000000000000", "eu-central-1"),
            template: json!({ "Description": "d", "Resources": {
                "Bucket": { "Type": "AWS::S3::Bucket" },
                "Table": { "Type": "AWS::DynamoDB::Table" },
                "Handler": { "Type": "AWS::Lambda::Function" },
            }}),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            deployment: DeploymentMode::Standard,
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
    fn every_state_of_a_stack_has_a_plan() {
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
    fn a_rolled_back_import_leaves_a_working_or_an_empty_stack() {
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
    fn a_stack_in_the_desired_state_needs_no_change_set() {
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
        // The same template with other parameters has changes.
        let mut desired = desired();
        desired.template["Resources"]["Handler"]["Properties"] = json!({ "Key": { "Ref": "Key" } });
        observed.template = Some(desired.template.clone());
        assert_eq!(name(&decide(&desired, &observed)), "no-change");
        desired.parameters.insert("Key".into(), "k".into());
        assert_eq!(name(&decide(&desired, &observed)), "propose-update");
    }

    #[test]
    fn kept_data_is_imported_in_its_current_state() {
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
    fn an_imported_table_names_its_key_only_if_the_stack_file_does() {
        let deployed = |key: Value| json!({ "TableName": "s-records", "SSESpecification": key });
        for (now, wanted, imported) in [
            (json!({"SSEEnabled": false}), json!({"SSEEnabled": true}), json!({"SSEEnabled": false})),
            (
                json!({"SSEEnabled": true, "KMSMasterKeyId": "k"}),
                json!({"SSEEnabled": true}),
                json!({"SSEEnabled": true}),
            ),
            (
                json!({"SSEEnabled": true, "KMSMasterKeyId": "k"}),
                json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "k"}),
                json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "k"}),
            ),
            (
                json!({"SSEEnabled": true, "KMSMasterKeyId": "other"}),
                json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "k"}),
                json!({"SSEEnabled": true}),
            ),
        ] {
            let mut desired = desired();
            desired.template["Resources"][id::TABLE]["Properties"] = deployed(wanted);
            assert_eq!(with_chosen_key(&deployed(now), &desired), deployed(imported));
        }
    }

    #[test]
    fn a_failed_rollback_is_continued_without_skipping_first() {
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
    fn a_failed_deletion_retains_data() {
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
}
