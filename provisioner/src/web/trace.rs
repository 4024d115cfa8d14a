//! What happened to the file of a record, from the function's log.

use handler_contract::Timestamp;
use provisioner_aws::logs::Logs;
use provisioner_model::error::Result;
use provisioner_model::log_lines::{Entry, Line};
use provisioner_web::pipeline::{Tone, TraceStep};
use serde_json::Value;

use super::Stack;

/// How long before the upload and after the record lines are looked for. Milliseconds.
const MARGIN: i64 = 10 * 60_000;
/// Calls of the log, at most.
const MOST_CALLS: usize = 5;

/// The steps, oldest first.
pub(super) async fn trace(stack: &Stack, record: &Value) -> Result<Vec<TraceStep>> {
    let time =
        |name: &str| record[name].as_str().and_then(|text| Timestamp::parse(text).ok()).map(|at| at.unix_millis());
    let (uploaded, processed) = (time("uploadedAt"), time("processedAt"));
    let id = record["documentId"].as_str().unwrap_or_default();
    let group = Logs::new(&stack.aws, &stack.names.log_group);
    let between = (uploaded.unwrap_or_default() - MARGIN, processed.or(uploaded).unwrap_or_default() + MARGIN);
    let word = format!("\"{id}\"");
    let lines = group.containing(&word, between, MOST_CALLS).await.map_err(|e| e.into_error("read the log"))?;
    let mut steps = vec![TraceStep { time: uploaded, title: "Uploaded".into(), detail: None, tone: Tone::Neutral }];
    steps.extend(lines.iter().filter_map(step));
    Ok(steps)
}

fn step(entry: &Entry) -> Option<TraceStep> {
    let Line::Handler(line) = entry.line() else { return None };
    let tone = match line.level.as_str() {
        "ERROR" => Tone::Bad,
        "WARN" => Tone::Warning,
        _ => Tone::Good,
    };
    let detail = line.duration_ms.map(|duration| format!("Read in {duration} ms"));
    Some(TraceStep { time: Some(entry.time), title: line.message, detail, tone })
}
