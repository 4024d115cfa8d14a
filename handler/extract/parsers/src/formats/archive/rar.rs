//! RAR, versions 4 and 5: a walk over the headers, which are packed in neither.

use handler_contract::{Failure, Metadata};

use super::failures::{encrypted, malformed, refuse_bomb};
use super::varint::variable;
use crate::input::View;

const VERSION_4: &[u8] = b"Rar!\x1a\x07\0";
const VERSION_5: &[u8] = b"Rar!\x1a\x07\x01\0";

/// What is known of the files so far.
#[derive(Default)]
struct Files {
    count: u64,
    unpacked: u64,
    is_encrypted: bool,
    /// Whether the headers themselves are encrypted.
    is_hidden: bool,
    /// Whether the mark of the end was met.
    is_whole: bool,
}

/// Reads the headers of an archive.
pub(super) fn describe(file: View, metadata: &mut Metadata) -> Result<(), Failure> {
    let view = file.as_little_endian();
    let mut files = Files::default();
    let walked = if view.has(0, VERSION_5) {
        walk_5(view, &mut files)
    } else if view.has(0, VERSION_4) {
        walk_4(view, &mut files)
    } else {
        return Ok(());
    };
    metadata.is_encrypted = Some(files.is_encrypted || files.is_hidden);
    if files.is_hidden {
        return Err(encrypted());
    }
    if walked.is_none() && files.count == 0 {
        return Err(malformed("its first header is damaged"));
    }
    metadata.entry_count = Some(files.count);
    metadata.uncompressed_size = Some(files.unpacked);
    if !files.is_whole {
        metadata.is_partial = Some(true);
    }
    refuse_bomb(view.len(), files.unpacked)
}

/// Version 5: numbers of seven bits a byte.
fn walk_5(view: View, files: &mut Files) -> Option<()> {
    const FILE: u64 = 2;
    const ENCRYPTION: u64 = 4;
    const END: u64 = 5;
    let mut at = VERSION_5.len() as u64;
    loop {
        let mut field = at + 4;
        let size = variable(view, &mut field)?;
        let header_end = field.checked_add(size)?;
        let (kind, flags) = (variable(view, &mut field)?, variable(view, &mut field)?);
        let extra = if flags & 1 != 0 { variable(view, &mut field)? } else { 0 };
        let data = if flags & 2 != 0 { variable(view, &mut field)? } else { 0 };
        match kind {
            FILE => {
                let (file_flags, unpacked) = (variable(view, &mut field)?, variable(view, &mut field)?);
                if file_flags & 1 == 0 {
                    files.count += 1;
                    // Bit 3: not known when it was written.
                    files.unpacked = files.unpacked.saturating_add(if file_flags & 8 == 0 { unpacked } else { 0 });
                }
                files.is_encrypted |= has_encryption(view, header_end.checked_sub(extra)?, header_end);
            }
            ENCRYPTION => {
                files.is_hidden = true;
                return Some(());
            }
            END => {
                files.is_whole = true;
                return Some(());
            }
            _ => {}
        }
        at = header_end.checked_add(data)?;
    }
}

/// Whether a record of encryption (kind 1) is among the extra ones of a file.
fn has_encryption(view: View, mut at: u64, end: u64) -> bool {
    while at < end {
        let mut field = at;
        let Some(size) = variable(view, &mut field) else { return false };
        let next = field.saturating_add(size);
        if variable(view, &mut field) == Some(1) {
            return true;
        }
        at = next.max(at + 1);
    }
    false
}

/// Version 4: a kind, flags and a size, all at fixed places.
fn walk_4(view: View, files: &mut Files) -> Option<()> {
    const MAIN: u8 = 0x73;
    const FILE: u8 = 0x74;
    const END: u8 = 0x7b;
    let mut at = VERSION_4.len() as u64;
    loop {
        let (kind, flags, size) = (view.u8(at + 2)?, view.u16(at + 3)?, u64::from(view.u16(at + 5)?));
        let mut data = if flags & 0x8000 != 0 { u64::from(view.u32(at + 7)?) } else { 0 };
        match kind {
            MAIN if flags & 0x80 != 0 => {
                files.is_hidden = true;
                return Some(());
            }
            FILE => {
                let mut unpacked = u64::from(view.u32(at + 11)?);
                if flags & 0x100 != 0 {
                    data |= u64::from(view.u32(at + 32)?) << 32;
                    unpacked |= u64::from(view.u32(at + 36)?) << 32;
                }
                if flags & 0xe0 != 0xe0 {
                    files.count += 1;
                    files.unpacked = files.unpacked.saturating_add(unpacked);
                }
                files.is_encrypted |= flags & 4 != 0;
            }
            END => {
                files.is_whole = true;
                return Some(());
            }
            0x72..=0x7a => {}
            _ => return None,
        }
        at = at.checked_add(size.max(7))?.checked_add(data)?;
        // The mark of the end is missing in archives of the oldest programs.
        if at == view.len() {
            files.is_whole = true;
            return Some(());
        }
    }
}
