//! Aligned columns, and text without terminal control characters.

use provisioner_model::text::clean;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Style;

/// Lays out rows under a header, with two spaces between columns. A line wider than the terminal is truncated. Control
/// characters in cells are replaced.
pub fn table(header: &[&str], rows: &[Vec<String>], style: Style) -> String {
    painted(header, rows, style, |_, cell| cell.to_owned())
}

/// The same, with the cells of rows coloured by `paint`, which gets a column's number and its padded cell. A truncated
/// line has no colours.
pub fn painted(header: &[&str], rows: &[Vec<String>], style: Style, paint: impl Fn(usize, &str) -> String) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let lay = |cells: &[String], paint: &dyn Fn(usize, &str) -> String| {
        let (mut line, mut plain) = (String::new(), String::new());
        for (n, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let gap = if n > 0 { "  " } else { "" };
            let blanks = if n + 1 < cells.len() { width - cell.width() } else { 0 };
            let cell = format!("{cell}{}", " ".repeat(blanks));
            plain.push_str(&format!("{gap}{cell}"));
            line.push_str(&format!("{gap}{}", paint(n, &cell)));
        }
        let plain = plain.trim_end();
        if plain.width() > style.width { cut(plain, style.width) } else { line.trim_end().to_owned() }
    };
    let header: Vec<String> = header.iter().map(|&h| h.to_owned()).collect();
    let mut lines = vec![style.strong(&lay(&header, &|_, cell| cell.to_owned()))];
    lines.extend(rows.iter().map(|row| lay(row, &paint)));
    lines.join("\n")
}

/// Truncates a text to `width` columns; an ellipsis marks the truncation.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// Truncates a text to `width` columns in its middle: of a path, the first folder and the end of the name are kept.
pub fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    // The ellipsis has one column. The end tells more than the beginning.
    let head = width.saturating_sub(1) / 3;
    let mut tail = String::new();
    let mut left = width.saturating_sub(1 + head);
    for c in text.chars().rev() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        tail.insert(0, c);
    }
    let mut head: String = cut(text, head + 1);
    if !head.ends_with('…') {
        head.push('…');
    }
    head + &tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_line_fits() {
        let style = Style { colour: false, live: false, width: 16 };
        let rows = vec![vec!["a".into(), "bb".into()], vec!["long".into(), "much too\u{1b}[31m wide".into()]];
        assert_eq!(table(&["N", "VALUE"], &rows, style), "N     VALUE\na     bb\nlong  much too\u{fffd}…");
    }

    #[test]
    fn wide_characters_count_twice() {
        let style = Style { colour: false, live: false, width: 12 };
        let rows = vec![vec!["报告".into(), "x".into()], vec!["ab".into(), "天气很好天气".into()]];
        assert_eq!(table(&["N", "V"], &rows, style), "N     V\n报告  x\nab    天气…");
    }

    #[test]
    fn a_path_is_cut_in_its_middle() {
        for (text, width, expected) in [
            ("in/report.pdf", 20, "in/report.pdf"),
            ("incoming/2026/11/report.pdf", 16, "incom…report.pdf"),
            ("报告报告报告报告.pdf", 12, "报…报告.pdf"),
            ("abc", 1, "…"),
        ] {
            let cut = cut_middle(text, width);
            assert!(cut.width() <= width, "{cut}");
            assert_eq!(cut, expected);
        }
    }
}
