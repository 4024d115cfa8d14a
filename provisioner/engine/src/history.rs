//! The history of a stack's deployments: one document each in the stack's artifact bucket, beside the code.

use provisioner_artifact::package::sha256_of;
use provisioner_aws::Aws;
use provisioner_aws::documents::Documents;
use provisioner_model::call_error::CallError;
use provisioner_model::diff;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::hash::sha256;
use provisioner_model::names::Names;
use provisioner_model::template::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use provisioner_planner::history::{ChangedResource, DeployedCode, Deployment, Mode, VERSION};
use provisioner_planner::state::{Desired, Observed};
use tokio::task::JoinSet;

use crate::clock;
use crate::dialog::Dialog;

/// The prefix of the documents' keys, which continue with the time.
const PREFIX: &str = "history/";
/// Documents that are kept. The code of the oldest is gone by then (`apply::artifacts::KEPT_ZIPS`).
const KEPT: usize = 50;

/// A deployment that is about to be recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    documents: Documents,
    deployment: Deployment,
    /// What was deployed before.
    before: Option<Deployment>,
}

impl Recording {
    /// Notes what will be deployed, in place of what.
    pub(crate) fn new(aws: &Aws, desired: &Desired, observed: &Observed, mode: Mode) -> Self {
        let text = |name: &str| desired.parameters.get(name).cloned().unwrap_or_default();
        let deployment = Deployment {
            version: VERSION,
            at: String::new(),
            caller: Some(aws.caller.clone()),
            mode,
            failure: None,
            code: code(&text(ARTIFACT_BUCKET), &text(ARTIFACT_KEY)),
            changes: Vec::new(),
            template: desired.template.clone(),
        };
        let documents = Documents::new(aws, &desired.names.artifacts);
        let mut recording = Self { documents, deployment, before: None };
        recording.start_from(desired, observed);
        recording
    }

    /// Notes what is deployed before the change: again after an operation that was running has ended.
    pub(crate) fn start_from(&mut self, desired: &Desired, observed: &Observed) {
        let before = observed.plain(&desired.place).unwrap_or_default();
        self.deployment.changes = diff::compare(&before, &desired.plain()).iter().map(ChangedResource::from).collect();
        self.before = found(observed);
    }

    /// Writes the document of a deployment that has ended. A failure to do so is reported and changes nothing else.
    pub(crate) async fn end(self, failure: Option<&Error>, dialog: &dyn Dialog) {
        if let Err(error) = self.write(failure).await {
            dialog.remark(&format!("The deployment could not be recorded in its history: {error}"));
        }
    }

    /// Writes the document of a deployment that found nothing to change, if the history reports what is deployed as failed:
    /// CloudFormation completed a deployment whose command was interrupted.
    pub(crate) async fn end_unchanged(self, dialog: &dyn Dialog) {
        let completed = async {
            let mut keys = self.documents.keys(PREFIX).await?;
            keys.extend(self.put_completed(&keys, &self.deployment).await?);
            self.delete_oldest(&keys).await
        };
        if let Err(error) = completed.await {
            dialog.remark(&format!("The history of the stack could not be completed: {error}"));
        }
    }

    /// Writes the newest document once more, as successful, if it reports as failed what is deployed. Returns the new key.
    async fn put_completed(&self, keys: &[String], deployed: &Deployment) -> Result<Option<String>, CallError> {
        let Some(key) = keys.last() else { return Ok(None) };
        let Some(newest) = self.documents.get(key).await?.and_then(|text| parse(&text)) else { return Ok(None) };
        if newest.failure.is_none() || newest.code != deployed.code || newest.template != deployed.template {
            return Ok(None);
        }
        self.put(&Deployment { at: now(), failure: None, ..newest }).await.map(Some)
    }

    async fn write(mut self, failure: Option<&Error>) -> Result<(), CallError> {
        let mut keys = self.documents.keys(PREFIX).await?;
        let first = match self.before.take() {
            Some(before) if keys.is_empty() => Some(self.put(&before).await?),
            Some(before) => self.put_completed(&keys, &before).await?,
            None => None,
        };
        keys.extend(first);
        self.deployment.at = now();
        self.deployment.failure = failure.map(|error| error.message.clone());
        keys.push(self.put(&self.deployment).await?);
        self.delete_oldest(&keys).await
    }

    async fn delete_oldest(&self, keys: &[String]) -> Result<(), CallError> {
        for key in keys.iter().rev().skip(KEPT) {
            self.documents.delete(key).await?;
        }
        Ok(())
    }

    /// Writes a document and returns its key.
    async fn put(&self, deployment: &Deployment) -> Result<String, CallError> {
        let text = serde_json::to_vec(deployment).unwrap_or_default();
        // Two deployments that end in the same millisecond have different content.
        let key = format!("{PREFIX}{}-{}.json", deployment.at, &sha256(&text)[..8]);
        self.documents.put(&key, text).await?;
        Ok(key)
    }
}

fn now() -> String {
    clock::now().map(String::from).unwrap_or_default()
}

/// A document; `None` for one that this version cannot read.
fn parse(text: &[u8]) -> Option<Deployment> {
    serde_json::from_slice::<Deployment>(text).ok().filter(|deployment| deployment.version == VERSION)
}

/// Whether the end of a deployment is part of the history: a refusal before any change is not.
pub(crate) fn is_recorded(error: &Error) -> bool {
    matches!(error.exit, Exit::Deployment | Exit::Interrupted)
}

fn code(bucket: &str, key: &str) -> DeployedCode {
    let sha256 = sha256_of(key).unwrap_or_default().to_owned();
    DeployedCode { bucket: bucket.to_owned(), key: key.to_owned(), sha256 }
}

/// What is deployed already, for a stack whose history starts now.
fn found(observed: &Observed) -> Option<Deployment> {
    let (stack, template) = (observed.stack.as_ref()?, observed.template.as_ref()?);
    Some(Deployment {
        version: VERSION,
        at: stack.changed.clone()?,
        caller: None,
        mode: Mode::Found,
        failure: None,
        code: code(stack.parameters.get(ARTIFACT_BUCKET)?, stack.parameters.get(ARTIFACT_KEY)?),
        changes: Vec::new(),
        template: template.clone(),
    })
}

/// The newest deployments, at most this number, the newest first. A document that this version cannot read is left out.
pub async fn read(aws: &Aws, names: &Names, most: usize) -> Result<Vec<Deployment>> {
    let failed = |error: CallError| error.into_error("read the history of the stack");
    let documents = Documents::new(aws, &names.artifacts);
    let keys = documents.keys(PREFIX).await.map_err(failed)?;
    let mut reading = JoinSet::new();
    for (n, key) in keys.into_iter().rev().take(most).enumerate() {
        let documents = documents.clone();
        reading.spawn(async move { (n, documents.get(&key).await) });
    }
    let mut found = Vec::new();
    while let Some(read) = reading.join_next().await {
        let (n, document) =
            read.map_err(|e| Error::new(Exit::Failure, "internal", "a read of the history was lost").source(e))?;
        let deployment = document.map_err(failed)?.and_then(|text| parse(&text));
        found.extend(deployment.map(|deployment| (n, deployment)));
    }
    found.sort_by_key(|(n, _)| *n);
    Ok(found.into_iter().map(|(_, deployment)| deployment).collect())
}
