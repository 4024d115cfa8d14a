//! Character encodings: which one a text has, and the text in UTF-8, piece by piece.
//!
//! The choice is made at the first byte that is not ASCII, from the bytes that follow it in the same piece.
//! Bytes that contradict the choice later become U+FFFD and end nothing.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes of a decoded piece.
const PIECE: usize = 64 << 10;
const ESCAPE: u8 = 0x1b;

/// The encoding of a text by its first bytes: a byte order mark, or the zeros that UTF-16 puts beside ASCII.
/// `None` where every byte so far says the same in all encodings that hold ASCII.
pub(crate) fn at_start(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding).or_else(|| unmarked_utf16(head))
}

/// UTF-16 without a mark shows in its zeros: nearly every second byte of a text in the Latin script, and hardly any on
/// the other side.
fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |side: usize| head.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    if half < 2 {
        None
    } else if odd * 2 > half && even * 50 < half {
        Some(UTF_16LE)
    } else if even * 2 > half && odd * 50 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The encoding of a piece that is not ASCII: UTF-8 if nearly all of it is, else what the bytes are most like.
fn guess(piece: &[u8]) -> &'static Encoding {
    let (mut characters, mut broken) = (0, 0);
    for chunk in piece.utf8_chunks() {
        characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    // A character that the end of the piece cuts is not broken, and a text that was damaged once is still UTF-8.
    if characters > 0 && broken * 10 <= characters + 10 && !has_escapes(piece) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(piece, false);
    detector.guess(None, Utf8Detection::Deny)
}

/// Whether there is an escape sequence of ISO-2022-JP, the one encoding in which ASCII bytes are not ASCII.
fn has_escapes(piece: &[u8]) -> bool {
    memchr::memchr_iter(ESCAPE, piece).any(|at| matches!(piece.get(at + 1), Some(b'$' | b'(')))
}

/// The start of a file as text, or `None` if it is none: too many control characters, or bytes that the most
/// likely encoding does not have. `whole` says that there is no more of the file.
pub(crate) fn as_text(head: &[u8], whole: bool) -> Option<String> {
    let (mut to_utf8, mut decoded) = (ToUtf8::new(), String::with_capacity(head.len()));
    to_utf8.feed(head, &mut |text| decoded.push_str(text));
    if whole {
        to_utf8.finish(&mut |text| decoded.push_str(text));
    }
    // A stray control character or broken byte happens in logs; a page of them is no text. What was broken before it
    // was written as UTF-8 is broken no more.
    let unbroken = str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let strange = decoded.chars().filter(|c| is_non_text(*c) && !(unbroken && *c == '\u{fffd}')).count();
    (strange * 500 <= decoded.len()).then_some(decoded)
}

/// A character that texts do not have: controls but for white space, bell, backspace and escape, and what replaces
/// broken bytes.
fn is_non_text(c: char) -> bool {
    c == '\u{fffd}' || c.is_control() && !matches!(c, '\u{7}'..='\u{d}' | '\u{1b}' | '\u{85}')
}

/// Turns a text into UTF-8, piece by piece.
pub(crate) struct ToUtf8 {
    state: State,
    /// Decoded text, until it is given on.
    buffer: String,
}

enum State {
    /// With the encoding that the text declares.
    Start(Option<&'static Encoding>),
    /// So far every encoding that holds ASCII gives the same text.
    Ascii,
    Utf8(Unfinished),
    Other(Box<Decoder>),
}

/// The first bytes of a character whose last are not there yet.
#[derive(Default)]
struct Unfinished {
    bytes: [u8; 4],
    len: usize,
}

impl ToUtf8 {
    pub(crate) fn new() -> Self {
        Self::declared(None)
    }

    /// For a text that declares its encoding. Only a byte order mark, or the zeros of UTF-16, count more.
    pub(crate) fn declared(encoding: Option<&'static Encoding>) -> Self {
        Self { state: State::Start(encoding), buffer: String::new() }
    }

    /// The encoding, by the name that the WHATWG gives it. ASCII is UTF-8.
    pub(crate) fn charset(&self) -> &'static str {
        match &self.state {
            State::Start(_) | State::Ascii | State::Utf8(_) => UTF_8.name(),
            State::Other(decoder) => decoder.encoding().name(),
        }
    }

    /// Decodes the next piece. Byte order marks do not belong to the text.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], text: &mut impl FnMut(&str)) {
        if bytes.is_empty() {
            return;
        }
        if let State::Start(declared) = self.state {
            self.state = State::Ascii;
            if let Some(encoding) = at_start(bytes).or(declared) {
                bytes = Encoding::for_bom(bytes).map_or(bytes, |(_, mark)| &bytes[mark..]);
                self.choose(encoding);
            }
        }
        if matches!(self.state, State::Ascii) {
            if bytes.is_ascii() && !has_escapes(bytes) {
                str::from_utf8(bytes).into_iter().for_each(text);
                return;
            }
            self.choose(guess(bytes));
        }
        match &mut self.state {
            State::Start(_) | State::Ascii => {}
            State::Utf8(unfinished) => unfinished.feed(bytes, text),
            State::Other(decoder) => decode(decoder, &mut self.buffer, bytes, false, text),
        }
    }

    /// Gives what is still held back.
    pub(crate) fn finish(&mut self, text: &mut impl FnMut(&str)) {
        match &mut self.state {
            State::Start(_) | State::Ascii => {}
            State::Utf8(unfinished) => unfinished.finish(text),
            State::Other(decoder) => decode(decoder, &mut self.buffer, &[], true, text),
        }
    }

    fn choose(&mut self, encoding: &'static Encoding) {
        self.state = if encoding == UTF_8 {
            State::Utf8(Unfinished::default())
        } else {
            self.buffer.reserve(PIECE);
            State::Other(Box::new(encoding.new_decoder_without_bom_handling()))
        };
    }
}

fn decode(decoder: &mut Decoder, buffer: &mut String, mut bytes: &[u8], last: bool, text: &mut impl FnMut(&str)) {
    loop {
        buffer.clear();
        let (result, read, _) = decoder.decode_to_string(bytes, buffer, last);
        bytes = &bytes[read..];
        text(buffer);
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

impl Unfinished {
    fn feed(&mut self, mut bytes: &[u8], text: &mut impl FnMut(&str)) {
        while self.len > 0
            && let [next, rest @ ..] = bytes
        {
            self.bytes[self.len] = *next;
            match str::from_utf8(&self.bytes[..=self.len]) {
                Ok(character) => text(character),
                Err(error) if error.error_len().is_none() => {
                    self.len += 1;
                    bytes = rest;
                    continue;
                }
                // The next byte starts something else.
                Err(_) => {
                    text("\u{fffd}");
                    self.len = 0;
                    break;
                }
            }
            self.len = 0;
            bytes = rest;
        }
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text(chunk.valid());
            let invalid = chunk.invalid();
            let cut = str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && cut {
                self.bytes[..invalid.len()].copy_from_slice(invalid);
                self.len = invalid.len();
            } else if !invalid.is_empty() {
                text("\u{fffd}");
            }
        }
    }

    fn finish(&mut self, text: &mut impl FnMut(&str)) {
        if std::mem::take(&mut self.len) > 0 {
            text("\u{fffd}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{EUC_JP, GBK, ISO_2022_JP, KOI8_U, SHIFT_JIS, WINDOWS_1252};
    use proptest::prelude::*;

    fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, &'static str) {
        let (mut to_utf8, mut whole) = (ToUtf8::new(), String::new());
        for piece in pieces {
            to_utf8.feed(piece, &mut |text| whole.push_str(text));
        }
        to_utf8.finish(&mut |text| whole.push_str(text));
        (whole, to_utf8.charset())
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        let german = "Die Größe des Schlüssels heißt Länge, und das ist schön. ";
        let japanese = "これは日本語の文章です。文字コードを調べるための例です。";
        let russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. ";
        let chinese = "今天的天气很好，我们去公园散步吧。这是一个测试文件。";
        let rows: &[(Vec<u8>, &str, &str)] = &[
            (b"plain".to_vec(), "UTF-8", "plain"),
            (german.into(), "UTF-8", german),
            ([b"\xef\xbb\xbf", german.as_bytes()].concat(), "UTF-8", german),
            (WINDOWS_1252.encode(german).0.into(), "windows-1252", german),
            (SHIFT_JIS.encode(japanese).0.into(), "Shift_JIS", japanese),
            (EUC_JP.encode(japanese).0.into(), "EUC-JP", japanese),
            (ISO_2022_JP.encode(japanese).0.into(), "ISO-2022-JP", japanese),
            (KOI8_U.encode(russian).0.into(), "KOI8-U", russian),
            (GBK.encode(chinese).0.into(), "GBK", chinese),
            (utf16(german, u16::to_le_bytes), "UTF-16LE", german),
            (utf16(german, u16::to_be_bytes), "UTF-16BE", german),
            (utf16(&format!("\u{feff}{japanese}"), u16::to_le_bytes), "UTF-16LE", japanese),
            (utf16(&format!("\u{feff}{japanese}"), u16::to_be_bytes), "UTF-16BE", japanese),
        ];
        for (bytes, charset, text) in rows {
            assert_eq!(decoded([bytes.as_slice()]), ((*text).to_owned(), *charset));
        }
    }

    #[test]
    fn the_choice_waits_for_the_first_byte_that_is_not_ascii() {
        let ascii = vec![b'a'; 100_000];
        let late = WINDOWS_1252.encode(" Größe, Länge, schön").0;
        let (text, charset) = decoded([&ascii[..], &late]);
        assert_eq!(charset, "windows-1252");
        assert!(text.ends_with(" Größe, Länge, schön"));
    }

    #[test]
    fn what_is_declared_counts_more_than_a_guess_and_less_than_a_mark() {
        for (bytes, text, charset) in [
            (&b"\xa4 10"[..], "€ 10", "ISO-8859-15"),
            (b"plain", "plain", "ISO-8859-15"),
            (b"\xef\xbb\xbf\xe2\x82\xac", "€", "UTF-8"),
            (b"a\0b\0c\0d\0", "abcd", "UTF-16LE"),
        ] {
            let (mut to_utf8, mut whole) = (ToUtf8::declared(Some(encoding_rs::ISO_8859_15)), String::new());
            to_utf8.feed(bytes, &mut |text| whole.push_str(text));
            to_utf8.finish(&mut |text| whole.push_str(text));
            assert_eq!((whole.as_str(), to_utf8.charset()), (text, charset));
        }
    }

    #[test]
    fn one_damaged_character_leaves_the_rest_utf8() {
        let text = "Größe ".repeat(30);
        let mut bytes = text.clone().into_bytes();
        bytes.extend(b"\xff ");
        bytes.extend(text.as_bytes());
        let (decoded, charset) = decoded([bytes.as_slice()]);
        assert_eq!(charset, "UTF-8");
        assert_eq!(decoded, format!("{text}\u{fffd} {text}"));
    }

    proptest! {
        #[test]
        fn utf8_in_any_pieces_is_what_the_whole_is(
            start in "[äöü今🚀]{20}",
            rest in prop::collection::vec(prop_oneof![Just(0xe4), Just(0xf0), Just(0x9f), Just(b'a'), any::<u8>()], 0..60),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = [start.as_bytes(), &rest].concat();
            let mut at: Vec<_> = cuts.iter().map(|cut| start.len() + cut.index(rest.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let mut unfinished = Unfinished::default();
            let mut whole = String::new();
            for pair in at.windows(2) {
                unfinished.feed(&bytes[pair[0]..pair[1]], &mut |text| whole.push_str(text));
            }
            unfinished.finish(&mut |text| whole.push_str(text));
            prop_assert_eq!(whole, String::from_utf8_lossy(&bytes));
        }
    }
}
