//! Writes a record so that every upload ends with exactly one, the best one.
//!
//! Events come twice, late, out of order and at the same time, and a `PutItem` that timed out may have written. The
//! condition makes all of it harmless: what read the file beats what could not, and the first of equals stays.
//!
//! A failed condition returns the conflicting item (`ReturnValuesOnConditionCheckFailure`, which takes neither a read
//! unit nor a permission beyond `PutItem`). If it is the one that was sent, then the SDK has repeated a write whose
//! answer was lost, and the write has succeeded. `processedAt`, in milliseconds, distinguishes the writes of two
//! deliveries.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use handler_contract::{Record, Status};

use crate::aws;
use crate::outcome::{CallError, Outcome, classify_put_error};

type Item = HashMap<String, AttributeValue>;

/// The condition that a record is written on, in the words of `DynamoDB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The condition expression.
    pub expression: &'static str,
    /// The attribute names of its `#` placeholders (`status` is a reserved word).
    pub names: &'static [(&'static str, &'static str)],
    /// The statuses of its `:` placeholders.
    pub values: &'static [(&'static str, Status)],
}

/// The condition for a record with this status.
///
/// A FAILED record may describe a temporary state of the object (deleted, overwritten, too slow to read), so a
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
    let item: Item = match serde_dynamo::to_item(&record) {
        Ok(item) => item,
        Err(error) => return Outcome::Retry(format!("failed to turn the record into an item: {error}")),
    };
    let Condition { expression, names, values } = condition(record.status);
    let mut request = client
        .put_item()
        .table_name(table)
        .set_item(Some(item.clone()))
        .condition_expression(expression)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    for (placeholder, name) in names {
        request = request.expression_attribute_names(*placeholder, *name);
    }
    for (placeholder, value) in values {
        request = request.expression_attribute_values(*placeholder, AttributeValue::S(value.to_string()));
    }
    let mut already_written = false;
    let result = match tokio::time::timeout(time, request.send()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            already_written = conflicting_item(&error).is_some_and(|there| is_same(there, &item));
            Err(aws::call_error(&error))
        }
        Err(_) => Err(CallError::NoAnswer("the invocation's time was over".to_owned())),
    };
    classify_put_error(record, result, already_written)
}

/// Whether two items are one. Numbers are compared by their value, as `DynamoDB` may spell them in its own way; those
/// of a record are exact as `f64`.
fn is_same(one: &Item, other: &Item) -> bool {
    let same = |(name, value): (&String, &AttributeValue)| match (value, other.get(name)) {
        (AttributeValue::N(sent), Some(AttributeValue::N(there))) => {
            number(sent).is_some_and(|n| number(there) == Some(n))
        }
        (value, there) => there == Some(value),
    };
    one.len() == other.len() && one.iter().all(same)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// The item because of which the condition failed.
fn conflicting_item<R>(error: &SdkError<PutItemError, R>) -> Option<&Item> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_items_are_one_if_all_but_the_spelling_of_numbers_is_equal() {
        let item = |attributes: &[(&str, AttributeValue)]| -> Item {
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let (s, n) = (|text: &str| AttributeValue::S(text.to_owned()), |text: &str| AttributeValue::N(text.to_owned()));
        let sent = item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("1.50"))]);
        // The largest whole numbers that a record has, and those beside them.
        for (there, same) in [("9007199254740991", true), ("9007199254740990", false), ("9.007199254740991e15", true)] {
            let (sent, there) = (item(&[("fileSize", n("9007199254740991"))]), item(&[("fileSize", n(there))]));
            assert_eq!(is_same(&there, &sent), same, "{there:?}");
        }
        for (there, same) in [
            (sent.clone(), true),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("1.5"))]), true),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("15E-1"))]), true),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("1.51"))]), false),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("none"))]), false),
            (item(&[("processedAt", s("…01.124Z")), ("durationSeconds", n("1.50"))]), false),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", s("1.50"))]), false),
            (item(&[("processedAt", s("…01.123Z"))]), false),
            (item(&[("processedAt", s("…01.123Z")), ("durationSeconds", n("1.50")), ("more", s(""))]), false),
            (item(&[]), false),
        ] {
            assert_eq!(is_same(&there, &sent), same, "{there:?}");
        }
    }
}
