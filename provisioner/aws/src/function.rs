//! The Lambda function.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LastUpdateStatus};
use provisioner_model::call_error::{CallError, optional};
use provisioner_model::delivery::InvocationAnswer;
use provisioner_model::stack::{Deployed, LastUpdate};

use super::call_error::from_sdk;
use super::{Aws, hex_of_base64};

/// The client of one function.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// The function of this name.
    pub fn new(aws: &Aws, name: &str) -> Self {
        Self { client: Client::new(&aws.sdk), name: name.to_owned() }
    }

    /// The same function, to be invoked synchronously: with this timeout of its own, and without repetitions.
    #[must_use]
    pub fn for_invocations(&self, aws: &Aws, timeout: Duration) -> Self {
        let config = self.client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(aws.limits().invocation(timeout));
        Self { client: Client::from_conf(config.build()), name: self.name.clone() }
    }

    /// What is deployed; `None` if there is no such function.
    pub async fn describe(&self) -> Result<Option<Deployed>, CallError> {
        let output = self.client.get_function_configuration().function_name(&self.name).send().await.map_err(from_sdk);
        Ok(optional(output)?.map(|f| Deployed {
            sha256: f.code_sha256.as_deref().map(hex_of_base64).unwrap_or_default(),
            size: u64::try_from(f.code_size).unwrap_or_default(),
            state: f.state.map_or_else(|| "Active".to_owned(), |s| s.as_str().to_owned()),
            changed: f.last_modified.unwrap_or_default(),
            revision: f.revision_id,
            last_update: match f.last_update_status {
                Some(LastUpdateStatus::InProgress) => LastUpdate::Running,
                Some(LastUpdateStatus::Failed) => {
                    LastUpdate::Failed(f.last_update_status_reason.unwrap_or_else(|| "no reason given".into()))
                }
                _ => LastUpdate::Done,
            },
        }))
    }

    /// Has the function take its code from this version of an object; it is not in force when this returns (see [`LastUpdate`]). Refused
    /// where the function is not of this revision any more. No version is published: the stack has none, and its
    /// notification invokes what is newest.
    pub async fn update_code(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        revision: Option<&str>,
    ) -> Result<(), CallError> {
        self.client
            .update_function_code()
            .function_name(&self.name)
            .s3_bucket(bucket)
            .s3_key(key)
            .s3_object_version(version)
            .set_revision_id(revision.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// How many invocations may run at the same time, where that is limited.
    pub async fn concurrency(&self) -> Result<Option<u32>, CallError> {
        let output = self.client.get_function_concurrency().function_name(&self.name).send().await;
        let limit = optional(output.map_err(from_sdk))?.and_then(|o| o.reserved_concurrent_executions);
        Ok(limit.and_then(|n| u32::try_from(n).ok()))
    }

    /// The policy that says who may invoke the function, JSON; `None` without a policy.
    pub async fn policy(&self) -> Result<Option<String>, CallError> {
        let output = self.client.get_policy().function_name(&self.name).send().await;
        Ok(optional(output.map_err(from_sdk))?.and_then(|o| o.policy))
    }

    /// Invokes the function with an event and waits for its answer. Made once: after a lost answer, the function may have
    /// worked, and the caller decides whether to send the event again.
    pub async fn invoke(&self, event: Vec<u8>) -> Result<InvocationAnswer, CallError> {
        let answer = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(from_sdk)?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        Ok(InvocationAnswer {
            function_error: answer.function_error,
            payload: serde_json::from_slice(&payload).unwrap_or_default(),
        })
    }
}
