//! Files larger than the temporary storage, through the child: what their two ends say is found, in no more memory and
//! no more storage than any other file takes.

use std::io::{Cursor, Write};

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::{code, extractor, pdf, read};

/// The temporary storage of these tests: the child keeps a third for each end.
const SPOOL: u64 = 3 << 20;
/// What is between the ends.
const MIDDLE: usize = 12 << 20;

async fn read_huge(name: &str, bytes: &[u8]) -> Findings {
    assert!(bytes.len() > MIDDLE);
    let limits = Limits { memory: 32 << 20, spool: SPOOL, ..Limits::default() };
    let findings = read(&extractor(limits), name, bytes).await;
    assert_eq!(findings.file_size, bytes.len() as u64);
    assert!(findings.sha256.is_some());
    findings
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file(*name, options).expect("written to memory");
        writer.write_all(content).expect("written to memory");
    }
    writer.finish().expect("written to memory").into_inner()
}

const MAIN: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";

/// A document whose text is before or after a large picture, or between two.
fn docx(before: usize, after: usize) -> Vec<u8> {
    let (before, after) = (vec![0; before], vec![0; after]);
    let types = format!(r#"<Types><Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>"#);
    let rels = r#"<Relationships><Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let text = r#"<document xmlns="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><body><p><r><t>three small words</t></r></p></body></document>"#;
    zip(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", rels.as_bytes()),
        ("word/media/a.bmp", &before),
        ("word/document.xml", text.as_bytes()),
        ("word/media/b.bmp", &after),
    ])
}

/// A picture whose directory is between `before` and `after`.
fn tiff(before: usize, after: usize) -> Vec<u8> {
    let mut bytes = b"II\x2a\0".to_vec();
    bytes.extend(u32::try_from(8 + before).expect("a small offset").to_le_bytes());
    bytes.resize(8 + before, 0);
    bytes.extend(b"\x02\0\0\x01\x04\0\x01\0\0\0\x40\x01\0\0\x01\x01\x04\0\x01\0\0\0\xf0\0\0\0\0\0\0\0");
    bytes.resize(bytes.len() + after, 0);
    bytes
}

#[tokio::test]
async fn an_archive_and_a_picture_are_described_by_their_ends() {
    let archive = zip(&[("a.txt", b"text"), ("large.bin", &vec![0; MIDDLE]), ("b.txt", b"text")]);
    let findings = read_huge("x.zip", &archive).await;
    assert_eq!((code(&findings), findings.file_type.as_deref()), (None, Some("application/zip")));
    assert_eq!(findings.metadata.entry_count, Some(3));
    assert_eq!(findings.metadata.uncompressed_size, Some(MIDDLE as u64 + 8));
    assert_eq!(findings.metadata.is_partial, None);

    for (before, after) in [(0, MIDDLE), (MIDDLE, 0)] {
        let findings = read_huge("x.tif", &tiff(before, after)).await;
        let size = (findings.metadata.width, findings.metadata.height);
        assert_eq!((code(&findings), size), (None, (Some(320), Some(240))));
    }
}

fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len() + 8).expect("a small box");
    [&len.to_be_bytes()[..], name, content].concat()
}

/// A video of two and a half seconds, whose movie header is after the frames, as cameras write it.
fn mp4(frames: usize) -> Vec<u8> {
    let header = boxed(b"mvhd", &[&[0; 12][..], b"\0\0\x03\xe8\0\0\x09\xc4\0\0\0\0"].concat());
    let kind = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0");
    let track = boxed(b"trak", &boxed(b"mdia", &kind));
    let movie = boxed(b"moov", &[header, track].concat());
    [boxed(b"ftyp", b"isom\0\0\0\0isom"), boxed(b"mdat", &vec![0; frames]), movie].concat()
}

#[tokio::test]
async fn a_video_is_known_by_what_is_after_its_frames() {
    // Within the temporary storage, and beyond it.
    for frames in [100_000, MIDDLE] {
        let videos = FileTypes::new(["video/*"]).expect("a pattern");
        let limits = Limits { memory: 32 << 20, spool: SPOOL, ..Limits::default() };
        let extractor = Extractor::with_program(env!("CARGO_BIN_EXE_extract"), limits, videos);
        let findings = read(&extractor, "x.mp4", &mp4(frames)).await;
        assert_eq!((findings.file_type.as_deref(), code(&findings)), (Some("video/mp4"), None));
        assert_eq!(findings.metadata.duration, Some(2.5));
    }
}

#[tokio::test]
async fn a_document_is_read_if_its_text_stands_at_an_end() {
    for (before, after) in [(MIDDLE, 0), (0, MIDDLE)] {
        let findings = read_huge("x.docx", &docx(before, after)).await;
        assert_eq!((code(&findings), findings.metadata.word_count), (None, Some(3)), "{before} {after}");
    }
}

#[tokio::test]
async fn what_stands_in_the_middle_is_not_there_and_not_called_damage() {
    for (name, bytes) in [("x.docx", docx(MIDDLE / 2, MIDDLE / 2)), ("x.tif", tiff(MIDDLE / 2, MIDDLE / 2))] {
        let findings = read_huge(name, &bytes).await;
        assert_eq!(code(&findings), Some(ErrorCode::SpoolLimit), "{name}");
    }
    // A format of which everything counts.
    let content = pdf::stream("", &[&b"BT ET "[..], &b" ".repeat(MIDDLE)].concat());
    let findings = read_huge("x.pdf", &pdf::page(content, "", Vec::new())).await;
    assert_eq!(code(&findings), Some(ErrorCode::SpoolLimit));
    assert!(findings.failure.expect("it failed").message.ends_with("3 MiB is the most that is set aside for that"));
}
