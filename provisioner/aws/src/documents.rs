//! Small documents that the provisioner keeps in the artifact bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use provisioner_model::call_error::{CallError, Kind, optional};

use super::Aws;
use super::call_error::from_sdk;

/// The documents of a bucket.
#[derive(Debug, Clone)]
pub struct Documents {
    client: Client,
    account: String,
    bucket: String,
}

impl Documents {
    /// Those of this bucket.
    pub fn new(aws: &Aws, bucket: &str) -> Self {
        Self { client: aws.s3(), account: aws.account.clone(), bucket: bucket.to_owned() }
    }

    /// A document; `None` if it, or the bucket, does not exist.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CallError> {
        let got =
            self.client.get_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account).send().await;
        let Some(got) = optional(got.map_err(from_sdk))? else { return Ok(None) };
        let body = got.body.collect().await.map_err(|error| CallError {
            kind: Kind::Unreachable,
            code: None,
            message: format!("the document {key} broke off: {error}"),
        })?;
        Ok(Some(body.to_vec()))
    }

    /// Writes a document.
    pub async fn put(&self, key: &str, content: Vec<u8>) -> Result<(), CallError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .expected_bucket_owner(&self.account)
            .body(ByteStream::from(content))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// The keys with this prefix, in order; none without a bucket. At most those of one page, 1,000.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let listed = optional(listed.map_err(from_sdk))?.and_then(|listed| listed.contents).unwrap_or_default();
        Ok(listed.into_iter().filter_map(|object| object.key).collect())
    }

    /// Deletes a document; none is fine.
    pub async fn delete(&self, key: &str) -> Result<(), CallError> {
        let deleted =
            self.client.delete_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account).send().await;
        optional(deleted.map_err(from_sdk)).map(|_| ())
    }
}
