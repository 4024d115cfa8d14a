//! Puts back what was changed behind the tool's back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Applier, Code, compact};
use crate::aws::stacks::{Proposal, Purpose};
use crate::drift::Drift;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::DeployEvent;
use crate::plan::{Desired, Observed};
use crate::stack::ChangeSet;
use crate::status::{ChangeSetState, Operation};

impl Applier<'_> {
    /// Has CloudFormation put back what differs, together with what is to change anyway (CloudFormation user guide,
    /// "Using drift-aware change sets"). A service that does not know such change sets finds nothing to change, or
    /// changes only the rest: the caller looks again.
    pub async fn revert_drift(&self, desired: &Desired, observed: &Observed, code: Code<'_>) -> Result<()> {
        self.upload(code).await?;
        let parameters = desired.parameters.clone();
        let proposal = self.update("revert", desired, Purpose::RevertDrift, &desired.template, parameters);
        self.execute_if_any(&proposal, observed).await
    }

    /// Puts back what differs in two updates: the first makes the template say what there is, which changes nothing; the
    /// second says again what should be, and so changes exactly that.
    pub async fn revert_in_two(&self, desired: &Desired, now: &Observed, left: &Drift) -> Result<()> {
        let (Some(stack), Some(template)) = (&now.stack, &now.template) else { return Ok(()) };
        self.report.event(DeployEvent::RevertingInTwo { stack: stack.name.clone() });
        let as_it_is = left.overlay(template.clone());
        let first = self.update("accept", desired, Purpose::Update, &as_it_is, stack.parameters.clone());
        self.execute_if_any(&first, now).await?;
        let second = self.update("restore", desired, Purpose::Update, &desired.template, desired.parameters.clone());
        self.execute_if_any(&second, now).await
    }

    fn update(
        &self,
        what: &str,
        desired: &Desired,
        purpose: Purpose,
        template: &Value,
        parameters: BTreeMap<String, String>,
    ) -> Proposal {
        Proposal {
            stack: desired.names.stack.clone(),
            name: self.run.token(what),
            purpose,
            template: compact(template),
            parameters,
            tags: desired.tags.clone(),
        }
    }

    async fn execute_if_any(&self, proposal: &Proposal, observed: &Observed) -> Result<()> {
        let set: ChangeSet = self.propose_and_wait(proposal).await?;
        match &set.state {
            ChangeSetState::Ready => {
                let stack = observed.stack.as_ref().map_or(set.stack.as_str(), |stack| stack.arn.as_str());
                self.execute(Operation::Update, &set.id, stack, Some(set.changes.len())).await
            }
            ChangeSetState::NoChange | ChangeSetState::Pending => self.withdraw(&set).await,
            ChangeSetState::Failed(reason) => {
                self.withdraw(&set).await?;
                Err(Error::new(
                    Exit::Deployment,
                    "change-set-failed",
                    format!("CloudFormation refuses to put back what was changed: {reason}"),
                )
                .hint(crate::status::advice(reason).unwrap_or("The reason names what to mend.")))
            }
        }
    }
}
