//! The services' view of a deployed stack's resources, which is derived from the template: settings of the function,
//! the bucket, the queue, the table and the log group.

use serde_json::{Value, json};

use super::stack::physical_id;
use crate::http::{Request, Response};
use crate::sqs::missing_queue;
use crate::state::State;
use crate::xml::{document, json as json_answer, node, optional, text};

impl State {
    /// The answer to a read of a deployed resource; `None` for any other call.
    pub(crate) fn deployed_resource(&self, service: &str, action: &str, request: &Request) -> Option<Response> {
        match service {
            "lambda" => self.deployed_function(action, &request.segment(2)),
            "s3" if request.method == "GET" => self.deployed_bucket(action, &request.segment(0)),
            "sqs" if action == "GetQueueAttributes" => self.deployed_queue(&request.json()),
            "dynamodb" if action == "DescribeTable" => {
                let name = request.json()["TableName"].as_str().unwrap_or_default().to_owned();
                self.deployed_table(&name)
            }
            "logs" if action == "DescribeLogGroups" => {
                let group = self.cloudformation.properties_of_kind("AWS::Logs::LogGroup")?;
                let name = request.json()["logGroupNamePrefix"].clone();
                let group = json!({ "logGroupName": name, "retentionInDays": group["RetentionInDays"] });
                Some(json_answer(200, &json!({ "logGroups": [group] })))
            }
            _ => None,
        }
    }

    /// Whether this is the physical id of the deployed resource of a type.
    fn is_physical_id(&self, kind: &str, id: &str) -> bool {
        self.cloudformation.logical_id(kind).is_some_and(|logical_id| physical_id(&logical_id) == id)
    }

    fn deployed_function(&self, action: &str, name: &str) -> Option<Response> {
        const FUNCTION: &str = "AWS::Lambda::Function";
        if !self.is_physical_id(FUNCTION, name) {
            return None;
        }
        match action {
            "GetFunctionConfiguration" => {
                let mut properties = self.cloudformation.properties_of_kind(FUNCTION)?;
                properties.as_object_mut()?.remove("Code");
                Some(json_answer(200, &properties))
            }
            // API of Lambda, `GetPolicy`: a statement for each permission.
            "GetPolicy" => {
                self.cloudformation.properties_of_kind("AWS::Lambda::Permission")?;
                let permission = self.cloudformation.logical_id("AWS::Lambda::Permission")?;
                let policy = json!({ "Statement": [{ "Sid": physical_id(&permission) }] });
                Some(json_answer(200, &json!({ "Policy": policy.to_string() })))
            }
            "GetFunctionConcurrency" => {
                let function = self.cloudformation.properties_of_kind(FUNCTION)?;
                let reserved = &function["ReservedConcurrentExecutions"];
                Some(json_answer(200, &json!({ "ReservedConcurrentExecutions": reserved })))
            }
            _ => None,
        }
    }

    /// API of S3, `GetBucketPolicy`, `GetBucketNotificationConfiguration`, `GetBucketVersioning` and
    /// `GetPublicAccessBlock`, of the bucket by its physical id or its name.
    fn deployed_bucket(&self, action: &str, name: &str) -> Option<Response> {
        const BUCKET: &str = "AWS::S3::Bucket";
        let bucket = self.cloudformation.properties_of_kind(BUCKET)?;
        if bucket["BucketName"] != name && !self.is_physical_id(BUCKET, name) {
            return None;
        }
        match action {
            "GetBucketPolicy" => {
                let policy = self.cloudformation.properties_of_kind("AWS::S3::BucketPolicy")?;
                let document = policy["PolicyDocument"].to_string();
                Some(Response::new(200, document).with("content-type", "application/json"))
            }
            "GetBucketNotificationConfiguration" => {
                let lambdas = bucket["NotificationConfiguration"]["LambdaConfigurations"].as_array();
                let entries = lambdas.into_iter().flatten().map(|entry| {
                    let event = optional("Event", entry["Event"].as_str());
                    let function =
                        entry["Function"].as_str().map(|arn| self.as_named(arn, bucket["BucketName"] == name));
                    let function = optional("CloudFunction", function.as_deref());
                    node("CloudFunctionConfiguration", &(event + &function + &filter(&entry["Filter"])))
                });
                Some(document("NotificationConfiguration", &entries.collect::<String>()))
            }
            "GetBucketVersioning" => {
                let status = optional("Status", bucket["VersioningConfiguration"]["Status"].as_str());
                Some(document("VersioningConfiguration", &status))
            }
            "GetPublicAccessBlock" => {
                let block = bucket["PublicAccessBlockConfiguration"].as_object()?;
                let body = block.iter().map(|(name, value)| text(name, value)).collect::<String>();
                Some(document("PublicAccessBlockConfiguration", &body))
            }
            _ => None,
        }
    }

    /// The ARN of the function. Under the bucket's own name, the notification names the function's own name too.
    fn as_named(&self, arn: &str, by_name: bool) -> String {
        let function = self.cloudformation.properties_of_kind("AWS::Lambda::Function");
        match (function.as_ref().and_then(|function| function["FunctionName"].as_str()), arn.rsplit_once(':')) {
            (Some(name), Some((prefix, _))) if by_name => format!("{prefix}:{name}"),
            _ => arn.to_owned(),
        }
    }

    fn deployed_queue(&self, body: &Value) -> Option<Response> {
        const QUEUE: &str = "AWS::SQS::Queue";
        if !self.is_physical_id(QUEUE, body["QueueUrl"].as_str()?) {
            return None;
        }
        let Some(queue) = self.cloudformation.properties_of_kind(QUEUE) else { return Some(missing_queue()) };
        let mut attributes = json!({});
        for name in ["MessageRetentionPeriod", "VisibilityTimeout", "SqsManagedSseEnabled"] {
            attributes[name] = queue[name].to_string().into();
        }
        if let Some(policy) = self.cloudformation.properties_of_kind("AWS::SQS::QueuePolicy") {
            attributes["Policy"] = policy["PolicyDocument"].to_string().into();
        }
        Some(json_answer(200, &json!({ "Attributes": attributes })))
    }

    fn deployed_table(&self, name: &str) -> Option<Response> {
        const TABLE: &str = "AWS::DynamoDB::Table";
        if !self.is_physical_id(TABLE, name) {
            return None;
        }
        let mut table = self.cloudformation.properties_of_kind(TABLE)?;
        table["TableStatus"] = json!("ACTIVE");
        table["BillingModeSummary"] = json!({ "BillingMode": table["BillingMode"] });
        Some(json_answer(200, &json!({ "Table": table })))
    }
}

/// The filter of a notification, converted from the template's format to S3's.
fn filter(filter: &Value) -> String {
    let rules = filter["S3Key"]["Rules"].as_array();
    let rules = rules.into_iter().flatten().map(|rule| {
        let (name, value) = (optional("Name", rule["Name"].as_str()), optional("Value", rule["Value"].as_str()));
        node("FilterRule", &(name + &value))
    });
    let rules: String = rules.collect();
    if rules.is_empty() { rules } else { node("Filter", &node("S3Key", &rules)) }
}
