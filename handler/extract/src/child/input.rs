//! The file, as it arrives: its head, the stream of it, or all of it in an unnamed temporary file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use handler_contract::{ErrorCode, Failure};
use memmap2::{Mmap, MmapOptions};

use super::Stop;
use crate::sniff::HEAD;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A file that arrives through the standard input, behind the parent's request.
pub(crate) struct Input {
    source: File,
    /// Bytes that were read and not yet given on.
    head: Vec<u8>,
    ended: bool,
    spool: Spool,
}

enum Spool {
    None,
    Prepared {
        file: File,
        limit: u64,
    },
    /// The temporary file could not be made.
    Missing(io::Error),
    Filled(Arc<Mmap>),
}

impl Input {
    pub(super) fn open() -> io::Result<Self> {
        let source = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { source, head: Vec::with_capacity(2 * CHUNK), ended: false, spool: Spool::None })
    }

    /// A file that is here already, in one piece or, if there is a `rest`, in pieces of which the first is `head`.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(head: &[u8], rest: &[u8]) -> io::Result<Self> {
        use std::io::Seek;

        let mut source = if rest.is_empty() { File::open("/dev/null")? } else { tempfile::tempfile()? };
        if !rest.is_empty() {
            source.write_all(rest)?;
            source.rewind()?;
        }
        Ok(Self { source, head: head.to_vec(), ended: rest.is_empty(), spool: Spool::None })
    }

    /// The first line.
    pub(super) fn request(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.head.iter().position(|byte| *byte == b'\n') {
                let rest = self.head.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.head, rest));
            }
            if self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read_more()?;
        }
    }

    /// Makes the temporary file, as long as files may still be opened. Whether it is there shows when it is needed.
    pub(super) fn prepare_spool(&mut self, limit: u64) {
        self.spool = match tempfile::tempfile() {
            Ok(file) => Spool::Prepared { file, limit },
            Err(error) => Spool::Missing(error),
        };
    }

    /// Waits for the first [`HEAD`] bytes, or for as many as there are.
    pub(super) fn fill_head(&mut self) -> Result<(), Stop> {
        while self.head.len() < HEAD && !self.ended {
            self.read_more().map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[..self.head.len().min(HEAD)]
    }

    /// Whether the head is all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended && self.head.len() <= HEAD
    }

    /// Gives the whole file on in pieces, in constant memory.
    pub(crate) fn stream(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Stop> {
        take(&self.head);
        let mut chunk = vec![0; CHUNK];
        while !self.ended {
            match self.source.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => take(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(())
    }

    /// The whole file as bytes, which are read from the temporary file where they are looked at. It does not count as
    /// memory of the child.
    pub(crate) fn spool(&mut self) -> Result<Arc<Mmap>, Stop> {
        let (mut file, limit) = match std::mem::replace(&mut self.spool, Spool::None) {
            Spool::Filled(bytes) => {
                self.spool = Spool::Filled(Arc::clone(&bytes));
                return Ok(bytes);
            }
            Spool::Prepared { file, limit } => (file, limit),
            Spool::Missing(error) => {
                return Err(Stop::Trouble(format!("the parser failed to make a temporary file: {error}")));
            }
            Spool::None => return Err(Stop::Trouble("the parser failed to keep its temporary file".to_owned())),
        };
        let mut size = 0;
        let mut full = Ok(());
        self.stream(|bytes| {
            size += bytes.len() as u64;
            if full.is_ok() {
                full = if size > limit { Err(io::ErrorKind::StorageFull.into()) } else { file.write_all(bytes) };
            }
        })?;
        full.map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => Failure::new(
                ErrorCode::SpoolLimit,
                format!(
                    "a file of this type must be read out of order, and {} MiB is the most that is set aside for that",
                    limit >> 20
                ),
            )
            .into(),
            _ => Stop::Trouble(format!("the parser failed to write its temporary file: {error}")),
        })?;
        let length = usize::try_from(size).map_err(|error| Stop::Trouble(error.to_string()))?;
        let bytes = map(&file, length)
            .map_err(|error| Stop::Trouble(format!("the parser failed to map its temporary file: {error}")))?;
        let bytes = Arc::new(bytes);
        self.spool = Spool::Filled(Arc::clone(&bytes));
        Ok(bytes)
    }

    fn read_more(&mut self) -> io::Result<()> {
        let start = self.head.len();
        self.head.resize(start + CHUNK, 0);
        let read = self.source.read(&mut self.head[start..]);
        self.head.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.ended = true,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        Ok(())
    }
}

fn lost(error: &io::Error) -> Stop {
    Stop::Trouble(format!("the parser failed to read the file's bytes: {error}"))
}

#[expect(unsafe_code, reason = "mapping a file has no safe interface")]
fn map(file: &File, length: usize) -> io::Result<Mmap> {
    // SAFETY: the bytes of a mapping must not change under a reference to them. The file has no name, this process
    // alone holds it, has written all of it, and does not write to it again.
    unsafe { MmapOptions::new().len(length).map(file) }
}
