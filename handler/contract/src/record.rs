//! The record: what the table holds of one upload.

use serde::{Deserialize, Serialize};

use crate::metadata::Field;
use crate::upload::DocumentId;
use crate::{ErrorCode, Metadata, Timestamp, Upload, table};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It was accepted and read.
    #[serde(rename = "SUCCESS")]
    Success,
    /// It was refused or could not be read; `errorCode` says why.
    #[serde(rename = "FAILED")]
    Failed,
}

impl Status {
    /// The status as the record spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a file ends in a FAILED record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The code, for programs.
    pub code: ErrorCode,
    /// What is wrong and what would be right, for people. Never content of the file.
    pub message: String,
}

impl Failure {
    /// A failure with its explanation.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What the handler found out about a file, whichever way it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// The media type by content, `None` where the content was not looked at.
    pub file_type: Option<String>,
    /// Bytes.
    pub file_size: u64,
    /// Lower-case hexadecimal, `None` where the file was not read to its end.
    pub sha256: Option<String>,
    /// What was read, also from a file that failed later.
    pub metadata: Metadata,
    /// Why the file failed, if it did.
    pub failure: Option<Failure>,
}

impl Findings {
    /// A file that was not read to its end.
    pub fn unread(file_size: u64, failure: Failure) -> Self {
        Self { file_type: None, file_size, sha256: None, metadata: Metadata::default(), failure: Some(failure) }
    }

    /// A file that is larger than the stack takes; it is not read at all.
    pub fn too_large(file_size: u64, max_file_size: u64) -> Self {
        let message =
            format!("the object has {file_size} bytes, and this stack takes at most {max_file_size} (maxFileSize)");
        Self::unread(file_size, Failure::new(ErrorCode::FileTooLarge, message))
    }
}

/// One item of the table. The first six attributes are the user's schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// A version 5 UUID of what identifies the upload; the partition key.
    pub document_id: String,
    /// The last part of the object's key.
    pub file_name: String,
    /// The media type by content; `application/octet-stream` where it is not known.
    pub file_type: String,
    /// Bytes.
    pub file_size: u64,
    /// SUCCESS or FAILED.
    pub status: Status,
    /// When the object was put, by the event.
    pub uploaded_at: Timestamp,

    /// The bucket.
    pub bucket: String,
    /// The object's whole key.
    pub object_key: String,
    /// The object's version, in a bucket that keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The object's `ETag`, without quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// Orders the events of one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// The content's SHA-256, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why the file failed, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// Why the file failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// When the handler wrote the record.
    pub processed_at: Timestamp,
    /// The handler's version.
    pub handler_version: String,
    /// When the run of `provisioner reprocess` that wrote the record was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprocessed_at: Option<Timestamp>,

    /// What was read from the content.
    #[serde(flatten)]
    pub metadata: Metadata,

    /// The partition of the record in the index of the newest.
    pub recent_shard: String,
    /// When `DynamoDB` deletes the record, seconds since the Unix epoch; only where the stack file limits how long records are
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// The partition in the index of failures by day; only on failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_shard: Option<String>,
    /// The partition in the index by object key.
    pub object_shard: String,
}

/// The type of what nobody recognises (RFC 2046, section 4.5.1).
pub const UNKNOWN_TYPE: &str = "application/octet-stream";

macro_rules! fields {
    ($($name:literal: $kind:literal, $unit:literal, $files:literal, $meaning:literal;)+) => {
        &[$(Field { name: $name, kind: $kind, unit: $unit, files: $files, meaning: $meaning }),+]
    };
}

impl Record {
    /// All attributes beside those of [`Metadata`], in the order of the documentation.
    pub const FIELDS: &[Field] = fields! {
        "documentId": "text", "UUID, version 5", "all", "The partition key. It follows from bucket, key and version (or sequencer), so an event that comes twice finds its own record.";
        "fileName": "text", "", "all", "The last part of the object's key.";
        "fileType": "text", "MIME", "all", "The media type by content; application/octet-stream where it is not known.";
        "fileSize": "number", "bytes", "all", "The size.";
        "status": "text", "SUCCESS or FAILED", "all", "What became of the file.";
        "uploadedAt": "text", "ISO 8601, UTC, milliseconds", "all", "When the object was put, by the event. The sort key of every index.";
        "bucket": "text", "", "all", "The bucket.";
        "objectKey": "text", "", "all", "The object's whole key.";
        "versionId": "text", "", "buckets that keep versions", "The object's version.";
        "eTag": "text", "", "all that have one", "The object's ETag, without quotes.";
        "sequencer": "text", "hexadecimal", "events of S3", "Orders the events of one key.";
        "sha256": "text", "hexadecimal", "files read to their end", "The content's SHA-256.";
        "errorCode": "text", "see error-codes.md", "FAILED", "Why the file failed, for programs.";
        "errorMessage": "text", "", "FAILED", "Why the file failed, for people.";
        "processedAt": "text", "ISO 8601, UTC, milliseconds", "all", "When the handler wrote the record.";
        "handlerVersion": "text", "", "all", "The handler's version.";
        "reprocessedAt": "text", "ISO 8601, UTC, milliseconds", "files that were processed again", "When the run of `provisioner reprocess` that wrote the record was requested. It orders the runs: only a later one replaces the record.";
        "recentShard": "text", "00 to 31", "all", "The partition of the index `recent`.";
        "expiresAt": "number", "seconds since 1970, UTC", "stacks with table.keepRecords", "When DynamoDB deletes the record (time to live), which it does within a few days after.";
        "failureShard": "text", "day#shard", "FAILED", "The partition of the index `failures`.";
        "objectShard": "text", "shard#bucket/key", "all", "The partition of the index `by-object`.";
    };

    /// The record of one upload. Everything in it follows from the arguments.
    pub fn new(upload: &Upload, findings: Findings, processed_at: Timestamp, handler_version: &str) -> Self {
        Self::with_id(upload.document_id(), upload, findings, processed_at, handler_version)
    }

    /// The same, for a caller that knows the upload's [`Upload::document_id`] already.
    pub fn with_id(
        id: DocumentId,
        upload: &Upload,
        findings: Findings,
        processed_at: Timestamp,
        handler_version: &str,
    ) -> Self {
        let (status, error_code, error_message) = match findings.failure {
            None => (Status::Success, None, None),
            Some(failure) => (Status::Failed, Some(failure.code), Some(failure.message)),
        };
        Self {
            document_id: id.to_string(),
            file_name: upload.file_name().to_owned(),
            file_type: findings.file_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
            file_size: findings.file_size,
            status,
            uploaded_at: upload.uploaded_at.clone(),
            bucket: upload.bucket.clone(),
            object_key: upload.key.clone(),
            version_id: upload.version_id.clone(),
            e_tag: upload.e_tag.clone(),
            sequencer: upload.sequencer.clone(),
            sha256: findings.sha256,
            error_code,
            error_message,
            processed_at,
            handler_version: handler_version.to_owned(),
            reprocessed_at: None,
            metadata: findings.metadata,
            recent_shard: table::recent_shard(id),
            expires_at: None,
            failure_shard: (status == Status::Failed).then(|| table::failure_shard(upload.uploaded_at.day(), id)),
            object_shard: table::object_shard(&upload.bucket, &upload.key, id),
        }
    }

    /// The same record under another id of its upload, with the index partitions that follow from the id.
    #[must_use]
    pub fn identified_by(mut self, id: DocumentId) -> Self {
        self.document_id = id.to_string();
        self.recent_shard = table::recent_shard(id);
        self.failure_shard = self.failure_shard.map(|_| table::failure_shard(self.uploaded_at.day(), id));
        self.object_shard = table::object_shard(&self.bucket, &self.object_key, id);
        self
    }

    /// The same record, kept for this long after it was written. Seconds; `None` for ever.
    ///
    /// The time counts from the writing and not from the upload, so that what is read again, or late, is kept as long as the
    /// rest.
    #[must_use]
    pub fn kept_for(self, seconds: Option<u64>) -> Self {
        let written = u64::try_from(self.processed_at.unix_millis() / 1_000).unwrap_or_default();
        Self { expires_at: seconds.map(|seconds| written.saturating_add(seconds)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_id_gives_the_record_that_would_have_been_made_with_it() {
        let upload = Upload {
            bucket: "b".into(),
            key: "a/c.txt".into(),
            version_id: None,
            e_tag: Some("e".into()),
            sequencer: Some("01".into()),
            size: Some(1),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        };
        let content_id = upload.content_id().unwrap();
        for failure in [None, Some(Failure::new(ErrorCode::Malformed, "is not whole"))] {
            let findings =
                Findings { file_type: None, file_size: 1, sha256: None, metadata: Metadata::default(), failure };
            let time = upload.uploaded_at.clone();
            let other = Record::new(&upload, findings.clone(), time.clone(), "1").identified_by(content_id);
            assert_eq!(other, Record::with_id(content_id, &upload, findings, time, "1"));
        }
    }

    #[test]
    fn the_documentation_names_every_attribute_that_a_record_can_have() {
        let upload = Upload {
            bucket: "b".into(),
            key: "a/c.txt".into(),
            version_id: Some("v".into()),
            e_tag: Some("e".into()),
            sequencer: Some("01".into()),
            size: None,
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        };
        let findings = Findings {
            file_type: None,
            file_size: 1,
            sha256: Some("00".into()),
            metadata: Metadata::default(),
            failure: Some(Failure::new(ErrorCode::Malformed, "is not whole")),
        };
        let processed_at = upload.uploaded_at.clone();
        let record = Record::new(&upload, findings, processed_at, "1");
        assert_eq!(record.clone().kept_for(None), record);
        let record = record.kept_for(Some(90 * 86_400));
        // 2027-02-20T16:33:49Z.
        assert_eq!(record.expires_at, Some(1_803_141_229));
        let record = Record { reprocessed_at: Some(record.processed_at.clone()), ..record };
        let item = serde_json::to_value(record).unwrap();
        let mut written: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let mut documented: Vec<_> = Record::FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(documented[..6], ["documentId", "fileName", "fileType", "fileSize", "status", "uploadedAt"]);
        written.sort_unstable();
        documented.sort_unstable();
        assert_eq!(written, documented);
    }
}
