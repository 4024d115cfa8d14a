//! What a canary's way through the pipeline tells: how long each leg took, and where it ended if it did not arrive.
//! Pure.

use provisioner_model::log_lines::Entry;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Moments of a canary that came through. Milliseconds since the Unix epoch, by this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// The upload began.
    pub put: i64,
    /// S3 had answered.
    pub stored: i64,
    /// The record was read.
    pub seen: i64,
}

/// What the handler's log tells of the canary, by the function's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogObservation {
    /// When the handler took the file up for the first time, and when it had done with it.
    pub handled: Option<(i64, i64)>,
    /// How often it took it up.
    pub times: usize,
}

/// What the log's entries tell of this key.
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

/// A part of the canary's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Leg {
    /// Its name: `put`, `event`, `handler`, `record`; or `event+handler+record` where the log does not tell them apart.
    pub leg: &'static str,
    /// What happens on it.
    pub what: &'static str,
    /// How long it took.
    pub millis: u64,
}

/// The parts of the way. Where the log says nothing yet, or its clock is so far from this one that times would run
/// backwards, the parts that only it tells apart are one.
pub fn legs(moments: Moments, log: LogObservation) -> Vec<Leg> {
    let leg = |leg, what, from: i64, to: i64| Leg { leg, what, millis: u64::try_from(to - from).unwrap_or_default() };
    let put = leg("put", "the upload, until S3 had it", moments.put, moments.stored);
    match log.handled {
        // The handler may begin before S3's answer has come back here.
        Some((began, ended)) if began >= moments.put && ended <= moments.seen => vec![
            put,
            leg("event", "S3's event, until the handler began", moments.stored, began),
            leg("handler", "reading the file and writing the record", began, ended),
            leg("record", "until the record was seen here", ended, moments.seen),
        ],
        _ => vec![put, leg("event+handler+record", "until the record was seen here", moments.stored, moments.seen)],
    }
}

/// What was found where a canary's way may end. `None` where one could not look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Whether the bucket tells the function of new objects with such a key.
    pub notified: Option<bool>,
    /// Whether S3 may invoke the function.
    pub permitted: Option<bool>,
    /// The function's state (`Active`, …), or that there is none.
    pub function: Option<Option<String>>,
    /// How many invocations may run at the same time, where that is limited.
    pub concurrency: Option<Option<u32>>,
    /// What the queue of failed events says of the canary.
    pub queued: Option<String>,
    /// Lines of the log that may be about the canary: warnings, errors, and what is not the handler's.
    pub lines: Vec<String>,
    /// What could not be looked at, and why.
    pub unreadable: Vec<String>,
}

/// Why a canary did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// In words.
    pub text: String,
    /// How to mend it; `{stack}` stands for the stack.
    pub hint: String,
}

/// How to put back what somebody changed.
const DRIFT: &str = "Somebody has changed it behind the stack's back. See what differs with `provisioner plan -s {stack}`, \
                     put it back with `provisioner up -s {stack} --revert-drift`.";

/// What is certainly wrong, so that waiting longer is of no use.
pub fn certain_cause(findings: &Findings) -> Option<Cause> {
    let cause = |text: &str, hint: &str| Some(Cause { text: text.to_owned(), hint: hint.to_owned() });
    if findings.function == Some(None) {
        return cause("the function does not exist any more", DRIFT);
    }
    if findings.notified == Some(false) {
        return cause(
            "the bucket does not tell the function of new files: its notification is missing or another one",
            DRIFT,
        );
    }
    if findings.permitted == Some(false) {
        return cause("the function's policy does not let the bucket invoke it", DRIFT);
    }
    if findings.concurrency == Some(Some(0)) {
        return cause("the function's reserved concurrency is 0, so that nothing can invoke it", DRIFT);
    }
    None
}

/// Whether the canary's event may come later, as far as one knows. S3 sends none where the bucket tells nobody, may not
/// invoke, or would invoke what does not exist; Lambda keeps one that it may not run yet.
pub fn event_possible(findings: &Findings) -> bool {
    findings.notified != Some(false) && findings.permitted != Some(false) && findings.function != Some(None)
}

/// The likeliest cause of all that was found.
pub fn cause(findings: &Findings) -> Cause {
    if let Some(certain) = certain_cause(findings) {
        return certain;
    }
    let logs = "Look at the function's log: provisioner logs -s {stack}";
    if let Some(queued) = &findings.queued {
        return Cause {
            text: format!(
                "the handler failed at every attempt, and the event went to the queue of failed events: {queued}"
            ),
            hint: logs.to_owned(),
        };
    }
    if let Some(line) = findings.lines.first() {
        return Cause { text: format!("the handler failed; its log says: {line}"), hint: logs.to_owned() };
    }
    match &findings.function {
        Some(Some(state)) if state != "Active" => Cause {
            text: format!("the function is not ready: its state is {state}"),
            hint: "Try again in a minute: provisioner verify -s {stack}".to_owned(),
        },
        _ => Cause {
            text: "bucket, permission and function look right, and neither the log nor the queue of failed events says why".to_owned(),
            hint: "S3's events can take a minute. Try again: provisioner verify -s {stack}".to_owned(),
        },
    }
}

/// Whether a function's policy, as Lambda prints it, lets S3 invoke it.
pub fn lets_s3_invoke(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    policy["Statement"].as_array().into_iter().flatten().any(|statement| {
        statement["Effect"] == "Allow"
            && statement["Action"] == "lambda:InvokeFunction"
            && statement["Principal"]["Service"] == "s3.amazonaws.com"
    })
}

/// What Lambda's record of a failed event says, if the event is about this key. Lambda developer guide, "Capturing records
/// of asynchronous invocations".
pub fn failure_of(body: &str, key: &str) -> Option<String> {
    let record: Value = serde_json::from_str(body).ok()?;
    let encoded = &record["requestPayload"]["Records"][0]["s3"]["object"]["key"];
    // The characters of a canary's name stand for themselves; its prefix may be encoded.
    let name = |key: &str| key.rsplit_once(crate::canary::NAME).map(|(_, rest)| rest.to_owned());
    if name(encoded.as_str()?) != name(key) {
        return None;
    }
    let message = record["responsePayload"]["errorMessage"].as_str().unwrap_or_default();
    let condition = record["requestContext"]["condition"].as_str().unwrap_or("no reason given");
    Some(if message.is_empty() { condition.to_owned() } else { message.to_owned() })
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
    fn the_log_tells_when_the_handler_took_the_file_up() {
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
    fn each_leg_has_its_time() {
        let moments = Moments { put: T, stored: T + 10, seen: T + 100 };
        let at = |handled| LogObservation { handled, times: 1 };
        let rows = [
            (at(Some((T + 30, T + 50))), vec![("put", 10), ("event", 20), ("handler", 20), ("record", 50)]),
            // The handler was faster than S3's answer.
            (at(Some((T + 8, T + 50))), vec![("put", 10), ("event", 0), ("handler", 42), ("record", 50)]),
            (at(None), vec![("put", 10), ("event+handler+record", 90)]),
            // Another clock.
            (at(Some((T - 1, T + 50))), vec![("put", 10), ("event+handler+record", 90)]),
            (at(Some((T + 30, T + 101))), vec![("put", 10), ("event+handler+record", 90)]),
        ];
        for (log, expected) in rows {
            let legs: Vec<_> = legs(moments, log).into_iter().map(|leg| (leg.leg, leg.millis)).collect();
            assert_eq!(legs, expected, "{log:?}");
        }
    }

    #[test]
    fn the_cause_is_the_first_thing_on_the_way_that_is_wrong() {
        let fine = Findings {
            notified: Some(true),
            permitted: Some(true),
            function: Some(Some("Active".into())),
            concurrency: Some(None),
            ..Findings::default()
        };
        let rows = [
            (Findings { function: Some(None), notified: Some(false), ..fine.clone() }, true, "does not exist"),
            (Findings { notified: Some(false), queued: Some("x".into()), ..fine.clone() }, true, "does not tell"),
            (Findings { permitted: Some(false), ..fine.clone() }, true, "policy does not let"),
            (Findings { concurrency: Some(Some(0)), ..fine.clone() }, true, "concurrency is 0"),
            (Findings { concurrency: Some(Some(1)), ..fine.clone() }, false, "look right"),
            (
                Findings { queued: Some("no disk".into()), lines: vec!["l".into()], ..fine.clone() },
                false,
                "every attempt, and the event went to the queue of failed events: no disk",
            ),
            (Findings { lines: vec!["denied".into(), "l".into()], ..fine.clone() }, false, "log says: denied"),
            (Findings { function: Some(Some("Pending".into())), ..fine.clone() }, false, "state is Pending"),
            (fine, false, "look right"),
            // Nothing could be looked at.
            (Findings::default(), false, "look right"),
        ];
        for (findings, is_certain, words) in rows {
            let cause = cause(&findings);
            assert!(cause.text.contains(words), "{findings:?}: {}", cause.text);
            assert_eq!(certain_cause(&findings).is_some(), is_certain, "{findings:?}");
        }
    }

    #[test]
    fn an_event_that_was_never_sent_never_comes() {
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
    fn who_may_invoke() {
        let policy = |principal: &str, effect: &str| {
            json!({"Statement": [{"Effect": effect, "Principal": {"Service": principal}, "Action": "lambda:InvokeFunction"}]})
                .to_string()
        };
        assert!(lets_s3_invoke(&policy("s3.amazonaws.com", "Allow")));
        assert!(!lets_s3_invoke(&policy("events.amazonaws.com", "Allow")));
        assert!(!lets_s3_invoke(&policy("s3.amazonaws.com", "Deny")));
        assert!(!lets_s3_invoke("{}"));
    }

    #[test]
    fn the_queue_says_why() {
        let body = |key: &str| {
            json!({
                "requestContext": {"condition": "RetriesExhausted"},
                "requestPayload": {"Records": [{"s3": {"object": {"key": key}}}]},
                "responsePayload": {"errorMessage": "failed to read the object"},
            })
            .to_string()
        };
        let key = "a b/provisioner-verify-7.txt";
        assert_eq!(
            failure_of(&body("a+b/provisioner-verify-7.txt"), key).as_deref(),
            Some("failed to read the object")
        );
        assert_eq!(failure_of(&body("a+b/provisioner-verify-8.txt"), key), None);
        assert_eq!(failure_of(&body("other.txt"), key), None);
        assert_eq!(failure_of("{}", key), None);
    }
}
