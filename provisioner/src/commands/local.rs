//! `provisioner local`: starts, stops, shows and resets the emulator.

use provisioner_emulator::{Emulator, Environment};
use provisioner_engine::stack_file::StackFile;
use provisioner_model::error::{Error, Exit, Result};

use crate::cli::{Global, Local};
use crate::report::{Report, local as show};

/// The stack whose emulator is used if `--stack` is not given.
const LOCAL_STACK: &str = "local";

/// Runs one of the subcommands for the stack's emulator.
pub async fn run(global: &Global, command: &Local, report: &Report) -> Result<()> {
    let stack = if global.stack_named { &global.stack } else { LOCAL_STACK };
    let spec = StackFile::load(stack)?.spec;
    report.set_stack(stack, &spec.name);
    let port = spec.emulator.as_ref().map(|emulator| emulator.port).ok_or_else(|| {
        Error::new(Exit::Invalid, "no-emulator", format!("the stack {} is not for a local emulator", spec.name))
            .hint("Name one whose file has `emulator:`, for example: provisioner local start -s local")
    })?;
    let emulator = Emulator::new(port, Environment::of_this_process())?;
    match command {
        Local::Start => emulator.start(report).await,
        Local::Stop => emulator.stop(report).await,
        Local::Status => {
            let status = emulator.status().await?;
            report.data(&status, || show::status(&status, report.data_style));
            if status.running {
                Ok(())
            } else {
                Err(Error::new(Exit::Failure, "emulator-not-running", "the emulator is not running").already_reported())
            }
        }
        Local::Reset(reset) => {
            if !reset.yes {
                let question =
                    format!("Delete everything in the emulator on port {port} ({})?", emulator.data_folder().display());
                report.ask(&question, "--yes").await?;
            }
            emulator.reset(report).await
        }
    }
}
