//! The codes that a FAILED record can carry. `docs/error-codes.md` is generated from this table.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal,)+) => {
        /// Why a file was refused or could not be read. Part of the record: a code, once published, keeps its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl ErrorCode {
            /// All codes, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code as the record spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What the code means, as the documentation says it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

error_codes! {
    /// The object has no bytes.
    EmptyFile = "EMPTY_FILE",
    /// The object is larger than the stack's `files.maxSize`; it was not read.
    FileTooLarge = "FILE_TOO_LARGE",
    /// The content's type is not among the stack's `files.allowedTypes`.
    TypeNotAllowed = "TYPE_NOT_ALLOWED",
    /// The name's extension promises another type than the content has.
    TypeMismatch = "TYPE_MISMATCH",
    /// The file needs a password.
    Encrypted = "ENCRYPTED",
    /// The content violates its format so far that nothing can be read from it.
    Malformed = "MALFORMED",
    /// Reading the file would take more memory than a child process is given.
    MemoryLimit = "MEMORY_LIMIT",
    /// Reading the file would take more processor time than a child process is given.
    CpuLimit = "CPU_LIMIT",
    /// Reading the file took longer than a child process is given.
    TimeLimit = "TIME_LIMIT",
    /// The file is nested so deeply that reading it exhausts the stack.
    StackLimit = "STACK_LIMIT",
    /// The file is larger than the temporary storage set aside for it, and its two ends do not show what there is to
    /// know.
    SpoolLimit = "SPOOL_LIMIT",
    /// The file's metadata is larger than a record can hold.
    OutputLimit = "OUTPUT_LIMIT",
    /// The content unpacks to an absurd size: more than is read, and over 200 times as many bytes.
    DecompressionBomb = "DECOMPRESSION_BOMB",
    /// The child process tried something that its sandbox forbids, and was killed.
    SandboxViolation = "SANDBOX_VIOLATION",
    /// The parser gave up on the file in a way that it does not explain.
    Crashed = "CRASHED",
    /// The function's deadline came before the file was read to its end.
    DeadlineExceeded = "DEADLINE_EXCEEDED",
    /// The key was overwritten before this upload was read; the later upload has its own record.
    Superseded = "SUPERSEDED",
    /// The object was deleted before it was read.
    NotFound = "NOT_FOUND",
    /// The object cannot be read as it is stored: archived, encrypted with a key that the request must carry, or with a KMS key
    /// that the function may not use.
    NotReadable = "NOT_READABLE",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn serde_and_as_str_spell_every_code_alike() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(!code.meaning().trim().is_empty());
        }
    }
}
