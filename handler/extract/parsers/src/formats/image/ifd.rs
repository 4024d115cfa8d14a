//! The structure of TIFF 6 and `BigTIFF` (image file directories), which Exif shares.

use crate::input::View;

/// More entries than this no directory has: their number is 16 bits wide in TIFF, and `BigTIFF`'s is bounded likewise.
const MOST_ENTRIES: u64 = 65_535;
/// The structure of a TIFF file, and of a block of Exif.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiff<'a> {
    view: View<'a>,
    big: bool,
}

/// One entry of a directory: what it means, and where its values are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) tag: u16,
    kind: u16,
    pub(super) count: u64,
    /// The values' bytes, as far as the file has them.
    values: View<'a>,
}

/// A directory: where its entries start, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory {
    pub(super) at: u64,
    entries: u64,
}

impl<'a> Tiff<'a> {
    /// Reads the header. The number after the byte order is 42 or, in `BigTIFF`, 43; some cameras write others.
    pub(super) fn new(file: View<'a>) -> Option<Self> {
        let view = match file.slice(0, 2)? {
            b"II" => file.as_little_endian(),
            b"MM" => file.as_big_endian(),
            _ => return None,
        };
        let big = view.u16(2)? == 43;
        if big && view.u32(4)? != if file.has(0, b"I") { 8 } else { 8 << 16 } {
            return None;
        }
        Some(Self { view, big })
    }

    /// The directory that the header names.
    pub(super) fn first(self) -> Option<u64> {
        if self.big { self.view.u64(8) } else { self.view.u32(4).map(u64::from) }
    }

    pub(super) fn directory(self, at: u64) -> Option<Directory> {
        let (entries, width) = if self.big { (self.view.u64(at)?, 8) } else { (self.view.u16(at)?.into(), 2) };
        (at > 0 && entries <= MOST_ENTRIES).then_some(Directory { at: at + width, entries })
    }

    fn entry_size(self) -> u64 {
        if self.big { 20 } else { 12 }
    }

    /// Where the chain continues after this directory; 0 at its end.
    pub(super) fn next(self, directory: Directory) -> Option<u64> {
        let at = directory.at + directory.entries * self.entry_size();
        if self.big { self.view.u64(at) } else { self.view.u32(at).map(u64::from) }
    }

    /// The entries, up to the first that lies outside of the file.
    pub(super) fn entries(self, directory: Directory) -> impl Iterator<Item = Entry<'a>> {
        (0..directory.entries).map_while(move |index| self.entry(directory.at + index * self.entry_size()))
    }

    fn entry(self, at: u64) -> Option<Entry<'a>> {
        let (tag, kind) = (self.view.u16(at)?, self.view.u16(at + 2)?);
        let (count, field, inline) =
            if self.big { (self.view.u64(at + 4)?, at + 12, 8) } else { (self.view.u32(at + 4)?.into(), at + 8, 4) };
        let len = count.saturating_mul(size_of_kind(kind));
        let from = if len <= inline {
            field
        } else if self.big {
            self.view.u64(field)?
        } else {
            self.view.u32(field)?.into()
        };
        let available = len.min(self.view.len().saturating_sub(from));
        // Values outside of the file are no values, but other entries may still be good.
        let values = self.view.part(from, available).or_else(|| self.view.part(0, 0))?;
        Some(Entry { tag, kind, count, values })
    }
}

/// Bytes of one value; an unknown kind has none that could be read.
fn size_of_kind(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 0,
    }
}

impl<'a> Entry<'a> {
    /// The value at `index`, if it is a whole number and not negative. Some programs write signed ones where the
    /// standard has none.
    pub(super) fn number(self, index: u64) -> Option<u64> {
        let at = index.checked_mul(size_of_kind(self.kind))?;
        match self.kind {
            1 | 7 => self.values.u8(at).map(u64::from),
            3 => self.values.u16(at).map(u64::from),
            8 => self.values.u16(at).and_then(|value| u64::try_from(value.cast_signed()).ok()),
            4 | 13 => self.values.u32(at).map(u64::from),
            9 => self.values.i32(at).and_then(|value| u64::try_from(value).ok()),
            16 | 18 => self.values.u64(at),
            _ => None,
        }
    }

    /// The values' bytes, whatever their kind.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.values.bytes()
    }

    /// The values' bytes, if they are text.
    pub(super) fn text(self) -> Option<&'a [u8]> {
        matches!(self.kind, 1 | 2 | 7).then_some(self.values.bytes())
    }
}
