//! `provisioner`: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // `inspect` extracts files in a child process that runs this same executable.
    if let Some(code) = handler_extract::child::run_if_asked() {
        return code;
    }
    let cli = provisioner::parse();
    let report = provisioner::report::Report::to_terminal(&cli.global);
    match provisioner::run(cli, &report).and_then(|code| report.finish().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            report.error(&error);
            error.exit.into()
        }
    }
}
