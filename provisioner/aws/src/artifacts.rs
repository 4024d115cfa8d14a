//! The artifact bucket of a stack: holds the handler's newest zips.
//!
//! Created on first use and configured before each upload: private, encrypted, versioned, TLS only. The newest zips never
//! expire, because a rollback fetches the one that was deployed before; a version is never changed.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    BucketNamespace as SdkNamespace, BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ObjectOwnership, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use aws_sdk_s3::types::{OwnershipControls, OwnershipControlsRule};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use handler_contract::upload::identifying_version;
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::spec::BucketNamespace;

use super::call_error::from_sdk;
use super::{Aws, hex_of_base64};

/// The region whose buckets are made without naming it.
const DEFAULT_REGION: &str = "us-east-1";
/// Days after which deleted zips and broken uploads are gone for good.
const LIFECYCLE_DAYS: i32 = 7;

/// A zip in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredZip {
    /// The version's id; `None` if the bucket kept no versions when it was put.
    pub version: Option<String>,
    /// The SHA-256 that S3 computed of it, lower-case hexadecimal digits; `None` if it was put without one.
    pub sha256: Option<String>,
}

/// The client of the artifact bucket.
#[derive(Debug, Clone)]
pub struct Artifacts {
    client: Client,
    /// For requests with a file in their body.
    transfer: Client,
    account: String,
    region: String,
    partition: String,
    bucket: String,
    namespace: BucketNamespace,
}

impl Artifacts {
    /// The bucket of this name, which is of this namespace.
    pub fn new(aws: &Aws, bucket: &str, namespace: BucketNamespace) -> Self {
        Self {
            client: aws.s3(),
            transfer: aws.s3_transfer(),
            account: aws.account.clone(),
            region: aws.region.clone(),
            partition: aws.partition().to_owned(),
            bucket: bucket.to_owned(),
            namespace,
        }
    }

    /// The zip of this key, in this version or else the current one; `None` if there is none.
    pub async fn find(&self, key: &str, version: Option<&str>) -> Result<Option<StoredZip>, CallError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .set_version_id(version.map(ToOwned::to_owned))
            .checksum_mode(ChecksumMode::Enabled)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        Ok(optional(head.map_err(from_sdk))?.map(|head| StoredZip {
            version: identifying_version(head.version_id.as_deref()).map(ToOwned::to_owned),
            sha256: head.checksum_sha256.as_deref().map(hex_of_base64),
        }))
    }

    /// Makes the bucket if it is missing; it is not configured then. Returns whether it was made.
    pub async fn create_if_missing(&self) -> Result<bool, CallError> {
        let head = self.client.head_bucket().bucket(&self.bucket).expected_bucket_owner(&self.account).send().await;
        let missing = optional(head.map_err(from_sdk))?.is_none();
        if missing {
            let location = (self.region != DEFAULT_REGION).then(|| {
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                    .build()
            });
            // S3 refuses a name of this namespace without the header (API, `CreateBucket`).
            let namespace =
                (self.namespace == BucketNamespace::AccountRegional).then_some(SdkNamespace::AccountRegional);
            let created = self
                .client
                .create_bucket()
                .bucket(&self.bucket)
                .set_bucket_namespace(namespace)
                .set_create_bucket_configuration(location)
                .send()
                .await;
            match created.map_err(from_sdk) {
                Ok(_) => {}
                // Another `up` was faster.
                Err(error) if error.kind == Kind::AlreadyOwnedByYou => {}
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Configures the bucket.
    pub async fn configure(&self, require_tls: bool) -> Result<(), CallError> {
        let (client, bucket, owner) = (&self.client, &self.bucket, &self.account);
        client
            .put_public_access_block()
            .bucket(bucket)
            .expected_bucket_owner(owner)
            .public_access_block_configuration(
                PublicAccessBlockConfiguration::builder()
                    .block_public_acls(true)
                    .block_public_policy(true)
                    .ignore_public_acls(true)
                    .restrict_public_buckets(true)
                    .build(),
            )
            .send()
            .await
            .map_err(from_sdk)?;
        client
            .put_bucket_ownership_controls()
            .bucket(bucket)
            .expected_bucket_owner(owner)
            .ownership_controls(
                OwnershipControls::builder()
                    .rules(
                        OwnershipControlsRule::builder()
                            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
                            .build()
                            .map_err(incomplete)?,
                    )
                    .build()
                    .map_err(incomplete)?,
            )
            .send()
            .await
            .map_err(from_sdk)?;
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .map_err(incomplete)?;
        client
            .put_bucket_encryption()
            .bucket(bucket)
            .expected_bucket_owner(owner)
            .server_side_encryption_configuration(
                ServerSideEncryptionConfiguration::builder()
                    .rules(
                        ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build(),
                    )
                    .build()
                    .map_err(incomplete)?,
            )
            .send()
            .await
            .map_err(from_sdk)?;
        client
            .put_bucket_versioning()
            .bucket(bucket)
            .expected_bucket_owner(owner)
            .versioning_configuration(
                VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build(),
            )
            .send()
            .await
            .map_err(from_sdk)?;
        client
            .put_bucket_lifecycle_configuration()
            .bucket(bucket)
            .expected_bucket_owner(owner)
            .lifecycle_configuration(lifecycle()?)
            .send()
            .await
            .map_err(from_sdk)?;
        if require_tls {
            client
                .put_bucket_policy()
                .bucket(bucket)
                .expected_bucket_owner(owner)
                .policy(tls_only(&self.partition, bucket))
                .send()
                .await
                .map_err(from_sdk)?;
        }
        Ok(())
    }

    /// Uploads a zip with its SHA-256 in hexadecimal digits, which S3 verifies and keeps. Returns the version's id; `None`
    /// if the bucket keeps no versions yet.
    pub async fn upload(&self, key: &str, zip: Vec<u8>, sha256: &str) -> Result<Option<String>, CallError> {
        let checksum = hex::decode(sha256).map_err(incomplete)?;
        let put = self
            .transfer
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .expected_bucket_owner(&self.account)
            .content_type("application/zip")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(BASE64.encode(checksum))
            .body(ByteStream::from(zip))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(identifying_version(put.version_id.as_deref()).map(ToOwned::to_owned))
    }

    /// Deletes a zip; it can be restored until the lifecycle ends its last version.
    pub async fn delete(&self, key: &str) -> Result<(), CallError> {
        let deleted =
            self.client.delete_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.account).send().await;
        optional(deleted.map_err(from_sdk)).map(|_| ())
    }
}

/// A request that lacks a field. A bug of this program, reported as a failed call.
fn incomplete(error: impl std::fmt::Display) -> CallError {
    CallError { kind: Kind::Other, code: None, message: error.to_string() }
}

fn lifecycle() -> Result<BucketLifecycleConfiguration, CallError> {
    let rule = LifecycleRule::builder()
        .id("deleted-zips")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(LIFECYCLE_DAYS).build())
        .expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(LIFECYCLE_DAYS).build(),
        )
        .build()
        .map_err(incomplete)?;
    BucketLifecycleConfiguration::builder().rules(rule).build().map_err(incomplete)
}

/// The policy that refuses every request without TLS.
fn tls_only(partition: &str, bucket: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "OnlyWithTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
    .to_string()
}
