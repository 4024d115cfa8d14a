//! The types of resources, as CloudFormation names them and as people do.

/// The type of the resource that holds files.
pub const BUCKET: &str = "AWS::S3::Bucket";
/// The type of the resource that holds records.
pub const TABLE: &str = "AWS::DynamoDB::Table";
/// The type of the function.
pub const FUNCTION: &str = "AWS::Lambda::Function";

/// The words for a resource's type; the type itself where there are none.
pub fn words(kind: &str) -> &str {
    match kind {
        "AWS::S3::Bucket" => "bucket",
        "AWS::S3::BucketPolicy" => "bucket policy",
        "AWS::DynamoDB::Table" => "table of records",
        "AWS::Lambda::Function" => "handler function",
        "AWS::Lambda::Permission" => "permission to invoke",
        "AWS::Lambda::EventInvokeConfig" => "retry settings",
        "AWS::IAM::Role" => "handler's role",
        "AWS::IAM::Policy" => "handler's permissions",
        "AWS::Logs::LogGroup" => "log group",
        "AWS::SQS::Queue" => "queue of failed events",
        "AWS::SQS::QueuePolicy" => "queue policy",
        "AWS::CloudWatch::Alarm" => "alarm on failed events",
        other => other,
    }
}
