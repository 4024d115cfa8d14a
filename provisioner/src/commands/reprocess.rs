//! `provisioner reprocess`: processes files again whose records exist.

use handler_contract::{ErrorCode, Status};
use provisioner_engine::reprocess::{self, Options, Selection};
use provisioner_engine::{clock, connection};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::query::{Query, media_type};
use provisioner_planner::canary;

use crate::cli::{Global, Reprocess};
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Reprocess, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let selection = selection(args)?;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let Reprocess { yes, dry_run, parallel, .. } = *args;
    let options = Options { yes, dry_run, parallel };
    let sent = reprocess::reprocess(&aws, &spec, &global.stack, &selection, options, report).await?;
    if sent.duplicates > 0 && sent.duplicates == sent.total() {
        report.narrate(
            "No record was replaced: they are newer than this run, or the deployed handler is older than this command. \
             Deploy this version with: provisioner up",
        );
    }
    Ok(())
}

fn selection(args: &Reprocess) -> Result<Selection> {
    let now = clock::now()?;
    let usage = |e: &dyn std::error::Error| Error::new(Exit::Usage, "usage", e.to_string());
    let (since, until) = super::period(args.since.as_deref(), args.until.as_deref(), &now)?;
    let file_type = args.file_type.as_deref().map(media_type).transpose().map_err(|e| usage(&e))?;
    let code = args.code.as_deref().map(error_code).transpose()?;
    let query = Query {
        status: code.map(|_| Status::Failed),
        file_type,
        since,
        until,
        excluded: args.keys.is_empty().then_some(canary::NAME),
        ..Query::default()
    };
    Ok(Selection { keys: args.keys.clone(), query, code, handler_version: args.handler_version.clone() })
}

fn error_code(text: &str) -> Result<ErrorCode> {
    let known = ErrorCode::ALL.iter().copied();
    known.clone().find(|code| code.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let codes = known.map(ErrorCode::as_str).collect::<Vec<_>>().join(", ");
        Error::new(Exit::Usage, "usage", format!("{text:?} is not an error code")).hint(format!("One of: {codes}"))
    })
}
