//! `provisioner completions`: the shell completion script.

use provisioner_model::error::Result;

use crate::cli::{Completions, command};
use crate::report::Report;

/// Prints the script on standard output.
pub fn run(args: &Completions, report: &Report) -> Result<()> {
    let mut command = command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    report.text(&String::from_utf8_lossy(&script));
    Ok(())
}
