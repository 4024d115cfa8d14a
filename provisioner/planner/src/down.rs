//! Plans `down` from the observed state. Pure: data in, data out. [`decide_down`] has a branch for every state of a stack.

use std::collections::BTreeSet;

use provisioner_model::resource_type;
use provisioner_model::spec::DataPolicy;
use provisioner_model::stack::{Presence, Resource, Stack};
use provisioner_model::status::{Operation, Phase};
use serde::Serialize;

use crate::plan::undeleted;

/// The state that `down` observes.
#[derive(Debug, Clone, PartialEq)]
pub struct DownState {
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The types of resource that the deployed template retains when the stack is deleted.
    pub retained: BTreeSet<String>,
    /// The upload bucket.
    pub bucket: Presence,
    /// The table, if there is one.
    pub table: Option<DeletionProtection>,
}

/// Whether a table is protected from deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionProtection {
    /// It can be deleted.
    Off,
    /// It is protected from deletion.
    On,
}

/// One step of deleting a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "step")]
pub enum DownStep {
    /// Remove the bucket's notification configuration.
    RemoveNotification,
    /// Delete every object of the bucket.
    EmptyBucket,
    /// Disable the table's deletion protection.
    UnprotectTable,
    /// Delete the stack.
    DeleteStack {
        /// Its ARN.
        stack: String,
        /// Logical ids of resources that are retained outside the stack.
        retain: Vec<String>,
    },
    /// Delete the bucket, if it still exists.
    DeleteBucket,
    /// Delete the table, if it still exists.
    DeleteTable,
    /// Delete the stack's artifact bucket with everything in it.
    DeleteArtifacts,
}

/// How a stack is deleted.
#[derive(Debug, Clone, PartialEq)]
pub enum DownPlan {
    /// Neither a stack nor data exists.
    Nothing,
    /// Only data that is kept exists.
    OnlyKeptData,
    /// Another operation runs: follow it to its end, then decide again.
    Attach {
        /// The stack's ARN.
        stack: String,
        /// The operation.
        operation: Operation,
    },
    /// Execute these steps.
    Proceed {
        /// Whether files and records are deleted too.
        delete_data: bool,
        /// The steps, in order.
        steps: Vec<DownStep>,
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

/// Whether a stack in this phase can contain files and records that only the deletion policies of the deployed template
/// retain. A stack whose creation failed has none, and the deletion of a stack in `DELETE_FAILED` names the resources to
/// retain.
pub fn keeps_by_template(phase: Phase) -> bool {
    matches!(phase, Phase::Ready | Phase::RollbackStuck | Phase::ImportUndone | Phase::ImportStuck)
}

/// Decides how to delete a stack.
pub fn decide_down(name: &str, policy: DataPolicy, delete_data: bool, state: &DownState) -> DownPlan {
    let delete_data = delete_data || policy == DataPolicy::Delete;
    let bucket = state.bucket == Presence::Ours;
    let Some(stack) = state.stack.as_ref().filter(|s| s.status.phase() != Phase::Absent) else {
        return match (bucket || state.table.is_some(), delete_data) {
            (false, _) => DownPlan::Nothing,
            (true, false) => DownPlan::OnlyKeptData,
            (true, true) => DownPlan::Proceed { delete_data, steps: data_steps(state, bucket, Vec::new()) },
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
                "To allow the deletion: `terminationProtection: false` in the stack file, then provisioner up -s {name}\n\
                 Or: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}"
            ),
        };
    }
    let owns = |kind: &str| {
        state.resources.iter().any(|r| r.kind == kind && !r.physical_id.is_empty() && !r.status.is_deleted())
    };
    let goes_along = |kind: &str, there: bool| there && owns(kind) && !state.retained.contains(kind);
    let at_risk = goes_along(resource_type::BUCKET, bucket) || goes_along(resource_type::TABLE, state.table.is_some());
    if !delete_data && at_risk && keeps_by_template(phase) {
        return DownPlan::Blocked {
            code: "policy-not-deployed",
            reason: format!(
                "the stack file keeps data, but the deployed template of {name} deletes data with the stack"
            ),
            hint: if phase == Phase::ImportStuck {
                format!("Back up files and records, then: provisioner down -s {name} --delete-data")
            } else {
                format!("First deploy the stack file as it is now: provisioner up -s {name}")
            },
        };
    }
    // After DELETE_FAILED, retain what the data policy keeps and what could not be deleted.
    let retain = if phase == Phase::DeleteStuck && !delete_data { undeleted(&state.resources) } else { Vec::new() };
    let delete = DownStep::DeleteStack { stack: stack.arn.clone(), retain };
    let steps = if delete_data {
        data_steps(state, bucket, vec![delete])
    } else {
        let mut steps = vec![delete];
        steps.extend(bucket.then_some(DownStep::RemoveNotification));
        steps.push(DownStep::DeleteArtifacts);
        steps
    };
    DownPlan::Proceed { delete_data, steps }
}

fn data_steps(state: &DownState, bucket: bool, delete: Vec<DownStep>) -> Vec<DownStep> {
    let mut steps = Vec::new();
    if bucket {
        steps.extend([DownStep::RemoveNotification, DownStep::EmptyBucket]);
    }
    if state.table == Some(DeletionProtection::On) {
        steps.push(DownStep::UnprotectTable);
    }
    steps.extend(delete);
    if bucket {
        steps.push(DownStep::DeleteBucket);
    }
    if state.table.is_some() {
        steps.push(DownStep::DeleteTable);
    }
    steps.push(DownStep::DeleteArtifacts);
    steps
}

#[cfg(test)]
mod tests {
    use provisioner_model::status::StackStatus;

    use super::*;
    use crate::samples::{resource, stack};

    fn state_of(status: Option<StackStatus>) -> DownState {
        DownState {
            stack: status.map(stack),
            resources: vec![
                resource("Bucket", resource_type::BUCKET, "CREATE_COMPLETE"),
                resource("Table", resource_type::TABLE, "CREATE_COMPLETE"),
            ],
            retained: BTreeSet::new(),
            bucket: Presence::Ours,
            table: Some(DeletionProtection::Off),
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
    fn down_in_every_state() {
        use DataPolicy::{Delete, Keep};
        let up = Some(StackStatus::CreateComplete);
        let kept = |mut s: DownState| {
            s.retained = BTreeSet::from([resource_type::BUCKET.to_owned(), resource_type::TABLE.to_owned()]);
            s
        };
        let bare = |mut s: DownState| {
            s.bucket = Presence::Absent;
            s.table = None;
            s
        };
        let protected = |mut s: DownState| {
            if let Some(stack) = &mut s.stack {
                stack.protected = true;
            }
            s
        };
        for (policy, flag, state, expected) in [
            (Delete, false, state_of(up), "delete-all"),
            (Keep, false, kept(state_of(up)), "delete-stack"),
            (Keep, true, kept(state_of(up)), "delete-all"),
            (Keep, false, state_of(up), "policy-not-deployed"),
            (Keep, false, state_of(Some(StackStatus::UpdateRollbackFailed)), "policy-not-deployed"),
            (Keep, false, kept(state_of(Some(StackStatus::UpdateRollbackFailed))), "delete-stack"),
            (Keep, false, state_of(Some(StackStatus::ImportRollbackComplete)), "policy-not-deployed"),
            (Keep, false, state_of(Some(StackStatus::ImportRollbackFailed)), "policy-not-deployed"),
            (Keep, false, kept(state_of(Some(StackStatus::ImportRollbackFailed))), "delete-stack"),
            (Keep, true, state_of(Some(StackStatus::ImportRollbackFailed)), "delete-all"),
            (Keep, false, state_of(Some(StackStatus::RollbackComplete)), "delete-stack"),
            (Keep, false, state_of(Some(StackStatus::DeleteFailed)), "delete-stack"),
            (Keep, false, bare(state_of(up)), "delete-stack"),
            (Delete, false, protected(state_of(up)), "termination-protection"),
            (Delete, false, state_of(Some(StackStatus::DeleteInProgress)), "attach"),
            (Delete, false, state_of(Some(StackStatus::RollbackComplete)), "delete-all"),
            (Delete, false, bare(state_of(None)), "nothing"),
            (Keep, false, state_of(None), "only-kept-data"),
            (Keep, true, state_of(None), "delete-all"),
            (Delete, false, state_of(None), "delete-all"),
        ] {
            assert_eq!(down_name(&decide_down("s", policy, flag, &state)), expected, "{policy:?} {flag} {state:?}");
        }
    }

    #[test]
    fn data_is_deleted_in_an_order_without_conflicts() {
        let mut state = state_of(Some(StackStatus::CreateComplete));
        state.table = Some(DeletionProtection::On);
        let DownPlan::Proceed { steps, .. } = decide_down("s", DataPolicy::Keep, true, &state) else { panic!() };
        assert_eq!(
            steps,
            [
                DownStep::RemoveNotification,
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
