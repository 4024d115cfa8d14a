//! What a document declares of itself: in its information dictionary, in its catalogue, and in a packet of XMP.

use handler_contract::Metadata;
use hayro_syntax::object::{self, DateTime, Dict, ObjectIdentifier, Stream};
use hayro_syntax::{Pdf, PdfVersion};
use memchr::memmem;

use crate::formats::date::{DateParts, from_pdf};
use crate::formats::value::clean;
use crate::formats::{language, xmp};

/// Trailers that are searched for the information dictionary. A document has one for each time it was changed.
const MOST_TRAILERS: usize = 64;

/// Reads the information dictionary, the header, and the catalogue's language.
pub(super) fn describe(pdf: &Pdf, metadata: &mut Metadata) {
    let information = pdf.metadata();
    let text = |bytes: &Option<Box<[u8]>>| bytes.as_deref().and_then(|bytes| clean(&text_string(bytes)));
    metadata.title = text(&information.title);
    metadata.author = text(&information.author);
    metadata.subject = text(&information.subject);
    metadata.keywords = text(&information.keywords);
    metadata.creator_tool = text(&information.creator);
    metadata.producer = text(&information.producer);
    let dictionary = information_dictionary(pdf);
    let date = |key: &str, parsed: Option<DateTime>| match &dictionary {
        Some(dictionary) => {
            let text = dictionary.get::<object::String<'_>>(key)?;
            from_pdf(&text_string(text.as_bytes()))
        }
        None => parsed.and_then(from_parsed),
    };
    metadata.date_created = date("CreationDate", information.creation_date);
    metadata.date_modified = date("ModDate", information.modification_date);
    metadata.format_version = version(pdf).map(str::to_owned);
    let declared = catalogue(pdf).and_then(|catalogue| catalogue.get::<object::String<'_>>("Lang"));
    metadata.language = declared.and_then(|tag| language::declared(&text_string(tag.as_bytes())));
}

/// Adds what only the packet of XMP says (PDF 1.7 reference, section 10.2.2).
pub(super) fn describe_by_xmp(pdf: &Pdf, metadata: &mut Metadata) {
    let Some(stream) = catalogue(pdf).and_then(|catalogue| catalogue.get::<Stream<'_>>("Metadata")) else { return };
    if stream.raw_data().len() > xmp::LARGEST {
        return;
    }
    if let Ok(packet) = stream.decoded_data() {
        xmp::fill_document(xmp::read(&packet), metadata);
    }
}

fn catalogue(pdf: &Pdf) -> Option<Dict<'_>> {
    pdf.xref().get(pdf.xref().root_id())
}

/// The information dictionary, which the parser reads and does not give away: the one that the last trailer names.
fn information_dictionary(pdf: &Pdf) -> Option<Dict<'_>> {
    const KEY: &[u8] = b"/Info";
    let bytes = pdf.data().as_ref();
    memmem::rfind_iter(bytes, KEY).take(MOST_TRAILERS).find_map(|at| {
        let value = &bytes[at + KEY.len()..];
        let value = value[..value.len().min(32)].utf8_chunks().next()?.valid();
        let mut words = value.split_ascii_whitespace();
        let (number, generation) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let is_reference = words.next().is_some_and(|word| word.starts_with('R'));
        let id = is_reference.then(|| ObjectIdentifier::new(number, generation))?;
        pdf.xref().get::<Dict<'_>>(id)
    })
}

/// A date that the parser has read. It takes UTC where a document gives no zone.
fn from_parsed(date: DateTime) -> Option<String> {
    let offset = i32::from(date.utc_offset_hour) * 60;
    let offset = offset + offset.signum() * i32::from(date.utc_offset_minute);
    let parts = DateParts {
        year: date.year.into(),
        month: Some(date.month.into()),
        day: Some(date.day.into()),
        clock: Some((date.hour.into(), date.minute.into(), date.second.into())),
        millis: None,
        offset: (offset != 0).then_some(offset),
    };
    parts.iso()
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

/// A text string (PDF 1.7 reference, section 3.8.1): UTF-16 or UTF-8 after a byte order mark, else `PDFDocEncoding`.
pub(super) fn text_string(bytes: &[u8]) -> String {
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
}
