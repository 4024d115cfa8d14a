//! Numbers of any width, bit by bit.

/// Which bit of a byte comes first, and of a number.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// The least significant.
    Least,
    /// The most significant.
    Most,
}

/// Bits of a header.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    order: Order,
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, order, at: 0 }
    }

    /// The next number of up to 64 bits, if all of it is there.
    pub(super) fn take(&mut self, width: usize) -> Option<u64> {
        let mut number = 0;
        for index in 0..width {
            let (byte, bit) = (*self.bytes.get(self.at / 8)?, self.at % 8);
            match self.order {
                Order::Least => number |= u64::from(byte >> bit & 1) << index,
                Order::Most => number = number << 1 | u64::from(byte >> (7 - bit) & 1),
            }
            self.at += 1;
        }
        Some(number)
    }

    /// Passes over bits.
    pub(super) fn skip(&mut self, width: usize) {
        self.at += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_orders() {
        let read = |order| {
            let mut bits = Bits::new(&[0b1010_0011, 0b0000_0001], order);
            let first = (bits.take(3), bits.take(6));
            bits.skip(3);
            (first, bits.take(4), bits.take(1))
        };
        assert_eq!(read(Order::Least), ((Some(0b011), Some(0b11_0100)), Some(0), None));
        assert_eq!(read(Order::Most), ((Some(0b101), Some(0b00_0110)), Some(1), None));
    }
}
