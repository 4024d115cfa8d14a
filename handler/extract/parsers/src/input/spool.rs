//! The temporary file: all of a file, or, of one that is larger than the storage set aside, its two ends.
//!
//! A third of the storage keeps the head. The rest is a ring buffer for the tail, so that half of it, another
//! third, is always there in whole. No more is written than the limit, and nothing is held in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use handler_contract::{ErrorCode, Failure};
use memmap2::{Mmap, MmapOptions};

use super::view::View;
use crate::report::Abort;

/// Bytes copied at a time.
const CHUNK: usize = 64 << 10;

/// The temporary file, while it is written.
pub(super) struct Spool {
    file: File,
    /// The most that the file may hold. Bytes.
    limit: u64,
    /// Bytes that have come.
    size: u64,
    /// Where in the temporary file the next byte goes.
    at: u64,
}

/// What the temporary file holds in the end. Clones share it.
#[derive(Clone)]
pub(crate) struct SpooledFile {
    head: Arc<Mmap>,
    /// The end of the file, and where that starts, if the head is not all.
    tail: Option<(Arc<Mmap>, u64)>,
    limit: u64,
}

impl Spool {
    pub(super) fn new(file: File, limit: u64) -> Self {
        Self { file, limit, size: 0, at: 0 }
    }

    /// How much is kept of the head and of the tail of a file that is too large.
    const fn ends(&self) -> (u64, u64) {
        let head = self.limit / 3;
        (head, (self.limit - head) / 2)
    }

    /// Takes the next bytes, up to the limit; what comes after it is only counted.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.limit - self.at).unwrap_or(usize::MAX);
        let taken = &bytes[..bytes.len().min(room)];
        if self.size == 0 {
            // The position is the file's, wherever another process has left it.
            self.file.rewind()?;
        }
        self.file.write_all(taken)?;
        self.at += taken.len() as u64;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Takes the next bytes; after the limit they replace the oldest that do not belong to the head.
    pub(super) fn keep_head_and_tail(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.at == self.limit {
                self.at = self.file.seek(SeekFrom::Start(self.ends().0))?;
            }
            let room = usize::try_from(self.limit - self.at).unwrap_or(usize::MAX);
            let (taken, rest) = bytes.split_at(bytes.len().min(room));
            self.fill(taken)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Maps what is there.
    pub(super) fn finish(mut self) -> io::Result<SpooledFile> {
        if self.size <= self.limit {
            let head = Arc::new(map(&self.file, 0, self.size)?);
            return Ok(SpooledFile { head, tail: None, limit: self.limit });
        }
        let (head, tail) = self.ends();
        let mut from = self.at.saturating_sub(tail);
        if from < head {
            // The tail starts before the end of the ring. Between the newest byte and the oldest that counts there is
            // room for all of it.
            let newer = self.at - head;
            let older = tail - newer;
            from = self.at;
            self.copy(self.limit - older, from, older)?;
            self.copy(head, from + older, newer)?;
        }
        Ok(SpooledFile {
            head: Arc::new(map(&self.file, 0, head)?),
            tail: Some((Arc::new(map(&self.file, from, tail)?), self.size - tail)),
            limit: self.limit,
        })
    }

    /// Copies bytes within the file to where they do not overlap.
    fn copy(&mut self, mut from: u64, mut to: u64, mut len: u64) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        while len > 0 {
            let count = usize::try_from(len).map_or(CHUNK, |len| len.min(CHUNK));
            self.file.seek(SeekFrom::Start(from))?;
            self.file.read_exact(&mut chunk[..count])?;
            self.file.seek(SeekFrom::Start(to))?;
            self.file.write_all(&chunk[..count])?;
            (from, to, len) = (from + count as u64, to + count as u64, len - count as u64);
        }
        Ok(())
    }
}

impl SpooledFile {
    /// All of the file.
    ///
    /// # Errors
    /// It is larger than the storage.
    pub(super) fn whole(&self) -> Result<Arc<Mmap>, Failure> {
        match self.tail {
            None => Ok(Arc::clone(&self.head)),
            Some(_) => Err(self.too_large("a file of this type must be there as a whole to be read")),
        }
    }

    /// What is there of the file.
    pub(crate) fn view(&self) -> View<'_> {
        match &self.tail {
            None => View::big_endian(&self.head),
            Some((tail, at)) => View::of_head_and_tail(&self.head, tail, *at),
        }
    }

    /// Why a file could not be read: what is not found may be in the missing middle.
    pub(crate) fn explain(&self, stop: Abort) -> Abort {
        match stop {
            Abort::Rejected(failure) if failure.code == ErrorCode::Malformed && self.tail.is_some() => {
                Abort::Rejected(self.too_large("neither end of the file has what is needed to read it"))
            }
            other => other,
        }
    }

    fn too_large(&self, what: &str) -> Failure {
        let limit = self.limit >> 20;
        Failure::new(ErrorCode::SpoolLimit, format!("{what}, and {limit} MiB is the most that is set aside for that"))
    }
}

#[expect(unsafe_code, reason = "mapping a file has no safe interface")]
fn map(file: &File, from: u64, len: u64) -> io::Result<Mmap> {
    let len = usize::try_from(len).map_err(io::Error::other)?;
    // SAFETY: the bytes of a mapping must not change under a reference to them. The file has no name, this process
    // has written all of it and does not write to it again, and those that it has the file from change it only once this
    // process has ended.
    unsafe { MmapOptions::new().offset(from).len(len).map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(size: usize, piece: usize, limit: u64) -> (Vec<u8>, SpooledFile) {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        let mut spool = Spool::new(tempfile::tempfile().unwrap(), limit);
        for piece in bytes.chunks(piece) {
            spool.keep_head_and_tail(piece).unwrap();
        }
        assert!(spool.file.metadata().unwrap().len() <= limit);
        (bytes, spool.finish().unwrap())
    }

    #[test]
    fn both_ends_are_kept_however_often_the_ring_goes_round() {
        for limit in [30, 31, 32] {
            for size in 1..200 {
                for piece in [1, 7, 64] {
                    let (bytes, kept) = kept(size, piece, limit);
                    let view = kept.view();
                    assert_eq!(view.len(), size as u64);
                    let ends = if view.is_whole() { size } else { 10 };
                    assert_eq!(view.slice(0, ends as u64), Some(&bytes[..ends]), "{size} {piece} {limit}");
                    let tail = view.slice((size - ends) as u64, ends as u64);
                    assert_eq!(tail, Some(&bytes[size - ends..]), "{size} {piece} {limit}");
                    assert_eq!(view.is_whole(), size as u64 <= limit);
                    assert_eq!(kept.whole().is_ok(), view.is_whole());
                }
            }
        }
    }

    #[test]
    fn what_is_not_found_in_the_ends_is_not_called_damage() {
        let malformed = || Abort::Rejected(Failure::new(ErrorCode::Malformed, "nothing there"));
        let code = |kept: &SpooledFile| match kept.explain(malformed()) {
            Abort::Rejected(failure) => failure.code,
            Abort::Internal(_) => unreachable!("it was a failure"),
        };
        assert_eq!(code(&kept(30, 7, 30).1), ErrorCode::Malformed);
        assert_eq!(code(&kept(31, 7, 30).1), ErrorCode::SpoolLimit);
    }
}
