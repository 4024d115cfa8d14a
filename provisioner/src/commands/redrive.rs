//! `provisioner redrive`: sends failed events to the function again.

use provisioner_engine::{connection, redrive};
use provisioner_model::error::Result;

use crate::cli::{Global, Redrive};
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Redrive, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    redrive::redrive(&aws, &spec, args.yes, report).await
}
