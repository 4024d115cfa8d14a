//! A running pipeline: the story of a good, a failed and a retried file, and the erasure of a file.

use serde_json::{Value, json};

use crate::rig::{Rig, wait_until};

const BUCKET: &str = "local-uploads-000000000000-us-east-1";

fn trace(rig: &Rig, name: &str) -> Value {
    rig.run(&["trace", name, "--json"]).expect(0).json()
}

/// The names of the steps, with the outcomes of invocations.
fn steps(trace: &Value) -> Vec<String> {
    let name = |step: &Value| {
        let outcome = step["outcome"].as_str().map(|outcome| format!(" {outcome}")).unwrap_or_default();
        format!("{}{outcome}", step["step"].as_str().unwrap())
    };
    trace["steps"].as_array().unwrap().iter().map(name).collect()
}

/// The name of the handler's role.
fn role(rig: &Rig) -> String {
    let status = rig.run(&["status", "--json"]).expect(0).json();
    let resources = status["resources"].as_array().unwrap();
    let role = resources.iter().find(|resource| resource["type"] == "AWS::IAM::Role").expect("a role");
    role["physicalId"].as_str().unwrap().to_owned()
}

#[test]
fn a_good_a_failed_and_a_retried_file_are_traced_and_a_file_is_forgotten() {
    let rig = Rig::up(&[("bucket.versioning", "true"), ("table.keepRecords", "90d")]);

    let good = rig.file("good.txt", "one two three");
    rig.run(&["put", &good, "--prefix", "in/", "--wait"]).expect(0);
    let told = trace(&rig, "good.txt");
    assert_eq!(steps(&told), ["put", "event", "invocation stored", "record"], "{told:#}");
    assert_eq!(told["conclusion"]["state"], "recorded");
    let invocation = &told["steps"][2];
    assert!(invocation["lines"].as_array().unwrap().len() >= 2, "the handler's line and Lambda's: {told:#}");
    // The record's expiry is 90 days after it was written.
    let shown = rig.run(&["show", "in/good.txt", "--json"]).expect(0).json();
    let written = handler_contract::Timestamp::parse(shown["record"]["processedAt"].as_str().unwrap()).unwrap();
    assert_eq!(shown["record"]["expiresAt"].as_i64().unwrap(), written.unix_millis() / 1_000 + 90 * 86_400);
    assert_eq!(shown["object"], "current");
    // `logs` finds its lines by name and by invocation.
    let request = invocation["requestId"].as_str().unwrap();
    for filter in [["--file", "good.txt"], ["--request", &request[..8]]] {
        let lines = rig.run(&["logs", "--json", filter[0], filter[1]]).expect(0).out;
        assert!(lines.contains("File good.txt processed with status SUCCESS"), "{filter:?}: {lines}");
    }

    let bad = rig.file("bad.txt", "");
    rig.run(&["put", &bad, "--wait"]).expect(8);
    let told = trace(&rig, "bad.txt");
    assert_eq!(steps(&told), ["put", "event", "invocation rejected", "record"], "{told:#}");
    assert_eq!(told["conclusion"]["state"], "rejected");
    let lines = rig.run(&["logs", "--json", "--errors"]).expect(0).out;
    assert!(lines.contains("bad.txt") && !lines.contains("good.txt"), "{lines}");

    // The role may not read objects for a while: every attempt fails, and the event waits in the queue.
    let role = role(&rig);
    let deny = json!({ "Effect": "Deny", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [deny] }).to_string();
    rig.ask(async |sdk| {
        let put = aws_sdk_iam::Client::new(&sdk).put_role_policy().role_name(&role).policy_name("outage");
        put.policy_document(document).send().await.expect("the policy is added");
    });
    let retried = rig.file("retried.txt", "one two three");
    rig.run(&["put", &retried]).expect(0);
    let list = || rig.run(&["redrive", "--list", "--json"]).expect(0).json();
    wait_until("the event is in the queue", || list()["events"].as_array().is_some_and(|events| !events.is_empty()));
    let event = list()["events"][0].clone();
    assert_eq!((&event["keys"], &event["code"]), (&json!(["retried.txt"]), &json!("AccessDenied")), "{event:#}");
    let told = trace(&rig, "retried.txt");
    assert_eq!(told["conclusion"]["state"], "queued", "{told:#}");
    assert_eq!(steps(&told).iter().filter(|step| *step == "invocation retry").count(), 3, "{told:#}");
    assert_eq!(steps(&told).last().unwrap(), "queued");
    // Sent again too early, it stays in the queue.
    rig.run(&["redrive", "--yes"]).expect(1);
    assert_eq!(list()["events"].as_array().map(Vec::len), Some(1));

    rig.ask(async |sdk| {
        let delete = aws_sdk_iam::Client::new(&sdk).delete_role_policy().role_name(&role).policy_name("outage");
        delete.send().await.expect("the policy is deleted");
    });
    let redriven = rig.run(&["redrive", "--yes", "--json"]).expect(0).out;
    assert!(redriven.contains(r#""outcome":"stored""#) && redriven.contains(r#""sent":1"#), "{redriven}");
    let told = trace(&rig, "retried.txt");
    assert_eq!(told["conclusion"]["state"], "recorded", "{told:#}");
    let last = told["steps"].as_array().unwrap().iter().rfind(|step| step["step"] == "invocation").unwrap();
    assert_eq!((&last["origin"], &last["outcome"]), (&json!("redrive"), &json!("stored")), "{told:#}");
    assert_eq!(list()["events"], json!([]));

    // Two versions and a delete marker, with their records.
    rig.run(&["put", &good, "--prefix", "in/", "--wait"]).expect(0);
    rig.ask(async |sdk| {
        let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        let delete = aws_sdk_s3::Client::from_conf(s3).delete_object().bucket(BUCKET).key("in/good.txt");
        delete.send().await.expect("a delete marker");
    });
    assert_eq!(steps(&trace(&rig, "in/good.txt")).last().unwrap(), "deleted");
    rig.run(&["forget", "in/good.txt"]).expect(5);
    let forgotten = rig.run(&["forget", "in/good.txt", "--yes", "--json"]).expect(0).json();
    let counts = ["versions", "deleteMarkers", "records"].map(|name| forgotten[name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(2)], "{forgotten:#}");
    assert!(rig.records().iter().all(|record| record["objectKey"] != "in/good.txt"));
    rig.run(&["show", "in/good.txt"]).expect(1);
}
