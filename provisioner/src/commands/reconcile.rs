//! `provisioner reconcile`: compares the bucket with the table.

use provisioner_engine::connection;
use provisioner_engine::reconcile::{self, Options};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::counted;

use crate::cli::{Global, Reconcile};
use crate::report::Report;

/// Runs the command. Findings that are left are an error.
pub async fn run(global: &Global, args: &Reconcile, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let Reconcile { fix, now, restart, yes, parallel } = *args;
    let options = Options { fix, now, restart, yes, parallel };
    let summary = reconcile::reconcile(&aws, &spec, &global.stack, options, report).await?;
    if summary.left == 0 {
        return Ok(());
    }
    let message = format!("bucket and table disagree: {}", counted(summary.left, "finding"));
    let error = Error::new(Exit::Findings, "findings", message);
    Err(match summary.sent {
        None if summary.counts.missing > 0 => {
            let now = if now { " --now" } else { "" };
            error.hint(format!("Process the files without a record: provisioner reconcile --fix{now}"))
        }
        _ => error,
    })
}
