//! Brings a stack up: observe, decide, show, ask, apply; again until the stack is as it should be.

use std::path::PathBuf;

use provisioner_artifact::package::Package;
use provisioner_aws::Aws;
use provisioner_aws::stacks::Stacks;
use provisioner_model::change::Change;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::DEFAULT_STACK;
use provisioner_model::stack::{ChangeSet, Stack};
use provisioner_planner::code::only_code_differs;
use provisioner_planner::consent;
use provisioner_planner::consent::Allow;
use provisioner_planner::drift::Drift;
use provisioner_planner::plan::{DATA_LOSS, Plan, decide};
use provisioner_planner::preview::{self, Preview, SavedPlan};
use provisioner_planner::state::{Desired, Observed};
use provisioner_planner::step::Step;

use crate::apply::{Applier, CONFLICT, Code, RunId, ensure_within_plan};
use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::observe::{self, ObservedState};
use crate::stack_file::StackFile;
use crate::{clock, handler};

/// Decisions after which something is wrong with the world, or with this program.
const MOST_DECISIONS: u32 = 12;

/// Who agrees to what a run of `up` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Whoever sits at the terminal.
    Asked,
    /// `--yes`.
    Given,
    /// Whoever began to watch, for new code and nothing else.
    ForCode,
}

/// What was agreed to before anything was looked at.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    /// By whom.
    pub consent: Consent,
    /// What `--allow` names.
    pub allow: Vec<Allow>,
    /// The plan to apply and nothing else, with its file.
    pub saved: Option<(PathBuf, SavedPlan)>,
    /// Whether what was changed behind the tool's back is put back.
    pub revert: bool,
}

/// What a deployment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Everything was as it should be.
    NoChange,
    /// Something was changed.
    Changed,
}

/// A stack that is deployed once or again and again.
pub struct DeployTarget<'a> {
    /// The connection.
    pub aws: &'a Aws,
    /// What should be.
    pub file: &'a StackFile,
    /// The stack's template, as the document that CloudFormation is sent.
    pub template: serde_json::Value,
    /// The names of the stack's parts.
    pub names: Names,
    /// Receives events and answers questions.
    pub dialog: &'a dyn Dialog,
}

impl DeployTarget<'_> {
    /// Brings the code of a working stack up to date, and changes nothing else.
    pub async fn deploy_code(&self, package: &Package) -> Result<Done> {
        let options = DeployOptions { consent: Consent::ForCode, allow: Vec::new(), saved: None, revert: false };
        let current = self.observe(false).await?;
        Box::pin(self.deploy(package, current, options)).await
    }

    async fn observe(&self, closely: bool) -> Result<ObservedState> {
        observe::observe_with_drift(self.aws, &self.names, closely).await
    }

    /// Brings the stack to what should be: decides, shows, asks, applies, until nothing is left to do. `world` is what is
    /// before anything is done.
    pub async fn deploy(&self, package: &Package, current: ObservedState, options: DeployOptions) -> Result<Done> {
        let spec = &self.file.spec;
        let place = observe::place(self.aws, &self.names);
        let desired = Desired::new(place, self.names.clone(), self.template.clone(), spec.tags.clone(), package.key());
        let code = Code { package, bucket: &self.names.artifacts, require_tls: spec.bucket.require_tls };
        let up = Deployment { target: self, stacks: Stacks::new(self.aws), options, desired: &desired, code };
        Box::pin(up.until_done(current)).await
    }

    /// What to type for this stack.
    pub fn command(&self, verb: &str) -> String {
        let name = &self.names.stack;
        if self.file.spec.name == DEFAULT_STACK {
            format!("provisioner {verb}")
        } else {
            format!("provisioner {verb} -s {name}")
        }
    }

    /// Tells that the stack is up, and what to type next.
    pub async fn report_ready(&self) -> Result<()> {
        let (name, stacks) = (&self.names.stack, Stacks::new(self.aws));
        let stack =
            stacks.describe(name).await.map_err(|e| e.into_error(&format!("look at the stack {name}")))?.ok_or_else(
                || Error::new(Exit::Deployment, "stack-gone", format!("the stack {name} was deleted meanwhile")),
            )?;
        self.dialog.event(DeployEvent::Ready {
            stack: name.clone(),
            arn: stack.arn,
            outputs: stack.outputs,
            next: vec![self.command("put FILE… --wait"), self.command("status")],
        });
        Ok(())
    }
}

struct Deployment<'a> {
    target: &'a DeployTarget<'a>,
    stacks: Stacks,
    options: DeployOptions,
    desired: &'a Desired,
    code: Code<'a>,
}

impl Deployment<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(&self, current: ObservedState) -> Result<Done> {
        let ObservedState { mut observed, mut drift } = current;
        // What was shown and agreed to. Consent to a plan that makes the whole stack covers the steps that this takes.
        let mut agreed: Option<Preview> = None;
        let mut pushed = false;
        for round in 0..MOST_DECISIONS {
            let run = RunId(format!("{}-{round}", clock::run_id()));
            let applier = Applier::new(self.target.aws, self.target.dialog, run);
            let plan = decide(self.desired, &observed);
            if agreed.is_none() {
                let shown = self.preview(&observed, &drift)?;
                self.refuse_loss(&shown)?;
                if shown.step == Step::None {
                    return Ok(self.report_no_change(&drift));
                }
                if !waits(&plan) {
                    self.show_and_ask(&shown).await?;
                    if shown.reverts_drift {
                        let reverted = Box::pin(self.revert_drift(&applier, &observed, &shown)).await;
                        if let Some(done) = self.unless_conflict(reverted)? {
                            return Ok(done);
                        }
                        ObservedState { observed, drift } = self.target.observe(true).await?;
                        continue;
                    }
                    agreed = Some(shown);
                }
            }
            match &plan {
                Plan::Propose(operation) => {
                    let (proposed, pushed_now) = tokio::join!(
                        applier.propose(self.desired, *operation),
                        // CloudFormation takes seconds to make a change set; the function has the code by then.
                        Box::pin(self.push_if_only_code(&applier, &observed))
                    );
                    match (pushed_now, &proposed) {
                        (Ok(pushed_now), _) => pushed |= pushed_now,
                        (Err(error), Ok(set)) => {
                            return Err(error.with_followup_error(applier.discard_change_set(set).await));
                        }
                        (Err(error), Err(_)) => return Err(error),
                    }
                    let Some(set) = self.unless_conflict(proposed)? else {
                        ObservedState { observed, drift } = self.target.observe(self.options.revert).await?;
                        agreed = None;
                        continue;
                    };
                    observed.stack = self.describe_stack_of(&set).await?;
                    observed.change_set = Some(set);
                    if changed_since(agreed.as_ref(), observed.stack.as_ref()) {
                        self.discard_change_set(&applier, &observed).await?;
                        self.report_conflict();
                        ObservedState { observed, drift } = self.target.observe(self.options.revert).await?;
                        agreed = None;
                    }
                    continue;
                }
                Plan::NoChange => {
                    self.discard_change_set(&applier, &observed).await?;
                    return self.reconcile_code(&applier, &observed, &drift).await;
                }
                Plan::Blocked { code, reason, hint } => {
                    let exit = if *code == DATA_LOSS { Exit::Refused } else { Exit::Deployment };
                    let error = Error::new(exit, code, reason.clone()).hint(hint.clone());
                    return Err(error.with_followup_error(self.discard_change_set(&applier, &observed).await));
                }
                Plan::Attach { .. } | Plan::Recreate { .. } | Plan::RetryDelete { .. } | Plan::Adopt { .. } => {}
                Plan::ContinueRollback { skip, .. } => self.ask_to_continue(skip).await?,
                Plan::Execute { changes, .. } => {
                    let ensure_within_plan = match &agreed {
                        Some(shown) if shown.step == Step::Update => ensure_within_plan(&shown.resources, changes),
                        _ => Ok(()),
                    };
                    if let Err(error) = ensure_within_plan {
                        let error = error.with_followup_error(self.discard_change_set(&applier, &observed).await);
                        return Err(self.with_code_report(error, &applier, pushed).await);
                    }
                }
            }
            let outcome = match applier.apply(self.desired, &plan, self.code).await {
                Err(error) if error.exit == Exit::Deployment && error.code != CONFLICT => {
                    Err(self.with_code_report(error, &applier, pushed).await)
                }
                outcome => outcome,
            };
            let done = self.unless_conflict(outcome)?;
            if done.is_some() && matches!(plan, Plan::Execute { .. }) {
                return Ok(Done::Changed);
            }
            if done.is_none() {
                agreed = None;
            }
            ObservedState { observed, drift } = self.target.observe(self.options.revert).await?;
            observed.continued = matches!(plan, Plan::ContinueRollback { .. });
        }
        Err(Error::new(
            Exit::Deployment,
            "no-progress",
            format!("the stack {} does not settle: it changes each time it is looked at", self.desired.names.stack),
        )
        .hint("Is something else deploying it? Look with: provisioner status"))
    }

    fn report_no_change(&self, drift: &Drift) -> Done {
        let (dialog, stack) = (self.target.dialog, self.desired.names.stack.clone());
        dialog.event(DeployEvent::NoChange { stack: stack.clone() });
        if !drift.is_empty() {
            dialog.event(DeployEvent::Drifted { stack, drift: Box::new(drift.clone()) });
        }
        Done::NoChange
    }

    /// What would be done, if it is still what a saved plan says.
    fn preview(&self, observed: &Observed, drift: &Drift) -> Result<Preview> {
        let code = handler::code(self.code.package);
        let now = preview::preview(self.desired, observed, code, drift.clone(), self.options.revert);
        if let Some((path, saved)) = &self.options.saved {
            saved.ensure_fresh(path, &now)?;
        }
        Ok(now)
    }

    /// What loses files or records is shown and not asked about.
    fn refuse_loss(&self, shown: &Preview) -> Result<()> {
        match &shown.blocked {
            Some(block) if shown.resources.iter().any(Change::loses_data) => {
                self.target.dialog.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
                Err(block.refusal())
            }
            // The other cases have an error of their own.
            _ => Ok(()),
        }
    }

    /// Puts back what was changed behind the tool's back, brings the stack up to date with it, and looks whether it
    /// worked. CloudFormation's own way comes first; what that leaves is put back in two updates.
    async fn revert_drift(&self, applier: &Applier<'_>, observed: &Observed, shown: &Preview) -> Result<Done> {
        let name = self.desired.names.stack.clone();
        applier.revert_drift(self.desired, observed, &shown.resources, self.code).await?;
        let ObservedState { observed: now, drift: mut left } = self.target.observe(true).await?;
        if !left.resources.is_empty() {
            applier.revert_in_two(self.desired, &now, &left, &shown.resources).await?;
        }
        if let (Some(_), Some(function)) = (&left.code, &now.code) {
            applier.push(&self.desired.names.function, self.code, function).await?;
        }
        if !left.is_empty() {
            left = self.target.observe(true).await?.drift;
        }
        if left.is_empty() {
            self.target.dialog.event(DeployEvent::DriftReverted { stack: name });
            return Ok(Done::Changed);
        }
        self.target.dialog.event(DeployEvent::Drifted { stack: name.clone(), drift: Box::new(left) });
        Err(Error::new(
            Exit::Deployment,
            "still-drifted",
            format!("some of what was changed behind the tool's back in {name} could not be put back"),
        )
        .hint("What is listed above is left. Change it back by hand, or delete the resource and run the same command again."))
    }

    /// Nothing where somebody else's operation came between: then one looks again and decides anew.
    fn unless_conflict<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.code == CONFLICT => {
                self.report_conflict();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn report_conflict(&self) {
        self.target.dialog.event(DeployEvent::Conflict { stack: self.desired.names.stack.clone() });
    }

    /// Where nothing but the code of a working stack changes, the function takes that before the stack does. Returns
    /// whether it did.
    async fn push_if_only_code(&self, applier: &Applier<'_>, observed: &Observed) -> Result<bool> {
        let (Some(stack), Some(template)) = (&observed.stack, &observed.template) else { return Ok(false) };
        if !only_code_differs(self.desired, stack, template) {
            return if self.options.consent == Consent::ForCode { Err(not_only_code(&stack.name)) } else { Ok(false) };
        }
        match &observed.code {
            Some(from) if from.sha256 != self.code.package.sha256 => {
                applier.push(&self.desired.names.function, self.code, from).await
            }
            _ => Ok(false),
        }
    }

    /// The stack is as it should be. Whether the function is, too, only the function tells: the code of an earlier run may
    /// have come to it, and the update of the stack not.
    async fn reconcile_code(&self, applier: &Applier<'_>, observed: &Observed, drift: &Drift) -> Result<Done> {
        match &observed.code {
            Some(from) if from.sha256 != self.code.package.sha256 => {
                applier.push(&self.desired.names.function, self.code, from).await?;
                Ok(Done::Changed)
            }
            _ => Ok(self.report_no_change(drift)),
        }
    }

    /// The failure, after it was told what the function serves if its code was pushed.
    async fn with_code_report(&self, error: Error, applier: &Applier<'_>, pushed: bool) -> Error {
        if !pushed {
            return error;
        }
        error.with_followup_error(applier.report_code_after_failure(&self.desired.names.function, self.code).await)
    }

    async fn describe_stack_of(&self, set: &ChangeSet) -> Result<Option<Stack>> {
        self.stacks.describe(&set.stack).await.map_err(|e| e.into_error("look at the stack"))
    }

    async fn discard_change_set(&self, applier: &Applier<'_>, observed: &Observed) -> Result<()> {
        match &observed.change_set {
            Some(set) => applier.discard_change_set(set).await,
            None => Ok(()),
        }
    }

    async fn show_and_ask(&self, shown: &Preview) -> Result<()> {
        self.target.dialog.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
        let missing = consent::missing(&shown.consents, &self.options.allow);
        if self.options.consent != Consent::Asked {
            return consent::refuse(&missing);
        }
        let question = consent::question(&shown.stack, &missing);
        self.target.dialog.ask(&question, &consent::flags(&missing)).await
    }

    async fn ask_to_continue(&self, skip: &[(String, String)]) -> Result<()> {
        let name = &self.desired.names.stack;
        if skip.is_empty() && self.options.consent == Consent::Given {
            return Ok(());
        }
        let skipped: Vec<&str> = skip.iter().map(|(id, _)| id.as_str()).collect();
        let question = if skip.is_empty() {
            format!("The rollback of the stack {name} got stuck. Continue it?")
        } else {
            format!(
                "The rollback of the stack {name} got stuck again. Continue it and leave {} as it is?",
                skipped.join(", ")
            )
        };
        // Leaving resources as they are is a decision that --yes does not make.
        if skip.is_empty() {
            return self.target.dialog.ask(&question, "--yes").await;
        }
        for (id, reason) in skip {
            self.target.dialog.remark(&format!("  {id}: {reason}"));
        }
        self.target.dialog.ask(&question, "the answer on a terminal").await
    }
}

fn not_only_code(stack: &str) -> Error {
    Error::new(
        Exit::Refused,
        "not-only-code",
        format!("the stack {stack} differs in more than the code, so that nothing was deployed"),
    )
    .hint(format!("Somebody else has changed it. See how, and deploy all of it: provisioner up -s {stack}"))
}

/// Whether what would change can only be told after something else has ended.
fn waits(plan: &Plan) -> bool {
    matches!(plan, Plan::Attach { .. } | Plan::ContinueRollback { .. } | Plan::Blocked { .. })
}

/// Whether somebody has changed the stack since the update of it was shown, so that the change set is not what was agreed
/// to.
fn changed_since(agreed: Option<&Preview>, now: Option<&Stack>) -> bool {
    agreed.is_some_and(|shown| {
        shown.step == Step::Update && shown.basis.stack_changed != now.and_then(|stack| stack.changed.clone())
    })
}
