//! What the services say of the resources of the stack that is deployed: what its template says, unless a test has
//! changed it behind the tool's back.

use std::fmt::Write as _;

use provisioner::resolve::Context;
use serde_json::{Value, json};

use super::cloudformation::Stack;
use super::{ACCOUNT, Answer, REGION, Request, State, escape, form, json as answer_json, xml};

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
            "dynamodb" if action == "DescribeTable" && body["TableName"] == "physical-Table" => {
                let mut table = self.properties("AWS::DynamoDB::Table")?;
                table["TableStatus"] = json!("ACTIVE");
                table["BillingModeSummary"] = json!({ "BillingMode": table["BillingMode"] });
                Some(answer_json(200, &json!({ "Table": table }).to_string()))
            }
            _ => None,
        }
    }

    fn deployed(&self) -> Option<&Stack> {
        let made = |s: &&Stack| s.template.is_object() && !s.status.starts_with("DELETE");
        self.cloudformation.stacks.iter().find(made)
    }

    /// The properties of the only resource of a type as they are; `None` where there is none, or it was deleted.
    fn properties(&self, kind: &str) -> Option<Value> {
        let stack = self.deployed()?;
        let (id, resource) = stack.template["Resources"].as_object()?.iter().find(|(_, r)| r["Type"] == kind)?;
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
        let mut properties = context.plain(&resource["Properties"]);
        match self.changed.get(id) {
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
