//! Whether a log group exists. [`crate::logs`] reads its entries.

use aws_sdk_cloudwatchlogs::Client;
use provisioner_model::call_error::CallError;

use super::Aws;
use super::call_error::from_sdk;

/// Whether there is a log group of exactly this name.
pub async fn exists(aws: &Aws, name: &str) -> Result<bool, CallError> {
    let output =
        Client::new(&aws.sdk).describe_log_groups().log_group_name_prefix(name).send().await.map_err(from_sdk)?;
    Ok(output.log_groups().iter().any(|group| group.log_group_name() == Some(name)))
}
