//! `provisioner plan`: shows what `up` would do, without changing anything.

use std::path::Path;

use provisioner_artifact::NO_HANDLER;
use provisioner_artifact::handler_build::Build;
use provisioner_engine::dialog::Dialog;
use provisioner_engine::observe::{self, ObservedState};
use provisioner_engine::{connection, handler};
use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::names::Names;
use provisioner_model::template::ARTIFACT_KEY;
use provisioner_planner::preview::{self, Code, Preview};
use provisioner_planner::state::{Desired, Observed};

use crate::cli::{Global, Plan as Arguments, PlanFormat};
use crate::commands;
use crate::invocation::quoted;
use crate::report::{Report, markdown, plan as human};

/// Runs the command. Returns [`Exit::Changes`] if the plan has changes, and [`Exit::Unhealthy`] if it
/// has none although the stack is broken.
pub async fn run(global: &Global, args: &Arguments, report: &Report) -> Result<Option<Exit>> {
    let file = super::stack_file(global, report)?;
    let format = commands::format(report, args.format, PlanFormat::Json)?;
    commands::named_handler(args.handler.as_deref(), report)?;
    let template = commands::linted(&file.path, &file.spec, report)?.document();
    let aws = connection::connect(&global.connection(), &file.spec).await?;
    let names = Names::new(&file.spec, &aws.account, &aws.region);
    // With --json, standard output contains only the document.
    let silent = Report::silent();
    let narrator: &dyn Dialog = if report.is_json() { &silent } else { report };
    let (built, world) = tokio::join!(
        handler::package(&file, args.handler.as_deref(), Build::of(&file.spec, false), narrator),
        observe::observe_with_drift(&aws, &names, args.drift)
    );
    let ObservedState { observed, drift } = world?;
    let package = match built {
        Ok(built) => Some(built.package),
        // Other settings can be planned without a handler: the deployed one stays.
        Err(error) if error.code == NO_HANDLER && args.handler.is_none() && deployed_code(&observed).is_some() => {
            narrator.remark("there is no handler here; the plan leaves the deployed code as it is");
            None
        }
        Err(error) => return Err(error),
    };
    let (key, code) = match (&package, deployed_code(&observed)) {
        (Some(package), _) => (package.key(), handler::code(package)),
        (None, Some((key, code))) => (key.to_owned(), code),
        (None, None) => return Err(Error::new(Exit::Usage, NO_HANDLER, "there is no handler to deploy")),
    };
    let place = observe::place(&aws, &names);
    let desired = Desired::new(place, names, template, &file.spec, key, observed.stack.as_ref());
    let mut preview = preview::preview(&desired, &observed, code, drift, args.revert_drift);
    if file.spec.emulator.is_some() {
        preview.slow.clear();
    }
    if let Some(path) = &args.out {
        write(path, &preview)?;
    }
    match format.unwrap_or(PlanFormat::Text) {
        PlanFormat::Text => {
            report.data(&preview, || report.screen(&human::text(&preview, report.data_style, report.verbose)));
        }
        PlanFormat::Json => report.document(&preview),
        PlanFormat::Markdown => report.text(&report.completed(&markdown::plan(&preview))),
    }
    if let Some(path) = &args.out {
        report.remark(&format!(
            "The plan is in {}. Apply exactly this plan with: provisioner up --plan {} -s {}",
            path.display(),
            quoted(&path.display().to_string()),
            preview.stack
        ));
    }
    match &preview.blocked {
        Some(block) => Err(block.refusal().already_reported()),
        None if !preview.broken().is_empty() => Ok(Some(Exit::Unhealthy)),
        None => Ok(preview.changes.then_some(Exit::Changes)),
    }
}

/// The code that the stack has, if it is deployed.
fn deployed_code(observed: &Observed) -> Option<(&str, Code<'_>)> {
    let key = observed.stack.as_ref()?.parameters.get(ARTIFACT_KEY)?;
    let code = observed.code.as_ref()?;
    Some((key, Code { sha256: &code.sha256, size: code.size }))
}

fn write(path: &Path, preview: &Preview) -> Result<()> {
    let mut text = serde_json::to_string_pretty(preview)
        .map_err(|e| Error::new(Exit::Failure, "plan-file", "failed to write the plan").source(e))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|e| io("write the plan to", path, e))
}
