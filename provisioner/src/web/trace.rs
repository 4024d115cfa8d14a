//! The trace of a file, as its page shows it.

use provisioner_engine::trace::{Invocation, Trace, What};
use provisioner_model::units::{Size, counted};
use provisioner_web::pipeline::{Tone, TraceStep};

/// The steps, oldest first; at the end what could not be read.
pub(super) fn view(trace: &Trace) -> Vec<TraceStep> {
    let mut steps: Vec<TraceStep> = trace
        .steps
        .iter()
        .map(|step| {
            let (title, detail, tone) = described(&step.what);
            TraceStep { time: Some(step.time.unix_millis()), title, detail, tone }
        })
        .collect();
    steps.extend(trace.unread.iter().map(|unread| TraceStep {
        time: None,
        title: format!("Not read: {unread}"),
        detail: None,
        tone: Tone::Warning,
    }));
    steps
}

fn described(what: &What) -> (String, Option<String>, Tone) {
    match what {
        What::Put { size, is_latest, .. } => {
            let size = size.map(|size| Size(size).rounded());
            let later = (!is_latest).then(|| "replaced by a later version".to_owned());
            let detail: Vec<String> = size.into_iter().chain(later).collect();
            ("Stored".to_owned(), (!detail.is_empty()).then(|| detail.join(", ")), Tone::Neutral)
        }
        What::Deleted { .. } => ("Deleted".to_owned(), None, Tone::Warning),
        What::Event { .. } => ("Reported to the function".to_owned(), None, Tone::Neutral),
        What::Invocation(invocation) => invoked(invocation),
        What::Record { status, error_code: None, .. } => (format!("Recorded as {status}"), None, Tone::Good),
        What::Record { status, error_code: Some(code), .. } => {
            (format!("Recorded as {status}"), Some(code.clone()), Tone::Bad)
        }
        What::Queued { reason, attempts, .. } => {
            let attempts =
                attempts.map(|attempts| format!(" after {}", counted(attempts, "attempt"))).unwrap_or_default();
            (format!("Given up{attempts}; among the failed events"), Some(reason.clone()), Tone::Bad)
        }
    }
}

fn invoked(invocation: &Invocation) -> (String, Option<String>, Tone) {
    let mut title = match invocation.attempt {
        0 | 1 => "Read".to_owned(),
        attempt => format!("Read, attempt {attempt}"),
    };
    if let Some(origin) = &invocation.origin {
        title.push_str(&format!(" ({origin})"));
    }
    if let Some(duration) = invocation.duration_millis {
        title.push_str(&format!(" in {duration} ms"));
    }
    let tone = match invocation.outcome.as_deref() {
        Some("stored" | "duplicate" | "ignored") => Tone::Good,
        Some("rejected") => Tone::Bad,
        // It will be tried again, or ended before it could write a line.
        Some(_) | None => Tone::Warning,
    };
    let lines: Vec<&str> = invocation
        .lines
        .iter()
        .filter(|line| line.level.is_some() || tone == Tone::Warning)
        .map(|line| line.message.trim_end())
        .collect();
    (title, (!lines.is_empty()).then(|| lines.join(" · ")), tone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_given_up_has_its_number_of_attempts() {
        for (attempts, expected) in [
            (None, "Given up; among the failed events"),
            (Some(1), "Given up after 1 attempt; among the failed events"),
            (Some(3), "Given up after 3 attempts; among the failed events"),
        ] {
            let queued = What::Queued { message_id: "m".into(), code: "Retry".into(), reason: "no".into(), attempts };
            assert_eq!(described(&queued), (expected.to_owned(), Some("no".to_owned()), Tone::Bad));
        }
    }

    #[test]
    fn each_attempt_says_how_it_ended() {
        for (outcome, attempt, expected, tone) in [
            (Some("stored"), 1, "Read in 5 ms", Tone::Good),
            (Some("rejected"), 1, "Read in 5 ms", Tone::Bad),
            (Some("retry"), 2, "Read, attempt 2 in 5 ms", Tone::Warning),
            (None, 3, "Read, attempt 3 in 5 ms", Tone::Warning),
        ] {
            let invocation = Invocation {
                request_id: None,
                attempt,
                origin: None,
                outcome: outcome.map(ToOwned::to_owned),
                duration_millis: Some(5),
                cold_start: None,
                lines: Vec::new(),
            };
            assert_eq!(invoked(&invocation), (expected.to_owned(), None, tone), "{outcome:?}");
        }
    }
}
