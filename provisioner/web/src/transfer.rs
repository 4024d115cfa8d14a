//! Uploads under way: from requests, which break off, to [`Pipeline::upload`], which must know a file that broke off from
//! one that ended.
//!
//! A small file is one request ([`Transfers::whole`]). A large one is a transfer that is sent in parts, each one a request
//! that names the offset where it continues ([`Transfers::send`]); so a part that was lost is sent again from where it
//! broke off, and between parts an upload can be paused. Memory is that of a few chunks of a request's body, whatever the
//! size: a body is read no faster than it is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::Size;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::pipeline::{Pipeline, Stored};

/// Uploads at the same time, paused ones included.
const MAX_OPEN: u32 = 64;
/// How long a transfer without a request is kept, finished or paused.
const IDLE: Duration = Duration::from_hours(1);
/// Chunks of a body that wait to be stored.
const WAITING_CHUNKS: usize = 4;
/// How long the end of the server waits for uploads to be aborted.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// Uploads under way.
#[derive(Debug)]
pub struct Transfers {
    open: Mutex<HashMap<String, Arc<Transfer>>>,
    permits: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The offset of the next byte.
    At(u64),
    /// All of it is stored.
    Stored(Stored),
}

#[derive(Debug)]
struct Transfer {
    size: u64,
    /// One request at a time.
    sending: AsyncMutex<Sending>,
    outcome: Outcome,
    used: Mutex<Instant>,
}

#[derive(Debug)]
struct Sending {
    offset: u64,
    /// `None` after the last byte.
    chunks: Option<mpsc::Sender<Chunk>>,
}

#[derive(Debug)]
enum Chunk {
    Bytes(Bytes),
    End,
}

/// The result of an upload, once it has one.
type Outcome = watch::Receiver<Option<Result<Stored, Arc<Error>>>>;

impl Default for Transfers {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            permits: Arc::new(Semaphore::new(MAX_OPEN as usize)),
            stop: watch::Sender::new(false),
        }
    }
}

impl Transfers {
    /// Stores a body of at most `limit` bytes. Dropping the future aborts the upload.
    pub async fn whole(
        &self,
        pipeline: &Arc<dyn Pipeline>,
        key: String,
        limit: u64,
        body: impl Stream<Item = Result<Bytes, impl std::error::Error + Send + Sync + 'static>>,
    ) -> Result<Stored> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| ending())?;
        let (chunks, outcome) = start(pipeline, key, permit, self.stop.subscribe());
        let mut sending = Sending { offset: 0, chunks: Some(chunks) };
        match sending.feed(body, limit, || too_large(limit)).await {
            // The upload ended before its body did, and says why.
            Err(error) if error.code == ENDED => return Err(result_of(outcome).await.err().unwrap_or(error)),
            fed => fed?,
        }
        sending.end().await;
        result_of(outcome).await
    }

    /// Begins a transfer of a file of this size. Returns its id.
    pub fn begin(&self, pipeline: &Arc<dyn Pipeline>, key: String, size: u64) -> Result<String> {
        self.forget_idle();
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            Error::new(Exit::Failure, "too-many-uploads", format!("{MAX_OPEN} uploads are open already"))
                .hint("Finish or cancel one of them, then try again.")
        })?;
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|e| Error::new(Exit::Failure, "io", "the system has no randomness").source(e.to_string()))?;
        let id = hex::encode(id);
        let (chunks, outcome) = start(pipeline, key, permit, self.stop.subscribe());
        let sending = AsyncMutex::new(Sending { offset: 0, chunks: Some(chunks) });
        let transfer = Transfer { size, sending, outcome, used: Mutex::new(Instant::now()) };
        self.lock().insert(id.clone(), Arc::new(transfer));
        Ok(id)
    }

    /// Adds a body to a transfer. `offset` is where the body starts, which must be where the transfer is.
    pub async fn send(
        &self,
        id: &str,
        offset: u64,
        body: impl Stream<Item = Result<Bytes, impl std::error::Error + Send + Sync + 'static>>,
    ) -> Result<Progress> {
        let transfer = self.find(id)?;
        let mut sending = transfer.sending.lock().await;
        if offset != sending.offset {
            let message = format!("this part starts at byte {offset}, and the upload is at byte {}", sending.offset);
            return Err(Error::new(Exit::Usage, "wrong-offset", message));
        }
        let fed = sending.feed(body, transfer.size, || beyond(transfer.size)).await;
        transfer.touch();
        match fed {
            Err(error) if error.code == ENDED => {
                return Err(result_of(transfer.outcome.clone()).await.err().unwrap_or(error));
            }
            fed => fed?,
        }
        if sending.offset < transfer.size {
            return Ok(Progress::At(sending.offset));
        }
        sending.end().await;
        result_of(transfer.outcome.clone()).await.map(Progress::Stored)
    }

    /// How far a transfer is.
    pub async fn progress(&self, id: &str) -> Result<Progress> {
        let transfer = self.find(id)?;
        transfer.touch();
        if let Some(outcome) = transfer.outcome.borrow().clone() {
            return outcome.map(Progress::Stored).map_err(|error| copy(&error));
        }
        Ok(Progress::At(transfer.sending.lock().await.offset))
    }

    /// Cancels a transfer: nothing of it is kept, unless it is stored already.
    pub async fn cancel(&self, id: &str) -> Result<()> {
        let transfer = self.find(id)?;
        self.lock().remove(id);
        transfer.sending.lock().await.chunks = None;
        Ok(())
    }

    /// Aborts what is under way, and waits until nothing of it is left.
    pub async fn end(&self) {
        self.stop.send_replace(true);
        self.lock().clear();
        // Each upload holds a permit until it is over.
        let _ = tokio::time::timeout(END_TIMEOUT, self.permits.acquire_many(MAX_OPEN)).await;
    }

    fn find(&self, id: &str) -> Result<Arc<Transfer>> {
        self.lock().get(id).cloned().ok_or_else(|| {
            Error::new(Exit::Usage, "unknown-upload", "this upload is not known any more")
                .hint("Send the file again. An upload that is paused for more than an hour is given up.")
        })
    }

    fn forget_idle(&self) {
        let is_used =
            |transfer: &Transfer| transfer.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < IDLE;
        self.lock().retain(|_, transfer| is_used(transfer));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Transfer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transfer {
    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Sending {
    /// Passes a body on, up to `limit` in total.
    async fn feed(
        &mut self,
        body: impl Stream<Item = Result<Bytes, impl std::error::Error + Send + Sync + 'static>>,
        limit: u64,
        beyond: impl FnOnce() -> Error,
    ) -> Result<()> {
        let mut body = std::pin::pin!(body);
        while let Some(bytes) = body.next().await {
            let bytes = bytes
                .map_err(|e| Error::new(Exit::Usage, "broken-off", "the request broke off before its end").source(e))?;
            if bytes.is_empty() {
                continue;
            }
            let after = self.offset + bytes.len() as u64;
            if after > limit {
                self.chunks = None;
                return Err(beyond());
            }
            let Some(chunks) = &self.chunks else { return Err(over()) };
            // Nothing is lost if the future is dropped while it waits.
            let room = chunks.reserve().await.map_err(|_| over())?;
            room.send(Chunk::Bytes(bytes));
            self.offset = after;
        }
        Ok(())
    }

    /// Marks the end, without which what was sent is no file.
    async fn end(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            // An upload that failed says so by its result.
            let _ = chunks.send(Chunk::End).await;
        }
    }
}

/// Starts to store what is sent.
fn start(
    pipeline: &Arc<dyn Pipeline>,
    key: String,
    permit: OwnedSemaphorePermit,
    stopped: watch::Receiver<bool>,
) -> (mpsc::Sender<Chunk>, Outcome) {
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let (done, outcome) = watch::channel(None);
    let pipeline = Arc::clone(pipeline);
    let content = futures_util::stream::unfold(Some((receiver, stopped)), |state| async {
        let (mut receiver, mut stopped) = state?;
        let chunk = tokio::select! {
            chunk = receiver.recv() => chunk.ok_or("the upload was cancelled"),
            _ = stopped.wait_for(|stopped| *stopped) => Err("the server is ending"),
        };
        match chunk {
            Ok(Chunk::Bytes(bytes)) => Some((Ok(bytes), Some((receiver, stopped)))),
            Ok(Chunk::End) => None,
            Err(why) => Some((Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, why)), None)),
        }
    });
    // A request that ends early must not end this task: it aborts the upload properly.
    tokio::spawn(async move {
        let stored = pipeline.upload(key, Box::pin(content.fuse())).await.map_err(Arc::new);
        let _ = done.send(Some(stored));
        drop(permit);
    });
    (sender, outcome)
}

async fn result_of(mut outcome: Outcome) -> Result<Stored> {
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => match outcome.as_ref() {
            Some(Ok(stored)) => Ok(stored.clone()),
            Some(Err(error)) => Err(copy(error)),
            None => Err(over()),
        },
        Err(_) => Err(over()),
    }
}

/// The same error for another reader: its source as text.
fn copy(error: &Error) -> Error {
    let mut copy = Error::new(error.exit, error.code, error.message.clone());
    copy.hint.clone_from(&error.hint);
    let causes = error.causes();
    if causes.is_empty() { copy } else { copy.source(causes.join(": ")) }
}

fn ending() -> Error {
    Error::new(Exit::Interrupted, "ending", "the server is ending").hint("Start it again, then send the file again.")
}

/// The code of the error of an upload that takes no more bytes.
const ENDED: &str = "upload-ended";

fn over() -> Error {
    Error::new(Exit::Failure, ENDED, "this upload has ended").hint("Send the file again.")
}

fn beyond(size: u64) -> Error {
    let message = format!("more bytes were sent than the {size} that were announced");
    Error::new(Exit::Usage, "wrong-size", message).hint("The file changed while it was sent. Send it again.")
}

/// The error of a file that is larger than the stack accepts.
pub fn too_large(limit: u64) -> Error {
    let message = format!("the file is larger than the {} that this stack accepts", Size(limit).rounded());
    Error::new(Exit::Usage, "too-large", message)
        .hint("Send a smaller file, or ask the operator to raise files.maxSize.")
}

#[cfg(test)]
mod tests;
