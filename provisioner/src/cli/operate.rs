//! Arguments of the commands with which a running pipeline is operated.

use clap::Args;

use super::{Allow, up_to_10_000, up_to_256, within};

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

fn up_to_50(text: &str) -> Result<u16, String> {
    within(text, 50)
}

/// `provisioner rollback`
#[derive(Debug, Args)]
pub struct Rollback {
    /// Also return to the template, and with it the settings, of that deployment
    #[arg(long)]
    pub template: bool,
    /// Return to the newest deployment whose code hash or time starts with this, as `history` prints them
    #[arg(long, value_name = "HASH|TIME")]
    pub to: Option<String>,
    /// Do not ask before changing anything
    #[arg(short, long)]
    pub yes: bool,
    /// Confirm what --yes does not cover: broader permissions, replaced resources, deleted resources or data
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub allow: Vec<Allow>,
    /// Do not verify the pipeline with a small file afterwards
    #[arg(long, env = "PROVISIONER_NO_VERIFY")]
    pub no_verify: bool,
}

/// `provisioner history`
#[derive(Debug, Args)]
pub struct History {
    /// The maximum number of deployments, up to 50
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = up_to_50)]
    pub limit: u16,
}

/// `provisioner reconcile`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Reconcile {
    /// Process the files without a record, except those that are younger than 6.5 hours, whose event may still arrive
    #[arg(long)]
    pub fix: bool,
    /// Files younger than 6.5 hours are findings, too. In a bucket without versions: if they are older than two minutes
    #[arg(long)]
    pub now: bool,
    /// Start from the beginning, also if an interrupted run could be continued
    #[arg(long)]
    pub restart: bool,
    /// Do not ask before processing files
    #[arg(short, long, requires = "fix")]
    pub yes: bool,
    /// The number of concurrent invocations
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = up_to_256)]
    pub parallel: u16,
}

/// `provisioner reprocess`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).multiple(true))]
pub struct Reprocess {
    /// All uploads of these object keys
    #[arg(value_name = "KEY", group = "selection")]
    pub keys: Vec<String>,
    /// Only files of this media type, like application/pdf or image/*
    #[arg(long = "type", value_name = "TYPE", group = "selection")]
    pub file_type: Option<String>,
    /// Only files that were recorded as FAILED with this code (docs/error-codes.md)
    #[arg(long, value_name = "CODE", group = "selection")]
    pub code: Option<String>,
    /// Only records that this version of the handler wrote
    #[arg(long, value_name = "VERSION", group = "selection")]
    pub handler_version: Option<String>,
    /// Only files uploaded at or after this time: a time, or an age (30m, 2h, 7d, 1w)
    #[arg(long, value_name = "TIME", group = "selection")]
    pub since: Option<String>,
    /// Only files uploaded before this time: a time, or an age
    #[arg(long, value_name = "TIME", group = "selection")]
    pub until: Option<String>,
    /// All files
    #[arg(long, group = "selection")]
    pub all: bool,
    /// Count the files, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before processing files
    #[arg(short, long)]
    pub yes: bool,
    /// The number of concurrent invocations
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = up_to_256)]
    pub parallel: u16,
}
