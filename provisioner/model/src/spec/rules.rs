//! Semantic checks of a stack file that matches the schema. Each limit names its source.

use serde_yaml::Value;

use super::StackSpec;
use super::diagnostics::{KeyPath, Problem, quoted};
use super::limits::child_limits;
use crate::names::{MAX_STACK_NAME, Names};
use crate::units::{MAX_OBJECT, Size};

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;

/// The periods that CloudWatch Logs offers, in days (API reference, `PutRetentionPolicy`).
pub const LOG_PERIODS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Memory (Lambda quotas), in MiB.
const MEMORY: std::ops::RangeInclusive<u64> = 128..=10_240;
/// Timeout in seconds: the upper end is Lambda's, the lower what start, fetch and record need.
const TIMEOUT: std::ops::RangeInclusive<u64> = 3..=900;
/// The function's own memory beside its child: twice the 16 MiB that the handler holds itself to.
pub const PARENT_MEMORY: Size = Size(32 * MIB);
/// The least with which the child that reads a file starts.
const LEAST_CHILD_MEMORY: Size = Size(16 * MIB);
/// The largest file that Lambda's temporary storage of 10,240 MiB holds beside a reserve of 128 MiB.
const MAX_SPOOLED_FILE: Size = Size(10_112 * MIB);
/// Bytes of a notification's prefix or suffix (S3 user guide, "Object key names").
const MAX_KEY: usize = 1024;
/// Lifecycle rules count days in 32 bits.
const MAX_DAYS: u64 = i32::MAX as u64;
/// Tags of a resource, characters of a key and of a value (AWS General Reference, "Tagging").
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// Checks the values. `document` is used to quote values as they were written. For keys in `unread` the spec contains the
/// default; they are not checked, nor their relations to other keys.
pub(super) fn check(spec: &StackSpec, document: &Value, unread: &[KeyPath]) -> Vec<Problem> {
    let mut found = Found { document, unread, problems: Vec::new() };
    place(spec, &mut found);
    bucket(spec, &mut found);
    files(spec, &mut found);
    table(spec, &mut found);
    handler(spec, &mut found);
    tags(spec, &mut found);
    found.problems
}

struct Found<'a> {
    document: &'a Value,
    unread: &'a [KeyPath],
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// A wrong value, quoted as it was written; the default if the file does not contain the key.
    fn wrong(&mut self, path: &[&str], default: impl std::fmt::Display, text: impl std::fmt::Display) {
        let written = path.iter().try_fold(self.document, |value, step| value.get(step)).and_then(Value::as_str);
        self.text(
            path,
            match written {
                Some(written) => format!("{} {text}", quoted(written)),
                None => format!("\"{default}\", the default, {text}"),
            },
        );
    }

    /// A wrong value that is too long to quote.
    fn text(&mut self, path: &[&str], text: String) {
        self.push(path, false, text);
    }

    fn key(&mut self, path: &[&str], text: String) {
        self.push(path, true, text);
    }

    fn push(&mut self, path: &[&str], key: bool, text: String) {
        if self.is_read(path) {
            self.problems.push(Problem { path: path.iter().map(|&step| step.to_owned()).collect(), key, text });
        }
    }

    /// Whether this value and its parents were read from the file.
    fn is_read(&self, path: &[&str]) -> bool {
        !self.unread.iter().any(|unread| unread.iter().zip(path).all(|(unread, step)| unread == step))
    }
}

fn place(spec: &StackSpec, found: &mut Found) {
    if !is_name(&spec.name) {
        found.wrong(
            &["name"],
            &spec.name,
            format!(
                "is no name for a stack; write lower-case letters, digits and single hyphens, beginning with a letter and \
                 not ending with a hyphen, at most {MAX_STACK_NAME} characters"
            ),
        );
    }
    if let Some(region) = spec.region.as_deref().filter(|region| !is_region(region)) {
        found.wrong(&["region"], region, "is not a region; write its code, like eu-central-1");
    }
    if let Some(account) = spec.account.as_deref().filter(|account| !is_account(account)) {
        found.wrong(&["account"], account, "is not an account's number; write its 12 digits in quotes");
    }
    if let Some(region) = spec.region.as_deref().filter(|region| is_region(region) && is_name(&spec.name)) {
        // Every account has the same number of digits.
        let excess = Names::new(spec, "000000000000", region).excess();
        if excess > 0 {
            found.wrong(&["name"], &spec.name, too_long_for_buckets(spec.name.len() - excess, region));
        }
    }
    if let Some(role) = spec.cloudformation_role.as_deref()
        && let Err(text) = role_arn(role)
    {
        found.wrong(&["cloudformationRole"], role, text);
    }
    if let Some(boundary) = spec.permissions_boundary.as_deref() {
        let account = spec.account.as_deref();
        match boundary_account(boundary) {
            None => found.wrong(
                &["permissionsBoundary"],
                boundary,
                "is not a managed policy's ARN; write it like arn:aws:iam::123456789012:policy/boundary",
            ),
            Some(owner) if owner != "aws" && account.is_some_and(|account| account != owner) => {
                found.wrong(&["permissionsBoundary"], boundary, "is in another account than the stack");
            }
            Some(_) => {}
        }
    }
    if let Some(key) = spec.kms_key.as_deref() {
        match key_region(key) {
            None => found.wrong(
                &["kmsKey"],
                key,
                "is not a key's ARN; write it like arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            ),
            Some(region) if spec.region.as_deref().is_some_and(|stack| stack != region) => {
                found.wrong(&["kmsKey"], key, "is in another region than the stack; a key works only in its own");
            }
            Some(_) => {}
        }
    }
    if let Some(topic) = &spec.alarm.topic {
        let path = &["alarm", "topic"];
        let Some(region) = topic_region(topic) else {
            return found.wrong(
                path,
                topic,
                "is not the ARN of an SNS topic; write it like arn:aws:sns:eu-central-1:123456789012:alarms",
            );
        };
        if let Some(own) = spec.region.as_deref().filter(|own| *own != region) {
            found.wrong(
                path,
                topic,
                format!("is in {region}, and an alarm can notify only topics of its own region: {own}"),
            );
        }
    }
}

fn bucket(spec: &StackSpec, found: &mut Found) {
    for (key, time) in
        [("keepOldVersions", Some(spec.bucket.keep_old_versions)), ("expireFiles", spec.bucket.expire_files)]
    {
        let Some(time) = time else { continue };
        if time.0 == 0 || !time.0.is_multiple_of(DAY) || time.0 / DAY > MAX_DAYS {
            let text = "is not a number of whole days, which is how S3 counts; write it like 30d";
            found.wrong(&["bucket", key], time, text);
        }
    }
    for (key, text) in [("prefix", &spec.bucket.prefix), ("suffix", &spec.bucket.suffix)] {
        match text.as_deref().map(str::len) {
            Some(0) => found.wrong(&["bucket", key], "", "fits every key, as no filter does; leave the key out"),
            Some(length) if length > MAX_KEY => {
                found.text(&["bucket", key], format!("has {length} bytes; S3 compares at most {MAX_KEY}"));
            }
            _ => {}
        }
    }
}

fn table(spec: &StackSpec, found: &mut Found) {
    let Some(time) = spec.table.keep_records else { return };
    if time.0 == 0 || !time.0.is_multiple_of(DAY) || time.0 / DAY > MAX_DAYS {
        let text =
            "is not a number of whole days; DynamoDB deletes what has expired within a few days. Write it like 90d";
        found.wrong(&["table", "keepRecords"], time, text);
    }
}

fn files(spec: &StackSpec, found: &mut Found) {
    let size = spec.files.max_size;
    let problem = match spec.files.kept_whole() {
        _ if size.0 == 0 => "accepts no file; write a size above zero, like 100 MiB".to_owned(),
        _ if size > MAX_OBJECT => format!("is more than the largest object that S3 keeps, {MAX_OBJECT}"),
        Some(pattern) if size > MAX_SPOOLED_FILE && found.is_read(&["files", "allowedTypes"]) => format!(
            "is more than the {MAX_SPOOLED_FILE} of temporary storage that formats like PDF can be read from; write at \
             most that, or accept only types that need not be there as a whole, like text and video (allowedTypes: \
             [text/*, video/*], not {pattern})"
        ),
        _ => return,
    };
    found.wrong(&["files", "maxSize"], size, problem);
}

fn handler(spec: &StackSpec, found: &mut Found) {
    let handler = &spec.handler;
    let memory_is_read = found.is_read(&["handler", "memory"]);
    let timeout_is_read = found.is_read(&["handler", "timeout"]);
    let mut wrong = |key, value: &dyn std::fmt::Display, text: String| found.wrong(&["handler", key], value, text);
    let memory_fits = handler.memory.0.is_multiple_of(MIB) && MEMORY.contains(&(handler.memory.0 / MIB));
    if !memory_fits {
        wrong("memory", &handler.memory, "is not between 128 MiB and 10,240 MiB, in whole MiB".to_owned());
    }
    let timeout_fits = TIMEOUT.contains(&handler.timeout.0);
    if !timeout_fits {
        wrong("timeout", &handler.timeout, "is not between 3s and 900s (15m)".to_owned());
    }
    if !handler.keep_logs.0.is_multiple_of(DAY) || !LOG_PERIODS.contains(&(handler.keep_logs.0 / DAY)) {
        let periods = LOG_PERIODS.map(|days| format!("{days}d")).join(", ");
        wrong("keepLogs", &handler.keep_logs, format!("is not a period that CloudWatch Logs offers: {periods}"));
    }
    let child = handler.child_memory;
    let most = Size(handler.memory.0.saturating_sub(PARENT_MEMORY.0));
    if child < LEAST_CHILD_MEMORY {
        wrong(
            "childMemory",
            &child,
            format!("is less than the {LEAST_CHILD_MEMORY} with which a child starts; write at least that"),
        );
    } else if memory_is_read && memory_fits && child > most {
        let needed = Size(child.0.saturating_add(PARENT_MEMORY.0).div_ceil(MIB).saturating_mul(MIB));
        wrong(
            "childMemory",
            &child,
            format!(
                "does not fit into the function's {} with {PARENT_MEMORY} for the function itself; write at most {most}, or \
                 give `memory` {needed}",
                handler.memory,
            ),
        );
    }
    let wall = child_limits(spec).wall_seconds;
    if handler.child_cpu.0 == 0 {
        wrong("childCpu", &handler.child_cpu, "reads no file; write a time above zero, like 5s".to_owned());
    } else if timeout_is_read && timeout_fits && handler.child_cpu.0 > wall.into() {
        wrong(
            "childCpu",
            &handler.child_cpu,
            format!(
                "is more than the {wall}s that a file may take, three quarters of `timeout` ({}); write less, or give \
                 `timeout` more",
                handler.timeout,
            ),
        );
    }
}

fn tags(spec: &StackSpec, found: &mut Found) {
    const INVALID_TAG_TEXT: &str =
        "holds a character that tags do not allow; write letters, digits, spaces and _ . : / = + - @";
    if spec.tags.len() > MAX_TAGS {
        found.text(&["tags"], format!("holds {} tags; AWS takes at most {MAX_TAGS} on a resource", spec.tags.len()));
    }
    let fits = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
    let mut seen = std::collections::BTreeMap::new();
    for (key, value) in &spec.tags {
        let path = &["tags", key.as_str()];
        let length = key.chars().count();
        if key.to_lowercase().starts_with("aws:") {
            found.key(path, "starts with `aws:`, which is reserved for AWS; choose another name".to_owned());
        } else if length == 0 || length > MAX_TAG_KEY {
            found.key(path, format!("has {length} characters; a tag's key has 1 to {MAX_TAG_KEY}"));
        } else if !fits(key) {
            found.key(path, INVALID_TAG_TEXT.to_owned());
        } else if let Some(first) = seen.insert(key.to_lowercase(), key) {
            let text = format!("differs from the tag {first:?} only in letter case, which IAM takes for the same");
            found.key(path, text);
        }
        let length = value.chars().count();
        if length > MAX_TAG_VALUE {
            found.text(path, format!("has {length} characters; a tag's value has at most {MAX_TAG_VALUE}"));
        } else if !fits(value) {
            found.wrong(path, value, INVALID_TAG_TEXT);
        }
    }
}

/// The end of the message about a name that is too long for the names of its buckets.
pub fn too_long_for_buckets(most: usize, region: &str) -> String {
    format!(
        "is too long for a bucket's 63 characters in the account-regional namespace of {region}; write at most {most} \
         characters, or `namespace: global` below `bucket`"
    )
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_STACK_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether this has the form of a region's code, like `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`.
pub fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let [first, middle @ .., number] = &parts[..] else { return false };
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    !middle.is_empty()
        && (2..=4).contains(&first.len())
        && letters(first)
        && middle.iter().all(letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
}

/// A role's ARN as the command line and the stack file name it.
///
/// # Errors
/// Describes what is wrong; the text follows the quoted value.
pub fn role_arn(arn: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_role = match parts[..] {
        ["arn", partition, "iam", "", account, resource] => {
            let path = resource.strip_prefix("role/").unwrap_or_default();
            partition.starts_with("aws")
                && is_account(account)
                && !path.is_empty()
                && path.bytes().all(|b| b.is_ascii_graphic())
        }
        _ => false,
    };
    if is_role {
        Ok(arn.to_owned())
    } else {
        Err("is not a role's ARN; write it like arn:aws:iam::123456789012:role/deployer")
    }
}

/// The account of a managed policy's ARN, or `aws`; `None` if it is no such ARN.
fn boundary_account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return None };
    let path = resource.strip_prefix("policy/")?;
    let is_path = !path.is_empty() && path.bytes().all(|b| b.is_ascii_graphic());
    (partition.starts_with("aws") && is_path && (account == "aws" || is_account(account))).then_some(account)
}

/// The region of a KMS key's ARN; `None` if it is no such ARN. An alias has an ARN too, but policies cannot name it.
pub fn key_region(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts[..] else { return None };
    let id = resource.strip_prefix("key/")?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (partition.starts_with("aws") && is_region(region) && is_account(account) && is_id).then_some(region)
}

/// The region of an SNS topic's ARN; `None` if it is no such ARN.
fn topic_region(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let named = !stem.is_empty()
        && stem.len() <= 256
        && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let known = partition.starts_with("aws") && is_region(region) && is_account(account) && named;
    known.then_some(region)
}
