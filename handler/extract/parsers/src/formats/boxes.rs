//! The boxes of the ISO base media file format (ISO 14496-12), which MP4, `QuickTime`, HEIF, JPEG 2000 and JPEG XL
//! share: a length, a name, a content that may be boxes again.

use crate::input::View;

/// A box: its name and where its content is, cut at the end of the box around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) content: View<'a>,
    /// Whether all of it is there.
    pub(crate) is_whole: bool,
}

/// The boxes that follow one another in a content. The next starts where the length of this one says; what leads
/// backwards or nowhere ends the walk.
pub(crate) struct Boxes<'a> {
    view: View<'a>,
    at: u64,
}

impl<'a> Boxes<'a> {
    pub(crate) fn of(content: View<'a>) -> Self {
        Self { view: content, at: 0 }
    }

    /// The first box of this name.
    pub(crate) fn find(content: View<'a>, name: [u8; 4]) -> Option<View<'a>> {
        Self::of(content).find(|found| found.name == name).map(|found| found.content)
    }

    /// Follows names from box to box.
    pub(crate) fn find_path(content: View<'a>, path: &[[u8; 4]]) -> Option<View<'a>> {
        path.iter().try_fold(content, |content, name| Self::find(content, *name))
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Box<'a>;

    fn next(&mut self) -> Option<Box<'a>> {
        let name = self.view.name(self.at + 4)?;
        let rest = self.view.len() - self.at;
        let (header, len) = match self.view.u32(self.at)? {
            // Up to the end of the file.
            0 => (8, rest),
            1 => (16, self.view.u64(self.at + 8)?),
            len => (8, len.into()),
        };
        if len < header {
            return None;
        }
        let content = self.view.part_up_to(self.at + header, len - header);
        self.at += len.min(rest);
        Some(Box { name, content, is_whole: len <= rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_follow_their_lengths_and_end_with_the_file() {
        let bytes = b"\0\0\0\x0aabcd12\0\0\0\x01long\0\0\0\0\0\0\0\x12\x33\x34\0\0\0\0last5";
        let found: Vec<_> =
            Boxes::of(View::big_endian(bytes)).map(|b| (b.name, b.content.bytes(), b.is_whole)).collect();
        assert_eq!(
            found,
            [(*b"abcd", &b"12"[..], true), (*b"long", &b"\x33\x34"[..], true), (*b"last", &b"5"[..], true)]
        );
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for (bytes, count) in [
            (&b"\0\0\0\x07abcd"[..], 0),
            (b"\0\0\0\x01abcd\0\0\0\0\0\0\0\x08", 0),
            (b"\0\0\0\x01abcd\xff\xff\xff\xff\xff\xff\xff\xff", 1),
            (b"\xff\xff\xff\xffabcd", 1),
            (b"\0\0\0\x08abc", 0),
        ] {
            assert_eq!(Boxes::of(View::big_endian(bytes)).count(), count, "{bytes:?}");
        }
        let cut = Boxes::of(View::big_endian(b"\0\0\0\x0cabcd12")).next().map(|b| b.is_whole);
        assert_eq!(cut, Some(false));
    }
}
