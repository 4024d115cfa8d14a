//! Writes a record so that every upload ends with exactly one, the best one.
//!
//! Events come twice, late, out of order and at the same time, and a `PutItem` that timed out may have written. The
//! condition makes all of it harmless: what read the file beats what could not, and the first of equals stays. Which
//! record that is, and on which condition it is written, is decided in [`crate::target`].
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
use handler_contract::{DocumentId, Record};
use tokio::time::Instant;

use crate::aws;
use crate::outcome::{CallError, Outcome, classify_put_error};
use crate::target::{Condition, Target, WriteRule};

type Item = HashMap<String, AttributeValue>;

/// Writes the record where it belongs, within the time given.
pub async fn put(client: &Client, table: &str, record: Record, target: Target, time: Duration) -> Outcome {
    let writer = Writer { client, table, until: Instant::now() + time };
    match target {
        Target::One { id, rule } => writer.put(record.identified_by(id), &rule).await.0,
        Target::Late { by_event, by_content } => writer.put_late(record, by_event, by_content).await,
    }
}

struct Writer<'a> {
    client: &'a Client,
    table: &'a str,
    until: Instant,
}

impl Writer<'_> {
    /// Writes the record of a late event. Only late events write under the id of the content, and they look under that of the
    /// event first. One window remains: a delivery that began in time and is still reading when another one of the same event
    /// is late finds its record nowhere yet, and both write. `provisioner reconcile` reports such a pair as `doubled`.
    async fn put_late(&self, record: Record, by_event: DocumentId, by_content: DocumentId) -> Outcome {
        let record = record.identified_by(by_event);
        let (outcome, existing) = self.put(record.clone(), &WriteRule::Improve).await;
        if existing.is_some() || !matches!(outcome, Outcome::Duplicate(_)) {
            return outcome;
        }
        let sequencer = record.sequencer.clone();
        let rule = WriteRule::FirstOfContent { sequencer: sequencer.clone() };
        let (outcome, existing) = self.put(record.clone().identified_by(by_content), &rule).await;
        let other_upload = existing.as_ref().and_then(|item| item.get("sequencer")?.as_s().ok()).cloned();
        match outcome {
            // The same bytes were uploaded to the same key before, and that event was late, too.
            Outcome::Duplicate(_) if other_upload.is_some() && other_upload != sequencer => {
                self.put(record, &WriteRule::First).await.0
            }
            outcome => outcome,
        }
    }

    /// Writes one record on its condition. Also returns the item because of which the condition failed.
    async fn put(&self, mut record: Record, rule: &WriteRule) -> (Outcome, Option<Item>) {
        record.reprocessed_at = rule.requested_at().cloned();
        let sent = match item(&record) {
            Ok(sent) => sent,
            Err(error) => return (Outcome::Retry(format!("failed to turn the record into an item: {error}")), None),
        };
        let Condition { expression, names, values } = rule.condition(record.status);
        let mut request = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(sent))
            .condition_expression(expression)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (placeholder, name) in names {
            request = request.expression_attribute_names(*placeholder, *name);
        }
        for (placeholder, value) in values {
            request = request.expression_attribute_values(placeholder, AttributeValue::S(value));
        }
        let (result, existing) = match tokio::time::timeout_at(self.until, request.send()).await {
            Ok(Ok(_)) => (Ok(()), None),
            Ok(Err(error)) => (Err(aws::call_error(&error)), conflicting_item(&error).cloned()),
            Err(_) => (Err(CallError::NoAnswer("the invocation's time was over".to_owned())), None),
        };
        let is_own = |there| item(&record).is_ok_and(|sent| is_same(there, &sent));
        let already_written = existing.as_ref().is_some_and(is_own);
        (classify_put_error(record, result, already_written), existing)
    }
}

fn item(record: &Record) -> serde_dynamo::Result<Item> {
    serde_dynamo::to_item(record)
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
