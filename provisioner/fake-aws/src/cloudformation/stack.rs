//! A stack, and the steps by which its operations proceed.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::change_sets::DeploymentConfig;
use super::template::Resolver;
use crate::dynamodb::{DynamoDb, Table};
use crate::s3::{S3, Versioning};
use crate::sqs::Sqs;

/// The resource type in a stack's own events.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// A stack.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN, which is its id.
    pub arn: String,
    /// Its status.
    pub status: String,
    /// Whether it is protected from termination.
    pub protected: bool,
    /// The template that is deployed.
    pub template: Value,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// The resources by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// The remaining steps.
    pub script: VecDeque<Step>,
    /// The `DeploymentConfig` of its last change set, if it had one.
    pub deployment_config: Option<DeploymentConfig>,
    /// The template and parameters to roll back to.
    pub(super) before: Option<(Value, BTreeMap<String, String>)>,
    /// Resources that the running deletion could not delete.
    pub(super) undeleted: Vec<String>,
    /// How often it was updated.
    pub(super) updates: u32,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
}

/// A resource of a stack.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// Its type.
    pub kind: String,
    /// Its status.
    pub status: String,
    /// Why it has this status.
    pub reason: String,
}

/// A step of an operation.
#[derive(Debug, Clone)]
pub struct Step {
    /// A resource; `None` for the stack.
    pub resource: Option<String>,
    /// The status that it gets.
    pub status: &'static str,
    /// Why.
    pub reason: String,
    /// The token of the operation.
    pub token: String,
}

/// A completed step.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(super) id: String,
    pub(super) step: Step,
    pub(super) kind: String,
}

/// The physical resources of stacks: the state of the other services.
pub(crate) struct Physical<'a> {
    pub(crate) s3: &'a mut S3,
    pub(crate) dynamodb: &'a mut DynamoDb,
    pub(crate) sqs: &'a mut Sqs,
}

pub(super) fn step(resource: Option<&str>, status: &'static str, reason: &str, token: &str) -> Step {
    Step { resource: resource.map(ToOwned::to_owned), status, reason: reason.to_owned(), token: token.to_owned() }
}

/// The physical id of a resource.
pub(super) fn physical_id(logical_id: &str) -> String {
    format!("physical-{logical_id}")
}

impl Stack {
    /// The number of operations that started with this status.
    pub fn times_started(&self, status: &str) -> usize {
        self.events.iter().filter(|e| e.step.resource.is_none() && e.step.status == status).count()
    }

    /// Performs the next step.
    pub(super) fn tick(&mut self, physical: &mut Physical<'_>) {
        let Some(mut step) = self.script.pop_front() else { return };
        let kind = match step.resource.clone() {
            None => {
                // Guide, `troubleshooting.html`, "Delete stack fails": a resource that cannot be deleted leaves the
                // stack in DELETE_FAILED.
                if step.status == "DELETE_COMPLETE" && !self.undeleted.is_empty() {
                    let names = std::mem::take(&mut self.undeleted).join(", ");
                    step.status = "DELETE_FAILED";
                    step.reason = format!("The following resource(s) failed to delete: [{names}]. ");
                }
                step.status.clone_into(&mut self.status);
                STACK.to_owned()
            }
            Some(id) => {
                self.happens(&id, &mut step, physical);
                let resource = self.resources.entry(id).or_default();
                step.status.clone_into(&mut resource.status);
                resource.reason.clone_from(&step.reason);
                resource.kind.clone()
            }
        };
        self.events.push(Event { id: format!("{}-{}", self.arn, self.events.len()), step, kind });
    }

    /// Applies a step to the physical resource.
    fn happens(&mut self, id: &str, step: &mut Step, physical: &mut Physical<'_>) {
        let kind = self.resources.get(id).map(|r| r.kind.clone()).unwrap_or_default();
        let properties = self.properties(id).unwrap_or_default();
        let name = |property: &str| properties[property].as_str().unwrap_or_default().to_owned();
        match (step.status, kind.as_str()) {
            ("CREATE_COMPLETE", "AWS::S3::Bucket") => {
                let bucket = physical.s3.create_bucket(&name("BucketName"));
                if properties["VersioningConfiguration"]["Status"] == "Enabled" {
                    bucket.versioning = Versioning::Enabled;
                }
            }
            ("CREATE_COMPLETE", "AWS::DynamoDB::Table") => {
                let table = || Table::from_properties(&properties);
                physical.dynamodb.tables.entry(name("TableName")).or_insert_with(table);
            }
            ("CREATE_COMPLETE", "AWS::SQS::Queue") => {
                let queue = physical.sqs.queues.entry(name("QueueName")).or_default();
                if let Some(seconds) = properties["VisibilityTimeout"].as_u64() {
                    queue.attributes.insert("VisibilityTimeout".into(), seconds.to_string());
                }
            }
            // API of S3, `DeleteBucket`: all objects must be deleted before the bucket itself can be.
            ("DELETE_COMPLETE", "AWS::S3::Bucket") => {
                let name = name("BucketName");
                if physical.s3.buckets.get(&name).is_none_or(crate::s3::Bucket::is_empty) {
                    physical.s3.buckets.remove(&name);
                } else {
                    step.status = "DELETE_FAILED";
                    step.reason = format!(
                        "Resource handler returned message: \"The bucket you tried to delete is not empty (Service: \
                         S3, Status Code: 409)\" {name}"
                    );
                }
            }
            ("DELETE_COMPLETE", "AWS::DynamoDB::Table") => {
                physical.dynamodb.tables.remove(&name("TableName"));
            }
            ("DELETE_COMPLETE", "AWS::SQS::Queue") => {
                physical.sqs.queues.remove(&name("QueueName"));
            }
            _ => {}
        }
        if step.status == "DELETE_FAILED" {
            self.undeleted.push(id.to_owned());
        }
    }

    /// The properties of a resource as the template has them, with all resolvable references resolved.
    pub(super) fn properties(&self, logical_id: &str) -> Option<Value> {
        let properties = self.template["Resources"].get(logical_id)?.get("Properties")?;
        Some(Resolver { stack: self }.plain(properties))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }
}
