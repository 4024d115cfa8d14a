//! The stack file: YAML in, a validated [`StackSpec`] out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit, Result, io};
use crate::units::{Seconds, Size};

/// One deployment of the pipeline, as its stack file describes it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StackSpec {
    /// The stack's name: lower-case letters, digits and hyphens, at most 24 characters, beginning with a letter.
    pub name: String,
    /// The region; without it the environment's or the profile's is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The only account that this stack may be deployed to, 12 digits; without it any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Deploys to a local emulator instead of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<Emulator>,
    /// What becomes of files and records when the stack is deleted.
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
    pub port: u16,
}

/// What becomes of files and records when the stack is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataPolicy {
    /// Bucket and table stay, and the next `up` takes them back.
    Keep,
    /// Bucket and table go with the stack.
    Delete,
}

/// The bucket that files are dropped into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Bucket {
    /// Refuse requests that do not use TLS. Only a local emulator has reason to say no.
    pub require_tls: bool,
    /// Keep overwritten and deleted versions of files.
    pub versioning: bool,
    /// How long overwritten and deleted versions are kept, in whole days.
    pub keep_old_versions: Seconds,
    /// Delete files this long after their upload, in whole days; without it they stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_files: Option<Seconds>,
    /// Only objects whose key begins so are processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only objects whose key ends so are processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
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
    /// How capacity is paid for.
    pub billing: Billing,
    /// Continuous backups of the last 35 days (costs by size).
    pub point_in_time_recovery: bool,
}

/// How capacity is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Billing {
    /// Within the 25 read and 25 write units that are always free, for the table and its indexes together.
    #[default]
    FreeTier,
    /// By request, without a limit that one has to plan.
    OnDemand,
}

/// Which files are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Files {
    /// Larger files are recorded as FAILED, unread.
    pub max_size: Size,
    /// The media types that are accepted, judged by content: `type/subtype`, `type/*` or `*/*`.
    #[schemars(with = "Vec<String>")]
    pub allowed_types: handler_contract::FileTypes,
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
    /// Memory of the function, 128 MiB to 10,240 MiB. Processor time grows with it.
    pub memory: Size,
    /// Time for one file, 3 s to 15 minutes.
    pub timeout: Seconds,
    /// The processor that the handler is built for.
    pub architecture: Architecture,
    /// How many files are processed at once at most; without it the account's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// How long logs are kept: one of the periods that CloudWatch Logs offers (1d, 3d, 5d, 7d, 14d, 30d, …).
    pub keep_logs: Seconds,
    /// Memory that reading one file may take, in a process of its own.
    pub child_memory: Size,
    /// Processor time that reading one file may take.
    pub child_cpu: Seconds,
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
    /// The ARN of an SNS topic that is told; without it the alarm only shows in the console and in `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// A stack file and where it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct StackFile {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub spec: StackSpec,
}

impl StackFile {
    /// Finds and reads the stack: a path to a YAML file, or a name that stands for `stacks/NAME.yaml` in this folder or
    /// one above it.
    pub fn load(stack: &str) -> Result<Self> {
        let named = Path::new("stacks").join(format!("{stack}.yaml"));
        let path = if named.is_file() { named } else { PathBuf::from(stack) };
        let text = std::fs::read_to_string(&path).map_err(|e| io("read", &path, e))?;
        Ok(Self { spec: parse(&text, &path)?, path })
    }
}

/// Reads and validates the text of a stack file.
pub fn parse(text: &str, path: &Path) -> Result<StackSpec> {
    serde_yaml::from_str(text).map_err(|e| Error::new(Exit::Invalid, "stack-file", format!("{}: {e}", path.display())))
}
