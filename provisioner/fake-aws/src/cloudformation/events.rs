//! Events: `DescribeStackEvents`, which advances virtual time, and the failures of `DescribeEvents`.

use super::change_sets::ValidationFailure;
use super::stack::{Event, physical_id};
use super::{Answered, CloudFormation, Physical, Stack, refused};
use crate::xml::{members, optional, text};

/// Events in a page of `DescribeStackEvents`.
const PAGE: usize = 100;
/// Steps between two reads.
const STEPS: usize = 6;

impl CloudFormation {
    /// API, `DescribeStackEvents`: newest first, in pages, also of a deleted stack by its id. All events of an
    /// operation carry its `ClientRequestToken` (API, `StackEvent`). Each read of the first page advances virtual time.
    pub(super) fn describe_stack_events(&mut self, stack: &str, next: &str, physical: &mut Physical<'_>) -> Answered {
        let page = if self.page == 0 { PAGE } else { self.page };
        let steps = if self.slow { 1 } else { STEPS };
        let stack = self.existing(stack)?;
        if next.is_empty() {
            (0..steps).for_each(|_| stack.tick(physical));
        }
        // The token holds how many events there were, so that a page does not shift when new ones arrive.
        let number = |text: &str| text.parse::<usize>().map_err(|_| refused("The next token is invalid"));
        let (total, skip) = match next.split_once('-') {
            Some((total, skip)) => (number(total)?.min(stack.events.len()), number(skip)?),
            None => (stack.events.len(), 0),
        };
        let events = stack.events[..total].iter().enumerate().rev().skip(skip).take(page);
        let events = members("StackEvents", events.map(|(at, event)| described(stack, at, event)));
        let more = (skip + page < total).then(|| format!("{total}-{}", skip + page));
        Ok(events + &optional("NextToken", more))
    }

    /// API, `DescribeEvents` with `FailedEvents`: what early validation refused in a change set, which has to be named by
    /// its ARN (aws-cloudformation/cloudformation-cli #1116), or the failed resources of a stack, newest first; always one
    /// page.
    pub(super) fn describe_failures(&mut self, stack: &str, change_set: &str) -> Answered {
        if change_set.is_empty() {
            let stack = self.existing(stack)?.clone();
            let arn = stack.arn.clone();
            let failed = stack.events.iter().enumerate().rev();
            let failed = failed.filter(|(_, event)| event.step.status.ends_with("_FAILED"));
            let failed = failed.map(|(at, event)| {
                let kind = text("EventType", "PROVISIONING_ERROR") + &text("OperationId", &event.step.token);
                kind + &described(&stack, at, event)
            });
            let failed: Vec<String> = failed.collect();
            let operation = stack.events.last().map(|event| event.step.token.clone()).unwrap_or_default();
            let found = findings(&self.operation_failures, &arn, &operation, "UPDATE_STACK");
            return Ok(members("OperationEvents", found.chain(failed)));
        }
        let set = self.change_sets.get(change_set).ok_or_else(|| Self::missing_change_set(change_set))?;
        let failures = findings(&set.validation_failures, &set.stack, change_set, "CREATE_CHANGESET");
        Ok(members("OperationEvents", failures))
    }
}

/// The findings of early validation as events, the first one first.
fn findings(failures: &[ValidationFailure], stack: &str, operation: &str, kind: &str) -> impl Iterator<Item = String> {
    failures.iter().enumerate().map(move |(at, failure)| {
        [
            text("EventId", format!("{operation}-{at}")),
            text("StackId", stack),
            text("OperationId", operation),
            text("OperationType", kind),
            text("OperationStatus", "FAILED"),
            text("EventType", "VALIDATION_ERROR"),
            text("LogicalResourceId", &failure.logical_id),
            text("ResourceType", &failure.kind),
            text("Timestamp", time(at)),
            text("ValidationFailureMode", "FAIL"),
            text("ValidationName", &failure.name),
            text("ValidationStatus", "FAILED"),
            text("ValidationStatusReason", &failure.reason),
            text("ValidationPath", &failure.path),
        ]
        .concat()
    })
}

/// Virtual time: a second a step.
fn time(at: usize) -> String {
    format!("2026-11-22T12:{:02}:{:02}.123Z", at / 60 % 60, at % 60)
}

fn described(stack: &Stack, at: usize, event: &Event) -> String {
    let (logical_id, physical_id) = match &event.step.resource {
        Some(id) => (id.clone(), physical_id(id)),
        None => (stack.name.clone(), stack.arn.clone()),
    };
    [
        text("StackId", &stack.arn),
        text("EventId", &event.id),
        text("StackName", &stack.name),
        text("LogicalResourceId", logical_id),
        text("PhysicalResourceId", physical_id),
        text("ResourceType", &event.kind),
        text("Timestamp", time(at)),
        text("ResourceStatus", event.step.status),
        text("ResourceStatusReason", &event.step.reason),
        text("ClientRequestToken", &event.step.token),
    ]
    .concat()
}
