use super::*;
use crate::formats::pieces;
use proptest::prelude::*;

fn read(text: &str) -> (Metadata, Option<Malformed>) {
    let mut reader = XmlReader::new();
    reader.feed(text);
    finish(reader)
}

fn finish(reader: XmlReader) -> (Metadata, Option<Malformed>) {
    let mut metadata = Metadata::default();
    let broken = reader.finish(&mut metadata).err();
    (metadata, broken)
}

#[test]
fn the_declared_encoding() {
    for (head, name) in [
        ("<?xml version='1.0' encoding='ISO-8859-15'?><a/>", Some("ISO-8859-15")),
        ("<?xml encoding = \"koi8-r\" ?>", Some("KOI8-R")),
        ("<?xml version='1.0' encoding='utf-16'?>", None),
        ("<?xml version='1.0'?><a encoding='koi8-r'/>", None),
        ("<a encoding='koi8-r'/>", None),
    ] {
        assert_eq!(declared_encoding(head.as_bytes()).map(Encoding::name), name, "{head}");
    }
}

const BOOK: &str = "<?xml version=\"1.1\" encoding='UTF-8'?>\n<!-- c - -> -->\n\
    <!DOCTYPE b:book SYSTEM \"a>b\" [<!ENTITY x \"<]>\"><!-- ]> ' --><?p ]>?> %y;]>\n\
    <b:book xmlns=\"other\" xmlns:b = 'urn:b&amp;c' id=\"1\"><?p <?><é/><b:c d=\"a>b\" e='\"'>\
    <![CDATA[ <x> ]] ]]]></b:c ><c>a > b & c &unknown;</c>\n</b:book>\n<!-- end -->\n";

#[test]
fn structure() {
    let (metadata, broken) = read(BOOK);
    assert_eq!(broken, None);
    assert_eq!(metadata.root_element.as_deref(), Some("book"));
    assert_eq!(metadata.root_namespace.as_deref(), Some("urn:b&amp;c"));
    assert_eq!(metadata.format_version.as_deref(), Some("1.1"));
    assert_eq!((metadata.element_count, metadata.nesting_depth), (Some(4), Some(2)));

    let (metadata, broken) = read("<a/>");
    assert_eq!((metadata.element_count, metadata.nesting_depth, broken), (Some(1), Some(1), None));
    assert_eq!((metadata.root_namespace, metadata.format_version), (None, None));
    assert_eq!(read("<a xmlns=\"n\"><b xmlns=\"m\"/></a>").0.root_namespace.as_deref(), Some("n"));
}

#[test]
fn any_pieces_are_read_as_the_whole() {
    let whole = read(BOOK);
    for at in (0..BOOK.len()).filter(|at| BOOK.is_char_boundary(*at)) {
        let mut reader = XmlReader::new();
        reader.feed(&BOOK[..at]);
        reader.feed(&BOOK[at..]);
        assert_eq!(finish(reader), whole, "{at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_it_is_its_pieces_are_read_as_the_whole(
        (text, at) in pieces::texts(30, &[
            "<a>", "</a>", "<é ", "<", ">", "/", "!", "?", "-", "]", "[", "=", "'", "\"", " ", "\n", "é", "今", "a", "<?xml ",
            "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE ", "xmlns=",
        ]),
    ) {
        let mut reader = XmlReader::new();
        reader.feed(&text[..at]);
        reader.feed(&text[at..]);
        prop_assert_eq!(finish(reader), read(&text));
    }
}

#[test]
fn what_is_broken_says_where_and_keeps_what_was_read() {
    for (text, line, reason) in [
        ("", 1, "there is no element"),
        ("<!-- a\n -->", 2, "there is no element"),
        ("x<a/>", 1, "there is text before the first element"),
        ("<a/>\nx", 2, "something follows the outermost element"),
        ("<a/><b/>", 1, "there is more than one outermost element"),
        ("<a>\n<b></a></b>", 2, "an end tag does not match its start tag"),
        ("</a>", 1, "an end tag has no start tag"),
        ("<a>\n", 2, "the text ends inside an element"),
        ("<a/><!-- x", 1, "the text ends inside a tag or a comment"),
        ("<a b=1/>", 1, "an attribute's value has no quotes"),
        ("<a b/>", 1, "an attribute has no value"),
        ("<a b=\"<\"/>", 1, "an attribute's value holds a <"),
        ("<a b=\"1\"c=\"2\"/>", 1, "there is no space between two attributes"),
        ("<a \"b\"/>", 1, "an attribute's name is missing"),
        ("<a\"b\"/>", 1, "a tag's name holds a character that names do not have"),
        ("<a>1 < 2</a>", 1, "a < starts no tag; it must be written &lt;"),
        ("<a><!-- -- --></a>", 1, "a comment holds two hyphens"),
        ("<a><!ELEMENT></a>", 1, "a <! starts no comment, CDATA section or document type"),
        ("<a></a b>", 1, "an end tag holds more than a name"),
        ("<a/b>", 1, "there is a / inside a tag"),
    ] {
        assert_eq!(read(text).1, Some(Malformed::Syntax { line, reason }), "{text}");
    }
    let (metadata, _) = read("<a xmlns='n'><b>");
    assert_eq!((metadata.root_element.as_deref(), metadata.element_count), (Some("a"), Some(2)));
}

#[test]
fn every_beginning_is_unfinished_and_none_panics() {
    let end = BOOK.find("\n<!-- end").unwrap();
    for at in (0..end).filter(|at| BOOK.is_char_boundary(*at)) {
        assert!(read(&BOOK[..at]).1.is_some(), "{at}");
    }
}

#[test]
fn millions_of_levels_are_counted_and_more_are_refused() {
    let mut reader = XmlReader::new();
    let (opens, closes) = ("<a>".repeat(1 << 20), "</a>".repeat(1 << 20));
    for _ in 0..4 {
        reader.feed(&opens);
    }
    for _ in 0..4 {
        reader.feed(&closes);
    }
    let (metadata, broken) = finish(reader);
    assert_eq!((metadata.nesting_depth, broken), (Some(4 << 20), None));

    let mut reader = XmlReader::new();
    for _ in 0..5 {
        reader.feed(&opens);
    }
    assert_eq!(finish(reader).1, Some(Malformed::TooDeep { levels: 4 << 20 }));
}

#[test]
fn names_and_values_without_end_are_not_kept() {
    let mut reader = XmlReader::new();
    reader.feed("<");
    let piece = "a".repeat(1 << 20);
    for _ in 0..8 {
        reader.feed(&piece);
    }
    reader.feed(" xmlns=\"");
    for _ in 0..8 {
        reader.feed(&piece);
    }
    assert!(reader.root.bytes().len() <= NAME && reader.value.bytes().len() <= NAMESPACE);
}
