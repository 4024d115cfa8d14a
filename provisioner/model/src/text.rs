//! Text of others, such as names of files and messages of services, as it is shown. Pure.

/// Replaces control characters, line breaks included, and characters that change the direction of what follows, each by
/// U+FFFD: a name must neither control a terminal nor look like another name (Unicode TR 9, explicit directional formatting;
/// TR 36, line and paragraph separators). Right-to-left letters stay.
pub fn clean(text: &str) -> String {
    let printable = |c: char| {
        let formatting = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || formatting { '\u{fffd}' } else { c }
    };
    text.chars().map(printable).collect()
}

/// The same for a text of several lines, which stay.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_directional_formatting_characters_are_replaced() {
        for (text, expected) in [
            ("a\u{202e}fdp.exe\u{2028}b\tc", "a\u{fffd}fdp.exe\u{fffd}b\u{fffd}c"),
            ("a\n\u{1b}[31m", "a\u{fffd}\u{fffd}[31m"),
            ("naïve 报告 🙂 דוח שנתי.pdf", "naïve 报告 🙂 דוח שנתי.pdf"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(clean_lines("a\nb\u{1b}c\r\n"), "a\nb\u{fffd}c\u{fffd}\n");
    }
}
