//! The command line. Arguments and help texts only; `commands/` contains what a command does.

mod operate;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use provisioner_artifact::embedded::Index;
use provisioner_aws::Role;
use provisioner_engine::connection::Options;
use provisioner_model::spec::{Architecture, DEFAULT_STACK, architecture};
use provisioner_planner::consent;

use crate::completer;
use crate::help;
use crate::invocation::Invocation;

pub use self::operate::{Forget, History, Logs, Reconcile, Redrive, Reprocess, Rollback, Show, Trace};

/// The session name of an assumed role, unless another is given.
const ROLE_SESSION_NAME: &str = "provisioner";

/// Creates, updates, shows and destroys an event-driven file pipeline on AWS: drop a file into the bucket, find its
/// record in the table.
#[derive(Debug, Parser)]
#[command(name = "provisioner", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = help::SHORT, after_long_help = help::LONG)]
pub struct Cli {
    /// Options that every command accepts.
    #[command(flatten)]
    pub global: Global,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command accepts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The stack: a name for stacks/NAME.yaml or for the file there with this `name:`, or a path to a stack file
    #[arg(short, long, global = true, value_name = "NAME|PATH", env = "PROVISIONER_STACK", default_value = DEFAULT_STACK, add = ArgValueCompleter::new(completer::stacks))]
    pub stack: String,
    /// Whether the stack was named, on the command line or by the environment.
    #[arg(skip)]
    pub stack_named: bool,
    /// Print data as JSON on standard output, and events as JSON lines
    #[arg(long, global = true)]
    pub json: bool,
    /// Show plans with CloudFormation's types and properties
    #[arg(short, long, global = true, hide_short_help = true)]
    pub verbose: bool,
    /// The profile of the AWS configuration files; overrides `AWS_PROFILE` and keys in the environment
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCompleter::new(completer::profiles))]
    pub profile: Option<String>,
    /// The region; overrides `region` in the stack file
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// The role to assume: every call is made with its permissions instead of those of the configured credentials
    #[arg(long, global = true, value_name = "ARN", env = "PROVISIONER_ROLE_ARN", value_parser = provisioner_model::spec::role_arn, hide_short_help = true)]
    pub role_arn: Option<String>,
    /// The external ID (sts:ExternalId) that the role's trust policy requires, for a role in another account
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "PROVISIONER_EXTERNAL_ID",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub external_id: Option<String>,
    /// The session name of the assumed role, which audit logs record
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "PROVISIONER_ROLE_SESSION_NAME",
        default_value = ROLE_SESSION_NAME,
        hide_short_help = true
    )]
    pub role_session_name: String,
    /// The service role that CloudFormation assumes to create the stack's resources; overrides the one in the stack
    /// file
    #[arg(long, global = true, value_name = "ARN", env = "PROVISIONER_CLOUDFORMATION_ROLE_ARN", value_parser = provisioner_model::spec::role_arn, hide_short_help = true)]
    pub cloudformation_role_arn: Option<String>,
    /// The endpoint URL to use for every AWS service
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL", hide_short_help = true)]
    pub endpoint_url: Option<String>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN", hide_short_help = true)]
    pub color: ColorChoice,
}

impl Global {
    /// What printed commands repeat: the stack as it was named, and the options of the connection that this command line
    /// has and the environment has not.
    pub fn invocation(&self) -> Invocation {
        let given = |value: &Option<String>, variable: &str| {
            value.clone().filter(|value| std::env::var(variable).as_ref() != Ok(value))
        };
        let session = Some(self.role_session_name.clone()).filter(|name| name != ROLE_SESSION_NAME);
        let connection = [
            ("--profile", self.profile.clone()),
            ("--region", self.region.clone()),
            ("--endpoint-url", given(&self.endpoint_url, "AWS_ENDPOINT_URL")),
            ("--role-arn", given(&self.role_arn, "PROVISIONER_ROLE_ARN")),
            ("--external-id", given(&self.external_id, "PROVISIONER_EXTERNAL_ID")),
            ("--role-session-name", given(&session, "PROVISIONER_ROLE_SESSION_NAME")),
            ("--cloudformation-role-arn", given(&self.cloudformation_role_arn, "PROVISIONER_CLOUDFORMATION_ROLE_ARN")),
        ];
        Invocation {
            stack: self.stack.clone(),
            name: None,
            connection: connection.into_iter().filter_map(|(option, value)| Some((option, value?))).collect(),
            handler: None,
        }
    }

    /// The connection options: region, profile, endpoint and roles.
    pub fn connection(&self) -> Options {
        Options {
            region: self.region.clone(),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            role: self.role_arn.clone().map(|arn| Role {
                arn,
                session: self.role_session_name.clone(),
                external_id: self.external_id.clone(),
            }),
            cloudformation_role: self.cloudformation_role_arn.clone(),
        }
    }
}

fn up_to_10_000(text: &str) -> Result<u16, String> {
    within(text, 10_000)
}

fn up_to_256(text: &str) -> Result<u16, String> {
    within(text, 256)
}

/// Reads a number from 1 to `most`.
fn within(text: &str, most: u16) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("write a whole number from 1 to {most}"))
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the stack or bring it up to date
    #[command(alias = "deploy", alias = "apply", after_long_help = help::UP)]
    Up(Up),
    /// Show what `up` would do, and change nothing
    #[command(alias = "diff", after_long_help = help::PLAN)]
    Plan(Plan),
    /// Show the stack, its resources, code, newest records and failed events
    #[command(after_long_help = help::STATUS)]
    Status(Status),
    /// Return to the code of the previous deployment
    #[command(after_long_help = help::ROLLBACK)]
    Rollback(Rollback),
    /// List the deployments of the stack: when, who, what
    History(History),
    /// Send a small file through the pipeline and measure the duration of each stage
    Verify(Verify),
    /// Delete the stack
    #[command(alias = "destroy", alias = "delete", after_long_help = help::DOWN)]
    Down(Down),
    /// Upload files into the stack's bucket
    #[command(alias = "upload", after_long_help = help::PUT)]
    Put(Put),
    /// List records, newest first
    #[command(alias = "ls", alias = "list", after_long_help = help::RECORDS)]
    Records(Records),
    /// Show one record whole, and the other uploads of its key
    #[command(after_long_help = help::SHOW)]
    Show(Show),
    /// Show what happened to one file: uploads, events, invocations with their log lines, records, failed events
    #[command(after_long_help = help::TRACE)]
    Trace(Trace),
    /// Show the handler's log lines
    #[command(alias = "log", after_long_help = help::LOGS)]
    Logs(Logs),
    /// List events that failed every attempt, and send them to the handler again
    #[command(after_long_help = help::REDRIVE)]
    Redrive(Redrive),
    /// Serve the stack's web page on this machine: drop files, watch their records
    #[command(after_long_help = help::WEB)]
    Web(Web),
    /// Delete one file with all of its versions and records
    #[command(after_long_help = help::FORGET)]
    Forget(Forget),
    /// Compare the bucket with the table: files without a record, records without a file, doubled records
    #[command(after_long_help = help::RECONCILE)]
    Reconcile(Reconcile),
    /// Process files again whose records exist, after a limit or the handler changed
    #[command(after_long_help = help::REPROCESS)]
    Reprocess(Reprocess),
    /// Show the record that the handler would write for a local file, without calling AWS
    #[command(after_long_help = help::INSPECT)]
    Inspect(Inspect),
    /// Run the local emulator
    #[command(subcommand)]
    Local(Local),
    /// Print the CloudFormation template
    Synth(Synth),
    /// Print the JSON Schema of stack files
    Schema,
    /// Write starter stack files into stacks/
    Init,
    /// Write a copy of this program with an embedded handler: one file that deploys without a Rust toolchain
    Bundle(Bundle),
    /// Print a shell completion script
    Completions(Completions),
    /// Write the manual pages to a folder
    Man(Man),
}

/// `provisioner up`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Up {
    /// Do not ask before changing anything
    #[arg(short, long)]
    pub yes: bool,
    /// Confirm what --yes does not cover: broader permissions, replaced resources, deleted resources or data
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub allow: Vec<Allow>,
    /// Apply exactly this plan, which `plan --out` wrote; refuse if the stack, the template or the handler has changed
    /// since
    #[arg(long, value_name = "FILE", conflicts_with = "revert_drift")]
    pub plan: Option<PathBuf>,
    /// Also revert drift: changes made outside of CloudFormation
    #[arg(long)]
    pub revert_drift: bool,
    /// Deploy this handler: an ELF executable for provided.al2023, a folder that contains one named bootstrap, or
    /// `embedded` for the one embedded in this program. Default: the workspace's build; outside of the workspace, the
    /// embedded handler
    #[arg(long, value_name = "PATH", env = "PROVISIONER_HANDLER")]
    pub handler: Option<PathBuf>,
    /// Do not verify the pipeline with a small file after the deployment
    #[arg(long, env = "PROVISIONER_NO_VERIFY")]
    pub no_verify: bool,
    /// Keep running until interrupted: rebuild the handler when its sources change, push its code, update the stack and
    /// show the log. These are development builds, which take seconds; `up` without --watch deploys the optimized
    /// build. With --handler: redeploy when that file changes
    #[arg(long, conflicts_with = "plan")]
    pub watch: bool,
}

/// The values of `--allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// A principal gets more permissions than before
    Broaden,
    /// A resource is replaced
    Replace,
    /// A resource is removed, or the retention of files, records, backups or logs is shortened
    Delete,
}

impl From<Allow> for consent::Allow {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Broaden => Self::Broaden,
            Allow::Replace => Self::Replace,
            Allow::Delete => Self::Delete,
        }
    }
}

/// `provisioner verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// How long to wait for the record
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub timeout: provisioner_model::units::Seconds,
}

/// `provisioner status`
#[derive(Debug, Args)]
pub struct Status {
    /// Exit with 11 if the stack is broken, needs attention or is not deployed; for monitoring
    #[arg(long)]
    pub check: bool,
    /// Also run CloudFormation's drift detection, which takes up to a minute on AWS
    #[arg(long)]
    pub drift: bool,
}

/// `provisioner plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Write the plan to this file, for `up --plan`
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The output format [default: text]
    #[arg(long, value_enum)]
    pub format: Option<PlanFormat>,
    /// Also run CloudFormation's drift detection, which takes up to a minute on AWS
    #[arg(long)]
    pub drift: bool,
    /// Plan to revert drift: changes made outside of CloudFormation
    #[arg(long)]
    pub revert_drift: bool,
    /// Plan for this handler: an ELF executable for provided.al2023, or a folder that contains one named bootstrap
    #[arg(long, value_name = "PATH", env = "PROVISIONER_HANDLER")]
    pub handler: Option<PathBuf>,
}

/// The output formats of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Plain text, one resource a line
    Text,
    /// A JSON document (docs/plan.md)
    Json,
    /// GitHub-flavoured Markdown
    Markdown,
}

/// `provisioner down`
#[derive(Debug, Args)]
pub struct Down {
    /// Do not ask before deleting
    #[arg(short, long)]
    pub yes: bool,
    /// Also delete the files and records of a stack that retains its data
    #[arg(long)]
    pub delete_data: bool,
}

/// `provisioner put`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Put {
    /// Files, uploaded under their names; folders, whose files are uploaded under their relative paths; `-` for
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The key prefix of the uploaded files
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub prefix: String,
    /// The object key; only with a single file
    #[arg(long, value_name = "KEY", conflicts_with = "prefix")]
    pub key: Option<String>,
    /// Leave out files and folders whose name, or path within the folder, matches; can be repeated. * matches within a
    /// name, ** across folders, {a,b} either
    #[arg(short = 'x', long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Leave out files that the bucket has already: same key and size, uploaded after the file's last change. After an
    /// interruption, the rest is uploaded
    #[arg(long)]
    pub skip_existing: bool,
    /// Show what would be uploaded under which key, and upload nothing
    #[arg(long, conflicts_with_all = ["wait", "yes"])]
    pub dry_run: bool,
    /// Wait for each file's record and show it
    #[arg(short, long)]
    pub wait: bool,
    /// How long to wait for records
    #[arg(long, value_name = "TIME", default_value = "2m", requires = "wait")]
    pub timeout: provisioner_model::units::Seconds,
    /// The number of concurrent uploads
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = up_to_256)]
    pub parallel: u16,
    /// Do not ask before uploading hidden files, files larger than the stack's limit, or files that nothing processes
    #[arg(short, long)]
    pub yes: bool,
}

/// The output formats of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// A JSON document
    Json,
    /// Comma-separated values with a header
    Csv,
}

/// `provisioner records`
#[derive(Debug, Args)]
pub struct Records {
    /// The maximum number of records, up to 10000; --after continues with the next page
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = up_to_10_000)]
    pub limit: u16,
    /// Only records of this status: success or failed
    #[arg(long, value_name = "STATUS", value_parser = ["success", "failed"], ignore_case = true)]
    pub status: Option<String>,
    /// Only files whose name or key contains this text; * matches any characters
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// Only files of this media type, like application/pdf or image/*
    #[arg(long = "type", value_name = "TYPE")]
    pub file_type: Option<String>,
    /// Only files uploaded at or after this time: a time (2026-11-22, '2026-11-22 16:00', today, yesterday) in UTC, or an
    /// age (30m, 2h, 7d, 1w)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only files uploaded before this time: a time, or an age
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// All uploads of exactly this object key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Continue after the page that printed this token
    #[arg(long, value_name = "TOKEN")]
    pub after: Option<String>,
    /// The output format [default: table; with --all: csv]. In CSV, a text that a spreadsheet would evaluate as a
    /// formula is prefixed with an apostrophe
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Also the test files of `verify` and `up`
    #[arg(long)]
    pub test_files: bool,
    /// Stream all matching records, in no order: the list's columns as CSV, or with --format json or --json all
    /// attributes as JSON lines. Paced to the table's read units
    #[arg(long, conflicts_with_all = ["limit", "after"])]
    pub all: bool,
}

/// `provisioner web`
#[derive(Debug, Args)]
pub struct Web {
    /// The port on 127.0.0.1; 0 for any free one [default: 8484, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Open the page in the default browser
    #[arg(long)]
    pub open: bool,
}

/// `provisioner inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    /// Files; folders, with all files below them; `-` for standard input. Attributes derived from the content equal those
    /// of an uploaded file's record; id, bucket, times, version, `ETag` and shards are local placeholders
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Read the files as objects that are stored with this Content-Encoding, such as gzip
    #[arg(long, value_name = "CODING")]
    pub content_encoding: Option<String>,
}

/// `provisioner local`
#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start the emulator if it is not running
    Start,
    /// Stop the emulator; its state is kept
    Stop,
    /// Show whether the emulator is running, and its endpoint
    Status,
    /// Stop the emulator and delete its state
    Reset(Reset),
}

/// `provisioner local reset`
#[derive(Debug, Args)]
pub struct Reset {
    /// Do not ask before deleting
    #[arg(short, long)]
    pub yes: bool,
}

/// `provisioner synth`
#[derive(Debug, Args)]
pub struct Synth {
    /// Compare the templates of all stacks with stacks/rendered/ and fail if a file is stale
    #[arg(long, conflicts_with = "write")]
    pub check: bool,
    /// Write the templates of all stacks to stacks/rendered/
    #[arg(long)]
    pub write: bool,
    /// Print an IAM policy for this stack, ready for `aws iam create-policy`: what the caller needs, or what
    /// CloudFormation needs, as the caller or as its role
    #[arg(
        long,
        value_enum,
        value_name = "WHOSE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "caller",
        conflicts_with_all = ["write", "check"]
    )]
    pub permissions: Option<PolicyOf>,
}

/// Whose policy `synth --permissions` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyOf {
    /// For the calls that the provisioner makes itself
    Caller,
    /// For the calls that CloudFormation makes, as the caller or as `cloudformationRole`
    Cloudformation,
    /// The statements that the policy of the stack's `kmsKey` needs
    Key,
}

/// `provisioner bundle`
#[derive(Debug, Args)]
pub struct Bundle {
    /// A handler, or a folder that contains one named bootstrap; at most one for each architecture
    #[arg(long = "handler", required_unless_present = "architectures", value_name = "PATH")]
    pub handlers: Vec<PathBuf>,
    /// Build the workspace's handler for this processor: `x86_64` or `arm64`
    #[arg(long = "architecture", value_name = "ARCHITECTURE", value_parser = architecture)]
    pub architectures: Vec<Architecture>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `provisioner completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `provisioner man`
#[derive(Debug, Args)]
pub struct Man {
    /// The folder
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// The clap command. The long form of `--version` also shows which handler this program embeds.
pub fn command() -> clap::Command {
    static VERSION: OnceLock<String> = OnceLock::new();
    let version = VERSION.get_or_init(|| {
        let inside = match Index::of_this_program() {
            Ok(Some(index)) => index.describe(),
            Ok(None) => "no embedded handler".to_owned(),
            Err(error) => format!("embedded handler: {}", error.causes().join(": ")),
        };
        format!("{}\n{inside}", env!("CARGO_PKG_VERSION"))
    });
    <Cli as CommandFactory>::command().long_version(version.as_str())
}

/// Parses arguments, the first of which is the program's name.
pub fn parse_from(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // A global option's source is known where it was given: in the innermost command.
    let mut innermost = &matches;
    while let Some((_, deeper)) = innermost.subcommand() {
        innermost = deeper;
    }
    cli.global.stack_named = innermost.value_source("stack").is_some_and(|source| source != ValueSource::DefaultValue);
    Ok(cli)
}
