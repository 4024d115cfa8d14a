//! The Lambda function.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LastUpdateStatus};

use super::Aws;
use crate::fault::{Fault, Kind, absent_is_none};
use crate::stack::{Deployed, LastUpdate};

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

    /// What is deployed; `None` if there is no such function.
    pub async fn describe(&self) -> Result<Option<Deployed>, Fault> {
        let output =
            self.client.get_function_configuration().function_name(&self.name).send().await.map_err(Fault::from);
        Ok(absent_is_none(output)?.map(|f| Deployed {
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

    /// Has the function take its code from an object; it is not in force when this returns (see [`LastUpdate`]). Refused
    /// where the function is not of this revision any more. No version is published: the stack has none, and its
    /// notification invokes what is newest.
    pub async fn update_code(&self, bucket: &str, key: &str, revision: Option<&str>) -> Result<(), Fault> {
        self.client
            .update_function_code()
            .function_name(&self.name)
            .s3_bucket(bucket)
            .s3_key(key)
            .set_revision_id(revision.map(ToOwned::to_owned))
            .send()
            .await?;
        Ok(())
    }

    /// How many invocations may run at the same time, where that is limited.
    pub async fn concurrency(&self) -> Result<Option<u32>, Fault> {
        let output = self.client.get_function_concurrency().function_name(&self.name).send().await;
        let limit = absent_is_none(output.map_err(Fault::from))?.and_then(|o| o.reserved_concurrent_executions);
        Ok(limit.and_then(|n| u32::try_from(n).ok()))
    }

    /// The policy that says who may invoke the function, JSON; `None` where nobody was ever given the permission.
    pub async fn policy(&self) -> Result<Option<String>, Fault> {
        let output = self.client.get_policy().function_name(&self.name).send().await;
        Ok(absent_is_none(output.map_err(Fault::from))?.and_then(|o| o.policy))
    }

    /// Hands an event to the function, as S3 does; returns when Lambda has taken it into its queue.
    pub async fn invoke_later(&self, event: Vec<u8>) -> Result<(), Fault> {
        let output = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await?;
        if output.status_code == 202 {
            return Ok(());
        }
        Err(Fault {
            kind: Kind::Other,
            code: None,
            message: format!("Lambda answered {} instead of 202 (accepted)", output.status_code),
        })
    }
}

/// Lambda reports hashes in base 64; artifact keys have them in hexadecimal digits.
fn hex_of_base64(text: &str) -> String {
    let value = |b: u8| match b {
        b'A'..=b'Z' => Some(u32::from(b - b'A')),
        b'a'..=b'z' => Some(u32::from(b - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(b - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::with_capacity(32));
    for digit in text.bytes().map_while(value) {
        bits = (bits << 6) | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.extend(u8::try_from((bits >> held) & 0xff));
        }
    }
    crate::package::hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::hex_of_base64;

    #[test]
    fn hashes_in_both_notations() {
        // SHA-256 of nothing.
        assert_eq!(
            hex_of_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
