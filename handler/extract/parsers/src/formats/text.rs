//! Text of any kind and encoding: words, lines, characters, charset; of prose also the language, and of Markdown what
//! its start says.

use super::bounded_buffer::BoundedBuffer;
use super::{language, markdown};
use crate::charset::ToUtf8;
use crate::input::Input;
use crate::report::{Abort, Report};
use crate::words::Counter;

/// Bytes of a Markdown document in which its title is looked for.
const MARKDOWN_HEAD: usize = 64 << 10;

/// Reads a text in a language that people do not speak.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    stream(input, report, ToUtf8::new(), &mut |_| {})
}

/// Reads a text that people wrote for people.
pub(super) fn read_prose(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut sample = BoundedBuffer::new(language::SAMPLE);
    stream(input, report, ToUtf8::new(), &mut |text| sample.push(text.as_bytes()))?;
    report.metadata.language = language::detect(sample.text());
    Ok(())
}

/// Reads a Markdown document.
pub(super) fn read_markdown(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    let mut head = BoundedBuffer::new(MARKDOWN_HEAD);
    stream(input, report, ToUtf8::new(), &mut |text| head.push(text.as_bytes()))?;
    markdown::describe(head.text(), &mut report.metadata);
    let metadata = &mut report.metadata;
    metadata.language = metadata.language.take().or_else(|| language::detect(head.text()));
    Ok(())
}

/// Passes a text on in UTF-8 and counts it on the way, once and in constant memory.
pub(super) fn stream(
    input: &mut Input,
    report: &mut Report,
    mut to_utf8: ToUtf8,
    also: &mut dyn FnMut(&str),
) -> Result<(), Abort> {
    let mut counter = Counter::default();
    let mut take = |text: &str| {
        counter.feed(text);
        also(text);
    };
    input.stream(|bytes| to_utf8.feed(bytes, &mut take))?;
    to_utf8.finish(&mut take);
    let counts = counter.counts();
    let metadata = &mut report.metadata;
    metadata.word_count = Some(counts.words);
    metadata.unicode_word_count = counts.known_unicode_words();
    metadata.character_count = Some(counts.characters);
    metadata.line_count = Some(counts.lines);
    metadata.charset = Some(to_utf8.charset().to_owned());
    Ok(())
}
