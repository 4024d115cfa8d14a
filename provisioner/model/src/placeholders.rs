//! Placeholders `${…}` in texts: references in templates, and variables in policies. Pure.

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// The name between `${` and `}`.
    Name(&'a str),
    /// `${` without an end, and all following text.
    Unclosed(&'a str),
}

/// The text, piece by piece.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let piece;
        (piece, rest) = match rest.find("${") {
            None if rest.is_empty() => return None,
            None => (Piece::Text(rest), ""),
            Some(0) => match rest[2..].split_once('}') {
                Some((name, behind)) => (Piece::Name(name), behind),
                None => (Piece::Unclosed(rest), ""),
            },
            Some(at) => (Piece::Text(&rest[..at]), &rest[at..]),
        };
        Some(piece)
    })
}

/// The names alone.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) | Piece::Unclosed(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_pieces() {
        use Piece::{Name, Text, Unclosed};
        let rows: &[(&str, &[Piece])] = &[
            ("", &[]),
            ("a } $ b", &[Text("a } $ b")]),
            ("${A}", &[Name("A")]),
            ("${}", &[Name("")]),
            ("a/${B.Arn}${C}/d", &[Text("a/"), Name("B.Arn"), Name("C"), Text("/d")]),
            ("}${A}", &[Text("}"), Name("A")]),
            ("a${B", &[Text("a"), Unclosed("${B")]),
            ("${A}${", &[Name("A"), Unclosed("${")]),
        ];
        for (text, expected) in rows {
            assert_eq!(pieces(text).collect::<Vec<_>>(), *expected, "{text}");
        }
        assert_eq!(names("a/${B.Arn}${C}/${d").collect::<Vec<_>>(), ["B.Arn", "C"]);
    }
}
