//! The steps of creations, updates and imports, down to their rollbacks.

use std::collections::{BTreeMap, VecDeque};

use super::change_sets::Change;
use super::stack::{Step, step};

/// The number of concurrent resource operations. CloudFormation starts all resources whose dependencies are complete:
/// Guide, `stack-resource-configuration-complete.html`.
const AT_ONCE: usize = 3;

/// The steps.
pub(super) struct Plan<'a> {
    pub(super) changes: &'a [Change],
    /// Resources that fail, with the reason.
    pub(super) failing: &'a BTreeMap<String, String>,
    /// Whether the rollback fails.
    pub(super) sticks: bool,
    pub(super) token: &'a str,
}

impl Plan<'_> {
    fn of_stack(&self, status: &'static str, reason: &str) -> Step {
        step(None, status, reason, self.token)
    }

    fn of(&self, id: &str, status: &'static str, reason: &str) -> Step {
        step(Some(id), status, reason, self.token)
    }
}

/// Guide, `stack-resource-configuration-complete.html`: each resource starts, is reported once more with its physical
/// id, and ends. Guide, `determine-root-cause-for-stack-failures.html`: a failure cancels concurrent operations. Guide,
/// `stack-failure-options.html`: then all created resources are deleted, which ends in `ROLLBACK_COMPLETE`, or in
/// `ROLLBACK_FAILED` if one cannot be deleted.
pub(super) fn creation(plan: &Plan<'_>) -> VecDeque<Step> {
    let mut script = VecDeque::from([plan.of_stack("CREATE_IN_PROGRESS", "User Initiated")]);
    let ids: Vec<&str> = plan.changes.iter().map(|change| change.logical_id.as_str()).collect();
    for (wave, together) in ids.chunks(AT_ONCE).enumerate() {
        for reason in ["", "Resource creation Initiated"] {
            script.extend(together.iter().map(|id| plan.of(id, "CREATE_IN_PROGRESS", reason)));
        }
        let Some((id, reason)) = together.iter().find_map(|id| Some((id, plan.failing.get(*id)?))) else {
            script.extend(together.iter().map(|id| plan.of(id, "CREATE_COMPLETE", "")));
            continue;
        };
        script.push_back(plan.of(id, "CREATE_FAILED", reason));
        let others = together.iter().filter(|other| *other != id);
        script.extend(others.map(|other| plan.of(other, "CREATE_FAILED", "Resource creation cancelled")));
        let names = together.join(", ");
        let reason = format!("The following resource(s) failed to create: [{names}]. Rollback requested by user.");
        script.push_back(plan.of_stack("ROLLBACK_IN_PROGRESS", &reason));
        for (at, made) in ids[..wave * AT_ONCE].iter().enumerate() {
            script.push_back(plan.of(made, "DELETE_IN_PROGRESS", ""));
            script.push_back(if plan.sticks && at == 0 {
                plan.of(made, "DELETE_FAILED", "could not be deleted")
            } else {
                plan.of(made, "DELETE_COMPLETE", "")
            });
        }
        script.extend(together.iter().map(|id| plan.of(id, "DELETE_COMPLETE", "")));
        script.push_back(plan.of_stack(if plan.sticks { "ROLLBACK_FAILED" } else { "ROLLBACK_COMPLETE" }, ""));
        return script;
    }
    script.push_back(plan.of_stack("CREATE_COMPLETE", ""));
    script
}

/// Guide, `using-cfn-updating-stacks-monitor-stack.html`: after the resources comes the cleanup. Guide,
/// `using-cfn-updating-stacks-continueupdaterollback.html`: a rollback that cannot restore a resource ends in
/// `UPDATE_ROLLBACK_FAILED`.
pub(super) fn update(plan: &Plan<'_>) -> VecDeque<Step> {
    let mut script = VecDeque::from([plan.of_stack("UPDATE_IN_PROGRESS", "User Initiated")]);
    for Change { action, logical_id: id, .. } in plan.changes {
        let (start, end) = match *action {
            "Add" => ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
            // Resources that are removed from a template are deleted in the cleanup.
            "Remove" => continue,
            _ => ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        };
        script.push_back(plan.of(id, start, ""));
        let Some(reason) = plan.failing.get(id) else {
            script.push_back(plan.of(id, end, ""));
            continue;
        };
        let names = format!("The following resource(s) failed to update: [{id}]. ");
        script.push_back(plan.of(id, "UPDATE_FAILED", reason));
        script.push_back(plan.of_stack("UPDATE_ROLLBACK_IN_PROGRESS", &names));
        if plan.sticks {
            script.push_back(plan.of(id, "UPDATE_FAILED", "could not be reverted"));
            script.push_back(plan.of_stack("UPDATE_ROLLBACK_FAILED", &names));
        } else {
            script.push_back(plan.of(id, "UPDATE_COMPLETE", ""));
            script.push_back(plan.of_stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", ""));
            script.push_back(plan.of_stack("UPDATE_ROLLBACK_COMPLETE", ""));
        }
        return script;
    }
    script.push_back(plan.of_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""));
    let removed = plan.changes.iter().filter(|change| change.action == "Remove");
    script.extend(removed.map(|change| plan.of(&change.logical_id, "DELETE_COMPLETE", "")));
    script.push_back(plan.of_stack("UPDATE_COMPLETE", ""));
    script
}

/// Guide, `import-resources.html`: the resources are not changed; an import that fails is rolled back, which ends in
/// `IMPORT_ROLLBACK_COMPLETE` or `IMPORT_ROLLBACK_FAILED`.
pub(super) fn import(plan: &Plan<'_>) -> VecDeque<Step> {
    let mut script = VecDeque::from([plan.of_stack("IMPORT_IN_PROGRESS", "User Initiated")]);
    for (at, Change { logical_id: id, .. }) in plan.changes.iter().enumerate() {
        script.push_back(plan.of(id, "IMPORT_IN_PROGRESS", "Resource import started."));
        let Some(reason) = plan.failing.get(id) else {
            script.push_back(plan.of(id, "IMPORT_COMPLETE", "Resource import completed."));
            continue;
        };
        script.push_back(plan.of(id, "IMPORT_FAILED", reason));
        script.push_back(plan.of_stack("IMPORT_ROLLBACK_IN_PROGRESS", ""));
        let end = if plan.sticks { "IMPORT_ROLLBACK_FAILED" } else { "IMPORT_ROLLBACK_COMPLETE" };
        script.extend(plan.changes[..=at].iter().map(|started| plan.of(&started.logical_id, end, "")));
        script.push_back(plan.of_stack(end, ""));
        return script;
    }
    script.push_back(plan.of_stack("IMPORT_COMPLETE", ""));
    script
}
