//! Breaks messages at words, as wide as the terminal. A command to copy is never broken: the terminal wraps it, so that
//! it is pasted as one line. Pure.

use unicode_width::UnicodeWidthChar as _;

/// Columns below which a message is left to the terminal.
const NARROWEST: usize = 20;
/// How much further than its first line a message's other lines are indented.
const HANGING: usize = 2;

/// A message with each of its lines broken at words, further lines indented.
pub fn wrap(text: &str, width: usize) -> String {
    if width < NARROWEST || text.lines().all(|line| columns(line) <= width) {
        return text.to_owned();
    }
    text.split('\n').map(|line| wrap_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let blanks = line.len() - line.trim_start_matches(' ').len();
    // Half of the line at least is left for words.
    let indent = (blanks + HANGING).min(width / 2);
    let mut wrapped = " ".repeat(blanks);
    let mut column = blanks;
    let mut is_first = true;
    for piece in pieces(&line[blanks..]) {
        let (word, gap) = piece;
        let wide = columns(word);
        if !is_first && column + gap + wide > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            wrapped.push_str(&" ".repeat(gap));
            column += gap;
        }
        wrapped.push_str(word);
        column += wide;
        is_first = false;
    }
    wrapped
}

/// The unbreakable pieces of a line, each with the number of blanks before it: words, and whole commands.
fn pieces(line: &str) -> Vec<(&str, usize)> {
    let mut pieces = Vec::new();
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        let gap = rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return pieces;
        }
        let word = trimmed.find(' ').unwrap_or(trimmed.len());
        let end = match trimmed[..word].rfind("provisioner") {
            Some(at) if word > at && trimmed[..word].ends_with("provisioner") => command_end(trimmed, at),
            _ => word,
        };
        pieces.push((&trimmed[..end], gap));
        rest = &trimmed[end..];
    }
}

/// Where the command that starts at `at` ends: with the code span that it is in, else with its clause.
fn command_end(text: &str, at: usize) -> usize {
    let after = &text[at..];
    let spanned = text[..at].ends_with('`');
    let stops: &[&str] = if spanned { &["`"] } else { &["  ", ", ", ". ", "; ", ": "] };
    let end = stops.iter().filter_map(|stop| after.find(stop)).min().map_or(text.len(), |end| at + end + 1);
    // The punctuation after a code span belongs to it.
    text[end..].find(' ').map_or(text.len(), |more| end + more)
}

/// Columns of a text on a terminal; escape sequences have none.
pub fn columns(text: &str) -> usize {
    let mut columns = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Select Graphic Rendition is the only sequence in a message; it ends with a letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            columns += c.width().unwrap_or(0);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        for (text, width, expected) in [
            ("a short line", 40, "a short line"),
            ("one two three four five six", 20, "one two three four\n  five six"),
            ("  → one two three four five", 20, "  → one two three\n    four five"),
            ("first\nsecond line that is long", 20, "first\nsecond line that is\n  long"),
            // A word without blanks is left to the terminal.
            ("see abcdefghijklmnopqrstuvwxyz now", 20, "see\n  abcdefghijklmnopqrstuvwxyz\n  now"),
            ("报告报告 报告报告 报告报告", 20, "报告报告 报告报告\n  报告报告"),
            ("\u{1b}[31mone\u{1b}[0m two three four", 20, "\u{1b}[31mone\u{1b}[0m two three four"),
        ] {
            assert_eq!(wrap(text, width), expected, "{text}");
        }
    }

    #[test]
    fn a_command_stays_one_line() {
        let text = "It was changed. Show it with `provisioner plan -s shop --region eu-central-1`, then revert it.";
        assert_eq!(
            wrap(text, 40),
            "It was changed. Show it with\n  `provisioner plan -s shop --region eu-central-1`,\n  then revert it."
        );
        assert_eq!(
            wrap("Create the stack first: provisioner up -s shop --profile work", 30),
            "Create the stack first:\n  provisioner up -s shop --profile work"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let words = ["a", "word", "longer", "报告", "\u{1b}[1mstrong\u{1b}[0m"];
        for width in [20, 40, 80] {
            let text: Vec<&str> = (0..100).map(|n| words[n * 7 % 5]).collect();
            let wrapped = wrap(&text.join(" "), width);
            assert!(wrapped.lines().all(|line| columns(line) <= width), "{width}:\n{wrapped}");
            let flat = wrapped.split_whitespace().collect::<Vec<_>>();
            assert_eq!(flat, text, "{width}");
        }
    }
}
