//! The deletion of stacks.

use super::stack::step;
use super::{Answered, CloudFormation, Physical, refused};

/// Resources with these statuses do not exist any more, or never belonged to the stack.
const GONE: [&str; 3] = ["DELETE_COMPLETE", "", "IMPORT_ROLLBACK_COMPLETE"];

impl CloudFormation {
    /// API, `DeleteStack`: a stack that does not exist, or no longer, is deleted successfully; `RetainResources` is for
    /// stacks in `DELETE_FAILED`. Guide, `using-cfn-protect-stacks.html`: a protected stack cannot be deleted. Guide,
    /// `aws-attribute-deletionpolicy.html`: retained resources are not deleted (`DELETE_SKIPPED`).
    pub(super) fn delete(
        &mut self,
        stack: &str,
        token: &str,
        retain: &[String],
        physical: &mut Physical<'_>,
    ) -> Answered {
        let undeletable = &mut self.undeletable;
        let is_asked = |s: &&mut super::Stack| (s.arn == stack || s.name == stack) && s.status != "DELETE_COMPLETE";
        let Some(stack) = self.stacks.iter_mut().find(is_asked) else { return Ok(String::new()) };
        if stack.protected {
            let name = &stack.name;
            return Err(refused(&format!("Stack [{name}] cannot be deleted while TerminationProtection is enabled")));
        }
        if !retain.is_empty() && stack.status != "DELETE_FAILED" {
            let message = "Invalid operation on stack. Specify which resources to retain only when the stack is in the \
                           DELETE_FAILED state.";
            return Err(refused(message));
        }
        stack.script.clear();
        stack.undeleted.clear();
        stack.script.push_back(step(None, "DELETE_IN_PROGRESS", "User Initiated", token));
        let left = stack.resources.iter().filter(|(_, r)| !GONE.contains(&r.status.as_str()));
        for (id, _) in left {
            let policy = stack.template["Resources"][id]["DeletionPolicy"].as_str().unwrap_or("Delete");
            if retain.contains(id) || policy != "Delete" {
                stack.script.push_back(step(Some(id), "DELETE_SKIPPED", "", token));
                continue;
            }
            stack.script.push_back(step(Some(id), "DELETE_IN_PROGRESS", "", token));
            stack.script.push_back(match undeletable.get_mut(id) {
                Some((times, reason)) if *times > 0 => {
                    *times -= 1;
                    step(Some(id), "DELETE_FAILED", reason, token)
                }
                _ => step(Some(id), "DELETE_COMPLETE", "", token),
            });
        }
        stack.script.push_back(step(None, "DELETE_COMPLETE", "", token));
        stack.tick(physical);
        let arn = stack.arn.clone();
        // API, `DeleteStack`: the stack's change sets are deleted with it.
        self.change_sets.retain(|_, set| set.stack != arn);
        Ok(String::new())
    }
}
