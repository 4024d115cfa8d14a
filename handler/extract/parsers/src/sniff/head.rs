//! The first bytes of a file, from which its type is detected.

/// The first bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the file has no more bytes.
    pub(super) is_whole: bool,
}
