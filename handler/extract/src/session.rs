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
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::time::{sleep, timeout};

use crate::child_output::{Answer, ChildOutput, Outcome, StreamEnd};
use crate::exit_status::{ChildExit, KillReason, classify_exit};
use crate::process::Process;
use crate::protocol::Request;

/// One file that is read by a child. Dropping it kills the child.
#[derive(Debug)]
pub struct Session {
    process: Process,
    /// How the child's output ended, once it has.
    end: Option<StreamEnd>,
    /// The limits of this file.
    limits: Limits,
    size: u64,
    hash: Sha256,
    /// What the child is sent before the first byte; `None` once it was.
    request: Option<Request>,
}

impl Session {
    /// For a child that waits for its request.
    pub(crate) fn new(process: Process, limits: Limits, request: Request) -> Self {
        Self { process, end: None, limits, size: 0, hash: Sha256::new(), request: Some(request) }
    }

    /// Sets the coding that the bytes are in, as `Content-Encoding` has it. The child decodes them; size and hash are
    /// those of the bytes as they are. Must be called before [`Self::feed`].
    pub fn set_content_encoding(&mut self, content_encoding: Option<&str>) {
        if let Some(request) = &mut self.request {
            request.content_encoding = content_encoding.map(str::to_owned);
        }
    }

    /// Hashes, counts and passes on the next bytes. Returns when the child has read them, has closed its input, or has
    /// stalled for as long as it may; none of these is an error.
    ///
    /// # Errors
    /// The pipe from the child cannot be read.
    pub async fn feed(&mut self, chunk: &[u8]) -> io::Result<()> {
        let Self { process, end, limits, size, hash, request } = self;
        *size += chunk.len() as u64;
        process.is_reading = true;
        let piping = async {
            // In one piece with the first bytes, so that the child is woken once.
            let first = request.take().map(|request| first_chunk(&request, chunk)).transpose()?;
            send(process, first.as_deref().unwrap_or(chunk), end, *limits).await
        };
        // The pipe is first, so that the child reads while the parent hashes.
        let (piped, ()) = tokio::join!(piping, async { hash.update(chunk) });
        piped
    }

    /// Ends the input, waits for the answer or the exit of the child, and returns what is known. The findings hold a
    /// failure for whatever the file is or did to the child.
    ///
    /// A child that has answered is killed and reaped later ([`crate::Extractor::prepare`]), so that nothing waits for
    /// it here.
    ///
    /// # Errors
    /// The child could not work for a reason other than the file, for example because no temporary file can be made or
    /// because it has ended before it read a byte; another attempt may succeed.
    pub async fn finish(self) -> io::Result<Findings> {
        let Self { mut process, mut end, limits, size, hash, request } = self;
        process.is_reading = true;
        if let Some(request) = request {
            // A file without bytes.
            send(&mut process, &first_chunk(&request, &[])?, &mut end, limits).await?;
        }
        process.input = None;
        let stall_timeout = stall_timeout(limits);
        let end = match end {
            Some(end) => end,
            None => timeout(stall_timeout, process.output.read_to_end()).await.unwrap_or(Ok(StreamEnd::TimedOut))?,
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
        let Answer { sandbox, accepted, file_type, metadata, outcome } = std::mem::take(&mut process.output.answer);
        if let Some(sandbox) = sandbox {
            process.note_sandbox(sandbox);
        }
        // Whatever else has ended the child may have been an attack that has learned something.
        let is_normal =
            exit.is_none() && !matches!(&outcome, Some(Outcome::End(Some(f))) if f.code == ErrorCode::Crashed);
        let failure = match (outcome, exit) {
            (Some(Outcome::InternalError(error)), _) => return Err(io::Error::other(error)),
            (Some(Outcome::End(failure)), _) => failure,
            // The file is not the cause.
            (None, _) if !accepted => return Err(io::Error::other("the parser ended before it accepted the file")),
            (None, Some(exit)) => {
                process.kill();
                // With a time limit all the same: a pipe stays open as long as any process holds it.
                let stderr_tail = timeout(stall_timeout, process.output.stderr_tail()).await.unwrap_or_default();
                Some(classify_exit(exit, &stderr_tail, &limits))
            }
            (None, None) => None,
        };
        process.retire(is_normal);
        Ok(Findings { file_type, file_size: size, sha256: Some(hex::encode(hash.finalize())), metadata, failure })
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

/// What happened to the bytes for the child.
enum Piped {
    All,
    /// The child has closed its input: it needs no more bytes, or has exited.
    BrokenPipe,
    /// The child's output ended before its input did.
    Ended(StreamEnd),
}

/// Passes bytes on to the child, unless it does not read any more. Sets `end` once its output has ended.
async fn send(process: &mut Process, bytes: &[u8], end: &mut Option<StreamEnd>, limits: Limits) -> io::Result<()> {
    let Process { input, output, .. } = process;
    let Some(pipe) = input else { return Ok(()) };
    match pipe_through(pipe, bytes, output, stall_timeout(limits)).await? {
        Piped::All => {}
        Piped::BrokenPipe => *input = None,
        Piped::Ended(how) => {
            *input = None;
            if !matches!(how, StreamEnd::Complete | StreamEnd::Closed) {
                process.kill();
            }
            *end = Some(how);
        }
    }
    Ok(())
}

/// Writes to the child and reads its output at the same time, so that neither waits for the other forever.
async fn pipe_through(
    input: &mut ChildStdin,
    bytes: &[u8],
    output: &mut ChildOutput,
    stall_timeout: Duration,
) -> io::Result<Piped> {
    let mut rest = bytes;
    while !rest.is_empty() {
        tokio::select! {
            biased;
            // If the child cannot be written to, its exit status shows why.
            written = input.write(rest) => match written {
                Ok(count) => rest = &rest[count..],
                Err(_) => return Ok(Piped::BrokenPipe),
            },
            end = output.read_to_end() => return end.map(Piped::Ended),
            () = sleep(stall_timeout) => return Ok(Piped::Ended(StreamEnd::TimedOut)),
        }
    }
    Ok(Piped::All)
}
