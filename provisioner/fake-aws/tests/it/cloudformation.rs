//! CloudFormation: behaviour that the provisioner's tests do not cover directly.

use fake_aws::cloudformation::{Change, DeploymentConfig, ValidationFailure};
use fake_aws::{Fake, Fault, Rule};
use serde_json::{Value, json};

use crate::client::{Answer, query, s3};

fn call(fake: &Fake, action: &str, parameters: &[(&str, &str)]) -> Answer {
    query(fake, "cloudformation", action, parameters)
}

fn template() -> Value {
    json!({"Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
            "BucketName": {"Fn::Sub": "${AWS::StackName}-${AWS::AccountId}"},
            "VersioningConfiguration": {"Status": "Enabled"},
        }},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q", "VisibilityTimeout": 7}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "TableName": "t", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        }},
    }})
}

fn propose(fake: &Fake, kind: &str, template: &Value, more: &[(&str, &str)]) -> Answer {
    let template = template.to_string();
    let mut parameters =
        vec![("StackName", "s"), ("ChangeSetName", "c"), ("ChangeSetType", kind), ("TemplateBody", template.as_str())];
    parameters.extend(more);
    call(fake, "CreateChangeSet", &parameters)
}

/// Executes the change set and reads events until the operation has ended.
fn execute(fake: &Fake) -> String {
    let named = [("StackName", "s"), ("ChangeSetName", "c"), ("ClientRequestToken", "token")];
    assert_eq!(call(fake, "ExecuteChangeSet", &named).status, 200);
    settled(fake)
}

fn settled(fake: &Fake) -> String {
    let arn = fake.state().cloudformation.stacks[0].arn.clone();
    loop {
        call(fake, "DescribeStackEvents", &[("StackName", &arn)]);
        let state = fake.state();
        let stack = &state.cloudformation.stacks[0];
        if stack.script.is_empty() {
            return stack.status.clone();
        }
    }
}

#[test]
fn buckets_tables_and_queues_are_created_and_deleted_with_their_stack() {
    let fake = Fake::start();
    propose(&fake, "CREATE", &template(), &[]);
    assert_eq!(call(&fake, "DescribeStacks", &[("StackName", "s")]).element("StackStatus"), "REVIEW_IN_PROGRESS");
    assert_eq!(execute(&fake), "CREATE_COMPLETE");
    let bucket = format!("s-{}", fake_aws::ACCOUNT);
    {
        let mut state = fake.state();
        assert_eq!(state.s3.buckets[&bucket].versioning, fake_aws::s3::Versioning::Enabled);
        assert_eq!(state.sqs.queues["q"].attributes["VisibilityTimeout"], "7");
        state.dynamodb.put("t", json!({"id": {"S": "a"}}));
        state.s3.put(&bucket, "k", "x");
    }
    assert_eq!(s3(&fake, "GET /physical-Bucket?versioning").element("Status"), "Enabled");
    call(&fake, "DeleteStack", &[("StackName", "s")]);
    assert_eq!(settled(&fake), "DELETE_FAILED");
    assert!(fake.state().cloudformation.stacks[0].resources["Bucket"].reason.contains("is not empty"));
    let retain = [("StackName", "s"), ("RetainResources.member.1", "Bucket")];
    call(&fake, "DeleteStack", &retain);
    assert_eq!(settled(&fake), "DELETE_COMPLETE");
    let state = fake.state();
    assert!(state.s3.has(&bucket, "k") && state.sqs.queues.is_empty() && state.dynamodb.tables.is_empty());
}

#[test]
fn early_validation_failures_are_in_the_events_of_the_change_set() {
    let fake = Fake::start();
    fake.state().cloudformation.validation_failures = vec![ValidationFailure {
        name: "AWS::EarlyValidation::ResourceExistenceCheck".into(),
        logical_id: "Bucket".into(),
        kind: "AWS::S3::Bucket".into(),
        path: "/Resources/Bucket/Properties/BucketName".into(),
        reason: "The bucket exists".into(),
    }];
    let arn = propose(&fake, "CREATE", &template(), &[]).element("Id");
    let described = call(&fake, "DescribeChangeSet", &[("ChangeSetName", &arn)]);
    assert_eq!(
        (described.element("Status"), described.element("ExecutionStatus")),
        ("FAILED".into(), "UNAVAILABLE".into())
    );
    assert!(described.element("StatusReason").contains("[AWS::EarlyValidation::ResourceExistenceCheck]"));
    let failed = ("Filters.FailedEvents", "true");
    let events = call(&fake, "DescribeEvents", &[("ChangeSetName", &arn), failed]);
    assert_eq!(events.element("EventType"), "VALIDATION_ERROR");
    assert_eq!(events.element("ValidationPath"), "/Resources/Bucket/Properties/BucketName");
    assert_eq!(events.element("ValidationStatusReason"), "The bucket exists");
    let by_name = call(&fake, "DescribeEvents", &[("ChangeSetName", "c"), ("StackName", "s"), failed]);
    assert_eq!(by_name.element("Code"), "ChangeSetNotFound");
    let executed = call(&fake, "ExecuteChangeSet", &[("ChangeSetName", &arn)]);
    assert_eq!(executed.element("Code"), "InvalidChangeSetStatus");
    // The next change set is not affected.
    propose(&fake, "CREATE", &template(), &[]);
    assert_eq!(execute(&fake), "CREATE_COMPLETE");
}

#[test]
fn the_failures_of_a_stack_are_its_events_newest_first() {
    let fake = Fake::start();
    fake.state().cloudformation.failing.insert("Queue".into(), "no queue".into());
    propose(&fake, "CREATE", &template(), &[]);
    assert_eq!(execute(&fake), "ROLLBACK_COMPLETE");
    let events = call(&fake, "DescribeEvents", &[("StackName", "s"), ("Filters.FailedEvents", "true")]);
    assert_eq!(events.elements("LogicalResourceId"), ["Table", "Bucket", "Queue"]);
    assert_eq!(events.elements("ResourceStatusReason")[2], "no queue");
    assert!(events.elements("OperationId").iter().all(|id| id == "token"));
}

#[test]
fn the_deployment_config_is_kept() {
    let fake = Fake::start();
    let express = [("DeploymentConfig.Mode", "EXPRESS"), ("DeploymentConfig.DisableRollback", "false")];
    propose(&fake, "CREATE", &template(), &express);
    let kept = Some(DeploymentConfig { mode: Some("EXPRESS".into()), disable_rollback: Some(false) });
    assert_eq!(fake.state().cloudformation.change_sets.values().next().unwrap().deployment_config, kept);
    execute(&fake);
    assert_eq!(fake.state().cloudformation.stacks[0].deployment_config, kept);
    let mut changed = template();
    changed["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = json!(8);
    propose(&fake, "UPDATE", &changed, &[]);
    assert_eq!(execute(&fake), "UPDATE_COMPLETE");
    assert_eq!(fake.state().cloudformation.stacks[0].deployment_config, None);
}

#[test]
fn an_update_lists_its_changes() {
    let fake = Fake::start();
    fake.state().cloudformation.put("s", "CREATE_COMPLETE", template());
    propose(&fake, "UPDATE", &template(), &[]);
    let named = [("StackName", "s"), ("ChangeSetName", "c")];
    assert!(call(&fake, "DescribeChangeSet", &named).element("StatusReason").contains("didn't contain changes"));
    let mut changed = template();
    changed["Resources"]["Table"] = Value::Null;
    changed["Resources"].as_object_mut().unwrap().remove("Table");
    changed["Resources"]["Topic"] = json!({"Type": "AWS::SNS::Topic"});
    changed["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = json!(8);
    fake.state().cloudformation.surprise = Some(Change::new("Import", "Other", "AWS::SNS::Topic"));
    propose(&fake, "UPDATE", &changed, &[]);
    let described = call(&fake, "DescribeChangeSet", &named);
    assert_eq!(described.elements("Action"), ["Modify", "Add", "Remove", "Import"]);
    assert_eq!(described.elements("LogicalResourceId"), ["Queue", "Topic", "Table", "Other"]);
    assert_eq!(call(&fake, "ListChangeSets", &named).elements("ChangeSetId").len(), 1);
    call(&fake, "DeleteChangeSet", &named);
    assert_eq!(call(&fake, "DescribeChangeSet", &named).element("Code"), "ChangeSetNotFound");
}

#[test]
fn calls_in_the_wrong_stack_status_are_refused() {
    let fake = Fake::start();
    let refused = |answer: &Answer, code: &str, part: &str| {
        assert_eq!((answer.status, answer.element("Code").as_str()), (400, code));
        assert!(answer.element("Message").contains(part), "{}", answer.text());
    };
    refused(&call(&fake, "DescribeStacks", &[("StackName", "s")]), "ValidationError", "does not exist");
    refused(&propose(&fake, "UPDATE", &template(), &[]), "ValidationError", "does not exist");
    fake.state().cloudformation.put("s", "CREATE_COMPLETE", template()).protected = true;
    refused(&propose(&fake, "CREATE", &template(), &[]), "AlreadyExistsException", "cannot be created again");
    refused(&call(&fake, "CancelUpdateStack", &[("StackName", "s")]), "ValidationError", "cannot be called");
    refused(&call(&fake, "ContinueUpdateRollback", &[("StackName", "s")]), "ValidationError", "can not be continued");
    refused(&call(&fake, "DeleteStack", &[("StackName", "s")]), "ValidationError", "TerminationProtection");
    fake.state().cloudformation.stacks[0].protected = false;
    let retain = [("StackName", "s"), ("RetainResources.member.1", "Queue")];
    refused(&call(&fake, "DeleteStack", &retain), "ValidationError", "DELETE_FAILED");
    fake.state().cloudformation.stacks[0].status = "ROLLBACK_COMPLETE".into();
    refused(&propose(&fake, "UPDATE", &template(), &[]), "ValidationError", "can not be updated");
    assert_eq!(call(&fake, "DeleteStack", &[("StackName", "none")]).status, 200);
}

#[test]
fn out_of_band_changes_are_drift() {
    let fake = Fake::start();
    fake.state().cloudformation.put("s", "CREATE_COMPLETE", template());
    fake.state().cloudformation.changed.insert("Queue".into(), json!({"VisibilityTimeout": 9}));
    fake.state().cloudformation.changed.insert("Bucket".into(), Value::Null);
    let detect = |id: &str| call(&fake, "DetectStackResourceDrift", &[("StackName", "s"), ("LogicalResourceId", id)]);
    let queue = detect("Queue");
    assert_eq!(queue.element("StackResourceDriftStatus"), "MODIFIED");
    assert_eq!(
        ["PropertyPath", "ExpectedValue", "ActualValue"].map(|n| queue.element(n)),
        ["/VisibilityTimeout", "7", "9"]
    );
    assert_eq!(detect("Bucket").element("StackResourceDriftStatus"), "DELETED");
    assert_eq!(detect("Table").element("StackResourceDriftStatus"), "IN_SYNC");
    assert_eq!(s3(&fake, "GET /physical-Bucket?versioning").element("Code"), "NoSuchBucket");
}

#[test]
fn unknown_statuses() {
    let fake = Fake::start();
    fake.state().cloudformation.put("s", "HIBERNATING", template());
    let status = || call(&fake, "DescribeStacks", &[("StackName", "s")]).element("StackStatus");
    assert_eq!(status(), "HIBERNATING");
    fake.inject(Rule::on("cloudformation:DescribeStacks", Fault::rewritten("HIBERNATING", "WAKING")));
    assert_eq!((status(), status()), ("WAKING".into(), "HIBERNATING".into()));
}

#[test]
fn events_come_in_pages_that_do_not_shift() {
    let fake = Fake::start();
    fake.state().cloudformation.slow = true;
    fake.state().cloudformation.page = 2;
    propose(&fake, "CREATE", &template(), &[]);
    call(&fake, "ExecuteChangeSet", &[("StackName", "s"), ("ChangeSetName", "c")]);
    let look = |token: &str| call(&fake, "DescribeStackEvents", &[("StackName", "s"), ("NextToken", token)]);
    for _ in 0..6 {
        look("");
    }
    let first = look("");
    let (mut ids, mut token) = (first.elements("EventId"), first.element("NextToken"));
    while !token.is_empty() {
        // Somebody else looks, and time passes: what is new belongs to no page of the first look.
        look("");
        let page = look(&token);
        ids.extend(page.elements("EventId"));
        token = page.element("NextToken");
    }
    let arn = fake.state().cloudformation.stacks[0].arn.clone();
    let expected: Vec<String> = (0..8).rev().map(|n| format!("{arn}-{n}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(look("x-y").status, 400);
}
