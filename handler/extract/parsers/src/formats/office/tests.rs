//! Each format read as a whole document.

mod binary_text;
mod books;
mod damage;
mod outlook;
mod samples;

use handler_contract::{ErrorCode, Metadata};

use zip::write::SimpleFileOptions;

use self::samples::*;
use crate::formats::container::{Compound, Container, DocumentError, ZipFile, finish};
use crate::input::View;

use super::{binary, epub, media_type, open_document, open_xml, rtf, type_by_names, type_by_parts};

type Outcome = (Metadata, Option<ErrorCode>);

fn outcome<Source, B>(
    source: Source,
    describe: impl FnOnce(Source, &mut Metadata) -> Result<B, DocumentError>,
    count: impl FnOnce(&B, &mut Metadata) -> Result<(), DocumentError>,
) -> Outcome {
    let mut metadata = Metadata::default();
    let result = describe(source, &mut metadata).and_then(|body| count(&body, &mut metadata));
    let failure = finish(&mut metadata, result).err();
    (metadata, failure.map(|failure| failure.code))
}

fn container(bytes: &[u8]) -> Container<'_> {
    Container::unopened(View::big_endian(bytes))
}

fn compound_type(bytes: &[u8]) -> Option<&'static str> {
    Compound::open(bytes).ok().as_ref().and_then(media_type)
}

fn package_type(bytes: &[u8]) -> Option<String> {
    let file = View::big_endian(bytes);
    match &ZipFile::open(file).package {
        Ok(package) => type_by_parts(package).map(|detected| detected.file_type),
        Err(_) => type_by_names(file).map(str::to_owned),
    }
}

fn read_open_xml(bytes: &[u8]) -> Outcome {
    outcome(container(bytes), open_xml::describe, open_xml::count)
}

fn read_open_document(bytes: &[u8]) -> Outcome {
    outcome(container(bytes), open_document::describe, open_document::count)
}

fn read_epub(bytes: &[u8]) -> Outcome {
    outcome(container(bytes), epub::describe, epub::count)
}

fn read_binary(bytes: &[u8]) -> Outcome {
    outcome(container(bytes), binary::describe, binary::count)
}

fn read_rtf(bytes: &[u8]) -> Outcome {
    outcome(bytes, |bytes, _| Ok(bytes), |bytes, metadata| rtf::count(bytes, metadata))
}

type Read = fn(&[u8]) -> Outcome;

/// Every reader.
const READERS: [Read; 5] = [read_open_xml, read_open_document, read_epub, read_binary, read_rtf];

#[test]
fn words_of_a_docx_are_those_of_its_running_text() {
    let p = |inside: &str| format!("<w:p>{inside}</w:p>");
    let r = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let text_box = |text: &str| format!("<v:textbox><w:txbxContent>{}</w:txbxContent></v:textbox>", p(&r(text)));
    let alternatives = |drawing: &str, picture: &str| {
        format!(
            "<w:r><mc:AlternateContent><mc:Choice><w:drawing>{drawing}</w:drawing></mc:Choice><mc:Fallback><w:pict>{picture}\
             </w:pict></mc:Fallback></mc:AlternateContent></w:r>"
        )
    };
    let rows = [
        (p(&r("one two")) + &p(&r("three")), 3),
        (p(&(r("hel") + &r("lo"))), 1),
        (p("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>"), 3),
        (p("<w:r><w:t>a &amp; b &#233;t&#xe9; &unknown;</w:t></w:r>"), 5),
        (p(&format!("<w:hyperlink>{}</w:hyperlink>", r("link"))), 1),
        (p(&format!("<w:ins>{}</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>", r("new"))), 1),
        (p(&format!("<w:moveFrom>{0}</w:moveFrom><w:moveTo>{0}</w:moveTo>", r("moved"))), 1),
        (format!("<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>", p(&r("in control"))), 2),
        (p("<w:r><w:instrText>PAGE</w:instrText></w:r><m:oMath><m:r><m:t>x</m:t></m:r></m:oMath>"), 0),
        (p(&format!("<w:r><w:pict>{}</w:pict></w:r>", text_box("in a box"))), 3),
        (p(&format!("<w:r><w:object>{}</w:object></w:r>", text_box("box"))), 1),
        (p(&format!("<w:r><w:t>one</w:t><w:drawing><a:graphic>{}</a:graphic></w:drawing></w:r>", text_box("box"))), 2),
        (p(&alternatives(&text_box("in a box"), &text_box("in a box"))), 3),
        (p(&alternatives("", &text_box("only for the old"))), 4),
        (p(&alternatives(&alternatives(&text_box("a"), &text_box("a")), &text_box("a"))), 1),
        (p(&(alternatives(&text_box("a"), &text_box("a")) + &alternatives(&text_box("b"), &text_box("b")))), 2),
        (
            p(&alternatives(&text_box("a"), "")
                .replace("</mc:Choice>", &format!("</mc:Choice><mc:Choice>{}</mc:Choice>", text_box("b c")))),
            1,
        ),
        (
            p(&format!(
                "<w:r><w:pict>{}</w:pict></w:r>",
                text_box("a")
                    .replace("<w:p>", "<w:sdt><w:sdtContent><w:p>")
                    .replace("</w:p>", "</w:p></w:sdtContent></w:sdt>")
            )),
            1,
        ),
        (
            p(
                "<w:r><mc:AlternateContent><mc:Choice><w16se:symEx/></mc:Choice><mc:Fallback><w:t>x</w:t></mc:Fallback></mc:AlternateContent></w:r>",
            ),
            1,
        ),
        (
            p(&format!(
                "<mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent>",
                r("run")
            )),
            1,
        ),
        (
            p(
                "<w:del><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>gone</w:t></w:r></w:p></w:txbxContent></w:pict></w:r></w:del>",
            ),
            0,
        ),
        (p("<w:r><w:drawing><a:t>a chart</a:t></w:drawing></w:r>"), 0),
        (
            format!(
                "<w:tbl><w:tr><w:tc>{}</w:tc><w:tc>{}<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>",
                p(&r("a")),
                p(&r("b")),
                p(&r("c")),
            ),
            3,
        ),
        (String::new(), 0),
    ];
    for (body, words) in rows {
        let (metadata, failure) = read_open_xml(&docx(&body));
        assert_eq!((metadata.word_count, metadata.is_partial, failure), (Some(words), None, None), "{body}");
    }
    let (metadata, _) = read_open_xml(&docx(&p(&r("今天天气很好"))));
    assert_eq!((metadata.word_count, metadata.unicode_word_count), (Some(1), Some(6)));
}

#[test]
fn properties_are_those_of_the_package_and_declared_counts_stay_apart() {
    let core = "<cp:coreProperties><dc:title> A\n title </dc:title><dc:creator>Ann</dc:creator><dc:subject/>\
        <dc:language>en-GB</dc:language><cp:keywords>a; b</cp:keywords><dc:description>D</dc:description>\
        <cp:lastModifiedBy>Bob</cp:lastModifiedBy><dcterms:created>2013-12-23T23:15:00Z</dcterms:created>\
        <dcterms:modified>yesterday</dcterms:modified></cp:coreProperties>";
    let app = "<Properties><Application>Word</Application><Company>Firm</Company><Pages>7</Pages><Words>x</Words></Properties>";
    let rels = relationships(&[
        ("a", "officeDocument", "/elsewhere/main.xml"),
        ("b", "metadata/core-properties", "p/../q/core.xml"),
        ("c", "extended-properties", "app.xml"),
    ]);
    let file = zip_text(&[
        ("_rels/.rels", &rels),
        ("Q/Core.xml", core),
        ("app.xml", app),
        ("elsewhere\\main.xml", "<document><body><p><r><t>one</t></r></p></body></document>"),
    ]);
    let (found, failure) = read_open_xml(&file);
    let expected = Metadata {
        word_count: Some(1),
        unicode_word_count: Some(1),
        title: Some("A title".to_owned()),
        author: Some("Ann".to_owned()),
        language: Some("en-GB".to_owned()),
        keywords: Some("a; b".to_owned()),
        description: Some("D".to_owned()),
        last_modified_by: Some("Bob".to_owned()),
        date_created: Some("2013-12-23T23:15:00Z".to_owned()),
        creator_tool: Some("Word".to_owned()),
        publisher: Some("Firm".to_owned()),
        declared_page_count: Some(7),
        has_macros: Some(false),
        ..Metadata::default()
    };
    assert_eq!((found, failure), (expected, None));
}

#[test]
fn slides_are_those_that_the_presentation_lists() {
    let shape = |text: &str| format!("<p:sp><p:txBody><a:p>{text}</a:p></p:txBody></p:sp>");
    let run = |text: &str| format!("<a:r><a:t>{text}</a:t></a:r>");
    let first = shape(&(run("one") + "<a:br/>" + &run("two")))
        + &format!("<p:grpSp>{}</p:grpSp>", shape("<a:fld><a:t>3</a:t></a:fld>"))
        + &format!("<a:tbl><a:tr><a:tc><a:txBody><a:p>{}</a:p></a:txBody></a:tc></a:tr></a:tbl>", run("cell"));
    let second = format!(
        "<mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent>",
        shape(&run("once")),
    );
    let orphan = shape(&run("never"));
    let file = pptx(&["rId1", "rId2", "rId2"], &[("rId1", &first), ("rId2", &second), ("rId3", &orphan)]);
    let (metadata, failure) = read_open_xml(&file);
    assert_eq!(
        (metadata.slide_count, metadata.word_count, metadata.is_partial, failure),
        (Some(3), Some(5), None, None)
    );

    let (metadata, failure) = read_open_xml(&pptx(&["rId1", "lost"], &[("rId1", &first)]));
    assert_eq!((metadata.slide_count, metadata.word_count), (Some(2), Some(4)));
    assert_eq!((metadata.is_partial, failure), (Some(true), None));
}

#[test]
fn sheets_and_macros_of_workbooks() {
    let workbook =
        r#"<workbook><sheets><sheet name="a" r:id="1"/><sheet name="b" state="hidden" r:id="2"/></sheets></workbook>"#;
    let (metadata, failure) = read_open_xml(&zip_text(&[("xl/workbook.xml", workbook), ("xl/vbaProject.bin", "x")]));
    assert_eq!((metadata.sheet_count, metadata.has_macros, failure), (Some(2), Some(true), None));

    // The content type counts, whatever the part is called.
    let types = r#"<Types><Override PartName="/x" ContentType="application/vnd.ms-office.vbaProject"/></Types>"#;
    let (metadata, _) = read_open_xml(&zip_text(&[("xl/workbook.xml", workbook), ("[Content_Types].xml", types)]));
    assert_eq!(metadata.has_macros, Some(true));

    let binary = [&b"\x83\x01\x00\x9c\x01\x02xx\x9c\x01\x81\x01"[..], &[0; 129], b"\x84\x01\x00"].concat();
    let (metadata, failure) = read_open_xml(&zip([("xl/workbook.bin", &binary[..])]));
    assert_eq!((metadata.sheet_count, metadata.is_partial, failure), (Some(2), None, None));
    let (metadata, failure) = read_open_xml(&zip([("xl/workbook.bin", &binary[..20])]));
    assert_eq!((metadata.sheet_count, metadata.is_partial, failure), (Some(2), Some(true), None));
}

#[test]
fn open_document_counts_each_text_once() {
    let rows = [
        ("<text:p>one<text:s/>two<text:tab/>three<text:line-break/>four</text:p><text:h>five</text:h>", 5),
        ("<text:p>a<text:span>b</text:span>c <text:a>link</text:a></text:p>", 2),
        ("<text:p>x<text:note><text:note-body><text:p>no</text:p></text:note-body></text:note>y</text:p>", 1),
        ("<text:p>x<office:annotation><dc:creator>A</dc:creator><text:p>no</text:p></office:annotation> y</text:p>", 2),
        ("<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:p>kept</text:p>", 1),
        (
            "<text:p>a<draw:frame><svg:title>no</svg:title><draw:text-box><text:p>b c</text:p></draw:text-box></draw:frame>d</text:p>",
            4,
        ),
        ("<text:p>The <text:title>title field</text:title></text:p>", 3),
        (
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row></table:table>",
            1,
        ),
        ("stray<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>", 1),
    ];
    for (body, words) in rows {
        let (metadata, failure) = read_open_document(&odf(&format!("<office:text>{body}</office:text>")));
        assert_eq!((metadata.word_count, failure), (Some(words), None), "{body}");
    }

    let page = "<draw:page><draw:frame><draw:text-box><text:p>on slide</text:p></draw:text-box></draw:frame>\
        <presentation:notes><draw:frame><draw:text-box><text:p>note</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>";
    let (metadata, _) = read_open_document(&odf(&format!("<office:presentation>{page}{page}</office:presentation>")));
    assert_eq!((metadata.slide_count, metadata.word_count, metadata.sheet_count), (Some(2), Some(4), None));

    let sheets = "<table:table><table:table><text:p>1</text:p></table:table></table:table><table:table/><table:named-expressions/>";
    let (metadata, _) = read_open_document(&odf(&format!("<office:spreadsheet>{sheets}</office:spreadsheet>")));
    assert_eq!((metadata.sheet_count, metadata.word_count, metadata.slide_count), (Some(2), None, None));
}

#[test]
fn open_document_properties_macros_and_encryption() {
    let meta = r#"<office:document-meta><office:meta><dc:title>T</dc:title><meta:initial-creator>Ann</meta:initial-creator>
        <dc:creator>Bob</dc:creator><meta:keyword>a</meta:keyword><meta:keyword>b</meta:keyword>
        <meta:creation-date>2013-12-23T23:15:00.123</meta:creation-date><meta:generator>LibreOffice</meta:generator>
        <meta:document-statistic meta:page-count="2" meta:word-count="9"/></office:meta></office:document-meta>"#;
    let content = "<c><office:body><office:text/></office:body></c>";
    let file = zip_text(&[("meta.xml", meta), ("content.xml", content), ("Basic/Standard/Module1.xml", "x")]);
    let (metadata, failure) = read_open_document(&file);
    assert_eq!(failure, None);
    assert_eq!((metadata.author.as_deref(), metadata.last_modified_by.as_deref()), (Some("Ann"), Some("Bob")));
    assert_eq!((metadata.keywords.as_deref(), metadata.creator_tool.as_deref()), (Some("a, b"), Some("LibreOffice")));
    assert_eq!(metadata.date_created.as_deref(), Some("2013-12-23T23:15:00.123"));
    assert_eq!((metadata.declared_page_count, metadata.declared_word_count), (Some(2), Some(9)));
    assert_eq!((metadata.word_count, metadata.has_macros), (Some(0), Some(true)));

    let manifest = "<m><file-entry><encryption-data/></file-entry></m>";
    let (metadata, failure) =
        read_open_document(&zip_text(&[("META-INF/manifest.xml", manifest), ("content.xml", "\u{1}")]));
    assert_eq!((metadata.is_encrypted, failure), (Some(true), Some(ErrorCode::Encrypted)));
}

#[test]
fn books_are_read_along_their_spine() {
    let first = "<html><head><title>no</title></head><body><p>One<b>word</b>&nbsp;two</p><p>three<br>four<script>no</script></body></html>";
    let (metadata, failure) = read_epub(&book(first, &[]));
    let expected = Metadata {
        word_count: Some(6),
        unicode_word_count: Some(6),
        title: Some("A & B".to_owned()),
        author: Some("Ann, Bob".to_owned()),
        subject: Some("Sea, Ships".to_owned()),
        publisher: Some("P".to_owned()),
        identifier: Some("urn:isbn:2".to_owned()),
        language: Some("de".to_owned()),
        date_created: Some("1949".to_owned()),
        date_modified: Some("2025-08-09T17:34:01Z".to_owned()),
        format_version: Some("3.0".to_owned()),
        ..Metadata::default()
    };
    assert_eq!((metadata, failure), (expected, None));
}

#[test]
fn only_books_that_cannot_be_read_are_encrypted() {
    let encryption = |algorithm: &str| {
        format!(
            r#"<encryption><EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData></encryption>"#
        )
    };
    let rows = [
        ("http://www.idpf.org/2008/embedding", None),
        ("http://ns.adobe.com/pdf/enc#RC", None),
        ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", Some(ErrorCode::Encrypted)),
    ];
    for (algorithm, expected) in rows {
        let (metadata, failure) = read_epub(&book("<p>x</p>", &[("META-INF/encryption.xml", &encryption(algorithm))]));
        assert_eq!(failure, expected, "{algorithm}");
        assert_eq!(metadata.title.as_deref(), Some("A & B"));
    }
}

#[test]
fn words_of_rtf_are_those_of_its_running_text() {
    let rows: [(&[u8], u64); 16] = [
        (br"one two\par three", 3),
        (b"hel\r\nlo", 1),
        (br"{\b bo}ld", 1),
        (br"a\tab b\cell c\line d", 4),
        (br"caf\'e9 na\'efve", 2),
        (br"a\~b\'a0c", 3),
        (br"\u233?t\u-10179?\u-8704? x", 2),
        (br"\uc2\u233 ab\uc0\u233 c", 1),
        (br"\u-10240? x", 2),
        (br"{\header no}{\footnote no}{\*\unknown no}{\pict 00ff}{\fonttbl{\f0 Arial;}}yes", 1),
        (br"{\field{\*\fldinst HYPERLINK x}{\fldrslt shown here}}", 2),
        (br"{\listtext 1.\tab}item", 1),
        (br"{\deleted gone}kept{\deleted gone \deleted0  back}", 2),
        (b"{\\pict\\bin4 }}}}}after", 1),
        (br"\{braces\} \\", 2),
        (br"", 0),
    ];
    for (body, words) in rows {
        let file = [b"{\\rtf1\\ansi\\ansicpg1252 ", body, b"}trailing"].concat();
        let (metadata, failure) = read_rtf(&file);
        assert_eq!(
            (metadata.word_count, metadata.is_partial, failure),
            (Some(words), None, None),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn characters_of_rtf_are_decoded_by_its_code_page() {
    let rows: &[(u16, &[u8], u64, u64)] = &[
        // A dash alone is no word by UAX 29, and separates those that it is between.
        (1252, br"one \'96 two\'97three don\'92t", 4, 4),
        (1252, br"gr\'fc\'dfe", 1, 1),
        (1252, br"a\'a0b", 2, 2),
        (1251, br"\'cf\'f0\'e8\'e2\'e5\'f2 \'ec\'e8\'f0", 2, 2),
        // Of two bytes, the second of which may be a letter's, a brace's or a backslash's.
        (936, br"\'c4\'e3\'ba\'c3", 1, 2),
        (932, br"\'83\'5c\'83\'7b \'81\'40\'93\'fa", 2, 2),
        (65001, br"\'e4\'bb\'8a\'e5\'a4\'a9", 1, 2),
        // Bytes that are no character, or its start and nothing more, separate no words.
        (1253, br"a\'aab", 1, 2),
        (936, br"a\'c4\par b", 2, 2),
    ];
    for (codepage, body, words, unicode_words) in rows {
        let file = [format!("{{\\rtf1\\ansi\\ansicpg{codepage} ").as_bytes(), body, b"}"].concat();
        let (metadata, failure) = read_rtf(&file);
        let counts = (metadata.word_count, metadata.unicode_word_count, failure);
        assert_eq!(counts, (Some(*words), Some(*unicode_words), None), "{codepage} {}", body.escape_ascii());
    }
}

#[test]
fn rtf_says_who_when_and_how_much() {
    let file =
        br"{\rtf1\ansi\ansicpg1251{\info{\title \'cf\'f0\'e8 \u21338?x}{\author Ann}{\operator Bob}{\company Firm}
        {\creatim\yr2003\mo2\dy26\hr19\min22}{\revtim\yr2003\mo99}{\nofpages3}{\nofwords12}{\*\password 00}}
        {\*\generator Riched20 10.0;}text}";
    let (metadata, failure) = read_rtf(file);
    assert_eq!(failure, None);
    assert_eq!(metadata.title.as_deref(), Some("При 博x"));
    assert_eq!((metadata.author.as_deref(), metadata.last_modified_by.as_deref()), (Some("Ann"), Some("Bob")));
    assert_eq!(
        (metadata.publisher.as_deref(), metadata.creator_tool.as_deref()),
        (Some("Firm"), Some("Riched20 10.0"))
    );
    assert_eq!((metadata.date_created.as_deref(), metadata.date_modified), (Some("2003-02-26T19:22:00"), None));
    assert_eq!((metadata.declared_page_count, metadata.declared_word_count), (Some(3), Some(12)));
    assert_eq!(metadata.word_count, Some(1));
}

#[test]
fn binary_documents_say_what_they_are() {
    let (metadata, failure) = read_binary(&doc(0, 5000));
    let expected = Metadata {
        title: Some("Привет".to_owned()),
        author: Some("Ann".to_owned()),
        date_created: Some("2001-09-09T01:46:40.000Z".to_owned()),
        declared_page_count: Some(3),
        has_macros: Some(false),
        ..Metadata::default()
    };
    assert_eq!((metadata, failure), (expected, None));
    let (metadata, failure) = read_binary(&doc(0x0100, 100));
    assert_eq!((metadata.is_encrypted, failure), (Some(true), Some(ErrorCode::Encrypted)));
    assert_eq!(metadata.title.as_deref(), Some("Привет"));

    let sheet = |kind| record(0x0085, &[0, 0, 0, 0, 0, kind, 1, 0, b'a']);
    let plain = [record(0x0809, &[0; 16]), sheet(0), sheet(2), sheet(6), record(0x000a, &[]), sheet(0)].concat();
    let (metadata, failure) = read_binary(&compound(&[("Workbook", &plain)]));
    assert_eq!((metadata.sheet_count, metadata.has_macros, failure), (Some(2), Some(false), None));
    let macros = [record(0x0809, &[0; 16]), sheet(1), record(0x000a, &[])].concat();
    let (metadata, _) = read_binary(&compound(&[("Book", &macros)]));
    assert_eq!((metadata.sheet_count, metadata.has_macros), (Some(1), Some(true)));
    let secret = [record(0x0809, &[0; 16]), record(0x002f, &[1; 54]), sheet(0x99), record(0x000a, &[])].concat();
    let (metadata, failure) = read_binary(&compound(&[("Workbook", &secret), ("_VBA_PROJECT_CUR", b"")]));
    assert_eq!((metadata.sheet_count, metadata.has_macros, failure), (Some(1), Some(true), Some(ErrorCode::Encrypted)));

    let user = |token: u32| [&[0; 12][..], &token.to_le_bytes()].concat();
    for (token, expected) in [(0xe391_c05f, None), (0xf3d1_c4df, Some(ErrorCode::Encrypted))] {
        let file = compound(&[("PowerPoint Document", b"x"), ("Current User", &user(token))]);
        assert_eq!(read_binary(&file).1, expected);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn types_by_what_is_inside() {
    let rows: &[(&str, &[Stream<'_>])] = &[
        ("application/msword", &[("WordDocument", b"x")]),
        ("application/vnd.ms-excel", &[("WORKBOOK", b"x")]),
        ("application/vnd.ms-excel", &[("Book", b"x")]),
        ("application/vnd.ms-powerpoint", &[("PowerPoint Document", b"x"), ("Current User", b"x")]),
        ("application/vnd.ms-powerpoint", &[("PP40", b"x")]),
        ("application/vnd.ms-outlook", &[("__properties_version1.0", b"x"), ("__nameid_version1.0", b"")]),
        ("application/x-hwp", &[("FileHeader", b"HWP Document File\0\0"), ("DocInfo", b"x")]),
        ("application/x-tika-ooxml-protected", &[("EncryptionInfo", b"x"), ("EncryptedPackage", b"x")]),
        ("", &[("something", b"x")]),
    ];
    for (file_type, streams) in rows {
        assert_eq!(compound_type(&compound(streams)).unwrap_or_default(), *file_type, "{streams:?}");
    }

    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let override_of = |content_type: &str| {
        format!(r#"<Types><Override PartName="/x" ContentType="application/vnd.{content_type}"/></Types>"#)
    };
    let manifest = r#"<m><file-entry full-path="/" media-type="application/vnd.oasis.opendocument.text"/></m>"#;
    let rootfile = |attributes: &str| format!("<container><rootfiles><rootfile {attributes}/></rootfiles></container>");
    let (opf, mscx) = (rootfile(r#"full-path="book.opf""#), rootfile(r#"full-path="score.mscx""#));
    let music = rootfile(r#"full-path="score.xml""#);
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("application/epub+zip", &[("a", "b"), ("mimetype", "application/epub+zip\n")]),
        ("application/epub+zip", &[("META-INF/container.xml", CONTAINER), ("OEBPS/book.opf", "<package/>")]),
        ("application/epub+zip", &[("META-INF/container.xml", &opf), ("book.opf", "<package/>")]),
        ("application/x-musescore", &[("META-INF/container.xml", &mscx), ("score.mscx", "<museScore/>")]),
        (
            "application/vnd.recordare.musicxml",
            &[("META-INF/container.xml", &music), ("score.xml", "<score-partwise/>")],
        ),
        ("application/vnd.recordare.musicxml", &[("mimetype", "application/vnd.recordare.musicxml")]),
        (
            "application/vnd.oasis.opendocument.spreadsheet",
            &[("mimetype", "application/vnd.oasis.opendocument.spreadsheet")],
        ),
        ("application/vnd.oasis.opendocument.text", &[("META-INF/manifest.xml", manifest)]),
        ("application/x-krita", &[("mimetype", "application/x-krita"), ("maindoc.xml", "<DOC/>")]),
        ("application/vnd.etsi.asic-s+zip", &[("mimetype", "application/vnd.etsi.asic-s+zip"), ("a.txt", "x")]),
        ("application/hwp+zip", &[("mimetype", "application/hwp+zip"), ("Contents/section0.xml", "<x/>")]),
        ("image/openraster", &[("mimetype", "image/openraster"), ("stack.xml", "<image/>")]),
        (word, &[("_rels/.rels", "<Relationships/>"), ("word/document.xml", "<document/>")]),
        ("application/java-archive", &[("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"), ("A.class", "x")]),
        ("application/vnd.android.package-archive", &[("AndroidManifest.xml", "\u{3}\0\u{8}\0"), ("classes.dex", "x")]),
        ("image/x-figma", &[("canvas.fig", "fig-kiwi")]),
        ("application/vnd.adobe.fla", &[("DOMDocument.xml", "<DOMDocument xmlns=\"http://ns.adobe.com/xfl/2008/\"/>")]),
        ("image/x-sketch", &[("document.json", "{}"), ("meta.json", "{\"app\":\"com.bohemiancoding.sketch3\"}")]),
        ("application/zip", &[("doc.kml", "<kml/>"), ("files/a.jpg", "x")]),
        ("application/zip", &[("Index/Document.iwa", "x"), ("Metadata/Properties.plist", "x")]),
        ("application/zip", &[("a.twb", "<workbook/>")]),
        // A name alone proves nothing.
        ("", &[("mimetype", "application/pdf"), ("word/letter.txt", "x")]),
        ("", &[("word/document.xml", "<document/>")]),
        ("", &[("ppt/a.txt", "x"), ("xl/b.txt", "x")]),
        ("", &[("META-INF/container.xml", "<container/>"), ("a.txt", "x")]),
        ("", &[("META-INF/container.xml", &opf), ("a.txt", "x")]),
        ("", &[("META-INF/MANIFEST.MF", "a file"), ("a.txt", "x")]),
        ("", &[("canvas.fig", "x")]),
        ("", &[("DOMDocument.xml", "<x/>")]),
        ("", &[("3D/3dmodel.model", "<x/>")]),
        ("", &[("document.json", "{}")]),
        ("", &[("AndroidManifest.xml", "<manifest/>")]),
        ("", &[("a.fb2", "x")]),
        ("", &[("dwf/a", "x"), ("visio/b", "x"), ("circuitdiagram/c", "x")]),
        ("", &[("a", "b")]),
    ];
    for (file_type, parts) in rows {
        assert_eq!(package_type(&zip_text(parts)).unwrap_or_default(), *file_type, "{parts:?}");
    }
    let rows = [
        ("openxmlformats-officedocument.wordprocessingml.document.main+xml", word),
        (
            "openxmlformats-officedocument.wordprocessingml.template.main+xml",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
        ),
        ("ms-word.document.macroEnabled.main+xml", "application/vnd.ms-word.document.macroEnabled.12"),
        ("ms-word.template.macroEnabledTemplate.main+xml", "application/vnd.ms-word.template.macroEnabled.12"),
        ("ms-excel.sheet.macroEnabled.main+xml", "application/vnd.ms-excel.sheet.macroEnabled.12"),
        ("ms-excel.sheet.binary.macroEnabled.main", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
        ("ms-excel.template.macroEnabled.main+xml", "application/vnd.ms-excel.template.macroEnabled.12"),
        ("ms-excel.addin.macroEnabled.main+xml", "application/vnd.ms-excel.addin.macroEnabled.12"),
        (
            "openxmlformats-officedocument.presentationml.slideshow.main+xml",
            "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
        ),
        (
            "ms-powerpoint.presentation.macroEnabled.main+xml",
            "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
        ),
        ("ms-powerpoint.slideshow.macroEnabled.main+xml", "application/vnd.ms-powerpoint.slideshow.macroEnabled.12"),
        ("ms-visio.drawing.main+xml", "application/vnd.ms-visio.drawing.main+xml"),
        ("ms-package.3dmanufacturing-3dmodel+xml", "model/3mf"),
        ("ms-package.xps-fixeddocumentsequence+xml", "application/vnd.ms-xpsdocument"),
        ("openxmlformats-officedocument.wordprocessingml.styles+xml", ""),
        ("example.main+xml", ""),
    ];
    for (content_type, file_type) in rows {
        let types = override_of(content_type);
        let package = zip_text(&[("a", "b"), ("[Content_Types].xml", &types), ("x", "<x/>")]);
        assert_eq!(package_type(&package).unwrap_or_default(), file_type, "{content_type}");
        let without_part = zip_text(&[("a", "b"), ("[Content_Types].xml", &types)]);
        assert_eq!(package_type(&without_part), None, "{content_type} without its part");
    }
    let whole = zip_text(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<document/>")]);
    assert_eq!(package_type(&whole[..whole.len() - 30]).as_deref(), Some(word));
    let folder = zip_text(&[("word/a.txt", "x")]);
    assert_eq!(package_type(&folder[..folder.len() - 30]), None);
}

#[test]
fn text_is_read_in_the_encoding_that_it_has() {
    let text = "<?xml version=\"1.0\" encoding=\"ENCODING\"?><document><body><p><r><t>größer als</t></r></p></body></document>";
    let wide = |to_bytes: fn(u16) -> [u8; 2], mark: &[u8]| {
        let text = text.replace("ENCODING", "UTF-16");
        [mark, &text.encode_utf16().flat_map(to_bytes).collect::<Vec<_>>()].concat()
    };
    let rows = [
        text.replace("ENCODING", "UTF-8").into_bytes(),
        [b"\xef\xbb\xbf", text.replace("ENCODING", "utf-8").as_bytes()].concat(),
        encoding_rs::WINDOWS_1252.encode(&text.replace("ENCODING", "iso-8859-1")).0.into_owned(),
        text.replace("ENCODING", "UTF-16").into_bytes(),
        wide(u16::to_le_bytes, b"\xff\xfe"),
        wide(u16::to_be_bytes, b"\xfe\xff"),
        wide(u16::to_le_bytes, b""),
        wide(u16::to_be_bytes, b""),
    ];
    for content in rows {
        let (metadata, failure) = read_open_xml(&zip([("word/document.xml", &content[..])]));
        assert_eq!((metadata.word_count, failure), (Some(2), None), "{}", content[..60].escape_ascii());
    }
}

#[test]
fn archives_that_are_unusual_but_good() {
    let good = docx("<w:p><w:r><w:t>one two</w:t></w:r></w:p>");
    let count = |file: &[u8]| {
        let (metadata, failure) = read_open_xml(file);
        assert_eq!((metadata.is_partial, failure), (None, None));
        metadata.word_count
    };
    assert_eq!(count(&[b"MZ something before", &good[..]].concat()), Some(2));
    assert_eq!(count(&[&good[..], b"and after"].concat()), Some(2));

    // With 64-bit sizes and offsets, and nothing packed.
    let options = SimpleFileOptions::default().large_file(true).compression_method(zip::CompressionMethod::Stored);
    let document = &b"<document><body><p><r><t>a b c</t></r></p></body></document>"[..];
    assert_eq!(count(&zip_with(options, [("word/document.xml", document)])), Some(3));

    // More entries than 16 bits can count; what is not looked at does not matter.
    let names: Vec<_> = (0..65_600).map(|i| format!("x/{i}")).collect();
    let parts = names.iter().map(|name| (name.as_str(), &b""[..]));
    assert_eq!(count(&zip([("word/document.xml", document)].into_iter().chain(parts))), Some(3));
}
