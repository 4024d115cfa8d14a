//! Standard MIDI files: the time of the last event, by the tempo that the file sets.

use handler_contract::Metadata;

use super::fields::add_codec;
use crate::input::View;

/// Microseconds of a quarter note until the file says otherwise.
const FIRST_TEMPO: u64 = 500_000;
/// More changes of tempo than this are not followed.
const MOST_TEMPOS: usize = 1 << 16;

pub(super) fn read(file: View, start: u64, metadata: &mut Metadata) -> Option<()> {
    let view = file.as_big_endian().from(start)?;
    add_codec(metadata, "midi");
    let division = view.u16(12)?;
    let mut at = 8 + u64::from(view.u32(4)?);
    let (mut tempos, mut last) = (Vec::new(), 0);
    let (mut complete, mut tracks) = (Some(()), 0_u64);
    while let (Some(name), Some(len)) = (view.name(at), view.u32(at + 4)) {
        at += 8;
        if name == *b"MTrk" {
            let track = view.part_up_to(at, len.into());
            complete = read_track(track, &mut tempos, &mut last).and(complete);
            tracks += 1;
        }
        at += u64::from(len);
    }
    // The upper bit means SMPTE frames rather than quarter notes.
    if division > 0 && division < 0x8000 {
        tempos.sort_unstable();
        metadata.duration = Some(duration(&tempos, last, division.into()));
    }
    complete.filter(|()| tracks >= view.u16(10).unwrap_or(0).into() && at <= view.len())
}

/// Walks the events of a track: where tempo changes, and when the last note or control comes.
fn read_track(track: View, tempos: &mut Vec<(u64, u64)>, last: &mut u64) -> Option<()> {
    let (mut at, mut ticks, mut status) = (0, 0_u64, 0_u8);
    while at < track.len() {
        ticks = ticks.saturating_add(variable(track, &mut at)?);
        match track.u8(at)? {
            0xff => {
                let kind = track.u8(at + 1)?;
                at += 2;
                let len = variable(track, &mut at)?;
                if (kind, len) == (0x51, 3) && tempos.len() < MOST_TEMPOS {
                    tempos.push((ticks, track.u24(at)?.into()));
                }
                at += len;
            }
            0xf0 | 0xf7 => {
                at += 1;
                at += variable(track, &mut at)?;
            }
            byte => {
                // A byte of data repeats the last status.
                if byte >= 0x80 {
                    status = byte;
                    at += 1;
                }
                at += if matches!(status >> 4, 0xc | 0xd) { 1 } else { 2 };
                *last = ticks.max(*last);
            }
        }
    }
    Some(())
}

/// Seven bits a byte, the first the most significant; the upper bit says that there are more.
fn variable(view: View, at: &mut u64) -> Option<u64> {
    let mut value = 0;
    for _ in 0..4 {
        let byte = view.u8(*at)?;
        *at += 1;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn duration(tempos: &[(u64, u64)], last: u64, division: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is less than a millisecond")]
    let seconds = |ticks: u64, tempo: u64| ticks as f64 / division as f64 * tempo as f64 / 1e6;
    let (mut from, mut tempo, mut total) = (0, FIRST_TEMPO, 0.0);
    for (at, next) in tempos.iter().take_while(|(at, _)| *at < last) {
        total += seconds(at - from, tempo);
        (from, tempo) = (*at, *next);
    }
    total + seconds(last - from, tempo)
}
