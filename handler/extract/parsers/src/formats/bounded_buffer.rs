//! The start of a text of unknown length.

/// Keeps the first bytes of a text that arrives in pieces, and drops the rest.
#[derive(Debug, Clone)]
pub(super) struct BoundedBuffer {
    bytes: Vec<u8>,
    limit: usize,
}

impl BoundedBuffer {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: vec![], limit }
    }

    pub(super) fn push_byte(&mut self, byte: u8) {
        if self.bytes.len() < self.limit {
            self.bytes.push(byte);
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.limit - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == self.limit
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text, without the character that the limit cut in two.
    pub(super) fn text(&self) -> &str {
        match str::from_utf8(&self.bytes) {
            Ok(text) => text,
            Err(error) => str::from_utf8(&self.bytes[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedBuffer;

    #[test]
    fn what_is_beyond_the_limit_is_dropped_with_the_character_it_cuts() {
        let mut clip = BoundedBuffer::new(4);
        clip.push("aé".as_bytes());
        assert_eq!((clip.text(), clip.is_full()), ("aé", false));
        clip.push("é".as_bytes());
        clip.push_byte(b'x');
        assert_eq!((clip.text(), clip.is_full()), ("aé", true));
        clip.clear();
        assert_eq!(clip.text(), "");
    }
}
