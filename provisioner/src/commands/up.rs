//! `provisioner up`: observe, decide, show, ask, apply; again until the stack is as it should be.

use std::collections::BTreeMap;
use std::path::Path;

use crate::apply::down::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use crate::apply::{Applier, Code, OVERTAKEN, Run};
use crate::aws::Aws;
use crate::aws::function::Function;
use crate::aws::stacks::{ChangeSet, Stack, Stacks};
use crate::aws::storage::{Presence, Storage};
use crate::aws::table::Table;
use crate::cli::{Global, Up};
use crate::commands;
use crate::diff::Change;
use crate::embedded;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::{CodeChange, DeployEvent};
use crate::handler_build::{self, Source};
use crate::names::Names;
use crate::package::Package;
use crate::plan::{Desired, Observed, Plan, decide, wants_resources};
use crate::report::Report;
use crate::spec::{StackFile, StackSpec};
use crate::status::Phase;

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
    let stacks = Stacks::new(&aws);
    // The build takes longest, and looking does not depend on it.
    let (package, observed) =
        tokio::join!(package(&file, args.handler.as_deref(), report), observe(&aws, &stacks, &names));
    let (package, mut observed) = (package?, observed?);

    let desired = Desired {
        parameters: BTreeMap::from([
            (ARTIFACT_BUCKET.to_owned(), names.artifacts.clone()),
            (ARTIFACT_KEY.to_owned(), package.key()),
        ]),
        template,
        tags: spec.tags.clone(),
        names,
    };
    let code = Code { package: &package, bucket: &desired.names.artifacts, require_tls: spec.bucket.require_tls };
    let up = Upping { aws: &aws, stacks, report, spec, args, desired: &desired, code };
    up.until_done(&mut observed).await?;
    up.tell_ready().await
}

/// Finds or builds the handler, checks and packs it.
async fn package(file: &StackFile, handler: Option<&Path>, report: &Report) -> Result<Package> {
    let runs_on = handler_build::runs_on(&file.spec);
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Exit::Failure, "io", "failed to find out the current folder").source(e))?;
    let carries = embedded::Index::of_this_program()?.is_some();
    let source = handler_build::source(handler, handler_build::workspace(&[&here, &file.path]), carries)?;
    let path = match &source {
        Source::Given(path) => Some(path.clone()),
        Source::Workspace(workspace) => {
            report.event(DeployEvent::Building);
            Some(handler_build::build(workspace, runs_on).await?)
        }
        Source::Embedded => None,
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
    Ok(package)
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
    spec: &'a StackSpec,
    args: &'a Up,
    desired: &'a Desired,
    code: Code<'a>,
}

impl Upping<'_> {
    /// Decides and applies until nothing is left to do.
    async fn until_done(&self, observed: &mut Observed) -> Result<()> {
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
                    self.report.event(DeployEvent::NoChange { stack: self.desired.names.stack.clone() });
                    return Ok(());
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
            let applied = self.unless_overtaken(applier.apply(self.desired, &plan, self.code).await)?;
            if applied.is_some() && matches!(plan, Plan::Execute { .. }) {
                return Ok(());
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
        if self.args.yes {
            return Ok(());
        }
        commands::ask(self.report, &format!("Apply these changes to the stack {name}?"), "--yes").await
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

    async fn code_change(&self) -> Result<Option<CodeChange>> {
        let deployed = Function::new(self.aws, &self.desired.names.function)
            .describe()
            .await
            .map_err(|e| e.into_error("look at the deployed handler"))?;
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
