//! Which format an ISO base media file is, by the brands that it names (ISO 14496-12, section 4.3).
//!
//! The first brand is the one that the file was made for; the others are what else can read it. A picture's first brand
//! is often one of the family as a whole, so that its others decide.

use super::signatures::MP4;

/// Brands and the types of their files.
const BRANDS: &[(&[u8], &str)] = &[
    (b"avif", "image/avif"),
    // The media type is one for pictures and sequences (AV1 Image File Format, section 10).
    (b"avis", "image/avif"),
    (b"heic", "image/heic"),
    (b"heix", "image/heic"),
    (b"hevc", "image/heic-sequence"),
    (b"hevx", "image/heic-sequence"),
    (b"heim", "image/heif"),
    (b"heis", "image/heif"),
    (b"avic", "image/heif"),
    (b"hevm", "image/heif-sequence"),
    (b"hevs", "image/heif-sequence"),
    (b"avcs", "image/heif-sequence"),
    (b"crx ", "image/x-canon-cr3"),
    (b"M4A ", "audio/x-m4a"),
    (b"M4B ", "audio/mp4"),
    (b"M4P ", "audio/mp4"),
    (b"F4A ", "audio/mp4"),
    (b"F4B ", "audio/mp4"),
    (b"M4V ", "video/x-m4v"),
    (b"M4VH", "video/x-m4v"),
    (b"M4VP", "video/x-m4v"),
    (b"F4V ", "video/mp4"),
    (b"F4P ", "video/mp4"),
    (b"qt  ", "video/quicktime"),
    (b"mqt ", "video/quicktime"),
    (b"KDDI", "video/3gpp2"),
];

/// Brands of whole families, with the type of their files where no other brand says more.
const FAMILIES: &[(&[u8], &str)] =
    &[(b"mif1", "image/heif"), (b"msf1", "image/heif-sequence"), (b"miaf", "image/heif")];

/// The type by the brands; [`MP4`] if the tracks decide.
pub(super) fn media_type(head: &[u8]) -> &'static str {
    let len = head.get(..4).map_or(0, |len| u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize);
    let (Some(major), compatible) = (head.get(8..12), head.get(16..len.min(head.len())).unwrap_or_default()) else {
        return MP4;
    };
    let find = |brands: &[(&'static [u8], &'static str)], brand: &[u8]| {
        brands.iter().find(|(known, _)| *known == brand).map(|(_, file_type)| *file_type)
    };
    let also = |brand: &[u8]| compatible.chunks_exact(4).any(|other| other == brand);
    if let Some(file_type) = find(FAMILIES, major) {
        if also(b"avif") || also(b"avis") {
            return "image/avif";
        }
        let is_sequence = major == b"msf1";
        let others = compatible.chunks_exact(4).filter_map(|brand| find(BRANDS, brand));
        let mut pictures =
            others.filter(|other| other.starts_with("image/hei") && other.ends_with("-sequence") == is_sequence);
        return pictures.next().unwrap_or(file_type);
    }
    match major {
        [b'3', b'g', b'2', _] => "video/3gpp2",
        [b'3', b'g', _, _] => "video/3gpp",
        _ => find(BRANDS, major).unwrap_or(MP4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_brands() {
        let rows: &[(&str, &[&str], &str)] = &[
            ("avif", &["mif1", "miaf"], "image/avif"),
            ("avis", &["avif", "msf1", "iso8"], "image/avif"),
            ("mif1", &["avif", "miaf"], "image/avif"),
            ("miaf", &["mif1", "avif"], "image/avif"),
            ("msf1", &["avis", "iso8"], "image/avif"),
            ("mif1", &["heic", "miaf"], "image/heic"),
            ("mif1", &["mif1", "heix", "hevc"], "image/heic"),
            ("msf1", &["hevc", "mif1", "heic"], "image/heic-sequence"),
            ("heic", &["mif1", "heic"], "image/heic"),
            ("hevc", &["msf1"], "image/heic-sequence"),
            ("mif1", &["mif1"], "image/heif"),
            ("crx ", &["crx ", "isom"], "image/x-canon-cr3"),
            ("qt  ", &["qt  "], "video/quicktime"),
            ("M4A ", &["mp42", "isom"], "audio/x-m4a"),
            ("3gp5", &["isom"], "video/3gpp"),
            ("3g2a", &["isom"], "video/3gpp2"),
            ("isom", &["iso2", "avc1", "mp41"], MP4),
            // A video that a reader of pictures could open is still a video.
            ("isom", &["avif", "heic"], MP4),
            ("hvc1", &["hvc1"], MP4),
        ];
        for (major, compatible, file_type) in rows {
            let len = u32::try_from(16 + 4 * compatible.len()).unwrap().to_be_bytes();
            let brands = compatible.concat();
            let bytes = [&len[..], b"ftyp", major.as_bytes(), &[0; 4], brands.as_bytes(), b"\0\0\0\x08avif"].concat();
            assert_eq!(media_type(&bytes), *file_type, "{major} {compatible:?}");
        }
    }
}
