//! Books and documents that are one file without a zip archive around them.

use handler_contract::{ErrorCode, Metadata};

use crate::formats::container::{DocumentError, finish};
use crate::formats::office::{fiction_book, mobipocket, open_document};

fn outcome(mut metadata: Metadata, result: Result<(), DocumentError>) -> (Metadata, Option<ErrorCode>) {
    let failure = finish(&mut metadata, result).err().map(|failure| failure.code);
    (metadata, failure)
}

fn read_fiction_book(text: &str) -> (Metadata, Option<ErrorCode>) {
    let mut metadata = Metadata::default();
    let result = fiction_book::count(text.as_bytes(), &mut metadata);
    outcome(metadata, result)
}

#[test]
fn words_of_a_fiction_book_are_those_of_its_bodies() {
    let description = "<description><title-info><genre>sf</genre><author><first-name>Ann</first-name><last-name>Lee\
        </last-name></author><author><nickname>Bob</nickname></author><book-title>A book</book-title><annotation><p>Its \
        summary</p><p>continues</p></annotation><keywords>one, two</keywords><date value='2024-05-06'>in May</date>\
        <lang>de</lang></title-info><document-info><author><nickname>Somebody</nickname></author><program-used>A tool\
        </program-used><id>id-1</id></document-info><publish-info><publisher>A house</publisher></publish-info>\
        </description>";
    let book = |bodies: &str| format!("<?xml version='1.0'?><FictionBook>{description}{bodies}</FictionBook>");
    let section = "<body><title><p>Chapter</p></title><section><p>Two <emphasis>wo</emphasis>rds</p><v>a verse</v><empty-line/>\
        </section></body>";
    for (kind, bodies, count) in [
        ("a body", section.to_owned(), 5),
        ("notes", format!("{section}<body name='notes'><section><p>a note</p></section></body>"), 7),
        ("pictures", format!("{section}<binary id='x'>{}</binary>", "AAAA ".repeat(3 << 20)), 5),
        ("nothing", String::new(), 0),
    ] {
        let (metadata, failure) = read_fiction_book(&book(&bodies));
        assert_eq!((metadata.word_count, metadata.is_partial, failure), (Some(count), None, None), "{kind}");
    }
    let (metadata, _) = read_fiction_book(&book(section));
    assert_eq!((metadata.title.as_deref(), metadata.author.as_deref()), (Some("A book"), Some("Ann Lee, Bob")));
    assert_eq!((metadata.language.as_deref(), metadata.date_created.as_deref()), (Some("de"), Some("2024-05-06")));
    assert_eq!(metadata.description.as_deref(), Some("Its summary continues"));
    assert_eq!((metadata.publisher.as_deref(), metadata.identifier.as_deref()), (Some("A house"), Some("id-1")));
    assert_eq!((metadata.keywords.as_deref(), metadata.creator_tool.as_deref()), (Some("one, two"), Some("A tool")));
    // What breaks off, and what nests.
    let cut = book(section);
    let (metadata, failure) = read_fiction_book(&cut[..cut.find("a verse").unwrap()]);
    assert_eq!((metadata.word_count, metadata.is_partial, failure), (Some(3), Some(true), None));
    assert_eq!(read_fiction_book(&"<a>".repeat(10_000)).1, Some(ErrorCode::StackLimit));
}

#[test]
fn open_documents_of_one_file_are_read_as_packages_are() {
    let file = |body: &str| {
        format!(
            "<?xml version='1.0'?><office:document office:mimetype='x'><office:meta><dc:title>A title</dc:title>\
             <meta:initial-creator>Ann</meta:initial-creator></office:meta><office:automatic-styles><style:p>no text\
             </style:p></office:automatic-styles><office:body>{body}</office:body></office:document>"
        )
    };
    for (body, words, slides, sheets) in [
        ("<office:text><text:p>one two</text:p><text:h>three</text:h></office:text>", Some(3), None, None),
        (
            "<office:presentation><draw:page><text:p>one</text:p></draw:page></office:presentation>",
            Some(1),
            Some(1),
            None,
        ),
        ("<office:spreadsheet><table:table/><table:table/></office:spreadsheet>", None, None, Some(2)),
    ] {
        let (bytes, mut metadata) = (file(body), Metadata::default());
        let result = open_document::describe_flat(bytes.as_bytes(), &mut metadata)
            .and_then(|bytes| open_document::count_flat(bytes, &mut metadata));
        let (metadata, failure) = outcome(metadata, result);
        assert_eq!(
            (metadata.word_count, metadata.slide_count, metadata.sheet_count),
            (words, slides, sheets),
            "{body}"
        );
        assert_eq!((metadata.title.as_deref(), metadata.author.as_deref()), (Some("A title"), Some("Ann")), "{body}");
        assert_eq!((metadata.is_partial, failure), (None, None), "{body}");
    }
    let cut = file("<office:text><text:p>one two");
    let mut metadata = Metadata::default();
    let result = open_document::count_flat(&cut.as_bytes()[..cut.find("</office:body").unwrap()], &mut metadata);
    let (metadata, failure) = outcome(metadata, result);
    assert_eq!((metadata.word_count, metadata.is_partial, failure), (Some(2), Some(true), None));
}

/// A book of Mobipocket with its text in pieces, packed or not, and this number of kinds of data after each.
fn book(packing: u16, encryption: u16, trailing: u16, pieces: &[&[u8]]) -> Vec<u8> {
    let mut head = vec![0; 16 + 232];
    head[..2].copy_from_slice(&packing.to_be_bytes());
    head[8..10].copy_from_slice(&u16::try_from(pieces.len()).unwrap().to_be_bytes());
    head[12..14].copy_from_slice(&encryption.to_be_bytes());
    head[16..20].copy_from_slice(b"MOBI");
    head[20..24].copy_from_slice(&232_u32.to_be_bytes());
    head[28..32].copy_from_slice(&65_001_u32.to_be_bytes());
    head[131] = 0x40;
    head[242..244].copy_from_slice(&trailing.to_be_bytes());
    let field = |kind: u32, text: &str| {
        let len = u32::try_from(text.len() + 8).unwrap();
        [&kind.to_be_bytes()[..], &len.to_be_bytes(), text.as_bytes()].concat()
    };
    let fields = [field(100, "Ann"), field(100, "Bob"), field(106, "2024-05-06"), field(524, "de")].concat();
    head.extend([b"EXTH\0\0\0\0\0\0\0\x04", &fields[..]].concat());
    let title = u32::try_from(head.len()).unwrap();
    head[84..88].copy_from_slice(&title.to_be_bytes());
    head[88..92].copy_from_slice(&6_u32.to_be_bytes());
    head.extend(b"A book");
    let records: Vec<&[u8]> = std::iter::once(&head[..]).chain(pieces.iter().copied()).collect();
    let mut file = [&[0; 60][..], b"BOOKMOBI", &[0; 8], &u16::try_from(records.len()).unwrap().to_be_bytes()].concat();
    let mut at = file.len() + 8 * records.len();
    for record in &records {
        file.extend([&u32::try_from(at).unwrap().to_be_bytes()[..], &[0; 4]].concat());
        at += record.len();
    }
    [file, records.concat()].concat()
}

fn read_book(bytes: &[u8]) -> (Metadata, Option<ErrorCode>) {
    let mut metadata = Metadata::default();
    let result = mobipocket::describe(bytes, &mut metadata).and_then(|book| mobipocket::count(&book, &mut metadata));
    outcome(metadata, result)
}

#[test]
fn words_of_a_mobipocket_book() {
    let stored: &[u8] = b"<html><body><p>one tw";
    let packed: &[u8] = b"<p>one\xf4wo \x02\xc3\xa9t\x80\x1b and\xc2";
    for (kind, bytes, count) in [
        ("stored", book(1, 0, 0, &[stored, b"o</p><p>three</p>"]), Some(3)),
        // A blank with a letter, bytes as they are, and what was there three bytes before.
        ("packed", book(2, 0, 0, &[packed]), Some(5)),
        ("trailing", book(1, 0, 0b11, &[b"one two\xc3\xc3\0\x81", b"\xa9 three\0\x81"]), Some(3)),
        ("with tables", book(17_480, 0, 0, &[b"\x01\x02"]), None),
    ] {
        let (metadata, failure) = read_book(&bytes);
        assert_eq!((metadata.word_count, metadata.is_partial, failure), (count, None, None), "{kind}");
        assert_eq!(
            (metadata.title.as_deref(), metadata.author.as_deref()),
            (Some("A book"), Some("Ann, Bob")),
            "{kind}"
        );
        let dated = (metadata.date_created.as_deref(), metadata.language.as_deref());
        assert_eq!(dated, (Some("2024-05-06"), Some("de")), "{kind}");
    }
    let (metadata, failure) = read_book(&book(2, 2, 0, &[packed]));
    assert_eq!((metadata.word_count, metadata.is_encrypted, failure), (None, Some(true), Some(ErrorCode::Encrypted)));
    let whole = book(1, 0, 0, &[stored, b"o</p><p>three</p>"]);
    let (metadata, failure) = read_book(&whole[..whole.len() - 20]);
    assert_eq!((metadata.is_partial, failure), (Some(true), None));
    // A database without records, and one of which the first is cut.
    let empty = [&[0; 60][..], b"BOOKMOBI", &[0; 20]].concat();
    assert_eq!(read_book(&empty), (Metadata::default(), None));
    assert_eq!(read_book(&whole[..200]).0.is_partial, Some(true));
    for bytes in [book(2, 0, 3, &[packed, packed]), whole] {
        for len in 0..bytes.len() {
            read_book(&bytes[..len]);
            for value in [0, 0x7f, 0xff] {
                let mut mangled = bytes.clone();
                mangled[len] = value;
                read_book(&mangled);
            }
        }
    }
}
