//! The language of a text, detected from its start.

use whatlang::{Lang, Script};

/// Bytes of a text that are looked at. Some hundred are enough for a text in one language; this many also see past the
/// English notice that texts of some collections start with. More takes longer than all else that is done for a text.
pub(super) const SAMPLE: usize = 4 << 10;
/// Letters below which a guess is worth nothing.
const LETTERS: usize = 40;

/// The language as a BCP 47 tag, where it can be detected with confidence.
pub(super) fn detect(text: &str) -> Option<String> {
    let text = &text[..text.floor_char_boundary(SAMPLE)];
    // Numbers, addresses and names of variables belong to no language, and a text of which they are most has none.
    let (mut prose, mut words, mut others) = (String::new(), 0, 0);
    for word in text.split_whitespace() {
        if is_word(word) {
            words += 1;
            prose.push_str(word);
            prose.push(' ');
        } else {
            others += 1;
        }
    }
    let info = whatlang::detect(&prose).filter(|info| words > others && info.is_reliable())?;
    let enough = if is_dense(info.script()) { LETTERS / 4 } else { LETTERS };
    (prose.chars().filter(|c| c.is_alphabetic()).count() >= enough).then(|| tag(info.lang()).to_owned())
}

/// Whether a word, without the punctuation around it, has letters only, apostrophes and hyphens within, or else mostly
/// letters that need no spaces between words.
fn is_word(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let strange = |c: char| c.is_ascii() && !c.is_ascii_alphabetic() && !matches!(c, '\'' | '-');
    !bare.is_empty() && !bare.contains(strange)
}

/// Scripts in which one character says as much as several letters.
fn is_dense(script: Script) -> bool {
    matches!(script, Script::Mandarin | Script::Hangul | Script::Hiragana | Script::Katakana)
}

/// The shortest ISO 639 code of a language, as BCP 47 requires it (RFC 5646, section 2.2.1).
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
pub(super) fn declared(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let subtags_fit =
        tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let language = tag.split('-').next().unwrap_or_default();
    let language_fits = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
    (subtags_fit && language_fits && tag.len() <= 35).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_prose() {
        for (text, language) in [
            (
                "All human beings are born free and equal in dignity and rights. They are endowed with reason.",
                Some("en"),
            ),
            (
                "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft begabt.",
                Some("de"),
            ),
            ("Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом.", Some("ru")),
            ("人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。", Some("zh")),
            ("すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。", Some("ja")),
            ("Yes.", None),
            ("", None),
            ("fn main() { let x_1 = y.z(); } if (a != b) { return c[0]; } for (i = 0; i < n; i++) f(i);", None),
            ("10.0.0.1 - - [22/Nov/2026:16:33:49] \"GET /index.html HTTP/1.1\" 200 512", None),
            ("d41d8cd98f00b204e9800998ecf8427e /a/b/c.txt 512 https://example.org/a?b=c", None),
        ] {
            assert_eq!(detect(text).as_deref(), language, "{text}");
        }
    }

    #[test]
    fn declared_tags() {
        for (text, language) in [
            ("en", Some("en")),
            (" de_CH ", Some("de-CH")),
            ("zh-Hant-TW", Some("zh-Hant-TW")),
            ("english", None),
            ("{{ lang }}", None),
            ("", None),
            ("e", None),
            ("en-", None),
        ] {
            assert_eq!(declared(text).as_deref(), language, "{text}");
        }
    }
}
