//! CloudFormation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::describe_events::builders::DescribeEventsFluentBuilder;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentConfig, DeploymentConfigMode, DeploymentMode as ChangeSetMode, EventFilter,
    HookFailureMode, OperationEvent, Parameter, ResourceChange, ResourceToImport, StackEvent as SdkEvent,
    StackResourceDrift, StackResourceDriftStatus, Tag,
};
use aws_sdk_cloudformation::types::{Change as SdkChange, Stack as SdkStack};
use provisioner_model::call_error::{CallError, Kind, optional};
use provisioner_model::change::{Action, Change, Detail, Replacement};
use provisioner_model::drifted::{Difference, Drifted, top_of};
use provisioner_model::spec::DeploymentMode;
use provisioner_model::stack::{ChangeSet, ImportCandidate, OperationFailure, Output, Resource, ResourceEvent, Stack};
use provisioner_model::status::{ChangeSetState, ResourceStatus, StackStatus, change_set_state};
use serde_json::Value;

use super::Aws;
use super::call_error::from_sdk;

/// What a change set is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A stack that does not exist.
    Create,
    /// A stack that exists.
    Update,
    /// A stack that exists, with its drift reverted (CloudFormation user guide, "Using drift-aware change sets").
    RevertDrift,
    /// A new stack that imports these resources.
    Import(Vec<ImportCandidate>),
}

/// What a change set is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The stack's name.
    pub stack: String,
    /// The change set's name.
    pub name: String,
    /// What for.
    pub purpose: Purpose,
    /// How CloudFormation deploys the change set. An import and the revert of drift are always deployed in standard mode.
    pub deployment: DeploymentMode,
    /// The template, JSON.
    pub template: String,
    /// The parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
}

/// Attempts of a call while an operation is followed. The caller retries and reports failures; the SDK would retry for a
/// minute without a report.
const WATCHING_ATTEMPTS: u32 = 2;
/// The timeout of such an attempt. A connection can be lost without an error, for example while a laptop sleeps.
const WATCHING_TIMEOUT: Duration = Duration::from_secs(20);

/// The client of CloudFormation.
#[derive(Debug, Clone)]
pub struct Stacks {
    client: Client,
    /// The service role of `CloudFormation`.
    role: Option<String>,
    watching: Client,
}

impl Stacks {
    /// Makes the client.
    pub fn new(aws: &Aws) -> Self {
        let watching = aws_sdk_cloudformation::config::Builder::from(&aws.sdk)
            .retry_config(RetryConfig::standard().with_max_attempts(WATCHING_ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(WATCHING_TIMEOUT).build())
            .build();
        Self { client: Client::new(&aws.sdk), role: aws.service_role.clone(), watching: Client::from_conf(watching) }
    }

    /// The same as [`Self::describe`] for following an operation: fails soon.
    pub async fn watch(&self, stack: &str) -> Result<Option<Stack>, CallError> {
        Self::described_by(&self.watching, stack).await
    }

    /// The stack of this name or ARN; `None` if there is none. A deleted stack is found by its ARN only.
    pub async fn describe(&self, stack: &str) -> Result<Option<Stack>, CallError> {
        Self::described_by(&self.client, stack).await
    }

    async fn described_by(client: &Client, stack: &str) -> Result<Option<Stack>, CallError> {
        let output = client.describe_stacks().stack_name(stack).send().await.map_err(from_sdk);
        let Some(output) = optional(output)? else { return Ok(None) };
        output.stacks.unwrap_or_default().into_iter().next().map(stack_from).transpose()
    }

    /// The stack's resources.
    pub async fn resources(&self, stack: &str) -> Result<Vec<Resource>, CallError> {
        let mut pages = self.client.list_stack_resources().stack_name(stack).into_paginator().send();
        let mut resources = Vec::new();
        while let Some(page) = pages.next().await {
            resources.extend(page.map_err(from_sdk)?.stack_resource_summaries.unwrap_or_default().into_iter().map(
                |r| Resource {
                    logical_id: r.logical_resource_id.unwrap_or_default(),
                    physical_id: r.physical_resource_id.unwrap_or_default(),
                    kind: r.resource_type.unwrap_or_default(),
                    status: ResourceStatus::parse(r.resource_status.as_ref().map_or("", |s| s.as_str())),
                    reason: r.resource_status_reason.filter(|reason| !reason.is_empty()),
                },
            ));
        }
        Ok(resources)
    }

    /// The template that is deployed, as JSON; `None` if there is no stack. YAML is supported too: another tool may have
    /// deployed the template.
    pub async fn deployed_template(&self, stack: &str) -> Result<Option<Value>, CallError> {
        let output = self.client.get_template().stack_name(stack).send().await.map_err(from_sdk);
        let Some(text) = optional(output)?.and_then(|o| o.template_body) else { return Ok(None) };
        let unreadable = || CallError {
            kind: Kind::Other,
            code: None,
            message: format!("the template that is deployed as {stack} is neither JSON nor YAML"),
        };
        provisioner_model::template::read(&text).ok_or_else(unreadable).map(Some)
    }

    /// Runs CloudFormation's drift detection for one resource; `None` if it is in sync.
    ///
    /// Resource by resource, as the detection of a whole stack can only be waited for with a permission on everything
    /// (its status is asked by an id that IAM cannot limit to a stack).
    pub async fn detect_drift(&self, stack: &str, logical_id: &str) -> Result<Option<Drifted>, CallError> {
        let call = self.client.detect_stack_resource_drift().stack_name(stack).logical_resource_id(logical_id);
        let Some(drift) = call.send().await.map_err(from_sdk)?.stack_resource_drift else { return Ok(None) };
        match drift.stack_resource_drift_status {
            Some(StackResourceDriftStatus::InSync) => Ok(None),
            Some(StackResourceDriftStatus::Modified | StackResourceDriftStatus::Deleted) => {
                Ok(Some(drifted_from(drift)))
            }
            other => Err(CallError {
                kind: Kind::Other,
                code: None,
                message: drift.drift_status_reason.unwrap_or_else(|| {
                    format!("CloudFormation reports {}", other.as_ref().map_or("nothing", |status| status.as_str()))
                }),
            }),
        }
    }

    /// Asks for a change set; it is not computed yet when this returns.
    pub async fn propose(&self, proposal: &Proposal) -> Result<ChangeSet, CallError> {
        let (kind, kept): (_, &[ImportCandidate]) = match &proposal.purpose {
            Purpose::Create => (ChangeSetType::Create, &[]),
            Purpose::Update | Purpose::RevertDrift => (ChangeSetType::Update, &[]),
            Purpose::Import(kept) => (ChangeSetType::Import, kept),
        };
        let output = self
            .client
            .create_change_set()
            .stack_name(&proposal.stack)
            .change_set_name(&proposal.name)
            .client_token(&proposal.name)
            .change_set_type(kind)
            .set_role_arn(self.role.clone())
            .set_deployment_mode((proposal.purpose == Purpose::RevertDrift).then_some(ChangeSetMode::RevertDrift))
            .set_deployment_config(deployment_config(proposal))
            .template_body(&proposal.template)
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityNamedIam)
            .set_parameters(Some(
                proposal
                    .parameters
                    .iter()
                    .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
                    .collect(),
            ))
            // Also none: without a list, the stack would keep the tags that it has.
            .set_tags(Some(
                proposal.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
            ))
            .set_resources_to_import((!kept.is_empty()).then(|| {
                kept.iter()
                    .map(|kept| {
                        ResourceToImport::builder()
                            .resource_type(&kept.kind)
                            .logical_resource_id(&kept.logical_id)
                            .resource_identifier(&kept.identifier, &kept.name)
                            .build()
                    })
                    .collect()
            }))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(ChangeSet {
            id: output.id.unwrap_or_default(),
            stack: output.stack_id.unwrap_or_default(),
            state: ChangeSetState::Pending,
            changes: Vec::new(),
        })
    }

    /// How far a change set of a stack is, and all pages of its changes. The stack is named beside the change set's ARN,
    /// here and in the calls below, because IAM authorises them on the stack (service authorization reference,
    /// "CloudFormation").
    pub async fn change_set(&self, stack: &str, id: &str) -> Result<ChangeSet, CallError> {
        let (mut set, mut token): (Option<ChangeSet>, Option<String>) = (None, None);
        loop {
            let page = self
                .client
                .describe_change_set()
                .stack_name(stack)
                .change_set_name(id)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(from_sdk)?;
            let changes = page.changes.unwrap_or_default();
            let status = page.status.as_ref().map_or("", |s| s.as_str());
            let execution = page.execution_status.as_ref().map_or("", |s| s.as_str());
            let set = set.get_or_insert_with(|| ChangeSet {
                id: page.change_set_id.unwrap_or_else(|| id.to_owned()),
                stack: page.stack_id.unwrap_or_default(),
                state: change_set_state(status, execution, page.status_reason.as_deref().unwrap_or_default()),
                changes: Vec::new(),
            });
            set.changes.extend(changes.into_iter().filter_map(change_from));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(set.clone());
            }
        }
    }

    /// What failed in a change set, which must be named by its ARN (aws-cloudformation/cloudformation-cli #1116); oldest first.
    pub async fn failures_of_change_set(&self, arn: &str) -> Result<Vec<OperationFailure>, CallError> {
        self.failures(self.client.describe_events().change_set_name(arn)).await
    }

    /// What failed in the newest operation of a stack that has failed events; oldest first.
    pub async fn failures_of_stack(&self, stack: &str) -> Result<Vec<OperationFailure>, CallError> {
        let mut failures = self.failures(self.client.describe_events().stack_name(stack)).await?;
        let newest = failures.last().and_then(|failure| failure.operation.clone());
        failures.retain(|failure| failure.operation == newest);
        Ok(failures)
    }

    async fn failures(&self, call: DescribeEventsFluentBuilder) -> Result<Vec<OperationFailure>, CallError> {
        let mut pages = call.filters(EventFilter::builder().failed_events(true).build()).into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            events.extend(page.map_err(from_sdk)?.operation_events.unwrap_or_default());
        }
        // In reverse first: events of the same moment come newest first, too.
        events.reverse();
        events.sort_by_key(|event| event.timestamp.map(|time| (time.secs(), time.subsec_nanos())));
        Ok(events.into_iter().filter_map(failure_from).collect())
    }

    /// The ids of the stack's change sets that still exist.
    pub async fn change_sets(&self, stack: &str) -> Result<Vec<String>, CallError> {
        let mut pages = self.client.list_change_sets().stack_name(stack).into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            ids.extend(
                page.map_err(from_sdk)?.summaries.unwrap_or_default().into_iter().filter_map(|set| set.change_set_id),
            );
        }
        Ok(ids)
    }

    /// Executes a change set.
    pub async fn execute(&self, stack: &str, change_set: &str, token: &str) -> Result<(), CallError> {
        self.client
            .execute_change_set()
            .stack_name(stack)
            .change_set_name(change_set)
            .client_request_token(token)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// Deletes a change set that was not executed; none is fine.
    pub async fn discard(&self, stack: &str, change_set: &str) -> Result<(), CallError> {
        let call = self.client.delete_change_set().stack_name(stack).change_set_name(change_set);
        let output = call.send().await.map_err(from_sdk);
        optional(output).map(|_| ())
    }

    /// Deletes a stack, but leaves these resources.
    pub async fn delete(&self, stack: &str, token: &str, retain: &[String]) -> Result<(), CallError> {
        self.client
            .delete_stack()
            .stack_name(stack)
            .set_role_arn(self.role.clone())
            .client_request_token(token)
            .set_retain_resources((!retain.is_empty()).then(|| retain.to_vec()))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// Turns the termination protection on or off.
    pub async fn protect(&self, stack: &str, enable: bool) -> Result<(), CallError> {
        let call = self.client.update_termination_protection().stack_name(stack).enable_termination_protection(enable);
        call.send().await.map_err(from_sdk)?;
        Ok(())
    }

    /// Continues a failed rollback, skipping these resources.
    pub async fn continue_rollback(&self, stack: &str, token: &str, skip: &[String]) -> Result<(), CallError> {
        self.client
            .continue_update_rollback()
            .stack_name(stack)
            .set_role_arn(self.role.clone())
            .client_request_token(token)
            .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// Cancels a running update; it is rolled back.
    pub async fn cancel_update(&self, stack: &str, token: &str) -> Result<(), CallError> {
        self.client
            .cancel_update_stack()
            .stack_name(stack)
            .client_request_token(token)
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// The stack's events, for following an operation: fails soon. Newest first, page by page until `enough`
    /// returns true for an event (which is left out).
    pub async fn events(
        &self,
        stack: &str,
        mut enough: impl FnMut(&ResourceEvent) -> bool,
    ) -> Result<Vec<ResourceEvent>, CallError> {
        let mut pages = self.watching.describe_stack_events().stack_name(stack).into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            for event in page.map_err(from_sdk)?.stack_events.unwrap_or_default() {
                let event = event_from(event);
                if enough(&event) {
                    return Ok(events);
                }
                events.push(event);
            }
        }
        Ok(events)
    }
}

/// The configuration of express mode. `DisableRollback` is always given: without it CloudFormation disables the rollback in
/// express mode, although its model has false as the default (aws-cdk-cli #1931).
fn deployment_config(proposal: &Proposal) -> Option<DeploymentConfig> {
    let fits = matches!(proposal.purpose, Purpose::Create | Purpose::Update);
    (fits && proposal.deployment == DeploymentMode::Express)
        .then(|| DeploymentConfig::builder().mode(DeploymentConfigMode::Express).disable_rollback(false).build())
}

/// Only events of checks and hooks that fail the operation, and of failed resources.
fn failure_from(event: OperationEvent) -> Option<OperationFailure> {
    let warns = |mode: Option<&HookFailureMode>| mode == Some(&HookFailureMode::Warn);
    let (check, reason) = if event.validation_name.is_some() {
        if warns(event.validation_failure_mode.as_ref()) {
            return None;
        }
        (event.validation_name, event.validation_status_reason)
    } else if event.hook_type.is_some() {
        if warns(event.hook_failure_mode.as_ref()) {
            return None;
        }
        (event.hook_type, event.hook_status_reason)
    } else {
        (None, event.resource_status_reason)
    };
    Some(OperationFailure {
        operation: event.operation_id,
        logical_id: event.logical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        check,
        path: event.validation_path.filter(|path| !path.is_empty()),
        reason: reason.filter(|reason| !reason.is_empty())?,
    })
}

fn stack_from(stack: SdkStack) -> Result<Stack, CallError> {
    let status = stack.stack_status.as_ref().map_or("", |s| s.as_str());
    let parsed = StackStatus::parse(status).ok_or_else(|| CallError {
        kind: Kind::Other,
        code: None,
        message: format!("CloudFormation reports the status {status:?}, which is unknown to this version"),
    })?;
    Ok(Stack {
        name: stack.stack_name.unwrap_or_default(),
        arn: stack.stack_id.unwrap_or_default(),
        status: parsed,
        reason: stack.stack_status_reason.filter(|reason| !reason.is_empty()),
        parameters: parameters(stack.parameters),
        tags: stack.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect(),
        outputs: stack
            .outputs
            .unwrap_or_default()
            .into_iter()
            .map(|o| Output {
                key: o.output_key.unwrap_or_default(),
                value: o.output_value.unwrap_or_default(),
                description: o.description.unwrap_or_default(),
            })
            .collect(),
        protected: stack.enable_termination_protection.unwrap_or_default(),
        deployment: stack.deployment_config.and_then(|config| match config.mode? {
            DeploymentConfigMode::Express => Some(DeploymentMode::Express),
            DeploymentConfigMode::Standard => Some(DeploymentMode::Standard),
            _ => None,
        }),
        changed: stack.last_updated_time.or(stack.creation_time).map(|time| time.to_string()),
    })
}

fn parameters(parameters: Option<Vec<Parameter>>) -> BTreeMap<String, String> {
    parameters.unwrap_or_default().into_iter().filter_map(|p| Some((p.parameter_key?, p.parameter_value?))).collect()
}

fn change_from(change: SdkChange) -> Option<Change> {
    let change: ResourceChange = change.resource_change?;
    let action = match change.action.as_ref()?.as_str() {
        "Add" => Action::Add,
        "Remove" => Action::Remove,
        "Import" => Action::Import,
        _ => match change.replacement.as_ref().map(aws_sdk_cloudformation::types::Replacement::as_str) {
            Some("True") => Action::Modify(Replacement::Certain),
            Some("Conditional") => Action::Modify(Replacement::Possible),
            _ => Action::Modify(Replacement::None),
        },
    };
    let details = change
        .details
        .unwrap_or_default()
        .into_iter()
        .filter_map(|detail| {
            let target = detail.target?;
            let attribute = target.attribute.as_ref().map_or_else(String::new, |a| a.as_str().to_owned());
            Some(Detail {
                property: target.name.unwrap_or(attribute),
                before: None,
                after: None,
                replaces: target.requires_recreation.is_some_and(|r| r.as_str() != "Never"),
            })
        })
        .collect();
    Some(Change {
        logical_id: change.logical_resource_id.unwrap_or_default(),
        physical_id: change.physical_resource_id.filter(|id| !id.is_empty()),
        kind: change.resource_type.unwrap_or_default(),
        action,
        retained: false,
        details,
    })
}

/// CloudFormation names places by JSON pointers and values by text; the whole properties come as JSON.
fn drifted_from(drift: StackResourceDrift) -> Drifted {
    let parsed =
        |text: Option<String>| -> Value { text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default() };
    let (expected, actual) = (parsed(drift.expected_properties), parsed(drift.actual_properties));
    let mut tops = BTreeSet::new();
    let mut properties = Vec::new();
    for difference in drift.property_differences.unwrap_or_default() {
        let pointer = difference.property_path.unwrap_or_default();
        let path = pointer.trim_start_matches('/').replace('/', ".");
        tops.insert(top_of(&path).to_owned());
        let side = |all: &Value, text: Option<String>| {
            let text = text.filter(|text| text != "null").map(Value::String);
            all.pointer(&pointer).cloned().or(text).filter(|value| !value.is_null())
        };
        properties.push(Difference {
            deployed: side(&expected, difference.expected_value),
            actual: side(&actual, difference.actual_value),
            property: path,
        });
    }
    Drifted {
        logical_id: drift.logical_resource_id.unwrap_or_default(),
        physical_id: drift.physical_resource_id.unwrap_or_default(),
        kind: drift.resource_type.unwrap_or_default(),
        deleted: drift.stack_resource_drift_status == Some(StackResourceDriftStatus::Deleted),
        actual: tops.into_iter().map(|top| (top.clone(), actual[&top].clone())).collect(),
        properties,
    }
}

fn event_from(event: SdkEvent) -> ResourceEvent {
    let stack_level = event.resource_type.as_deref() == Some("AWS::CloudFormation::Stack")
        && event.physical_resource_id == event.stack_id;
    let status = event.resource_status.as_ref().map_or("", |s| s.as_str());
    ResourceEvent {
        id: event.event_id.unwrap_or_default(),
        time: event.timestamp.map(|time| time.to_string()).unwrap_or_default(),
        stack_level,
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id: event.physical_resource_id.filter(|id| !id.is_empty()),
        kind: event.resource_type.unwrap_or_default(),
        status: ResourceStatus::parse(status),
        stack_status: StackStatus::parse(status).filter(|_| stack_level),
        reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
        token: event.client_request_token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fails_an_operation_is_a_failure() {
        let event = || OperationEvent::builder().logical_resource_id("Bucket").operation_id("o");
        let validation = |mode: &str| {
            let named = event().validation_name("V").validation_status_reason("taken").validation_path("/R");
            named.validation_failure_mode(HookFailureMode::from(mode)).build()
        };
        let hook = |mode: &str| {
            event().hook_type("H").hook_status_reason("no").hook_failure_mode(HookFailureMode::from(mode)).build()
        };
        for (case, event, sentence) in [
            ("validation", validation("FAIL"), Some("Bucket: taken (at /R, found by V)")),
            ("a warning of a validation", validation("WARN"), None),
            ("hook", hook("FAIL"), Some("Bucket: no (found by H)")),
            ("a warning of a hook", hook("WARN"), None),
            ("resource", event().resource_status_reason("denied").build(), Some("Bucket: denied")),
            ("no reason", event().build(), None),
        ] {
            assert_eq!(failure_from(event).map(|failure| failure.sentence()).as_deref(), sentence, "{case}");
        }
    }
}
