//! Deploys a stack: observe, decide, show, ask, apply; repeat until the stack is in the desired state.

use std::collections::BTreeMap;
use std::path::PathBuf;

use provisioner_artifact::package::Package;
use provisioner_aws::Aws;
use provisioner_aws::stacks::Stacks;
use provisioner_model::change::Change;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::DEFAULT_STACK;
use provisioner_model::stack::{ChangeSet, Deployed, Stack};
use provisioner_model::template::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use provisioner_planner::code::only_code_differs;
use provisioner_planner::consent;
use provisioner_planner::consent::Allow;
use provisioner_planner::drift::Drift;
use provisioner_planner::history::Mode;
use provisioner_planner::plan::{DATA_LOSS, Plan, decide};
use provisioner_planner::preview::{self, Preview, SavedPlan};
use provisioner_planner::state::{Desired, Observed};
use provisioner_planner::step::Step;

use crate::apply::{Applier, CONFLICT, Code, QUEUE_NAME_RESERVED, RunId, ensure_within_plan};
use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::history::{self, Recording};
use crate::observe::{self, ObservedState};
use crate::stack_file::StackFile;
use crate::{clock, handler};

/// The largest number of decisions of one deployment; more indicate a stack that does not settle.
const MOST_DECISIONS: u32 = 12;

/// How the changes of a deployment are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// By the user, who is asked.
    Asked,
    /// `--yes`.
    Given,
    /// By `--watch`, only for new code.
    ForCode,
}

/// The options of a deployment.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    /// How changes are confirmed.
    pub consent: Consent,
    /// The kinds of change that `--allow` names.
    pub allow: Vec<Allow>,
    /// The saved plan to apply, with its file.
    pub saved: Option<(PathBuf, SavedPlan)>,
    /// Whether drift is reverted.
    pub revert: bool,
    /// How the deployment came about, for the history.
    pub mode: Mode,
}

/// The result of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The stack was in the desired state already.
    NoChange,
    /// Something was changed.
    Changed,
}

/// A stack to deploy, once or repeatedly.
pub struct DeployTarget<'a> {
    /// The connection.
    pub aws: &'a Aws,
    /// The stack file.
    pub file: &'a StackFile,
    /// The stack's template, as the document that CloudFormation is sent.
    pub template: serde_json::Value,
    /// The names of the stack's parts.
    pub names: Names,
    /// Receives events and answers questions.
    pub dialog: &'a dyn Dialog,
}

impl DeployTarget<'_> {
    /// Deploys new code to a working stack, and changes nothing else.
    pub async fn deploy_code(&self, package: &Package) -> Result<Done> {
        let (allow, mode) = (Vec::new(), Mode::Watch);
        let options = DeployOptions { consent: Consent::ForCode, allow, saved: None, revert: false, mode };
        let current = self.observe(false).await?;
        Box::pin(self.deploy(package, current, options)).await
    }

    async fn observe(&self, closely: bool) -> Result<ObservedState> {
        observe::observe_with_drift(self.aws, &self.names, closely).await
    }

    /// Deploys the stack: decides, shows, asks and applies until nothing is left to do. `current` is the observed state
    /// before the deployment.
    pub async fn deploy(&self, package: &Package, current: ObservedState, options: DeployOptions) -> Result<Done> {
        let spec = &self.file.spec;
        let place = observe::place(self.aws, &self.names);
        let deployed = current.observed.stack.as_ref();
        let (names, template) = (self.names.clone(), self.template.clone());
        let desired = Desired::new(place, names, template, spec, package.key(), deployed);
        let code = Code {
            package,
            bucket: &self.names.artifacts,
            namespace: spec.bucket.namespace,
            require_tls: spec.bucket.require_tls,
        };
        // Where the code is before the deployment: a bucket and a key, which a rollback needs.
        let before = deployed.map(|stack| stack.parameters.clone()).unwrap_or_default();
        let mut recording = Recording::new(self.aws, &desired, &current.observed, options.mode);
        let up = Deployment { target: self, stacks: Stacks::new(self.aws), options, desired, code };
        let done = Box::pin(up.until_done(current, &mut recording)).await;
        match &done {
            Ok(Done::Changed) => {
                recording.end(None, self.dialog).await;
                self.clean_up_artifacts(code, &before).await;
            }
            Ok(Done::NoChange) => recording.end_unchanged(self.dialog).await,
            Err(error) if history::is_recorded(error) => recording.end(Some(error), self.dialog).await,
            Err(_) => {}
        }
        done
    }

    /// Deletes old zips, and reports the artifact bucket that the stack used until now.
    async fn clean_up_artifacts(&self, code: Code<'_>, before: &BTreeMap<String, String>) {
        let (bucket, key) = (before.get(ARTIFACT_BUCKET), before.get(ARTIFACT_KEY));
        if let Some(bucket) = bucket.filter(|bucket| *bucket != code.bucket) {
            self.dialog.event(DeployEvent::SharedArtifactsLeft { bucket: bucket.clone() });
        }
        let deployed = code.package.key();
        let keep: Vec<&str> = key.map(String::as_str).into_iter().chain([deployed.as_str()]).collect();
        let applier = Applier::new(self.aws, self.dialog, RunId(clock::run_id()));
        applier.delete_old_zips(code, &keep).await;
    }

    /// The command line for this stack.
    pub fn command(&self, verb: &str) -> String {
        let name = &self.names.stack;
        if self.file.spec.name == DEFAULT_STACK {
            format!("provisioner {verb}")
        } else {
            format!("provisioner {verb} -s {name}")
        }
    }

    /// Turns the termination protection on or off, as the stack file has it. Asks, unless that is confirmed.
    pub async fn protect(&self, confirmed: bool) -> Result<()> {
        let (name, stacks) = (&self.names.stack, Stacks::new(self.aws));
        let Some(enable) = self.file.spec.termination_protection else { return Ok(()) };
        let stack = stacks.describe(name).await.map_err(|e| e.into_error(&format!("read the stack {name}")))?;
        if stack.is_none_or(|stack| stack.protected == enable) {
            return Ok(());
        }
        let verb = if enable { "Protect" } else { "No longer protect" };
        if !confirmed {
            self.dialog.ask(&format!("{verb} the stack {name} from termination?"), "--yes").await?;
        }
        let turned = if enable { "turn termination protection on" } else { "turn termination protection off" };
        stacks.protect(name, enable).await.map_err(|e| e.into_error(turned))?;
        self.dialog.event(DeployEvent::TerminationProtection { stack: name.clone(), enabled: enable });
        Ok(())
    }

    /// Reports that the stack is deployed, and with `works` the next commands: before an error they would mislead.
    pub async fn report_ready(&self, works: bool) -> Result<()> {
        let (name, stacks) = (&self.names.stack, Stacks::new(self.aws));
        let stack =
            stacks.describe(name).await.map_err(|e| e.into_error(&format!("read the stack {name}")))?.ok_or_else(
                || {
                    Error::new(
                        Exit::Deployment,
                        "stack-gone",
                        format!("the stack {name} was deleted during the deployment"),
                    )
                },
            )?;
        self.dialog.event(DeployEvent::Ready {
            stack: name.clone(),
            arn: stack.arn,
            outputs: stack.outputs,
            next: if works { vec![self.command("put FILE… --wait"), self.command("status")] } else { Vec::new() },
        });
        Ok(())
    }
}

/// The result of a step.
enum Applied {
    /// It succeeded.
    Done,
    /// The creation failed because SQS reserved the name of a queue that was deleted recently; the name is free now.
    WaitedForQueueName,
}

struct Deployment<'a> {
    target: &'a DeployTarget<'a>,
    stacks: Stacks,
    options: DeployOptions,
    desired: Desired,
    code: Code<'a>,
}

impl Deployment<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(mut self, current: ObservedState, recording: &mut Recording) -> Result<Done> {
        let ObservedState { mut observed, mut drift } = current;
        // The plan that was shown and agreed to. Consent to a plan that creates the stack covers all steps of the creation.
        let mut agreed: Option<Preview> = None;
        let (mut pushed, mut waited) = (false, false);
        for round in 0..MOST_DECISIONS {
            let run = RunId(format!("{}-{round}", clock::run_id()));
            let applier = Applier::new(self.target.aws, self.target.dialog, run);
            let plan = decide(&self.desired, &observed);
            if agreed.is_none() {
                let shown = self.preview(&observed, &drift)?;
                self.refuse_loss(&shown)?;
                if shown.step == Step::None {
                    self.refuse_broken(&shown)?;
                    return Ok(self.report_no_change(&drift));
                }
                if !waits(&plan) {
                    self.show_and_ask(&shown).await?;
                    if shown.reverts_drift {
                        self.upload(&applier).await?;
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
                    self.upload(&applier).await?;
                    let (proposed, pushed_now) = tokio::join!(
                        applier.propose(&self.desired, *operation),
                        // CloudFormation takes seconds to create a change set; meanwhile the function gets the code.
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
                    if observed.code.as_ref().is_some_and(|from| from.sha256 != self.code.package.sha256) {
                        self.upload(&applier).await?;
                    }
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
            match self.unless_conflict(self.apply(&applier, &plan, pushed, waited).await)? {
                Some(Applied::Done) if matches!(plan, Plan::Execute { .. }) => return Ok(Done::Changed),
                Some(Applied::Done) => {}
                Some(Applied::WaitedForQueueName) => waited = true,
                None => agreed = None,
            }
            ObservedState { observed, drift } = self.target.observe(self.options.revert).await?;
            observed.continued = matches!(plan, Plan::ContinueRollback { .. });
            if matches!(plan, Plan::Attach { .. }) {
                recording.start_from(&self.desired, &observed);
            }
        }
        Err(self.no_progress())
    }

    fn no_progress(&self) -> Error {
        Error::new(
            Exit::Deployment,
            "no-progress",
            format!("the stack {} does not settle: its state changes with every read", self.desired.names.stack),
        )
        .hint("Another deployment may be running. Check with: provisioner status")
    }

    /// An error if the stack is as its template says and yet does not work, because a part of it was deleted.
    fn refuse_broken(&self, shown: &Preview) -> Result<()> {
        let broken = shown.broken();
        let Some(first) = broken.first() else { return Ok(()) };
        let stack = self.desired.names.stack.clone();
        self.target.dialog.event(DeployEvent::Drifted { stack: stack.clone(), drift: Box::new(shown.drift.clone()) });
        let what: Vec<&str> = broken.iter().map(|problem| problem.what.as_str()).collect();
        Err(Error::new(Exit::Unhealthy, "broken", format!("the stack {stack} is broken: {}", what.join("; ")))
            .hint(first.fix.clone()))
    }

    fn report_no_change(&self, drift: &Drift) -> Done {
        let (dialog, stack) = (self.target.dialog, self.desired.names.stack.clone());
        dialog.event(DeployEvent::NoChange { stack: stack.clone() });
        if !drift.is_empty() {
            dialog.event(DeployEvent::Drifted { stack, drift: Box::new(drift.clone()) });
        }
        Done::NoChange
    }

    /// The plan; an error if it differs from the saved plan.
    fn preview(&self, observed: &Observed, drift: &Drift) -> Result<Preview> {
        let code = handler::code(self.code.package);
        let mut now = preview::preview(&self.desired, observed, code, drift.clone(), self.options.revert);
        if self.target.file.spec.emulator.is_some() {
            // These are durations of AWS.
            now.slow.clear();
        }
        if let Some((path, saved)) = &self.options.saved {
            saved.ensure_fresh(path, &now)?;
        }
        Ok(now)
    }

    /// Shows a plan that loses files or records, and refuses it without asking.
    fn refuse_loss(&self, shown: &Preview) -> Result<()> {
        match &shown.blocked {
            Some(block) if shown.resources.iter().any(Change::loses_data) => {
                self.target.dialog.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
                Err(block.refusal())
            }
            // Other blocked plans are reported when they are applied.
            _ => Ok(()),
        }
    }

    /// Reverts drift together with an update of the stack, and checks the result. CloudFormation's drift-aware change set
    /// is tried first; remaining drift is reverted by two updates.
    async fn revert_drift(&self, applier: &Applier<'_>, observed: &Observed, shown: &Preview) -> Result<Done> {
        let name = self.desired.names.stack.clone();
        applier.revert_drift(&self.desired, observed, &shown.resources).await?;
        let ObservedState { observed: now, drift: mut left } = self.target.observe(true).await?;
        if !left.resources.is_empty() {
            applier.revert_in_two(&self.desired, &now, &left, &shown.resources).await?;
        }
        if let (Some(_), Some(function)) = (&left.code, &now.code) {
            self.push(applier, function).await?;
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
            format!("some of the drift of {name} could not be reverted"),
        )
        .hint("The drift listed above remains. Revert it manually, or delete the resource and run the same command again."))
    }

    /// `None` after a conflict with another operation: the caller reads the state and decides again.
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

    /// Applies a plan. A creation that failed because of a queue's name is no failure the first time: the name is free by
    /// now, and the next round deletes what was rolled back and creates the stack.
    async fn apply(&self, applier: &Applier<'_>, plan: &Plan, pushed: bool, waited: bool) -> Result<Applied> {
        match applier.apply(&self.desired, plan).await {
            Ok(()) => Ok(Applied::Done),
            Err(error) if error.code == QUEUE_NAME_RESERVED && !waited => Ok(Applied::WaitedForQueueName),
            Err(error) if error.exit == Exit::Deployment && error.code != CONFLICT => {
                Err(self.with_code_report(error, applier, pushed).await)
            }
            Err(error) => Err(error),
        }
    }

    fn report_conflict(&self) {
        self.target.dialog.event(DeployEvent::Conflict { stack: self.desired.names.stack.clone() });
    }

    /// If only the code of a working stack changes, updates the function before the stack. Returns whether it was
    /// updated.
    async fn push_if_only_code(&self, applier: &Applier<'_>, observed: &Observed) -> Result<bool> {
        let (Some(stack), Some(template)) = (&observed.stack, &observed.template) else { return Ok(false) };
        if !only_code_differs(&self.desired, stack, template) {
            return if self.options.consent == Consent::ForCode { Err(not_only_code(&stack.name)) } else { Ok(false) };
        }
        match &observed.code {
            Some(from) if from.sha256 != self.code.package.sha256 => self.push(applier, from).await,
            _ => Ok(false),
        }
    }

    /// Uploads the code. From then on its version is part of the desired state.
    async fn upload(&mut self, applier: &Applier<'_>) -> Result<()> {
        let version = applier.upload(self.code).await?;
        self.desired.pin(version);
        Ok(())
    }

    /// Gives the function the uploaded code.
    async fn push(&self, applier: &Applier<'_>, from: &Deployed) -> Result<bool> {
        let version = self.desired.version();
        applier.push(&self.desired.names.function, self.code, version, from).await
    }

    /// Compares the function's code when the stack is in the desired state: an earlier run can have updated the function
    /// without the stack.
    async fn reconcile_code(&self, applier: &Applier<'_>, observed: &Observed, drift: &Drift) -> Result<Done> {
        match &observed.code {
            Some(from) if from.sha256 != self.code.package.sha256 => {
                self.push(applier, from).await?;
                Ok(Done::Changed)
            }
            _ => Ok(self.report_no_change(drift)),
        }
    }

    /// Reports the code that the function serves, if it was pushed, and returns the error.
    async fn with_code_report(&self, error: Error, applier: &Applier<'_>, pushed: bool) -> Error {
        if !pushed {
            return error;
        }
        error.with_followup_error(applier.report_code_after_failure(&self.desired.names.function, self.code).await)
    }

    async fn describe_stack_of(&self, set: &ChangeSet) -> Result<Option<Stack>> {
        self.stacks.describe(&set.stack).await.map_err(|e| e.into_error("read the stack"))
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
            format!("The rollback of the stack {name} failed. Continue it?")
        } else {
            format!("The rollback of the stack {name} failed again. Continue it and skip {}?", skipped.join(", "))
        };
        // Skipping resources needs separate confirmation: --yes does not cover it.
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
        format!("the stack {stack} differs in more than the code; nothing was deployed"),
    )
    .hint(format!("It was changed by another deployment. Review and deploy all changes: provisioner up -s {stack}"))
}

/// Whether the changes are known only after another operation has ended.
fn waits(plan: &Plan) -> bool {
    matches!(plan, Plan::Attach { .. } | Plan::ContinueRollback { .. } | Plan::Blocked { .. })
}

/// Whether the stack was changed since its update was shown, so that the change set was not agreed to.
fn changed_since(agreed: Option<&Preview>, now: Option<&Stack>) -> bool {
    agreed.is_some_and(|shown| {
        shown.step == Step::Update && shown.basis.stack_changed != now.and_then(|stack| stack.changed.clone())
    })
}
