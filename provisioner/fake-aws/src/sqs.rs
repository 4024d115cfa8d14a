//! SQS: standard queues. Visibility timeouts use the logical clock; `ReceiveMessage` does not wait.
//!
//! API: "Amazon SQS API Reference".

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Response;
use crate::state::Now;
use crate::{ACCOUNT, REGION, xml};

/// The default visibility timeout in seconds (API, `CreateQueue`).
const VISIBILITY_TIMEOUT: u64 = 30;

/// All queues.
#[derive(Debug, Clone, Default)]
pub struct Sqs {
    /// The queues by name.
    pub queues: BTreeMap<String, Queue>,
    serial: u64,
}

/// A queue.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Its attributes as they were set, such as `VisibilityTimeout`.
    pub attributes: BTreeMap<String, String>,
    /// The messages that are not deleted, oldest first.
    pub messages: Vec<Message>,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// When it was sent, by the logical clock.
    pub sent: Duration,
    /// It is hidden until this time of the logical clock.
    pub visible_at: Duration,
    /// How often it was received.
    pub received: u32,
    /// Whether its delivery delay has not passed yet; delayed messages are counted separately.
    delayed: bool,
}

impl Message {
    /// The receipt handle, which is valid until the message is received again.
    fn receipt(&self) -> String {
        format!("{}#{}", self.id, self.received)
    }
}

/// The result of a call; an error is also a response.
type Answered = Result<Value, Response>;

impl Sqs {
    /// The URL of a queue, whether it exists or not.
    pub fn url(name: &str) -> String {
        format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
    }

    /// Sends a message to a queue, which is created if it is missing. Returns the message's id.
    pub fn send(&mut self, queue: &str, body: &str) -> String {
        self.push(queue, body, Now::default(), Duration::ZERO)
    }

    fn push(&mut self, queue: &str, body: &str, now: Now, delay: Duration) -> String {
        self.serial += 1;
        let id = format!("message-{:09}", self.serial);
        self.queues.entry(queue.to_owned()).or_default().messages.push(Message {
            id: id.clone(),
            body: body.to_owned(),
            sent: now.0,
            visible_at: now.0 + delay,
            received: 0,
            delayed: !delay.is_zero(),
        });
        id
    }

    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, action: &str, body: &Value, now: Now) -> Option<Response> {
        let name = match body["QueueUrl"].as_str() {
            Some(url) => url.rsplit('/').next().unwrap_or_default(),
            None => body["QueueName"].as_str().unwrap_or_default(),
        };
        let answered = match action {
            "CreateQueue" => {
                let attributes = attributes(&body["Attributes"]);
                self.queues.entry(name.to_owned()).or_default().attributes.extend(attributes);
                Ok(json!({ "QueueUrl": Self::url(name) }))
            }
            "GetQueueUrl" => self.queue(name).map(|_| json!({ "QueueUrl": Self::url(name) })),
            "ListQueues" => {
                let prefix = body["QueueNamePrefix"].as_str().unwrap_or_default();
                let urls = self.queues.keys().filter(|name| name.starts_with(prefix)).map(|name| Self::url(name));
                Ok(json!({ "QueueUrls": urls.collect::<Vec<_>>() }))
            }
            "GetQueueAttributes" => self.queue(name).map(|queue| queue.described(name, &body["AttributeNames"], now)),
            "SetQueueAttributes" => self.queue(name).map(|queue| {
                queue.attributes.extend(attributes(&body["Attributes"]));
                json!({})
            }),
            "SendMessage" => self.queue(name).map(drop).map(|()| self.sent(name, body, now)),
            "SendMessageBatch" => {
                self.queue(name).map(drop).map(|()| batch(body, |entry| Ok(self.sent(name, entry, now))))
            }
            "ReceiveMessage" => self.queue(name).map(|queue| queue.receive(body, now)),
            "DeleteMessage" => self.queue(name).and_then(|queue| queue.delete(body)),
            "DeleteMessageBatch" => self.queue(name).map(|queue| batch(body, |entry| queue.delete(entry))),
            "ChangeMessageVisibility" => self.queue(name).and_then(|queue| queue.change_visibility(body, now)),
            "ChangeMessageVisibilityBatch" => {
                self.queue(name).map(|queue| batch(body, |entry| queue.change_visibility(entry, now)))
            }
            "PurgeQueue" => self.queue(name).map(|queue| {
                queue.messages.clear();
                json!({})
            }),
            "DeleteQueue" => self.queue(name).map(drop).map(|()| {
                self.queues.remove(name);
                json!({})
            }),
            _ => return None,
        };
        Some(answered.map_or_else(|refusal| refusal, |body| xml::json(200, &body)))
    }

    fn queue(&mut self, name: &str) -> Result<&mut Queue, Response> {
        self.queues.get_mut(name).ok_or_else(missing_queue)
    }

    fn sent(&mut self, queue: &str, body: &Value, now: Now) -> Value {
        let delay = Duration::from_secs(body["DelaySeconds"].as_u64().unwrap_or_default());
        let id = self.push(queue, body["MessageBody"].as_str().unwrap_or_default(), now, delay);
        json!({ "MessageId": id })
    }
}

/// The error for a queue that does not exist.
pub(crate) fn missing_queue() -> Response {
    xml::error("sqs", 400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

impl Queue {
    /// API, `ReceiveMessage`: the oldest that are visible, ten at most.
    fn receive(&mut self, body: &Value, now: Now) -> Value {
        let most = body["MaxNumberOfMessages"].as_u64().unwrap_or(1).min(10);
        let of_queue = || self.attributes.get("VisibilityTimeout").and_then(|seconds| seconds.parse().ok());
        let hidden = body["VisibilityTimeout"].as_u64().or_else(of_queue).unwrap_or(VISIBILITY_TIMEOUT);
        let visible = self.messages.iter_mut().filter(|message| message.visible_at <= now.0);
        let received = visible.take(usize::try_from(most).unwrap_or(usize::MAX)).map(|message| {
            message.visible_at = now.0 + Duration::from_secs(hidden);
            message.received += 1;
            message.delayed = false;
            json!({
                "MessageId": message.id,
                "ReceiptHandle": message.receipt(),
                "Body": message.body,
                "Attributes": {
                    "ApproximateReceiveCount": message.received.to_string(),
                    "SentTimestamp": Now(message.sent).unix_millis().to_string(),
                },
            })
        });
        json!({ "Messages": received.collect::<Vec<_>>() })
    }

    /// API, `DeleteMessage`: a receipt that is no longer valid deletes nothing, and succeeds.
    fn delete(&mut self, body: &Value) -> Answered {
        let receipt = receipt(body)?;
        self.messages.retain(|message| message.receipt() != receipt);
        Ok(json!({}))
    }

    fn change_visibility(&mut self, body: &Value, now: Now) -> Answered {
        let receipt = receipt(body)?;
        let seconds = Duration::from_secs(body["VisibilityTimeout"].as_u64().unwrap_or_default());
        let in_flight = |message: &&mut Message| message.receipt() == receipt && message.visible_at > now.0;
        let Some(message) = self.messages.iter_mut().find(in_flight) else {
            return Err(xml::error("sqs", 400, "MessageNotInflight", "The specified message isn't in flight."));
        };
        message.visible_at = now.0 + seconds;
        Ok(json!({}))
    }

    /// API, `GetQueueAttributes`.
    fn described(&self, name: &str, wanted: &Value, now: Now) -> Value {
        let count = |of: &dyn Fn(&Message) -> bool| self.messages.iter().filter(|m| of(m)).count().to_string();
        let mut all = self.attributes.clone();
        let hidden = |message: &Message| message.visible_at > now.0;
        all.insert("ApproximateNumberOfMessages".into(), count(&|m| !hidden(m)));
        all.insert("ApproximateNumberOfMessagesNotVisible".into(), count(&|m| hidden(m) && !m.delayed));
        all.insert("ApproximateNumberOfMessagesDelayed".into(), count(&|m| hidden(m) && m.delayed));
        all.insert("QueueArn".into(), format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"));
        all.entry("VisibilityTimeout".into()).or_insert_with(|| VISIBILITY_TIMEOUT.to_string());
        let wanted: Vec<&str> = wanted.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !wanted.contains(&"All") {
            all.retain(|name, _| wanted.contains(&name.as_str()));
        }
        json!({ "Attributes": all })
    }
}

fn attributes(values: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = values.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

fn receipt(body: &Value) -> Result<String, Response> {
    let receipt = body["ReceiptHandle"].as_str().filter(|receipt| receipt.contains('#'));
    let invalid = || xml::error("sqs", 400, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
    receipt.map(ToOwned::to_owned).ok_or_else(invalid)
}

/// Applies a call to each entry of a batch.
fn batch(body: &Value, mut one: impl FnMut(&Value) -> Answered) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in body["Entries"].as_array().into_iter().flatten() {
        match one(entry) {
            Ok(mut result) => {
                result["Id"] = entry["Id"].clone();
                successful.push(result);
            }
            Err(refusal) => {
                let error: Value = serde_json::from_slice(&refusal.body.to_vec()).unwrap_or_default();
                failed.push(json!({
                    "Id": entry["Id"], "Code": error["code"], "Message": error["message"], "SenderFault": true,
                }));
            }
        }
    }
    json!({ "Successful": successful, "Failed": failed })
}
