use handler_contract::Metadata;

use super::container;
use super::samples::compound;
use crate::formats::office::outlook::{count, describe, is_message};

/// Bytes before the properties of a message.
const HEADER: usize = 32;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn properties(rows: &[(u32, u64)]) -> Vec<u8> {
    let entries = rows
        .iter()
        .flat_map(|(tag, value)| [&tag.to_le_bytes()[..], &6_u32.to_le_bytes(), &value.to_le_bytes()].concat());
    [vec![0; HEADER], entries.collect()].concat()
}

fn message(streams: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let streams: Vec<_> = streams.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    compound(&streams)
}

fn facts(bytes: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let file = describe(container(bytes), &mut metadata).unwrap();
    assert!(is_message(&file));
    count(&file, &mut metadata).unwrap();
    metadata
}

#[test]
fn a_message_says_who_wrote_to_whom() {
    // 2026-11-26T09:00:00Z in ticks since 1601.
    let sent = (1_795_683_600_u64 + 11_644_473_600) * 10_000_000;
    let bytes = message(&[
        ("__nameid_version1.0", vec![]),
        ("__properties_version1.0", properties(&[(0x0039_0040, sent), (0x3ffd_0003, 1252)])),
        ("__substg1.0_0037001F", utf16("Hello there")),
        ("__substg1.0_0C1F001E", b"/O=EXAMPLE/CN=ANN".to_vec()),
        ("__substg1.0_5D01001F", utf16("ann@example.org")),
        ("__substg1.0_1035001F", utf16("<1@example.org>")),
        ("__substg1.0_1000001F", utf16("three words here")),
        ("__recip_version1.0_#00000000", vec![]),
        ("__recip_version1.0_#00000000/__substg1.0_3003001F", utf16("/O=EXAMPLE/CN=BOB")),
        ("__recip_version1.0_#00000000/__substg1.0_39FE001F", utf16("bob@example.org")),
        ("__recip_version1.0_#00000001", vec![]),
        ("__recip_version1.0_#00000001/__substg1.0_3001001E", b"Zo\xeb".to_vec()),
        ("__attach_version1.0_#00000000", vec![]),
        ("__attach_version1.0_#00000000/__substg1.0_3707001F", utf16("report.pdf")),
        ("__attach_version1.0_#00000001", vec![]),
        ("__attach_version1.0_#00000001/__substg1.0_3704001E", b"SHORT~1.TXT".to_vec()),
    ]);
    let metadata = facts(&bytes);
    assert_eq!(metadata.subject.as_deref(), Some("Hello there"));
    assert_eq!(metadata.sender.as_deref(), Some("ann@example.org"));
    assert_eq!(metadata.date_created.as_deref(), Some("2026-11-26T09:00:00.000Z"));
    assert_eq!(metadata.identifier.as_deref(), Some("1@example.org"));
    assert_eq!(metadata.recipients, Some(vec!["bob@example.org".to_owned(), "Zoë".to_owned()]));
    assert_eq!(metadata.attachment_count, Some(2));
    assert_eq!(metadata.attachment_names, Some(vec!["report.pdf".to_owned(), "SHORT~1.TXT".to_owned()]));
    assert_eq!((metadata.word_count, metadata.is_encrypted), (Some(3), None));
}

#[test]
fn what_is_missing_is_left_out() {
    let class = ("__substg1.0_001A001F", utf16("IPM.Note.SMIME"));
    let metadata = facts(&message(&[("__properties_version1.0", properties(&[])), class]));
    assert_eq!((metadata.sender, metadata.recipients, metadata.date_created), (None, None, None));
    assert_eq!((metadata.attachment_count, metadata.word_count), (Some(0), None));
    assert_eq!(metadata.is_encrypted, Some(true));
}
