//! One file for each command: it connects the arguments, the pure modules, AWS and the report.

pub mod bundle;
pub mod completions;
pub mod down;
pub mod forget;
pub mod history;
pub mod init;
pub mod inspect;
pub mod local;
pub mod logs;
pub mod man;
pub mod plan;
pub mod put;
pub mod reconcile;
pub mod records;
pub mod redrive;
pub mod reprocess;
pub mod rollback;
pub mod schema;
pub mod show;
pub mod status;
pub mod synth;
pub mod trace;
pub mod up;
pub mod verify;
pub mod web;

use std::path::Path;

use clap::ValueEnum;
use handler_contract::Timestamp;
use provisioner_emulator::{Emulator, Environment};
use provisioner_engine::stack_file::StackFile;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::lint::{self, Severity};
use provisioner_model::query::moment;
use provisioner_model::spec::StackSpec;
use provisioner_model::template::Template;

use crate::cli::Global;
use crate::report::Report;

/// The times of `--since` and `--until`.
fn period(since: Option<&str>, until: Option<&str>, now: &Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let usage = |message: String| Error::new(Exit::Usage, "usage", message);
    let time = |text: Option<&str>| text.map(|text| moment(text, now)).transpose().map_err(|e| usage(e.to_string()));
    let (since, until) = (time(since)?, time(until)?);
    if let (Some(since), Some(until)) = (&since, &until)
        && since >= until
    {
        return Err(usage(format!("--since ({since}) is not before --until ({until})")));
    }
    Ok((since, until))
}

/// Reads the stack file that the command line names, and tells the report how to name it in commands.
pub fn stack_file(global: &Global, report: &Report) -> Result<StackFile> {
    let (stack, file) = if global.stack_named {
        (global.stack.clone(), StackFile::load(&global.stack)?)
    } else {
        StackFile::load_default(&global.stack)?
    };
    report.set_stack(&stack, &file.spec.name);
    Ok(file)
}

/// Builds the stack's template. Lint errors are returned; lint warnings are printed.
pub fn linted(file: &Path, spec: &StackSpec, report: &Report) -> Result<Template> {
    let template = provisioner_model::template::build(spec);
    let findings = lint::check(spec, &template);
    for finding in findings.iter().filter(|finding| finding.severity() == Severity::Warning) {
        report.warn(&format!("{}: {finding}", file.display()));
    }
    lint::refuse(&findings)?;
    Ok(template)
}

/// Waits for other commands on this machine that deploy or delete the same stack in its own emulator; see
/// [`Emulator::deployment_lock`].
async fn deployment_lock(emulator: Option<u16>, stack: &str, report: &Report) -> Option<std::fs::File> {
    let emulator = Emulator::new(emulator?, Environment::of_this_process()).ok()?;
    let waiting = || report.remark(&format!("Waiting for another command that deploys or deletes {stack}…"));
    emulator.deployment_lock(stack, waiting).await
}

/// The output format: the named one, or JSON with `--json`; `None` if neither was given. An error if both were given and
/// contradict each other.
pub fn format<F: ValueEnum + PartialEq>(report: &Report, named: Option<F>, json: F) -> Result<Option<F>> {
    match named {
        Some(format) if report.is_json() && format != json => {
            let name = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            Err(Error::new(Exit::Usage, "usage", format!("--json contradicts --format {name}"))
                .hint("Give one of them."))
        }
        None if report.is_json() => Ok(Some(json)),
        named => Ok(named),
    }
}

/// A file that the command line names and that cannot be read: a mistake of the command line, whatever the command.
pub fn unreadable(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::new(Exit::Usage, "unreadable", format!("failed to read {what} {}", path.display())).source(source)
}

/// Checks that the named handler exists, and lets printed commands repeat it.
pub fn named_handler(handler: Option<&Path>, report: &Report) -> Result<()> {
    if let Some(path) = handler.filter(|path| path.as_os_str() != "embedded") {
        std::fs::metadata(path).map_err(|e| unreadable("the handler", path, e))?;
    }
    let from_environment = std::env::var_os("PROVISIONER_HANDLER");
    report.set_handler(handler.filter(|path| from_environment.as_deref() != Some(path.as_os_str())));
    Ok(())
}
