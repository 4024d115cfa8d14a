//! Reads why uploads get no record: the configuration of the pipeline's parts, the queue of failed events and the function's
//! log. `provisioner_planner::verify` judges what is read.

use provisioner_aws::Aws;
use provisioner_aws::function::Function;
use provisioner_aws::logs::Logs;
use provisioner_aws::object::Object;
use provisioner_aws::queue::{Message, Queue};
use provisioner_aws::stacks::Stacks;
use provisioner_model::call_error::CallError;
use provisioner_model::failed_event::FailedEvent;
use provisioner_model::log_lines::{Entry, Line};
use provisioner_model::names::Names;
use provisioner_model::status::Phase;
use provisioner_planner::verify::{Findings, crash_of, lets_s3_invoke};

use crate::clock;

/// The largest number of batches of ten messages that are read from the queue.
const MAX_QUEUE_READS: usize = 10;

/// Reads the configuration of the pipeline's parts, for objects of this key. What cannot be read is in
/// [`Findings::unreadable`].
pub async fn configuration(aws: &Aws, names: &Names, key: &str) -> Findings {
    let function = Function::new(aws, &names.function);
    let object = Object::new(aws, &names.bucket, key);
    let read = async {
        tokio::join!(object.invokes(&names.function), function.describe(), function.policy(), function.concurrency())
    };
    let (invokes, described, policy, concurrency) = Box::pin(read).await;
    let mut findings = Findings::default();
    let mut unreadable = Vec::new();
    let mut note = |what: &str, error: CallError| unreadable.push(format!("{what}: {error}"));
    match invokes {
        Ok(invokes) => findings.notified = Some(invokes),
        Err(error) => note("the bucket's notification", error),
    }
    match described {
        Ok(described) => findings.function = Some(described.map(|d| d.state)),
        Err(error) => note("the function", error),
    }
    match policy {
        Ok(policy) => findings.permitted = Some(policy.is_some_and(|policy| lets_s3_invoke(&policy))),
        Err(error) => note("the function's policy", error),
    }
    match concurrency {
        Ok(concurrency) => findings.concurrency = Some(concurrency),
        Err(error) => note("the function's concurrency", error),
    }
    if findings.function == Some(None) {
        match Box::pin(Stacks::new(aws).describe(&names.stack)).await {
            Ok(stack) => findings.deployed = Some(stack.is_some_and(|stack| stack.status.phase() != Phase::Absent)),
            Err(error) => note("the stack", error),
        }
    }
    findings.unreadable = unreadable;
    findings
}

/// The function's log since a time (milliseconds since the Unix epoch).
pub async fn log(aws: &Aws, names: &Names, since: i64) -> Result<Vec<Entry>, CallError> {
    let mut entries = Vec::new();
    let group = Logs::new(aws, &names.log_group);
    group.read(since, clock::now_millis() + clock::SKEW_MILLIS, |page| entries.extend(page)).await?;
    Ok(entries)
}

/// Adds what the log says of these keys, and of a process that ended since a time (milliseconds since the Unix epoch).
pub fn note_log(entries: &[Entry], concerns: impl Fn(&str) -> bool, since: i64, findings: &mut Findings) {
    findings.lines = entries.iter().filter_map(|entry| suspicious(entry, &concerns)).collect();
    findings.crash = crash_of(entries, since);
}

/// The line of an entry that can contain the reason of a failure.
fn suspicious(entry: &Entry, concerns: impl Fn(&str) -> bool) -> Option<String> {
    match entry.line() {
        Line::Handler(line) if line.level != "INFO" => {
            let fields: serde_json::Value = serde_json::from_str(&entry.message).unwrap_or_default();
            fields["key"].as_str().is_some_and(concerns).then_some(line.message)
        }
        Line::Text(text) => Some(text),
        _ => None,
    }
}

/// The first message in the queue of failed events about one of these keys, and its error. It stays visible to others.
pub async fn queued(
    aws: &Aws,
    names: &Names,
    concerns: impl Fn(&str) -> bool,
) -> Result<Option<(Queue, Message, FailedEvent)>, CallError> {
    let Some(queue) = Queue::find(aws, &names.queue).await? else { return Ok(None) };
    for _ in 0..MAX_QUEUE_READS {
        let messages = queue.peek().await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let failed = FailedEvent::parse(&message.body);
            if let Some(event) = failed.filter(|event| event.keys().any(&concerns)) {
                return Ok(Some((queue, message, event)));
            }
        }
    }
    Ok(None)
}
