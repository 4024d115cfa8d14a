//! A zip file as office formats use it: parts, looked up by name and unpacked as streams.
//!
//! The `zip` crate keeps some hundred bytes of memory for each entry that a directory names; here it is two dozen,
//! in a number that is bounded, and everything else is read in place. Sizes in the directory are not believed.

use std::cell::Cell;
use std::cmp::Ordering;
use std::io::{self, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::error::DocumentError;
use super::zip::{Directory, Entry, LOCAL_LEN};

/// Entries that are indexed; further ones are as if they were not there. Honest documents have some hundred.
const MOST_ENTRIES: usize = 65_536;
/// The longest name that a part can be looked up by.
const LONGEST_NAME: usize = 512;
/// What all parts together may unpack to. More would not be read in the processor time of a child.
const MOST_UNPACKED: u64 = 512 << 20;
/// An entry that unpacks to more than this multiple of its size is a bomb, if it is large: sheets of cells that repeat
/// each other are honest at any ratio.
const RATIO: u64 = 200;
/// Up to this size no ratio is suspicious: it is read in a fraction of a second.
const HARMLESS: u64 = 64 << 20;

/// A zip file, open for look-ups.
pub(crate) struct Package<'a> {
    directory: Directory<'a>,
    /// The name of each entry and where it is in the directory, in the order of names.
    index: Vec<(&'a [u8], u64)>,
    unpacked: Cell<u64>,
}

impl<'a> Package<'a> {
    /// Indexes the entries of the directory that was found.
    pub(crate) fn of(directory: Option<Directory<'a>>) -> Result<Self, DocumentError> {
        let missing =
            DocumentError::Damaged("the directory at the end of the file is missing, so the file is probably cut off");
        let directory = directory.filter(Directory::is_there).ok_or(missing)?;
        let entries = directory.entries().take(MOST_ENTRIES).filter(|entry| entry.name.len() <= LONGEST_NAME);
        let mut index: Vec<_> = entries.map(|entry| (entry.name, entry.at)).collect();
        // The sort is stable: of two entries with one name the later stays the later.
        index.sort_by(|(a, _), (b, _)| compare(a, b));
        Ok(Self { directory, index, unpacked: Cell::new(0) })
    }

    /// The names of all parts.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.index.iter().map(|(name, _)| *name)
    }

    /// Whether there is a part of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The last entry of this name. Letter case does not matter (ISO/IEC 29500-2, section 7.2.3.5).
    fn find(&self, name: &str) -> Option<Entry<'a>> {
        let name = name.trim_start_matches('/').as_bytes();
        let after = self.index.partition_point(|(other, _)| compare(other, name).is_le());
        let (found, at) = self.index.get(after.checked_sub(1)?)?;
        if compare(found, name).is_ne() {
            return None;
        }
        self.directory.entry(*at)
    }

    /// The content of the part of this name, unpacked as it is read; `None` if there is no such part.
    pub(crate) fn part(&self, name: &str) -> Option<Result<Part<'_>, DocumentError>> {
        self.find(name).map(|entry| self.unpack(&entry))
    }

    fn unpack(&self, entry: &Entry<'_>) -> Result<Part<'_>, DocumentError> {
        if entry.is_encrypted {
            return Err(DocumentError::Encrypted("a part of the document is encrypted with a zip password"));
        }
        let damaged = DocumentError::Damaged("the directory points to where no part of the document starts");
        let header = self.directory.local_header(entry).ok_or(damaged)?;
        let (Some(name), Some(extra)) = (header.u16(26), header.u16(28)) else { return Err(damaged) };
        let data = header.from(LOCAL_LEN + u64::from(name) + u64::from(extra)).ok_or(damaged)?;
        let data = data.slice_up_to(0, entry.packed);
        // Whoever lies about it is found out while it is unpacked.
        if is_bomb(data.len() as u64, entry.unpacked) {
            return Err(DocumentError::Bomb);
        }
        let source = match entry.method {
            0 => Source::Stored(data),
            8 => Source::Deflated(DeflateDecoder::new(data)),
            _ => {
                return Err(DocumentError::Damaged(
                    "a part of the document is packed in a way that office files do not use",
                ));
            }
        };
        Ok(Part {
            source,
            packed: data.len() as u64,
            unpacked: 0,
            all: &self.unpacked,
            seen: Crc::new(),
            checksum: entry.checksum,
        })
    }
}

const fn is_bomb(packed: u64, unpacked: u64) -> bool {
    unpacked > HARMLESS && unpacked / RATIO > packed
}

/// The order of names in which letter case does not matter, nor which way slashes lean.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'\\' { b'/' } else { byte.to_ascii_lowercase() };
    a.iter().map(key).cmp(b.iter().map(key))
}

/// The content of a part. Ends with an error that carries a [`DocumentError`] when a bound is passed or the checksum is
/// wrong.
pub(crate) struct Part<'p> {
    source: Source<'p>,
    packed: u64,
    unpacked: u64,
    all: &'p Cell<u64>,
    seen: Crc,
    checksum: u32,
}

enum Source<'p> {
    Stored(&'p [u8]),
    Deflated(DeflateDecoder<&'p [u8]>),
}

impl Part<'_> {
    /// Packed bytes that were unpacked so far.
    fn taken(&self) -> u64 {
        match &self.source {
            Source::Stored(rest) => self.packed - rest.len() as u64,
            Source::Deflated(decoder) => decoder.total_in(),
        }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.source {
            Source::Stored(data) => data.read(buffer)?,
            Source::Deflated(decoder) => decoder.read(buffer).map_err(|_| DocumentError::Truncated)?,
        };
        if read == 0 {
            let whole = buffer.is_empty() || self.seen.sum() == self.checksum;
            return if whole { Ok(0) } else { Err(DocumentError::Truncated.into()) };
        }
        self.seen.update(&buffer[..read]);
        self.unpacked += read as u64;
        self.all.set(self.all.get() + read as u64);
        // By what was taken so far, so that a bomb is known before it has gone off.
        if is_bomb(self.taken().min(self.packed), self.unpacked) {
            return Err(DocumentError::Bomb.into());
        }
        if self.all.get() > MOST_UNPACKED {
            return Err(DocumentError::Truncated.into());
        }
        Ok(read)
    }
}
