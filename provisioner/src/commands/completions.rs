//! `provisioner completions`: the shell completion script, and the values that it offers.
//!
//! The script asks this program for what fits at the cursor, so that it knows option values from commands, and offers the
//! stacks of the project and the profiles of the AWS configuration files.

use std::ffi::OsString;

use clap_complete::env::{CompleteEnv, Shells};
use provisioner_model::error::{Error, Exit, Result};

use crate::cli::{Completions, command};
use crate::report::Report;

/// The variable with which the script asks.
const VARIABLE: &str = "PROVISIONER_COMPLETE";
/// The name under which the script finds this program.
const PROGRAM: &str = "provisioner";

/// Prints the script on standard output.
pub fn run(args: &Completions, report: &Report) -> Result<()> {
    let failed = || Error::new(Exit::Failure, "completions", "failed to generate the completion script");
    let shell = args.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).ok_or_else(failed)?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .map_err(|error| failed().source(error))?;
    report.text(&String::from_utf8_lossy(&script));
    Ok(())
}

/// Answers the script and ends the process, if it is the script that runs this program.
pub fn answer_if_asked() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok()).unwrap_or(usize::MAX);
    let arguments = with_neutral_values(std::env::args_os().collect(), index, &command());
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(VARIABLE).bin(PROGRAM);
    match asked.try_complete(arguments, here.as_deref()) {
        Ok(false) => {}
        Ok(true) => std::process::exit(0),
        Err(error) => error.exit(),
    }
}

/// The arguments with the values of options, before the word at the cursor, replaced by a text that is no command: `clap`'s
/// completion takes the value of `-s local` for the command `local`. The words of the command line follow `--`.
fn with_neutral_values(mut arguments: Vec<OsString>, cursor: usize, command: &clap::Command) -> Vec<OsString> {
    let Some(words) = arguments.iter().position(|argument| argument == "--").map(|at| at + 1) else { return arguments };
    for at in words..arguments.len().saturating_sub(1) {
        let takes_value = arguments[at].to_str().is_some_and(|word| takes_value(command, word));
        if takes_value && at + 1 < words.saturating_add(cursor) {
            arguments[at + 1] = ".".into();
        }
    }
    arguments
}

/// Whether a word is an option of a command, or of one below it, whose value is the next word.
fn takes_value(command: &clap::Command, word: &str) -> bool {
    let is_named = |argument: &clap::Arg| match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(long), _) => argument.get_long() == Some(long),
        (None, Some(short)) => short.chars().last().is_some_and(|last| argument.get_short() == Some(last)),
        (None, None) => false,
    };
    command.get_arguments().any(|argument| is_named(argument) && argument.get_action().takes_values())
        || command.get_subcommands().any(|below| takes_value(below, word))
}
