//! Records out of bytes that arrive in pieces: a record of a known length, then some bytes to skip, and so on.

/// What comes after a record.
pub(super) struct Next {
    /// Bytes to step over.
    pub(super) skip: u64,
    /// The length of the record after them; none, if nothing else is to be read.
    pub(super) record_len: Option<usize>,
}

/// Puts records together. Holds one at a time.
pub(super) struct Records {
    skip: u64,
    record_len: Option<usize>,
    record: Vec<u8>,
}

impl Records {
    pub(super) fn new(record_len: usize) -> Self {
        Self { skip: 0, record_len: Some(record_len), record: Vec::new() }
    }

    /// Takes the next piece, and gives on each record that it completes.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut take: impl FnMut(&[u8]) -> Next) {
        loop {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            self.skip -= skipped as u64;
            piece = &piece[skipped..];
            let Some(record_len) = self.record_len.filter(|_| self.skip == 0) else { return };
            let missing = record_len - self.record.len();
            let (taken, rest) = piece.split_at(missing.min(piece.len()));
            self.record.extend_from_slice(taken);
            piece = rest;
            if self.record.len() < record_len {
                return;
            }
            let next = take(&self.record);
            self.record.clear();
            (self.skip, self.record_len) = (next.skip, next.record_len);
        }
    }

    /// Whether the bytes ended between two records.
    pub(super) fn is_between(&self) -> bool {
        self.skip == 0 && self.record.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Records};

    #[test]
    fn records_are_the_same_however_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..20).collect();
        for size in 1..=bytes.len() {
            let mut seen = Vec::new();
            let mut records = Records::new(3);
            for piece in bytes.chunks(size) {
                records.feed(piece, |record| {
                    seen.push(record.to_vec());
                    Next { skip: 4, record_len: (record[0] < 10).then_some(2) }
                });
            }
            assert_eq!(seen, [vec![0, 1, 2], vec![7, 8], vec![13, 14]], "{size}");
        }
    }
}
