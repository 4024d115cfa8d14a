//! ZIP (PKWARE APPNOTE 6.3): a walk over the central directory, each entry held against its local header.

use handler_contract::{ErrorCode, Failure, Metadata};

use super::{encrypted, malformed, refuse_bomb};
use crate::formats::view::View;

const END: &[u8] = b"PK\x05\x06";
const END_LEN: u64 = 22;
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const LOCATOR_64_LEN: u64 = 20;
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_LEN: u64 = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LEN: u64 = 30;
/// A field that is all ones has its value in the extra field of ZIP64.
const IN_ZIP_64: u64 = u32::MAX as u64;

/// Reads the directory of an archive.
pub(super) fn describe(file: View, metadata: &mut Metadata) -> Result<(), Failure> {
    let view = file.as_little_endian();
    let directory = Directory::find(view)
        .ok_or_else(|| malformed("its directory, which ends a zip file, is missing; the file is probably cut off"))?;
    // Strong encryption covers the directory as well.
    if directory.entries > 0 && !view.has(directory.from, CENTRAL) {
        metadata.is_encrypted = Some(true);
        return Err(encrypted());
    }
    let (mut files, mut entries, mut packed, mut unpacked) = (0, 0_u64, 0_u64, 0_u64);
    let (mut is_encrypted, mut bomb) = (false, Ok(()));
    let mut at = directory.from;
    while let Some(entry) = Entry::read(view, at, directory.shift) {
        at = entry.end;
        entries += 1;
        files += u64::from(!entry.is_directory);
        is_encrypted |= entry.is_encrypted;
        // With its header, so that entries without content count for something.
        packed = packed.saturating_add(entry.packed).saturating_add(LOCAL_LEN);
        unpacked = unpacked.saturating_add(entry.unpacked);
        bomb = bomb.and_then(|()| refuse_bomb(entry.packed, entry.unpacked));
    }
    metadata.entry_count = Some(files);
    metadata.uncompressed_size = Some(unpacked);
    metadata.is_encrypted = Some(is_encrypted);
    // The number wraps where an old program wrote more entries than it has room for.
    if entries & 0xffff != directory.entries & 0xffff {
        metadata.is_partial = Some(true);
    }
    bomb?;
    if packed > view.len() {
        return Err(Failure::new(
            ErrorCode::DecompressionBomb,
            format!("its entries overlap: together they are {packed} bytes packed, but the file has {}", view.len()),
        ));
    }
    refuse_bomb(view.len(), unpacked)
}

struct Directory {
    from: u64,
    entries: u64,
    /// Bytes before the archive, by which its offsets are too small: it may stand behind a program.
    shift: u64,
}

impl Directory {
    /// The directory that the last end record tells of, behind which nothing stands but its comment. A comment may hold
    /// what looks like such a record: the one counts that leads to a directory, if any does.
    fn find(view: View) -> Option<Self> {
        let ends = || Self::ends(view).filter_map(|end| Self::before(view, end));
        ends().find(|directory| directory.entries == 0 || view.has(directory.from, CENTRAL)).or_else(|| ends().next())
    }

    /// What the end record at `end` tells of.
    fn before(view: View, end: u64) -> Option<Self> {
        let (mut entries, mut len, mut offset) =
            (u64::from(view.u16(end + 10)?), u64::from(view.u32(end + 12)?), u64::from(view.u32(end + 16)?));
        let mut directory_end = end;
        let locator = end.checked_sub(LOCATOR_64_LEN).filter(|at| view.has(*at, LOCATOR_64));
        if let Some(locator) = locator {
            // Where it says, or right before, where something stands before the archive.
            let places = [view.u64(locator + 8)?, locator.saturating_sub(56)];
            let end = places.into_iter().find(|at| view.has(*at, END_64))?;
            (entries, len, offset) = (view.u64(end + 32)?, view.u64(end + 40)?, view.u64(end + 48)?);
            directory_end = end;
        }
        let from = directory_end.checked_sub(len)?;
        let shift = from.checked_sub(offset)?;
        Some(Self { from, entries, shift })
    }

    /// Records that may end the file, but for a comment; the last one first.
    fn ends(view: View) -> impl Iterator<Item = u64> {
        let last = view.len().checked_sub(END_LEN);
        let places = last.map(|last| (last.saturating_sub(u16::MAX.into())..=last).rev());
        places.into_iter().flatten().filter(move |at| {
            view.has(*at, END) && view.u16(*at + 20).is_some_and(|len| at + END_LEN + u64::from(len) <= view.len())
        })
    }
}

struct Entry {
    packed: u64,
    unpacked: u64,
    is_directory: bool,
    is_encrypted: bool,
    end: u64,
}

impl Entry {
    fn read(view: View, at: u64, shift: u64) -> Option<Self> {
        if !view.has(at, CENTRAL) {
            return None;
        }
        let flags = view.u16(at + 8)?;
        let (name_len, extra_len) = (u64::from(view.u16(at + 28)?), u64::from(view.u16(at + 30)?));
        let (mut packed, mut unpacked) = (u64::from(view.u32(at + 20)?), u64::from(view.u32(at + 24)?));
        let mut local = u64::from(view.u32(at + 42)?);
        let name = view.slice(at + CENTRAL_LEN, name_len)?;
        let extra = view.part(at + CENTRAL_LEN + name_len, extra_len)?;
        // The values that did not fit, in this order.
        let mut wide = zip_64(extra).into_iter();
        for value in [&mut unpacked, &mut packed, &mut local] {
            if *value == IN_ZIP_64 {
                // Without the field it is a size like any other.
                *value = wide.next().flatten().unwrap_or(*value);
            }
        }
        // What unpacks goes by the local header, whatever the directory says; without a size there, it follows the data.
        if let Some(local) = local.checked_add(shift).filter(|at| view.has(*at, LOCAL)) {
            let declared = u64::from(view.u32(local + 22).unwrap_or(0));
            if declared != IN_ZIP_64 {
                unpacked = unpacked.max(declared);
            }
        }
        let end = at + CENTRAL_LEN + name_len + extra_len + u64::from(view.u16(at + 32)?);
        Some(Self { packed, unpacked, is_directory: name.ends_with(b"/"), is_encrypted: flags & 1 != 0, end })
    }
}

/// The up to three sizes in the extra field of ZIP64.
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
