//! JPEG (ITU T.81, annex B): a walk over the marker segments up to the first scan.

use handler_contract::Metadata;

use super::exif;
use super::fields::{set_size, xmp_has_gps};
use crate::input::View;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    metadata.has_gps = Some(false);
    let mut at = 2;
    let mut exif = exif::Block::default();
    loop {
        // Any number of fill bytes may be before a marker; other bytes between segments are stray.
        match (view.u8(at)?, view.u8(at + 1)?) {
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, 0xd9 | 0xda) => return Some(()),
            (0xff, marker @ 0x02..=0xfe) => {
                let len = u64::from(view.u16(at + 2)?.max(2));
                let data = view.slice_up_to(at + 4, len - 2);
                match marker {
                    // Start of frame, of whatever process; the gaps are tables.
                    0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                        set_size(metadata, view.u16(at + 7)?, view.u16(at + 5)?);
                    }
                    0xe1 => application(data, &mut exif, metadata),
                    _ => {}
                }
                at += 2 + len;
            }
            _ => at += 1,
        }
    }
}

fn application(data: &[u8], exif: &mut exif::Block, metadata: &mut Metadata) {
    if let Some(block) = data.strip_prefix(b"Exif\0\0") {
        exif.read(block, metadata);
    } else if data.starts_with(b"http://ns.adobe.com/x") && xmp_has_gps(data) {
        metadata.has_gps = Some(true);
    }
}
