//! Aligned columns for people.

use super::Style;

/// Lays out rows under a header, two spaces between columns. The last column is cut where the line would be wider than
/// the terminal; cells hold no control characters afterwards, whatever a file's name contains.
pub fn table(header: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let clean = |cell: &String| cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(clean).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
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
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        cut(line.trim_end(), style.width)
    };
    let header: Vec<String> = header.iter().map(|&h| h.to_owned()).collect();
    let mut lines = vec![style.strong(&lay(&header))];
    lines.extend(rows.iter().map(|row| lay(row)));
    lines.join("\n")
}

/// Shortens a text to so many characters, with an ellipsis where something was left out.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
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
}
