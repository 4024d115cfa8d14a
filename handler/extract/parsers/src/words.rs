//! Counts of a text that arrives in pieces: words by white space and by Unicode, lines, characters.
//!
//! One pass, constant memory, and the same answer however the text is cut. ASCII takes a path of its own ([`ascii`]),
//! everything else goes through [`segmenter`] character by character.

mod ascii;
mod segmenter;

use ascii::{BLOCK, Carry};
use segmenter::{Properties, Segmenter};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use segmenter::is_newer_than_std;

/// One in this number of words may be a letter of a script whose words are not parted.
const UNPARTED_SHARE: u64 = 4;
/// Bytes that are looked at together for one that is not ASCII.
const STRETCH: usize = 16 * BLOCK;
/// Bytes of ASCII ahead for which the path of its own is worth its start.
const WORTH: usize = 16;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Words between white space, as `wc -w` and [`str::split_whitespace`] count them.
    pub(crate) words: u64,
    /// Segments between the word boundaries of UAX 29 that hold a letter or a digit.
    pub(crate) unicode_words: u64,
    /// Letters of scripts that put no spaces between words and whose words only a dictionary parts (UAX 29, section 4):
    /// Thai, Lao, Khmer, Burmese and their neighbours. Each counts as a word in [`Self::unicode_words`].
    pub(crate) unparted_letters: u64,
    /// Unicode scalar values.
    pub(crate) characters: u64,
    /// Lines; a last one without an end counts. A line ends with a line feed; in a text without any, as the Macintosh
    /// wrote before 2001, with a carriage return.
    pub(crate) lines: u64,
}

impl Counts {
    /// [`Self::unicode_words`], unless so much of the text is in scripts whose words are not parted that the number says
    /// nothing. The dictionaries for these scripts are larger than all else that this crate is made of.
    pub(crate) fn known_unicode_words(&self) -> Option<u64> {
        (self.unparted_letters * UNPARTED_SHARE <= self.unicode_words).then_some(self.unicode_words)
    }

    /// Adds the words of another text.
    pub(crate) fn add(&mut self, other: Self) {
        self.words += other.words;
        self.unicode_words += other.unicode_words;
        self.unparted_letters += other.unparted_letters;
        self.characters += other.characters;
        self.lines += other.lines;
    }
}

/// Letters of a script whose words are not parted.
fn is_unparted(c: char) -> bool {
    matches!(c,
        '\u{e01}'..='\u{e30}' | '\u{e40}'..='\u{e46}' | '\u{e81}'..='\u{eb0}' | '\u{ec0}'..='\u{ec6}' | '\u{edc}'..='\u{edf}'
        | '\u{1000}'..='\u{102a}' | '\u{103f}' | '\u{1050}'..='\u{1055}' | '\u{1780}'..='\u{17b3}' | '\u{1950}'..='\u{1974}'
        | '\u{1980}'..='\u{19c9}' | '\u{1a20}'..='\u{1a54}' | '\u{a9e0}'..='\u{a9ef}' | '\u{a9fa}'..='\u{a9fe}'
        | '\u{aa60}'..='\u{aa76}' | '\u{aa80}'..='\u{aaaf}' | '\u{11700}'..='\u{1171a}')
}

/// Counts a text piece by piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    words: u64,
    unparted_letters: u64,
    characters: u64,
    line_feeds: u64,
    /// Those before the first line feed.
    carriage_returns: u64,
    in_word: bool,
    /// The last byte.
    last: Option<u8>,
    segmenter: Segmenter,
}

impl Counter {
    /// Counts the next piece.
    pub(crate) fn feed(&mut self, mut text: &str) {
        self.last = text.as_bytes().last().copied().or(self.last);
        if self.line_feeds == 0 {
            let line = &text.as_bytes()[..memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len())];
            self.carriage_returns += memchr::memchr_iter(b'\r', line).count() as u64;
        }
        while !text.is_empty() {
            text = if self.segmenter.is_neutral() && begins_ascii(text) {
                self.feed_ascii(text)
            } else {
                self.feed_any(text)
            };
        }
    }

    /// Counts up to the first byte that is not ASCII, and returns the rest.
    fn feed_ascii<'a>(&mut self, text: &'a str) -> &'a str {
        let mut carry = Carry::neutral(self.in_word);
        let mut unicode_words = 0;
        let mut taken = 0;
        for stretch in text.as_bytes().chunks(STRETCH) {
            let ascii = if stretch.is_ascii() {
                stretch
            } else {
                let end = stretch.iter().position(|byte| !byte.is_ascii()).unwrap_or(stretch.len());
                &stretch[..end]
            };
            for block in ascii.chunks(BLOCK) {
                let added = carry.block(block);
                self.words += added.words;
                self.line_feeds += added.lines;
                unicode_words += added.unicode_words;
            }
            taken += ascii.len();
            if ascii.len() < stretch.len() {
                break;
            }
        }
        self.characters += taken as u64;
        self.in_word = carry.in_word();
        self.segmenter.resume(unicode_words, carry.last(), carry.counted());
        &text[taken..]
    }

    /// Counts until white space is followed by ASCII, and returns the rest.
    fn feed_any<'a>(&mut self, text: &'a str) -> &'a str {
        for (at, c) in text.char_indices() {
            let character = Properties::of(c);
            let white_space = character.is_white_space;
            self.words += u64::from(!white_space && !self.in_word);
            self.in_word = !white_space;
            self.characters += 1;
            self.unparted_letters += u64::from(c >= '\u{e01}' && is_unparted(c));
            self.line_feeds += u64::from(c == '\n');
            self.segmenter.push(character);
            let end = at + c.len_utf8();
            if white_space && self.segmenter.is_neutral() && begins_ascii(&text[end..]) {
                return &text[end..];
            }
        }
        ""
    }

    pub(crate) fn counts(&self) -> Counts {
        let (ends, end) = match (self.line_feeds, self.carriage_returns) {
            (0, 1..) => (self.carriage_returns, b'\r'),
            (line_feeds, _) => (line_feeds, b'\n'),
        };
        Counts {
            words: self.words,
            unicode_words: self.segmenter.words(),
            unparted_letters: self.unparted_letters,
            characters: self.characters,
            lines: ends + u64::from(self.last.is_some_and(|last| last != end)),
        }
    }
}

/// Lines of a text, as [`Counts`] defines them. For tests and fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn lines_of(text: &str) -> u64 {
    let end = if text.contains('\r') && !text.contains('\n') { '\r' } else { '\n' };
    text.split_inclusive(end).count() as u64
}

/// Whether the path for ASCII is worth its start.
fn begins_ascii(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes[..bytes.len().min(WORTH)].is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    /// The reference: the whole text at once, by what others wrote.
    fn reference(text: &str) -> Counts {
        Counts {
            words: text.split_whitespace().count() as u64,
            unicode_words: text.unicode_words().count() as u64,
            unparted_letters: text.chars().filter(|c| is_unparted(*c)).count() as u64,
            characters: text.chars().count() as u64,
            lines: lines_of(text),
        }
    }

    fn count(pieces: &[&str]) -> Counts {
        let mut counter = Counter::default();
        for piece in pieces {
            counter.feed(piece);
        }
        counter.counts()
    }

    #[test]
    fn known_texts() {
        let counts = |words, unicode_words, characters, lines| Counts {
            words,
            unicode_words,
            unparted_letters: 0,
            characters,
            lines,
        };
        assert_eq!(count(&[""]), counts(0, 0, 0, 0));
        assert_eq!(count(&["\n"]), counts(0, 0, 1, 1));
        assert_eq!(count(&["can't stop\nwon't stop"]), counts(4, 4, 21, 2));
        assert_eq!(count(&["pi is 3.14, e.g. __init__ ___\n"]), counts(6, 5, 30, 1));
        assert_eq!(count(&["今天天气很好"]), counts(1, 6, 6, 1));
        assert_eq!(count(&["a b\rc d\re"]), counts(5, 5, 9, 3));
        assert_eq!(count(&["a\r", "\nb\r"]), counts(2, 2, 5, 2));
        assert_eq!(count(&["a\r"]), counts(1, 1, 2, 1));
        assert_eq!(count(&["a\u{a0}b\u{3000}c"]), counts(3, 3, 5, 1));
    }

    #[test]
    fn words_that_only_a_dictionary_parts_are_not_counted_letter_by_letter() {
        for (text, known) in [
            ("ภาษาไทยไม่มีช่องว่าง", None),
            ("ភាសាខ្មែរ", None),
            ("ພາສາລາວ", None),
            ("မြန်မာဘာသာ", None),
            ("Bangkok is called กทม in Thai, as every reader of this long sentence may know by now", Some(19)),
            ("in Thai: ภาษาไทย", None),
            // Every ideograph is a word by the rules, and words of Tibetan have marks between their syllables.
            ("今天天气很好", Some(6)),
            ("བོད་ཡིག", Some(2)),
            ("plain words", Some(2)),
            ("", Some(0)),
        ] {
            assert_eq!(count(&[text]).known_unicode_words(), known, "{text}");
        }
    }

    #[test]
    fn a_word_across_blocks_is_one() {
        for length in 1..200 {
            let text = format!("{}.{}:{}", "a".repeat(length), "b".repeat(length), "_".repeat(length));
            assert_eq!(count(&[&text]), reference(&text), "{length}");
        }
    }

    #[test]
    fn letters_that_the_standard_library_does_not_know_yet_make_words() {
        // U+058B is an Armenian letter of Unicode 18; the standard library has Unicode 17 and takes it for no
        // character.
        for (text, words) in [("\u{58b}", 1), ("e\u{58b}D", 1), ("\u{58b} \u{58c}", 2), ("1\u{58b}", 1)] {
            assert_eq!(count(&[text]).unicode_words, words, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn every_character_has_the_properties_that_the_reference_gives_it() {
        // Two kinds of them, the ideographs and the syllables of Hangul, are the same for a hundred thousand.
        let uniform = |c: char| matches!(c, '\u{3500}'..='\u{9f00}' | '\u{ad00}'..='\u{d700}' | '\u{17100}'..='\u{18b00}' | '\u{20100}'..='\u{e0000}' | '\u{e0200}'..);
        for c in (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| !uniform(*c) && !is_newer_than_std(*c)) {
            let text =
                format!("a{c}b 1{c}2 \u{5d0}{c}\u{5d1} \u{30a2}{c}\u{30a2} _{c} a:{c} 1,{c} \u{1f1e6}{c}\u{1f1e6} {c}");
            assert_eq!(count(&[&text]).unicode_words, reference(&text).unicode_words, "{}", c.escape_unicode());
        }
    }

    /// Characters that rules of UAX 29 name, in proportions that make the rules meet. Pictographs have a strategy of
    /// their own: the reference takes some of their sequences apart that the rules keep together.
    fn tricky() -> impl Strategy<Value = char> {
        prop_oneof![
            6 => prop::sample::select(vec!['a', 'Z', 'é', 'ß', 'д']),
            4 => prop::sample::select(vec!['0', '7', '٣']),
            4 => prop::sample::select(vec!['_', '‿']),
            6 => prop::sample::select(vec!['.', '\'', ':', ',', ';', '’', '·', '"']),
            5 => prop::sample::select(vec![' ', '\n', '\r', '\t', '\u{b}', '\u{85}', '\u{a0}', '\u{2003}', '\u{2028}']),
            4 => prop::sample::select(vec!['\u{301}', '\u{ad}', '\u{200d}', '\u{93f}', '\u{fe0f}']),
            3 => prop::sample::select(vec!['א', 'ב', 'カ', '今', 'ˈ', '˂', 'ก']),
            3 => prop::sample::select(vec!['🇩', '🇪', '-']),
            1 => prop::char::ranges(vec!['\u{af}'..='\u{24f}', '\u{400}'..='\u{4ff}', '\u{4e00}'..='\u{9fff}'].into()),
        ]
    }

    fn emoji() -> impl Strategy<Value = char> {
        prop::sample::select(vec![
            '👩', '🚀', '©', '\u{200d}', '\u{fe0f}', '🏽', '🇩', '🇪', 'a', '1', ' ', '\n', 'é', '今',
        ])
    }

    fn cut<'a>(text: &'a str, cuts: &[prop::sample::Index]) -> Vec<&'a str> {
        let mut at: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_text_in_any_pieces_counts_as_the_whole(
            text in prop::collection::vec(tricky(), 0..300).prop_map(String::from_iter),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            prop_assert_eq!(count(&cut(&text, &cuts)), reference(&text));
        }

        #[test]
        fn pictographs_in_any_pieces_count_as_the_whole(
            text in prop::collection::vec(emoji(), 0..100).prop_map(String::from_iter),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            prop_assert_eq!(count(&cut(&text, &cuts)), reference(&text));
        }

        #[test]
        fn ascii_in_any_pieces_counts_as_the_whole(
            text in "[a-c0-2_.:,;' \n\r\t\x0b-]{0,400}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            prop_assert_eq!(count(&cut(&text, &cuts)), reference(&text));
        }
    }
}
