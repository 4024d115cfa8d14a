//! Arguments of the commands with which a running pipeline is operated.

use clap::Args;

use super::up_to_10_000;

/// `provisioner show`
#[derive(Debug, Args)]
pub struct Show {
    /// An object's key, a record's id (documentId), or a file's name
    #[arg(value_name = "KEY|DOCUMENT_ID")]
    pub file: String,
}

/// `provisioner trace`
#[derive(Debug, Args)]
pub struct Trace {
    /// An object's key, a record's id (documentId) for one of several uploads of a key, or a file's name
    #[arg(value_name = "FILE|KEY|DOCUMENT_ID")]
    pub file: String,
}

/// `provisioner logs`
#[derive(Debug, Args)]
pub struct Logs {
    /// Keep printing new lines until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines at or after this time: a time, or an age
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,
    /// Only lines before this time: a time, or an age
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub until: Option<String>,
    /// Only lines about files of this name or key, case-sensitive; * matches any characters
    #[arg(long, value_name = "NAME")]
    pub file: Option<String>,
    /// Only warnings, errors, panics, and invocations that ended early
    #[arg(long)]
    pub errors: bool,
    /// Only lines of the invocation whose request id starts with this, as the end of a line shows it
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// Only lines that contain this text; * matches any characters
    #[arg(long, value_name = "PATTERN")]
    pub grep: Option<String>,
    /// Also metrics, and Lambda's own lines on the start, the end and the billed duration of each invocation
    #[arg(long)]
    pub reports: bool,
    /// The maximum number of lines; the newest are printed
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = up_to_10_000)]
    pub limit: u16,
}

/// `provisioner redrive`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Redrive {
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// List the failed events: code, name, age and attempts of each. They are given back to the queue at once
    #[arg(long, conflicts_with_all = ["yes", "dry_run", "keep", "discard"])]
    pub list: bool,
    /// Only events that failed with this code, as --list shows it
    #[arg(long, value_name = "CODE", ignore_case = true)]
    pub code: Option<String>,
    /// Only events of files whose name or key contains this text; * matches any characters
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// The maximum number of events, oldest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10_000, value_parser = up_to_10_000)]
    pub limit: u16,
    /// Show what would be sent and what would be deleted, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Keep the messages in the queue, whatever the outcome
    #[arg(long, conflicts_with = "discard")]
    pub keep: bool,
    /// Delete the events instead of sending them; their files get no record
    #[arg(long)]
    pub discard: bool,
}

/// `provisioner forget`
#[derive(Debug, Args)]
pub struct Forget {
    /// The object's whole key
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Do not ask before deleting
    #[arg(short, long)]
    pub yes: bool,
}
