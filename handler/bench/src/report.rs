//! What was measured, as a table for people and as JSON for programs.

use std::io::{self, Cursor, Write};
use std::path::Path;

use serde::{Serialize, Serializer};
use zip::write::SimpleFileOptions;

/// Times of one thing, in milliseconds. Written down as median, 99th percentile, least and count.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) millis: Vec<f64>,
}

#[derive(Serialize)]
struct Summary {
    median_ms: f64,
    p99_ms: f64,
    min_ms: f64,
    count: usize,
}

impl Times {
    fn summary(&self) -> Option<Summary> {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| sorted.get((sorted.len() * part / 100).min(sorted.len().saturating_sub(1))).copied();
        Some(Summary { median_ms: at(50)?, p99_ms: at(99)?, min_ms: at(0)?, count: sorted.len() })
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
    pub(crate) warm_text: Times,
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
            warm_pdf: Times::default(),
            peak_kib: None,
        }
    }
}

type Measure = (&'static str, fn(&Contender) -> &Times);

const MEASURES: &[Measure] = &[
    ("start to first request for work", |contender| &contender.start_to_first_request),
    ("first answer, small text", |contender| &contender.first_answer),
    ("warm answer, small text", |contender| &contender.warm_text),
    ("warm answer, PDF", |contender| &contender.warm_pdf),
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

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cpus: usize,
    /// The handler first.
    contenders: Vec<Contender>,
    large: Vec<Large>,
    handler_bytes: u64,
    handler_zip_bytes: u64,
}

impl Report {
    pub(crate) fn new(contenders: Vec<Contender>, large: Vec<Large>, handler: &Path) -> io::Result<Self> {
        let executable = std::fs::read(handler)?;
        Ok(Self {
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            contenders,
            large,
            handler_bytes: executable.len() as u64,
            handler_zip_bytes: zipped(&executable)?,
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
        let size = format!(
            "\nhandler: {:.2} MB, zipped {:.2} MB; {} processors\n",
            in_units(self.handler_bytes, 1e6),
            in_units(self.handler_zip_bytes, 1e6),
            self.cpus
        );
        table += &size;
        table
    }
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
    fn columns_line_up() {
        let rows = [vec![String::new(), "ms".to_owned()], vec!["start".to_owned(), "1.25".to_owned()]];
        assert_eq!(align(&rows), "         ms\nstart  1.25\n");
    }
}
