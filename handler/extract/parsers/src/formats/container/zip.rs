//! The directory that ends a zip file (PKWARE APPNOTE 6.3), read in place entry by entry. For the archive as such and
//! for the formats that are made of one. Whether what it says is true its users find out.

use crate::input::View;

const END: &[u8] = b"PK\x05\x06";
const END_LEN: u64 = 22;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LEN: u64 = 56;
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const LOCATOR_64_LEN: u64 = 20;
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_LEN: u64 = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
/// A header before an entry's data, without its name. Bytes.
pub(crate) const LOCAL_LEN: u64 = 30;
/// A field that is all ones has its value in the extra field of ZIP64.
pub(crate) const IN_ZIP_64: u64 = u32::MAX as u64;

/// Where the entries of a file are.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    file: View<'a>,
    from: u64,
    /// As many as it says it has.
    pub(crate) claimed: u64,
    /// Bytes before the archive, by which its offsets are too small: it may be after a program.
    shift: u64,
}

impl<'a> Directory<'a> {
    /// The directory of the last end record, after which there is nothing but its comment. A comment may hold
    /// what looks like such a record: the one counts that leads to a directory, if any does.
    pub(crate) fn find(file: View<'a>) -> Option<Self> {
        let file = file.as_little_endian();
        let found = || ends(file).filter_map(move |end| Self::before(file, end));
        found().find(|directory| directory.claimed == 0 || directory.is_there()).or_else(|| found().next())
    }

    /// The directory of the end record at `end`.
    fn before(file: View<'a>, end: u64) -> Option<Self> {
        let (mut claimed, mut len, mut offset) =
            (u64::from(file.u16(end + 10)?), u64::from(file.u32(end + 12)?), u64::from(file.u32(end + 16)?));
        let mut directory_end = end;
        let locator = end.checked_sub(LOCATOR_64_LEN).filter(|at| file.has(*at, LOCATOR_64));
        if let Some(locator) = locator {
            // Where it says, or right before, where there is something before the archive.
            let places = [file.u64(locator + 8)?, locator.saturating_sub(END_64_LEN)];
            let end = places.into_iter().find(|at| file.has(*at, END_64))?;
            (claimed, len, offset) = (file.u64(end + 32)?, file.u64(end + 40)?, file.u64(end + 48)?);
            directory_end = end;
        }
        let at = |from: u64, shift| Self { file, from, claimed, shift };
        let before = directory_end.checked_sub(len).and_then(|from| Some(at(from, from.checked_sub(offset)?)));
        // If its length is wrong, its start may still be right.
        before.filter(Self::is_there).or_else(|| Some(at(offset, 0)).filter(Self::is_there)).or(before)
    }

    /// Whether there is an entry where the directory starts.
    pub(crate) fn is_there(&self) -> bool {
        self.file.has(self.from, CENTRAL)
    }

    /// All entries, up to the first that is none.
    pub(crate) fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let first = self.entry(self.from);
        std::iter::successors(first, move |entry| self.entry(entry.end))
    }

    /// The entry at an offset, as [`Entry::at`] has it.
    pub(crate) fn entry(self, at: u64) -> Option<Entry<'a>> {
        Entry::read(self.file, at)
    }

    /// The header before an entry's data, and all after it.
    pub(crate) fn local_header(self, entry: &Entry<'_>) -> Option<View<'a>> {
        self.file.from(entry.local.checked_add(self.shift)?).filter(|header| header.has(0, LOCAL))
    }
}

/// Records that may end the file, but for a comment; the last one first.
fn ends(file: View) -> impl Iterator<Item = u64> {
    let last = file.len().checked_sub(END_LEN);
    let places = last.map(|last| (last.saturating_sub(u16::MAX.into())..=last).rev());
    places.into_iter().flatten().filter(move |at| {
        file.has(*at, END) && file.u16(*at + 20).is_some_and(|len| at + END_LEN + u64::from(len) <= file.len())
    })
}

/// An entry, as the directory describes it.
pub(crate) struct Entry<'a> {
    /// Where it is in the file.
    pub(crate) at: u64,
    pub(crate) name: &'a [u8],
    pub(crate) is_encrypted: bool,
    pub(crate) method: u16,
    pub(crate) checksum: u32,
    /// Bytes in the file.
    pub(crate) packed: u64,
    /// Bytes that it unpacks to.
    pub(crate) unpacked: u64,
    local: u64,
    end: u64,
}

impl<'a> Entry<'a> {
    fn read(file: View<'a>, at: u64) -> Option<Self> {
        let entry = file.from(at).filter(|entry| entry.has(0, CENTRAL))?;
        let lens = [entry.u16(28)?, entry.u16(30)?, entry.u16(32)?].map(u64::from);
        let (mut packed, mut unpacked) = (u64::from(entry.u32(20)?), u64::from(entry.u32(24)?));
        let mut local = u64::from(entry.u32(42)?);
        // The values that did not fit, in this order.
        let mut wide = zip_64(entry.part(CENTRAL_LEN + lens[0], lens[1])?).into_iter();
        for value in [&mut unpacked, &mut packed, &mut local] {
            if *value == IN_ZIP_64 {
                // Without the field it is a number like any other.
                *value = wide.next().flatten().unwrap_or(*value);
            }
        }
        Some(Self {
            at,
            name: entry.slice(CENTRAL_LEN, lens[0])?,
            is_encrypted: entry.u16(8)? & 1 != 0,
            method: entry.u16(10)?,
            checksum: entry.u32(16)?,
            packed,
            unpacked,
            local,
            end: at + CENTRAL_LEN + lens.iter().sum::<u64>(),
        })
    }
}

/// The up to three numbers in the extra field of ZIP64.
fn zip_64(extra: View) -> [Option<u64>; 3] {
    let mut at = 0;
    while let (Some(kind), Some(len)) = (extra.u16(at), extra.u16(at + 2)) {
        if kind == 1 {
            let field = extra.part(at + 4, len.into());
            return [0, 8, 16].map(|at| field.and_then(|field| field.u64(at)));
        }
        at += 4 + u64::from(len);
    }
    [None; 3]
}
