//! Character encodings: which one a text has, and the text in UTF-8, piece by piece.
//!
//! The choice is made at the first byte that is not ASCII, from the bytes that follow it in the same piece.
//! Bytes that contradict the choice later become U+FFFD and end nothing.

mod detect;
mod encoding;
mod single_byte;
mod text;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

use self::encoding::Charset;
pub(crate) use self::single_byte::{CP437, CP850, CP852, SingleByte};
pub(crate) use self::text::as_text;

/// Bytes of a decoded piece.
const PIECE: usize = 64 << 10;

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
    SingleByte(&'static SingleByte, Box<[char; 256]>),
    Utf32 {
        big_endian: bool,
        unfinished: Unfinished,
    },
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

    /// The encoding, by the name that the WHATWG gives it, or else IANA. ASCII is UTF-8.
    pub(crate) fn charset(&self) -> &'static str {
        self.encoding().name()
    }

    fn encoding(&self) -> Charset {
        match &self.state {
            State::Start(_) | State::Ascii | State::Utf8(_) => Charset::Web(UTF_8),
            State::Other(decoder) => Charset::Web(decoder.encoding()),
            State::SingleByte(encoding, _) => Charset::SingleByte(encoding),
            State::Utf32 { big_endian, .. } => Charset::Utf32 { big_endian: *big_endian },
        }
    }

    /// Decodes the next piece. Byte order marks do not belong to the text.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], text: &mut impl FnMut(&str)) {
        if bytes.is_empty() {
            return;
        }
        if let State::Start(declared) = self.state {
            self.state = State::Ascii;
            if let Some((charset, mark)) = detect::at_start(bytes).or(declared.map(|known| (Charset::Web(known), 0))) {
                bytes = &bytes[mark..];
                self.choose(charset);
            }
        }
        if matches!(self.state, State::Ascii) {
            if bytes.is_ascii() && !detect::has_escapes(bytes) {
                str::from_utf8(bytes).into_iter().for_each(text);
                return;
            }
            self.choose(detect::guess(bytes));
        }
        match &mut self.state {
            State::Start(_) | State::Ascii => {}
            State::Utf8(unfinished) => unfinished.feed(bytes, text),
            State::Other(decoder) => decode(decoder, &mut self.buffer, bytes, false, text),
            State::SingleByte(_, table) => {
                for piece in bytes.chunks(PIECE) {
                    self.buffer.clear();
                    self.buffer.extend(piece.iter().map(|byte| table[usize::from(*byte)]));
                    text(&self.buffer);
                }
            }
            State::Utf32 { big_endian, unfinished } => {
                for piece in bytes.chunks(PIECE) {
                    self.buffer.clear();
                    unfinished.feed_wide(piece, *big_endian, &mut self.buffer);
                    text(&self.buffer);
                }
            }
        }
    }

    /// Gives what is still held back.
    pub(crate) fn finish(&mut self, text: &mut impl FnMut(&str)) {
        match &mut self.state {
            State::Start(_) | State::Ascii | State::SingleByte(..) => {}
            State::Utf8(unfinished) | State::Utf32 { unfinished, .. } => unfinished.finish(text),
            State::Other(decoder) => decode(decoder, &mut self.buffer, &[], true, text),
        }
    }

    fn choose(&mut self, charset: Charset) {
        self.state = match charset {
            Charset::Web(encoding) if encoding == UTF_8 => {
                self.state = State::Utf8(Unfinished::default());
                return;
            }
            Charset::Web(encoding) => State::Other(Box::new(encoding.new_decoder_without_bom_handling())),
            Charset::SingleByte(encoding) => State::SingleByte(encoding, encoding.table()),
            Charset::Utf32 { big_endian } => State::Utf32 { big_endian, unfinished: Unfinished::default() },
        };
        self.buffer.reserve(PIECE);
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

    /// The same for characters of four bytes each.
    fn feed_wide(&mut self, bytes: &[u8], big_endian: bool, text: &mut String) {
        let number = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        for byte in bytes {
            self.bytes[self.len] = *byte;
            self.len = (self.len + 1) % 4;
            if self.len == 0 {
                text.push(char::from_u32(number(self.bytes)).unwrap_or('\u{fffd}'));
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

    fn utf32(text: &str, to_bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|character| to_bytes(character.into())).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        let german = "Die Größe des Schlüssels heißt Länge, und das ist schön. ";
        let japanese = "これは日本語の文章です。文字コードを調べるための例です。";
        let russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. ";
        let chinese = "今天的天气很好，我们去公园散步吧。这是一个测试文件。";
        let greek = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.";
        let korean = "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.";
        let hindi = "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण";
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
            (utf16(russian, u16::to_le_bytes), "UTF-16LE", russian),
            (utf16(russian, u16::to_be_bytes), "UTF-16BE", russian),
            (utf16(chinese, u16::to_le_bytes), "UTF-16LE", chinese),
            (utf16(japanese, u16::to_be_bytes), "UTF-16BE", japanese),
            (utf16(greek, u16::to_le_bytes), "UTF-16LE", greek),
            (utf16(korean, u16::to_be_bytes), "UTF-16BE", korean),
            (utf16(hindi, u16::to_le_bytes), "UTF-16LE", hindi),
            (utf16("\u{feff}\0ab and\0more", u16::to_le_bytes), "UTF-16LE", "\0ab and\0more"),
            (utf32(&format!("\u{feff}{german}"), u32::to_le_bytes), "UTF-32LE", german),
            (utf32(&format!("\u{feff}{japanese}"), u32::to_be_bytes), "UTF-32BE", japanese),
            (
                b"Die Gr\x94\xe1e des Schl\x81ssels hei\xe1t L\x84nge".to_vec(),
                "IBM437",
                "Die Größe des Schlüssels heißt Länge",
            ),
            (
                b"Za\xbe\xa2\x88\x86 g\xa9\x98l\xa5 ja\xab\xe4, ma\x88y ko\xe4".to_vec(),
                "IBM852",
                "Zażółć gęślą jaźń, mały koń",
            ),
            (b"Zu\xbeycie \xabr\xa2d\x88a, b\x88\xa5d i w\xa5\xbe".to_vec(), "IBM852", "Zużycie źródła, błąd i wąż"),
            (
                b"S\xc6o Jo\xc6o e Cora\x87\xc6o, n\xc6o irm\xc6os, aten\x87\xe4es".to_vec(),
                "IBM850",
                "São João e Coração, não irmãos, atenções",
            ),
            (
                b"it\x92s \x93quoted\x94\x97and so on\x85 for ever".to_vec(),
                "windows-1252",
                "it’s “quoted”—and so on… for ever",
            ),
            (b"\xc9\xcd\xcd\xcd\xcd\xcd\xbb\r\n\xba words \xba\r\n".to_vec(), "IBM437", "╔═════╗\r\n║ words ║\r\n"),
            (
                b"\xc8\xc5\xd3\xd3\xd6\x40\xe3\x88\x85\x99\x85\x40\xf1\xf2\xf3\x4b\x25".to_vec(),
                "IBM037",
                "HELLO There 123.\n",
            ),
        ];
        for (bytes, charset, text) in rows {
            assert_eq!(decoded([bytes.as_slice()]), ((*text).to_owned(), *charset));
            assert!(as_text(bytes, true).is_some(), "{charset}: {text}");
            let (first, second) = bytes.split_at(bytes.len() - 1);
            assert_eq!(decoded([first, second]).0, *text, "{charset} in two pieces");
        }
    }

    #[test]
    fn texts_hold_few_control_characters_and_only_where_texts_have_them() {
        let line = "2026-01-02 10:00:00 request served\n";
        let log = |before: usize, hole: usize, after: usize| {
            [&vec![0; before], line.repeat(9).as_bytes(), &vec![0; hole], line.repeat(9).as_bytes(), &vec![0; after]]
                .concat()
        };
        let noise: Vec<u8> = (0..4000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let rows: &[(&str, Vec<u8>, bool)] = &[
            ("truncated while it was written", log(4096, 0, 0), true),
            ("a hole", log(0, 600, 0), true),
            ("a hole of a few bytes", [line.repeat(3).as_bytes(), &[0; 3], line.as_bytes()].concat(), true),
            ("fields of one character", b"a\x1fb\x1fc\x1e1\x1f2\x1f3\x1e".to_vec(), true),
            ("a tail that was never written", log(0, 0, 4096), true),
            ("nothing but NULs", vec![0; 4096], false),
            ("as a string of C", b"hello there\0".to_vec(), true),
            ("as a file of CP/M", b"hello there\r\n\x1a\x1a\x1a\x1a".to_vec(), true),
            ("as a file of DOS", b"hello there\r\n\x1a".to_vec(), true),
            ("FIX", b"8=FIX.4.4\x019=100\x0135=D\x0110=128\x01\n".to_vec(), true),
            ("Hive", b"1\x01Ann\x01a\x02b\x02c\x01k\x03v\n2\x01Bob\x01d\x01k\x03w\n".to_vec(), true),
            ("HL7", b"\x0bMSH|^~\\&|A|B\rPID|1||123\r\x1c\r".to_vec(), true),
            ("records and units", b"id\x1fname\x1e1\x1fAnn\x1e2\x1fBob\x1e".to_vec(), true),
            ("coloured", b"\x1b[31mred\x1b[0m".to_vec(), true),
            ("NULs between words", b"text\0with\0zeros\0in\0it".to_vec(), false),
            ("numbers", b"\0\x01\x02\x03\xff\xfe\xfd".to_vec(), false),
            ("small numbers", b"ab\x01\x01\x02\x03\x01\x01cd\x02\x01\x03".to_vec(), false),
            ("fields with their lengths", b"\n\x05hello\x12\x05there\x1a\x03you".to_vec(), false),
            ("a public key", b"0Y0\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07\x03B\0\x04k\x17\xd1\xf2\xe1,BG\xf8\xbc\xe6\xe5".to_vec(), false),
            ("erased memory", vec![0xff; 20_000], false),
            ("silence", [&b"\x80"[..]; 900].concat(), false),
            ("noise", noise, false),
            ("a form with a NUL at the end of a field", [&b"field"[..], &[0; 12], b"value", &[0; 12]].concat(), false),
        ];
        for (what, bytes, is_text) in rows {
            let charset = decoded([bytes.as_slice()]).1;
            assert!(!is_text || charset == "UTF-8", "{what} is {charset}");
            assert_eq!(as_text(bytes, true).is_some(), *is_text, "{what}");
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
