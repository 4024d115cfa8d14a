//! What parent and child send each other.
//!
//! A child that is executed is sent its [`ChildConfig`] as its first line; one that is forked has it from its template.
//! Both are then sent a line with the [`Request`], and after it the bytes of the file. A child whose input ends before the
//! request is not needed and exits without a message.
//!
//! The child sends [`Message`]s, a JSON line each. Its answer goes to standard output, and its last message is
//! [`Message::End`] or [`Message::InternalError`]. What it reports on the way ([`Message::Sandbox`], [`Message::Accepted`], a
//! type, metadata so far) goes to standard error, where it waits until the parent looks: each message that is waited for
//! wakes the parent, and what is on the way matters only once the child has ended, above all if it has ended without an
//! answer. Rust's runtime writes there too, why a process ends. For the same reason the request is sent in one piece with
//! the first bytes.
//!
//! Parent and template talk over a socket that keeps the bounds of packets. The first packet is the [`TemplateConfig`],
//! with the file descriptors of all its children. Every further one is a [`FORK_REQUEST`], and is answered with a
//! [`ForkReply`].

use std::fmt;

use handler_contract::{Failure, FileTypes, Limits, Metadata};
use serde::{Deserialize, Serialize};

/// The first argument of a process that is executed as a child.
pub(crate) const CHILD_MARKER: &str = "handler-extract/child";
/// The first argument of a process that is executed as the template of children.
#[cfg(target_os = "linux")]
pub(crate) const TEMPLATE_MARKER: &str = "handler-extract/template";

/// The most file descriptors that a [`TemplateConfig`] comes with.
#[cfg(target_os = "linux")]
pub(crate) const MAX_DESCRIPTORS: usize = 4;

/// The most that a child writes to standard error on its way, in bytes. It fits into the smallest pipe, so that a child never
/// waits for the parent to look. What is more goes to standard output.
pub(crate) const MAX_PROGRESS: usize = 3 << 10;

/// What applies to every file. A child that has it can prepare everything that does not depend on the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChildConfig {
    pub(crate) allowed: FileTypes,
    pub(crate) limits: Limits,
}

/// What a template needs to know. The packet carries file descriptors: its children's standard input, output and error,
/// and their temporary file if there is one.
#[cfg(target_os = "linux")]
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateConfig {
    pub(crate) child: ChildConfig,
    /// Why there is no temporary file, as an error number of the system; `None` if there is one.
    pub(crate) spool_error: Option<i32>,
}

/// Asks the template for a child.
///
/// The reply is encoded by hand into a buffer of a fixed size: every page of memory that a template writes to between two
/// children is copied each time.
#[cfg(target_os = "linux")]
pub(crate) const FORK_REQUEST: [u8; 1] = [b'f'];

/// What became of a [`FORK_REQUEST`]: the child's process id, or why there is no child. Then the template exits.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForkReply(pub(crate) Result<i32, String>);

#[cfg(target_os = "linux")]
impl ForkReply {
    pub(crate) const fn encode_id(id: i32) -> [u8; size_of::<i32>()] {
        id.to_ne_bytes()
    }

    /// In place of an id, a zero is before the reason.
    pub(crate) fn encode_reason(reason: &str) -> Vec<u8> {
        [&[0; size_of::<i32>()], reason.as_bytes()].concat()
    }

    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let (id, reason) = packet.split_first_chunk()?;
        Some(Self(match i32::from_ne_bytes(*id) {
            0 => Err(String::from_utf8_lossy(reason).into_owned()),
            id => Ok(id),
        }))
    }
}

/// What the child must know before it reads the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// Serves only to compare its extension with the content.
    pub(crate) file_name: String,
    /// The coding that the bytes are in, as `Content-Encoding` has it.
    pub(crate) content_encoding: Option<String>,
    /// How many bytes there are; `None` if they end where the input ends.
    pub(crate) length: Option<u64>,
}

/// What the child sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Message {
    /// How well the child is sandboxed. The first message on the way, sent once.
    Sandbox(SandboxStatus),
    /// The request was read, the file was not yet. If the child exits before this message, the file is not the cause.
    /// Sent once.
    Accepted,
    /// The type by content. A later one is more exact.
    Type(String),
    /// All that was read so far. A later one replaces it.
    Metadata(Box<Metadata>),
    /// The child could not do its work for a reason other than the file. The last message.
    InternalError(String),
    /// The child is done. The last message.
    End(Option<Failure>),
}

/// How well a child is sandboxed. The limits on memory, processor time and files apply in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxStatus {
    /// Whether seccomp kills the child at any system call that it does not need.
    pub system_calls: bool,
    /// Whether Landlock denies it files and network.
    pub files: bool,
}

impl SandboxStatus {
    /// Whether every protection is in force that this crate knows of.
    pub const fn is_full(self) -> bool {
        self.system_calls && self.files
    }
}

impl fmt::Display for SandboxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.system_calls, self.files) {
            (true, true) => "seccomp and Landlock",
            (true, false) => "seccomp, but no Landlock on this system",
            (false, true) => "Landlock, but no seccomp on this system",
            (false, false) => "resource limits only: no seccomp and no Landlock on this system",
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::ForkReply;

    #[test]
    fn replies_are_read_as_they_were_written() {
        assert_eq!(ForkReply::decode(&ForkReply::encode_id(4711)), Some(ForkReply(Ok(4711))));
        let reason = "the parser failed to limit itself";
        assert_eq!(ForkReply::decode(&ForkReply::encode_reason(reason)), Some(ForkReply(Err(reason.to_owned()))));
        for packet in [&[][..], &[1, 2, 3]] {
            assert_eq!(ForkReply::decode(packet), None);
        }
    }
}
