//! XMP (ISO 16684-1): what pictures and documents say of themselves in a packet of RDF.
//!
//! Read are the properties of the resource itself, whether they are attributes or elements. What is inside of
//! structures, such as the history of the file or the files it was made of, is about something else.

use handler_contract::Metadata;
use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use super::date::from_numbers;
use super::language;
use super::value::clean;

/// A packet is a few kilobytes; of a larger one no more than this is read. Bytes.
pub(super) const LARGEST: usize = 1 << 20;
/// Elements within each other that are followed. Honest packets have seven.
const DEEPEST: usize = 64;
/// The longest text of a property. Bytes.
const LONGEST_TEXT: usize = 4096;

/// What a packet says.
#[derive(Debug, Default)]
pub(super) struct Xmp {
    title: Option<String>,
    author: Option<String>,
    description: Option<String>,
    keywords: Option<String>,
    creator_tool: Option<String>,
    producer: Option<String>,
    date_created: Option<String>,
    date_modified: Option<String>,
    /// When the picture was taken, which counts more than when the file was made.
    date_taken: Option<String>,
    language: Option<String>,
    camera_make: Option<String>,
    camera_model: Option<String>,
    has_gps: bool,
}

/// Reads a packet as far as it is well-formed.
pub(super) fn read(packet: &[u8]) -> Xmp {
    let text = decode(&packet[..packet.len().min(LARGEST)]);
    let mut found = Xmp::default();
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    // The local names of the elements that are open.
    let mut open: Vec<String> = Vec::new();
    let mut value = String::new();
    loop {
        let piece = match reader.read_event() {
            Ok(Event::Start(tag)) => {
                start(&tag, &open, &mut found);
                open.push(local(tag.name().into_inner()).to_owned());
                value.clear();
                if open.len() > DEEPEST {
                    return found;
                }
                continue;
            }
            Ok(Event::Empty(tag)) => {
                start(&tag, &open, &mut found);
                continue;
            }
            Ok(Event::End(_)) => {
                if let Some(name) = property(&open) {
                    found.set(name, &value);
                }
                value.clear();
                open.pop();
                continue;
            }
            Ok(Event::Text(text)) => text.into_inner().into_owned(),
            Ok(Event::CData(text)) => text.into_inner().into_owned(),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => character.to_string(),
                _ => resolve_xml_entity(&reference.into_inner()).unwrap_or_default().to_owned(),
            },
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => continue,
        };
        let room = LONGEST_TEXT.saturating_sub(value.len());
        value.push_str(&piece[..piece.floor_char_boundary(room)]);
    }
}

/// Fills in what a picture does not say elsewhere.
pub(super) fn fill_picture(found: Xmp, metadata: &mut Metadata) {
    let Xmp { title, author, description, keywords, creator_tool, date_created, date_modified, .. } = found;
    fill([
        (&mut metadata.title, title),
        (&mut metadata.author, author),
        (&mut metadata.description, description),
        (&mut metadata.keywords, keywords),
        (&mut metadata.creator_tool, creator_tool),
        (&mut metadata.date_created, found.date_taken.or(date_created)),
        (&mut metadata.date_modified, date_modified),
        (&mut metadata.camera_make, found.camera_make),
        (&mut metadata.camera_model, found.camera_model),
    ]);
    if found.has_gps {
        metadata.has_gps = Some(true);
    }
}

/// Fills in what a document does not say elsewhere. What it is about is its subject.
pub(super) fn fill_document(found: Xmp, metadata: &mut Metadata) {
    fill([
        (&mut metadata.title, found.title),
        (&mut metadata.author, found.author),
        (&mut metadata.subject, found.description),
        (&mut metadata.keywords, found.keywords),
        (&mut metadata.creator_tool, found.creator_tool),
        (&mut metadata.producer, found.producer),
        (&mut metadata.date_created, found.date_created),
        (&mut metadata.date_modified, found.date_modified),
        (&mut metadata.language, found.language),
    ]);
}

fn fill<const N: usize>(fields: [(&mut Option<String>, Option<String>); N]) {
    for (field, value) in fields {
        if field.is_none() {
            *field = value;
        }
    }
}

/// Packets are UTF-8 with few exceptions, which start with a byte order mark or have a zero in each first pair.
fn decode(packet: &[u8]) -> String {
    let encoding = match packet {
        [0xfe, 0xff, ..] | [0, b'<', ..] => encoding_rs::UTF_16BE,
        [0xff, 0xfe, ..] | [b'<', 0, ..] => encoding_rs::UTF_16LE,
        _ => encoding_rs::UTF_8,
    };
    encoding.decode(packet).0.into_owned()
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The property that a text belongs to: an element in the description of the resource, or an item of its list.
fn property(open: &[String]) -> Option<&str> {
    let at = open.iter().position(|name| name == "RDF")?;
    match &open[at + 1..] {
        [description, name] if description == "Description" => Some(name),
        [description, name, list, item]
            if description == "Description" && matches!(list.as_str(), "Alt" | "Seq" | "Bag") && item == "li" =>
        {
            Some(name)
        }
        _ => None,
    }
}

/// The attributes of the description are properties too.
fn start(tag: &BytesStart<'_>, open: &[String], found: &mut Xmp) {
    let is_description =
        local(tag.name().into_inner()) == "Description" && open.last().is_some_and(|name| name == "RDF");
    if !is_description {
        return;
    }
    let mut attributes = tag.attributes();
    for attribute in attributes.with_checks(false).flatten() {
        let value = &attribute.value[..attribute.value.floor_char_boundary(LONGEST_TEXT)];
        if let Ok(value) = unescape(value) {
            found.set(local(attribute.key.into_inner()), &value);
        }
    }
}

impl Xmp {
    /// The first value of a property counts, but of a list of people or words all.
    fn set(&mut self, name: &str, value: &str) {
        let field = match name {
            "title" => &mut self.title,
            "description" => &mut self.description,
            "CreatorTool" => &mut self.creator_tool,
            "Producer" => &mut self.producer,
            "Make" => &mut self.camera_make,
            "Model" => &mut self.camera_model,
            "creator" => return add(&mut self.author, value),
            "subject" => return add(&mut self.keywords, value),
            "language" => {
                self.language = self.language.take().or_else(|| language::declared(value));
                return;
            }
            "CreateDate" | "ModifyDate" | "DateTimeOriginal" | "DateCreated" => {
                let date = match name {
                    "CreateDate" => &mut self.date_created,
                    "ModifyDate" => &mut self.date_modified,
                    _ => &mut self.date_taken,
                };
                *date = date.take().or_else(|| from_numbers(value));
                return;
            }
            "GPSLatitude" => {
                self.has_gps |= !value.trim().is_empty();
                return;
            }
            _ => return,
        };
        if field.is_none() {
            *field = clean(value);
        }
    }
}

/// Adds another value to a property that may have several.
fn add(property: &mut Option<String>, value: &str) {
    let Some(value) = clean(value) else { return };
    *property = match property.take() {
        Some(before) => clean(&format!("{before}, {value}")),
        None => Some(value),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(packet: &[u8]) -> Metadata {
        let mut metadata = Metadata::default();
        fill_picture(read(packet), &mut metadata);
        metadata
    }

    fn packet(attributes: &str, elements: &str) -> String {
        format!(
            "<?xpacket begin='\u{feff}'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description rdf:about='' \
             {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
        )
    }

    #[test]
    fn elements_attributes_and_lists() {
        let elements = "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>A &amp; B</rdf:li><rdf:li xml:lang='de'>Nein\
            </rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq>\
            </dc:creator><dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>\
            <xmp:CreateDate>2026-01-02T03:04:05+01:00</xmp:CreateDate><exif:GPSLatitude>52,31N</exif:GPSLatitude>\
            <xmpMM:DerivedFrom><rdf:Description dc:title='no'><dc:description>no</dc:description></rdf:Description>\
            </xmpMM:DerivedFrom>";
        let metadata =
            described(packet("xmp:CreatorTool='A &lt;tool&gt;' xmp:ModifyDate='2026-99'", elements).as_bytes());
        assert_eq!(metadata.title.as_deref(), Some("A & B"));
        assert_eq!((metadata.author.as_deref(), metadata.keywords.as_deref()), (Some("Ann, Bob"), Some("one, two")));
        assert_eq!(metadata.creator_tool.as_deref(), Some("A <tool>"));
        assert_eq!(metadata.date_created.as_deref(), Some("2026-01-02T02:04:05Z"));
        assert_eq!((metadata.date_modified, metadata.description, metadata.has_gps), (None, None, Some(true)));
        let taken = packet("xmp:CreateDate='2026' photoshop:DateCreated='2019-11-12'", "");
        assert_eq!(described(taken.as_bytes()).date_created.as_deref(), Some("2019-11-12"));
    }

    #[test]
    fn other_encodings_and_damage() {
        let packet = packet("", "<dc:title>Größe</dc:title>");
        let wide: Vec<u8> = packet.trim_start_matches(|c| c != '<').encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(described(&wide).title.as_deref(), Some("Größe"));
        for at in 0..packet.len() {
            described(&packet.as_bytes()[..at]);
        }
        assert_eq!(described("<a>".repeat(100_000).as_bytes()), Metadata::default());
        assert_eq!(described(b"no packet"), Metadata::default());
    }

    #[test]
    fn documents_are_about_something_and_no_camera_made_them() {
        let packet = packet("tiff:Make='M' pdf:Producer='P' exif:GPSLatitude='1N' dc:description='D'", "");
        let mut metadata = Metadata::default();
        fill_document(read(packet.as_bytes()), &mut metadata);
        assert_eq!((metadata.subject.as_deref(), metadata.producer.as_deref()), (Some("D"), Some("P")));
        assert_eq!((metadata.description, metadata.camera_make, metadata.has_gps), (None, None, None));
    }

    #[test]
    fn what_is_known_stays() {
        let mut metadata = Metadata { title: Some("Known".to_owned()), ..Metadata::default() };
        fill_picture(read(packet("dc:title='Other' dc:creator='Ann'", "").as_bytes()), &mut metadata);
        assert_eq!((metadata.title.as_deref(), metadata.author.as_deref()), (Some("Known"), Some("Ann")));
    }
}
