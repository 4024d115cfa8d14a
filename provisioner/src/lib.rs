//! The provisioner: creates, updates, shows and destroys the file pipeline.
//!
//! `stacks/*.yaml` → [`spec`] → template → plan → consent → apply → events → [`report`]. Everything left of "apply" is
//! a pure function of its inputs; [`aws`] alone speaks to AWS, [`report`] alone prints.

pub mod apply;
pub mod aws;
pub mod cli;
pub mod commands;
pub mod diff;
pub mod error;
pub mod event;
pub mod handler_build;
pub mod local;
pub mod names;
pub mod package;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod spec;
pub mod status;
pub mod template;
pub mod units;

use cli::{Cli, Command};
use error::Result;
use report::Report;

/// Runs one command to its end.
pub fn run(cli: Cli, report: &Report) -> Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Local(command) => wait_for(commands::local::run(global, &command, report)),
        Command::Up(args) => wait_for(commands::up::run(global, &args, report)),
        Command::Status => wait_for(commands::status::run(global, report)),
        Command::Down(args) => wait_for(commands::down::run(global, &args, report)),
        Command::Redrive(args) => wait_for(commands::redrive::run(global, &args, report)),
        Command::Synth(args) => commands::synth::run(global, &args, report),
        _ => Ok(()),
    }
}

/// Runs a command that waits for others: services, processes, files.
fn wait_for(command: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| error::Error::new(error::Exit::Failure, "io", "failed to start the runtime").source(e))?
        .block_on(command)
}
