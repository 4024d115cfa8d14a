//! The handler's zip in the stack's artifact bucket: uploaded, compared with the package, and deleted once it is old.

use std::time::{Duration, Instant};

use provisioner_artifact::package;
use provisioner_aws::artifacts::{Artifacts, StoredZip};
use provisioner_aws::storage::Storage;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_planner::plan;

use super::follow::Backoff;
use super::{Applier, Code};
use crate::event::deploy::DeployEvent;

/// The zips that stay in the bucket after a deployment, the deployed one among them.
pub const KEPT_ZIPS: usize = 5;
/// How long a bucket may take until it keeps versions, and until a new version can be read. S3 usually needs no time; right
/// after versioning was enabled it can need some (S3 user guide, "Enabling versioning on buckets").
const VERSION_TIMEOUT: Duration = Duration::from_mins(1);

impl Applier<'_> {
    /// Uploads the handler's zip, unless the bucket has it. Returns the version's id once S3 has the package's SHA-256 for
    /// that version, which nobody can change any more.
    pub async fn upload(&self, code: Code<'_>) -> Result<String> {
        let artifacts = Artifacts::new(self.aws, code.bucket, code.namespace);
        let key = code.package.key();
        let found = artifacts.find(&key, None).await.map_err(|e| not_found(e, code.bucket))?;
        // A zip without a version or a hash is not of this program, and is covered by a new version.
        if let Some(StoredZip { version: Some(version), sha256: Some(sha256) }) = found {
            return ensure_same(code, &version, &sha256).map(|()| version);
        }
        let size = code.package.zip.len() as u64;
        let version = self.upload_version(&artifacts, code).await?;
        self.dialog.event(DeployEvent::Uploaded { bucket: code.bucket.to_owned(), key: key.clone(), size });
        let mut backoff = Backoff::new(self.run.seed());
        let began = Instant::now();
        loop {
            let read = artifacts.find(&key, Some(&version)).await;
            match read.map_err(|e| e.into_error("read the handler's zip from the artifact bucket"))? {
                Some(stored) => {
                    let sha256 = stored.sha256.unwrap_or_default();
                    return ensure_same(code, &version, &sha256).map(|()| version);
                }
                None if began.elapsed() >= VERSION_TIMEOUT => return Err(no_version(code.bucket)),
                None => tokio::time::sleep(backoff.next_delay()).await,
            }
        }
    }

    /// Creates and configures the bucket, and uploads the zip until the bucket gives it a version.
    async fn upload_version(&self, artifacts: &Artifacts, code: Code<'_>) -> Result<String> {
        let bucket = code.bucket;
        let (doing, sending) =
            (format!("create the artifact bucket {bucket}"), format!("upload the handler to {bucket}"));
        let (key, zip, sha256) = (code.package.key(), &code.package.zip, &code.package.sha256);
        let put = || artifacts.upload(&key, zip.clone(), sha256);
        let created = artifacts.create_if_missing().await.map_err(|error| match error.kind {
            Kind::AlreadyExists => bucket_taken(bucket).source(error),
            _ => error.into_error(&doing),
        })?;
        let mut sent = if created {
            artifacts.configure(code.require_tls).await.map_err(|e| e.into_error(&doing))?;
            self.dialog.event(DeployEvent::ArtifactBucketCreated { bucket: bucket.to_owned() });
            put().await
        } else {
            // The bucket was created private and encrypted. Its configuration is restored during the upload.
            let (configured, sent) = tokio::join!(artifacts.configure(code.require_tls), put());
            configured.map_err(|e| e.into_error(&format!("configure the artifact bucket {bucket}")))?;
            sent
        };
        let mut backoff = Backoff::new(self.run.seed());
        let began = Instant::now();
        loop {
            if let Some(version) = sent.map_err(|e| e.into_error(&sending))? {
                return Ok(version);
            }
            if began.elapsed() >= VERSION_TIMEOUT {
                return Err(no_version(bucket));
            }
            tokio::time::sleep(backoff.next_delay()).await;
            sent = put().await;
        }
    }

    /// Deletes all zips but the newest [`KEPT_ZIPS`] and those in `keep`. A failure changes nothing about the deployment and
    /// is only reported.
    pub async fn delete_old_zips(&self, code: Code<'_>, keep: &[&str]) {
        if let Err(error) = self.try_to_delete_old_zips(code, keep).await {
            self.dialog.remark(&format!("could not delete old zips of the handler from {}: {error}", code.bucket));
        }
    }

    async fn try_to_delete_old_zips(&self, code: Code<'_>, keep: &[&str]) -> Result<(), CallError> {
        let artifacts = Artifacts::new(self.aws, code.bucket, code.namespace);
        let mut keys = Storage::new(self.aws, code.bucket).newest_keys().await?;
        // The bucket also holds the history and the state of the stack.
        keys.retain(|key| package::sha256_of(key).is_some());
        for key in keys.iter().skip(KEPT_ZIPS).filter(|key| !keep.contains(&key.as_str())) {
            artifacts.delete(key).await?;
            self.dialog.event(DeployEvent::Deleted { what: "old handler zip", name: key.clone() });
        }
        Ok(())
    }
}

/// Fails if the bucket's zip is not the package.
fn ensure_same(code: Code<'_>, version: &str, sha256: &str) -> Result<()> {
    let (bucket, key) = (code.bucket, code.package.key());
    if sha256 == code.package.sha256 {
        return Ok(());
    }
    let message = format!(
        "s3://{bucket}/{key} is not the handler that was built: S3 has SHA-256 {} for its version {version}; no code was \
         deployed",
        if sha256.is_empty() { "none" } else { sha256 }
    );
    Err(Error::new(Exit::Refused, "artifact-mismatch", message).hint(format!(
        "Somebody else wrote this object: find out who may write to the bucket. Then delete it and run the same command \
         again: aws s3 rm s3://{bucket}/{key}"
    )))
}

/// The error of a zip that cannot be looked for.
fn not_found(error: CallError, bucket: &str) -> Error {
    if error.kind == Kind::Denied {
        let (code, reason, hint) = plan::bucket_taken(bucket);
        return Error::new(Exit::Access, code, reason).source(error).hint(hint);
    }
    error.into_error("look for the handler's zip in the artifact bucket")
}

/// The error of a bucket whose name belongs to another account.
fn bucket_taken(bucket: &str) -> Error {
    let message = format!("another account has a bucket of the name {bucket}");
    Error::new(Exit::Deployment, "bucket-name-taken", message).hint(
        "Bucket names are global. Give the stack another `name:` in its stack file, or write `namespace: account-regional` \
         below `bucket:`, where nobody else can hold a name.",
    )
}

fn no_version(bucket: &str) -> Error {
    let seconds = VERSION_TIMEOUT.as_secs();
    let message = format!("the artifact bucket {bucket} gives no version of the handler's zip within {seconds} s");
    Error::new(Exit::Failure, "no-version", message)
        .hint("S3 may need some minutes after versioning was enabled. Run the same command again.")
}
