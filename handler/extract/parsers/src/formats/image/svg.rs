//! SVG: size, title and description, out of the start of the tree.

use handler_contract::Metadata;
use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fields::LONGEST_SIDE;
use crate::formats::value::clean;

/// Reads the head of a picture. Its size, title and description are before the drawing; without a size, it fills
/// whatever it is shown in.
pub(super) fn describe(head: &[u8], metadata: &mut Metadata) {
    let mut reader = Reader::from_reader(DecodingReader::new(head));
    let mut buffer = Vec::new();
    let mut depth = 0_u64;
    let (mut title, mut description) = (String::new(), String::new());
    let mut inside = Inside::Other;
    loop {
        buffer.clear();
        let text = match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element) | Event::Empty(element)) if depth == 0 => {
                if element.local_name().as_ref() != "svg" {
                    break;
                }
                set_size(&element, metadata);
                depth = 1;
                continue;
            }
            Ok(Event::Start(element)) => {
                inside = match element.local_name().as_ref() {
                    "title" if depth == 1 => Inside::Title,
                    "desc" if depth == 1 => Inside::Description,
                    _ => Inside::Other,
                };
                depth += 1;
                continue;
            }
            Ok(Event::End(_)) => {
                inside = Inside::Other;
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
                continue;
            }
            Ok(Event::Text(text)) => text.xml10_content().into_owned(),
            Ok(Event::CData(text)) => text.xml10_content().into_owned(),
            Ok(Event::GeneralRef(reference)) => resolve(&reference),
            // The head of a larger file ends anywhere.
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => continue,
        };
        match inside {
            Inside::Title => title.push_str(&text),
            Inside::Description => description.push_str(&text),
            Inside::Other => {}
        }
    }
    metadata.title = clean(&title);
    metadata.description = clean(&description);
}

/// Whose text is being read.
enum Inside {
    Title,
    Description,
    Other,
}

/// A character by its number, or one of XML's own five. Others are the document's own, and are not expanded.
fn resolve(reference: &BytesRef) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => character.to_string(),
        _ => resolve_xml_entity(&reference.xml10_content()).unwrap_or_default().to_owned(),
    }
}

/// `width` and `height`, or else the size of the view box, in pixels of CSS.
fn set_size(element: &BytesStart, metadata: &mut Metadata) {
    let value = |name| element.attributes().flatten().find(|a| a.key.as_ref() == name).map(|a| a.value.into_owned());
    let view_box = value("viewBox").unwrap_or_default();
    let mut sides = view_box.split([' ', ',', '\t', '\n', '\r']).filter(|side| !side.is_empty()).skip(2).map(pixels);
    let (box_width, box_height) = (sides.next().flatten(), sides.next().flatten());
    metadata.width = value("width").as_deref().and_then(pixels).or(box_width);
    metadata.height = value("height").as_deref().and_then(pixels).or(box_height);
}

/// A length of CSS as whole pixels; a share of something, or a length by a font, has none.
fn pixels(length: &str) -> Option<u64> {
    let length = length.trim();
    let digits = length.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(length.len());
    let (number, unit) = length.split_at(digits);
    let factor = match unit.trim() {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        _ => return None,
    };
    let value = (number.parse::<f64>().ok()? * factor).round();
    #[expect(clippy::cast_precision_loss, reason = "the bound is a power of two")]
    let valid = (1.0..=LONGEST_SIDE as f64).contains(&value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, checked above")]
    valid.then_some(value as u64)
}
