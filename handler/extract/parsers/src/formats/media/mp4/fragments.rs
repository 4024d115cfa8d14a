//! Fragments, as video is streamed and recorded (ISO 14496-12, section 8.8): each has the durations of its own samples.

use crate::formats::boxes::Boxes;
use crate::formats::media::fields::seconds;
use crate::input::View;

/// A track's number, its units a second, and where its presentation starts.
type Start = (u32, u64, u64);

/// How long the fragments play, from the first that is decoded to the end of the last that is shown. `None` without any.
pub(super) fn playing_time(file: View, extends: View, tracks: &[Start]) -> Option<f64> {
    let mut ends: Vec<(u32, Played)> = Vec::new();
    for fragment in Boxes::of(file).filter(|found| found.name == *b"moof") {
        for track in Boxes::of(fragment.content).filter(|found| found.name == *b"traf") {
            let Some(header) = Boxes::find(track.content, *b"tfhd") else { continue };
            let Some(id) = header.u32(4) else { continue };
            if !tracks.iter().any(|(known, ..)| *known == id) {
                continue;
            }
            if !ends.iter().any(|(known, _)| *known == id) {
                ends.push((id, Played::default()));
            }
            if let Some((_, played)) = ends.iter_mut().find(|(known, _)| *known == id) {
                played.add(track.content, header, extends, id);
            }
        }
    }
    // What is recorded from a running stream starts at the time of that stream.
    let in_seconds = |(id, played): &(u32, Played)| {
        let (_, timescale, edit) = tracks.iter().find(|(known, ..)| known == id)?;
        Some((seconds(played.first?, *timescale)?, seconds(played.end.saturating_sub(*edit), *timescale)?))
    };
    let times: Vec<(f64, f64)> = ends.iter().filter_map(in_seconds).collect();
    let first = times.iter().map(|(first, _)| *first).reduce(f64::min)?;
    let end = times.iter().map(|(_, end)| *end).reduce(f64::max)?;
    Some(end - first).filter(|seconds| *seconds > 0.0)
}

/// What was played of a track so far, in its own units.
#[derive(Default)]
struct Played {
    first: Option<u64>,
    /// When the last sample that is shown ends.
    end: u64,
    /// When the next sample is decoded.
    next: u64,
}

impl Played {
    /// Adds a fragment of the track.
    fn add(&mut self, fragment: View, header: View, extends: View, id: u32) -> Option<()> {
        if let Some(base) = Boxes::find(fragment, *b"tfdt") {
            self.next = if base.u8(0)? == 0 { base.u32(4)?.into() } else { base.u64(4)? };
        }
        self.first.get_or_insert(self.next);
        // The duration of samples that have none of their own: of the fragment, or of the track.
        let flags = header.u32(0)? & 0xff_ffff;
        let before = [(1, 8), (2, 4)].iter().filter(|(flag, _)| flags & flag != 0).map(|(_, len)| len).sum::<u64>();
        let usual = if flags & 8 != 0 { header.u32(8 + before) } else { usual_duration(extends, id) };
        let usual = u64::from(usual.unwrap_or(0));
        for run in Boxes::of(fragment).filter(|found| found.name == *b"trun") {
            self.add_run(run.content, usual);
        }
        Some(())
    }

    fn add_run(&mut self, run: View, usual: u64) -> Option<()> {
        let (is_signed, flags) = (run.u8(0)? > 0, run.u32(0)? & 0xff_ffff);
        let mut at = 8 + [1, 4].iter().filter(|flag| flags & **flag != 0).count() as u64 * 4;
        let fields = [0x100, 0x200, 0x400, 0x800].map(|flag| flags & flag != 0);
        let width = fields.iter().filter(|is_there| **is_there).count() as u64 * 4;
        let count = run.u32(4)?;
        if width == 0 {
            self.next = self.next.saturating_add(u64::from(count).saturating_mul(usual));
            self.end = self.end.max(self.next);
            return Some(());
        }
        for _ in 0..count {
            let duration = if fields[0] { run.u32(at)?.into() } else { usual };
            let shown = if fields[3] { run.u32(at + width - 4)? } else { 0 };
            let end = self.next.saturating_add(duration);
            let is_early = is_signed && shown.cast_signed() < 0;
            let shown = if is_early { end } else { end.saturating_add(shown.into()) };
            (self.next, self.end) = (end, self.end.max(shown));
            at += width;
        }
        Some(())
    }
}

/// What the movie's header says of a track's samples.
fn usual_duration(extends: View, id: u32) -> Option<u32> {
    let mut defaults = Boxes::of(extends).filter(|found| found.name == *b"trex");
    defaults.find(|found| found.content.u32(4) == Some(id))?.content.u32(12)
}
