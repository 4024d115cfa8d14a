use handler_contract::{ErrorCode, Failure, Metadata};

use crate::input::View;

use super::{describe, iptc, postscript, svg};

fn read(bytes: &[u8]) -> (Metadata, Option<Failure>) {
    let mut metadata = Metadata::default();
    let failure = describe(View::big_endian(bytes), &mut metadata).err();
    (metadata, failure)
}

fn size(bytes: &[u8]) -> Option<(u64, u64)> {
    let metadata = read(bytes).0;
    metadata.width.zip(metadata.height)
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], name, data, b"crc!"].concat()
}

fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunks.concat(), chunk(b"IEND", b"")].concat()
}

/// A block of Exif: orientation, maker and time, and a place two directories down.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    // Five entries at 8, the details at 74, the place at 92, then texts.
    let texts = 110;
    [
        b"II\x2a\0\x08\0\0\0\x05\0".to_vec(),
        entry(0x010f, 2, 6, texts),
        entry(0x0112, 3, 1, 6),
        entry(0x0132, 2, 20, texts + 6),
        entry(0x8769, 4, 1, 74),
        entry(0x8825, 4, 1, 92),
        vec![0; 4],
        b"\x01\0".to_vec(),
        entry(0x9003, 2, 20, texts + 26),
        vec![0; 4],
        b"\x01\0".to_vec(),
        entry(0x0002, 5, 3, texts),
        vec![0; 4],
        b"Maker\0".to_vec(),
        b"2020:01:02 03:04:05\0".to_vec(),
        b"2019:11:12 13:14:15\0".to_vec(),
    ]
    .concat()
}

fn jpeg() -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let len = u16::try_from(data.len() + 2).unwrap();
        [&[0xff, marker], &len.to_be_bytes()[..], data].concat()
    };
    [
        vec![0xff, 0xd8],
        segment(0xe1, &[&b"Exif\0\0"[..], &exif()].concat()),
        // A table, fill bytes, and then the frame.
        segment(0xc4, &[0; 9]),
        vec![0xff, 0xff],
        segment(0xc2, &[8, 0, 30, 0, 40, 3]),
        segment(0xda, &[0; 6]),
        b"pixels\xff\0\xff\xd9".to_vec(),
    ]
    .concat()
}

fn gif(frames: usize) -> Vec<u8> {
    let frame = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x02\0\x01\0\0\x02\x02\x44\x01\0";
    [&b"GIF89a\x02\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"[..], &frame.repeat(frames), b"\x3b"].concat()
}

fn riff(form: &[u8], chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &u32::try_from(chunks.len() + 4).unwrap().to_le_bytes()[..], form, chunks].concat()
}

fn webp() -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        [name, &u32::try_from(data.len()).unwrap().to_le_bytes()[..], data, &[0_u8; 1][..data.len() % 2]].concat()
    };
    let extended = chunk(b"VP8X", &[0x0a, 0, 0, 0, 0xff, 1, 0, 0x0f, 0, 0]);
    riff(b"WEBP", &[extended, chunk(b"ANMF", &[0; 17]), chunk(b"ANMF", &[0; 16]), chunk(b"EXIF", &exif())].concat())
}

/// A file whose directories follow one another; each is given as its subfile type and where it leads.
fn tiff(pages: &[(u32, u32)]) -> Vec<u8> {
    let entry = |tag: u16, value: u32| [&tag.to_be_bytes()[..], &[0, 4, 0, 0, 0, 1], &value.to_be_bytes()].concat();
    let page = |(subfile, next): &(u32, u32)| {
        [&[0, 3][..], &entry(0xfe, *subfile), &entry(0x100, 640), &entry(0x101, 480), &next.to_be_bytes()].concat()
    };
    [b"MM\0\x2a\0\0\0\x08".to_vec(), pages.iter().flat_map(page).collect()].concat()
}

const PAGE: u32 = 42;

fn full(name: &[u8], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], name, content].concat()
}

/// Two pictures of which the second is the primary one, turned, and Exif at the end of the file.
fn heic() -> Vec<u8> {
    let ispe = |w: u32, h: u32| full(b"ispe", &[&[0; 4][..], &w.to_be_bytes(), &h.to_be_bytes()].concat());
    let container = full(b"ipco", &[ispe(9000, 9000), ispe(400, 300), full(b"irot", &[3])].concat());
    let associations = full(b"ipma", &[0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0x81, 0, 2, 2, 2, 0x83]);
    let item = full(b"infe", b"\x02\0\0\0\0\x03\0\0Exif\0");
    let items = full(b"iinf", &[&[0, 0, 0, 0, 0, 1][..], &item].concat());
    let data = [&[0; 4][..], &exif()].concat();
    let build = |at: u32| {
        let place = [&[0, 0, 0, 0, 0x44, 0, 0, 1, 0, 3, 0, 0, 0, 1][..], &at.to_be_bytes()].concat();
        let place = full(b"iloc", &[place, u32::try_from(data.len()).unwrap().to_be_bytes().to_vec()].concat());
        let primary = full(b"pitm", &[0, 0, 0, 0, 0, 2]);
        let properties = full(b"iprp", &[container.clone(), associations.clone()].concat());
        let meta = full(b"meta", &[vec![0; 4], primary, items.clone(), place, properties].concat());
        [full(b"ftyp", b"heic\0\0\0\0heic"), meta].concat()
    };
    let at = u32::try_from(build(0).len()).unwrap() + 8;
    [build(at), full(b"mdat", &data)].concat()
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let animation =
        [chunk(b"acTL", &[0xff; 8]), chunk(b"fcTL", &[0; 26]), chunk(b"IDAT", b""), chunk(b"fcTL", &[0; 26])];
    vec![
        ("png", png(3, 2, &[chunk(b"tEXt", b"Title\0A picture"), chunk(b"eXIf", &exif())])),
        ("apng", png(3, 2, &animation)),
        ("jpeg", jpeg()),
        ("gif", gif(3)),
        ("webp", webp()),
        ("tiff", tiff(&[(0, 8 + PAGE), (1, 8 + 2 * PAGE), (2, 0)])),
        ("heic", heic()),
        ("jxl", b"\xff\x0a\x41\x5c\x08\x0e\0\0\0\0".to_vec()),
        ("jxl in a container", [full(b"JXL ", b"\r\n\x87\n"), full(b"jxlc", b"\xff\x0a\xff\0")].concat()),
        (
            "jp2",
            [full(b"jP  ", b"\r\n\x87\n"), full(b"jp2h", &full(b"ihdr", &[0, 0, 0, 7, 0, 0, 0, 9, 0, 1]))].concat(),
        ),
    ]
}

#[test]
fn cameras_are_heard_whatever_the_container() {
    for name in ["png", "jpeg", "webp", "heic"] {
        let bytes = samples().into_iter().find(|(sample, _)| *sample == name).unwrap().1;
        let (metadata, failure) = read(&bytes);
        assert_eq!(failure, None, "{name}");
        assert_eq!(metadata.camera_make.as_deref(), Some("Maker"), "{name}");
        assert_eq!(metadata.orientation, Some(6), "{name}");
        assert_eq!(metadata.has_gps, Some(true), "{name}");
        assert_eq!(metadata.date_created.as_deref(), Some("2019-11-12T13:14:15"), "{name}");
        assert_eq!(metadata.date_modified.as_deref(), Some("2020-01-02T03:04:05"), "{name}");
        assert_eq!(metadata.is_partial, None, "{name}");
    }
}

#[test]
fn sizes_by_format() {
    let rows: &[(&[u8], (u64, u64))] = &[
        (&png(3, 2, &[]), (3, 2)),
        (&jpeg(), (40, 30)),
        (&gif(1), (2, 1)),
        // An empty screen: the first picture's size counts.
        (b"GIF89a\0\0\0\0\0\0\0\x2c\0\0\0\0\x05\0\x04\0\0\x02\0\x3b", (5, 4)),
        (&webp(), (512, 16)),
        (&riff(b"WEBP", b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x20\x40\x10\x80"), (32, 16)),
        (&riff(b"WEBP", b"VP8L\x05\0\0\0\x2f\x1f\xc0\x03\0\0"), (32, 16)),
        (&tiff(&[(0, 0)]), (640, 480)),
        (&heic(), (400, 300)),
        (&[&b"BM"[..], &[0; 12], b"\x0c\0\0\0\x07\0\x06\0"].concat(), (7, 6)),
        (&[&b"BM"[..], &[0; 12], b"\x28\0\0\0\x07\0\0\0\xfa\xff\xff\xff"].concat(), (7, 6)),
        (&[&b"\0\0\x01\0\x02\0\x10\x10"[..], &[0; 14], b"\0\x20", &[0; 14]].concat(), (256, 32)),
        (b"8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x06\0\0\0\x07", (7, 6)),
        (b"qoif\0\0\0\x07\0\0\0\x06", (7, 6)),
        (b"DDS |\0\0\0\0\0\0\0\x06\0\0\0\x07\0\0\0", (7, 6)),
        (b"icns\0\0\0\x18ic07\0\0\0\x08ic04\0\0\0\x08", (128, 128)),
        (b"\x0a\x05\x01\x08\x01\0\x02\0\x07\0\x07\0", (7, 6)),
        (b"\x01\xda\x01\x01\0\x02\0\x07\0\x06\0\x03", (7, 6)),
        (b"P5 # a comment\n# another\n7\n6 255\n", (7, 6)),
        (b"P7\nWIDTH 7\nHEIGHT 6\nDEPTH 3\nENDHDR\n", (7, 6)),
        // More bits in a row than 64 bits can count.
        (b"P7\nWIDTH 7\nHEIGHT 6\nDEPTH 18446744073709551615\nENDHDR\n", (7, 6)),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 6 +X 7\n", (7, 6)),
        (b"#?RADIANCE\n\n+X 7 -Y 6\n", (7, 6)),
        (b"\x76\x2f\x31\x01\x02\0\0\0dataWindow\0box2i\0\x10\0\0\0\x01\0\0\0\x01\0\0\0\x07\0\0\0\x06\0\0\0", (7, 6)),
        (&[&b"\x01\0\0\0\x6c\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x06\0\0\0"[..], &[0; 16], b" EMF"].concat(), (7, 6)),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x18jp2h\0\0\0\x10ihdr\0\0\0\x06\0\0\0\x07", (7, 6)),
        (b"\xff\x4f\xff\x51\0\x2f\0\0\0\0\0\x08\0\0\0\x07\0\0\0\x01\0\0\0\x01", (7, 6)),
        (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x07\0\x06\0\x18\0", (7, 6)),
        // Small: a height of (4 + 1) × 8 in five bits, and a width in the ratio 1:1.
        (b"\xff\x0a\x49\0", (40, 40)),
    ];
    for (bytes, expected) in rows {
        assert_eq!(size(bytes), Some(*expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn frames_and_pages_are_counted_and_not_believed() {
    let count = |bytes: &[u8]| {
        let metadata = read(bytes).0;
        (metadata.frame_count, metadata.is_animated)
    };
    assert_eq!(count(&gif(1)), (Some(1), Some(false)));
    assert_eq!(count(&gif(3)), (Some(3), Some(true)));
    assert_eq!(count(&webp()), (Some(2), Some(true)));
    // The chunk that declares them claims four billion.
    assert_eq!(count(&samples()[1].1), (Some(2), Some(true)));

    let pages = |bytes: &[u8]| {
        let metadata = read(bytes).0;
        (metadata.page_count, metadata.is_partial)
    };
    // The second is a smaller version of the first.
    assert_eq!(pages(&tiff(&[(0, 8 + PAGE), (1, 8 + 2 * PAGE), (2, 0)])), (Some(2), None));
    // The chain bites its tail, or leads out of the file.
    assert_eq!(pages(&tiff(&[(0, 8 + PAGE), (0, 8)])), (Some(2), Some(true)));
    assert_eq!(pages(&tiff(&[(0, 8)])), (Some(1), Some(true)));
    assert_eq!(pages(&tiff(&[(0, 1_000_000)])), (Some(1), Some(true)));
}

#[test]
fn absurd_sizes_are_refused() {
    for bytes in [png(1_342_185_474, 735_425_407, &[]), b"\x89PNG\r\n\x1a\n".to_vec(), tiff(&[])] {
        let (metadata, failure) = read(&bytes);
        assert_eq!(failure.map(|failure| failure.code), Some(ErrorCode::Malformed));
        assert_eq!((metadata.width, metadata.height), (None, None));
    }
}

#[test]
fn a_size_that_is_missing_is_a_missing_field() {
    // A picture without a frame header, and one without pixels.
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xfe\0\x04hi\xff\xd9";
    for bytes in [jpeg.to_vec(), png(0, 0, &[])] {
        let (metadata, failure) = read(&bytes);
        assert_eq!((failure, metadata.width, metadata.height), (None, None, None));
    }
}

#[test]
fn a_cut_picture_says_so_and_never_panics() {
    for (name, bytes) in samples() {
        let (whole, failure) = read(&bytes);
        assert_eq!((failure, whole.is_partial), (None, None), "{name}");
        for len in 0..bytes.len() {
            let (metadata, failure) = read(&bytes[..len]);
            let same = metadata.width == whole.width && metadata.height == whole.height;
            assert!(same || failure.is_some() || metadata.is_partial.is_some() || len < 12, "{name} {len}");
        }
        // Every byte at its extremes.
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut mangled = bytes.clone();
                mangled[at] = value;
                read(&mangled);
            }
        }
    }
}

/// Pictures with their pixels, one of each kind whose end can be recognised.
fn whole_pictures() -> Vec<(&'static str, Vec<u8>)> {
    let bmp =
        [&b"BM"[..], &[0; 8], &[54, 0, 0, 0, 40, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0], &[0; 24], &[7; 24]];
    let strip = [
        &b"II*\0\x08\0\0\0\x04\0"[..],
        b"\0\x01\x03\0\x01\0\0\0\x04\0\0\0\x01\x01\x03\0\x01\0\0\0\x02\0\0\0",
        b"\x11\x01\x04\0\x01\0\0\0\x3e\0\0\0\x17\x01\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0",
        &[7; 8],
    ];
    let icon = [&b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x28\0\0\0\x16\0\0\0"[..], &[7; 40]];
    let tga = [&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, 0, 24, 0][..], &[7; 18]];
    let psd = [&b"8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x06\0\0\0\x07\0\x08\0\x03\0\0\0\0\0\0\0\0\0\0\0\x04"[..], &[7; 6]];
    vec![
        ("png", png(3, 2, &[chunk(b"IDAT", &[7; 40])])),
        ("jpeg", jpeg()),
        ("gif", gif(2)),
        ("webp", webp()),
        ("bmp", bmp.concat()),
        ("tiff", strip.concat()),
        ("heic", heic()),
        ("ico", icon.concat()),
        ("tga", tga.concat()),
        ("psd", psd.concat()),
        ("ppm", [&b"P6\n4 4\n255\n"[..], &[7; 48]].concat()),
        ("qoi", [&b"qoif\0\0\0\x07\0\0\0\x06\x03\0"[..], &[7; 20], b"\0\0\0\0\0\0\0\x01"].concat()),
        ("sgi", [&b"\x01\xda\0\x01\0\x02\0\x07\0\x06\0\x01"[..], &[0; 500], &[7; 42]].concat()),
        (
            "jp2",
            [&b"\xff\x4f\xff\x51\0\x2f\0\0\0\0\0\x08\0\0\0\x07\0\0\0\x01\0\0\0\x01"[..], &[7; 20], b"\xff\xd9"]
                .concat(),
        ),
    ]
}

#[test]
fn a_picture_without_its_end_is_partial_or_malformed() {
    for (name, bytes) in whole_pictures() {
        let (whole, failure) = read(&bytes);
        assert_eq!((failure, whole.is_partial), (None, None), "{name}");
        assert!(whole.width.is_some(), "{name}");
        // A comment or padding after the end is none of the picture.
        if !matches!(name, "qoi" | "webp" | "heic") {
            assert_eq!(read(&[&bytes[..], b"\0\0\0\0"].concat()).0.is_partial, None, "{name}");
        }
        // The last checksum, and as much as the header is long.
        let slack = match name {
            "png" => 4,
            "ppm" => 11,
            _ => 0,
        };
        for len in bytes.len() / 4..bytes.len() - slack {
            let (metadata, failure) = read(&bytes[..len]);
            assert!(failure.is_some() || metadata.is_partial == Some(true), "{name}: {len} of {}", bytes.len());
        }
    }
}

#[test]
fn pictures_say_what_they_are_in_every_kind_of_text() {
    let packet = "<x:xmpmeta><rdf:RDF><rdf:Description><dc:title><rdf:Alt><rdf:li>A title</rdf:li></rdf:Alt></dc:title>\
        <dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator><exif:GPSLatitude>1N</exif:GPSLatitude>\
        </rdf:Description></rdf:RDF></x:xmpmeta>";
    let zlib = |text: &str| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let with_segment = |marker: u8, prefix: &[u8], data: &[u8]| {
        let len = u16::try_from(prefix.len() + data.len() + 2).unwrap();
        let segment = [&[0xff, marker], &len.to_be_bytes()[..], prefix, data].concat();
        let jpeg = jpeg();
        // In front of all other segments, in place of Exif.
        let exif = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]])) - 2 + 2;
        [&jpeg[..2], &segment, &jpeg[exif..]].concat()
    };
    let iptc =
        iptc::tests::resource(0x0404, "", &[iptc::tests::field(5, "A title"), iptc::tests::field(80, "Ann")].concat());
    let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let (title, author) = (wide("A title"), wide("Ann"));
    let entry = |tag: u16, len: usize, at: usize| {
        [
            &tag.to_le_bytes()[..],
            &[1, 0],
            &u32::try_from(len).unwrap().to_le_bytes(),
            &u32::try_from(at).unwrap().to_le_bytes(),
        ]
        .concat()
    };
    let windows = [
        &b"II*\0\x08\0\0\0\x02\0"[..],
        &entry(0x9c9b, title.len(), 38),
        &entry(0x9c9d, author.len(), 38 + title.len()),
        &[0; 4],
        &title,
        &author,
    ];
    let webp = {
        let mut xmp = packet.as_bytes().to_vec();
        xmp.resize(xmp.len().next_multiple_of(2), b' ');
        let chunk = [b"XMP ", &u32::try_from(xmp.len()).unwrap().to_le_bytes()[..], &xmp].concat();
        riff(b"WEBP", &[&b"VP8X\x0a\0\0\0\x04\0\0\0\xff\x01\0\x0f\0\0"[..], &chunk].concat())
    };
    let gif = {
        let gif = gif(1);
        let trailer: Vec<u8> = (0..=255).rev().collect();
        [&gif[..19], b"\x21\xff\x0bXMP DataXMP", packet.as_bytes(), &[1], &trailer, &[0], &gif[19..]].concat()
    };
    let jxl =
        [full(b"JXL ", b"\r\n\x87\n"), full(b"xml ", packet.as_bytes()), full(b"jxlc", b"\xff\x0a\xff\0")].concat();
    let author_chunk = chunk(b"tEXt", b"Author\0Ann");
    for (kind, bytes, has_gps) in [
        (
            "png zTXt",
            png(3, 2, &[chunk(b"zTXt", &[b"Title\0\0", &zlib("A title")[..]].concat()), author_chunk.clone()]),
            false,
        ),
        ("png iTXt", png(3, 2, &[chunk(b"iTXt", b"Title\0\0\0de\0Titel\0A title"), author_chunk.clone()]), false),
        (
            "png iTXt packed",
            png(3, 2, &[chunk(b"iTXt", &[b"Title\0\x01\0\0\0", &zlib("A title")[..]].concat()), author_chunk]),
            false,
        ),
        (
            "png xmp packed",
            png(3, 2, &[chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &zlib(packet)[..]].concat())]),
            true,
        ),
        ("jpeg xmp", with_segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()), true),
        ("jpeg iptc", with_segment(0xed, b"Photoshop 3.0\0", &iptc), false),
        ("jpeg windows", with_segment(0xe1, b"Exif\0\0", &windows.concat()), false),
        ("webp", webp, true),
        ("gif", gif, true),
        ("jxl", jxl, true),
    ] {
        let (metadata, failure) = read(&bytes);
        assert_eq!((failure, metadata.is_partial), (None, None), "{kind}");
        assert_eq!((metadata.title.as_deref(), metadata.author.as_deref()), (Some("A title"), Some("Ann")), "{kind}");
        assert_eq!(metadata.has_gps == Some(true), has_gps, "{kind}");
    }
    // A text that unpacks to more than is read.
    let bomb = chunk(b"zTXt", &[b"Title\0\0", &zlib(&"A".repeat(64 << 20))[..]].concat());
    assert_eq!(read(&png(3, 2, &[bomb])).0.title.map(|title| title.len()), Some(1024));
    let dated = png(3, 2, &[chunk(b"tEXt", b"Creation Time\0Thu, 26 Nov 2026 10:00:00 +0100")]);
    assert_eq!(read(&dated).0.date_created.as_deref(), Some("2026-11-26T09:00:00Z"));
}

#[test]
fn only_the_properties_turn_a_heif_picture() {
    let heic = heic();
    let with = |from: &[u8], to: &[u8]| {
        let at = heic.windows(from.len()).position(|window| window == from).unwrap();
        [&heic[..at], to, &heic[at + from.len()..]].concat()
    };
    // A quarter of a circle; the same for a box that nobody knows; a mirror. Exif says 6.
    for (property, orientation) in
        [(b"irot\x03", 6), (b"irot\x01", 8), (b"irot\0", 1), (b"imir\x01", 2), (b"imir\0", 4), (b"none\x03", 1)]
    {
        let (metadata, failure) = read(&with(b"irot\x03", property));
        assert_eq!((metadata.orientation, failure), (Some(orientation), None), "{}", property.escape_ascii());
    }
}

#[test]
fn a_directory_named_a_thousand_times_is_followed_once() {
    // 65,535 entries that each point to this very directory as the details of the picture.
    let entry = [0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 8];
    let bytes = [&b"MM\0\x2a\0\0\0\x08\xff\xff"[..], &entry.repeat(65_535)].concat();
    assert_eq!(read(&bytes).1.map(|failure| failure.code), Some(ErrorCode::Malformed));
}

#[test]
fn svg_sizes_in_pixels() {
    let rows = [
        (r#"<svg width="10" height="20px"/>"#, (Some(10), Some(20))),
        (r#"<svg width="1in" height="72pt"/>"#, (Some(96), Some(96))),
        (r#"<svg width="25.4mm" height="2.54cm"/>"#, (Some(96), Some(96))),
        (r#"<svg width="100%" viewBox="0 0 30 40.4"/>"#, (Some(30), Some(40))),
        (r#"<svg viewBox="0,0,30,40"/>"#, (Some(30), Some(40))),
        (r#"<svg width="-5" height="1e300"/>"#, (None, None)),
        (r#"<svg width="99999999999" height="NaN"/>"#, (None, None)),
        ("<svg/>", (None, None)),
        (r#"<html><svg width="1" height="1"/></html>"#, (None, None)),
        ("<svg width=", (None, None)),
    ];
    for (text, expected) in rows {
        let mut metadata = Metadata::default();
        svg::describe(text.as_bytes(), &mut metadata);
        assert_eq!((metadata.width, metadata.height), expected, "{text}");
    }
    let mut metadata = Metadata::default();
    let text = "<!DOCTYPE svg><s:svg xmlns:s='x'><g><title>no</title></g><title>A &amp; B &evil;</title>\
        <desc><![CDATA[C < D]]></desc>";
    svg::describe(text.as_bytes(), &mut metadata);
    assert_eq!((metadata.title.as_deref(), metadata.description.as_deref()), (Some("A & B"), Some("C < D")));
    // A million levels are read as a thousand are.
    svg::describe("<svg>".repeat(1_000_000).as_bytes(), &mut metadata);
}

#[test]
fn postscript_describes_itself() {
    let page = b"%!PS-Adobe-3.0 EPSF-3.0\r\n%%Title: (A drawing)\r%%BoundingBox: 10 20 110 70\n%%Creator: a program\n";
    let preview = [&b"\xc5\xd0\xd3\xc6\x08\0\0\0"[..], page].concat();
    for head in [&page[..], &preview] {
        let mut metadata = Metadata::default();
        postscript::describe(head, &mut metadata);
        assert_eq!((metadata.width, metadata.height), (Some(100), Some(50)));
        assert_eq!(metadata.title.as_deref(), Some("A drawing"));
        assert_eq!(metadata.creator_tool.as_deref(), Some("a program"));
    }
    let mut metadata = Metadata::default();
    let image = b"%%BoundingBox: 0 0 72 48\n%ImageData: 100 67 8 3 0 1 2 \"x\"\n%ImageData: 0 4294967295\n";
    postscript::describe(image, &mut metadata);
    assert_eq!((metadata.width, metadata.height), (Some(100), Some(67)));
    for bounds in ["(atend)", "1 2 3", "5 5 5 5", "9 9 1 1", "-2147483648 0 2147483647 1 2"] {
        let mut metadata = Metadata::default();
        postscript::describe(format!("%%BoundingBox: {bounds}\n").as_bytes(), &mut metadata);
        assert_eq!((metadata.width, metadata.height), (None, None), "{bounds}");
    }
}
