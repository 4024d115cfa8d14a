//! `provisioner up`: deploys the stack, verifies it, and with `--watch` keeps deploying changes.

use std::path::Path;

use provisioner_artifact::handler_build::Build;
use provisioner_aws::Aws;
use provisioner_engine::observe::{self, ObservedState};
use provisioner_engine::rollback::{self, Wanted};
use provisioner_engine::stack_file::StackFile;
use provisioner_engine::up::{Consent, DeployOptions, DeployTarget, Done};
use provisioner_engine::{connection, handler, reconcile, verify, watch};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::stack::Presence;
use provisioner_planner::history::{self, Mode};
use provisioner_planner::preview::SavedPlan;
use provisioner_planner::verify::HANDLER_CRASHES;

use crate::cli::{Global, Up};
use crate::commands;
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Up, report: &Report) -> Result<()> {
    let file = super::stack_file(global, report)?;
    commands::named_handler(args.handler.as_deref(), report)?;
    let spec = &file.spec;
    let saved = match &args.plan {
        Some(path) => Some((path.clone(), saved_plan(path)?)),
        None => None,
    };
    let template = commands::linted(&file.path, spec, report)?.document();
    let revert = args.revert_drift || saved.as_ref().is_some_and(|(_, saved)| saved.reverts_drift);
    let options = DeployOptions {
        consent: if args.yes { Consent::Given } else { Consent::Asked },
        allow: args.allow.iter().map(|allow| (*allow).into()).collect(),
        saved,
        revert,
        mode: Mode::Up,
    };
    // The build takes longest and does not depend on AWS, so both run concurrently.
    let observation = async {
        // At another endpoint the user runs the service; only the stack's own emulator is started.
        let own_emulator = connection::own_emulator(&global.connection(), spec);
        if let Some(port) = own_emulator {
            provisioner_emulator::ensure_running(port, report).await?;
        }
        let lock = commands::deployment_lock(own_emulator, &spec.name, report).await;
        let aws = connection::connect(&global.connection(), spec).await?;
        let names = Names::new(spec, &aws.account, &aws.region);
        let world = observe::observe_with_drift(&aws, &names, revert).await?;
        Ok((aws, names, world, lock))
    };
    let kind = Build::of(spec, args.watch);
    let (built, (aws, names, world, lock)) =
        tokio::try_join!(handler::package(&file, args.handler.as_deref(), kind, report), observation)?;
    let target = DeployTarget { aws: &aws, file: &file, template, names, dialog: report };
    if args.watch && built.sources.is_empty() {
        return Err(Error::new(Exit::Usage, "nothing-to-watch", "the embedded handler never changes")
            .hint("--watch requires the handler's sources, or a file: --handler PATH."));
    }
    let takes_over = takes_over_files(&world, options.revert);
    let done = Box::pin(target.deploy(&built.package, world, options)).await?;
    Box::pin(target.protect(args.yes || done == Done::Changed)).await?;
    let verified = match done {
        Done::Changed if !args.no_verify => Box::pin(verify::after_up(&aws, spec, report)).await,
        _ => Ok(()),
    };
    drop(lock);
    target.report_ready(verified.is_ok()).await?;
    if let Err(error) = verified {
        return Err(Box::pin(offer_rollback(&aws, &file, error, report)).await);
    }
    if done == Done::Changed && takes_over {
        Box::pin(reconcile::offer(&aws, spec, &global.stack, report)).await?;
    }
    if args.watch { Box::pin(watch::run(&target, args.handler.as_deref(), built)).await } else { Ok(()) }
}

/// Offers to return to the code before, if the deployed handler dies at its start. Returns the error, which is what `up` ends
/// with either way.
async fn offer_rollback(aws: &Aws, file: &StackFile, error: Error, report: &Report) -> Error {
    if error.code != HANDLER_CRASHES {
        return error;
    }
    let names = Names::new(&file.spec, &aws.account, &aws.region);
    let Some(previous) = rollback::previous(aws, &names).await else { return error };
    let name = history::phrase(&previous);
    let with_hint = |error: Error, hint: String| {
        let before = error.hint.clone().map(|hint| hint + "\n").unwrap_or_default();
        error.hint(before + &hint)
    };
    let later = format!("Return to the code {name} with: provisioner rollback");
    if !report.can_ask() {
        return with_hint(error, later);
    }
    report.error(&error);
    if report.ask(&format!("Return to the code {name}?"), "--yes").await.is_err() {
        return with_hint(error, later).already_reported();
    }
    let options =
        DeployOptions { consent: Consent::Given, allow: Vec::new(), saved: None, revert: false, mode: Mode::Rollback };
    match Box::pin(rollback::rollback(aws, file, &Wanted::default(), options, report)).await {
        Ok(_) => with_hint(error, format!("The function runs the code {name} again.")),
        Err(failed) => error.with_followup_error(Err(failed)),
    }
}

/// Whether the bucket may hold files without a record: it was there before its stack, or its table or notification was lost.
fn takes_over_files(before: &ObservedState, revert: bool) -> bool {
    let observed = &before.observed;
    observed.bucket == Presence::Ours && (observed.stack.is_none() || observed.table.is_none() || revert)
}

fn saved_plan(path: &Path) -> Result<SavedPlan> {
    let text = std::fs::read_to_string(path).map_err(|e| commands::unreadable("the plan", path, e))?;
    SavedPlan::parse(&text, path)
}
