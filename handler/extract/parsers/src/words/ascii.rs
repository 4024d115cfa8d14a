//! Words of ASCII text, 64 bytes at a time and without a branch a byte: each byte becomes a set of flags, each flag a
//! mask of 64 bits, and what the rules say of neighbours becomes shifts of masks.
//!
//! Of UAX 29 there remains: letters, digits and underscores stick to each other; `:` joins letters, `,` and `;` join
//! digits, `.` and `'` join either.

const LETTER: usize = 0;
const DIGIT: usize = 1;
const UNDERSCORE: usize = 2;
const JOINS_LETTERS: usize = 3;
const JOINS_DIGITS: usize = 4;
const SPACE: usize = 5;
const LINE_FEED: usize = 6;

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;

/// What a block adds to the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) words: u64,
    pub(super) unicode_words: u64,
    pub(super) lines: u64,
}

/// What the next block must know of the ones before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carry {
    /// The last two bytes.
    last: [u8; 2],
    /// Whether the last byte is not white space.
    in_word: bool,
    /// Whether the last byte ends a run of underscores with which a segment starts.
    leading_underscores: bool,
}

impl Carry {
    /// After white space or at the start of a text. `in_word` belongs to the count by white space.
    pub(super) fn neutral(in_word: bool) -> Self {
        Self { last: [b'\n'; 2], in_word, leading_underscores: false }
    }

    pub(super) fn last(self) -> [u8; 2] {
        self.last
    }

    pub(super) fn in_word(self) -> bool {
        self.in_word
    }

    /// Whether the segment that the last byte belongs to is counted.
    pub(super) fn counted(self) -> bool {
        match self.last {
            [_, b'_'] => !self.leading_underscores,
            [before, b'.' | b'\''] => before.is_ascii_alphanumeric(),
            [before, b':'] => before.is_ascii_alphabetic(),
            [before, b',' | b';'] => before.is_ascii_digit(),
            [_, last] => last.is_ascii_alphanumeric(),
        }
    }

    /// Counts up to 64 bytes, all ASCII.
    pub(super) fn block(&mut self, bytes: &[u8]) -> Added {
        let len = bytes.len();
        debug_assert!((1..=BLOCK).contains(&len) && bytes.is_ascii());
        let masks = if let Ok(block) = bytes.try_into() {
            masks(block)
        } else {
            let mut block = [0; BLOCK];
            block[..len].copy_from_slice(bytes);
            masks(&block)
        };
        let valid = u64::MAX >> (BLOCK - len);

        let spaces = masks[SPACE];
        let words = !spaces & (spaces << 1 | u64::from(!self.in_word)) & valid;

        let [before_last, last] = self.last.map(flags);
        let had = |flags: u8, bit: usize| u64::from(flags >> bit & 1);
        // The masks of the byte before and of the one before that.
        let shift = |bit: usize| masks[bit] << 1 | had(last, bit);
        let shift_twice = |bit: usize| masks[bit] << 2 | had(last, bit) << 1 | had(before_last, bit);

        let alphanumeric = masks[LETTER] | masks[DIGIT];
        let underscores = masks[UNDERSCORE];
        let after_underscore = shift(UNDERSCORE);
        let after_word = shift(LETTER) | shift(DIGIT) | after_underscore;
        let bridged = masks[LETTER] & shift(JOINS_LETTERS) & shift_twice(LETTER)
            | masks[DIGIT] & shift(JOINS_DIGITS) & shift_twice(DIGIT);

        // Underscores that start a segment: adding their first bits to their runs leaves a bit after each run.
        let leading = underscores & !after_word | underscores & u64::from(self.leading_underscores);
        let (sum, overflow) = underscores.overflowing_add(leading);
        let ends = sum & !underscores | u64::from(self.leading_underscores) & !underscores;
        let unicode_words = (alphanumeric & !after_word & !bridged | alphanumeric & ends) & valid;

        self.leading_underscores = if len == BLOCK { overflow } else { ends >> len & 1 == 1 };
        self.in_word = spaces >> (len - 1) & 1 == 0;
        self.last = if len == 1 { [self.last[1], bytes[0]] } else { [bytes[len - 2], bytes[len - 1]] };
        Added {
            words: words.count_ones().into(),
            unicode_words: unicode_words.count_ones().into(),
            lines: (masks[LINE_FEED] & valid).count_ones().into(),
        }
    }
}

/// A byte's classes, a bit each; only of ASCII. Written with comparisons alone, as vector instructions have them.
const fn flags(byte: u8) -> u8 {
    const fn between(byte: u8, first: u8, last: u8) -> u8 {
        (byte.wrapping_sub(first) <= last - first) as u8
    }
    const fn is(byte: u8, other: u8) -> u8 {
        (byte == other) as u8
    }
    let joins_both = is(byte, b'.') | is(byte, b'\'');
    between(byte | 0x20, b'a', b'z') << LETTER
        | between(byte, b'0', b'9') << DIGIT
        | is(byte, b'_') << UNDERSCORE
        | (is(byte, b':') | joins_both) << JOINS_LETTERS
        | (is(byte, b',') | is(byte, b';') | joins_both) << JOINS_DIGITS
        | (is(byte, b' ') | between(byte, b'\t', b'\r')) << SPACE
        | is(byte, b'\n') << LINE_FEED
}

/// For each class the bytes that have it.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a function for one set of instructions has no safe call from one for all")]
fn masks(block: &[u8; BLOCK]) -> [u64; 8] {
    // SAFETY: SSE2 is part of x86_64; there is no processor of that name without it.
    unsafe { sse2::masks(block) }
}

#[cfg(not(target_arch = "x86_64"))]
use portable as masks;

/// With the one instruction that the compiler does not find by itself: the highest bits of sixteen bytes as a number.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        _mm_sub_epi8,
    };

    use crate::words::ascii::{BLOCK, DIGIT, JOINS_DIGITS, JOINS_LETTERS, LETTER, LINE_FEED, SPACE, UNDERSCORE};

    #[target_feature(enable = "sse2")]
    fn is(bytes: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))
    }

    #[target_feature(enable = "sse2")]
    fn between(bytes: __m128i, first: u8, last: u8) -> __m128i {
        let offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
        _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8((last - first).cast_signed())), offset)
    }

    /// As [`super::flags`] has the classes, sixteen bytes at a time.
    #[target_feature(enable = "sse2")]
    pub(super) fn masks(block: &[u8; BLOCK]) -> [u64; 8] {
        let mut masks = [0; 8];
        for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            let halves = bytes.as_chunks::<8>().0;
            let bytes = _mm_set_epi64x(i64::from_le_bytes(halves[1]), i64::from_le_bytes(halves[0]));
            let joins_both = _mm_or_si128(is(bytes, b'.'), is(bytes, b'\''));
            let lower_case = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
            let mut mark = |class: usize, found: __m128i| {
                masks[class] |= u64::from(_mm_movemask_epi8(found).cast_unsigned()) << (16 * part);
            };
            mark(LETTER, between(lower_case, b'a', b'z'));
            mark(DIGIT, between(bytes, b'0', b'9'));
            mark(UNDERSCORE, is(bytes, b'_'));
            mark(JOINS_LETTERS, _mm_or_si128(is(bytes, b':'), joins_both));
            mark(JOINS_DIGITS, _mm_or_si128(_mm_or_si128(is(bytes, b','), is(bytes, b';')), joins_both));
            mark(SPACE, _mm_or_si128(is(bytes, b' '), between(bytes, b'\t', b'\r')));
            mark(LINE_FEED, is(bytes, b'\n'));
        }
        masks
    }
}

/// The same for any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable(block: &[u8; BLOCK]) -> [u64; 8] {
    // Both loops have the form that the compiler turns into vector instructions.
    let mut rows = [0; BLOCK];
    for (row, byte) in rows.iter_mut().zip(block) {
        *row = flags(*byte);
    }
    // Bits first, within each eight bytes; then bytes, among the eight words.
    let mut words = [0_u64; 8];
    for (word, row) in words.iter_mut().zip(rows.as_chunks::<8>().0) {
        *word = transpose(u64::from_le_bytes(*row));
    }
    swap_blocks(&mut words, 4, 0x0000_0000_ffff_ffff);
    swap_blocks(&mut words, 2, 0x0000_ffff_0000_ffff);
    swap_blocks(&mut words, 1, 0x00ff_00ff_00ff_00ff);
    words
}

/// A step of turning a matrix of 8 by 8 bytes over: swaps blocks of this number of bytes across the diagonal.
#[cfg(any(test, not(target_arch = "x86_64")))]
const fn swap_blocks(words: &mut [u64; 8], size: usize, low: u64) {
    let mut row = 0;
    while row < 8 {
        if row & size == 0 {
            let (upper, lower) = (words[row], words[row + size]);
            let shift = 8 * size;
            words[row] = upper & low | (lower & low) << shift;
            words[row + size] = upper >> shift & low | lower & !low;
        }
        row += 1;
    }
}

/// Turns a matrix of 8 by 8 bits over (Hacker's Delight, section 7-3).
#[cfg(any(test, not(target_arch = "x86_64")))]
const fn transpose(matrix: u64) -> u64 {
    let swap = (matrix ^ (matrix >> 7)) & 0x00aa_00aa_00aa_00aa;
    let matrix = matrix ^ swap ^ (swap << 7);
    let swap = (matrix ^ (matrix >> 14)) & 0x0000_cccc_0000_cccc;
    let matrix = matrix ^ swap ^ (swap << 14);
    let swap = (matrix ^ (matrix >> 28)) & 0x0000_0000_f0f0_f0f0;
    matrix ^ swap ^ (swap << 28)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: each byte by itself.
    fn one_by_one(block: &[u8; BLOCK]) -> [u64; 8] {
        std::array::from_fn(|class| {
            block.iter().enumerate().map(|(at, byte)| u64::from(flags(*byte) >> class & 1) << at).sum()
        })
    }

    #[test]
    fn every_byte_has_its_classes_at_every_place() {
        for byte in 0..128 {
            for at in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                let expected = one_by_one(&block);
                assert_eq!((masks(&block), portable(&block)), (expected, expected), "{byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn both_ways_give_the_same(block in prop::collection::vec(0_u8..128, BLOCK)) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            let expected = one_by_one(&block);
            prop_assert_eq!((masks(&block), portable(&block)), (expected, expected));
        }
    }
}
