//! `provisioner`: parse, run, exit code.

use std::ffi::OsStr;
use std::process::ExitCode;

/// The beginnings of the names of variables of which an empty one counts as not set.
const PREFIXES: [&str; 2] = ["AWS_", "PROVISIONER_"];

fn main() -> ExitCode {
    unset_empty_variables();
    // `inspect` extracts files in a child process that runs this same executable.
    if let Some(code) = handler_extract::child::run_if_asked() {
        return code;
    }
    provisioner::commands::completions::answer_if_asked();
    let cli = provisioner::parse();
    let report = std::sync::Arc::new(provisioner::report::Report::to_terminal(&cli.global));
    match provisioner::run(cli, &report).and_then(|code| report.finish().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            report.error(&error);
            error.exit.into()
        }
    }
}

/// Unsets the variables of AWS and of this program that are set to nothing, as CI systems set those without a value. They
/// mean the same as unset ones, which neither the SDK nor clap knows.
fn unset_empty_variables() {
    let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| PREFIXES.iter().any(|p| name.starts_with(p)));
    for (name, value) in std::env::vars_os() {
        if value.is_empty() && is_ours(&name) {
            #[expect(unsafe_code, reason = "the SDK reads the environment itself, so it must be changed")]
            // SAFETY: this process has no other thread yet.
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
}
