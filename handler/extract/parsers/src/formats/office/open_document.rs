//! OpenDocument: odt, ods and odp, whichever the body turns out to be.
//!
//! Words are those of paragraphs and headings, in lists, tables and text boxes too, each once. Not counted are foot-
//! and endnotes, comments, speakers' notes, and what tracked changes deleted. Of a spreadsheet only the sheets are
//! counted.

use std::io::Read;

use handler_contract::Metadata;
use memchr::memmem;

use super::markup::{Markup, Node};
use super::properties::{add, leaves};
use super::words::Words;
use crate::formats::container::{Container, Package};
use crate::formats::container::{DocumentError, minor};
use crate::formats::date::from_numbers;
use crate::formats::value::{clean, declared_count};

/// Reads what a document says of itself.
pub(super) fn describe<'b>(container: Container<'b>, metadata: &mut Metadata) -> Result<Package<'b>, DocumentError> {
    let package = container.package()?;
    let is_macro = |name: &[u8]| {
        [&b"Basic/"[..], b"Scripts/"].iter().any(|folder| name.starts_with(folder)) && !name.ends_with(b"/")
    };
    metadata.has_macros = Some(package.names().any(is_macro));
    let mut is_encrypted = false;
    if let Some(manifest) = package.part("META-INF/manifest.xml") {
        let result = manifest.and_then(|manifest| read_manifest(manifest, &mut is_encrypted));
        minor(metadata, result)?;
    }
    if is_encrypted {
        return Err(DocumentError::Encrypted("the document is encrypted with a password"));
    }
    if let Some(meta) = package.part("meta.xml") {
        let result = meta.and_then(|meta| read_meta(meta, metadata));
        minor(metadata, result)?;
    }
    Ok(package)
}

/// Whether the manifest lists encrypted parts (OpenDocument 1.3 part 2, section 4.4).
fn read_manifest(manifest: impl Read, is_encrypted: &mut bool) -> Result<(), DocumentError> {
    let mut markup = Markup::new(manifest);
    loop {
        match markup.next()? {
            Node::Start(tag) => *is_encrypted |= matches!(tag.name(), "encryption-data" | "encrypted-key"),
            Node::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// `meta.xml` (OpenDocument 1.3 part 3, section 4.3).
fn read_meta(meta: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let mut creator = None;
    let numbers = |tag: &super::markup::Tag<'_>| {
        let number = |name| declared_count(&tag.attribute(name)?);
        (tag.name() == "document-statistic").then(|| (number("page-count"), number("word-count")))
    };
    let result = leaves(meta, numbers, |name, declared, text| {
        if let Some((pages, words)) = declared {
            (metadata.declared_page_count, metadata.declared_word_count) = (pages, words);
        }
        match name {
            "title" => metadata.title = clean(text),
            "subject" => metadata.subject = clean(text),
            "description" => metadata.description = clean(text),
            "keyword" => add(&mut metadata.keywords, text),
            "initial-creator" => metadata.author = clean(text),
            "creator" => creator = clean(text),
            "creation-date" => metadata.date_created = from_numbers(text),
            "date" => metadata.date_modified = from_numbers(text),
            "language" => metadata.language = clean(text),
            "generator" => metadata.creator_tool = clean(text),
            _ => {}
        }
    });
    // The creator is who wrote it last (section 4.3.2.7), and where nobody else is named the only one.
    metadata.author = metadata.author.take().or_else(|| creator.clone());
    metadata.last_modified_by = creator;
    result
}

/// What the element means that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Body,
    Sheets,
    Slides,
    /// Anything around paragraphs.
    Blocks,
    Paragraph,
    Skipped,
}

/// The place of the element `name` inside an element at `place`.
fn enter(place: Place, name: &str) -> Place {
    match (place, name) {
        (Place::Document, "body") => Place::Body,
        (Place::Body, "spreadsheet") => Place::Sheets,
        (Place::Body, "presentation") => Place::Slides,
        (Place::Body, "text" | "drawing") | (Place::Slides, "page") => Place::Blocks,
        // Titles of pictures are there for people who cannot see them. In a paragraph a title is a field.
        (_, "tracked-changes" | "annotation" | "notes" | "note" | "script" | "event-listeners" | "ruby-text")
        | (Place::Blocks, "title" | "desc") => Place::Skipped,
        (Place::Blocks | Place::Paragraph, "p" | "h") => Place::Paragraph,
        (Place::Paragraph, shape) if SHAPES.contains(&shape) => Place::Blocks,
        (Place::Blocks | Place::Paragraph, _) => place,
        _ => Place::Skipped,
    }
}

/// What is in a paragraph and may hold paragraphs of its own.
const SHAPES: &[&str] = &[
    "frame",
    "custom-shape",
    "rect",
    "line",
    "polyline",
    "polygon",
    "regular-polygon",
    "path",
    "circle",
    "ellipse",
    "g",
    "connector",
    "caption",
    "measure",
    "control",
];

/// Counts what there is in the document.
pub(super) fn count(package: &Package<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let content =
        package.part("content.xml").ok_or(DocumentError::Damaged("the part that holds the document is missing"))?;
    count_content(content?, metadata)
}

/// Reads what a document that is one file says of itself (OpenDocument 1.3 part 3, section 3.1.2).
pub(super) fn describe_flat<'b>(bytes: &'b [u8], metadata: &mut Metadata) -> Result<&'b [u8], DocumentError> {
    let end = memmem::find(bytes, b"<office:body").unwrap_or(bytes.len());
    let head = &bytes[..end];
    let meta = memmem::find(head, b"<office:meta>").zip(memmem::rfind(head, b"</office:meta>"));
    if let Some((start, end)) = meta.filter(|(start, end)| start < end) {
        let result = read_meta(&head[start..end + b"</office:meta>".len()], metadata);
        minor(metadata, result)?;
    }
    Ok(bytes)
}

/// Counts what there is in a document that is one file.
pub(super) fn count_flat(bytes: &[u8], metadata: &mut Metadata) -> Result<(), DocumentError> {
    count_content(bytes, metadata)
}

fn count_content(content: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let mut markup = Markup::new(content);
    let mut counts = Counts::default();
    let result = walk(&mut markup, &mut counts);
    if counts.has_text {
        counts.words.record(metadata);
    }
    metadata.slide_count = counts.slides;
    metadata.sheet_count = counts.sheets;
    result
}

#[derive(Debug, Default)]
struct Counts {
    words: Words,
    has_text: bool,
    slides: Option<u64>,
    sheets: Option<u64>,
}

fn walk(markup: &mut Markup<impl Read>, counts: &mut Counts) -> Result<(), DocumentError> {
    let mut places = vec![];
    loop {
        let place = places.last().copied();
        match markup.next()? {
            Node::Start(tag) => {
                let inner = place.map_or(Place::Document, |place| enter(place, tag.name()));
                match (place, tag.name()) {
                    (Some(Place::Sheets), "table") => counts.sheets = counts.sheets.map(|n| n + 1),
                    (Some(Place::Slides), "page") => counts.slides = counts.slides.map(|n| n + 1),
                    (Some(Place::Paragraph), "s" | "tab" | "line-break" | "p" | "h")
                    | (Some(Place::Blocks), "p" | "h") => {
                        counts.words.end();
                    }
                    _ => {}
                }
                match (place, inner) {
                    (Some(Place::Body), Place::Sheets) => counts.sheets = counts.sheets.or(Some(0)),
                    (Some(Place::Body), Place::Slides) => {
                        counts.slides = counts.slides.or(Some(0));
                        counts.has_text = true;
                    }
                    (Some(Place::Body), Place::Blocks) => counts.has_text = true,
                    _ => {}
                }
                places.push(inner);
            }
            Node::Text(text) if place == Some(Place::Paragraph) => counts.words.feed(&text),
            Node::Text(_) | Node::Other => {}
            Node::End(_) => {
                // After a text box the paragraph around it continues, with another word.
                if places.pop() == Some(Place::Blocks) {
                    counts.words.end();
                }
            }
            Node::Eof => return Ok(()),
        }
    }
}
