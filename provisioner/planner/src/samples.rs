//! Test data: stacks and resources.

use std::collections::BTreeMap;

use provisioner_model::stack::{Resource, Stack};
use provisioner_model::status::{ResourceStatus, StackStatus};

pub(crate) fn stack(status: StackStatus) -> Stack {
    Stack {
        name: "s".into(),
        arn: "arn".into(),
        status,
        reason: None,
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        outputs: Vec::new(),
        protected: false,
        changed: None,
        deployment: None,
    }
}

pub(crate) fn resource(logical_id: &str, kind: &str, status: &str) -> Resource {
    Resource {
        logical_id: logical_id.into(),
        physical_id: "p".into(),
        kind: kind.into(),
        status: ResourceStatus::parse(status),
        reason: Some("why".into()),
    }
}
