//! An external sort: rows are sorted in memory, a run at a time, written to files, and merged. Memory is bounded by one
//! run, whatever the number of rows.
//!
//! The runs are files with one row a line, so that an interrupted command can continue: crates for external sorting keep
//! their runs to themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use provisioner_planner::reconcile::Row;

/// The memory of the rows of one run. Bytes.
const RUN_BYTES: usize = 8 << 20;
/// Runs that are merged at the same time; each has an open file with a buffer.
const FAN_IN: usize = 64;
/// The buffer of an open run. Bytes.
const BUFFER: usize = 64 << 10;

/// Sorts rows into runs.
#[derive(Debug)]
pub(super) struct Sorter {
    folder: PathBuf,
    rows: Vec<Row>,
    bytes: usize,
}

impl Sorter {
    /// A sorter whose runs are files in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), rows: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, row: Row) {
        self.bytes += row.bytes();
        self.rows.push(row);
    }

    /// Whether the rows should be written now.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= RUN_BYTES
    }

    /// Writes the rows as a run, unless there are none. Returns whether there were.
    pub(super) fn write(&mut self, name: &str) -> io::Result<bool> {
        if self.rows.is_empty() {
            return Ok(false);
        }
        let mut rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        rows.sort_unstable();
        write_run(&self.folder.join(name), rows.into_iter().map(Ok))?;
        Ok(true)
    }
}

/// Writes a run. The file has its name only when it is complete.
fn write_run(path: &Path, rows: impl Iterator<Item = io::Result<Row>>) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    let mut file = BufWriter::with_capacity(BUFFER, File::create(&unfinished)?);
    for row in rows {
        writeln!(file, "{}", row?.to_line())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
    std::fs::rename(unfinished, path)
}

/// The rows of all runs, in order. Many runs are merged into fewer first; the given ones are kept, so that an interruption
/// loses nothing.
pub(super) fn merged(folder: &Path, runs: &[String]) -> io::Result<Merge> {
    let mut paths: Vec<PathBuf> = runs.iter().map(|run| folder.join(run)).collect();
    let mut merged = 0;
    while paths.len() > FAN_IN {
        let mut fewer = Vec::new();
        for group in paths.chunks(FAN_IN) {
            let path = folder.join(format!("merged-{merged}"));
            merged += 1;
            write_run(&path, Merge::of(group)?)?;
            fewer.push(path);
        }
        paths = fewer;
    }
    Merge::of(&paths)
}

/// The next row of a run.
type Next = Reverse<(Row, usize)>;

/// Several runs, read in order.
#[derive(Debug)]
pub(super) struct Merge {
    runs: Vec<io::Lines<BufReader<File>>>,
    next: BinaryHeap<Next>,
    failed: Option<io::Error>,
}

impl Merge {
    fn of(paths: &[PathBuf]) -> io::Result<Self> {
        let open = |path: &PathBuf| Ok(BufReader::with_capacity(BUFFER, File::open(path)?).lines());
        let runs = paths.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let mut merge = Self { next: BinaryHeap::with_capacity(runs.len()), runs, failed: None };
        for run in 0..merge.runs.len() {
            merge.advance(run);
        }
        Ok(merge)
    }

    /// Reads the next row of a run.
    fn advance(&mut self, run: usize) {
        match self.runs[run].next() {
            None => {}
            Some(Err(error)) => self.failed = Some(error),
            Some(Ok(line)) => match Row::from_line(&line) {
                Some(row) => self.next.push(Reverse((row, run))),
                None => self.failed = Some(io::Error::new(io::ErrorKind::InvalidData, "a line is not a row")),
            },
        }
    }
}

impl Iterator for Merge {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.next.clear();
            return Some(Err(error));
        }
        let Reverse((row, run)) = self.next.pop()?;
        self.advance(run);
        Some(Ok(row))
    }
}

#[cfg(test)]
mod tests {
    use provisioner_planner::reconcile::Kind;

    use super::*;

    fn row(n: usize) -> Row {
        Row {
            key: format!("{:05}", (n * 7_919) % 10_007),
            version: String::new(),
            kind: Kind::File,
            e_tag: "e".into(),
            size: 1,
            sequencer: String::new(),
            at: 0,
            id: String::new(),
        }
    }

    #[test]
    fn rows_come_back_in_order_from_any_number_of_runs() {
        for (rows, runs) in [(0, 1), (1, 1), (1_000, 1), (1_000, 7), (1_000, FAN_IN + 1), (5_000, FAN_IN * 2 + 3)] {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path());
            let mut names = Vec::new();
            for n in 0..rows {
                sorter.push(row(n));
                if n % (rows / runs).max(1) == 0 {
                    let name = format!("run-{n}");
                    assert!(sorter.write(&name).unwrap());
                    names.push(name);
                }
            }
            if sorter.write("last").unwrap() {
                names.push("last".to_owned());
            }
            let mut expected: Vec<Row> = (0..rows).map(row).collect();
            expected.sort();
            let all: Vec<Row> = merged(folder.path(), &names).unwrap().map(Result::unwrap).collect();
            assert_eq!(all, expected, "{rows} rows in {runs} runs");
            // The runs are still there: a merge can be repeated.
            assert_eq!(merged(folder.path(), &names).unwrap().count(), rows);
        }
    }

    #[test]
    fn a_broken_run_is_an_error_and_no_shorter_list() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path());
        (0..3).for_each(|n| sorter.push(row(n)));
        sorter.write("run").unwrap();
        let path = folder.path().join("run");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let runs = ["run".to_owned()];
        assert!(merged(folder.path(), &runs).unwrap().any(|row| row.is_err()));
        std::fs::remove_file(&path).unwrap();
        assert!(merged(folder.path(), &runs).is_err());
    }
}
