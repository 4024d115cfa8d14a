use handler_contract::{ErrorCode, Failure, Metadata};

use self::video::{boxed, video};
use super::describe;
use crate::formats::container::Container;
use crate::input::View;

mod streams;
#[path = "../../../../tests/it/video.rs"]
mod video;

fn read(bytes: &[u8]) -> (Metadata, Option<Failure>) {
    let mut metadata = Metadata::default();
    let failure = describe(Container::unopened(View::big_endian(bytes)), &mut metadata).err();
    (metadata, failure)
}

/// What is compared of a recording.
fn summary(metadata: &Metadata) -> (Option<f64>, Option<&str>, Option<u64>, Option<u64>) {
    (metadata.duration, metadata.codec.as_deref(), metadata.sample_rate, metadata.channel_count)
}

/// Frames of MPEG 1, layer 3, 128 kbit/s, 44.1 kHz: 417 bytes, 1,152 samples.
fn mp3(frames: usize) -> Vec<u8> {
    [&[0xff, 0xfb, 0x90, 0x00][..], &[0; 413]].concat().repeat(frames)
}

fn xing(frames: u32, delays: [u8; 3]) -> Vec<u8> {
    let mut frame = mp3(1);
    let tag = [&b"Xing\0\0\0\x01"[..], &frames.to_be_bytes(), b"LAME3.99r", &[0; 12], &delays].concat();
    frame[36..36 + tag.len()].copy_from_slice(&tag);
    [frame, mp3(2)].concat()
}

fn id3_frame(name: &[u8], content: &[u8]) -> Vec<u8> {
    [name, &u32::try_from(content.len()).unwrap().to_be_bytes()[..], &[0, 0], content].concat()
}

fn id3(version: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let synchsafe = [len >> 21, len >> 14 & 0x7f, len >> 7 & 0x7f, len & 0x7f].map(|byte| u8::try_from(byte).unwrap());
    [&[b'I', b'D', b'3', version, 0, flags], &synchsafe[..], body].concat()
}

fn comments() -> Vec<u8> {
    let texts: [&[u8]; 4] = [b"title=A song", b"ARTIST=Somebody", b"TrackNumber=3/12", b"DATE=2004-05-06"];
    let texts = texts.iter().flat_map(|text| [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text].concat());
    [&b"\x04\0\0\0made\x04\0\0\0"[..], &texts.collect::<Vec<_>>()].concat()
}

fn stream_info(samples: u32) -> Vec<u8> {
    // 44,100 Hz, two channels, sixteen bits.
    [&[0; 10][..], &[0x0a, 0xc4, 0x42, 0xf0], &samples.to_be_bytes(), &[0; 16]].concat()
}

fn flac() -> Vec<u8> {
    let comments = comments();
    let len = u8::try_from(comments.len()).unwrap();
    [b"fLaC\0\0\0\x22", &stream_info(88_200)[..], &[0x84, 0, 0, len], &comments, b"\xff\xf8frames"].concat()
}

fn page(flags: u8, position: u64, packet: &[u8]) -> Vec<u8> {
    let segments = [vec![255; packet.len() / 255], vec![u8::try_from(packet.len() % 255).unwrap()]].concat();
    let count = u8::try_from(segments.len()).unwrap();
    [b"OggS\0", &[flags][..], &position.to_le_bytes(), b"seri\0\0\0\0sums", &[count], &segments, packet].concat()
}

fn ogg(head: &[u8], comments: &[u8], last: u64) -> Vec<u8> {
    [page(2, 0, head), page(0, 0, comments), page(4, last, b"audio")].concat()
}

fn opus() -> Vec<u8> {
    ogg(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0", &[b"OpusTags", &comments()[..]].concat(), 96_312)
}

fn vorbis() -> Vec<u8> {
    let head = [&b"\x01vorbis\0\0\0\0\x01"[..], &22_050_u32.to_le_bytes(), &[0; 14]].concat();
    ogg(&head, &[b"\x03vorbis", &comments()[..], b"\x01"].concat(), 44_100)
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    [name, &u32::try_from(data.len()).unwrap().to_le_bytes()[..], data, &[0; 1][..data.len() % 2]].concat()
}

fn riff(form: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[form, &chunks.concat()].concat())
}

fn wav() -> Vec<u8> {
    let format = b"\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0";
    let info = [&b"INFO"[..], &chunk(b"INAM", b"A song\0")].concat();
    riff(b"WAVE", &[chunk(b"fmt ", format), chunk(b"LIST", &info), chunk(b"data", &vec![0; 17_640])])
}

fn avi() -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let header = chunk(b"avih", &words(&[40_000, 0, 0, 0, 50, 0, 2, 0, 320, 240]));
    let picture =
        [chunk(b"strh", b"vidsXVID"), chunk(b"strf", b"\x28\0\0\0\x40\x01\0\0\xf0\0\0\0\x01\0\x18\0XVID")].concat();
    let streams = chunk(b"LIST", &[&b"strl"[..], &picture].concat());
    riff(b"AVI ", &[chunk(b"LIST", &[&b"hdrl"[..], &header, &streams].concat()), chunk(b"LIST", b"moviframes")])
}

fn aiff() -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        [name, &u32::try_from(data.len()).unwrap().to_be_bytes()[..], data, &[0; 1][..data.len() % 2]].concat()
    };
    // 44,100 as an 80-bit float.
    let common = b"\0\x02\0\0\x56\x22\0\x10\x40\x0e\xac\x44\0\0\0\0\0\0";
    chunk(b"FORM", &[&b"AIFF"[..], &chunk(b"COMM", common), &chunk(b"NAME", b"A song")].concat())
}

/// With a title and a number.
fn mp4() -> Vec<u8> {
    let title = boxed(b"\xa9nam", &boxed(b"data", b"\0\0\0\x01\0\0\0\0A video"));
    let number = boxed(b"trkn", &boxed(b"data", b"\0\0\0\0\0\0\0\0\0\0\0\x03\0\x0c\0\0"));
    video(&boxed(b"meta", &[&[0; 4][..], &boxed(b"ilst", &[title, number].concat())].concat()))
}

fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    [id, &[0x40 | u8::try_from(content.len() >> 8).unwrap(), u8::try_from(content.len() & 0xff).unwrap()], content]
        .concat()
}

fn matroska(segment: &[u8]) -> Vec<u8> {
    [element(b"\x1a\x45\xdf\xa3", b"\x42\x82\x84webm"), segment.to_vec()].concat()
}

fn matroska_parts() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let duration = element(b"\x44\x89", &2500.0_f64.to_be_bytes());
    let info = element(b"\x15\x49\xa9\x66", &[duration, element(b"\x7b\xa9", b"A video")].concat());
    let picture = element(b"\xe0", &[element(b"\xb0", &[2, 0x80]), element(b"\xba", &[1, 0x68])].concat());
    let audio = element(b"\xe1", &[element(b"\xb5", &48_000.0_f32.to_be_bytes()), element(b"\x9f", &[2])].concat());
    let tracks = [
        element(b"\xae", &[element(b"\x86", b"V_VP9"), picture].concat()),
        element(b"\xae", &[element(b"\x86", b"A_OPUS"), audio].concat()),
    ];
    let cluster = element(b"\x1f\x43\xb6\x75", &element(b"\xa3", b"frames"));
    (info, cluster, element(b"\x16\x54\xae\x6b", &tracks.concat()))
}

fn webm() -> Vec<u8> {
    let (info, cluster, tracks) = matroska_parts();
    matroska(&element(b"\x18\x53\x80\x67", &[info, cluster, tracks].concat()))
}

fn wma() -> Vec<u8> {
    let object = |id: &[u8; 16], content: &[u8]| [id, &(content.len() as u64 + 24).to_le_bytes()[..], content].concat();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    // 5 s to play, of which 3 are loaded before.
    let times = [&[0; 40][..], &50_000_000_u64.to_le_bytes(), &[0; 8], &3000_u64.to_le_bytes()].concat();
    let audio = [&super::asf::AUDIO[..], &[0; 38], b"\x61\x01\x02\0\x44\xac\0\0\x80\x3e\0\0\0\0\0\0"].concat();
    let title = wide("A song");
    let texts = [&[u8::try_from(title.len()).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &title].concat();
    let objects = [
        object(&super::asf::FILE_PROPERTIES, &times),
        object(&super::asf::STREAM_PROPERTIES, &audio),
        object(&super::asf::CONTENT_DESCRIPTION, &texts),
    ];
    let content = [&3_u32.to_le_bytes()[..], &[1, 2], &objects.concat()].concat();
    object(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", &content)
}

fn midi() -> Vec<u8> {
    // 480 ticks a quarter; one quarter at 120 a minute, then tempo 60 for two, and a note by running status.
    let track = b"\0\x90\x3c\x40\x83\x60\xff\x51\x03\x0f\x42\x40\x83\x60\x3c\x00\x83\x60\x80\x3c\0\0\xff\x2f\0";
    let len = u32::try_from(track.len()).unwrap().to_be_bytes();
    [b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk", &len[..], track].concat()
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("mp3", mp3(10)),
        ("mp3 with a header", xing(100, [0x24, 0x03, 0x21])),
        ("aac", [&[0xff, 0xf1, 0x50, 0x80, 0x04, 0x1f, 0xfc][..], &[0; 25]].concat().repeat(10)),
        ("ac3", [&[0x0b, 0x77, 0, 0, 0x00, 0x40, 0x40, 0][..], &[0; 120]].concat().repeat(10)),
        ("eac3", [&[0x0b, 0x77, 0, 0x3f, 0x34, 0x80, 0, 0][..], &[0; 120]].concat().repeat(10)),
        ("flac", flac()),
        ("opus", opus()),
        ("vorbis", vorbis()),
        ("wav", wav()),
        ("avi", avi()),
        ("aiff", aiff()),
        ("mp4", mp4()),
        ("webm", webm()),
        ("wma", wma()),
        ("midi", midi()),
        ("amr", [&b"#!AMR\n"[..], &[0x3c; 32].repeat(50)].concat()),
        // 64,000 bit/s, 44,100 Hz, one pair of channels in front.
        ("adif", [&b"ADIF\x00\x1f\x40\x00\x00\x00\x00\x20\x80\x00\x04\x00"[..], &[0; 7984]].concat()),
    ]
}

#[test]
fn what_is_missing_is_a_missing_field() {
    // Tags without audio after them, and a movie of no tracks.
    let (metadata, failure) = read(&[id3(3, 0, &id3_frame(b"TIT2", b"\0A song")), vec![0; 64]].concat());
    assert_eq!((metadata.title.as_deref(), metadata.duration, failure), (Some("A song"), None, None));
    assert_eq!(metadata.is_partial, Some(true));
    // Nothing at all.
    assert_eq!(read(b"fLaC").1.map(|failure| failure.code), Some(ErrorCode::Malformed));
}

#[test]
fn genres_have_the_names_of_the_standard() {
    // ID3v2.3, appendix A: first, last and one in between.
    for (number, name) in [(0, Some("Blues")), (37, Some("Sound Clip")), (79, Some("Hard Rock")), (80, None)] {
        assert_eq!(super::id3::genre(number).as_deref(), name, "{number}");
    }
}

#[test]
fn what_is_played_how_long_and_how() {
    let expected = [
        ("mp3", Some(0.261), Some("mp3"), Some(44_100), Some(2)),
        // 576 samples before and 801 after are the encoder's.
        ("mp3 with a header", Some(2.581), Some("mp3"), Some(44_100), Some(2)),
        ("aac", Some(0.232), Some("aac"), Some(44_100), Some(2)),
        ("ac3", Some(0.32), Some("ac3"), Some(48_000), Some(2)),
        ("eac3", Some(0.32), Some("eac3"), Some(48_000), Some(2)),
        ("flac", Some(2.0), Some("flac"), Some(44_100), Some(2)),
        ("opus", Some(2.0), Some("opus"), Some(48_000), Some(2)),
        ("vorbis", Some(2.0), Some("vorbis"), Some(22_050), Some(1)),
        ("wav", Some(0.1), Some("pcm"), Some(44_100), Some(2)),
        ("avi", Some(2.0), Some("mpeg4"), None, None),
        ("aiff", Some(0.5), Some("pcm"), Some(44_100), Some(2)),
        ("mp4", Some(2.5), Some("h264, aac"), Some(48_000), Some(2)),
        ("webm", Some(2.5), Some("vp9, opus"), Some(48_000), Some(2)),
        ("wma", Some(2.0), Some("wma"), Some(44_100), Some(2)),
        ("midi", Some(2.5), Some("midi"), None, None),
        ("amr", Some(1.0), Some("amr"), Some(8_000), Some(1)),
        ("adif", Some(1.0), Some("aac"), Some(44_100), Some(2)),
    ];
    for ((name, bytes), (same_name, duration, codec, rate, channels)) in samples().into_iter().zip(expected) {
        assert_eq!(name, same_name);
        let (metadata, failure) = read(&bytes);
        assert_eq!((failure, metadata.is_partial), (None, None), "{name}");
        assert_eq!(summary(&metadata), (duration, codec, rate, channels), "{name}");
    }
    for (name, size) in [("mp4", (640, 360)), ("webm", (640, 360)), ("avi", (320, 240))] {
        let bytes = samples().into_iter().find(|(sample, _)| *sample == name).unwrap().1;
        let metadata = read(&bytes).0;
        assert_eq!(metadata.width.zip(metadata.height), Some(size), "{name}");
    }
    assert_eq!(read(&mp3(1000)).0.bit_rate, Some(128));
}

#[test]
fn titles_and_numbers_from_every_kind_of_tag() {
    let text = |text: &str| [&[3], text.as_bytes()].concat();
    let utf_16 =
        [&[1, 0xff, 0xfe][..], &"Ä song".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
    let frames = [id3_frame(b"TIT2", &text("A song")), id3_frame(b"TCON", &text("(17)"))].concat();
    let short_names = b"TT2\0\0\x07\0A song";
    let apart = b"TIT2\0\0\0\x08\0\0\0\xff\0A song";
    let ape_item = |name: &str, value: &str| {
        [&u32::try_from(value.len()).unwrap().to_le_bytes()[..], &[0; 4], name.as_bytes(), b"\0", value.as_bytes()]
            .concat()
    };
    let items = [ape_item("Title", "A song"), ape_item("Track", "3/12")].concat();
    let footer_len = u32::try_from(items.len() + 32).unwrap().to_le_bytes();
    let ape = [&items[..], b"APETAGEX\xd0\x07\0\0", &footer_len, b"\x02\0\0\0", &[0; 12]].concat();
    let old = [&b"TAG"[..], b"A song", &[0; 24], &[0; 60], b"2004", &[0; 28], &[0, 3, 17]].concat();

    let cases = [
        ([id3(4, 0, &frames), mp3(5)].concat(), "A song", Some("Rock"), None),
        ([id3(3, 0, &id3_frame(b"TIT2", &utf_16)), mp3(5)].concat(), "Ä song", None, None),
        ([id3(2, 0, short_names), mp3(5)].concat(), "A song", None, None),
        // Unsynchronised (ID3v2.4, section 6.1): a zero was inserted after every 255.
        ([id3(3, 0x80, apart), mp3(5)].concat(), "ÿA song", None, None),
        // The mark of an extended header, and none.
        ([id3(4, 0x40, &frames), mp3(5)].concat(), "A song", Some("Rock"), None),
        ([mp3(5), ape.clone()].concat(), "A song", None, Some(3)),
        ([mp3(5), old.clone()].concat(), "A song", Some("Rock"), Some(3)),
        ([mp3(5), ape, old].concat(), "A song", Some("Rock"), Some(3)),
        (flac(), "A song", None, Some(3)),
        (opus(), "A song", None, Some(3)),
        (vorbis(), "A song", None, Some(3)),
        (wav(), "A song", None, None),
        (aiff(), "A song", None, None),
        (wma(), "A song", None, None),
        (mp4(), "A video", None, Some(3)),
        (webm(), "A video", None, None),
    ];
    for (index, (bytes, title, genre, track)) in cases.iter().enumerate() {
        let (metadata, failure) = read(bytes);
        assert_eq!(failure, None, "{index}");
        assert_eq!(metadata.title.as_deref(), Some(*title), "{index}");
        assert_eq!((metadata.genre.as_deref(), metadata.track_number), (*genre, *track), "{index}");
    }
    assert_eq!(read(&flac()).0.date_created.as_deref(), Some("2004-05-06"));
    assert_eq!(read(&mp4()).0.date_created.as_deref(), Some("2020-01-02T00:00:00.000Z"));
}

#[test]
fn damage_in_the_middle_is_stepped_over() {
    let damaged = [mp3(10), b"some bytes that are no frame \xff\xfb".to_vec(), mp3(10)].concat();
    assert_eq!(read(&damaged).0.duration, Some(0.522));
    // A comment block whose length is too short, as some programs write it.
    let mut short = flac();
    short[45] = 9;
    let (metadata, failure) = read(&short);
    assert_eq!((metadata.title.as_deref(), metadata.duration, failure), (Some("A song"), Some(2.0), None));
    // A cluster of a live recording has no length: what follows it is found all the same.
    let (info, _, tracks) = matroska_parts();
    let cluster = [&b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff"[..], &element(b"\xa3", b"frames")].concat();
    let live = matroska(&[&b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"[..], &info, &cluster, &tracks].concat());
    assert_eq!(read(&live).0.width, Some(640));
}

#[test]
fn absurd_numbers_are_left_out() {
    let mut long = flac();
    // 2^36 samples less one, at one hertz.
    long[18..26].copy_from_slice(&[0, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(read(&long).0.duration, None);
    let mut loud = wav();
    loud[22..24].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(read(&loud).0.channel_count, None);
}

#[test]
fn what_plays_nothing_is_malformed_or_unknown() {
    for bytes in [id3(3, 0, &[0; 100]), [&[0xff, 0xfb, 0x90, 0x00][..], &[0; 100]].concat(), boxed(b"ftyp", b"isom")] {
        assert_eq!(read(&bytes).1.map(|failure| failure.code), Some(ErrorCode::Malformed));
    }
    assert_eq!(read(b"something else"), (Metadata::default(), None));
}

#[test]
fn a_cut_or_mangled_recording_never_panics() {
    for (name, bytes) in samples() {
        let bytes = &bytes[..bytes.len().min(2000)];
        for len in 0..bytes.len() {
            read(&bytes[..len]);
        }
        for at in 0..bytes.len().min(600) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut mangled = bytes.to_vec();
                mangled[at] = value;
                let (metadata, _) = read(&mangled);
                assert!(metadata.duration.is_none_or(f64::is_finite), "{name} {at} {value}");
            }
        }
    }
}

/// Reads a recording of which only this number of bytes is there at either end.
fn read_ends(bytes: &[u8], keep: usize) -> (Metadata, Option<Failure>) {
    let mut metadata = Metadata::default();
    let tail_at = bytes.len() - keep;
    let view = View::of_head_and_tail(&bytes[..keep], &bytes[tail_at..], tail_at as u64);
    let failure = describe(Container::unopened(view), &mut metadata).err();
    (metadata, failure)
}

#[test]
fn what_stands_at_the_ends_is_found_without_the_middle() {
    let frames = vec![0; 100_000];
    let mp4 = mp4();
    // The media's box is the second; it says how long it is.
    let media = boxed(b"mdat", &frames);
    let mp4 = [&mp4[..20], &media[..], &mp4[34..]].concat();
    let (info, _, tracks) = matroska_parts();
    let cluster = [&b"\x1f\x43\xb6\x75\x21\x86\xa0"[..], &frames].concat();
    let tag = element(b"\x67\xc8", &[element(b"\x45\xa3", b"ALBUM"), element(b"\x44\x87", b"An album")].concat());
    let tags = element(b"\x12\x54\xc3\x67", &element(b"\x73\x73", &tag));
    let contents = |at: u32| {
        let place = [element(b"\x53\xab", b"\x12\x54\xc3\x67"), element(b"\x53\xac", &at.to_be_bytes())].concat();
        element(b"\x11\x4d\x9b\x74", &element(b"\x4d\xbb", &place))
    };
    let before_tags = [contents(0), info.clone(), tracks.clone(), cluster.clone(), cluster.clone()].concat().len();
    let parts = [contents(u32::try_from(before_tags).unwrap()), info, tracks, cluster.clone(), cluster, tags].concat();
    let mkv = matroska(&[&b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"[..], &parts].concat());
    let mut wav = wav();
    wav.splice(wav.len() - 17_640..wav.len(), vec![0; 176_400]);
    let data = wav.len() - 176_400 - 4;
    wav[data..data + 4].copy_from_slice(&176_400_u32.to_le_bytes());
    let riff = u32::try_from(wav.len() - 8).unwrap();
    wav[4..8].copy_from_slice(&riff.to_le_bytes());
    let pages = (1..=100).map(|number| page(0, 960 * number, &[0; 800])).collect::<Vec<_>>().concat();
    let opus = [&opus()[..], &pages, &page(4, 96_312, b"audio")].concat();

    for (name, bytes, duration) in [
        ("mp4", &mp4, 2.5),
        ("mkv", &mkv, 2.5),
        ("wav", &wav, 1.0),
        ("opus", &opus, 2.0),
        ("flac", &flac_with(&frames), 2.0),
    ] {
        let (metadata, failure) = read_ends(bytes, 2000);
        assert_eq!((failure, metadata.is_partial), (None, None), "{name}");
        assert_eq!(metadata.duration, Some(duration), "{name}");
        assert_eq!(metadata, read(bytes).0, "{name}");
    }
    assert_eq!(read_ends(&mkv, 2000).0.album.as_deref(), Some("An album"));
}

fn flac_with(frames: &[u8]) -> Vec<u8> {
    [&flac()[..], frames].concat()
}

#[test]
fn frames_that_are_missing_are_estimated_and_the_record_says_so() {
    let tagged = [id3(3, 0, &id3_frame(b"TIT2", &[&[3][..], b"A song"].concat())), mp3(1000)].concat();
    for (name, bytes) in [
        ("mp3", tagged),
        ("ac3", [&[0x0b, 0x77, 0, 0, 0x00, 0x40, 0x40, 0][..], &[0; 120]].concat().repeat(1000)),
        ("amr", [&b"#!AMR\n"[..], &[0x3c; 32].repeat(5000)].concat()),
    ] {
        let (whole, (ends, failure)) = (read(&bytes).0, read_ends(&bytes, bytes.len() / 3));
        assert_eq!((failure, ends.is_partial), (None, Some(true)), "{name}");
        let (whole, estimate) = (whole.duration.unwrap(), ends.duration.unwrap());
        assert!((whole - estimate).abs() < whole / 100.0, "{name}: {estimate} instead of {whole}");
    }
}
