//! Damaged and hostile documents.

use handler_contract::ErrorCode;

use super::samples::*;
use super::{
    READERS, Read, compound_type, package_type, read_binary, read_epub, read_open_document, read_open_xml, read_rtf,
};

#[test]
fn damage_is_malformed_at_the_root_and_partial_behind_it() {
    let document =
        |content: &str| zip_text(&[("word/document.xml", content), ("docProps/core.xml", "<c><title>T</title></c>")]);
    let whole = "<document><body><p><r><t>one two</t></r></p></body></document>";
    for (content, words) in
        [(&whole[..45], 2), ("<document><body><p><r><t>one</t></x>", 1), ("<document><body></p>", 0)]
    {
        let (metadata, failure) = read_open_xml(&document(content));
        assert_eq!((metadata.word_count, metadata.is_partial, failure), (Some(words), Some(true), None), "{content}");
    }
    for content in ["", "no markup at all", "<other/>", "<"] {
        let (metadata, failure) = read_open_xml(&document(content));
        assert_eq!((metadata.title.as_deref(), failure), (Some("T"), Some(ErrorCode::Malformed)), "{content}");
    }
    assert_eq!(read_open_xml(&zip_text(&[("a", "b")])).1, Some(ErrorCode::Malformed));
    assert_eq!(read_open_document(&zip_text(&[("a", "b")])).1, Some(ErrorCode::Malformed));
    assert_eq!(read_epub(&zip_text(&[("META-INF/container.xml", CONTAINER)])).1, Some(ErrorCode::Malformed));
    assert_eq!(read_rtf(b"{\\rt").1, Some(ErrorCode::Malformed));
    for read in READERS {
        assert_eq!(read(b"").1, Some(ErrorCode::Malformed));
        assert_eq!(read(&[b'P'; 100]).1, Some(ErrorCode::Malformed));
    }

    // A part whose bytes are not those that were packed.
    let mut file = stored("word/document.xml", whole);
    assert_eq!(read_open_xml(&file).0.is_partial, None);
    let at = file.windows(3).position(|w| w == b"two").unwrap();
    file[at] = b'x';
    assert_eq!(read_open_xml(&file).0.is_partial, Some(true));
}

#[test]
fn encrypted_zips_are_named() {
    let mut file = docx("");
    let at = file.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    file[at + 8] |= 1;
    let (metadata, failure) = read_open_xml(&file);
    assert_eq!((metadata.is_encrypted, failure), (Some(true), Some(ErrorCode::Encrypted)));
}

#[test]
fn bombs_are_named_before_they_go_off() {
    let repeated = docx(&"<w:p/>".repeat(1 << 20));
    assert_eq!(read_open_xml(&repeated).1, None, "repetition alone is no bomb");
    let filler = format!("<a>{}</a>", " ".repeat(1 << 20)).repeat(66);
    let mut bomb = docx(&filler);
    assert_eq!(read_open_xml(&bomb).1, Some(ErrorCode::DecompressionBomb));
    let body = format!("<office:text>{filler}</office:text>");
    assert_eq!(read_open_document(&odf(&body)).1, Some(ErrorCode::DecompressionBomb));
    // The same, but its directory claims that it is small.
    let at = bomb.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bomb[at + 24..at + 28].copy_from_slice(&100_u32.to_le_bytes());
    assert_eq!(read_open_xml(&bomb).1, Some(ErrorCode::DecompressionBomb));

    // What is no bomb, but cannot be held.
    let long = "x".repeat(9 << 20);
    assert_eq!(read_open_xml(&stored("word/document.xml", &format!("<a {long}/>"))).1, Some(ErrorCode::MemoryLimit));
    assert_eq!(read_open_document(&stored("content.xml", &format!("<a>{long}</a>"))).1, Some(ErrorCode::MemoryLimit));

    let laughs = r#"<!DOCTYPE x [<!ENTITY a "ha ha ha"><!ENTITY b "&a;&a;&a;">]><document><body><p><r><t>&b; &b;</t></r></p></body></document>"#;
    assert_eq!(read_open_xml(&zip_text(&[("word/document.xml", laughs)])).0.word_count, Some(2));
}

#[test]
fn nesting_costs_no_stack() {
    let deep = "<a>".repeat(1_000_000);
    assert_eq!(
        read_open_xml(&stored("word/document.xml", &format!("<document>{deep}"))).1,
        Some(ErrorCode::StackLimit)
    );
    assert_eq!(read_open_document(&stored("content.xml", &deep)).1, Some(ErrorCode::StackLimit));
    // In books people leave tags open, as in HTML.
    let (metadata, failure) = read_epub(&book(&"<br>".repeat(100_000), &[]));
    assert_eq!((metadata.is_partial, failure), (Some(true), None));
    assert_eq!(read_rtf(&[b"{\\rtf1", &b"{".repeat(1_000_000)[..]].concat()).1, Some(ErrorCode::StackLimit));
}

#[test]
fn chains_that_bite_their_tail_come_to_an_end() {
    let good = doc(0, 5000);
    // Every sector of 512 bytes in turn becomes a table in which each sector follows itself, or the first one.
    for sector in (512..good.len()).step_by(512) {
        for all_zero in [true, false] {
            let mut file = good.clone();
            for (i, entry) in file[sector..].chunks_exact_mut(4).take(128).enumerate() {
                let next = if all_zero { 0 } else { u32::try_from(i).unwrap() };
                entry.copy_from_slice(&next.to_le_bytes());
            }
            let _ = read_binary(&file);
        }
    }
}

#[test]
fn files_that_are_cut_off_anywhere_end_in_an_outcome() {
    let rtf = b"{\\rtf1\\ansi{\\info{\\title T}}\\u233?\\'e9 {\\pict\\bin3 }}}}x\\par}".to_vec();
    let slides = pptx(&["a"], &[("a", "<p:txBody><a:p><a:r><a:t>x</a:t></a:r></a:p></p:txBody>")]);
    // Compound files are long, since their sectors are.
    let rows: [(Read, Vec<u8>, usize); 6] = [
        (read_open_xml, docx("<w:p/>"), 1),
        (read_open_xml, slides, 1),
        (read_open_document, odf("<office:text/>"), 1),
        (read_epub, book("<p>x</p>", &[]), 1),
        (read_binary, doc(0, 100), 13),
        (read_rtf, rtf, 1),
    ];
    for (read, good, step) in rows {
        let (whole, failure) = read(&good);
        assert_eq!((whole.is_partial, failure), (None, None));
        for length in (0..good.len()).step_by(step) {
            let (metadata, failure) = read(&good[..length]);
            // The last sectors of a compound file hold nothing.
            let is_known =
                failure == Some(ErrorCode::Malformed) || metadata.is_partial == Some(true) || metadata == whole;
            assert!(is_known, "{length} of {}: {metadata:?} {failure:?}", good.len());
            let _ = (compound_type(&good[..length]), package_type(&good[..length]));
        }
    }
}
