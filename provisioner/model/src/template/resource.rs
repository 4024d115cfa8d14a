//! The resource types in use, and of each the properties in use. Names and meanings are those of the CloudFormation
//! resource reference.

#![expect(clippy::struct_field_names, reason = "the names are CloudFormation's")]

pub(crate) mod cloudwatch;
pub(crate) mod dynamodb;
pub(crate) mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod s3;
pub(crate) mod sqs;
mod tag;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

pub(crate) use tag::tags;

/// What CloudFormation does with a resource that leaves the template or the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum DeletionPolicy {
    Delete,
    /// Kept, except when the operation that created it is rolled back.
    RetainExceptOnCreate,
}

/// What CloudFormation does with a resource that an update replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum UpdateReplacePolicy {
    Delete,
    Retain,
}

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    depends_on: Vec<&'static str>,
    policies: Option<(DeletionPolicy, UpdateReplacePolicy)>,
    properties: Properties,
}

impl Resource {
    pub(crate) fn new(properties: impl Into<Properties>) -> Self {
        Self { depends_on: Vec::new(), policies: None, properties: properties.into() }
    }

    /// Adds `DependsOn`: created after these, deleted before them.
    pub(crate) fn depends_on(mut self, others: &[&'static str]) -> Self {
        self.depends_on.extend(others);
        self
    }

    /// Sets both policies: retain the resource when it leaves the stack, or delete it.
    pub(crate) fn deletion_policy(mut self, retain: bool) -> Self {
        self.policies = Some(if retain {
            (DeletionPolicy::RetainExceptOnCreate, UpdateReplacePolicy::Retain)
        } else {
            (DeletionPolicy::Delete, UpdateReplacePolicy::Delete)
        });
        self
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.properties.type_name()
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Type", self.type_name())?;
        if !self.depends_on.is_empty() {
            map.serialize_entry("DependsOn", &self.depends_on)?;
        }
        if let Some((deletion, replace)) = self.policies {
            map.serialize_entry("DeletionPolicy", &deletion)?;
            map.serialize_entry("UpdateReplacePolicy", &replace)?;
        }
        map.serialize_entry("Properties", &self.properties)?;
        map.end()
    }
}

macro_rules! properties {
    ($($variant:ident($type:ty) = $name:literal,)+) => {
        /// The properties of each resource type.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub(crate) enum Properties {
            $($variant(Box<$type>),)+
        }

        impl Properties {
            fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }
        }

        $(impl From<$type> for Properties {
            fn from(properties: $type) -> Self {
                Self::$variant(Box::new(properties))
            }
        })+
    };
}

properties! {
    Bucket(s3::Bucket) = "AWS::S3::Bucket",
    BucketPolicy(s3::BucketPolicy) = "AWS::S3::BucketPolicy",
    Table(dynamodb::Table) = "AWS::DynamoDB::Table",
    Function(lambda::Function) = "AWS::Lambda::Function",
    Permission(lambda::Permission) = "AWS::Lambda::Permission",
    EventInvokeConfig(lambda::EventInvokeConfig) = "AWS::Lambda::EventInvokeConfig",
    Role(iam::Role) = "AWS::IAM::Role",
    LogGroup(logs::LogGroup) = "AWS::Logs::LogGroup",
    Queue(sqs::Queue) = "AWS::SQS::Queue",
    QueuePolicy(sqs::QueuePolicy) = "AWS::SQS::QueuePolicy",
    Alarm(cloudwatch::Alarm) = "AWS::CloudWatch::Alarm",
}
