//! Compares the versions of a bucket with the records of a table: files without a record, records without a file, records
//! of other content, doubled records. Pure, in constant memory: rows arrive in the order of [`Row`], those of one version
//! next to each other.
//!
//! | | bucket that keeps versions | bucket that does not |
//! | --- | --- | --- |
//! | a record belongs to a file | by key and version | by key, `ETag` and size |
//! | other content | the version has another `ETag` or size | the key has, and was put at the time that the record gives |
//! | doubled | two records of one version | two of one sequencer; or one without sequencer (`reconcile --fix`) beside one of the same bytes and time |
//! | a record without a file | a finding, unless explained (below) | not a finding: a deletion leaves no trace |
//!
//! A record without a file is explained by a later version of the key, by a delete marker, by `bucket.expireFiles`, and by
//! its age: versions and markers are removed `bucket.keepOldVersions` after a deletion.

use std::cmp::Ordering;

use handler_contract::Timestamp;
use provisioner_model::delivery::GRACE_MILLIS;
use provisioner_model::spec::StackSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canary;

/// The least age of a file in a bucket without versions that is sent: until then its event may be processed as one in time,
/// which does not look for the record of `reconcile` (`handler_contract::upload::LATE_AFTER`, and as much for clocks and a
/// write that is on its way). Milliseconds.
pub const LEAST_AGE_MILLIS: i64 = 2 * 60_000;
/// Records that are so much newer than the start of the listing have files that it did not see. Milliseconds.
const LISTING_SLACK_MILLIS: i64 = 5 * 60_000;
/// `LastModified` has whole seconds, the time of an event is when S3 completed the request. Milliseconds.
const SAME_UPLOAD_MILLIS: i64 = 2_000;
/// The same for two records, of which one has the time of the listing. Milliseconds.
const SAME_RECORD_MILLIS: i64 = 60_000;

/// What a row describes, in the order in which the rows of a key and version are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The newest version of a key, which is a file.
    Head,
    /// The newest version of a key, which is a delete marker.
    Deleted,
    /// A version that is a file.
    File,
    /// A record with the status SUCCESS.
    Record,
    /// A record with the status FAILED, whose size may be unknown.
    FailedRecord,
}

const KINDS: [Kind; 5] = [Kind::Head, Kind::Deleted, Kind::File, Kind::Record, Kind::FailedRecord];

/// One version of the bucket, or one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The object's key.
    pub key: String,
    /// The version; empty in a bucket without versions, and for [`Kind::Head`] and [`Kind::Deleted`].
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// The `ETag`, without quotes; empty if unknown.
    pub e_tag: String,
    /// Bytes.
    pub size: u64,
    /// The sequencer of a record; empty if there is none.
    pub sequencer: String,
    /// When it was put. Milliseconds since the Unix epoch.
    pub at: i64,
    /// The record's id; empty for a file.
    pub id: String,
}

/// A row as it is stored: an array.
type Stored = (String, String, u8, String, u64, String, i64, String);

impl Row {
    fn order(&self) -> (&str, &str, bool, &str, u64, &str, i64, &str) {
        let is_record = matches!(self.kind, Kind::Record | Kind::FailedRecord);
        (&self.key, &self.version, is_record, &self.e_tag, self.size, &self.sequencer, self.at, &self.id)
    }

    /// The row as one line.
    pub fn to_line(&self) -> String {
        let kind = KINDS.iter().position(|kind| *kind == self.kind).and_then(|kind| u8::try_from(kind).ok());
        let fields = (
            &self.key,
            &self.version,
            kind.unwrap_or_default(),
            &self.e_tag,
            self.size,
            &self.sequencer,
            self.at,
            &self.id,
        );
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// The row of a line; `None` for a line that is not one.
    pub fn from_line(line: &str) -> Option<Self> {
        let (key, version, kind, e_tag, size, sequencer, at, id) = serde_json::from_str::<Stored>(line).ok()?;
        let kind = *KINDS.get(usize::from(kind))?;
        Some(Self { key, version, kind, e_tag, size, sequencer, at, id })
    }

    /// The memory that the row takes, about. Bytes.
    pub fn bytes(&self) -> usize {
        let texts = [&self.key, &self.version, &self.e_tag, &self.sequencer, &self.id];
        size_of::<Self>() + texts.iter().map(|text| text.capacity()).sum::<usize>()
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Row {
    /// By key, then version: the head before the file, the file before its records.
    fn cmp(&self, other: &Self) -> Ordering {
        let heads = |row: &Self| matches!(row.kind, Kind::Head | Kind::Deleted);
        self.key
            .cmp(&other.key)
            .then_with(|| heads(other).cmp(&heads(self)))
            .then_with(|| self.order().cmp(&other.order()))
            .then_with(|| self.kind.cmp(&other.kind))
    }
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A file has no record.
    FileWithoutRecord,
    /// A record has no file, and nothing explains that.
    RecordWithoutFile,
    /// A record describes other bytes than its file has.
    OtherContent,
    /// One upload has two records.
    Doubled,
}

/// A disagreement of bucket and table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What disagrees.
    pub kind: FindingKind,
    /// The object's key.
    pub key: String,
    /// The version, in a bucket that keeps versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The record; absent for a file without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The other record of the same upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_document_id: Option<String>,
    /// When the file was put, ISO 8601.
    pub uploaded_at: String,
    /// The size of the file, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The `ETag` of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// The size in the record, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_size: Option<u64>,
    /// The `ETag` in the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_e_tag: Option<String>,
}

impl Finding {
    /// What is known of a file or record.
    fn of(kind: FindingKind, row: &Row) -> Self {
        let is_file = row.kind == Kind::File;
        Self {
            kind,
            key: row.key.clone(),
            version_id: Some(row.version.clone()).filter(|version| !version.is_empty()),
            document_id: Some(row.id.clone()).filter(|id| !id.is_empty()),
            other_document_id: None,
            uploaded_at: Timestamp::from_unix_millis(row.at).map(String::from).unwrap_or_default(),
            size: is_file.then_some(row.size),
            e_tag: is_file.then(|| row.e_tag.clone()),
            recorded_size: (!is_file).then_some(row.size),
            recorded_e_tag: (!is_file).then(|| row.e_tag.clone()),
        }
    }
}

/// What a comparison counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Versions that the stack processes.
    pub files: u64,
    /// Records.
    pub records: u64,
    /// Files without a record.
    pub missing: u64,
    /// Files without a record that are so new that their event may still arrive. Not findings.
    pub pending: u64,
    /// Records without a file that nothing explains.
    pub without_file: u64,
    /// Records that describe other bytes than their file has.
    pub other_content: u64,
    /// Uploads with two records.
    pub doubled: u64,
    /// Records whose file was deleted, expired or overwritten. Not findings.
    pub gone: u64,
    /// Files that the stack does not process: outside of prefix and suffix, folders, test files. Not findings.
    pub outside: u64,
}

impl Counts {
    /// The number of findings.
    pub fn findings(&self) -> u64 {
        self.missing + self.without_file + self.other_content + self.doubled
    }
}

/// What of a stack and a run the comparison depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    prefix: String,
    suffix: String,
    versioned: bool,
    expire_after: Option<i64>,
    keep_old_versions: i64,
    /// When the listing started. Milliseconds since the Unix epoch.
    started: i64,
    now: bool,
}

impl Scope {
    /// The scope of a stack, for a listing that started at this time. With `now`, files whose event may still arrive are
    /// findings too.
    pub fn new(spec: &StackSpec, started: i64, now: bool) -> Self {
        let millis = |seconds: u64| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self {
            prefix: spec.bucket.prefix.clone().unwrap_or_default(),
            suffix: spec.bucket.suffix.clone().unwrap_or_default(),
            versioned: spec.bucket.versioning,
            expire_after: spec.bucket.expire_files.map(|age| millis(age.0)),
            keep_old_versions: millis(spec.bucket.keep_old_versions.0),
            started,
            now,
        }
    }

    /// Whether the stack processes this object.
    pub fn includes(&self, key: &str, size: u64) -> bool {
        let Some(rest) = key.strip_prefix(&self.prefix) else { return false };
        let is_folder = key.ends_with('/') && size == 0;
        key.ends_with(&self.suffix) && !is_folder && !is_canary(key, rest)
    }

    /// Whether the event of a file may still arrive, or may be processed without looking for the record of `reconcile`.
    pub fn is_pending(&self, file: &Row) -> bool {
        let is_counted = !self.now || file.version.is_empty();
        is_counted && self.started.saturating_sub(file.at) < self.pending_millis()
    }

    /// The age below which a file without a record is pending. Milliseconds.
    pub const fn pending_millis(&self) -> i64 {
        if self.now { LEAST_AGE_MILLIS } else { GRACE_MILLIS }
    }

    /// Whether nothing explains that a record has no file.
    fn is_unexplained(&self, record: &Row, head: Option<&Row>) -> bool {
        let age = self.started.saturating_sub(record.at);
        let is_overwritten = head.is_some_and(|head| head.kind == Kind::Deleted || head.at >= record.at);
        let is_expired = self.expire_after.is_some_and(|after| age >= after);
        self.versioned && !is_overwritten && !is_expired && age < self.keep_old_versions
    }
}

/// A test file of `verify` or `up`. `rest` is the key after the stack's prefix.
fn is_canary(key: &str, rest: &str) -> bool {
    rest.starts_with(canary::NAME) || key.rsplit('/').next().is_some_and(|name| name.starts_with(canary::NAME))
}

/// The age from which a newest file is expected to have its record: Lambda repeats a failed event after one and after two
/// minutes more, and then sends it to the queue of failed events. Milliseconds.
const EXPECTED_MILLIS: i64 = 10 * 60_000;

impl Scope {
    /// The newest files that are expected to have a record, at most this number.
    pub fn newest<'a>(&self, files: &'a [Row], most: usize) -> Vec<&'a Row> {
        let is_due = |row: &&Row| {
            let age = self.started.saturating_sub(row.at);
            row.kind == Kind::File && age >= EXPECTED_MILLIS && self.includes(&row.key, row.size)
        };
        let mut newest: Vec<&Row> = files.iter().filter(is_due).collect();
        newest.sort_by_key(|row| std::cmp::Reverse(row.at));
        newest.truncate(most);
        newest
    }
}

/// The files that none of these records, as keys and times, can belong to. The records are all that there are since the time
/// `since`; older files are not judged.
pub fn without_record<'a>(files: &[&'a Row], records: &[(&str, i64)], since: i64) -> Vec<&'a Row> {
    let has_record =
        |file: &Row| records.iter().any(|(key, at)| *key == file.key && *at >= file.at - SAME_UPLOAD_MILLIS);
    files.iter().copied().filter(|file| file.at >= since && !has_record(file)).collect()
}

/// A comparison in progress.
#[derive(Debug)]
pub struct Comparison {
    scope: Scope,
    counts: Counts,
    head: Option<Row>,
    group: Group,
}

/// The rows of one key and version.
#[derive(Debug, Default)]
struct Group {
    key: String,
    version: String,
    file: Option<Row>,
    has_record: bool,
    /// A record that was put at the time of the file and describes other bytes.
    other: Option<Row>,
    /// The last record.
    last: Option<Row>,
    /// The last record without a sequencer.
    listed: Option<Row>,
}

impl Comparison {
    /// A comparison without rows.
    pub fn new(scope: Scope) -> Self {
        Self { scope, counts: Counts::default(), head: None, group: Group::default() }
    }

    /// Takes the next row. Rows must be in ascending order.
    pub fn push(&mut self, row: Row, findings: &mut impl FnMut(Finding)) {
        if row.key != self.group.key || row.version != self.group.version {
            self.end_group(findings);
            if row.key != self.group.key {
                self.head = None;
            }
            self.group = Group { key: row.key.clone(), version: row.version.clone(), ..Group::default() };
        }
        match row.kind {
            Kind::Head | Kind::Deleted => self.head = Some(row),
            // Listed twice: the emulator repeats the last version of a page on the next one.
            Kind::File if self.group.file.is_some() => {}
            Kind::File if self.scope.includes(&row.key, row.size) => {
                self.counts.files += 1;
                self.group.file = Some(row);
            }
            Kind::File => self.counts.outside += 1,
            Kind::Record | Kind::FailedRecord => self.record(row, findings),
        }
    }

    /// Ends the comparison.
    pub fn finish(mut self, findings: &mut impl FnMut(Finding)) -> Counts {
        self.end_group(findings);
        self.counts
    }

    fn record(&mut self, record: Row, findings: &mut impl FnMut(Finding)) {
        let Self { scope, counts, head, group } = self;
        let rest = record.key.strip_prefix(&scope.prefix).unwrap_or(&record.key);
        if is_canary(&record.key, rest) {
            return;
        }
        counts.records += 1;
        if let Some(other) = group.twin(&record) {
            counts.doubled += 1;
            findings(Finding {
                other_document_id: Some(other.id.clone()),
                ..Finding::of(FindingKind::Doubled, &record)
            });
        }
        match &group.file {
            Some(file) if describes(&record, file) => group.has_record = true,
            Some(file) if !file.version.is_empty() => {
                group.has_record = true;
                counts.other_content += 1;
                findings(other_content(&record, file));
            }
            Some(file) if record.at.abs_diff(file.at) <= SAME_UPLOAD_MILLIS.unsigned_abs() => {
                group.other = Some(record.clone());
            }
            // Its file may have been put after this part of the bucket was listed.
            None if record.at >= scope.started - LISTING_SLACK_MILLIS => {}
            None if scope.includes(&record.key, 1) && scope.is_unexplained(&record, head.as_ref()) => {
                counts.without_file += 1;
                findings(Finding::of(FindingKind::RecordWithoutFile, &record));
            }
            _ => counts.gone += 1,
        }
        if record.sequencer.is_empty() {
            group.listed = Some(record.clone());
        }
        group.last = Some(record);
    }

    fn end_group(&mut self, findings: &mut impl FnMut(Finding)) {
        let group = std::mem::take(&mut self.group);
        let Some(file) = &group.file else {
            // The key is still needed, to recognise the next one.
            self.group.key = group.key;
            return;
        };
        if !group.has_record {
            match &group.other {
                Some(record) => {
                    self.counts.other_content += 1;
                    findings(other_content(record, file));
                }
                None if self.scope.is_pending(file) => self.counts.pending += 1,
                None => {
                    self.counts.missing += 1;
                    findings(Finding::of(FindingKind::FileWithoutRecord, file));
                }
            }
        } else if group.other.is_some() {
            self.counts.gone += 1;
        }
        self.group.key = group.key;
    }
}

impl Group {
    /// An earlier record of the same upload.
    fn twin(&self, record: &Row) -> Option<&Row> {
        if !record.version.is_empty() {
            return self.last.as_ref();
        }
        let same_bytes = |other: &&Row| other.e_tag == record.e_tag && other.size == record.size;
        let same_event =
            |other: &&Row| !record.sequencer.is_empty() && other.sequencer == record.sequencer && same_bytes(other);
        let same_time = |other: &&Row| other.at.abs_diff(record.at) <= SAME_RECORD_MILLIS.unsigned_abs();
        let twin = self.last.as_ref().filter(same_event);
        twin.or_else(|| self.listed.as_ref().filter(same_bytes).filter(same_time))
    }
}

/// Whether a record describes the bytes of a file.
fn describes(record: &Row, file: &Row) -> bool {
    let same_size = record.size == file.size || record.kind == Kind::FailedRecord;
    same_size && (record.e_tag == file.e_tag || record.e_tag.is_empty())
}

fn other_content(record: &Row, file: &Row) -> Finding {
    let size_and_tag = Finding::of(FindingKind::OtherContent, file);
    Finding { size: size_and_tag.size, e_tag: size_and_tag.e_tag, ..Finding::of(FindingKind::OtherContent, record) }
}

#[cfg(test)]
mod tests;
