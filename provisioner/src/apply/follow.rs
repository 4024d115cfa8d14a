//! Watching an operation: how often to look, which events belong to it, what failed first. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::event::deploy::{DeployEvent, ResourceEvent};
use crate::status::{Phase, Progress, StackStatus, advice, is_consequence, progress};

/// The first pause. An emulator answers in milliseconds; CloudFormation itself needs seconds.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause. CloudFormation allows each account about ten of these calls a second.
const LONGEST: Duration = Duration::from_millis(1500);

/// The pauses between two looks: short at first, then about a second and a half, with jitter, so that several runs do
/// not ask in step.
#[derive(Debug, Clone)]
pub struct Pace {
    seed: u64,
    next: Duration,
}

impl Pace {
    /// Pauses whose jitter follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, next: FIRST }
    }

    /// The next pause.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 13 / 10).min(LONGEST);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Between 80 % and 120 %.
        let percent = 80 + u32::try_from(self.seed >> 33).unwrap_or_default() % 41;
        delay * percent / 100
    }
}

/// Sorts out the events of one operation.
#[derive(Debug)]
pub struct Follower {
    token: Option<String>,
    seen: HashSet<String>,
    last: HashMap<String, String>,
    cause: Option<String>,
    ended: Option<StackStatus>,
}

impl Follower {
    /// Follows the operation with this token, or without one the latest.
    pub fn new(token: Option<&str>) -> Self {
        Self {
            token: token.map(ToOwned::to_owned),
            seen: HashSet::new(),
            last: HashMap::new(),
            cause: None,
            ended: None,
        }
    }

    /// Whether this event, and so everything older, is known or belongs to an earlier operation.
    pub fn knows(&self, event: &ResourceEvent) -> bool {
        let begins = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
        self.seen.contains(&event.id)
            || (event.stack_level && begins.contains(&event.status.as_str()))
            || (event.stack_level && event.status == "REVIEW_IN_PROGRESS")
    }

    /// Takes new events, newest first as the service lists them, and returns what is to be told, in time order.
    pub fn take(&mut self, newest_first: Vec<ResourceEvent>) -> Vec<DeployEvent> {
        let mut told = Vec::new();
        for event in newest_first.into_iter().rev() {
            self.seen.insert(event.id.clone());
            if self.token.is_some() && event.token != self.token {
                continue;
            }
            if event.stack_level {
                let status = StackStatus::parse(&event.status);
                self.ended = status.filter(|status| status.phase() != Phase::Running);
                if let Some(reason) = event.reason.filter(|_| event.status.ends_with("_FAILED")) {
                    self.cause.get_or_insert(reason);
                }
                continue;
            }
            // CloudFormation tells some statuses twice, the second time with the physical id.
            if self.last.insert(event.logical_id.clone(), event.status.clone()).as_ref() == Some(&event.status) {
                continue;
            }
            let progress = progress(&event.status);
            let reason = event.reason.clone().unwrap_or_default();
            let first = progress == Progress::Failed && self.cause.is_none() && !is_consequence(&reason);
            told.push(DeployEvent::Resource {
                logical_id: event.logical_id.clone(),
                kind: event.kind.clone(),
                status: event.status,
                progress,
                time: event.time,
                reason: event.reason,
            });
            if first {
                self.cause = Some(format!("{} ({}): {reason}", event.logical_id, event.kind));
                told.push(DeployEvent::Cause {
                    logical_id: event.logical_id,
                    kind: event.kind,
                    advice: advice(&reason),
                    reason,
                });
            }
        }
        told
    }

    /// The status in which the operation ended, once it has.
    pub fn ended(&self) -> Option<StackStatus> {
        self.ended
    }

    /// What failed first, in words.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u32, logical_id: &str, status: &str, reason: &str, token: &str) -> ResourceEvent {
        let stack_level = logical_id == "s";
        ResourceEvent {
            id: n.to_string(),
            time: format!("2026-11-22T12:00:{n:02}Z"),
            stack_level,
            logical_id: logical_id.into(),
            physical_id: None,
            kind: if stack_level { "AWS::CloudFormation::Stack".into() } else { "AWS::SQS::Queue".into() },
            status: status.into(),
            reason: (!reason.is_empty()).then(|| reason.into()),
            token: Some(token.into()),
        }
    }

    #[test]
    fn the_first_cause_is_told_when_it_happens_and_only_once() {
        let mut follower = Follower::new(Some("t"));
        let told = follower.take(vec![
            event(6, "C", "CREATE_FAILED", "another reason", "t"),
            event(5, "B", "CREATE_FAILED", "the reason", "t"),
            event(4, "A", "CREATE_FAILED", "Resource creation cancelled", "t"),
            event(3, "A", "CREATE_IN_PROGRESS", "Resource creation Initiated", "t"),
            event(2, "A", "CREATE_IN_PROGRESS", "", "t"),
            event(1, "Old", "CREATE_FAILED", "of an earlier operation", "other"),
        ]);
        let causes: Vec<_> = told
            .iter()
            .filter_map(|e| match e {
                DeployEvent::Cause { logical_id, reason, .. } => Some((logical_id.as_str(), reason.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(causes, [("B", "the reason")]);
        let resources = told.iter().filter(|e| matches!(e, DeployEvent::Resource { .. })).count();
        assert_eq!(resources, 4, "the repeated status is told once, the other operation's not at all");
        assert_eq!(follower.ended(), None);
        assert!(follower.cause().is_some_and(|c| c.contains("the reason")));

        follower
            .take(vec![event(8, "s", "ROLLBACK_COMPLETE", "", "t"), event(7, "s", "ROLLBACK_IN_PROGRESS", "", "t")]);
        assert_eq!(follower.ended(), Some(StackStatus::RollbackComplete));
    }

    #[test]
    fn a_stack_that_fails_as_a_whole_has_a_cause_too() {
        let mut follower = Follower::new(Some("t"));
        follower.take(vec![event(1, "s", "CREATE_FAILED", "Template validation failed", "t")]);
        assert_eq!(follower.cause(), Some("Template validation failed"));
    }

    #[test]
    fn reading_stops_at_the_beginning_of_the_operation() {
        let mut follower = Follower::new(None);
        assert!(!follower.knows(&event(2, "A", "UPDATE_IN_PROGRESS", "", "t")));
        assert!(follower.knows(&event(1, "s", "UPDATE_IN_PROGRESS", "User Initiated", "t")));
        follower.take(vec![event(2, "A", "UPDATE_IN_PROGRESS", "", "t")]);
        assert!(follower.knows(&event(2, "A", "UPDATE_IN_PROGRESS", "", "t")));
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut pace = Pace::new(7);
        let delays: Vec<Duration> = (0..40).map(|_| pace.next_delay()).collect();
        assert!(delays[0] >= FIRST * 8 / 10 && delays[0] <= FIRST * 12 / 10);
        assert!(delays.iter().take(6).sum::<Duration>() < Duration::from_secs(1), "several looks in the first second");
        assert!(delays.iter().all(|d| *d <= LONGEST * 12 / 10));
        assert!(delays[39] >= LONGEST * 8 / 10);
        let mut other = Pace::new(8);
        assert_ne!(delays, (0..40).map(|_| other.next_delay()).collect::<Vec<_>>());
    }
}
