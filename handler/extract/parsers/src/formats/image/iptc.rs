//! IPTC-IIM 4.2, as press photographs have it, and the resource blocks of Photoshop that carry it.

use handler_contract::Metadata;

use crate::formats::date::from_numbers;
use crate::formats::value::{clean, clean_bytes};
use crate::formats::xmp;
use crate::input::View;

/// Blocks and fields that are looked at. Honest files have some dozen.
const MOST: usize = 1024;

/// Reads the resource blocks of Photoshop (Adobe Photoshop File Formats Specification, "Image Resource Blocks"), which
/// JPEG, TIFF and PSD have. `read_exif` reads the Exif data that may be among them.
pub(super) fn read_resources(blocks: View, metadata: &mut Metadata, read_exif: impl Fn(&[u8], &mut Metadata)) {
    let view = blocks.as_big_endian();
    let mut at = 0;
    for _ in 0..MOST {
        if !view.has(at, b"8BIM") {
            return;
        }
        let (Some(id), Some(name)) = (view.u16(at + 4), view.u8(at + 6)) else { return };
        // The name's length and the name are together an even number of bytes, and so is the content.
        let content = at + 6 + (u64::from(name) + 1).next_multiple_of(2);
        let Some(len) = view.u32(content).map(u64::from) else { return };
        let data = view.slice_up_to(content + 4, len);
        match id {
            0x0404 => read(data, metadata),
            0x0422 => read_exif(data, metadata),
            0x0424 => xmp::fill_picture(xmp::read(data), metadata),
            _ => {}
        }
        at = content + 4 + len + (len & 1);
    }
}

/// Reads the fields of record 2, where nothing is known from elsewhere.
pub(super) fn read(fields: &[u8], metadata: &mut Metadata) {
    let view = View::big_endian(fields);
    let mut at = 0;
    let mut keywords: Option<String> = None;
    let (mut date, mut time) = (None, None);
    for _ in 0..MOST {
        let (Some(0x1c), Some(record), Some(number), Some(len)) =
            (view.u8(at), view.u8(at + 1), view.u8(at + 2), view.u16(at + 3))
        else {
            break;
        };
        // Longer fields have the length of their length here, and are pictures.
        if len & 0x8000 != 0 {
            break;
        }
        let value = view.slice_up_to(at + 5, len.into());
        at += 5 + u64::from(len);
        if record != 2 {
            continue;
        }
        let field = match number {
            5 => &mut metadata.title,
            80 => &mut metadata.author,
            120 => &mut metadata.description,
            25 => {
                if let Some(word) = clean_bytes(value) {
                    keywords = clean(&keywords.map_or(word.clone(), |before| format!("{before}, {word}")));
                }
                continue;
            }
            55 => {
                date = str::from_utf8(value).ok();
                continue;
            }
            60 => {
                time = str::from_utf8(value).ok();
                continue;
            }
            _ => continue,
        };
        if field.is_none() {
            *field = clean_bytes(value);
        }
    }
    metadata.keywords = metadata.keywords.take().or(keywords);
    if metadata.date_created.is_none()
        && let Some(date) = date
    {
        let with_time = time.and_then(|time| from_numbers(&format!("{date}T{time}")));
        metadata.date_created = with_time.or_else(|| from_numbers(date));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A field of record 2.
    pub(in super::super) fn field(number: u8, text: &str) -> Vec<u8> {
        let len = u16::try_from(text.len()).unwrap();
        [&[0x1c, 2, number], &len.to_be_bytes()[..], text.as_bytes()].concat()
    }

    /// A resource block.
    pub(in super::super) fn resource(id: u16, name: &str, data: &[u8]) -> Vec<u8> {
        let name_len = u8::try_from(name.len()).unwrap();
        let mut block = [b"8BIM", &id.to_be_bytes()[..], &[name_len], name.as_bytes()].concat();
        block.resize(block.len().next_multiple_of(2), 0);
        block.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        block.extend(data);
        block.resize(block.len().next_multiple_of(2), 0);
        block
    }

    #[test]
    fn fields_in_blocks_with_names_of_any_length() {
        let fields = [
            [0x1c, 1, 90, 0, 3, 0x1b, b'%', b'G'].to_vec(),
            field(5, "Größe"),
            field(80, "Ann"),
            field(80, "Bob"),
            field(25, "one"),
            field(25, "two"),
            field(55, "20260102"),
            field(60, "030405+0100"),
            field(120, "A caption"),
        ]
        .concat();
        for name in ["", "a", "ab"] {
            let blocks = [resource(0x03ed, name, b"odd"), resource(0x0404, name, &fields)].concat();
            let mut metadata = Metadata::default();
            read_resources(View::big_endian(&blocks), &mut metadata, |_, _| {});
            assert_eq!((metadata.title.as_deref(), metadata.author.as_deref()), (Some("Größe"), Some("Ann")), "{name}");
            assert_eq!(metadata.description.as_deref(), Some("A caption"), "{name}");
            assert_eq!(metadata.keywords.as_deref(), Some("one, two"), "{name}");
            assert_eq!(metadata.date_created.as_deref(), Some("2026-01-02T02:04:05Z"), "{name}");
        }
        let mut metadata = Metadata { title: Some("Known".to_owned()), ..Metadata::default() };
        read(&[field(5, "Other"), field(55, "20260231")].concat(), &mut metadata);
        assert_eq!((metadata.title.as_deref(), metadata.date_created), (Some("Known"), None));
    }

    #[test]
    fn what_is_cut_or_lies_is_left_out() {
        let blocks = resource(0x0404, "", &field(5, "A title"));
        for at in 0..blocks.len() {
            read_resources(View::big_endian(&blocks[..at]), &mut Metadata::default(), |_, _| {});
        }
        let mut metadata = Metadata::default();
        read(&[0x1c, 2, 5, 0x80, 4, 0xff, 0xff, 0xff, 0xff], &mut metadata);
        assert_eq!(metadata, Metadata::default());
    }
}
