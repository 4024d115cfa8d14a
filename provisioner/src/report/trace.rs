//! Human-readable text for the trace of a file.

use provisioner_engine::trace::{Invocation, LogLine, State, Step, Trace, What};
use provisioner_model::text::clean;
use provisioner_model::units::{Size, counted, span};

use super::Style;
use super::files::request_id;
use super::wrap::wrap;

/// Columns of a time without its day, and of the time after the step before.
const TIME: usize = 12;
const AFTER: usize = 9;

/// The conclusion, and the steps under their days.
pub fn text(trace: &Trace, style: Style) -> String {
    let state = trace.conclusion.state;
    let what = match state {
        State::Recorded => style.good(&clean(&trace.conclusion.what)),
        State::Pending | State::NotProcessed => style.warn(&clean(&trace.conclusion.what)),
        State::Rejected | State::Queued | State::NoRecord => style.bad(&clean(&trace.conclusion.what)),
    };
    let mut lines = vec![format!("{}  {what}", style.strong(&clean(&trace.key)))];
    if let Some(next) = &trace.conclusion.next {
        lines.push(format!("  {} {}", style.warn("→"), clean(next)));
    }
    let mut day = "";
    for step in &trace.steps {
        if step.time.day() != day {
            day = step.time.day();
            lines.push(format!("\n{}", style.strong(&format!("{day} (UTC)"))));
        }
        lines.extend(step_lines(step, style));
    }
    if !trace.unread.is_empty() {
        lines.push(String::new());
        lines.extend(trace.unread.iter().map(|what| format!("{} {}", style.warn("not read:"), clean(what))));
    }
    wrap(&lines.join("\n"), style.width)
}

fn step_lines(step: &Step, style: Style) -> Vec<String> {
    let after = step.after_millis.map(|millis| format!("+{}", span(millis))).unwrap_or_default();
    let (name, detail) = described(&step.what, style);
    let time = clock(step.time.as_str());
    let mut lines = vec![format!("{time:<TIME$}  {}  {name}{detail}", style.dim(&format!("{after:<AFTER$}")))];
    if let What::Invocation(invocation) = &step.what {
        lines.extend(invocation.lines.iter().map(|line| log_line(line, style)));
    }
    if let What::Queued { reason, .. } = &step.what {
        lines.push(format!("    {}", clean(reason)));
    }
    lines
}

/// The name of a step, and its details after a colon.
fn described(what: &What, style: Style) -> (String, String) {
    let mut details: Vec<String> = Vec::new();
    let name = match what {
        What::Put { version_id, size, is_latest, .. } => {
            details.extend(size.map(|size| Size(size).rounded()));
            details.extend(version_id.as_ref().map(|id| format!("version {}", clean(id))));
            details.extend((!is_latest).then(|| "overwritten since".to_owned()));
            "put".to_owned()
        }
        What::Deleted { version_id } => {
            details.extend(version_id.as_ref().map(|id| format!("delete marker {}", clean(id))));
            style.warn("deleted")
        }
        What::Event { sequencer } => {
            details.extend(sequencer.as_ref().map(|id| format!("sequencer {}", clean(id))));
            "event".to_owned()
        }
        What::Invocation(invocation) => {
            let outcome = invocation.outcome.as_deref();
            details.extend(invocation_details(invocation));
            let name = match invocation.origin.as_deref() {
                Some(origin) => format!("invocation {} ({})", invocation.attempt, clean(origin)),
                None => format!("invocation {}", invocation.attempt),
            };
            match outcome {
                Some("stored" | "duplicate" | "ignored") => style.good(&name),
                Some("rejected") | None => style.bad(&name),
                Some(_) => style.warn(&name),
            }
        }
        What::Record { status, error_code, error_message, file_type, .. } => {
            details.push(clean(status));
            match error_code {
                Some(code) => {
                    let message = error_message.as_deref().unwrap_or_default();
                    details.push(format!("{}: {}", clean(code), clean(message)));
                }
                None => details.push(clean(file_type)),
            }
            if error_code.is_some() { style.bad("record") } else { style.good("record") }
        }
        What::Queued { code, attempts, .. } => {
            details.push(clean(code));
            details.extend(attempts.map(|n| counted(n, "attempt")));
            style.bad("in the queue of failed events")
        }
    };
    let detail = if details.is_empty() { String::new() } else { format!(": {}", details.join(", ")) };
    (name, detail)
}

fn invocation_details(invocation: &Invocation) -> Vec<String> {
    let mut details = vec![clean(invocation.outcome.as_deref().unwrap_or("no line about its end"))];
    details.extend(invocation.duration_millis.map(|millis| format!("{millis} ms")));
    details.extend((invocation.cold_start == Some(true)).then(|| "cold start".to_owned()));
    details.extend(invocation.request_id.as_deref().map(|id| format!("request {}", request_id(id))));
    details
}

fn log_line(line: &LogLine, style: Style) -> String {
    let level = line.level.as_deref().unwrap_or_default();
    let message = clean(&line.message);
    let text = match level {
        "ERROR" => format!("{} {message}", style.bad("ERROR")),
        "WARN" => format!("{} {message}", style.warn("WARN")),
        "" => style.dim(&message),
        level => format!("{} {message}", clean(level)),
    };
    format!("    {} {text}", style.dim(clock(line.time.as_str())))
}

/// The time of day in an ISO 8601 time, to the millisecond.
fn clock(time: &str) -> &str {
    time.get(11..11 + TIME).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use handler_contract::Timestamp;
    use provisioner_engine::trace::Conclusion;

    use super::*;

    fn at(time: &str) -> Timestamp {
        Timestamp::parse(time).unwrap()
    }

    fn step(time: &str, after: Option<i64>, what: What) -> Step {
        Step { time: at(time), after_millis: after, document_id: None, what }
    }

    fn retried() -> Trace {
        let line = |time: &str, level: Option<&str>, message: &str| LogLine {
            time: at(time),
            level: level.map(Into::into),
            message: message.into(),
        };
        let invocation = Invocation {
            request_id: Some("0123abcd-0000-4000-8000-000000000000".into()),
            attempt: 1,
            origin: Some("redrive".into()),
            outcome: Some("retry".into()),
            duration_millis: Some(80),
            cold_start: Some(true),
            lines: vec![
                line("2026-11-26T12:00:00.280Z", Some("WARN"), "File a\u{1b}[2J was not processed"),
                line("2026-11-26T12:00:00.300Z", None, "REPORT RequestId: r"),
            ],
        };
        Trace {
            stack: "shop".into(),
            bucket: "b".into(),
            key: "in/a\u{1b}[2J.txt".into(),
            document_id: None,
            conclusion: Conclusion {
                state: State::Queued,
                what: "no record: in the queue".into(),
                next: Some("Send it again: provisioner redrive -s shop".into()),
            },
            steps: vec![
                step(
                    "2026-11-26T12:00:00Z",
                    None,
                    What::Put { version_id: Some("v1".into()), size: Some(3), e_tag: None, is_latest: true },
                ),
                step("2026-11-26T12:00:00.200Z", Some(200), What::Invocation(invocation)),
                step(
                    "2026-11-27T12:03:20Z",
                    Some(86_600_000),
                    What::Queued {
                        message_id: "m".into(),
                        code: "SlowDown".into(),
                        reason: "b/in/a: wait".into(),
                        attempts: Some(3),
                    },
                ),
            ],
            unread: vec!["the log: denied".into()],
        }
    }

    #[test]
    fn steps_are_listed_by_day_and_nothing_reaches_the_terminal_raw() {
        let text = text(&retried(), Style { colour: false, live: false, width: 200 });
        let expected = "\
in/a\u{fffd}[2J.txt  no record: in the queue
  → Send it again: provisioner redrive -s shop

2026-11-26 (UTC)
12:00:00.000             put: 3 B, version v1
12:00:00.200  +200 ms    invocation 1 (redrive): retry, 80 ms, cold start, request 0123abcd
    12:00:00.280 WARN File a\u{fffd}[2J was not processed
    12:00:00.300 REPORT RequestId: r

2026-11-27 (UTC)
12:03:20.000  +1 d 0 h   in the queue of failed events: SlowDown, 3 attempts
    b/in/a: wait

not read: the log: denied";
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_fit_the_terminal() {
        // A command is left as one line, so that it can be copied.
        let trace = retried();
        let trace = Trace { conclusion: Conclusion { next: None, ..trace.conclusion }, ..trace };
        for width in [40, 80] {
            let text = text(&trace, Style { colour: false, live: false, width });
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }
}
