//! What the readers of pictures write down in the same way.

use handler_contract::Metadata;

/// No honest picture is longer than this on a side; formats with 32-bit sizes can claim anything.
pub(super) const LONGEST_SIDE: u64 = 1 << 24;

/// A packet of XMP is a few kilobytes; more than this is not looked through.
const LARGEST_XMP: usize = 1 << 20;

/// Writes down the size in pixels.
pub(super) fn set_size(metadata: &mut Metadata, width: impl Into<u64>, height: impl Into<u64>) {
    metadata.width = Some(width.into());
    metadata.height = Some(height.into());
}

/// Writes down how many frames a picture has.
pub(super) fn set_frames(metadata: &mut Metadata, frames: u64) {
    metadata.frame_count = Some(frames);
    metadata.is_animated = Some(frames > 1);
}

/// Whether a packet of XMP says where the picture was taken.
pub(super) fn xmp_has_gps(packet: &[u8]) -> bool {
    const NAME: &[u8] = b"GPSLatitude";
    packet[..packet.len().min(LARGEST_XMP)].windows(NAME.len()).any(|window| window == NAME)
}
