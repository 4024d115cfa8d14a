//! Files made to break what reads them. Each ends in a named outcome, and the next file is read as if nothing were.

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Limits};

use crate::{code, deflate, extractor, pdf, read};

/// Reads a hostile file and then a good one.
async fn attack(name: &str, bytes: &[u8], limits: Limits) -> Findings {
    let extractor = extractor(limits);
    let findings = Box::pin(read(&extractor, name, bytes)).await;
    assert_eq!(findings.file_size, bytes.len() as u64);
    assert!(findings.sha256.is_some());
    let good = Box::pin(read(&extractor, "good.pdf", &pdf::letter("Still here."))).await;
    assert_eq!((good.metadata.word_count, good.failure), (Some(2), None));
    findings
}

#[tokio::test]
async fn a_stream_that_inflates_to_gigabytes() {
    // Packing one byte repeats after 13, so that what is packed can be packed again: three gigabytes in 140 KB.
    let once = deflate::deflated(b" ", 1, 3 << 30);
    assert_eq!(once[3..16], once[16..29]);
    let twice = deflate::deflated(&once[..16], 13, once.len() as u64);
    let pdf = pdf::page(pdf::stream("/Filter [/FlateDecode /FlateDecode]", &twice), "", Vec::new());
    assert!(pdf.len() < 150_000);
    let findings = attack("x.pdf", &pdf, Limits::default()).await;
    assert_eq!(code(&findings), Some(ErrorCode::MemoryLimit));
    assert_eq!(findings.metadata.page_count, Some(1), "what was known before is kept");
}

#[tokio::test]
async fn a_character_map_of_four_billion() {
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00000000> <ffffffff> \
               endcodespacerange 1 beginbfrange <00000000> <ffffffff> <0041> endbfrange endcmap end end";
    let font = "/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R \
                /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) \
                /Ordering (Identity) /Supplement 0 >> >>] >> >>";
    let content = pdf::stream("", b"BT /F 12 Tf 50 700 Td <00410042> Tj ET");
    let pdf = pdf::page(content, font, vec![pdf::stream("", map.as_bytes())]);
    let findings = attack("x.pdf", &pdf, Limits::default()).await;
    assert_eq!(code(&findings), None);
}

/// Form number `number`, which draws form number `inner` as often as `body` says.
fn form(inner: usize, body: &[u8]) -> Vec<u8> {
    let resources = format!("/Resources << /XObject << /X {inner} 0 R >> >>");
    pdf::stream(&format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] {resources}"), body)
}

#[tokio::test]
async fn a_form_that_contains_itself() {
    let text = "BT /F 12 Tf 50 700 Td (word) Tj ET";
    for body in [format!("{text} /X Do"), format!("{text} /X Do /X Do")] {
        let pdf = pdf::page(pdf::stream("", b"/X Do"), "/XObject << /X 6 0 R >>", vec![form(6, body.as_bytes())]);
        let findings = attack("x.pdf", &pdf, Limits::default()).await;
        // The parser does not enter a form that it is in.
        assert_eq!((code(&findings), findings.metadata.word_count), (None, Some(1)));
    }
    // Also when the form takes its resources from the page.
    let body = format!("{text} /X Do /X Do");
    let form = pdf::stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", body.as_bytes());
    let pdf = pdf::page(pdf::stream("", b"/X Do"), "/XObject << /X 6 0 R >>", vec![form]);
    let findings = attack("x.pdf", &pdf, Limits::default()).await;
    assert_eq!((code(&findings), findings.metadata.word_count), (None, Some(1)));
}

#[tokio::test]
async fn forms_that_each_draw_the_next_one_twice() {
    let forms = (7..47).map(|inner| form(inner, b"/X Do /X Do")).collect();
    let pdf = pdf::page(pdf::stream("", b"/X Do"), "/XObject << /X 6 0 R >>", forms);
    let findings = attack("x.pdf", &pdf, Limits { cpu_seconds: 1, ..Limits::default() }).await;
    assert_eq!(code(&findings), Some(ErrorCode::CpuLimit));
}

#[tokio::test]
async fn arrays_nested_a_million_deep() {
    let deep = "[".repeat(1_000_000);
    let in_content = pdf::page(pdf::stream("", deep.as_bytes()), "", Vec::new());
    let in_resources = pdf::page(pdf::stream("", b"/X Do"), &format!("/XObject {deep}"), Vec::new());
    let in_kids = String::from_utf8(pdf::letter("x")).unwrap().replace("[3 0 R]", &deep);
    for (pdf, expected) in
        [(in_content, None), (in_resources, Some(ErrorCode::Malformed)), (in_kids.into_bytes(), None)]
    {
        let findings = attack("x.pdf", &pdf, Limits::default()).await;
        assert_eq!(code(&findings), expected);
    }
}

#[tokio::test]
async fn a_document_cut_anywhere_is_read_or_malformed() {
    let whole = pdf::letter("Four words are here.");
    let extractor = extractor(Limits::default());
    for end in (9..whole.len()).step_by(37) {
        let findings = read(&extractor, "x.pdf", &whole[..end]).await;
        assert!(matches!(code(&findings), None | Some(ErrorCode::Malformed)), "cut at {end}: {:?}", findings.failure);
    }
}

#[tokio::test]
async fn input_without_end_hits_the_spool_limit() {
    let limits = Limits { spool: 1 << 20, ..Limits::default() };
    let mut endless = b"%PDF-1.7\n".to_vec();
    endless.resize(16 << 20, b'%');
    let findings = attack("x.pdf", &endless, limits).await;
    assert_eq!(code(&findings), Some(ErrorCode::SpoolLimit));
    assert_eq!(findings.file_type.as_deref(), Some("application/pdf"));
}

#[tokio::test]
async fn text_of_any_size_needs_no_memory_and_no_spool() {
    let limits = Limits { memory: 4 << 20, spool: 4 << 10, cpu_seconds: 60, ..Limits::default() };
    let mut session = extractor(limits).start("x.txt", None).await.unwrap();
    let chunk = "word ".repeat(13_107);
    for _ in 0..128 {
        session.feed(chunk.as_bytes()).await.unwrap();
    }
    let findings = session.finish().await.unwrap();
    assert_eq!((findings.metadata.word_count, findings.failure), (Some(128 * 13_107), None));
}

#[tokio::test]
async fn one_line_and_one_word_without_end() {
    for piece in ["a", "é", "a\u{301}", "今", "\u{301}"] {
        let text = piece.repeat((2 << 20) / piece.len());
        let limits = Limits { memory: 4 << 20, cpu_seconds: 60, ..Limits::default() };
        let findings = read(&extractor(limits), "x.txt", text.as_bytes()).await;
        assert_eq!((findings.metadata.word_count, findings.metadata.line_count), (Some(1), Some(1)), "{piece}");
    }
}
