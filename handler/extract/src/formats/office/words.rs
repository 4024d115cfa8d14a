//! Words of a running text that comes in pieces.

/// Counts words between white space, as `wc -w` does.
#[derive(Debug, Default)]
pub(super) struct Words {
    count: u64,
    in_word: bool,
}

impl Words {
    /// The next piece of text.
    pub(super) fn feed(&mut self, text: &str) {
        for character in text.chars() {
            let in_word = !character.is_whitespace();
            self.count += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
        }
    }

    /// The end of a paragraph, a cell or a line: a word does not go on behind it.
    pub(super) fn end(&mut self) {
        self.in_word = false;
    }

    /// The words so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
