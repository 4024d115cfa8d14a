//! Words, out of glyphs at places: there is white space where the gap to the glyph before, or the step off its line, is
//! wide enough.

use std::mem;

use hayro_cmap::BfString;
use hayro_font::kurbo::{Point, Rect, Vec2};

use super::fonts::KnownFont;
use crate::words::{Counter, Counts};

/// A step along the line that parts words. Of the font's size.
const WORD_GAP: f64 = 0.16;
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

/// What distinguishes runs: where the first glyph is, how large, and how many there are.
type Identity = (Point, Vec2, Vec2, usize);

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
    /// The page; nothing outside of it is seen.
    page: Option<Rect>,
}

impl Words {
    /// Starts a page with what can be seen of it. One without an area is not looked at.
    pub(super) fn begin_page(&mut self, page: Rect) {
        self.page = (page.area() > 0.0).then_some(page);
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
                if off * line.size > LINE_STEP * high {
                    self.text.push('\n');
                } else if !(index == 0 && continues) && (along < -line.back || along > line.gap) {
                    self.text.push(' ');
                }
            }
            match &font.code(place.code).text {
                BfString::Char(c) => self.text.push(*c),
                BfString::String(text) => self.text.push_str(text),
            }
            self.end = Some(place.end);
            if self.text.len() > TEXT_AT_ONCE {
                self.count();
            }
        }
        self.start = Some(first.start);
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
