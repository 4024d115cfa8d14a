//! The child's side: limits first, then sniff, validate, extract, answer.

use std::process::ExitCode;

/// Runs this process as an extraction child if its first argument says so, and then returns its exit code.
///
/// Must be called first thing in `main`, before threads, sockets or credentials exist.
pub fn run_if_asked() -> Option<ExitCode> {
    None
}
