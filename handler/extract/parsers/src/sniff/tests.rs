use super::*;

fn sniff(bytes: &[u8]) -> String {
    match head(bytes, true) {
        Sniffed::Type(detected) => detected.file_type,
        Sniffed::Container(container) => whole(View::big_endian(bytes), container).0.file_type,
    }
}

#[track_caller]
fn check(rows: &[(&str, Vec<u8>, &str)]) {
    for (what, bytes, file_type) in rows {
        assert_eq!(sniff(bytes), *file_type, "{what}");
    }
}

const WORDS: &[u8] = b"words of a text that is long enough to be one. ";

#[test]
fn types_by_content() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let rows: &[(&[u8], &str)] = &[
        (b"", "application/x-empty"),
        (b"%PDF-1.7\n...", "application/pdf"),
        (b"\x05\x06garbage\n%PDF-1.4\n", "application/pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "application/pdf"),
        (b"A file starts with %PDF-1.4 if it is one.", "text/plain"),
        (b"plain words", "text/plain"),
        ("größer".as_bytes(), "text/plain"),
        (b"gr\xf6\xdfer", "text/plain"),
        (&wide("wide words, and more of them"), "text/plain"),
        (b"\xef\xbb\xbfmarked", "text/plain"),
        (b"\x1b[31mred\x1b[0m", "text/plain"),
        (b"BM is how this sentence starts", "text/plain"),
        (b"MZ too", "text/plain"),
        (b"\x00\x01\x02\x03\xff\xfe\xfd", "application/octet-stream"),
        (b"text\0with\0zeros\0in\0it", "application/octet-stream"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
        (b"GIF89a\x01\0\x01\0\0\0\0", "image/gif"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "application/gzip"),
        (b"PK\x03\x04broken", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1broken", "application/x-cfb"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f\x00", "audio/mpeg"),
        (b"ID3\x03\0\0\0\0\0\x04TIT2\0\0\0\x09\0\0\xff\xfb", "audio/mpeg"),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x80", "application/x-matroska"),
        (&[&b"GIF89a\x04\0\x03\0\0\0\0\x21\xfe"[..], &[b'x'; 9999]].concat(), "image/gif"),
        (b"{\\rtf1\\ansi text}", "application/rtf"),
        (b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0", "application/x-executable"),
    ];
    for (bytes, file_type) in rows {
        assert_eq!(sniff(bytes), *file_type, "{}", bytes.escape_ascii());
    }
}

/// Pictures of which every pixel is a letter, or white: after its header the file looks like a text.
#[test]
fn pictures_that_look_like_texts() {
    let white = vec![0xff; 12_288];
    let letters = WORDS.repeat(300);
    let bitmap = |second: &[u8], pixels: &[u8]| [&b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0"[..], second, pixels].concat();
    let windows = b"\x28\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0";
    let tga = b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\x20";
    check(&[
        ("a white bitmap", bitmap(windows, &white), "image/bmp"),
        ("a bitmap of letters", bitmap(windows, &letters), "image/bmp"),
        ("a bitmap of OS/2", bitmap(b"\x0c\0\0\0\x40\0\x40\0\x01\0\x18\0", &white), "image/bmp"),
        ("a bitmap with colour spaces", bitmap(b"\x7c\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0", &white), "image/bmp"),
        ("a graymap", [b"P5 64 64 255\n", &white[..4096]].concat(), "image/x-portable-graymap"),
        ("a pixmap with a comment", [b"P6\n# by hand\n64 64\n255\n", &letters[..]].concat(), "image/x-portable-pixmap"),
        ("a bitmap of netpbm", [b"P4\n64 64\n", &white[..512]].concat(), "image/x-portable-bitmap"),
        (
            "an arbitrary map",
            [b"P7\nWIDTH 64\nHEIGHT 64\nDEPTH 3\nMAXVAL 255\nENDHDR\n", &white[..]].concat(),
            "image/x-portable-arbitrarymap",
        ),
        ("a map of floats", [b"PF\n64 64\n-1.0\n", &white[..]].concat(), "image/x-pfm"),
        ("a TGA", [tga, &white[..]].concat(), "image/x-tga"),
        (
            "a TGA that is packed",
            [b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\x20", &letters[..]].concat(),
            "image/x-tga",
        ),
        ("digits of a bitmap", b"P1\n2 2\n0 1 1 0\n".to_vec(), "image/x-portable-bitmap"),
        ("digits of a graymap", b"P2\n# a comment\n2 1 255\n0 1\n".to_vec(), "image/x-portable-graymap"),
        ("a text on netpbm", b"P6 64 64 255 is how a header of this format is written.\n".to_vec(), "text/plain"),
        ("a text on networks", b"P2P 2 ways to start a text".to_vec(), "text/plain"),
        ("a text on two ways", b"P2 2 ways to start a text".to_vec(), "text/plain"),
        ("a text on PAM", b"P7\nWIDTH is the first word\n".to_vec(), "text/plain"),
        ("a text on GIF", [b"GIF89a is a format of pictures. ", &letters[..]].concat(), "text/plain"),
        ("a program that GIF is also", [b"GIF89a/*\n*/", &letters[..]].concat(), "text/plain"),
        ("too short for a TGA", tga.to_vec(), "application/octet-stream"),
    ]);
}

/// Silence, and sounds of eight bits a sample, consist of one letter or of many.
#[test]
fn sounds_and_data_that_look_like_texts() {
    let silence = vec![0x80; 8000];
    check(&[
        (
            "AU",
            [b".snd\0\0\0\x18\xff\xff\xff\xff\0\0\0\x01\0\0\x1f\x40\0\0\0\x01", &silence[..]].concat(),
            "audio/basic",
        ),
        ("VOC", [b"Creative Voice File\x1a\x1a\0\x0a\x01\x29\x11", &silence[..]].concat(), "audio/x-voc"),
        ("DSF", [b"DSD \x1c\0\0\0\0\0\0\0\x5c\x20\0\0\0\0\0\0", &[0x69; 8000][..]].concat(), "audio/x-dsf"),
        ("WAV", [b"RIFF\x10\0\0\0WAVEfmt ", &silence[..]].concat(), "audio/vnd.wave"),
        ("CBOR", [b"\xd9\xd9\xf7\xa1\x64text\x78\x2f", WORDS].concat(), "application/cbor"),
        (
            "an archive of programs",
            b"!<arch>\na.txt/          0           0     0     644     6         `\nhello\n".to_vec(),
            "application/x-archive",
        ),
        ("an empty archive", b"!<arch>\n".to_vec(), "application/x-archive"),
        (
            "a package of Debian",
            b"!<arch>\ndebian-binary   0           0     0     644     4         `\n2.0\n".to_vec(),
            "application/vnd.debian.binary-package",
        ),
        ("a crawl", b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n".to_vec(), "application/warc"),
        (
            "an older crawl",
            b"filedesc://x.arc 0.0.0.0 20260101000000 text/plain 75\n1 0 X\n".to_vec(),
            "application/x-internet-archive",
        ),
        ("a text on archives", b"!<arch>\nis how an archive starts\n".to_vec(), "text/plain"),
        ("a text on WARC", b"WARC/1.0 is a format.\n".to_vec(), "text/plain"),
        ("a text on sounds", b".snd is an extension.\n".to_vec(), "text/plain"),
        ("a text on DSD", b"DSD is a format.\n".to_vec(), "text/plain"),
    ]);
}

#[test]
fn data_of_science_and_offices() {
    let table =
        [&b"\x03\x7e\x0b\x1a\0\0\0\0\x41\0\x0a\0"[..], &[0; 20], b"NAME\0\0\0\0\0\0\0C", &[0; 20], b"\r"].concat();
    check(&[
        ("HDF5", b"\x89HDF\r\n\x1a\n\0\0\0\0".to_vec(), "application/x-hdf5"),
        ("HDF4", b"\x0e\x03\x13\x01\0\0\0\0".to_vec(), "application/x-hdf"),
        ("netCDF", b"CDF\x01\0\0\0\0".to_vec(), "application/x-netcdf"),
        ("NumPy", b"\x93NUMPY\x01\0\x76\0{'descr': '<f8'}\n".to_vec(), "application/x-npy"),
        ("ORC", b"ORC\n\x06\x12\x04\x08\x03\x50\0".to_vec(), "application/x-orc"),
        ("GRIB", b"GRIB\0\0\0\x01\0\0".to_vec(), "application/x-grib"),
        ("GRIB 2", b"GRIB\0\0\0\x02\0\0".to_vec(), "application/x-grib2"),
        ("dBase", table.clone(), "application/vnd.dbf"),
        ("no dBase without an end of its header", table[..table.len() - 1].to_vec(), "application/octet-stream"),
        ("TNEF", b"\x78\x9f\x3e\x22\0\0\0\0".to_vec(), "application/vnd.ms-tnef"),
        ("Lotus 1-2-3", b"\0\0\x02\0\x06\x04\x06\0\x08\0\0\0".to_vec(), "application/vnd.lotus-1-2-3"),
        ("Lotus 1-2-3, version 3", b"\0\0\x1a\0\0\x10\x04\0\0\0\0\0".to_vec(), "application/vnd.lotus-1-2-3"),
        (
            "an icon",
            [&b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0"[..], &[0; 64]].concat(),
            "image/vnd.microsoft.icon",
        ),
        (
            "a cursor",
            [&b"\0\0\x02\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0"[..], &[0; 64]].concat(),
            "image/x-win-bitmap",
        ),
        ("a trace that starts like an icon", [&b"\0\0\x01\0"[..], &[0; 100]].concat(), "application/octet-stream"),
        ("a compressed stream", b"\x78\x01\x4b\x4c\x4a\x06\0\x02\x4d\x01\x27".to_vec(), "application/octet-stream"),
        (
            "an object file of nothing",
            b"\x64\x86\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
            "application/octet-stream",
        ),
        ("numbers", (0..=255).collect(), "application/octet-stream"),
        ("a sequence that is no certificate", b"\x30\x82\0\x04\x02\x02\0\x07".to_vec(), "application/octet-stream"),
    ]);
}

#[test]
fn archives_by_what_proves_them() {
    let tar = |name: &str, magic: &[u8], content: &[u8]| {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(b"00000000005\0");
        block[257..257 + magic.len()].copy_from_slice(magic);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        [&block[..], content, &[0; 1024]].concat()
    };
    let mut broken = tar("a.txt", b"", b"hello");
    broken[0] = b'b';
    check(&[
        ("v7", tar("a.txt", b"", b"hello"), "application/x-tar"),
        ("ustar", tar("a.txt", b"ustar\x0000", b"hello"), "application/x-tar"),
        ("GNU", tar("a.txt", b"ustar  \0", b"hello"), "application/x-tar"),
        ("with a PDF first", tar("a.pdf", b"", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"), "application/x-tar"),
        ("with a sum that is wrong", broken, "application/octet-stream"),
        ("frames to skip", b"\x50\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd\0\0\0".to_vec(), "application/zstd"),
        (
            "frames of another kind to skip",
            b"\x5f\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd\0\0\0".to_vec(),
            "application/zstd",
        ),
        ("a zip in parts", b"PK\x07\x08PK\x03\x04broken".to_vec(), "application/zip"),
        ("a zip that was to be in parts", b"PK00PK\x03\x04broken".to_vec(), "application/zip"),
        ("a zip of nothing", [&b"PK\x05\x06"[..], &[0; 18]].concat(), "application/zip"),
        ("a text on zips", b"PK\x07\x08 marks a part".to_vec(), "text/plain"),
    ]);
}

#[test]
fn audio_after_tags_is_what_follows_them() {
    let tagged = |len: usize, audio: &[u8]| {
        let size = [len >> 21, len >> 14 & 127, len >> 7 & 127, len & 127].map(|part| u8::try_from(part).unwrap());
        [b"ID3\x04\0\0", &size[..], &vec![0; len], audio, &[0; 64]].concat()
    };
    let rows: &[(&[u8], &str)] = &[
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/vnd.wave"),
        (b"FORM\0\0\0\x10AIFFCOMM", "audio/x-aiff"),
        (b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis", "audio/ogg"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio/x-m4a"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "audio/mp4"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "audio/aac"),
        (b"wvpk\x10\0\0\0\x10\x04", "audio/wavpack"),
        (b"TTA1\x01\0\x02\0\x10\0", "audio/x-tta"),
        (b"MPCK\0\0\0\0", "audio/x-musepack"),
        (b"\x0b\x77\x45\x17\0\x40", "audio/ac3"),
        (b"\xff\xfb\x90\x44\0\0", "audio/mpeg"),
        (b"\0\0\0\0\0\0\0\0", "audio/mpeg"),
        (b"PK\x03\x04not audio", "audio/mpeg"),
    ];
    for (audio, file_type) in rows {
        // The second tag is longer than the head.
        for len in [0, 300, 200_000] {
            let bytes = tagged(len, audio);
            assert_eq!(sniff(&bytes), *file_type, "{} after {len}", audio.escape_ascii());
            let first = &bytes[..bytes.len().min(64 << 10)];
            let by_head = match head(first, first.len() == bytes.len()) {
                Sniffed::Type(detected) => detected.file_type,
                Sniffed::Container(container) => whole(View::big_endian(&bytes), container).0.file_type,
            };
            assert_eq!(by_head, *file_type, "{} after {len}, by the head", audio.escape_ascii());
        }
        let twice = [tagged(20, b""), tagged(20, audio)].concat();
        let twice = [&twice[..30], &twice[94..]].concat();
        assert_eq!(sniff(&twice), *file_type, "{} after two tags", audio.escape_ascii());
    }
    assert_eq!(sniff(b"ID3 is how a tag starts, and this text does so too.\n"), "text/plain");
}

#[test]
fn the_type_of_a_video_does_not_depend_on_where_it_is_cut() {
    let part = |name: &[u8; 4], content: &[u8]| {
        [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], name, content].concat()
    };
    let track = |kind: &[u8]| part(b"trak", &part(b"mdia", &part(b"hdlr", &[&[0; 8][..], kind, &[0; 12]].concat())));
    let movie = |brand: &[u8], kind: &[u8], padding: usize| {
        let start = part(b"ftyp", &[brand, &[0; 4], brand].concat());
        [start, part(b"mdat", &vec![b'x'; padding]), part(b"moov", &track(kind))].concat()
    };
    for (brand, kind, file_type) in [
        (&b"isom"[..], &b"vide"[..], "video/mp4"),
        (b"hvc1", b"vide", "video/mp4"),
        (b"dash", b"soun", "audio/mp4"),
        (b"iso9", b"text", "application/mp4"),
        (b"qt  ", b"vide", "video/quicktime"),
    ] {
        for padding in [0, 100, 100_000] {
            let bytes = movie(brand, kind, padding);
            let first = &bytes[..bytes.len().min(64 << 10)];
            let by_head = match head(first, first.len() == bytes.len()) {
                Sniffed::Type(detected) => detected.file_type,
                Sniffed::Container(container) => whole(View::big_endian(&bytes), container).0.file_type,
            };
            assert_eq!(by_head, file_type, "{} of {} bytes", brand.escape_ascii(), bytes.len());
        }
    }
}

#[test]
fn matroska_by_its_document_type_and_tracks() {
    let element = |id: &[u8], content: &[u8]| [id, &[0x80 | u8::try_from(content.len()).unwrap()], content].concat();
    let file = |kind: &[u8], tracks: &[u8]| {
        let entries: Vec<u8> = tracks.iter().flat_map(|track| element(b"\xae", &element(b"\x83", &[*track]))).collect();
        let segment = element(b"\x18\x53\x80\x67", &element(b"\x16\x54\xae\x6b", &entries));
        [element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", kind)), segment].concat()
    };
    check(&[
        ("WebM with audio alone", file(b"webm", &[2]), "audio/webm"),
        ("WebM", file(b"webm", &[2, 1]), "video/webm"),
        ("WebM with video alone", file(b"webm", &[1]), "video/webm"),
        ("Matroska with audio alone", file(b"matroska", &[2, 2]), "audio/matroska"),
        ("Matroska", file(b"matroska", &[1, 2, 17]), "video/matroska"),
        ("subtitles", file(b"matroska", &[17]), "application/x-matroska"),
    ]);
}

/// A text may quote the whole of a PDF, and a PDF whose end is damaged may be a text all through: the name tells.
#[test]
fn a_quoted_pdf_is_one_by_its_name() {
    let text = b"Some junk before the header\n\n%PDF-1.1\n1 0 obj\n<</Type/Catalog>>\nendobj\nstartxref\n";
    let Sniffed::Type(detected) = head(text, true) else { panic!("not a type") };
    for (name, file_type) in [("a.pdf", "application/pdf"), ("a.txt", "text/plain"), ("a", "text/plain")] {
        assert_eq!(crate::validate::resolve_type(name, &detected), file_type, "{name}");
    }
}
