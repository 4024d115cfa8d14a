//! How events of `event::deploy` are told to people.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Style;
use super::table::table;
use crate::aws::stacks::Output;
use crate::event::deploy::DeployEvent;
use crate::package::short;
use crate::status::{self, Operation};
use crate::units::Size;

/// The words for a resource's type; the type itself where there are none.
pub fn words(kind: &str) -> &str {
    match kind {
        "AWS::S3::Bucket" => "bucket",
        "AWS::S3::BucketPolicy" => "bucket policy",
        "AWS::DynamoDB::Table" => "table of records",
        "AWS::Lambda::Function" => "handler function",
        "AWS::Lambda::Permission" => "permission to invoke",
        "AWS::Lambda::EventInvokeConfig" => "retry settings",
        "AWS::IAM::Role" => "handler's role",
        "AWS::IAM::Policy" => "handler's permissions",
        "AWS::Logs::LogGroup" => "log group",
        "AWS::SQS::Queue" => "queue of failed events",
        "AWS::SQS::QueuePolicy" => "queue policy",
        "AWS::CloudWatch::Alarm" => "alarm on failed events",
        other => other,
    }
}

/// The line for an event; `None` where a live line tells it.
pub fn line(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::Building => style.dim("building the handler (cargo decides whether there is something to do)"),
        DeployEvent::Packaged { sha256, zipped, unzipped } => format!(
            "handler {}: {}, zipped {}",
            style.strong(short(sha256)),
            Size(*unzipped).rounded(),
            Size(*zipped).rounded()
        ),
        DeployEvent::Planned { plan } => super::plan::text(plan, style),
        DeployEvent::Drifted { stack, drift } => super::plan::drifted(stack, drift, style),
        DeployEvent::RevertingInTwo { stack } => format!(
            "CloudFormation does not put everything back by itself: the template of {stack} first takes over what there is, then says again what should be"
        ),
        DeployEvent::DriftReverted { stack } => format!("{} {stack} is as it was deployed", style.good("✓")),
        DeployEvent::NoChange { stack } => format!("{} {stack} is up to date; nothing to change", style.good("✓")),
        DeployEvent::Recreating { stack, status } => format!(
            "{} {stack} is in {status}: nothing of it was ever in use. It is deleted and made anew.",
            style.warn("!")
        ),
        DeployEvent::EndingDeletion { stack, keeping } => format!(
            "{} the last deletion of {stack} failed. It is ended now; {} stays and is taken back.",
            style.warn("!"),
            if keeping.is_empty() { "nothing".to_owned() } else { keeping.join(", ") }
        ),
        DeployEvent::Adopting { resources } => format!(
            "taking back {}",
            resources.iter().map(|r| format!("{} {}", words(&r.kind), r.name)).collect::<Vec<_>>().join(" and ")
        ),
        DeployEvent::Attached { stack, operation } => {
            format!("the {} of {stack} runs already; showing it first", operation.noun())
        }
        DeployEvent::ContinuingRollback { stack, skipping } => {
            let skipping: Vec<&str> = skipping.iter().map(|(id, _)| id.as_str()).collect();
            let except =
                if skipping.is_empty() { String::new() } else { format!(", leaving {} as it is", skipping.join(", ")) };
            format!("continuing the rollback of {stack}{except}")
        }
        DeployEvent::ArtifactBucketCreated { bucket } => format!("made the artifact bucket {bucket}"),
        DeployEvent::Uploaded { bucket, key, size } => {
            format!("uploaded the handler ({}) to s3://{bucket}/{key}", Size(*size).rounded())
        }
        other => return during(other, style),
    })
}

/// The lines of an operation that runs.
fn during(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::Started { stack, operation, .. } => format!("{} of {stack} begins", capitalised(operation.noun())),
        DeployEvent::Resource { logical_id, kind, status, progress, time, reason } => {
            return resource(logical_id, kind, status, *progress, time, reason.as_deref(), style);
        }
        DeployEvent::Cause { logical_id, kind, reason, advice } => {
            let mut text = format!("{} {} {logical_id} failed first", style.bad("✗"), words(kind));
            if let Some(advice) = advice {
                text.push_str(&format!("\n  {} {advice}", style.warn("→")));
            }
            text.push_str(&format!("\n  {} {reason}", style.dim("CloudFormation:")));
            text
        }
        DeployEvent::Disturbed { reason } => {
            format!("{} CloudFormation cannot be reached; it goes on, and so does this: {reason}", style.warn("!"))
        }
        DeployEvent::Finished { stack, operation, status, success } => {
            let mark = if *success { style.good("✓") } else { style.bad("✗") };
            format!("{mark} {} of {stack} ended: {status}", operation.noun())
        }
        DeployEvent::Interrupted { operation, second } => match second {
            Some(second) => format!(
                "\n{} leaving; the {} goes on in AWS. Press Ctrl-C again within 3 seconds: that {second}.",
                style.warn("!"),
                operation.noun()
            ),
            None => format!("\n{} leaving; the {} goes on in AWS.", style.warn("!"), operation.noun()),
        },
        DeployEvent::Cancelling { operation } => format!("cancelling the {}", operation.noun()),
        other => return after(other, style),
    })
}

/// The lines of the end, and of what is taken down.
fn after(event: &DeployEvent, style: Style) -> Option<String> {
    Some(match event {
        DeployEvent::Ready { next, .. } => {
            format!("Next: {}", next.iter().map(|n| style.strong(n)).collect::<Vec<_>>().join("\n      "))
        }
        DeployEvent::DeletionPlanned { stack, deletes, keeps } => {
            let mut text = style.strong(&format!("Deleting {stack}"));
            for what in deletes {
                text.push_str(&format!("\n  {} {what}", style.bad("- delete")));
            }
            for what in keeps {
                text.push_str(&format!("\n  {} {what}", style.good("  keep  ")));
            }
            text
        }
        DeployEvent::Emptying { .. } if style.live => return None,
        DeployEvent::Emptying { bucket, deleted } => format!("emptying {bucket}: {deleted} deleted"),
        DeployEvent::Emptied { bucket, deleted } => {
            format!("emptied {bucket}: {deleted} versions, markers and open uploads deleted")
        }
        DeployEvent::Deleted { what, name } => format!("deleted the {what} {name}"),
        DeployEvent::NothingToDelete { stack, kept } if kept.is_empty() => {
            format!("there is nothing of {stack} to delete")
        }
        DeployEvent::NothingToDelete { stack, kept } => format!(
            "there is no stack {stack}. Its data is kept:\n  {}\nTo delete that too: provisioner down -s {stack} --delete-data",
            kept.join("\n  ")
        ),
        DeployEvent::Gone { stack, checked, kept } => {
            let mut text =
                format!("{} {stack} is gone. Looked for and not found: {}", style.good("✓"), checked.join(", "));
            if !kept.is_empty() {
                text.push_str(&format!("\n  kept: {}", kept.join(", ")));
            }
            text
        }
        DeployEvent::Redriven { sent, unreadable } => {
            let mut text = format!("{} {sent} failed event(s) sent to the handler again", style.good("✓"));
            if *unreadable > 0 {
                text.push_str(&format!("; {unreadable} message(s) hold no event and stay in the queue"));
            }
            text
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
    status: &str,
    progress: status::Progress,
    time: &str,
    reason: Option<&str>,
    style: Style,
) -> Option<String> {
    let (doing, done) = status::verb(status);
    let clock = time.get(11..19).unwrap_or(time);
    let what = format!("{:<22} {logical_id}", words(kind));
    let line = match progress {
        status::Progress::Running if style.live => return None,
        status::Progress::Running => format!("{clock} {doing:<11} {what}"),
        status::Progress::Done => format!("{clock} {} {what}", style.good(&format!("{done:<11}"))),
        status::Progress::Kept => format!("{clock} {:<11} {what}", "kept"),
        status::Progress::Failed => {
            let reason = reason.unwrap_or("no reason given");
            format!("{clock} {} {what}: {reason}", style.bad(&format!("{:<11}", "failed")))
        }
    };
    Some(line)
}

/// The outputs as data for people.
pub fn outputs(outputs: &[Output], style: Style) -> String {
    let rows: Vec<Vec<String>> = outputs.iter().map(|o| vec![o.key.clone(), o.value.clone()]).collect();
    table(&["OUTPUT", "VALUE"], &rows, Style { width: usize::MAX, ..style })
}

/// The live lines of an operation: one a resource that is worked on, each with its own clock, and one for the whole.
#[derive(Debug, Default)]
pub struct Progress {
    lines: HashMap<String, ProgressBar>,
    whole: Option<ProgressBar>,
}

impl Progress {
    /// Brings the live lines up to date. Off a terminal there are none.
    pub fn show(&mut self, event: &DeployEvent, live: &MultiProgress, style: Style) {
        if !style.live {
            return;
        }
        match event {
            DeployEvent::Started { operation, resources, stack } => {
                let whole = live.add(ProgressBar::new(resources.unwrap_or_default() as u64));
                let template = if resources.is_some() && *operation != Operation::Delete {
                    "  {elapsed:>4} {msg} {pos}/{len}"
                } else {
                    "  {elapsed:>4} {msg} {pos} done"
                };
                whole.set_style(lines_style(template));
                whole.set_message(format!("{} of {stack}", operation.noun()));
                whole.enable_steady_tick(Duration::from_millis(250));
                self.whole = Some(whole);
            }
            DeployEvent::Resource { logical_id, kind, status, progress, .. } => match progress {
                status::Progress::Running => {
                    let (doing, _) = status::verb(status);
                    let bar = self.lines.entry(logical_id.clone()).or_insert_with(|| {
                        let bar = match &self.whole {
                            Some(whole) => live.insert_before(whole, ProgressBar::new_spinner()),
                            None => live.add(ProgressBar::new_spinner()),
                        };
                        bar.set_style(lines_style("  {elapsed:>4} {spinner} {msg}"));
                        bar.enable_steady_tick(Duration::from_millis(250));
                        bar
                    });
                    bar.set_message(format!("{doing:<11} {:<22} {logical_id}", words(kind)));
                }
                status::Progress::Done | status::Progress::Failed | status::Progress::Kept => {
                    if let Some(bar) = self.lines.remove(logical_id) {
                        bar.finish_and_clear();
                    }
                    if let Some(whole) = &self.whole {
                        whole.inc(1);
                    }
                }
            },
            DeployEvent::Emptying { bucket, deleted } => {
                let bar = self.whole.get_or_insert_with(|| {
                    let bar = live.add(ProgressBar::new_spinner());
                    bar.set_style(lines_style("  {elapsed:>4} {spinner} {msg}"));
                    bar
                });
                bar.set_message(format!("emptying {bucket}: {deleted} deleted"));
            }
            DeployEvent::Emptied { .. } | DeployEvent::Finished { .. } | DeployEvent::Interrupted { .. } => {
                self.clear();
            }
            _ => {}
        }
    }

    fn clear(&mut self) {
        for (_, line) in self.lines.drain() {
            line.finish_and_clear();
        }
        if let Some(whole) = self.whole.take() {
            whole.finish_and_clear();
        }
    }
}

fn lines_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
