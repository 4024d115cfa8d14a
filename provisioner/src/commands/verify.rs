//! `provisioner verify`: sends a canary through the live pipeline.

use std::time::Duration;

use provisioner_engine::{connection, verify};
use provisioner_model::error::Result;

use crate::cli::{Global, Verify};
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Verify, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let verified = verify::verify(&aws, &spec, Duration::from_secs(args.timeout.0), report).await?;
    report.verified(verified);
    Ok(())
}
