//! JPEG (ITU T.81, annex B): a walk over the marker segments up to the first scan, and a search for the end.

use handler_contract::Metadata;
use memchr::memmem;

use super::fields::{Packets, has_gps, set_size};
use super::{exif, iptc};
use crate::input::View;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian();
    metadata.has_gps = Some(false);
    let mut at = 2;
    let mut application = Application::default();
    loop {
        // Any number of fill bytes may be before a marker; other bytes between segments are stray.
        match (view.u8(at)?, view.u8(at + 1)?) {
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, 0xd9) => return Some(()),
            (0xff, 0xda) => return has_end(view, at).then_some(()),
            (0xff, marker @ 0x02..=0xfe) => {
                let len = u64::from(view.u16(at + 2)?.max(2));
                let data = view.slice_up_to(at + 4, len - 2);
                match marker {
                    // Start of frame, of whatever process; the gaps are tables.
                    0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                        set_size(metadata, view.u16(at + 7)?, view.u16(at + 5)?);
                    }
                    0xe1 | 0xed => application.read(data, metadata),
                    _ => {}
                }
                at += 2 + len;
            }
            _ => at += 1,
        }
    }
}

/// Whether the mark of the end follows a scan. No two bytes of a scan are this mark, and what is behind it is no part
/// of the picture.
fn has_end(view: View, scan: u64) -> bool {
    let is_in = |at: u64| view.from(at).is_some_and(|rest| memmem::find(rest.bytes(), b"\xff\xd9").is_some());
    is_in(scan) || view.behind_gap(scan).is_some_and(is_in)
}

/// The segments of programs that are read.
#[derive(Default)]
struct Application {
    exif: exif::Block,
    xmp: Packets,
}

impl Application {
    fn read(&mut self, data: &[u8], metadata: &mut Metadata) {
        if let Some(block) = data.strip_prefix(b"Exif\0\0") {
            self.exif.read(block, metadata);
        } else if let Some(packet) = data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            self.xmp.read(packet, metadata);
        } else if data.starts_with(b"http://ns.adobe.com/xmp/extension/\0") && has_gps(data) {
            metadata.has_gps = Some(true);
        } else if let Some(blocks) = data.strip_prefix(b"Photoshop 3.0\0") {
            iptc::read_resources(View::big_endian(blocks), metadata, |data, metadata| {
                exif::Block::default().read(data, metadata);
            });
        }
    }
}
