//! `provisioner down`: lists what is deleted and what is kept, asks for confirmation, deletes, and verifies that
//! nothing remains.

use provisioner_engine::{connection, down};
use provisioner_model::error::Result;

use crate::cli::{Down, Global};
use crate::report::Report;

/// Runs the command.
pub async fn run(global: &Global, args: &Down, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let own_emulator = connection::own_emulator(&global.connection(), &spec);
    let _lock = crate::commands::deployment_lock(own_emulator, &spec.name, report).await;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let options = down::DownOptions { confirmed: args.yes, delete_data: args.delete_data };
    down::take_down(&aws, &spec, options, report).await
}
