//! `provisioner`: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // `inspect` reads files in a child process, which is this program again.
    if let Some(code) = handler_extract::child::run_if_asked() {
        return code;
    }
    let cli = provisioner::cli::Cli::parse();
    let report = provisioner::report::Report::to_terminal(&cli.global);
    match provisioner::run(cli, &report) {
        Ok(code) => code,
        Err(error) => {
            report.error(&error);
            error.exit.into()
        }
    }
}
