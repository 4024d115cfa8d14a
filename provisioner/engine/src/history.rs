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
        let after = desired.plain();
        let before = observed.plain(&desired.place).unwrap_or_default();
        let changes = diff::compare(&before, &after).iter().map(ChangedResource::from).collect();
        let text = |name: &str| desired.parameters.get(name).cloned().unwrap_or_default();
        let deployment = Deployment {
            version: VERSION,
            at: String::new(),
            caller: Some(aws.caller.clone()),
            mode,
            failure: None,
            code: code(&text(ARTIFACT_BUCKET), &text(ARTIFACT_KEY)),
            changes,
            template: desired.template.clone(),
        };
        let documents = Documents::new(aws, &desired.names.artifacts);
        Self { documents, deployment, before: found(observed) }
    }

    /// Writes the document of a deployment that has ended. A failure to do so is reported and changes nothing else.
    pub(crate) async fn end(self, failure: Option<&Error>, dialog: &dyn Dialog) {
        if let Err(error) = self.write(failure).await {
            dialog.remark(&format!("The deployment could not be recorded in its history: {error}"));
        }
    }

    async fn write(mut self, failure: Option<&Error>) -> Result<(), CallError> {
        let keys = self.documents.keys(PREFIX).await?;
        if let Some(before) = self.before.take().filter(|_| keys.is_empty()) {
            self.put(&before).await?;
        }
        self.deployment.at = clock::now().map(String::from).unwrap_or_default();
        self.deployment.failure = failure.map(|error| error.message.clone());
        self.put(&self.deployment).await?;
        for key in keys.iter().rev().skip(KEPT - 1) {
            self.documents.delete(key).await?;
        }
        Ok(())
    }

    async fn put(&self, deployment: &Deployment) -> Result<(), CallError> {
        let text = serde_json::to_vec(deployment).unwrap_or_default();
        // Two deployments that end in the same millisecond have different content.
        let key = format!("{PREFIX}{}-{}.json", deployment.at, &sha256(&text)[..8]);
        self.documents.put(&key, text).await
    }
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
        let deployment = document.map_err(failed)?.and_then(|text| serde_json::from_slice::<Deployment>(&text).ok());
        found.extend(deployment.map(|deployment| (n, deployment)));
    }
    found.sort_by_key(|(n, _)| *n);
    Ok(found.into_iter().map(|(_, deployment)| deployment).collect())
}
