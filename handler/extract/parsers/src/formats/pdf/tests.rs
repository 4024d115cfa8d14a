use std::sync::Arc;

use handler_contract::{ErrorCode, Metadata};
use memmap2::MmapMut;

use self::builder::{build, document, letter, page, page_with_fonts, stream};
use crate::report::{Abort, Report};

#[path = "../../../../tests/it/pdf.rs"]
#[expect(dead_code, reason = "the tests of the child use all of it")]
mod builder;

fn read(bytes: &[u8]) -> (Metadata, Option<ErrorCode>) {
    let mut map = MmapMut::map_anon(bytes.len()).unwrap();
    map.copy_from_slice(bytes);
    let mut report = Report::discarding();
    let failure = match super::read(&Arc::new(map.make_read_only().unwrap()), &mut report) {
        Ok(()) => None,
        Err(Abort::Rejected(failure)) => Some(failure.code),
        Err(Abort::Internal(cause)) => panic!("{cause}"),
    };
    (report.metadata, failure)
}

fn words(content: &str, fonts: &str) -> Option<u64> {
    read(&page_with_fonts(stream("", content.as_bytes()), fonts)).0.word_count
}

#[test]
fn text_that_is_drawn_twice_counts_once() {
    for (kind, content, count) in [
        ("at the same place", "BT /F 12 Tf 50 700 Td (bold text) Tj 0 0 Td (bold text) Tj ET", 2),
        ("a little to the right", "BT /F 12 Tf 50 700 Td (bold text) Tj 0.3 0 Td (bold text) Tj ET", 2),
        ("as a shadow", "BT /F 12 Tf 51 699 Td (bold text) Tj ET BT /F 12 Tf 50 700 Td (bold text) Tj ET", 2),
        ("letter by letter", "BT /F 12 Tf 50 700 Td (a) Tj 0.3 0 Td (a) Tj 20 0 Td (b) Tj .3 0 Td (b) Tj ET", 2),
        ("three times", "BT /F 12 Tf 50 700 Td (bold) Tj 0.3 0 Td (bold) Tj 0.3 0 Td (bold) Tj ET", 1),
        // What is somewhere else is another text.
        ("on the next line", "BT /F 12 Tf 50 700 Td (same text) Tj 0 -14 Td (same text) Tj ET", 4),
        ("beside it", "BT /F 12 Tf 50 700 Td (same) Tj 60 0 Td (same) Tj ET", 2),
        ("letters that follow each other", "BT /F 12 Tf 50 700 Td (l) Tj 2.66 0 Td (l) Tj ET", 1),
    ] {
        assert_eq!(words(content, ""), Some(count), "{kind}");
    }
}

#[test]
fn words_continue_after_a_hyphen_at_the_end_of_a_line() {
    let lines = |first: &str, second: &str| format!("BT /W 12 Tf 14 TL 50 700 Td ({first}) Tj ({second}) ' ET");
    let font = "/W << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
    for (first, second, count) in [
        ("an exam-", "ple here", 3),
        // A soft hyphen, as Windows has it.
        ("an exam\\255", "ple here", 3),
        ("a long-", "term plan", 3),
        ("the end -", "of it", 5),
        ("from 10-", "20 on", 4),
        ("see Anna-", "Berta said", 4),
        ("an exam", "ple here", 4),
    ] {
        assert_eq!(words(&lines(first, second), font), Some(count), "{first} {second}");
    }
}

#[test]
fn content_counts_as_what_it_says_it_means() {
    let text = |marked: &str| format!("BT /F 12 Tf 50 700 Td {marked} ET");
    for (content, count) in [
        (text("/Span << /ActualText (three words here) >> BDC (x) Tj EMC"), 3),
        (text("/Span << /ActualText (one) >> BDC (o) Tj 30 0 Td (n) Tj 30 0 Td (e) Tj EMC"), 1),
        (text("/Span << /ActualText () >> BDC (shown) Tj EMC (two) Tj"), 1),
        (text("(a) Tj /Span << /ActualText (fi) >> BDC (x) Tj EMC (b) Tj"), 1),
        (text("/Span << /Lang (en) >> BDC (two words) Tj EMC"), 2),
        // The outermost counts, and nothing that is not drawn.
        (text("/A << /ActualText (one) >> BDC /B << /ActualText (two words) >> BDC (x) Tj EMC (y) Tj EMC"), 1),
        (text("/Span << /ActualText (nothing is drawn) >> BDC EMC (x) Tj"), 1),
        // What is not ended ends with the content.
        (text("/Span << /ActualText (two words) >> BDC (x) Tj"), 2),
        (text("/Span /P BDC (x) Tj EMC"), 4),
    ] {
        let resources = "/Properties << /P << /ActualText (a text in resources) >> >>";
        let metadata = read(&page(stream("", content.as_bytes()), resources, vec![])).0;
        assert_eq!(metadata.word_count, Some(count), "{content}");
    }
}

#[test]
fn words_are_parted_whatever_the_widths_of_the_font() {
    // Each word at its place, as wide as in Helvetica: `one` is 1.67 em wide, a space 0.28 em.
    let by_word = "BT /W 12 Tf 50 700 Td (one) Tj 23.35 0 Td (one) Tj 23.35 0 Td (one) Tj ET";
    let by_letter = "BT /W 12 Tf 50 700 Td (o) Tj 6.67 0 Td (n) Tj 6.67 0 Td (e) Tj 10 0 Td (o) Tj ET";
    let in_one = "BT /W 12 Tf 50 700 Td (one one one) Tj ET";
    let widths = |width: u32| format!("/FirstChar 32 /LastChar 122 /Widths [{}]", format!("{width} ").repeat(91));
    for (kind, widths) in [
        ("missing", String::new()),
        ("zero", widths(0)),
        ("half", widths(278)),
        ("those of the first letter alone", "/FirstChar 97 /LastChar 97 /Widths [556]".to_owned()),
    ] {
        let font = format!("/W << /Type /Font /Subtype /TrueType /BaseFont /Odd /Encoding /WinAnsiEncoding {widths} >>");
        assert_eq!(words(by_word, &font), Some(3), "{kind}");
        assert_eq!(words(in_one, &font), Some(3), "{kind}");
        if kind != "half" {
            assert_eq!(words(by_letter, &font), Some(2), "{kind}");
        }
    }
    // A font that draws wider than it says: letters of one text are not parted.
    let wide = format!("/W << /Type /Font /Subtype /Type1 /BaseFont /Helvetica {} >>", widths(200));
    assert_eq!(words("BT /W 12 Tf 50 700 Td (mammmm) Tj ET", &wide), Some(1));
    // A gap that is not wide, but wide enough.
    assert_eq!(words("BT /F 12 Tf 50 700 Td [(two) -158 (words)] TJ ET", ""), Some(2));
    assert_eq!(words("BT /F 12 Tf 50 700 Td [(kern) -120 (ed)] TJ ET", ""), Some(1));
}

#[test]
fn pages_behind_references_of_references() {
    let content = stream("", b"BT /F 12 Tf 50 700 Td (two words) Tj ET");
    let font = b"<< /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
    let document = |pages: &str, more: &[&str]| {
        let page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents [4 0 R] /Resources << /Font 5 0 R >> >>";
        let mut objects =
            vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(), pages.into(), page.to_vec(), content.clone(), font.to_vec()];
        objects.extend(more.iter().map(|object| object.as_bytes().to_vec()));
        build(&objects)
    };
    for (pages, more) in [
        ("<< /Type /Pages /Kids [3 0 R] /Count 1 >>", &[][..]),
        ("<< /Type /Pages /Kids 6 0 R /Count 1 >>", &["[3 0 R]"]),
        ("<< /Type 6 0 R /Kids [7 0 R] /Count 8 0 R >>", &["/Pages", "<< /Type 6 0 R /Kids [3 0 R] >>", "1"]),
        ("7 0 R", &["null", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"]),
    ] {
        let (metadata, failure) = read(&document(pages, more));
        assert_eq!((metadata.page_count, metadata.word_count, failure), (Some(1), Some(2), None), "{pages}");
    }
}

#[test]
fn what_the_packet_of_xmp_and_the_catalogue_say() {
    let packet = "<x:xmpmeta><rdf:RDF><rdf:Description xmp:CreateDate='2026-01-02T03:04:05+01:00' xmp:CreatorTool='A tool'>\
        <dc:title><rdf:Alt><rdf:li>XMP title</rdf:li></rdf:Alt></dc:title><dc:language><rdf:Bag><rdf:li>de</rdf:li></rdf:Bag>\
        </dc:language></rdf:Description></rdf:RDF></x:xmpmeta>";
    let metadata = stream("/Type /Metadata /Subtype /XML", packet.as_bytes());
    // The information dictionary has a title, and no tool.
    let both = document("/Metadata 6 0 R /Lang (en-GB)", "", stream("", b""), "", "", vec![metadata.clone()]);
    let (both, failure) = read(&both);
    assert_eq!((both.title.as_deref(), both.creator_tool.as_deref()), (Some("A title"), Some("A tool")));
    assert_eq!((both.language.as_deref(), failure), (Some("en-GB"), None));
    let catalogue = b"<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R >>".to_vec();
    let pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec();
    let only = build(&[catalogue, pages, b"<< /Type /Page /Parent 2 0 R >>".to_vec(), b"<< >>".to_vec(), metadata]);
    let (only, failure) = read(&only);
    assert_eq!((only.title.as_deref(), only.language.as_deref()), (Some("XMP title"), Some("de")));
    assert_eq!((only.date_created.as_deref(), failure), (Some("2026-01-02T02:04:05Z"), None));
}

#[test]
fn dates_as_they_are_written() {
    let dated = |date: &str| {
        let bytes = String::from_utf8(letter("x")).unwrap().replace("(D:20240102030405+01'00')", date);
        read(bytes.as_bytes()).0.date_created
    };
    for (date, expected) in [
        ("(D:20240102030405+01'00')", Some("2024-01-02T02:04:05Z")),
        ("(20240102030405)", Some("2024-01-02T03:04:05")),
        ("(D:2024)", Some("2024")),
        ("(D:191040102030405)", Some("2004-01-02T03:04:05")),
        ("<FEFF0044003A0032003000320034>", Some("2024")),
        ("(D:20249902)", None),
        ("(D:20240231)", None),
        ("(someday)", None),
    ] {
        assert_eq!(dated(date).as_deref(), expected, "{date}");
    }
}

#[test]
fn a_document_without_its_end_is_partial_or_malformed() {
    let whole = page(stream("", b"BT /F 12 Tf 50 700 Td (two words) Tj ET"), "", vec![b"<< /Last true >>".to_vec()]);
    assert_eq!(read(&whole).0.is_partial, None);
    let end = whole.windows(9).position(|window| window == b"startxref").unwrap();
    for len in whole.len() / 3..end {
        let (metadata, failure) = read(&whole[..len]);
        assert!(failure == Some(ErrorCode::Malformed) || metadata.is_partial == Some(true), "{len} of {}", whole.len());
    }
    // What was changed later and is cut, and what says how long it is.
    let changed = [&whole[..], b"7 0 obj\n<< /Title (changed) >>\nendobj\n8 0 obj\n<< /Cut"].concat();
    assert_eq!(read(&changed).0.is_partial, Some(true));
    let first = [b"%PDF-1.7\n9 0 obj\n<< /Linearized 1 /L 9999 /O 3 >>\nendobj\n", &whole[9..]].concat();
    assert_eq!(read(&first).0.is_partial, Some(true));
    // Anything may follow.
    assert_eq!(read(&[&whole[..], &[0; 2000], b"this is no object"].concat()).0.is_partial, None);
}

#[test]
fn an_encrypted_attachment_encrypts_no_text() {
    let encrypted = |filters: &str| {
        let dictionary = format!(
            "<< /Filter /Standard /V 4 /R 4 /Length 128 /P -4 /CF << /StdCF << /AuthEvent /EFOpen /CFM /AESV2 >> >> {filters} \
             /O <{0}> /U <{0}> >>",
            "0".repeat(64)
        );
        let bytes = page(stream("", b"BT /F 12 Tf 50 700 Td (two words) Tj ET"), "", vec![dictionary.into_bytes()]);
        let id = format!("/Encrypt 6 0 R /ID [<{0}> <{0}>] /Info", "0".repeat(32));
        String::from_utf8(bytes).unwrap().replace("/Info", &id)
    };
    let (metadata, failure) = read(encrypted("/StmF /Identity /StrF /Identity /EFF /StdCF").as_bytes());
    assert_eq!((metadata.word_count, metadata.is_encrypted, failure), (Some(2), Some(true), None));
    assert_eq!(metadata.title.as_deref(), Some("A title"));
    let (metadata, failure) = read(encrypted("/StmF /StdCF /StrF /StdCF").as_bytes());
    assert_eq!((metadata.word_count, metadata.is_encrypted, failure), (None, Some(true), Some(ErrorCode::Encrypted)));
}
