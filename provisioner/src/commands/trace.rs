//! `provisioner trace`: what happened to one file.

use provisioner_engine::{connection, trace};
use provisioner_model::error::Result;

use crate::cli::{Global, Trace};
use crate::report::{Report, trace as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Trace, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let mut trace = trace::trace(&aws, &spec, &args.file).await?;
    // Only what to do next contains commands; names of files may look like one.
    trace.conclusion.next = trace.conclusion.next.map(|next| report.completed(&next));
    report.data(&trace, || human::text(&trace, report.data_style));
    Ok(())
}
