//! The queue of events that failed every attempt.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use provisioner_model::call_error::{CallError, optional};

use super::Aws;
use super::call_error::from_sdk;

/// How long a received message is hidden from others, seconds: more than sending ten events again takes.
const HIDDEN_SECONDS: i32 = 60;

/// A message, and what it takes to delete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The service's id.
    pub id: String,
    /// The body.
    pub body: String,
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

    /// Receives up to ten messages; waits up to a second for the first.
    pub async fn receive(&self) -> Result<Vec<Message>, CallError> {
        self.receive_and_hide(HIDDEN_SECONDS).await
    }

    /// The same, without hiding them from others: the next read can return the same ones.
    pub async fn peek(&self) -> Result<Vec<Message>, CallError> {
        self.receive_and_hide(0).await
    }

    async fn receive_and_hide(&self, seconds: i32) -> Result<Vec<Message>, CallError> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(seconds)
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(output
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter_map(|m| {
                Some(Message { id: m.message_id.unwrap_or_default(), body: m.body?, receipt: m.receipt_handle? })
            })
            .collect())
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
