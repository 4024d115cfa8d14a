//! What the readers of audio and video write down in the same way.

use handler_contract::Metadata;

use crate::formats::value::declared_count;
use crate::input::View;

/// How long `units` last, at `per_second` of them.
pub(super) fn seconds(units: u64, per_second: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is less than a millisecond")]
    (per_second > 0).then(|| units as f64 / per_second as f64)
}

/// Of a file whose middle is missing, frames were counted from `start` up to `at`: what is missing is taken to play at
/// their mean rate. `None` if so, as the playing time is an estimate then.
pub(super) fn at_mean_rate(file: View, start: u64, at: u64, metadata: &mut Metadata) -> Option<()> {
    if file.behind_gap(at).is_none() {
        return Some(());
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let ratio = (file.len() - start) as f64 / (at - start).max(1) as f64;
    metadata.duration = metadata.duration.map(|seconds| seconds * ratio);
    None
}

pub(super) fn set_audio(metadata: &mut Metadata, codec: &str, sample_rate: impl Into<u64>, channels: impl Into<u64>) {
    add_codec(metadata, codec);
    metadata.sample_rate.get_or_insert(sample_rate.into());
    metadata.channel_count.get_or_insert(channels.into());
}

/// Adds a coding to those that a file uses.
pub(super) fn add_codec(metadata: &mut Metadata, codec: &str) {
    match &mut metadata.codec {
        _ if codec.is_empty() => {}
        Some(codecs) if codecs.split(", ").any(|known| known == codec) || codecs.len() > 64 => {}
        Some(codecs) => {
            codecs.push_str(", ");
            codecs.push_str(codec);
        }
        None => metadata.codec = Some(codec.to_owned()),
    }
}

/// The number of a track, which may be written as `3/12`.
pub(super) fn track_number(text: &str) -> Option<u64> {
    declared_count(text.split('/').next()?)
}
