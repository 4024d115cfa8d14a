//! The text of documents and slides of the binary formats.

use super::samples::compound;
use super::{ErrorCode, Metadata, read_binary};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A document of Word 97: each piece is a text and whether it has two bytes a character. `lengths` are those of the
/// running text, footnotes, headers, comments, endnotes and text boxes.
fn document(pieces: &[(&str, bool)], lengths: [u32; 6]) -> Vec<u8> {
    let mut stream = vec![0_u8; 1024];
    let (mut positions, mut places) = (vec![0_u32], Vec::new());
    for (text, is_wide) in pieces {
        let at = u32::try_from(stream.len()).unwrap();
        let place = if *is_wide { at } else { (at * 2) | 0x4000_0000 };
        places.extend([&[0, 0][..], &place.to_le_bytes(), &[0, 0]].concat());
        let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(text);
        stream.extend(if *is_wide { wide(text) } else { bytes.into_owned() });
        positions.push(positions.last().unwrap() + u32::try_from(text.encode_utf16().count()).unwrap());
    }
    let list = [words(&positions), places].concat();
    // Properties come first, and are passed over.
    let table = [&b"\x01\x03\0abc\x02"[..], &u32::try_from(list.len()).unwrap().to_le_bytes(), &list].concat();
    stream[..4].copy_from_slice(&[0xec, 0xa5, 0xc1, 0]);
    stream[10..12].copy_from_slice(&0x0200_u16.to_le_bytes());
    let [running, notes, headers, comments, ends, boxes] = lengths;
    stream[76..104].copy_from_slice(&words(&[running, notes, headers, 0, comments, ends, boxes]));
    stream[418..426].copy_from_slice(&words(&[0, u32::try_from(table.len()).unwrap()]));
    compound(&[("WordDocument", &stream), ("1Table", &table)])
}

fn counted(file: &[u8]) -> (Option<u64>, Option<bool>, Option<ErrorCode>) {
    let (Metadata { word_count, is_partial, .. }, failure) = read_binary(file);
    (word_count, is_partial, failure)
}

#[test]
fn words_of_a_doc_are_those_of_its_running_text() {
    let one = |text: &str| document(&[(text, false)], [u32::try_from(text.chars().count()).unwrap(), 0, 0, 0, 0, 0]);
    for (kind, file, count) in [
        ("one piece", one("one two\rthree"), 3),
        ("two bytes a character", document(&[("größer Привет\r", true)], [14, 0, 0, 0, 0, 0]), 2),
        ("a word in two pieces", document(&[("one tw", false), ("o три\r", true)], [12, 0, 0, 0, 0, 0]), 3),
        ("cells and breaks", one("a\u{7}b\u{7}\u{7}c\u{b}d\u{c}e\tf"), 6),
        ("hyphens", one("well\u{1e}known exam\u{1f}ple"), 2),
        ("a field", one("page \u{13} PAGE \\* MERGEFORMAT \u{14}12\u{15} of"), 3),
        ("a field in instructions", one("\u{13} IF \u{13} X \u{14}no\u{15} \u{14}yes\u{15}"), 1),
        ("a field without a result", one("a \u{13} XE entry \u{15}b"), 2),
        // The running text, a note, a header, and a text box.
        ("text boxes", document(&[("text note head box one", false)], [5, 5, 5, 0, 0, 7]), 3),
        ("nothing", one(""), 0),
    ] {
        assert_eq!(counted(&file), (Some(count), None, None), "{kind}");
    }
    // A letter, and an ideograph of two units, a word of its own, at each place around the end of a chunk that is decoded.
    for blanks in 2040..2050 {
        let text = format!("{}a\u{20000}\r", " ".repeat(blanks));
        let units = u32::try_from(text.encode_utf16().count()).unwrap();
        let (metadata, failure) = read_binary(&document(&[(&text, true)], [units, 0, 0, 0, 0, 0]));
        assert_eq!((metadata.unicode_word_count, failure), (Some(2), None), "{blanks}");
    }
    // Before Word 97.
    let mut old = vec![0_u8; 128];
    old[..4].copy_from_slice(&[0xdc, 0xa5, 0x68, 0]);
    old[24..28].copy_from_slice(&128_u32.to_le_bytes());
    old[52..56].copy_from_slice(&13_u32.to_le_bytes());
    old.extend(b"one two\rthreerubbish");
    assert_eq!(counted(&compound(&[("WordDocument", &old)])).0, Some(3));
}

#[test]
fn documents_whose_text_is_cut_or_lies_are_partial() {
    // More characters than the pieces have, which is no more than a wrong number.
    assert_eq!(counted(&document(&[("one two", false)], [700, 0, 0, 0, 0, 0])), (Some(2), None, None));
    let file = document(&[("one two three", false)], [13, 0, 0, 0, 0, 0]);
    let at = file.windows(13).position(|window| window == b"one two three").unwrap();
    // A piece that is outside of the stream, and one that the same bytes serve a million times.
    let mut outside = file.clone();
    let list = outside.windows(4).rposition(|window| window == ((1024_u32 * 2) | 0x4000_0000).to_le_bytes()).unwrap();
    outside[list..list + 4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    assert_eq!(counted(&outside), (Some(0), Some(true), None));
    let many = document(&[("x ", false); 1], [u32::MAX, 0, 0, 0, 0, 0]);
    assert_eq!(counted(&many).2, None);
    for len in (0..file.len()).step_by(7) {
        counted(&file[..len]);
    }
    for index in [0_usize, 2, 76, 420] {
        let mut mangled = file.clone();
        mangled[at - 1024 + index] ^= 0xff;
        counted(&mangled);
    }
}

fn record(kind: u16, instance: u16, content: &[u8]) -> Vec<u8> {
    let is_container = matches!(kind, 0x03e8 | 0x03ee | 0x03f0 | 0x0ff0 | 0xf00d);
    let head = instance << 4 | if is_container { 15 } else { 0 };
    let length = u32::try_from(content.len()).unwrap();
    [&head.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
}

/// A presentation of two slides, saved once and then changed: the second slide has a new version.
fn presentation() -> Vec<u8> {
    let text = |text: &str| record(0x0fa0, 0, &wide(text));
    let shape = |content: &[u8]| record(0xf00d, 0, content);
    let place = |part: u32| record(0x03f3, 0, &words(&[part, 0, 0, 0, 0]));
    let list = [place(2), record(0x0fa8, 0, b"A title\rtwo"), place(3)].concat();
    let notes = record(0x0ff0, 2, &[place(4), text("notes are not counted")].concat());
    let document = record(0x03e8, 0, &[record(0x0ff0, 0, &list), notes].concat());
    let slides = [
        record(0x03ee, 0, &shape(&text("in a shape"))),
        record(0x03ee, 0, &shape(&text("an old version"))),
        record(0x03f0, 0, &shape(&text("a note"))),
        record(0x03ee, 0, &shape(&shape(&text("new")))),
    ];
    let mut stream = Vec::new();
    let mut add = |record: &[u8]| {
        let at = u32::try_from(stream.len()).unwrap();
        stream.extend(record);
        at
    };
    let document = add(&document);
    let [first, old, note] = [add(&slides[0]), add(&slides[1]), add(&slides[2])];
    let directory = add(&record(0x1772, 0, &words(&[1 | 4 << 20, document, first, old, note])));
    let saved = add(&record(0x0ff5, 0, &words(&[0, 0, 0, directory, 1, 0, 0])));
    let new = add(&slides[3]);
    let directory = add(&record(0x1772, 0, &words(&[3 | 1 << 20, new])));
    let newest_edit = add(&record(0x0ff5, 0, &words(&[0, 0, saved, directory, 1, 0, 0])));
    let user = [words(&[0, 0, 0, 0xe391_c05f]), newest_edit.to_le_bytes().to_vec()].concat();
    compound(&[("PowerPoint Document", &stream), ("Current User", &user)])
}

#[test]
fn words_of_a_ppt_are_those_on_its_slides() {
    let file = presentation();
    let (metadata, failure) = read_binary(&file);
    assert_eq!((metadata.slide_count, metadata.word_count), (Some(2), Some(7)));
    assert_eq!((metadata.is_partial, failure), (None, None));
    for len in (0..file.len()).step_by(5) {
        read_binary(&file[..len]);
    }
    for at in 0..file.len() {
        let mut mangled = file.clone();
        mangled[at] ^= 0xff;
        read_binary(&mangled);
    }
    let (metadata, failure) = read_binary(&compound(&[("PP40", b"the text of PowerPoint 95")]));
    assert_eq!((metadata, failure), (Metadata::default(), None));
}
