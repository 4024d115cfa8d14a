//! The command line of the provisioner, which creates, updates, shows and destroys the file pipeline.
//!
//! `stacks/*.yaml` → spec → template → plan → consent → apply → events → [`report`]. What is between the first and the
//! last is crates of their own: `provisioner-model` and `provisioner-planner` are pure functions, `provisioner-aws` alone
//! speaks to AWS, `provisioner-engine` does what was decided. Here stand the command line's shape ([`cli`]), a file for
//! each command ([`commands`]), and [`report`], which alone prints.

pub mod cli;
pub mod commands;
pub mod docs;
pub mod report;

use std::process::ExitCode;

use provisioner_aws::calls;
use provisioner_engine::interrupt;
use provisioner_model::error::{self, Result};

use cli::{Cli, Command};
use report::Report;

pub use cli::{command, parse};

/// Runs one command to its end. Returns the exit code of one that did not fail.
pub fn run(cli: Cli, report: &Report) -> Result<ExitCode> {
    if let Some(path) = std::env::var_os(calls::VARIABLE).filter(|path| !path.is_empty()) {
        calls::record_to(path.as_ref()).map_err(|e| error::io("open", path.as_ref(), e))?;
    }
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
            () = interrupt::unhandled() => {
                Err(error::Error::new(error::Exit::Interrupted, "interrupted", "interrupted")
                    .hint("What was begun in AWS goes on there. Run the same command again: it goes on from there."))
            }
        }
    });
    // A read of standard input that waits for ever does not hold up the end.
    runtime.shutdown_background();
    result
}
