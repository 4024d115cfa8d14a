//! Human-readable text for `reconcile` and `reprocess`.

use provisioner_engine::event::reconcile::{ReconcileEvent, Summary};
use provisioner_engine::event::replay::{ReplayEvent, Sent};
use provisioner_model::delivery::Processed;
use provisioner_model::text::clean;
use provisioner_model::units::{Size, counted, grouped};
use provisioner_planner::reconcile::{Counts, Finding, FindingKind};

use super::Style;

/// Findings that are printed as text.
pub const MOST_FINDINGS: u64 = 100;

/// The line for an event.
pub fn line(event: &ReconcileEvent, style: Style) -> Option<String> {
    match event {
        ReconcileEvent::Comparing { records, bytes, read_units, seconds } => {
            Some(style.dim(&comparing(*records, *bytes, *read_units, *seconds)))
        }
        ReconcileEvent::Resumed { started, listed, records } => Some(format!(
            "Continuing the run of {started}, which had listed {} and read {}.",
            counted(*listed, "version"),
            counted(*records, "record")
        )),
        ReconcileEvent::Listed { versions } => {
            Some(style.dim(&format!("listed {} in the bucket", counted(*versions, "version"))))
        }
        ReconcileEvent::Scanned { records } => Some(style.dim(&format!("read {}", counted(*records, "record")))),
        ReconcileEvent::Finding(_) => None,
        ReconcileEvent::Compared { counts, pending_age } => Some(compared(counts, *pending_age, style)),
        ReconcileEvent::ReconcileDone(summary) => Some(done(summary, style)),
    }
}

fn comparing(records: u64, bytes: u64, read_units: Option<u64>, seconds: Option<u64>) -> String {
    let size = format!("about {} ({})", counted(records, "record"), Size(bytes).rounded());
    match (read_units, seconds) {
        (Some(units), Some(seconds)) => {
            let time = match seconds {
                0 => "seconds: it is within the table's burst capacity".to_owned(),
                seconds => format!("about {}", counted(seconds.div_ceil(60), "minute")),
            };
            format!("Reading {size} within the {units} read units of the table takes {time}.")
        }
        _ => format!("Reading {size}, billed by request."),
    }
}

/// A finding as a line of data.
pub fn finding(finding: &Finding, style: Style) -> String {
    let what = match finding.kind {
        FindingKind::FileWithoutRecord => "no record    ",
        FindingKind::RecordWithoutFile => "no file      ",
        FindingKind::OtherContent => "other content",
        FindingKind::Doubled => "doubled      ",
    };
    let mut details = Vec::new();
    if let Some(version) = &finding.version_id {
        details.push(format!("version {}", clean(version)));
    }
    details.push(format!("uploaded {}", finding.uploaded_at));
    if finding.kind == FindingKind::OtherContent {
        let side = |size: Option<u64>, e_tag: &Option<String>| {
            format!("{} bytes, ETag {}", grouped(size.unwrap_or_default()), clean(e_tag.as_deref().unwrap_or_default()))
        };
        details.push(format!("file {}", side(finding.size, &finding.e_tag)));
        details.push(format!("record {}", side(finding.recorded_size, &finding.recorded_e_tag)));
    } else if let Some(size) = finding.size {
        details.push(Size(size).rounded());
    }
    if let Some(id) = &finding.document_id {
        details.push(format!("record {}", clean(id)));
    }
    if let Some(id) = &finding.other_document_id {
        details.push(format!("and {}", clean(id)));
    }
    format!("{}  {}  {}", style.bad(what), clean(&finding.key), style.dim(&details.join(", ")))
}

fn compared(counts: &Counts, pending_age: u64, style: Style) -> String {
    let mut parts = Vec::new();
    for (number, one, many) in [
        (counts.missing, "file without a record", "files without a record"),
        (counts.without_file, "record without a file", "records without a file"),
        (counts.other_content, "record of other content", "records of other content"),
        (counts.doubled, "doubled record", "doubled records"),
    ] {
        if number > 0 {
            parts.push(format!("{} {}", grouped(number), if number == 1 { one } else { many }));
        }
    }
    let agreed = parts.is_empty();
    let result = if agreed { style.good("Bucket and table agree") } else { style.bad(&parts.join(", ")) };
    let mut text = format!("{result}: {}, {}", counted(counts.files, "file"), counted(counts.records, "record"));
    let mut notes = Vec::new();
    if counts.pending > 0 {
        let (its, them) = if counts.pending == 1 { ("its", "it") } else { ("their", "them") };
        // Only --now makes the age so short.
        let what_next = if pending_age < 3_600 {
            format!("run the same command again after {}", counted(pending_age.div_ceil(60), "minute"))
        } else {
            format!("--now includes {them}")
        };
        let files = counted(counts.pending, "file");
        notes.push(format!("{files} without a record so new that {its} event may still arrive ({what_next})"));
    }
    if counts.gone > 0 {
        notes.push(format!("{} of deleted, expired or overwritten files", counted(counts.gone, "record")));
    }
    if counts.outside > 0 {
        notes.push(format!("{} that the stack does not process", counted(counts.outside, "object")));
    }
    for note in notes {
        text.push_str(&format!("\n  {}", style.dim(&format!("no findings: {note}"))));
    }
    text
}

fn done(summary: &Summary, style: Style) -> String {
    let time = format!("{:.1} s", summary.seconds);
    match summary.sent {
        Some(_) if summary.left == 0 => format!("{} every finding is fixed ({time})", style.good("✓")),
        _ => style.dim(&format!("compared in {time}")),
    }
}

/// The line for a file that was sent.
pub fn replayed(event: &ReplayEvent, style: Style) -> Option<String> {
    match event {
        ReplayEvent::Selected { files } => Some(format!("{} selected", counted(*files, "file"))),
        ReplayEvent::Replayed { key, outcome, reason, .. } => {
            let what = match outcome.processed() {
                Some(Processed::Stored) => style.good("SUCCESS"),
                Some(Processed::Rejected) => style.warn("FAILED"),
                Some(Processed::Duplicate) => style.dim("has a newer record"),
                Some(Processed::Unreadable) => style.warn("could not be read"),
                Some(Processed::Ignored) => style.dim("has no content"),
                None => style.bad("not processed"),
            };
            let reason = reason.as_deref().map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
            Some(format!("{}  {what}{reason}", clean(key)))
        }
        ReplayEvent::ReplayDone(sent) => Some(totals(sent)),
    }
}

fn totals(sent: &Sent) -> String {
    let mut parts = Vec::new();
    for (number, what) in [
        (sent.stored, "SUCCESS"),
        (sent.rejected, "FAILED"),
        (sent.duplicates, "with a newer record"),
        (sent.unreadable, "that could not be read"),
        (sent.ignored, "without content"),
        (sent.failed, "not processed"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", grouped(number)));
        }
    }
    format!("{} processed again: {}", counted(sent.total(), "file"), parts.join(", "))
}
