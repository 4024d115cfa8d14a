//! The stack file: YAML in, a validated [`StackSpec`] out.
//!
//! The text must be one YAML document (`document`). Its keys and values must have the shape of the types below (`shape`,
//! which walks the JSON Schema that these types give), and what has the shape must make sense (`rules`): whatever is
//! wrong of either kind is reported in one list. Each problem has its place (`lines`), what is wrong, and what would be
//! right.

mod diagnostics;
mod document;
mod limits;
mod lines;
mod rules;
mod schema;
mod shape;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Seconds, Size};

pub use document::{architecture, name_in, parse};
pub use limits::{child_limits, ephemeral_storage};
pub use rules::{LOG_PERIODS, PARENT_MEMORY, is_region, key_region, role_arn, too_long_for_buckets};
pub use schema::json_schema;

/// One deployment of the pipeline, as its stack file describes it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StackSpec {
    /// The stack's name: lower-case letters, digits and single hyphens, starting with a letter, at most 24 characters.
    /// Everything in AWS is named after it; another name is another stack.
    #[schemars(length(min = 1, max = 24), regex(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), extend("examples" = ["dev"]))]
    pub name: String,
    /// The Region; if absent, that of the environment or the profile is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$"), extend("examples" = ["eu-central-1"]))]
    pub region: Option<String>,
    /// The only account that this stack may be deployed to, 12 digits in quotes; if absent, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{12}$"), extend("examples" = ["123456789012"]))]
    pub account: Option<String>,
    /// The role that CloudFormation assumes to create the stack's resources; without it, CloudFormation creates them with
    /// the permissions of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(pattern = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$"),
        extend("examples" = ["arn:aws:iam::123456789012:role/deploys-file-pipelines"])
    )]
    pub cloudformation_role: Option<String>,
    /// The permissions boundary of the handler's role: the ARN of a managed policy that limits what the role's own policy can
    /// grant. Some organisations deny roles without one. The policy that `synth --permissions=cloudformation` prints allows
    /// the role only with this boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(pattern = "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-~]+$"),
        extend("examples" = ["arn:aws:iam::123456789012:policy/boundary-of-applications"])
    )]
    pub permissions_boundary: Option<String>,
    /// Whether CloudFormation refuses to delete the stack. `up` turns the protection on or off; if absent, `up` leaves it as
    /// it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_protection: Option<bool>,
    /// The ARN of the KMS key that bucket, table, queue and logs are encrypted with; without it, AWS's own keys are used,
    /// which cost nothing. The key's policy must allow what `synth --permissions=key` prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(pattern = "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"),
        extend("examples" = ["arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"])
    )]
    pub kms_key: Option<String>,
    /// How CloudFormation deploys changes.
    #[serde(default)]
    pub deployment: DeploymentMode,
    /// Deploys to a local emulator instead of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<Emulator>,
    /// What happens to files and records when the stack is deleted.
    pub data: DataPolicy,
    /// The bucket that files are dropped into.
    #[serde(default)]
    pub bucket: Bucket,
    /// The table of records.
    #[serde(default)]
    pub table: Table,
    /// Which files are accepted.
    #[serde(default)]
    pub files: Files,
    /// The function that reads them.
    #[serde(default)]
    pub handler: Handler,
    /// The alarm on events that failed every attempt.
    #[serde(default)]
    pub alarm: Alarm,
    /// Tags of every resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Where the local emulator listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Emulator {
    /// The port on 127.0.0.1.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// How CloudFormation deploys changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentMode {
    /// The deployment ends when every resource is ready.
    #[default]
    Standard,
    /// CloudFormation's express mode: the deployment ends when every resource has accepted its configuration, which is
    /// sooner. `up` then waits for the function up to two minutes.
    Express,
}

/// What happens to files and records when the stack is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataPolicy {
    /// Bucket and table are retained, and the next `up` imports them.
    Keep,
    /// Bucket and table are deleted with the stack.
    Delete,
}

/// The bucket that files are dropped into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Bucket {
    /// Where bucket names are unique. If absent, `global`. Another namespace is another bucket.
    pub namespace: BucketNamespace,
    /// Refuse requests to bucket and queue that do not use TLS. Only a local emulator needs `false`.
    pub require_tls: bool,
    /// Keep overwritten and deleted versions of files.
    pub versioning: bool,
    /// How long overwritten and deleted versions are kept, in whole days.
    #[schemars(extend("examples" = ["30d"]))]
    pub keep_old_versions: Seconds,
    /// Delete files this long after their upload, in whole days; if absent, they stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["365d"]))]
    pub expire_files: Option<Seconds>,
    /// Only objects whose key starts with this are processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), extend("examples" = ["incoming/"]))]
    pub prefix: Option<String>,
    /// Only objects whose key ends with this are processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), extend("examples" = [".pdf"]))]
    pub suffix: Option<String>,
}

impl Bucket {
    /// Why objects with this key are not processed, as the end of a sentence about the key; `None` if they are.
    pub fn mismatch(&self, key: &str) -> Option<String> {
        let prefix = self.prefix.as_ref().filter(|prefix| !key.starts_with(*prefix));
        let suffix = self.suffix.as_ref().filter(|suffix| !key.ends_with(*suffix));
        match (prefix, suffix) {
            (Some(prefix), _) => Some(format!("does not start with {prefix:?}")),
            (None, Some(suffix)) => Some(format!("does not end with {suffix:?}")),
            (None, None) => None,
        }
    }
}

/// Where the names of a stack's buckets are unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BucketNamespace {
    /// Among all accounts of the partition: somebody else can hold a name.
    #[default]
    Global,
    /// In the account and Region: no other account can create a bucket whose name ends in `-ACCOUNT-REGION-an`.
    AccountRegional,
}

impl BucketNamespace {
    /// As the stack file and S3 write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::AccountRegional => "account-regional",
        }
    }
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            namespace: BucketNamespace::Global,
            require_tls: true,
            versioning: false,
            keep_old_versions: Seconds(30 * 86_400),
            expire_files: None,
            prefix: None,
            suffix: None,
        }
    }
}

/// The table of records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Table {
    /// The billing mode.
    pub billing: Billing,
    /// Continuous backups of the last 35 days (billed by size).
    pub point_in_time_recovery: bool,
    /// Delete records this long after they were written, in whole days; if absent, they stay. Records that were written before
    /// the key was set stay too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["90d"]))]
    pub keep_records: Option<Seconds>,
}

/// The billing mode of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Billing {
    /// Within the 25 read and 25 write units that are always free, for the table and its indexes together.
    #[default]
    FreeTier,
    /// Billed by request, without a capacity to plan.
    OnDemand,
}

/// Types that are read as a stream, or by head and tail if they are larger than the temporary storage.
const NEVER_WHOLE: [&str; 4] = ["text/", "image/", "audio/", "video/"];

/// Which files are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Files {
    /// Larger files are recorded as FAILED, unread. Beyond 384 MiB the function's temporary storage grows with it, unless
    /// only text, images, audio and video are accepted, of which the two ends are enough.
    pub max_size: Size,
    /// The media types that are accepted, detected from the content: `type/subtype`, `type/*` or `*/*`.
    #[schemars(
        with = "Vec<String>",
        length(min = 1),
        inner(regex(pattern = "^([^/ ,*]+/([^/ ,*]+|\\*)|\\*/\\*)$")),
        extend("examples" = [["text/*", "application/pdf"]])
    )]
    pub allowed_types: handler_contract::FileTypes,
}

impl Files {
    /// The first accepted type whose files must be stored as a whole to be read, like PDF.
    pub fn kept_whole(&self) -> Option<&str> {
        self.allowed_types.iter().find(|pattern| !NEVER_WHOLE.iter().any(|top| pattern.starts_with(top)))
    }
}

impl Default for Files {
    fn default() -> Self {
        Self { max_size: Size(100 << 20), allowed_types: handler_contract::FileTypes::any() }
    }
}

/// The function that reads files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Handler {
    /// Memory of the function, 128 MiB to 10,240 MiB. CPU time is proportional to it.
    pub memory: Size,
    /// Time for one file, 3 s to 15 minutes.
    pub timeout: Seconds,
    /// The processor that the handler is built for.
    pub architecture: Architecture,
    /// The largest number of files that are processed concurrently; without it the account's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u32>,
    /// How long logs are kept: one of the periods that CloudWatch Logs offers (1d, 3d, 5d, 7d, 14d, 30d, …).
    #[schemars(extend("examples" = ["14d"]))]
    pub keep_logs: Seconds,
    /// Memory that reading one file may take, in a separate process. The function's memory holds it and 32 MiB more.
    pub child_memory: Size,
    /// CPU time limit for reading one small file, at most three quarters of the timeout; a larger file has a
    /// second more for each MiB, up to those three quarters. Seconds of a whole processor, which a function has at
    /// 1,769 MiB.
    pub child_cpu: Seconds,
    /// Also publish metrics by file type and by error code. Each is billed as a custom metric, of which the first ten are
    /// free; without it there are five.
    pub detailed_metrics: bool,
}

impl Default for Handler {
    fn default() -> Self {
        let limits = handler_contract::Limits::default();
        Self {
            memory: Size(256 << 20),
            timeout: Seconds(60),
            architecture: Architecture::X86_64,
            max_concurrency: None,
            keep_logs: Seconds(14 * 86_400),
            child_memory: Size(limits.memory),
            child_cpu: Seconds(limits.cpu_seconds.into()),
            detailed_metrics: false,
        }
    }
}

/// A processor architecture of Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// AWS Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}

/// The alarm on events that failed every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Alarm {
    /// The ARN of an SNS topic that is notified; if absent, the alarm is only visible in the console and in `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(pattern = "^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$"),
        extend("examples" = ["arn:aws:sns:eu-central-1:123456789012:alarms"])
    )]
    pub topic: Option<String>,
}

/// The default stack.
pub const DEFAULT_STACK: &str = "dev";
