//! The details of failures whose reason only refers to CloudFormation's failed events, such as those of early validation.

use provisioner_model::advice::{advice, refers_to_events};
use provisioner_model::call_error::CallError;
use provisioner_model::stack::{ChangeSet, OperationFailure};
use provisioner_model::status::ChangeSetState;

use super::Applier;
use crate::event::deploy::DeployEvent;

impl Applier<'_> {
    /// The change set with the first cause of its failure in place of a reason that does not name it.
    pub(super) async fn with_cause(&self, mut set: ChangeSet) -> ChangeSet {
        if let ChangeSetState::Failed(reason) = &set.state
            && refers_to_events(reason)
            && let Some(first) = self.first(self.stacks.failures_of_change_set(&set.id).await)
        {
            set.state = ChangeSetState::Failed(first.sentence());
        }
        set
    }

    /// The first cause of a failed operation, which is reported too, in place of one that does not name it.
    pub(super) async fn cause_of(&self, stack: &str, cause: Option<&str>) -> Option<String> {
        let cause = cause?;
        if refers_to_events(cause)
            && let Some(first) = self.first(self.stacks.failures_of_stack(stack).await)
        {
            let text = first.sentence();
            self.dialog.event(DeployEvent::Cause {
                logical_id: first.logical_id,
                kind: first.kind,
                advice: advice(&text),
                reason: text.clone(),
            });
            return Some(text);
        }
        Some(cause.to_owned())
    }

    /// The first failure. Without permission to read them, the reason at hand stays; its advice names the permission.
    fn first(&self, failures: Result<Vec<OperationFailure>, CallError>) -> Option<OperationFailure> {
        match failures {
            Ok(failures) => failures.into_iter().next(),
            Err(error) => {
                self.dialog.remark(&format!("the details of the failure could not be read: {error}"));
                None
            }
        }
    }
}
