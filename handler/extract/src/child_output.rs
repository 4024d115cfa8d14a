//! Reads what a child writes. It is bounded, validated and never logged.

use std::io;

use handler_contract::{Failure, Metadata};
use handler_parsers::{MAX_ANSWER, MAX_EXPLANATION, media_type::is_media_type};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};

use crate::protocol::{Message, SandboxStatus};

/// How much is kept of the end of the child's standard error, to classify its exit. Bytes.
const MAX_STDERR_TAIL: usize = 4 << 10;

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

/// What a child has reported so far.
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
    /// Takes in a line. `Some` when no further line is expected.
    fn take(&mut self, line: &[u8]) -> Option<StreamEnd> {
        let Ok(message) = serde_json::from_slice(line) else { return Some(StreamEnd::Malformed) };
        match message {
            // Both are sent once, before a byte of the file is read. Whatever comes later may be the file's own.
            Message::Sandbox(_) if self.sandbox.is_some() || self.accepted => return Some(StreamEnd::Malformed),
            Message::Accepted if self.accepted => return Some(StreamEnd::Malformed),
            Message::Sandbox(status) => self.sandbox = Some(status),
            Message::Accepted => self.accepted = true,
            Message::Type(file_type) if is_media_type(&file_type) => self.file_type = Some(file_type),
            Message::Type(_) => return Some(StreamEnd::Malformed),
            Message::Metadata(metadata) => self.metadata = *metadata,
            Message::InternalError(error) => self.outcome = Some(Outcome::InternalError(printable(&error))),
            Message::End(failure) => {
                let failure = failure.map(|Failure { code, message }| Failure { code, message: printable(&message) });
                self.outcome = Some(Outcome::End(failure));
            }
        }
        self.outcome.is_some().then_some(StreamEnd::Complete)
    }
}

/// Standard output and standard error of a child.
#[derive(Debug)]
pub(crate) struct ChildOutput {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// The start of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Bytes read from standard output.
    received: usize,
    pub(crate) answer: Answer,
    /// How standard output ended, once it has.
    end: Option<StreamEnd>,
    stderr_tail: Vec<u8>,
}

impl ChildOutput {
    pub(crate) fn new(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        let answer = Answer::default();
        Self { stdout, stderr, line: Vec::new(), received: 0, answer, end: None, stderr_tail: Vec::new() }
    }

    /// Reads until the child's output ends. Cancel safe: it may be dropped and called again without loss.
    pub(crate) async fn read_to_end(&mut self) -> io::Result<StreamEnd> {
        loop {
            if let Some(end) = self.end {
                return Ok(end);
            }
            self.read_more().await?;
        }
    }

    /// Reads the next bytes of either stream.
    async fn read_more(&mut self) -> io::Result<()> {
        let (mut output, mut errors) = ([0; 4 << 10], [0; 1 << 10]);
        let Some(stdout) = &mut self.stdout else {
            self.end = Some(StreamEnd::Closed);
            return Ok(());
        };
        tokio::select! {
            read = stdout.read(&mut output) => match read? {
                0 => self.stdout = None,
                count => self.end = self.on_stdout(&output[..count]),
            },
            count = read_some(&mut self.stderr, &mut errors) => self.on_stderr(&errors[..count]),
        }
        Ok(())
    }

    /// Reads standard error to its end, and returns the last bytes of it.
    pub(crate) async fn stderr_tail(&mut self) -> Vec<u8> {
        let mut errors = [0; 1 << 10];
        while self.stderr.is_some() {
            let count = read_some(&mut self.stderr, &mut errors).await;
            self.on_stderr(&errors[..count]);
        }
        std::mem::take(&mut self.stderr_tail)
    }

    fn on_stdout(&mut self, bytes: &[u8]) -> Option<StreamEnd> {
        self.received += bytes.len();
        if self.received > MAX_ANSWER {
            return Some(StreamEnd::Oversized);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Some(end) = self.answer.take(&line) {
                    return Some(end);
                }
            }
        }
        None
    }

    fn on_stderr(&mut self, bytes: &[u8]) {
        self.stderr_tail.extend_from_slice(bytes);
        let excess = self.stderr_tail.len().saturating_sub(MAX_STDERR_TAIL);
        self.stderr_tail.drain(..excess);
    }
}

/// Reads what is available, at least a byte. A pipe that has ended, or fails, is closed and returns 0. Without a pipe
/// it waits forever.
async fn read_some(pipe: &mut Option<ChildStderr>, buffer: &mut [u8]) -> usize {
    let Some(open) = pipe else { return std::future::pending().await };
    let count = open.read(buffer).await.unwrap_or_default();
    if count == 0 {
        *pipe = None;
    }
    count
}

/// The part of an explanation that is safe to log: no control characters, and a bounded length.
fn printable(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean[..clean.floor_char_boundary(MAX_EXPLANATION)].to_owned()
}
