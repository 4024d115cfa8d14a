//! Applies a plan: calls AWS, follows operations to their end, and emits events. [`provisioner_planner::plan`] makes the
//! decisions.

pub mod artifacts;
pub mod down;
mod drift;
mod failures;
pub mod follow;
mod push;

use std::time::Duration;

use provisioner_artifact::package::Package;
use provisioner_aws::Aws;
use provisioner_aws::stacks::{Proposal, Purpose, Stacks};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::change::Change;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::spec::{BucketNamespace, DeploymentMode};
use provisioner_model::stack::{ChangeSet, ResourceEvent};
use provisioner_model::status::{ChangeSetState, Operation, Phase, StackStatus};
use provisioner_planner::plan::Plan;
use provisioner_planner::preview;
use provisioner_planner::state::Desired;

use crate::clock;
use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::interrupt::{self, InterruptGuard};
use follow::{Backoff, Follower, PollOutcome};

/// How long a first interruption waits for a second one, on a terminal.
const SECOND_INTERRUPTION: Duration = Duration::from_secs(3);
/// The number of polls without an event of the operation after which the stack's status is read.
const SILENT_POLLS: u32 = 20;

/// The code of the error that another user or process changed the stack between two calls. The caller reads the state and
/// decides again.
pub const CONFLICT: &str = "overtaken";
/// The code of the failure of a creation whose queue could not be created yet: one of the same name was deleted within the
/// last minute. When this error is returned, the minute is over.
pub const QUEUE_NAME_RESERVED: &str = "queue-name-reserved";

/// The id of one run of the program, from which unique names and tokens are derived.
#[derive(Debug, Clone)]
pub struct RunId(pub String);

impl RunId {
    /// A token for an operation of this run; the same operation repeated has the same token. Tokens and names of
    /// change sets consist of letters, digits and hyphens and start with a letter (CloudFormation API reference).
    pub fn token(&self, what: &str) -> String {
        format!("provisioner-{what}-{}", self.0)
    }

    /// A number that differs between runs, for jitter.
    fn seed(&self) -> u64 {
        self.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }
}

/// The handler's code to deploy.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The package.
    pub package: &'a Package,
    /// The artifact bucket.
    pub bucket: &'a str,
    /// The namespace of its name.
    pub namespace: BucketNamespace,
    /// Whether the artifact bucket refuses requests without TLS.
    pub require_tls: bool,
}

/// Applies plans through one connection.
pub struct Applier<'a> {
    aws: &'a Aws,
    stacks: Stacks,
    dialog: &'a dyn Dialog,
    run: RunId,
}

impl<'a> Applier<'a> {
    /// Applies plans through this connection.
    pub fn new(aws: &'a Aws, dialog: &'a dyn Dialog, run: RunId) -> Self {
        Self { aws, stacks: Stacks::new(aws), dialog, run }
    }

    /// The connection.
    pub fn aws(&self) -> &'a Aws {
        self.aws
    }

    /// Creates a change set and waits until it is computed.
    pub async fn propose(&self, desired: &Desired, operation: Operation) -> Result<ChangeSet> {
        let purpose = if operation == Operation::Create { Purpose::Create } else { Purpose::Update };
        self.propose_and_wait(&self.proposal("change", desired, purpose)).await
    }

    /// The change set that deploys the desired template; its name contains `what`.
    fn proposal(&self, what: &str, desired: &Desired, purpose: Purpose) -> Proposal {
        Proposal {
            stack: desired.names.stack.clone(),
            name: self.run.token(what),
            purpose,
            deployment: desired.deployment,
            template: compact(&desired.template),
            parameters: desired.declared_parameters(),
            tags: desired.tags.clone(),
        }
    }

    async fn propose_and_wait(&self, proposal: &Proposal) -> Result<ChangeSet> {
        let doing = format!("prepare the change of the stack {}", proposal.stack);
        let failed = |error: CallError| conflict_or_error(error, &proposal.stack, &doing);
        let proposed = self.stacks.propose(proposal).await.map_err(failed)?;
        let mut backoff = Backoff::new(self.run.seed());
        let began = tokio::time::Instant::now();
        loop {
            let set = self.stacks.change_set(&proposal.stack, &proposed.id).await.map_err(failed)?;
            if set.state != ChangeSetState::Pending {
                return Ok(self.with_cause(set).await);
            }
            let limit = self.aws.limits().change_set;
            if began.elapsed() >= limit {
                let seconds = limit.as_secs();
                let message = format!("failed to {doing}: CloudFormation has not computed it within {seconds} s");
                let error = Error::new(Exit::Deployment, "change-set-pending", message)
                    .hint("Nothing was changed. Run the same command again later.");
                return Err(error.with_followup_error(self.discard_change_set(&set).await));
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// Deletes a change set that will not be executed, and the empty stack that was created for it, unless the stack has
    /// other change sets. Its own change set goes first, and others are looked for after that: the less time between the
    /// look and the deletion, the less likely another user's change set is deleted with the stack.
    pub async fn discard_change_set(&self, set: &ChangeSet) -> Result<()> {
        let failed = |e: CallError| e.into_error("delete the change set");
        self.stacks.discard(&set.stack, &set.id).await.map_err(failed)?;
        let stack = self.stacks.describe(&set.stack).await.map_err(failed)?;
        let Some(stack) = stack.filter(|stack| stack.status.phase() == Phase::Review) else { return Ok(()) };
        let others = self.stacks.change_sets(&stack.arn).await.map_err(failed)?;
        if others.iter().all(|id| *id == set.id) {
            let token = self.run.token("discard");
            self.stacks.delete(&stack.arn, &token, &[]).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Applies the plan. Returns when the operation has succeeded. The code of a change set was uploaded before the change
    /// set was created, because it names the version.
    pub async fn apply(&self, desired: &Desired, plan: &Plan) -> Result<()> {
        match plan {
            Plan::Propose(_) | Plan::NoChange | Plan::Blocked { .. } => Ok(()),
            Plan::Execute { operation, change_set, stack, changes } => {
                self.execute(*operation, desired.deployment, change_set, stack, ids(changes)).await
            }
            Plan::Recreate { stack, status, .. } => {
                self.dialog.event(DeployEvent::Recreating {
                    stack: desired.names.stack.clone(),
                    status: status.as_str().to_owned(),
                });
                self.delete(stack, "recreate", &[]).await
            }
            Plan::RetryDelete { stack, keep, .. } => {
                self.dialog
                    .event(DeployEvent::RetryingDeletion { stack: desired.names.stack.clone(), keeping: keep.clone() });
                self.delete(stack, "retry-delete", keep).await
            }
            Plan::Adopt { kept, template, .. } => {
                self.dialog.event(DeployEvent::Adopting { resources: kept.clone() });
                let set = self
                    .propose_and_wait(&Proposal {
                        stack: desired.names.stack.clone(),
                        name: self.run.token("adoption"),
                        purpose: Purpose::Import(kept.clone()),
                        deployment: DeploymentMode::Standard,
                        template: compact(template),
                        parameters: std::collections::BTreeMap::new(),
                        tags: std::collections::BTreeMap::new(),
                    })
                    .await?;
                if let ChangeSetState::Failed(reason) = &set.state {
                    let error = Error::new(
                        Exit::Deployment,
                        "adoption-failed",
                        format!("CloudFormation cannot import the existing resources: {reason}"),
                    )
                    .hint(
                        "The reason names the bucket or table. If another stack owns it, give this one another `name:`.",
                    );
                    return Err(error.with_followup_error(self.discard_change_set(&set).await));
                }
                let kept = kept.iter().map(|kept| kept.logical_id.clone()).collect();
                self.execute(Operation::Import, DeploymentMode::Standard, &set.id, &set.stack, kept).await
            }
            Plan::Attach { stack, operation } => self.attach(stack, *operation).await,
            Plan::ContinueRollback { stack, skip } => {
                self.dialog.event(DeployEvent::ContinuingRollback {
                    stack: desired.names.stack.clone(),
                    skipping: skip.clone(),
                });
                let token = self.run.token(if skip.is_empty() { "continue" } else { "continue-skipping" });
                let skip: Vec<String> = skip.iter().map(|(id, _)| id.clone()).collect();
                let interrupts = interrupt::subscribe();
                self.stacks
                    .continue_rollback(stack, &token, &skip)
                    .await
                    .map_err(|e| e.into_error("continue the rollback"))?;
                // The next decision checks whether the rollback failed again.
                let follower = Follower::new(Some(&token));
                self.follow(stack, Operation::ContinueRollback, follower, interrupts).await.map(|_| ())
            }
        }
    }

    /// Follows the running operation to its end, whoever started it.
    pub async fn attach(&self, stack: &str, operation: Operation) -> Result<()> {
        let interrupts = interrupt::subscribe();
        self.dialog.event(DeployEvent::Attached { stack: name_of(stack).to_owned(), operation });
        self.follow(stack, operation, Follower::new(None), interrupts).await.map(|_| ())
    }

    /// Executes a change set that was created for this mode and lists these resources.
    async fn execute(
        &self,
        operation: Operation,
        mode: DeploymentMode,
        change_set: &str,
        stack: &str,
        listed: Vec<String>,
    ) -> Result<()> {
        let token = self.run.token(operation.noun());
        let doing = format!("start the {} of the stack", operation.noun());
        let interrupts = interrupt::subscribe();
        self.stacks
            .execute(stack, change_set, &token)
            .await
            .map_err(|e| conflict_or_error(e, name_of(stack), &doing))?;
        let resources = Some(listed.len());
        self.dialog.event(DeployEvent::Started {
            stack: name_of(stack).to_owned(),
            operation,
            resources,
            mode: Some(mode),
        });
        let follower = Follower::new(Some(&token)).only_resources(listed);
        let (status, follower) = self.follow(stack, operation, follower, interrupts).await?;
        if status.is_success_for(operation) {
            return Ok(());
        }
        let error = failed(stack, operation, status, self.cause_of(stack, follower.cause()).await.as_deref());
        match follower.queue_name_free_at().filter(|_| operation == Operation::Create) {
            Some(free_at) => {
                self.wait_for_queue_name(name_of(stack), free_at).await;
                Err(Error { code: QUEUE_NAME_RESERVED, ..error })
            }
            None => Err(error),
        }
    }

    /// Deletes a stack and waits until it is gone.
    async fn delete(&self, stack: &str, what: &str, retain: &[String]) -> Result<()> {
        let token = self.run.token(what);
        let interrupts = interrupt::subscribe();
        self.stacks.delete(stack, &token, retain).await.map_err(|e| e.into_error("delete the stack"))?;
        let (status, follower) = self.follow(stack, Operation::Delete, Follower::new(Some(&token)), interrupts).await?;
        if status.is_success_for(Operation::Delete) {
            Ok(())
        } else {
            let cause = self.cause_of(stack, follower.cause()).await;
            Err(failed(stack, Operation::Delete, status, cause.as_deref()))
        }
    }

    /// Waits until the name of a queue that was deleted recently can be used again.
    async fn wait_for_queue_name(&self, stack: &str, free_at: i64) {
        let wait = Duration::from_millis(u64::try_from(free_at - clock::now_millis()).unwrap_or_default());
        let seconds = wait.as_secs_f64().ceil();
        self.dialog.event(DeployEvent::WaitingForQueueName { stack: stack.to_owned(), seconds });
        tokio::time::sleep(wait).await;
    }

    /// Follows an operation to its end and emits its events. Returns the last status, and the follower, which has the first
    /// cause if something failed. Without a token, the running operation is followed, whoever started it. `interrupts` must be subscribed
    /// before the operation starts, so that an interruption detaches from it and reports how to attach again.
    async fn follow(
        &self,
        stack: &str,
        mut operation: Operation,
        mut follower: Follower,
        mut interrupts: InterruptGuard,
    ) -> Result<(StackStatus, Follower)> {
        let mut backoff = Backoff::new(self.run.seed());
        let (mut silent, mut ask, mut cancelled) = (0, follower.follows_any(), false);
        loop {
            let poll = async {
                tokio::time::sleep(backoff.next_delay()).await;
                self.poll(stack, &follower, ask || silent >= SILENT_POLLS).await
            };
            let seen = tokio::select! {
                seen = poll => seen,
                () = interrupts.next() => {
                    if let Some(left) = self.interrupted(stack, operation, &mut interrupts).await? {
                        return Err(left);
                    }
                    // The cancellation has another token; its result is the stack's status.
                    (ask, cancelled) = (true, true);
                    follower.follow_any();
                    if operation == Operation::Create {
                        operation = Operation::Delete;
                    }
                    continue;
                }
            };
            let (events, status) = match seen {
                Ok(seen) => seen,
                Err(error) => match backoff.failed(error.kind) {
                    PollOutcome::First => {
                        self.dialog.event(DeployEvent::ConnectionLost { reason: error.to_string() });
                        continue;
                    }
                    PollOutcome::Known => continue,
                    PollOutcome::GiveUp => {
                        let doing = format!(
                            "follow the {} of the stack {}; it continues in AWS",
                            operation.noun(),
                            name_of(stack)
                        );
                        // A stack that no longer exists was deleted or replaced by another user or process.
                        return Err(conflict_or_error(error, name_of(stack), &doing));
                    }
                },
            };
            if backoff.succeeded() {
                self.dialog.event(DeployEvent::ConnectionRestored);
            }
            silent = if events.is_empty() && status.is_none() { silent + 1 } else { 0 };
            for event in follower.take(events) {
                self.dialog.event(event);
            }
            // Without a token of this run, the stack's status is the only source.
            let ended = if ask { None } else { follower.ended() };
            if let Some(status) = ended.or(status.filter(|status| status.phase() != Phase::Running)) {
                self.dialog.event(DeployEvent::Finished {
                    stack: name_of(stack).to_owned(),
                    operation,
                    status: status.as_str().to_owned(),
                    success: status.is_success_for(operation),
                });
                if cancelled {
                    return Err(cancelled_in(stack, status));
                }
                return Ok((status, follower));
            }
        }
    }

    /// Reads the stack's status if `ask` is set, and then the events, so that no event before the end is missed.
    async fn poll(
        &self,
        stack: &str,
        follower: &Follower,
        ask: bool,
    ) -> Result<(Vec<ResourceEvent>, Option<StackStatus>), CallError> {
        let status = if ask {
            let known = self.stacks.watch(stack).await?;
            Some(known.map_or(StackStatus::DeleteComplete, |stack| stack.status))
        } else {
            None
        };
        Ok((self.stacks.events(stack, |event| follower.is_boundary(event)).await?, status))
    }

    /// Handles an interruption: detaches, or cancels the operation after a second interruption and a confirmation. Returns
    /// the error to exit with; `None` if the cancellation has started.
    async fn interrupted(
        &self,
        stack: &str,
        operation: Operation,
        interrupts: &mut InterruptGuard,
    ) -> Result<Option<Error>> {
        let name = name_of(stack);
        let second = match operation {
            Operation::Create => Some("deletes the resources created so far"),
            Operation::Update => Some("rolls back all changes"),
            Operation::Import | Operation::Delete | Operation::ContinueRollback => None,
        }
        .filter(|_| self.dialog.can_ask());
        let back = format!("provisioner {} -s {name}", command_for(operation));
        self.dialog.event(DeployEvent::Interrupted { operation, back: back.clone(), second });
        let leave = |message: String| Error::new(Exit::Interrupted, "interrupted", message);
        let continues = format!("interrupted; the {} of the stack {name} continues in AWS", operation.noun());
        let back = format!("To follow it again: {back}");
        let Some(what) = second else { return Ok(Some(leave(continues).hint(back))) };
        if tokio::time::timeout(SECOND_INTERRUPTION, interrupts.next()).await.is_err() {
            return Ok(Some(leave(continues).hint(back)));
        }
        // The terminal has echoed `^C`.
        self.dialog.remark("");
        let question = format!("Cancel the {} of the stack {name}? That {what}.", operation.noun());
        if self.dialog.ask(&question, "the answer").await.is_err() {
            return Ok(Some(leave(continues).hint(back)));
        }
        self.dialog.event(DeployEvent::Cancelling { operation });
        let cancelled = match operation {
            Operation::Create => self.stacks.delete(stack, &self.run.token("cancel"), &[]).await,
            _ => self.stacks.cancel_update(stack, &self.run.token("cancel")).await,
        };
        match cancelled {
            Ok(()) => Ok(None),
            // Only UPDATE_IN_PROGRESS can be cancelled, no later status.
            Err(error) if error.kind == Kind::Busy => {
                let message =
                    format!("the {} of the stack {name} can no longer be cancelled; it continues", operation.noun());
                Ok(Some(leave(message).hint(back)))
            }
            Err(error) => {
                let message = format!("failed to cancel the {} of the stack {name}; it continues", operation.noun());
                Ok(Some(leave(message).source(error).hint(back)))
            }
        }
    }
}

/// The error of a call: [`CONFLICT`] if another operation on the stack is the reason, otherwise the error of the call.
fn conflict_or_error(error: CallError, stack: &str, doing: &str) -> Error {
    match error.kind {
        Kind::Busy | Kind::AlreadyExists | Kind::NotFound => concurrent_change(stack, doing).source(error),
        _ => error.into_error(doing),
    }
}

/// The error that another user or process changes the stack at the same time.
fn concurrent_change(stack: &str, doing: &str) -> Error {
    let message = format!("failed to {doing}: another user or process is changing the stack {stack}");
    Error::new(Exit::Deployment, CONFLICT, message)
        .hint("Run the same command again: it starts from the state at that time.")
}

/// Fails if a change set contains changes that were not agreed to.
pub fn ensure_within_plan(agreed: &[Change], proposed: &[Change]) -> Result<()> {
    let more = preview::unplanned_changes(agreed, proposed);
    if more.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Exit::Refused,
        "more-than-planned",
        format!(
            "CloudFormation would make changes that the plan does not contain; nothing was changed:\n  {}",
            more.join("\n  ")
        ),
    )
    .hint("Another deployment may have changed the stack. Show the current plan with: provisioner plan"))
}

fn cancelled_in(stack: &str, status: StackStatus) -> Error {
    let name = name_of(stack);
    let message = format!("cancelled; the stack {name} is in {}", status.as_str());
    Error::new(Exit::Interrupted, "cancelled", message)
        .hint(format!("To deploy from this state: provisioner up -s {name}"))
}

fn command_for(operation: Operation) -> &'static str {
    if operation == Operation::Delete { "down" } else { "up" }
}

/// The logical ids of the changed resources.
fn ids(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.logical_id.clone()).collect()
}

/// The stack's name, from its ARN.
fn name_of(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

/// The template without white space; CloudFormation accepts 51,200 bytes in a request.
fn compact(template: &serde_json::Value) -> String {
    template.to_string()
}

fn failed(stack: &str, operation: Operation, status: StackStatus, cause: Option<&str>) -> Error {
    let name = name_of(stack);
    let message = format!("the {} of the stack {name} failed; it is in {}", operation.noun(), status.as_str());
    let advice = cause.and_then(provisioner_model::advice::advice).unwrap_or("The cause names what to fix.");
    let again = format!("Then run again: provisioner {} -s {name}", command_for(operation));
    let error = Error::new(Exit::Deployment, "deployment-failed", message).hint(format!("{advice}\n{again}"));
    match cause {
        Some(cause) => error.source(cause.to_owned()),
        None => error,
    }
}
