//! A running pipeline: the story of a good, a failed and a retried file, and the erasure of a file.

use serde_json::{Value, json};

use crate::rig::{Rig, root, wait_until};

const BUCKET: &str = "local-uploads-000000000000-us-east-1-an";

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

/// Denies the handler's role to read objects, or ends that.
fn outage(rig: &Rig, role: &str, on: bool) {
    let deny = json!({ "Effect": "Deny", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [deny] }).to_string();
    rig.ask(async |sdk| {
        let iam = aws_sdk_iam::Client::new(&sdk);
        if on {
            let put = iam.put_role_policy().role_name(role).policy_name("outage").policy_document(document);
            put.send().await.expect("the policy is added");
        } else {
            let delete = iam.delete_role_policy().role_name(role).policy_name("outage");
            delete.send().await.expect("the policy is deleted");
        }
    });
}

/// The failed events, once there are this many.
fn queued(rig: &Rig, number: usize) -> Vec<Value> {
    let list = || rig.run(&["redrive", "--list", "--json"]).expect(0).json()["events"].as_array().unwrap().clone();
    wait_until("the events are in the queue", || list().len() == number);
    list()
}

#[test]
fn every_command_of_the_guide_works_in_its_order() {
    let guide = std::fs::read_to_string(root().join("docs/guides/something-went-wrong.md")).expect("the guide");
    let commands: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("$ provisioner ")).collect();
    assert!(commands.len() > 10, "{commands:?}");

    let rig = Rig::up(&[("bucket.versioning", "true"), ("table.pointInTimeRecovery", "true")]);
    let put = |name: &str, content: &str, arguments: &[&str], code| {
        let file = rig.file(name, content);
        rig.run(&[&["put", &file, "--prefix", "in/"], arguments].concat()).expect(code);
    };
    put("invoice.pdf", "%PDF-1.4\n", &["--wait"], 8);
    put("empty.txt", "", &["--wait"], 8);
    let role = role(&rig);
    outage(&rig, &role, true);
    put("notes.txt", "one two three", &[], 0);
    put("gone.txt", "one", &[], 0);
    queued(&rig, 2);
    let notes = trace(&rig, "notes.txt");
    let request = notes["steps"].as_array().unwrap().iter().find_map(|step| step["requestId"].as_str()).unwrap();

    for command in commands {
        if command == "redrive --dry-run" {
            outage(&rig, &role, false);
            let gone = trace(&rig, "gone.txt")["steps"][0]["versionId"].clone();
            rig.ask(async |sdk| {
                let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
                let delete = aws_sdk_s3::Client::from_conf(s3).delete_object().bucket(BUCKET).key("in/gone.txt");
                delete.set_version_id(gone.as_str().map(Into::into)).send().await.expect("it is deleted");
            });
        }
        let mut words: Vec<&str> = command.split(' ').collect();
        if let Some(at) = words.iter().position(|word| *word == "--request") {
            words[at + 1] = &request[..8];
        }
        let ran = rig.run(&words).expect(0);
        assert!(!ran.out.trim().is_empty() || !ran.err.trim().is_empty(), "{command} prints nothing");
    }
    assert_eq!(queued(&rig, 0), Vec::<Value>::new());
    let keys: Vec<Value> = rig.records().iter().map(|record| record["objectKey"].clone()).collect();
    assert_eq!(keys, [json!("in/notes.txt"), json!("in/empty.txt")]);
}

#[test]
fn a_good_a_failed_and_a_retried_file_are_traced_and_a_file_is_forgotten() {
    let rig = Rig::up(&[("bucket.versioning", "true"), ("table.keepRecords", "90d")]);

    let good = rig.file("good.txt", "one two three");
    rig.run(&["put", &good, "--prefix", "in/", "--wait"]).expect(0);
    let traced = trace(&rig, "good.txt");
    assert_eq!(steps(&traced), ["put", "event", "invocation stored", "record"], "{traced:#}");
    assert_eq!(traced["conclusion"]["state"], "recorded");
    let invocation = &traced["steps"][2];
    assert_eq!(invocation["lines"][0]["message"], "File good.txt processed with status SUCCESS, words=3", "{traced:#}");
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
    let traced = trace(&rig, "bad.txt");
    assert_eq!(steps(&traced), ["put", "event", "invocation rejected", "record"], "{traced:#}");
    assert_eq!(traced["conclusion"]["state"], "rejected");
    let lines = rig.run(&["logs", "--json", "--errors"]).expect(0).out;
    assert!(lines.contains("bad.txt") && !lines.contains("good.txt"), "{lines}");

    // The role may not read objects for a while: every attempt fails, and the event waits in the queue.
    let role = role(&rig);
    outage(&rig, &role, true);
    let retried = rig.file("retried.txt", "one two three");
    rig.run(&["put", &retried]).expect(0);
    let event = queued(&rig, 1).remove(0);
    assert_eq!((&event["keys"], &event["code"]), (&json!(["retried.txt"]), &json!("AccessDenied")), "{event:#}");
    let traced = trace(&rig, "retried.txt");
    assert_eq!(traced["conclusion"]["state"], "queued", "{traced:#}");
    assert_eq!(steps(&traced).iter().filter(|step| *step == "invocation retry").count(), 3, "{traced:#}");
    assert_eq!(steps(&traced).last().unwrap(), "queued");
    // Sent again too early, it stays in the queue.
    rig.run(&["redrive", "--yes"]).expect(1);
    assert_eq!(queued(&rig, 1).len(), 1);

    outage(&rig, &role, false);
    let redriven = rig.run(&["redrive", "--yes", "--json"]).expect(0).out;
    assert!(redriven.contains(r#""outcome":"stored""#) && redriven.contains(r#""sent":1"#), "{redriven}");
    let traced = trace(&rig, "retried.txt");
    assert_eq!(traced["conclusion"]["state"], "recorded", "{traced:#}");
    let last = traced["steps"].as_array().unwrap().iter().rfind(|step| step["step"] == "invocation").unwrap();
    assert_eq!((&last["origin"], &last["outcome"]), (&json!("redrive"), &json!("stored")), "{traced:#}");
    assert_eq!(queued(&rig, 0), Vec::<Value>::new());

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
