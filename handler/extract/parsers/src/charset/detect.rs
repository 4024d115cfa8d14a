//! Which encoding a text has, and whether bytes are a text at all.
//!
//! The order of evidence: a byte order mark is always trusted; then UTF-16 without one and EBCDIC, which show in bytes
//! that no text over ASCII has; then UTF-8, which hardly any other text is valid as; and last what the bytes are most
//! like in their language.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::encoding::Charset;
use super::single_byte::{CP437, CP850, CP852, EBCDIC, SingleByte};

/// Bytes that are looked at to recognise an encoding whose every byte shows it.
const SAMPLE: usize = 4 << 10;
/// One character of this many may be one that no text has: logs hold stray control characters and broken bytes.
pub(super) const ONE_STRAY_IN: usize = 500;
pub(super) const ESCAPE: u8 = 0x1b;

/// The encoding of a text by its first bytes, and the length of its byte order mark. `None` where every byte so far
/// says the same in all encodings that hold ASCII.
pub(super) fn at_start(head: &[u8]) -> Option<(Charset, usize)> {
    by_mark(head)
        .or_else(|| unmarked_utf16(head).map(|encoding| (Charset::Web(encoding), 0)))
        .or_else(|| is_ebcdic(head).then_some((Charset::SingleByte(&EBCDIC), 0)))
}

/// The encoding by a byte order mark, and the mark's length.
fn by_mark(head: &[u8]) -> Option<(Charset, usize)> {
    match head {
        // What is UTF-16 with a NUL after the mark reads as characters beyond the last one.
        [0xff, 0xfe, 0, 0, rest @ ..] if is_utf32(rest, u32::from_le_bytes) => {
            Some((Charset::Utf32 { big_endian: false }, 4))
        }
        [0, 0, 0xfe, 0xff, rest @ ..] if is_utf32(rest, u32::from_be_bytes) => {
            Some((Charset::Utf32 { big_endian: true }, 4))
        }
        _ => Encoding::for_bom(head).map(|(encoding, mark)| (Charset::Web(encoding), mark)),
    }
}

fn is_utf32(bytes: &[u8], number: fn([u8; 4]) -> u32) -> bool {
    let mut characters = bytes.as_chunks().0.iter().take(64).map(|bytes| char::from_u32(number(*bytes)));
    characters.all(|character| character.is_some())
}

/// UTF-16 without a mark: read in one order of bytes it is a text with white space, punctuation or Latin letters, and
/// read in the other it is not.
fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let sample = &head[..head.len().min(SAMPLE)];
    // A text over ASCII has hardly any of the bytes that half of UTF-16 consists of, and any pair of its letters is an
    // ideograph in UTF-16.
    if sample.len() < 4 || !sample.iter().any(|byte| is_control(*byte)) || !may_be_utf16(sample) {
        return None;
    }
    let [little, big] =
        [u16::from_le_bytes as fn([u8; 2]) -> u16, u16::from_be_bytes].map(|unit| common_characters(sample, unit));
    match (little, big) {
        (Some(little), big) if little > 4 * big.unwrap_or(0) => Some(UTF_16LE),
        (little, Some(big)) if big > 4 * little.unwrap_or(0) => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are as mixed as those of UTF-16: many are beyond ASCII, as in East Asia, or one of an alphabet's few
/// blocks is every second byte.
fn may_be_utf16(sample: &[u8]) -> bool {
    if sample.iter().any(|byte| !byte.is_ascii()) {
        return sample.iter().filter(|byte| !byte.is_ascii() || is_control(**byte)).count() * 8 >= sample.len();
    }
    (0..2).any(|side| {
        let mut counts = [0_usize; 256];
        sample.iter().skip(side).step_by(2).for_each(|byte| counts[usize::from(*byte)] += 1);
        counts.into_iter().max().unwrap_or(0) * 5 >= sample.len()
    })
}

/// How many of the most common characters there are in a text of UTF-16: Latin letters, digits, white space, and the
/// punctuation of East Asia. `None` if it is no text.
fn common_characters(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<usize> {
    let units = bytes.as_chunks().0.iter().map(|bytes| unit(*bytes));
    let (mut all, mut common, mut bad) = (0_usize, 0, 0);
    // Letters of East Asia, of Korea, and of every block of 256 characters.
    let (mut east_asian, mut hangul, mut blocks) = (0, 0, [0_usize; 256]);
    for character in char::decode_utf16(units) {
        all += 1;
        let Ok(character) = character else {
            bad += 1;
            continue;
        };
        match character {
            '\t' | '\n' | '\r' | ' '..='~' | '\u{3000}'..='\u{30ff}' | '\u{ff01}'..='\u{ff5e}' => common += 1,
            '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{f0000}'.. => bad += 1,
            '\u{4e00}'..='\u{9fff}' => east_asian += 1,
            '\u{ac00}'..='\u{d7af}' => hangul += 1,
            character if character.is_control() => bad += 1,
            character => blocks[usize::try_from(u32::from(character) >> 8 & 0xff).unwrap_or_default()] += 1,
        }
    }
    // A text is in one script. The sample may cut a character in two.
    let letters = blocks.into_iter().max().unwrap_or(0).max(east_asian).max(hangul);
    let is_text = bad <= 1 + all / ONE_STRAY_IN && bad * 8 < all && (common + letters) * 10 >= all * 8;
    (is_text && common * 64 >= all && common > 0).then_some(common)
}

/// EBCDIC: most bytes are letters and digits there, which are no ASCII, and words are divided by what is `@` in ASCII.
fn is_ebcdic(head: &[u8]) -> bool {
    let sample = &head[..head.len().min(SAMPLE)];
    let beyond_ascii = sample.iter().filter(|byte| !byte.is_ascii()).count();
    if sample.len() < 16 || beyond_ascii * 2 < sample.len() || str::from_utf8(sample).is_ok() {
        return false;
    }
    let table = EBCDIC.table();
    let (mut spaces, mut letters) = (0, 0);
    for character in sample.iter().map(|byte| table[usize::from(*byte)]) {
        match character {
            ' ' | '\n' => spaces += 1,
            '\t' | '\r' | '!'..='~' => letters += 1,
            _ => {}
        }
    }
    (spaces + letters) * 50 >= sample.len() * 49 && spaces * 40 >= sample.len()
}

/// The encoding of a piece that is not ASCII: UTF-8 if nearly all of it is, else what the bytes are most like.
pub(super) fn guess(piece: &[u8]) -> Charset {
    let (mut characters, mut broken) = (0, 0);
    for chunk in piece.utf8_chunks() {
        characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    // A character that the end of the piece cuts is not broken, and a text that was damaged once is still UTF-8.
    if characters > 0 && broken * 10 <= characters + 10 && !has_escapes(piece) {
        return Charset::Web(UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(piece, false);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    code_page(piece, encoding).map_or(Charset::Web(encoding), Charset::SingleByte)
}

/// Whether there is an escape sequence of ISO-2022-JP, the one encoding in which ASCII bytes are not ASCII.
pub(super) fn has_escapes(piece: &[u8]) -> bool {
    memchr::memchr_iter(ESCAPE, piece).any(|at| matches!(piece.get(at + 1), Some(b'$' | b'(')))
}

/// The code page of a text of DOS, which the web's encodings would make a text of quotes within words, of syllables of
/// East Asia between Latin letters, or of letters where lines are drawn.
fn code_page(piece: &[u8], guess: &'static Encoding) -> Option<&'static SingleByte> {
    let within = within_words(piece, guess);
    let is_wrong = if guess.is_single_byte() {
        let character = |byte| guess.decode_without_bom_handling(&[byte]).0.chars().next().unwrap_or_default();
        // No capital letter is within a word. What writers put between two words without a blank is no sign of
        // another encoding.
        let is_sign = |c: char| {
            !c.is_lowercase()
                && (!c.is_alphabetic() || c.is_uppercase())
                && !matches!(c, '’' | '–' | '—' | '…' | '·' | '\u{a0}' | '\u{ad}')
        };
        let wrong = within.iter().filter(|byte| is_sign(character(**byte))).count();
        wrong * 3 >= within.len()
    } else {
        within.len() > 1 && within.len() * 3 >= piece.iter().filter(|byte| !byte.is_ascii()).count()
    };
    if is_wrong && !within.is_empty() {
        let letters = |page: &'static SingleByte| {
            let table = page.table();
            (within.iter().filter(|byte| table[usize::from(**byte)].is_lowercase()).count(), page)
        };
        // Of two that are equal the first.
        let (found, page) =
            [&CP437, &CP850, &CP852].into_iter().map(letters).reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        if found * 10 >= within.len() * 9 {
            return Some(page);
        }
    }
    has_drawings(piece).then_some(&CP437)
}

/// Bytes beyond ASCII that are within words of small letters. Several of them may also start or end a word, unless
/// they are the quotes and dashes of writers.
fn within_words(piece: &[u8], guess: &'static Encoding) -> Vec<u8> {
    let mut within = Vec::new();
    let mut at = 0_usize;
    for run in piece.chunk_by(|a, b| a.is_ascii() == b.is_ascii()) {
        let is_small = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_lowercase);
        let (before, after) =
            (is_small(at.checked_sub(1).and_then(|at| piece.get(at))), is_small(piece.get(at + run.len())));
        at += run.len();
        let is_in_word = if run.len() == 1 { before && after } else { run.len() <= 6 && (before || after) };
        let is_quote = |byte: &u8| {
            guess.is_single_byte()
                && guess.decode_without_bom_handling(&[*byte]).0.chars().all(|c| "“”„‚‘’–—…«»\u{a0}".contains(c))
        };
        if !run[0].is_ascii() && is_in_word && (run.len() == 1 || !run.iter().all(is_quote)) {
            within.extend_from_slice(run);
        }
    }
    within
}

/// Whether most of what is not ASCII is lines and blocks that a text of DOS draws.
pub(super) fn has_drawings(piece: &[u8]) -> bool {
    let is_drawing = |byte: u8| (0xb0..=0xdf).contains(&byte);
    let runs = piece.chunk_by(|a, b| a == b).filter(|run| run.len() >= 4 && is_drawing(run[0]));
    let drawn: usize = runs.map(<[u8]>::len).sum();
    let all = piece.iter().filter(|byte| !byte.is_ascii()).count();
    let ascii = piece.len() - all;
    drawn * 3 >= all && drawn > 0 && ascii * 8 >= all
}

/// A control character, other than white space, bell, backspace and escape.
pub(super) const fn is_control(byte: u8) -> bool {
    byte < 7 || 0x0d < byte && byte < 0x20 && byte != ESCAPE || byte == 0x7f
}
