//! The file, as it arrives: its head, the stream of it, or all of it in an unnamed temporary file. Of one that is larger
//! than the temporary file may be, that keeps the two ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;

use memmap2::Mmap;

use super::Stop;
use super::spool::{Kept, Spool};
use crate::sniff::HEAD;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A file that arrives through the standard input, behind the parent's lines.
pub(crate) struct Input {
    source: File,
    /// Bytes that were read and not yet given on.
    head: Vec<u8>,
    ended: bool,
    spool: Spooling,
}

enum Spooling {
    None,
    Prepared(Spool),
    /// The temporary file could not be made.
    Missing(io::Error),
    Done(Kept),
}

impl Input {
    pub(super) fn open() -> io::Result<Self> {
        let source = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { source, head: Vec::with_capacity(2 * CHUNK), ended: false, spool: Spooling::None })
    }

    /// A file that is here already, in one piece or, if there is a `rest`, in pieces of which the first is `head`.
    pub(crate) fn of(head: &[u8], rest: &[u8]) -> io::Result<Self> {
        use std::io::{Seek, Write};

        let mut source = if rest.is_empty() { File::open("/dev/null")? } else { tempfile::tempfile()? };
        if !rest.is_empty() {
            source.write_all(rest)?;
            source.rewind()?;
        }
        Ok(Self { source, head: head.to_vec(), ended: rest.is_empty(), spool: Spooling::None })
    }

    /// The next line before the file; `None` if the input ends instead.
    pub(super) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.head.iter().position(|byte| *byte == b'\n') {
                // The buffer stays: the file's head goes where memory is in place already.
                return Ok(Some(self.head.drain(..=end).collect()));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// Whether the next line has begun to come, or will never come.
    pub(super) fn is_waiting(&self) -> bool {
        let in_pipe = || rustix::io::ioctl_fionread(&self.source).is_ok_and(|count| count > 0);
        self.ended || !self.head.is_empty() || in_pipe()
    }

    /// Makes the temporary file, as long as files may still be opened. Whether it is there shows when it is needed.
    pub(super) fn prepare_spool(&mut self, limit: u64) {
        self.spool = match tempfile::tempfile() {
            Ok(file) => Spooling::Prepared(Spool::new(file, limit)),
            Err(error) => Spooling::Missing(error),
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
    pub(crate) fn whole(&mut self) -> Result<Arc<Mmap>, Stop> {
        self.spool(Spool::fill)?.whole().map_err(Stop::Failure)
    }

    /// As much of the file as the temporary file can hold: all of it, or its two ends.
    pub(crate) fn ends(&mut self) -> Result<Kept, Stop> {
        self.spool(Spool::keep_ends)
    }

    fn spool(&mut self, write: fn(&mut Spool, &[u8]) -> io::Result<()>) -> Result<Kept, Stop> {
        let mut spool = match std::mem::replace(&mut self.spool, Spooling::None) {
            Spooling::Prepared(spool) => spool,
            Spooling::Done(kept) => {
                self.spool = Spooling::Done(kept.clone());
                return Ok(kept);
            }
            Spooling::Missing(error) => {
                return Err(Stop::Trouble(format!("the parser failed to make a temporary file: {error}")));
            }
            Spooling::None => return Err(Stop::Trouble("the parser failed to keep its temporary file".to_owned())),
        };
        let mut written = Ok(());
        self.stream(|bytes| {
            if written.is_ok() {
                written = write(&mut spool, bytes);
            }
        })?;
        let kept = written.and_then(|()| spool.finish());
        let kept =
            kept.map_err(|error| Stop::Trouble(format!("the parser failed to use its temporary file: {error}")))?;
        self.spool = Spooling::Done(kept.clone());
        Ok(kept)
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn what_waits_is_known_before_it_is_read_and_after() {
        let (source, mut parent) = io::pipe().unwrap();
        let source = File::from(OwnedFd::from(source));
        let mut input = Input { source, head: Vec::new(), ended: false, spool: Spooling::None };
        assert!(!input.is_waiting());
        parent.write_all(b"terms\n").unwrap();
        assert!(input.is_waiting());
        assert_eq!(input.line().unwrap().unwrap(), b"terms\n");
        assert!(!input.is_waiting());

        parent.write_all(b"request\nbytes").unwrap();
        assert_eq!(input.line().unwrap().unwrap(), b"request\n");
        assert!(input.is_waiting());
        assert_eq!(input.head(), b"bytes");

        drop(parent);
        assert!(input.line().unwrap().is_none());
        assert!(input.is_waiting());
    }
}
