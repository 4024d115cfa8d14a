//! One object with all its versions, and its bucket's notification.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{Event, FilterRuleName};
use handler_contract::{Timestamp, Upload};
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::object::ObjectVersion;

use super::Aws;
use super::call_error::from_sdk;
use super::versions::{Marker, Version, Versions};

/// How long an address for a download is valid. A download that has started continues.
const LINK_EXPIRES: Duration = Duration::from_mins(1);

/// RFC 6266, section 4.3, and RFC 8187: a file name as a parameter, also where it is not ASCII.
fn attachment(file_name: &str) -> String {
    /// What RFC 8187 (attr-char) does not encode, of what `NON_ALPHANUMERIC` encodes.
    const ENCODED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    format!("attachment; filename*=UTF-8''{}", percent_encoding::utf8_percent_encode(file_name, ENCODED))
}

fn other(error: &dyn std::fmt::Display) -> CallError {
    CallError { kind: Kind::Other, code: None, message: error.to_string() }
}

/// The client of one object.
#[derive(Debug, Clone)]
pub struct Object {
    client: Client,
    /// The versions of the keys that start with this one.
    listing: Versions,
    account: String,
    bucket: String,
    key: String,
}

impl Object {
    /// The object of this key.
    pub fn new(aws: &Aws, bucket: &str, key: &str) -> Self {
        Self {
            client: aws.s3(),
            listing: Versions::new(aws, bucket, Some(key)),
            account: aws.account.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Whether the objects of all these uploads are gone; `false` for none, and for an object that the caller may not look at.
    pub async fn all_gone(aws: &Aws, uploads: &[Upload]) -> Result<bool, CallError> {
        for upload in uploads {
            if Self::new(aws, &upload.bucket, &upload.key).exists(upload.version_id.clone()).await? {
                return Ok(false);
            }
        }
        Ok(!uploads.is_empty())
    }

    /// Whether the object, or this version of it, is there. What may not be looked at counts as there.
    async fn exists(&self, version: Option<String>) -> Result<bool, CallError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_version_id(version)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        match head.map_err(from_sdk) {
            Err(error) if error.kind == Kind::NotFound => Ok(false),
            Err(error) if error.kind != Kind::Denied => Err(error),
            _ => Ok(true),
        }
    }

    /// The address from which the object can be downloaded as an attachment of this name, for a minute; `None` if it is gone,
    /// or has another `ETag` now. The address carries the caller's permission to read it, and makes no call.
    pub async fn download_link(&self, file_name: &str, e_tag: Option<&str>) -> Result<Option<String>, CallError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let Some(head) = optional(head.map_err(from_sdk))? else { return Ok(None) };
        let is_other = |wanted: &str| head.e_tag.as_deref().is_some_and(|found| found.trim_matches('"') != wanted);
        if e_tag.is_some_and(is_other) {
            return Ok(None);
        }
        let expires = PresigningConfig::expires_in(LINK_EXPIRES).map_err(|e| other(&e))?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .response_content_disposition(attachment(file_name))
            .response_content_type("application/octet-stream")
            .presigned(expires)
            .await
            .map_err(from_sdk)?;
        Ok(Some(request.uri().to_owned()))
    }

    /// Every version and every delete marker of exactly this key, newest first; at most `pages` pages of 1,000 keys and
    /// versions. A missing bucket has none.
    pub async fn versions(&self, pages: usize) -> Result<Vec<ObjectVersion>, CallError> {
        let (mut found, mut next) = (Vec::new(), Some(Marker::default()));
        for _ in 0..pages {
            let Some(marker) = next else { break };
            let Some(page) = self.listing.page(&marker).await? else { break };
            found
                .extend(page.versions.into_iter().filter(|version| version.key == self.key).filter_map(object_version));
            next = page.next.filter(|next| next.is_within(&self.key));
        }
        found.sort_by(|a, b| (b.is_latest, &b.modified).cmp(&(a.is_latest, &a.modified)));
        Ok(found)
    }

    /// Deletes one version or delete marker; none is fine.
    pub async fn delete_version(&self, version_id: Option<&str>) -> Result<(), CallError> {
        let gone = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_version_id(version_id.map(ToOwned::to_owned))
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        optional(gone.map_err(from_sdk)).map(|_| ())
    }

    /// Deletes every version and every delete marker; none is fine.
    pub async fn delete_versions(&self) -> Result<(), CallError> {
        for version in self.versions(usize::MAX).await? {
            self.delete_version(version.version_id.as_deref()).await?;
        }
        Ok(())
    }

    /// Whether the bucket invokes a function of this name when such an object is put.
    pub async fn invokes(&self, function: &str) -> Result<bool, CallError> {
        let configured = self
            .client
            .get_bucket_notification_configuration()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.account)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(configured.lambda_function_configurations().iter().any(|configuration| {
            let filter = configuration.filter.as_ref().and_then(|filter| filter.key.as_ref());
            let fits = filter.is_none_or(|filter| {
                filter.filter_rules().iter().all(|rule| {
                    let value = rule.value.as_deref().unwrap_or_default();
                    match &rule.name {
                        Some(FilterRuleName::Prefix) => self.key.starts_with(value),
                        Some(FilterRuleName::Suffix) => self.key.ends_with(value),
                        _ => true,
                    }
                })
            });
            let of_uploads =
                |event: &Event| event.as_str() == "s3:ObjectCreated:*" || *event == Event::S3ObjectCreatedPut;
            // The ARN may end with a version or an alias.
            let name = configuration.lambda_function_arn.split(':').nth(6);
            fits && name == Some(function) && configuration.events.iter().any(of_uploads)
        }))
    }
}

fn object_version(version: Version) -> Option<ObjectVersion> {
    let Version { key, id, is_latest, modified, content } = version;
    let is_delete_marker = content.is_none();
    let size = content.as_ref().map(|content| content.size);
    let e_tag = content.map(|content| content.e_tag).filter(|e_tag| !e_tag.is_empty());
    let modified = Timestamp::from_unix_millis(modified)?;
    Some(ObjectVersion { key, version_id: id, modified, size, e_tag, is_latest, is_delete_marker })
}
