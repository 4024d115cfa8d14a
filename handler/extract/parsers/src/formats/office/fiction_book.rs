//! FictionBook 2: a book in one XML file. Words are those of its bodies, notes among them; pictures come after them.

use std::io::Read;

use handler_contract::Metadata;

use super::markup::{Markup, Node};
use super::properties::add;
use super::words::Words;
use crate::formats::container::DocumentError;
use crate::formats::date::from_numbers;
use crate::formats::language;
use crate::formats::value::clean;

/// Elements of a text that end no word.
const INLINE: &[&str] = &["a", "code", "emphasis", "image", "strikethrough", "strong", "style", "sub", "sup"];
/// The longest text of a property. Bytes.
const LONGEST: usize = 4096;
/// Elements within each other whose names are kept. Honest descriptions have six.
const DEEPEST: usize = 16;

/// Reads the description, and counts the words of the bodies.
pub(super) fn count(book: impl Read, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let mut markup = Markup::new(book);
    let mut words = Words::default();
    let mut description = Description::default();
    let result = walk(&mut markup, &mut words, &mut description, metadata);
    words.record(metadata);
    result
}

fn walk(
    markup: &mut Markup<impl Read>,
    words: &mut Words,
    description: &mut Description,
    metadata: &mut Metadata,
) -> Result<(), DocumentError> {
    // Bodies within each other, of which there should be none.
    let mut bodies = 0_u64;
    loop {
        match markup.next()? {
            Node::Start(tag) => {
                match tag.name() {
                    "body" => bodies += 1,
                    // What follows the text can be larger than is read of an element.
                    "binary" => return Ok(()),
                    _ => {}
                }
                if bodies > 0 && !INLINE.contains(&tag.name()) {
                    words.end();
                }
                description.open(tag.name(), tag.attribute("value"));
            }
            Node::Text(text) if bodies > 0 => words.feed(&text),
            Node::Text(text) => description.push(&text),
            Node::End(tag) => {
                if bodies > 0 && !INLINE.contains(&tag.name()) {
                    words.end();
                }
                if tag.name() == "body" {
                    bodies = bodies.saturating_sub(1);
                }
                description.close(metadata);
            }
            Node::Other => {}
            Node::Eof => return Ok(()),
        }
    }
}

/// The description, element by element.
#[derive(Default)]
struct Description {
    /// The names of the elements that are open, and how many more there are.
    path: Vec<String>,
    deeper: u64,
    text: String,
    /// The parts of a name.
    name: String,
    /// A date as programs read it, beside the one that people read.
    date: Option<String>,
}

impl Description {
    fn open(&mut self, name: &str, value: Option<String>) {
        if self.path.len() == DEEPEST {
            self.deeper += 1;
            return;
        }
        self.path.push(name.to_owned());
        match name {
            "author" => self.name.clear(),
            "date" => self.date = value,
            // Paragraphs of a summary are one text.
            "p" => return,
            _ => {}
        }
        self.text.clear();
    }

    fn push(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.text.len());
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
    }

    fn close(&mut self, metadata: &mut Metadata) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let names: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match names[..] {
            [_, "description", "title-info", "author", "first-name" | "middle-name" | "last-name" | "nickname"] => {
                self.name.push(' ');
                self.name.push_str(self.text.trim());
            }
            [_, "description", "title-info", "author"] => add(&mut metadata.author, &self.name),
            [_, "description", "title-info", "book-title"] => metadata.title = clean(&self.text),
            [_, "description", "title-info", "annotation"] => metadata.description = clean(&self.text),
            [_, "description", "title-info", "keywords"] => metadata.keywords = clean(&self.text),
            [_, "description", "title-info", "lang"] => metadata.language = language::declared(&self.text),
            [_, "description", "title-info", "date"] => {
                let date = self.date.take();
                metadata.date_created = date.and_then(|date| from_numbers(&date)).or_else(|| from_numbers(&self.text));
            }
            [_, "description", "document-info", "program-used"] => metadata.creator_tool = clean(&self.text),
            [_, "description", "document-info", "id"] => metadata.identifier = clean(&self.text),
            [_, "description", "publish-info", "publisher"] => metadata.publisher = clean(&self.text),
            _ => {}
        }
        if self.path.pop().is_some_and(|name| name == "p") {
            self.push(" ");
        }
    }
}
