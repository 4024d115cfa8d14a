//! Texts for the tests of readers that take a text in pieces.

use proptest::prelude::*;

/// Texts of fewer than `most` parts, each with a place to cut it in two.
pub(super) fn texts(most: usize, parts: &[&'static str]) -> impl Strategy<Value = (String, usize)> + use<> {
    let texts = prop::collection::vec(prop::sample::select(parts.to_vec()), 0..most);
    (texts, any::<prop::sample::Index>()).prop_map(|(parts, cut)| {
        let text = parts.concat();
        let at = text.floor_char_boundary(cut.index(text.len() + 1));
        (text, at)
    })
}
