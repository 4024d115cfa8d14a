//! Words of a `WordprocessingML` document.
//!
//! Counted is the running text of the body, each piece once: paragraphs, and tables in tables, with what is inserted
//! under tracked changes, in content controls, links, simple fields and text boxes. Not counted are headers, footers,
//! foot- and endnotes, comments, formulas, deleted text and the instructions of fields. A tab or a break ends a word.
//!
//! A text box is written twice, as a drawing and for programs that know only VML: of the alternatives
//! (ISO/IEC 29500-3, section 10.2.1), the first that has text counts.

use std::io::Read;

use super::markup::{Markup, Node};
use super::words::Words;
use crate::formats::container::DocumentError;

/// What the element means that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Blocks,
    Table,
    Row,
    Paragraph,
    Run,
    Text,
    /// Anything around a text box.
    Drawing,
    Skipped,
}

/// The place of the element `name` inside an element at `place`.
fn enter(place: Place, name: &str) -> Place {
    match (place, name) {
        (Place::Document, "body") | (Place::Row, "tc") | (Place::Drawing, "txbxContent") => Place::Blocks,
        (Place::Blocks, "p") => Place::Paragraph,
        (Place::Blocks, "tbl") => Place::Table,
        (Place::Table, "tr") => Place::Row,
        (Place::Paragraph, "r") => Place::Run,
        (Place::Run, "t") => Place::Text,
        (Place::Run, "drawing" | "pict" | "object") => Place::Drawing,
        (Place::Text | Place::Document | Place::Skipped, _) => Place::Skipped,
        (_, "AlternateContent" | "Choice" | "Fallback")
        | (Place::Drawing, _)
        | (
            Place::Blocks | Place::Table | Place::Row | Place::Paragraph,
            "sdt" | "sdtContent" | "customXml" | "smartTag" | "ins" | "moveTo",
        )
        | (Place::Paragraph, "hyperlink" | "fldSimple" | "dir" | "bdo") => place,
        _ => Place::Skipped,
    }
}

/// Counts the words after the root's tag.
pub(super) fn count(markup: &mut Markup<impl Read>, words: &mut Words) -> Result<(), DocumentError> {
    let mut places = vec![Place::Document];
    // Pieces of text that were counted, and how many there were where each set of alternatives starts.
    let (mut pieces, mut alternatives) = (0_u64, Vec::new());
    loop {
        let place = places.last().copied().unwrap_or(Place::Skipped);
        match markup.next()? {
            Node::Start(tag) => {
                let mut inner = enter(place, tag.name());
                match (place, tag.name()) {
                    (_, "AlternateContent") => alternatives.push(pieces),
                    (_, "Choice" | "Fallback") if alternatives.last().is_some_and(|before| *before < pieces) => {
                        inner = Place::Skipped;
                    }
                    (Place::Blocks, "p")
                    | (Place::Run, "tab" | "br" | "cr" | "ptab")
                    | (Place::Drawing, "txbxContent") => words.end(),
                    (Place::Run, "noBreakHyphen") => words.feed("-"),
                    _ => {}
                }
                places.push(inner);
            }
            Node::Text(text) if place == Place::Text => {
                pieces += 1;
                words.feed(&text);
            }
            Node::Text(_) | Node::Other => {}
            Node::End(tag) => {
                match tag.name() {
                    "AlternateContent" => {
                        alternatives.pop();
                    }
                    // After a text box the paragraph around it continues, with another word.
                    "txbxContent" => words.end(),
                    _ => {}
                }
                places.pop();
            }
            Node::Eof => return Ok(()),
        }
    }
}
