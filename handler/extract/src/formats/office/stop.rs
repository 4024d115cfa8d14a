//! Why reading a document, or a part of one, ends before its end.

use std::io;

use handler_contract::{ErrorCode, Metadata};

use crate::formats::reading::Reading;

/// Why reading stopped. The text is for people and never has content of the file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// A part that everything hangs on is missing or is not what it should be.
    #[error("{0}; save it again with the program that made it")]
    Damaged(&'static str),
    /// A part ends or breaks off in the middle. What was read before holds.
    #[error("a part of the document breaks off in the middle; save it again with the program that made it")]
    Cut,
    /// It needs a password or a licence.
    #[error("{0}; save it without the protection")]
    Encrypted(&'static str),
    /// A part unpacks to more than two hundred times its size.
    #[error("a part of the document unpacks to more than 200 times its size; no honest document does")]
    Bomb,
    /// One tag or one run of text is longer than what is held in memory.
    #[error("a single tag or text in the document is longer than 8 MiB; no honest document has one")]
    LongPiece,
    /// Elements or groups are nested absurdly.
    #[error("the document is nested more than 4096 levels deep; no honest document is")]
    Deep,
}

impl Stop {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Damaged(_) | Self::Cut => ErrorCode::Malformed,
            Self::Encrypted(_) => ErrorCode::Encrypted,
            Self::Bomb => ErrorCode::DecompressionBomb,
            Self::LongPiece => ErrorCode::MemoryLimit,
            Self::Deep => ErrorCode::StackLimit,
        }
    }
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        Self::other(stop)
    }
}

impl From<io::Error> for Stop {
    /// What a reader of this module reported, or a stream that does not unpack.
    fn from(error: io::Error) -> Self {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied().unwrap_or(Self::Cut)
    }
}

/// The reading of a document whose body was read with `result`.
pub(super) fn finish(mut metadata: Metadata, result: Result<(), Stop>) -> Reading {
    match result {
        Ok(()) => metadata.into(),
        Err(Stop::Cut) => {
            metadata.is_partial = Some(true);
            metadata.into()
        }
        Err(stop) => {
            if matches!(stop, Stop::Encrypted(_)) {
                metadata.is_encrypted = Some(true);
            }
            Reading::failed(metadata, stop.code(), stop.to_string())
        }
    }
}

/// The end of reading a part without which the document is still worth its record: damage makes it partial, an attack
/// still ends it.
pub(super) fn minor(metadata: &mut Metadata, result: Result<(), Stop>) -> Result<(), Stop> {
    match result {
        Err(Stop::Damaged(_) | Stop::Cut) => {
            metadata.is_partial = Some(true);
            Ok(())
        }
        other => other,
    }
}
