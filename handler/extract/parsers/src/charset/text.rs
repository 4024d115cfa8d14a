//! Whether bytes are a text at all, and the text.

use std::borrow::Cow;

use encoding_rs::{BIG5, EUC_KR, GB18030, GBK, SHIFT_JIS};

use super::ToUtf8;
use super::detect::{ONE_STRAY_IN, at_start, has_drawings, is_control};
use super::encoding::Charset;

/// A run of this many NULs is a hole, where a crash or a truncation left the file without content.
const HOLE: usize = 8;
/// Bytes that are looked at together.
const BLOCK: usize = 256;
/// The longest run of one letter in a language.
const LONGEST_RUN: usize = 32;

/// The start of a file as text, or `None` if it is none: too many control characters, or bytes that the most
/// likely encoding does not have. `whole` says that there is no more of the file.
pub(crate) fn as_text(head: &[u8], whole: bool) -> Option<Cow<'_, str>> {
    // Most texts are nothing but ASCII, which reads the same in all encodings that are not known by their start.
    if let Some(text) = plain_ascii(head) {
        return Some(Cow::Borrowed(text));
    }
    let known = at_start(head);
    if known.is_none() && !may_be_text(head) {
        return None;
    }
    let (mut to_utf8, mut decoded) = (ToUtf8::new(), String::with_capacity(head.len()));
    to_utf8.feed(head, &mut |text| decoded.push_str(text));
    if whole {
        to_utf8.finish(&mut |text| decoded.push_str(text));
    }
    if known.is_some() {
        // UTF-32 and UTF-16 hold NULs; with a mark there is no doubt, and without one there was none either.
        return Some(Cow::Owned(decoded));
    }
    // What was broken before it was written as UTF-8 is broken no more.
    let unbroken = str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let is_stray = |c: char| !c.is_ascii() && (c == '\u{fffd}' && !unbroken || c.is_control() && c != '\u{85}');
    let strays = decoded.chars().filter(|c| is_stray(*c)).count();
    let is_text =
        strays * ONE_STRAY_IN <= decoded.len() && (unbroken || is_language(head, &decoded, to_utf8.encoding()));
    is_text.then_some(Cow::Owned(decoded))
}

/// The text, if it is ASCII without control characters.
fn plain_ascii(head: &[u8]) -> Option<&str> {
    // Each block without an early end, so that many bytes are looked at together.
    let is_plain = |block: &[u8]| !block.iter().fold(false, |found, byte| found | !byte.is_ascii() | is_control(*byte));
    head.chunks(BLOCK).all(is_plain).then(|| str::from_utf8(head).ok()).flatten()
}

/// Whether control characters are where texts have them: as separators, a mark at the end, holes, or hardly anywhere.
fn may_be_text(head: &[u8]) -> bool {
    // Most texts have none at all.
    if !head.iter().any(|byte| is_control(*byte)) {
        return true;
    }
    // DOS marks the end of a text with Ctrl-Z, and C with a NUL.
    let end = head.iter().rposition(|byte| !matches!(byte, 0 | 0x1a)).map_or(0, |at| at + 1);
    let start = head.iter().position(|byte| *byte != 0).unwrap_or(end).min(end);
    let text = &head[start..end];
    let (mut strays, mut separators, mut low_numbers, mut holes, mut empty) = (0, 0, 0, 0, 0);
    for run in text.chunk_by(|a, b| *a == 0 && *b == 0) {
        match run[0] {
            0 if run.len() >= HOLE => {
                holes += 1;
                empty += run.len();
            }
            // Of FIX and Hive, of HL7, and what ASCII has them for.
            0x01..=0x03 => (separators, low_numbers) = (separators + 1, low_numbers + 1),
            0x1c..=0x1f => separators += 1,
            byte if is_control(byte) => strays += 1,
            _ => {}
        }
    }
    let content = text.len() - empty;
    let is_lines = content >= 64 && text.contains(&b'\n');
    content > 0
        // A short text of lines may have one, too.
        && (strays * ONE_STRAY_IN <= content || strays == 1 && is_lines)
        && holes <= 1 + content / 256
        && (holes == 0 || content >= 32 && text.contains(&b'\n'))
        // Numbers in a binary file are small as often as not; what separates fields has fields on both sides.
        && separators * 2 <= content
        && (separators == 0 || separated_by_fields(text, low_numbers > 0))
}

/// Whether there is text between most separators. What ASCII has for the purpose may part single characters; the lowest
/// numbers are in any file.
fn separated_by_fields(text: &[u8], has_low_numbers: bool) -> bool {
    let printable = text.iter().filter(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r') || **byte >= 0x80);
    printable.count() * 8 >= text.len() * if has_low_numbers { 5 } else { 4 }
}

/// Whether a text that is no UTF-8 is one in a language: of a random file, bytes that most encodings have are common.
fn is_language(head: &[u8], decoded: &str, charset: Charset) -> bool {
    let beyond_ascii = head.iter().filter(|byte| !byte.is_ascii()).count();
    let visible = head.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0).count();
    let drawings = matches!(charset, Charset::SingleByte(_)) && has_drawings(head);
    let runs = head.chunk_by(|a, b| a == b).filter(|run| !run[0].is_ascii()).map(<[u8]>::len);
    if !drawings && runs.max().is_some_and(|longest| longest > LONGEST_RUN) {
        return false;
    }
    match charset {
        Charset::Web(encoding) if encoding == GBK || encoding == GB18030 => {
            // The hanzi of GB 2312, which nearly all texts consist of, have both bytes in the upper half.
            let pairs = head.chunk_by(|a, b| !a.is_ascii() && !b.is_ascii()).filter(|run| run.len() >= 2);
            pairs.map(|run| run.iter().filter(|byte| **byte >= 0xa1).count()).sum::<usize>() * 2 >= beyond_ascii
        }
        Charset::Web(encoding) if [BIG5, SHIFT_JIS, EUC_KR].contains(&encoding) => true,
        Charset::Web(encoding) if !encoding.is_single_byte() => true,
        _ if drawings => true,
        _ => {
            let (mut latin, mut other) = (0, 0);
            for character in decoded.chars().filter(|c| !c.is_ascii() && c.is_alphanumeric()) {
                // The last letters of Latin Extended-B, and those of Vietnamese.
                let is_latin = matches!(character, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
                *(if is_latin { &mut latin } else { &mut other }) += 1;
            }
            // In Latin letters with marks are the exception, elsewhere all letters are beyond ASCII.
            if other > latin {
                (other + latin) * 10 >= beyond_ascii * 6
            } else {
                beyond_ascii * 5 <= visible * 2 || beyond_ascii * 2 <= visible && visible >= 16
            }
        }
    }
}
