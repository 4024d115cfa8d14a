//! The Lambda function.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LastUpdateStatus};
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::stack::{Deployed, LastUpdate};

use serde_json::Value;

use super::call_error::from_sdk;
use super::limits::TimeLimits;
use super::{Aws, hex_of_base64};

/// The result of a synchronous invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Invoked {
    /// The function's answer.
    Answered(Value),
    /// The invocation failed. Lambda does not repeat it, and does not send its event to the queue.
    Failed(String),
}

/// The client of one function.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    /// For synchronous invocations.
    waiting: Client,
    name: String,
}

impl Function {
    /// The function of this name.
    pub fn new(aws: &Aws, name: &str) -> Self {
        let waiting = aws_sdk_lambda::config::Builder::from(&aws.sdk).timeout_config(TimeLimits::invocation()).build();
        Self { client: Client::new(&aws.sdk), waiting: Client::from_conf(waiting), name: name.to_owned() }
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

    /// Has the function process an event, and waits for its answer.
    pub async fn invoke(&self, event: Vec<u8>) -> Result<Invoked, CallError> {
        let output = self
            .waiting
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(from_sdk)?;
        let answer: Value = output.payload.and_then(|p| serde_json::from_slice(p.as_ref()).ok()).unwrap_or_default();
        Ok(match output.function_error {
            None => Invoked::Answered(answer),
            // Lambda developer guide, "Lambda function errors": the payload has errorType and errorMessage.
            Some(kind) => Invoked::Failed(answer["errorMessage"].as_str().map_or(kind, ToOwned::to_owned)),
        })
    }

    /// Hands an event to the function, as S3 does; returns when Lambda has taken it into its queue.
    pub async fn invoke_later(&self, event: Vec<u8>) -> Result<(), CallError> {
        let output = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(from_sdk)?;
        if output.status_code == 202 {
            return Ok(());
        }
        Err(CallError {
            kind: Kind::Other,
            code: None,
            message: format!("Lambda answered {} instead of 202 (accepted)", output.status_code),
        })
    }
}
