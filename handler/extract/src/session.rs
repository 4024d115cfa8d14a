//! The parent's side of one file: hash, count and pipe; wait for the answer, and name what ended the child.
//!
//! Nothing here looks into the file. What comes back from the child is bounded, read defensively and never logged.

use std::fmt::Write as _;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use handler_contract::record::Findings;
use handler_contract::{Failure, FileTypes, Limits, Metadata};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{sleep, timeout};

use crate::death::{End, Reason, verdict};
use crate::extractor::Process;
use crate::protocol::{Containment, Message};

/// More than this is no answer: an item of the table holds 400 KB. Bytes.
pub(crate) const MAX_ANSWER: usize = 256 << 10;
/// So much of the end of what the child writes to its standard error serves to name its death. Bytes.
const MAX_LAST_WORDS: usize = 4 << 10;
/// The longest explanation of a failure. Bytes.
pub(crate) const MAX_EXPLANATION: usize = 1 << 10;

/// One file on its way through a child. Dropping it ends the child.
#[derive(Debug)]
pub struct Session {
    process: Process,
    /// What the child's output ended with, once it has ended.
    ended: Option<Heard>,
    /// What holds for this file.
    limits: Limits,
    size: u64,
    hash: Sha256,
}

impl Session {
    /// For a child that has taken its request.
    pub(crate) fn new(process: Process, limits: Limits) -> Self {
        Self { process, ended: None, limits, size: 0, hash: Sha256::new() }
    }

    /// Hashes, counts and passes on the next bytes. Returns when the child has taken them, has declined to take more,
    /// or has stalled for as long as it may; none of these is an error.
    ///
    /// # Errors
    /// The pipe from the child cannot be read.
    pub async fn feed(&mut self, chunk: &[u8]) -> io::Result<()> {
        let Self { process, ended, limits, size, hash } = self;
        *size += chunk.len() as u64;
        let piping = async {
            let Process { input, ears, .. } = process;
            let Some(pipe) = input else { return Ok(()) };
            match pipe_through(pipe, chunk, ears, patience(*limits)).await? {
                Piped::Taken => {}
                Piped::Declined => *input = None,
                Piped::Ended(heard) => {
                    *input = None;
                    if !matches!(heard, Heard::End | Heard::Closed) {
                        process.kill();
                    }
                    *ended = Some(heard);
                }
            }
            Ok(())
        };
        // The pipe comes first, so that the child reads while the parent hashes.
        let (piped, ()) = tokio::join!(piping, async { hash.update(chunk) });
        piped
    }

    /// Ends the input, waits for the answer or the end of the child, and says what is known. The findings hold a
    /// failure for whatever the file is or did to the child.
    ///
    /// A child that has answered is ended and buried later ([`crate::Extractor::prepare`]): nobody waits for it here.
    ///
    /// # Errors
    /// The child could not work for a reason that is not the file's, for example because no temporary file can be
    /// made; another attempt may succeed.
    pub async fn finish(self) -> io::Result<Findings> {
        let Self { mut process, ended: known, limits, size, hash } = self;
        process.input = None;
        let patience = patience(limits);
        let heard = match known {
            Some(heard) => heard,
            None => timeout(patience, process.ears.listen()).await.unwrap_or(Ok(Heard::Nothing))?,
        };
        let end = match heard {
            Heard::End => None,
            Heard::Closed => match timeout(patience, process.wait()).await {
                Ok(status) => Some(ended(status?)),
                Err(_) => Some(End::Killed(Reason::Silent)),
            },
            Heard::Nothing => Some(End::Killed(Reason::Silent)),
            Heard::TooMuch => Some(End::Killed(Reason::Verbose)),
            Heard::Nonsense => Some(End::Killed(Reason::Unintelligible)),
        };
        let Answer { file_type, metadata, outcome, .. } = std::mem::take(&mut process.ears.answer);
        let failure = match (outcome, end) {
            (Some(Outcome::Trouble(trouble)), _) => return Err(io::Error::other(trouble)),
            (Some(Outcome::End(failure)), _) => failure,
            (None, Some(end)) => {
                process.kill();
                // Bounded all the same: a pipe stays open as long as anybody holds it.
                let last_words = timeout(patience, process.ears.last_words()).await.unwrap_or_default();
                Some(verdict(end, &last_words, &limits))
            }
            (None, None) => None,
        };
        process.leave();
        Ok(Findings { file_type, file_size: size, sha256: Some(hexadecimal(&hash.finalize())), metadata, failure })
    }
}

/// How long the child may let the parent wait: for taking the next bytes, or for its answer after the last.
fn patience(limits: Limits) -> Duration {
    Duration::from_secs(limits.wall_seconds.into())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How a process ended, as the table of deaths has it.
fn ended(status: ExitStatus) -> End {
    match status.signal() {
        Some(signal) => End::Signalled(signal),
        None => End::Exited(status.code().unwrap_or_default()),
    }
}

/// What became of bytes for the child.
enum Piped {
    Taken,
    /// The child has closed its input: it knows enough, or is dead.
    Declined,
    /// The child's output ended before its input did.
    Ended(Heard),
}

/// Writes to the child and listens to it at once, so that neither waits for the other forever.
async fn pipe_through(input: &mut ChildStdin, bytes: &[u8], ears: &mut Ears, patience: Duration) -> io::Result<Piped> {
    let mut rest = bytes;
    while !rest.is_empty() {
        tokio::select! {
            biased;
            // Whatever keeps bytes from the child, its end tells why.
            written = input.write(rest) => match written {
                Ok(count) => rest = &rest[count..],
                Err(_) => return Ok(Piped::Declined),
            },
            heard = ears.listen() => return heard.map(Piped::Ended),
            () = sleep(patience) => return Ok(Piped::Ended(Heard::Nothing)),
        }
    }
    Ok(Piped::Taken)
}

/// How the child's output ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// With its last message.
    End,
    /// Without it.
    Closed,
    /// Not at all, in the time that it had.
    Nothing,
    /// It was more than an answer can be.
    TooMuch,
    /// It was not what the protocol says.
    Nonsense,
}

/// Listens to a child.
#[derive(Debug)]
pub(crate) struct Ears {
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The beginning of a line whose end is not there yet.
    line: Vec<u8>,
    heard: usize,
    answer: Answer,
    /// How it ended, once it has.
    over: Option<Heard>,
    last_words: Vec<u8>,
}

impl Ears {
    pub(crate) fn new(output: Option<ChildStdout>, errors: Option<ChildStderr>) -> Self {
        let answer = Answer::default();
        Self { output, errors, line: Vec::new(), heard: 0, answer, over: None, last_words: Vec::new() }
    }

    /// Listens until the child has taken its request. An error says what came instead.
    pub(crate) async fn taken(&mut self) -> io::Result<()> {
        while !self.answer.taken {
            if self.over.is_some() {
                return Err(io::Error::other(match self.answer.outcome.take() {
                    Some(Outcome::Trouble(trouble)) => trouble,
                    _ => "the parser ended before it took the file".to_owned(),
                }));
            }
            self.hear_more().await?;
        }
        Ok(())
    }

    /// How well the child is locked in, as far as it has said so.
    pub(crate) fn containment(&self) -> Option<Containment> {
        self.answer.containment
    }

    /// Listens until the child has nothing more to say. May be dropped and called again without loss.
    async fn listen(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = self.over {
                return Ok(heard);
            }
            self.hear_more().await?;
        }
    }

    /// Hears the next of what the child says.
    async fn hear_more(&mut self) -> io::Result<()> {
        let (mut output, mut errors) = ([0; 4 << 10], [0; 1 << 10]);
        let Some(pipe) = &mut self.output else {
            self.over = Some(Heard::Closed);
            return Ok(());
        };
        tokio::select! {
            read = pipe.read(&mut output) => match read? {
                0 => self.output = None,
                count => self.over = self.hear(&output[..count]),
            },
            count = read_some(&mut self.errors, &mut errors) => self.overhear(&errors[..count]),
        }
        Ok(())
    }

    /// Waits for the end of the child's standard error, and returns the end of it.
    async fn last_words(&mut self) -> Vec<u8> {
        let mut errors = [0; 1 << 10];
        while self.errors.is_some() {
            let count = read_some(&mut self.errors, &mut errors).await;
            self.overhear(&errors[..count]);
        }
        std::mem::take(&mut self.last_words)
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Heard> {
        self.heard += bytes.len();
        if self.heard > MAX_ANSWER {
            return Some(Heard::TooMuch);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Some(heard) = self.answer.take(&line) {
                    return Some(heard);
                }
            }
        }
        None
    }

    fn overhear(&mut self, bytes: &[u8]) {
        self.last_words.extend_from_slice(bytes);
        let excess = self.last_words.len().saturating_sub(MAX_LAST_WORDS);
        self.last_words.drain(..excess);
    }
}

/// Reads what is there, at least a byte; a pipe that has ended, or fails, is closed and gives none. Without a pipe it
/// waits forever.
async fn read_some(pipe: &mut Option<ChildStderr>, buffer: &mut [u8]) -> usize {
    let Some(open) = pipe else { return std::future::pending().await };
    let count = open.read(buffer).await.unwrap_or_default();
    if count == 0 {
        *pipe = None;
    }
    count
}

/// What a child has said so far.
#[derive(Debug, Default)]
struct Answer {
    containment: Option<Containment>,
    /// Whether the child has taken its request.
    taken: bool,
    file_type: Option<String>,
    metadata: Metadata,
    outcome: Option<Outcome>,
}

/// How a child says that it is done.
#[derive(Debug)]
enum Outcome {
    End(Option<Failure>),
    Trouble(String),
}

impl Answer {
    /// Takes a line in. `Some` when no further line is wanted.
    fn take(&mut self, line: &[u8]) -> Option<Heard> {
        let Ok(message) = serde_json::from_slice(line) else { return Some(Heard::Nonsense) };
        match message {
            Message::Contained(containment) => self.containment = Some(containment),
            Message::Taken => self.taken = true,
            Message::Type(file_type) if is_media_type(&file_type) => self.file_type = Some(file_type),
            Message::Type(_) => return Some(Heard::Nonsense),
            Message::Metadata(metadata) => self.metadata = *metadata,
            Message::Trouble(trouble) => self.outcome = Some(Outcome::Trouble(printable(&trouble))),
            Message::End(failure) => {
                let failure = failure.map(|Failure { code, message }| Failure { code, message: printable(&message) });
                self.outcome = Some(Outcome::End(failure));
            }
        }
        self.outcome.is_some().then_some(Heard::End)
    }
}

/// Whether a text can be a type in a record: lower case, without parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    text.len() <= 255 && FileTypes::new([text]).is_ok() && !text.contains(|c: char| c == '*' || c.is_ascii_uppercase())
}

/// What of an explanation can stand in a log: no control characters, and not without end.
fn printable(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean[..clean.floor_char_boundary(MAX_EXPLANATION)].to_owned()
}
