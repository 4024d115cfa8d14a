//! PDF: pages, words, and what the document says of itself.
//!
//! A PDF holds glyphs at places, not words. `content` follows the text that a page draws, in the `fonts` and `layers`
//! of its document, as far as its `operations` can be read, and `words` makes words of it.

mod content;
mod encryption;
mod extras;
mod fonts;
mod information;
mod layers;
mod operations;
mod start;
mod words;

use std::sync::Arc;

use handler_contract::{ErrorCode, Failure};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use memchr::memmem;
use memmap2::Mmap;

pub(crate) use self::start::{has_table, headers, is_object};
use self::words::Words;
use crate::report::{Abort, Report};

/// Pages that are read before their fonts are given back.
const PAGES_AT_ONCE: usize = 64;
/// How often a document is opened to give back what it keeps unpacked: the streams that hold its objects. Not oftener,
/// as each time all pages are looked up.
const OPENINGS: usize = 16;

/// Reads a document.
pub(super) fn read(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Abort> {
    let (plain, opened) = match open(bytes) {
        Err(_) if encryption::is_of_attachments(bytes) => {
            let plain = encryption::without(bytes)?;
            let opened = open(&plain);
            (Some(plain), opened)
        }
        opened => (None, opened),
    };
    let bytes = plain.as_ref().unwrap_or(bytes);
    let pdf = opened.inspect_err(|failure| {
        report.metadata.is_encrypted = (failure.code == ErrorCode::Encrypted).then_some(true);
    })?;
    let pages = pdf.pages().len();
    if pages == 0 {
        return Err(malformed().into());
    }
    information::describe(&pdf, &mut report.metadata);
    extras::describe(&pdf, &mut report.metadata);
    report.metadata.page_count = Some(pages as u64);
    if plain.is_some() {
        report.metadata.is_encrypted = Some(true);
    }
    if is_cut(bytes) {
        report.metadata.is_partial = Some(true);
    }
    report.checkpoint()?;
    information::describe_by_xmp(&pdf, &mut report.metadata);
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
    report.metadata.unicode_word_count = counts.known_unicode_words();
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

/// Whether the end of the file is missing: the place of its cross-references, which is written last, or objects are
/// after the last one.
fn is_cut(bytes: &[u8]) -> bool {
    let end = memmem::rfind(bytes, b"startxref").max(memmem::rfind(bytes, b"%%EOF"));
    let Some(end) = end else { return true };
    let has_object =
        memmem::find_iter(&bytes[end..], b" obj").any(|at| bytes[..end + at].last().is_some_and(u8::is_ascii_digit));
    has_object || linearized_length(bytes).is_some_and(|length| length > bytes.len())
}

/// The length that a document declares whose first page comes first (PDF 1.7 reference, appendix F.2).
fn linearized_length(bytes: &[u8]) -> Option<usize> {
    let head = &bytes[..bytes.len().min(1 << 10)];
    let from = memmem::find(head, b"/Linearized")?;
    let dictionary = &head[..from + memmem::find(&head[from..], b">>")?];
    let start = memmem::rfind(&dictionary[..from], b"<<")?;
    let value = dictionary.get(start + memmem::find(&dictionary[start..], b"/L ")? + 3..)?;
    let digits = value.trim_ascii_start();
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
