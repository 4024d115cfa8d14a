//! The queue of events that failed every attempt.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName};
use provisioner_model::call_error::{CallError, Kind, optional};

use super::Aws;
use super::call_error::from_sdk;

/// Messages that one call receives or changes at most (SQS API reference, `ReceiveMessage`).
pub const BATCH: usize = 10;

/// A message, and what it takes to delete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The service's id.
    pub id: String,
    /// The body.
    pub body: String,
    /// When it was sent, milliseconds since the Unix epoch; `None` if the service does not return it.
    pub sent: Option<i64>,
    /// How often it was received, this time included.
    pub received: u32,
    receipt: String,
}

/// The client of one queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue of this name; `None` if there is none.
    pub async fn find(aws: &Aws, name: &str) -> Result<Option<Self>, CallError> {
        let client = Client::new(&aws.sdk);
        let output = client.get_queue_url().queue_name(name).send().await.map_err(from_sdk);
        Ok(optional(output)?.and_then(|o| o.queue_url).map(|url| Self { client, url }))
    }

    /// The approximate number of messages, including those that a consumer has received and not deleted.
    pub async fn depth(&self) -> Result<u64, CallError> {
        const COUNTS: [QueueAttributeName; 3] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let output = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(COUNTS.to_vec()))
            .send()
            .await
            .map_err(from_sdk)?;
        let attributes = output.attributes.unwrap_or_default();
        Ok(COUNTS.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
    }

    /// Receives up to ten messages and hides them from other consumers for a number of seconds; waits up to a second for
    /// the first.
    pub async fn receive(&self, hidden_seconds: u32) -> Result<Vec<Message>, CallError> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(BATCH).unwrap_or(i32::MAX))
            .visibility_timeout(i32::try_from(hidden_seconds).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// The same, without hiding them from others: the next read can return the same ones.
    pub async fn peek(&self) -> Result<Vec<Message>, CallError> {
        self.receive(0).await
    }

    /// Hides received messages for a number of seconds from now on; with 0, other consumers see them again. Messages whose
    /// time is over, and those that were deleted, are left as they are. A call that fails concerns its ten messages only: the
    /// others are changed, and the first error is returned.
    pub async fn hide(&self, messages: &[Message], seconds: u32) -> Result<(), CallError> {
        let mut result = Ok(());
        for batch in messages.chunks(BATCH) {
            result = result.and(self.hide_batch(batch, seconds).await);
        }
        result
    }

    async fn hide_batch(&self, batch: &[Message], seconds: u32) -> Result<(), CallError> {
        let entries = batch.iter().enumerate().map(|(number, message)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(number.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|e| CallError {
            kind: Kind::Other,
            code: None,
            message: e.to_string(),
        })?;
        let request = self.client.change_message_visibility_batch().queue_url(&self.url);
        request.set_entries(Some(entries)).send().await.map_err(from_sdk)?;
        Ok(())
    }

    /// Deletes a received message.
    pub async fn delete(&self, message: &Message) -> Result<(), CallError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(&message.receipt)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }
}

fn message(message: aws_sdk_sqs::types::Message) -> Option<Message> {
    let attribute = |name| message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
    let sent = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|time| time.parse().ok());
    let received = attribute(MessageSystemAttributeName::ApproximateReceiveCount).and_then(|count| count.parse().ok());
    Some(Message {
        sent,
        received: received.unwrap_or(1),
        id: message.message_id.unwrap_or_default(),
        body: message.body?,
        receipt: message.receipt_handle?,
    })
}
