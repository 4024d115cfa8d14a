//! `PostScript`: the comments by which a page describes itself (Adobe's Document Structuring Conventions, version 3).

use handler_contract::Metadata;

use super::fields::LONGEST_SIDE;
use crate::formats::value::{clean_bytes, declared_count};
use crate::input::View;

/// Reads the comments in the head. The size is that of the bounding box, at 72 dots an inch.
pub(super) fn describe(head: &[u8], metadata: &mut Metadata) {
    let view = View::little_endian(head);
    // A file with a preview for old programs says where the page starts.
    let from = if view.has(0, b"\xc5\xd0\xd3\xc6") { view.u32(4).unwrap_or(0) } else { 0 };
    let page = view.from(from.into()).map(View::bytes).unwrap_or_default();
    for line in page.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some((name, value)) = line.iter().position(|byte| *byte == b':').map(|at| line.split_at(at)) else {
            continue;
        };
        let value = &value[1..];
        match name {
            b"%%BoundingBox" if metadata.width.is_none() => {
                (metadata.width, metadata.height) = size(value).unzip();
            }
            // A picture wrapped in a page says how large it is itself.
            b"%ImageData" => {
                if let Some((width, height)) = image_size(value) {
                    (metadata.width, metadata.height) = (Some(width), Some(height));
                }
            }
            b"%%Title" => metadata.title = text(value),
            b"%%Creator" => metadata.creator_tool = text(value),
            b"%%For" => metadata.author = text(value),
            b"%%Pages" => metadata.page_count = clean_bytes(value).as_deref().and_then(declared_count),
            _ => {}
        }
    }
}

/// The corners, the lower left first. What is to follow at the end is not looked for.
fn size(value: &[u8]) -> Option<(u64, u64)> {
    let text = clean_bytes(value)?;
    let corners: Result<Vec<i32>, _> = text.split(' ').map(str::parse).collect();
    let [left, bottom, right, top] = corners.ok()?[..] else { return None };
    let side = |from: i32, to: i32| {
        u64::try_from(i64::from(to) - i64::from(from)).ok().filter(|side| (1..=LONGEST_SIDE).contains(side))
    };
    side(left, right).zip(side(bottom, top))
}

/// Columns and rows come first.
fn image_size(value: &[u8]) -> Option<(u64, u64)> {
    let text = clean_bytes(value)?;
    let mut numbers =
        text.split(' ').map(|number| number.parse().ok().filter(|side| (1..=LONGEST_SIDE).contains(side)));
    numbers.next()?.zip(numbers.next()?)
}

/// A text may be in parentheses.
fn text(value: &[u8]) -> Option<String> {
    let text = clean_bytes(value)?;
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.map(str::to_owned).or(Some(text.clone())).filter(|text| !text.is_empty())
}
