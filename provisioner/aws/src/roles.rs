//! The execution role as IAM has it.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use provisioner_model::call_error::{CallError, optional};
use serde_json::Value;

use super::call_error::from_sdk;
use super::{Aws, percent_decoded};

/// The client of IAM.
#[derive(Debug, Clone)]
pub struct Roles {
    client: Client,
}

impl Roles {
    /// Makes the client.
    pub fn new(aws: &Aws) -> Self {
        Self { client: Client::new(&aws.sdk) }
    }

    /// Whether the role exists.
    pub async fn exists(&self, role: &str) -> Result<bool, CallError> {
        let output = self.client.get_role().role_name(role).send().await.map_err(from_sdk);
        Ok(optional(output)?.is_some())
    }

    /// The role's trust policy, description and permissions boundary; `None` if there is no such role.
    pub async fn trust(&self, role: &str) -> Result<Option<(Value, Option<String>, Option<String>)>, CallError> {
        let output = self.client.get_role().role_name(role).send().await.map_err(from_sdk);
        let role = optional(output)?.and_then(|output| output.role);
        Ok(role.map(|role| {
            let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
            (document(&role.assume_role_policy_document.unwrap_or_default()), role.description, boundary)
        }))
    }

    /// The role's inline policies by name, and the ARNs of managed policies attached to it.
    pub async fn policies(&self, role: &str) -> Result<Option<(BTreeMap<String, Value>, Vec<String>)>, CallError> {
        let names = self.client.list_role_policies().role_name(role).send().await.map_err(from_sdk);
        let Some(names) = optional(names)? else { return Ok(None) };
        let mut inline = BTreeMap::new();
        for name in names.policy_names {
            let policy =
                self.client.get_role_policy().role_name(role).policy_name(&name).send().await.map_err(from_sdk)?;
            inline.insert(name, document(&policy.policy_document));
        }
        let attached = self.client.list_attached_role_policies().role_name(role).send().await.map_err(from_sdk)?;
        let attached = attached.attached_policies.unwrap_or_default();
        Ok(Some((inline, attached.into_iter().filter_map(|policy| policy.policy_arn).collect())))
    }
}

/// IAM answers with the document URL-encoded (RFC 3986); text that is not JSON is kept as it is.
fn document(encoded: &str) -> Value {
    let text = percent_decoded(encoded);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded() {
        assert_eq!(document("%7B%22Version%22%3A%222012-10-17%22%7D"), serde_json::json!({"Version": "2012-10-17"}));
        assert_eq!(document(r#"{"a":"b+c"}"#), serde_json::json!({"a": "b+c"}));
    }
}
