//! Transfer encodings of MIME (RFC 2045, section 6): base64 and quoted-printable, as they arrive.

/// How a part is encoded for its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// 7bit, 8bit, binary, and what is unknown.
    Identity,
    Base64,
    QuotedPrintable,
}

impl Coding {
    pub(super) fn parse(value: &str) -> Self {
        match value.trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}

/// Quoted-printable: how much of `=C3` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Sign,
    Digit(u8),
}

/// Undoes a coding piece by piece. What breaks its rules is passed on or over, and ends nothing.
#[derive(Debug)]
pub(super) struct Decoder {
    coding: Coding,
    decoded: Vec<u8>,
    /// Base64: digits that make no byte yet, and how many.
    bits: u32,
    digits: u8,
    escape: Escape,
}

impl Decoder {
    pub(super) fn new(coding: Coding) -> Self {
        Self { coding, decoded: vec![], bits: 0, digits: 0, escape: Escape::No }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        match self.coding {
            Coding::Identity => return take(bytes),
            Coding::Base64 => bytes.iter().for_each(|byte| self.base64(*byte)),
            Coding::QuotedPrintable => bytes.iter().for_each(|byte| self.quoted_printable(*byte)),
        }
        take(&self.decoded);
        self.decoded.clear();
    }

    /// Gives what is still held back.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(&[u8])) {
        if self.coding == Coding::Base64 {
            self.base64(b'=');
        }
        if let Escape::Digit(digit) = self.escape {
            self.decoded.extend([b'=', digit]);
        }
        take(&self.decoded);
        self.decoded.clear();
    }

    fn base64(&mut self, byte: u8) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                // Two digits hold one byte, three hold two.
                let bits = self.bits << (6 * (4 - u32::from(self.digits)));
                let whole = usize::from(self.digits.saturating_sub(1));
                self.decoded.extend_from_slice(&bits.to_be_bytes()[1..=whole]);
                (self.bits, self.digits) = (0, 0);
                return;
            }
            _ => return,
        };
        self.bits = self.bits << 6 | u32::from(digit);
        self.digits += 1;
        if self.digits == 4 {
            self.decoded.extend_from_slice(&self.bits.to_be_bytes()[1..]);
            (self.bits, self.digits) = (0, 0);
        }
    }

    fn quoted_printable(&mut self, byte: u8) {
        let value = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        self.escape = match (self.escape, value(byte)) {
            (Escape::No, _) if byte == b'=' => Escape::Sign,
            (Escape::No, _) => {
                self.decoded.push(byte);
                Escape::No
            }
            (Escape::Sign, Some(_)) => Escape::Digit(byte),
            (Escape::Digit(first), Some(second)) => {
                self.decoded.push(value(first).unwrap_or_default() << 4 | second);
                Escape::No
            }
            // A soft line break: the line continues.
            (Escape::Sign, None) if byte == b'\n' => Escape::No,
            (Escape::Sign, None) if matches!(byte, b'\r' | b' ' | b'\t') => Escape::Sign,
            (seen, None) => {
                self.decoded.push(b'=');
                if let Escape::Digit(digit) = seen {
                    self.decoded.push(digit);
                }
                self.escape = Escape::No;
                return self.quoted_printable(byte);
            }
        };
    }
}

/// Decodes bytes at once.
pub(super) fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let (mut decoder, mut whole) = (Decoder::new(coding), vec![]);
    decoder.feed(bytes, &mut |bytes| whole.extend_from_slice(bytes));
    decoder.finish(&mut |bytes| whole.extend_from_slice(bytes));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(coding: Coding, pieces: &[&str]) -> String {
        let (mut decoder, mut whole) = (Decoder::new(coding), vec![]);
        for piece in pieces {
            decoder.feed(piece.as_bytes(), &mut |bytes| whole.extend_from_slice(bytes));
        }
        decoder.finish(&mut |bytes| whole.extend_from_slice(bytes));
        String::from_utf8_lossy(&whole).into_owned()
    }

    #[test]
    fn codings_in_any_pieces() {
        for (coding, encoded, text) in [
            (Coding::Identity, "a=20b", "a=20b"),
            (Coding::Base64, "b25lIHR3bw==", "one two"),
            (Coding::Base64, "b25l\r\nIHR3\r\nbw==\r\nb25l", "one twoone"),
            (Coding::Base64, "b25lIHR3bzE=", "one two1"),
            (Coding::Base64, "b25lIHR3bw", "one two"),
            (Coding::Base64, "b25l!?b", "one"),
            (Coding::Base64, "====", ""),
            (Coding::QuotedPrintable, "a=20b=C3=A9=e9", "a bé\u{fffd}"),
            (Coding::QuotedPrintable, "soft=\r\n break=  \n s", "soft break s"),
            (Coding::QuotedPrintable, "a=b=x==20=4", "a=b=x= =4"),
            (Coding::QuotedPrintable, "a=", "a"),
        ] {
            for at in 0..=encoded.len() {
                assert_eq!(decode(coding, &[&encoded[..at], &encoded[at..]]), text, "{encoded} {at}");
            }
        }
        assert_eq!(Coding::parse(" BASE64 "), Coding::Base64);
        assert_eq!(Coding::parse("8bit"), Coding::Identity);
    }
}
