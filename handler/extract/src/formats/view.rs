//! Numbers and slices at offsets that a file names, none of which is trusted: what lies outside is `None`.

/// A file, or a part of one, with the byte order of its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl<'a> View<'a> {
    /// Numbers with their least significant byte first.
    pub(crate) const fn little_endian(bytes: &'a [u8]) -> Self {
        Self { bytes, little_endian: true }
    }

    /// Numbers with their most significant byte first.
    pub(crate) const fn big_endian(bytes: &'a [u8]) -> Self {
        Self { bytes, little_endian: false }
    }

    /// All bytes.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes there are.
    pub(crate) const fn len(self) -> u64 {
        self.bytes.len() as u64
    }

    /// `len` bytes from `at`.
    pub(crate) fn slice(self, at: u64, len: u64) -> Option<&'a [u8]> {
        let (from, to) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        self.bytes.get(from..to)
    }

    /// At most `len` bytes from `at`: fewer where the file ends before.
    pub(crate) fn slice_up_to(self, at: u64, len: u64) -> &'a [u8] {
        self.slice(at, len.min(self.len().saturating_sub(at))).unwrap_or_default()
    }

    /// The same numbers' order over `len` bytes from `at`.
    pub(crate) fn part(self, at: u64, len: u64) -> Option<Self> {
        Some(Self { bytes: self.slice(at, len)?, ..self })
    }

    /// Everything from `at` on.
    pub(crate) fn from(self, at: u64) -> Option<Self> {
        self.part(at, self.len().checked_sub(at)?)
    }

    /// Whether `expected` stands at `at`.
    pub(crate) fn has(self, at: u64, expected: &[u8]) -> bool {
        self.slice(at, expected.len() as u64) == Some(expected)
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
    }
}
