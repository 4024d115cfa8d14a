//! `DynamoDB`: items on conditions, searches page by page, batches and tables.

use std::collections::BTreeSet;

use fake_aws::Fake;
use serde_json::{Value, json};

use crate::client::{Answer, json as call_json};

fn call(fake: &Fake, action: &str, mut body: Value) -> Answer {
    body["TableName"] = json!("t");
    call_json(fake, "dynamodb", action, &body)
}

fn item(id: &str, group: &str, at: u32) -> Value {
    json!({"id": {"S": id}, "group": {"S": group}, "at": {"N": at.to_string()}, "rest": {"S": "r"}})
}

/// A table with an index of groups by `at`, which holds keys only.
fn fake() -> Fake {
    let fake = Fake::start();
    let definition = json!({
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-group",
            "KeySchema": [{"AttributeName": "at", "KeyType": "RANGE"}, {"AttributeName": "group", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
    });
    assert_eq!(call(&fake, "CreateTable", definition.clone()).status, 200);
    assert_eq!(call(&fake, "CreateTable", definition).status, 400);
    fake
}

#[test]
fn items_are_written_on_conditions() {
    let fake = fake();
    let put = |more: Value| {
        let mut body = json!({"Item": item("a", "g", 1)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&fake, "PutItem", body)
    };
    let once = json!({"ConditionExpression": "attribute_not_exists(id)"});
    assert_eq!(put(once.clone()).status, 200);
    let refused = put(once);
    assert_eq!(refused.status, 400);
    assert!(refused.json()["__type"].as_str().unwrap().ends_with("#ConditionalCheckFailedException"));
    assert_eq!(refused.json()["Item"], Value::Null);
    let refused = put(json!({
        "ConditionExpression": "#g = :other", "ExpressionAttributeNames": {"#g": "group"},
        "ExpressionAttributeValues": {":other": {"S": "h"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }));
    assert_eq!(refused.json()["Item"], item("a", "g", 1));
    assert_eq!(put(json!({"ReturnValues": "ALL_OLD"})).json()["Attributes"], item("a", "g", 1));
    let wrong = put(json!({"ConditionExpression": "id ="}));
    assert!(wrong.json()["__type"].as_str().unwrap().ends_with("#ValidationException"));
    let keyless = call(&fake, "PutItem", json!({"Item": {"group": {"S": "g"}}}));
    assert!(keyless.json()["message"].as_str().unwrap().contains("Missing the key id"));

    let key = json!({"Key": {"id": {"S": "a"}}});
    assert_eq!(call(&fake, "GetItem", key.clone()).json()["Item"], item("a", "g", 1));
    let mut kept = key.clone();
    kept["ConditionExpression"] = json!("attribute_not_exists(id)");
    assert_eq!(call(&fake, "DeleteItem", kept).status, 400);
    assert_eq!(call(&fake, "DeleteItem", key.clone()).status, 200);
    assert_eq!(call(&fake, "GetItem", key).json(), json!({}));
}

/// The items of each page.
fn pages(fake: &Fake, action: &str, body: &Value) -> Vec<Vec<Value>> {
    let (mut pages, mut start) = (Vec::new(), Value::Null);
    loop {
        let mut body = body.clone();
        if !start.is_null() {
            body["ExclusiveStartKey"] = start;
        }
        let page = call(fake, action, body).json();
        pages.push(page["Items"].as_array().unwrap().clone());
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            return pages;
        }
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"]["S"].as_str().unwrap()).collect()
}

#[test]
fn an_index_is_queried_page_by_page_in_both_directions() {
    let fake = fake();
    for (id, group, at) in [("a", "g", 9), ("b", "g", 10), ("c", "h", 1), ("d", "g", 11), ("e", "g", 10)] {
        fake.state().dynamodb.put("t", item(id, group, at));
    }
    // An item without a key attribute of the index is not in it.
    fake.state().dynamodb.put("t", json!({"id": {"S": "f"}, "group": {"S": "g"}}));
    let query = |more: Value| {
        let mut body = json!({
            "IndexName": "by-group", "KeyConditionExpression": "#g = :g AND #at >= :low",
            "ExpressionAttributeNames": {"#g": "group", "#at": "at"},
            "ExpressionAttributeValues": {":g": {"S": "g"}, ":low": {"N": "9"}},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pages(&fake, "Query", &body)
    };
    let whole = query(json!({}));
    assert_eq!(ids(&whole[0]), ["a", "b", "e", "d"], "by number, not by text");
    assert_eq!(whole[0][0], json!({"id": {"S": "a"}, "group": {"S": "g"}, "at": {"N": "9"}}), "keys only");
    let descending = query(json!({"ScanIndexForward": false, "Limit": 2}));
    let descending: Vec<_> = descending.iter().map(|page| ids(page)).collect();
    // A page that ends exactly at its limit is followed by an empty one.
    assert_eq!(descending, [vec!["d", "e"], vec!["b", "a"], vec![]]);
    let missing = call(&fake, "Query", json!({"IndexName": "by-nothing"}));
    assert!(missing.json()["message"].as_str().unwrap().contains("by-nothing"));
}

#[test]
fn a_scan_has_pages_segments_and_filters() {
    let fake = fake();
    for n in 0..50 {
        fake.state().dynamodb.put("t", item(&format!("{n:02}"), "g", n));
    }
    let make = |n| item(&format!("s{n:06}"), "g", 0);
    let locate = |key: &Value| key["id"]["S"].as_str()?.strip_prefix('s')?.parse().ok();
    fake.state().dynamodb.create_table("t", "id").synthesize(1_000, make, locate);
    fake.state().dynamodb.page_bytes = 10_000;
    for total in [1_u64, 3, 7] {
        let (mut seen, mut count) = (BTreeSet::new(), 0);
        for segment in 0..total {
            let pages = pages(&fake, "Scan", &json!({"Segment": segment, "TotalSegments": total}));
            assert!(pages.len() > 1, "{total}: one page");
            for item in pages.concat() {
                count += 1;
                seen.insert(item["id"]["S"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!((seen.len(), count), (1_050, 1_050), "{total}");
    }
    let limited = pages(&fake, "Scan", &json!({"Limit": 400}));
    assert!(limited.len() > 3, "the page's size counts, too");
    let filter = json!({
        "FilterExpression": "#at > :at", "ExpressionAttributeNames": {"#at": "at"},
        "ExpressionAttributeValues": {":at": {"N": "47"}}, "ProjectionExpression": "id",
    });
    assert_eq!(pages(&fake, "Scan", &filter).concat(), [json!({"id": {"S": "48"}}), json!({"id": {"S": "49"}})]);
    fake.state().dynamodb.page_bytes = 0;
    let count = call(&fake, "Scan", json!({"Select": "COUNT"})).json();
    assert_eq!(count, json!({"Count": 1_050, "ScannedCount": 1_050}));
    assert_eq!(call(&fake, "Scan", json!({"Segment": 2, "TotalSegments": 2})).status, 400);
}

#[test]
fn synthetic_items_are_found_replaced_and_deleted() {
    let fake = fake();
    let make = |n: u64| item(&format!("s{n:06}"), "g", 7);
    let locate = |key: &Value| key["id"]["S"].as_str()?.strip_prefix('s')?.parse().ok();
    fake.state().dynamodb.create_table("t", "id").synthesize(100_000, make, locate);
    let get = |id: &str| call(&fake, "GetItem", json!({"Key": {"id": {"S": id}}})).json()["Item"]["at"]["N"].clone();
    assert_eq!((get("s099999"), get("s100000"), get("x")), (json!("7"), Value::Null, Value::Null));
    let once = json!({"Item": item("s000001", "g", 8), "ConditionExpression": "attribute_not_exists(id)"});
    assert_eq!(call(&fake, "PutItem", once).status, 400);
    call(&fake, "PutItem", json!({"Item": item("s000001", "g", 8)}));
    call(&fake, "DeleteItem", json!({"Key": {"id": {"S": "s000002"}}}));
    assert_eq!((get("s000001"), get("s000002")), (json!("8"), Value::Null));
    assert_eq!(call(&fake, "DescribeTable", json!({})).json()["Table"]["ItemCount"], 99_999);
    let first = call(&fake, "Scan", json!({"Limit": 4})).json();
    assert_eq!(ids(first["Items"].as_array().unwrap()), ["s000001", "s000000", "s000003", "s000004"]);
    let query = json!({
        "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "s000005"}}, "Limit": 1,
    });
    assert_eq!(ids(call(&fake, "Query", query).json()["Items"].as_array().unwrap()), ["s000005"]);
}

#[test]
fn batches_may_have_unprocessed_entries() {
    let fake = fake();
    fake.state().dynamodb.unprocessed = 1;
    let put = |id: &str| json!({"PutRequest": {"Item": item(id, "g", 1)}});
    let written = call(&fake, "BatchWriteItem", json!({"RequestItems": {"t": [put("a"), put("b"), put("c")]}}));
    assert_eq!(written.json()["UnprocessedItems"]["t"], json!([put("a")]));
    fake.state().dynamodb.unprocessed = 1;
    let key = |id: &str| json!({"id": {"S": id}});
    let read = call(&fake, "BatchGetItem", json!({"RequestItems": {"t": {"Keys": [key("b"), key("c"), key("a")]}}}));
    assert_eq!(read.json()["UnprocessedKeys"]["t"]["Keys"], json!([key("b")]));
    assert_eq!(ids(read.json()["Responses"]["t"].as_array().unwrap()), ["c"]);
    let delete = json!({"RequestItems": {"t": [{"DeleteRequest": {"Key": key("b")}}]}});
    assert_eq!(call(&fake, "BatchWriteItem", delete).json()["UnprocessedItems"], json!({}));
    assert_eq!(fake.state().dynamodb.items("t").len(), 1);
    let many: Vec<Value> = (0..101).map(|n| key(&n.to_string())).collect();
    assert_eq!(call(&fake, "BatchGetItem", json!({"RequestItems": {"t": {"Keys": many}}})).status, 400);
    let many: Vec<Value> = (0..26).map(|n| put(&n.to_string())).collect();
    assert_eq!(call(&fake, "BatchWriteItem", json!({"RequestItems": {"t": many}})).status, 400);
    assert_eq!(call(&fake, "BatchGetItem", json!({"RequestItems": {"other": {"Keys": [key("a")]}}})).status, 400);
}

#[test]
fn tables_are_described_changed_and_deleted() {
    let fake = fake();
    let described = || call(&fake, "DescribeTable", json!({})).json()["Table"].clone();
    assert_eq!((&described()["TableStatus"], &described()["ItemCount"]), (&json!("ACTIVE"), &json!(0)));
    fake.state().dynamodb.create_table("t", "id").status = "HIBERNATING".into();
    assert_eq!(described()["TableStatus"], "HIBERNATING");
    call(&fake, "UpdateTable", json!({"DeletionProtectionEnabled": true, "BillingMode": "PAY_PER_REQUEST"}));
    assert_eq!(described()["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(call(&fake, "DeleteTable", json!({})).status, 400);
    call(&fake, "UpdateTable", json!({"DeletionProtectionEnabled": false}));
    let status = || call(&fake, "DescribeTimeToLive", json!({})).json()["TimeToLiveDescription"].clone();
    assert_eq!(status()["TimeToLiveStatus"], "DISABLED");
    let enable = json!({"TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true}});
    assert_eq!(call(&fake, "UpdateTimeToLive", enable).status, 200);
    assert_eq!(status(), json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}));
    assert_eq!(call_json(&fake, "dynamodb", "ListTables", &json!({})).json()["TableNames"], json!(["t"]));
    assert_eq!(call(&fake, "DeleteTable", json!({})).status, 200);
    assert!(call(&fake, "DescribeTable", json!({})).json()["__type"].as_str().unwrap().contains("ResourceNotFound"));
}
