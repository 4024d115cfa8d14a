//! Descriptions of stacks: `DescribeStacks`, `ListStackResources`, `GetTemplate`.

use super::stack::physical_id;
use super::{Answered, CloudFormation, Stack};
use crate::xml::{members, node, optional, text};

impl CloudFormation {
    /// API, `DescribeStacks`: without a name, those that are not deleted.
    pub(super) fn describe_stacks(&mut self, stack: &str) -> Answered {
        let stacks = if stack.is_empty() {
            self.stacks.iter().filter(|s| s.status != "DELETE_COMPLETE").map(described).collect()
        } else {
            vec![described(self.existing(stack)?)]
        };
        Ok(members("Stacks", stacks))
    }

    /// API, `ListStackResources`; always one page.
    pub(super) fn list_resources(&mut self, stack: &str) -> Answered {
        let stack = self.existing(stack)?;
        let summaries = stack.resources.iter().map(|(id, resource)| {
            [
                text("LogicalResourceId", id),
                text("PhysicalResourceId", physical_id(id)),
                text("ResourceType", &resource.kind),
                text("ResourceStatus", &resource.status),
                text("ResourceStatusReason", &resource.reason),
                text("LastUpdatedTimestamp", "2026-11-22T12:00:00Z"),
            ]
            .concat()
        });
        Ok(members("StackResourceSummaries", summaries))
    }

    /// API, `GetTemplate`.
    pub(super) fn get_template(&mut self, stack: &str) -> Answered {
        Ok(text("TemplateBody", &self.existing(stack)?.template))
    }
}

/// API, `Stack`: how it was last deployed.
fn deployment_config(stack: &Stack) -> String {
    stack.deployment_config.as_ref().map_or_else(String::new, |config| {
        let mode = optional("Mode", config.mode.as_deref());
        node("DeploymentConfig", &(mode + &optional("DisableRollback", config.disable_rollback)))
    })
}

fn described(stack: &Stack) -> String {
    let parameters = stack.parameters.iter().map(|(k, v)| text("ParameterKey", k) + &text("ParameterValue", v));
    let tags = stack.tags.iter().map(|(k, v)| text("Key", k) + &text("Value", v));
    // API, `Stack`: only of a stack that was updated at least once.
    let updated = (stack.updates > 0).then(|| {
        let (minutes, seconds) = (stack.updates / 60, stack.updates % 60);
        format!("2026-11-22T13:{minutes:02}:{seconds:02}Z")
    });
    [
        text("StackName", &stack.name),
        text("StackId", &stack.arn),
        text("StackStatus", &stack.status),
        members("Tags", tags),
        text("CreationTime", "2026-11-22T12:00:00Z"),
        optional("LastUpdatedTime", updated),
        deployment_config(stack),
        text("EnableTerminationProtection", stack.protected),
        members("Parameters", parameters),
    ]
    .concat()
}
