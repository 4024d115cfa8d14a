//! Text of any kind and encoding: words, lines, characters, charset.

use crate::charset::ToUtf8;
use crate::child::{Input, Report, Stop};
use crate::words::Counter;

/// Reads a text once, in constant memory.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    let (mut to_utf8, mut counter) = (ToUtf8::new(), Counter::default());
    input.stream(|bytes| to_utf8.feed(bytes, &mut |text| counter.feed(text)))?;
    to_utf8.finish(&mut |text| counter.feed(text));
    let counts = counter.counts();
    let metadata = &mut report.metadata;
    metadata.word_count = Some(counts.words);
    metadata.unicode_word_count = Some(counts.unicode_words);
    metadata.character_count = Some(counts.characters);
    metadata.line_count = Some(counts.lines);
    metadata.charset = Some(to_utf8.charset().to_owned());
    Ok(())
}
