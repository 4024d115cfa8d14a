//! The parent's side of one file: hash, count and pipe; wait for the answer, and classify the child's exit.
//!
//! Nothing here looks into the file.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Limits};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::child_output::{Outcome, Reported, StreamEnd};
use crate::exit_status::{ChildExit, KillReason, classify_exit};
use crate::process::{Process, Sent};
use crate::protocol::Request;

/// One file that is read by a child. Dropping it kills the child.
#[derive(Debug)]
pub struct Session {
    process: Process,
    /// How the child's output ended, once it has.
    end: Option<StreamEnd>,
    /// Whether the child reads no more bytes.
    is_input_over: bool,
    /// The limits of this file.
    limits: Limits,
    size: u64,
    /// How many bytes the child was told to expect.
    length: Option<u64>,
    hash: Sha256,
    /// What the child is sent before the first byte; `None` once it was.
    request: Option<Request>,
}

impl Session {
    /// For a child that waits for its request.
    pub(crate) fn new(process: Process, limits: Limits, request: Request) -> Self {
        let (length, hash, request) = (request.length, Sha256::new(), Some(request));
        Self { process, end: None, is_input_over: false, limits, size: 0, length, hash, request }
    }

    /// Sets the coding that the bytes are in, as `Content-Encoding` has it. The child decodes them; size and hash are
    /// those of the bytes as they are. Must be called before [`Self::feed`].
    pub fn set_content_encoding(&mut self, content_encoding: Option<&str>) {
        if let Some(request) = &mut self.request {
            request.content_encoding = content_encoding.map(str::to_owned);
        }
    }

    /// Sets how many bytes there will be, which spares the start of a further process for the next file. The child reads
    /// no more than these. Must be called before [`Self::feed`].
    pub fn set_length(&mut self, length: u64) {
        if let Some(request) = &mut self.request {
            request.length = Some(length);
            self.length = Some(length);
        }
    }

    /// Hashes, counts and passes on the next bytes. Returns when the child has read them, has closed its input, or has
    /// stalled for as long as it may; none of these is an error.
    ///
    /// # Errors
    /// The pipe from the child cannot be read.
    pub async fn feed(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.size += chunk.len() as u64;
        // In one piece with the first bytes, so that the child is woken once.
        let first = self.request.take().map(|request| first_chunk(&request, chunk)).transpose()?;
        let Self { process, end, is_input_over, limits, hash, .. } = self;
        // The pipe is first, so that the child reads while the parent hashes.
        let sending = send(process, first.as_deref().unwrap_or(chunk), end, is_input_over, *limits);
        let (sent, ()) = tokio::join!(sending, async { hash.update(chunk) });
        sent
    }

    /// Ends the input, waits for the answer or the exit of the child, and returns what is known. The findings hold a
    /// failure for whatever the file is or did to the child.
    ///
    /// A child that has answered is ended and reaped later ([`crate::Extractor::prepare`]), so that nothing waits for
    /// it here.
    ///
    /// # Errors
    /// The child could not work for a reason other than the file, for example because no temporary file can be made or
    /// because it has ended before it read a byte; another attempt may succeed. Or there were more bytes than
    /// [`Self::set_length`] said.
    pub async fn finish(self) -> io::Result<Findings> {
        let Self { mut process, mut end, mut is_input_over, limits, size, length, hash, request } = self;
        if let Some(request) = request {
            // A file without bytes.
            send(&mut process, &first_chunk(&request, &[])?, &mut end, &mut is_input_over, limits).await?;
        }
        if length.is_some_and(|length| length < size) {
            return Err(io::Error::other("there are more bytes than were announced"));
        }
        process.end_input(length == Some(size));
        let stall_timeout = stall_timeout(limits);
        let end = match end {
            Some(end) => end,
            None => process.read_to_end(stall_timeout).await?,
        };
        let exit = match end {
            StreamEnd::Complete => None,
            StreamEnd::Closed => match timeout(stall_timeout, process.wait()).await {
                Ok(status) => Some(child_exit(status?)),
                Err(_) => Some(ChildExit::Killed(KillReason::TimedOut)),
            },
            StreamEnd::TimedOut => Some(ChildExit::Killed(KillReason::TimedOut)),
            StreamEnd::Oversized => Some(ChildExit::Killed(KillReason::OutputTooLarge)),
            StreamEnd::Malformed => Some(ChildExit::Killed(KillReason::ProtocolError)),
        };
        let Reported { answer, rest, is_valid } = process.take_reported();
        let exit = if is_valid { exit } else { Some(ChildExit::Killed(KillReason::ProtocolError)) };
        let outcome = answer.outcome.filter(|_| is_valid);
        if let Some(sandbox) = answer.sandbox {
            process.note_sandbox(sandbox);
        }
        // Whatever else has ended the child may have been an attack that has learned something.
        let is_normal =
            exit.is_none() && !matches!(&outcome, Some(Outcome::End(Some(f))) if f.code == ErrorCode::Crashed);
        let failure = match (outcome, exit) {
            (Some(Outcome::InternalError(error)), _) => return Err(io::Error::other(error)),
            (Some(Outcome::End(failure)), _) => failure,
            // The file is not the cause.
            (None, _) if !answer.accepted => {
                return Err(io::Error::other("the parser ended before it accepted the file"));
            }
            (None, exit) => exit.map(|exit| classify_exit(exit, &rest, &limits)),
        };
        process.retire(is_normal);
        let hash = hex::encode(hash.finalize());
        let (file_type, metadata) = (answer.file_type, answer.metadata);
        Ok(Findings { file_type, file_size: size, sha256: Some(hash), metadata, failure })
    }
}

/// The line before the file, and the file's first bytes.
fn first_chunk(request: &Request, chunk: &[u8]) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.reserve(1 + chunk.len());
    line.push(b'\n');
    line.extend_from_slice(chunk);
    Ok(line)
}

/// How long the parent waits for the child to read the next bytes, or for its answer after the last.
fn stall_timeout(limits: Limits) -> Duration {
    Duration::from_secs(limits.wall_seconds.into())
}

/// How a process ended, in the terms of [`classify_exit`].
fn child_exit(status: ExitStatus) -> ChildExit {
    match status.signal() {
        Some(signal) => ChildExit::Signalled(signal),
        None => ChildExit::Exited(status.code().unwrap_or_default()),
    }
}

/// Passes bytes on to the child, unless it does not read any more. Sets `end` once its output has ended.
async fn send(
    process: &mut Process,
    bytes: &[u8],
    end: &mut Option<StreamEnd>,
    is_input_over: &mut bool,
    limits: Limits,
) -> io::Result<()> {
    process.is_reading = true;
    if *is_input_over {
        return Ok(());
    }
    match process.send(bytes, stall_timeout(limits)).await? {
        Sent::All => {}
        Sent::BrokenPipe => *is_input_over = true,
        Sent::Ended(how) => {
            *is_input_over = true;
            if !matches!(how, StreamEnd::Complete | StreamEnd::Closed) {
                process.kill();
            }
            *end = Some(how);
        }
    }
    Ok(())
}
