//! What documents say of themselves: small XML parts of elements that hold nothing but text.

use std::io::Read;

use handler_contract::Metadata;

use super::markup::{Markup, Node, Tag};
use crate::formats::container::DocumentError;
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
                    *date = iso_date(text);
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

/// A date in a form of ISO 8601 that documents use (W3C NOTE-datetime): a year, a month, a day, or an instant with or
/// without a zone; `None` for anything else.
pub(super) fn iso_date(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let within = |field: Option<&str>, length: usize, least: u32, most: u32| {
        field.is_some_and(|field| {
            field.len() == length
                && field.bytes().all(|b| b.is_ascii_digit())
                && field.parse().is_ok_and(|n: u32| (least..=most).contains(&n))
        })
    };
    let mut fields = day.split('-');
    let valid_day = within(fields.next(), 4, 1, 9999)
        && fields.next().is_none_or(|month| within(Some(month), 2, 1, 12))
        && fields.next().is_none_or(|day| within(Some(day), 2, 1, 31))
        && fields.next().is_none();
    let valid_time = time.is_none_or(|time| {
        let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (clock, zone) = time.split_at(zone);
        let mut fields = clock.split(':');
        let valid_zone = match zone.strip_prefix(['+', '-']) {
            Some(offset) => {
                let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
                within(Some(hours), 2, 0, 14) && within(Some(minutes), 2, 0, 59)
            }
            None => zone.is_empty() || zone == "Z",
        };
        let hours_and_minutes = within(fields.next(), 2, 0, 24) && within(fields.next(), 2, 0, 59);
        let seconds = fields.next().is_none_or(|seconds| {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            within(Some(whole), 2, 0, 60) && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
        });
        valid_zone && hours_and_minutes && seconds && fields.next().is_none() && day.len() == 10
    });
    (valid_day && valid_time).then(|| text.to_owned())
}
