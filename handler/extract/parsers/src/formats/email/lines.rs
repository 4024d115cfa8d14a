//! Line endings of messages: those of Unix, of the standard, and of the Macintosh before 2001, which Outlook for Mac
//! wrote for longer.

/// The first line that decides is not longer than this. Bytes.
const LONGEST: usize = 8 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// No line has ended yet.
    Unknown,
    /// Lines end with a line feed, perhaps after a carriage return.
    LineFeed,
    /// Lines end with a carriage return alone.
    CarriageReturn,
}

/// Passes on the bytes of a file of lines that all end with a line feed, and without a byte order mark, piece by piece.
#[derive(Debug)]
pub(in crate::formats) struct Lines {
    ending: Ending,
    /// The start of the file as long as the ending is not known.
    start: Vec<u8>,
}

impl Lines {
    pub(in crate::formats) fn new() -> Self {
        Self { ending: Ending::Unknown, start: Vec::new() }
    }

    /// Passes on the next piece.
    pub(in crate::formats) fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        if self.ending != Ending::Unknown {
            return self.pass(bytes, take);
        }
        self.start.extend_from_slice(bytes);
        self.ending = match self.start.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            Some(at) if self.start[at] == b'\n' => Ending::LineFeed,
            // The next byte decides.
            Some(at) if at + 1 == self.start.len() => return,
            Some(at) if self.start[at + 1] == b'\n' => Ending::LineFeed,
            Some(_) => Ending::CarriageReturn,
            None if self.start.len() < LONGEST => return,
            None => Ending::LineFeed,
        };
        self.pass_start(take);
    }

    /// Passes on what is still held back.
    pub(in crate::formats) fn finish(&mut self, take: &mut impl FnMut(&[u8])) {
        if self.ending == Ending::Unknown {
            self.ending = Ending::CarriageReturn;
            self.pass_start(take);
        }
    }

    fn pass_start(&mut self, take: &mut impl FnMut(&[u8])) {
        let start = std::mem::take(&mut self.start);
        self.pass(start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start), take);
    }

    fn pass(&self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        if self.ending == Ending::CarriageReturn {
            let lines: Vec<u8> = bytes.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect();
            take(&lines);
        } else {
            take(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_any_pieces() {
        let long = "x".repeat(2 * LONGEST);
        let rows: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"a", b"a"),
            (b"a\r", b"a\n"),
            (b"a\rb\rc", b"a\nb\nc"),
            (b"a\r\rb", b"a\n\nb"),
            (b"a\r\nb\rc\r\n", b"a\r\nb\rc\r\n"),
            (b"a\nb\rc", b"a\nb\rc"),
            (b"\xef\xbb\xbfa\r\n", b"a\r\n"),
            (b"\xef\xbb\xbfa\rb", b"a\nb"),
            (b"\xef\xbb\xbf", b""),
            (long.as_bytes(), long.as_bytes()),
        ];
        for (bytes, expected) in rows {
            for at in 0..=bytes.len().min(64) {
                let (mut lines, mut passed) = (Lines::new(), Vec::new());
                lines.feed(&bytes[..at], &mut |piece| passed.extend_from_slice(piece));
                lines.feed(&bytes[at..], &mut |piece| passed.extend_from_slice(piece));
                lines.finish(&mut |piece| passed.extend_from_slice(piece));
                assert_eq!(passed, *expected, "{} {at}", bytes.escape_ascii());
            }
        }
    }
}
