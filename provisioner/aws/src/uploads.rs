//! Putting objects into the bucket: small ones in one request, large ones in parts, and never a part left behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use provisioner_model::call_error::{CallError, Kind, optional};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::Aws;
use super::call_error::from_sdk;
use super::clock::unix_millis;

/// Files up to this size are put in one request. Bytes.
const SINGLE: u64 = 8 << 20;
/// The smallest part that larger files are cut into. S3 asks for 5 MiB at least. Bytes.
const PART: u64 = 8 << 20;
/// S3 user guide, "Amazon S3 multipart upload limits".
const MAX_PARTS: u64 = 10_000;
/// The size of the later half of a stream's parts: its length is unknown, so later parts are larger. Bytes.
const LATE_PART: u64 = 64 << 20;
/// Parts of a stream that are held in memory at the same time.
const STREAM_PARTS: usize = 4;
/// The number of abort attempts. A part in transit can arrive after an abort, which then must be repeated.
const ABORTS: u32 = 5;
/// The pause between aborts.
const ABORT_PAUSE: Duration = Duration::from_millis(200);

/// Receives the number of newly uploaded bytes.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Puts objects into one bucket, with a bounded number of requests at the same time.
#[derive(Clone)]
pub struct Uploads {
    /// For calls without a file.
    client: Client,
    /// For requests with a file in their body.
    transfer: Client,
    complete: Client,
    bucket: String,
    owner: String,
    requests: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    progress: Progress,
}

impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// An object that is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its `ETag`, without quotes.
    pub e_tag: Option<String>,
    /// Its version, in a bucket that keeps versions.
    pub version_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Whether the file was written to while it was read, so that the object may be neither its old nor its new content.
    pub changed: bool,
}

/// Why an object was not put.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The command was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[source] std::io::Error),
    /// The file was written to meanwhile.
    #[error("the file changed while it was uploaded; upload it again")]
    Changed,
    /// The stream is longer than a stream can be.
    #[error("standard input is longer than {} GiB; write it to a file and upload that", (MAX_PARTS / 2 * (PART + LATE_PART)) >> 30)]
    TooLong,
    /// The service did not take it.
    #[error("{0}")]
    Service(#[from] CallError),
    /// The answer was lost, and the bucket cannot be asked either.
    #[error("{0}; it is not known whether the object was stored")]
    Unknown(#[source] CallError),
}

/// An object that was not put.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct NotStored {
    /// Why.
    #[source]
    pub cause: Cause,
    /// Parts were left in the bucket, because aborting failed too.
    pub left_open: Option<CallError>,
}

impl<T: Into<Cause>> From<T> for NotStored {
    fn from(cause: T) -> Self {
        Self { cause: cause.into(), left_open: None }
    }
}

impl Uploads {
    /// Uploads to a bucket of this account with at most `parallel` concurrent requests, until `stop` is set.
    pub fn new(aws: &Aws, bucket: &str, parallel: u16, stop: watch::Receiver<bool>, progress: Progress) -> Self {
        Self {
            client: aws.s3(),
            transfer: aws.s3_transfer(),
            complete: aws.s3_complete(),
            bucket: bucket.to_owned(),
            owner: aws.account.clone(),
            requests: Arc::new(Semaphore::new(parallel.into())),
            stop,
            progress,
        }
    }

    /// Puts a file.
    ///
    /// A file that is written to meanwhile is not completed from its parts ([`Cause::Changed`]). One that fits into one
    /// request is stored by then, and reported as [`Stored::changed`].
    pub async fn file(self, path: PathBuf, key: String, content_type: String) -> Result<Stored, NotStored> {
        let before = FileState::of(&path).await?;
        let size = before.length;
        if size > SINGLE {
            let open = self.start(&key, &content_type).await?;
            let parts = async {
                let parts = self.file_parts(&open, &path, size).await;
                // A file that changed may have failed for that very reason.
                if FileState::of(&path).await.ok() == Some(before) { parts } else { Err(Cause::Changed) }
            };
            return self.end(&open, parts, &size.into()).await;
        }
        let body = if size == 0 { ByteStream::from_static(b"") } else { range(&path, 0, size).await? };
        let checksum = async || tokio::fs::read(&path).await.ok().map(|bytes| crc32(&bytes));
        let stored = self.single(&key, &content_type, body, size, checksum).await;
        match (FileState::of(&path).await.ok() == Some(before), stored) {
            (true, stored) => stored,
            (false, Ok(stored)) => Ok(Stored { changed: true, ..stored }),
            (false, Err(NotStored { cause: Cause::Unknown(error), left_open })) => {
                Err(NotStored { cause: Cause::Unknown(error), left_open })
            }
            (false, Err(_)) => Err(Cause::Changed.into()),
        }
    }

    /// Whether the bucket has the file under this key already: the same size, and put after the file's last change.
    /// An object that the caller may not look at counts as absent. `ahead` is how far S3's clock is ahead of this one, in
    /// milliseconds ([`crate::clock::ahead`]).
    pub async fn has(&self, path: &Path, key: &str, ahead: i64) -> Result<bool, NotStored> {
        let metadata = tokio::fs::metadata(path).await.map_err(Cause::Read)?;
        let head = self.unless_stopped(self.head(key)).await?;
        let found = match head {
            Err(error) if error.kind == Kind::Denied => None,
            head => head.map_err(Cause::Service)?,
        };
        Ok(found.is_some_and(|object| {
            let put = object.last_modified.and_then(|time| time.to_millis().ok());
            // S3 counts whole seconds, by its own clock.
            let is_newer = |changed: SystemTime| put.is_some_and(|put| put + 1_000 > unix_millis(changed) + ahead);
            object.content_length == Some(metadata.len().cast_signed()) && metadata.modified().is_ok_and(is_newer)
        }))
    }

    /// Puts what a stream gives until its end.
    pub async fn stream(
        self,
        mut from: impl AsyncRead + Unpin,
        key: String,
        content_type: String,
    ) -> Result<Stored, NotStored> {
        let first = self.unless_stopped(read_part(&mut from, PART)).await?.map_err(Cause::Read)?;
        if (first.len() as u64) < PART {
            let size = first.len() as u64;
            let checksum = crc32(&first);
            return self.single(&key, &content_type, first.into(), size, async || Some(checksum)).await;
        }
        let open = self.start(&key, &content_type).await?;
        let size = AtomicU64::new(0);
        let parts = self.stream_parts(&open, &mut from, first, &size);
        self.end(&open, parts, &size).await
    }

    /// Puts an object in one request. Once the request is made it is not cancelled: the object can be stored whatever
    /// happens to the answer. `checksum` is that of the content, for a lost answer.
    async fn single(
        &self,
        key: &str,
        content_type: &str,
        body: ByteStream,
        size: u64,
        checksum: impl AsyncFnOnce() -> Option<String>,
    ) -> Result<Stored, NotStored> {
        let _request = self.request().await?;
        let put = self
            .transfer
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .expected_bucket_owner(&self.owner)
            .content_type(content_type)
            .content_length(size.cast_signed())
            .body(body);
        let stored = match Box::pin(put.send()).await.map_err(from_sdk) {
            Ok(answer) => Stored { e_tag: unquoted(answer.e_tag), version_id: answer.version_id, size, changed: false },
            Err(error) if is_ambiguous(&error) => match (self.head(key).await, checksum().await) {
                (Ok(None), _) => return Err(error.into()),
                (Ok(Some(head)), Some(checksum)) if head.checksum_crc32.is_some() => {
                    if head.checksum_crc32 != Some(checksum) {
                        return Err(error.into());
                    }
                    Stored { e_tag: unquoted(head.e_tag), version_id: head.version_id, size, changed: false }
                }
                _ => return Err(Cause::Unknown(error).into()),
            },
            Err(error) => return Err(error.into()),
        };
        (self.progress)(size);
        Ok(stored)
    }

    /// The object of a key; `None` if there is none.
    async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, CallError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .expected_bucket_owner(&self.owner);
        optional(head.send().await.map_err(from_sdk))
    }

    async fn start(&self, key: &str, content_type: &str) -> Result<Open, NotStored> {
        let _request = self.request().await?;
        // Not cancelled: a lost response would leave an upload whose id is unknown.
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .expected_bucket_owner(&self.owner)
            .content_type(content_type)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(Open { key: key.to_owned(), id: answer.upload_id.unwrap_or_default() })
    }

    async fn file_parts(&self, open: &Open, path: &Path, size: u64) -> Result<Vec<CompletedPart>, Cause> {
        let part = part_size(size);
        let mut sending = JoinSet::new();
        let mut done = Vec::new();
        for (number, offset) in (1..).zip((0..size).step_by(usize::try_from(part).unwrap_or(usize::MAX))) {
            let request = self.request().await?;
            let length = part.min(size - offset);
            let body = range(path, offset, length).await.map_err(|e| e.cause)?;
            sending.spawn(self.clone().part(open.clone(), number, body, length, request));
            while let Some(sent) = sending.try_join_next() {
                done.push(joined(sent)?);
            }
        }
        while let Some(sent) = sending.join_next().await {
            done.push(joined(sent)?);
        }
        Ok(done)
    }

    async fn stream_parts(
        &self,
        open: &Open,
        from: &mut (impl AsyncRead + Unpin),
        first: Vec<u8>,
        size: &AtomicU64,
    ) -> Result<Vec<CompletedPart>, Cause> {
        let mut sending = JoinSet::new();
        let mut done = Vec::new();
        let mut bytes = first;
        for number in 1_u64.. {
            if number > MAX_PARTS {
                return Err(Cause::TooLong);
            }
            let length = bytes.len() as u64;
            size.fetch_add(length, Ordering::Relaxed);
            let request = self.request().await?;
            let whole = length == stream_part_size(number);
            let number_in_s3 = i32::try_from(number).unwrap_or(i32::MAX);
            sending.spawn(self.clone().part(open.clone(), number_in_s3, bytes.into(), length, request));
            if !whole {
                break;
            }
            while sending.len() >= STREAM_PARTS
                && let Some(sent) = sending.join_next().await
            {
                done.push(joined(sent)?);
            }
            let next = read_part(from, stream_part_size(number + 1));
            bytes = self.unless_stopped(next).await?.map_err(Cause::Read)?;
            if bytes.is_empty() {
                break;
            }
        }
        while let Some(sent) = sending.join_next().await {
            done.push(joined(sent)?);
        }
        Ok(done)
    }

    async fn part(
        self,
        open: Open,
        number: i32,
        body: ByteStream,
        length: u64,
        _request: OwnedSemaphorePermit,
    ) -> Result<CompletedPart, CallError> {
        let answer = self
            .transfer
            .upload_part()
            .bucket(&self.bucket)
            .key(&open.key)
            .upload_id(&open.id)
            .expected_bucket_owner(&self.owner)
            .part_number(number)
            .content_length(length.cast_signed())
            .body(body)
            .send()
            .await
            .map_err(from_sdk)?;
        (self.progress)(length);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    /// Completes the upload once its parts are there, or aborts it. The completion is not cancelled, and where its answer
    /// is lost the bucket is asked: what is reported is what is in the bucket.
    async fn end(
        &self,
        open: &Open,
        parts: impl Future<Output = Result<Vec<CompletedPart>, Cause>>,
        size: &AtomicU64,
    ) -> Result<Stored, NotStored> {
        let mut parts = match self.unless_stopped(parts).await.flatten() {
            Ok(parts) => parts,
            Err(cause) => return Err(NotStored { cause, left_open: self.abort(open).await.err() }),
        };
        parts.sort_by_key(CompletedPart::part_number);
        let complete = self
            .complete
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&open.key)
            .upload_id(&open.id)
            .expected_bucket_owner(&self.owner)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        let size = size.load(Ordering::Relaxed);
        let error = match complete.send().await.map_err(from_sdk) {
            Ok(answer) => {
                let (e_tag, version_id) = (unquoted(answer.e_tag), answer.version_id);
                return Ok(Stored { e_tag, version_id, size, changed: false });
            }
            Err(error) => error,
        };
        match self.completed(open, size).await {
            Ok(Some(stored)) => Ok(stored),
            Ok(None) => Err(NotStored { cause: Cause::Service(error), left_open: self.abort(open).await.err() }),
            Err(_) => Err(Cause::Unknown(error).into()),
        }
    }

    /// The object of an upload that was completed although the answer was an error: only a completion ends an upload here.
    async fn completed(&self, open: &Open, size: u64) -> Result<Option<Stored>, CallError> {
        if self.parts_left(open).await? {
            return Ok(None);
        }
        let head = self.head(&open.key).await?.filter(|head| head.content_length == Some(size.cast_signed()));
        Ok(head.map(|head| Stored { e_tag: unquoted(head.e_tag), version_id: head.version_id, size, changed: false }))
    }

    /// Whether the upload is still there, neither completed nor aborted.
    async fn parts_left(&self, open: &Open) -> Result<bool, CallError> {
        let parts = self
            .client
            .list_parts()
            .bucket(&self.bucket)
            .key(&open.key)
            .upload_id(&open.id)
            .expected_bucket_owner(&self.owner);
        Ok(optional(parts.send().await.map_err(from_sdk))?.is_some())
    }

    /// Aborts until S3 no longer lists the upload: a part in transit can arrive after the first abort.
    async fn abort(&self, open: &Open) -> Result<(), CallError> {
        for _ in 0..ABORTS {
            let abort = self
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(&open.key)
                .upload_id(&open.id)
                .expected_bucket_owner(&self.owner);
            optional(abort.send().await.map_err(from_sdk))?;
            if !self.parts_left(open).await? {
                return Ok(());
            }
            tokio::time::sleep(ABORT_PAUSE).await;
        }
        Err(CallError { kind: Kind::Other, code: None, message: "parts are still there after aborting".into() })
    }

    async fn request(&self) -> Result<OwnedSemaphorePermit, Cause> {
        // The semaphore is never closed.
        self.unless_stopped(Arc::clone(&self.requests).acquire_owned()).await?.map_err(|_| Cause::Interrupted)
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Cause> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => Err(Cause::Interrupted),
            done = work => Ok(done),
        }
    }
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone)]
struct Open {
    key: String,
    id: String,
}

fn joined(sent: Result<Result<CompletedPart, CallError>, tokio::task::JoinError>) -> Result<CompletedPart, Cause> {
    match sent {
        Ok(part) => Ok(part?),
        Err(e) => Err(Cause::Service(CallError { kind: Kind::Other, code: None, message: e.to_string() })),
    }
}

/// The size of a file's parts: as small as they may be, so that little is sent again after an error.
fn part_size(size: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    size.div_ceil(MAX_PARTS).div_ceil(MIB).saturating_mul(MIB).max(PART)
}

fn stream_part_size(number: u64) -> u64 {
    if number <= MAX_PARTS / 2 { PART } else { LATE_PART }
}

/// The next bytes of a stream; fewer than asked for only at its end.
async fn read_part(from: &mut (impl AsyncRead + Unpin), size: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(size).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Part of a file, read while it is sent.
async fn range(path: &Path, offset: u64, length: u64) -> Result<ByteStream, NotStored> {
    ByteStream::read_from()
        .path(path)
        .offset(offset)
        .length(Length::Exact(length))
        .build()
        .await
        .map_err(|e| Cause::Read(std::io::Error::other(e)).into())
}

/// What tells whether a file is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    /// Bytes.
    length: u64,
    /// When its content last changed, where the file system keeps that.
    modified: Option<SystemTime>,
}

impl FileState {
    async fn of(path: &Path) -> Result<Self, Cause> {
        let metadata = tokio::fs::metadata(path).await.map_err(Cause::Read)?;
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// Whether the service can have carried out the call that failed so.
fn is_ambiguous(error: &CallError) -> bool {
    matches!(error.kind, Kind::Unreachable | Kind::Unavailable | Kind::Other)
}

/// A CRC-32 as S3 writes it.
fn crc32(bytes: &[u8]) -> String {
    BASE64.encode(crc32fast::hash(bytes).to_be_bytes())
}

fn unquoted(e_tag: Option<String>) -> Option<String> {
    e_tag.map(|e_tag| e_tag.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use provisioner_model::units::MAX_OBJECT;

    use super::*;

    #[test]
    fn parts_of_a_file_are_neither_too_small_nor_too_many() {
        for size in [SINGLE + 1, 1 << 30, 80 << 30, (80 << 30) + 1, 5 << 40, MAX_OBJECT.0] {
            let part = part_size(size);
            assert!(part >= 5 << 20 && size.div_ceil(part) <= MAX_PARTS, "{size}: {part}");
        }
        assert_eq!(part_size(1 << 30), 8 << 20);
    }

    #[tokio::test]
    async fn a_stream_is_cut_at_the_size_whatever_its_reads_are() {
        let mut from = tokio_test_reader(vec![1; 10], 3);
        assert_eq!(read_part(&mut from, 7).await.unwrap().len(), 7);
        assert_eq!(read_part(&mut from, 7).await.unwrap().len(), 3);
        assert_eq!(read_part(&mut from, 7).await.unwrap().len(), 0);
    }

    /// Gives a few bytes a read.
    fn tokio_test_reader(bytes: Vec<u8>, at_once: usize) -> impl AsyncRead + Unpin {
        struct ShortReads(std::io::Cursor<Vec<u8>>, usize);
        impl AsyncRead for ShortReads {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let mut small = vec![0; self.1.min(buffer.remaining())];
                let n = std::io::Read::read(&mut self.0, &mut small)?;
                buffer.put_slice(&small[..n]);
                std::task::Poll::Ready(Ok(()))
            }
        }
        ShortReads(std::io::Cursor::new(bytes), at_once)
    }
}
