//! The provisioner: creates, updates, shows and destroys the file pipeline.
//!
//! `stacks/*.yaml` → [`spec`] → template → plan → consent → apply → events → [`report`]. Everything left of "apply" is
//! a pure function of its inputs; [`aws`] alone speaks to AWS, [`report`] alone prints.

pub mod apply;
pub mod arrivals;
pub mod aws;
pub mod canary;
pub mod cli;
pub mod code;
pub mod commands;
pub mod consent;
pub mod diff;
pub mod docs;
pub mod drift;
pub mod effects;
pub mod embedded;
pub mod error;
pub mod event;
pub mod fault;
pub mod gather;
pub mod handler_build;
pub mod interrupt;
pub mod lint;
pub mod local;
pub mod log_lines;
pub mod names;
pub mod package;
pub mod permissions;
pub mod placeholders;
pub mod plan;
pub mod preview;
pub mod query;
pub mod report;
pub mod resolve;
pub mod sources;
pub mod spec;
pub mod stack;
pub mod status;
pub mod template;
pub mod units;
pub mod verify;
pub mod zip_cache;

use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory as _, FromArgMatches as _};
use cli::{Cli, Command};
use error::Result;
use report::Report;

/// The command line's shape. The long form of `--version` also says which handler this program carries.
pub fn command() -> clap::Command {
    static VERSION: OnceLock<String> = OnceLock::new();
    let version = VERSION.get_or_init(|| {
        let inside = match embedded::Index::of_this_program() {
            Ok(Some(index)) => index.describe(),
            Ok(None) => "no handler inside".to_owned(),
            Err(error) => format!("handler inside: {}", error.causes().join(": ")),
        };
        format!("{}\n{inside}", env!("CARGO_PKG_VERSION"))
    });
    Cli::command().long_version(version.as_str())
}

/// Reads this process's command line; ends the process where clap does, after `--help`, `--version` and mistakes.
pub fn parse() -> Cli {
    let mut command = command();
    let matches = command.get_matches_mut();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Runs one command to its end. Returns the exit code of one that did not fail.
pub fn run(cli: Cli, report: &Report) -> Result<ExitCode> {
    let global = &cli.global;
    match cli.command {
        Command::Plan(args) => {
            let told = wait_for(commands::plan::run(global, &args, report))?;
            return Ok(told.map_or(ExitCode::SUCCESS, ExitCode::from));
        }
        Command::Local(command) => wait_for(commands::local::run(global, &command, report)),
        Command::Up(args) => wait_for(commands::up::run(global, &args, report)),
        Command::Status(args) => wait_for(commands::status::run(global, &args, report)),
        Command::Verify(args) => wait_for(commands::verify::run(global, &args, report)),
        Command::Down(args) => wait_for(commands::down::run(global, &args, report)),
        Command::Redrive(args) => wait_for(commands::redrive::run(global, &args, report)),
        Command::Put(args) => wait_for(commands::put::run(global, &args, report)),
        Command::Records(args) => wait_for(commands::records::run(global, &args, report)),
        Command::Logs(args) => wait_for(commands::logs::run(global, &args, report)),
        Command::Inspect(args) => wait_for(commands::inspect::run(global, &args, report)),
        Command::Synth(args) => commands::synth::run(global, &args, report),
        Command::Schema => {
            commands::schema::run(report);
            Ok(())
        }
        Command::Init => commands::init::run(report),
        Command::Bundle(args) => wait_for(commands::bundle::run(&args, report)),
        Command::Completions(args) => commands::completions::run(&args, report),
        Command::Man(args) => commands::man::run(&args, report),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Runs a command that waits for others: services, processes, files.
fn wait_for<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| error::Error::new(error::Exit::Failure, "io", "failed to start the runtime").source(e))?;
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            result = command => result,
            () = interrupt::unattended() => {
                Err(error::Error::new(error::Exit::Interrupted, "interrupted", "interrupted")
                    .hint("What was begun in AWS goes on there. Run the same command again: it goes on from there."))
            }
        }
    });
    // A read of standard input that waits for ever does not hold up the end.
    runtime.shutdown_background();
    result
}
