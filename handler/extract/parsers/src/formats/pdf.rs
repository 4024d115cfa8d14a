//! PDF: pages, words, and what the document says of itself.
//!
//! A PDF holds glyphs at places, not words. `content` follows the text that a page draws, in the `fonts` and `layers`
//! of its document, as far as its `operations` can be read, and `words` makes words of it.

mod content;
mod extras;
mod fonts;
mod layers;
mod operations;
mod start;
mod words;

use std::sync::Arc;

use handler_contract::{ErrorCode, Failure, Metadata};
use hayro_syntax::object::DateTime;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfVersion};
use memmap2::Mmap;

pub(crate) use self::start::{has_table, headers, is_object};
use self::words::Words;
use super::value::clean;
use crate::report::{Abort, Report};

/// Pages that are read before their fonts are given back.
const PAGES_AT_ONCE: usize = 64;
/// How often a document is opened to give back what it keeps unpacked: the streams that hold its objects. Not oftener,
/// as each time all pages are looked up.
const OPENINGS: usize = 16;

/// Reads a document.
pub(super) fn read(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    let pdf = open(bytes).inspect_err(|failure| {
        report.metadata.is_encrypted = (failure.code == ErrorCode::Encrypted).then_some(true);
    })?;
    let pages = pdf.pages().len();
    if pages == 0 {
        return Err(malformed().into());
    }
    describe(&pdf, &mut report.metadata);
    extras::describe(&pdf, &mut report.metadata);
    report.metadata.page_count = Some(pages as u64);
    drop(pdf);
    report.checkpoint()?;

    let mut words = Words::default();
    let part = pages.div_ceil(OPENINGS).next_multiple_of(PAGES_AT_ONCE);
    for first in (0..pages).step_by(part) {
        let pdf = open(bytes)?;
        for pages in pdf.pages()[first..pages.min(first + part)].chunks(PAGES_AT_ONCE) {
            let mut reader = content::PageReader::new(pdf.xref());
            for page in pages {
                reader.page(page, &mut words);
                words.end_page();
            }
        }
    }
    let counts = words.counts();
    report.metadata.word_count = Some(counts.words);
    report.metadata.unicode_word_count = Some(counts.unicode_words);
    report.metadata.has_text_layer = Some(counts.words > 0);
    Ok(())
}

fn open(bytes: &Arc<Mmap>) -> Result<Pdf, Failure> {
    Pdf::new(Arc::new(Document { file: Arc::clone(bytes), from: start::origin(bytes) })).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            Failure::new(ErrorCode::Encrypted, "the document needs a password")
        }
        LoadPdfError::Decryption(_) => {
            Failure::new(ErrorCode::Encrypted, "the document is encrypted in a way that cannot be undone")
        }
        LoadPdfError::Invalid => malformed(),
    })
}

/// A file from the byte on that its offsets are counted from.
struct Document {
    file: Arc<Mmap>,
    from: usize,
}

impl AsRef<[u8]> for Document {
    fn as_ref(&self) -> &[u8] {
        &self.file[self.from..]
    }
}

fn malformed() -> Failure {
    Failure::new(ErrorCode::Malformed, "no page of the document can be found")
}

/// What the document's information dictionary and its header say.
fn describe(pdf: &Pdf, metadata: &mut Metadata) {
    let information = pdf.metadata();
    let text = |bytes: &Option<Box<[u8]>>| bytes.as_deref().and_then(|bytes| clean(&text_string(bytes)));
    metadata.title = text(&information.title);
    metadata.author = text(&information.author);
    metadata.subject = text(&information.subject);
    metadata.keywords = text(&information.keywords);
    metadata.creator_tool = text(&information.creator);
    metadata.producer = text(&information.producer);
    metadata.date_created = information.creation_date.and_then(iso_8601);
    metadata.date_modified = information.modification_date.and_then(iso_8601);
    metadata.format_version = version(pdf).map(str::to_owned);
}

fn version(pdf: &Pdf) -> Option<&'static str> {
    Some(match pdf.version() {
        // Also the answer where no version is found.
        PdfVersion::Pdf10 if !pdf.data().as_ref().windows(8).take(1024).any(|at| at == b"%PDF-1.0") => return None,
        PdfVersion::Pdf10 => "1.0",
        PdfVersion::Pdf11 => "1.1",
        PdfVersion::Pdf12 => "1.2",
        PdfVersion::Pdf13 => "1.3",
        PdfVersion::Pdf14 => "1.4",
        PdfVersion::Pdf15 => "1.5",
        PdfVersion::Pdf16 => "1.6",
        PdfVersion::Pdf17 => "1.7",
        PdfVersion::Pdf20 => "2.0",
    })
}

/// A date as ISO 8601 has it. Where a document gives no zone the parser takes UTC.
fn iso_8601(date: DateTime) -> Option<String> {
    let DateTime { year, month, day, hour, minute, second, utc_offset_hour, utc_offset_minute } = date;
    let zone = match (utc_offset_hour, utc_offset_minute) {
        (0, 0) => "Z".to_owned(),
        (hours, minutes) => format!("{hours:+03}:{minutes:02}"),
    };
    let days = match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (year > 0 && day <= days).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"))
}

/// A text string (PDF 1.7 reference, section 3.8.1): UTF-16 or UTF-8 after a byte order mark, else `PDFDocEncoding`.
fn text_string(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        without_language(&String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        // Not in the reference, but in documents.
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, text @ ..] => without_language(&String::from_utf8_lossy(text)),
        _ => bytes.iter().map(|byte| pdf_doc_character(*byte)).collect(),
    }
}

/// A text without the language codes between two escape characters.
fn without_language(text: &str) -> String {
    text.split('\u{1b}').step_by(2).collect()
}

/// PDF 1.7 reference, appendix D.2.
fn pdf_doc_character(byte: u8) -> char {
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const SIGNS: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ', 'ﬂ', 'Ł',
        'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    match byte {
        0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        0x80..=0xa0 => SIGNS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_strings_in_each_encoding() {
        let rows: &[(&[u8], &str)] = &[
            (b"plain", "plain"),
            (b"\x80 \x8dquoted\x8e \xa0 \xe9", "• “quoted” € é"),
            (b"\xfe\xff\0G\0r\0\xf6", "Grö"),
            (b"\xff\xfeG\0r\0\xf6\0", "Grö"),
            (b"\xef\xbb\xbfGr\xc3\xb6", "Grö"),
            (b"\xfe\xff\0\x1b\0d\0e\0\x1b\0G", "G"),
            (b"\xfe\xff\xd8", ""),
        ];
        for (bytes, text) in rows {
            assert_eq!(text_string(bytes), *text, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn dates_keep_their_zone() {
        let date = |year, utc_offset_hour, utc_offset_minute| DateTime {
            year,
            month: 2,
            day: 3,
            hour: 4,
            minute: 5,
            second: 6,
            utc_offset_hour,
            utc_offset_minute,
        };
        assert_eq!(iso_8601(date(2024, 0, 0)).unwrap(), "2024-02-03T04:05:06Z");
        assert_eq!(iso_8601(date(2024, 2, 0)).unwrap(), "2024-02-03T04:05:06+02:00");
        assert_eq!(iso_8601(date(2024, -5, 30)).unwrap(), "2024-02-03T04:05:06-05:30");
        assert_eq!(iso_8601(date(0, 0, 0)), None);
    }
}
