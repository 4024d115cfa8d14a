//! Buckets as containers: whether they exist, how much they hold, and how they are emptied and deleted.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, EncodingType, NotificationConfiguration, ObjectIdentifier};
use tokio::task::JoinSet;

use super::Aws;
use super::fault::{Fault, Kind, absent_is_none};

/// Deletions of one batch each that run at the same time. With 1,000 keys a batch this bounds memory to about 20 MB.
const PARALLEL: usize = 16;

/// Whether a bucket is there, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    Absent,
    /// It belongs to this account.
    Ours,
    /// It belongs to somebody else.
    Foreign,
}

/// How much there is of something that may be too much to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// So many were counted.
    pub counted: u64,
    /// There are more.
    pub and_more: bool,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.and_more { write!(f, "more than {}", self.counted) } else { write!(f, "{}", self.counted) }
    }
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    account: String,
    partition: String,
    bucket: String,
}

/// One version of an object, or a delete marker.
struct Version {
    key: String,
    id: Option<String>,
}

impl Storage {
    /// The bucket of this name.
    pub fn new(aws: &Aws, bucket: &str) -> Self {
        Self {
            client: aws.s3(),
            account: aws.account.clone(),
            partition: aws.partition().to_owned(),
            bucket: bucket.to_owned(),
        }
    }

    /// Whether the bucket exists.
    pub async fn presence(&self) -> Result<Presence, Fault> {
        let head = self.client.head_bucket().bucket(&self.bucket).expected_bucket_owner(&self.account).send().await;
        match head.map_err(Fault::from) {
            Ok(_) => Ok(Presence::Ours),
            Err(fault) if fault.kind == Kind::NotFound => Ok(Presence::Absent),
            Err(fault) if fault.kind == Kind::Denied => Ok(Presence::Foreign),
            Err(fault) => Err(fault),
        }
    }

    /// Counts objects (without old versions) up to about `limit`; an absent bucket has none.
    pub async fn count(&self, limit: u64) -> Result<Count, Fault> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .encoding_type(EncodingType::Url)
            .expected_bucket_owner(&self.account)
            .into_paginator()
            .send();
        let mut counted = 0;
        while let Some(page) = pages.next().await {
            let Some(page) = absent_is_none(page.map_err(Fault::from))? else { break };
            counted += page.contents().len() as u64;
            if counted >= limit && page.is_truncated() == Some(true) {
                return Ok(Count { counted, and_more: true });
            }
        }
        Ok(Count { counted, and_more: false })
    }

    /// Takes away the notification, so that nothing is invoked any more by what still arrives.
    pub async fn silence(&self) -> Result<(), Fault> {
        let put = self
            .client
            .put_bucket_notification_configuration()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.account)
            .notification_configuration(NotificationConfiguration::builder().build())
            .send()
            .await;
        absent_is_none(put.map_err(Fault::from)).map(|_| ())
    }

    /// Refuses every further upload. For a bucket that is about to be deleted while somebody still writes into it.
    pub async fn refuse_writes(&self) -> Result<(), Fault> {
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
        absent_is_none(put.map_err(Fault::from)).map(|_| ())
    }

    /// Deletes every version, delete marker and open multipart upload. `progress` is told how many are gone so far.
    /// Returns the number; an absent bucket has nothing to delete. What is written meanwhile may stay.
    pub async fn empty(&self, mut progress: impl FnMut(u64)) -> Result<u64, Fault> {
        let mut deleted = 0;
        loop {
            let round = self.empty_once(&mut deleted, &mut progress).await?;
            if round == 0 {
                return Ok(deleted);
            }
        }
    }

    async fn empty_once(&self, deleted: &mut u64, progress: &mut impl FnMut(u64)) -> Result<u64, Fault> {
        let mut running: JoinSet<Result<u64, Fault>> = JoinSet::new();
        let before = *deleted;
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker.take())
                .set_version_id_marker(version_marker.take())
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            let Some(page) = absent_is_none(page.map_err(Fault::from))? else { break };
            let key = key_reader(page.encoding_type.as_ref());
            let versions = page
                .versions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|v| Some(Version { key: key(&v.key?), id: v.version_id }));
            let markers = page
                .delete_markers
                .unwrap_or_default()
                .into_iter()
                .filter_map(|m| Some(Version { key: key(&m.key?), id: m.version_id }));
            let batch: Vec<Version> = versions.chain(markers).collect();
            if running.len() >= PARALLEL {
                *deleted += joined(running.join_next().await)?;
                progress(*deleted);
            }
            if !batch.is_empty() {
                running.spawn(self.clone().delete_batch(batch));
            }
            if page.is_truncated != Some(true) {
                break;
            }
            key_marker = page.next_key_marker.as_deref().map(key);
            version_marker = page.next_version_id_marker;
        }
        while let Some(result) = running.join_next().await {
            *deleted += joined(Some(result))?;
            progress(*deleted);
        }
        Ok(*deleted - before + self.abort_uploads().await?)
    }

    async fn delete_batch(self, batch: Vec<Version>) -> Result<u64, Fault> {
        let count = batch.len() as u64;
        // XML cannot carry some characters that keys may have; such objects are deleted one by one.
        let (plain, strange): (Vec<_>, Vec<_>) = batch.into_iter().partition(|v| fits_xml(&v.key));
        for version in strange {
            let gone = self
                .client
                .delete_object()
                .bucket(&self.bucket)
                .key(version.key)
                .set_version_id(version.id)
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            absent_is_none(gone.map_err(Fault::from))?;
        }
        // A concurrent writer can make a listing longer than what a request takes.
        for chunk in plain.chunks(1000) {
            let objects = chunk
                .iter()
                .map(|v| ObjectIdentifier::builder().key(&v.key).set_version_id(v.id.clone()).build())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| Fault { kind: Kind::Other, code: None, message: e.to_string() })?;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(|e| Fault {
                kind: Kind::Other,
                code: None,
                message: e.to_string(),
            })?;
            let output = self
                .client
                .delete_objects()
                .bucket(&self.bucket)
                .delete(delete)
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            let Some(output) = absent_is_none(output.map_err(Fault::from))? else { continue };
            if let Some(error) = output.errors().first() {
                let code = error.code().unwrap_or_default();
                return Err(Fault {
                    kind: super::fault::kind(Some(code), "", None),
                    code: Some(code.to_owned()),
                    message: format!(
                        "{} object(s) of {} were not deleted, first {:?}: {}",
                        output.errors().len(),
                        self.bucket,
                        error.key().unwrap_or_default(),
                        error.message().unwrap_or(code),
                    ),
                });
            }
        }
        Ok(count)
    }

    async fn abort_uploads(&self) -> Result<u64, Fault> {
        let mut aborted = 0;
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker.take())
                .set_upload_id_marker(id_marker.take())
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            let Some(page) = absent_is_none(page.map_err(Fault::from))? else { return Ok(aborted) };
            let read = key_reader(page.encoding_type.as_ref());
            for upload in page.uploads.unwrap_or_default() {
                let (Some(key), Some(id)) = (upload.key, upload.upload_id) else { continue };
                let gone = self
                    .client
                    .abort_multipart_upload()
                    .bucket(&self.bucket)
                    .key(read(&key))
                    .upload_id(id)
                    .expected_bucket_owner(&self.account)
                    .send()
                    .await;
                absent_is_none(gone.map_err(Fault::from))?;
                aborted += 1;
            }
            if page.is_truncated != Some(true) {
                return Ok(aborted);
            }
            key_marker = page.next_key_marker.as_deref().map(read);
            id_marker = page.next_upload_id_marker;
        }
    }

    /// Deletes the empty bucket; none is fine.
    pub async fn delete(&self) -> Result<(), Fault> {
        let gone = self.client.delete_bucket().bucket(&self.bucket).expected_bucket_owner(&self.account).send().await;
        absent_is_none(gone.map_err(Fault::from)).map(|_| ())
    }
}

fn joined(result: Option<Result<Result<u64, Fault>, tokio::task::JoinError>>) -> Result<u64, Fault> {
    match result {
        None => Ok(0),
        Some(Ok(count)) => count,
        Some(Err(error)) => Err(Fault { kind: Kind::Other, code: None, message: error.to_string() }),
    }
}

/// Whether XML 1.0 can carry the text.
fn fits_xml(key: &str) -> bool {
    key.chars().all(|c| c == '\t' || c == '\n' || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}'))
}

/// How the keys of a listing are read: the answer says whether it encoded them as asked.
fn key_reader(encoding: Option<&EncodingType>) -> fn(&str) -> String {
    if encoding == Some(&EncodingType::Url) { decode } else { ToOwned::to_owned }
}

/// Decodes a key of a listing that was asked for with `encoding-type=url`: percent signs, and `+` for a space.
fn decode(key: &str) -> String {
    let bytes = key.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_listings() {
        for (listed, key) in
            [("a/b.txt", "a/b.txt"), ("a+b%2Bc", "a b+c"), ("%C3%A4%0A", "ä\n"), ("100%", "100%"), ("%zz", "%zz")]
        {
            assert_eq!(decode(listed), key);
        }
        assert_eq!(key_reader(None)("a+b"), "a+b", "not encoded although asked for");
        assert_eq!(key_reader(Some(&EncodingType::Url))("a+b"), "a b");
        assert!(fits_xml("a\nb") && !fits_xml("a\u{1}b") && !fits_xml("a\rb"));
    }
}
