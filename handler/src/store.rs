//! Writes a record so that every upload ends with exactly one, the best one.
//!
//! Events come twice, late, out of order and at the same time, and a `PutItem` that timed out may have written. The
//! condition makes all of it harmless: what read the file beats what could not, and the first of equals stays.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use handler_contract::{Record, Status};

use crate::aws;
use crate::outcome::{Outcome, Trouble, after_write};

/// The condition that a record is written on, in the words of `DynamoDB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The condition expression.
    pub expression: &'static str,
    /// The attribute names behind its `#` placeholders (`status` is a reserved word).
    pub names: &'static [(&'static str, &'static str)],
    /// The statuses behind its `:` placeholders.
    pub values: &'static [(&'static str, Status)],
}

/// The condition for a record with this status.
///
/// A FAILED record may stand for a passing state of the object (deleted, overwritten, too slow to read), so a
/// delivery that did read it may replace the record. Nothing ever replaces a SUCCESS.
pub const fn condition(status: Status) -> Condition {
    match status {
        Status::Success => Condition {
            expression: "attribute_not_exists(documentId) OR #status = :failed",
            names: &[("#status", "status")],
            values: &[(":failed", Status::Failed)],
        },
        Status::Failed => Condition { expression: "attribute_not_exists(documentId)", names: &[], values: &[] },
    }
}

/// Writes the record on its condition, within the time given.
pub async fn put(client: &Client, table: &str, record: Record, time: Duration) -> Outcome {
    let item = match serde_dynamo::to_item(&record) {
        Ok(item) => item,
        Err(error) => return Outcome::Retry(format!("failed to turn the record into an item: {error}")),
    };
    let Condition { expression, names, values } = condition(record.status);
    let mut request = client.put_item().table_name(table).set_item(Some(item)).condition_expression(expression);
    for (placeholder, name) in names {
        request = request.expression_attribute_names(*placeholder, *name);
    }
    for (placeholder, value) in values {
        request = request.expression_attribute_values(*placeholder, AttributeValue::S(value.to_string()));
    }
    let result = match tokio::time::timeout(time, request.send()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(aws::trouble(&error)),
        Err(_) => Err(Trouble::NoAnswer("the invocation's time was over".to_owned())),
    };
    after_write(record, result)
}
