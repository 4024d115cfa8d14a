//! Rollbacks of updates: cancelled updates, and continued rollbacks.

use super::stack::step;
use super::{Answered, CloudFormation, Physical, refused};

impl CloudFormation {
    /// API, `CancelUpdateStack`: only in `UPDATE_IN_PROGRESS`; the stack is rolled back to its previous state.
    pub(super) fn cancel_update(&mut self, stack: &str, token: &str) -> Answered {
        let stack = self.existing(stack)?;
        if stack.status != "UPDATE_IN_PROGRESS" {
            return Err(refused("CancelUpdateStack cannot be called from current stack status"));
        }
        stack.script.clear();
        if let Some((template, parameters)) = stack.before.take() {
            (stack.template, stack.parameters) = (template, parameters);
        }
        let started: Vec<(String, bool)> = stack
            .resources
            .iter()
            .filter(|(_, r)| r.status.starts_with("UPDATE_"))
            .map(|(id, r)| (id.clone(), r.status.ends_with("_IN_PROGRESS")))
            .collect();
        let running = started.iter().filter(|(_, is_running)| *is_running);
        stack.script.extend(running.map(|(id, _)| step(Some(id), "UPDATE_FAILED", "Resource update cancelled", token)));
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token));
        for (id, _) in &started {
            stack.script.push_back(step(Some(id), "UPDATE_IN_PROGRESS", "", token));
            stack.script.push_back(step(Some(id), "UPDATE_COMPLETE", "", token));
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE", "", token));
        Ok(String::new())
    }

    /// API, `ContinueUpdateRollback`: only in `UPDATE_ROLLBACK_FAILED`; only resources that failed in the rollback can
    /// be skipped; they become `UPDATE_COMPLETE`.
    pub(super) fn continue_rollback(
        &mut self,
        stack: &str,
        token: &str,
        skip: Vec<String>,
        physical: &mut Physical<'_>,
    ) -> Answered {
        let sticks = self.stuck_rollbacks > 0 && skip.is_empty();
        let stack = self.existing(stack)?;
        if stack.status != "UPDATE_ROLLBACK_FAILED" {
            let (arn, status) = (&stack.arn, &stack.status);
            return Err(refused(&format!("Stack [{arn}] is in {status} state and rollback can not be continued.")));
        }
        let has_failed = |id: &String| {
            let resource = stack.resources.get(id);
            resource.is_some_and(|r| r.status == "UPDATE_FAILED" && !r.reason.contains("cancelled"))
        };
        if let Some(id) = skip.iter().find(|id| !has_failed(id)) {
            return Err(refused(&format!("Resource {id} is not in UPDATE_FAILED because of the rollback")));
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token));
        stack.script.extend(skip.iter().map(|id| step(Some(id), "UPDATE_COMPLETE", "Resource skipped", token)));
        let end = if sticks { "UPDATE_ROLLBACK_FAILED" } else { "UPDATE_ROLLBACK_COMPLETE" };
        stack.script.push_back(step(None, end, "", token));
        stack.tick(physical);
        self.skipped.push(skip);
        self.stuck_rollbacks -= u32::from(sticks);
        Ok(String::new())
    }
}
