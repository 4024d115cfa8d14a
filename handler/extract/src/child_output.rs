//! Reads what a child writes. It is bounded, validated and never logged.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use handler_contract::{Failure, Metadata};
use handler_parsers::{MAX_ANSWER, MAX_EXPLANATION, media_type::is_media_type};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::pipes::read_available;
use crate::protocol::{Message, SandboxStatus};

/// How much is read of what a child has written to its standard error. More than its reports on the way and the runtime's
/// message are; what a pipe holds at most. Bytes.
const MAX_ERRORS: usize = 64 << 10;

/// How the child's output ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// With its last message.
    Complete,
    /// Without it.
    Closed,
    /// Not at all, in the time that it had.
    TimedOut,
    /// It was more than an answer can be.
    Oversized,
    /// It does not follow the protocol.
    Malformed,
}

/// How a child reports that it is done.
#[derive(Debug)]
pub(crate) enum Outcome {
    End(Option<Failure>),
    InternalError(String),
}

/// What a child has reported.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) sandbox: Option<SandboxStatus>,
    /// Whether the child has read its request.
    pub(crate) accepted: bool,
    pub(crate) file_type: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) outcome: Option<Outcome>,
}

impl Answer {
    /// Takes in a line of the answer. `Some` when no further line is expected.
    fn take(&mut self, line: &[u8]) -> Option<StreamEnd> {
        let Ok(message) = serde_json::from_slice(line) else { return Some(StreamEnd::Malformed) };
        match message {
            Message::Type(file_type) if is_media_type(&file_type) => self.file_type = Some(file_type),
            // What is reported before a byte of the file is read must not come here, where it may be the file's own.
            Message::Sandbox(_) | Message::Accepted | Message::Type(_) => return Some(StreamEnd::Malformed),
            Message::Metadata(metadata) => self.metadata = *metadata,
            Message::InternalError(error) => self.outcome = Some(Outcome::InternalError(printable(&error))),
            Message::End(failure) => {
                let failure = failure.map(|Failure { code, message }| Failure { code, message: printable(&message) });
                self.outcome = Some(Outcome::End(failure));
            }
        }
        self.outcome.is_some().then_some(StreamEnd::Complete)
    }

    /// Takes in a report on the way. `false` if it is none that may come here.
    fn take_progress(&mut self, message: Message) -> bool {
        match message {
            // Both are sent once, before a byte of the file is read. Whatever comes later may be the file's own.
            Message::Sandbox(status) if self.sandbox.is_none() && !self.accepted => self.sandbox = Some(status),
            Message::Accepted if !self.accepted => self.accepted = true,
            Message::Type(file_type) if is_media_type(&file_type) => self.file_type = Some(file_type),
            Message::Metadata(metadata) => self.metadata = *metadata,
            _ => return false,
        }
        true
    }
}

/// All that a child has written.
#[derive(Debug)]
pub(crate) struct Reported {
    pub(crate) answer: Answer,
    /// What else it has written to its standard error.
    pub(crate) rest: Vec<u8>,
    /// Whether all that it has reported on the way may come there.
    pub(crate) is_valid: bool,
}

/// What a child writes to its standard output.
#[derive(Debug, Default)]
pub(crate) struct ChildOutput {
    /// The start of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Bytes read.
    received: usize,
    answer: Answer,
    /// How it ended, once it has.
    end: Option<StreamEnd>,
}

/// Bytes read at a time.
const CHUNK: usize = 4 << 10;

impl ChildOutput {
    /// Reads until the output ends. Cancel safe: it may be dropped and called again without loss.
    pub(crate) async fn read_to_end(&mut self, output: &mut Receiver) -> io::Result<StreamEnd> {
        let mut buffer = [0; CHUNK];
        loop {
            if let Some(end) = self.end {
                return Ok(end);
            }
            let count = output.read(&mut buffer).await?;
            self.end = if count == 0 { Some(StreamEnd::Closed) } else { self.on_bytes(&buffer[..count]) };
        }
    }

    /// Reads what a child has written that writes no more.
    pub(crate) fn read_rest(&mut self, output: impl AsFd) -> StreamEnd {
        let mut buffer = [0; CHUNK];
        loop {
            if let Some(end) = self.end {
                return end;
            }
            self.end = match read_available(&output, &mut buffer) {
                None | Some(0) => Some(StreamEnd::Closed),
                Some(count) => self.on_bytes(&buffer[..count]),
            };
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Option<StreamEnd> {
        self.received += bytes.len();
        if self.received > MAX_ANSWER {
            return Some(StreamEnd::Oversized);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let end = self.answer.take(&self.line);
                self.line.clear();
                if end.is_some() {
                    return end;
                }
            }
        }
        None
    }

    /// All that the child has reported. What it has reported on the way is read here.
    pub(crate) fn into_reported(self, errors: Option<&OwnedFd>) -> Reported {
        let mut written = Vec::new();
        let mut buffer = [0; CHUNK];
        while written.len() < MAX_ERRORS
            && let Some(count @ 1..) = errors.and_then(|errors| read_available(errors, &mut buffer))
        {
            written.extend_from_slice(&buffer[..count]);
        }
        let mut reported = Reported { answer: Answer::default(), rest: Vec::new(), is_valid: true };
        for line in written.split_inclusive(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(message) => reported.is_valid &= reported.answer.take_progress(message),
                Err(_) => reported.rest.extend_from_slice(line),
            }
        }
        let Answer { file_type, metadata, outcome, .. } = self.answer;
        if outcome.is_some() || metadata != Metadata::default() {
            reported.answer.metadata = metadata;
        }
        reported.answer.file_type = file_type.or(reported.answer.file_type);
        reported.answer.outcome = outcome;
        reported
    }
}

/// The part of an explanation that is safe to log: no control characters, and a bounded length.
fn printable(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean[..clean.floor_char_boundary(MAX_EXPLANATION)].to_owned()
}
