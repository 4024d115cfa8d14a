//! What documents say of themselves: small XML parts of elements that hold nothing but text.

use std::io::Read;

use handler_contract::Metadata;

use super::markup::{Markup, Node, Tag};
use crate::formats::container::DocumentError;
use crate::formats::date::from_numbers;
use crate::formats::value::{clean, declared_count};

/// The longest text of a property that is read.
const LONGEST: usize = 4096;

/// Calls `leaf` with the name, the tag's attributes as `attributes` picked them, and the text of each element that has
/// no element inside.
pub(super) fn leaves<T>(
    input: impl Read,
    mut attributes: impl FnMut(&Tag<'_>) -> T,
    mut leaf: impl FnMut(&str, T, &str),
) -> Result<(), DocumentError> {
    let mut markup = Markup::new(input);
    let mut open: Option<(String, T)> = None;
    let mut text = String::new();
    loop {
        match markup.next()? {
            Node::Start(tag) => {
                text.clear();
                open = Some((tag.name().to_owned(), attributes(&tag)));
            }
            Node::Text(piece) => {
                let room = LONGEST - text.len();
                text.push_str(&piece[..piece.floor_char_boundary(room)]);
            }
            Node::End(_) => {
                if let Some((name, picked)) = open.take() {
                    leaf(&name, picked, &text);
                }
            }
            Node::Other => {}
            Node::Eof => return Ok(()),
        }
    }
}

/// Adds another value to a property that may have several.
pub(super) fn add(property: &mut Option<String>, value: &str) {
    let all = match property.take() {
        Some(before) => format!("{before}, {value}"),
        None => value.to_owned(),
    };
    *property = clean(&all);
}

/// `docProps/core.xml` (ISO/IEC 29500-2, section 11).
pub(super) fn core(input: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    leaves(
        input,
        |_| (),
        |name, (), text| {
            let property = match name {
                "title" => &mut metadata.title,
                "creator" => &mut metadata.author,
                "subject" => &mut metadata.subject,
                "keywords" => &mut metadata.keywords,
                "description" => &mut metadata.description,
                "lastModifiedBy" => &mut metadata.last_modified_by,
                "language" => &mut metadata.language,
                "identifier" => &mut metadata.identifier,
                "created" | "modified" => {
                    let date = if name == "created" { &mut metadata.date_created } else { &mut metadata.date_modified };
                    *date = from_numbers(text);
                    return;
                }
                _ => return,
            };
            *property = clean(text);
        },
    )
}

/// `docProps/app.xml` (ISO/IEC 29500-1, section 22.2): what the program that wrote the document claims.
pub(super) fn app(input: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    leaves(
        input,
        |_| (),
        |name, (), text| match name {
            "Application" => metadata.creator_tool = clean(text),
            "Company" => metadata.publisher = clean(text),
            "Pages" => metadata.declared_page_count = declared_count(text),
            "Words" => metadata.declared_word_count = declared_count(text),
            _ => {}
        },
    )
}
