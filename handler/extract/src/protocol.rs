//! What parent and child say to each other. The parent writes two lines, the [`Terms`] when the child starts and the
//! [`Request`] when there is a file for it, and then the bytes of the file. The child answers with [`Message`]s, a JSON
//! line each, of which [`Message::End`] is the last. A child whose input ends before the request is not needed and ends
//! without a word.

use std::fmt;

use handler_contract::{Failure, FileTypes, Limits, Metadata};
use serde::{Deserialize, Serialize};

/// The first argument of a process that is started to be a child.
pub(crate) const CHILD_MARKER: &str = "handler-extract/child";

/// What holds for every file. A child that knows it can do all that does not depend on the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terms {
    pub(crate) allowed: FileTypes,
    pub(crate) limits: Limits,
}

/// What the child must know before it reads the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// Serves only to compare its extension with the content.
    pub(crate) file_name: String,
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Message {
    /// How well the child is locked in. The first message, which comes before the request.
    Contained(Containment),
    /// The request was read, the file not yet. A child that ends before it says so does not end by the file.
    Taken,
    /// The type by content. A later one is more exact.
    Type(String),
    /// All that was read so far. A later one takes its place.
    Metadata(Box<Metadata>),
    /// The child could not do its work for a reason that is not the file's. The last message.
    Trouble(String),
    /// The child is done. The last message.
    End(Option<Failure>),
}

/// How well a child is locked in. Limits on memory, processor time and files hold in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Containment {
    /// Whether seccomp ends the child at any system call that it does not need.
    pub system_calls: bool,
    /// Whether Landlock keeps files and network from it.
    pub files: bool,
}

impl Containment {
    /// Whether everything holds that this crate knows of.
    pub const fn is_full(self) -> bool {
        self.system_calls && self.files
    }
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.system_calls, self.files) {
            (true, true) => "seccomp and Landlock",
            (true, false) => "seccomp, but no Landlock on this system",
            (false, true) => "Landlock, but no seccomp on this system",
            (false, false) => "resource limits only: no seccomp and no Landlock on this system",
        })
    }
}
