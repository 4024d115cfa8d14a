//! `provisioner show`: one record whole.

use provisioner_engine::{connection, show};
use provisioner_model::error::Result;

use crate::cli::{Global, Show};
use crate::report::{Report, show as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Show, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let shown = show::show(&aws, &spec, &args.file).await?;
    report.data(&shown, || human::text(&shown, report.data_style));
    Ok(())
}
