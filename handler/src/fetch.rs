//! Reads an object once, from S3 straight into the child that extracts it. Never holds more than one chunk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use handler_contract::Upload;
use handler_contract::record::Findings;
use handler_extract::Extractor;

use crate::aws;
use crate::outcome::{CallError, GetOutcome, classify_get_error};

/// Why there are no findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// Another attempt may succeed.
    Retry(String),
    /// The time was over.
    OutOfTime {
        /// The object's size as far as it is known. Bytes.
        size: u64,
    },
}

/// Fetches and extracts one upload within the time given.
///
/// Files that cannot be accepted are findings too, with a failure. An object that the event already calls too large is
/// not read at all.
pub async fn findings(
    s3: &Client,
    extractor: &Extractor,
    upload: &Upload,
    max_file_size: u64,
    time: Duration,
) -> Result<Findings, Unread> {
    if let Some(size) = upload.size.filter(|&size| size > max_file_size) {
        return Ok(Findings::too_large(size, max_file_size));
    }
    let size = AtomicU64::new(upload.size.unwrap_or_default());
    // On the heap, because it holds the buffers of the pipes to the child.
    let reading = Box::pin(stream(s3, extractor, upload, max_file_size, &size));
    match tokio::time::timeout(time, reading).await {
        Ok(result) => result.map_err(Unread::Retry),
        // The session went with the future, and its child with the session.
        Err(_) => Err(Unread::OutOfTime { size: size.load(Ordering::Relaxed) }),
    }
}

async fn stream(
    s3: &Client,
    extractor: &Extractor,
    upload: &Upload,
    max_file_size: u64,
    known_size: &AtomicU64,
) -> Result<Findings, String> {
    let request = s3
        .get_object()
        .bucket(&upload.bucket)
        .key(&upload.key)
        // The version that the event reports: it is still there after the key was overwritten.
        .set_version_id(upload.version_id.clone())
        .set_if_match(upload.e_tag.as_ref().map(|e_tag| format!("\"{e_tag}\"")));
    // The child takes its task while S3 looks for the object, and not before that is asked.
    let starting = async {
        tokio::task::yield_now().await;
        extractor.start(upload.file_name(), upload.size).await
    };
    let (answer, session) = tokio::join!(request.send(), starting);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return match classify_get_error(&aws::call_error(&error)) {
                GetOutcome::Refuse(failure) => Ok(Findings::unread(upload.size.unwrap_or_default(), failure)),
                GetOutcome::Retry(reason) => Err(reason),
            };
        }
    };
    if let Some(length) = answer.content_length().and_then(|length| u64::try_from(length).ok()) {
        known_size.fetch_max(length, Ordering::Relaxed);
        if length > max_file_size {
            return Ok(Findings::too_large(length, max_file_size));
        }
    }
    let mut session = session.map_err(|error| format!("failed to start the extraction: {error}"))?;
    session.set_content_encoding(answer.content_encoding());
    if let Some(length) = answer.content_length().and_then(|length| u64::try_from(length).ok()) {
        session.set_length(length);
    }
    let mut body = answer.body;
    let mut count = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| match classify_get_error(&CallError::NoAnswer(aws::chain(&error))) {
            GetOutcome::Refuse(failure) => failure.message,
            GetOutcome::Retry(reason) => reason,
        })?;
        count += chunk.len() as u64;
        known_size.fetch_max(count, Ordering::Relaxed);
        if count > max_file_size {
            return Ok(Findings::too_large(count, max_file_size));
        }
        session.feed(&chunk).await.map_err(|error| format!("failed to pass the object on: {error}"))?;
    }
    session.finish().await.map_err(|error| format!("failed to finish the extraction: {error}"))
}
