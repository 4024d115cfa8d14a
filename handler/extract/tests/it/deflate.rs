//! Deflate streams that unpack to far more than their size.

/// Writes bits, the lowest of each byte first, as deflate does (RFC 1951, section 3.1.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u64, width: u32) {
        self.held |= value << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push((self.held & 0xff) as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Huffman codes are written from the highest bit on.
    fn push_code(&mut self, code: u64, width: u32) {
        self.push(code.reverse_bits() >> (64 - width), width);
    }
}

/// A zlib stream of some bytes, and then of the last `distance` of them again and again, for about `length` bytes: 258
/// bytes cost two. `distance` is 1 or 13.
pub(crate) fn deflated(bytes: &[u8], distance: usize, length: u64) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x78, 0x9c], ..Bits::default() };
    // The last block, with the fixed codes of section 3.2.6.
    bits.push(0b011, 3);
    for byte in bytes {
        match u64::from(*byte) {
            literal @ 0..=143 => bits.push_code(0x30 + literal, 8),
            literal => bits.push_code(0x190 + literal - 144, 9),
        }
    }
    for _ in 0..length / 258 {
        // Length 258 is code 285; distance 1 is code 0, distance 13 code 7 and two more bits.
        bits.push_code(0xc0 + 285 - 280, 8);
        match distance {
            1 => bits.push_code(0, 5),
            13 => {
                bits.push_code(7, 5);
                bits.push(0, 2);
            }
            other => panic!("no distance code for {other}"),
        }
    }
    bits.push_code(0, 7);
    bits.push(0, 7);
    bits.bytes
}
