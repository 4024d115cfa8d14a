//! Watching an operation: how often to look, which events belong to it, what failed first. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use provisioner_model::advice::{advice, is_consequence};
use provisioner_model::call_error::Kind;
use provisioner_model::stack::ResourceEvent;
use provisioner_model::status::{Phase, Progress, ResourceStatus, StackStatus};

use crate::event::deploy::DeployEvent;

/// The first pause. An emulator answers in milliseconds; CloudFormation itself needs seconds.
const FIRST: Duration = Duration::from_millis(20);
/// The longest pause while all goes well. CloudFormation allows each account about ten of these calls a second.
const LONGEST: Duration = Duration::from_millis(1500);
/// The longest pause after failures.
const LONGEST_AFTER_FAILURES: Duration = Duration::from_secs(10);
/// Failed looks in a row after which watching is given up. With their pauses this is about a quarter of an hour.
const MAX_FAILED_POLLS: u32 = 90;

/// The pauses between two looks: short at first, then about a second and a half, with jitter, so that several runs do
/// not ask in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    seed: u64,
    next: Duration,
    longest: Duration,
    failures: u32,
}

/// What a failed look means for the watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    /// It is the first in a row: worth telling.
    First,
    /// It was told.
    Known,
    /// It will not pass by waiting, or too many came in a row.
    GiveUp,
}

impl Backoff {
    /// Pauses whose jitter follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, next: FIRST, longest: LONGEST, failures: 0 }
    }

    /// A look failed. What passes by waiting is sat out, more and more slowly; a service that asks to slow down is asked
    /// less often from then on.
    pub fn failed(&mut self, kind: Kind) -> PollOutcome {
        match kind {
            Kind::Throttled => self.longest = (self.longest * 2).min(LONGEST_AFTER_FAILURES),
            Kind::Unreachable | Kind::Unavailable => {}
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

    /// A look succeeded. Returns whether the ones before had failed.
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

/// Sorts out the events of one operation.
#[derive(Debug)]
pub struct Follower {
    token: Option<String>,
    /// What the change set lists; `None` where there is none.
    listed: Option<HashSet<String>>,
    seen: HashSet<String>,
    last: HashMap<String, ResourceStatus>,
    cause: Option<String>,
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
            ended: None,
        }
    }

    /// Tells only of these resources, and of every failure. CloudFormation has no events of a resource that stays as it
    /// is; the emulator has them of each, although it leaves it alone.
    #[must_use]
    pub fn only_resources(self, logical_ids: impl IntoIterator<Item = String>) -> Self {
        Self { listed: Some(logical_ids.into_iter().collect()), ..self }
    }

    /// Follows whatever happens from now on: a cancellation goes on under another token.
    pub fn follow_any(&mut self) {
        self.token = None;
        self.listed = None;
        self.ended = None;
    }

    /// Whether it follows whatever happens.
    pub fn follows_any(&self) -> bool {
        self.token.is_none()
    }

    /// Whether this event, and so everything older, is known or belongs to an earlier operation.
    pub fn is_boundary(&self, event: &ResourceEvent) -> bool {
        self.seen.contains(&event.id) || event.stack_status.is_some_and(StackStatus::is_beginning)
    }

    /// Takes new events, newest first as the service lists them, and returns what is to be told, in time order.
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
            // CloudFormation tells some statuses twice, the second time with the physical id.
            if self.last.insert(event.logical_id.clone(), event.status.clone()).as_ref() == Some(&event.status) {
                continue;
            }
            let progress = event.status.progress();
            let stays = self.listed.as_ref().is_some_and(|listed| !listed.contains(&event.logical_id));
            if stays && progress != Progress::Failed {
                continue;
            }
            let reason = event.reason.clone().unwrap_or_default();
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
            status: ResourceStatus::parse(status),
            stack_status: StackStatus::parse(status).filter(|_| stack_level),
            reason: (!reason.is_empty()).then(|| reason.into()),
            token: Some(token.into()),
        }
    }

    #[test]
    fn the_first_cause_is_told_when_it_happens_and_only_once() {
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
        assert_eq!(resources, 4, "the repeated status is told once, the other operation's not at all");
        assert_eq!(follower.ended(), None);
        assert!(follower.cause().is_some_and(|c| c.contains("the reason")));

        follower
            .take(vec![event(8, "s", "ROLLBACK_COMPLETE", "", "t"), event(7, "s", "ROLLBACK_IN_PROGRESS", "", "t")]);
        assert_eq!(follower.ended(), Some(StackStatus::RollbackComplete));
    }

    #[test]
    fn what_stays_as_it_is_is_not_told_unless_it_fails() {
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
    fn what_passes_is_sat_out_and_what_does_not_is_told() {
        for kind in [Kind::Unreachable, Kind::Unavailable, Kind::Throttled] {
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
    fn a_service_that_asks_to_slow_down_is_asked_less_often_from_then_on() {
        let after = |kind| {
            let mut backoff = Backoff::new(7);
            backoff.failed(kind);
            assert!(backoff.succeeded());
            assert!(!backoff.succeeded(), "told once");
            (0..20).map(|_| backoff.next_delay()).last().unwrap()
        };
        assert!(after(Kind::Unreachable) <= LONGEST * 12 / 10);
        assert!(after(Kind::Throttled) > LONGEST * 12 / 10);
    }

    #[test]
    fn a_rollback_is_told_when_it_begins() {
        let mut follower = Follower::new(Some("t"));
        let events = follower.take(vec![event(1, "s", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", "t")]);
        assert!(matches!(&events[..], [DeployEvent::RollingBack { stack, .. }] if stack == "s"), "{events:?}");
    }

    #[test]
    fn a_cancellation_under_another_token_is_followed() {
        let mut follower = Follower::new(Some("t"));
        follower.take(vec![event(1, "A", "CREATE_IN_PROGRESS", "", "t")]);
        follower.follow_any();
        assert!(follower.is_boundary(&event(1, "A", "CREATE_IN_PROGRESS", "", "t")), "nothing is told twice");
        let events = follower.take(vec![event(2, "A", "DELETE_COMPLETE", "", "another")]);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::new(7);
        let delays: Vec<Duration> = (0..40).map(|_| backoff.next_delay()).collect();
        assert!(delays[0] >= FIRST * 8 / 10 && delays[0] <= FIRST * 12 / 10);
        assert!(delays.iter().take(6).sum::<Duration>() < Duration::from_secs(1), "several looks in the first second");
        assert!(delays.iter().take(3).sum::<Duration>() < Duration::from_millis(150), "an emulator is not waited for");
        assert!(delays.iter().all(|d| *d <= LONGEST * 12 / 10));
        assert!(delays[39] >= LONGEST * 8 / 10);
        let mut other = Backoff::new(8);
        assert_ne!(delays, (0..40).map(|_| other.next_delay()).collect::<Vec<_>>());
    }
}
