//! Human-readable text for failed events.

use provisioner_engine::event::redrive::{Action, RedriveEvent, Tally};
use provisioner_engine::redrive::{Listed, Listing};
use provisioner_model::delivery::Outcome;
use provisioner_model::text::clean;
use provisioner_model::units::counted;
use unicode_width::UnicodeWidthStr as _;

use super::Style;
use super::files::request_id;
use super::table::{cut, cut_middle, table};

/// Columns of a name that are worth leaving out other columns for.
const NAME: usize = 24;
/// Columns for the reason below which it is left out.
const REASON: usize = 20;

/// The line for an event.
pub fn line(event: &RedriveEvent, style: Style) -> String {
    match event {
        RedriveEvent::FailedEvent { message_id, keys, code, outcome, action, reason } => {
            let name = if keys.is_empty() { format!("message {}", clean(message_id)) } else { clean(&keys.join(", ")) };
            let outcome = outcome.map(Outcome::name);
            let painted = match (outcome, action) {
                (Some(outcome), Action::Deleted) => style.good(outcome),
                (Some(outcome), _) => style.warn(outcome),
                (None, Action::WouldSend) => style.good("would send"),
                (None, Action::WouldDelete) => style.warn("would delete"),
                (None, Action::Deleted) => style.warn("discarded"),
                (None, Action::Kept) => "kept".to_owned(),
            };
            let kept = match (outcome, action) {
                (Some(_), Action::Kept) => ", kept in the queue",
                (Some(_), Action::WouldDelete) => ", would be deleted",
                _ => "",
            };
            let reason = reason.as_ref().map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
            format!("{name} ({}): {painted}{kept}{reason}", clean(code))
        }
        RedriveEvent::Redriven(tally) => done(tally, style),
    }
}

fn done(tally: &Tally, style: Style) -> String {
    let mark = if tally.failed == 0 && tally.no_event == 0 { style.good("✓") } else { style.warn("!") };
    let mut text = format!("{mark} {} processed again", counted(tally.sent, "failed event"));
    for (n, what) in [
        (tally.failed, "failed again"),
        (tally.dropped, "deleted without sending"),
        (tally.no_event, "without an event left in the queue"),
        (tally.left, "left in the queue"),
    ] {
        if n > 0 {
            text.push_str(&format!("; {n} {what}"));
        }
    }
    text
}

/// A column's title, whether it is shown, and its cell of an event.
type Column<'a> = (&'static str, bool, &'a dyn Fn(&Listed) -> String);

/// The failed events as aligned columns that fit the terminal: names are shortened in their middle, reasons at their end;
/// where there is no room for names, other columns are left out.
pub fn list(listing: &Listing, style: Style) -> String {
    let events = &listing.events;
    let name =
        |event: &Listed| if event.keys.is_empty() { "(no file)".to_owned() } else { clean(&event.keys.join(", ")) };
    let widest =
        |cell: &dyn Fn(&Listed) -> String| events.iter().map(|event| cell(event).width()).max().unwrap_or_default();
    let names = widest(&name).max(4);
    // AGE and CODE with the blanks after them.
    let mut room = style.width.saturating_sub(6 + widest(&|event| clean(&event.code)).max(4) + 2);
    let mut has_room = |width: usize, is_known: &dyn Fn(&Listed) -> bool| {
        let fits = events.iter().any(is_known) && room >= width + names.min(NAME);
        room -= if fits { width } else { 0 };
        fits
    };
    let has_tries = has_room(7, &|event| event.attempts.is_some());
    let has_request = has_room(10, &|event| event.request_id.is_some());
    let has_reason = room >= names.min(NAME) + 2 + REASON;
    let for_name = if has_reason { names.min((room / 2).max(NAME)) } else { names.min(room.max(10)) };
    let for_reason = room.saturating_sub(for_name + 2);

    let columns: [Column<'_>; 6] = [
        ("AGE", true, &|event| event.age_seconds.map(age).unwrap_or_default()),
        ("CODE", true, &|event| event.code.clone()),
        ("TRIES", has_tries, &|event| event.attempts.map(|n| n.to_string()).unwrap_or_default()),
        ("REQUEST", has_request, &|event| event.request_id.as_deref().map(request_id).unwrap_or_default()),
        ("FILE", true, &|event| cut_middle(&name(event), for_name)),
        ("REASON", has_reason, &|event| cut(&clean(&event.reason), for_reason)),
    ];
    let shown = || columns.iter().filter(|(_, shown, _)| *shown);
    let header: Vec<&str> = shown().map(|(title, _, _)| *title).collect();
    let rows: Vec<Vec<String>> = events.iter().map(|event| shown().map(|(_, _, cell)| cell(event)).collect()).collect();
    table(&header, &rows, style)
}

/// An age in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn style(width: usize) -> Style {
        Style { colour: false, live: false, width }
    }

    #[test]
    fn a_list_fits_the_terminal_and_shows_code_name_age_and_attempts() {
        let listed = Listed {
            message_id: "m".into(),
            code: "AccessDenied".into(),
            reason: format!("b/in/a: S3 denied\u{1b}[2J the read {}", "and so on ".repeat(30)),
            keys: vec![format!("incoming/2026/{}/report.pdf", "deep/".repeat(20))],
            age_seconds: Some(7_300),
            attempts: Some(3),
            request_id: Some("0123abcd-0000".into()),
            received: 1,
        };
        let no_event =
            Listed { code: "NoEvent".into(), keys: Vec::new(), attempts: None, request_id: None, ..listed.clone() };
        let listing = Listing { stack: "s".into(), events: vec![listed, no_event], depth: 2, unread: 0, hidden: None };
        for width in [40, 80, 200] {
            let text = list(&listing, style(width));
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
            assert!(text.contains("2 h") && text.contains("AccessDenied"), "{text}");
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
        let wide = list(&listing, style(200));
        assert!(wide.contains("report.pdf") && wide.contains("S3 denied") && wide.contains("(no file)"), "{wide}");
        for width in [40, 80] {
            assert!(list(&listing, style(width)).contains("ort.pdf"), "{}", list(&listing, style(width)));
        }
    }

    #[test]
    fn one_line_reports_a_message() {
        let event = |outcome, action, reason: Option<&str>| RedriveEvent::FailedEvent {
            message_id: "m".into(),
            keys: vec!["a\nb.txt".into()],
            code: "SlowDown".into(),
            outcome,
            action,
            reason: reason.map(Into::into),
        };
        for (event, expected) in [
            (event(Some(Outcome::Stored), Action::Deleted, None), "a\u{fffd}b.txt (SlowDown): stored"),
            (
                event(Some(Outcome::Retry), Action::Kept, Some("no")),
                "a\u{fffd}b.txt (SlowDown): retry, kept in the queue: no",
            ),
            (event(None, Action::WouldSend, None), "a\u{fffd}b.txt (SlowDown): would send"),
            (
                event(Some(Outcome::Gone), Action::WouldDelete, None),
                "a\u{fffd}b.txt (SlowDown): gone, would be deleted",
            ),
            (event(None, Action::Deleted, None), "a\u{fffd}b.txt (SlowDown): discarded"),
        ] {
            assert_eq!(line(&event, style(200)), expected);
        }
        let tally = Tally { sent: 2, failed: 1, dropped: 3, no_event: 0, left: 4 };
        assert_eq!(
            line(&RedriveEvent::Redriven(tally), style(200)),
            "! 2 failed events processed again; 1 failed again; 3 deleted without sending; 4 left in the queue"
        );
    }
}
