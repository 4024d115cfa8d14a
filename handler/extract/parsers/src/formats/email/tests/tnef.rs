//! What Outlook packs into `winmail.dat`.

use std::sync::Arc;

use handler_contract::Metadata;
use memmap2::MmapMut;

use super::super::read_tnef;
use crate::report::Report;

/// 2026-11-26T09:00:00Z in tenths of a microsecond since 1601.
const TICKS: u64 = (1_795_683_600 + 11_644_473_600) * 10_000_000;

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn assert_is_letter(metadata: &Metadata) {
    assert_eq!((metadata.sender.as_deref(), metadata.author.as_deref()), (Some("ann@example.org"), Some("Ann Lee")));
    assert_eq!((metadata.subject.as_deref(), metadata.word_count), (Some("Grüße"), Some(3)));
    assert_eq!(metadata.recipients.as_deref().unwrap(), ["bob@example.org", "cem@example.org", "A list"]);
    assert_eq!(metadata.date_created.as_deref(), Some("2026-11-26T09:00:00.000Z"));
    assert_eq!(metadata.identifier.as_deref(), Some("1@example.org"));
    assert_eq!(metadata.attachment_count, Some(2));
    assert_eq!(metadata.attachment_names.as_deref().unwrap(), ["Report 2026.pdf", "a.txt"]);
}

fn attribute(id: u32, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap();
    [&[1][..], &id.to_le_bytes(), &len.to_le_bytes(), content, &[0, 0]].concat()
}

fn padded(value: &[u8]) -> Vec<u8> {
    let mut padded = value.to_vec();
    padded.resize(value.len().next_multiple_of(4), 0);
    [&[1, 0, 0, 0][..], &u32::try_from(value.len()).unwrap().to_le_bytes(), &padded].concat()
}

fn text_property(number: u16, text: &str) -> Vec<u8> {
    [&[0x1f, 0][..], &number.to_le_bytes(), &padded(&wide(text))].concat()
}

fn list(properties: &[Vec<u8>]) -> Vec<u8> {
    [&u32::try_from(properties.len()).unwrap().to_le_bytes()[..], &properties.concat()].concat()
}

fn packed() -> Vec<u8> {
    let time = [&[0x40, 0, 0x39, 0][..], &TICKS.to_le_bytes()].concat();
    // A property with a name in place of a number, one with two values, and one of four bytes.
    let named = [&[0x1f, 0, 0, 0x80][..], &[7; 16], &[1, 0, 0, 0, 6, 0, 0, 0], &[0; 8], &padded(&wide("x"))].concat();
    let many = [&[0x1f, 0x10, 0, 0x66, 2, 0, 0, 0][..], &[2, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]].concat();
    let short = vec![3, 0, 0x17, 0, 1, 0, 0, 0];
    let own = [
        named,
        many,
        short,
        text_property(0x0037, "Grüße"),
        text_property(0x5d01, "ann@example.org"),
        text_property(0x1035, "<1@example.org>"),
        text_property(0x1000, "Three words here"),
        time,
    ];
    let rows = [
        list(&[text_property(0x3001, "Bob"), text_property(0x39fe, "bob@example.org")]),
        list(&[text_property(0x3003, "cem@example.org")]),
        list(&[text_property(0x3001, "A list")]),
    ];
    let rows = [&3_u32.to_le_bytes()[..], &rows.concat()].concat();
    [
        b"\x78\x9f\x3e\x22\x01\0".to_vec(),
        attribute(0x0000_8000, b"\x04\0\0\0\x08\0\x14\0Ann Lee\0SMTP:old@example.org"),
        attribute(0x0006_9003, &list(&own)),
        attribute(0x0006_9004, &rows),
        attribute(0x0006_9002, &[0; 14]),
        attribute(0x0001_8010, b"REPORT~1.PDF\0"),
        attribute(0x0006_9005, &list(&[text_property(0x3707, "Report 2026.pdf")])),
        attribute(0x0006_9002, &[0; 14]),
        attribute(0x0001_8010, b"a.txt\0"),
    ]
    .concat()
}

fn read_packed(bytes: &[u8]) -> Metadata {
    let mut map = MmapMut::map_anon(bytes.len().max(1)).unwrap();
    map[..bytes.len()].copy_from_slice(bytes);
    let mut report = Report::discarding();
    read_tnef(&Arc::new(map.make_read_only().unwrap()), &mut report).unwrap();
    report.metadata
}

#[test]
fn attachments_that_outlook_packs_into_one() {
    let bytes = packed();
    let metadata = read_packed(&bytes);
    assert_eq!(metadata.is_partial, None);
    assert_is_letter(&metadata);
    // What is written in attributes alone, with a date that is local.
    let old = [
        b"\x78\x9f\x3e\x22\x01\0".to_vec(),
        attribute(0x0001_8004, b"A subject\0"),
        attribute(0x0003_8005, &[0xea, 7, 11, 0, 26, 0, 10, 0, 0, 0, 0, 0, 4, 0]),
        attribute(0x0002_800c, b"two words"),
    ]
    .concat();
    let metadata = read_packed(&old);
    assert_eq!((metadata.subject.as_deref(), metadata.word_count), (Some("A subject"), Some(2)));
    assert_eq!((metadata.date_created.as_deref(), metadata.is_partial), (Some("2026-11-26T10:00:00"), None));
    for len in 7..bytes.len() {
        let cut = read_packed(&bytes[..len]);
        assert!(cut.is_partial == Some(true) || cut != read_packed(&bytes), "{len}");
        let mut mangled = bytes.clone();
        mangled[len] ^= 0xff;
        read_packed(&mangled);
    }
}
