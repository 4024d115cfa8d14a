//! The files that are measured. Generated, so that every run measures the same ones.

use std::sync::Arc;

use handler_bench::http::Body;

const SENTENCE: &str = "The quick brown fox jumps over the lazy dog and finds seventeen other things to do. ";

/// A text of this many bytes, in lines.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let line = SENTENCE.trim_end().to_owned() + "\n";
    let mut text = line.repeat(bytes / line.len() + 1).into_bytes();
    text.truncate(bytes);
    text
}

/// Text of any size, made of 64 KiB that repeat.
pub(crate) fn large_text(bytes: u64) -> Body {
    Body::Repeat(Arc::new(text(64 << 10)), bytes)
}

/// A PDF of this many pages of plain text, 5 KB each.
pub(crate) fn pdf(pages: usize) -> Vec<u8> {
    const LINES: usize = 55;
    let mut objects = vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned()];
    let kids: Vec<_> = (0..pages).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    objects.push(format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")));
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned());
    for page in 0..pages {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + 2 * page
        ));
        let lines: Vec<_> = (0..LINES).map(|line| format!("({page}.{line} {}) Tj T*", SENTENCE.trim_end())).collect();
        let text = format!("BT /F1 10 Tf 13 TL 50 790 Td\n{}\nET", lines.join("\n"));
        objects.push(format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()));
    }

    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(format!("{:010} 00000 n \n", pdf.len()));
        pdf = pdf + &(number + 1).to_string() + " 0 obj\n" + object + "\nendobj\n";
    }
    let (size, table) = (objects.len() + 1, pdf.len());
    pdf += &[
        format!("xref\n0 {size}\n0000000000 65535 f \n"),
        offsets.concat(),
        format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"),
    ]
    .concat();
    pdf.into_bytes()
}
