//! An MP4 video, box by box. Also used by the unit tests of its reader in `handler-parsers`.

/// A box.
///
/// # Panics
/// When the content does not fit into one.
pub(crate) fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len() + 8).expect("a small box");
    [&len.to_be_bytes()[..], name, content].concat()
}

/// A video with audio: 640 × 360, two seconds and a half, of 2020-01-02; the movie after the media, as cameras write
/// it. `user` is its user data.
pub(crate) fn video(user: &[u8]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let track = |handler: &[u8], entry: &[u8]| {
        let description = boxed(b"stsd", &[&words(&[0, 1])[..], entry].concat());
        let media = [
            boxed(b"mdhd", &words(&[0, 0, 0, 1000, 2000, 0])),
            boxed(b"hdlr", &[&words(&[0, 0])[..], handler, &[0; 12]].concat()),
            boxed(b"minf", &boxed(b"stbl", &description)),
        ];
        // Not turned: ones on the diagonal, of which the last has its point two bits before the end.
        let matrix = words(&[1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30]);
        let header = boxed(b"tkhd", &[&[0; 40][..], &matrix, &words(&[640 << 16, 360 << 16])].concat());
        boxed(b"trak", &[header, boxed(b"mdia", &media.concat())].concat())
    };
    let picture = boxed(b"avc1", &[&[0; 24][..], &words(&[(640 << 16) + 360]), &[0; 50]].concat());
    let audio = boxed(b"mp4a", &[&[0; 16][..], b"\0\x02\0\x10\0\0\0\0", &words(&[48_000 << 16])].concat());
    // Days are counted from 1904.
    let header = boxed(b"mvhd", &words(&[0, 3_660_768_000, 0, 1000, 2500, 0]));
    let tracks = [track(b"vide", &picture), track(b"soun", &audio)].concat();
    let movie = boxed(b"moov", &[header, tracks, boxed(b"udta", user)].concat());
    [boxed(b"ftyp", b"isom\0\0\0\0isom"), boxed(b"mdat", b"frames"), movie].concat()
}
