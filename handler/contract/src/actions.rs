//! The IAM actions the handler's pipeline performs, and not one more.
//!
//! `policies/handler.json` must grant exactly these; a test of the provisioner holds the two together.

/// An action and the kind of resource it is performed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The action as IAM spells it, for example `s3:GetObject`.
    pub name: &'static str,
    /// What it is performed on.
    pub resource: Resource,
}

/// The kinds of resource the handler touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The objects of the upload bucket.
    UploadedObjects,
    /// The table of records, without its indexes: the handler only writes items by key.
    Table,
    /// The log streams of the function's own log group.
    LogStreams,
    /// The queue that takes events which failed every attempt. Lambda sends there with the function's role.
    FailedEvents,
}

/// Every action of the pipeline, in the order in which a file meets them.
pub const ACTIONS: [Action; 5] = [
    Action { name: "s3:GetObject", resource: Resource::UploadedObjects },
    Action { name: "dynamodb:PutItem", resource: Resource::Table },
    Action { name: "logs:CreateLogStream", resource: Resource::LogStreams },
    Action { name: "logs:PutLogEvents", resource: Resource::LogStreams },
    Action { name: "sqs:SendMessage", resource: Resource::FailedEvents },
];
