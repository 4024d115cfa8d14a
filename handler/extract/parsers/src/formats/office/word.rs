//! Words of a `WordprocessingML` document.
//!
//! Counted is the running text of the body, each piece once: paragraphs, and tables in tables, with what is inserted
//! under tracked changes, in content controls, links and simple fields. Not counted are headers, footers, foot- and
//! endnotes, comments, text boxes, formulas, deleted text and the instructions of fields. A tab or a break ends a word.

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
    Skipped,
}

/// The place of the element `name` inside an element at `place`.
fn enter(place: Place, name: &str) -> Place {
    match (place, name) {
        (Place::Document, "body") | (Place::Row, "tc") => Place::Blocks,
        (Place::Blocks, "p") => Place::Paragraph,
        (Place::Blocks, "tbl") => Place::Table,
        (Place::Table, "tr") => Place::Row,
        (Place::Paragraph, "r") => Place::Run,
        (Place::Run, "t") => Place::Text,
        (
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
    loop {
        let place = places.last().copied().unwrap_or(Place::Skipped);
        match markup.next()? {
            Node::Start(tag) => {
                let inner = enter(place, tag.name());
                match (place, tag.name()) {
                    (Place::Blocks, "p") | (Place::Run, "tab" | "br" | "cr" | "ptab") => words.end(),
                    (Place::Run, "noBreakHyphen") => words.feed("-"),
                    _ => {}
                }
                places.push(inner);
            }
            Node::Text(text) if place == Place::Text => words.feed(&text),
            Node::Text(_) | Node::Other => {}
            Node::End(_) => {
                places.pop();
            }
            Node::Eof => return Ok(()),
        }
    }
}
