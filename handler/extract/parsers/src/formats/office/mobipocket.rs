//! Mobipocket, which Kindle reads: records of a Palm database, the first of which describes the book, and then the text
//! in HTML, in pieces that are compressed.
//!
//! The format is documented at <https://wiki.mobileread.com/wiki/MOBI>.

use handler_contract::Metadata;

use super::properties::add;
use crate::charset::ToUtf8;
use crate::formats::container::DocumentError;
use crate::formats::date::from_numbers;
use crate::formats::html::HtmlReader;
use crate::formats::language;
use crate::formats::value::clean;
use crate::input::View;

/// A piece of text is four kilobytes when it is unpacked; none is larger than this. Bytes.
const LARGEST_PIECE: usize = 64 << 10;
/// Fields of the description that are looked at.
const MOST_FIELDS: u32 = 1024;
/// Stored as it is, and packed with references to what came before. A third way needs tables that are rarely there.
const STORED: u16 = 1;
const PALM_DOC: u16 = 2;

/// A book of which the description is read.
pub(super) struct Book<'a> {
    file: View<'a>,
    /// The record that describes the book. Empty in a database without records.
    head: View<'a>,
}

/// Reads what a book says of itself.
pub(super) fn describe<'a>(bytes: &'a [u8], metadata: &mut Metadata) -> Result<Book<'a>, DocumentError> {
    let file = View::big_endian(bytes);
    let head = match file.u16(76) {
        Some(0) => file.part_up_to(0, 0),
        _ => record(file, 0).ok_or(DocumentError::Truncated)?,
    };
    let book = Book { file, head };
    if head.has(16, b"MOBI") {
        book.title(metadata);
        book.fields(metadata);
    }
    if head.u16(12).is_some_and(|encryption| encryption != 0) {
        return Err(DocumentError::Encrypted("the book is encrypted, so that only the owner of a licence can read it"));
    }
    Ok(book)
}

/// Counts the words.
pub(super) fn count(book: &Book<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let (Some(packing), Some(pieces)) = (book.head.u16(0), book.head.u16(8)) else { return Ok(()) };
    if !matches!(packing, STORED | PALM_DOC) {
        return Ok(());
    }
    let trailing = book.trailing();
    let (mut to_utf8, mut reader) = (ToUtf8::declared(Some(book.encoding())), HtmlReader::new());
    let mut result = Ok(());
    let mut unpacked = Vec::new();
    for number in 1..=u64::from(pieces) {
        let Some(piece) = record(book.file, number) else {
            result = Err(DocumentError::Truncated);
            break;
        };
        let piece = without_trailing(piece.bytes(), trailing);
        unpacked.clear();
        if packing == PALM_DOC {
            unpack(piece, &mut unpacked);
        } else {
            unpacked.extend_from_slice(&piece[..piece.len().min(LARGEST_PIECE)]);
        }
        to_utf8.feed(&unpacked, &mut |text| reader.feed(text));
    }
    to_utf8.finish(&mut |text| reader.feed(text));
    let (counts, sample) = reader.into_shown();
    metadata.word_count = Some(counts.words);
    metadata.unicode_word_count = counts.known_unicode_words();
    metadata.language = metadata.language.take().or_else(|| language::detect(&sample));
    result
}

/// A record of the database; the last one ends with the file.
fn record(file: View<'_>, number: u64) -> Option<View<'_>> {
    let count = u64::from(file.u16(76)?);
    if number >= count {
        return None;
    }
    let start = u64::from(file.u32(78 + 8 * number)?);
    let end = if number + 1 < count { file.u32(78 + 8 * (number + 1))?.into() } else { file.len() };
    // One that is cut is not there.
    file.part(start, end.checked_sub(start)?)
}

impl Book<'_> {
    fn encoding(&self) -> &'static encoding_rs::Encoding {
        if self.head.has(16, b"MOBI") && self.head.u32(28) == Some(65_001) {
            encoding_rs::UTF_8
        } else {
            encoding_rs::WINDOWS_1252
        }
    }

    fn text(&self, bytes: &[u8]) -> Option<String> {
        clean(&self.encoding().decode_without_bom_handling(&bytes[..bytes.len().min(4096)]).0)
    }

    fn title(&self, metadata: &mut Metadata) {
        let place = self.head.u32(84).zip(self.head.u32(88));
        let title = place.and_then(|(at, len)| self.head.slice(at.into(), len.into()));
        metadata.title = title.and_then(|title| self.text(title));
    }

    /// The fields of the extended header, if there is one.
    fn fields(&self, metadata: &mut Metadata) -> Option<()> {
        const HAS_FIELDS: u32 = 0x40;
        let head = self.head;
        if head.u32(128)? & HAS_FIELDS == 0 {
            return None;
        }
        let start = 16 + u64::from(head.u32(20)?);
        if !head.has(start, b"EXTH") {
            return None;
        }
        let mut at = start + 12;
        for _ in 0..head.u32(start + 8)?.min(MOST_FIELDS) {
            let (kind, len) = (head.u32(at)?, u64::from(head.u32(at + 4)?));
            let text = || self.text(head.slice(at + 8, len.checked_sub(8)?)?);
            match kind {
                100 => {
                    if let Some(author) = text() {
                        add(&mut metadata.author, &author);
                    }
                }
                101 => metadata.publisher = text(),
                103 => metadata.description = text(),
                104 => metadata.identifier = text(),
                105 => {
                    if let Some(subject) = text() {
                        add(&mut metadata.subject, &subject);
                    }
                }
                106 => metadata.date_created = text().as_deref().and_then(from_numbers),
                503 => metadata.title = text().or(metadata.title.take()),
                524 => metadata.language = text().as_deref().and_then(language::declared),
                _ => {}
            }
            at += len.max(8);
        }
        Some(())
    }

    /// What follows the text in each record: a bit for each kind.
    fn trailing(&self) -> u16 {
        let has_flags = self.head.has(16, b"MOBI") && self.head.u32(20).is_some_and(|len| len >= 228);
        if has_flags { self.head.u16(242).unwrap_or(0) } else { 0 }
    }
}

/// The text of a record: kinds of data follow it, each with its length at its end, in seven bits a byte, and the first of
/// them, which is bytes of a character that continues, with two bits.
fn without_trailing(mut record: &[u8], kinds: u16) -> &[u8] {
    for _ in 0..(kinds >> 1).count_ones() {
        let mut len = 0_usize;
        // The length is written so that it can be read backwards: its first byte has the upper bit.
        for (place, byte) in record.iter().rev().take(4).enumerate() {
            len |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 != 0 {
                break;
            }
        }
        record = &record[..record.len().saturating_sub(len)];
    }
    if kinds & 1 == 1
        && let Some(last) = record.last()
    {
        record = &record[..record.len().saturating_sub(usize::from(last & 3) + 1)];
    }
    record
}

/// Unpacks a piece of text, up to where it is damaged.
fn unpack(packed: &[u8], text: &mut Vec<u8>) {
    let mut rest = packed.iter();
    while let Some(byte) = rest.next() {
        if text.len() >= LARGEST_PIECE {
            return;
        }
        match byte {
            // As many bytes as they are.
            1..=8 => text.extend(rest.by_ref().take((*byte).into())),
            0 | 9..=0x7f => text.push(*byte),
            0xc0..=0xff => text.extend([b' ', byte ^ 0x80]),
            // A distance of eleven bits, and a length of three.
            0x80..=0xbf => {
                let Some(second) = rest.next() else { return };
                let pair = u16::from(*byte) << 8 | u16::from(*second);
                let (distance, len) = (usize::from(pair >> 3 & 0x7ff), usize::from(pair & 7) + 3);
                let Some(from) = text.len().checked_sub(distance).filter(|_| distance > 0) else { return };
                for at in from..from + len {
                    text.push(text[at]);
                }
            }
        }
    }
}
