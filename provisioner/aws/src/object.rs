//! One object with all its versions, and its bucket's notification.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Event, FilterRuleName};
use provisioner_model::call_error::{CallError, Kind, optional};
use serde_json::Value;

use super::call_error::from_sdk;
use super::{Aws, percent_decoded};

/// The client of one object.
#[derive(Debug, Clone)]
pub struct Object {
    client: Client,
    account: String,
    bucket: String,
    key: String,
}

impl Object {
    /// The object of this key.
    pub fn new(aws: &Aws, bucket: &str, key: &str) -> Self {
        Self { client: aws.s3(), account: aws.account.clone(), bucket: bucket.to_owned(), key: key.to_owned() }
    }

    /// Whether all objects that a notification of S3 names are gone; `false` for another event, and for an object that the
    /// caller may not look at.
    pub async fn all_gone(aws: &Aws, event: &Value) -> Result<bool, CallError> {
        let named: Option<Vec<_>> = event["Records"]
            .as_array()
            .map(|records| records.iter().filter_map(|record| Self::named_by(aws, &record["s3"])).collect());
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(false) };
        for (object, version) in named {
            if object.exists(version).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The object of a record of S3 (S3 user guide, "Event message structure": keys are form-encoded), and its version.
    fn named_by(aws: &Aws, s3: &Value) -> Option<(Self, Option<String>)> {
        let key = percent_decoded(&s3["object"]["key"].as_str()?.replace('+', " "));
        let version = s3["object"]["versionId"].as_str().map(ToOwned::to_owned);
        Some((Self::new(aws, s3["bucket"]["name"].as_str()?, &key), version))
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

    /// Deletes every version and every delete marker; none is fine.
    pub async fn delete_versions(&self) -> Result<(), CallError> {
        let listed = self
            .client
            .list_object_versions()
            .bucket(&self.bucket)
            .prefix(&self.key)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let Some(listed) = optional(listed.map_err(from_sdk))? else { return Ok(()) };
        let versions = listed.versions.unwrap_or_default().into_iter().map(|v| (v.key, v.version_id));
        let markers = listed.delete_markers.unwrap_or_default().into_iter().map(|m| (m.key, m.version_id));
        for (key, version) in versions.chain(markers) {
            if key.as_ref() == Some(&self.key) {
                let gone = self
                    .client
                    .delete_object()
                    .bucket(&self.bucket)
                    .key(&self.key)
                    .set_version_id(version)
                    .expected_bucket_owner(&self.account)
                    .send()
                    .await;
                optional(gone.map_err(from_sdk))?;
            }
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
