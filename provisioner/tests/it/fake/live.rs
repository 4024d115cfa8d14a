//! What the services say of the resources of the stack that is deployed: what its template says, unless a test has
//! changed it behind the tool's back.

use std::fmt::Write as _;

use provisioner_model::resolve::Context;
use serde_json::{Value, json};

use super::cloudformation::Stack;
use super::{ACCOUNT, Answer, REGION, Request, State, error, escape, form, json as answer_json, xml};

impl State {
    /// The answer to a read of a deployed resource; `None` for any other call.
    pub(super) fn live(&mut self, service: &str, action: &str, request: &Request) -> Option<Answer> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match service {
            "lambda" if request.path.ends_with("/functions/physical-Handler/configuration") => {
                let mut properties = self.properties("AWS::Lambda::Function")?;
                properties.as_object_mut().unwrap().remove("Code");
                Some(answer_json(200, &properties.to_string()))
            }
            // API of Lambda, `GetPolicy`: a statement for each permission.
            "lambda" if request.path.ends_with("/functions/physical-Handler/policy") => {
                self.properties("AWS::Lambda::Permission")?;
                let policy = json!({ "Statement": [{ "Sid": "physical-HandlerPermission" }] }).to_string();
                Some(answer_json(200, &json!({ "Policy": policy }).to_string()))
            }
            "lambda" if request.path.ends_with("/functions/physical-Handler/concurrency") => {
                let function = self.properties("AWS::Lambda::Function")?;
                let reserved = &function["ReservedConcurrentExecutions"];
                Some(answer_json(200, &json!({ "ReservedConcurrentExecutions": reserved }).to_string()))
            }
            "cloudformation" if action == "DetectStackResourceDrift" => {
                Some(self.detect(&form(&request.body)["LogicalResourceId"]))
            }
            "iam" => self.role(action, &form(&request.body)),
            "sqs" if action == "GetQueueAttributes" => {
                let mut attributes = json!({});
                if let Some(queue) = self.properties("AWS::SQS::Queue") {
                    for name in ["MessageRetentionPeriod", "VisibilityTimeout", "SqsManagedSseEnabled"] {
                        attributes[name] = queue[name].to_string().into();
                    }
                }
                if let Some(policy) = self.properties("AWS::SQS::QueuePolicy") {
                    attributes["Policy"] = policy["PolicyDocument"].to_string().into();
                }
                Some(answer_json(200, &json!({ "Attributes": attributes }).to_string()))
            }
            "logs" if action == "DescribeLogGroups" => {
                let group = self.properties("AWS::Logs::LogGroup")?;
                let name = body["logGroupNamePrefix"].clone();
                let group = json!({ "logGroupName": name, "retentionInDays": group["RetentionInDays"] });
                Some(answer_json(200, &json!({ "logGroups": [group] }).to_string()))
            }
            "s3" if request.method == "GET" && request.query.split('&').any(|q| q.starts_with("policy")) => {
                let policy = self.properties("AWS::S3::BucketPolicy")?;
                Some(Answer(200, "application/json", policy["PolicyDocument"].to_string()))
            }
            "s3" if request.method == "GET" => self.bucket(&request.query),
            "dynamodb" if action == "DescribeTable" && body["TableName"] == "physical-Table" => {
                let mut table = self.properties("AWS::DynamoDB::Table")?;
                table["TableStatus"] = json!("ACTIVE");
                table["BillingModeSummary"] = json!({ "BillingMode": table["BillingMode"] });
                Some(answer_json(200, &json!({ "Table": table }).to_string()))
            }
            _ => None,
        }
    }

    /// API of S3, `GetBucketNotificationConfiguration`, `GetBucketVersioning` and `GetPublicAccessBlock`.
    fn bucket(&self, query: &str) -> Option<Answer> {
        let bucket = self.properties("AWS::S3::Bucket");
        let asks = |name: &str| query.split('&').any(|q| q.split('=').next() == Some(name));
        let empty = json!({});
        let bucket = bucket.as_ref().unwrap_or(&empty);
        let element = |name: &str, value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            if value.is_null() { String::new() } else { format!("<{name}>{text}</{name}>") }
        };
        if asks("notification") {
            let lambdas = bucket["NotificationConfiguration"]["LambdaConfigurations"].as_array();
            let entries = lambdas.into_iter().flatten().fold(String::new(), |all, entry| {
                all + &format!(
                    "<CloudFunctionConfiguration>{}{}</CloudFunctionConfiguration>",
                    element("Event", &entry["Event"]),
                    element("CloudFunction", &entry["Function"])
                )
            });
            return Some(xml(&format!("<NotificationConfiguration>{entries}</NotificationConfiguration>")));
        }
        if asks("versioning") {
            let status = element("Status", &bucket["VersioningConfiguration"]["Status"]);
            return Some(xml(&format!("<VersioningConfiguration>{status}</VersioningConfiguration>")));
        }
        if asks("publicAccessBlock") {
            let block = bucket["PublicAccessBlockConfiguration"].as_object()?;
            let body = block.iter().fold(String::new(), |all, (name, value)| all + &element(name, value));
            return Some(xml(&format!("<PublicAccessBlockConfiguration>{body}</PublicAccessBlockConfiguration>")));
        }
        None
    }

    /// API, `DetectStackResourceDrift`: what the template says of a resource, what there is, and where they differ.
    fn detect(&self, id: &str) -> Answer {
        let kind = self.deployed().map(|s| s.template["Resources"][id]["Type"].clone()).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default();
        // Guide, `resource-import-supported-resources.html`: not every type can be looked at.
        if kind == "AWS::Lambda::Permission" {
            let message = format!("Drift detection is not supported for resource type {kind}");
            return error("cloudformation", 400, "ValidationError", &message);
        }
        let (status, rest) = match self.cloudformation.changed.get(id) {
            None => ("IN_SYNC", String::new()),
            Some(Value::Null) => ("DELETED", String::new()),
            Some(changed) => {
                let expected = self.expected(id).unwrap_or_default();
                let mut actual = expected.clone();
                let mut differences = String::new();
                for (name, value) in changed.as_object().into_iter().flatten() {
                    actual[name] = value.clone();
                    write!(
                        differences,
                        "<member><PropertyPath>/{name}</PropertyPath><ExpectedValue>{}</ExpectedValue>\
                         <ActualValue>{}</ActualValue><DifferenceType>NOT_EQUAL</DifferenceType></member>",
                        escape(&expected[name].to_string()),
                        escape(&value.to_string())
                    )
                    .unwrap();
                }
                let (expected, actual) = (escape(&expected.to_string()), escape(&actual.to_string()));
                let rest = format!(
                    "<ExpectedProperties>{expected}</ExpectedProperties><ActualProperties>{actual}</ActualProperties>\
                     <PropertyDifferences>{differences}</PropertyDifferences>"
                );
                ("MODIFIED", rest)
            }
        };
        xml(&format!(
            "<DetectStackResourceDriftResponse><DetectStackResourceDriftResult><StackResourceDrift><StackId>s</StackId>\
             <LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>physical-{id}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><StackResourceDriftStatus>{status}</StackResourceDriftStatus>{rest}\
             <Timestamp>2026-11-22T12:00:00Z</Timestamp></StackResourceDrift></DetectStackResourceDriftResult>\
             </DetectStackResourceDriftResponse>"
        ))
    }

    fn deployed(&self) -> Option<&Stack> {
        let made = |s: &&Stack| s.template.is_object() && !s.status.starts_with("DELETE");
        self.cloudformation.stacks.iter().find(made)
    }

    /// The properties of the only resource of a type as they are; `None` where there is none, or it was deleted.
    fn properties(&self, kind: &str) -> Option<Value> {
        let stack = self.deployed()?;
        let (id, _) = stack.template["Resources"].as_object()?.iter().find(|(_, r)| r["Type"] == kind)?;
        let mut properties = self.expected(id)?;
        match self.cloudformation.changed.get(id) {
            Some(Value::Null) => return None,
            Some(changed) => {
                for (name, value) in changed.as_object()? {
                    properties[name] = value.clone();
                }
            }
            None => {}
        }
        Some(properties)
    }

    /// The properties of a resource as the template has them.
    fn expected(&self, id: &str) -> Option<Value> {
        let stack = self.deployed()?;
        let context = Context {
            partition: "aws".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
            stack: stack.name.clone(),
            parameters: stack.parameters.clone(),
            resources: stack
                .resources
                .iter()
                .map(|(id, r)| (id.clone(), (r.kind.clone(), format!("physical-{id}"))))
                .collect(),
        };
        Some(context.plain(stack.template["Resources"].get(id)?.get("Properties")?))
    }

    fn role(&self, action: &str, form: &std::collections::BTreeMap<String, String>) -> Option<Answer> {
        let role = self.properties("AWS::IAM::Role")?;
        let policies = role["Policies"].as_array().cloned().unwrap_or_default();
        let mut body = String::new();
        match action {
            "GetRole" => write!(
                body,
                "<Role><Path>/</Path><RoleName>r</RoleName><RoleId>R</RoleId><Arn>arn:aws:iam::{ACCOUNT}:role/r</Arn>\
                 <CreateDate>2026-11-22T12:00:00Z</CreateDate><Description>{}</Description>\
                 <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument></Role>",
                escape(role["Description"].as_str()?),
                escape(&role["AssumeRolePolicyDocument"].to_string())
            ),
            "ListRolePolicies" => {
                let names = policies.iter().fold(String::new(), |all, policy| {
                    all + &format!("<member>{}</member>", policy["PolicyName"].as_str().unwrap())
                });
                write!(body, "<PolicyNames>{names}</PolicyNames>")
            }
            "GetRolePolicy" => {
                let policy = policies.iter().find(|p| p["PolicyName"] == form["PolicyName"])?;
                write!(
                    body,
                    "<RoleName>r</RoleName><PolicyName>{}</PolicyName><PolicyDocument>{}</PolicyDocument>",
                    form["PolicyName"],
                    escape(&policy["PolicyDocument"].to_string())
                )
            }
            "ListAttachedRolePolicies" => {
                let attached = role["ManagedPolicyArns"].as_array().into_iter().flatten();
                let arns = attached.fold(String::new(), |all, arn| {
                    all + &format!(
                        "<member><PolicyName>p</PolicyName><PolicyArn>{}</PolicyArn></member>",
                        arn.as_str().unwrap()
                    )
                });
                write!(body, "<AttachedPolicies>{arns}</AttachedPolicies>")
            }
            _ => return None,
        }
        .unwrap();
        Some(xml(&format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>")))
    }
}
