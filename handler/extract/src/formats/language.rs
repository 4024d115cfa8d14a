//! The language of a text, told from its beginning.

use whatlang::{Lang, Script};

/// Bytes of a text that are looked at.
pub(crate) const SAMPLE: usize = 64 << 10;
/// Letters below which a guess is worth nothing.
const LETTERS: usize = 40;
/// Of all that is not white space, the share that must be letters: program text and tables have less.
const LETTERS_OF_TEN: usize = 8;

/// The language as a BCP 47 tag, where it can be told with confidence.
pub(crate) fn detect(text: &str) -> Option<String> {
    let text = &text[..text.floor_char_boundary(SAMPLE)];
    let (mut letters, mut others) = (0, 0);
    for c in text.chars() {
        letters += usize::from(c.is_alphabetic());
        others += usize::from(!c.is_alphabetic() && !c.is_whitespace());
    }
    let info = whatlang::detect(text)?;
    let enough = if is_dense(info.script()) { LETTERS / 4 } else { LETTERS };
    let is_prose = letters >= enough && letters * 10 >= (letters + others) * LETTERS_OF_TEN;
    (is_prose && info.is_reliable()).then(|| tag(info.lang()).to_owned())
}

/// Scripts in which one character says as much as several letters.
fn is_dense(script: Script) -> bool {
    matches!(script, Script::Mandarin | Script::Hangul | Script::Hiragana | Script::Katakana)
}

/// The shortest ISO 639 code of a language, as BCP 47 wants it (RFC 5646, section 2.2.1).
fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Epo => "eo",
        Lang::Eng => "en",
        Lang::Rus => "ru",
        Lang::Cmn => "zh",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Ben => "bn",
        Lang::Fra => "fr",
        Lang::Deu => "de",
        Lang::Ukr => "uk",
        Lang::Kat => "ka",
        Lang::Ara => "ar",
        Lang::Hin => "hi",
        Lang::Jpn => "ja",
        Lang::Heb => "he",
        Lang::Yid => "yi",
        Lang::Pol => "pl",
        Lang::Amh => "am",
        Lang::Jav => "jv",
        Lang::Kor => "ko",
        Lang::Nob => "nb",
        Lang::Dan => "da",
        Lang::Swe => "sv",
        Lang::Fin => "fi",
        Lang::Tur => "tr",
        Lang::Nld => "nl",
        Lang::Hun => "hu",
        Lang::Ces => "cs",
        Lang::Ell => "el",
        Lang::Bul => "bg",
        Lang::Bel => "be",
        Lang::Mar => "mr",
        Lang::Kan => "kn",
        Lang::Ron => "ro",
        Lang::Slv => "sl",
        Lang::Hrv => "hr",
        Lang::Srp => "sr",
        Lang::Mkd => "mk",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Est => "et",
        Lang::Tam => "ta",
        Lang::Vie => "vi",
        Lang::Urd => "ur",
        Lang::Tha => "th",
        Lang::Guj => "gu",
        Lang::Uzb => "uz",
        Lang::Pan => "pa",
        Lang::Aze => "az",
        Lang::Ind => "id",
        Lang::Tel => "te",
        Lang::Pes => "fa",
        Lang::Mal => "ml",
        Lang::Ori => "or",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Sin => "si",
        Lang::Khm => "km",
        Lang::Tuk => "tk",
        Lang::Aka => "ak",
        Lang::Zul => "zu",
        Lang::Sna => "sn",
        Lang::Afr => "af",
        Lang::Lat => "la",
        Lang::Slk => "sk",
        Lang::Cat => "ca",
        Lang::Tgl => "tl",
        Lang::Hye => "hy",
        Lang::Cym => "cy",
    }
}

/// A language tag that a document declares, if it is one: `en`, `de-CH`, `zh-Hant`.
pub(crate) fn declared(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let subtags_fit =
        tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let language = tag.split('-').next().unwrap_or_default();
    let language_fits = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
    (subtags_fit && language_fits && tag.len() <= 35).then_some(tag)
}
