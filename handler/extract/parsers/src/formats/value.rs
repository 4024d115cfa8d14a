//! What files say of themselves, in a form that a record can hold.

/// The longest value. Bytes.
const MAX_VALUE: usize = 1 << 10;
/// The names, or addresses, of one kind that a record lists at most.
pub(super) const LISTED: usize = 32;

/// Whether a character is invisible but changes how the text around it is shown, in a terminal or a log: controls, and
/// the marks by which a text is made to read in another order than it is written in (Unicode TR 36, section 2.10). The
/// two marks of direction that scripts need, U+200E and U+200F, are not among them.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text on one line, trimmed, without unsafe characters and not longer than a kibibyte; `None` if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let mut clean = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| !word.is_empty()) {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word.chars().filter(|c| !is_unsafe(*c)));
        if clean.len() > MAX_VALUE {
            break;
        }
    }
    clean.truncate(clean.floor_char_boundary(MAX_VALUE));
    let clean = clean.trim_end();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// The largest count that a file is believed when it says how much there is of something.
const MOST_DECLARED: u64 = u32::MAX as u64;

/// A count that a file declares; none, if it is absurd.
pub(super) fn declared_count(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|count| *count <= MOST_DECLARED)
}

/// The text before the first NUL, in UTF-8 or else, as old programs wrote it, in windows-1252.
pub(super) fn clean_bytes(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(4 * MAX_VALUE)];
    let kept = head.split(|b| *b == 0).next().unwrap_or_default();
    let cut = kept.len() == head.len() && head.len() < bytes.len();
    let text = match std::str::from_utf8(kept) {
        Ok(text) => text.into(),
        // The bound went through the middle of a character.
        Err(error) if cut && error.error_len().is_none() => String::from_utf8_lossy(&kept[..error.valid_up_to()]),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(kept).0,
    };
    clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_a_record() {
        let rows = [
            ("A title", Some("A title")),
            ("  two\r\n lines\t", Some("two lines")),
            ("annual\u{202e}fdp.\u{202c}exe\u{2066}\u{feff}", Some("annualfdp.exe")),
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

    #[test]
    fn absurd_counts_are_none() {
        let rows = [(" 12\n", Some(12)), ("4294967295", Some(MOST_DECLARED)), ("4294967296", None), ("-1", None)];
        for (text, count) in rows {
            assert_eq!(declared_count(text), count, "{text}");
        }
    }

    #[test]
    fn bytes_are_utf8_or_windows_1252() {
        let rows: [(&[u8], Option<&str>); 4] = [
            (b"Zo\xc3\xab\0rest", Some("Zo\u{eb}")),
            (b"Zo\xeb", Some("Zo\u{eb}")),
            (b"Zo\xeb 1", Some("Zo\u{eb} 1")),
            (b"\0", None),
        ];
        for (bytes, value) in rows {
            assert_eq!(clean_bytes(bytes).as_deref(), value, "{}", bytes.escape_ascii());
        }
        assert_eq!(clean_bytes(format!("x{}", "ä".repeat(4000)).as_bytes()).unwrap().len(), MAX_VALUE - 1);
    }
}
