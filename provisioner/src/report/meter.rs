//! Clocks and bars of live lines. Pure.

use std::time::Duration;

/// Columns of a line below which there is no room for a bar.
const ROOM_FOR_A_BAR: usize = 48;

/// The elapsed time at the start of a line: `   7s `, ` 1m05s `.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let text = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    };
    format!("{text:>6} ")
}

/// A bar and a trailing space, if the line is wide enough. The filled part is rounded down.
pub fn bar(done: u64, of: u64, width: usize) -> String {
    if width < ROOM_FOR_A_BAR || of == 0 {
        return String::new();
    }
    let cells = (width / 4).min(30);
    let full = usize::try_from(u128::from(done.min(of)) * (cells as u128) / u128::from(of)).unwrap_or(cells);
    format!("[{}{}] ", "#".repeat(full), "-".repeat(cells - full))
}

/// The estimated time left, as the end of a line: `, 14 s left`. Nothing before a second has passed or the first unit is
/// done, and nothing at the end.
pub fn left(elapsed: Duration, done: u64, of: u64) -> String {
    if done == 0 || done >= of || elapsed < Duration::from_secs(1) {
        return String::new();
    }
    let millis = elapsed.as_millis() * u128::from(of - done) / u128::from(done);
    match millis.div_ceil(1_000) {
        seconds @ ..60 => format!(", {seconds} s left"),
        seconds @ 60..7_200 => format!(", {} min left", seconds.div_ceil(60)),
        seconds => format!(", {} h left", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        for (seconds, text) in
            [(0, "    0s "), (59, "   59s "), (65, " 1m05s "), (3_600, " 1h00m "), (86_399, "23h59m ")]
        {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_time_left_is_estimated() {
        for (seconds, done, of, expected) in [
            (10, 1, 4, ", 30 s left"),
            (10, 1, 20, ", 4 min left"),
            (10, 1, 2_000, ", 6 h left"),
            (0, 1, 4, ""),
            (10, 0, 4, ""),
            (10, 4, 4, ""),
            (10, 5, 4, ""),
        ] {
            assert_eq!(left(Duration::from_secs(seconds), done, of), expected);
        }
    }

    #[test]
    fn bars_are_rounded_down() {
        assert_eq!(bar(0, 4, 80), format!("[{}] ", "-".repeat(20)));
        assert_eq!(bar(1, 4, 80), format!("[{}{}] ", "#".repeat(5), "-".repeat(15)));
        assert!(bar(9_999, 10_000, 80).contains('-'), "full only at the end");
        assert_eq!(bar(5, 4, 80), format!("[{}] ", "#".repeat(20)), "more than was expected");
        assert_eq!((bar(1, 4, 40), bar(1, 0, 80)), (String::new(), String::new()));
        assert!(bar(u64::MAX, u64::MAX, 200).starts_with("[####"));
    }
}
