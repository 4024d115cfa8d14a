//! The provisioner: creates, updates, shows and destroys the file pipeline.
//!
//! `stacks/*.yaml` → [`spec`] → template → plan → consent → apply → events → [`report`]. Everything left of "apply" is
//! a pure function of its inputs; [`aws`] alone speaks to AWS, [`report`] alone prints.

pub mod aws;
pub mod cli;
pub mod commands;
pub mod docs;
pub mod error;
pub mod event;
pub mod lint;
pub mod names;
pub mod report;
pub mod spec;
pub mod template;
pub mod units;

use cli::{Cli, Command};
use error::Result;
use report::Report;

/// Runs one command to its end.
pub fn run(cli: Cli, report: &Report) -> Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Synth(args) => commands::synth::run(global, &args, report),
        Command::Schema => {
            commands::schema::run(report);
            Ok(())
        }
        _ => Ok(()),
    }
}
