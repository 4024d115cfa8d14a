//! TIFF 6, `BigTIFF`, and the raw formats made of them: the chain of directories, one a page, anywhere in the file.

use std::collections::HashSet;

use handler_contract::Metadata;

use super::exif;
use super::fields::set_size;
use super::ifd::{Directory, Entry, Tiff};
use crate::input::View;

/// More pages than this are not counted. The directories of a file with that many pages would fill 20 MB.
const MOST_PAGES: usize = 100_000;
/// The tags looked for are among the first of a directory: they are sorted, and few are smaller.
const MOST_SMALL_TAGS: usize = 256;
/// Pieces of pictures whose places are compared with the file's length, of all pages together.
const MOST_PIECES: u64 = 1 << 20;
/// More directories than this below one are not followed.
const MOST_CHILDREN: u64 = 64;

const NEW_SUBFILE_TYPE: u16 = 0x00fe;
const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const STRIP_OFFSETS: u16 = 0x0111;
const STRIP_BYTE_COUNTS: u16 = 0x0117;
const TILE_OFFSETS: u16 = 0x0144;
const TILE_BYTE_COUNTS: u16 = 0x0145;
const SUB_IFDS: u16 = 0x014a;

pub(super) fn read(file: View, metadata: &mut Metadata) -> Option<()> {
    let tiff = Tiff::new(file)?;
    metadata.has_gps = Some(false);
    let first = tiff.directory(tiff.first()?)?;
    let page = Page::read(tiff, first);
    set_page_size(tiff, &page, metadata);
    exif::read_tiff(tiff, first, metadata);

    let mut seen = HashSet::new();
    let mut pieces = MOST_PIECES;
    let mut has_pixels = page.is_within(file.len(), &mut pieces);
    let mut pages = u64::from(page.is_page());
    let mut directory = first;
    let complete = loop {
        seen.insert(directory.at);
        let Some(next) = tiff.next(directory) else { break false };
        if next == 0 {
            break true;
        }
        match tiff.directory(next) {
            Some(next) if seen.len() < MOST_PAGES && !seen.contains(&next.at) => directory = next,
            _ => break false,
        }
        let page = Page::read(tiff, directory);
        pages += u64::from(page.is_page());
        has_pixels &= page.is_within(file.len(), &mut pieces);
    };
    metadata.page_count = Some(pages.max(1));
    (complete && has_pixels).then_some(())
}

/// What one directory says of its picture.
#[derive(Default)]
struct Page<'a> {
    width: u64,
    height: u64,
    /// Bit 0: a smaller version of another picture. Bit 2: a mask.
    subfile_type: u64,
    children: Option<Entry<'a>>,
    /// Where the strips or tiles are, and how long.
    offsets: Option<Entry<'a>>,
    lengths: Option<Entry<'a>>,
}

impl<'a> Page<'a> {
    fn read(tiff: Tiff<'a>, directory: Directory) -> Self {
        let mut page = Self::default();
        for entry in tiff.entries(directory).take(MOST_SMALL_TAGS) {
            match entry.tag {
                NEW_SUBFILE_TYPE => page.subfile_type = entry.number(0).unwrap_or(0),
                IMAGE_WIDTH => page.width = entry.number(0).unwrap_or(0),
                IMAGE_LENGTH => page.height = entry.number(0).unwrap_or(0),
                STRIP_OFFSETS | TILE_OFFSETS => page.offsets = Some(entry),
                STRIP_BYTE_COUNTS | TILE_BYTE_COUNTS => page.lengths = Some(entry),
                SUB_IFDS => page.children = Some(entry),
                _ => {}
            }
        }
        page
    }

    /// Whether the pixels are in a file of this length.
    fn is_within(&self, len: u64, pieces: &mut u64) -> bool {
        let Some(offsets) = self.offsets else { return true };
        let count = offsets.count.min(*pieces);
        *pieces -= count;
        (0..count).all(|index| {
            let Some(offset) = offsets.number(index) else { return false };
            let length = self.lengths.and_then(|lengths| lengths.number(index)).unwrap_or(0);
            offset.checked_add(length).is_some_and(|end| end <= len)
        })
    }

    fn is_reduced(&self) -> bool {
        self.subfile_type & 1 != 0
    }

    fn is_page(&self) -> bool {
        self.subfile_type & 0b101 == 0
    }
}

/// The size of the first picture. Raw formats put a small one there and the real one below it.
fn set_page_size(tiff: Tiff, page: &Page, metadata: &mut Metadata) {
    let mut largest = (page.width, page.height);
    if let (true, Some(children)) = (page.is_reduced(), page.children) {
        for index in 0..children.count.min(MOST_CHILDREN) {
            let Some(at) = children.number(index) else { break };
            let Some(child) = tiff.directory(at).map(|directory| Page::read(tiff, directory)) else { continue };
            if child.width.saturating_mul(child.height) > largest.0.saturating_mul(largest.1) {
                largest = (child.width, child.height);
            }
        }
    }
    set_size(metadata, largest.0, largest.1);
}
