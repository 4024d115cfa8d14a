//! The bucket that files are dropped into, with its notification.

use super::Resources;
use crate::names::Names;
use crate::spec::{BucketNamespace, DataPolicy, StackSpec};
use crate::template::id;
use crate::template::intrinsic::Value;
use crate::template::policy;
use crate::template::resource::s3::{
    AbortIncompleteMultipartUpload, Bucket, BucketEncryption, BucketPolicy, FilterRule, LambdaConfiguration,
    LifecycleConfiguration, LifecycleRule, NoncurrentVersionExpiration, NotificationConfiguration, NotificationFilter,
    OwnershipControls, OwnershipRule, PublicAccessBlockConfiguration, S3KeyFilter, ServerSideEncryptionByDefault,
    ServerSideEncryptionRule, VersioningConfiguration,
};
use crate::template::resource::{Resource, tags};

/// An incomplete multipart upload uses storage that object listings do not show.
const ABORT_UPLOADS_AFTER_DAYS: u64 = 7;
const DAY: u64 = 86_400;

pub(in crate::template) fn add(spec: &StackSpec, names: &Names, resources: &mut Resources) {
    let bucket = Bucket {
        bucket_name: Value::text(&*names.bucket),
        bucket_namespace: match spec.bucket.namespace {
            BucketNamespace::Global => None,
            BucketNamespace::AccountRegional => Some(BucketNamespace::AccountRegional.as_str()),
        },
        bucket_encryption: BucketEncryption {
            server_side_encryption_configuration: [ServerSideEncryptionRule {
                server_side_encryption_by_default: ServerSideEncryptionByDefault {
                    sse_algorithm: if spec.kms_key.is_some() { "aws:kms" } else { "AES256" },
                    kms_master_key_id: spec.kms_key.clone(),
                },
                // One call of KMS for many objects instead of one for each (S3 user guide, "S3 Bucket Keys").
                bucket_key_enabled: spec.kms_key.as_ref().map(|_| true),
            }],
        },
        ownership_controls: OwnershipControls { rules: [OwnershipRule { object_ownership: "BucketOwnerEnforced" }] },
        public_access_block_configuration: PublicAccessBlockConfiguration {
            block_public_acls: true,
            block_public_policy: true,
            ignore_public_acls: true,
            restrict_public_buckets: true,
        },
        versioning_configuration: spec.bucket.versioning.then_some(VersioningConfiguration { status: "Enabled" }),
        lifecycle_configuration: LifecycleConfiguration { rules: lifecycle(spec) },
        notification_configuration: Some(NotificationConfiguration {
            lambda_configurations: [LambdaConfiguration {
                event: "s3:ObjectCreated:*",
                function: Value::attribute(id::HANDLER, "Arn"),
                filter: filter(spec),
            }],
        }),
        tags: tags(&spec.tags),
    };
    // S3 tests the permission when the notification is set. And with the retries in place before the first event, no
    // event can fail without reaching the queue.
    let resource = Resource::new(bucket)
        .depends_on(&[id::HANDLER_PERMISSION, id::HANDLER_RETRIES])
        .deletion_policy(spec.data == DataPolicy::Keep);
    resources.push((id::BUCKET, resource));
    if spec.bucket.require_tls {
        let policy = BucketPolicy {
            bucket: Value::reference(id::BUCKET),
            policy_document: policy::bucket().for_template(names),
        };
        resources.push((id::BUCKET_POLICY, Resource::new(policy)));
    }
}

fn lifecycle(spec: &StackSpec) -> Vec<LifecycleRule> {
    let rule = |id| LifecycleRule { id, status: "Enabled", ..LifecycleRule::default() };
    let mut rules = vec![
        LifecycleRule {
            abort_incomplete_multipart_upload: Some(AbortIncompleteMultipartUpload {
                days_after_initiation: ABORT_UPLOADS_AFTER_DAYS,
            }),
            ..rule("abort-unfinished-uploads")
        },
        // Also without versioning: a bucket that had it once keeps its old versions.
        LifecycleRule {
            noncurrent_version_expiration: Some(NoncurrentVersionExpiration {
                noncurrent_days: spec.bucket.keep_old_versions.0 / DAY,
            }),
            // S3 takes only one kind of expiration; the one by days removes lone delete markers too.
            expired_object_delete_marker: spec.bucket.expire_files.is_none().then_some(true),
            ..rule("expire-old-versions")
        },
    ];
    rules.extend(
        spec.bucket
            .expire_files
            .map(|age| LifecycleRule { expiration_in_days: Some(age.0 / DAY), ..rule("expire-files") }),
    );
    rules
}

fn filter(spec: &StackSpec) -> Option<NotificationFilter> {
    let rule = |name, value: &Option<String>| value.clone().map(|value| FilterRule { name, value });
    let rules: Vec<_> =
        [rule("prefix", &spec.bucket.prefix), rule("suffix", &spec.bucket.suffix)].into_iter().flatten().collect();
    (!rules.is_empty()).then_some(NotificationFilter { s3_key: S3KeyFilter { rules } })
}
