//! `provisioner redrive` with an emulator's queue. `e2e` tests that redriven events are processed.

use serde_json::{Value, json};

use crate::deploy::{Site, TEN_BYTES};
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

#[test]
fn events_of_objects_that_are_gone_are_deleted_and_others_are_sent_again() {
    let site = Site::new();
    site.deployed();
    let bucket = Site::bucket();
    let event = |key: &str, version: Option<&str>| {
        let object = json!({"key": key, "versionId": version});
        json!({"requestPayload": {"Records": [{"s3": {"bucket": {"name": bucket}, "object": object}}]}}).to_string()
    };
    {
        let mut state = site.fake.state();
        state.s3.put(&bucket, "a b.txt", TEN_BYTES);
        state.s3.put(&bucket, "denied.txt", TEN_BYTES);
        for body in [event("a+b.txt", None), event("gone.txt", None), event("denied.txt", None)] {
            state.sqs.send("shop-failed-events", &body);
        }
    }
    site.fake.inject(fake_aws::Rule::on("s3:HeadObject", fake_aws::Fault::error(403, "AccessDenied", "no")).after(2));
    let ran = site.run(&["redrive", "--yes"]);
    ran.ended(0).says("2 failed events sent").says("1 deleted, as their objects no longer exist");
    assert_eq!(site.fake.count("lambda:Invoke"), 2);
    assert_eq!(site.fake.count("sqs:DeleteMessage"), 3);

    // Without --yes and without a terminal nothing is deleted.
    site.fake.state().sqs.send("shop-failed-events", &event("gone.txt", None));
    let deleted = site.fake.count("sqs:DeleteMessage");
    assert_ne!(site.run(&["redrive"]).code, Some(0));
    assert_eq!(site.fake.count("sqs:DeleteMessage"), deleted);
}
