//! The stack that files are uploaded to, and why records of uploaded files do not come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use provisioner_aws::Aws;
use provisioner_aws::uploads::Uploads;
use provisioner_model::call_error::Kind;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::StackSpec;
use provisioner_planner::verify::{self as diagnosis, Cause, Findings};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::diagnose;
use crate::upload_list::{Source, Upload};

/// How long to wait for the first record before the pipeline is diagnosed, and the pause between diagnoses.
const DIAGNOSE_AFTER: Duration = Duration::from_secs(5);
/// How long a diagnosis may take.
const DIAGNOSIS: Duration = Duration::from_secs(10);

/// How files are uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOptions {
    /// Whether to wait for records.
    pub wait: bool,
    /// How long to wait for each record.
    pub timeout: Duration,
    /// The number of concurrent uploads.
    pub parallel: u16,
    /// Leave out files that the bucket has already: same key and size, put after the file's last change.
    pub skip_existing: bool,
}

/// Receives the progress of uploads, many times a second.
pub trait Progress: Send + Sync {
    /// More bytes were uploaded.
    fn bytes(&self, bytes: u64);
    /// The number of files uploaded or skipped so far.
    fn done(&self, files: usize);
    /// All files are uploaded, and this number of records is still awaited.
    fn awaiting(&self, records: usize);
    /// The end of the progress.
    fn end(&self);
}

/// A stack that files can be uploaded to.
#[derive(Debug)]
pub struct Target<'a> {
    pub(super) aws: &'a Aws,
    pub(super) names: Names,
    /// The stack as the caller named it.
    pub(super) stack: &'a str,
    /// How far S3's clock is ahead of this machine's. Milliseconds.
    pub(super) ahead: i64,
}

impl<'a> Target<'a> {
    /// Checks that the stack has a bucket, and reads the clock of S3. `stack` is the stack as the caller named it.
    pub async fn find(aws: &'a Aws, spec: &StackSpec, stack: &'a str) -> Result<Self> {
        let names = Names::new(spec, &aws.account, &aws.region);
        let ahead = provisioner_aws::clock::ahead(aws, &names.bucket).await.map_err(|error| match error.kind {
            Kind::NotFound => Error::new(
                Exit::Failure,
                "no-bucket",
                format!("the stack {} has no bucket {}", spec.name, names.bucket),
            )
            .hint(format!("Create the stack first: provisioner up -s {stack}")),
            _ => error.into_error("look for the bucket"),
        })?;
        Ok(Self { aws, names, stack, ahead })
    }

    /// How far S3's clock is ahead of this machine's. Milliseconds.
    pub fn clock_ahead(&self) -> i64 {
        self.ahead
    }

    /// The keys of the uploads that [`PutOptions::skip_existing`] would leave out.
    pub async fn already_there(&self, uploads: &[Upload], parallel: u16) -> Result<BTreeSet<String>> {
        let (_stop, stopped) = watch::channel(false);
        let client = Uploads::new(self.aws, &self.names.bucket, parallel, stopped, Arc::new(|_| {}));
        let mut there = BTreeSet::new();
        for some in uploads.chunks(parallel.into()) {
            let mut asked = JoinSet::new();
            for upload in some {
                if let Source::File(path, _) = &upload.source {
                    let (client, path, key) = (client.clone(), path.clone(), upload.key.clone());
                    let ahead = self.ahead;
                    asked.spawn(async move { client.has(&path, &key, ahead).await.map(|has| has.then_some(key)) });
                }
            }
            for answer in asked.join_all().await {
                let answer = answer
                    .map_err(|e| Error::new(Exit::Failure, "bucket", "failed to look for an object").source(e))?;
                there.extend(answer);
            }
        }
        Ok(there)
    }

    /// Why no upload of this key can get a record, if that is certain: the stack is not deployed, or a part of its pipeline
    /// is missing. What cannot be read is not certain.
    pub async fn nobody_listens(&self, key: &str) -> Option<Cause> {
        let read = tokio::time::timeout(DIAGNOSIS, diagnose::configuration(self.aws, &self.names, key)).await;
        read.ok().and_then(|findings| diagnosis::certain_cause(&findings))
    }

    /// Returns once no record of these keys can be expected, with the cause; otherwise never.
    pub(super) async fn until_hopeless(&self, keys: &BTreeSet<String>, since: i64) -> Cause {
        loop {
            tokio::time::sleep(DIAGNOSE_AFTER).await;
            let Ok(findings) = tokio::time::timeout(DIAGNOSIS, self.findings(keys, since)).await else { continue };
            // With several files, the failure of one tells nothing of the others, unless the handler cannot run at all.
            let failed = diagnosis::failed_attempts(&findings);
            let failed = failed.filter(|cause| keys.len() == 1 || cause.code == diagnosis::HANDLER_CRASHES);
            if let Some(cause) = diagnosis::certain_cause(&findings).or(failed) {
                return cause;
            }
        }
    }

    /// The most likely cause of missing records.
    pub(super) async fn cause(&self, keys: &BTreeSet<String>, since: i64) -> Cause {
        let findings = tokio::time::timeout(DIAGNOSIS, self.findings(keys, since)).await;
        diagnosis::cause(&findings.unwrap_or_default())
    }

    async fn findings(&self, keys: &BTreeSet<String>, since: i64) -> Findings {
        let Self { aws, names, .. } = self;
        let mut findings = match keys.first() {
            Some(key) => diagnose::configuration(aws, names, key).await,
            None => Findings::default(),
        };
        let concerns = |key: &str| keys.contains(key);
        if let Ok(queued) = diagnose::queued(aws, names, concerns).await {
            findings.queued = queued.map(|(_, _, event)| event);
        }
        if let Ok(entries) = diagnose::log(aws, names, since - clock::SKEW_MILLIS).await {
            diagnose::note_log(&entries, concerns, since, &mut findings);
        }
        findings
    }
}
