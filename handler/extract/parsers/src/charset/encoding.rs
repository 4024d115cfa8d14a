//! The encodings that texts are read in.

use encoding_rs::Encoding;

use super::single_byte::SingleByte;

/// An encoding.
#[derive(Debug, Clone, Copy)]
pub(super) enum Charset {
    /// One that the WHATWG has for the web.
    Web(&'static Encoding),
    /// One of a byte a character.
    SingleByte(&'static SingleByte),
    Utf32 {
        big_endian: bool,
    },
}

impl Charset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Web(encoding) => encoding.name(),
            Self::SingleByte(encoding) => encoding.name,
            Self::Utf32 { big_endian: false } => "UTF-32LE",
            Self::Utf32 { big_endian: true } => "UTF-32BE",
        }
    }
}
