//! Instants as the record spells them: ISO 8601, UTC, always with three digits of milliseconds.
//!
//! One fixed width makes the text sort as the time does, which the indexes rely on. S3 notifications carry
//! milliseconds, `EventBridge` carries whole seconds; both come out alike.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// An instant, for example `2026-11-22T16:33:49.120Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(String);

/// A text that is not an RFC 3339 instant between the years 0 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time; write it like 2026-11-22T16:33:49Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// Reads any RFC 3339 instant and brings it to UTC and milliseconds (rounded down).
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError(text.to_owned()))?;
        Self::from_datetime(instant).ok_or_else(|| TimestampError(text.to_owned()))
    }

    /// The instant `millis` milliseconds after the Unix epoch; `None` outside the years 0 to 9999.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
        Self::from_datetime(instant)
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_millis(&self) -> i64 {
        // The text was made by this module, so it parses; a constant is the placeholder for an impossible case.
        OffsetDateTime::parse(&self.0, &Rfc3339)
            .ok()
            .and_then(|t| i64::try_from(t.unix_timestamp_nanos() / 1_000_000).ok())
            .unwrap_or_default()
    }

    fn from_datetime(instant: OffsetDateTime) -> Option<Self> {
        let utc = instant.checked_to_offset(UtcOffset::UTC)?;
        if !(0..=9999).contains(&utc.year()) {
            return None;
        }
        utc.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"))
            .ok()
            .map(Self)
    }

    /// The text, 24 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day, for example `2026-11-22`.
    pub fn day(&self) -> &str {
        &self.0[..10]
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_and_offset_comes_out_in_one_width() {
        for (given, expected) in [
            ("2026-11-22T16:33:49Z", "2026-11-22T16:33:49.000Z"),
            ("2026-11-22T16:33:49.1234567Z", "2026-11-22T16:33:49.123Z"),
            ("2026-11-23T01:33:49.5+09:00", "2026-11-22T16:33:49.500Z"),
        ] {
            assert_eq!(Timestamp::parse(given).unwrap().as_str(), expected);
        }
        assert_eq!(Timestamp::parse("2026-11-22T16:33:49Z").unwrap().day(), "2026-11-22");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "yesterday", "2026-11-22", "2026-13-22T16:33:49Z", "9999-12-31T23:59:59-23:00"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unix_millis_there_and_back() {
        for millis in [0, 1, 1_764_000_000_123] {
            assert_eq!(Timestamp::from_unix_millis(millis).unwrap().unix_millis(), millis);
        }
        assert_eq!(Timestamp::from_unix_millis(i64::MAX), None);
    }
}
