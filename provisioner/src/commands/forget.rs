//! `provisioner forget`: erases one file.

use provisioner_engine::{connection, forget};
use provisioner_model::error::Result;

use crate::cli::{Forget, Global};
use crate::report::{Report, forget as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Forget, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let mut forgotten = forget::forget(&aws, &spec, &args.key, args.yes, report).await?;
    for what in &mut forgotten.remains {
        *what = report.completed(what);
    }
    report.data(&forgotten, || human::text(&forgotten, report.data_style));
    Ok(())
}
