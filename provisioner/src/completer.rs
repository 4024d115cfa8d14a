//! The values that the shell completion offers: stacks and profiles.

use std::ffi::OsStr;
use std::path::Path;

use clap_complete::CompletionCandidate;
use clap_complete::engine::{PathCompleter, ValueCompleter as _};
use provisioner_engine::stack_file;

/// The stacks of the project by their names, and stack files by their paths.
pub(crate) fn stacks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let files = stack_file::root(Path::new(".")).and_then(|root| stack_file::existing(&root).ok()).unwrap_or_default();
    let names = files.iter().filter_map(|file| file.file_stem());
    let mut candidates = starting_with(names, typed);
    if candidates.is_empty() || typed.to_string_lossy().contains('/') {
        candidates.extend(PathCompleter::any().complete(typed));
    }
    candidates
}

/// The profiles of the AWS configuration files.
pub(crate) fn profiles(typed: &OsStr) -> Vec<CompletionCandidate> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let names = runtime.map(|runtime| runtime.block_on(provisioner_aws::profiles::names())).unwrap_or_default();
    starting_with(names.iter().map(OsStr::new), typed)
}

fn starting_with<'a>(names: impl Iterator<Item = &'a OsStr>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let start = typed.as_encoded_bytes();
    names.filter(|name| name.as_encoded_bytes().starts_with(start)).map(CompletionCandidate::new).collect()
}
