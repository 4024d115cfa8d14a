//! Reads that see changes late.

use std::time::Duration;

use fake_aws::{Fake, Visible};
use serde_json::{Value, json};

use crate::client::{Call, json as call, query, s3};

fn status(fake: &Fake, line: &str) -> u16 {
    s3(fake, line).status
}

#[test]
fn a_created_or_deleted_bucket_is_visible_after_some_reads() {
    let fake = Fake::start();
    fake.lag("s3:HeadBucket", Visible::AfterReads(2));
    assert_eq!(status(&fake, "PUT /b"), 200);
    assert_eq!([(); 4].map(|()| status(&fake, "HEAD /b")), [404, 404, 200, 200]);
    // Only the matching reads are delayed, and no writes.
    assert_eq!(status(&fake, "GET /b"), 200);
    assert_eq!(status(&fake, "DELETE /b"), 204);
    assert_eq!([(); 3].map(|()| status(&fake, "HEAD /b")), [200, 200, 404]);
    assert_eq!(status(&fake, "DELETE /b"), 404);
}

#[test]
fn a_changed_item_is_visible_after_some_time() {
    let fake = Fake::start();
    fake.state().dynamodb.create_table("t", "id");
    fake.lag("dynamodb:*", Visible::AfterTime(Duration::from_secs(10)));
    let put = |n: &str| {
        let item = json!({"id": {"S": "a"}, "n": {"N": n}});
        assert_eq!(call(&fake, "dynamodb", "PutItem", &json!({"TableName": "t", "Item": item})).status, 200);
    };
    let seen = || -> Value {
        let key = json!({"TableName": "t", "Key": {"id": {"S": "a"}}});
        call(&fake, "dynamodb", "GetItem", &key).json()["Item"]["n"]["N"].clone()
    };
    put("1");
    assert_eq!(seen(), Value::Null);
    fake.advance(Duration::from_secs(9));
    put("2");
    assert_eq!(seen(), Value::Null);
    fake.advance(Duration::from_secs(1));
    assert_eq!(seen(), "1", "each change has its own time");
    fake.advance(Duration::from_secs(9));
    assert_eq!(seen(), "2");
}

#[test]
fn a_deleted_queue_is_found_for_a_while() {
    let fake = Fake::start();
    fake.state().sqs.send("q", "body");
    fake.lag("sqs:Get*", Visible::AfterTime(Duration::from_mins(1)));
    let found = || call(&fake, "sqs", "GetQueueUrl", &json!({"QueueName": "q"})).status;
    assert_eq!(found(), 200, "changes by the test are visible at once");
    assert_eq!(call(&fake, "sqs", "DeleteQueue", &json!({"QueueUrl": "https://sqs/1/q"})).status, 200);
    assert_eq!(found(), 200);
    assert_eq!(
        call(&fake, "sqs", "SendMessage", &json!({"QueueUrl": "https://sqs/1/q", "MessageBody": "b"})).status,
        400
    );
    fake.advance(Duration::from_mins(1));
    assert_eq!(found(), 400);
}

#[test]
fn an_operation_proceeds_during_stale_reads() {
    let fake = Fake::start();
    fake.state().cloudformation.put("s", "CREATE_COMPLETE", json!({"Resources": {}}));
    fake.lag("cloudformation:DescribeStacks", Visible::AfterReads(3));
    query(&fake, "cloudformation", "DeleteStack", &[("StackName", "s")]);
    let arn = fake.state().cloudformation.stacks[0].arn.clone();
    query(&fake, "cloudformation", "DescribeStackEvents", &[("StackName", &arn)]);
    assert_eq!(fake.state().cloudformation.stacks[0].status, "DELETE_COMPLETE");
    let seen = || query(&fake, "cloudformation", "DescribeStacks", &[("StackName", &arn)]).element("StackStatus");
    let expected = ["CREATE_COMPLETE", "CREATE_COMPLETE", "CREATE_COMPLETE", "DELETE_COMPLETE"];
    assert_eq!([(); 4].map(|()| seen()), expected);
}

#[test]
fn a_conditional_write_uses_the_current_state() {
    let fake = Fake::start();
    fake.state().s3.create_bucket("b");
    fake.lag("s3:*", Visible::AfterReads(9));
    let put = || Call::new(&fake, "s3", "PUT /b/k").with("if-none-match", "*").body("x").send().status;
    assert_eq!((put(), status(&fake, "GET /b/k"), put()), (200, 404, 412));
}
