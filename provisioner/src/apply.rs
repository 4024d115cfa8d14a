//! Drives a plan: calls AWS, watches operations to their end, tells events. What is done was decided in [`crate::plan`].

pub mod down;
mod drift;
pub mod follow;

use std::time::Duration;

use crate::aws::Aws;
use crate::aws::artifacts::Artifacts;
use crate::aws::fault::Kind;
use crate::aws::stacks::{ChangeSet, Proposal, Purpose, Stacks};
use crate::error::{Error, Exit, Result};
use crate::event::deploy::DeployEvent;
use crate::package::Package;
use crate::plan::{Desired, Plan};
use crate::report::Report;
use crate::status::{ChangeSetState, Operation, Phase, StackStatus};
use follow::{Follower, Pace};

/// How long a first interruption waits for a second one, on a terminal.
const SECOND_INTERRUPTION: Duration = Duration::from_secs(3);
/// Failed polls in a row after which watching is given up. With the SDK's own retries this is many minutes.
const PATIENCE: u32 = 10;
/// Polls without any event of the operation after which the stack's own status is believed.
const SILENT_POLLS: u32 = 20;

/// The name of one run of the program: the seed of everything that must be unique.
#[derive(Debug, Clone)]
pub struct Run(pub String);

impl Run {
    /// A token for an operation of this run; the same operation repeated has the same token. CloudFormation takes
    /// letters, digits and hyphens, beginning with a letter, for tokens and for names of change sets.
    pub fn token(&self, what: &str) -> String {
        format!("provisioner-{what}-{}", self.0)
    }

    /// A number that differs between runs, for jitter.
    fn seed(&self) -> u64 {
        self.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }
}

/// The handler's code on its way to Lambda.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The package.
    pub package: &'a Package,
    /// The artifact bucket.
    pub bucket: &'a str,
    /// Whether the artifact bucket refuses requests without TLS.
    pub require_tls: bool,
}

/// What applying needs.
#[derive(Debug)]
pub struct Applier<'a> {
    aws: &'a Aws,
    stacks: Stacks,
    report: &'a Report,
    run: Run,
}

impl<'a> Applier<'a> {
    /// Applies through this connection.
    pub fn new(aws: &'a Aws, report: &'a Report, run: Run) -> Self {
        Self { aws, stacks: Stacks::new(aws), report, run }
    }

    /// Has a change set made and waits until it can be read.
    pub async fn propose(&self, desired: &Desired, operation: Operation) -> Result<ChangeSet> {
        let purpose = if operation == Operation::Create { Purpose::Create } else { Purpose::Update };
        self.propose_and_wait(&Proposal {
            stack: desired.names.stack.clone(),
            name: self.run.token("change"),
            purpose,
            template: compact(&desired.template),
            parameters: desired.parameters.clone(),
            tags: desired.tags.clone(),
        })
        .await
    }

    async fn propose_and_wait(&self, proposal: &Proposal) -> Result<ChangeSet> {
        let doing = format!("prepare the change of the stack {}", proposal.stack);
        let proposed = self.stacks.propose(proposal).await.map_err(|e| e.into_error(&doing))?;
        let mut pace = Pace::new(self.run.seed());
        loop {
            let set = self.stacks.change_set(&proposed.id).await.map_err(|e| e.into_error(&doing))?;
            if set.state != ChangeSetState::Pending {
                return Ok(set);
            }
            tokio::time::sleep(pace.next_delay()).await;
        }
    }

    /// Takes back a change set that is not going to be executed, and the empty stack that was made for it.
    pub async fn withdraw(&self, set: &ChangeSet) -> Result<()> {
        let doing = "take back the change set";
        let stack = self.stacks.describe(&set.stack).await.map_err(|e| e.into_error(doing))?;
        match stack {
            Some(stack) if stack.status.phase() == Phase::Review => {
                self.stacks.delete(&stack.arn, &self.run.token("withdraw"), &[]).await
            }
            _ => self.stacks.discard(&set.id).await,
        }
        .map_err(|e| e.into_error(doing))
    }

    /// Does what the plan says. Returns when the operation has ended well.
    pub async fn apply(&self, desired: &Desired, plan: &Plan, code: Code<'_>) -> Result<()> {
        match plan {
            Plan::Propose(_) | Plan::NoChange | Plan::Blocked { .. } => Ok(()),
            Plan::Execute { operation, change_set, stack, changes } => {
                self.upload(code).await?;
                self.execute(*operation, change_set, stack, Some(changes.len())).await
            }
            Plan::Recreate { stack, status, .. } => {
                self.report.event(DeployEvent::Recreating {
                    stack: desired.names.stack.clone(),
                    status: status.as_str().to_owned(),
                });
                self.delete(stack, "recreate", &[]).await
            }
            Plan::RetryDelete { stack, keep, .. } => {
                self.report
                    .event(DeployEvent::EndingDeletion { stack: desired.names.stack.clone(), keeping: keep.clone() });
                self.delete(stack, "retry-delete", keep).await
            }
            Plan::Adopt { kept, template, .. } => {
                self.report.event(DeployEvent::Adopting { resources: kept.clone() });
                let set = self
                    .propose_and_wait(&Proposal {
                        stack: desired.names.stack.clone(),
                        name: self.run.token("adoption"),
                        purpose: Purpose::Import(kept.clone()),
                        template: compact(template),
                        parameters: std::collections::BTreeMap::new(),
                        tags: std::collections::BTreeMap::new(),
                    })
                    .await?;
                if let ChangeSetState::Failed(reason) = &set.state {
                    self.withdraw(&set).await?;
                    return Err(Error::new(
                        Exit::Deployment,
                        "adoption-failed",
                        format!("CloudFormation cannot take back what is there: {reason}"),
                    )
                    .hint(
                        "The reason names the bucket or table. If another stack owns it, give this one another `name:`.",
                    ));
                }
                self.execute(Operation::Import, &set.id, &set.stack, Some(kept.len())).await
            }
            Plan::Attach { stack, operation } => self.attach(stack, *operation).await,
            Plan::ContinueRollback { stack, skip } => {
                self.report.event(DeployEvent::ContinuingRollback {
                    stack: desired.names.stack.clone(),
                    skipping: skip.clone(),
                });
                let token = self.run.token(if skip.is_empty() { "continue" } else { "continue-skipping" });
                let skip: Vec<String> = skip.iter().map(|(id, _)| id.clone()).collect();
                self.stacks
                    .continue_rollback(stack, &token, &skip)
                    .await
                    .map_err(|e| e.into_error("continue the rollback"))?;
                // Whether it got stuck again, the next decision sees.
                self.follow(stack, Operation::ContinueRollback, Some(&token)).await.map(|_| ())
            }
        }
    }

    /// Shows the operation that runs to its end, whoever started it.
    pub async fn attach(&self, stack: &str, operation: Operation) -> Result<()> {
        self.report.event(DeployEvent::Attached { stack: name_of(stack).to_owned(), operation });
        self.follow(stack, operation, None).await.map(|_| ())
    }

    /// Uploads the handler's zip, unless it is there.
    async fn upload(&self, code: Code<'_>) -> Result<()> {
        let artifacts = Artifacts::new(self.aws, code.bucket);
        let key = code.package.key();
        if artifacts.has(&key).await.map_err(|e| e.into_error("look for the handler's zip in the artifact bucket"))? {
            return Ok(());
        }
        let doing = format!("make the artifact bucket {}", code.bucket);
        if artifacts.ensure(code.require_tls).await.map_err(|e| e.into_error(&doing))? {
            self.report.event(DeployEvent::ArtifactBucketCreated { bucket: code.bucket.to_owned() });
        }
        let size = code.package.zip.len() as u64;
        artifacts
            .upload(&key, code.package.zip.clone())
            .await
            .map_err(|e| e.into_error(&format!("upload the handler to {}", code.bucket)))?;
        self.report.event(DeployEvent::Uploaded { bucket: code.bucket.to_owned(), key, size });
        Ok(())
    }

    async fn execute(
        &self,
        operation: Operation,
        change_set: &str,
        stack: &str,
        resources: Option<usize>,
    ) -> Result<()> {
        let token = self.run.token(operation.noun());
        self.stacks
            .execute(change_set, &token)
            .await
            .map_err(|e| e.into_error(&format!("begin the {} of the stack", operation.noun())))?;
        self.report.event(DeployEvent::Started { stack: name_of(stack).to_owned(), operation, resources });
        let (status, cause) = self.follow(stack, operation, Some(&token)).await?;
        if status.fulfils(operation) { Ok(()) } else { Err(failed(stack, operation, status, cause)) }
    }

    /// Deletes a stack and waits until it is gone.
    async fn delete(&self, stack: &str, what: &str, retain: &[String]) -> Result<()> {
        let token = self.run.token(what);
        self.stacks.delete(stack, &token, retain).await.map_err(|e| e.into_error("delete the stack"))?;
        let (status, cause) = self.follow(stack, Operation::Delete, Some(&token)).await?;
        if status.fulfils(Operation::Delete) { Ok(()) } else { Err(failed(stack, Operation::Delete, status, cause)) }
    }

    /// Watches an operation to its end and tells what happens. Returns the last status, and the first cause if
    /// something failed. Without a token, the operation that runs now is watched, whoever started it.
    async fn follow(
        &self,
        stack: &str,
        operation: Operation,
        token: Option<&str>,
    ) -> Result<(StackStatus, Option<String>)> {
        let mut follower = Follower::new(token);
        let mut pace = Pace::new(self.run.seed());
        let (mut failures, mut silent) = (0, 0);
        loop {
            let poll = async {
                tokio::time::sleep(pace.next_delay()).await;
                self.stacks.events(stack, |event| follower.knows(event)).await
            };
            let events = tokio::select! {
                events = poll => events,
                _ = tokio::signal::ctrl_c() => return Err(self.interrupted(stack, operation).await?),
            };
            let events = match events {
                Ok(events) => events,
                Err(fault) if failures < PATIENCE && matches!(fault.kind, Kind::Throttled | Kind::Unreachable) => {
                    if failures == 0 {
                        self.report.event(DeployEvent::Disturbed { reason: fault.to_string() });
                    }
                    failures += 1;
                    continue;
                }
                Err(fault) => {
                    return Err(fault.into_error(&format!(
                        "watch the {} of the stack {}; in AWS it goes on",
                        operation.noun(),
                        name_of(stack)
                    )));
                }
            };
            failures = 0;
            silent = if events.is_empty() { silent + 1 } else { 0 };
            for event in follower.take(events) {
                self.report.event(event);
            }
            let mut ended = follower.ended();
            // Without a token only the stack itself can tell; with one, it is asked when no event comes.
            if token.is_none() || silent >= SILENT_POLLS {
                silent = 0;
                let known = self.stacks.describe(stack).await.map_err(|e| e.into_error("look at the stack"))?;
                let status = known.map_or(StackStatus::DeleteComplete, |s| s.status);
                ended = (status.phase() != Phase::Running).then_some(status);
            }
            if let Some(status) = ended {
                self.report.event(DeployEvent::Finished {
                    stack: name_of(stack).to_owned(),
                    operation,
                    status: status.as_str().to_owned(),
                    success: status.fulfils(operation),
                });
                return Ok((status, follower.cause().map(ToOwned::to_owned)));
            }
        }
    }

    /// After one interruption: detaches, or cancels when a second one follows. Returns the error to end with.
    async fn interrupted(&self, stack: &str, operation: Operation) -> Result<Error> {
        let second = match operation {
            Operation::Create => Some("deletes what was made so far"),
            Operation::Update => Some("cancels the update, which rolls it back"),
            Operation::Import | Operation::Delete | Operation::ContinueRollback => None,
        };
        self.report.event(DeployEvent::Interrupted { operation, second });
        let again = self.report.style.live
            && second.is_some()
            && tokio::time::timeout(SECOND_INTERRUPTION, tokio::signal::ctrl_c()).await.is_ok();
        let name = name_of(stack);
        if !again {
            return Ok(Error::new(
                Exit::Interrupted,
                "interrupted",
                format!("interrupted; the {} of the stack {name} goes on in AWS", operation.noun()),
            )
            .hint(format!("Come back with: provisioner {} -s {name}", command_for(operation))));
        }
        self.report.event(DeployEvent::Cancelling { operation });
        match operation {
            Operation::Create => self.stacks.delete(stack, &self.run.token("cancel"), &[]).await,
            _ => self.stacks.cancel_update(stack).await,
        }
        .map_err(|e| e.into_error(&format!("cancel the {}", operation.noun())))?;
        Ok(Error::new(
            Exit::Interrupted,
            "cancelled",
            format!("the {} of the stack {name} is cancelled", operation.noun()),
        )
        .hint(format!("It takes a while in AWS. Watch it with: provisioner status -s {name}")))
    }
}

fn command_for(operation: Operation) -> &'static str {
    if operation == Operation::Delete { "down" } else { "up" }
}

/// The stack's name in its ARN.
fn name_of(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

/// The template without the white space that only people need; CloudFormation takes 51,200 bytes in a request.
fn compact(template: &serde_json::Value) -> String {
    template.to_string()
}

fn failed(stack: &str, operation: Operation, status: StackStatus, cause: Option<String>) -> Error {
    let name = name_of(stack);
    let message = format!("the {} of the stack {name} failed; it is in {}", operation.noun(), status.as_str());
    let advice = cause.as_deref().and_then(crate::status::advice).unwrap_or("The cause names what to mend.");
    let again = format!("Then run again: provisioner {} -s {name}", command_for(operation));
    let error = Error::new(Exit::Deployment, "deployment-failed", message).hint(format!("{advice}\n{again}"));
    match cause {
        Some(cause) => error.source(cause),
        None => error,
    }
}
