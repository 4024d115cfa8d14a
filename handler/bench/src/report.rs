//! What was measured, as a table for people and as JSON for programs.

use std::io::{self, Cursor, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};
use zip::write::SimpleFileOptions;

use crate::cpu_share::ONE_PROCESSOR;
use crate::instructions::Instructions;
use crate::price::NETWORK_MILLIS;

/// The memory of the smallest function that is measured. MB.
pub(crate) const SMALL: u32 = 256;

/// One file with one amount of memory.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) memory_mb: u32,
    pub(crate) file: &'static str,
    /// In the order of the programs.
    pub(crate) programs: Vec<Figures>,
}

/// One program's figures.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    /// Each event comes when the one before is answered.
    pub(crate) at_once: Times,
    pub(crate) with_pauses: Times,
    /// Processor time of the program and of all its children for one file, events one after the other.
    pub(crate) cpu: Times,
    pub(crate) dollars_per_million: Option<f64>,
}

/// Files of the rows "as on Lambda", by their place.
const SMALL_TEXT: usize = 0;
const MEDIUM_TEXT: usize = 1;

/// Times of one thing, in milliseconds. Written down as median, mean, 99th percentile, least and count.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) millis: Vec<f64>,
}

#[derive(Serialize)]
struct Summary {
    median_ms: f64,
    mean_ms: f64,
    p99_ms: f64,
    min_ms: f64,
    count: usize,
}

impl Times {
    fn summary(&self) -> Option<Summary> {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| sorted.get((sorted.len() * part / 100).min(sorted.len().saturating_sub(1))).copied();
        let count = u32::try_from(sorted.len()).ok()?;
        let mean_ms = sorted.iter().sum::<f64>() / f64::from(count);
        Some(Summary { median_ms: at(50)?, mean_ms, p99_ms: at(99)?, min_ms: at(0)?, count: sorted.len() })
    }

    fn median(&self) -> Option<f64> {
        self.summary().map(|summary| summary.median_ms)
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

/// One program's figures.
#[derive(Debug, Serialize)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) start_to_first_request: Times,
    pub(crate) first_answer: Times,
    /// With a pause before each event.
    pub(crate) warm_text: Times,
    /// Without: each event comes when the one before is answered.
    pub(crate) warm_text_at_once: Times,
    pub(crate) warm_pdf: Times,
    /// The most resident memory at any time, in KiB; not known outside Linux.
    pub(crate) peak_kib: Option<u64>,
}

impl Contender {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            start_to_first_request: Times::default(),
            first_answer: Times::default(),
            warm_text: Times::default(),
            warm_text_at_once: Times::default(),
            warm_pdf: Times::default(),
            peak_kib: None,
        }
    }
}

/// The contenders' names.
pub(crate) const BARE: &str = "bare Rust";
/// The bare Lambda with a process for each file.
pub(crate) const FORKING: &str = "bare, forking";
pub(crate) const PYTHON: &str = "Python";

type Measure = fn(&Contender) -> &Times;

const START: Measure = |contender| &contender.start_to_first_request;
const TEXT: Measure = |contender| &contender.warm_text;
const PDF: Measure = |contender| &contender.warm_pdf;
const MEASURES: &[(&str, Measure)] = &[
    ("start to first request for work", START),
    ("first answer, small text", |contender| &contender.first_answer),
    ("warm answer, small text", TEXT),
    ("the same without a pause between events", |contender| &contender.warm_text_at_once),
    ("warm answer, PDF", PDF),
];

/// One large text on its way through the handler.
#[derive(Debug, Serialize)]
pub(crate) struct Large {
    pub(crate) mib: u64,
    pub(crate) seconds: f64,
    pub(crate) mb_per_second: f64,
    pub(crate) parent_peak_kib: Option<u64>,
    pub(crate) child_peak_kib: Option<u64>,
}

/// The figures under the processor shares of Lambda.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lambda {
    Measured(Vec<Row>),
    /// Why not.
    NotMeasured(String),
}

impl Lambda {
    fn rows(&self) -> &[Row] {
        match self {
            Self::Measured(rows) => rows,
            Self::NotMeasured(_) => &[],
        }
    }

    /// How often a figure of the handler is that of another program, for a file with this much memory.
    fn ratio(&self, memory_mb: u32, file: usize, figure: fn(&Figures) -> &Times, other: &str) -> Option<f64> {
        let row = self.rows().iter().filter(|row| row.memory_mb == memory_mb).nth(file)?;
        let other = row.programs.iter().find(|program| program.name == other)?;
        Some(figure(row.programs.first()?).median()? / figure(other).median()?)
    }

    fn table(&self) -> String {
        let rows = match self {
            Self::Measured(rows) => rows,
            Self::NotMeasured(reason) => return format!("\nas on Lambda: not measured, {reason}\n"),
        };
        let heads = ["as on Lambda", "at once ms", "mean ms", "with pauses ms", "processor ms", "$ a million files"];
        let mut table = vec![heads.map(ToOwned::to_owned).to_vec()];
        for row in rows {
            table.push(vec![format!("{} MB, {}", row.memory_mb, row.file)]);
            for program in &row.programs {
                let shown =
                    |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"));
                table.push(vec![
                    format!("  {}", program.name),
                    shown(program.at_once.median()),
                    shown(program.at_once.summary().map(|summary| summary.mean_ms)),
                    shown(program.with_pauses.median()),
                    shown(program.cpu.median()),
                    shown(program.dollars_per_million),
                ]);
            }
        }
        format!(
            "\n{}processor time includes all children; a million files: {NETWORK_MILLIS} ms of network added to each\n",
            align(&table)
        )
    }
}

/// A figure that has a goal.
#[derive(Debug, Serialize)]
struct Goal {
    what: String,
    /// `None` where it was not measured.
    figure: Option<f64>,
    unit: &'static str,
    bound: Bound,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn new(what: impl Into<String>, figure: Option<f64>, unit: &'static str, bound: Bound) -> Self {
        let met = figure.map(|figure| match bound {
            Bound::AtMost(most) => figure <= most,
            Bound::AtLeast(least) => figure >= least,
        });
        Self { what: what.into(), figure, unit, bound, met }
    }

    fn row(&self) -> Vec<String> {
        let Self { figure, unit, bound, met, .. } = self;
        let bound = match bound {
            Bound::AtMost(most) => format!("at most {most} {unit}"),
            Bound::AtLeast(least) => format!("at least {least} {unit}"),
        };
        let result = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        let figure = figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2} {unit}"));
        vec![format!("  {}", self.what), figure, bound, result.to_owned()]
    }
}

/// The figures under the processor shares of Lambda by themselves, with services outside of this process.
#[derive(Debug, Serialize)]
pub(crate) struct LambdaReport {
    /// The URL of S3 and `DynamoDB`.
    services: String,
    lambda: Lambda,
    goals: Vec<Goal>,
}

impl LambdaReport {
    pub(crate) fn new(services: String, lambda: Lambda) -> Self {
        let goals = lambda_goals(&lambda).into();
        Self { services, lambda, goals }
    }

    /// The report as an aligned table.
    pub(crate) fn table(&self) -> String {
        let Self { services, lambda, goals } = self;
        format!(
            "S3 and DynamoDB at {services}, whose time is part of each event's\n{}\n{}",
            lambda.table(),
            goals_table(goals)
        )
    }
}

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cpus: usize,
    /// The handler first.
    contenders: Vec<Contender>,
    large: Vec<Large>,
    lambda: Lambda,
    /// Of the parser by itself.
    instructions: Vec<Instructions>,
    /// What one processor hashes when it does nothing else: the most that a text may pass at.
    hash_mb_per_second: f64,
    handler_bytes: u64,
    handler_zip_bytes: u64,
    goals: Vec<Goal>,
}

impl Report {
    pub(crate) fn new(
        contenders: Vec<Contender>,
        large: Vec<Large>,
        lambda: Lambda,
        instructions: Vec<Instructions>,
        hash_mb_per_second: f64,
        handler: &Path,
    ) -> io::Result<Self> {
        let executable = std::fs::read(handler)?;
        let handler_zip_bytes = zipped(&executable)?;
        let goals = goals(&contenders, &large, &lambda, handler_zip_bytes);
        Ok(Self {
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            contenders,
            large,
            lambda,
            instructions,
            hash_mb_per_second,
            handler_bytes: executable.len() as u64,
            handler_zip_bytes,
            goals,
        })
    }

    /// The report as an aligned table.
    pub(crate) fn table(&self) -> String {
        let handler = &self.contenders[0];
        let mut rows =
            vec![["", "median ms", "p99 ms", "min ms", "peak MiB", "handler is"].map(ToOwned::to_owned).to_vec()];
        for (measure, times) in MEASURES {
            rows.push(vec![(*measure).to_owned()]);
            for contender in &self.contenders {
                let Some(summary) = times(contender).summary() else { continue };
                let ratio = times(handler).median().map(|own| ratio(own, summary.median_ms)).unwrap_or_default();
                rows.push(vec![
                    format!("  {}", contender.name),
                    format!("{:.2}", summary.median_ms),
                    format!("{:.2}", summary.p99_ms),
                    format!("{:.2}", summary.min_ms),
                    mib(contender.peak_kib),
                    if std::ptr::eq(contender, handler) { String::new() } else { ratio },
                ]);
            }
        }
        let mut table = align(&rows);
        if !self.large.is_empty() {
            let mut rows =
                vec![["large text", "seconds", "MB/s", "parent MiB", "child MiB"].map(ToOwned::to_owned).to_vec()];
            for large in &self.large {
                rows.push(vec![
                    format!("  {} MiB", large.mib),
                    format!("{:.2}", large.seconds),
                    format!("{:.0}", large.mb_per_second),
                    mib(large.parent_peak_kib),
                    mib(large.child_peak_kib),
                ]);
            }
            table += "\n";
            table += &align(&rows);
        }
        table += &self.lambda.table();
        if !self.instructions.is_empty() {
            let mut rows =
                vec![["instructions of the parser", "million", "counted by"].map(ToOwned::to_owned).to_vec()];
            rows.extend(self.instructions.iter().map(|Instructions { file, count, counter }| {
                vec![format!("  {file}"), format!("{:.2}", in_units(*count, 1e6)), (*counter).to_owned()]
            }));
            table += "\n";
            table += &align(&rows);
        }
        table += "\n";
        table += &goals_table(&self.goals);
        table += &format!(
            "\nhandler: {:.2} MB, zipped {:.2} MB; {} processors, of which one hashes {:.0} MB/s and does nothing else\n",
            in_units(self.handler_bytes, 1e6),
            in_units(self.handler_zip_bytes, 1e6),
            self.cpus,
            self.hash_mb_per_second,
        );
        table
    }
}

/// What the handler is meant to reach, and whether it does.
fn goals(contenders: &[Contender], large: &[Large], lambda: &Lambda, zip_bytes: u64) -> Vec<Goal> {
    let handler = &contenders[0];
    let named = |name: &str| contenders.iter().find(|contender| contender.name == name);
    let slower =
        |times: fn(&Contender) -> &Times, than: &str| Some(times(handler).median()? / times(named(than)?).median()?);
    let faster = |times, than| slower(times, than).map(f64::recip);
    let most = |mib: fn(&Large) -> Option<u64>| large.iter().filter_map(mib).max();
    let parent = handler.peak_kib.max(most(|large| large.parent_peak_kib)).map(|kib| in_units(kib, 1024.0));
    let child = most(|large| large.child_peak_kib).map(|kib| in_units(kib, 1024.0));
    let rate = large.iter().map(|large| large.mb_per_second).max_by(f64::total_cmp);
    let mut goals = vec![
        Goal::new("start, in starts of the bare Rust", slower(START, BARE), "x", Bound::AtMost(1.1)),
        Goal::new("start, faster than the Python", faster(START, PYTHON), "x", Bound::AtLeast(30.0)),
        Goal::new("warm small text, in answers of the bare Rust", slower(TEXT, BARE), "x", Bound::AtMost(1.25)),
    ];
    goals.extend(lambda_goals(lambda));
    goals.extend([
        Goal::new("warm PDF, faster than the Python", faster(PDF, PYTHON), "x", Bound::AtLeast(15.0)),
        Goal::new("memory of the parent, at its peak", parent, "MiB", Bound::AtMost(16.0)),
        Goal::new("memory of a child, at its peak", child, "MiB", Bound::AtMost(96.0)),
        Goal::new("large text", rate, "MB/s", Bound::AtLeast(500.0)),
        Goal::new("zip", Some(in_units(zip_bytes, 1e6)), "MB", Bound::AtMost(6.0)),
    ]);
    goals
}

/// The goals under the processor shares of Lambda.
fn lambda_goals(lambda: &Lambda) -> [Goal; 4] {
    let cpu = |file| lambda.ratio(ONE_PROCESSOR, file, |figures| &figures.cpu, BARE);
    let at_once = |other| lambda.ratio(SMALL, SMALL_TEXT, |figures| &figures.at_once, other);
    [
        Goal::new("processor time of a small text, to the bare Rust's", cpu(SMALL_TEXT), "x", Bound::AtMost(2.0)),
        Goal::new("processor time of 54 KB of text, to the bare Rust's", cpu(MEDIUM_TEXT), "x", Bound::AtMost(2.3)),
        Goal::new(
            "small text at once with 256 MB, in answers of the bare Rust",
            at_once(BARE),
            "x",
            Bound::AtMost(4.0),
        ),
        Goal::new(
            "small text at once with 256 MB, faster than the Python",
            at_once(PYTHON).map(f64::recip),
            "x",
            Bound::AtLeast(3.0),
        ),
    ]
}

fn goals_table(goals: &[Goal]) -> String {
    let mut rows = vec![["goals", "figure", "goal", ""].map(ToOwned::to_owned).to_vec()];
    rows.extend(goals.iter().map(Goal::row));
    align(&rows)
}

fn ratio(own: f64, other: f64) -> String {
    if own <= other { format!("{:.1} x faster", other / own) } else { format!("{:.2} x slower", own / other) }
}

fn mib(kib: Option<u64>) -> String {
    kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1}", in_units(kib, 1024.0)))
}

/// An amount in larger units, for people.
pub(crate) fn in_units(amount: u64, unit: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the figures are shown with three digits")]
    let amount = amount as f64;
    amount / unit
}

/// The first column to the left, all others to the right.
fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
            line += &cell;
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The size of a zip with this one entry.
fn zipped(executable: &[u8]) -> io::Result<u64> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default())?;
    zip.write_all(executable)?;
    Ok(zip.finish()?.into_inner().len() as u64)
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.millis.push(time.as_secs_f64() * 1e3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_of_the_sorted_times() {
        let times = Times { millis: (1..=100).rev().map(f64::from).collect() };
        let summary = times.summary().unwrap();
        assert_eq!((summary.min_ms, summary.median_ms, summary.p99_ms, summary.count), (1.0, 51.0, 100.0, 100));
        assert!(Times::default().summary().is_none());
    }

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        let result = |figure, bound| Goal::new("x", figure, "x", bound).row().pop().unwrap();
        assert_eq!(result(Some(1.3), Bound::AtMost(1.3)), "met");
        assert_eq!(result(Some(1.31), Bound::AtMost(1.3)), "missed");
        assert_eq!(result(Some(30.0), Bound::AtLeast(30.0)), "met");
        assert_eq!(result(Some(29.9), Bound::AtLeast(30.0)), "missed");
        assert_eq!(result(None, Bound::AtLeast(30.0)), "not measured");
    }

    #[test]
    fn goals_compare_medians_and_peaks() {
        let times = |millis: f64| Times { millis: vec![millis] };
        let contender = |name, start, text, pdf: Option<f64>, peak_kib| Contender {
            start_to_first_request: times(start),
            warm_text: times(text),
            warm_pdf: pdf.map(times).unwrap_or_default(),
            peak_kib: Some(peak_kib),
            ..Contender::new(name)
        };
        let large = Large {
            mib: 1,
            seconds: 1.0,
            mb_per_second: 600.0,
            parent_peak_kib: Some(20 << 10),
            child_peak_kib: Some(96 << 10),
        };
        let contenders = [
            contender("handler", 8.0, 1.5, Some(10.0), 10 << 10),
            contender(BARE, 4.0, 1.0, None, 7 << 10),
            contender(PYTHON, 400.0, 5.0, Some(200.0), 60 << 10),
        ];
        let figures_of =
            |name, at_once, cpu| Figures { name, at_once: times(at_once), cpu: times(cpu), ..Figures::default() };
        let row = |memory_mb, cpu| Row {
            memory_mb,
            file: "a text",
            programs: vec![figures_of("handler", 6.0, cpu), figures_of(BARE, 2.0, 0.5), figures_of(PYTHON, 24.0, 4.0)],
        };
        let lambda = Lambda::Measured(vec![row(256, 9.0), row(ONE_PROCESSOR, 1.0), row(ONE_PROCESSOR, 1.25)]);
        let figures = |contenders: &[Contender]| -> Vec<Option<f64>> {
            goals(contenders, std::slice::from_ref(&large), &lambda, 5_000_000).iter().map(|goal| goal.figure).collect()
        };
        let [start, slower, text, pdf] = [Some(2.0), Some(50.0), Some(1.5), Some(20.0)];
        let rest = [Some(20.0), Some(96.0), Some(600.0), Some(5.0)];
        let shared = [Some(2.0), Some(2.5), Some(3.0), Some(4.0)];
        assert_eq!(figures(&contenders), [&[start, slower, text][..], &shared, &[pdf], &rest].concat());
        assert_eq!(figures(&contenders[..2]), [&[start, None, text][..], &shared, &[None], &rest].concat());
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec![String::new(), "ms".to_owned()], vec!["start".to_owned(), "1.25".to_owned()]];
        assert_eq!(align(&rows), "         ms\nstart  1.25\n");
    }
}
