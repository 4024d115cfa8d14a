//! Evaluates a canary: the duration of each stage of the pipeline, or the cause if no record arrived. Pure.

use provisioner_model::failed_event::FailedEvent;
use provisioner_model::log_lines::Entry;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Timestamps of a canary whose record arrived. Milliseconds since the Unix epoch, by this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// The start of the upload.
    pub put: i64,
    /// S3's response.
    pub stored: i64,
    /// The record was read.
    pub seen: i64,
}

/// What the handler's log contains about the canary, by the function's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogObservation {
    /// The start and the end of the first processing of the file.
    pub handled: Option<(i64, i64)>,
    /// How often the handler processed the file.
    pub times: usize,
}

/// Extracts the processing of this key from log entries.
pub fn observe_log(entries: &[Entry], key: &str) -> LogObservation {
    let mut log = LogObservation::default();
    for entry in entries {
        let Ok(line) = serde_json::from_str::<Value>(&entry.message) else { continue };
        let (Some(duration), true) = (line["durationMs"].as_i64(), line["key"] == key) else { continue };
        if line["outcome"].is_null() {
            continue;
        }
        let ended = line["timestamp"].as_str().and_then(|t| handler_contract::Timestamp::parse(t).ok());
        let ended = ended.map_or(entry.time, |time| time.unix_millis());
        log.times += 1;
        if log.handled.is_none_or(|(_, before)| ended < before) {
            log.handled = Some((ended - duration, ended));
        }
    }
    log
}

/// A stage of the canary's way through the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Leg {
    /// Its name: `put`, `event`, `handler`, `record`; or `event+handler+record` if the log does not separate them.
    pub leg: &'static str,
    /// A description of the stage.
    pub what: &'static str,
    /// The duration, milliseconds.
    pub millis: u64,
}

/// The stages. If the log has no entry yet, or its clock differs so much that a duration would be negative, the stages
/// that only the log separates are combined.
pub fn legs(moments: Moments, log: LogObservation) -> Vec<Leg> {
    let leg = |leg, what, from: i64, to: i64| Leg { leg, what, millis: u64::try_from(to - from).unwrap_or_default() };
    let put = leg("put", "the upload, until S3's response", moments.put, moments.stored);
    match log.handled {
        // The handler can start before S3's response arrives here.
        Some((began, ended)) if began >= moments.put && ended <= moments.seen => vec![
            put,
            leg("event", "S3's event, until the handler started", moments.stored, began),
            leg("handler", "reading the file and writing the record", began, ended),
            leg("record", "until the record was read", ended, moments.seen),
        ],
        _ => vec![put, leg("event+handler+record", "until the record was read", moments.stored, moments.seen)],
    }
}

/// The state of the pipeline's parts when no record arrived. `None` if a part could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Whether the stack is deployed; read only where there is no function.
    pub deployed: Option<bool>,
    /// Whether the bucket notifies the function of new objects with such a key.
    pub notified: Option<bool>,
    /// Whether S3 may invoke the function.
    pub permitted: Option<bool>,
    /// The function's state (`Active`, …); `Some(None)` if there is no function.
    pub function: Option<Option<String>>,
    /// The function's reserved concurrency; `Some(None)` if it has none.
    pub concurrency: Option<Option<u32>>,
    /// The error of the canary's event in the queue of failed events.
    pub queued: Option<FailedEvent>,
    /// How the handler's process ended, according to the log.
    pub crash: Option<String>,
    /// Log lines that can concern the canary: warnings, errors, and lines that the handler did not write.
    pub lines: Vec<String>,
    /// Parts that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// The code of an error whose cause is that the handler's process ends instead of answering.
pub const HANDLER_CRASHES: &str = "handler-crashes";
/// The code of every other error of a verification.
pub const NOT_VERIFIED: &str = "not-verified";

/// Why a canary did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// [`HANDLER_CRASHES`] or [`NOT_VERIFIED`].
    pub code: &'static str,
    /// The cause, in words.
    pub text: String,
    /// How to fix it; `{stack}` is replaced by the stack's name.
    pub hint: String,
}

impl Cause {
    /// A cause other than a crash of the handler.
    pub fn new(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: NOT_VERIFIED, text: text.into(), hint: hint.into() }
    }
}

/// The hint for a failure whose details the function's log has.
const LOGS: &str = "See the function's log: provisioner logs -s {stack}";

/// The hint for a resource that was changed out of band.
const DRIFT: &str = "It was changed outside CloudFormation. Show the drift with `provisioner plan -s {stack}`, \
                     revert it with `provisioner up -s {stack} --revert-drift`.";

/// A resource that was changed or deleted out of band.
pub fn out_of_band(text: &str) -> Cause {
    Cause::new(text, DRIFT)
}

/// A cause that is certain, so that waiting longer cannot help.
pub fn certain_cause(findings: &Findings) -> Option<Cause> {
    let cause = |text: &str, hint: &str| Some(Cause::new(text, hint));
    if findings.function == Some(None) && findings.deployed == Some(false) {
        return cause(
            "the stack is not deployed; only its data was kept",
            "Deploy it first: provisioner up -s {stack}",
        );
    }
    if findings.function == Some(None) {
        return cause("the function does not exist any more", DRIFT);
    }
    if findings.notified == Some(false) {
        return cause(
            "the bucket does not notify the function of new files: its notification is missing or differs",
            DRIFT,
        );
    }
    if findings.permitted == Some(false) {
        return cause("the function's policy does not allow the bucket to invoke it", DRIFT);
    }
    if findings.concurrency == Some(Some(0)) {
        return cause("the function's reserved concurrency is 0, so that nothing can invoke it", DRIFT);
    }
    None
}

/// Whether the canary's event can still arrive. S3 sends no event if the bucket has no notification, lacks the permission
/// to invoke, or the function does not exist; Lambda keeps an event that it cannot run yet.
pub fn event_possible(findings: &Findings) -> bool {
    findings.notified != Some(false) && findings.permitted != Some(false) && findings.function != Some(None)
}

/// The most likely cause.
pub fn cause(findings: &Findings) -> Cause {
    if let Some(certain) = certain_cause(findings) {
        return certain;
    }
    if let Some(cause) = failed_attempts(findings) {
        return cause;
    }
    if let Some(line) = findings.lines.first() {
        return Cause::new(format!("the handler failed; from its log: {line}"), LOGS);
    }
    match &findings.function {
        Some(Some(state)) if state != "Active" => Cause::new(
            format!("the function is not ready: its state is {state}"),
            "Try again in a minute: provisioner verify -s {stack}",
        ),
        _ => Cause::new(
            "bucket, permission and function are configured correctly, and neither the log nor the queue of failed \
             events contains a reason",
            "S3's events can take a minute. Try again: provisioner verify -s {stack}",
        ),
    }
}

/// A cause that the queue of failed events or the log has already while the record is awaited: every attempt failed, or the
/// handler's process ends as soon as it starts. Waiting longer cannot help then.
pub fn failed_attempts(findings: &Findings) -> Option<Cause> {
    let crash = |how: &str| Cause {
        code: HANDLER_CRASHES,
        text: format!("the handler's process ends without processing the file: {how}"),
        hint: LOGS.to_owned(),
    };
    match (&findings.queued, &findings.crash) {
        (Some(queued), _) if queued.is_crash() => Some(crash(queued.reason())),
        (Some(queued), _) => Some(Cause::new(
            format!(
                "the handler failed at every attempt, and the event went to the queue of failed events: {}",
                queued.reason()
            ),
            LOGS,
        )),
        (None, Some(how)) => Some(crash(how)),
        (None, None) => None,
    }
}

/// How the function's process ended at a time or later (milliseconds since the Unix epoch), if Lambda logged that it ended.
///
/// Lambda developer guide, "Understanding the Lambda execution environment lifecycle" (`INIT_REPORT`, `Status: error`) and
/// "Lambda telemetry API event schema" (`platform.initReport`, `platform.runtimeDone`), where the log format is JSON.
pub fn crash_of(entries: &[Entry], since: i64) -> Option<String> {
    let mut crash = None;
    for entry in entries.iter().filter(|entry| entry.time >= since) {
        let text = entry.message.trim_end();
        if let Ok(line) = serde_json::from_str::<Value>(text) {
            let record = &line["record"];
            let is_end = line["type"] == "platform.initReport" || line["type"] == "platform.runtimeDone";
            if is_end && record["status"] == "error" {
                crash.get_or_insert_with(|| record["errorType"].as_str().unwrap_or("no reason given").to_owned());
            }
        } else if let Some((_, how)) = text.split_once("Error: Runtime exited") {
            // The clearest of the lines: `RequestId: … Error: Runtime exited with error: exit status 1`.
            return Some(format!("Runtime exited{}", how.lines().next().unwrap_or_default()));
        } else if text.starts_with("INIT_REPORT ") && text.contains("Status: error") {
            let kind = text.split_once("Error Type: ").map_or("no reason given", |(_, kind)| kind.trim());
            crash.get_or_insert_with(|| kind.to_owned());
        }
    }
    crash
}

/// Whether a function's policy, as Lambda returns it, allows S3 to invoke the function.
pub fn lets_s3_invoke(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    policy["Statement"].as_array().into_iter().flatten().any(|statement| {
        statement["Effect"] == "Allow"
            && statement["Action"] == "lambda:InvokeFunction"
            && statement["Principal"]["Service"] == "s3.amazonaws.com"
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const T: i64 = 1_795_278_829_000;

    fn line(key: &str, at: i64, duration: i64, outcome: &str) -> Entry {
        let timestamp = handler_contract::Timestamp::from_unix_millis(at);
        let message =
            json!({"timestamp": timestamp, "level": "INFO", "key": key, "outcome": outcome, "durationMs": duration});
        Entry { time: at + 5, message: message.to_string(), stream: "s".into(), id: None }
    }

    #[test]
    fn the_log_contains_the_start_of_the_processing() {
        let entries = [
            line("other", T, 1, "stored"),
            line("k", T + 90, 3, "duplicate"),
            line("k", T + 50, 20, "stored"),
            Entry { time: T, message: "START RequestId: k".into(), stream: "s".into(), id: None },
        ];
        assert_eq!(observe_log(&entries, "k"), LogObservation { handled: Some((T + 30, T + 50)), times: 2 });
        assert_eq!(observe_log(&entries[..1], "k"), LogObservation::default());
    }

    #[test]
    fn each_stage_has_its_duration() {
        let moments = Moments { put: T, stored: T + 10, seen: T + 100 };
        let at = |handled| LogObservation { handled, times: 1 };
        let rows = [
            (at(Some((T + 30, T + 50))), vec![("put", 10), ("event", 20), ("handler", 20), ("record", 50)]),
            // The handler was faster than S3's response.
            (at(Some((T + 8, T + 50))), vec![("put", 10), ("event", 0), ("handler", 42), ("record", 50)]),
            (at(None), vec![("put", 10), ("event+handler+record", 90)]),
            // The clocks differ.
            (at(Some((T - 1, T + 50))), vec![("put", 10), ("event+handler+record", 90)]),
            (at(Some((T + 30, T + 101))), vec![("put", 10), ("event+handler+record", 90)]),
        ];
        for (log, expected) in rows {
            let legs: Vec<_> = legs(moments, log).into_iter().map(|leg| (leg.leg, leg.millis)).collect();
            assert_eq!(legs, expected, "{log:?}");
        }
    }

    fn failed(kind: &str, message: &str) -> FailedEvent {
        let error = json!({ "errorType": kind, "errorMessage": message });
        FailedEvent::parse(&json!({ "requestPayload": {}, "responsePayload": error }).to_string()).unwrap()
    }

    #[test]
    fn a_process_that_ended_is_found_in_the_log() {
        const EXITED: &str = "RequestId: 8f8 Error: Runtime exited with error: exit status 1\nRuntime.ExitError";
        const INIT: &str =
            "INIT_REPORT Init Duration: 2.10 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError";
        const JSON: &str =
            r#"{"type":"platform.initReport","record":{"status":"error","errorType":"Runtime.Unknown"}}"#;
        let rows: [(&[&str], Option<&str>); 7] = [
            (&[INIT, EXITED], Some("Runtime exited with error: exit status 1")),
            (&[INIT, "START RequestId: 8f8"], Some("Runtime.ExitError")),
            (&[JSON], Some("Runtime.Unknown")),
            (&["INIT_REPORT Init Duration: 9 ms\tPhase: init\tStatus: success"], None),
            // A slow start is repeated with more time.
            (&["INIT_REPORT Init Duration: 9999 ms\tPhase: init\tStatus: timeout"], None),
            (&[r#"{"type":"platform.initReport","record":{"status":"success"}}"#, "Error: other", "{"], None),
            (&[r#"{"level":"ERROR","message":"Runtime exited"}"#], None),
        ];
        for (lines, expected) in rows {
            let entry = |line: &&str| Entry { time: T, message: (*line).into(), stream: "s".into(), id: None };
            let entries: Vec<Entry> = lines.iter().map(entry).collect();
            assert_eq!(crash_of(&entries, T).as_deref(), expected, "{lines:?}");
            assert_eq!(crash_of(&entries, T + 1), None, "an earlier deployment's: {lines:?}");
        }
    }

    #[test]
    fn a_crash_has_its_own_code() {
        let crashed = failed("Runtime.ExitError", "exit status 1");
        let rows = [
            (Findings { queued: Some(crashed), ..Findings::default() }, Some(HANDLER_CRASHES)),
            (Findings { crash: Some("Runtime.ExitError".into()), ..Findings::default() }, Some(HANDLER_CRASHES)),
            (Findings { queued: Some(failed("Retry", "no disk")), ..Findings::default() }, Some(NOT_VERIFIED)),
            (Findings { lines: vec!["one attempt failed".into()], ..Findings::default() }, None),
        ];
        for (findings, code) in rows {
            assert_eq!(failed_attempts(&findings).map(|cause| cause.code), code, "{findings:?}");
        }
    }

    #[test]
    fn the_cause_is_the_first_wrong_part_of_the_pipeline() {
        let fine = Findings {
            notified: Some(true),
            permitted: Some(true),
            function: Some(Some("Active".into())),
            concurrency: Some(None),
            ..Findings::default()
        };
        let rows = [
            (Findings { function: Some(None), notified: Some(false), ..fine.clone() }, true, "does not exist"),
            (Findings { function: Some(None), deployed: Some(false), ..fine.clone() }, true, "is not deployed"),
            (
                Findings { notified: Some(false), queued: Some(failed("Retry", "x")), ..fine.clone() },
                true,
                "does not notify",
            ),
            (Findings { permitted: Some(false), ..fine.clone() }, true, "policy does not allow"),
            (Findings { concurrency: Some(Some(0)), ..fine.clone() }, true, "concurrency is 0"),
            (Findings { concurrency: Some(Some(1)), ..fine.clone() }, false, "configured correctly"),
            (
                Findings { queued: Some(failed("Retry", "no disk")), lines: vec!["l".into()], ..fine.clone() },
                false,
                "every attempt, and the event went to the queue of failed events: no disk",
            ),
            (Findings { lines: vec!["denied".into(), "l".into()], ..fine.clone() }, false, "from its log: denied"),
            (Findings { function: Some(Some("Pending".into())), ..fine.clone() }, false, "state is Pending"),
            (fine, false, "configured correctly"),
            // Nothing could be read.
            (Findings::default(), false, "configured correctly"),
        ];
        for (findings, is_certain, words) in rows {
            let cause = cause(&findings);
            assert!(cause.text.contains(words), "{findings:?}: {}", cause.text);
            assert_eq!(certain_cause(&findings).is_some(), is_certain, "{findings:?}");
        }
    }

    #[test]
    fn an_event_that_was_not_sent_is_not_expected() {
        let rows = [
            (Findings::default(), true),
            (Findings { notified: Some(true), function: Some(Some("Active".into())), ..Findings::default() }, true),
            (Findings { concurrency: Some(Some(0)), ..Findings::default() }, true),
            (Findings { notified: Some(false), ..Findings::default() }, false),
            (Findings { permitted: Some(false), ..Findings::default() }, false),
            (Findings { function: Some(None), ..Findings::default() }, false),
        ];
        for (findings, expected) in rows {
            assert_eq!(event_possible(&findings), expected, "{findings:?}");
        }
    }

    #[test]
    fn policies_that_allow_s3_to_invoke() {
        let policy = |principal: &str, effect: &str| {
            json!({"Statement": [{"Effect": effect, "Principal": {"Service": principal}, "Action": "lambda:InvokeFunction"}]})
                .to_string()
        };
        assert!(lets_s3_invoke(&policy("s3.amazonaws.com", "Allow")));
        assert!(!lets_s3_invoke(&policy("events.amazonaws.com", "Allow")));
        assert!(!lets_s3_invoke(&policy("s3.amazonaws.com", "Deny")));
        assert!(!lets_s3_invoke("{}"));
    }
}
