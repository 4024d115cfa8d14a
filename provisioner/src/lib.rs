//! The command line of the provisioner, which creates, updates, shows and deletes the file pipeline.
//!
//! `stacks/*.yaml` → spec → template → plan → consent → apply → events → [`report`]. The steps in between are separate
//! crates: `provisioner-model` and `provisioner-planner` are pure functions, only `provisioner-aws` calls AWS, and
//! `provisioner-engine` executes the plan. This crate contains the arguments ([`cli`]), one file for each command
//! ([`commands`]), and [`report`], the only module that prints.

pub mod cli;
pub mod commands;
mod completer;
pub mod docs;
pub mod help;
pub mod invocation;
pub mod report;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use provisioner_aws::calls;
use provisioner_engine::interrupt;
use provisioner_model::error::{self, Result};

use cli::{Cli, Command};
use report::Report;

pub use cli::command;

/// Parses this process's arguments. Exits the process after `--help`, `--version` and usage errors, as clap does; with
/// `--json` a usage error is a line of JSON too.
pub fn parse() -> Cli {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    cli::parse_from(arguments.iter().cloned()).unwrap_or_else(|error| {
        if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
            report::usage_error(&error.to_string());
        }
        let hint = help::instead(&error);
        let _ = error.print();
        if let Some(hint) = hint {
            report::usage_hint(hint);
        }
        std::process::exit(error.exit_code())
    })
}

/// Runs one command to completion. Returns the exit code of a command that did not fail.
pub fn run(cli: Cli, report: &Arc<Report>) -> Result<ExitCode> {
    if let Some(path) = std::env::var_os(calls::VARIABLE).filter(|path| !path.is_empty()) {
        calls::record_to(path.as_ref()).map_err(|e| error::io("open", path.as_ref(), e))?;
    }
    let global = &cli.global;
    match cli.command {
        Command::Plan(args) => {
            let exit = wait_for(commands::plan::run(global, &args, report))?;
            return Ok(exit.map_or(ExitCode::SUCCESS, ExitCode::from));
        }
        Command::Local(command) => wait_for(commands::local::run(global, &command, report)),
        Command::Up(args) => wait_for(commands::up::run(global, &args, report)),
        Command::Status(args) => wait_for(commands::status::run(global, &args, report)),
        Command::Verify(args) => wait_for(commands::verify::run(global, &args, report)),
        Command::Down(args) => wait_for(commands::down::run(global, &args, report)),
        Command::Redrive(args) => wait_for(commands::redrive::run(global, &args, report)),
        Command::Rollback(args) => wait_for(commands::rollback::run(global, &args, report)),
        Command::History(args) => wait_for(commands::history::run(global, &args, report)),
        Command::Reconcile(args) => wait_for(commands::reconcile::run(global, &args, report)),
        Command::Reprocess(args) => wait_for(commands::reprocess::run(global, &args, report)),
        Command::Put(args) => wait_for(commands::put::run(global, &args, report)),
        Command::Records(args) => wait_for(commands::records::run(global, &args, report)),
        Command::Show(args) => wait_for(commands::show::run(global, &args, report)),
        Command::Trace(args) => wait_for(commands::trace::run(global, &args, report)),
        Command::Forget(args) => wait_for(commands::forget::run(global, &args, report)),
        Command::Logs(args) => wait_for(commands::logs::run(global, &args, report)),
        Command::Web(args) => wait_for(commands::web::run(global, &args, report)),
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

/// Runs an asynchronous command on a new runtime.
fn wait_for<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| error::Error::new(error::Exit::Failure, "io", "failed to start the runtime").source(e))?;
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            result = command => result,
            () = interrupt::unhandled() => {
                Err(error::Error::new(error::Exit::Interrupted, "interrupted", "interrupted")
                    .hint("An operation that was started in AWS continues there. Run the same command again to resume."))
            }
        }
    });
    // A blocked read of standard input must not delay the exit.
    runtime.shutdown_background();
    result
}
