//! Files, made here and not kept: small PDFs out of objects, and streams that unpack to far more than they are.

/// A PDF of numbered objects, the first of which is the catalogue.
pub(crate) fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n", index + 1).bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let xref = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        bytes.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    bytes.extend(format!("trailer\n<< /Size {size} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{xref}\n%%EOF\n").bytes());
    bytes
}

/// A stream object. `entries` go into its dictionary.
pub(crate) fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

/// A document of one page: catalogue 1, pages 2, page 3, information 4, content 5, and what else is given from 6 on.
/// `resources` is the inside of the page's resource dictionary, which has a font `F`.
pub(crate) fn page(content: Vec<u8>, resources: &str, further: Vec<Vec<u8>>) -> Vec<u8> {
    document("", "", content, "", resources, further)
}

/// A document of one page, with more fonts.
pub(crate) fn page_with_fonts(content: Vec<u8>, fonts: &str) -> Vec<u8> {
    document("", "", content, fonts, "", Vec::new())
}

/// A document of one empty page, with more in the catalogue and in the page's dictionary.
pub(crate) fn page_with(catalogue: &str, page: &str, further: Vec<Vec<u8>>) -> Vec<u8> {
    document(catalogue, page, stream("", b""), "", "", further)
}

/// A document of one page, with more in its catalogue, its page's dictionary, its fonts and its other resources.
pub(crate) fn document(
    catalogue: &str,
    page: &str,
    content: Vec<u8>,
    fonts: &str,
    resources: &str,
    further: Vec<Vec<u8>>,
) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R {page} /Resources << /Font << /F << \
         /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> {fonts} >> {resources} >> >>"
    );
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {catalogue} >>").into_bytes(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        page.into_bytes(),
        b"<< /Title (A title) /Author (An author) /CreationDate (D:20240102030405+01'00') >>".to_vec(),
        content,
    ];
    objects.extend(further);
    pdf(&objects)
}

/// A document of one page with one line of text.
pub(crate) fn letter(text: &str) -> Vec<u8> {
    page(stream("", format!("BT /F 12 Tf 50 700 Td ({text}) Tj ET").as_bytes()), "", Vec::new())
}

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
