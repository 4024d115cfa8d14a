//! Human-readable lines for the events of `event::deploy`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use provisioner_engine::event::deploy::DeployEvent;
use provisioner_model::hash::short;
use provisioner_model::resource_type::words;
use provisioner_model::spec::DeploymentMode;
use provisioner_model::stack::Output;
use provisioner_model::status::{self, ResourceStatus};
use provisioner_model::text::{clean, clean_lines};
use provisioner_model::units::{Size, grouped};

use super::Style;
use super::live::{LineId, Live, Place};
use super::meter::{bar, clock};
use super::table::{cut, table};

/// Columns of a terminal below which a finished resource is shown without columns and clock.
const ROOM_FOR_COLUMNS: usize = 60;
/// Columns of a terminal below which a live line has no room for the verb and the logical ID.
const ROOM_FOR_VERBS: usize = 36;

/// The line for an event; `None` if a live line shows it.
pub fn line(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::Building => style.dim("building the handler (a no-op if cargo finds it up to date)"),
        DeployEvent::Packaged { sha256, zipped, unzipped, embedded, development } => format!(
            "handler {}{}{}: {}, zipped {}",
            style.strong(short(sha256)),
            if *embedded { " embedded in this program" } else { "" },
            if *development { ", a development build (stacks on AWS get the optimized one)" } else { "" },
            Size(*unzipped).rounded(),
            Size(*zipped).rounded()
        ),
        DeployEvent::Planned { plan } => super::plan::text(plan, style, false),
        DeployEvent::Drifted { stack, drift } => super::plan::drifted(stack, drift, style),
        DeployEvent::RevertingInTwo { stack } => format!(
            "CloudFormation cannot revert all of this drift in one update: {stack} is updated twice, first to the actual values, then to the template's"
        ),
        DeployEvent::DriftReverted { stack } => format!("{} {stack} is as it was deployed", style.good("✓")),
        DeployEvent::NoChange { stack } => format!("{} {stack} is up to date; nothing to change", style.good("✓")),
        DeployEvent::WaitingForQueueName { stack, seconds } => format!(
            "{} a queue of {stack} was deleted within the last minute, and SQS keeps its name reserved; the creation is \
             repeated in {seconds:.0} s",
            style.warn("!")
        ),
        DeployEvent::Recreating { stack, status } => {
            format!("{} {stack} is in {status}: it never completed. It is deleted and created again.", style.warn("!"))
        }
        DeployEvent::RetryingDeletion { stack, keeping } => format!(
            "{} the last deletion of {stack} failed. It is completed now; {} is retained and imported.",
            style.warn("!"),
            if keeping.is_empty() { "nothing".to_owned() } else { keeping.join(", ") }
        ),
        DeployEvent::Adopting { resources } => format!(
            "importing {}",
            resources.iter().map(|r| format!("{} {}", words(&r.kind), r.name)).collect::<Vec<_>>().join(" and ")
        ),
        DeployEvent::Attached { stack, operation } => {
            format!("the {} of {stack} is already running; following it first", operation.noun())
        }
        DeployEvent::ContinuingRollback { stack, skipping } => {
            let skipping: Vec<&str> = skipping.iter().map(|(id, _)| id.as_str()).collect();
            let except =
                if skipping.is_empty() { String::new() } else { format!(", leaving {} as it is", skipping.join(", ")) };
            format!("continuing the rollback of {stack}{except}")
        }
        DeployEvent::ArtifactBucketCreated { bucket } => format!("created the artifact bucket {bucket}"),
        DeployEvent::SharedArtifactsLeft { bucket } => format!(
            "{} the artifact bucket {bucket} is left: stacks of this account and Region shared it, and others may still use \
             it. After the last of them was updated, empty and delete it: aws s3 rb --force s3://{bucket}",
            style.warn("!")
        ),
        DeployEvent::Uploaded { bucket, key, size } => {
            format!("uploaded the handler ({}) to s3://{bucket}/{key}", Size(*size).rounded())
        }
        other => return during(other, style),
    })
}

/// The lines of a running operation.
fn during(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::Started { stack, operation, mode, .. } => {
            let how = if *mode == Some(DeploymentMode::Express) { " in express mode" } else { "" };
            format!("{} of {stack} started{how}", capitalised(operation.noun()))
        }
        DeployEvent::Resource { logical_id, kind, status, progress, time, reason } => {
            return resource(logical_id, kind, status, *progress, time, reason.as_deref(), style);
        }
        DeployEvent::Cause { logical_id, kind, reason, advice } => {
            let mut text = format!("{} {} {logical_id} failed first", style.bad("✗"), words(kind));
            if let Some(advice) = advice {
                text.push_str(&format!("\n  {} {}", style.warn("→"), clean_lines(advice)));
            }
            text.push_str(&format!("\n  {} {}", style.dim("CloudFormation:"), clean_lines(reason)));
            text
        }
        DeployEvent::ConnectionLost { reason } => {
            format!(
                "{} CloudFormation is not reachable; the operation continues there, and polling continues here: {}",
                style.warn("!"),
                clean_lines(reason)
            )
        }
        DeployEvent::ConnectionRestored => "CloudFormation is reachable again".to_owned(),
        DeployEvent::Conflict { stack } => {
            format!("{} another process changed {stack} at the same time; planning again", style.warn("!"))
        }
        DeployEvent::RollingBack { stack, reason, .. } => {
            let reason = reason.as_deref().map(|reason| format!(": {}", clean_lines(reason))).unwrap_or_default();
            format!("{} {stack} is rolled back{reason}", style.warn("!"))
        }
        DeployEvent::Finished { stack, operation, status, success } => {
            let mark = if *success { style.good("✓") } else { style.bad("✗") };
            format!("{mark} {} of {stack} ended: {status}", operation.noun())
        }
        DeployEvent::Interrupted { operation, back, second } => {
            let mut text = format!(
                "{} detaching; the {} continues in AWS. To follow it again: {back}",
                style.warn("!"),
                operation.noun()
            );
            if let Some(second) = second {
                text.push_str(&format!("\n  Ctrl-C again within 3 seconds asks whether to cancel it: that {second}."));
            }
            text
        }
        DeployEvent::Cancelling { operation } => format!("cancelling the {}", operation.noun()),
        DeployEvent::CodePushed { function, sha256, seconds } => {
            format!(
                "{} {function} runs the new code {} after {seconds:.1} s; the stack update follows",
                style.good("✓"),
                style.strong(short(sha256))
            )
        }
        DeployEvent::PushSkipped { function, reason } => {
            format!(
                "{} the code of {function} could not be updated directly, so the stack update does it: {}",
                style.warn("!"),
                clean_lines(reason)
            )
        }
        DeployEvent::CodeAfterFailure { function, sha256, new: false } => {
            format!("{function} is back at the previous code: {}", style.strong(short(sha256)))
        }
        DeployEvent::CodeAfterFailure { function, sha256, new: true } => format!(
            "{} {function} still runs the new code {}, but the stack has the previous code",
            style.warn("!"),
            style.strong(short(sha256))
        ),
        other => return after(other, style),
    })
}

/// The lines of the end of an operation, and of deletions.
fn after(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::TerminationProtection { stack, enabled } => format!(
            "{} {stack} {}",
            style.good("✓"),
            if *enabled { "is protected from termination" } else { "is no longer protected from termination" }
        ),
        DeployEvent::Ready { next, .. } if next.is_empty() => return None,
        DeployEvent::Ready { next, .. } => {
            format!("Next: {}", next.iter().map(|n| style.strong(n)).collect::<Vec<_>>().join("\n      "))
        }
        DeployEvent::DeletionPlanned { stack, deletes, keeps, .. } => {
            let mut text = style.strong(&format!("Plan to delete {stack}"));
            for what in deletes {
                text.push_str(&format!("\n  {} {what}", style.bad("- delete")));
            }
            for what in keeps {
                text.push_str(&format!("\n  {} {what}", style.good("  keep  ")));
            }
            text
        }
        DeployEvent::Emptying { .. } if style.live => return None,
        DeployEvent::Emptying { bucket, deleted, of: Some(of) } => {
            format!("emptying {bucket}: {} of {} deleted", grouped(*deleted), grouped(*of))
        }
        DeployEvent::Emptying { bucket, deleted, of: None } => {
            format!("emptying {bucket}: {} deleted", grouped(*deleted))
        }
        DeployEvent::Emptied { bucket, deleted } => {
            format!("emptied {bucket}: {} deleted (versions, markers and open uploads)", grouped(*deleted))
        }
        DeployEvent::Deleted { what, name } => format!("deleted the {what} {name}"),
        DeployEvent::NothingToDelete { stack, kept } if kept.is_empty() => {
            format!("there is nothing to delete for {stack}")
        }
        DeployEvent::NothingToDelete { stack, kept } => format!(
            "the stack {stack} does not exist. Its data is retained:\n  {}\nTo delete it too: provisioner down -s {stack} --delete-data",
            kept.join("\n  ")
        ),
        DeployEvent::Gone { stack, checked, kept } => {
            let mut text =
                format!("{} {stack} is deleted. Verified as absent: {}", style.good("✓"), checked.join(", "));
            if !kept.is_empty() {
                text.push_str(&format!("\n  kept: {}", kept.join(", ")));
            }
            text
        }
        DeployEvent::Returning { stack, sha256, at, template } => {
            let what = if *template { "code and template" } else { "code" };
            format!("Returning {stack} to the {what} of {}: handler {}", clean(at), clean(short(sha256)))
        }
        _ => return None,
    })
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn resource(
    logical_id: &str,
    kind: &str,
    status: &ResourceStatus,
    progress: status::Progress,
    time: &str,
    reason: Option<&str>,
    style: Style,
) -> Option<String> {
    let (doing, done) = status.verb();
    // On a terminal the time of day is enough; a log also needs the date.
    let clock = if style.live { time.get(11..19).unwrap_or(time).to_owned() } else { to_the_second(time) };
    let what = format!("{:<22} {logical_id}", words(kind));
    let finished = |verb: &str| {
        if !style.live {
            return format!("{clock} {} {what}", style.good(&format!("{verb:<11}")));
        }
        // Finished lines must not wrap either: on a narrow terminal the most important words come first.
        if style.width < ROOM_FOR_COLUMNS {
            return cut(&format!("{verb} {} {logical_id}", words(kind)), style.width);
        }
        let room = style.width.saturating_sub(clock.len() + 13);
        format!("{clock} {} {}", style.good(&format!("{verb:<11}")), cut(&what, room))
    };
    let line = match progress {
        status::Progress::Running if style.live => return None,
        status::Progress::Running => format!("{clock} {doing:<11} {what}"),
        status::Progress::Done => finished(done),
        status::Progress::Kept => finished("kept"),
        // The reason of a failure is never truncated.
        status::Progress::Failed => {
            let reason = clean_lines(reason.unwrap_or("no reason given"));
            format!("{clock} {} {what}: {reason}", style.bad(&format!("{:<11}", "failed")))
        }
    };
    Some(line.trim_end().to_owned())
}

/// A time without fractions of a second.
fn to_the_second(time: &str) -> String {
    match time.get(..19) {
        Some(head) if time.ends_with('Z') => format!("{head}Z"),
        _ => time.to_owned(),
    }
}

/// Whether the line of an event is prefixed with the current time in a log. Lines of resources have CloudFormation's
/// time.
pub fn is_dated(event: &DeployEvent) -> bool {
    !matches!(
        event,
        DeployEvent::Resource { .. }
            | DeployEvent::Planned { .. }
            | DeployEvent::Drifted { .. }
            | DeployEvent::DeletionPlanned { .. }
            | DeployEvent::NothingToDelete { .. }
            | DeployEvent::Ready { .. }
    )
}

/// The outputs as a table.
pub fn outputs(outputs: &[Output], style: Style) -> String {
    let rows: Vec<Vec<String>> = outputs.iter().map(|o| vec![o.key.clone(), o.value.clone()]).collect();
    table(&["OUTPUT", "VALUE"], &rows, Style { width: usize::MAX, ..style })
}

/// The live lines of an operation: one for each resource in progress, with its own clock, and one for the total.
#[derive(Debug, Default)]
pub struct Progress {
    lines: HashMap<String, (LineId, Instant)>,
    total: Option<(LineId, Arc<Mutex<Total>>)>,
    /// Without a terminal, the number of deletions at which the next line about emptying is printed.
    next_printed: u64,
}

/// The total progress of an operation.
#[derive(Debug)]
struct Total {
    since: Instant,
    title: String,
    /// Resources that are finished, each counted once.
    done: BTreeSet<String>,
    counted: u64,
    of: Option<u64>,
}

impl Total {
    fn new(title: String, of: Option<u64>) -> Self {
        Self { since: Instant::now(), title, done: BTreeSet::new(), counted: 0, of }
    }

    fn line(&self, elapsed: Duration, width: usize) -> String {
        let done = self.counted + self.done.len() as u64;
        match self.of {
            Some(of) if of >= done => {
                format!("{}{}{}/{} {}", clock(elapsed), bar(done, of, width), grouped(done), grouped(of), self.title)
            }
            // More resources than expected: the total for a bar is unknown.
            _ => format!("{}{} done, {}", clock(elapsed), grouped(done), self.title),
        }
    }
}

impl Progress {
    /// Updates the live lines. Returns whether the event's line is printed too.
    pub fn show(&mut self, event: &DeployEvent, live: &Live) -> bool {
        match event {
            DeployEvent::Attached { stack, operation } => {
                self.start(live, Total::new(format!("{} of {stack}", operation.noun()), None));
            }
            DeployEvent::Started { operation, resources, stack, .. } => {
                let of = resources.map(|n| n as u64);
                self.start(live, Total::new(format!("{} of {stack}", operation.noun()), of));
            }
            DeployEvent::RollingBack { .. } => {
                self.change(|total| {
                    total.title = format!("rolling back: {}", total.title);
                    total.done.clear();
                    total.of = None;
                });
            }
            DeployEvent::Resource { logical_id, kind, status, progress, .. } => match progress {
                status::Progress::Running => self.work(live, logical_id, kind, status),
                status::Progress::Done | status::Progress::Failed | status::Progress::Kept => {
                    if let Some((line, _)) = self.lines.remove(logical_id) {
                        live.remove(line);
                    }
                    self.change(|total| {
                        total.done.insert(logical_id.clone());
                    });
                }
            },
            DeployEvent::Emptying { bucket, deleted, of } => {
                if self.total.is_none() {
                    self.start(live, Total::new(format!("emptying {bucket}"), *of));
                }
                self.change(|total| total.counted = *deleted);
                // A line at 1,000, 2,000, 4,000, …: few enough for a log, whatever the bucket holds.
                let print = *deleted >= self.next_printed;
                if print {
                    self.next_printed = deleted.saturating_mul(2);
                }
                return print;
            }
            DeployEvent::Emptied { .. } | DeployEvent::Finished { .. } | DeployEvent::Interrupted { .. } => {
                self.lines.clear();
                self.total = None;
                self.next_printed = 0;
                live.clear();
            }
            _ => {}
        }
        true
    }

    fn start(&mut self, live: &Live, total: Total) {
        live.clear();
        self.lines.clear();
        let total = Arc::new(Mutex::new(total));
        let shown = Arc::clone(&total);
        let id = live.add(Place::Total, move |width| {
            let total = shown.lock().unwrap_or_else(PoisonError::into_inner);
            total.line(total.since.elapsed(), width)
        });
        self.total = Some((id, total));
    }

    fn change(&self, change: impl FnOnce(&mut Total)) {
        if let Some((_, total)) = &self.total {
            change(&mut total.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Shows a resource in progress: starts its clock, or changes its verb.
    fn work(&mut self, live: &Live, logical_id: &str, kind: &str, status: &ResourceStatus) {
        let (doing, _) = status.verb();
        let (what, text) = (words(kind).to_owned(), format!("{doing} {} {logical_id}", words(kind)));
        let draw = move |since: Instant, width: usize| {
            format!("{}{}", clock(since.elapsed()), if width < ROOM_FOR_VERBS { &what } else { &text })
        };
        if let Some((id, since)) = self.lines.get(logical_id).copied() {
            live.set(id, move |width| draw(since, width));
            return;
        }
        let since = Instant::now();
        let id = live.add(Place::Part, move |width| draw(since, width));
        self.lines.insert(logical_id.to_owned(), (id, since));
    }
}

#[cfg(test)]
mod tests {
    use provisioner_model::status::Operation;

    use super::*;

    fn seen(event: &DeployEvent, progress: &mut Progress) -> String {
        progress.show(event, &Live::hidden());
        let (_, total) = progress.total.as_ref().unwrap();
        total.lock().unwrap().line(Duration::from_secs(65), 60)
    }

    fn resource(id: &str, status: &str) -> DeployEvent {
        DeployEvent::Resource {
            logical_id: id.into(),
            kind: "AWS::SQS::Queue".into(),
            progress: ResourceStatus::parse(status).progress(),
            status: ResourceStatus::parse(status),
            time: "2026-11-22T12:00:00Z".into(),
            reason: None,
        }
    }

    #[test]
    fn the_overall_bar_counts_each_resource_once() {
        let mut progress = Progress::default();
        let started =
            DeployEvent::Started { stack: "shop".into(), operation: Operation::Create, resources: Some(2), mode: None };
        assert_eq!(seen(&started, &mut progress), " 1m05s [---------------] 0/2 creation of shop");
        seen(&resource("A", "CREATE_IN_PROGRESS"), &mut progress);
        assert_eq!(
            seen(&resource("A", "CREATE_COMPLETE"), &mut progress),
            " 1m05s [#######--------] 1/2 creation of shop"
        );
        // A resource counts once; an unexpected resource replaces the bar with a count.
        assert!(seen(&resource("A", "UPDATE_COMPLETE"), &mut progress).contains("1/2"));
        seen(&resource("B", "CREATE_COMPLETE"), &mut progress);
        assert_eq!(seen(&resource("C", "CREATE_COMPLETE"), &mut progress), " 1m05s 3 done, creation of shop");
        let back = DeployEvent::RollingBack { stack: "shop".into(), time: String::new(), reason: None };
        assert_eq!(seen(&back, &mut progress), " 1m05s 0 done, rolling back: creation of shop");
    }

    #[test]
    fn emptying_prints_few_lines_without_a_terminal() {
        let mut progress = Progress::default();
        let printed = (1..=1_000)
            .filter(|n| {
                let event = DeployEvent::Emptying { bucket: "b".into(), deleted: n * 1_000, of: None };
                progress.show(&event, &Live::hidden())
            })
            .count();
        assert_eq!(printed, 10, "at 1,000, 2,000, 4,000, … of a million");
    }

    #[test]
    fn a_finished_resource_never_wraps_on_a_terminal() {
        for (width, expected) in [
            (20, "created queue of fa…"),
            (40, "created queue of failed events AnIdThat…"),
            (60, "12:00:00 created     queue of failed events AnIdThatIsVeryL…"),
            (80, "12:00:00 created     queue of failed events AnIdThatIsVeryLong"),
        ] {
            let style = Style { colour: true, live: true, width };
            let text = line(&resource("AnIdThatIsVeryLong", "CREATE_COMPLETE"), style).unwrap();
            let plain = text.replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
            assert_eq!(plain, expected);
            assert!(unicode_width::UnicodeWidthStr::width(plain.as_str()) <= width, "{plain}");
        }
    }
}
