//! The file as it arrives: its head, a stream of it, or all of it in an unnamed temporary file. Of a file that is
//! larger than the temporary file may be, the temporary file keeps the head and the tail.

mod coding;
mod spool;
mod view;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use handler_contract::Failure;
use memmap2::Mmap;

use self::coding::{Coding, Decoder, Progress};
use self::spool::{Spool, SpooledFile};
use crate::report::Abort;

pub(crate) use self::view::View;

/// Bytes of a file that sniffing looks at first.
pub(crate) const HEAD: usize = 64 << 10;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A file that arrives in order and once, after any number of lines that are not part of it.
pub struct Input {
    source: Box<dyn Read>,
    /// Where bytes are read to. All of it is initialised, so that nothing is written to it but what is read: in a small
    /// file's process each page of memory that is touched costs more than what is done with its bytes.
    buffer: Vec<u8>,
    /// The part of the buffer that was read and not yet passed on.
    filled: Range<usize>,
    ended: bool,
    spool: Spooling,
    encoding: Encoding,
}

/// The coding that the object is stored in, and what becomes of it.
enum Encoding {
    /// None, or one that the bytes are not in.
    Identity,
    Decoded {
        name: &'static str,
        progress: Progress,
    },
    /// One that cannot be decoded.
    Unknown(String),
}

enum Spooling {
    None,
    Prepared(Spool),
    /// The temporary file could not be made.
    Missing(io::Error),
    Done(SpooledFile),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("buffered", &self.filled.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Input {
    /// The bytes that `source` gives until its end.
    pub fn new(source: impl Read + 'static) -> Self {
        Self {
            source: Box::new(source),
            buffer: vec![0; 2 * CHUNK],
            filled: 0..0,
            ended: false,
            spool: Spooling::None,
            encoding: Encoding::Identity,
        }
    }

    /// A file that is in memory already. If `rest` is not empty, the file arrives in pieces, of which `head` is the
    /// first.
    pub fn of(head: &[u8], rest: &[u8]) -> Self {
        let source = Box::new(io::Cursor::new(rest.to_vec()));
        let (ended, spool, encoding) = (rest.is_empty(), Spooling::None, Encoding::Identity);
        Self { source, buffer: head.to_vec(), filled: 0..head.len(), ended, spool, encoding }
    }

    /// The next line before the file, with its line feed; `None` if the input ends instead.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.buffered()) {
                let line = self.buffered()[..=end].to_vec();
                self.filled.start += line.len();
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// Sets how many bytes the file has, of which the source need not show the end. Called before anything of the file is
    /// read.
    pub fn set_length(&mut self, length: u64) {
        let buffered = self.filled.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        self.filled.end = self.filled.start + buffered;
        let rest = length - buffered as u64;
        let source = std::mem::replace(&mut self.source, Box::new(io::empty()));
        self.source = Box::new(source.take(rest));
        self.ended = rest == 0;
    }

    /// Whether bytes are buffered, or the source has ended: the next read does not wait.
    pub fn is_ready(&self) -> bool {
        self.ended || !self.filled.is_empty()
    }

    /// Sets the temporary file that serves readers which need more than a stream, and the most that it may hold, in
    /// bytes. Whether it could be made matters only once it is needed.
    pub fn set_spool(&mut self, file: io::Result<File>, limit: u64) {
        self.spool = match file {
            Ok(file) => Spooling::Prepared(Spool::new(file, limit)),
            Err(error) => Spooling::Missing(error),
        };
    }

    /// Sets the coding that the object is stored in, as `Content-Encoding` has it, so that what is read is decoded.
    /// Called before anything of the file is read. A file whose name says that it is of that coding is not decoded, nor
    /// is one that does not start as the coding does.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn set_content_encoding(&mut self, header: &str, file_name: &str) -> io::Result<()> {
        let known = match Coding::of(header) {
            Coding::Identity => return Ok(()),
            Coding::Unknown(name) => {
                self.encoding = Encoding::Unknown(name);
                return Ok(());
            }
            Coding::Known(known) => known,
        };
        while self.filled.len() < 2 && !self.ended {
            self.read_more()?;
        }
        let extension = file_name.rsplit('.').next().unwrap_or_default();
        let is_named = ["gz", "tgz", "gzip"].iter().any(|name| extension.eq_ignore_ascii_case(name));
        if is_named || !known.is_at(self.buffered()) {
            return Ok(());
        }
        let head = self.buffered().to_vec();
        self.filled = 0..0;
        let source = std::mem::replace(&mut self.source, Box::new(io::empty()));
        let start: Vec<u8> = head.iter().take(2).copied().collect();
        let decoder = Decoder::new(known, &start, io::Cursor::new(head).chain(source));
        self.encoding = Encoding::Decoded { name: known.name(), progress: decoder.progress() };
        (self.source, self.ended) = (Box::new(decoder), false);
        Ok(())
    }

    /// The coding that the object is stored in; `None` if it is in none.
    pub(crate) fn content_encoding(&self) -> Option<&str> {
        match &self.encoding {
            Encoding::Identity => None,
            Encoding::Decoded { name, .. } => Some(name),
            Encoding::Unknown(name) => Some(name),
        }
    }

    /// Whether the object is in a coding that cannot be decoded.
    pub(crate) fn is_encoded(&self) -> bool {
        matches!(self.encoding, Encoding::Unknown(_))
    }

    /// Whether a part is all that could be decoded.
    ///
    /// # Errors
    /// Nothing could be decoded, or too much.
    pub(crate) fn is_cut_by_coding(&self) -> Result<bool, Failure> {
        match &self.encoding {
            Encoding::Decoded { progress, .. } => progress.check(),
            Encoding::Identity | Encoding::Unknown(_) => Ok(false),
        }
    }

    /// Waits for the first [`HEAD`] bytes, or for as many as there are.
    pub(crate) fn fill_head(&mut self) -> Result<(), Abort> {
        while self.filled.len() < HEAD && !self.ended {
            self.read_more().map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.buffered()[..self.filled.len().min(HEAD)]
    }

    /// Whether the head is all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended && self.filled.len() <= HEAD
    }

    /// Gives the whole file on in pieces, in constant memory.
    pub(crate) fn stream(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Abort> {
        take(self.buffered());
        if self.ended {
            return Ok(());
        }
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
    pub(crate) fn whole(&mut self) -> Result<Arc<Mmap>, Abort> {
        self.spool(Spool::fill)?.whole().map_err(Abort::Rejected)
    }

    /// As much of the file as the temporary file can hold: all of it, or its head and its tail.
    pub(crate) fn head_and_tail(&mut self) -> Result<SpooledFile, Abort> {
        self.spool(Spool::keep_head_and_tail)
    }

    fn spool(&mut self, write: fn(&mut Spool, &[u8]) -> io::Result<()>) -> Result<SpooledFile, Abort> {
        let mut spool = match std::mem::replace(&mut self.spool, Spooling::None) {
            Spooling::Prepared(spool) => spool,
            Spooling::Done(kept) => {
                self.spool = Spooling::Done(kept.clone());
                return Ok(kept);
            }
            Spooling::Missing(error) => {
                return Err(Abort::Internal(format!("the parser failed to make a temporary file: {error}")));
            }
            Spooling::None => return Err(Abort::Internal("the parser failed to keep its temporary file".to_owned())),
        };
        let mut written = Ok(());
        self.stream(|bytes| {
            if written.is_ok() {
                written = write(&mut spool, bytes);
            }
        })?;
        let kept = written.and_then(|()| spool.finish());
        let kept =
            kept.map_err(|error| Abort::Internal(format!("the parser failed to use its temporary file: {error}")))?;
        self.spool = Spooling::Done(kept.clone());
        Ok(kept)
    }

    /// What was read and not yet passed on.
    fn buffered(&self) -> &[u8] {
        &self.buffer[self.filled.clone()]
    }

    fn read_more(&mut self) -> io::Result<()> {
        let start = self.filled.end;
        if self.buffer.len() < start + CHUNK {
            self.buffer.resize(start + CHUNK, 0);
        }
        match self.source.read(&mut self.buffer[start..start + CHUNK]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.filled.end += count,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }
}

fn lost(error: &io::Error) -> Abort {
    Abort::Internal(format!("the parser failed to read the file's bytes: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_known_length_ends_there_whatever_the_source_holds() {
        let rest = vec![b'x'; 3 * CHUNK];
        for length in [0, 1, CHUNK, 2 * CHUNK + 1, 3 * CHUNK] {
            let mut source = b"line\n".to_vec();
            source.extend_from_slice(&rest);
            let mut input = Input::new(io::Cursor::new(source));
            assert_eq!(input.line().unwrap().unwrap(), b"line\n");
            input.set_length(length as u64);
            let mut count = 0;
            input.stream(|bytes| count += bytes.len()).unwrap();
            assert_eq!(count, length);
        }
    }

    #[test]
    fn a_file_of_known_length_is_decoded_to_its_end() {
        let gzip = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x2b, 0xcf, 0x2f, 0x4a, 0x29, 6, 0, 0x8c, 0x1e, 0x7d, 0x71, 5, 0, 0, 0,
        ];
        let source = [b"line\n", &gzip[..], b"not part of it"].concat();
        let mut input = Input::new(io::Cursor::new(source));
        input.line().unwrap();
        input.set_length(gzip.len() as u64);
        input.set_content_encoding("gzip", "a.txt").unwrap();
        let mut decoded = Vec::new();
        input.stream(|bytes| decoded.extend_from_slice(bytes)).unwrap();
        assert_eq!(decoded, b"words");
    }
}
