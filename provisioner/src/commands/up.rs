//! `provisioner up`: observe, decide, show, ask, apply; again until the stack is as it should be.

use std::path::{Path, PathBuf};

use crate::apply::{Applier, Code, OVERTAKEN, Run, announced};
use crate::aws::Aws;
use crate::aws::stacks::Stacks;
use crate::cli::{Global, Up};
use crate::code::only_code_differs;
use crate::commands::{self, observe, plan, verify, watch};
use crate::consent;
use crate::diff::Change;
use crate::drift::Drift;
use crate::embedded;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::DeployEvent;
use crate::handler_build::{self, Build, Source};
use crate::names::Names;
use crate::package::Package;
use crate::plan::{DATA_LOSS, Desired, Observed, Plan, decide};
use crate::preview::{self, Allow, Preview, Saved, Step};
use crate::report::Report;
use crate::sources::Sources;
use crate::spec::{DEFAULT_STACK, StackFile};
use crate::stack::{ChangeSet, Stack};

/// Decisions after which something is wrong with the world, or with this program.
const MOST_DECISIONS: u32 = 12;

/// Runs the command.
pub async fn run(global: &Global, args: &Up, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let spec = &file.spec;
    let saved = match &args.plan {
        Some(path) => Some((path.clone(), plan::read(path)?)),
        None => None,
    };
    commands::linted(&file.path, spec, report)?;
    let revert = args.revert_drift || saved.as_ref().is_some_and(|(_, saved)| saved.reverts_drift);
    let terms = Terms {
        consent: if args.yes { Consent::Given } else { Consent::Asked },
        allow: args.allow.clone(),
        saved,
        revert,
    };
    // The build takes longest, and looking does not depend on it.
    let looking = async {
        // Another address than the emulator's own is somebody else's to start.
        if let (Some(emulator), None) = (&spec.emulator, &global.endpoint_url) {
            crate::local::ensure_running(emulator.port, report).await?;
        }
        let aws = commands::connect(global, spec).await?;
        let names = Names::new(&spec.name, &aws.account, &aws.region);
        let world = look(&aws, &names, revert).await?;
        Ok((aws, names, world))
    };
    let kind = if args.watch { Build::Development } else { Build::Release };
    let (built, (aws, names, world)) =
        tokio::try_join!(package(&file, args.handler.as_deref(), kind, report), looking)?;
    let site = Site { aws: &aws, file: &file, names, report };
    if args.watch && built.sources.is_empty() {
        return Err(Error::new(Exit::Usage, "nothing-to-watch", "the handler inside this program never changes")
            .hint("--watch is for the folder that holds the handler's sources, or for a file: --handler PATH."));
    }
    let done = Box::pin(site.deploy(&built.package, world, terms)).await?;
    let verified = match done {
        Done::Changed if !args.no_verify => Box::pin(verify::after_up(&aws, spec, report)).await,
        _ => Ok(()),
    };
    site.tell_ready().await?;
    verified?;
    if args.watch { Box::pin(watch::go_on(&site, args.handler.as_deref(), built)).await } else { Ok(()) }
}

/// Who agrees to what a run of `up` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Whoever sits at the terminal.
    Asked,
    /// `--yes`.
    Given,
    /// Whoever began to watch, for new code and nothing else.
    ForCode,
}

/// What was agreed to before anything was looked at.
struct Terms {
    /// By whom.
    consent: Consent,
    /// What `--allow` names.
    allow: Vec<Allow>,
    /// The plan to apply and nothing else, with its file.
    saved: Option<(PathBuf, Saved)>,
    /// Whether what was changed behind the tool's back is put back.
    revert: bool,
}

/// What a deployment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Everything was as it should be.
    NoChange,
    /// Something was changed.
    Changed,
}

/// A stack that is deployed once or again and again.
pub(crate) struct Site<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) file: &'a StackFile,
    pub(crate) names: Names,
    pub(crate) report: &'a Report,
}

impl Site<'_> {
    /// Brings the code of a working stack up to date, and changes nothing else.
    pub(crate) async fn deploy_code(&self, package: &Package) -> Result<Done> {
        let terms = Terms { consent: Consent::ForCode, allow: Vec::new(), saved: None, revert: false };
        let world = self.look(false).await?;
        Box::pin(self.deploy(package, world, terms)).await
    }

    async fn look(&self, closely: bool) -> Result<(Observed, Drift)> {
        look(self.aws, &self.names, closely).await
    }

    async fn deploy(&self, package: &Package, world: (Observed, Drift), terms: Terms) -> Result<Done> {
        let spec = &self.file.spec;
        let desired = plan::desired(self.aws, spec, self.names.clone(), package)?;
        let code = Code { package, bucket: &self.names.artifacts, require_tls: spec.bucket.require_tls };
        let up = Upping { site: self, stacks: Stacks::new(self.aws), terms, desired: &desired, code };
        Box::pin(up.until_done(world)).await
    }

    /// What to type for this stack.
    pub(crate) fn command(&self, verb: &str) -> String {
        let name = &self.names.stack;
        if self.file.spec.name == DEFAULT_STACK {
            format!("provisioner {verb}")
        } else {
            format!("provisioner {verb} -s {name}")
        }
    }

    async fn tell_ready(&self) -> Result<()> {
        let (name, stacks) = (&self.names.stack, Stacks::new(self.aws));
        let stack =
            stacks.describe(name).await.map_err(|e| e.into_error(&format!("look at the stack {name}")))?.ok_or_else(
                || Error::new(Exit::Deployment, "stack-gone", format!("the stack {name} was deleted meanwhile")),
            )?;
        self.report.event(DeployEvent::Ready {
            stack: name.clone(),
            arn: stack.arn,
            outputs: stack.outputs,
            next: vec![self.command("put FILE… --wait"), self.command("status")],
        });
        Ok(())
    }
}

/// What is, and what was changed behind the tool's back. With `closely`, CloudFormation looks for that too.
async fn look(aws: &Aws, names: &Names, closely: bool) -> Result<(Observed, Drift)> {
    let stacks = Stacks::new(aws);
    let observed = observe::observe(aws, &stacks, names).await?;
    let place = observe::place(aws, names);
    let drift = observe::drift(aws, &stacks, &place, &observed, closely).await?;
    Ok((observed, drift))
}

/// A handler that is built and packed.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) package: Package,
    /// What it is made from, to see whether that changes.
    pub(crate) sources: Sources,
    /// Whether it is a build to be tried, not to be left deployed.
    pub(crate) development: bool,
}

/// Finds the handler, or has cargo build it in this way; checks and packs it.
pub(crate) async fn package(file: &StackFile, handler: Option<&Path>, kind: Build, report: &Report) -> Result<Built> {
    let runs_on = handler_build::runs_on(&file.spec);
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Exit::Failure, "io", "failed to find out the current folder").source(e))?;
    let carries = embedded::Index::of_this_program()?.is_some();
    let source = handler_build::source(handler, handler_build::workspace(&[&here, &file.path]), carries)?;
    let (path, sources) = match &source {
        Source::Given(path) => (Some(path.clone()), Sources::of_file(path)),
        Source::Workspace(workspace) => {
            report.event(DeployEvent::Building);
            let path = handler_build::build(workspace, runs_on, kind).await?;
            let sources = Sources::of_build(workspace, &path);
            (Some(path), sources)
        }
        Source::Embedded => (None, Sources::default()),
    };
    let pack = move || path.map_or_else(|| embedded::package(runs_on), |path| handler_build::pack(&path, runs_on));
    let package = tokio::task::spawn_blocking(pack)
        .await
        .map_err(|e| Error::new(Exit::Failure, "pack", "failed to pack the handler").source(e))??;
    let development = kind == Build::Development && matches!(source, Source::Workspace(_));
    report.event(DeployEvent::Packaged {
        sha256: package.sha256.clone(),
        zipped: package.zip.len() as u64,
        unzipped: package.unzipped,
        embedded: source == Source::Embedded,
        development,
    });
    Ok(Built { package, sources, development })
}

struct Upping<'a> {
    site: &'a Site<'a>,
    stacks: Stacks,
    terms: Terms,
    desired: &'a Desired,
    code: Code<'a>,
}

impl Upping<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(&self, (mut observed, mut drift): (Observed, Drift)) -> Result<Done> {
        // What was shown and agreed to. Consent to a plan that makes the whole stack covers the steps that this takes.
        let mut agreed: Option<Preview> = None;
        let mut pushed = false;
        for round in 0..MOST_DECISIONS {
            let run = Run(format!("{}-{round}", commands::run_id()));
            let applier = Applier::new(self.site.aws, self.site.report, run);
            let plan = decide(self.desired, &observed);
            if agreed.is_none() {
                let shown = self.preview(&observed, &drift)?;
                self.refuse_loss(&shown)?;
                if shown.step == Step::None {
                    return Ok(self.tell_no_change(&drift));
                }
                if !waits(&plan) {
                    self.show_and_ask(&shown).await?;
                    if shown.reverts_drift {
                        let reverted = Box::pin(self.revert_drift(&applier, &observed, &shown)).await;
                        if let Some(done) = self.unless_overtaken(reverted)? {
                            return Ok(done);
                        }
                        (observed, drift) = self.site.look(true).await?;
                        continue;
                    }
                    agreed = Some(shown);
                }
            }
            match &plan {
                Plan::Propose(operation) => {
                    let (proposed, handed) = tokio::join!(
                        applier.propose(self.desired, *operation),
                        // CloudFormation takes seconds to make a change set; the function has the code by then.
                        Box::pin(self.push_if_only_code(&applier, &observed))
                    );
                    match (handed, &proposed) {
                        (Ok(handed), _) => pushed |= handed,
                        (Err(error), Ok(set)) => return Err(error.besides(applier.withdraw(set).await)),
                        (Err(error), Err(_)) => return Err(error),
                    }
                    let Some(set) = self.unless_overtaken(proposed)? else {
                        (observed, drift) = self.site.look(self.terms.revert).await?;
                        agreed = None;
                        continue;
                    };
                    observed.stack = self.look_at(&set).await?;
                    observed.change_set = Some(set);
                    if moved(agreed.as_ref(), observed.stack.as_ref()) {
                        self.withdraw(&applier, &observed).await?;
                        self.tell_overtaken();
                        (observed, drift) = self.site.look(self.terms.revert).await?;
                        agreed = None;
                    }
                    continue;
                }
                Plan::NoChange => {
                    self.withdraw(&applier, &observed).await?;
                    return self.put_code_right(&applier, &observed, &drift).await;
                }
                Plan::Blocked { code, reason, hint } => {
                    let exit = if *code == DATA_LOSS { Exit::Refused } else { Exit::Deployment };
                    let error = Error::new(exit, code, reason.clone()).hint(hint.clone());
                    return Err(error.besides(self.withdraw(&applier, &observed).await));
                }
                Plan::Attach { .. } | Plan::Recreate { .. } | Plan::RetryDelete { .. } | Plan::Adopt { .. } => {}
                Plan::ContinueRollback { skip, .. } => self.ask_to_continue(skip).await?,
                Plan::Execute { changes, .. } => {
                    let announced = match &agreed {
                        Some(shown) if shown.step == Step::Update => announced(&shown.resources, changes),
                        _ => Ok(()),
                    };
                    if let Err(error) = announced {
                        let error = error.besides(self.withdraw(&applier, &observed).await);
                        return Err(self.with_code_told(error, &applier, pushed).await);
                    }
                }
            }
            let outcome = match applier.apply(self.desired, &plan, self.code).await {
                Err(error) if error.exit == Exit::Deployment && error.code != OVERTAKEN => {
                    Err(self.with_code_told(error, &applier, pushed).await)
                }
                outcome => outcome,
            };
            let done = self.unless_overtaken(outcome)?;
            if done.is_some() && matches!(plan, Plan::Execute { .. }) {
                return Ok(Done::Changed);
            }
            if done.is_none() {
                agreed = None;
            }
            (observed, drift) = self.site.look(self.terms.revert).await?;
            observed.continued = matches!(plan, Plan::ContinueRollback { .. });
        }
        Err(Error::new(
            Exit::Deployment,
            "no-progress",
            format!("the stack {} does not settle: it changes each time it is looked at", self.desired.names.stack),
        )
        .hint("Is something else deploying it? Look with: provisioner status"))
    }

    fn tell_no_change(&self, drift: &Drift) -> Done {
        let (report, stack) = (self.site.report, self.desired.names.stack.clone());
        report.event(DeployEvent::NoChange { stack: stack.clone() });
        if !drift.is_empty() {
            report.event(DeployEvent::Drifted { stack, drift: Box::new(drift.clone()) });
        }
        Done::NoChange
    }

    /// What would be done, if it is still what a saved plan says.
    fn preview(&self, observed: &Observed, drift: &Drift) -> Result<Preview> {
        let code = plan::code(self.code.package);
        let now = preview::preview(self.desired, observed, code, drift.clone(), self.terms.revert);
        if let Some((path, saved)) = &self.terms.saved {
            plan::still_true(saved, path, &now)?;
        }
        Ok(now)
    }

    /// What loses files or records is shown and not asked about.
    fn refuse_loss(&self, shown: &Preview) -> Result<()> {
        match &shown.blocked {
            Some(block) if shown.resources.iter().any(Change::loses_data) => {
                self.site.report.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
                Err(plan::refused(block))
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
        let (now, mut left) = self.site.look(true).await?;
        if !left.resources.is_empty() {
            applier.revert_in_two(self.desired, &now, &left, &shown.resources).await?;
        }
        if let (Some(_), Some(function)) = (&left.code, &now.code) {
            applier.push(&self.desired.names.function, self.code, function).await?;
        }
        if !left.is_empty() {
            (_, left) = self.site.look(true).await?;
        }
        if left.is_empty() {
            self.site.report.event(DeployEvent::DriftReverted { stack: name });
            return Ok(Done::Changed);
        }
        self.site.report.event(DeployEvent::Drifted { stack: name.clone(), drift: Box::new(left) });
        Err(Error::new(
            Exit::Deployment,
            "still-drifted",
            format!("some of what was changed behind the tool's back in {name} could not be put back"),
        )
        .hint("What is listed above is left. Change it back by hand, or delete the resource and run the same command again."))
    }

    /// Nothing where somebody else's operation came between: then one looks again and decides anew.
    fn unless_overtaken<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.code == OVERTAKEN => {
                self.tell_overtaken();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn tell_overtaken(&self) {
        self.site.report.event(DeployEvent::Overtaken { stack: self.desired.names.stack.clone() });
    }

    /// Where nothing but the code of a working stack changes, the function takes that before the stack does. Returns
    /// whether it did.
    async fn push_if_only_code(&self, applier: &Applier<'_>, observed: &Observed) -> Result<bool> {
        let (Some(stack), Some(template)) = (&observed.stack, &observed.template) else { return Ok(false) };
        if !only_code_differs(self.desired, stack, template) {
            return if self.terms.consent == Consent::ForCode { Err(not_only_code(&stack.name)) } else { Ok(false) };
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
    async fn put_code_right(&self, applier: &Applier<'_>, observed: &Observed, drift: &Drift) -> Result<Done> {
        match &observed.code {
            Some(from) if from.sha256 != self.code.package.sha256 => {
                applier.push(&self.desired.names.function, self.code, from).await?;
                Ok(Done::Changed)
            }
            _ => Ok(self.tell_no_change(drift)),
        }
    }

    /// The failure, after it was told what the function serves if its code was pushed.
    async fn with_code_told(&self, error: Error, applier: &Applier<'_>, pushed: bool) -> Error {
        if !pushed {
            return error;
        }
        error.besides(applier.tell_code_after_failure(&self.desired.names.function, self.code).await)
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
        self.site.report.event(DeployEvent::Planned { plan: Box::new(shown.clone()) });
        let missing = consent::missing(&shown.consents, &self.terms.allow);
        if self.terms.consent != Consent::Asked {
            return consent::refuse(&missing);
        }
        let question = consent::question(&shown.stack, &missing);
        commands::ask(self.site.report, &question, &consent::flags(&missing)).await
    }

    async fn ask_to_continue(&self, skip: &[(String, String)]) -> Result<()> {
        let name = &self.desired.names.stack;
        if skip.is_empty() && self.terms.consent == Consent::Given {
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
            return commands::ask(self.site.report, &question, "--yes").await;
        }
        for (id, reason) in skip {
            self.site.report.narrate(&format!("  {id}: {reason}"));
        }
        commands::ask(self.site.report, &question, "the answer on a terminal").await
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
fn moved(agreed: Option<&Preview>, now: Option<&Stack>) -> bool {
    agreed.is_some_and(|shown| {
        shown.step == Step::Update && shown.basis.stack_changed != now.and_then(|stack| stack.changed.clone())
    })
}
