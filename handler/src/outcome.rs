//! How the work on one file can end, and the tables that decide it.
//!
//! Every status and error code of S3 and `DynamoDB` is judged here and nowhere else. Pure: the SDK's errors arrive as
//! [`CallError`], which carries what the tables need.

use handler_contract::{ErrorCode, Failure, Record, Status};

/// How the work on one file ended. Nothing else can become of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Its record was written. Stored, or, where the record says FAILED, rejected.
    Recorded(Box<Record>),
    /// The table already held its record, or a better one than this.
    Duplicate(Box<Record>),
    /// The record was to be replaced, but the object was not read, or not to its end. The record stays.
    Unreadable(Failure),
    /// Nothing was written, and another attempt may succeed. The invocation fails.
    Retry(String),
}

impl Outcome {
    /// The name that log lines and answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Recorded(record) => match record.status {
                Status::Success => "stored",
                Status::Failed => "rejected",
            },
            Self::Duplicate(_) => "duplicate",
            Self::Unreadable(_) => "unreadable",
            Self::Retry(_) => "retry",
        }
    }

    /// What is known of the file, where it was read.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Recorded(record) | Self::Duplicate(record) => Some(record),
            Self::Unreadable(_) | Self::Retry(_) => None,
        }
    }
}

/// How a call to a service failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The service answered with an error.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The service's error code, empty where the answer has none.
        code: String,
        /// The service's words.
        message: String,
    },
    /// There was no answer, or not a whole one: time-outs, lost connections, broken bodies, wrong checksums.
    NoAnswer(String),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer { status, code, message } if code.is_empty() => write!(f, "HTTP {status} {message}"),
            Self::Answer { status, code, message } => write!(f, "HTTP {status} {code}: {message}"),
            Self::NoAnswer(what) => f.write_str(what),
        }
    }
}

/// What a failed read means for the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetOutcome {
    /// The file can never be read: a FAILED record.
    Refuse(Failure),
    /// Another attempt may succeed.
    Retry(String),
}

/// Judges a failed `GetObject` with `If-Match`.
///
/// Codes: S3 API reference, "Error responses", and KMS errors as S3 passes them on (`KMS.` in front).
pub fn classify_get_error(call_error: &CallError) -> GetOutcome {
    let refuse = |code, message: &str| GetOutcome::Refuse(Failure::new(code, message));
    let CallError::Answer { status, code, message } = call_error else {
        return GetOutcome::Retry(format!("failed to read the object: {call_error}"));
    };
    match (status, code.as_str()) {
        (412, _) => refuse(
            ErrorCode::Superseded,
            "the key was overwritten before this upload was read; the later upload has its own record",
        ),
        (404, "NoSuchKey" | "NoSuchVersion") => {
            refuse(ErrorCode::NotFound, "the object was deleted before it was read")
        }
        (403, "InvalidObjectState") => refuse(
            ErrorCode::NotReadable,
            "the object is archived; restore it, or upload it to a storage class that can be read at once",
        ),
        // S3 has no code of its own for an object that was encrypted with the customer's key (SSE-C).
        (400, "InvalidRequest") if message.contains("Encryption") => refuse(
            ErrorCode::NotReadable,
            "the object is encrypted with a key that every request must carry (SSE-C); upload it with SSE-S3 or SSE-KMS",
        ),
        (
            400,
            "KMS.DisabledException"
            | "KMS.NotFoundException"
            | "KMS.InvalidStateException"
            | "KMS.KMSInvalidStateException"
            | "KMS.InvalidKeyUsageException",
        ) => refuse(
            ErrorCode::NotReadable,
            "the KMS key that the object is encrypted with is disabled, deleted or unusable; enable it and upload again",
        ),
        // IAM names the action that it denied, and S3 asks KMS only for an object that is there.
        (403, "AccessDenied") if message.contains("kms:Decrypt") => refuse(
            ErrorCode::NotReadable,
            "the function's role may not use the KMS key that the object is encrypted with; upload it with the bucket's \
             default encryption, or name the key with `kmsKey` in the stack file",
        ),
        // Without s3:ListBucket a missing key looks like a missing permission, so this must not end in a record.
        (403, "AccessDenied") => GetOutcome::Retry(format!(
            "S3 denied the read ({message}): the function's role may not read the object or use its KMS key, or the \
             object is gone"
        )),
        _ => GetOutcome::Retry(format!("failed to read the object: {call_error}")),
    }
}

/// Whether a failure describes the attempt and not the content: the object was not there, or a clock ran out, which
/// depends on the machine and on what S3 takes. Such a failure does not replace a record that describes the content.
/// All other codes follow from the content and the limits of the stack.
pub fn is_unrelated_to_content(code: ErrorCode) -> bool {
    match code {
        ErrorCode::NotFound
        | ErrorCode::Superseded
        | ErrorCode::NotReadable
        | ErrorCode::DeadlineExceeded
        | ErrorCode::TimeLimit => true,
        ErrorCode::EmptyFile
        | ErrorCode::FileTooLarge
        | ErrorCode::TypeNotAllowed
        | ErrorCode::TypeMismatch
        | ErrorCode::Encrypted
        | ErrorCode::Malformed
        | ErrorCode::MemoryLimit
        | ErrorCode::CpuLimit
        | ErrorCode::StackLimit
        | ErrorCode::SpoolLimit
        | ErrorCode::OutputLimit
        | ErrorCode::DecompressionBomb
        | ErrorCode::SandboxViolation
        | ErrorCode::Crashed => false,
    }
}

/// Classifies the result of a `PutItem` with the record's condition. `Ok` is a written record. `already_written` says
/// whether the very item that was sent is the conflicting one: then an earlier attempt of this write reached the table,
/// and only its answer was lost.
///
/// Nothing that `DynamoDB` says about an item is the file's fault, so whatever is no duplicate is retried and ends in
/// the queue, a refusal for good (`ValidationException`) as well.
pub fn classify_put_error(record: Record, result: Result<(), CallError>, already_written: bool) -> Outcome {
    let Err(call_error) = result else {
        return Outcome::Recorded(Box::new(record));
    };
    let code = if let CallError::Answer { code, .. } = &call_error { code.as_str() } else { "" };
    match code {
        "ConditionalCheckFailedException" if already_written => Outcome::Recorded(Box::new(record)),
        "ConditionalCheckFailedException" => Outcome::Duplicate(Box::new(record)),
        "ValidationException" => {
            Outcome::Retry(format!("DynamoDB refuses the record, and will at every further try: {call_error}"))
        }
        _ => Outcome::Retry(format!("failed to write the record: {call_error}")),
    }
}

#[cfg(test)]
mod tests {
    use handler_contract::record::Findings;
    use handler_contract::{Metadata, Timestamp, Upload};

    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> CallError {
        CallError::Answer { status, code: code.to_owned(), message: message.to_owned() }
    }

    fn record(status: Status) -> Record {
        let upload = Upload {
            bucket: "uploads".to_owned(),
            key: "a.txt".to_owned(),
            version_id: None,
            e_tag: None,
            sequencer: Some("01".to_owned()),
            size: Some(1),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        };
        let failure = (status == Status::Failed).then(|| Failure::new(ErrorCode::EmptyFile, "empty"));
        let findings = Findings { file_type: None, file_size: 1, sha256: None, metadata: Metadata::default(), failure };
        Record::new(&upload, findings, upload.uploaded_at.clone(), "0.1.0")
    }

    // As IAM denies it, with S3 as the caller's agent.
    const KMS_DENIED: &str = "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: kms:Decrypt \
                              on resource: arn:aws:kms:eu-central-1:123456789012:key/k because no identity-based policy \
                              allows the kms:Decrypt action";

    #[test]
    fn each_failed_read_has_its_row() {
        let encrypted = "The object was stored using a form of Server Side Encryption. The correct parameters must be \
                         provided to retrieve the object.";
        for (status, code, message, expected) in [
            (412, "PreconditionFailed", "", Some(ErrorCode::Superseded)),
            (412, "", "", Some(ErrorCode::Superseded)),
            (404, "NoSuchKey", "", Some(ErrorCode::NotFound)),
            (404, "NoSuchVersion", "", Some(ErrorCode::NotFound)),
            (403, "AccessDenied", KMS_DENIED, Some(ErrorCode::NotReadable)),
            (403, "InvalidObjectState", "", Some(ErrorCode::NotReadable)),
            (400, "InvalidRequest", encrypted, Some(ErrorCode::NotReadable)),
            (400, "KMS.DisabledException", "", Some(ErrorCode::NotReadable)),
            (400, "KMS.NotFoundException", "", Some(ErrorCode::NotReadable)),
            (400, "KMS.InvalidStateException", "", Some(ErrorCode::NotReadable)),
            (400, "KMS.KMSInvalidStateException", "", Some(ErrorCode::NotReadable)),
            (400, "KMS.InvalidKeyUsageException", "", Some(ErrorCode::NotReadable)),
            (400, "KMS.ThrottlingException", "", None),
            (400, "InvalidRequest", "Missing required header", None),
            (400, "ExpiredToken", "", None),
            (400, "RequestTimeout", "", None),
            (301, "PermanentRedirect", "", None),
            (403, "AccessDenied", "", None),
            (403, "RequestTimeTooSkewed", "", None),
            (403, "", "", None),
            (404, "NoSuchBucket", "", None),
            (404, "", "", None),
            (429, "TooManyRequests", "", None),
            (500, "InternalError", "", None),
            (503, "SlowDown", "", None),
            (503, "ServiceUnavailable", "", None),
        ] {
            let result = classify_get_error(&answer(status, code, message));
            match (result, expected) {
                (GetOutcome::Refuse(failure), Some(expected)) => assert_eq!(failure.code, expected, "{status} {code}"),
                (GetOutcome::Retry(reason), None) => assert!(!reason.is_empty(), "{status} {code}"),
                (result, _) => unreachable!("{status} {code} gave {result:?}"),
            }
        }
        let lost = CallError::NoAnswer("connection reset".to_owned());
        assert_eq!(
            classify_get_error(&lost),
            GetOutcome::Retry("failed to read the object: connection reset".to_owned())
        );
    }

    #[test]
    fn each_write_has_its_row() {
        for (status, result, expected) in [
            (Status::Success, Ok(()), "stored"),
            (Status::Failed, Ok(()), "rejected"),
            (Status::Success, Err(answer(400, "ConditionalCheckFailedException", "")), "duplicate"),
            (Status::Failed, Err(answer(400, "ConditionalCheckFailedException", "")), "duplicate"),
            (Status::Success, Err(answer(400, "ProvisionedThroughputExceededException", "")), "retry"),
            (Status::Success, Err(answer(400, "ThrottlingException", "")), "retry"),
            (Status::Success, Err(answer(400, "RequestLimitExceeded", "")), "retry"),
            (Status::Success, Err(answer(400, "ValidationException", "Item size has exceeded")), "retry"),
            (Status::Success, Err(answer(400, "ResourceNotFoundException", "")), "retry"),
            (Status::Success, Err(answer(400, "AccessDeniedException", "")), "retry"),
            (Status::Success, Err(answer(400, "ItemCollectionSizeLimitExceededException", "")), "retry"),
            (Status::Success, Err(answer(400, "TransactionConflictException", "")), "retry"),
            (Status::Failed, Err(answer(500, "InternalServerError", "")), "retry"),
            (Status::Failed, Err(CallError::NoAnswer("timed out".to_owned())), "retry"),
        ] {
            let case = format!("{status} {result:?}");
            assert_eq!(classify_put_error(record(status), result, false).name(), expected, "{case}");
        }
    }

    #[test]
    fn a_write_that_stands_is_no_duplicate_of_itself() {
        for (status, code, expected) in [
            (Status::Success, "ConditionalCheckFailedException", "stored"),
            (Status::Failed, "ConditionalCheckFailedException", "rejected"),
            (Status::Success, "ThrottlingException", "retry"),
        ] {
            assert_eq!(classify_put_error(record(status), Err(answer(400, code, "")), true).name(), expected, "{code}");
        }
    }

    #[test]
    fn a_refusal_for_good_says_so() {
        let result = classify_put_error(
            record(Status::Success),
            Err(answer(400, "ValidationException", "Item size has exceeded")),
            false,
        );
        let Outcome::Retry(reason) = result else { unreachable!("{result:?}") };
        assert_eq!(
            reason,
            "DynamoDB refuses the record, and will at every further try: HTTP 400 ValidationException: Item size has \
             exceeded"
        );
    }
}
