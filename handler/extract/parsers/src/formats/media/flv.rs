//! Flash video: the `onMetaData` in its first tag.

use handler_contract::Metadata;

use super::fields::add_codec;
use crate::input::View;

const SCRIPT: u8 = 18;

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    let at = u64::from(view.u32(5)?) + 4;
    add_codec(metadata, "flv");
    if view.u8(at)? != SCRIPT {
        return None;
    }
    let script = view.slice_up_to(at + 11, u64::from(view.u24(at + 1)?).min(64 * 1024));
    metadata.duration = number(script, b"duration").filter(|seconds| *seconds > 0.0);
    metadata.width = number(script, b"width").and_then(whole);
    metadata.height = number(script, b"height").and_then(whole);
    metadata.sample_rate = number(script, b"audiosamplerate").and_then(whole);
    Some(())
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
