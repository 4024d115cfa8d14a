//! Where the header of an ISO base media file is (ISO 14496-12, section 8.2).

use crate::formats::boxes::Boxes;
use crate::input::View;

/// The outermost boxes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movie<'a> {
    /// The whole file.
    pub(crate) file: View<'a>,
    /// The content of the first `moov` box.
    pub(crate) header: Option<View<'a>>,
    /// Whether every box is there to its end.
    pub(crate) is_complete: bool,
}

impl<'a> Movie<'a> {
    /// Walks the outermost boxes.
    pub(crate) fn open(file: View<'a>) -> Self {
        let mut movie = Self { file: file.as_big_endian(), header: None, is_complete: true };
        for found in Boxes::of(file.as_big_endian()) {
            movie.is_complete &= found.is_whole;
            if found.name == *b"moov" && movie.header.is_none() {
                movie.header = Some(found.content);
            }
        }
        movie
    }
}
