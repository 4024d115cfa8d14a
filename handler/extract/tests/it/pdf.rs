//! The builder of small PDFs for every test of this crate: objects in, a document out (PDF 1.7, ISO 32000-1, section
//! 7.5).

/// A PDF of numbered objects, the first of which is the catalogue.
pub(crate) fn build(objects: &[Vec<u8>]) -> Vec<u8> {
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
    build(&objects)
}

/// A document of one page with one line of text.
pub(crate) fn letter(text: &str) -> Vec<u8> {
    page(stream("", format!("BT /F 12 Tf 50 700 Td ({text}) Tj ET").as_bytes()), "", Vec::new())
}
