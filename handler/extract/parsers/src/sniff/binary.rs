//! Binary types beyond those that `file-format` knows, and those that would pass for text.

/// A type, and which bytes are at which offsets of its files.
type Signature = (&'static str, &'static [(usize, &'static [u8])]);

/// Signatures that no text starts with. A file may look like text after them: audio with eight bits per sample does.
const NEVER_TEXT: &[Signature] = &[
    ("audio/vnd.wave", &[(0, b"RIFF"), (8, b"WAVE")]),
    ("audio/vnd.wave", &[(0, b"RF64"), (8, b"WAVE")]),
    ("audio/vnd.wave", &[(0, b"BW64"), (8, b"WAVE")]),
    ("video/x-msvideo", &[(0, b"RIFF"), (8, b"AVI ")]),
    ("audio/x-aiff", &[(0, b"FORM"), (8, b"AIFF")]),
    ("audio/x-aiff", &[(0, b"FORM"), (8, b"AIFC")]),
    ("image/vnd.adobe.photoshop", &[(0, b"8BPS\0\x01")]),
    ("image/vnd.adobe.photoshop", &[(0, b"8BPS\0\x02")]),
    ("image/vnd.ms-dds", &[(0, b"DDS |\0\0\0")]),
    ("image/x-eps", &[(0, b"\xc5\xd0\xd3\xc6")]),
];

/// What no text starts with, however much text follows: compressed files, pictures with long comments.
const NO_TEXT: &[&[u8]] = &[
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"\x7fELF",
    b"OggS\0",
    b"fLaC\0",
    b"\x1a\x45\xdf\xa3",
    b"SQLite format 3\0",
];

/// Signatures of what `file-format` does not know, or knows by less.
const OTHERS: &[Signature] = &[
    ("audio/aac", &[(0, b"ADIF")]),
    ("audio/x-dff", &[(0, b"FRM8"), (12, b"DSD ")]),
    ("audio/x-ofr", &[(0, b"OFR ")]),
    ("audio/x-tak", &[(0, b"tBaK")]),
    ("audio/x-tta", &[(0, b"TTA1")]),
    // The header of OS/2, and those of Windows with any number of planes.
    ("image/bmp", &[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x0c\0\0\0")]),
    ("image/bmp", &[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x28\0\0\0")]),
    // Frames to be skipped, which parallel compressors put first.
    ("application/zstd", &[(0, b"\x50\x2a\x4d\x18")]),
];

fn is(head: &[u8], (_, parts): &Signature) -> bool {
    parts.iter().all(|(at, bytes)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))
}

/// The type of a file that is never text, whatever follows.
pub(super) fn never_text(head: &[u8]) -> Option<&'static str> {
    let known = NEVER_TEXT.iter().find(|signature| is(head, signature)).map(|(file_type, _)| *file_type);
    known.or_else(|| plain_netpbm(head))
}

/// Whether a file starts as no text does.
pub(super) fn begins_as_no_text(head: &[u8]) -> bool {
    NO_TEXT.iter().any(|magic| head.starts_with(magic)) || is_gif(head)
}

/// The six letters, and then a header that holds a byte which is no letter: sizes, flags, the colour of the ground.
fn is_gif(head: &[u8]) -> bool {
    (head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"))
        && head.get(6..13).is_some_and(|header| header.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace()))
}

/// Pictures written out in digits: a name, perhaps a comment, two numbers, and nothing but numbers after them.
fn plain_netpbm(head: &[u8]) -> Option<&'static str> {
    let file_type = match head.get(..3)? {
        [b'P', b'1', b'\n' | b'\r' | b' '] => "image/x-portable-bitmap",
        [b'P', b'2', b'\n' | b'\r' | b' '] => "image/x-portable-graymap",
        [b'P', b'3', b'\n' | b'\r' | b' '] => "image/x-portable-pixmap",
        _ => return None,
    };
    let lines = head[3..].split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    let mut words = lines.flat_map(|line| line.split(u8::is_ascii_whitespace)).filter(|word| !word.is_empty()).take(16);
    let numbers = words.by_ref().take_while(|word| word.iter().all(u8::is_ascii_digit)).count();
    (numbers >= 2 && words.next().is_none()).then_some(file_type)
}

/// A type that has no signature at all, and that others are mistaken for.
pub(super) fn without_signature(head: &[u8]) -> Option<&'static str> {
    is_tga(head).then_some("image/x-tga")
}

/// The type of a file that nothing else has named.
pub(super) fn other(head: &[u8]) -> Option<&'static str> {
    OTHERS.iter().find(|signature| is(head, signature)).map(|(file_type, _)| *file_type)
}

/// TGA has no signature, but few values are possible at its start: a palette or none, with its
/// place, a coding, a size, bits a pixel.
fn is_tga(head: &[u8]) -> bool {
    let [_, palette, coding, p0, p1, p2, p3, entry, _, _, _, _, w0, w1, h0, h1, depth, attributes, ..] = *head else {
        return false;
    };
    let has_palette = match (palette, coding) {
        (0, 2 | 3 | 10 | 11) => [p0, p1, p2, p3, entry] == [0; 5],
        (1, 1 | 9) => (p2, p3) != (0, 0) && matches!(entry, 15 | 16 | 24 | 32),
        _ => false,
    };
    let has_size = (w0, w1) != (0, 0) && (h0, h1) != (0, 0);
    has_palette && has_size && matches!(depth, 8 | 15 | 16 | 24 | 32) && attributes & 0xc0 == 0 && attributes & 15 <= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_types() {
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"RIFF\x10\0\0\0WAVEfmt ", Some("audio/vnd.wave")),
            (b"RIFF\x10\0\0\0what", None),
            (b"8BPS\0\x01\0", Some("image/vnd.adobe.photoshop")),
            (b"8BPS is how this text starts", None),
            (b"P2\n# a comment\n2 1 255\n0 1\n", Some("image/x-portable-graymap")),
            (b"P2 2 ways to start a text", None),
            (b"P2P networks", None),
        ];
        for (head, file_type) in rows {
            assert_eq!(never_text(head), *file_type, "{}", head.escape_ascii());
        }
        assert_eq!(other(b"BM\x1a\x23\0\0\0\0\0\0\x1a\x03\0\0\x0c\0\0\0"), Some("image/bmp"));
        assert_eq!(other(b"BM\x1a\x23\0\0\0\0\0\0\x1a\x03\0\0\x0d\0\0\0"), None);
    }

    #[test]
    fn what_follows_does_not_make_it_a_text() {
        let text = "words ".repeat(999);
        let rows: &[(&[u8], bool)] = &[
            (b"\x1f\x8b\x08\x08", true),
            (b"\xff\xd8\xff\xfe", true),
            (b"GIF89a\x04\0\x03\0\0\0\0", true),
            (b"GIF89a is a format of pictures", false),
            (b"GIF89a/*\n*/", false),
            (b"7z is an archiver", false),
            (b"fLaC", false),
        ];
        for (head, expected) in rows {
            let head = [*head, text.as_bytes()].concat();
            assert_eq!(begins_as_no_text(&head), *expected, "{}", head[..12].escape_ascii());
        }
    }

    #[test]
    fn tga_is_told_from_a_cursor() {
        let tga = b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x18\x20";
        let cursor = b"\0\0\x02\0\x01\0\x20\x20\0\0\0\0\0\0\x30\x01\0\0";
        assert!(is_tga(tga));
        assert!(!is_tga(cursor));
        for len in 0..tga.len() {
            assert!(!is_tga(&tga[..len]));
        }
    }
}
