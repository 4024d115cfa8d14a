//! tar, of all its kinds: v7, ustar, GNU, pax. Headers are blocks of 512 bytes, contents are stepped over.

use handler_contract::{Failure, Metadata};

use super::failures::malformed;
use super::records::{Next, Records};
use super::stream::StreamReader;
use crate::input::View;

const BLOCK: usize = 512;
/// Where the header of a sparse file of GNU has the size with all holes. The byte before says whether the list of pieces
/// continues in a block of its own.
const SPARSE_SIZE: usize = 483;
/// Where such a block says whether another follows.
const LAST_OF_LIST: usize = 504;
/// A pax header is looked at up to here; honest ones have some hundred bytes.
const LONGEST_PAX: u64 = 64 << 10;

/// A walk over the headers.
pub(super) struct TarReader {
    records: Records,
    state: State,
}

struct State {
    files: u64,
    unpacked: u64,
    /// Bytes of the pax header that is being read.
    pax: Option<u64>,
    /// What the pax header gives for the next entry.
    pax_sizes: PaxSizes,
    /// Bytes of the sparse file whose list of pieces continues in the next block.
    sparse: Option<u64>,
    headers: u64,
    end: End,
}

#[derive(PartialEq)]
enum End {
    NotYet,
    /// A block of zeros.
    Marked,
    /// A block that is no header.
    Broken,
}

impl TarReader {
    pub(super) fn new() -> Self {
        let state = State {
            files: 0,
            unpacked: 0,
            pax: None,
            pax_sizes: PaxSizes::default(),
            sparse: None,
            headers: 0,
            end: End::NotYet,
        };
        Self { records: Records::new(BLOCK), state }
    }

    /// Whether what came is an archive at all.
    pub(super) fn is_tar(&self) -> bool {
        self.state.headers > 0
    }
}

impl StreamReader for TarReader {
    fn feed(&mut self, piece: &[u8]) {
        let state = &mut self.state;
        self.records.feed(piece, |record| state.take(record));
    }

    fn finish(self, metadata: &mut Metadata) -> Result<(), Failure> {
        let State { files, unpacked, headers, end, .. } = self.state;
        if headers == 0 && end != End::Marked {
            return Err(malformed("its first header is damaged"));
        }
        metadata.entry_count = Some(files);
        metadata.uncompressed_size = Some(unpacked);
        // Some programs leave the mark of the end out, but none ends within an entry.
        if end == End::Broken || end == End::NotYet && !self.records.is_between() {
            metadata.is_partial = Some(true);
        }
        Ok(())
    }
}

impl State {
    fn take(&mut self, record: &[u8]) -> Next {
        if let Some(len) = self.pax.take() {
            self.pax_sizes = PaxSizes::read(&record[..record.len().min(usize::try_from(len).unwrap_or(usize::MAX))]);
            return Next { skip: 0, record_len: Some(BLOCK) };
        }
        if let Some(size) = self.sparse.take() {
            return self.sparse_content(size, record[LAST_OF_LIST] != 0);
        }
        if record.iter().all(|byte| *byte == 0) {
            self.end = End::Marked;
            return Next { skip: 0, record_len: None };
        }
        let Some((kind, size)) = header(record) else {
            self.end = End::Broken;
            return Next { skip: 0, record_len: None };
        };
        self.headers += 1;
        match kind {
            b'x' if size <= LONGEST_PAX => {
                self.pax = Some(size);
                let record_len = usize::try_from(content(size)).ok().filter(|record_len| *record_len > 0);
                if record_len.is_none() {
                    self.pax = None;
                }
                Next { skip: 0, record_len: record_len.or(Some(BLOCK)) }
            }
            // A long name or link, or headers for all: about entries, but none.
            b'x' | b'g' | b'L' | b'K' | b'X' | b'V' => Next { skip: content(size), record_len: Some(BLOCK) },
            // Links, devices and directories have no content, whatever their size says.
            b'1'..=b'6' => {
                self.files += u64::from(matches!(kind, b'1' | b'2'));
                self.pax_sizes = PaxSizes::default();
                Next { skip: 0, record_len: Some(BLOCK) }
            }
            // A file with holes, of which only the pieces between them are in the archive.
            b'S' => {
                let sizes = std::mem::take(&mut self.pax_sizes);
                let whole = record.get(SPARSE_SIZE..SPARSE_SIZE + 12).and_then(number);
                self.files += 1;
                self.unpacked = self.unpacked.saturating_add(whole.unwrap_or(size));
                self.sparse_content(sizes.stored.unwrap_or(size), record[SPARSE_SIZE - 1] != 0)
            }
            _ => {
                let sizes = std::mem::take(&mut self.pax_sizes);
                let size = sizes.stored.unwrap_or(size);
                self.files += 1;
                self.unpacked = self.unpacked.saturating_add(sizes.whole.unwrap_or(size));
                Next { skip: content(size), record_len: Some(BLOCK) }
            }
        }
    }

    /// After a list of pieces there is more of the list, or the content.
    fn sparse_content(&mut self, size: u64, is_continued: bool) -> Next {
        self.sparse = is_continued.then_some(size);
        Next { skip: if is_continued { 0 } else { content(size) }, record_len: Some(BLOCK) }
    }
}

/// The bytes of the blocks that a content fills.
fn content(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}

/// The kind and the size of an entry, if the header's sum is right.
fn header(block: &[u8]) -> Option<(u8, u64)> {
    let view = View::big_endian(block);
    let sum: u64 =
        (0..).zip(block).map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    if number(view.slice(148, 8)?)? != sum {
        return None;
    }
    Some((view.u8(156)?, number(view.slice(124, 12)?)?))
}

/// Octal digits between blanks and zeros, or, where the upper bit is set, a number in bytes.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let first = u64::from(field[0] & 0x7f);
        return field[1..]
            .iter()
            .try_fold(first, |number: u64, byte| Some(number.checked_mul(256)? | u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let text = text.split(['\0', ' ']).next()?;
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// What a pax header says of sizes.
#[derive(Debug, Default, PartialEq, Eq)]
struct PaxSizes {
    /// In the archive.
    stored: Option<u64>,
    /// Of a file with holes.
    whole: Option<u64>,
}

impl PaxSizes {
    /// Records of a length, a blank, `name=value` and a line feed.
    fn read(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let value = |names: [&str; 2]| {
            let records = text.lines().filter_map(|line| line.split_once(' ')?.1.split_once('='));
            records.filter(|(name, _)| names.contains(name)).find_map(|(_, value)| value.parse().ok())
        };
        // GNU tar has two names for the same, by the version of its list of pieces.
        Self { stored: value(["size"; 2]), whole: value(["GNU.sparse.realsize", "GNU.sparse.size"]) }
    }
}
