//! The fonts of a document, and what each of their codes means, looked up once.

use std::collections::HashMap;
use std::sync::Arc;

use hayro_cmap::BfString;
use hayro_font::kurbo::{Shape, Vec2};
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn, StandardFont};
use hayro_syntax::object::Dict;

/// Codes that are kept in a table: all of a simple font, and most of what a subset has.
const TABLED: usize = 4096;
/// Codes beyond the table that are kept. What names more is no text.
const KEPT: usize = 1 << 16;

/// What a character code of a font means. Lengths are in thousandths of the font's size.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) text: BfString,
    /// From the pen to the glyph's origin.
    pub(super) origin: Vec2,
    /// How far the glyph is seen to the right of its origin, where the font does not say how far the pen moves.
    pub(super) width: f64,
    /// How far the pen moves.
    pub(super) advance: f64,
}

/// A font whose codes were looked up before.
pub(super) struct KnownFont<'a> {
    font: Font<'a>,
    pub(super) is_horizontal: bool,
    table: Vec<Option<Box<Code>>>,
    others: HashMap<u32, Box<Code>>,
}

impl<'a> KnownFont<'a> {
    fn new(font: Font<'a>) -> Self {
        let is_horizontal = font.is_horizontal();
        Self { font, is_horizontal, table: Vec::new(), others: HashMap::new() }
    }

    /// The code that starts at an offset of a text, and its bytes.
    pub(super) fn read_code(&self, text: &[u8], offset: usize) -> (u32, usize) {
        self.font.read_code(text, offset)
    }

    pub(super) fn code(&mut self, number: u32) -> &Code {
        let index = number as usize;
        if index < TABLED {
            if self.table.len() <= index {
                self.table.resize(index + 1, None);
            }
            return self.table[index].get_or_insert_with(|| Box::new(look_up(&self.font, number)));
        }
        if self.others.len() == KEPT && !self.others.contains_key(&number) {
            self.others.clear();
        }
        self.others.entry(number).or_insert_with(|| Box::new(look_up(&self.font, number)))
    }
}

fn look_up(font: &Font<'_>, code: u32) -> Code {
    let id = font.map_code(code);
    let advance = font.code_advance(code);
    let advance = if font.is_horizontal() { advance.x } else { advance.y };
    let (text, width) = match font.glyph(id, code) {
        FontGlyph::Outline(glyph) => {
            // Of a font that does not say what its codes mean, a code of 32 that draws nothing is a space.
            let is_space = || code == u32::from(b' ') && glyph.outline().is_empty();
            let text = glyph.as_unicode().or_else(|| is_space().then_some(BfString::Char(' ')));
            (text, if advance == 0.0 { glyph.outline().bounding_box().x1 } else { 0.0 })
        }
        FontGlyph::Type3(glyph) => (glyph.as_unicode(), 0.0),
    };
    Code {
        text: text.unwrap_or(BfString::Char(char::REPLACEMENT_CHARACTER)),
        origin: font.origin_displacement(code),
        width,
        advance,
    }
}

/// A font of [`Fonts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FontId(usize);

/// The fonts that were used so far. Each is read once, however many pages use it.
pub(super) struct Fonts<'a> {
    cache: FontCache<'a>,
    programs: FontResolverFn,
    cmaps: CMapResolverFn,
    known: Vec<KnownFont<'a>>,
    /// By where their dictionaries are, in the file or in what the parser has unpacked of it: both are borrowed, so
    /// that nothing else takes its place. `None` where a font cannot be read.
    by_place: HashMap<*const u8, Option<FontId>>,
    fallback: Option<FontId>,
}

impl<'a> Fonts<'a> {
    pub(super) fn new() -> Self {
        Self {
            cache: FontCache::new(),
            programs: Arc::new(|query| {
                let font = match query {
                    FontQuery::Standard(font) => *font,
                    FontQuery::Fallback(font) => font.pick_standard_font(),
                };
                Some(font.get_font_data())
            }),
            cmaps: Arc::new(hayro_cmap::load_embedded),
            known: Vec::new(),
            by_place: HashMap::new(),
            fallback: None,
        }
    }

    /// The font of a dictionary, if it can be read.
    pub(super) fn find(&mut self, dict: &Dict<'a>) -> Option<FontId> {
        let place = dict.data().as_ptr();
        if let Some(font) = self.by_place.get(&place) {
            return *font;
        }
        let font = self.cache.font(dict, &self.programs, &self.cmaps).map(|font| self.keep(font));
        self.by_place.insert(place, font);
        font
    }

    /// What readers take where a text has no font: Helvetica.
    pub(super) fn fallback(&mut self) -> Option<FontId> {
        if self.fallback.is_none() {
            let font = self.cache.standard_font(StandardFont::Helvetica, &self.programs);
            self.fallback = font.map(|font| self.keep(font));
        }
        self.fallback
    }

    pub(super) fn get(&mut self, font: FontId) -> &mut KnownFont<'a> {
        &mut self.known[font.0]
    }

    fn keep(&mut self, font: Font<'a>) -> FontId {
        self.known.push(KnownFont::new(font));
        FontId(self.known.len() - 1)
    }
}
