use super::*;
use handler_contract::origin::Origin;
use handler_contract::request;
use serde_json::json;

fn notification(key: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-22T16:33:49.120Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
            "object": {
                "key": key,
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5"
            }
        }
    }]})
}

fn expected(key: &str) -> Upload {
    Upload {
        bucket: "uploads".to_owned(),
        key: key.to_owned(),
        version_id: Some("096fKKXTRTtl3on89fVO.nfljtsv6qko".to_owned()),
        e_tag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
        sequencer: Some("0055AED6DCD90281E5".to_owned()),
        size: Some(1024),
        uploaded_at: Timestamp::parse("2026-11-22T16:33:49.120Z").unwrap(),
    }
}

fn bridge(kind: &str, key: &str) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "time": "2026-11-22T16:33:49Z",
        "resources": ["arn:aws:s3:::uploads"],
        "detail": {
            "version": "0",
            "bucket": {"name": "uploads"},
            "object": {
                "key": key,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "617f08299329d189"
            },
            "reason": "PutObject"
        }
    })
}

fn sns(event: &Value) -> Value {
    json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": event.to_string()}}]})
}

fn sns_envelope(event: &Value) -> Value {
    json!({"Type": "Notification", "MessageId": "m", "Message": event.to_string()})
}

fn destination(event: &Value) -> Value {
    json!({
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "slow down"}
    })
}

fn sqs(bodies: &[String]) -> Value {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body}))
        .collect();
    json!({ "Records": records })
}

#[test]
fn an_upload_is_found_in_every_wrapping() {
    let plain = notification("a/b.txt");
    let upload = Item::Upload(expected("a/b.txt"));
    for (name, event) in [
        ("S3", plain.clone()),
        ("SNS", sns(&plain)),
        ("destination", destination(&plain)),
        ("destination around SNS", destination(&sns(&plain))),
        ("SNS envelope by itself", sns_envelope(&plain)),
    ] {
        assert_eq!(read(&event), Ok(Event::Single(vec![upload.clone()])), "{name}");
    }
    for (name, body) in [
        ("S3", plain.clone()),
        ("SNS envelope", sns_envelope(&plain)),
        ("destination", destination(&plain)),
        ("destination around SNS", destination(&sns(&plain))),
    ] {
        let batch = vec![Message { id: "m0".to_owned(), items: Ok(vec![upload.clone()]) }];
        assert_eq!(read(&sqs(&[body.to_string()])), Ok(Event::Batch(batch)), "SQS around {name}");
    }
}

#[test]
fn event_bridge_has_plain_keys_and_other_names() {
    let expected = Upload {
        bucket: "uploads".to_owned(),
        key: "a+b%20c.txt".to_owned(),
        version_id: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
        e_tag: Some("b1946ac92492d2347c6235b4d2611184".to_owned()),
        sequencer: Some("617f08299329d189".to_owned()),
        size: Some(5),
        uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
    };
    let event = bridge("Object Created", "a+b%20c.txt");
    assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(expected.clone())])));
    assert_eq!(
        read(&sqs(&[event.to_string()])),
        Ok(Event::Batch(vec![Message { id: "m0".to_owned(), items: Ok(vec![Item::Upload(expected)]) }]))
    );
}

#[test]
fn keys_of_notifications_are_form_encoded() {
    for (encoded, decoded) in [
        ("a+b.txt", "a b.txt"),
        ("a%2Bb.txt", "a+b.txt"),
        ("%E4%BB%8A%E5%A4%A9/%c3%a4.pdf", "今天/ä.pdf"),
        ("100%25.txt", "100%.txt"),
        ("100%", "100%"),
        ("100%zz%4", "100%zz%4"),
        ("a%0Ab", "a\nb"),
        ("%2525", "%25"),
    ] {
        assert_eq!(decode_key(encoded).as_deref(), Ok(decoded), "{encoded}");
    }
    assert!(decode_key("%ff%fe.txt").is_err());
}

#[test]
fn what_is_optional_may_be_missing() {
    let mut event = notification("a.txt");
    let object = event["Records"][0]["s3"]["object"].as_object_mut().unwrap();
    for field in ["size", "eTag", "versionId", "sequencer"] {
        object.remove(field);
    }
    let bare = Upload { version_id: None, e_tag: None, sequencer: None, size: None, ..expected("a.txt") };
    assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(bare.clone())])));

    let object = &mut event["Records"][0]["s3"]["object"];
    object["eTag"] = json!("\"d41d8cd98f00b204e9800998ecf8427e\"");
    object["versionId"] = json!("");
    let tagged = Upload { e_tag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()), ..bare };
    assert_eq!(read(&event), Ok(Event::Single(vec![Item::Upload(tagged)])));
}

#[test]
fn what_leaves_no_record_is_named() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads", "RequestId": "R"});
    let tried = Item::Ignored(Ignored::TestEvent { bucket: "uploads".to_owned() });
    assert_eq!(read(&test), Ok(Event::Single(vec![tried.clone()])));
    assert_eq!(read(&sns(&test)), Ok(Event::Single(vec![tried])));

    let mut folder = notification("a/b/");
    folder["Records"][0]["s3"]["object"]["size"] = json!(0);
    let marker = Ignored::FolderMarker { bucket: "uploads".to_owned(), key: "a/b/".to_owned() };
    assert_eq!(read(&folder), Ok(Event::Single(vec![Item::Ignored(marker)])));
    // With bytes in it, it is a file with an odd name.
    assert_eq!(read(&notification("a/b/")), Ok(Event::Single(vec![Item::Upload(expected("a/b/"))])));
}

#[test]
fn what_makes_no_content_is_ignored_with_a_reason() {
    // Every event of the S3 user guide but ObjectCreated and TestEvent, and every one of EventBridge but the first.
    for (name, said) in [
        ("ObjectRemoved:Delete", "was removed"),
        ("s3:ObjectRemoved:DeleteMarkerCreated", "was removed"),
        ("LifecycleExpiration:Delete", "was removed"),
        ("s3:LifecycleExpiration:DeleteMarkerCreated", "was removed"),
        ("ObjectRestore:Post", "is being restored"),
        ("ObjectRestore:Completed", "was restored"),
        ("ObjectRestore:Delete", "went back into the archive"),
        ("ObjectTagging:Put", "other tags"),
        ("ObjectTagging:Delete", "other tags"),
        ("ObjectAnnotation:Put", "other annotations"),
        ("ObjectAnnotation:Delete", "other annotations"),
        ("ObjectAcl:Put", "other permissions"),
        ("LifecycleTransition", "storage class"),
        ("IntelligentTiering", "access tier"),
        ("Replication:OperationFailedReplication", "is replicated"),
        ("Replication:OperationNotTracked", "is replicated"),
        ("Replication:OperationMissedThreshold", "is replicated"),
        ("Replication:OperationReplicatedAfterThreshold", "is replicated"),
        ("ReducedRedundancyLostObject", "was lost"),
    ] {
        let mut event = notification("a+b.txt");
        event["Records"][0]["eventName"] = json!(name);
        expect_ignored(&event, said, name);
    }
    for (kind, said) in [
        ("Object Deleted", "was removed"),
        ("Object Restore Initiated", "is being restored"),
        ("Object Restore Completed", "was restored"),
        ("Object Restore Expired", "went back into the archive"),
        ("Object Tags Added", "other tags"),
        ("Object Tags Deleted", "other tags"),
        ("Object ACL Updated", "other permissions"),
        ("Object Storage Class Changed", "storage class"),
        ("Object Access Tier Changed", "access tier"),
    ] {
        expect_ignored(&bridge(kind, "a b.txt"), said, kind);
    }
}

fn expect_ignored(event: &Value, said: &str, name: &str) {
    let Ok(Event::Single(items)) = read(event) else { unreachable!("{name} is understood") };
    let [Item::Ignored(Ignored::NoContent { bucket, key, what })] = &items[..] else {
        unreachable!("{name} gave {items:?}")
    };
    assert_eq!((bucket.as_str(), key.as_str()), ("uploads", "a b.txt"), "{name}");
    assert!(what.contains(said), "{name}: {what}");
}

#[test]
fn what_nobody_understands_is_an_error_that_says_why() {
    let mut unknown = notification("a.txt");
    unknown["Records"][0]["eventName"] = json!("ObjectDreamed:Of");
    let mut without_key = notification("a.txt");
    without_key["Records"][0]["s3"]["object"].as_object_mut().unwrap().remove("key");
    let mut without_time = notification("a.txt");
    without_time["Records"][0].as_object_mut().unwrap().remove("eventTime");
    let mut endless = notification("a.txt");
    for _ in 0..9 {
        endless = destination(&endless);
    }
    for (event, reason) in [
        (json!({"hello": "world"}), "none of Records"),
        (json!("text"), "none of Records"),
        (json!(null), "none of Records"),
        (json!({"Records": []}), "no records"),
        (json!({"Records": [{"eventSource": "aws:kinesis"}]}), "\"aws:kinesis\""),
        (unknown, "ObjectDreamed:Of"),
        (without_key, "`key`"),
        (without_time, "`eventTime`"),
        (bridge("Object Dreamed Of", "a"), "Object Dreamed Of"),
        (json!({"detail-type": "Object Created"}), "`time`"),
        (endless, "wrapped more than 8 times"),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "hi"}}]}), "is not JSON"),
        (json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}), "messageId"),
    ] {
        let message = read(&event).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(message.contains("expected an S3 notification"), "{message}");
    }
}

#[test]
fn a_bad_message_leaves_its_batch_alone() {
    let event = sqs(&[notification("a.txt").to_string(), "not JSON".to_owned(), json!({"Records": []}).to_string()]);
    let Ok(Event::Batch(messages)) = read(&event) else { unreachable!("a batch was read") };
    let read: Vec<_> = messages.iter().map(|m| (m.id.as_str(), m.items.is_ok())).collect();
    assert_eq!(read, [("m0", true), ("m1", false), ("m2", false)]);
}

#[test]
fn an_event_of_the_provisioner_is_read_with_its_request_and_its_mark() {
    for sender in Origin::ALL {
        let mut inner = notification("a.txt");
        inner["Records"][0][request::MEMBER] = json!(Request::Missing);
        let event = json!({ "requestPayload": inner, origin::FIELD: sender.mark() });
        assert_eq!(origin(&event), Some(sender.mark()));
        let Ok(Event::Single(items)) = read(&event) else { panic!("{event} is not one event") };
        assert_eq!(items, [Item::Requested(expected("a.txt"), Request::Missing)]);
    }
}

#[test]
fn only_a_plain_mark_of_an_envelope_goes_into_the_log() {
    for (event, expected) in [
        (json!({ "requestPayload": {}, "origin": "redrive" }), Some("redrive")),
        (json!({ "requestPayload": null, "origin": "redrive" }), None),
        (json!({ "Records": [], "origin": "redrive" }), None),
        (json!({ "requestPayload": {}, "origin": "" }), None),
        (json!({ "requestPayload": {}, "origin": "a".repeat(33) }), None),
        (json!({ "requestPayload": {}, "origin": "\u{1b}[2J" }), None),
        (json!({ "requestPayload": {}, "origin": 1 }), None),
    ] {
        assert_eq!(origin(&event), expected, "{event}");
    }
}
