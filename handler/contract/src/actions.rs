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
    /// In which stacks.
    pub stacks: Stacks,
}

/// The stacks whose handler performs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stacks {
    /// All.
    All,
    /// Those whose bucket keeps versions. Their events name a version, and `s3:GetObject` does not cover a read by version;
    /// it stays granted for events from before the bucket kept versions.
    Versioned,
    /// Those with a KMS key of their own.
    WithKey,
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
    /// The KMS key of the stack file.
    Key,
}

/// Every action of the pipeline, in the order in which a file meets them.
pub const ACTIONS: [Action; 8] = [
    Action { name: "s3:GetObject", resource: Resource::UploadedObjects, stacks: Stacks::All },
    Action { name: "dynamodb:PutItem", resource: Resource::Table, stacks: Stacks::All },
    Action { name: "logs:CreateLogStream", resource: Resource::LogStreams, stacks: Stacks::All },
    Action { name: "logs:PutLogEvents", resource: Resource::LogStreams, stacks: Stacks::All },
    Action { name: "sqs:SendMessage", resource: Resource::FailedEvents, stacks: Stacks::All },
    Action { name: "s3:GetObjectVersion", resource: Resource::UploadedObjects, stacks: Stacks::Versioned },
    // To read objects, and for DynamoDB and SQS to open what protects table and queue.
    Action { name: "kms:Decrypt", resource: Resource::Key, stacks: Stacks::WithKey },
    // For messages that are sent to the queue.
    Action { name: "kms:GenerateDataKey", resource: Resource::Key, stacks: Stacks::WithKey },
];
