//! How long a file may be worked on, so that Lambda never ends an invocation by force.
//!
//! A function that Lambda kills leaves no record and no log line, and is tried twice again with the same end. So the
//! work on a file stops early enough to write down that it was not finished.

use std::time::Duration;

/// What is kept free at the end of an invocation to write the record: two attempts of `PutItem` and the log line.
pub const RECORD_MARGIN: Duration = Duration::from_secs(5);

/// What is kept free after the record to answer Lambda.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// How long a file may be fetched and extracted, when `left` remains of the invocation.
/// A function with a short time-out keeps half of it for the record.
pub fn for_work(left: Duration) -> Duration {
    left.saturating_sub(RECORD_MARGIN.min(left / 2))
}

/// How long a record may be written, when `left` remains of the invocation.
pub fn for_record(left: Duration) -> Duration {
    left.saturating_sub(ANSWER_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_kept_but_never_takes_more_than_half() {
        for (left, work, record) in [(60_000, 55_000, 59_750), (10_000, 5_000, 9_750), (3_000, 1_500, 2_750), (0, 0, 0)]
        {
            let left = Duration::from_millis(left);
            assert_eq!(for_work(left), Duration::from_millis(work));
            assert_eq!(for_record(left), Duration::from_millis(record));
        }
    }
}
