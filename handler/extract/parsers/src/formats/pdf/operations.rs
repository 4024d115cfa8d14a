//! The operations of a content stream, also after what is none: the parser ends at the first bracket too many, and what
//! other programs show after it counts.

use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::content::{TypedIter, UntypedIter};

/// How often reading continues in one content. Each time costs what is left of it.
const BREAKS: usize = 64;
/// Appended to every content, so that its end is distinguished from a break. No operator is called so.
const END: &[u8] = b"end-of-content";

/// Calls a function with each operation of a content.
pub(super) fn each(mut content: Vec<u8>, mut operate: impl FnMut(&TypedInstruction<'_, '_>)) {
    content.push(b'\n');
    content.extend(END);
    let mut rest = &*content;
    for _ in 0..BREAKS {
        let (mut operations, mut read, mut is_end) = (TypedIter::new(rest), 0, false);
        while let Some(operation) = operations.next() {
            read += 1;
            is_end = matches!(&operation, TypedInstruction::Fallback(name) if ***name == *END);
            operate(&operation);
        }
        if is_end {
            return;
        }
        rest = behind_break(rest, read);
    }
}

/// What of a content is read on: what is after an operator whose operands are missing, else what starts with the next
/// letter after the last operator that can be read. `read` operations were.
fn behind_break(content: &[u8], read: usize) -> &[u8] {
    let mut operators = UntypedIter::new(content);
    let mut end = 0;
    for number in 0..=read {
        let Some(operation) = operators.next() else { break };
        let name: &[u8] = operation.operator;
        // A name with escapes is a copy, and is somewhere else in memory.
        let start = name.as_ptr().addr().wrapping_sub(content.as_ptr().addr());
        if start < content.len() {
            end = start + name.len();
        }
        if number == read {
            return &content[end..];
        }
    }
    // A picture whose end is missing has no operator; it must not be read again.
    let rest = content.get(end.max(1)..).unwrap_or_default();
    let letter = rest.iter().position(u8::is_ascii_alphabetic);
    &rest[letter.unwrap_or(rest.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(content: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        each(content.to_vec(), |operation| {
            if let TypedInstruction::ShowText(text) = operation {
                texts.push(String::from_utf8_lossy(text.0.as_bytes()).into_owned());
            }
        });
        texts
    }

    #[test]
    fn what_stands_behind_a_break_is_read() {
        let many = format!("(a) Tj {} unknown (b) Tj", "1 ".repeat(50));
        let rows: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"(a) Tj", &["a"]),
            (b"(a) Tj ) (b) Tj", &["a"]),
            (b"(a) Tj ) BT (b) Tj", &["a", "b"]),
            (b"(a) Tj ] BT (b) Tj } q (c) Tj > Q (d) Tj", &["a", "b", "c", "d"]),
            (many.as_bytes(), &["a", "b"]),
            // A line to nowhere.
            (b"(a) Tj 1 l (b) Tj", &["a", "b"]),
            (b"q\x23 ) q#41 ) (a) Tj ET (b) Tj", &["b"]),
            // A picture without an end, one without a start, and texts without an end.
            (b"(a) Tj BI /W 4 ", &["a"]),
            (b"(a) Tj BI ) ) ET (b) Tj", &["a", "b"]),
            (b"(a) Tj (b (c (d (e", &["a"]),
        ];
        for (content, expected) in rows {
            assert_eq!(texts(content), *expected, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn a_content_of_breaks_comes_to_an_end() {
        for piece in [") a ", "(a ", "BI ", "[", "<<", "]", "a", "\u{ff}", "1 l ", "#"] {
            let mut count = 0;
            each(piece.repeat(100_000).into_bytes(), |_| count += 1);
            assert!(count <= 300_000, "{piece}");
        }
    }
}
