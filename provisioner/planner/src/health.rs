//! Whether a stack does its work: what is broken or needs attention, why, and the command that fixes it. Pure.

use provisioner_model::drifted::Drifted;
use provisioner_model::resource_type::{self, words};
use provisioner_model::status::{Phase, StackStatus};
use serde::Serialize;
use serde_json::Value;

use crate::drift::Drift;

/// Whether a stack does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As deployed, and nothing waits for a decision.
    Healthy,
    /// An operation is running.
    Changing,
    /// Files get their records, and something needs a decision.
    NeedsAttention,
    /// There is no stack.
    NotDeployed,
    /// Files do not get their records.
    Broken,
}

impl State {
    /// The state in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Changing => "changing",
            Self::NeedsAttention => "needs attention",
            Self::NotDeployed => "not deployed",
            Self::Broken => "broken",
        }
    }

    /// Whether a monitoring system should stay silent.
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Healthy | Self::Changing)
    }
}

/// One reason why a stack is not healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Whether files do not get their records because of it.
    pub breaks: bool,
    /// What is wrong.
    pub what: String,
    /// What to do; with the command to type, where there is one.
    pub fix: String,
}

/// The health of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The state.
    pub state: State,
    /// Why, the worst first.
    pub problems: Vec<Problem>,
}

/// What is known of a stack.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Its status; `None` if there is no stack.
    pub status: Option<StackStatus>,
    /// What was changed out of band; `None` if it was not checked.
    pub drift: Option<&'a Drift>,
    /// Events that failed every attempt; `None` without a queue.
    pub failed_events: Option<u64>,
    /// Files that are known to have no record; `None` if that was not checked.
    pub files_without_record: Option<u64>,
}

/// Resources without which files still get their records.
const BESIDE_THE_PIPELINE: [&str; 4] =
    ["AWS::CloudWatch::Alarm", "AWS::Logs::LogGroup", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"];

/// The health of a stack.
pub fn health(facts: Facts<'_>) -> Health {
    let stack = facts.stack;
    let Some(status) = facts.status.filter(|status| status.phase() != Phase::Absent) else {
        return Health { state: State::NotDeployed, problems: Vec::new() };
    };
    let mut problems = Vec::new();
    problems.extend(of_status(stack, status));
    let drifted = facts.drift.map(|drift| drift.resources.as_slice()).unwrap_or_default();
    let mut drifted: Vec<Problem> = drifted.iter().map(|resource| of_drift(stack, resource)).collect();
    if facts.drift.is_some_and(|drift| drift.code.is_some()) {
        drifted.push(Problem {
            breaks: false,
            what: "the function runs other code than the stack's".to_owned(),
            fix: format!("Deploy the stack's code with: provisioner up --revert-drift -s {stack}"),
        });
    }
    problems.append(&mut drifted);
    if let Some(n @ 1..) = facts.failed_events {
        problems.push(Problem {
            breaks: false,
            what: format!(
                "{n} failed event{} without a record; the alarm is in ALARM",
                if n == 1 { " is" } else { "s are" }
            ),
            fix: format!("Send them to the function again with: provisioner redrive -s {stack}"),
        });
    }
    if let Some(n @ 1..) = facts.files_without_record {
        problems.push(Problem {
            breaks: false,
            what: format!("{n} {} no record", if n == 1 { "file has" } else { "files have" }),
            fix: format!("List and process them with: provisioner reconcile --fix -s {stack}"),
        });
    }
    problems.sort_by_key(|problem| !problem.breaks);
    let running = matches!(status.phase(), Phase::Running);
    let state = match problems.first() {
        // While an operation runs, resources come and go.
        _ if running => State::Changing,
        Some(problem) if problem.breaks => State::Broken,
        Some(_) => State::NeedsAttention,
        None => State::Healthy,
    };
    Health { state, problems }
}

fn of_status(stack: &str, status: StackStatus) -> Option<Problem> {
    let (breaks, what) = match status.phase() {
        Phase::Absent | Phase::Running => return None,
        Phase::Ready if status.is_success() => return None,
        Phase::Ready => (false, "the last update failed and was rolled back; the stack works as before it"),
        Phase::Review => (true, "the stack was never created: it has no resources"),
        Phase::CreateFailed => (true, "the creation of the stack failed"),
        Phase::RollbackStuck => (true, "an update failed, and so did its rollback"),
        Phase::DeleteStuck => (true, "the deletion of the stack failed"),
        Phase::ImportUndone | Phase::ImportStuck => (true, "an import into the stack failed"),
    };
    let fix = if status.phase() == Phase::DeleteStuck {
        format!("Delete the rest with: provisioner down -s {stack}, or restore it with: provisioner up -s {stack}")
    } else {
        format!("The reason is below. Then: provisioner up -s {stack}")
    };
    Some(Problem { breaks, what: what.to_owned(), fix })
}

fn of_drift(stack: &str, resource: &Drifted) -> Problem {
    let name = if resource.physical_id.is_empty() { &resource.logical_id } else { &resource.physical_id };
    let subject = format!("the {} {name}", words(&resource.kind));
    let revert = |doing: &str| format!("{doing} it with: provisioner up --revert-drift -s {stack}");
    if resource.deleted {
        let lost = if resource.kind == resource_type::TABLE { ", with its records" } else { "" };
        return Problem {
            breaks: !BESIDE_THE_PIPELINE.contains(&resource.kind.as_str()),
            what: format!("{subject} was deleted{lost}"),
            fix: revert("Create"),
        };
    }
    let properties: Vec<&str> = resource.properties.iter().map(|p| p.property.as_str()).collect();
    let has = |name: &str| resource.properties.iter().find(|p| p.property.starts_with(name));
    if has("NotificationConfiguration").is_some() {
        return Problem {
            breaks: true,
            what: format!("{subject} does not send its events to the function"),
            fix: revert("Restore"),
        };
    }
    if has("ReservedConcurrentExecutions").is_some_and(|p| p.actual.as_ref().and_then(Value::as_u64) == Some(0)) {
        return Problem {
            breaks: true,
            what: format!("{subject} is switched off: its concurrency is 0"),
            fix: revert("Restore"),
        };
    }
    Problem {
        breaks: false,
        what: format!("{subject} was changed out of band ({})", properties.join(", ")),
        fix: revert("Revert"),
    }
}

#[cfg(test)]
mod tests {
    use provisioner_model::drifted::Difference;
    use serde_json::{Map, json};

    use super::*;

    fn drifted(kind: &str, deleted: bool, property: Option<(&str, Value)>) -> Drift {
        let properties = property.into_iter().map(|(property, actual)| Difference {
            property: property.to_owned(),
            deployed: None,
            actual: Some(actual),
        });
        let resource = Drifted {
            logical_id: "X".into(),
            physical_id: "s-x".into(),
            kind: kind.into(),
            deleted,
            properties: properties.collect(),
            actual: Map::new(),
        };
        Drift { resources: vec![resource], ..Drift::default() }
    }

    fn of(status: StackStatus, drift: &Drift, failed_events: u64) -> Health {
        health(Facts {
            stack: "s",
            status: Some(status),
            drift: Some(drift),
            failed_events: Some(failed_events),
            files_without_record: Some(0),
        })
    }

    #[test]
    fn every_status_has_a_state() {
        for status in StackStatus::ALL {
            let expected = match status.as_str() {
                "DELETE_COMPLETE" => State::NotDeployed,
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => State::Healthy,
                "UPDATE_ROLLBACK_COMPLETE" | "UPDATE_FAILED" => State::NeedsAttention,
                "REVIEW_IN_PROGRESS" => State::Broken,
                running if running.ends_with("_IN_PROGRESS") => State::Changing,
                _ => State::Broken,
            };
            let health = of(*status, &Drift::default(), 0);
            assert_eq!(health.state, expected, "{status:?}");
            assert_eq!(
                health.problems.is_empty(),
                health.state.is_ok() || expected == State::NotDeployed,
                "{status:?}"
            );
        }
        assert_eq!(
            health(Facts { stack: "s", status: None, drift: None, failed_events: None, files_without_record: None })
                .state,
            State::NotDeployed
        );
        let missing = health(Facts {
            stack: "s",
            status: Some(StackStatus::UpdateComplete),
            drift: None,
            failed_events: None,
            files_without_record: Some(3),
        });
        assert_eq!(missing.state, State::NeedsAttention);
        assert_eq!(missing.problems[0].what, "3 files have no record");
    }

    #[test]
    fn what_stops_the_pipeline_is_broken_and_the_rest_needs_attention() {
        let function = resource_type::FUNCTION;
        let rows = [
            (drifted(resource_type::TABLE, true, None), State::Broken, "s-x was deleted, with its records"),
            (drifted("AWS::Lambda::Permission", true, None), State::Broken, "was deleted"),
            (drifted("AWS::CloudWatch::Alarm", true, None), State::NeedsAttention, "was deleted"),
            (
                drifted(
                    resource_type::BUCKET,
                    false,
                    Some(("NotificationConfiguration.LambdaConfigurations", json!([]))),
                ),
                State::Broken,
                "does not send its events",
            ),
            (
                drifted(function, false, Some(("ReservedConcurrentExecutions", json!(0)))),
                State::Broken,
                "its concurrency is 0",
            ),
            (
                drifted(function, false, Some(("ReservedConcurrentExecutions", json!(5)))),
                State::NeedsAttention,
                "changed out of band (ReservedConcurrentExecutions)",
            ),
            (drifted(function, false, Some(("MemorySize", json!(1)))), State::NeedsAttention, "(MemorySize)"),
        ];
        for (drift, state, words) in rows {
            let health = of(StackStatus::UpdateComplete, &drift, 0);
            assert_eq!(health.state, state, "{words}");
            assert!(health.problems[0].what.contains(words), "{:?}", health.problems);
            assert!(health.problems[0].fix.ends_with("provisioner up --revert-drift -s s"), "{:?}", health.problems);
            // The problem that stops the pipeline is first.
            let both = of(StackStatus::UpdateRollbackComplete, &drift, 2);
            assert_eq!(both.problems[0].breaks, state == State::Broken);
            assert_eq!(both.problems.len(), 3);
        }
        let failed = of(StackStatus::UpdateComplete, &Drift::default(), 1);
        assert_eq!(failed.problems[0].what, "1 failed event is without a record; the alarm is in ALARM");
        assert!(!failed.state.is_ok());
    }
}
