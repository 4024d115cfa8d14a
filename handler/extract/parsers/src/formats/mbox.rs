//! Files of many messages (RFC 4155): how many.

use handler_contract::Metadata;

use super::bounded_buffer::BoundedBuffer;
use super::email::Lines;
use crate::input::Input;
use crate::report::{Abort, Report};

/// Bytes of a line that are looked at.
const LINE: usize = 256;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a file of messages.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut reader = MboxReader::new();
    input.stream(|bytes| reader.feed(bytes))?;
    report.metadata = Metadata { message_count: Some(reader.finish()), ..Metadata::default() };
    Ok(())
}

/// Counts messages piece by piece.
struct MboxReader {
    lines: Lines,
    line: BoundedBuffer,
    messages: u64,
}

impl MboxReader {
    fn new() -> Self {
        Self { lines: Lines::new(), line: BoundedBuffer::new(LINE), messages: 0 }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new());
        lines.feed(bytes, &mut |bytes| self.feed_lines(bytes));
        self.lines = lines;
    }

    fn feed_lines(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end + 1);
            if self.line.bytes().is_empty() {
                self.messages += u64::from(begins_message(&line[..line.len().min(LINE)]));
            } else {
                self.line.push(line);
                self.messages += u64::from(begins_message(self.line.bytes()));
                self.line.clear();
            }
            bytes = rest;
        }
        self.line.push(bytes);
    }

    fn finish(mut self) -> u64 {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new());
        lines.finish(&mut |bytes| self.feed_lines(bytes));
        self.messages + u64::from(begins_message(self.line.bytes()))
    }
}

/// `From sender Thu Jan  1 00:00:00 1970`. A sentence of the text may start with the word too, but not continue with a
/// month, a year and a time.
fn begins_message(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let rest = String::from_utf8_lossy(rest);
    let mut words = rest.split_whitespace().skip(1).peekable();
    let (mut month, mut time, mut year) = (false, false, false);
    for word in &mut words {
        month |= MONTHS.contains(&word);
        time |= word.len() >= 4 && word.contains(':') && word.bytes().all(|b| b.is_ascii_digit() || b == b':');
        year |= word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    }
    month && time && year
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "From a@b Thu Jan  1 00:00:00 1970\nFrom: a@b\n\nFrom here on it is text.\n>From c@d Thu Jan \
        1 00:00:00 1970\n\nFrom MAILER-DAEMON Fri Jul  8 12:08:34 2011 +0200\nSubject: x\n\ny\n\
        From c@d Thu Jan 1 00:00 1970 remote from x";

    #[test]
    fn messages_in_any_pieces() {
        for at in 0..=FILE.len() {
            let mut reader = MboxReader::new();
            reader.feed(&FILE.as_bytes()[..at]);
            reader.feed(&FILE.as_bytes()[at..]);
            assert_eq!(reader.finish(), 3, "{at}");
        }
    }

    #[test]
    fn messages_whose_lines_end_as_on_a_macintosh() {
        let mut reader = MboxReader::new();
        reader.feed(format!("\u{feff}{}", FILE.replace('\n', "\r")).as_bytes());
        assert_eq!(reader.finish(), 3);
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut reader = MboxReader::new();
        for _ in 0..16 {
            reader.feed(&vec![b'F'; 1 << 20]);
        }
        assert_eq!((reader.line.bytes().len(), reader.finish()), (LINE, 0));
    }
}
