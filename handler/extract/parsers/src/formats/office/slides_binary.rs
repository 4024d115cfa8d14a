//! The slides of a presentation in the binary format ([MS-PPT]), and the words on them.
//!
//! A presentation is saved by appending what has changed; a directory lists where the last version of each part is.
//! Counted is what is counted in a pptx: the text of all shapes of the slides, and no notes and no masters.

use std::collections::HashMap;
use std::io::Read;

use encoding_rs::{UTF_16LE, WINDOWS_1252};
use handler_contract::Metadata;

use super::words::Words;
use crate::formats::container::{Compound, DocumentError, MAX_STREAM};
use crate::formats::container::{u16_at, u32_at};

/// Times that a presentation was saved which are followed.
const MOST_EDITS: usize = 1024;
/// Slides that are read for words. All are counted.
const MOST_SLIDES: usize = 10_000;
/// Records within each other that are followed.
const DEEPEST: usize = 16;

const SLIDE: u16 = 0x03ee;
const SLIDE_PLACE: u16 = 0x03f3;
const TEXT_CHARACTERS: u16 = 0x0fa0;
const TEXT_BYTES: u16 = 0x0fa8;
const SLIDE_LIST: u16 = 0x0ff0;
const USER_EDIT: u16 = 0x0ff5;
const DIRECTORY: u16 = 0x1772;

/// Counts the slides and their words. `None` if the directory cannot be found.
pub(super) fn count(file: &Compound<'_>, metadata: &mut Metadata) -> Option<Result<(), DocumentError>> {
    let mut user = [0; 20];
    file.stream("Current User")?.read_exact(&mut user).ok()?;
    let stream = file.stream_bytes("PowerPoint Document")?;
    let (document, places) = directory(&stream, u32_at(&user, 16)?)?;

    let document = Record::at(&stream, *places.get(&document)?)?;
    let mut words = Words::default();
    let mut slides = Vec::new();
    // The text of the outline is in the list, that of other shapes with the slide.
    for list in document.records().filter(|list| list.kind == SLIDE_LIST && list.instance == 0) {
        for record in list.records() {
            if record.kind == SLIDE_PLACE {
                slides.extend(u32_at(record.content, 0));
                words.end();
            }
            text(&record, &mut words);
        }
    }
    let mut is_whole = slides.len() <= MOST_SLIDES && stream.len() != MAX_STREAM;
    for slide in slides.iter().take(MOST_SLIDES) {
        words.end();
        let slide = places.get(slide).and_then(|at| Record::at(&stream, *at)).filter(|slide| slide.kind == SLIDE);
        match slide {
            Some(slide) => is_whole &= texts(&slide, &mut words, 0),
            None => is_whole = false,
        }
    }
    metadata.slide_count = Some(slides.len() as u64);
    words.record(metadata);
    Some(if is_whole { Ok(()) } else { Err(DocumentError::Truncated) })
}

/// The number of the document's part, and where the last version of each part is (section 2.1.2).
fn directory(stream: &[u8], last_edit: u32) -> Option<(u32, HashMap<u32, u32>)> {
    let (mut edit, mut document, mut places) = (last_edit, None, HashMap::new());
    for _ in 0..MOST_EDITS {
        let Some(record) = Record::at(stream, edit).filter(|record| record.kind == USER_EDIT) else { break };
        document = document.or(u32_at(record.content, 16));
        let list = Record::at(stream, u32_at(record.content, 12)?).filter(|list| list.kind == DIRECTORY)?;
        let mut at = 0;
        while let Some(entry) = u32_at(list.content, at) {
            let (first, count) = (entry & 0x000f_ffff, entry >> 20);
            at += 4;
            for number in 0..count {
                let Some(place) = u32_at(list.content, at) else { break };
                places.entry(first + number).or_insert(place);
                at += 4;
            }
        }
        let before = u32_at(record.content, 8)?;
        // Each was appended to the one before.
        if before == 0 || before >= edit {
            break;
        }
        edit = before;
    }
    Some((document?, places))
}

/// A record (section 2.3.1).
struct Record<'a> {
    kind: u16,
    instance: u16,
    is_container: bool,
    content: &'a [u8],
    /// Whether all of it is there.
    is_whole: bool,
}

impl<'a> Record<'a> {
    fn at(stream: &'a [u8], at: u32) -> Option<Self> {
        Self::read(stream.get(usize::try_from(at).ok()?..)?)
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, kind, length) = (u16_at(bytes, 0)?, u16_at(bytes, 2)?, u32_at(bytes, 4)?);
        let rest = bytes.get(8..)?;
        let length = usize::try_from(length).ok()?;
        let content = &rest[..rest.len().min(length)];
        Some(Self { kind, instance: head >> 4, is_container: head & 15 == 15, content, is_whole: length <= rest.len() })
    }

    /// The records within.
    fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let mut rest = self.content;
        std::iter::from_fn(move || {
            let record = Record::read(rest)?;
            rest = rest.get(8 + record.content.len()..).unwrap_or_default();
            Some(record)
        })
    }
}

/// Counts the texts in a slide. Returns whether all of it could be read.
fn texts(record: &Record<'_>, words: &mut Words, depth: usize) -> bool {
    let mut is_whole = record.is_whole;
    for inner in record.records() {
        text(&inner, words);
        if inner.is_container {
            is_whole &= depth < DEEPEST && texts(&inner, words, depth + 1);
        }
    }
    is_whole
}

/// Counts a text. Paragraphs end with a carriage return, lines with a vertical tab, both of which are white space.
fn text(record: &Record<'_>, words: &mut Words) {
    let encoding = match record.kind {
        TEXT_CHARACTERS => UTF_16LE,
        TEXT_BYTES => WINDOWS_1252,
        _ => return,
    };
    words.feed(&encoding.decode_without_bom_handling(record.content).0);
    words.end();
}
