//! HTML and XML: the outermost element decides, after comments, declarations and document types.

use handler_contract::Metadata;

use crate::formats::xml;
use crate::media_type::Detected;

const HTML: &str = "text/html";
const XHTML: &str = "application/xhtml+xml";
const XML: &str = "text/xml";
/// Bytes in which the outermost element of a declared document is looked for.
const PROLOGUE: usize = 16 << 10;

/// Elements that start a page.
const OUTERMOST: &[&str] = &["html", "head", "body"];

/// Elements that only HTML has, or that start no document of another kind.
const HTML_ELEMENTS: &[&str] = &[
    "html",
    "head",
    "body",
    "script",
    "style",
    "title",
    "meta",
    "base",
    "noscript",
    "iframe",
    "main",
    "nav",
    "aside",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hgroup",
    "p",
    "hr",
    "pre",
    "blockquote",
    "ol",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "div",
    "a",
    "em",
    "strong",
    "small",
    "cite",
    "q",
    "dfn",
    "abbr",
    "code",
    "var",
    "samp",
    "kbd",
    "sub",
    "sup",
    "i",
    "b",
    "u",
    "mark",
    "span",
    "br",
    "wbr",
    "ins",
    "del",
    "img",
    "picture",
    "video",
    "audio",
    "canvas",
    "table",
    "caption",
    "colgroup",
    "tbody",
    "thead",
    "tfoot",
    "tr",
    "td",
    "th",
    "form",
    "fieldset",
    "button",
    "select",
    "textarea",
    "details",
    "font",
    "center",
    "section",
    "article",
    "header",
    "footer",
    "tt",
    "big",
    "strike",
];

/// Kinds of XML: the outermost element, a part of its namespace (which may be missing where the element is named by
/// no other kind), and the type.
const KINDS: &[(&str, &str, bool, &str)] = &[
    ("svg", "www.w3.org/2000/svg", true, "image/svg+xml"),
    ("rss", "", true, "application/rss+xml"),
    ("feed", "www.w3.org/2005/Atom", false, "application/atom+xml"),
    ("kml", "", true, "application/vnd.google-earth.kml+xml"),
    ("gpx", "", true, "application/gpx+xml"),
    ("FeatureCollection", "opengis.net/gml", false, "application/gml+xml"),
    ("math", "www.w3.org/1998/Math/MathML", true, "application/mathml+xml"),
    ("COLLADA", "", true, "model/vnd.collada+xml"),
    ("X3D", "", true, "model/x3d+xml"),
    ("FictionBook", "", true, "application/x-fb2+xml"),
    ("score-partwise", "", true, "application/vnd.recordare.musicxml+xml"),
    ("score-timewise", "", true, "application/vnd.recordare.musicxml+xml"),
    ("xliff", "", true, "application/x-xliff+xml"),
    ("tt", "www.w3.org/ns/ttml", false, "application/ttml+xml"),
    ("TrainingCenterDatabase", "", true, "application/vnd.garmin.tcx+xml"),
    ("stylesheet", "www.w3.org/1999/XSL/Transform", false, "application/xslt+xml"),
    ("transform", "www.w3.org/1999/XSL/Transform", false, "application/xslt+xml"),
    ("MPD", "urn:mpeg:dash", false, "application/dash+xml"),
    ("playlist", "xspf.org", false, "application/xspf+xml"),
    ("Envelope", "soap", false, "application/soap+xml"),
    ("mxfile", "", true, "application/vnd.jgraph.mxfile"),
    ("html", "www.w3.org/1999/xhtml", true, XHTML),
];

/// The type of a text that declares itself: HTML by its document type or its first element, XML by its declaration.
pub(super) fn declared(start: &str) -> Option<&'static str> {
    let rest = after_comments(start)?;
    let is_declared = start.starts_with("<?xml");
    // Other elements of these names are XML in XML.
    let is_first =
        |names: &[&str]| element(rest).is_some_and(|name| names.iter().any(|n| name.eq_ignore_ascii_case(n)));
    if starts_with_ignoring_case(rest, "<!doctype html") || is_first(if is_declared { &["html"] } else { OUTERMOST }) {
        return Some(if is_declared { XHTML } else { HTML });
    }
    if !is_declared || !start[5..].starts_with([' ', '\t', '\r', '\n', '?']) {
        return None;
    }
    let mut reader = xml::XmlReader::new();
    reader.feed(&start[..start.floor_char_boundary(PROLOGUE)]);
    Some(of_root(&reader).unwrap_or(XML))
}

/// The type of a text that starts with an element and does not declare itself.
pub(super) fn undeclared(start: &str, whole: bool) -> Option<Detected> {
    let rest = after_comments(start).filter(|rest| rest.starts_with('<'))?;
    let mut reader = xml::XmlReader::new();
    reader.feed(start);
    let (elements, kind) = (reader.elements(), of_root(&reader));
    let has_namespace = reader.namespace().is_some();
    let is_xml = if whole { reader.finish(&mut Metadata::default()).is_ok() } else { !reader.is_broken() };
    let is_html = element(rest).is_some_and(|name| HTML_ELEMENTS.contains(&name.to_ascii_lowercase().as_str()));
    match kind {
        Some(kind) if is_xml && elements > 0 => Some(Detected::proven(kind)),
        _ if is_html && !has_namespace => Some(Detected::likely(HTML)),
        _ if is_xml && elements > 1 => Some(Detected::proven(XML)),
        _ => None,
    }
}

/// The type by the outermost element and its namespace.
fn of_root(reader: &xml::XmlReader) -> Option<&'static str> {
    let name = reader.root()?;
    let namespace = reader.namespace();
    let kind = KINDS.iter().find(|(root, part, may_miss, _)| {
        name == *root && namespace.map_or(*may_miss, |namespace| namespace.contains(part))
    });
    kind.map(|(.., file_type)| *file_type)
}

/// What follows a declaration and comments; `None` where the text ends inside of one.
fn after_comments(start: &str) -> Option<&str> {
    let mut rest = start;
    loop {
        let (open, close) = if rest.starts_with("<!--") {
            ("<!--", "-->")
        } else if rest.starts_with("<?xml") {
            ("<?xml", "?>")
        } else {
            return Some(rest);
        };
        rest = rest[open.len()..].split_once(close)?.1.trim_start();
    }
}

/// The name of the element that starts here.
fn element(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('<')?;
    let len = tag.bytes().take_while(u8::is_ascii_alphanumeric).count();
    tag[len..].starts_with([' ', '>', '\n', '\r', '\t', '/']).then_some(&tag[..len])
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
