//! The list of records as aligned columns that fit the terminal. The key, which tells files apart, is kept whatever the
//! width; other columns are shortened or left out for it. Pure.

use std::collections::BTreeSet;

use handler_contract::Status;
use provisioner_model::query::Row;
use provisioner_model::text::clean;
use provisioner_model::units::Size;
use unicode_width::UnicodeWidthStr as _;

use super::Style;
use super::table::{cut, cut_middle, painted};

/// Columns of a key that are worth leaving out other columns for.
const KEY: usize = 24;
/// The mark of a file of which only a part could be read, for example because it breaks off in the middle.
const PARTIAL: &str = "partial";
/// Columns of a shortened media type.
const SHORT_TYPE: usize = 14;
/// Columns of a shortened error code.
const SHORT_ERROR: usize = 16;

/// A column of the list, in the order in which they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Uploaded,
    Status,
    Key,
    Size,
    Words,
    Pages,
    Type,
    Error,
}

/// The columns of a list, and how their cells are written.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a reduction of its own")]
struct Layout<'a> {
    columns: Vec<Column>,
    /// Ids of records whose files could be read only in part.
    partial: &'a BTreeSet<String>,
    short_states: bool,
    short_times: bool,
    short_types: bool,
    short_errors: bool,
}

/// What is shortened or left out while the list is too wide, in this order.
const REDUCTIONS: [fn(&mut Layout<'_>); 10] = [
    |layout| layout.short_types = true,
    |layout| layout.without(Column::Pages),
    |layout| layout.without(Column::Words),
    |layout| layout.short_states = true,
    |layout| layout.short_times = true,
    |layout| layout.without(Column::Size),
    |layout| layout.short_errors = true,
    |layout| layout.without(Column::Type),
    |layout| layout.without(Column::Uploaded),
    |layout| layout.without(Column::Error),
];
/// Columns of a key for which the error code is left out, too.
const LEAST_KEY: usize = 10;

impl Layout<'_> {
    fn without(&mut self, column: Column) {
        self.columns.retain(|other| *other != column);
    }

    fn title(&self, column: Column) -> &'static str {
        match column {
            Column::Uploaded if self.short_times => "UTC",
            Column::Uploaded => "UPLOADED (UTC)",
            Column::Status => "STATUS",
            Column::Key => "KEY",
            Column::Size => "SIZE",
            Column::Words => "WORDS",
            Column::Pages => "PAGES",
            Column::Type => "TYPE",
            Column::Error => "ERROR",
        }
    }

    fn cell(&self, column: Column, row: &Row) -> String {
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        match column {
            Column::Uploaded if self.short_times => row.uploaded_at.as_str()[5..16].replace('T', " "),
            Column::Uploaded => row.uploaded_at.as_str()[..19].replace('T', " "),
            Column::Status => match (row.status, self.partial.contains(&row.document_id)) {
                (Status::Success, true) if self.short_states => PARTIAL.to_owned(),
                (Status::Success, true) => format!("{}, {PARTIAL}", row.status),
                (status, _) => status.to_string(),
            },
            Column::Key => clean(&row.object_key),
            Column::Size => Size(row.file_size).rounded(),
            Column::Words => number(row.word_count),
            Column::Pages => number(row.page_count),
            Column::Type if self.short_types => cut(short_type(&clean(&row.file_type)), SHORT_TYPE),
            Column::Type => clean(&row.file_type),
            Column::Error => {
                let code = clean(row.error_code.as_deref().unwrap_or_default());
                if self.short_errors { cut(&code, SHORT_ERROR) } else { code }
            }
        }
    }

    /// Columns that all columns but the key take, with the blanks between them.
    fn width_beside_key(&self, rows: &[Row]) -> usize {
        let others = self.columns.iter().filter(|column| **column != Column::Key);
        let width = |column: &Column| {
            let cells = rows.iter().map(|row| self.cell(*column, row).width()).max().unwrap_or_default();
            cells.max(self.title(*column).width()) + 2
        };
        others.map(width).sum()
    }
}

/// The last part of a media type's name: `pdf`, `spreadsheetml.sheet`.
pub fn short_type(file_type: &str) -> &str {
    let (_, subtype) = file_type.split_once('/').unwrap_or(("", file_type));
    subtype.strip_prefix("vnd.openxmlformats-officedocument.").or_else(|| subtype.strip_prefix("x-")).unwrap_or(subtype)
}

/// Records as aligned columns; `partial` has the ids of those whose files could be read only in part. Empty columns are left
/// out.
pub fn records(rows: &[Row], partial: &BTreeSet<String>, style: Style) -> String {
    use Column::{Error, Key, Pages, Size, Status as State, Type, Uploaded, Words};
    let mut layout = Layout {
        columns: vec![Uploaded, State, Key, Size, Words, Pages, Type, Error],
        partial,
        short_states: false,
        short_times: false,
        short_types: false,
        short_errors: false,
    };
    let full = layout.clone();
    layout.columns.retain(|column| rows.is_empty() || rows.iter().any(|row| !full.cell(*column, row).is_empty()));
    let key = rows.iter().map(|row| clean(&row.object_key).width()).max().unwrap_or_default().max(3);
    let mut reductions = REDUCTIONS.iter();
    let room = loop {
        let room = style.width.saturating_sub(layout.width_beside_key(rows));
        let wanted = if reductions.len() == 1 { LEAST_KEY } else { KEY };
        if room >= key.min(wanted) {
            break room;
        }
        match reductions.next() {
            Some(reduce) => reduce(&mut layout),
            None => break room,
        }
    };
    let header: Vec<&str> = layout.columns.iter().map(|column| layout.title(*column)).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cell = |column: &Column| match column {
                Key => cut_middle(&layout.cell(Key, row), room.max(1)),
                other => layout.cell(*other, row),
            };
            layout.columns.iter().map(cell).collect()
        })
        .collect();
    let at = layout.columns.iter().position(|column| *column == State);
    painted(&header, &cells, style, |column, cell| {
        if Some(column) != at {
            cell.to_owned()
        } else if cell.trim_end() == Status::Failed.as_str() {
            style.bad(cell)
        } else if cell.contains(PARTIAL) {
            style.warn(cell)
        } else {
            style.good(cell)
        }
    })
}

#[cfg(test)]
mod tests {
    use handler_contract::Timestamp;

    use super::*;
    use crate::report::wrap::columns;

    fn rows() -> Vec<Row> {
        let row = |key: &str, file_type: &str, error: Option<&str>| Row {
            document_id: String::new(),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
            file_name: key.into(),
            file_type: file_type.into(),
            file_size: 123_456,
            status: if error.is_some() { Status::Failed } else { Status::Success },
            object_key: key.into(),
            error_code: error.map(ToOwned::to_owned),
            word_count: Some(446),
            page_count: Some(12),
        };
        vec![
            row("in/2026/report.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", None),
            row("in/2026/11/a-rather-long-folder/with-a-long-name-of-a-file.pdf", "application/pdf", None),
            row("报告.pdf", "application/pdf", Some("TYPE_NOT_ALLOWED")),
        ]
    }

    #[test]
    fn the_key_survives_every_width() {
        for width in [30, 40, 60, 80, 120, 200] {
            let text = records(&rows(), &BTreeSet::new(), Style { colour: false, live: false, width });
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            assert!(text.contains("KEY") && text.contains("STATUS"), "{width}:\n{text}");
            // The end of a name, and its ending, are the most telling part of a key.
            for part in ["in/", "docx", "file.pdf", "报"] {
                assert!(text.contains(part), "{part} at {width}:\n{text}");
            }
        }
        let wide = records(&rows(), &BTreeSet::new(), Style { colour: false, live: false, width: usize::MAX });
        assert!(
            wide.contains("wordprocessingml.document") && wide.contains("with-a-long-name-of-a-file.pdf"),
            "{wide}"
        );
        assert!(wide.contains("UPLOADED (UTC)") && wide.contains("12"), "{wide}");
    }

    #[test]
    fn a_failed_record_is_red() {
        let text = records(&rows(), &BTreeSet::new(), Style { colour: true, live: false, width: 80 });
        assert!(text.contains("\u{1b}[31mFAILED ") && text.contains("\u{1b}[32mSUCCESS"), "{text:?}");
        let lines: Vec<usize> = text.lines().map(columns).collect();
        assert!(lines.iter().all(|width| *width <= 80), "{text}");
    }

    #[test]
    fn an_empty_column_is_left_out() {
        let mut rows = rows();
        rows.truncate(1);
        rows[0].page_count = None;
        let text = records(&rows, &BTreeSet::new(), Style { colour: false, live: false, width: 200 });
        assert!(!text.contains("PAGES") && !text.contains("ERROR"), "{text}");
    }

    #[test]
    fn a_partial_record_is_marked_at_every_width() {
        let mut rows = rows();
        rows[0].document_id = "1".into();
        rows[2].document_id = "3".into();
        let partial = BTreeSet::from(["1".to_owned(), "3".to_owned()]);
        for width in [40, 80, 120, 200] {
            let text = records(&rows, &partial, Style { colour: false, live: false, width });
            assert_eq!(text.matches("partial").count(), 1, "a failed record is no part: {width}:\n{text}");
            assert_eq!(text.contains("SUCCESS, partial"), width >= 120, "{width}:\n{text}");
        }
        let text = records(&rows, &partial, Style { colour: true, live: false, width: 200 });
        assert!(text.contains("\u{1b}[33mSUCCESS, partial"), "{text:?}");
    }
}
