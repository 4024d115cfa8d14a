//! `provisioner status`: the stack, its resources, code, permissions and failed events on one screen.

use provisioner_engine::stack_file::StackFile;
use provisioner_engine::{connection, status};
use provisioner_model::error::Result;

use crate::cli::{Global, Status};
use crate::report::{Report, status as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Status, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let aws = connection::connect(&global.connection(), &file.spec).await?;
    let status = status::status(&aws, &file, args.drift).await?;
    let style = report.style;
    report.data(&status, || human::text(&status, style));
    Ok(())
}
