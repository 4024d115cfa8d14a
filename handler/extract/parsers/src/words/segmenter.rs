//! Unicode's default word boundaries (UAX 29, section 4) one character at a time, in constant memory.
//!
//! The rules look back over any number of skipped characters and ahead over one, so the machine keeps the last
//! character that was not skipped, and holds back one that may be inside a word (`can't`, `3.14`) until the next
//! one decides.

use std::sync::OnceLock;

use icu_properties::props::{Alphabetic, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, WordBreak};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The property values of UAX 29, table 3; those that no rule distinguishes are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Letter,
    HebrewLetter,
    Numeric,
    Katakana,
    ExtendNumLet,
    MidLetter,
    MidNum,
    MidNumLet,
    SingleQuote,
    DoubleQuote,
    RegionalIndicator,
    Cr,
    Lf,
    LineBreak,
    Space,
    /// `Extend` and `Format`, which rule WB4 skips.
    Skipped,
    /// Skipped as well, but a pictograph after it belongs to what is before it.
    Joiner,
}

/// What is asked about a character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Properties {
    class: Class,
    is_alphanumeric: bool,
    is_pictograph: bool,
    pub(super) is_white_space: bool,
}

/// Characters whose properties are looked up together.
const PAGE: usize = 256;
const PAGES: usize = char::MAX as usize / PAGE + 1;
/// A text uses few scripts, and looking properties up in Unicode's tables costs more than all the rest; so each page of
/// characters is looked up once, when the first of them comes.
static KNOWN: [OnceLock<Box<[Properties; PAGE]>>; PAGES] = [const { OnceLock::new() }; PAGES];

impl Properties {
    pub(super) fn of(c: char) -> Self {
        let at = c as usize;
        KNOWN[at / PAGE].get_or_init(|| Self::page(at / PAGE))[at % PAGE]
    }

    #[cold]
    fn page(page: usize) -> Box<[Self; PAGE]> {
        Box::new(std::array::from_fn(|at| {
            // Surrogates are no characters and are never asked for.
            let c = u32::try_from(page * PAGE + at).ok().and_then(char::from_u32).unwrap_or_default();
            Self {
                class: Class::of(c),
                is_alphanumeric: is_alphanumeric(c),
                is_pictograph: CodePointSetData::new::<ExtendedPictographic>().contains(c),
                is_white_space: c.is_whitespace(),
            }
        }))
    }
}

/// Whether a character is a letter or a digit, as [`char::is_alphanumeric`] defines it. All properties come from one
/// version of Unicode: the standard library's tables may be older than those of `icu_properties`, and a new letter
/// would then belong to a word without counting as a letter.
fn is_alphanumeric(c: char) -> bool {
    CodePointSetData::new::<Alphabetic>().contains(c)
        || GeneralCategoryGroup::Number.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// Whether `icu_properties` knows a character that the standard library does not, because its Unicode is older
/// ([`char::UNICODE_VERSION`]). The standard library escapes what it does not know.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn is_newer_than_std(c: char) -> bool {
    let visible = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    // After a letter, so that a combining mark is not escaped for being the first character.
    visible.contains(CodePointMapData::<GeneralCategory>::new().get(c))
        && format!("{:?}", format!("a{c}")).contains("\\u{")
}

impl Class {
    fn of(c: char) -> Self {
        match CodePointMapData::<WordBreak>::new().get(c) {
            WordBreak::ALetter => Self::Letter,
            WordBreak::HebrewLetter => Self::HebrewLetter,
            WordBreak::Numeric => Self::Numeric,
            WordBreak::Katakana => Self::Katakana,
            WordBreak::ExtendNumLet => Self::ExtendNumLet,
            WordBreak::MidLetter => Self::MidLetter,
            WordBreak::MidNum => Self::MidNum,
            WordBreak::MidNumLet => Self::MidNumLet,
            WordBreak::SingleQuote => Self::SingleQuote,
            WordBreak::DoubleQuote => Self::DoubleQuote,
            WordBreak::RegionalIndicator => Self::RegionalIndicator,
            WordBreak::CR => Self::Cr,
            WordBreak::LF => Self::Lf,
            WordBreak::Newline => Self::LineBreak,
            WordBreak::WSegSpace => Self::Space,
            WordBreak::Extend | WordBreak::Format => Self::Skipped,
            WordBreak::ZWJ => Self::Joiner,
            _ => Self::Other,
        }
    }

    fn is_letter(self) -> bool {
        matches!(self, Self::Letter | Self::HebrewLetter)
    }

    fn ends_line(self) -> bool {
        matches!(self, Self::Cr | Self::Lf | Self::LineBreak)
    }

    fn is_skipped(self) -> bool {
        matches!(self, Self::Skipped | Self::Joiner)
    }

    /// Whether a character of this class may be inside a word after `before` (rules WB6, 7b, 12).
    fn may_join(self, before: Self) -> bool {
        match self {
            Self::MidLetter => before.is_letter(),
            Self::MidNum => before == Self::Numeric,
            Self::MidNumLet | Self::SingleQuote => before.is_letter() || before == Self::Numeric,
            Self::DoubleQuote => before == Self::HebrewLetter,
            _ => false,
        }
    }

    /// Whether there is no boundary between two neighbours (rules WB5, 8 to 10, 13 to 13b).
    fn sticks_to(self, before: Self) -> bool {
        let in_word = |class: Self| class.is_letter() || class == Self::Numeric;
        match before {
            Self::Letter | Self::HebrewLetter | Self::Numeric => in_word(self) || self == Self::ExtendNumLet,
            Self::Katakana => matches!(self, Self::Katakana | Self::ExtendNumLet),
            Self::ExtendNumLet => in_word(self) || matches!(self, Self::Katakana | Self::ExtendNumLet),
            _ => false,
        }
    }
}

/// A character that belongs to the word before it only if the next one fits.
#[derive(Debug, Clone, Copy)]
struct HeldBack {
    before: Class,
    class: Class,
    /// Rule WB 7a: a quote belongs to the Hebrew letter before it in any case.
    attached: bool,
    alphanumeric: bool,
}

/// Counts the segments between boundaries that hold a letter or a digit.
#[derive(Debug, Clone)]
pub(super) struct Segmenter {
    words: u64,
    /// The last character that WB4 does not skip.
    effective: Class,
    /// The last character.
    last: Class,
    held_back: Option<HeldBack>,
    odd_indicators: bool,
    /// Whether the segment at hand is counted already.
    counted: bool,
}

impl Default for Segmenter {
    /// At the start of a text, which is like after a line break.
    fn default() -> Self {
        Self {
            words: 0,
            effective: Class::LineBreak,
            last: Class::LineBreak,
            held_back: None,
            odd_indicators: false,
            counted: false,
        }
    }
}

impl Segmenter {
    /// The words so far, were the text to end here.
    pub(super) fn words(&self) -> u64 {
        let alone = self.held_back.is_some_and(|held| !held.attached && held.alphanumeric);
        self.words + u64::from(alone)
    }

    /// Whether what comes next is segmented as if the text started there.
    pub(super) fn is_neutral(&self) -> bool {
        matches!(self.last, Class::Lf | Class::LineBreak | Class::Space)
    }

    /// Takes over after a stretch of ASCII that another counter went through, from its last two bytes.
    pub(super) fn resume(&mut self, words: u64, [before, last]: [u8; 2], counted: bool) {
        let [before, class] = [before, last].map(|byte| Properties::of(byte.into()).class);
        self.words += words;
        self.effective = class;
        self.last = class;
        self.counted = counted;
        self.held_back =
            class.may_join(before).then_some(HeldBack { before, class, attached: false, alphanumeric: false });
    }

    #[inline]
    pub(super) fn push(&mut self, character: Properties) {
        // Letters and spaces, which are most of a text. After one of them nothing is held back.
        let Properties { class, is_alphanumeric, .. } = character;
        let is_plain = |class| matches!(class, Class::Letter | Class::Space);
        if is_plain(class) && is_plain(self.last) && self.effective == self.last {
            if class != self.last {
                self.counted = false;
                self.last = class;
                self.effective = class;
            }
            self.saw(is_alphanumeric);
        } else {
            self.push_any(character);
        }
    }

    fn push_any(&mut self, character: Properties) {
        let Properties { class, is_alphanumeric: alphanumeric, .. } = character;
        if class.is_skipped() && !self.last.ends_line() {
            self.last = class;
            match &mut self.held_back {
                Some(held) if !held.attached => held.alphanumeric |= alphanumeric,
                _ => self.saw(alphanumeric),
            }
            return;
        }
        if let Some(held) = self.held_back.take() {
            let fits = match held.before {
                Class::Numeric => class == Class::Numeric,
                _ if held.class == Class::DoubleQuote => class == Class::HebrewLetter,
                _ => class.is_letter(),
            };
            if fits {
                self.saw(held.alphanumeric);
                self.saw(alphanumeric);
                self.advance(class);
                return;
            }
            if !held.attached {
                self.counted = false;
                self.saw(held.alphanumeric);
            }
        }
        if class.may_join(self.effective) && !self.last.ends_line() {
            let attached = self.effective == Class::HebrewLetter && class == Class::SingleQuote;
            self.held_back = Some(HeldBack { before: self.effective, class, attached, alphanumeric });
            self.advance(class);
            return;
        }
        if !self.joins(character) {
            self.counted = false;
        }
        self.saw(alphanumeric);
        self.advance(class);
    }

    fn joins(&self, character: Properties) -> bool {
        let class = character.class;
        if self.last.ends_line() || class.ends_line() {
            return self.last == Class::Cr && class == Class::Lf;
        }
        match (self.last, self.effective) {
            (Class::Joiner, _) if character.is_pictograph => true,
            (Class::Space, _) if class == Class::Space => true,
            (_, Class::RegionalIndicator) if class == Class::RegionalIndicator => self.odd_indicators,
            (_, before) => class.sticks_to(before),
        }
    }

    fn advance(&mut self, class: Class) {
        let again = self.effective == Class::RegionalIndicator && self.odd_indicators;
        self.odd_indicators = class == Class::RegionalIndicator && !again;
        self.effective = class;
        self.last = class;
    }

    fn saw(&mut self, alphanumeric: bool) {
        if alphanumeric && !self.counted {
            self.counted = true;
            self.words += 1;
        }
    }
}
