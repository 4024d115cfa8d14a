//! Why reading a document, or a part of one, ends before its end.

use std::io;

use handler_contract::{ErrorCode, Failure, Metadata};

/// Why reading ended. The text is for people and never has content of the file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    /// A part that everything hangs on is missing or is not what it should be.
    #[error("{0}; save it again with the program that made it")]
    Damaged(&'static str),
    /// A part breaks off in the middle, or continues for longer than is read. What was read before holds.
    #[error("a part of the document breaks off in the middle; save it again with the program that made it")]
    Truncated,
    /// It needs a password or a licence.
    #[error("{0}; save it without the protection")]
    Encrypted(&'static str),
    /// A part unpacks to over 64 MiB, and to more than two hundred times its size.
    #[error("a part of the document unpacks to over 64 MiB, more than 200 times its size")]
    Bomb,
    /// One tag or one run of text is longer than what is held in memory.
    #[error("a single tag or text in the document is longer than 8 MiB, which no honest document has")]
    TokenTooLong,
    /// Elements or groups are nested absurdly.
    #[error("the document is nested more than 4096 levels deep, which no honest document is")]
    NestingTooDeep,
}

impl DocumentError {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Damaged(_) | Self::Truncated => ErrorCode::Malformed,
            Self::Encrypted(_) => ErrorCode::Encrypted,
            Self::Bomb => ErrorCode::DecompressionBomb,
            Self::TokenTooLong => ErrorCode::MemoryLimit,
            Self::NestingTooDeep => ErrorCode::StackLimit,
        }
    }
}

impl From<DocumentError> for io::Error {
    fn from(fault: DocumentError) -> Self {
        Self::other(fault)
    }
}

impl From<io::Error> for DocumentError {
    /// What a reader of this module reported, or a stream that ends too early.
    fn from(error: io::Error) -> Self {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied().unwrap_or(Self::Truncated)
    }
}

/// What becomes of a document whose reading ended with `result`: one that broke off in the middle is partial.
pub(crate) fn finish(metadata: &mut Metadata, result: Result<(), DocumentError>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(DocumentError::Truncated) => {
            metadata.is_partial = Some(true);
            Ok(())
        }
        Err(fault) => {
            if matches!(fault, DocumentError::Encrypted(_)) {
                metadata.is_encrypted = Some(true);
            }
            Err(Failure::new(fault.code(), fault.to_string()))
        }
    }
}

/// The end of reading a part without which the document is still worth its record: damage makes it partial, an attack
/// still ends it.
pub(crate) fn minor(metadata: &mut Metadata, result: Result<(), DocumentError>) -> Result<(), DocumentError> {
    match result {
        Err(DocumentError::Damaged(_) | DocumentError::Truncated) => {
            metadata.is_partial = Some(true);
            Ok(())
        }
        other => other,
    }
}
