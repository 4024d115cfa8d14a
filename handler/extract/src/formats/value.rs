//! What files say of themselves, in a form that a record can hold.

/// The longest value. Bytes.
const MAX_VALUE: usize = 1 << 10;

/// A text on one line, trimmed, without control characters and not longer than a kibibyte; `None` if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let mut clean = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| !word.is_empty()) {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word.chars().filter(|c| !c.is_control()));
        if clean.len() > MAX_VALUE {
            break;
        }
    }
    clean.truncate(clean.floor_char_boundary(MAX_VALUE));
    let clean = clean.trim_end();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_a_record() {
        let rows = [
            ("A title", Some("A title")),
            ("  two\r\n lines\t", Some("two lines")),
            ("bell\u{7} and \u{9b}2J", Some("bell and 2J")),
            ("ends in zeros\0\0", Some("ends in zeros")),
            (" \0\u{1} ", None),
            ("", None),
        ];
        for (text, value) in rows {
            assert_eq!(clean(text).as_deref(), value, "{text:?}");
        }
        assert_eq!(clean(&"ä".repeat(1000)).unwrap().len(), MAX_VALUE);
        assert_eq!(clean(&"a ".repeat(1000)).unwrap().len(), MAX_VALUE - 1);
    }
}
