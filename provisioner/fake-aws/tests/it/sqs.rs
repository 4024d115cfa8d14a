//! SQS: messages that are hidden for a while.

use std::time::Duration;

use fake_aws::Fake;
use fake_aws::sqs::Sqs;
use serde_json::{Value, json};

use crate::client::json as call_json;

/// Calls an action of the queue, and returns status and response.
fn call(fake: &Fake, action: &str, mut body: Value) -> (u16, Value) {
    body["QueueUrl"] = json!(Sqs::url("q"));
    let answer = call_json(fake, "sqs", action, &body);
    (answer.status, answer.json())
}

fn received(fake: &Fake, body: Value) -> Vec<Value> {
    call(fake, "ReceiveMessage", body).1["Messages"].as_array().unwrap().clone()
}

/// Messages that are visible, hidden and delayed.
fn counts(fake: &Fake) -> [String; 3] {
    let attributes = call(fake, "GetQueueAttributes", json!({"AttributeNames": ["All"]})).1["Attributes"].clone();
    ["", "NotVisible", "Delayed"]
        .map(|what| attributes[format!("ApproximateNumberOfMessages{what}")].as_str().unwrap().to_owned())
}

fn fake(messages: usize) -> Fake {
    let fake = Fake::start();
    let created = call_json(&fake, "sqs", "CreateQueue", &json!({"QueueName": "q"}));
    assert_eq!(created.json()["QueueUrl"], Sqs::url("q"));
    for n in 0..messages {
        fake.state().sqs.send("q", &format!("body {n}"));
    }
    fake
}

#[test]
fn a_message_is_hidden_for_its_visibility_timeout() {
    let fake = fake(1);
    let first = received(&fake, json!({}));
    assert_eq!((first.len(), &first[0]["Body"]), (1, &json!("body 0")));
    assert!(received(&fake, json!({})).is_empty());
    assert_eq!(counts(&fake), ["0", "1", "0"]);
    fake.advance(Duration::from_secs(29));
    assert!(received(&fake, json!({})).is_empty());
    fake.advance(Duration::from_secs(1));
    let second = received(&fake, json!({"VisibilityTimeout": 5}));
    assert_eq!(second[0]["Attributes"]["ApproximateReceiveCount"], "2");
    // The first receipt is no longer valid, and deletes nothing.
    assert_eq!(call(&fake, "DeleteMessage", json!({"ReceiptHandle": first[0]["ReceiptHandle"]})).0, 200);
    fake.advance(Duration::from_secs(5));
    let third = received(&fake, json!({"VisibilityTimeout": 0}));
    assert_eq!(counts(&fake), ["1", "0", "0"]);
    assert_eq!(call(&fake, "DeleteMessage", json!({"ReceiptHandle": third[0]["ReceiptHandle"]})).0, 200);
    assert_eq!(counts(&fake), ["0", "0", "0"]);
    assert_eq!(
        call(&fake, "DeleteMessage", json!({"ReceiptHandle": "nonsense"})).1["__type"],
        "ReceiptHandleIsInvalid"
    );
}

#[test]
fn a_queue_has_its_visibility_timeout_and_a_receiver_changes_it() {
    let fake = fake(1);
    call(&fake, "SetQueueAttributes", json!({"Attributes": {"VisibilityTimeout": "100"}}));
    let receipt = received(&fake, json!({}))[0]["ReceiptHandle"].clone();
    fake.advance(Duration::from_secs(99));
    let change = json!({"ReceiptHandle": receipt, "VisibilityTimeout": 50});
    assert_eq!(call(&fake, "ChangeMessageVisibility", change.clone()).0, 200);
    fake.advance(Duration::from_secs(49));
    assert!(received(&fake, json!({})).is_empty());
    fake.advance(Duration::from_secs(1));
    assert_eq!(call(&fake, "ChangeMessageVisibility", change).1["__type"], "MessageNotInflight");
    assert_eq!(received(&fake, json!({})).len(), 1);
}

#[test]
fn at_most_ten_are_received_and_batches_answer_one_by_one() {
    let fake = fake(12);
    let ten = received(&fake, json!({"MaxNumberOfMessages": 10}));
    assert_eq!((ten.len(), received(&fake, json!({"MaxNumberOfMessages": 10})).len()), (10, 2));
    let entries =
        json!([{"Id": "0", "ReceiptHandle": ten[0]["ReceiptHandle"]}, {"Id": "1", "ReceiptHandle": "nonsense"}]);
    let (_, deleted) = call(&fake, "DeleteMessageBatch", json!({"Entries": entries}));
    assert_eq!((&deleted["Successful"][0]["Id"], &deleted["Failed"][0]["Id"]), (&json!("0"), &json!("1")));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    let entries = json!([{"Id": "1", "ReceiptHandle": ten[1]["ReceiptHandle"], "VisibilityTimeout": 0}]);
    call(&fake, "ChangeMessageVisibilityBatch", json!({"Entries": entries}));
    assert_eq!(counts(&fake), ["1", "10", "0"]);
    call(&fake, "PurgeQueue", json!({}));
    let entries = json!([{"Id": "a", "MessageBody": "now"}, {"Id": "b", "MessageBody": "later", "DelaySeconds": 3}]);
    assert_eq!(call(&fake, "SendMessageBatch", json!({"Entries": entries})).1["Successful"][1]["Id"], "b");
    assert_eq!(counts(&fake), ["1", "0", "1"]);
    call(&fake, "SendMessage", json!({"MessageBody": "too"}));
    assert_eq!(counts(&fake), ["2", "0", "1"]);
    fake.advance(Duration::from_secs(3));
    assert_eq!(counts(&fake), ["3", "0", "0"]);
}

#[test]
fn a_missing_queue() {
    let fake = fake(0);
    assert_eq!(call_json(&fake, "sqs", "ListQueues", &json!({})).json()["QueueUrls"], json!([Sqs::url("q")]));
    assert_eq!(call(&fake, "DeleteQueue", json!({})).0, 200);
    for action in ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "SendMessage", "DeleteQueue"] {
        let (status, answer) = call(&fake, action, json!({}));
        assert_eq!((status, &answer["__type"]), (400, &json!("AWS.SimpleQueueService.NonExistentQueue")), "{action}");
    }
}
