//! What a reader gives back, and how it writes down what a file says of itself.

use handler_contract::{ErrorCode, Failure, Metadata};

/// The longest text that a record keeps of a file, in bytes.
const LONGEST_TEXT: usize = 1024;

/// What was read, and why reading ended early if it did.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reading {
    pub(crate) metadata: Metadata,
    pub(crate) failure: Option<Failure>,
}

impl Reading {
    /// What was read before the file turned out to be unreadable.
    pub(crate) fn failed(metadata: Metadata, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { metadata, failure: Some(Failure::new(code, message)) }
    }
}

impl From<Metadata> for Reading {
    fn from(metadata: Metadata) -> Self {
        Self { metadata, failure: None }
    }
}

/// A text as a record keeps it: without control characters and white space around it, at most 1 KiB; `None` if
/// nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let mut kept = String::new();
    for character in text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).chars() {
        let character = match character {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() => continue,
            c => c,
        };
        if kept.len() + character.len_utf8() > LONGEST_TEXT {
            break;
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    (!kept.is_empty()).then_some(kept)
}

/// The text before the first NUL, in UTF-8 or else, as old programs wrote it, in windows-1252.
pub(crate) fn clean_bytes(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(4 * LONGEST_TEXT)];
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
    fn texts_are_bounded_on_a_character_and_cleaned() {
        assert_eq!(clean(" a\u{0}\u{7}\r\nb\t "), Some("a  b".to_owned()));
        assert_eq!(clean(" \u{1} "), None);
        assert_eq!(clean(&"ä".repeat(2000)).map(|t| t.len()), Some(LONGEST_TEXT));
        assert_eq!(clean(&format!("x{}", "ä".repeat(2000))).map(|t| t.len()), Some(LONGEST_TEXT - 1));
    }

    #[test]
    fn bytes_are_utf8_or_windows_1252() {
        assert_eq!(clean_bytes(b"Zo\xc3\xab\0rest"), Some("Zo\u{eb}".to_owned()));
        assert_eq!(clean_bytes(b"Zo\xeb"), Some("Zo\u{eb}".to_owned()));
        assert_eq!(clean_bytes(b"Zo\xeb 1"), Some("Zo\u{eb} 1".to_owned()));
        assert_eq!(clean_bytes("ä".repeat(4000).as_bytes()).map(|t| t.len()), Some(LONGEST_TEXT));
        assert_eq!(clean_bytes(b"\0"), None);
    }
}
