//! Words of a running text that comes in pieces.

use handler_contract::Metadata;

use crate::words::Counter;

/// Counts words, and knows where they end although there is no white space.
#[derive(Debug, Default)]
pub(super) struct Words(Counter);

impl Words {
    /// The next piece of text.
    pub(super) fn feed(&mut self, text: &str) {
        self.0.feed(text);
    }

    /// The end of a paragraph, a cell or a line: a word does not continue after it.
    pub(super) fn end(&mut self) {
        self.0.feed("\n");
    }

    /// Writes down what was counted.
    pub(super) fn record(&self, metadata: &mut Metadata) {
        let counts = self.0.counts();
        metadata.word_count = Some(counts.words);
        metadata.unicode_word_count = counts.known_unicode_words();
    }
}
