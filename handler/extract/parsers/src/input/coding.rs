//! The coding that an object is stored in (HTTP `Content-Encoding`, RFC 9110, section 8.4): what is read is what it
//! decodes to.
//!
//! The header is only what somebody said when the object was written. Where the bytes are not in that coding, they are
//! read as they are.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use handler_contract::{ErrorCode, Failure};

/// Bytes that are passed to a decoder at a time.
const CHUNK: usize = 64 << 10;
/// The most that is decoded: about a second's work. Bytes.
const MOST_DECODED: u64 = 512 << 20;
/// What decodes to as much as that, and to more than this multiple of its size, is a bomb.
const RATIO: u64 = 200;
/// The longest name of a coding that is kept. Bytes.
const LONGEST_NAME: usize = 64;

/// How an object is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Identity,
    /// In one that can be decoded.
    Known(Known),
    /// In others, by their names.
    Unknown(String),
}

/// A coding that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Gzip,
    Deflate,
}

impl Coding {
    /// Reads the header.
    pub(super) fn of(header: &str) -> Self {
        let mut codings = header.split(',').map(|coding| coding.trim().to_ascii_lowercase());
        // S3 removes the chunks of this coding, but keeps its name. The others are no codings.
        let mut codings = codings.by_ref().filter(|coding| !is_identity(coding)).peekable();
        let Some(first) = codings.next() else { return Self::Identity };
        if codings.peek().is_some() {
            let all = codings.fold(first, |all, coding| all + ", " + &coding);
            return Self::Unknown(clean(&all));
        }
        match first.as_str() {
            "gzip" | "x-gzip" => Self::Known(Known::Gzip),
            "deflate" => Self::Known(Known::Deflate),
            _ => Self::Unknown(clean(&first)),
        }
    }
}

/// Names of no coding: that of S3's uploads, and those of character sets, which are often put here.
fn is_identity(coding: &str) -> bool {
    matches!(coding, "" | "aws-chunked" | "identity" | "none" | "binary" | "7bit" | "8bit" | "base64")
        || ["utf", "iso-", "windows-", "us-ascii", "ascii"].iter().any(|charset| coding.starts_with(charset))
}

fn clean(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(LONGEST_NAME).collect()
}

impl Known {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Whether bytes start as this coding does.
    pub(super) fn is_at(self, head: &[u8]) -> bool {
        match self {
            Self::Gzip => head.starts_with(b"\x1f\x8b"),
            Self::Deflate => {
                matches!(head, [method, flags, ..]
                if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
                // Some servers leave the two bytes of zlib out.
                || head.first().is_some_and(|first| !first.is_ascii_graphic() && first >> 1 & 3 != 3)
            }
        }
    }
}

/// How decoding ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    /// It has not, or everything was decoded.
    #[default]
    Whole,
    /// The bytes are damaged, or break off.
    Damaged,
    /// As much was decoded as is read.
    TooLong,
}

/// What is known of the decoding of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    packed: Rc<Cell<u64>>,
    decoded: Rc<Cell<u64>>,
    end: Rc<Cell<End>>,
}

impl Progress {
    /// Whether a part is all that was decoded; an error if it is no part that could be read.
    pub(super) fn check(&self) -> Result<bool, Failure> {
        let (packed, decoded) = (self.packed.get(), self.decoded.get());
        match self.end.get() {
            End::Whole => Ok(false),
            End::Damaged if decoded == 0 => Err(Failure::new(
                ErrorCode::Malformed,
                "the object says that it is encoded, but not even its first byte can be decoded",
            )),
            End::TooLong if decoded / RATIO > packed => Err(Failure::new(
                ErrorCode::DecompressionBomb,
                format!("{packed} bytes of the encoded object decode to {decoded} or more"),
            )),
            End::Damaged | End::TooLong => Ok(true),
        }
    }
}

/// Decodes what it reads. Damage and the bound end the file; [`Progress`] says so.
pub(super) struct Decoder {
    inner: Box<dyn Read>,
    progress: Progress,
    limit: u64,
}

impl Decoder {
    /// Decodes `source`, of which `head` are the first bytes.
    pub(super) fn new(coding: Known, head: &[u8], source: impl Read + 'static) -> Self {
        let progress = Progress::default();
        let source = Counted { source, count: Rc::clone(&progress.packed) };
        let source = BufReader::with_capacity(CHUNK, source);
        let has_header = matches!(head, [method, flags, ..]
            if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0);
        let inner: Box<dyn Read> = match coding {
            Known::Gzip => Box::new(MultiGzDecoder::new(source)),
            Known::Deflate if has_header => Box::new(ZlibDecoder::new(source)),
            Known::Deflate => Box::new(DeflateDecoder::new(source)),
        };
        Self { inner, progress, limit: MOST_DECODED }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Progress { decoded, end, .. } = &self.progress;
        if end.get() != End::Whole {
            return Ok(0);
        }
        // Piece by piece, so that not much more is decoded than the bound allows.
        let len = buffer.len().min(CHUNK);
        match self.inner.read(&mut buffer[..len]) {
            Ok(count) => {
                decoded.set(decoded.get() + count as u64);
                if decoded.get() > self.limit {
                    end.set(End::TooLong);
                }
                Ok(count)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                    end.set(End::Damaged);
                    Ok(0)
                }
                _ => Err(error),
            },
        }
    }
}

/// Counts what is read.
struct Counted<Source> {
    source: Source,
    count: Rc<Cell<u64>>,
}

impl<Source: Read> Read for Counted<Source> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn headers_name_one_coding_or_none_or_what_is_not_known() {
        let rows = [
            ("gzip", Coding::Known(Known::Gzip)),
            ("GZIP", Coding::Known(Known::Gzip)),
            ("x-gzip", Coding::Known(Known::Gzip)),
            ("aws-chunked, gzip", Coding::Known(Known::Gzip)),
            ("gzip,aws-chunked", Coding::Known(Known::Gzip)),
            ("deflate", Coding::Known(Known::Deflate)),
            ("", Coding::Identity),
            ("identity", Coding::Identity),
            ("aws-chunked", Coding::Identity),
            ("aws-chunked,", Coding::Identity),
            ("utf-8", Coding::Identity),
            ("ISO-8859-1", Coding::Identity),
            ("br", Coding::Unknown("br".to_owned())),
            ("zstd", Coding::Unknown("zstd".to_owned())),
            ("gzip, br", Coding::Unknown("gzip,br".to_owned())),
            ("a\u{202e}b\n", Coding::Unknown("ab".to_owned())),
        ];
        for (header, coding) in rows {
            assert_eq!(Coding::of(header), coding, "{header:?}");
        }
        assert_eq!(Coding::of(&"x".repeat(999)), Coding::Unknown("x".repeat(LONGEST_NAME)));
    }

    fn decode(coding: Known, bytes: &[u8], limit: u64) -> (Vec<u8>, Result<bool, ErrorCode>) {
        let mut decoder = Decoder { limit, ..Decoder::new(coding, bytes, Cursor::new(bytes.to_vec())) };
        let mut decoded = Vec::new();
        decoder.read_to_end(&mut decoded).unwrap();
        (decoded, decoder.progress().check().map_err(|failure| failure.code))
    }

    #[test]
    fn what_is_decoded_is_whole_or_says_that_it_is_not() {
        let text = b"words that repeat, words that repeat, words that repeat".as_slice();
        let gzip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(text).unwrap();
        raw.write_all(text).unwrap();
        let (one, zlib, raw) = (gzip(text), zlib.finish().unwrap(), raw.finish().unwrap());
        let limit = 1 << 20;
        assert_eq!(decode(Known::Gzip, &one, limit), (text.to_vec(), Ok(false)));
        assert_eq!(decode(Known::Gzip, &[&one[..], &one].concat(), limit), (text.repeat(2), Ok(false)));
        assert_eq!(decode(Known::Deflate, &zlib, limit), (text.to_vec(), Ok(false)));
        assert_eq!(decode(Known::Deflate, &raw, limit), (text.to_vec(), Ok(false)));
        assert_eq!(decode(Known::Gzip, &one[..one.len() - 9], limit).1, Ok(true));
        assert_eq!(decode(Known::Gzip, &[&one[..], b"more"].concat(), limit), (text.to_vec(), Ok(true)));
        assert_eq!(decode(Known::Gzip, b"\x1f\x8b\x08", limit), (vec![], Err(ErrorCode::Malformed)));
        let zeros = gzip(&vec![0; 8 << 20]);
        let (decoded, outcome) = decode(Known::Gzip, &zeros, limit);
        assert_eq!(outcome, Err(ErrorCode::DecompressionBomb));
        assert!((1 << 20..2 << 20).contains(&decoded.len()));
        // Long, but honest.
        let noise: Vec<u8> = (0..1_u32 << 19).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        assert_eq!(decode(Known::Gzip, &gzip(&noise), limit).1, Ok(true));
    }
}
