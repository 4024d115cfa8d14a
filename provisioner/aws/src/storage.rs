//! Buckets as containers: whether they exist, how much they hold, and how they are emptied and deleted.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, EncodingType, NotificationConfiguration, ObjectIdentifier};
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::stack::{Contents, Presence};
use provisioner_model::units::counted;
use tokio::task::JoinSet;

use super::Aws;
use super::call_error::from_sdk;
use super::versions::{Marker, Version, Versions, key_reader};

/// Deletions of one batch each that run at the same time. With 1,000 keys a batch this bounds memory to about 20 MB.
pub const PARALLEL: usize = 16;
/// Keys that one request deletes at most; the service's limit.
const MOST_KEYS: usize = 1_000;
/// The pause before what S3 could not delete at once is asked for again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause; after it, S3 has been too busy for half a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A bucket.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    versions: Versions,
    account: String,
    partition: String,
    bucket: String,
}

/// Where a listing of multipart uploads continues.
#[derive(Debug, Default)]
struct UploadMarker {
    key: Option<String>,
    id: Option<String>,
}

/// A page of multipart uploads.
struct UploadPage {
    /// Their keys and ids.
    uploads: Vec<(String, String)>,
    is_truncated: bool,
}

impl Storage {
    /// The bucket of this name.
    pub fn new(aws: &Aws, bucket: &str) -> Self {
        Self {
            client: aws.s3(),
            versions: Versions::new(aws, bucket, None),
            account: aws.account.clone(),
            partition: aws.partition().to_owned(),
            bucket: bucket.to_owned(),
        }
    }

    /// Whether the bucket exists.
    pub async fn presence(&self) -> Result<Presence, CallError> {
        let head = self.client.head_bucket().bucket(&self.bucket).expected_bucket_owner(&self.account).send().await;
        match head.map_err(from_sdk) {
            Ok(_) => Ok(Presence::Ours),
            Err(error) if error.kind == Kind::NotFound => Ok(Presence::Absent),
            Err(error) if error.kind == Kind::Denied => Ok(Presence::Foreign),
            Err(error) => Err(error),
        }
    }

    /// Counts the bucket's contents in at most `pages` pages of 1,000 versions; a missing bucket is empty.
    pub async fn contents(&self, pages: u32) -> Result<Contents, CallError> {
        let mut contents = Contents::default();
        let mut marker = Marker::default();
        for _ in 0..pages {
            let Some(page) = self.versions.page(&marker).await? else { return Ok(contents) };
            for version in page.versions {
                let Some(content) = version.content else {
                    contents.markers += 1;
                    continue;
                };
                contents.versions += 1;
                contents.files += u64::from(version.is_latest);
                contents.bytes += content.size;
            }
            let Some(next) = page.next else { return Ok(contents) };
            marker = next;
        }
        contents.truncated = true;
        Ok(contents)
    }

    /// The keys of the current objects, the newest first; none without a bucket.
    pub async fn newest_keys(&self) -> Result<Vec<String>, CallError> {
        let (mut found, mut next) = (Vec::new(), Some(Marker::default()));
        while let Some(marker) = next.take()
            && let Some(page) = self.versions.page(&marker).await?
        {
            let current = page.versions.into_iter().filter(|version| version.is_latest && version.content.is_some());
            found.extend(current.map(|version| (version.modified, version.key)));
            next = page.next;
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }

    /// Removes the notification configuration, so that later uploads invoke nothing.
    pub async fn disable_notifications(&self) -> Result<(), CallError> {
        let put = self
            .client
            .put_bucket_notification_configuration()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.account)
            .notification_configuration(NotificationConfiguration::builder().build())
            .send()
            .await;
        optional(put.map_err(from_sdk)).map(|_| ())
    }

    /// Denies all further uploads, for a bucket that is about to be deleted while another process writes to it.
    pub async fn refuse_writes(&self) -> Result<(), CallError> {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "BeingDeleted",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": format!("arn:{}:s3:::{}/*", self.partition, self.bucket),
            }],
        });
        let put = self
            .client
            .put_bucket_policy()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.account)
            .policy(policy.to_string())
            .send()
            .await;
        optional(put.map_err(from_sdk)).map(|_| ())
    }

    /// Deletes every version, delete marker and open multipart upload that it finds in one pass. `progress` receives
    /// the number deleted so far. Returns the total; a missing bucket has nothing to delete. Objects that are written
    /// meanwhile can remain: only a pass that finds nothing shows that the bucket is empty.
    ///
    /// Listing and deletion run concurrently, with at most [`PARALLEL`] deletion requests.
    pub async fn delete_pass(&self, mut progress: impl FnMut(u64)) -> Result<u64, CallError> {
        let mut running: JoinSet<Result<u64, CallError>> = JoinSet::new();
        let mut deleted = 0;
        let mut next = Some(Marker::default());
        while let Some(marker) = next.take()
            && let Some(page) = self.versions.page(&marker).await?
        {
            while let Some(result) =
                if running.len() >= PARALLEL { running.join_next().await } else { running.try_join_next() }
            {
                deleted += joined(result)?;
                progress(deleted);
            }
            if !page.versions.is_empty() {
                running.spawn(self.clone().delete_batch(page.versions));
            }
            next = page.next;
        }
        while let Some(result) = running.join_next().await {
            deleted += joined(result)?;
            progress(deleted);
        }
        Ok(deleted + self.abort_uploads(None).await?)
    }

    async fn delete_batch(self, batch: Vec<Version>) -> Result<u64, CallError> {
        let count = batch.len() as u64;
        // XML cannot carry some characters that keys may have; such objects are deleted one by one.
        let (plain, not_xml): (Vec<_>, Vec<_>) = batch.into_iter().partition(|v| fits_xml(&v.key));
        for version in not_xml {
            let gone = self
                .client
                .delete_object()
                .bucket(&self.bucket)
                .key(version.key)
                .set_version_id(version.id)
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            optional(gone.map_err(from_sdk))?;
        }
        // Versions and markers of one page together can be more than a request takes.
        let mut chunks = plain.into_iter();
        loop {
            let chunk: Vec<Version> = chunks.by_ref().take(MOST_KEYS).collect();
            if chunk.is_empty() {
                return Ok(count);
            }
            self.delete_chunk(chunk).await?;
        }
    }

    /// Deletes one batch. A successful response can contain errors for single keys; throttled keys are retried.
    async fn delete_chunk(&self, mut chunk: Vec<Version>) -> Result<(), CallError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err((error, again)) = self.delete_once(chunk).await? else { return Ok(()) };
            if again.is_empty() || pause > LONGEST_PAUSE {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            chunk = again;
        }
    }

    /// Sends one request. The inner error contains the first failure and the keys to retry; none if it is permanent.
    async fn delete_once(&self, chunk: Vec<Version>) -> Result<Result<(), (CallError, Vec<Version>)>, CallError> {
        let invalid_request =
            |e: aws_sdk_s3::error::BuildError| CallError { kind: Kind::Other, code: None, message: e.to_string() };
        let objects = chunk
            .iter()
            .map(|v| ObjectIdentifier::builder().key(&v.key).set_version_id(v.id.clone()).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid_request)?;
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(invalid_request)?;
        let output = self
            .client
            .delete_objects()
            .bucket(&self.bucket)
            .delete(delete)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let Some(output) = optional(output.map_err(from_sdk))? else { return Ok(Ok(())) };
        let Some(error) = output.errors().first() else { return Ok(Ok(())) };
        let kind = |code: Option<&str>| provisioner_model::call_error::kind(code, "", None);
        let passes = |code| matches!(kind(code), Kind::Throttled | Kind::Unavailable);
        let code = error.code().unwrap_or_default();
        let error = CallError {
            kind: kind(Some(code)),
            code: Some(code.to_owned()),
            message: format!(
                "{} of {} could not be deleted, first {:?}: {}",
                counted(output.errors().len() as u64, "object"),
                self.bucket,
                error.key().unwrap_or_default(),
                error.message().unwrap_or(code),
            ),
        };
        if !output.errors().iter().all(|error| passes(error.code())) {
            return Ok(Err((error, Vec::new())));
        }
        let failed: HashSet<(&str, Option<&str>)> =
            output.errors().iter().map(|error| (error.key().unwrap_or_default(), error.version_id())).collect();
        let again = chunk
            .into_iter()
            // An answer may leave the version out.
            .filter(|v| failed.contains(&(&v.key, v.id.as_deref())) || failed.contains(&(&v.key, None)))
            .collect();
        Ok(Err((error, again)))
    }

    /// The number of multipart uploads of exactly this key that were not completed.
    pub async fn open_uploads(&self, key: &str) -> Result<u64, CallError> {
        let (mut marker, mut open) = (UploadMarker::default(), 0);
        while let Some(page) = self.uploads(Some(key), &mut marker).await? {
            open += page.uploads.len() as u64;
            if !page.is_truncated {
                break;
            }
        }
        Ok(open)
    }

    /// Aborts the multipart uploads that were not completed, of exactly this key or of all, and returns their number. Their
    /// parts are content of the files too.
    pub async fn abort_uploads(&self, key: Option<&str>) -> Result<u64, CallError> {
        let (mut marker, mut aborted) = (UploadMarker::default(), 0);
        while let Some(page) = self.uploads(key, &mut marker).await? {
            for (key, id) in page.uploads {
                let gone = self
                    .client
                    .abort_multipart_upload()
                    .bucket(&self.bucket)
                    .key(key)
                    .upload_id(id)
                    .expected_bucket_owner(&self.account)
                    .send()
                    .await;
                optional(gone.map_err(from_sdk))?;
                aborted += 1;
            }
            if !page.is_truncated {
                break;
            }
        }
        Ok(aborted)
    }

    /// The page of multipart uploads, of exactly this key or of all, that follows the marker, which moves on; `None` without a
    /// bucket.
    async fn uploads(&self, key: Option<&str>, marker: &mut UploadMarker) -> Result<Option<UploadPage>, CallError> {
        let page = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .set_prefix(key.map(ToOwned::to_owned))
            .encoding_type(EncodingType::Url)
            .set_key_marker(marker.key.take())
            .set_upload_id_marker(marker.id.take())
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let Some(page) = optional(page.map_err(from_sdk))? else { return Ok(None) };
        let read = key_reader(page.encoding_type.as_ref());
        *marker = UploadMarker { key: page.next_key_marker.as_deref().map(read), id: page.next_upload_id_marker };
        let uploads = page.uploads.unwrap_or_default().into_iter();
        let uploads = uploads.filter_map(|upload| Some((read(&upload.key?), upload.upload_id?)));
        Ok(Some(UploadPage {
            uploads: uploads.filter(|(found, _)| key.is_none_or(|key| key == found)).collect(),
            is_truncated: page.is_truncated == Some(true),
        }))
    }

    /// Deletes the empty bucket; none is fine.
    pub async fn delete(&self) -> Result<(), CallError> {
        let gone = self.client.delete_bucket().bucket(&self.bucket).expected_bucket_owner(&self.account).send().await;
        optional(gone.map_err(from_sdk)).map(|_| ())
    }
}

fn joined(result: Result<Result<u64, CallError>, tokio::task::JoinError>) -> Result<u64, CallError> {
    result.unwrap_or_else(|error| Err(CallError { kind: Kind::Other, code: None, message: error.to_string() }))
}

/// Whether XML 1.0 can carry the text.
fn fits_xml(key: &str) -> bool {
    key.chars().all(|c| c == '\t' || c == '\n' || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_xml_cannot_carry() {
        assert!(fits_xml("a\nb") && !fits_xml("a\u{1}b") && !fits_xml("a\rb"));
    }
}
