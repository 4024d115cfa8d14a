//! Content streams, as far as they are text (PDF 1.7 reference, chapter 5).
//!
//! Follows what moves and chooses text: the state and its stack, fonts, forms, layers and the annotations' appearance.
//! It skips paths, colours and images. It reports the places of glyphs to [`Words`].

use std::collections::HashMap;
use std::mem;

use hayro_font::UNITS_PER_EM;
use hayro_font::kurbo::{Affine, Point, Rect, Vec2};
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{self, dict_or_stream, Array, Dict, MaybeRef, Name, Number, Object, ObjectIdentifier, Rect as Box, Stream};
use hayro_syntax::page::{Page, Resources};
use hayro_syntax::xref::XRef;

use super::information::text_string;
use super::fonts::{FontId, Fonts};
use super::layers::Layers;
use super::operations;
use super::words::{Mode, Place, Run, Words};

/// Forms within forms.
const NESTED: usize = 50;
/// States that are kept for `Q`.
const STATES: usize = 1 << 16;
/// Glyphs that are placed before their text is added.
const GLYPHS_AT_ONCE: usize = 4096;
/// The longest text that content is said to mean. Bytes.
const LONGEST_ACTUAL_TEXT: usize = 4 << 10;
/// Flags of annotations that are not shown (section 8.4.2): hidden, and no view.
const NOT_SHOWN: u32 = 1 << 1 | 1 << 5;

/// What of the graphics state places text.
#[derive(Clone, Copy)]
struct State {
    to_page: Affine,
    matrix: Affine,
    line_matrix: Affine,
    font: Option<Chosen>,
    size: f64,
    /// A part of one, not of a hundred.
    stretch: f64,
    character_space: f64,
    word_space: f64,
    leading: f64,
    rise: f64,
    mode: Mode,
}

/// Fonts by the names that a content has for them.
type Named = HashMap<Vec<u8>, Option<Chosen>>;

/// The font of a text, and whether it replaces one that is missing.
#[derive(Clone, Copy)]
struct Chosen {
    font: FontId,
    is_fallback: bool,
}

impl State {
    const START: Self = Self {
        to_page: Affine::IDENTITY,
        matrix: Affine::IDENTITY,
        line_matrix: Affine::IDENTITY,
        font: None,
        size: 1.0,
        stretch: 1.0,
        character_space: 0.0,
        word_space: 0.0,
        leading: 0.0,
        rise: 0.0,
        mode: Mode::Fill,
    };

    fn set_matrix(&mut self, matrix: Affine) {
        self.matrix = matrix;
        self.line_matrix = matrix;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set_matrix(self.line_matrix * Affine::translate((x, y)));
    }
}

/// Reads the text of a document's pages.
pub(super) struct PageReader<'a> {
    fonts: Fonts<'a>,
    layers: Layers,
    state: State,
    saved: Vec<State>,
    /// States beyond those that are kept.
    unsaved: usize,
    /// States that were saved outside of the content that is being read.
    outside: usize,
    /// How many marks were open when content started that says what its glyphs mean.
    actual_text: Option<usize>,
    /// The forms that are being drawn.
    forms: Vec<ObjectIdentifier>,
    run: Vec<Place>,
}

impl<'a> PageReader<'a> {
    pub(super) fn new(xref: &'a XRef) -> Self {
        Self {
            fonts: Fonts::new(),
            layers: Layers::new(xref),
            state: State::START,
            saved: Vec::new(),
            unsaved: 0,
            outside: 0,
            actual_text: None,
            forms: Vec::new(),
            run: Vec::new(),
        }
    }

    /// Reads a page's content and then what its annotations look like.
    pub(super) fn page(&mut self, page: &Page<'a>, words: &mut Words) {
        self.state = State::START;
        let Box { x0, y0, x1, y1 } = page.media_box();
        words.begin_page(Rect::new(x0, y0, x1, y1));
        self.content(contents(page), page.resources(), words);
        for annotation in items(page, "Annots").filter_map(Object::into_dict) {
            self.annotation(&annotation, page.resources(), words);
        }
    }

    /// Reads a content, which leaves state and layers as they were, whatever it saves, restores, starts and ends.
    fn content(&mut self, content: Vec<u8>, resources: &Resources<'a>, words: &mut Words) {
        self.save();
        let depth = self.depth();
        let outside = mem::replace(&mut self.outside, depth);
        let layers = self.layers.begin_content();
        let mut fonts = HashMap::new();
        operations::each(content, |operation| self.operation(operation, resources, &mut fonts, words));
        self.layers.end_content(layers);
        self.end_actual_text(words);
        while self.depth() > self.outside {
            self.restore();
        }
        self.outside = outside;
        self.restore();
    }

    fn operation(
        &mut self,
        operation: &TypedInstruction<'_, '_>,
        resources: &Resources<'a>,
        fonts: &mut Named,
        words: &mut Words,
    ) {
        match operation {
            TypedInstruction::SaveState(_) => self.save(),
            TypedInstruction::RestoreState(_) if self.depth() > self.outside => self.restore(),
            TypedInstruction::Transform(m) => self.state.to_page *= affine([m.0, m.1, m.2, m.3, m.4, m.5]),
            TypedInstruction::SetGraphicsState(name) => {
                if let Some(state) = resources.get_ext_g_state(name.0) {
                    self.graphics_state(&state);
                }
            }
            TypedInstruction::XObject(name) => {
                if let Some(object) = resources.get_x_object(name.0) {
                    self.object(&object, resources, words);
                }
            }

            TypedInstruction::BeginMarkedContent(_) => self.layers.start(),
            TypedInstruction::BeginMarkedContentWithProperties(marked) => {
                self.layers.begin_with(marked.1, resources);
                self.begin_actual_text(marked.1, resources, words);
            }
            TypedInstruction::EndMarkedContent(_) => {
                self.layers.end();
                self.end_actual_text(words);
            }

            TypedInstruction::BeginText(_) => self.state.set_matrix(Affine::IDENTITY),
            TypedInstruction::SetTextMatrix(m) => self.state.set_matrix(affine([m.0, m.1, m.2, m.3, m.4, m.5])),
            TypedInstruction::NextLine(step) => self.state.next_line(step.0.as_f64(), step.1.as_f64()),
            TypedInstruction::NextLineAndSetLeading(step) => {
                self.state.leading = -step.1.as_f64();
                self.state.next_line(step.0.as_f64(), step.1.as_f64());
            }
            TypedInstruction::NextLineUsingLeading(_) => self.state.next_line(0.0, -self.state.leading),

            TypedInstruction::TextFont(font) => {
                let name: &[u8] = font.0;
                let known = fonts.get(name).copied();
                self.state.font = known.unwrap_or_else(|| match resources.get_font(font.0) {
                    Some(dict) => self.choose(&dict),
                    None => self.fallback(),
                });
                if known.is_none() {
                    fonts.insert(name.to_vec(), self.state.font);
                }
                self.state.size = font.1.as_f64();
            }
            TypedInstruction::HorizontalScaling(n) => self.state.stretch = n.0.as_f64() / 100.0,
            TypedInstruction::TextLeading(n) => self.state.leading = n.0.as_f64(),
            TypedInstruction::CharacterSpacing(n) => self.state.character_space = n.0.as_f64(),
            TypedInstruction::WordSpacing(n) => self.state.word_space = n.0.as_f64(),
            TypedInstruction::TextRise(n) => self.state.rise = n.0.as_f64(),
            TypedInstruction::TextRenderingMode(n) => self.state.mode = mode(n.0),

            TypedInstruction::ShowText(text) => self.show(text.0.as_bytes(), words),
            TypedInstruction::NextLineAndShowText(text) => {
                self.state.next_line(0.0, -self.state.leading);
                self.show(text.0.as_bytes(), words);
            }
            TypedInstruction::ShowTextWithParameters(text) => {
                self.state.word_space = text.0.as_f64();
                self.state.character_space = text.1.as_f64();
                self.state.next_line(0.0, -self.state.leading);
                self.show(text.2.as_bytes(), words);
            }
            TypedInstruction::ShowTexts(texts) => {
                self.need_font();
                for part in texts.0.iter::<Object<'_>>() {
                    match part {
                        Object::Number(step) => self.step(step.as_f64()),
                        Object::String(text) => self.place(text.as_bytes(), words),
                        _ => {}
                    }
                }
                self.end_run(words);
            }
            _ => {}
        }
    }

    /// Marked content may say what its glyphs mean, in a resource or in place. The outermost that does counts.
    fn begin_actual_text(&mut self, properties: &Object<'_>, resources: &Resources<'a>, words: &mut Words) {
        if self.actual_text.is_some() {
            return;
        }
        let text = match properties {
            Object::Name(name) => resources.properties.get::<Dict<'_>>(name).and_then(|dict| actual_text(&dict)),
            other => dict_or_stream(other).and_then(|(dict, _)| actual_text(dict)),
        };
        if let Some(text) = text {
            self.actual_text = Some(self.layers.depth());
            words.begin_actual_text(text);
        }
    }

    /// Ends the text if its marked content has ended.
    fn end_actual_text(&mut self, words: &mut Words) {
        if self.actual_text.is_some_and(|depth| self.layers.depth() < depth) {
            self.actual_text = None;
            words.end_actual_text();
        }
    }

    fn depth(&self) -> usize {
        self.saved.len() + self.unsaved
    }

    fn save(&mut self) {
        if self.saved.len() == STATES {
            self.unsaved += 1;
        } else {
            self.saved.push(self.state);
        }
    }

    fn restore(&mut self) {
        if self.unsaved > 0 {
            self.unsaved -= 1;
        } else if let Some(state) = self.saved.pop() {
            self.state = state;
        }
    }

    /// What a dictionary of the graphics state says of text: its font.
    fn graphics_state(&mut self, state: &Dict<'a>) {
        let Some(font) = state.get::<Array<'_>>("Font") else { return };
        let mut parts = font.iter::<Object<'_>>();
        if let (Some(Object::Dict(font)), Some(Object::Number(size))) = (parts.next(), parts.next()) {
            self.state.font = self.choose(&font);
            self.state.size = size.as_f64();
        }
    }

    fn choose(&mut self, font: &Dict<'a>) -> Option<Chosen> {
        self.fonts.find(font).map(|font| Chosen { font, is_fallback: false }).or_else(|| self.fallback())
    }

    fn fallback(&mut self) -> Option<Chosen> {
        self.fonts.fallback().map(|font| Chosen { font, is_fallback: true })
    }

    fn need_font(&mut self) {
        if self.state.font.is_none() {
            self.state.font = self.fallback();
        }
    }

    fn show(&mut self, text: &[u8], words: &mut Words) {
        self.need_font();
        self.place(text, words);
        self.end_run(words);
    }

    /// Moves the pen between two texts of one run. Thousandths of the font's size, against the line's direction.
    fn step(&mut self, back: f64) {
        let step = -back / f64::from(UNITS_PER_EM) * self.state.size;
        let pen = if self.is_horizontal() { Vec2::new(step * self.state.stretch, 0.0) } else { Vec2::new(0.0, step) };
        self.state.matrix *= Affine::translate(pen);
    }

    fn is_horizontal(&mut self) -> bool {
        self.state.font.is_some_and(|chosen| self.fonts.get(chosen.font).is_horizontal)
    }

    /// Places the glyphs of a text, and moves the pen to its end.
    fn place(&mut self, text: &[u8], words: &mut Words) {
        let mut placed = 0;
        while placed < text.len() {
            placed += self.place_some(&text[placed..]);
            if self.run.len() >= GLYPHS_AT_ONCE {
                self.end_run(words);
            }
        }
    }

    /// Places glyphs of a text as far as a run may go, and returns how many bytes they are.
    fn place_some(&mut self, text: &[u8]) -> usize {
        let Some(Chosen { font, is_fallback }) = self.state.font else { return text.len() };
        // Of a font that is not there only plain characters are known.
        let is_shown = self.layers.is_visible() && (!is_fallback || text.is_ascii());
        let font = self.fonts.get(font);
        let state = &mut self.state;
        let unit = state.size / f64::from(UNITS_PER_EM);
        let (wide, high) = (unit * state.stretch, unit);
        let to_page = state.to_page * state.matrix;
        let mut pen = Vec2::ZERO;
        let mut offset = 0;
        while offset < text.len() && self.run.len() < GLYPHS_AT_ONCE {
            let (number, length) = font.read_code(text, offset);
            offset += length;
            let is_horizontal = font.is_horizontal;
            let code = font.code(number);
            if is_shown {
                let x = pen.x + code.origin.x * wide;
                let y = pen.y + code.origin.y * high + state.rise;
                let after = |width: f64| {
                    let after = if is_horizontal {
                        Point::new(x + width * wide, y)
                    } else {
                        Point::new(x, y - f64::from(UNITS_PER_EM) * high)
                    };
                    to_page * after
                };
                let end = code.advance.max(code.width);
                self.run.push(Place {
                    start: to_page * Point::new(x, y),
                    pen: after(code.advance),
                    end: after(end),
                    code: number,
                });
            }
            let word_space = if number == u32::from(b' ') && length == 1 { state.word_space } else { 0.0 };
            let advance = code.advance * unit + state.character_space + word_space;
            if is_horizontal {
                pen.x += advance * state.stretch;
            } else {
                pen.y += advance;
            }
        }
        state.matrix *= Affine::translate(pen);
        offset
    }

    fn end_run(&mut self, words: &mut Words) {
        let Some(Chosen { font, .. }) = self.state.font else { return };
        let State { to_page, matrix, size, stretch, mode, .. } = self.state;
        let to_page = to_page * matrix;
        let direction = |x, y| to_page * Point::new(x, y) - to_page * Point::ZERO;
        let font = self.fonts.get(font);
        let run = Run {
            places: &self.run,
            is_horizontal: font.is_horizontal,
            right: direction(size * stretch, 0.0),
            up: direction(0.0, size),
            mode,
        };
        words.run(&run, font);
        self.run.clear();
    }

    fn object(&mut self, object: &Stream<'a>, resources: &Resources<'a>, words: &mut Words) {
        let is_form = object.dict().get::<Name<'_>>("Subtype").is_some_and(|kind| *kind == *b"Form");
        if is_form {
            self.form(object, resources, words);
        }
    }

    fn form(&mut self, form: &Stream<'a>, resources: &Resources<'a>, words: &mut Words) {
        let (dict, id) = (form.dict(), form.obj_id());
        if !self.layers.is_visible() || self.forms.len() >= NESTED || self.forms.contains(&id) {
            return;
        }
        // A form without its bounds is none.
        if dict.get::<[f32; 4]>("BBox").is_none() {
            return;
        }
        let is_layer = self.layers.begin_object(dict);
        if self.layers.is_visible()
            && let Ok(content) = form.decoded_data()
        {
            self.forms.push(id);
            self.save();
            if let Some(matrix) = dict.get::<[f64; 6]>("Matrix") {
                self.state.to_page *= Affine::new(matrix);
            }
            let own = dict.get::<Dict<'_>>("Resources").map(Resources::new);
            self.content(content.into_owned(), own.as_ref().unwrap_or(resources), words);
            self.restore();
            self.forms.pop();
        }
        if is_layer {
            self.layers.end();
        }
    }

    /// Reads an annotation's appearance, in the place that the annotation has (section 8.4.4, algorithm 8.1).
    fn annotation(&mut self, annotation: &Dict<'a>, resources: &Resources<'a>, words: &mut Words) {
        if annotation.get::<u32>("F").unwrap_or_default() & NOT_SHOWN != 0 {
            return;
        }
        let (Some(form), Some(place)) = (appearance(annotation), annotation.get::<Box>("Rect")) else { return };
        let Some(bounds) = form.dict().get::<[f64; 4]>("BBox") else { return };
        let matrix = form.dict().get("Matrix").map_or(Affine::IDENTITY, Affine::new);
        let drawn = matrix.transform_rect_bbox(Rect::new(bounds[0], bounds[1], bounds[2], bounds[3]));
        let (wide, high) = ((place.x1 - place.x0) / drawn.width(), (place.y1 - place.y0) / drawn.height());
        self.save();
        self.state.to_page *=
            Affine::new([wide, 0.0, 0.0, high, place.x0 - wide * drawn.x0, place.y0 - high * drawn.y0]);
        self.form(&form, resources, words);
        self.restore();
    }
}

/// The text that a dictionary gives for its content.
fn actual_text(dict: &Dict<'_>) -> Option<String> {
    let text = dict.get::<object::String<'_>>("ActualText")?;
    Some(text_string(&text.as_bytes()[..text.as_bytes().len().min(LONGEST_ACTUAL_TEXT)]))
}

/// The objects of an array in a page's dictionary, without those that cannot be read.
fn items<'a>(page: &Page<'a>, key: &str) -> impl Iterator<Item = Object<'a>> {
    let xref = page.xref();
    page.raw().get::<Array<'_>>(key).unwrap_or_default().raw_iter().filter_map(move |item| match item {
        MaybeRef::Ref(reference) => xref.get(reference.into()),
        MaybeRef::NotRef(object) => Some(object),
    })
}

/// What a page draws: a stream, or several that are one. The parser would keep it as long as the document is open.
fn contents(page: &Page<'_>) -> Vec<u8> {
    if let Some(content) = page.raw().get::<Stream<'_>>("Contents") {
        return content.decoded_data().unwrap_or_default().into_owned();
    }
    let mut contents = Vec::new();
    for part in items(page, "Contents").filter_map(Object::into_stream) {
        contents.extend_from_slice(&part.decoded_data().unwrap_or_default());
        contents.push(b'\n');
    }
    contents
}

/// The stream that draws an annotation in its present state.
fn appearance<'a>(annotation: &Dict<'a>) -> Option<Stream<'a>> {
    match annotation.get::<Dict<'_>>("AP")?.get::<Object<'_>>("N")? {
        Object::Stream(stream) => Some(stream),
        Object::Dict(states) => annotation
            .get::<Name<'_>>("AS")
            .and_then(|state| states.get::<Stream<'_>>(state))
            .or_else(|| states.get::<Stream<'_>>("Off")),
        _ => None,
    }
}

fn affine(numbers: [Number; 6]) -> Affine {
    Affine::new(numbers.map(|number| number.as_f64()))
}

/// Table 5.3. Whether text also clips is all one.
fn mode(number: Number) -> Mode {
    match number.as_i64() {
        1 | 5 => Mode::Stroke,
        2 | 6 => Mode::FillAndStroke,
        3 | 7 => Mode::Invisible,
        _ => Mode::Fill,
    }
}
