//! Words of a `PresentationML` slide.
//!
//! Counted is the text of all shapes of the slide, in groups and tables too. Not counted are the notes, the master and
//! its layouts, comments, charts and diagrams. A line break ends a word.

use std::io::Read;

use super::markup::{Markup, Node};
use super::words::Words;
use crate::formats::container::DocumentError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Anything around text.
    Shapes,
    TextBody,
    Paragraph,
    Run,
    Text,
    Skipped,
}

/// The place of the element `name` inside an element at `place`.
fn enter(place: Place, name: &str) -> Place {
    match (place, name) {
        (Place::Shapes, "txBody") => Place::TextBody,
        // What a program shows that does not know the first choice.
        (Place::Shapes, "Fallback") => Place::Skipped,
        (Place::Shapes, _) => Place::Shapes,
        (Place::TextBody, "p") => Place::Paragraph,
        (Place::Paragraph, "r" | "fld") => Place::Run,
        (Place::Run, "t") => Place::Text,
        _ => Place::Skipped,
    }
}

/// Counts the words of one slide.
pub(super) fn count(slide: impl Read, words: &mut Words) -> Result<(), DocumentError> {
    let mut markup = Markup::new(slide);
    let mut places = vec![Place::Shapes];
    loop {
        let place = places.last().copied().unwrap_or(Place::Skipped);
        match markup.next()? {
            Node::Start(tag) => {
                if matches!((place, tag.name()), (Place::TextBody, "p") | (Place::Paragraph, "br")) {
                    words.end();
                }
                places.push(enter(place, tag.name()));
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
