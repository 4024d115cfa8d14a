//! Human-readable lines for the events of `event::verify`.

use provisioner_engine::event::verify::{Verified, VerifyEvent};
use provisioner_model::text::clean;

use super::Style;
use super::table::table;

/// The line for an event.
pub fn line(event: &VerifyEvent, style: Style) -> String {
    match event {
        VerifyEvent::Verified(verified) => {
            let legs: Vec<String> = verified.legs.iter().map(|leg| format!("{} {} ms", leg.leg, leg.millis)).collect();
            format!(
                "{} verified: a {} was processed in {} ms ({})",
                style.good("✓"),
                verified.file_type,
                verified.total_millis,
                legs.join(", ")
            )
        }
        VerifyEvent::Skipped { reason } => format!("{} not verified: {}", style.warn("!"), clean(reason)),
        VerifyEvent::Expected { key, stack } => format!(
            "{} the event of {} may still arrive. Its record is then FAILED (NOT_FOUND), and is deleted by the next: \
             provisioner verify -s {stack}",
            style.warn("!"),
            clean(key)
        ),
        VerifyEvent::Left { what, reason } => {
            format!("{} {} could not be removed: {}", style.warn("!"), clean(what), clean(reason))
        }
    }
}

/// The durations of the stages of a successful verification, as a table.
pub fn verified(verified: &Verified, style: Style) -> String {
    let mut rows: Vec<Vec<String>> =
        verified.legs.iter().map(|leg| vec![leg.leg.to_owned(), leg.millis.to_string(), leg.what.to_owned()]).collect();
    rows.push(vec![
        "total".to_owned(),
        verified.total_millis.to_string(),
        "one record; file and record deleted".into(),
    ]);
    let mut text = table(&["LEG", "MILLISECONDS", "WHAT"], &rows, style);
    if let Some(times) = verified.taken_up.filter(|times| *times > 1) {
        text.push_str(&format!(
            "\nS3 delivered the event {times} times (at-least-once delivery); there is one record."
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use provisioner_planner::verify::Leg;

    use super::*;

    #[test]
    fn stages_are_shown_as_a_table() {
        let leg = |leg, millis| Leg { leg, what: "x", millis };
        let canary = Verified {
            stack: "s".into(),
            key: "k".into(),
            file_type: "text/plain".into(),
            size: 1,
            document_id: "d".into(),
            legs: vec![leg("put", 9), leg("event", 41)],
            total_millis: 50,
            records: 1,
            taken_up: Some(2),
            cleaned: true,
        };
        let style = Style { colour: false, live: false, width: 100 };
        let text = verified(&canary, style);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(
            text.contains("event") && text.contains("41") && text.contains("delivered the event 2 times"),
            "{text}"
        );
        assert_eq!(
            line(&VerifyEvent::Verified(canary), style),
            "✓ verified: a text/plain was processed in 50 ms (put 9 ms, event 41 ms)"
        );
    }
}
