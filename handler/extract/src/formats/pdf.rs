//! PDF: pages, words, and what the document says of itself.
//!
//! A PDF holds glyphs at places, not words. The device below collects the characters that the interpreter draws, and
//! puts white space where the gap to the glyph before, or the step off its line, is wide enough.

mod extras;

use std::sync::Arc;

use handler_contract::{ErrorCode, Failure, Metadata};
use hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::object::DateTime;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfVersion};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use memmap2::Mmap;

use super::value::clean;
use crate::child::{Report, Stop};
use crate::words::Counter;

/// A step along the line that parts words. Of the font's size.
const WORD_GAP: f64 = 0.16;
/// The same down a column, to either side: how far a glyph advances there the parser does not tell, and what is written
/// so has no spaces.
const COLUMN_GAP: f64 = 1.0;
/// A step back along the line that parts words. Of the font's size.
const BACK_STEP: f64 = 0.5;
/// A step off the line that begins another one. Of the font's size.
const LINE_STEP: f64 = 0.5;
/// Units of a glyph's own space to the font's size.
const UNITS_PER_EM: f64 = 1000.0;

/// Text that is collected before it is counted. Bytes.
const TEXT_AT_ONCE: usize = 4 << 10;
/// Pages that are interpreted before what was unpacked for them is given back. Each keeps its content stream, and the
/// interpreter its fonts, for as long as the document is open.
const PAGES_AT_ONCE: usize = 64;

/// Reads a document.
pub(super) fn read(bytes: &Arc<Mmap>, report: &mut Report) -> Result<(), Stop> {
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
    report.keep()?;

    let mut words = Words::default();
    for first in (0..pages).step_by(PAGES_AT_ONCE) {
        let pdf = open(bytes)?;
        let cache = InterpreterCache::new();
        for page in pdf.pages().iter().skip(first).take(PAGES_AT_ONCE) {
            // Where on a page the text stands is all one, so the area that is drawn is, too.
            let area = Rect::new(0.0, 0.0, 1.0, 1.0);
            let settings = InterpreterSettings::default();
            let mut context = Context::new(Affine::IDENTITY, area, &cache, pdf.xref(), settings);
            interpret_page(page, &mut context, &mut words);
            words.end_page();
        }
    }
    let counts = words.counter.counts();
    report.metadata.word_count = Some(counts.words);
    report.metadata.unicode_word_count = Some(counts.unicode_words);
    report.metadata.has_text_layer = Some(counts.words > 0);
    Ok(())
}

fn open(bytes: &Arc<Mmap>) -> Result<Pdf, Failure> {
    Pdf::new(Arc::clone(bytes)).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            Failure::new(ErrorCode::Encrypted, "the document needs a password")
        }
        LoadPdfError::Decryption(_) => {
            Failure::new(ErrorCode::Encrypted, "the document is encrypted in a way that cannot be undone")
        }
        LoadPdfError::Invalid => malformed(),
    })
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

/// A text string (PDF 1.7 reference, section 3.8.1): UTF-16 or UTF-8 behind a mark, else `PDFDocEncoding`.
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

/// A text without the language codes that stand between two escape characters.
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

/// The text of a document, as its glyphs are drawn.
#[derive(Default)]
struct Words {
    counter: Counter,
    /// Text that is not counted yet.
    text: String,
    /// Where the last run of glyphs begins.
    begin: Option<Point>,
    /// Where the last glyph ends.
    end: Option<Point>,
    /// Where the last filled run begins, and how many glyphs it has.
    filled: Option<(Affine, usize)>,
}

impl Words {
    fn end_page(&mut self) {
        self.text.push('\n');
        self.counter.feed(&self.text);
        self.text.clear();
        self.begin = None;
        self.end = None;
        self.filled = None;
    }

    fn glyph(&mut self, glyph: &Glyph<'_>, at: Place, continues: bool) {
        if let Some(end) = self.end {
            let (along, off) = at.distance_from(end);
            if off > LINE_STEP {
                self.text.push('\n');
            } else if !continues && !(-at.back..=at.gap).contains(&along) {
                self.text.push(' ');
            }
        }
        match glyph.as_unicode() {
            Some(BfString::Char(c)) => self.text.push(c),
            Some(BfString::String(text)) => self.text.push_str(&text),
            None => self.text.push(char::REPLACEMENT_CHARACTER),
        }
        self.end = Some(at.end);
        if self.text.len() > TEXT_AT_ONCE {
            self.counter.feed(&self.text);
            self.text.clear();
        }
    }
}

/// Where a glyph stands on the page.
#[derive(Clone, Copy)]
struct Place {
    begin: Point,
    end: Point,
    /// The direction in which the text runs; of length one.
    line: Vec2,
    /// The font's size on the page.
    size: f64,
    /// Steps along the line, onwards and back, that part words. Of the font's size.
    gap: f64,
    back: f64,
}

impl Place {
    fn of(glyph: &Glyph<'_>, place: Affine, mode: WritingMode) -> Self {
        let begin = place * Point::ZERO;
        let right = place * Point::new(1.0, 0.0) - begin;
        let up = place * Point::new(0.0, 1.0) - begin;
        let (direction, advance, gap, back) = match mode {
            WritingMode::Horizontal => {
                let advance = match glyph {
                    Glyph::Outline(outline) => outline.advance_width(),
                    Glyph::Type3(drawing) => drawing.advance_width(),
                };
                (right, f64::from(advance.unwrap_or_default()), WORD_GAP, BACK_STEP)
            }
            WritingMode::Vertical => (-up, UNITS_PER_EM, COLUMN_GAP, COLUMN_GAP),
        };
        let size = up.hypot() * UNITS_PER_EM;
        Self { begin, end: begin + direction * advance, line: direction.normalize(), size, gap, back }
    }

    /// How far from a point the glyph begins: along its line, and off it. Of the font's size.
    fn distance_from(self, point: Point) -> (f64, f64) {
        let step = self.begin - point;
        (step.dot(self.line) / self.size, step.cross(self.line).abs() / self.size)
    }
}

impl<'a> Device<'a> for Words {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let beginning = run.glyphs().first().map(|glyph| (props.transform * glyph.transform(), run.glyphs().len()));
        // Text that is filled and stroked is drawn twice.
        match mode {
            DrawMode::Stroke(_) if self.filled.take() == beginning => return,
            DrawMode::Fill(_) => self.filled = beginning,
            _ => self.filled = None,
        }
        let place =
            |glyph: &PositionedGlyph<'a>| Place::of(glyph, props.transform * glyph.transform(), run.writing_mode());
        let (Some(first), Some(last)) = (run.glyphs().first().map(place), run.glyphs().last().map(place)) else {
            return;
        };
        // Scripts that run to the left are drawn run by run: one that ends where the one before begins goes on with it.
        let continues = self.begin.is_some_and(|begin| {
            let (along, off) = Place { begin, ..first }.distance_from(last.end);
            along.abs() <= first.gap && off <= LINE_STEP
        });
        for (index, glyph) in run.glyphs().iter().enumerate() {
            self.glyph(glyph, place(glyph), index == 0 && continues);
        }
        self.begin = Some(first.begin);
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
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
