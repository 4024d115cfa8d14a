//! Files as people have them.

use handler_contract::{ErrorCode, FileTypes, Limits, Metadata};
use handler_extract::Extractor;

use crate::{code, extractor, pdf, read};

#[tokio::test]
async fn a_text_is_counted_and_hashed() {
    let findings = read(&extractor(Limits::default()), "x.txt", b"two words\nand three more\n").await;
    assert_eq!(findings.failure, None);
    assert_eq!(findings.file_type.as_deref(), Some("text/plain"));
    assert_eq!(findings.file_size, 25);
    // By `sha256sum`.
    assert_eq!(findings.sha256.as_deref(), Some("20204cea28c5a9ea28137eb500455e7363c163d97910a7f77ae6421c360e4ed6"));
    assert_eq!(
        findings.metadata,
        Metadata {
            word_count: Some(5),
            unicode_word_count: Some(5),
            character_count: Some(25),
            line_count: Some(2),
            charset: Some("UTF-8".to_owned()),
            ..Metadata::default()
        }
    );
}

#[tokio::test]
async fn a_pdf_gives_its_words_and_what_it_says_of_itself() {
    let findings = read(&extractor(Limits::default()), "x.pdf", &pdf::letter("Four words are here.")).await;
    assert_eq!(findings.failure, None);
    assert_eq!(
        findings.metadata,
        Metadata {
            word_count: Some(4),
            unicode_word_count: Some(4),
            page_count: Some(1),
            title: Some("A title".to_owned()),
            author: Some("An author".to_owned()),
            date_created: Some("2024-01-02T02:04:05Z".to_owned()),
            format_version: Some("1.7".to_owned()),
            has_text_layer: Some(true),
            has_forms: Some(false),
            has_java_script: Some(false),
            attachment_count: Some(0),
            is_encrypted: Some(false),
            ..Metadata::default()
        }
    );
}

/// A font `V` that writes down a column.
const COLUMN_FONT: &str = "/V << /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UCS2-V /DescendantFonts \
    [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) \
    /Supplement 2 >> >>] >>";

#[tokio::test]
async fn words_come_from_gaps_and_lines_from_steps() {
    let rows = [
        // Kerning within a word, a gap between two.
        ("BT /F 10 Tf 50 700 Td [(He) -50 (llo) -400 (there)] TJ ET", 2),
        ("BT /F 10 Tf 50 700 Td (first) Tj 0 -12 Td (second) Tj ET", 2),
        ("BT /F 10 Tf 300 700 Td (right) Tj -200 0 Td (left) Tj ET", 2),
        // Filled and stroked is written once, and so is stroked.
        ("BT /F 10 Tf 2 Tr 50 700 Td (outlined text) Tj ET", 2),
        ("BT /F 10 Tf 1 Tr 50 700 Td (outlined text) Tj ET", 2),
        // Invisible text is what a scanner's reader has written.
        ("BT /F 10 Tf 3 Tr 50 700 Td (hidden text) Tj ET", 2),
        ("BT /F 10 Tf 1 0 0 -1 50 700 Tm (upside down) Tj ET", 2),
        // Run by run from right to left, as Arabic and Hebrew are drawn: what ends where the last started continues it.
        ("BT /F 10 Tf 100 700 Td (llo) Tj -12.78 0 Td (He) Tj ET", 1),
        ("BT /F 10 Tf 100 700 Td (llo) Tj -18 0 Td (He) Tj ET", 2),
        // Down a column, with steps that only the font knows.
        ("BT /V 10 Tf 50 700 Td [<30423044> 500 <3046>] TJ ET", 1),
        ("BT /V 10 Tf 50 700 Td [<30423044> 2000 <3046>] TJ ET", 2),
        // What was moved, and moved back.
        ("BT /F 10 Tf 50 700 Td (He) Tj ET q 1 0 0 1 12.78 0 cm BT /F 10 Tf 50 700 Td (llo) Tj ET Q", 1),
        ("q 1 0 0 1 12.78 0 cm Q BT /F 10 Tf 50 700 Td (He) Tj ET BT /F 10 Tf 50 700 Td (llo) Tj ET", 2),
        // What restores more than was saved restores nothing: font and place stay.
        ("BT /F 10 Tf 50 700 Td (still there) Tj ET Q Q", 2),
        ("1 0 0 1 50 0 cm BT /F 10 Tf 50 700 Td (He) Tj ET Q BT /F 10 Tf 62.78 700 Td (llo) Tj ET", 1),
        // What is raised and small belongs to the word before it.
        ("BT /F 10 Tf 50 700 Td (word) Tj /F 6 Tf 21.7 4 Td (1) Tj /F 10 Tf 5 -4 Td (and) Tj ET", 2),
        ("BT /F 10 Tf 50 700 Td (word) Tj /F 6 Tf 21.7 8 Td (1) Tj ET", 2),
        // What has no size is nowhere, and all the same a text.
        ("BT /F 0 Tf 50 700 Td (no size) Tj ET", 2),
        ("BT /F 10 Tf 0 0 0 0 50 700 Tm (no size) Tj ET", 2),
        // Outside of the page nothing is seen.
        (
            "BT /F 10 Tf 50 700 Td (seen) Tj 0 -705 Td (below) Tj 0 900 Td (above) Tj -300 -200 Td (left) Tj 900 0 Td (right) Tj ET",
            1,
        ),
        // Brackets too many, as other programs read them.
        ("BT /F 10 Tf 50 700 Td (first) Tj ET ) BT /F 10 Tf 50 600 Td (second) Tj ET", 2),
        // Spacing, narrowing, leading and rise.
        ("BT /F 10 Tf 5 Tc 50 700 Td (ab) Tj ET", 2),
        ("BT /F 10 Tf 5 Tw 50 700 Td (ab) Tj ET", 1),
        ("BT /F 10 Tf 50 Tz 50 700 Td (He) Tj 6.39 0 Td (llo) Tj ET", 1),
        ("BT /F 10 Tf 12 TL 50 700 Td (a) Tj T* (b) Tj (c) ' 1 1 (d) \" 0 -12 TD (e) Tj T* (f) Tj ET", 6),
        ("BT /F 10 Tf 50 700 Td (a) Tj 9 Ts (b) Tj ET", 2),
        // A font that is not there is taken for Helvetica, as long as the text is plain.
        ("BT /None 10 Tf 50 700 Td (plain text) Tj ET", 2),
        ("BT 50 700 Td (plain text) Tj ET", 2),
        ("BT /None 10 Tf 50 700 Td (strange \\344 text) Tj ET", 0),
        ("", 0),
    ];
    let extractor = extractor(Limits::default());
    for (content, words) in rows {
        let pdf = pdf::page_with_fonts(pdf::stream("", content.as_bytes()), COLUMN_FONT);
        let findings = read(&extractor, "x.pdf", &pdf).await;
        assert_eq!((findings.metadata.word_count, findings.failure), (Some(words), None), "{content}");
    }
}

/// Words of a page with a stamp, which says "one" by itself, "two words" within layer 7, and "and three more" in a font
/// that a graphics state has chosen.
async fn stamped(catalogue: &str, annotation: &str, form: &str, layer: &str) -> Option<u64> {
    let resources = "/Font << /F 9 0 R >> /Properties << /L 7 0 R >> /ExtGState << /G << /Font [9 0 R 10] >> >>";
    let form = format!("/Type /XObject /Subtype /Form /BBox [0 0 500 100] /Resources << {resources} >> {form}");
    let content = b"BT /F 10 Tf 0 10 Td (one) Tj ET /OC /L BDC BT /F 10 Tf 0 30 Td (two words) Tj ET EMC \
        /Artifact BMC /G gs BT 0 50 Td (and three more) Tj ET EMC";
    let objects = vec![
        pdf::stream(&form, content),
        layer.as_bytes().to_vec(),
        b"<< /Type /OCG /Name (another layer) >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
    ];
    let page = format!("/Annots [<< /Subtype /Stamp /Rect [100 100 600 200] {annotation} >>]");
    let pdf = pdf::page_with(catalogue, &page, objects);
    let findings = read(&extractor(Limits::default()), "x.pdf", &pdf).await;
    assert_eq!(findings.failure, None);
    findings.metadata.word_count
}

#[tokio::test]
async fn annotations_and_layers_count_as_far_as_they_are_shown() {
    const STAMP: &str = "/AP << /N 6 0 R >>";
    const LAYER: &str = "<< /Type /OCG /Name (layer) >>";
    let off = "/OCProperties << /OCGs [7 0 R 8 0 R] /D << /OFF [7 0 R 8 0 R] >> >>";
    let all_but_one = "/OCProperties << /OCGs [7 0 R 8 0 R] /D << /BaseState /OFF /ON [7 0 R] >> >>";
    let states = "/AP << /N << /On 6 0 R >> >>";
    let rows = [
        ("", STAMP, "", LAYER, 6),
        ("", "/F 2 /AP << /N 6 0 R >>", "", LAYER, 0),
        ("", &format!("{states} /AS /On"), "", LAYER, 6),
        ("", &format!("{states} /AS /Other"), "", LAYER, 0),
        (off, STAMP, "", LAYER, 4),
        (off, STAMP, "/OC 7 0 R", LAYER, 0),
        (all_but_one, STAMP, "", LAYER, 6),
        (all_but_one, STAMP, "/OC 8 0 R", LAYER, 0),
        // A layer that depends on others.
        (off, STAMP, "", "<< /Type /OCMD /OCGs [8 0 R] >>", 4),
        (off, STAMP, "", "<< /Type /OCMD /OCGs 8 0 R /P /AllOn >>", 4),
        (off, STAMP, "", "<< /Type /OCMD /OCGs [8 0 R] /P /AllOff >>", 6),
        (off, STAMP, "", "<< /Type /OCMD /OCGs [8 0 R] /P /AnyOff >>", 6),
        (off, STAMP, "", "<< /Type /OCMD >>", 6),
        (off, STAMP, "/OC << /Type /OCMD /OCGs [8 0 R] >>", LAYER, 0),
    ];
    for (catalogue, annotation, form, layer, words) in rows {
        let row = [catalogue, annotation, form, layer].join(" | ");
        assert_eq!(stamped(catalogue, annotation, form, layer).await, Some(words), "{row}");
    }
}

#[tokio::test]
async fn an_annotation_counts_behind_one_that_is_gone() {
    let form = pdf::stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << /Font << /F 7 0 R >> >>",
        b"BT /F 10 Tf 5 5 Td (two words) Tj ET",
    );
    let font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec();
    let stamp = "<< /Subtype /Stamp /Rect [9 9 99 99] /AP << /N 6 0 R >> >>";
    let pdf = pdf::page_with("", &format!("/Annots [99 0 R null {stamp}]"), vec![form, font]);
    let findings = read(&extractor(Limits::default()), "x.pdf", &pdf).await;
    assert_eq!((findings.metadata.word_count, findings.failure), (Some(2), None));
}

#[tokio::test]
async fn a_form_leaves_state_and_layers_as_they_were() {
    let off = "/OCProperties << /OCGs [7 0 R] /D << /OFF [7 0 R] >> >>";
    let layer = b"<< /Type /OCG /Name (layer) >>";
    // "He" and "llo" are one word where the page's state is what it was.
    let page = b"q 1 0 0 1 50 0 cm q /X Do Q BT /F 10 Tf 50 700 Td (He) Tj ET Q BT /F 10 Tf 112.78 700 Td (llo) Tj ET";
    for body in ["", "Q Q Q", "q q 2 0 0 2 9 9 cm", "EMC EMC", "/OC /L BDC /OC /L BDC"] {
        let form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Properties << /L 7 0 R >> >>";
        let objects = vec![pdf::stream(form, body.as_bytes()), layer.to_vec()];
        let resources = "/XObject << /X 6 0 R >>";
        let pdf = pdf::document(off, "", pdf::stream("", page), "", resources, objects);
        let findings = read(&extractor(Limits::default()), "x.pdf", &pdf).await;
        assert_eq!((findings.metadata.word_count, findings.failure), (Some(1), None), "{body}");
    }
}

#[tokio::test]
async fn a_form_stands_where_its_matrix_puts_it() {
    let content = "BT /F 10 Tf 50 700 Td (He) Tj ET /X Do";
    for (matrix, words) in [("/Matrix [1 0 0 1 12.78 0]", 1), ("/Matrix [1 0 0 1 20 0]", 2)] {
        let form = format!("/Type /XObject /Subtype /Form /BBox [0 0 600 800] {matrix}");
        let form = pdf::stream(&form, b"BT /F 10 Tf 50 700 Td (llo) Tj ET");
        let pdf = pdf::page(pdf::stream("", content.as_bytes()), "/XObject << /X 6 0 R >>", vec![form]);
        let findings = read(&extractor(Limits::default()), "x.pdf", &pdf).await;
        assert_eq!(findings.metadata.word_count, Some(words), "{matrix}");
    }
}

#[tokio::test]
async fn a_file_that_is_refused_is_known_all_the_same() {
    let any = extractor(Limits::default());
    let texts_only =
        Extractor::with_program(env!("CARGO_BIN_EXE_extract"), Limits::default(), FileTypes::new(["text/*"]).unwrap());
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0".as_slice();
    let rows = [
        (&any, "x.txt", b"".as_slice(), "application/x-empty", Some(ErrorCode::EmptyFile)),
        (&any, "x.pdf", png, "image/png", Some(ErrorCode::TypeMismatch)),
        (&texts_only, "x.png", png, "image/png", Some(ErrorCode::TypeNotAllowed)),
        (&any, "x.bin", b"\0\x01\x02\x03", "application/octet-stream", None),
        (&any, "x.docx", b"PK\x03\x04\0\0", "application/zip", Some(ErrorCode::TypeMismatch)),
    ];
    for (extractor, name, bytes, file_type, failure) in rows {
        let findings = read(extractor, name, bytes).await;
        assert_eq!((findings.file_type.as_deref(), code(&findings)), (Some(file_type), failure), "{name}");
        assert_eq!(findings.file_size, bytes.len() as u64);
        assert!(findings.sha256.is_some());
        assert_eq!(findings.metadata, Metadata::default());
    }
}

#[tokio::test]
async fn the_rest_of_a_file_is_hashed_when_the_child_knows_enough() {
    let bytes = vec![0xff; 3 << 20];
    let findings = read(&extractor(Limits::default()), "x.bin", &bytes).await;
    assert_eq!((findings.file_size, findings.failure), (3 << 20, None));
    // By `sha256sum`.
    assert_eq!(findings.sha256.as_deref(), Some("908b6cfc9aef496dd5ab5c5540d80c6383ed6e92f86044574c996315381bc064"));
}

#[tokio::test]
async fn an_encrypted_document_says_so() {
    // A user password that nobody knows: the entries are as long as they must be, and wrong.
    let pdf = String::from_utf8(pdf::letter("secret")).unwrap();
    let hash = "00".repeat(32);
    let encrypted = pdf.replace(
        "/Root 1 0 R",
        &format!(
            "/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{hash}> /U <{hash}> >>"
        ),
    );
    let findings = read(&extractor(Limits::default()), "x.pdf", encrypted.as_bytes()).await;
    assert_eq!(code(&findings), Some(ErrorCode::Encrypted));
    assert_eq!(findings.metadata.is_encrypted, Some(true));
}

/// The catalogue's entries, the page's, and what they refer to from object 6 on.
async fn extras(catalogue: &str, page: &str, further: &[&str]) -> Metadata {
    let further = further.iter().map(|object| object.as_bytes().to_vec()).collect();
    let pdf = pdf::page_with(catalogue, page, further);
    let findings = read(&extractor(Limits::default()), "x.pdf", &pdf).await;
    assert_eq!(findings.failure, None);
    findings.metadata
}

#[tokio::test]
async fn a_pdf_tells_of_its_scripts() {
    let script = "<< /S /JavaScript /JS (app.alert) >>";
    let goto = "<< /S /GoTo /D [3 0 R /Fit] >>";
    for (catalogue, page, further, expected) in [
        ("/OpenAction 6 0 R", "", vec![script], true),
        ("/OpenAction [3 0 R /Fit]", "", vec![], false),
        ("/OpenAction 6 0 R", "", vec!["<< /S /GoTo /D [3 0 R /Fit] /Next 7 0 R >>", script], true),
        ("/OpenAction << /S /GoTo /Next [<< /S /URI >> 6 0 R] >>", "", vec![script], true),
        ("/OpenAction 6 0 R", "", vec!["<< /S /GoTo /Next 6 0 R >>"], false),
        ("/AA << /WC 6 0 R >>", "", vec![script], true),
        ("/Names << /JavaScript << /Names [(a) 6 0 R] >> >>", "", vec![script], true),
        ("/Names << /JavaScript << /Names [] >> >>", "", vec![], false),
        ("", "/AA << /O 6 0 R >>", vec![script], true),
        ("", "/Annots [<< /Subtype /Link /A 6 0 R >>]", vec![script], true),
        ("", "/Annots [<< /Subtype /Link /A 6 0 R >>]", vec![goto], false),
        ("", "/Annots [<< /A << /S /URI >> >> 9 0 R << /AA << /D << /S /JavaScript >> >> >>]", vec![], true),
        (
            "/AcroForm << /Fields [6 0 R] >>",
            "",
            vec!["<< /Kids [6 0 R 7 0 R] >>", "<< /AA << /K 8 0 R >> >>", script],
            true,
        ),
    ] {
        let metadata = extras(catalogue, page, &further).await;
        assert_eq!(metadata.has_java_script, Some(expected), "{catalogue} {page} {further:?}");
    }
}

#[tokio::test]
async fn a_pdf_tells_of_its_form_and_its_attachments() {
    let metadata = extras("/AcroForm << /Fields [6 0 R] >>", "", &["<< /T (name) /FT /Tx >>"]).await;
    assert_eq!((metadata.has_forms, metadata.attachment_count), (Some(true), Some(0)));
    assert_eq!(extras("/AcroForm << /Fields [] >>", "", &[]).await.has_forms, Some(false));

    // A tree that contains itself, and a file that hangs on the page.
    let metadata = extras(
        "/Names << /EmbeddedFiles 6 0 R >>",
        "/Annots [<< /Subtype /FileAttachment /FS << >> >>]",
        &["<< /Kids [6 0 R 7 0 R] >>", "<< /Names [(a) << >> (b) << >>] >>"],
    )
    .await;
    assert_eq!((metadata.has_forms, metadata.attachment_count), (Some(false), Some(3)));
}

#[tokio::test]
async fn a_scan_has_no_text_layer() {
    let findings = read(&extractor(Limits::default()), "x.pdf", &pdf::letter("")).await;
    assert_eq!((findings.metadata.word_count, findings.metadata.has_text_layer), (Some(0), Some(false)));
}

#[tokio::test]
async fn the_first_child_tells_how_well_it_is_locked_in() {
    let extractor = extractor(Limits::default());
    assert_eq!(extractor.sandbox_status(), None);
    read(&extractor, "x.txt", b"text").await;
    let status = extractor.sandbox_status().unwrap();
    assert_eq!(status.system_calls, cfg!(target_os = "linux"), "{status}");
}
