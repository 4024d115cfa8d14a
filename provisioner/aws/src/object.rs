//! One object with all its versions, and its bucket's notification.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Event, FilterRuleName};
use provisioner_model::call_error::{CallError, optional};

use super::Aws;
use super::call_error::from_sdk;

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
