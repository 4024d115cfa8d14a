//! `provisioner status`: the health of the stack, its resources, code, permissions and failed events on one screen.

use provisioner_engine::{connection, status};
use provisioner_model::error::{Error, Exit, Result};

use crate::cli::{Global, Status};
use crate::report::{Report, status as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Status, report: &Report) -> Result<()> {
    let file = super::stack_file(global, report)?;
    let aws = connection::connect(&global.connection(), &file.spec).await?;
    let mut status = status::status(&aws, &file, args.drift).await?;
    let style = report.data_style;
    // The screen is completed as a whole.
    if report.is_json() {
        for problem in &mut status.health.problems {
            problem.fix = report.completed(&problem.fix);
        }
    }
    report.data(&status, || report.screen(&human::text(&status, style)));
    let state = status.health.state;
    if args.check && !state.is_ok() {
        let message = format!("the stack {}: {}", status.stack, state.words());
        return Err(Error::new(Exit::Unhealthy, "unhealthy", message).already_reported());
    }
    Ok(())
}
