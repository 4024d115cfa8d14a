//! The text of a Word document in the binary format ([MS-DOC]), and of the versions 6 and 95 before it.
//!
//! Counted is what is counted in a docx: the running text with its tables, and the text boxes. Foot- and endnotes,
//! headers, comments and the instructions of fields are not.

use std::ops::Range;

use encoding_rs::{UTF_16LE, WINDOWS_1252};

use super::words::Words;
use crate::formats::container::{Compound, DocumentError, MAX_STREAM};
use crate::formats::container::{u16_at, u32_at};

/// What a document starts with (section 2.5.2), and what one of Word 6 and 95 does.
const IDENTIFIER: u16 = 0xa5ec;
const OLD_IDENTIFIER: u16 = 0xa5dc;
/// The first version whose text is in pieces that a table lists: Word 97.
const WORD_97: u16 = 0x00c1;
/// Where the lengths of the texts are (section 2.5.4), and how many there are.
const LENGTHS: usize = 76;
/// Where the place of the table of pieces is (section 2.5.6).
const PIECES: usize = 418;
/// Bytes of text that are decoded at a time.
const CHUNK: usize = 4096;

/// Counts the words of a document. `None` if its text cannot be found.
pub(super) fn count(file: &Compound<'_>, words: &mut Words) -> Option<Result<(), DocumentError>> {
    let stream = file.stream_bytes("WordDocument")?;
    let mut text = Text { words, field: Field::default(), decoded: String::new() };
    match (u16_at(&stream, 0)?, u16_at(&stream, 2)?) {
        (IDENTIFIER, WORD_97..) => {}
        (OLD_IDENTIFIER, 0x65..WORD_97) => return count_old(&stream, &mut text),
        _ => return None,
    }
    let is_second = u16_at(&stream, 10)? & 0x0200 != 0;
    let table = file.stream_bytes(if is_second { "1Table" } else { "0Table" })?;
    let start = usize::try_from(u32_at(&stream, PIECES)?).ok()?;
    let length = usize::try_from(u32_at(&stream, PIECES + 4)?).ok()?;
    let pieces = pieces(table.get(start..)?.get(..length).unwrap_or(&table[start..]))?;
    // Text, footnotes, headers, a reserved one, comments, endnotes, text boxes.
    let lengths: Vec<u64> = (0..7).map_while(|index| u32_at(&stream, LENGTHS + 4 * index).map(u64::from)).collect();
    let [running, footnotes, headers, _, comments, endnotes, boxes] = lengths[..] else { return None };
    let before = running + footnotes + headers + comments + endnotes;
    Some(
        text.count(&stream, &pieces, 0..running)
            .and_then(|()| text.count(&stream, &pieces, before..before + boxes))
            .and(if stream.len() == MAX_STREAM { Err(DocumentError::Truncated) } else { Ok(()) }),
    )
}

/// Before Word 97 the text is in one piece, of one byte a character, unless the document was saved in haste.
fn count_old(stream: &[u8], text: &mut Text<'_>) -> Option<Result<(), DocumentError>> {
    const IS_COMPLEX: u16 = 0x0004;
    if u16_at(stream, 10)? & IS_COMPLEX != 0 {
        return None;
    }
    let (start, length) = (u32_at(stream, 24)?, u32_at(stream, 52)?);
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let bytes = stream.get(start..end.min(stream.len()))?;
    text.bytes(bytes, false);
    Some(if end <= stream.len() { Ok(()) } else { Err(DocumentError::Truncated) })
}

/// A piece of text: its characters, and where in the stream they are.
struct Piece {
    characters: Range<u64>,
    at: usize,
    is_wide: bool,
}

/// Reads the table of pieces (sections 2.9.38 and 2.8.35): properties that are passed over, then the pieces.
fn pieces(mut table: &[u8]) -> Option<Vec<Piece>> {
    while table.first()? == &1 {
        table = table.get(3 + usize::from(u16_at(table, 1)?)..)?;
    }
    if table.first()? != &2 {
        return None;
    }
    let length = usize::try_from(u32_at(table, 1)?).ok()?;
    let table = table.get(5..)?;
    let table = &table[..table.len().min(length)];
    // Positions of four bytes, one more than there are pieces, then pieces of eight.
    let count = table.len().checked_sub(4)? / 12;
    let read = |index: usize| {
        let (start, end) = (u32_at(table, 4 * index)?, u32_at(table, 4 * index + 4)?);
        let place = u32_at(table, 4 * (count + 1) + 8 * index + 2)?;
        let is_wide = place & 0x4000_0000 == 0;
        let at = usize::try_from(place & 0x3fff_ffff).ok()?;
        Some(Piece { characters: start.into()..end.into(), at: if is_wide { at } else { at / 2 }, is_wide })
    };
    (0..count).map(read).collect()
}

/// Where in a field the text is.
#[derive(Debug, Default, Clone, Copy)]
struct Field {
    /// Fields within each other.
    depth: u32,
    /// The outermost field of which the instructions are being read.
    instructions: Option<u32>,
}

/// Counts text as it is decoded.
struct Text<'w> {
    words: &'w mut Words,
    field: Field,
    decoded: String,
}

impl Text<'_> {
    /// Counts a range of the characters.
    fn count(&mut self, stream: &[u8], pieces: &[Piece], range: Range<u64>) -> Result<(), DocumentError> {
        // No honest document has more characters than its stream has bytes.
        let mut left = stream.len();
        for piece in pieces {
            let from = piece.characters.start.max(range.start);
            let to = piece.characters.end.min(range.end);
            if from >= to {
                continue;
            }
            let width = if piece.is_wide { 2 } else { 1 };
            let bytes = |characters: u64| usize::try_from(characters).ok()?.checked_mul(width);
            let skipped = bytes(from - piece.characters.start).ok_or(DocumentError::Truncated)?;
            let length = bytes(to - from).ok_or(DocumentError::Truncated)?;
            let start = piece.at.checked_add(skipped).ok_or(DocumentError::Truncated)?;
            left = left.checked_sub(length).ok_or(DocumentError::Truncated)?;
            let text = stream.get(start..start + length).ok_or(DocumentError::Truncated);
            self.bytes(text?, piece.is_wide);
        }
        self.words.end();
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], is_wide: bool) {
        let encoding = if is_wide { UTF_16LE } else { WINDOWS_1252 };
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let mut part = String::with_capacity(3 * CHUNK);
        for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
            let is_last = (index + 1) * CHUNK >= bytes.len();
            part.clear();
            // It has room for the longest text that a chunk can become, so nothing is left of it.
            let _ = decoder.decode_to_string(chunk, &mut part, is_last);
            part.chars().for_each(|character| self.character(character));
            self.words.feed(&self.decoded);
            self.decoded.clear();
        }
    }

    /// Characters below the blank have meanings of their own (section 2.4.1).
    fn character(&mut self, character: char) {
        let Field { depth, instructions } = &mut self.field;
        match character {
            '\u{13}' => {
                *depth += 1;
                *instructions = instructions.or(Some(*depth));
            }
            '\u{14}' if *instructions == Some(*depth) => *instructions = None,
            '\u{15}' => {
                if *instructions == Some(*depth) {
                    *instructions = None;
                }
                *depth = depth.saturating_sub(1);
            }
            _ if instructions.is_some() => {}
            '\u{1e}' => self.decoded.push('-'),
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{7}' | '\u{e}' => self.decoded.push('\n'),
            // Pictures, notes, comments, and hyphens that are not shown.
            '\0'..='\u{1f}' => {}
            character => self.decoded.push(character),
        }
    }
}
