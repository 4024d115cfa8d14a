//! Aligned columns for people, and text that cannot harm a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Style;

/// Replaces what would steer a terminal or turn the direction of writing, whatever a file's name contains.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| {
        // Unicode TR 9 (explicit directional formatting) and TR 36 (line and paragraph separators).
        let steers = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || steers { '\u{fffd}' } else { c }
    };
    text.chars().map(harmless).collect()
}

/// Lays out rows under a header, two spaces between columns. The last column is cut where the line would be wider than
/// the terminal. Cells are cleaned.
pub fn table(header: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let lay = |cells: &[String]| {
        let mut line = String::new();
        for (n, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if n > 0 {
                line.push_str("  ");
            }
            line.push_str(cell);
            if n + 1 < cells.len() {
                line.extend(std::iter::repeat_n(' ', width - cell.width()));
            }
        }
        cut(line.trim_end(), style.width)
    };
    let header: Vec<String> = header.iter().map(|&h| h.to_owned()).collect();
    let mut lines = vec![style.strong(&lay(&header))];
    lines.extend(rows.iter().map(|row| lay(row)));
    lines.join("\n")
}

/// Shortens a text to so many columns, with an ellipsis where something was left out.
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
    fn the_direction_of_writing_cannot_be_turned() {
        assert_eq!(clean("a\u{202e}fdp.exe\u{2028}b\tc"), "a\u{fffd}fdp.exe\u{fffd}b\u{fffd}c");
        assert_eq!(clean("naïve 报告 🙂"), "naïve 报告 🙂");
    }
}
