//! What the readers of pictures write down in the same way.

use handler_contract::Metadata;
use memchr::memmem;

use crate::formats::xmp;

/// No honest picture is longer than this on a side; formats with 32-bit sizes can claim anything.
pub(super) const LONGEST_SIDE: u64 = 1 << 24;

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

/// Packets of XMP that are read. Honest pictures have one.
const MOST_PACKETS: usize = 4;

/// The packets of XMP of a picture.
#[derive(Default)]
pub(super) struct Packets(usize);

impl Packets {
    /// Reads a packet, unless there were too many.
    pub(super) fn read(&mut self, packet: &[u8], metadata: &mut Metadata) {
        self.0 += 1;
        if self.0 <= MOST_PACKETS {
            xmp::fill_picture(xmp::read(packet), metadata);
        }
    }
}

/// Whether the rest of a packet that did not fit into one block says where the picture was taken.
pub(super) fn has_gps(rest: &[u8]) -> bool {
    memmem::find(rest, b"GPSLatitude").is_some()
}
