//! `provisioner up`: observe, decide, show, ask, apply; again until the stack is as it should be.

use std::path::Path;

use crate::apply::{Applier, Code, Run};
use crate::aws::Aws;
use crate::aws::stacks::{ChangeSet, Stack, Stacks};
use crate::cli::{Global, Up};
use crate::commands::{self, observe, plan};
use crate::consent;
use crate::drift::Drift;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::DeployEvent;
use crate::handler_build;
use crate::names::Names;
use crate::package::Package;
use crate::plan::{Desired, Observed, Plan, decide};
use crate::preview::{self, Preview, Saved, Step};
use crate::report::Report;
use crate::spec::{StackFile, StackSpec};

/// Decisions after which something is wrong with the world, or with this program.
const MOST_DECISIONS: u32 = 12;

/// Runs the command.
pub async fn run(global: &Global, args: &Up, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let spec = &file.spec;
    let saved = args.plan.as_deref().map(plan::read).transpose()?;
    commands::linted(&file.path, spec, report)?;
    // Another address than the emulator's own is somebody else's to start.
    if let (Some(emulator), None) = (&spec.emulator, &global.endpoint_url) {
        crate::local::ensure_running(emulator.port, report).await?;
    }
    let aws = commands::connect(global, spec).await?;
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let stacks = Stacks::new(&aws);
    let place = observe::place(&aws, &names);
    let revert = args.revert_drift || saved.as_ref().is_some_and(|saved| saved.reverts_drift);
    // The build takes longest, and looking does not depend on it.
    let (package, world) = tokio::join!(package(&file, args.handler.as_deref(), report), async {
        let observed = observe::observe(&aws, &stacks, &names).await?;
        let drift = observe::drift(&aws, &stacks, &place, &observed, revert).await?;
        Ok::<_, Error>((observed, drift))
    });
    let (package, (mut observed, drift)) = (package?, world?);

    let desired = plan::desired(&aws, spec, names, &package)?;
    let code = Code { package: &package, bucket: &desired.names.artifacts, require_tls: spec.bucket.require_tls };
    let up = Upping { aws: &aws, stacks, report, spec, args, desired: &desired, code, saved, revert };
    up.until_done(&mut observed, drift).await?;
    up.tell_ready().await
}

/// Finds or builds the handler, checks and packs it.
pub async fn package(file: &StackFile, handler: Option<&Path>, report: &Report) -> Result<Package> {
    let runs_on = handler_build::runs_on(&file.spec);
    let path = if let Some(path) = handler {
        handler_build::given(path)
    } else {
        let here = std::env::current_dir()
            .map_err(|e| Error::new(Exit::Failure, "io", "failed to find out the current folder").source(e))?;
        let workspace = handler_build::workspace(&[&here, &file.path]).ok_or_else(handler_build::nothing_to_build)?;
        report.event(DeployEvent::Building);
        handler_build::build(&workspace, runs_on).await?
    };
    let package = tokio::task::spawn_blocking(move || handler_build::pack(&path, runs_on))
        .await
        .map_err(|e| Error::new(Exit::Failure, "pack", "failed to pack the handler").source(e))??;
    report.event(DeployEvent::Packaged {
        sha256: package.sha256.clone(),
        zipped: package.zip.len() as u64,
        unzipped: package.unzipped,
    });
    Ok(package)
}

struct Upping<'a> {
    aws: &'a Aws,
    stacks: Stacks,
    report: &'a Report,
    spec: &'a StackSpec,
    args: &'a Up,
    desired: &'a Desired,
    code: Code<'a>,
    saved: Option<Saved>,
    revert: bool,
}

impl Upping<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(&self, observed: &mut Observed, mut drift: Drift) -> Result<()> {
        // What was shown and agreed to. Consent to a plan that makes the whole stack covers the steps that this takes.
        let mut agreed: Option<Preview> = None;
        for round in 0..MOST_DECISIONS {
            let applier = Applier::new(self.aws, self.report, Run(format!("{}-{round}", commands::run_id())));
            let plan = decide(self.desired, observed);
            if agreed.is_none() {
                let shown = self.preview(observed, &drift)?;
                self.refuse(&shown)?;
                if shown.step == Step::None {
                    self.tell_no_change(&drift);
                    return Ok(());
                }
                if !waits(&plan) {
                    self.show_and_ask(&shown).await?;
                    if shown.reverts_drift {
                        return self.revert_drift(&applier, observed).await;
                    }
                    agreed = Some(shown);
                }
            }
            match &plan {
                Plan::Propose(operation) => {
                    let set = applier.propose(self.desired, *operation).await?;
                    observed.stack = self.look_at(&set).await?;
                    observed.change_set = Some(set);
                    continue;
                }
                Plan::NoChange => {
                    self.withdraw(&applier, observed).await?;
                    self.tell_no_change(&drift);
                    return Ok(());
                }
                Plan::Blocked { code, reason, hint } => {
                    self.withdraw(&applier, observed).await?;
                    return Err(Error::new(Exit::Deployment, code, reason.clone()).hint(hint.clone()));
                }
                Plan::Attach { .. } | Plan::Recreate { .. } | Plan::RetryDelete { .. } | Plan::Adopt { .. } => {}
                Plan::ContinueRollback { skip, .. } => self.ask_to_continue(skip).await?,
                Plan::Execute { changes, .. } => {
                    let checked = match &agreed {
                        Some(shown) if shown.step == Step::Update => announced(shown, changes),
                        _ => Ok(()),
                    };
                    if checked.is_err() {
                        self.withdraw(&applier, observed).await?;
                    }
                    checked?;
                }
            }
            applier.apply(self.desired, &plan, self.code).await?;
            if matches!(plan, Plan::Execute { .. }) {
                return Ok(());
            }
            *observed = Observed {
                continued: matches!(plan, Plan::ContinueRollback { .. }),
                ..observe::observe(self.aws, &self.stacks, &self.desired.names).await?
            };
            if agreed.is_none() {
                drift = self.drift(observed).await?;
            }
        }
        Err(Error::new(
            Exit::Deployment,
            "no-progress",
            format!("the stack {} does not settle: it changes each time it is looked at", self.desired.names.stack),
        )
        .hint("Is something else deploying it? Look with: provisioner status"))
    }

    fn tell_no_change(&self, drift: &Drift) {
        let stack = self.desired.names.stack.clone();
        self.report.event(DeployEvent::NoChange { stack: stack.clone() });
        if !drift.is_empty() {
            self.report.event(DeployEvent::Drifted { stack, drift: Box::new(drift.clone()) });
        }
    }

    async fn drift(&self, observed: &Observed) -> Result<Drift> {
        observe::drift(self.aws, &self.stacks, &self.desired.place, observed, self.revert).await
    }

    /// What would be done, if it is still what a saved plan says.
    fn preview(&self, observed: &Observed, drift: &Drift) -> Result<Preview> {
        let code = plan::code(self.code.package);
        let now = preview::preview(self.desired, observed, code, drift.clone(), self.revert);
        if let (Some(saved), Some(path)) = (&self.saved, &self.args.plan) {
            plan::still_true(saved, path, &now)?;
        }
        Ok(now)
    }

    /// A plan that loses data, or whose template cannot be applied, is not asked about.
    fn refuse(&self, shown: &Preview) -> Result<()> {
        match &shown.blocked {
            Some(block) if shown.resources.iter().any(crate::diff::Change::loses_data) => {
                self.report.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
                Err(plan::refused(block))
            }
            // The other cases have an error of their own.
            _ => Ok(()),
        }
    }

    /// Puts back what was changed behind the tool's back, brings the stack up to date with it, and looks whether it
    /// worked. CloudFormation's own way comes first; what that leaves is put back in two updates.
    async fn revert_drift(&self, applier: &Applier<'_>, observed: &Observed) -> Result<()> {
        let name = self.desired.names.stack.clone();
        applier.revert_drift(self.desired, observed, self.code).await?;
        let now = observe::observe(self.aws, &self.stacks, &self.desired.names).await?;
        let mut left = self.drift(&now).await?;
        if !left.resources.is_empty() {
            applier.revert_in_two(self.desired, &now, &left).await?;
        }
        if left.code.is_some() {
            applier.put_back_code(&self.desired.names.function, self.code).await?;
        }
        if !left.is_empty() {
            let now = observe::observe(self.aws, &self.stacks, &self.desired.names).await?;
            left = self.drift(&now).await?;
        }
        if left.is_empty() {
            self.report.event(DeployEvent::DriftReverted { stack: name });
            return Ok(());
        }
        self.report.event(DeployEvent::Drifted { stack: name.clone(), drift: Box::new(left) });
        Err(Error::new(
            Exit::Deployment,
            "still-drifted",
            format!("some of what was changed behind the tool's back in {name} could not be put back"),
        )
        .hint("What is listed above is left. Change it back by hand, or delete the resource and run the same command again."))
    }

    async fn look_at(&self, set: &ChangeSet) -> Result<Option<Stack>> {
        self.stacks.describe(&set.stack).await.map_err(|e| e.into_error("look at the stack"))
    }

    async fn withdraw(&self, applier: &Applier<'_>, observed: &Observed) -> Result<()> {
        match &observed.change_set {
            Some(set) => applier.withdraw(set).await,
            None => Ok(()),
        }
    }

    async fn show_and_ask(&self, shown: &Preview) -> Result<()> {
        self.report.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
        let missing = consent::missing(&shown.consents, &self.args.allow);
        if self.args.yes {
            return consent::refuse(&missing);
        }
        let question = consent::question(&shown.stack, &missing);
        commands::ask(self.report, &question, &consent::flags(&missing)).await
    }

    async fn ask_to_continue(&self, skip: &[(String, String)]) -> Result<()> {
        let name = &self.desired.names.stack;
        if skip.is_empty() && self.args.yes {
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
            return commands::ask(self.report, &question, "--yes").await;
        }
        for (id, reason) in skip {
            self.report.narrate(&format!("  {id}: {reason}"));
        }
        commands::ask(self.report, &question, "the answer on a terminal").await
    }

    async fn tell_ready(&self) -> Result<()> {
        let name = &self.desired.names.stack;
        let stack = self
            .stacks
            .describe(name)
            .await
            .map_err(|e| e.into_error(&format!("look at the stack {name}")))?
            .ok_or_else(|| {
            Error::new(Exit::Deployment, "stack-gone", format!("the stack {name} was deleted meanwhile"))
        })?;
        let option = if self.spec.name == "dev" { String::new() } else { format!(" -s {name}") };
        self.report.event(DeployEvent::Ready {
            stack: name.clone(),
            arn: stack.arn,
            outputs: stack.outputs,
            next: vec![format!("provisioner put FILE… --wait{option}"), format!("provisioner status{option}")],
        });
        Ok(())
    }
}

/// Whether what would change can only be told after something else has ended.
fn waits(plan: &Plan) -> bool {
    matches!(plan, Plan::Attach { .. } | Plan::ContinueRollback { .. } | Plan::Blocked { .. })
}

/// Refuses a change set that does more than was agreed to.
fn announced(shown: &Preview, changes: &[crate::diff::Change]) -> Result<()> {
    let more = preview::unannounced(&shown.resources, changes);
    if more.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Exit::Refused,
        "more-than-planned",
        format!("CloudFormation would do more than the plan says; nothing was changed:\n  {}", more.join("\n  ")),
    )
    .hint("Has somebody else deployed meanwhile? Look again with: provisioner plan"))
}
