//! Raw pictures that are TIFF files: the maker and fields that only its cameras write prove which.

use crate::input::View;

const COMPRESSION: u16 = 0x0103;
const MAKE: u16 = 0x010f;
const NEW_SUBFILE_TYPE: u16 = 0x00fe;
const SUB_IFDS: u16 = 0x014a;
/// Sony's private directory. Adobe has private data of DNG under the same number.
const SONY_PRIVATE: u16 = 0xc634;
const DNG_VERSION: u16 = 0xc612;
/// Sony's own compression.
const ARW: u16 = 32_767;
/// A picture's directory has some dozen fields.
const MOST_FIELDS: u64 = 512;

/// The type of a TIFF by its first directory, as far as the head has it.
pub(super) fn media_type(head: &[u8]) -> &'static str {
    let view = if head.starts_with(b"II") { View::little_endian(head) } else { View::big_endian(head) };
    if view.has(8, b"CR\x02\0") {
        return "image/x-canon-cr2";
    }
    raw(view).unwrap_or(super::signatures::TIFF)
}

fn raw(view: View) -> Option<&'static str> {
    let directory = u64::from(view.u32(4).filter(|_| view.u16(2) == Some(42))?);
    let (mut maker, mut is_reduced, mut has_others, mut is_arw) = (&[][..], false, false, false);
    for field in 0..u64::from(view.u16(directory)?).min(MOST_FIELDS) {
        let at = directory + 2 + 12 * field;
        let (Some(tag), Some(count)) = (view.u16(at), view.u32(at + 4)) else { break };
        match tag {
            DNG_VERSION => return Some("image/x-adobe-dng"),
            NEW_SUBFILE_TYPE => is_reduced = view.u32(at + 8).is_some_and(|kind| kind & 1 == 1),
            SUB_IFDS => has_others = true,
            SONY_PRIVATE => is_arw = true,
            COMPRESSION => is_arw |= view.u16(at + 8) == Some(ARW),
            MAKE => {
                let from = if count > 4 { view.u32(at + 8).map_or(at, u64::from) } else { at + 8 };
                maker = view.slice_up_to(from, u64::from(count).min(64));
            }
            _ => {}
        }
    }
    let is_by = |name: &[u8]| maker.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    // The first picture of a raw file is a small one for looking through, beside the one that the sensor saw.
    let has_preview = is_reduced && has_others;
    if is_by(b"SONY") && (is_arw || has_preview) {
        Some("image/x-sony-arw")
    } else if is_by(b"NIKON") && has_preview {
        Some("image/x-nikon-nef")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiff(little_endian: bool, fields: &[(u16, u16, u32)], maker: &[u8]) -> Vec<u8> {
        let short = |value: u16| if little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let count = fields.len() + usize::from(!maker.is_empty());
        let mut bytes = if little_endian { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend([&short(42)[..], &long(8), &short(u16::try_from(count).unwrap())].concat());
        for (tag, kind, value) in fields {
            bytes.extend([&short(*tag)[..], &short(*kind), &long(1)].concat());
            bytes.extend(if *kind == 3 {
                [short(u16::try_from(*value).unwrap()), [0; 2]].concat()
            } else {
                long(*value).to_vec()
            });
        }
        if !maker.is_empty() {
            let (len, at) = (u32::try_from(maker.len()).unwrap(), u32::try_from(bytes.len() + 16).unwrap());
            bytes.extend([&short(MAKE)[..], &short(2), &long(len), &long(at)].concat());
        }
        [&bytes[..], &[0; 4], maker].concat()
    }

    #[test]
    fn raw_pictures_are_proven_by_maker_and_fields() {
        let preview = [(NEW_SUBFILE_TYPE, 4, 1), (SUB_IFDS, 4, 99)];
        let rows: &[(Vec<u8>, &str)] = &[
            (tiff(true, &[(NEW_SUBFILE_TYPE, 4, 1), (0x0100, 3, 64)], b""), "image/tiff"),
            (tiff(true, &[(NEW_SUBFILE_TYPE, 4, 1), (0x0100, 3, 64)], b"SONY\0"), "image/tiff"),
            (tiff(true, &preview, b""), "image/tiff"),
            (tiff(true, &preview, b"EPSON\0"), "image/tiff"),
            (tiff(true, &preview, b"SONY\0"), "image/x-sony-arw"),
            (tiff(true, &[(COMPRESSION, 3, ARW.into())], b"SONY\0"), "image/x-sony-arw"),
            (tiff(false, &preview, b"NIKON CORPORATION\0"), "image/x-nikon-nef"),
            (tiff(false, &[(0x0100, 3, 64)], b"NIKON CORPORATION\0"), "image/tiff"),
            (tiff(true, &[&preview[..], &[(DNG_VERSION, 4, 1)]].concat(), b"SONY\0"), "image/x-adobe-dng"),
            (tiff(true, &[&preview[..], &[(DNG_VERSION, 4, 1)]].concat(), b"NIKON\0"), "image/x-adobe-dng"),
            (b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0".to_vec(), "image/x-canon-cr2"),
            (b"II*\0\xff\xff\xff\xff".to_vec(), "image/tiff"),
            (b"II+\0\x08\0\0\0".to_vec(), "image/tiff"),
        ];
        for (bytes, file_type) in rows {
            assert_eq!(media_type(bytes), *file_type, "{}", bytes.escape_ascii());
            for len in 4..bytes.len() {
                media_type(&bytes[..len]);
            }
        }
    }
}
