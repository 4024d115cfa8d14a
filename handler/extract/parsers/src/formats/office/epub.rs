//! EPUB 2 and 3: metadata from the package document, words from the content documents of the spine.
//!
//! Counted is the text in the bodies of all documents of the spine, those outside the reading order too. An element
//! that is not one of the inline elements of HTML ends a word.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use handler_contract::Metadata;
use percent_encoding::percent_decode_str;

use super::markup::{Markup, Node, Tag};
use super::open_xml::resolve;
use super::properties::{add, leaves};
use super::words::Words;
use crate::formats::container::{Container, Package};
use crate::formats::container::{DocumentError, minor};
use crate::formats::date::from_numbers;
use crate::formats::value::clean;

/// Documents of a spine that are read.
const MOST_DOCUMENTS: usize = 10_000;
/// The longest name or identifier of a document.
const LONGEST_NAME: usize = 256;

/// A book of which the metadata is read.
pub(super) struct Body<'b> {
    package: Package<'b>,
    /// Where the package document is, to which all references are relative.
    folder: String,
    book: Book,
}

/// Reads what a book says of itself.
pub(super) fn describe<'b>(container: Container<'b>, metadata: &mut Metadata) -> Result<Body<'b>, DocumentError> {
    let package = container.package()?;
    let missing = DocumentError::Damaged("the part that lists what belongs to the book is missing");
    let mut root = None;
    leaves(
        package.part("META-INF/container.xml").ok_or(missing)??,
        |tag| tag.attribute("full-path"),
        |name, path, _| {
            if name == "rootfile" && root.is_none() {
                root = path;
            }
        },
    )?;
    let root = root.ok_or(missing)?;
    let mut book = Book::default();
    let result = read_book(package.part(&root).ok_or(missing)??, metadata, &mut book);
    minor(metadata, result)?;

    let mut is_encrypted = package.has("META-INF/rights.xml");
    if let Some(encryption) = package.part("META-INF/encryption.xml") {
        let result = encryption.and_then(|input| {
            leaves(
                input,
                |tag| tag.attribute("Algorithm"),
                |name, algorithm, _| {
                    let algorithm = algorithm.unwrap_or_default();
                    is_encrypted |= name == "EncryptionMethod" && !OBFUSCATIONS.contains(&algorithm.as_str());
                },
            )
        });
        minor(metadata, result)?;
    }
    if is_encrypted {
        return Err(DocumentError::Encrypted("the book is encrypted, so that only the owner of a licence can read it"));
    }
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    Ok(Body { package, folder, book })
}

/// What hides fonts from being copied, and keeps nobody from reading (EPUB 3.3, section 4.3; Adobe's own).
const OBFUSCATIONS: &[&str] = &["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// What the package document lists.
#[derive(Debug, Default)]
struct Book {
    /// Where each item is, by its identifier.
    items: BTreeMap<String, String>,
    /// The identifiers of the spine's items.
    spine: Vec<String>,
}

/// What attributes of the package document say.
struct Attributes {
    id: Option<String>,
    href: Option<String>,
    idref: Option<String>,
    event: Option<String>,
    property: Option<String>,
    version: Option<String>,
    unique_identifier: Option<String>,
}

fn attributes(tag: &Tag<'_>) -> Option<Attributes> {
    matches!(tag.name(), "package" | "item" | "itemref" | "date" | "meta" | "identifier").then(|| Attributes {
        id: tag.attribute("id"),
        href: tag.attribute("href"),
        idref: tag.attribute("idref"),
        event: tag.attribute("event"),
        property: tag.attribute("property"),
        version: tag.attribute("version"),
        unique_identifier: tag.attribute("unique-identifier"),
    })
}

/// The package document (EPUB 3.3, section 5; OPF 2.0.1).
fn read_book(input: impl Read, metadata: &mut Metadata, book: &mut Book) -> Result<(), DocumentError> {
    let mut version = None;
    let mut unique = None;
    let pick = |tag: &Tag<'_>| {
        let picked = attributes(tag);
        if let (Some(picked), "package") = (&picked, tag.name()) {
            version = picked.version.as_deref().and_then(clean);
            unique.clone_from(&picked.unique_identifier);
        }
        // The identifier is chosen by the package's attribute, which is before it.
        let is_unique = picked.as_ref().is_some_and(|p| p.id.is_some() && p.id == unique);
        (picked, is_unique)
    };
    let result = leaves(input, pick, |name, (attributes, is_unique), text| {
        match name {
            "title" if metadata.title.is_none() => metadata.title = clean(text),
            "creator" => add(&mut metadata.author, text),
            "subject" => add(&mut metadata.subject, text),
            "description" if metadata.description.is_none() => metadata.description = clean(text),
            "publisher" if metadata.publisher.is_none() => metadata.publisher = clean(text),
            "language" if metadata.language.is_none() => metadata.language = clean(text),
            _ => {}
        }
        let Some(attributes) = attributes else { return };
        match name {
            "identifier" if is_unique || metadata.identifier.is_none() => metadata.identifier = clean(text),
            "date" if attributes.event.as_deref() == Some("modification") => {
                metadata.date_modified = from_numbers(text);
            }
            "date" if metadata.date_created.is_none() => metadata.date_created = from_numbers(text),
            "meta" if attributes.property.as_deref() == Some("dcterms:modified") => {
                metadata.date_modified = from_numbers(text);
            }
            "item" => {
                if let (Some(id), Some(href)) = (attributes.id, attributes.href)
                    && book.items.len() < MOST_DOCUMENTS
                    && id.len() <= LONGEST_NAME
                    && href.len() <= LONGEST_NAME
                {
                    book.items.insert(id, href);
                }
            }
            "itemref" => {
                if let Some(id) = attributes.idref
                    && book.spine.len() < MOST_DOCUMENTS
                    && id.len() <= LONGEST_NAME
                {
                    book.spine.push(id);
                }
            }
            _ => {}
        }
    });
    metadata.format_version = version;
    result
}

/// Counts the words of the spine's documents.
pub(super) fn count(body: &Body<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let Body { package, folder, book } = body;
    let mut words = Words::default();
    let mut is_whole = book.spine.len() < MOST_DOCUMENTS;
    let mut seen = BTreeSet::new();
    for id in &book.spine {
        // No document is part of a spine twice (EPUB 3.3, section 5.7.2), and none is unpacked twice.
        if !seen.insert(book.items.get(id)) {
            continue;
        }
        words.end();
        let part = book.items.get(id).and_then(|href| {
            let href = href.split('#').next().unwrap_or_default();
            package
                .part(&resolve(folder, href))
                .or_else(|| package.part(&resolve(folder, &percent_decode_str(href).decode_utf8_lossy())))
        });
        let result =
            part.ok_or(DocumentError::Truncated).flatten().and_then(|document| count_document(document, &mut words));
        words.record(metadata);
        is_whole &= result.is_ok();
        minor(metadata, result)?;
    }
    words.record(metadata);
    if is_whole { Ok(()) } else { Err(DocumentError::Truncated) }
}

/// Elements that are in a line of text and do not end a word.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "q", "rb", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt",
    "u", "var", "wbr",
];

/// Elements whose text nobody reads.
const UNREAD: &[&str] = &["head", "script", "style", "template", "rt", "rp"];

/// Counts the words of one content document.
fn count_document(document: impl Read, words: &mut Words) -> Result<(), DocumentError> {
    let mut markup = Markup::lenient(document);
    let mut unread: Option<String> = None;
    loop {
        match markup.next()? {
            Node::Start(tag) => {
                if unread.is_none() && UNREAD.contains(&tag.name()) {
                    unread = Some(tag.name().to_owned());
                }
                if !INLINE.contains(&tag.name()) {
                    words.end();
                }
            }
            Node::End(tag) => {
                if unread.as_deref() == Some(tag.name()) {
                    unread = None;
                }
                if !INLINE.contains(&tag.name()) {
                    words.end();
                }
            }
            Node::Text(text) if unread.is_none() => words.feed(&text),
            Node::Text(_) | Node::Other => {}
            Node::Eof => return Ok(()),
        }
    }
}
