//! `provisioner verify`: sends a canary through the live pipeline.

use std::time::Duration;

use provisioner_engine::{connection, verify};
use provisioner_model::error::{Error, Exit, Result};

use crate::cli::{Global, Verify};
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Verify, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let timeout = Duration::from_secs(args.timeout.0);
    let connected = tokio::time::timeout(timeout, connection::connect(&global.connection(), &spec)).await;
    let aws = connected.unwrap_or_else(|_| {
        let message = format!("no connection to the services of {} within {} s", spec.name, timeout.as_secs());
        Err(Error::new(Exit::Access, "unreachable", message).hint("Check the network, or give it more --timeout."))
    })?;
    let verified = verify::verify(&aws, &spec, timeout, report).await?;
    report.verified(verified);
    Ok(())
}
