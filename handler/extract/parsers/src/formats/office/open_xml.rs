//! OOXML: docx, pptx, xlsx and xlsb, whichever the main part turns out to be.
//!
//! Of a workbook only the list of sheets is read. `calamine`, the crate for it, reads every cell of a sheet into
//! memory, and a record has no use for cells.

use std::collections::BTreeSet;
use std::io::{BufReader, Read};

use handler_contract::Metadata;

use super::markup::{Markup, Node};
use super::words::Words;
use super::{properties, slides, word};
use crate::formats::container::{Container, Package};
use crate::formats::container::{DocumentError, minor};

/// Slides that are read for words. All are counted.
const MOST_SLIDES: usize = 10_000;
/// The longest name of a part that a relationship may point to.
const LONGEST_TARGET: usize = 256;

/// A document of which the properties are read.
pub(super) struct Body<'b> {
    package: Package<'b>,
    /// The part that holds the document.
    main: String,
}

/// Reads what a document says of itself.
pub(super) fn describe<'b>(container: Container<'b>, metadata: &mut Metadata) -> Result<Body<'b>, DocumentError> {
    let package = container.package()?;
    let mut has_macros = package.names().any(|name| name.to_ascii_lowercase().ends_with(b"vbaproject.bin"));
    if let Some(types) = package.part("[Content_Types].xml") {
        let result = types.and_then(|types| {
            properties::leaves(
                types,
                |tag| tag.attribute("ContentType"),
                |_, content_type, _| {
                    has_macros |= content_type.is_some_and(|t| MACROS.contains(&t.as_str()));
                },
            )
        });
        minor(metadata, result)?;
    }
    metadata.has_macros = Some(has_macros);

    let mut parts = Roots::default();
    if let Some(relationships) = package.part("_rels/.rels") {
        let result = relationships.and_then(|input| {
            each_relationship(input, |kind, _, target| match kind {
                "officeDocument" => parts.main = Some(resolve("", target)),
                "core-properties" => parts.core = Some(resolve("", target)),
                "extended-properties" | "extendedProperties" => parts.app = Some(resolve("", target)),
                _ => {}
            })
        });
        minor(metadata, result)?;
    }
    if let Some(core) = package.part(parts.core.as_deref().unwrap_or("docProps/core.xml")) {
        let result = core.and_then(|core| properties::core(core, metadata));
        minor(metadata, result)?;
    }
    if let Some(app) = package.part(parts.app.as_deref().unwrap_or("docProps/app.xml")) {
        let result = app.and_then(|app| properties::app(app, metadata));
        minor(metadata, result)?;
    }
    let main = parts
        .main
        .filter(|main| package.has(main))
        .or_else(|| USUAL_MAIN_PARTS.iter().find(|main| package.has(main)).map(|main| (*main).to_owned()));
    let missing = DocumentError::Damaged("the part that holds the document is missing");
    Ok(Body { main: main.ok_or(missing)?, package })
}

/// Content types of what a program would run.
const MACROS: &[&str] = &[
    "application/vnd.ms-office.vbaProject",
    "application/vnd.ms-excel.macrosheet+xml",
    "application/vnd.ms-excel.intlmacrosheet+xml",
    "application/vnd.ms-excel.macrosheet",
    "application/vnd.ms-excel.intlmacrosheet",
];

/// Where the main part is in a package whose relationships are lost.
const USUAL_MAIN_PARTS: &[&str] = &["word/document.xml", "ppt/presentation.xml", "xl/workbook.xml", "xl/workbook.bin"];

/// Parts that the package itself points to.
#[derive(Debug, Default)]
struct Roots {
    main: Option<String>,
    core: Option<String>,
    app: Option<String>,
}

/// Reads the main part; the name of its outermost element shows what kind of document it is.
pub(super) fn count(body: &Body<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let Body { package, main: name } = body;
    let Some(input) = package.part(name) else { return Ok(()) };
    if name.to_ascii_lowercase().ends_with(".bin") {
        let mut sheets = 0;
        let result = count_binary_sheets(input?, &mut sheets);
        metadata.sheet_count = (sheets > 0).then_some(sheets);
        return result;
    }
    let mut markup = Markup::new(input?);
    let kind = loop {
        match markup.next()? {
            Node::Start(tag) => break tag.name().to_owned(),
            Node::Eof => return Err(DocumentError::Damaged("a part of the document is not XML")),
            _ => {}
        }
    };
    match kind.as_str() {
        "document" => {
            let mut words = Words::default();
            let result = word::count(&mut markup, &mut words);
            words.record(metadata);
            result
        }
        "presentation" => read_slides(package, name, &mut markup, metadata),
        "workbook" => {
            let mut sheets = 0;
            let result = each_id(&mut markup, "sheet", |_| sheets += 1);
            metadata.sheet_count = Some(sheets);
            result
        }
        _ => Err(DocumentError::Damaged("the part that holds the document is of no kind that office programs write")),
    }
}

/// Counts the slides that the presentation lists, and the words on them.
fn read_slides(
    package: &Package<'_>,
    name: &str,
    presentation: &mut Markup<impl Read>,
    metadata: &mut Metadata,
) -> Result<(), DocumentError> {
    let mut count = 0;
    let mut is_whole = true;
    let mut listed = BTreeSet::new();
    let result = each_id(presentation, "sldId", |id| {
        count += 1;
        if listed.len() < MOST_SLIDES && id.len() <= LONGEST_TARGET {
            listed.insert(id);
        } else {
            is_whole = false;
        }
    });
    metadata.slide_count = Some(count);
    minor(metadata, result)?;

    // Two names for one part would be unpacked twice; a set has it once.
    let mut slides = BTreeSet::new();
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    if let Some(relationships) = package.part(&format!("{folder}/_rels/{file}.rels")) {
        let result = relationships.and_then(|input| {
            each_relationship(input, |kind, id, target| {
                if kind == "slide" && listed.remove(id) {
                    slides.insert(resolve(folder, target));
                }
            })
        });
        minor(metadata, result)?;
    }
    is_whole &= listed.is_empty();
    let mut words = Words::default();
    for slide in &slides {
        words.end();
        let result = package
            .part(slide)
            .ok_or(DocumentError::Truncated)
            .flatten()
            .and_then(|slide| slides::count(slide, &mut words));
        words.record(metadata);
        is_whole &= result.is_ok();
        minor(metadata, result)?;
    }
    words.record(metadata);
    if is_whole { Ok(()) } else { Err(DocumentError::Truncated) }
}

/// Calls `found` with the relationship identifier (`r:id`) of each element of this name, empty where it has none.
fn each_id(markup: &mut Markup<impl Read>, name: &str, mut found: impl FnMut(String)) -> Result<(), DocumentError> {
    loop {
        match markup.next()? {
            Node::Start(tag) if tag.name() == name => found(tag.prefixed_attribute("id").unwrap_or_default()),
            Node::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Calls `found` with the last part of the type, the identifier and the target of each relationship inside the package.
fn each_relationship(input: impl Read, mut found: impl FnMut(&str, &str, &str)) -> Result<(), DocumentError> {
    let pick = |tag: &super::markup::Tag<'_>| {
        let is_inside = tag.attribute("TargetMode").is_none_or(|mode| mode != "External");
        (tag.name() == "Relationship" && is_inside)
            .then(|| Some((tag.attribute("Type")?, tag.attribute("Id")?, tag.attribute("Target")?)))
            .flatten()
    };
    properties::leaves(input, pick, |_, relationship, _| {
        if let Some((kind, id, target)) = relationship
            && target.len() <= LONGEST_TARGET
        {
            found(kind.rsplit('/').next().unwrap_or_default(), &id, &target);
        }
    })
}

/// The name of the part that `target` means in a part in `folder` (RFC 3986, section 5.2.4).
pub(super) fn resolve(folder: &str, target: &str) -> String {
    let mut path: Vec<&str> = if target.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for step in target.split(['/', '\\']) {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.retain(|step| !step.is_empty());
    path.join("/")
}

/// Counts the sheets of a binary workbook: records of type 156, `BrtBundleSh` ([MS-XLSB], sections 2.1.4 and 2.4.313).
fn count_binary_sheets(input: impl Read, sheets: &mut u64) -> Result<(), DocumentError> {
    const BUNDLE_SHEET: u32 = 156;
    let mut input = BufReader::new(input);
    loop {
        let Some(kind) = seven_bit_number(&mut input, 2)? else { return Ok(()) };
        let length = seven_bit_number(&mut input, 4)?.ok_or(DocumentError::Truncated)?;
        *sheets += u64::from(kind == BUNDLE_SHEET);
        let skipped = std::io::copy(&mut input.by_ref().take(length.into()), &mut std::io::sink())?;
        if skipped < u64::from(length) {
            return Err(DocumentError::Truncated);
        }
    }
}

/// A number in at most `most` bytes of seven bits each, the least first, whose high bit says that another follows. The
/// type of a record keeps its high bits, which makes it the same number for all types below 16,384.
fn seven_bit_number(input: &mut impl Read, most: u32) -> Result<Option<u32>, DocumentError> {
    let mut number = 0;
    for place in 0..most {
        let mut byte = [0];
        if input.read(&mut byte)? == 0 {
            return if place == 0 { Ok(None) } else { Err(DocumentError::Truncated) };
        }
        number |= u32::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Ok(Some(number))
}
