//! ZIP: a walk over the directory, each entry held against its local header.

use handler_contract::{ErrorCode, Failure, Metadata};

use super::failures::{encrypted, malformed, refuse_bomb};
use crate::formats::container::{Container, IN_ZIP_64, LOCAL_LEN};

/// Deflate makes at most this many bytes of one (RFC 1951: 258 bytes out of two bits).
const MOST_INFLATED: u64 = 1032;
const DEFLATE: u16 = 8;

/// Refuses an entry that says more than its packed bytes can hold, whatever they are.
fn refuse_impossible(packed: u64, unpacked: u64) -> Result<(), Failure> {
    if unpacked <= packed.saturating_add(1).saturating_mul(MOST_INFLATED) {
        return Ok(());
    }
    let message =
        format!("an entry of {packed} bytes says that it unpacks to {unpacked}, more than Deflate can make of it");
    Err(Failure::new(ErrorCode::DecompressionBomb, message))
}

/// Reads the directory of an archive.
pub(super) fn describe(container: Container, metadata: &mut Metadata) -> Result<(), Failure> {
    let file = container.file;
    let directory = container
        .zip_directory()
        .ok_or_else(|| malformed("its directory, which ends a zip file, is missing; the file is probably cut off"))?;
    // Strong encryption covers the directory as well.
    if directory.claimed > 0 && !directory.is_there() {
        metadata.is_encrypted = Some(true);
        return Err(encrypted());
    }
    let (mut files, mut entries, mut packed, mut unpacked) = (0, 0_u64, 0_u64, 0_u64);
    let (mut is_encrypted, mut bomb) = (false, Ok(()));
    for entry in directory.entries() {
        // What unpacks goes by the local header, whatever the directory says; without a size there, it follows the
        // data.
        let local = directory.local_header(&entry).and_then(|header| header.u32(22)).map(u64::from);
        let size = entry.unpacked.max(local.filter(|size| *size != IN_ZIP_64).unwrap_or(0));
        entries += 1;
        files += u64::from(!entry.name.ends_with(b"/"));
        is_encrypted |= entry.is_encrypted;
        // With its header, so that entries without content count for something.
        packed = packed.saturating_add(entry.packed).saturating_add(LOCAL_LEN);
        unpacked = unpacked.saturating_add(size);
        if entry.method == DEFLATE {
            bomb = bomb.and_then(|()| refuse_impossible(entry.packed, size));
        }
    }
    metadata.entry_count = Some(files);
    metadata.uncompressed_size = Some(unpacked);
    metadata.is_encrypted = Some(is_encrypted);
    // The number wraps where an old program wrote more entries than it has room for.
    if entries & 0xffff != directory.claimed & 0xffff {
        metadata.is_partial = Some(true);
    }
    bomb?;
    if packed > file.len() {
        return Err(Failure::new(
            ErrorCode::DecompressionBomb,
            format!("its entries overlap: together they are {packed} bytes packed, but the file has {}", file.len()),
        ));
    }
    refuse_bomb(file.len(), unpacked)
}
