//! `provisioner up`: observe, decide, show, ask, apply; again until the stack is as it should be.

use std::collections::BTreeMap;
use std::path::Path;

use crate::apply::down::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use crate::apply::{Applier, Code, OVERTAKEN, Run};
use crate::aws::Aws;
use crate::aws::function::{Deployed, Function};
use crate::aws::stacks::{ChangeSet, Stack, Stacks};
use crate::aws::storage::{Presence, Storage};
use crate::aws::table::Table;
use crate::cli::{Global, Up};
use crate::code::only_code_differs;
use crate::commands;
use crate::commands::{verify, watch};
use crate::diff::Change;
use crate::embedded;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::{CodeChange, DeployEvent};
use crate::handler_build::{self, Source};
use crate::names::Names;
use crate::package::Package;
use crate::plan::{Desired, Observed, Plan, decide, wants_resources};
use crate::report::Report;
use crate::sources::Sources;
use crate::spec::StackFile;
use crate::status::{Operation, Phase};

/// Decisions after which something is wrong with the world, or with this program.
const MOST_DECISIONS: u32 = 12;

/// Runs the command.
pub async fn run(global: &Global, args: &Up, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let spec = &file.spec;
    commands::linted(&file.path, spec, report)?;
    let template = commands::template(spec)?;
    // Another address than the emulator's own is somebody else's to start.
    if let (Some(emulator), None) = (&spec.emulator, &global.endpoint_url) {
        crate::local::ensure_running(emulator.port, report).await?;
    }
    let aws = commands::connect(global, spec).await?;
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let site = Site { aws: &aws, file: &file, names, template, report };
    let consent = if args.yes { Consent::Given } else { Consent::Asked };
    // The build takes longest, and looking does not depend on it.
    let stacks = Stacks::new(&aws);
    let (package, observed) =
        tokio::join!(package(&file, args.handler.as_deref(), report), observe(&aws, &stacks, &site.names));
    let built = package?;
    if args.watch && built.sources.is_empty() {
        return Err(Error::new(Exit::Usage, "nothing-to-watch", "the handler inside this program never changes")
            .hint("--watch is for the folder that holds the handler's sources, or for a file: --handler PATH."));
    }
    let done = site.deploy(&built.package, observed?, consent).await?;
    let verified = match done {
        Done::Changed if !args.no_verify => Box::pin(verify::after_up(&aws, spec, report)).await,
        _ => Ok(()),
    };
    site.tell_ready(&stacks).await?;
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
    template: serde_json::Value,
    pub(crate) report: &'a Report,
}

impl Site<'_> {
    /// Brings the code of a working stack up to date, and changes nothing else.
    pub(crate) async fn deploy_code(&self, package: &Package) -> Result<Done> {
        let observed = observe(self.aws, &Stacks::new(self.aws), &self.names).await?;
        self.deploy(package, observed, Consent::ForCode).await
    }

    async fn deploy(&self, package: &Package, mut observed: Observed, consent: Consent) -> Result<Done> {
        let spec = &self.file.spec;
        let desired = Desired {
            parameters: BTreeMap::from([
                (ARTIFACT_BUCKET.to_owned(), self.names.artifacts.clone()),
                (ARTIFACT_KEY.to_owned(), package.key()),
            ]),
            template: self.template.clone(),
            tags: spec.tags.clone(),
            names: self.names.clone(),
        };
        let code = Code { package, bucket: &self.names.artifacts, require_tls: spec.bucket.require_tls };
        let stacks = Stacks::new(self.aws);
        let up = Upping { aws: self.aws, stacks, report: self.report, consent, desired: &desired, code };
        up.until_done(&mut observed).await
    }

    async fn tell_ready(&self, stacks: &Stacks) -> Result<()> {
        let name = &self.names.stack;
        let stack =
            stacks.describe(name).await.map_err(|e| e.into_error(&format!("look at the stack {name}")))?.ok_or_else(
                || Error::new(Exit::Deployment, "stack-gone", format!("the stack {name} was deleted meanwhile")),
            )?;
        let option = if self.file.spec.name == "dev" { String::new() } else { format!(" -s {name}") };
        self.report.event(DeployEvent::Ready {
            stack: name.clone(),
            arn: stack.arn,
            outputs: stack.outputs,
            next: vec![format!("provisioner put FILE… --wait{option}"), format!("provisioner status{option}")],
        });
        Ok(())
    }
}

/// A handler that is built and packed.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) package: Package,
    /// What it is made from, to see whether that changes.
    pub(crate) sources: Sources,
}

/// Finds or builds the handler, checks and packs it.
pub(crate) async fn package(file: &StackFile, handler: Option<&Path>, report: &Report) -> Result<Built> {
    let runs_on = handler_build::runs_on(&file.spec);
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Exit::Failure, "io", "failed to find out the current folder").source(e))?;
    let carries = embedded::Index::of_this_program()?.is_some();
    let source = handler_build::source(handler, handler_build::workspace(&[&here, &file.path]), carries)?;
    let (path, sources) = match &source {
        Source::Given(path) => (Some(path.clone()), Sources::of_file(path)),
        Source::Workspace(workspace) => {
            report.event(DeployEvent::Building);
            let path = handler_build::build(workspace, runs_on).await?;
            let sources = Sources::of_build(workspace, &path);
            (Some(path), sources)
        }
        Source::Embedded => (None, Sources::default()),
    };
    let pack = move || path.map_or_else(|| embedded::package(runs_on), |path| handler_build::pack(&path, runs_on));
    let package = tokio::task::spawn_blocking(pack)
        .await
        .map_err(|e| Error::new(Exit::Failure, "pack", "failed to pack the handler").source(e))??;
    report.event(DeployEvent::Packaged {
        sha256: package.sha256.clone(),
        zipped: package.zip.len() as u64,
        unzipped: package.unzipped,
        embedded: source == Source::Embedded,
    });
    Ok(Built { package, sources })
}

/// Looks at everything a decision may need.
async fn observe(aws: &Aws, stacks: &Stacks, names: &Names) -> Result<Observed> {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let (stack, bucket, table) = tokio::join!(stacks.describe(&names.stack), bucket.presence(), table.describe());
    let stack: Option<Stack> = stack.map_err(|e| e.into_error(&format!("look at the stack {}", names.stack)))?;
    let phase = stack.as_ref().map_or(Phase::Absent, |s| s.status.phase());
    let (bucket, table) = if phase == Phase::Ready {
        // What a working stack holds is its own; a caller without permission to look need not.
        (Presence::Absent, None)
    } else {
        (
            bucket.map_err(|e| e.into_error(&format!("look for the bucket {}", names.bucket)))?,
            table.map_err(|e| e.into_error(&format!("look for the table {}", names.table)))?.map(|t| t.properties),
        )
    };
    let resources = match &stack {
        Some(stack) if wants_resources(phase) => {
            stacks.resources(&stack.arn).await.map_err(|e| e.into_error("look at the stack's resources"))?
        }
        _ => Vec::new(),
    };
    Ok(Observed { stack, resources, bucket, table, change_set: None, continued: false })
}

struct Upping<'a> {
    aws: &'a Aws,
    stacks: Stacks,
    report: &'a Report,
    consent: Consent,
    desired: &'a Desired,
    code: Code<'a>,
}

impl Upping<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(&self, observed: &mut Observed) -> Result<Done> {
        // Consent to a plan that makes the whole stack covers the steps that this takes.
        let mut agreed = false;
        for round in 0..MOST_DECISIONS {
            let applier = Applier::new(self.aws, self.report, Run(format!("{}-{round}", commands::run_id())));
            let plan = decide(self.desired, observed);
            match &plan {
                Plan::Propose(operation) => {
                    let proposed = applier.propose(self.desired, *operation).await;
                    let Some(set) = self.unless_overtaken(proposed)? else {
                        *observed = observe(self.aws, &self.stacks, &self.desired.names).await?;
                        continue;
                    };
                    observed.stack = self.look_at(&set).await?;
                    observed.change_set = Some(set);
                    continue;
                }
                Plan::NoChange => {
                    self.withdraw(&applier, observed).await?;
                    return self.put_code_right(&applier).await;
                }
                Plan::Blocked { code, reason, hint } => {
                    self.withdraw(&applier, observed).await?;
                    return Err(Error::new(Exit::Deployment, code, reason.clone()).hint(hint.clone()));
                }
                Plan::Attach { .. } => {}
                Plan::ContinueRollback { skip, .. } => self.ask_to_continue(skip).await?,
                Plan::Execute { changes, .. } => {
                    if !agreed {
                        let asked = self.show_and_ask(changes).await;
                        if asked.is_err() {
                            self.withdraw(&applier, observed).await?;
                        }
                        asked?;
                    }
                }
                Plan::Recreate { changes, .. } | Plan::RetryDelete { changes, .. } | Plan::Adopt { changes, .. } => {
                    if !agreed {
                        self.show_and_ask(changes).await?;
                    }
                    agreed = true;
                }
            }
            let outcome = match &plan {
                Plan::Execute { operation: Operation::Update, .. } => self.update(&applier, &plan, observed).await,
                _ => applier.apply(self.desired, &plan, self.code).await,
            };
            if self.unless_overtaken(outcome)?.is_some() && matches!(plan, Plan::Execute { .. }) {
                return Ok(Done::Changed);
            }
            *observed = Observed {
                continued: matches!(plan, Plan::ContinueRollback { .. }),
                ..observe(self.aws, &self.stacks, &self.desired.names).await?
            };
        }
        Err(Error::new(
            Exit::Deployment,
            "no-progress",
            format!("the stack {} does not settle: it changes each time it is looked at", self.desired.names.stack),
        )
        .hint("Is something else deploying it? Look with: provisioner status"))
    }

    /// Nothing where somebody else's operation came between: then one looks again and decides anew.
    fn unless_overtaken<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.code == OVERTAKEN => {
                self.report.event(DeployEvent::Overtaken { stack: self.desired.names.stack.clone() });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Updates the stack. Where only the code differs, the function takes that first.
    async fn update(&self, applier: &Applier<'_>, plan: &Plan, observed: &Observed) -> Result<()> {
        let name = &self.desired.names.function;
        let pushed = match self.function_to_push_to(observed).await? {
            Some(from) => applier.push(name, self.code, &from).await?,
            None => false,
        };
        let updated = applier.apply(self.desired, plan, self.code).await;
        if pushed && updated.as_ref().is_err_and(|error| error.exit == Exit::Deployment && error.code != OVERTAKEN) {
            applier.tell_code_after_failure(name, self.code).await?;
        }
        updated
    }

    /// The function, if nothing but its code changes, and it does not have that code yet.
    async fn function_to_push_to(&self, observed: &Observed) -> Result<Option<Deployed>> {
        let Some(stack) = &observed.stack else { return Ok(None) };
        let (template, function) = tokio::join!(self.stacks.template(&stack.arn), self.function());
        let template = template.map_err(|e| e.into_error("read the template that is deployed"))?;
        // One that is no JSON was not made by this program.
        let template = serde_json::from_str(&template).unwrap_or_default();
        if !only_code_differs(self.desired, stack, &template) {
            return if self.consent == Consent::ForCode { Err(not_only_code(&stack.name)) } else { Ok(None) };
        }
        Ok(function?.filter(|function| function.sha256 != self.code.package.sha256))
    }

    /// The stack is as it should be. Whether the function is, too, only the function tells: the code of an earlier run may
    /// have come to it, and the update of the stack not.
    async fn put_code_right(&self, applier: &Applier<'_>) -> Result<Done> {
        let stack = self.desired.names.stack.clone();
        match self.function().await? {
            Some(function) if function.sha256 != self.code.package.sha256 => {
                self.show_and_ask(&[]).await?;
                applier.push(&self.desired.names.function, self.code, &function).await?;
                Ok(Done::Changed)
            }
            _ => {
                self.report.event(DeployEvent::NoChange { stack });
                Ok(Done::NoChange)
            }
        }
    }

    async fn function(&self) -> Result<Option<Deployed>> {
        let function = Function::new(self.aws, &self.desired.names.function);
        function.describe().await.map_err(|e| e.into_error("look at the deployed handler"))
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

    async fn show_and_ask(&self, changes: &[Change]) -> Result<()> {
        let name = &self.desired.names.stack;
        self.report.event(DeployEvent::Planned {
            stack: name.clone(),
            account: self.aws.account.clone(),
            region: self.aws.region.clone(),
            changes: changes.to_vec(),
            code: self.code_change().await?,
        });
        if self.consent != Consent::Asked {
            return Ok(());
        }
        commands::ask(self.report, &format!("Apply these changes to the stack {name}?"), "--yes").await
    }

    async fn ask_to_continue(&self, skip: &[(String, String)]) -> Result<()> {
        let name = &self.desired.names.stack;
        if skip.is_empty() && self.consent == Consent::Given {
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

    async fn code_change(&self) -> Result<Option<CodeChange>> {
        let deployed = self.function().await?;
        let to = &self.code.package.sha256;
        if deployed.as_ref().is_some_and(|d| d.sha256 == *to) {
            return Ok(None);
        }
        Ok(Some(CodeChange {
            from_size: deployed.as_ref().map(|d| d.size),
            from: deployed.map(|d| d.sha256),
            to: to.clone(),
            to_size: self.code.package.zip.len() as u64,
        }))
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
