//! Numbers that Windows gives encodings, as rtf files and property sets name them.

use std::borrow::Cow;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_8859_2, ISO_8859_5, KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS,
    UTF_8, UTF_16LE, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255,
    WINDOWS_1256, WINDOWS_1257, WINDOWS_1258, X_MAC_CYRILLIC,
};

use crate::charset::{CP437, CP850, CP852, SingleByte};

/// An encoding of eight bits or more a character, of which the lower half is ASCII.
#[derive(Debug, Clone, Copy)]
pub(super) enum CodePage {
    /// One that the web knows.
    Web(&'static Encoding),
    /// One of DOS, which has a character for each byte.
    Dos(&'static SingleByte),
}

impl CodePage {
    /// The text of bytes; what means nothing becomes a replacement character.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Web(encoding) => encoding.decode_without_bom_handling(bytes).0,
            Self::Dos(encoding) => bytes.iter().map(|byte| encoding.character(*byte)).collect(),
        }
    }

    /// The text of bytes, if each of them means something and the last character is complete.
    pub(super) fn decode_whole(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Web(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Dos(_) => Some(self.decode(bytes)),
        }
    }

    /// Whether each byte is a character.
    pub(super) fn is_single_byte(self) -> bool {
        match self {
            Self::Web(encoding) => encoding.is_single_byte(),
            Self::Dos(_) => true,
        }
    }
}

/// The encoding of a code page; of one that is unknown, the one that most of the world's files have.
pub(super) fn encoding(codepage: u16) -> CodePage {
    CodePage::Web(match codepage {
        437 => return CodePage::Dos(&CP437),
        850 | 858 => return CodePage::Dos(&CP850),
        852 => return CodePage::Dos(&CP852),
        866 => IBM866,
        874 => WINDOWS_874,
        932 => SHIFT_JIS,
        936 => GBK,
        949 | 51949 => EUC_KR,
        950 => BIG5,
        1200 => UTF_16LE,
        1250 => WINDOWS_1250,
        1251 => WINDOWS_1251,
        1253 => WINDOWS_1253,
        1254 => WINDOWS_1254,
        1255 => WINDOWS_1255,
        1256 => WINDOWS_1256,
        1257 => WINDOWS_1257,
        1258 => WINDOWS_1258,
        10000 => MACINTOSH,
        10007 => X_MAC_CYRILLIC,
        20866 => KOI8_R,
        21866 => KOI8_U,
        28592 => ISO_8859_2,
        28595 => ISO_8859_5,
        51932 => EUC_JP,
        54936 => GB18030,
        65001 => UTF_8,
        _ => WINDOWS_1252,
    })
}

#[cfg(test)]
mod tests {
    use super::encoding;

    #[test]
    fn code_pages_of_dos_have_a_character_for_each_byte() {
        assert_eq!(encoding(437).decode(b"Gr\x94\xe1e \xab \xe0"), "Größe ½ α");
        assert_eq!(encoding(850).decode(b"Gr\x94\xe1e \xab \xe0"), "Größe ½ Ó");
        assert_eq!(encoding(852).decode(b"\xbe\xa2\x88ty"), "żółty");
        assert_eq!(encoding(1252).decode(b"Gr\xf6\xdfe"), "Größe");
        assert_eq!(encoding(932).decode_whole(b"\x82"), None);
    }
}
