//! Words, out of glyphs at places: there is white space where the gap to the glyph before, or the step off its line, is
//! wide enough.

use std::mem;

use hayro_cmap::BfString;
use hayro_font::kurbo::{Point, Rect, Vec2};

use super::fonts::KnownFont;
use crate::words::{Counter, Counts};

/// A step along the line that parts words. Of the font's size. `MuPDF` has the same.
const WORD_GAP: f64 = 0.15;
/// The same down a column, to either side: the parser does not report how far a glyph advances there, and what is
/// written so has no spaces.
const COLUMN_GAP: f64 = 1.0;
/// A step back along the line that parts words. Of the font's size.
const BACK_STEP: f64 = 0.5;
/// A step off the line that starts another one. Of the font's size.
const LINE_STEP: f64 = 0.5;

/// Text that is collected before it is counted. Bytes.
const TEXT_AT_ONCE: usize = 4 << 10;

/// How text is painted (PDF 1.7 reference, section 5.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Fill,
    Stroke,
    FillAndStroke,
    Invisible,
}

/// Where a glyph starts and ends on the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) start: Point,
    /// Where the pen is then. The space that the text's state adds comes after it.
    pub(super) pen: Point,
    /// The same, or where the drawn glyph ends, if its font does not say how wide it is.
    pub(super) end: Point,
    /// The code that it was drawn for.
    pub(super) code: u32,
}

impl Place {
    fn is_within(&self, page: Rect) -> bool {
        let Self { start, end, .. } = self;
        start.x.max(end.x) >= page.x0
            && start.x.min(end.x) <= page.x1
            && start.y.max(end.y) >= page.y0
            && start.y.min(end.y) <= page.y1
    }
}

/// Glyphs that are drawn at once, in one font.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) places: &'a [Place],
    pub(super) is_horizontal: bool,
    /// As far as the font's size, to the right and up.
    pub(super) right: Vec2,
    pub(super) up: Vec2,
    pub(super) mode: Mode,
}

/// A run that is drawn once more to look bold, or as a shadow, is not farther from the first than this. Of the font's
/// size, along the line and off it. Poppler has the same.
const TWICE_ALONG: f64 = 0.1;
const TWICE_OFF: f64 = 0.2;
/// Runs of a page that are kept to find those that are drawn twice.
const DRAWN: usize = 1 << 10;

/// What distinguishes runs: where the first glyph is, how large, and how many there are.
type Identity = (Point, Vec2, Vec2, usize);

/// A run that was drawn.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    page: u64,
    text: u64,
    start: Point,
    right: Vec2,
    up: Vec2,
}

/// What marked content says that its glyphs mean.
#[derive(Debug)]
struct ActualText {
    text: String,
    /// Whether a glyph was drawn, and so the text added.
    is_added: bool,
}

/// The text of a document, as its glyphs are drawn.
#[derive(Default)]
pub(super) struct Words {
    counter: Counter,
    /// Text that is not counted yet.
    text: String,
    /// Where the last run of glyphs starts.
    start: Option<Point>,
    /// Where the last glyph ends.
    end: Option<Point>,
    /// The last run, if it was filled.
    filled: Option<Identity>,
    /// The last font's size on the page.
    size: f64,
    /// How many pages were started.
    pages: u64,
    /// Runs by what they draw. One takes the place of another.
    drawn: Vec<Option<Drawn>>,
    actual: Option<ActualText>,
    /// The page; nothing outside of it is seen.
    page: Option<Rect>,
}

impl Words {
    /// Starts a page with what can be seen of it. One without an area is not looked at.
    pub(super) fn begin_page(&mut self, page: Rect) {
        self.page = (page.area() > 0.0).then_some(page);
        self.pages += 1;
    }

    /// Starts content of which the glyphs stand for a text (PDF 1.7 reference, section 10.8.3).
    pub(super) fn begin_actual_text(&mut self, text: String) {
        self.actual = Some(ActualText { text, is_added: false });
    }

    /// Ends such content.
    pub(super) fn end_actual_text(&mut self) {
        self.actual = None;
    }

    pub(super) fn end_page(&mut self) {
        self.text.push('\n');
        self.count();
        self.start = None;
        self.end = None;
        self.filled = None;
    }

    pub(super) fn counts(self) -> Counts {
        self.counter.counts()
    }

    /// Adds a run of glyphs of a font.
    pub(super) fn run(&mut self, run: &Run<'_>, font: &mut KnownFont<'_>) {
        let (Some(first), Some(last)) = (run.places.first(), run.places.last()) else { return };
        let identity = Some((first.start, run.right, run.up, run.places.len()));
        // Text that is filled and stroked is drawn twice.
        match run.mode {
            Mode::Stroke if self.filled.take() == identity => return,
            Mode::Fill => self.filled = identity,
            _ => self.filled = None,
        }
        if self.is_drawn_twice(run) {
            return;
        }
        // What is raised or lowered is smaller than what it belongs to.
        let line = Line::of(run);
        let high = line.size.max(mem::replace(&mut self.size, line.size));
        // Scripts that run to the left are drawn run by run: one that ends where the one before starts continues it.
        let continues = self.start.is_some_and(|start| {
            let (along, off) = line.step(last.end, start);
            along.abs() <= line.gap && off <= LINE_STEP
        });
        for (index, place) in run.places.iter().enumerate() {
            if self.page.is_some_and(|page| !place.is_within(page)) {
                continue;
            }
            if let Some(end) = self.end {
                let (along, off) = line.step(end, place.start);
                if self.actual.as_ref().is_some_and(|actual| actual.is_added) {
                    // Within one text there are no gaps.
                } else if off * line.size > LINE_STEP * high {
                    self.end_line(&font.code(place.code).text);
                } else if !(index == 0 && continues) && (along < -line.back || along > line.gap) {
                    self.text.push(' ');
                }
            }
            match (&mut self.actual, &font.code(place.code).text) {
                (Some(actual), _) => {
                    if !mem::replace(&mut actual.is_added, true) {
                        self.text.push_str(&actual.text);
                    }
                }
                (None, BfString::Char(c)) => self.text.push(*c),
                (None, BfString::String(text)) => self.text.push_str(text),
            }
            self.end = Some(if index + 1 < run.places.len() { place.pen } else { place.end });
            if self.text.len() > TEXT_AT_ONCE {
                self.count();
            }
        }
        self.start = Some(first.start);
    }

    /// Ends a line, of which the last word may continue on the next one.
    fn end_line(&mut self, next: &BfString) {
        const HYPHENS: [char; 3] = ['-', '\u{ad}', '\u{2010}'];
        let before = self.text.strip_suffix(HYPHENS).unwrap_or_default();
        let next = match next {
            BfString::Char(c) => Some(*c),
            BfString::String(text) => text.chars().next(),
        };
        let is_word = before.ends_with(char::is_alphabetic) && next.is_some_and(|next| next.is_alphabetic());
        // A name or a heading starts a word of its own.
        if is_word && next.is_some_and(|next| !next.is_uppercase()) {
            self.text.truncate(before.len());
        } else {
            self.text.push('\n');
        }
    }

    /// Whether the page has the same run in the same place already.
    fn is_drawn_twice(&mut self, run: &Run<'_>) -> bool {
        let text = run.places.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, place| {
            (hash ^ u64::from(place.code)).wrapping_mul(0x0100_0000_01b3)
        });
        if self.drawn.is_empty() {
            self.drawn.resize(DRAWN, None);
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is left is the place in the table")]
        let slot = &mut self.drawn[(text >> 32) as usize % DRAWN];
        let start = run.places[0].start;
        if let Some(drawn) = slot.filter(|drawn| (drawn.page, drawn.text) == (self.pages, text))
            && (drawn.right, drawn.up) == (run.right, run.up)
        {
            let (along, off) = Line::of(run).step(drawn.start, start);
            if along.abs() < TWICE_ALONG && off < TWICE_OFF {
                return true;
            }
        }
        *slot = Some(Drawn { page: self.pages, text, start, right: run.right, up: run.up });
        false
    }

    fn count(&mut self) {
        self.counter.feed(&self.text);
        self.text.clear();
    }
}

/// The line that a run is on.
struct Line {
    /// The direction in which the text runs; of length one.
    direction: Vec2,
    /// The font's size on the page.
    size: f64,
    /// Steps along the line, onwards and back, that part words. Of the font's size.
    gap: f64,
    back: f64,
}

impl Line {
    fn of(run: &Run<'_>) -> Self {
        let (direction, gap, back) =
            if run.is_horizontal { (run.right, WORD_GAP, BACK_STEP) } else { (-run.up, COLUMN_GAP, COLUMN_GAP) };
        Self { direction: direction.normalize(), size: run.up.hypot(), gap, back }
    }

    /// How far it is from a point to another: along the line, and off it. Of the font's size.
    fn step(&self, from: Point, to: Point) -> (f64, f64) {
        let step = to - from;
        (step.dot(self.direction) / self.size, step.cross(self.direction).abs() / self.size)
    }
}
