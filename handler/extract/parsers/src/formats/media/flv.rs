//! Flash video: the `onMetaData` in its first tag.

use handler_contract::Metadata;

use super::fields::{add_codec, seconds};
use crate::input::View;

const SCRIPT: u8 = 18;

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    let at = u64::from(view.u32(5)?) + 4;
    add_codec(metadata, "flv");
    let (last_time, is_whole) = walk(view, at);
    metadata.duration = seconds(last_time, 1000);
    if view.u8(at)? != SCRIPT {
        return is_whole.then_some(());
    }
    let script = view.slice_up_to(at + 11, u64::from(view.u24(at + 1)?).min(64 * 1024));
    metadata.duration = number(script, b"duration").filter(|seconds| *seconds > 0.0).or(metadata.duration);
    metadata.width = number(script, b"width").and_then(whole);
    metadata.height = number(script, b"height").and_then(whole);
    metadata.sample_rate = number(script, b"audiosamplerate").and_then(whole);
    is_whole.then_some(())
}

/// The time of the last tag, in milliseconds, and whether all tags are there to their ends.
fn walk(view: View, mut at: u64) -> (u64, bool) {
    let mut last = 0;
    while let (Some(len), Some(low), Some(high)) = (view.u24(at + 1), view.u24(at + 4), view.u8(at + 7)) {
        last = last.max(u64::from(high) << 24 | u64::from(low));
        // A header, the tag, and its length once more.
        at += 11 + u64::from(len) + 4;
        if view.behind_gap(at).is_some() {
            // Of a file whose middle is missing, the last four bytes lead to the last tag.
            let end = view.len().saturating_sub(4);
            let tag = view.u32(end).and_then(|len| end.checked_sub(len.into())).unwrap_or(end);
            let time = view.u24(tag + 4).zip(view.u8(tag + 7));
            return (time.map_or(last, |(low, high)| u64::from(high) << 24 | u64::from(low)), true);
        }
    }
    (last, at == view.len())
}

/// A number of AMF: its name, led by a length of two bytes, then a zero for its kind, then a float.
fn number(script: &[u8], name: &[u8]) -> Option<f64> {
    let from = script
        .windows(name.len() + 2)
        .position(|window| window[0] == 0 && usize::from(window[1]) == name.len() && &window[2..] == name)?;
    let view = View::big_endian(script);
    let at = (from + name.len() + 2) as u64;
    (view.u8(at)? == 0).then(|| view.u64(at + 1).map(f64::from_bits))?
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and within bounds")]
    (1.0..1e9).contains(&number).then_some(number.round() as u64)
}
