//! Human-readable text for uploads and the records that follow: aligned lines, the progress line, the summary.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use handler_contract::Status;
use provisioner_engine::event::files::{FileResult, FilesEvent, Summary};
use provisioner_engine::put::Progress;
use provisioner_model::text::clean;
use provisioner_model::units::{Size, counted};
use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::Style;
use super::live::{LineId, Live, Place};
use super::meter::{bar, clock, left};
use super::record_list::short_type;
use super::table::{cut, cut_middle, table};
use super::wrap::wrap;

/// Columns of a status, with the space after it.
const STATUS: usize = 9;
/// Columns of a media type on a terminal: wide enough for two or three formats at once, and for most names of one.
const TYPE: usize = 14;
/// Columns of a size.
const SIZE: usize = 9;
/// Columns of the numbers of words and pages, with their gaps: `  446 words  1 page`.
const COUNTS: usize = 19;
/// Columns of a terminal below which only status, name and type are shown.
const NARROW: usize = 60;
/// The widest column of names where nothing limits the width.
const WIDEST_NAME: usize = 60;
/// The largest number of files that are repeated at the end.
const REPEATED: usize = 20;

/// An upload of `--dry-run`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The file.
    pub file: String,
    /// The key that it would get.
    pub key: String,
    /// Bytes; `None` for standard input.
    pub size: Option<u64>,
    /// Whether `--skip-existing` would leave it out.
    pub skipped: bool,
}

/// Columns of the names of files, so that the lines of all of them align.
pub fn name_width(names: impl Iterator<Item = String>, width: usize) -> usize {
    let longest = names.map(|name| clean(&name).width()).max().unwrap_or_default();
    let room = if width == usize::MAX {
        WIDEST_NAME
    } else if width < NARROW {
        width.saturating_sub(STATUS + 2 + 8)
    } else {
        // The numbers of words and pages need some room too.
        let room = width.saturating_sub(STATUS + 2 + TYPE + 2 + SIZE);
        room.saturating_sub(COUNTS).max(room / 2)
    };
    longest.min(room.max(8))
}

/// The line for an event; `None` if a live line or data shows it.
pub fn line(event: &FilesEvent, style: Style) -> Option<String> {
    match event {
        FilesEvent::Uploaded { file, changed: true, .. } => Some(format!(
            "{} {} changed during the upload; what is stored may be neither its old nor its new content",
            style.warn("warning:"),
            clean(file)
        )),
        FilesEvent::Uploaded { .. } | FilesEvent::Skipped { .. } if style.live => None,
        FilesEvent::Uploaded { file, key, size, .. } => {
            Some(style.dim(&format!("uploaded {} ({})", named(file, key), Size(*size).rounded())))
        }
        FilesEvent::Skipped { file, key } => {
            Some(style.dim(&format!("skipped {}: the bucket has it already", named(file, key))))
        }
        FilesEvent::NotUploaded { file, reason, unknown, left_open, .. } => {
            let what = if *unknown { "perhaps not uploaded" } else { "not uploaded" };
            let mut line = format!("{} {}: {}", style.bad(what), clean(file), clean(reason));
            if let Some(left) = left_open {
                line.push_str(&format!(
                    "; its parts remain in the bucket until a lifecycle rule deletes them ({})",
                    clean(left)
                ));
            }
            Some(line)
        }
        FilesEvent::Doubtful { reason, .. } => Some(format!("{} {}", style.warn("warning:"), clean(reason))),
        FilesEvent::NotProcessed { file, key, reason } => {
            let warning = style.warn("warning:");
            Some(format!("{warning} {} gets no record: the key {} {}", clean(file), clean(key), clean(reason)))
        }
        FilesEvent::Record { .. } => None,
        FilesEvent::NoRecord { file, reason: Some(_), .. } => {
            Some(format!("{} of {}", style.bad("no record"), clean(file)))
        }
        FilesEvent::NoRecord { file, seconds, .. } => {
            Some(format!("{} of {} within {seconds} s", style.bad("no record"), clean(file)))
        }
        FilesEvent::Done(summary) => Some(done(summary, style)),
    }
}

/// What names an upload in the lines of records: the file, unless its key differs in more than its folder. Other commands
/// take keys.
pub fn shown<'a>(file: &'a str, key: &'a str) -> &'a str {
    if file.ends_with(key) { file } else { key }
}

fn named(file: &str, key: &str) -> String {
    if file.ends_with(key) { clean(file) } else { format!("{} as {}", clean(file), clean(key)) }
}

/// The numbers, and the files that need attention again where other lines separate them.
fn done(summary: &Summary, style: Style) -> String {
    let tally = &summary.tally;
    let uploaded = counted(tally.uploaded as u64, "file");
    let mut text = format!("{uploaded} uploaded, {} in {:.1} s", Size(tally.bytes).rounded(), tally.seconds);
    for (n, what) in [
        (tally.skipped, "skipped"),
        (tally.not_uploaded, "not uploaded"),
        (tally.unknown, "perhaps uploaded"),
        (tally.changed, "changed meanwhile"),
        (tally.succeeded, "SUCCESS"),
        (tally.failed, "FAILED"),
        (tally.without_record, "without record"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {what}"));
        }
    }
    let files = tally.handled() + tally.not_uploaded + tally.unknown;
    if summary.problems.is_empty() || (files <= REPEATED / 2 && summary.problems.len() == files) {
        return text;
    }
    for problem in summary.problems.iter().take(REPEATED) {
        let what = match problem.result {
            FileResult::NotUploaded => "not uploaded",
            FileResult::Changed => "changed",
            FileResult::Failed => "FAILED",
            FileResult::NoRecord => "no record",
        };
        // The line of a record has the whole reason.
        let reason = match problem.result {
            FileResult::Failed => problem.reason.split(": ").next().unwrap_or_default(),
            _ => &problem.reason,
        };
        text.push_str(&format!("\n  {}  {}: {}", style.bad(what), clean(&problem.file), clean(reason)));
    }
    let more = summary.problems.len().saturating_sub(REPEATED);
    if more > 0 {
        text.push_str(&format!("\n  … and {more} more: provisioner records --status failed"));
    }
    text
}

/// A record that has just arrived. On a terminal it is cut to the width, and the reason of a failure is on a line of its
/// own; elsewhere everything is on one line.
pub fn record_line(file: &str, record: &Value, name_width: usize, style: Style) -> String {
    let text = |name: &str| clean(record[name].as_str().unwrap_or_default());
    let failed = text("status") == Status::Failed.as_str();
    let status = format!("{:<7}", text("status"));
    let status = if failed { style.bad(&status) } else { style.good(&status) };
    let on_terminal = style.width < usize::MAX;
    let name = if on_terminal { cut_middle(&clean(file), name_width) } else { clean(file) };
    let name = format!("{name}{}", " ".repeat(name_width.saturating_sub(name.width())));
    let room = style.width.saturating_sub(STATUS + name.width());
    if failed {
        let (code, message) = (text("errorCode"), text("errorMessage"));
        if !on_terminal {
            return format!("{status}  {name}  {code}: {message}");
        }
        let reason = " ".repeat(STATUS);
        return if code.width() + 2 <= room {
            format!("{status}  {name}  {code}\n{}", wrap(&format!("{reason}{message}"), style.width))
        } else {
            format!("{status}  {}\n{}", name.trim_end(), wrap(&format!("{reason}{code}: {message}"), style.width))
        };
    }
    let file_type = text("fileType");
    let mut details = if on_terminal {
        format!("  {:<TYPE$}", cut(short_type(&file_type), TYPE.min(room.saturating_sub(2))))
    } else {
        format!("  {file_type:<TYPE$}")
    };
    if style.width >= NARROW {
        let size = record["fileSize"].as_u64().map(|size| Size(size).rounded()).unwrap_or_default();
        details.push_str(&format!("  {size:>SIZE$}"));
        for (name, thing) in [("wordCount", "word"), ("pageCount", "page")] {
            if let Some(n) = record[name].as_u64() {
                details.push_str(&format!("  {}", counted(n, thing)));
            }
        }
    }
    // Only a part of the file could be read, for example because it breaks off in the middle.
    let mark = if record["isPartial"] == true { "  partial" } else { "" };
    let details = cut(details.trim_end(), room.saturating_sub(mark.len()));
    format!("{status}  {name}{details}{}", style.warn(mark)).trim_end().to_owned()
}

/// The uploads that `--dry-run` shows.
pub fn planned(uploads: &[Planned], style: Style) -> String {
    let rows: Vec<Vec<String>> = uploads
        .iter()
        .map(|upload| {
            let size = match (upload.skipped, upload.size) {
                (true, _) => "skipped".to_owned(),
                (false, Some(size)) => Size(size).rounded(),
                (false, None) => String::new(),
            };
            vec![size, clean(&upload.key), clean(&upload.file)]
        })
        .collect();
    let sent = uploads.iter().filter(|upload| !upload.skipped);
    let (files, bytes) =
        sent.fold((0, 0_u64), |(files, bytes), upload| (files + 1, bytes.saturating_add(upload.size.unwrap_or(0))));
    let total = format!("{} would be uploaded, {}", counted(files, "file"), Size(bytes).rounded());
    format!("{}\n{total}", table(&["SIZE", "KEY", "FILE"], &rows, style))
}

/// The progress line of an upload; shown on a terminal only.
#[derive(Debug, Clone)]
pub struct Uploading {
    live: Live,
    line: LineId,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    bytes: u64,
    of: u64,
    done: usize,
    files: usize,
    /// The second phase: when it began, how many records were awaited then, and how many are now.
    waiting: Option<(Instant, usize, usize)>,
}

impl Uploading {
    /// The line for `files` files of `bytes` bytes in total.
    pub fn new(lines: &Live, files: usize, bytes: u64) -> Self {
        let state = State { since: Instant::now(), bytes: 0, of: bytes, done: 0, files, waiting: None };
        let state = Arc::new(Mutex::new(state));
        let shown = Arc::clone(&state);
        let line = lines.add(Place::Total, move |width| {
            let state = shown.lock().unwrap_or_else(PoisonError::into_inner);
            match state.waiting {
                None => uploading(state.since.elapsed(), &state, width),
                Some((since, of, now)) => waiting(state.since.elapsed(), since.elapsed(), (of - now, of), width),
            }
        });
        Self { live: lines.clone(), line, state }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Uploading {
    fn bytes(&self, bytes: u64) {
        self.change(|state| state.bytes += bytes);
    }

    fn done(&self, files: usize) {
        self.change(|state| state.done = files);
    }

    fn awaiting(&self, records: usize) {
        self.change(|state| {
            let (_, of, now) = state.waiting.get_or_insert((Instant::now(), records, records));
            *of = (*of).max(records);
            *now = records;
        });
    }

    fn end(&self) {
        self.live.remove(self.line);
    }
}

fn uploading(elapsed: Duration, state: &State, width: usize) -> String {
    let State { bytes, of, done, files, .. } = *state;
    let rate = bytes.saturating_mul(1_000) / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    format!(
        "{}{}uploading {done} of {files}, {} of {}, {}/s{}",
        clock(elapsed),
        bar(bytes, of, width),
        Size(bytes).rounded(),
        Size(of).rounded(),
        Size(rate).rounded(),
        left(elapsed, bytes, of)
    )
}

/// The second phase, with the records that have arrived and all that were awaited.
fn waiting(elapsed: Duration, waited: Duration, (arrived, of): (usize, usize), width: usize) -> String {
    let (arrived, of) = (arrived as u64, of as u64);
    format!(
        "{}{}{arrived} of {} arrived{}",
        clock(elapsed),
        bar(arrived, of, width),
        counted(of, "record"),
        left(waited, arrived, of)
    )
}

#[cfg(test)]
mod tests {
    use provisioner_engine::event::files::{Problem, Tally};
    use serde_json::json;

    use super::*;
    use crate::report::wrap::columns;

    const PIPE: Style = Style { colour: false, live: false, width: usize::MAX };

    fn on(width: usize) -> Style {
        Style { colour: false, live: false, width }
    }

    fn records() -> Vec<(&'static str, Value)> {
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        vec![
            (
                "a.pdf",
                json!({"status": "SUCCESS", "fileType": "application/pdf", "fileSize": 2048, "wordCount": 446, "pageCount": 1}),
            ),
            (
                "in/a-folder/with-a-rather-long-name-of-a-file.docx",
                json!({"status": "SUCCESS", "fileType": docx, "fileSize": 123_456, "wordCount": 1}),
            ),
            ("cut.png", json!({"status": "SUCCESS", "fileType": "image/png", "fileSize": 2048, "isPartial": true})),
            (
                "报\n告.txt",
                json!({"status": "FAILED", "errorCode": "EMPTY_FILE", "errorMessage": "the file is empty, which is why there is nothing in it to read or to count"}),
            ),
        ]
    }

    fn lines(style: Style) -> String {
        let records = records();
        let width = name_width(records.iter().map(|(name, _)| (*name).to_owned()), style.width);
        records.iter().map(|(name, record)| record_line(name, record, width, style) + "\n").collect()
    }

    #[test]
    fn on_a_terminal_lines_align_and_fit_and_the_reason_has_its_own_line() {
        for width in [40, 60, 80, 120, 200] {
            let text = lines(on(width));
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            assert!(text.contains("SUCCESS  a.pdf") && text.contains("docx") && text.contains("partial"), "{text}");
            assert!(text.contains("FAILED   报\u{fffd}告.txt") && text.contains("\n         "), "{width}:\n{text}");
        }
        assert_eq!(
            lines(on(80)),
            "\
SUCCESS  a.pdf                      pdf              2.00 KiB  446 words  1 page
SUCCESS  in/a-fol…e-of-a-file.docx  wordprocessin…    121 KiB  1 word
SUCCESS  cut.png                    png              2.00 KiB  partial
FAILED   报\u{fffd}告.txt                  EMPTY_FILE
         the file is empty, which is why there is nothing in it to read or to
           count
"
        );
    }

    #[test]
    fn in_a_pipe_each_record_is_one_line_with_everything() {
        let text = lines(PIPE);
        assert_eq!(text.lines().count(), 4, "{text}");
        for part in
            ["wordprocessingml.document", "of-a-file.docx", "EMPTY_FILE: the file is empty", "446 words  1 page"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn files_that_need_attention_are_repeated_last() {
        let problem = |n: usize| Problem {
            result: FileResult::Failed,
            file: format!("{n}.txt"),
            key: String::new(),
            reason: "EMPTY_FILE: the file is empty".into(),
        };
        let summary = |uploaded: usize, failed: usize| Summary {
            tally: Tally { uploaded, failed, bytes: 5, succeeded: uploaded - failed, ..Tally::default() },
            problems: (0..failed).map(problem).collect(),
        };
        assert_eq!(
            done(&summary(3, 1), PIPE),
            "3 files uploaded, 5 B in 0.0 s, 2 SUCCESS, 1 FAILED\n  FAILED  0.txt: EMPTY_FILE"
        );
        // A line just above needs no repetition.
        assert_eq!(done(&summary(1, 1), PIPE).lines().count(), 1);
        let many = done(&summary(100, 30), PIPE);
        assert_eq!(many.lines().count(), 22, "{many}");
        assert!(many.ends_with("… and 10 more: provisioner records --status failed"), "{many}");
    }

    #[test]
    fn each_phase_has_a_bar_and_an_estimate() {
        let state = State { since: Instant::now(), bytes: 10 << 20, of: 40 << 20, done: 1, files: 9, waiting: None };
        let line = uploading(Duration::from_secs(10), &state, 40);
        assert_eq!(line, "   10s uploading 1 of 9, 10.0 MiB of 40.0 MiB, 1.00 MiB/s, 30 s left");
        assert!(uploading(Duration::from_secs(10), &state, 80).contains("[#####---------------]"));
        let line = waiting(Duration::from_secs(12), Duration::from_secs(2), (1, 3), 40);
        assert_eq!(line, "   12s 1 of 3 records arrived, 4 s left");
        let line = waiting(Duration::from_secs(12), Duration::from_secs(2), (0, 1), 40);
        assert_eq!(line, "   12s 0 of 1 record arrived");
    }
}
