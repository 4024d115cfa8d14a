use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use handler_contract::{ErrorCode, Failure, Metadata};

use crate::formats::container::Container;
use crate::input::View;

use super::stream::StreamReader;
use super::{gzip, rar, seven_zip, tar, xz, zip, zstd};

type Outcome = (Metadata, Option<ErrorCode>);

fn described(describe: fn(View, &mut Metadata) -> Result<(), Failure>, bytes: &[u8]) -> Outcome {
    let mut metadata = Metadata::default();
    let failure = describe(View::big_endian(bytes), &mut metadata).err();
    (metadata, failure.map(|failure| failure.code))
}

fn zip_archive(file: View, metadata: &mut Metadata) -> Result<(), Failure> {
    zip::describe(Container::unopened(file), metadata)
}

fn streamed(mut reader: impl StreamReader, bytes: &[u8], size: usize) -> Outcome {
    let mut metadata = Metadata::default();
    bytes.chunks(size).for_each(|piece| reader.feed(piece));
    let failure = reader.finish(&mut metadata).err();
    (metadata, failure.map(|failure| failure.code))
}

fn counts(outcome: &Outcome) -> (Option<u64>, Option<u64>) {
    (outcome.0.entry_count, outcome.0.uncompressed_size)
}

/// One entry of a zip file, as its directory and its local header have it.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    flags: u16,
    data: Vec<u8>,
    declared: u32,
    declared_locally: u32,
}

fn entry(name: &'static str, data: &[u8], declared: u32) -> Entry {
    Entry { name, flags: 0, data: data.to_vec(), declared, declared_locally: declared }
}

fn zip_file(entries: &[Entry], prefix: &[u8]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = u32::try_from(file.len()).unwrap();
        let sizes = |declared: u32| {
            let common = [&entry.flags.to_le_bytes()[..], &[8, 0, 0, 0, 0, 0], &[0; 4]].concat();
            let packed = u32::try_from(entry.data.len()).unwrap().to_le_bytes();
            let name = u16::try_from(entry.name.len()).unwrap().to_le_bytes();
            [&common[..], &packed, &declared.to_le_bytes(), &name, &[0, 0]].concat()
        };
        file.extend(
            [b"PK\x03\x04\x14\0", &sizes(entry.declared_locally)[..], entry.name.as_bytes(), &entry.data].concat(),
        );
        directory.extend([b"PK\x01\x02\x14\0\x14\0", &sizes(entry.declared)[..], &[0; 10]].concat());
        directory.extend([&at.to_le_bytes()[..], entry.name.as_bytes()].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (len, at) = (u32::try_from(directory.len()).unwrap(), u32::try_from(file.len()).unwrap());
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &len.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat();
    [prefix, &file, &directory, &end].concat()
}

#[test]
fn zip_entries_and_sizes() {
    let entries = [entry("a", b"xx", 4), entry("folder/", b"", 0), entry("folder/b", b"yyy", 9)];
    for prefix in [&b""[..], b"#!/bin/sh\nexec\n"] {
        let (metadata, failure) = described(zip_archive, &zip_file(&entries, prefix));
        assert_eq!((metadata.entry_count, metadata.uncompressed_size), (Some(2), Some(13)));
        assert_eq!((metadata.is_encrypted, metadata.is_partial, failure), (Some(false), None, None));
    }
    assert_eq!(counts(&described(zip_archive, &zip_file(&[], b""))), (Some(0), Some(0)));

    let mut locked = entries.clone();
    locked[2].flags = 1;
    assert_eq!(described(zip_archive, &zip_file(&locked, b"")).0.is_encrypted, Some(true));
}

#[test]
fn zip_bombs_by_what_they_declare() {
    let code = |entries: &[Entry]| described(zip_archive, &zip_file(entries, b"")).1;
    let packed = [0; 10_000];
    // At what Deflate can make of it, and a little over it.
    assert_eq!(code(&[entry("a", &packed, 10_001 * 1032)]), None);
    assert_eq!(code(&[entry("a", &packed, 10_001 * 1032 + 1)]), Some(ErrorCode::DecompressionBomb));
    // The directory says one thing, what unpacks says another.
    let liar = Entry { declared_locally: u32::MAX - 1, ..entry("a", &packed, 10_000) };
    assert_eq!(code(&[liar]), Some(ErrorCode::DecompressionBomb));
    // An image of a disk that is empty: the ratio alone says nothing.
    let sparse = entry("disk.img", &vec![0; 4 << 20], u32::MAX - 1);
    assert_eq!(code(std::slice::from_ref(&sparse)), None);
    // Several of them are more than anybody unpacks for nothing.
    assert_eq!(code(&vec![sparse; 3]), Some(ErrorCode::DecompressionBomb));
    // As much, of which something is there.
    let large = entry("disk.img", &vec![0; 22 << 20], u32::MAX - 1);
    assert_eq!(code(&vec![large; 3]), None);
}

#[test]
fn zip_entries_that_overlap_are_a_bomb() {
    let file = zip_file(&[entry("a", &[0; 4000], 8000)], b"");
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let end = file.windows(4).position(|window| window == b"PK\x05\x06").unwrap();
    let repeated = file[directory..end].repeat(5);
    let count = 5_u16.to_le_bytes();
    let sizes =
        [u32::try_from(repeated.len()).unwrap(), u32::try_from(directory).unwrap()].map(u32::to_le_bytes).concat();
    let bomb = [&file[..directory], &repeated, b"PK\x05\x06\0\0\0\0", &count, &count, &sizes, &[0, 0]].concat();
    let outcome = described(zip_archive, &bomb);
    assert_eq!((counts(&outcome), outcome.1), ((Some(5), Some(40_000)), Some(ErrorCode::DecompressionBomb)));
}

#[test]
fn zip_comments_are_no_directories() {
    let marks = b"PK\x05\x06".repeat(999);
    let mut file = zip_file(&[entry("a", b"xx", 2)], b"");
    let length = file.len() - 2;
    file[length..].copy_from_slice(&u16::try_from(marks.len()).unwrap().to_le_bytes());
    file.extend(marks);
    let outcome = described(zip_archive, &file);
    assert_eq!((counts(&outcome), outcome.1), ((Some(1), Some(2)), None));
}

#[test]
fn zip_sizes_that_need_64_bits() {
    let mut file = zip_file(&[entry("a", b"xx", 4)], b"");
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    file[directory + 24..directory + 28].copy_from_slice(&[0xff; 4]);
    // Without the extra field that would hold the size, it is what it says.
    let outcome = described(zip_archive, &file);
    assert_eq!((counts(&outcome), outcome.1), ((Some(1), Some(u32::MAX.into())), Some(ErrorCode::DecompressionBomb)));
    file[directory + 30] = 12;
    let extra = [&[1, 0, 8, 0][..], &5_000_000_000_u64.to_le_bytes()].concat();
    file.splice(directory + 47..directory + 47, extra);
    let end = file.len() - 22;
    file[end + 12] += 12;
    let outcome = described(zip_archive, &file);
    assert_eq!((counts(&outcome), outcome.1), ((Some(1), Some(5_000_000_000)), Some(ErrorCode::DecompressionBomb)));
}

#[test]
fn zip_without_its_directory_is_malformed() {
    let file = zip_file(&[entry("a", b"xx", 4)], b"");
    for len in 0..file.len() {
        assert_eq!(described(zip_archive, &file[..len]).1, Some(ErrorCode::Malformed), "{len}");
    }
    // A number of entries that is not true.
    let mut lying = file.clone();
    let end = file.len() - 22;
    (lying[end + 8], lying[end + 10]) = (9, 9);
    assert_eq!(described(zip_archive, &lying).0.is_partial, Some(true));
    // A directory that is not where it should be, as strong encryption leaves it.
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut hidden = file.clone();
    hidden[directory] = 0;
    assert_eq!(described(zip_archive, &hidden), (encrypted(), Some(ErrorCode::Encrypted)));
}

fn encrypted() -> Metadata {
    Metadata { is_encrypted: Some(true), ..Metadata::default() }
}

fn tar_header(name: &str, kind: u8, size: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..124 + size.len()].copy_from_slice(size);
    block[148..156].fill(b' ');
    block[156] = kind;
    block[257..262].copy_from_slice(b"ustar");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn tar_file() -> Vec<u8> {
    let pad = |data: &[u8]| [data, &vec![0; data.len().next_multiple_of(512) - data.len()]].concat();
    [
        tar_header("folder/", b'5', b"00000000777"),
        tar_header("a", b'0', b"00000000005"),
        pad(b"hello"),
        tar_header("././@LongLink", b'L', b"00000000003"),
        pad(b"abc"),
        tar_header("b", 0, b"00000001000"),
        vec![b'x'; 512],
        tar_header("pax", b'x', b"00000000016"),
        pad(b"14 size=600\nx\n"),
        tar_header("c", b'0', b"00000000000"),
        vec![b'y'; 1024],
        tar_header("link", b'2', b"00000000000"),
        vec![0; 1024],
    ]
    .concat()
}

#[test]
fn tar_entries_however_the_bytes_are_cut() {
    let file = tar_file();
    for size in [1, 511, 512, 513, 65_536] {
        let outcome = streamed(tar::TarReader::new(), &file, size);
        assert_eq!((counts(&outcome), outcome.0.is_partial, outcome.1), ((Some(4), Some(1117)), None, None), "{size}");
    }
    // Sizes beyond octal digits are written in bytes, and may be absurd.
    let large = tar_header("a", b'0', b"\x80\0\0\0\0\0\0\x02\0\0\0\0");
    assert_eq!(streamed(tar::TarReader::new(), &large, 512).0.uncompressed_size, Some(2 << 32));
    let absurd = tar_header("a", b'0', &[0xff; 12]);
    assert_eq!(streamed(tar::TarReader::new(), &absurd, 512).1, Some(ErrorCode::Malformed));
}

#[test]
fn a_cut_tar_is_partial() {
    let file = tar_file();
    for len in 0..file.len() - 1024 {
        let (metadata, failure) = streamed(tar::TarReader::new(), &file[..len], 4096);
        let at_end_of_entry = metadata.is_partial.is_none() && len % 512 == 0;
        assert!(at_end_of_entry || metadata.is_partial == Some(true) || failure == Some(ErrorCode::Malformed), "{len}");
    }
    assert_eq!(streamed(tar::TarReader::new(), &[b'x'; 2000], 512).1, Some(ErrorCode::Malformed));
}

fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_counted_and_read_as_tar() {
    let text = b"words and words ".repeat(10);
    let one = gzipped(&text);
    let cases = [
        (one.clone(), (None, Some(160)), None),
        ([&one[..], &one].concat(), (None, Some(320)), None),
        (gzipped(&tar_file()), (Some(4), Some(1117)), None),
        ([&one[..], b"no gzip at all"].concat(), (None, Some(160)), Some(true)),
        (gzipped(b""), (None, Some(0)), None),
    ];
    for (file, expected, partial) in cases {
        for size in [1, 7, 65_536] {
            let outcome = streamed(gzip::GzipReader::new(), &file, size);
            assert_eq!((counts(&outcome), outcome.0.is_partial, outcome.1), (expected, partial, None), "{size}");
        }
    }
    for len in 0..one.len() {
        let (metadata, failure) = streamed(gzip::GzipReader::new(), &one[..len], 16);
        assert!(failure == Some(ErrorCode::Malformed) || metadata.is_partial == Some(true), "{len}");
    }
}

#[test]
fn gzip_bombs() {
    let zeros = vec![0; 8 << 20];
    let outcome = streamed(gzip::GzipReader::new(), &gzipped(&zeros), 65_536);
    // All of it is read, so that no ratio is too high.
    assert_eq!((outcome.0.uncompressed_size, outcome.1), (Some(8 << 20), None));
    // A small one harms nobody.
    assert_eq!(streamed(gzip::GzipReader::new(), &gzipped(&zeros[..1 << 20]), 65_536).1, None);
    // What would unpack for minutes is given up.
    let endless = gzipped(&zeros).repeat(100);
    let outcome = streamed(gzip::GzipReader::up_to(10 << 20), &endless, 1000);
    assert_eq!((outcome.0.is_partial, outcome.1), (Some(true), Some(ErrorCode::DecompressionBomb)));
    assert!((Some(10 << 20)..Some(11 << 20)).contains(&outcome.0.uncompressed_size));
    // Honest, but large: what was counted until then.
    let noise: Vec<u8> = (0..3_u32 << 20).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let outcome = streamed(gzip::GzipReader::up_to(10 << 20), &gzipped(&noise), 65_536);
    assert_eq!((outcome.0.is_partial, outcome.1), (Some(true), None));
}

/// A stream of one block, as long as the index says, and the index.
fn xz_file(blocks: &[(u64, u64)]) -> Vec<u8> {
    let variable = |mut value: u64| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    };
    let packed = blocks.iter().map(|(packed, _)| usize::try_from(packed.next_multiple_of(4)).unwrap()).sum();
    let records = blocks.iter().flat_map(|(packed, unpacked)| [variable(*packed), variable(*unpacked)].concat());
    let mut index = [vec![0], variable(blocks.len() as u64), records.collect()].concat();
    index.resize(index.len().next_multiple_of(4) + 4, 0);
    let backward = u32::try_from(index.len() / 4 - 1).unwrap().to_le_bytes();
    [&b"\xfd7zXZ\0\0\x04\0\0\0\0"[..], &vec![7; packed], &index, &[0; 4], &backward, b"\0\x04YZ"].concat()
}

#[test]
fn xz_knows_its_size_at_the_end() {
    let size = |file: &[u8]| streamed(xz::XzReader::new(), file, 1000).0.uncompressed_size;
    assert_eq!(size(&xz_file(&[(101, 300)])), Some(300));
    assert_eq!(size(&xz_file(&[(101, 300), (200_000, 300_000)])), Some(300_300));
    assert_eq!(size(&xz_file(&[])), Some(0));
    assert_eq!(streamed(xz::XzReader::new(), &xz_file(&[(100, 1 << 40)]), 7).1, Some(ErrorCode::DecompressionBomb));
    let file = xz_file(&[(101, 300)]);
    for len in 0..file.len() {
        assert_eq!(streamed(xz::XzReader::new(), &file[..len], 64).0.is_partial, Some(true), "{len}");
    }
    // Two streams: the index of the last does not speak for both.
    assert_eq!(size(&[&file[..], &file].concat()), None);
}

#[test]
fn zstandard_frames_declare_their_size() {
    // A magic, a descriptor, a size, a block of three bytes, a block of one repeated, perhaps a checksum.
    let one = b"\x28\xb5\x2f\xfd\x20\x05\x18\0\0abc\x13\0\0x";
    let two = b"\x28\xb5\x2f\xfd\x64\x2c\x01\x19\0\0abcsums";
    let skipped = b"\x50\x2a\x4d\x18\x02\0\0\0xx";
    let unknown = b"\x28\xb5\x2f\xfd\0\x58\x19\0\0abc";
    let cases = [
        (one.to_vec(), Some(5), None),
        ([&skipped[..], one, two].concat(), Some(5 + 300 + 256), None),
        ([&one[..], unknown].concat(), None, None),
        ([&one[..], b"trailing"].concat(), Some(5), Some(true)),
    ];
    for (file, size, partial) in cases {
        for piece in [1, 5, 1000] {
            let (metadata, failure) = streamed(zstd::ZstdReader::new(), &file, piece);
            assert_eq!((metadata.uncompressed_size, metadata.is_partial, failure), (size, partial, None), "{piece}");
        }
    }
    for len in 1..one.len() {
        assert_eq!(streamed(zstd::ZstdReader::new(), &one[..len], 64).0.is_partial, Some(true), "{len}");
    }
    assert_eq!(streamed(zstd::ZstdReader::new(), b"none of this", 64).1, Some(ErrorCode::Malformed));
    let bomb = b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x10\0\0\x01\0\0";
    assert_eq!(streamed(zstd::ZstdReader::new(), bomb, 64).1, Some(ErrorCode::DecompressionBomb));
}

#[test]
fn rar_of_both_generations() {
    let block_5 =
        |fields: &[u8], data: &[u8]| [&[0; 4][..], &[u8::try_from(fields.len()).unwrap()], fields, data].concat();
    // Kind, flags, extra and data lengths, file flags, unpacked size; then an extra record of encryption.
    let file_5 = block_5(&[2, 2, 3, 0, 0xac, 0x02], b"xyz");
    let folder_5 = block_5(&[2, 0, 1, 0], b"");
    let locked_5 = block_5(&[2, 3, 2, 3, 0, 10, 1, 1], b"xyz");
    let hidden_5 = block_5(&[4, 0, 0], b"");
    let end_5 = block_5(&[5, 0, 0], b"");
    let five = |blocks: &[&[u8]]| [b"Rar!\x1a\x07\x01\0", &blocks.concat()[..]].concat();

    let block_4 = |kind: u8, flags: u16, fields: &[u8]| {
        let size = u16::try_from(7 + fields.len()).unwrap().to_le_bytes();
        [&[0, 0, kind], &flags.to_le_bytes()[..], &size, fields].concat()
    };
    let sizes = |packed: u32, unpacked: u32| [&packed.to_le_bytes()[..], &unpacked.to_le_bytes(), &[0; 17]].concat();
    let main_4 = block_4(0x73, 0, &[0; 6]);
    let file_4 = [block_4(0x74, 0x8000, &sizes(3, 300)), b"xyz".to_vec()].concat();
    let locked_4 = [block_4(0x74, 0x8004, &sizes(3, 300)), b"xyz".to_vec()].concat();
    let folder_4 = block_4(0x74, 0x80e0, &sizes(0, 0));
    let end_4 = block_4(0x7b, 0, b"");
    let four = |blocks: &[&[u8]]| [b"Rar!\x1a\x07\0", &blocks.concat()[..]].concat();

    let cases = [
        (five(&[&file_5, &folder_5, &end_5]), (Some(1), Some(300)), Some(false), None),
        (five(&[&locked_5, &file_5, &end_5]), (Some(2), Some(310)), Some(true), None),
        (five(&[&file_5]), (Some(1), Some(300)), Some(false), Some(true)),
        (four(&[&main_4, &file_4, &folder_4, &end_4]), (Some(1), Some(300)), Some(false), None),
        (four(&[&main_4, &locked_4, &file_4]), (Some(2), Some(600)), Some(true), None),
    ];
    for (file, expected, locked, partial) in cases {
        let outcome = described(rar::describe, &file);
        assert_eq!((counts(&outcome), outcome.1), (expected, None));
        assert_eq!((outcome.0.is_encrypted, outcome.0.is_partial), (locked, partial));
        for len in 0..file.len() {
            described(rar::describe, &file[..len]);
        }
    }
    let hidden_4 = four(&[&block_4(0x73, 0x80, &[0; 6])]);
    assert_eq!(described(rar::describe, &five(&[&hidden_5])), (encrypted(), Some(ErrorCode::Encrypted)));
    assert_eq!(described(rar::describe, &hidden_4), (encrypted(), Some(ErrorCode::Encrypted)));
    assert_eq!(described(rar::describe, b"Rar!\x1a\x07\0").1, Some(ErrorCode::Malformed));
    let bomb = block_4(0x74, 0x8000, &sizes(0, u32::MAX));
    assert_eq!(described(rar::describe, &four(&[&bomb])).1, None);
    assert_eq!(described(rar::describe, &four(&[&bomb, &bomb, &bomb])).1, Some(ErrorCode::DecompressionBomb));
}

fn seven_zip_file(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let (at, len) = ((packed.len() as u64).to_le_bytes(), (header.len() as u64).to_le_bytes());
    [b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0", &at[..], &len, &[0; 4], packed, header].concat()
}

/// One folder of two files, a third that is empty, and a directory.
const PLAIN_HEADER: &[u8] = &[
    0x01, 0x04, // Header, streams:
    0x06, 0x00, 0x01, 0x09, 0x07, 0x00, // packed, seven bytes,
    0x07, 0x0b, 0x01, 0x00, 0x01, 0x01, 0x00, 0x0c, 0x81, 0x2c, 0x00, // one coder, 300 bytes,
    0x08, 0x0d, 0x02, 0x09, 0x64, 0x0a, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, // two files of it,
    0x00, 0x05, 0x04, // four files:
    0x0e, 0x01, 0x30, 0x0f, 0x01, 0x80, 0x00, // two without content, of which one is a file.
    0x00,
];

#[test]
fn seven_zip_headers_plain_packed_and_hidden() {
    let plain = seven_zip_file(&[0; 7], PLAIN_HEADER);
    let outcome = described(seven_zip::describe, &plain);
    assert_eq!((counts(&outcome), outcome.1), ((Some(3), Some(300)), None));
    assert_eq!((outcome.0.is_encrypted, outcome.0.is_partial), (Some(false), None));

    // The same header as the content of a folder, by a coder that copies.
    let len = u8::try_from(PLAIN_HEADER.len()).unwrap();
    let outer = |coder: &[u8]| {
        let folder = [&[0x07, 0x0b, 0x01, 0x00, 0x01][..], coder, &[0x0c, len, 0x00, 0x00]].concat();
        seven_zip_file(PLAIN_HEADER, &[&[0x17, 0x06, 0x00, 0x01, 0x09, len, 0x00][..], &folder].concat())
    };
    assert_eq!(counts(&described(seven_zip::describe, &outer(&[0x01, 0x00]))), (Some(3), Some(300)));
    let hidden = outer(&[0x24, 0x06, 0xf1, 0x07, 0x01, 0x00]);
    assert_eq!(described(seven_zip::describe, &hidden), (encrypted(), Some(ErrorCode::Encrypted)));
    // A coder that nobody knows, and LZMA that is none.
    let unknown = outer(&[0x01, 0x77]);
    assert_eq!(described(seven_zip::describe, &unknown).0.is_partial, Some(true));
    let lzma = outer(&[0x23, 0x03, 0x01, 0x01, 0x05, 0x5d, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(described(seven_zip::describe, &lzma).1, Some(ErrorCode::Malformed));

    assert_eq!(counts(&described(seven_zip::describe, &seven_zip_file(b"", b""))), (Some(0), Some(0)));
    let bomb = [&PLAIN_HEADER[..16], &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff], &PLAIN_HEADER[18..]].concat();
    assert_eq!(described(seven_zip::describe, &seven_zip_file(&[0; 7], &bomb)).1, Some(ErrorCode::DecompressionBomb));
}

#[test]
fn a_damaged_7z_never_panics() {
    let plain = seven_zip_file(&[0; 7], PLAIN_HEADER);
    for len in 0..plain.len() {
        assert_eq!(described(seven_zip::describe, &plain[..len]).1, Some(ErrorCode::Malformed), "{len}");
    }
    for at in 12..plain.len() {
        for value in [0, 1, 0x0f, 0x7f, 0x80, 0xfe, 0xff] {
            let mut mangled = plain.clone();
            mangled[at] = value;
            described(seven_zip::describe, &mangled);
        }
    }
}
