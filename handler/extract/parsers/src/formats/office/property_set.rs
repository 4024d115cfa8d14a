//! Property sets ([MS-OLEPS]): what doc, xls and ppt files say of themselves.

use std::io::Read;

use handler_contract::Metadata;

use super::codepage;
use crate::formats::container::DocumentError;
use crate::formats::container::{u16_at, u32_at, u64_at};
use crate::formats::date::from_file_time;
use crate::formats::value::clean;

/// How much of a property set is read. Thumbnails make it long, and are after the rest.
const MOST_BYTES: u64 = 256 << 10;
/// Properties that are looked at.
const MOST_PROPERTIES: usize = 256;
/// The longest text that is decoded, in bytes.
const LONGEST_TEXT: usize = 4096;

/// The stream `SummaryInformation` ([MS-OLEPS], section 3.1).
pub(super) fn summary(stream: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let bytes = read(stream)?;
    let set = Section::parse(&bytes).ok_or(DocumentError::Truncated)?;
    metadata.title = set.text(2);
    metadata.subject = set.text(3);
    metadata.author = set.text(4);
    metadata.keywords = set.text(5);
    metadata.description = set.text(6);
    metadata.last_modified_by = set.text(8);
    metadata.date_created = set.date(12);
    metadata.date_modified = set.date(13);
    metadata.declared_page_count = set.number(14);
    metadata.declared_word_count = set.number(15);
    metadata.creator_tool = set.text(18);
    Ok(())
}

/// The stream `DocumentSummaryInformation` ([MS-OSHARED], section 2.3.3.2).
pub(super) fn document_summary(stream: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let bytes = read(stream)?;
    let set = Section::parse(&bytes).ok_or(DocumentError::Truncated)?;
    metadata.publisher = set.text(15);
    Ok(())
}

fn read(stream: impl Read) -> Result<Vec<u8>, DocumentError> {
    let mut bytes = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first section of a property set.
struct Section<'a> {
    bytes: &'a [u8],
    codepage: u16,
}

impl<'a> Section<'a> {
    fn parse(set: &'a [u8]) -> Option<Self> {
        if u16_at(set, 0)? != 0xfffe {
            return None;
        }
        let bytes = set.get(usize::try_from(u32_at(set, 44)?).ok()?..)?;
        let mut section = Self { bytes, codepage: 1252 };
        if let Some((2, value)) = section.value(1) {
            section.codepage = u16_at(value, 0)?;
        }
        Some(section)
    }

    /// The type and the bytes of a property, and whatever follows them.
    fn value(&self, identifier: u32) -> Option<(u32, &'a [u8])> {
        let count = usize::try_from(u32_at(self.bytes, 4)?).ok()?.min(MOST_PROPERTIES);
        let at = (0..count).map(|i| 8 + 8 * i).find(|at| u32_at(self.bytes, *at) == Some(identifier))?;
        let value = self.bytes.get(usize::try_from(u32_at(self.bytes, at + 4)?).ok()?..)?;
        // The upper half of the type is padding.
        Some((u32_at(value, 0)? & 0xffff, value.get(4..)?))
    }

    fn text(&self, identifier: u32) -> Option<String> {
        let (kind, value) = self.value(identifier)?;
        let length = usize::try_from(u32_at(value, 0)?).ok()?;
        let (encoding, length) = match kind {
            30 => (codepage::encoding(self.codepage), length),
            31 => (codepage::encoding(1200), length.saturating_mul(2)),
            _ => return None,
        };
        let bytes = value.get(4..)?;
        let bytes = &bytes[..bytes.len().min(length).min(LONGEST_TEXT)];
        let text = encoding.decode(bytes);
        clean(text.split('\0').next().unwrap_or_default())
    }

    /// A count; one of zero is what programs write that do not count.
    fn number(&self, identifier: u32) -> Option<u64> {
        match self.value(identifier)? {
            (3, value) => u32_at(value, 0).filter(|n| (1..1 << 31).contains(n)).map(u64::from),
            _ => None,
        }
    }

    /// An instant.
    fn date(&self, identifier: u32) -> Option<String> {
        match self.value(identifier)? {
            (64, value) => from_file_time(u64_at(value, 0)?),
            _ => None,
        }
    }
}
