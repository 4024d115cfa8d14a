//! Whole documents, written by the writers of other crates.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

pub(super) fn zip<'p>(parts: impl IntoIterator<Item = (&'p str, &'p [u8])>) -> Vec<u8> {
    zip_with(SimpleFileOptions::default(), parts)
}

/// A zip file of which nothing is packed.
pub(super) fn stored(part: &str, content: &str) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip_with(options, [(part, content.as_bytes())])
}

pub(super) fn zip_with<'p>(
    options: SimpleFileOptions,
    parts: impl IntoIterator<Item = (&'p str, &'p [u8])>,
) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn zip_text<'p>(parts: &[(&'p str, &'p str)]) -> Vec<u8> {
    zip(parts.iter().map(|(name, content)| (*name, content.as_bytes())))
}

/// A docx whose body is `body`.
pub(super) fn docx(body: &str) -> Vec<u8> {
    let document = format!(r#"<w:document xmlns:w="urn:w"><w:body>{body}</w:body></w:document>"#);
    zip_text(&[("word/document.xml", &document)])
}

pub(super) fn relationships(rows: &[(&str, &str, &str)]) -> String {
    let row = |(id, kind, target): &(&str, &str, &str)| {
        format!(r#"<Relationship Id="{id}" Type="http://x/relationships/{kind}" Target="{target}"/>"#)
    };
    format!("<Relationships>{}</Relationships>", rows.iter().map(row).collect::<Vec<_>>().concat())
}

pub(super) fn pptx(listed: &[&str], slides: &[(&str, &str)]) -> Vec<u8> {
    let ids = listed.iter().map(|id| format!(r#"<p:sldId id="256" r:id="{id}"/>"#)).collect::<Vec<_>>().concat();
    let presentation = format!("<p:presentation><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>");
    let rels: Vec<_> = slides.iter().map(|(id, _)| (*id, "slide", format!("slides/{id}.xml"))).collect();
    let rels = relationships(&rels.iter().map(|(id, kind, target)| (*id, *kind, target.as_str())).collect::<Vec<_>>());
    let main = relationships(&[("rId1", "officeDocument", "ppt/presentation.xml")]);
    let slides: Vec<_> = slides
        .iter()
        .map(|(id, text)| {
            (format!("ppt/slides/{id}.xml"), format!("<p:sld><p:cSld><p:spTree>{text}</p:spTree></p:cSld></p:sld>"))
        })
        .collect();
    let mut parts = vec![
        ("_rels/.rels", main.as_str()),
        ("ppt/presentation.xml", &presentation),
        ("ppt/_rels/presentation.xml.rels", &rels),
    ];
    parts.extend(slides.iter().map(|(name, content)| (name.as_str(), content.as_str())));
    zip_text(&parts)
}

pub(super) fn odf(body: &str) -> Vec<u8> {
    let content = format!("<office:document-content><office:body>{body}</office:body></office:document-content>");
    zip_text(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", &content)])
}

pub(super) const CONTAINER: &str =
    r#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#;
pub(super) const BOOK: &str = r#"<package version="3.0" unique-identifier="isbn"><metadata>
    <dc:identifier id="other">1</dc:identifier><dc:identifier id="isbn">urn:isbn:2</dc:identifier>
    <dc:title>A &amp; B</dc:title><dc:title>Subtitle</dc:title><dc:creator>Ann</dc:creator><dc:creator>Bob</dc:creator>
    <dc:language>de</dc:language><dc:date>1949</dc:date><dc:publisher>P</dc:publisher>
    <dc:subject>Sea</dc:subject><dc:subject>Ships</dc:subject>
    <meta property="dcterms:modified">2025-08-09T17:34:01Z</meta></metadata>
    <manifest><item id="a" href="a%20b.xhtml"/><item id="b" href="text/b.xhtml#start"/><item id="x" href="x.xhtml"/></manifest>
    <spine><itemref idref="a"/><itemref idref="b" linear="no"/></spine></package>"#;

pub(super) fn book(first: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut parts = vec![
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", CONTAINER),
        ("OEBPS/book.opf", BOOK),
        ("OEBPS/a b.xhtml", first),
        ("OEBPS/text/b.xhtml", "<html><body>last words</body></html>"),
        ("OEBPS/x.xhtml", "<html><body>not in the spine</body></html>"),
    ];
    parts.extend(more);
    zip_text(&parts)
}

pub(super) fn compound(streams: &[Stream<'_>]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (name, content) in streams {
        if content.is_empty() {
            file.create_storage(name).unwrap();
        } else {
            file.create_stream(name).unwrap().write_all(content).unwrap();
        }
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// A name and a content; without a content it is a storage.
pub(super) type Stream<'s> = (&'s str, &'s [u8]);

/// A record of a binary workbook.
pub(super) fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), body].concat()
}

/// A property set of which each value is given as its bytes, type first.
pub(super) fn property_set(properties: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut values = Vec::new();
    for (identifier, value) in properties {
        let at = u32::try_from(8 + 8 * properties.len() + values.len()).unwrap();
        index.extend(identifier.to_le_bytes());
        index.extend(at.to_le_bytes());
        values.extend(value);
        values.resize(values.len().next_multiple_of(4), 0);
    }
    let size = u32::try_from(8 + index.len() + values.len()).unwrap();
    let count = u32::try_from(properties.len()).unwrap();
    let mut set = vec![0xfe, 0xff];
    set.resize(44, 0);
    set.extend(48_u32.to_le_bytes());
    set.extend(size.to_le_bytes());
    set.extend(count.to_le_bytes());
    [set, index, values].concat()
}

pub(super) fn text_property(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() + 1).unwrap();
    [&30_u32.to_le_bytes()[..], &length.to_le_bytes(), text, b"\0"].concat()
}

pub(super) fn number_property(number: u32) -> Vec<u8> {
    [3_u32.to_le_bytes(), number.to_le_bytes()].concat()
}

/// A doc with a summary, in streams both small and large.
pub(super) fn doc(flags: u16, length: usize) -> Vec<u8> {
    let mut head = vec![0_u8; length];
    head[..2].copy_from_slice(&[0xec, 0xa5]);
    head[10..12].copy_from_slice(&flags.to_le_bytes());
    // A thousand million seconds after 1970.
    let date = [&64_u32.to_le_bytes()[..], &126_444_736_000_000_000_u64.to_le_bytes()].concat();
    let summary = property_set(&[
        (1, [&2_u32.to_le_bytes()[..], &1251_u32.to_le_bytes()].concat()),
        (2, text_property(b"\xcf\xf0\xe8\xe2\xe5\xf2")),
        (4, text_property(b"Ann\0rubbish")),
        (12, date),
        (14, number_property(3)),
        (15, number_property(0)),
    ]);
    compound(&[("WordDocument", &head), ("\u{5}SummaryInformation", &summary)])
}
