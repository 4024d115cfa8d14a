//! Drift is reported and reverted, and a saved plan is applied only to the state that it was made for.

use serde_json::{Value, json};

use crate::rig::{Rig, Run};

const FUNCTION: &str = "local-handler";
const BUCKET: &str = "local-uploads-000000000000-us-east-1-an";
const LOG_GROUP: &str = "/provisioner/local/handler";

impl Rig {
    fn function(&self) -> (Option<i32>, Option<i32>) {
        let function = self.ask(async |sdk| {
            let call = aws_sdk_lambda::Client::new(&sdk).get_function_configuration().function_name(FUNCTION);
            call.send().await.unwrap()
        });
        (function.memory_size(), function.timeout())
    }

    fn content(&self, key: &str) -> Vec<u8> {
        self.ask(async |sdk| {
            let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
            let call = aws_sdk_s3::Client::from_conf(s3).get_object().bucket(BUCKET).key(key);
            call.send().await.unwrap().body.collect().await.unwrap().to_vec()
        })
    }

    /// Changes the function's memory and a variable, its role's permissions, the log retention, and the bucket's
    /// notifications and public access block.
    fn change_out_of_band(&self) {
        self.ask(async |sdk| {
            let lambda = aws_sdk_lambda::Client::new(&sdk);
            lambda.update_function_configuration().function_name(FUNCTION).memory_size(1_024).send().await.unwrap();
            let iam = aws_sdk_iam::Client::new(&sdk);
            let roles = iam.list_roles().send().await.unwrap();
            let role = roles.roles().iter().find(|role| role.role_name().starts_with("local-HandlerRole")).unwrap();
            let statement = json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]);
            let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            let put = iam.put_role_policy().role_name(role.role_name()).policy_name("door").policy_document(policy);
            put.send().await.unwrap();
            let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
            logs.delete_retention_policy().log_group_name(LOG_GROUP).send().await.unwrap();
            let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
            let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
            let s3 = aws_sdk_s3::Client::from_conf(s3);
            let put = s3.put_bucket_notification_configuration().bucket(BUCKET);
            put.notification_configuration(none).send().await.unwrap();
            s3.delete_public_access_block().bucket(BUCKET).send().await.unwrap();
        });
    }
}

/// The drift of a document: resource, property, deployed value, actual value.
fn drift_rows(drift: &Value) -> Vec<(String, String, Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = drift["resources"].as_array().unwrap();
    let properties = |r: &Value| r["properties"].as_array().unwrap().clone();
    resources
        .iter()
        .flat_map(|r| properties(r).into_iter().map(|p| (text(&r["logicalId"]), p)))
        .map(|(id, p)| (id, text(&p["property"]), p["deployed"].clone(), p["actual"].clone()))
        .collect()
}

/// The events of this name.
fn events(run: &Run, name: &str) -> Vec<Value> {
    let lines = run.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|event| event["event"] == name).collect()
}

#[test]
fn drift_is_reported_and_reverted() {
    let rig = Rig::up(&[]);
    let file = rig.file("a.txt", "one two three");
    rig.run(&["put", &file, "--wait"]).expect(0);
    let records = rig.records();
    let as_deployed = rig.function();
    rig.change_out_of_band();

    let status = rig.run(&["status"]).expect(0).out;
    for line in
        ["drift          changed", "MemorySize  512 → 1024", "RetentionInDays  1 → none", "NotificationConfiguration"]
    {
        assert!(status.contains(line), "{line}: {status}");
    }
    // Without --revert-drift, `up` and `plan` leave drift unchanged.
    let plan = rig.run(&["plan"]).expect(11).out;
    for line in [
        "does not send its events to the function",
        "Drift in local",
        "MemorySize  512 → 1024",
        "role HandlerRole gains s3:* on *",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    let plan = rig.run(&["plan", "--revert-drift", "--drift", "--json"]).expect(10).json();
    let drift = drift_rows(&plan["drift"]);
    let expect = |id: &str, property: &str, deployed: Value, actual: Value| {
        let row = (id.to_owned(), property.to_owned(), deployed, actual);
        assert!(drift.contains(&row), "{row:?} is not among {drift:#?}");
    };
    expect("Handler", "MemorySize", json!(512), json!(1024));
    expect("HandlerLogs", "RetentionInDays", json!(1), Value::Null);
    let blocked = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let blocked = blocked.map(|name| (name, true)).into_iter().collect::<std::collections::BTreeMap<_, _>>();
    expect("Bucket", "PublicAccessBlockConfiguration", json!(blocked), Value::Null);
    let resources = plan["resources"].as_array().unwrap();
    let drifted = ["Bucket", "Handler", "HandlerLogs", "HandlerRole"];
    assert_eq!(resources.iter().map(|r| r["logicalId"].as_str().unwrap()).collect::<Vec<_>>(), drifted);
    assert_eq!(plan["drift"]["resources"].as_array().unwrap().len(), drifted.len(), "{plan:#}");

    // The log retention is shortened from unlimited to one day, which needs separate confirmation.
    let refused = rig.run(&["up", "--yes", "--revert-drift"]).expect(5);
    assert!(refused.err.contains("--allow delete"), "{}", refused.err);
    let up = rig.run(&["up", "--yes", "--revert-drift", "--allow", "delete", "--json"]).expect(0);
    assert_eq!(events(&up, "drift-reverted").len(), 1, "{}", up.out);
    // Resources that refer to the function are in its change sets too; the others are unchanged.
    let refers = ["HandlerPermission", "HandlerRetries"];
    for event in events(&up, "resource") {
        let id = event["logicalId"].as_str().unwrap();
        assert!(drifted.contains(&id) || refers.contains(&id), "{event}");
    }
    let plan = rig.run(&["plan", "--drift", "--json"]).expect(0).json();
    assert_eq!((&plan["changes"], &plan["drift"]["resources"]), (&json!(false), &json!([])), "{plan:#}");
    assert_eq!(rig.function(), as_deployed);

    // Nothing was lost, and the pipeline works.
    assert_eq!(rig.records(), records);
    assert_eq!(rig.content("a.txt"), b"one two three");
    let file = rig.file("b.txt", "four five");
    rig.run(&["put", &file, "--wait"]).expect(0);
    assert_eq!(rig.records().len(), 2);
}

#[test]
fn a_saved_plan_is_applied_exactly_or_not_at_all() {
    let mut rig = Rig::new(&[("handler.keepLogs", "7d")]);
    rig.set("PROVISIONER_NO_VERIFY", "true");
    rig.run(&["up", "--yes"]).expect(0);
    let path = rig.folder().join("plan.json");
    let saved = path.to_str().unwrap();
    let plan = |code: i32| {
        let text = rig.run(&["plan", "--out", saved]).expect(code);
        assert!(text.err.contains("up --plan"), "{}", text.err);
    };
    let apply = |more: &[&str]| rig.run(&[&["up", "--yes", "--plan", saved], more].concat());

    rig.change("handler.memory", "384 MiB");
    plan(10);
    // Another process deploys a change.
    rig.change("handler.memory", "512 MiB");
    rig.change("handler.timeout", "90s");
    rig.run(&["up", "--yes"]).expect(0);
    rig.change("handler.memory", "384 MiB");
    let refused = apply(&[]).expect(5);
    assert!(refused.err.contains("another template is deployed"), "{}", refused.err);
    assert_eq!(rig.function(), (Some(512), Some(90)));

    // The stack file has more changes than the plan.
    plan(10);
    rig.change("handler.memory", "640 MiB");
    let refused = apply(&[]).expect(5);
    assert!(refused.err.contains("gives another template"), "{}", refused.err);
    assert_eq!(rig.function(), (Some(512), Some(90)));
    rig.change("handler.memory", "384 MiB");
    apply(&[]).expect(0);
    assert_eq!(rig.function(), (Some(384), Some(90)));
    rig.run(&["plan"]).expect(0);
    // The plan was made for the previous state.
    apply(&[]).expect(5);

    // Deletions need separate confirmation, which a plan does not contain.
    rig.change("handler.keepLogs", "1d");
    plan(10);
    let refused = apply(&[]).expect(5);
    assert!(refused.err.contains("--allow delete"), "{}", refused.err);
    rig.run(&["plan"]).expect(10);
    apply(&["--allow", "delete"]).expect(0);
    rig.run(&["plan"]).expect(0);
}
