//! OLE2 compound files ([MS-CFB]): what doc, xls and ppt are, and what an encrypted OOXML document is wrapped in.
//!
//! Read in place: only the sector numbers of the allocation table and of the directory are held, in a number that is
//! bounded, and the names in the root.

use std::io::{self, Read};

use super::bytes::{u16_at, u32_at, u64_at};
use super::error::DocumentError;

/// The first bytes of every compound file.
pub(crate) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Sector numbers from here on are marks: end of chain, free, and such.
const FIRST_MARK: u32 = 0xffff_fffa;
/// Where an entry has no neighbour.
const NO_ENTRY: u32 = u32::MAX;
/// Sectors of the directory that are read; with the usual sectors 65,536 entries.
const MOST_DIRECTORY_SECTORS: usize = 16_384;
/// Entries of the root that are looked at. Honest documents have some dozen.
const MOST_ENTRIES: usize = 1024;
/// How much of a stream [`Compound::stream_bytes`] reads. Texts and their formats are below that; pictures are elsewhere.
/// Bytes.
pub(crate) const MAX_STREAM: usize = 16 << 20;

/// A compound file, open for look-ups in its root.
pub(crate) struct Compound<'a> {
    bytes: &'a [u8],
    sector_bits: u32,
    mini_bits: u32,
    mini_cutoff: u64,
    /// Where the parts of the allocation table are.
    table: Vec<u32>,
    mini_table_start: u32,
    mini_start: u32,
    /// The sectors of the directory.
    directory: Vec<u32>,
    entries: Vec<Entry>,
    /// Whether entries of the root could not be found.
    is_cut: bool,
}

/// An entry of the root, or of a storage.
#[derive(Debug)]
struct Entry {
    name: String,
    start: u32,
    size: u64,
    /// The first of the entries below it.
    child: u32,
}

/// The entries of a storage, which is what a folder is elsewhere.
pub(crate) struct Storage<'s, 'a> {
    file: &'s Compound<'a>,
    entries: Vec<Entry>,
}

impl<'s, 'a> Storage<'s, 'a> {
    /// The stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<Stream<'s, 'a>> {
        find(&self.entries, name).map(|entry| self.file.open_stream(entry))
    }
}

impl<'a> Compound<'a> {
    /// Reads header, allocation table and the names in the root.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, DocumentError> {
        Self::parse(bytes).ok_or(DocumentError::Damaged("the file's table of contents is damaged or cut off"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(SIGNATURE) {
            return None;
        }
        let sector_bits = u32::from(u16_at(bytes, 30)?);
        let mini_bits = u32::from(u16_at(bytes, 32)?);
        if !(7..=16).contains(&sector_bits) || mini_bits >= sector_bits || mini_bits < 2 {
            return None;
        }
        let mut compound = Self {
            bytes,
            sector_bits,
            mini_bits,
            mini_cutoff: u64::from(u32_at(bytes, 56)?),
            table: Vec::new(),
            mini_table_start: u32_at(bytes, 60)?,
            mini_start: FIRST_MARK,
            directory: Vec::new(),
            entries: Vec::new(),
            is_cut: false,
        };
        compound.read_table()?;
        compound.directory = compound.directory(u32_at(bytes, 48)?);
        let root = compound.directory_entry(0)?;
        compound.mini_start = u32_at(root, 116)?;
        (compound.entries, compound.is_cut) = compound.siblings(u32_at(root, 76)?)?;
        Some(compound)
    }

    /// Whether entries of the root could not be found.
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the root has a stream or storage of this name, in any letter case.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The stream of this name in the root.
    pub(crate) fn stream(&self, name: &str) -> Option<Stream<'_, 'a>> {
        self.find(name).map(|entry| self.open_stream(entry))
    }

    /// What is there of a stream of the root, also of one that is cut, up to [`MAX_STREAM`]. `None` if there is none of
    /// this name.
    pub(crate) fn stream_bytes(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let _ = self.stream(name)?.take(MAX_STREAM as u64).read_to_end(&mut bytes);
        Some(bytes)
    }

    /// The storages of the root whose names start so.
    pub(crate) fn storages<'s>(&'s self, prefix: &str) -> impl Iterator<Item = Storage<'s, 'a>> {
        let is_named = move |entry: &&Entry| {
            entry.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let storages = self.entries.iter().filter(is_named);
        storages.filter_map(|entry| Some(Storage { file: self, entries: self.siblings(entry.child)?.0 }))
    }

    fn open_stream(&self, entry: &Entry) -> Stream<'_, 'a> {
        let is_mini = entry.size < self.mini_cutoff;
        Stream { file: self, is_mini, sector: entry.start, within: 0, left: entry.size, steps: self.sectors() }
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        find(&self.entries, name)
    }

    /// More sectors, small ones too, than the file can have: a chain that is longer runs in a circle.
    fn sectors(&self) -> usize {
        (self.bytes.len() >> self.mini_bits) + 1
    }

    /// The bytes of a sector; the last one of a file may be short.
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from((u64::from(number) + 1) << self.sector_bits).ok()?;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..rest.len().min(1 << self.sector_bits)])
    }

    /// Collects where the allocation table is: 109 sectors from the header, the others from a chain of sectors.
    fn read_table(&mut self) -> Option<()> {
        let most = 109 + (self.bytes.len() >> self.sector_bits >> (self.sector_bits - 2));
        let header = (0..109).filter_map(|i| u32_at(self.bytes, 76 + 4 * i));
        self.table.extend(header.take_while(|sector| *sector < FIRST_MARK));
        let mut next = u32_at(self.bytes, 68)?;
        // The sectors of a chain that runs in a circle may name none of the table.
        for _ in 0..=most {
            if next >= FIRST_MARK || self.table.len() > most {
                break;
            }
            let Some(sector) = self.sector(next) else { break };
            let (numbers, link) = sector.split_at(sector.len().saturating_sub(4));
            let numbers = numbers.chunks_exact(4).filter_map(|number| u32_at(number, 0));
            self.table.extend(numbers.take_while(|number| *number < FIRST_MARK));
            next = u32_at(link, 0)?;
        }
        Some(())
    }

    /// The sector that follows in a chain.
    fn after(&self, sector: u32) -> Option<u32> {
        let bits = self.sector_bits - 2;
        let part = self.sector(*self.table.get(usize::try_from(sector >> bits).ok()?)?)?;
        let within = usize::try_from(sector & ((1 << bits) - 1)).ok()?;
        u32_at(part, 4 * within).filter(|next| *next < FIRST_MARK)
    }

    /// The sectors of the chain from `start`, as far as the directory is read.
    fn directory(&self, start: u32) -> Vec<u32> {
        let chain = std::iter::successors(Some(start).filter(|s| *s < FIRST_MARK), |sector| self.after(*sector));
        chain.take(MOST_DIRECTORY_SECTORS).collect()
    }

    /// The 128 bytes of an entry of the directory.
    fn directory_entry(&self, number: u32) -> Option<&'a [u8]> {
        let bits = self.sector_bits - 7;
        let sector = self.sector(*self.directory.get(usize::try_from(number >> bits).ok()?)?)?;
        let within = usize::try_from(number & ((1 << bits) - 1)).ok()? << 7;
        sector.get(within..within + 128)
    }

    /// Collects the entries of a storage, which hang on each other as a tree, and whether some could not be found.
    fn siblings(&self, first: u32) -> Option<(Vec<Entry>, bool)> {
        let (mut entries, mut is_cut) = (Vec::new(), false);
        let mut pending = vec![first];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(number) = pending.pop() {
            if number == NO_ENTRY || seen.len() == MOST_ENTRIES || !seen.insert(number) {
                continue;
            }
            let Some(entry) = self.directory_entry(number) else {
                is_cut = true;
                continue;
            };
            pending.extend([u32_at(entry, 68)?, u32_at(entry, 72)?]);
            // In files with small sectors the upper half of the size may be garbage (section 2.6.3).
            let size = if self.sector_bits < 12 { u64::from(u32_at(entry, 120)?) } else { u64_at(entry, 120)? };
            let (start, child) = (u32_at(entry, 116)?, u32_at(entry, 76)?);
            entries.push(Entry { name: entry_name(entry), start, size, child });
        }
        Some((entries, is_cut))
    }

    /// The bytes of a small sector, which lies in the chain of the root.
    fn mini_sector(&self, number: u32) -> Option<&'a [u8]> {
        let per_sector = self.sector_bits - self.mini_bits;
        let sector = self.nth(self.mini_start, usize::try_from(number >> per_sector).ok()?)?;
        let start = usize::try_from(number & ((1 << per_sector) - 1)).ok()? << self.mini_bits;
        let rest = self.sector(sector)?.get(start..)?;
        Some(&rest[..rest.len().min(1 << self.mini_bits)])
    }

    /// The small sector that follows in a chain.
    fn after_mini(&self, number: u32) -> Option<u32> {
        let bits = self.sector_bits - 2;
        let part = self.sector(self.nth(self.mini_table_start, usize::try_from(number >> bits).ok()?)?)?;
        let within = usize::try_from(number & ((1 << bits) - 1)).ok()?;
        u32_at(part, 4 * within).filter(|next| *next < FIRST_MARK)
    }

    /// The sector `steps` after `start`. A number that no file of this size has leads nowhere.
    fn nth(&self, start: u32, steps: usize) -> Option<u32> {
        if steps > self.sectors() {
            return None;
        }
        (0..steps).try_fold(start, |sector, _| self.after(sector))
    }
}

fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// The name of an entry: UTF-16, its length in bytes with the zero at its end.
fn entry_name(entry: &[u8]) -> String {
    let length = usize::from(u16_at(entry, 64).unwrap_or_default()).saturating_sub(2).min(62);
    let units: Vec<u16> = (0..length / 2).filter_map(|i| u16_at(entry, 2 * i)).collect();
    String::from_utf16_lossy(&units)
}

/// A stream, read sector by sector. Ends with an error that carries [`DocumentError::Truncated`] where the chain breaks
/// off.
pub(crate) struct Stream<'s, 'a> {
    file: &'s Compound<'a>,
    is_mini: bool,
    sector: u32,
    within: usize,
    left: u64,
    steps: usize,
}

impl Read for Stream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let bits = if self.is_mini { self.file.mini_bits } else { self.file.sector_bits };
        if self.within == 1 << bits {
            self.steps = self.steps.checked_sub(1).ok_or(DocumentError::Truncated)?;
            let next = if self.is_mini { self.file.after_mini(self.sector) } else { self.file.after(self.sector) };
            self.sector = next.ok_or(DocumentError::Truncated)?;
            self.within = 0;
        }
        let sector = if self.is_mini { self.file.mini_sector(self.sector) } else { self.file.sector(self.sector) };
        let rest = sector.and_then(|sector| sector.get(self.within..)).ok_or(DocumentError::Truncated)?;
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)).min(rest.len());
        if count == 0 {
            return Err(DocumentError::Truncated.into());
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        self.within += count;
        self.left -= count as u64;
        Ok(count)
    }
}
