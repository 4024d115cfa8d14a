//! Video as it is streamed and recorded, how pictures are turned, and recordings that stop in the middle.

use handler_contract::Metadata;

use super::{boxed, chunk, element, matroska, mp3, mp4, read, riff, samples, video, wma, xing};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Replaces the first place of a text.
fn with(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// A video that is in fragments: 1,000 units a second, of which each fragment plays 40 times 25.
fn fragmented(fragments: u32, start: u32) -> Vec<u8> {
    fragmented_with(fragments, start, &[0, 0], &[0, 25])
}

/// The same with a header and a run of samples in each fragment.
fn fragmented_with(fragments: u32, start: u32, header_words: &[u32], run: &[u32]) -> Vec<u8> {
    let whole = video(b"");
    // Neither the movie nor a track says how long it is.
    let header = with(&whole, &words(&[1000, 2500]), &words(&[1000, 0]));
    let header = with(&header, &words(&[1000, 2000]), &words(&[1000, 0]));
    let header = with(&header, &words(&[1000, 2000]), &words(&[1000, 0]));
    // The first track has a number.
    let header = with(&header, &[b"tkhd", &[0; 12][..]].concat(), &[b"tkhd", &words(&[0, 0, 0])[..]].concat());
    let extends = boxed(b"mvex", &boxed(b"trex", &words(&[0, 0, 1, 40, 0, 0])));
    let movie = header.windows(4).position(|window| window == b"moov").unwrap() - 4;
    let (files, movie) = header.split_at(movie);
    let movie = boxed(b"moov", &[&movie[8..], &extends[..]].concat());
    let media: Vec<u8> = (0..fragments)
        .flat_map(|index| {
            let time = boxed(b"tfdt", &words(&[0, start + index * 1000]));
            let run = boxed(b"trun", &words(run));
            let track = boxed(b"traf", &[boxed(b"tfhd", &words(header_words)), time, run].concat());
            [boxed(b"moof", &track), boxed(b"mdat", b"frames")].concat()
        })
        .collect();
    [files, &movie, &media].concat()
}

#[test]
fn fragments_play_as_long_as_their_samples() {
    for (bytes, seconds) in [
        (fragmented(3, 0), Some(3.0)),
        // Taken from a stream that had been running for an hour.
        (fragmented(2, 3_600_000), Some(2.0)),
        (fragmented(0, 0), None),
    ] {
        let (metadata, failure) = read(&bytes);
        assert_eq!((metadata.duration, failure), (seconds, None));
    }
    // Each sample with its own duration, the last one shown later than it is decoded; and durations of the fragment.
    for (header, run, seconds) in [
        (&[0, 0][..], &[0x900, 2, 500, 0, 500, 250][..], 1.25),
        (&[8, 0, 80], &[0, 25], 2.0),
        // A run that claims four billion samples and has one.
        (&[0, 0], &[0x100, u32::MAX, 500], 0.5),
    ] {
        assert_eq!(read(&fragmented_with(1, 0, header, run)).0.duration, Some(seconds), "{run:?}");
    }
}

#[test]
fn pictures_are_turned_as_their_matrix_says() {
    const ONE: u32 = 1 << 16;
    const MINUS: u32 = ONE.wrapping_neg();
    let whole = video(b"");
    let size = words(&[640 << 16, 360 << 16]);
    let header = [words(&[ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30]), size.clone()].concat();
    for (matrix, orientation) in [
        ([ONE, 0, 0, 0, ONE, 0], Some(1)),
        ([MINUS, 0, 0, 0, ONE, 0], Some(2)),
        ([MINUS, 0, 0, 0, MINUS, 0], Some(3)),
        ([ONE, 0, 0, 0, MINUS, 0], Some(4)),
        ([0, ONE, 0, ONE, 0, 0], Some(5)),
        ([0, ONE, 0, MINUS, 0, 0], Some(6)),
        ([0, MINUS, 0, MINUS, 0, 0], Some(7)),
        ([0, MINUS, 0, ONE, 0, 0], Some(8)),
        ([ONE, ONE, 0, MINUS, ONE, 0], None),
    ] {
        let bytes = with(&whole, &header, &[words(&matrix), words(&[0, 0, 1 << 30]), size.clone()].concat());
        assert_eq!(read(&bytes).0.orientation, orientation, "{matrix:?}");
    }
    for (degrees, orientation) in [(0.0, Some(1)), (90.0, Some(8)), (-90.0, Some(6)), (180.0, Some(3)), (45.0, None)] {
        assert_eq!(read(&live(&roll(degrees), &[])).0.orientation, orientation, "{degrees}");
    }
}

fn roll(degrees: f64) -> Vec<u8> {
    element(b"\x76\x70", &element(b"\x76\x75", &degrees.to_be_bytes()))
}

/// A live recording, of which neither the whole nor a cluster has a length, with frames of 40 ms.
fn live(picture: &[u8], clusters: &[Vec<u8>]) -> Vec<u8> {
    let picture = element(b"\xe0", &[&element(b"\xb0", &[64]), &element(b"\xba", &[48]), picture].concat());
    let fields =
        [element(b"\xd7", &[1]), element(b"\x86", b"V_VP8"), element(b"\x23\xe3\x83", &[2, 0x62, 0x5a, 0]), picture];
    let tracks = element(b"\x16\x54\xae\x6b", &element(b"\xae", &fields.concat()));
    let info = element(b"\x15\x49\xa9\x66", &element(b"\x2a\xd7\xb1", &[0x0f, 0x42, 0x40]));
    matroska(&[b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", &info[..], &tracks, &clusters.concat()].concat())
}

/// A cluster of unknown length, or of a known one, with a block at its start and one after 960 ms.
fn cluster(time: u16, is_known: bool) -> Vec<u8> {
    let block = |time: u16| element(b"\xa3", &[&[0x81], &time.to_be_bytes()[..], &[0x80, 7, 7, 7]].concat());
    let content = [element(b"\xe7", &time.to_be_bytes()), block(0), block(960)].concat();
    if is_known {
        element(b"\x1f\x43\xb6\x75", &content)
    } else {
        [b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff", &content[..]].concat()
    }
}

#[test]
fn live_recordings_play_to_the_end_of_their_last_block() {
    let long = element(b"\xa0", &[element(b"\xa1", &[0x81, 0, 0, 0, 7]), element(b"\x9b", &[5, 0])].concat());
    let of_group = element(b"\x1f\x43\xb6\x75", &[element(b"\xe7", &[0]), long].concat());
    for (clusters, seconds) in [
        (vec![cluster(0, false), cluster(1000, false)], Some(2.0)),
        (vec![cluster(0, true), cluster(1000, true)], Some(2.0)),
        (vec![cluster(5000, false)], Some(1.0)),
        (vec![of_group], Some(1.28)),
        (vec![], None),
    ] {
        let (metadata, failure) = read(&live(b"", &clusters));
        assert_eq!((metadata.duration, failure, metadata.is_partial), (seconds, None, None));
    }
}

/// A transport stream of one program with H.264 of 64 × 48 pixels from `first` to `last`, in units of 90,000 a second.
fn transport(first: u64, last: u64, lead: usize) -> Vec<u8> {
    let packet = |id: u16, content: &[u8]| {
        // Filled up in front, by a field of adaptation.
        let fill = 183 - content.len();
        let field = match fill {
            0 => vec![0],
            fill => [&[u8::try_from(fill).unwrap(), 0][..], &vec![0xff; fill - 1]].concat(),
        };
        let header = [0x47, 0x40 | u8::try_from(id >> 8).unwrap(), u8::try_from(id & 0xff).unwrap(), 0x30];
        [&vec![0; lead], &header[..], &field, content].concat()
    };
    let programs = packet(0, b"\0\0\xb0\x0d\0\x01\xc1\0\0\0\x01\xf0\0\x2a\xb1\x04\xb2");
    let streams = packet(0x1000, b"\0\x02\xb0\x12\0\x01\xc1\0\0\xe1\0\xf0\0\x1b\xe1\0\xf0\0\x15\xbd\x4d\x56");
    let frame = |stamp: u64| {
        let bits = |shift: u64| u8::try_from(stamp >> shift & 0xff).unwrap();
        let stamp = [0x21 | bits(29) & 0x0e, bits(22), bits(14) | 1, bits(7), bits(0) << 1 | 1];
        let set = b"\0\0\0\x01\x67\xf4\0\x0a\x91\x9b\x28\x8f\x60\x22\0\0\x03\0\x02\0\0\x03\0\x28\x1e\x24\x4b\x2c";
        packet(0x100, &[b"\0\0\x01\xe0\0\0\x80\x80\x05", &stamp[..], set].concat())
    };
    [programs, streams, frame(first), frame(last - 3600), frame(last)].concat()
}

/// A program stream of MPEG-2 video, 352 × 288, and audio.
fn program(seconds: u8) -> Vec<u8> {
    let pack = b"\0\0\x01\xba\x44\0\x04\0\x04\x01\0\0\x03\xf8";
    let packet = |kind: u8, seconds: u8, content: &[u8]| {
        let stamp = u64::from(seconds) * 90_000;
        let bits = |shift: u64| u8::try_from(stamp >> shift & 0xff).unwrap();
        let stamp = [0x21 | bits(29) & 0x0e, bits(22), bits(14) | 1, bits(7), bits(0) << 1 | 1];
        let len = u16::try_from(content.len() + 8).unwrap();
        [&[0, 0, 1, kind][..], &len.to_be_bytes(), &[0x80, 0x80, 5], &stamp, content].concat()
    };
    let picture = b"\0\0\x01\xb3\x16\x01\x20\x33\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a";
    [
        &pack[..],
        &packet(0xe0, 0, picture),
        &packet(0xc0, 0, &mp3(1)),
        pack,
        &packet(0xe0, seconds, b"more"),
        b"\0\0\x01\xb9",
    ]
    .concat()
}

#[test]
fn streams_of_packets_say_what_they_are_coded_in_and_how_long_they_play() {
    // A count that starts again after 33 bits.
    let wrap = (1_u64 << 33) - 90_000;
    for (name, bytes, codec, size, seconds) in [
        ("ts", transport(0, 180_000, 0), "h264", (64, 48), 2.04),
        ("m2ts", transport(0, 180_000, 4), "h264", (64, 48), 2.04),
        (
            "ts that wraps",
            [transport(wrap, wrap + 3600, 0), transport(90_000, 93_600, 0)].concat(),
            "h264",
            (64, 48),
            2.08,
        ),
        ("mpg", program(3), "mpeg2, mp3", (352, 288), 3.0),
        (
            "m2v",
            b"\0\0\x01\xb3\x16\x01\x20\x33\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\0\0\x01\0".to_vec(),
            "mpeg2",
            (352, 288),
            0.04,
        ),
    ] {
        let (metadata, failure) = read(&bytes);
        assert_eq!((failure, metadata.is_partial), (None, None), "{name}");
        assert_eq!(metadata.codec.as_deref(), Some(codec), "{name}");
        assert_eq!((metadata.width, metadata.height), (Some(size.0), Some(size.1)), "{name}");
        assert_eq!(metadata.duration, Some(seconds), "{name}");
    }
    assert_eq!(read(&program(3)).0.sample_rate, Some(44_100));
    for bytes in
        [transport(0, 180_000, 0), transport(0, 180_000, 4), program(3), live(&roll(90.0), &[cluster(0, false)])]
    {
        for len in 0..bytes.len() {
            read(&bytes[..len]);
            for value in [0, 0x7f, 0xff] {
                let mut mangled = bytes.clone();
                mangled[len] = value;
                read(&mangled);
            }
        }
    }
}

#[test]
fn a_playing_time_of_zero_is_not_known() {
    let zero = xing(0, [0; 3]);
    let (metadata, failure) = read(&zero);
    // The frames are counted.
    assert_eq!((metadata.duration, failure), (Some(0.078), None));
    let mut wav = super::wav();
    let data = wav.len() - 17_640;
    wav.truncate(data);
    wav[data - 4..].fill(0);
    assert_eq!(read(&wav).0.duration, None);
    let midi = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk\0\0\0\x04\0\xff\x2f\0";
    assert_eq!(read(midi).0.duration, None);
}

/// A frame of FLAC with a number, of 4,096 samples.
fn flac_frame(number: u8) -> Vec<u8> {
    let header = [0xff, 0xf8, 0xc9, 0x18, number];
    let sum = header.iter().fold(0_u8, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 0x07 })
    });
    [&header[..], &[sum], &[7; 60]].concat()
}

/// Recordings that know where they end, beside those of [`samples`].
fn with_ends() -> Vec<(&'static str, Vec<u8>)> {
    let mut info = super::stream_info(3 * 4096);
    info[..4].copy_from_slice(&[0x10, 0, 0x10, 0]);
    let flac = [b"fLaC\x80\0\0\x22", &info[..], &flac_frame(0), &flac_frame(1), &flac_frame(2)].concat();
    let mut xing = xing(100, [0; 3]);
    let len = u32::try_from(xing.len()).unwrap();
    xing[36..36 + 16].copy_from_slice(&[&b"Xing\0\0\0\x03\0\0\0\x03"[..], &len.to_be_bytes()].concat());
    let mut wma = wma();
    let at = wma.windows(16).position(|window| window == super::super::asf::FILE_PROPERTIES).unwrap() + 24 + 16;
    wma.extend([7; 500]);
    let len = wma.len() as u64;
    wma[at..at + 8].copy_from_slice(&len.to_le_bytes());
    let tag = |time: u8, data: &[u8]| {
        let len = u8::try_from(data.len()).unwrap();
        [&[9, 0, 0, len, 0, 0, time, 0, 0, 0, 0], data, &[0, 0, 0, len + 11]].concat()
    };
    let flv = [&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &tag(0, &[7; 50]), &tag(100, &[7; 50])].concat();
    let wavpack = |index: u32| {
        let words = [56_u32, 0x0410_0000, 88_200, index, 44_100, 9 << 23 | 0x800, 0];
        [b"wvpk", &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], &[7; 32]].concat()
    };
    vec![
        ("flac with frames", flac),
        ("mp3 with a length", xing),
        ("wma with a length", wma),
        ("flv", flv),
        ("wavpack", [wavpack(0), wavpack(44_100)].concat()),
        ("fragmented", fragmented(3, 0)),
        ("live", live(b"", &[cluster(0, false), cluster(1000, false)])),
        ("ts", transport(0, 180_000, 0)),
        ("mpg", program(3)),
    ]
}

#[test]
fn a_recording_without_its_end_is_partial_or_malformed() {
    // Where frames, fragments or tracks simply follow each other, a file that ends between two of them is whole.
    let between = |name: &str, bytes: &[u8], len: usize| match name {
        // Bytes that are too few for a header.
        "mp3" => len % 417 < 4,
        "aac" => len % 32 < 7,
        "ac3" | "eac3" => len.is_multiple_of(128),
        "amr" => (len - 6).is_multiple_of(32),
        "ts" => len.is_multiple_of(188),
        "adif" | "flac" | "wma" | "mp3 with a header" | "midi" => true,
        // Within the last frame, of which the length is not known, and before the byte that makes a chunk even.
        "flac with frames" => len >= bytes.len() - 60,
        "aiff" => len + 1 == bytes.len(),
        // Up to the header of a box, of an element or of a packet.
        _ => (len.saturating_sub(15)..=len).any(|at| {
            let next = &bytes[at..];
            let is_box = next.get(4..8).is_some_and(|name| name == b"moof" || name == b"mdat");
            let starts: [&[u8]; 6] = [b"OggS", b"\xa3", b"\x1f\x43", b"\xe7", b"\0\0\x01", b"\x09"];
            is_box || starts.iter().any(|start| next.starts_with(start))
        }),
    };
    for (name, bytes) in samples().into_iter().chain(with_ends()) {
        let (whole, failure): (Metadata, _) = read(&bytes);
        assert_eq!((failure, whole.is_partial), (None, None), "{name}");
        for len in bytes.len() / 2..bytes.len() {
            let (metadata, failure) = read(&bytes[..len]);
            let is_reported = failure.is_some() || metadata.is_partial == Some(true);
            assert!(is_reported || between(name, &bytes, len), "{name}: {len} of {}", bytes.len());
        }
    }
    // A video whose media is missing altogether, although the movie comes first.
    let media = boxed(b"stco", &words(&[0, 1, 5000]));
    let moved = with(&mp4(), &words(&[0, 1]), &words(&[0, 1]));
    assert_eq!(read(&moved).0.is_partial, None);
    let table = boxed(b"stbl", &[boxed(b"stsd", &words(&[0, 0])), media].concat());
    let track = boxed(
        b"mdia",
        &[boxed(b"hdlr", &[&words(&[0, 0])[..], b"vide", &[0; 12]].concat()), boxed(b"minf", &table)].concat(),
    );
    let header = boxed(b"tkhd", &[&[0; 76][..], &words(&[640 << 16, 360 << 16])].concat());
    let movie = boxed(b"moov", &boxed(b"trak", &[header, track].concat()));
    assert_eq!(read(&[boxed(b"ftyp", b"isom\0\0\0\0isom"), movie].concat()).0.is_partial, Some(true));
    // What a chunk claims beyond the file.
    let cut = riff(
        b"WAVE",
        &[chunk(b"fmt ", b"\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0"), chunk(b"data", &[0; 1764])],
    );
    assert_eq!(read(&cut[..cut.len() - 882]).0.is_partial, Some(true));
    assert_eq!(read(&cut[..cut.len() - 882]).0.duration, Some(0.005));
}
