//! `provisioner redrive` with an emulator's queue. `e2e` tests that redriven events are processed.

use serde_json::{Value, json};

use crate::service::request;
use crate::world::World;

fn sqs(world: &World, action: &str, body: &Value) -> Value {
    let (status, answer) = request(world, "sqs", "POST /", &format!("AmazonSQS.{action}"), &body.to_string());
    assert_eq!(status, 200, "{action}: {answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

#[test]
fn events_that_another_consumer_received_are_reported() {
    let world = World::new();
    world.ok(&["local", "start"]);
    let url = sqs(&world, "CreateQueue", &json!({"QueueName": "local-failed-events"}))["QueueUrl"].clone();
    let none = world.ok(&["redrive", "-s", "local", "--yes"]);
    assert!(!none.err.contains("more"), "{none:#?}");

    sqs(&world, "SendMessage", &json!({"QueueUrl": url, "MessageBody": "{}"}));
    let received = sqs(&world, "ReceiveMessage", &json!({"QueueUrl": url, "VisibilityTimeout": 600}));
    assert_eq!(received["Messages"].as_array().map(Vec::len), Some(1), "{received}");
    let hidden = world.ok(&["redrive", "-s", "local", "--yes"]);
    assert!(hidden.err.contains("0 failed events sent") && hidden.err.contains("1 more"), "{hidden:#?}");
}
