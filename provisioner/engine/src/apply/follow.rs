//! Follows an operation: the poll intervals, the events that belong to it, the first cause of a failure. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use handler_contract::Timestamp;
use provisioner_model::advice::{advice, is_consequence, is_queue_name_reserved};
use provisioner_model::call_error::Kind;
use provisioner_model::stack::ResourceEvent;
use provisioner_model::status::{Phase, Progress, ResourceStatus, StackStatus};

use crate::event::deploy::DeployEvent;

/// The first pause. An emulator answers in milliseconds; CloudFormation itself needs seconds.
const FIRST: Duration = Duration::from_millis(20);
/// The longest pause without failures. CloudFormation allows each account about ten of these calls a second.
const LONGEST: Duration = Duration::from_millis(1500);
/// The longest pause after failures.
const LONGEST_AFTER_FAILURES: Duration = Duration::from_secs(10);
/// The number of consecutive failed polls after which following stops. With their pauses this is about 15 minutes.
const MAX_FAILED_POLLS: u32 = 90;

/// For how long the name of a deleted queue cannot be used (SQS API reference, `DeleteQueue`), and a second for clocks.
const QUEUE_NAME_MILLIS: i64 = 61_000;

/// The pauses between two polls: short at first, then about 1.5 seconds, with jitter, so that several runs do not poll in
/// step.
#[derive(Debug, Clone)]
pub struct Backoff {
    seed: u64,
    next: Duration,
    longest: Duration,
    failures: u32,
}

/// The consequence of a failed poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    /// The first failure in a row: report it.
    First,
    /// The failure was reported already.
    Known,
    /// The error is permanent, or too many polls failed in a row.
    GiveUp,
}

impl Backoff {
    /// Pauses whose jitter follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, next: FIRST, longest: LONGEST, failures: 0 }
    }

    /// Records a failed poll. Transient errors are retried with growing pauses; after throttling, all later polls are less
    /// frequent.
    pub fn failed(&mut self, kind: Kind) -> PollOutcome {
        match kind {
            Kind::Throttled => self.longest = (self.longest * 2).min(LONGEST_AFTER_FAILURES),
            // A network that asks to sign in answers in place of AWS, as after a laptop has slept.
            Kind::Unreachable | Kind::Unavailable | Kind::NotAws => {}
            _ => return PollOutcome::GiveUp,
        }
        self.next = (self.next * 2).clamp(LONGEST / 3, LONGEST_AFTER_FAILURES);
        self.failures += 1;
        match self.failures {
            1 => PollOutcome::First,
            2..=MAX_FAILED_POLLS => PollOutcome::Known,
            _ => PollOutcome::GiveUp,
        }
    }

    /// Records a successful poll. Returns whether the previous polls had failed.
    pub fn succeeded(&mut self) -> bool {
        self.next = self.next.min(self.longest);
        std::mem::take(&mut self.failures) > 0
    }

    /// The next pause.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.next;
        if self.failures == 0 {
            self.next = (delay * 3 / 2).min(self.longest);
        }
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Between 80 % and 120 %.
        let percent = 80 + u32::try_from(self.seed >> 33).unwrap_or_default() % 41;
        delay * percent / 100
    }
}

/// Filters the events of one operation.
#[derive(Debug)]
pub struct Follower {
    token: Option<String>,
    /// The resources of the change set; `None` without one.
    listed: Option<HashSet<String>>,
    seen: HashSet<String>,
    last: HashMap<String, ResourceStatus>,
    cause: Option<String>,
    /// From when on the name of a queue can be used again, if that was the cause. Milliseconds since the Unix epoch.
    queue_name_free_at: Option<i64>,
    ended: Option<StackStatus>,
}

impl Follower {
    /// Follows the operation with this token, or without one the latest.
    pub fn new(token: Option<&str>) -> Self {
        Self {
            token: token.map(ToOwned::to_owned),
            listed: None,
            seen: HashSet::new(),
            last: HashMap::new(),
            cause: None,
            queue_name_free_at: None,
            ended: None,
        }
    }

    /// Reports only these resources, and every failure. CloudFormation has no events for unchanged resources; the emulator
    /// has events for all resources.
    #[must_use]
    pub fn only_resources(self, logical_ids: impl IntoIterator<Item = String>) -> Self {
        Self { listed: Some(logical_ids.into_iter().collect()), ..self }
    }

    /// Follows any operation from now on: a cancellation has another token.
    pub fn follow_any(&mut self) {
        self.token = None;
        self.listed = None;
        self.ended = None;
    }

    /// Whether it follows any operation.
    pub fn follows_any(&self) -> bool {
        self.token.is_none()
    }

    /// Whether this event, and so everything older, is known or belongs to an earlier operation.
    pub fn is_boundary(&self, event: &ResourceEvent) -> bool {
        self.seen.contains(&event.id) || event.stack_status.is_some_and(StackStatus::is_beginning)
    }

    /// Processes new events, newest first as the service lists them, and returns the events to report, in order of time.
    pub fn take(&mut self, newest_first: Vec<ResourceEvent>) -> Vec<DeployEvent> {
        let mut events = Vec::new();
        for event in newest_first.into_iter().rev() {
            self.seen.insert(event.id.clone());
            if self.token.is_some() && event.token != self.token {
                continue;
            }
            if event.stack_level {
                self.ended = event.stack_status.filter(|status| status.phase() != Phase::Running);
                if event.stack_status.is_some_and(StackStatus::is_rolling_back) {
                    let reason = event.reason.clone();
                    events.push(DeployEvent::RollingBack {
                        stack: event.logical_id.clone(),
                        time: event.time.clone(),
                        reason,
                    });
                }
                if let Some(reason) = event.reason.filter(|_| event.status.progress() == Progress::Failed) {
                    self.cause.get_or_insert(reason);
                }
                continue;
            }
            // CloudFormation reports some statuses twice, the second time with the physical id.
            if self.last.insert(event.logical_id.clone(), event.status.clone()).as_ref() == Some(&event.status) {
                continue;
            }
            let progress = event.status.progress();
            let stays = self.listed.as_ref().is_some_and(|listed| !listed.contains(&event.logical_id));
            if stays && progress != Progress::Failed {
                continue;
            }
            let reason = event.reason.clone().unwrap_or_default();
            if progress == Progress::Failed && is_queue_name_reserved(&reason) {
                self.queue_name_free_at =
                    Timestamp::parse(&event.time).ok().map(|at| at.unix_millis() + QUEUE_NAME_MILLIS);
            }
            let first = progress == Progress::Failed && self.cause.is_none() && !is_consequence(&reason);
            events.push(DeployEvent::Resource {
                logical_id: event.logical_id.clone(),
                kind: event.kind.clone(),
                status: event.status,
                progress,
                time: event.time,
                reason: event.reason,
            });
            if first {
                self.cause = Some(format!("{} ({}): {reason}", event.logical_id, event.kind));
                events.push(DeployEvent::Cause {
                    logical_id: event.logical_id,
                    kind: event.kind,
                    advice: advice(&reason),
                    reason,
                });
            }
        }
        events
    }

    /// The status in which the operation ended, once it has.
    pub fn ended(&self) -> Option<StackStatus> {
        self.ended
    }

    /// From when on the name of a queue can be used again, if the operation failed because one of that name was deleted
    /// recently. Milliseconds since the Unix epoch.
    pub fn queue_name_free_at(&self) -> Option<i64> {
        self.queue_name_free_at
    }

    /// The first failure, in words.
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
            status: ResourceStatus::parse(status),
            stack_status: StackStatus::parse(status).filter(|_| stack_level),
            reason: (!reason.is_empty()).then(|| reason.into()),
            token: Some(token.into()),
        }
    }

    #[test]
    fn the_first_cause_is_reported_once_when_it_happens() {
        let mut follower = Follower::new(Some("t"));
        let events = follower.take(vec![
            event(6, "C", "CREATE_FAILED", "another reason", "t"),
            event(5, "B", "CREATE_FAILED", "the reason", "t"),
            event(4, "A", "CREATE_FAILED", "Resource creation cancelled", "t"),
            event(3, "A", "CREATE_IN_PROGRESS", "Resource creation Initiated", "t"),
            event(2, "A", "CREATE_IN_PROGRESS", "", "t"),
            event(1, "Old", "CREATE_FAILED", "of an earlier operation", "other"),
        ]);
        let causes: Vec<_> = events
            .iter()
            .filter_map(|e| match e {
                DeployEvent::Cause { logical_id, reason, .. } => Some((logical_id.as_str(), reason.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(causes, [("B", "the reason")]);
        let resources = events.iter().filter(|e| matches!(e, DeployEvent::Resource { .. })).count();
        assert_eq!(resources, 4, "the repeated status is reported once, the other operation is ignored");
        assert_eq!(follower.ended(), None);
        assert!(follower.cause().is_some_and(|c| c.contains("the reason")));

        follower
            .take(vec![event(8, "s", "ROLLBACK_COMPLETE", "", "t"), event(7, "s", "ROLLBACK_IN_PROGRESS", "", "t")]);
        assert_eq!(follower.ended(), Some(StackStatus::RollbackComplete));
    }

    #[test]
    fn unchanged_resources_are_reported_only_on_failure() {
        let mut follower = Follower::new(Some("t")).only_resources(["A".to_owned()]);
        let events = follower.take(vec![
            event(4, "C", "UPDATE_FAILED", "the reason", "t"),
            event(3, "B", "UPDATE_COMPLETE", "", "t"),
            event(2, "A", "UPDATE_COMPLETE", "", "t"),
            event(1, "B", "UPDATE_IN_PROGRESS", "", "t"),
        ]);
        let ids: Vec<_> = events
            .iter()
            .filter_map(|e| match e {
                DeployEvent::Resource { logical_id, .. } => Some(logical_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(ids, ["A", "C"]);
        assert!(follower.cause().is_some_and(|c| c.contains("the reason")));
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
        assert!(!follower.is_boundary(&event(2, "A", "UPDATE_IN_PROGRESS", "", "t")));
        assert!(follower.is_boundary(&event(1, "s", "UPDATE_IN_PROGRESS", "User Initiated", "t")));
        follower.take(vec![event(2, "A", "UPDATE_IN_PROGRESS", "", "t")]);
        assert!(follower.is_boundary(&event(2, "A", "UPDATE_IN_PROGRESS", "", "t")));
    }

    #[test]
    fn transient_errors_are_retried_and_permanent_ones_are_not() {
        for kind in [Kind::Unreachable, Kind::Unavailable, Kind::NotAws, Kind::Throttled] {
            let mut backoff = Backoff::new(7);
            assert_eq!(backoff.failed(kind), PollOutcome::First, "{kind:?}");
            let mut waited = backoff.next_delay();
            while backoff.failed(kind) == PollOutcome::Known {
                waited += backoff.next_delay();
            }
            assert!(waited > Duration::from_mins(10) && waited < Duration::from_mins(20), "{kind:?}: {waited:?}");
        }
        for kind in [Kind::Expired, Kind::Denied, Kind::NotFound, Kind::Other] {
            assert_eq!(Backoff::new(7).failed(kind), PollOutcome::GiveUp, "{kind:?}");
        }
    }

    #[test]
    fn after_throttling_polls_are_less_frequent() {
        let after = |kind| {
            let mut backoff = Backoff::new(7);
            backoff.failed(kind);
            assert!(backoff.succeeded());
            assert!(!backoff.succeeded(), "reported once");
            (0..20).map(|_| backoff.next_delay()).last().unwrap()
        };
        assert!(after(Kind::Unreachable) <= LONGEST * 12 / 10);
        assert!(after(Kind::Throttled) > LONGEST * 12 / 10);
    }

    #[test]
    fn a_rollback_is_reported_when_it_starts() {
        let mut follower = Follower::new(Some("t"));
        let events = follower.take(vec![event(1, "s", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", "t")]);
        assert!(matches!(&events[..], [DeployEvent::RollingBack { stack, .. }] if stack == "s"), "{events:?}");
    }

    #[test]
    fn a_cancellation_under_another_token_is_followed() {
        let mut follower = Follower::new(Some("t"));
        follower.take(vec![event(1, "A", "CREATE_IN_PROGRESS", "", "t")]);
        follower.follow_any();
        assert!(follower.is_boundary(&event(1, "A", "CREATE_IN_PROGRESS", "", "t")), "nothing is reported twice");
        let events = follower.take(vec![event(2, "A", "DELETE_COMPLETE", "", "another")]);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::new(7);
        let delays: Vec<Duration> = (0..40).map(|_| backoff.next_delay()).collect();
        assert!(delays[0] >= FIRST * 8 / 10 && delays[0] <= FIRST * 12 / 10);
        assert!(delays.iter().take(6).sum::<Duration>() < Duration::from_secs(1), "several polls in the first second");
        assert!(delays.iter().take(3).sum::<Duration>() < Duration::from_millis(150), "an emulator is not waited for");
        assert!(delays.iter().all(|d| *d <= LONGEST * 12 / 10));
        assert!(delays[39] >= LONGEST * 8 / 10);
        let mut other = Backoff::new(8);
        assert_ne!(delays, (0..40).map(|_| other.next_delay()).collect::<Vec<_>>());
    }
}
