//! Numbers and slices at offsets that a file names, none of which is trusted: what lies outside is `None`.

/// A file, or a part of one, with the byte order of its numbers.
///
/// Of a file that is larger than what is set aside for it only the two ends are there (`crate::child::SpooledFile`).
/// What lies between them, or starts in one end and does not end there, is `None` too, so that to a reader such a file
/// is one that is damaged in its middle. Its length and the offsets of its tail are true.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The file's head; all of it, where nothing is missing.
    head: &'a [u8],
    /// The file's end, and where that starts.
    tail: &'a [u8],
    tail_at: u64,
    /// The part of the file that this view is of.
    from: u64,
    to: u64,
    little_endian: bool,
}

impl<'a> View<'a> {
    /// Numbers with their least significant byte first.
    pub(crate) const fn little_endian(bytes: &'a [u8]) -> Self {
        Self { little_endian: true, ..Self::big_endian(bytes) }
    }

    /// Numbers with their most significant byte first.
    pub(crate) const fn big_endian(bytes: &'a [u8]) -> Self {
        let len = bytes.len() as u64;
        Self { head: bytes, tail: &[], tail_at: len, from: 0, to: len, little_endian: false }
    }

    /// A file of which the middle is missing, with the most significant byte of its numbers first. The tail starts at
    /// `tail_at`, after the head.
    pub(crate) const fn of_head_and_tail(head: &'a [u8], tail: &'a [u8], tail_at: u64) -> Self {
        Self { head, tail, tail_at, from: 0, to: tail_at + tail.len() as u64, little_endian: false }
    }

    /// The same part, with the least significant byte of numbers first.
    pub(crate) const fn as_little_endian(self) -> Self {
        Self { little_endian: true, ..self }
    }

    /// The same part, with the most significant byte of numbers first.
    pub(crate) const fn as_big_endian(self) -> Self {
        Self { little_endian: false, ..self }
    }

    /// All bytes, or as many as are there before the first that is missing.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.slice_up_to(0, self.len())
    }

    /// How many bytes there are, those that are missing among them.
    pub(crate) const fn len(self) -> u64 {
        self.to - self.from
    }

    /// `len` bytes from `at`.
    pub(crate) fn slice(self, at: u64, len: u64) -> Option<&'a [u8]> {
        let (from, to) = self.range(at, len)?;
        let slice = |bytes: &'a [u8], from, to| bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
        slice(self.head, from, to)
            .or_else(|| slice(self.tail, from.checked_sub(self.tail_at)?, to.checked_sub(self.tail_at)?))
    }

    /// At most `len` bytes from `at`: fewer where the file ends, or is missing, before.
    pub(crate) fn slice_up_to(self, at: u64, len: u64) -> &'a [u8] {
        let len = len.min(self.len().saturating_sub(at));
        // What starts in the head ends with it at the latest.
        let in_head = (self.head.len() as u64).saturating_sub(self.from.saturating_add(at));
        self.slice(at, if in_head > 0 { len.min(in_head) } else { len }).unwrap_or_default()
    }

    /// The same numbers' order over `len` bytes from `at`.
    pub(crate) fn part(self, at: u64, len: u64) -> Option<Self> {
        let (from, to) = self.range(at, len)?;
        Some(Self { from, to, ..self })
    }

    /// The same numbers' order over at most `len` bytes from `at`: fewer where the file ends before.
    pub(crate) fn part_up_to(self, at: u64, len: u64) -> Self {
        let at = at.min(self.len());
        let from = self.from + at;
        Self { from, to: from + len.min(self.len() - at), ..self }
    }

    /// Everything from `at` on.
    pub(crate) fn from(self, at: u64) -> Option<Self> {
        self.part(at, self.len().checked_sub(at)?)
    }

    /// Whether the bytes at `at` are `expected`.
    pub(crate) fn has(self, at: u64, expected: &[u8]) -> bool {
        self.slice(at, expected.len() as u64) == Some(expected)
    }

    /// Whether nothing of the file is missing.
    pub(crate) const fn is_whole(self) -> bool {
        self.head.len() as u64 == self.tail_at
    }

    /// Where the file continues after what is missing, if `at` lies there, or so near before that nothing can be read.
    pub(crate) fn behind_gap(self, at: u64) -> Option<u64> {
        let next = self.tail_at.checked_sub(self.from)?;
        (!self.is_whole() && at < next && next < self.len()).then_some(next)
    }

    /// Where in the file a range of this part lies, if the part has it.
    fn range(self, at: u64, len: u64) -> Option<(u64, u64)> {
        let to = at.checked_add(len).filter(|to| *to <= self.len())?;
        Some((self.from + at, self.from + to))
    }

    fn array<const N: usize>(self, at: u64) -> Option<[u8; N]> {
        self.slice(at, N as u64)?.try_into().ok()
    }

    /// Four bytes that name something.
    pub(crate) fn name(self, at: u64) -> Option<[u8; 4]> {
        self.array(at)
    }

    pub(crate) fn u8(self, at: u64) -> Option<u8> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    pub(crate) fn u16(self, at: u64) -> Option<u16> {
        self.array(at).map(if self.little_endian { u16::from_le_bytes } else { u16::from_be_bytes })
    }

    pub(crate) fn u24(self, at: u64) -> Option<u32> {
        let [a, b, c] = self.array(at)?;
        Some(u32::from_be_bytes(if self.little_endian { [0, c, b, a] } else { [0, a, b, c] }))
    }

    pub(crate) fn u32(self, at: u64) -> Option<u32> {
        self.array(at).map(if self.little_endian { u32::from_le_bytes } else { u32::from_be_bytes })
    }

    pub(crate) fn i32(self, at: u64) -> Option<i32> {
        self.u32(at).map(u32::cast_signed)
    }

    pub(crate) fn u64(self, at: u64) -> Option<u64> {
        self.array(at).map(if self.little_endian { u64::from_le_bytes } else { u64::from_be_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn numbers_are_read_in_their_order_and_never_outside() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        let (little, big) = (View::little_endian(&bytes), View::big_endian(&bytes));
        assert_eq!((little.u16(0), big.u16(0)), (Some(0x0201), Some(0x0102)));
        assert_eq!((little.u24(1), big.u24(1)), (Some(0x04_0302), Some(0x02_0304)));
        assert_eq!((little.u32(4), big.u32(4)), (Some(0x0807_0605), Some(0x0506_0708)));
        assert_eq!((little.u64(0), big.u64(1)), (Some(0x0807_0605_0403_0201), None));
        assert_eq!((little.u8(7), little.u8(8), little.u32(u64::MAX)), (Some(8), None, None));
        assert_eq!(little.slice_up_to(6, 100), &[7, 8]);
        assert_eq!(little.slice_up_to(9, 1), b"");
        assert_eq!(little.part(2, 3).and_then(|p| p.from(2)).map(View::bytes), Some(&[5][..]));
        assert!(little.from(9).is_none());
        assert_eq!((little.part_up_to(6, 9).bytes(), little.part_up_to(9, u64::MAX).len()), (&[7, 8][..], 0));
    }

    #[test]
    fn what_lies_between_the_ends_is_missing_and_all_else_is_as_if_nothing_were() {
        // Of ten bytes, those from 4 to 6 are missing.
        let whole: Vec<u8> = (0..10).collect();
        let ends = View::of_head_and_tail(&whole[..4], &whole[7..], 7);
        let all = View::big_endian(&whole);
        assert_eq!(ends.len(), 10);
        for at in 0..=10 {
            for len in 0..=10 {
                let is_there = at + len <= 4 || at >= 7;
                let expected = all.slice(at, len).filter(|_| is_there);
                assert_eq!(ends.slice(at, len).unwrap_or_default(), expected.unwrap_or_default(), "{at} {len}");
                assert_eq!(ends.part(at, len).map(View::len), all.part(at, len).map(View::len));
                let part = ends.part_up_to(at, len);
                assert_eq!(part.len(), all.part_up_to(at, len).len());
                assert_eq!(part.bytes(), ends.slice_up_to(at, len), "{at} {len}");
                assert!(all.slice_up_to(at, len).starts_with(part.bytes()), "{at} {len}");
            }
        }
        assert_eq!((ends.u16(3), ends.u16(6), ends.u16(7), ends.u16(9)), (None, None, Some(0x0708), None));
        assert_eq!(ends.from(3).map(View::bytes), Some(&[3][..]));
        assert!(all.is_whole() && !ends.is_whole());
        assert_eq!((ends.behind_gap(3), ends.behind_gap(6), ends.behind_gap(7)), (Some(7), Some(7), None));
        assert_eq!((all.behind_gap(5), ends.from(5).and_then(|rest| rest.behind_gap(0))), (None, Some(2)));
        assert_eq!(ends.from(5).and_then(|rest| rest.u8(3)), Some(8));
    }
}
