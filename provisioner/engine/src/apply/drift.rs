//! Reverts drift.

use provisioner_aws::stacks::{Proposal, Purpose};
use provisioner_model::change::{Action, Change};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::spec::DeploymentMode;
use provisioner_model::stack::{ChangeSet, Stack};
use provisioner_model::status::{ChangeSetState, Operation};
use provisioner_planner::drift::Drift;
use provisioner_planner::state::{Desired, Observed};

use super::{Applier, compact, concurrent_change, ensure_within_plan, ids};
use crate::event::deploy::DeployEvent;

impl Applier<'_> {
    /// Reverts drift together with the other changes by a drift-aware change set (CloudFormation user guide, "Using
    /// drift-aware change sets"). A service without this feature makes only the other changes, or none: the caller checks
    /// the drift again. `agreed` are the changes with consent.
    pub async fn revert_drift(&self, desired: &Desired, observed: &Observed, agreed: &[Change]) -> Result<()> {
        let Some(stack) = &observed.stack else { return Ok(()) };
        let proposal = self.reversion("revert", desired, Purpose::RevertDrift);
        self.execute_if_any(&proposal, stack, agreed).await
    }

    /// Reverts drift in two updates: the first deploys a template that describes the live state, which changes nothing; the
    /// second deploys the desired template, which changes exactly the drift. After an interruption in between, the next
    /// `up` makes the second update.
    pub async fn revert_in_two(
        &self,
        desired: &Desired,
        now: &Observed,
        left: &Drift,
        agreed: &[Change],
    ) -> Result<()> {
        let (Some(stack), Some(template)) = (&now.stack, &now.template) else { return Ok(()) };
        self.dialog.event(DeployEvent::RevertingInTwo { stack: stack.name.clone() });
        let first = Proposal {
            template: compact(&left.overlay(template.clone())),
            parameters: stack.parameters.clone(),
            tags: stack.tags.clone(),
            ..self.reversion("accept", desired, Purpose::Update)
        };
        // Deleted resources are removed from the template first. They do not exist, so nothing is lost.
        let gone = left.resources.iter().filter(|drifted| drifted.deleted).map(|drifted| Change {
            logical_id: drifted.logical_id.clone(),
            physical_id: None,
            kind: drifted.kind.clone(),
            action: Action::Remove,
            retained: false,
            details: Vec::new(),
        });
        self.execute_if_any(&first, stack, &gone.collect::<Vec<_>>()).await?;
        let described = self.stacks.describe(&stack.arn).await.map_err(|e| e.into_error("read the stack"))?;
        let second = self.reversion("restore", desired, Purpose::Update);
        self.execute_if_any(&second, described.as_ref().unwrap_or(stack), agreed).await
    }

    /// A reversion always waits until every resource is ready: the drift is read again afterwards.
    fn reversion(&self, what: &str, desired: &Desired, purpose: Purpose) -> Proposal {
        Proposal { deployment: DeploymentMode::Standard, ..self.proposal(what, desired, purpose) }
    }

    /// Creates and executes a change set if it has changes and all of them were agreed to, and if the stack has not changed
    /// since it was read.
    async fn execute_if_any(&self, proposal: &Proposal, stack: &Stack, agreed: &[Change]) -> Result<()> {
        let set: ChangeSet = self.propose_and_wait(proposal).await?;
        match &set.state {
            ChangeSetState::Ready => {
                let now = self.stacks.describe(&stack.arn).await.map_err(|e| e.into_error("read the stack"))?;
                let unchanged = now.is_some_and(|now| now.changed == stack.changed);
                let allowed = if unchanged {
                    ensure_within_plan(agreed, &set.changes)
                } else {
                    Err(concurrent_change(&stack.name, "revert the drift"))
                };
                if let Err(error) = allowed {
                    return Err(error.with_followup_error(self.discard_change_set(&set).await));
                }
                self.execute(Operation::Update, DeploymentMode::Standard, &set.id, &stack.arn, ids(&set.changes)).await
            }
            ChangeSetState::NoChange | ChangeSetState::Pending => self.discard_change_set(&set).await,
            ChangeSetState::Failed(reason) => {
                let error = Error::new(
                    Exit::Deployment,
                    "change-set-failed",
                    format!("CloudFormation rejected the change set that reverts the drift: {reason}"),
                )
                .hint(provisioner_model::advice::advice(reason).unwrap_or("The reason names what to fix."));
                Err(error.with_followup_error(self.discard_change_set(&set).await))
            }
        }
    }
}
