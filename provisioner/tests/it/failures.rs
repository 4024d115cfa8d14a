//! Failures whose reason only refers to `DescribeEvents`: the first cause is read there.

use fake_aws::cloudformation::ValidationFailure;
use fake_aws::{Fault, Rule};

use crate::deploy::{STACK, Site};

const CHECK: &str = "AWS::EarlyValidation::ResourceExistenceCheck";

fn failures() -> Vec<ValidationFailure> {
    [("Table", "AWS::DynamoDB::Table", "TableName"), ("Bucket", "AWS::S3::Bucket", "BucketName")]
        .map(|(id, kind, property)| ValidationFailure {
            name: CHECK.into(),
            logical_id: id.into(),
            kind: kind.into(),
            path: format!("/Resources/{id}/Properties/{property}"),
            reason: format!("Resource of type '{kind}' with identifier 'x' already exists."),
        })
        .into()
}

#[test]
fn early_validation_of_a_change_set_names_its_first_cause() {
    let site = Site::with_new_code();
    site.fake.state().cloudformation.validation_failures = failures();
    let ran = site.up();
    ran.ended(6).says("Table: Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists.");
    ran.says("at /Resources/Table/Properties/TableName").says(CHECK).says("created outside the stack meanwhile");
    assert!(!ran.err.contains("DescribeEvents") && !ran.err.contains("/Resources/Bucket"), "{ran:#?}");
    let call = site.fake.calls_of("cloudformation:DescribeEvents").remove(0).request.form();
    let change_set = call["ChangeSetName"].as_str();
    // IAM and the service need the ARN (aws-cloudformation/cloudformation-cli #1116).
    assert!(change_set.starts_with("arn:") && change_set.contains(":changeSet/provisioner-"), "{call:?}");
    assert_eq!(call["Filters.FailedEvents"], "true");
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
}

#[test]
fn an_operation_whose_reason_refers_to_its_events_names_the_first_cause() {
    let refers = "Validation failed with 2 error(s). Call DescribeEvents to retrieve the details.";
    let update = Site::with_new_code();
    update.fake.state().cloudformation.failing.insert("Handler".into(), refers.into());
    let deletion = Site::new();
    deletion.deployed();
    deletion.fake.state().cloudformation.undeletable.insert("FailedEvents".into(), (99, refers.into()));
    for (site, arguments, code) in
        [(update, &["up", "--yes", "--handler", "bootstrap"][..], 6), (deletion, &["down", "--yes"], 7)]
    {
        site.fake.state().cloudformation.operation_failures = failures();
        let ran = site.run(arguments);
        ran.ended(code).says("Table: Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists.");
        ran.says("at /Resources/Table/Properties/TableName").says("created outside the stack meanwhile");
        let calls = site.fake.calls_of("cloudformation:DescribeEvents");
        assert_eq!(calls.len(), 1);
        assert!(calls[0].request.form()["StackName"].contains(STACK));
    }
}

#[test]
fn without_the_permission_the_plain_cause_is_reported_with_a_hint() {
    let site = Site::with_new_code();
    site.fake.state().cloudformation.validation_failures = failures();
    let denied = Fault::error(403, "AccessDenied", "not authorized to perform: cloudformation:DescribeEvents");
    site.fake.inject(Rule::on("cloudformation:DescribeEvents", denied).always());
    let ran = site.up();
    ran.ended(6).says(&format!("[{CHECK}]")).says("the details of the failure could not be read");
    ran.says("cloudformation:DescribeEvents, which `synth --permissions` includes");
}

#[test]
fn other_failures_ask_for_no_events() {
    let site = Site::with_new_code();
    site.fake.state().cloudformation.failing.insert("Handler".into(), "no".into());
    site.up().ended(6);
    site.run(&["down", "--yes"]).ended(0);
    assert_eq!(site.fake.count("cloudformation:DescribeEvents"), 0);
}
