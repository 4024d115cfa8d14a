//! `provisioner synth`

use crate::cli::{Global, Synth};
use crate::error::Result;
use crate::report::Report;
use crate::spec::StackFile;
use crate::template;

/// Prints the stack's template: YAML, or JSON with `--json`.
pub fn run(global: &Global, _args: &Synth, report: &Report) -> Result<()> {
    let stack = StackFile::load(&global.stack)?;
    let template = template::build(&stack.spec);
    report.text(&if report.is_json() { template.to_json() } else { template.to_yaml() });
    Ok(())
}
