//! Lambda, logs, IAM and STS.

use fake_aws::Fake;
use fake_aws::lambda::Invocation;
use serde_json::{Value, json};

use crate::client::{Answer, Call, json as call_json, query};

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// The same bytes in base64.
const HASH_IN_BASE64: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

fn template() -> Value {
    json!({"Resources": {
        "Handler": {"Type": "AWS::Lambda::Function", "Properties": {
            "MemorySize": 256, "Code": {"S3Bucket": "b"}, "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Environment": {"Variables": {"TABLE": {"Ref": "Table"}, "KEY": {"Ref": "ArtifactKey"}}},
        }},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {"Action": "lambda:InvokeFunction"}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "t"}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "Description": "runs <the> handler", "AssumeRolePolicyDocument": {"Version": "2012-10-17"},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Resource": {"Fn::GetAtt": ["Table", "Arn"]}}}],
        }},
    }})
}

fn deployed() -> Fake {
    let fake = Fake::start();
    let parameters = [("ArtifactKey".to_owned(), format!("handler/{HASH}.zip"))].into();
    {
        let mut state = fake.state();
        let stack = state.cloudformation.put("s", "CREATE_COMPLETE", template());
        stack.parameters = parameters;
    }
    fake
}

fn lambda(fake: &Fake, line: &str) -> Answer {
    Call::new(fake, "lambda", line).send()
}

const FUNCTION: &str = "/2015-03-31/functions/s-handler";

#[test]
fn the_code_of_a_function_changes_after_some_reads() {
    let fake = deployed();
    let update = |key: &str, revision: &str| {
        let body = json!({"S3Bucket": "b", "S3Key": format!("handler/{key}.zip"), "RevisionId": revision});
        Call::new(&fake, "lambda", &format!("PUT {FUNCTION}/code")).body(body.to_string()).send()
    };
    let look = || lambda(&fake, &format!("GET {FUNCTION}/configuration")).json();
    let revision = look()["RevisionId"].as_str().unwrap().to_owned();
    fake.state().lambda.looks_until_served = 2;
    let updated = update(HASH, &revision).json();
    assert_eq!((&updated["CodeSha256"], &updated["LastUpdateStatus"]), (&json!(HASH_IN_BASE64), &json!("InProgress")));
    let statuses = [(); 3].map(|()| look()["LastUpdateStatus"].clone());
    assert_eq!(statuses, ["InProgress", "InProgress", "Successful"]);
    assert_eq!(update(HASH, &revision).json()["__type"], "PreconditionFailedException");
    fake.state().lambda.broken = Some("not signed");
    let revision = look()["RevisionId"].as_str().unwrap().to_owned();
    update("00", &revision);
    let looks = [(); 3].map(|()| look());
    assert_eq!(
        (&looks[2]["LastUpdateStatus"], &looks[2]["LastUpdateStatusReason"]),
        (&json!("Failed"), &json!("not signed"))
    );
    let function = lambda(&fake, &format!("GET {FUNCTION}")).json();
    assert_eq!(function["Configuration"]["FunctionName"], "s-handler");
    assert!(function["Code"]["Location"].as_str().unwrap().ends_with("handler/00.zip"));
    assert_eq!(lambda(&fake, "GET /2015-03-31/functions/other").status, 404);
}

#[test]
fn an_invocation_is_recorded_and_answered() {
    let fake = deployed();
    let invoke = |kind: &str| {
        let call = Call::new(&fake, "lambda", &format!("POST {FUNCTION}/invocations"));
        call.with("x-amz-invocation-type", kind).body(r#"{"a": 1}"#).send()
    };
    assert_eq!(invoke("Event").status, 202);
    fake.state().lambda.answer = json!({"files": []});
    assert_eq!(invoke("RequestResponse").json(), json!({"files": []}));
    let expected = ["Event", "RequestResponse"].map(|kind| Invocation {
        function: "s-handler".into(),
        kind: kind.into(),
        payload: json!({"a": 1}),
    });
    assert_eq!(fake.state().lambda.invocations, expected);
}

#[test]
fn template_properties_are_read_by_physical_id() {
    let fake = deployed();
    let physical = "GET /2015-03-31/functions/physical-Handler";
    let configuration = lambda(&fake, &format!("{physical}/configuration")).json();
    assert_eq!((&configuration["MemorySize"], &configuration["Code"]), (&json!(256), &Value::Null));
    assert_eq!(configuration["Role"], "${Role.Arn}", "an unresolved reference stays a placeholder");
    let variables = &configuration["Environment"]["Variables"];
    assert_eq!(
        (&variables["TABLE"], &variables["KEY"]),
        (&json!("physical-Table"), &json!(format!("handler/{HASH}.zip")))
    );
    let policy = lambda(&fake, &format!("{physical}/policy")).json();
    assert!(policy["Policy"].as_str().unwrap().contains("physical-Permission"));
    fake.state().cloudformation.changed.insert("Permission".into(), Value::Null);
    assert_eq!(lambda(&fake, &format!("{physical}/policy")).status, 404);
    fake.state()
        .cloudformation
        .changed
        .insert("Handler".into(), json!({"MemorySize": 512, "ReservedConcurrentExecutions": 3}));
    assert_eq!(lambda(&fake, &format!("{physical}/configuration")).json()["MemorySize"], 512);
    assert_eq!(lambda(&fake, &format!("{physical}/concurrency")).json()["ReservedConcurrentExecutions"], 3);
    let table = call_json(&fake, "dynamodb", "DescribeTable", &json!({"TableName": "physical-Table"}));
    assert_eq!(table.json()["Table"]["TableStatus"], "ACTIVE");
    let groups = call_json(&fake, "logs", "DescribeLogGroups", &json!({"logGroupNamePrefix": "any"}));
    assert_eq!(groups.json()["logGroups"], json!([{"logGroupName": "any", "retentionInDays": 7}]));
}

#[test]
fn the_deployed_role_is_read() {
    let fake = deployed();
    let iam = |action: &str, name: &str| query(&fake, "iam", action, &[("RoleName", "r"), ("PolicyName", name)]);
    assert_eq!(iam("GetRole", "").element("Description"), "runs &lt;the&gt; handler");
    assert_eq!(iam("ListRolePolicies", "").element("member"), "p");
    assert!(iam("GetRolePolicy", "p").element("PolicyDocument").contains("table/physical-Table"));
    assert_eq!(iam("GetRolePolicy", "other").element("Code"), "NoSuchEntity");
    assert_eq!(iam("ListAttachedRolePolicies", "").elements("PolicyArn"), Vec::<String>::new());
    fake.state().cloudformation.changed.insert("Role".into(), Value::Null);
    assert_eq!(iam("GetRole", "").element("Code"), "NoSuchEntity");
}

#[test]
fn roles_are_assumed() {
    let fake = Fake::start();
    let assumed = query(&fake, "sts", "AssumeRole", &[("RoleArn", "arn")]);
    assert_eq!(assumed.element("AccessKeyId"), fake_aws::ROLE_KEY);
    assert_eq!(query(&fake, "sts", "GetCallerIdentity", &[]).element("Account"), fake_aws::ACCOUNT);
}

#[test]
fn log_events_are_paged_in_time_order() {
    let fake = Fake::start();
    for n in [5, 1, 3, 2, 4] {
        fake.state().logs.log("g", n, "stream", &format!("line {n} {}", if n % 2 == 0 { "even" } else { "odd" }));
    }
    let read = |more: Value| {
        let (mut lines, mut pages, mut token) = (Vec::new(), 0, Value::Null);
        loop {
            let mut body = json!({"logGroupName": "g", "nextToken": token});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let page = call_json(&fake, "logs", "FilterLogEvents", &body).json();
            lines.extend(page["events"].as_array().unwrap().iter().map(|e| e["timestamp"].as_i64().unwrap()));
            (pages, token) = (pages + 1, page["nextToken"].clone());
            if token.is_null() {
                return (lines, pages);
            }
        }
    };
    assert_eq!(read(json!({})), (vec![1, 2, 3, 4, 5], 1));
    assert_eq!(read(json!({"limit": 2})), (vec![1, 2, 3, 4, 5], 3));
    assert_eq!(read(json!({"startTime": 2, "endTime": 4})), (vec![2, 3, 4], 1));
    assert_eq!(read(json!({"filterPattern": "line \"even\""})), (vec![2, 4], 1));
    fake.state().logs.page = 1;
    assert_eq!(read(json!({})).1, 5);
    let missing = call_json(&fake, "logs", "FilterLogEvents", &json!({"logGroupName": "other"}));
    assert_eq!(missing.json()["__type"], "ResourceNotFoundException");
    assert_eq!(call_json(&fake, "logs", "DescribeLogGroups", &json!({})).json()["logGroups"][0]["logGroupName"], "g");
}
