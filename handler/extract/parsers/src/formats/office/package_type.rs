//! Which office format a zip file is, by the parts that it holds.
//!
//! `file-format` goes by the order of entries: a book whose first entry is not its type, or an OOXML document that
//! starts with an unusual part, is any zip to it. This module looks the parts up. Of a file that is cut off, so that
//! its directory is missing, it goes by the names before the parts.

use std::io::Read;

use super::properties::leaves;
use crate::formats::container::Package;
use crate::formats::container::u16_at;
use crate::input::View;

const EPUB: &str = "application/epub+zip";
const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PRESENTATION: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const OPEN_DOCUMENT: &str = "application/vnd.oasis.opendocument.";

/// The longest type that a file may give itself.
const LONGEST_TYPE: u64 = 100;
/// How far a file without a directory is searched for names.
const SEARCHED: u64 = 1 << 20;

/// The media type of a zip file that is an office document or a book; `None` for any other.
pub(crate) fn type_by_parts(package: &Package<'_>) -> Option<String> {
    declared_type(package)
        .or_else(|| by_content_types(package).map(str::to_owned))
        .or_else(|| package.has("META-INF/container.xml").then(|| EPUB.to_owned()))
        .or_else(|| by_manifest(package))
}

/// The media type of a zip file whose directory is missing; `None` for one that is no office document.
pub(crate) fn type_by_names(file: View) -> Option<&'static str> {
    by_names(file.slice_up_to(0, SEARCHED))
}

/// What the part `mimetype` says (EPUB 3.3, section 4.2.2; OpenDocument 1.3 part 2, section 3.3).
fn declared_type(package: &Package<'_>) -> Option<String> {
    let mut declared = String::new();
    package.part("mimetype")?.ok()?.take(LONGEST_TYPE).read_to_string(&mut declared).ok()?;
    known(declared.trim().trim_start_matches('\u{feff}'))
}

fn known(word: &str) -> Option<String> {
    let is_token = |kind: &str| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (word == EPUB || word.strip_prefix(OPEN_DOCUMENT).is_some_and(is_token)).then(|| word.to_owned())
}

/// What the content type of an OOXML document's main part says (ISO/IEC 29500-2, section 7.2.3).
fn by_content_types(package: &Package<'_>) -> Option<&'static str> {
    let mut found = None;
    // What is after an error can only be missing.
    let _ = leaves(
        package.part("[Content_Types].xml")?.ok()?,
        |tag| tag.attribute("ContentType"),
        |_, content_type, _| {
            let content_type = content_type.unwrap_or_default();
            let ending = content_type.rsplit('.').next();
            if found.is_none() && matches!(ending, Some("main+xml" | "main")) {
                found =
                    MAIN_PARTS.iter().find(|(main, _)| content_type.starts_with(main)).map(|(_, file_type)| *file_type);
            }
        },
    );
    found
}

/// What the content types of main parts start with: documents, templates, and those with macros.
const MAIN_PARTS: &[(&str, &str)] = &[
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.", WORD),
    ("application/vnd.ms-word.", WORD),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.", SHEET),
    ("application/vnd.ms-excel.", SHEET),
    ("application/vnd.openxmlformats-officedocument.presentationml.", PRESENTATION),
    ("application/vnd.ms-powerpoint.", PRESENTATION),
];

/// What the manifest of an OpenDocument package says of the whole (OpenDocument 1.3 part 2, section 4.8.4).
fn by_manifest(package: &Package<'_>) -> Option<String> {
    let mut found = None;
    let attributes = |tag: &super::markup::Tag<'_>| Some((tag.attribute("full-path")?, tag.attribute("media-type")?));
    let _ = leaves(package.part("META-INF/manifest.xml")?.ok()?, attributes, |_, entry, _| {
        if let Some((path, media_type)) = entry
            && path == "/"
        {
            found = known(&media_type);
        }
    });
    found
}

/// What the names before the parts say, where the directory is lost.
fn by_names(head: &[u8]) -> Option<&'static str> {
    let headers = head.windows(4).enumerate().filter(|(_, window)| window == b"PK\x03\x04");
    headers.take(1000).find_map(|(at, _)| {
        let name = head.get(at + 30..)?.get(..usize::from(u16_at(head, at + 26)?))?;
        FOLDERS.iter().find(|(folder, _)| name.starts_with(folder.as_bytes())).map(|(_, file_type)| *file_type)
    })
}

/// Folders that only one kind of document has.
const FOLDERS: &[(&str, &str)] = &[("word/", WORD), ("xl/", SHEET), ("ppt/", PRESENTATION)];
