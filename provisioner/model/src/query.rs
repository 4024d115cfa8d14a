//! Queries for records: filters, time windows, and the order of the results. Pure: no AWS, no clock.
//!
//! The order is total: newest first, and by id among records of the same millisecond. A [`Position`] in it is where a
//! page ended; the next one continues strictly after it, so that records which arrive meanwhile neither repeat nor hide
//! others. [`crate::search`] finds the answer in a table's indexes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use handler_contract::{Status, Timestamp, table};
use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// What an index holds of a record ([`table::PROJECTED`] and the keys).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The record's id.
    pub document_id: String,
    /// When the file was put.
    pub uploaded_at: Timestamp,
    /// The last part of the key.
    pub file_name: String,
    /// The media type by content.
    pub file_type: String,
    /// Bytes.
    pub file_size: u64,
    /// The status.
    pub status: Status,
    /// The whole key.
    pub object_key: String,
    /// Why it failed. Text, because a newer handler can have more codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_count: Option<u64>,
    /// Pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u64>,
}

impl Row {
    /// Its place in the order of records.
    pub fn position(&self) -> Position {
        Position { uploaded_at: self.uploaded_at.clone(), document_id: self.document_id.clone() }
    }
}

/// A place in the order of records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the file was put.
    pub uploaded_at: Timestamp,
    /// Orders records of the same millisecond.
    pub document_id: String,
}

/// A token that no page ended with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a token; give --after the one that a page ended with")]
pub struct TokenError(String);

impl fmt::Display for Position {
    /// The token: opaque to whoever passes it on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.uploaded_at.unix_millis(), self.document_id)
    }
}

impl FromStr for Position {
    type Err = TokenError;

    fn from_str(token: &str) -> Result<Self, TokenError> {
        let error = || TokenError(token.to_owned());
        let (millis, id) = token.trim().split_once('.').ok_or_else(error)?;
        let uploaded_at = i64::from_str_radix(millis, 16).ok().and_then(Timestamp::from_unix_millis);
        let id = uuid::Uuid::parse_str(id).map_err(|_| error())?;
        Ok(Self { uploaded_at: uploaded_at.ok_or_else(error)?, document_id: id.to_string() })
    }
}

/// Text that is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time; write 2026-11-22, '2026-11-22 16:00', 2026-11-22T16:00:00Z, today, yesterday, or an age: 30m, 2h, 7d, 1w"
)]
pub struct MomentError(String);

const WEEK: u64 = 7 * 86_400;

/// Reads a moment: a day (its first instant), a time with or without seconds, also as lists print it, `today`,
/// `yesterday`, or an age before `now`. Times without an offset are UTC, as everything that is printed.
pub fn moment(text: &str, now: &Timestamp) -> Result<Timestamp, MomentError> {
    let text = text.trim();
    let error = || MomentError(text.to_owned());
    let weeks = text.strip_suffix(['w', 'W']).and_then(|weeks| weeks.trim().parse::<u64>().ok());
    let age = weeks.and_then(|weeks| weeks.checked_mul(WEEK)).map(Seconds).or_else(|| text.parse::<Seconds>().ok());
    if let Some(Seconds(age)) = age {
        let age = i64::try_from(age).ok().and_then(|s| s.checked_mul(1_000)).ok_or_else(error)?;
        return now.unix_millis().checked_sub(age).and_then(Timestamp::from_unix_millis).ok_or_else(error);
    }
    let day = |millis: i64| {
        let midnight = millis.div_euclid(DAY_MILLIS) * DAY_MILLIS;
        Timestamp::from_unix_millis(midnight).ok_or_else(error)
    };
    match text.to_ascii_lowercase().as_str() {
        "now" => return Ok(now.clone()),
        "today" => return day(now.unix_millis()),
        "yesterday" => return day(now.unix_millis() - DAY_MILLIS),
        _ => {}
    }
    let with_t = text.replacen(' ', "T", 1);
    ["", "Z", ":00Z", "T00:00:00Z"]
        .iter()
        .find_map(|rest| Timestamp::parse(&format!("{with_t}{rest}")).ok())
        .ok_or_else(error)
}

/// A text that is not a media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a media type; write one like application/pdf, or image/* for all of a kind{1}")]
pub struct MediaTypeError(String, &'static str);

/// Top-level types by which people ask, and common short names.
const KINDS: [&str; 6] = ["image", "audio", "video", "text", "application", "font"];

/// Reads a pattern for media types: `application/pdf`, `image/*`, `*/*`; a top-level type without a subtype means for all of it. A
/// short name such as `pdf` is refused, because it would match nothing.
pub fn media_type(text: &str) -> Result<Pattern, MediaTypeError> {
    let text = text.trim();
    if KINDS.contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(Pattern::whole(&format!("{text}/*")));
    }
    if text.contains('/') || text.contains('*') {
        return Ok(Pattern::whole(text));
    }
    let example = if text.eq_ignore_ascii_case("pdf") { ". Did you mean application/pdf?" } else { "" };
    Err(MediaTypeError(text.to_owned(), example))
}

/// A pattern in which `*` matches any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pieces between the stars; in lower case, unless the pattern is case-sensitive.
    pieces: Vec<String>,
    /// Whether the pattern can match anywhere in the text.
    anywhere: bool,
    case_sensitive: bool,
}

impl Pattern {
    /// Matches a whole text, whatever its case.
    pub fn whole(pattern: &str) -> Self {
        Self { case_sensitive: false, ..Self::exactly(&pattern.to_lowercase()) }
    }

    /// Matches a whole text of the same case, such as a key of S3.
    pub fn exactly(pattern: &str) -> Self {
        let pieces = pattern.split('*').map(ToOwned::to_owned).collect();
        Self { pieces, anywhere: false, case_sensitive: true }
    }

    /// Matches a text that contains this, whatever its case; with a `*` in it, a whole text.
    pub fn contained(pattern: &str) -> Self {
        Self { anywhere: !pattern.contains('*'), ..Self::whole(pattern) }
    }

    /// Whether the text matches.
    pub fn matches(&self, text: &str) -> bool {
        let text = if self.case_sensitive { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) };
        if self.anywhere {
            return text.contains(&self.pieces[0]);
        }
        let (first, rest) = (&self.pieces[0], &self.pieces[1..]);
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        // The leftmost place of each piece leaves the most for those behind it.
        for piece in middle {
            match text.find(piece.as_str()) {
                Some(at) => text = &text[at + piece.len()..],
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

/// The order in which records are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    NewestFirst,
    /// Oldest first: after a position, those that are only a little newer.
    OldestFirst,
}

/// Which records to return.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only with this in the name or key.
    pub name: Option<Pattern>,
    /// Only of this type.
    pub file_type: Option<Pattern>,
    /// Only uploaded then or later.
    pub since: Option<Timestamp>,
    /// Only uploaded before.
    pub until: Option<Timestamp>,
    /// Only uploads of this bucket and key.
    pub object: Option<(String, String)>,
    /// Not records whose key contains this.
    pub excluded: Option<&'static str>,
    /// The order.
    pub order: Order,
    /// Only records after this position, in this order.
    pub after: Option<Position>,
}

/// The longest window, in days, for which failures are read from their own index. Each day is a read of 32 partitions.
const FAILURE_DAYS: usize = 8;
const DAY_MILLIS: i64 = 86_400_000;

impl Query {
    /// The index to ask, and its partitions in groups: every record of a group precedes any of the next.
    pub fn source(&self, now: &Timestamp) -> (table::Index, Vec<Vec<String>>) {
        if let Some((bucket, key)) = &self.object {
            return (table::BY_OBJECT, vec![table::object_shards(bucket, key).collect()]);
        }
        match self.failure_days(now) {
            Some(days) => (table::FAILURES, days.iter().map(|day| table::failure_shards(day).collect()).collect()),
            None => (table::RECENT, vec![table::recent_shards().collect()]),
        }
    }

    /// The days of the window, newest first, if only failures of few days are wanted.
    fn failure_days(&self, now: &Timestamp) -> Option<Vec<String>> {
        if self.status != Some(Status::Failed) {
            return None;
        }
        let since = self.since.as_ref()?;
        let first = self.oldest().unwrap_or_else(|| since.clone()).unix_millis().div_euclid(DAY_MILLIS);
        // Clocks differ: S3's may be a little ahead of this one.
        let last = self.newest().map_or(now.unix_millis() + DAY_MILLIS, |t| t.unix_millis()).div_euclid(DAY_MILLIS);
        let days = usize::try_from(last - first + 1).unwrap_or(0);
        (days <= FAILURE_DAYS).then(|| {
            let day = |day: i64| Some(Timestamp::from_unix_millis(day * DAY_MILLIS)?.day().to_owned());
            match self.order {
                Order::NewestFirst => (first..=last).rev().filter_map(day).collect(),
                Order::OldestFirst => (first..=last).filter_map(day).collect(),
            }
        })
    }

    /// The newest time that is of interest, inclusive.
    pub fn newest(&self) -> Option<Timestamp> {
        let before_until = self.until.as_ref().and_then(|until| Timestamp::from_unix_millis(until.unix_millis() - 1));
        before_until.into_iter().chain(self.after_in(Order::NewestFirst)).min()
    }

    /// The oldest time that is of interest, inclusive.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.since.clone().into_iter().chain(self.after_in(Order::OldestFirst)).max()
    }

    /// The time of the position, if the order is this one.
    fn after_in(&self, order: Order) -> Option<Timestamp> {
        self.after.as_ref().filter(|_| self.order == order).map(|after| after.uploaded_at.clone())
    }

    /// Whether this position is past the one that the query continues after.
    pub fn is_after(&self, position: &Position) -> bool {
        self.after.as_ref().is_none_or(|after| match self.order {
            Order::NewestFirst => position < after,
            Order::OldestFirst => position > after,
        })
    }

    /// Whether the record is wanted.
    pub fn matches(&self, row: &Row) -> bool {
        self.status.is_none_or(|status| row.status == status)
            && self.name.as_ref().is_none_or(|name| name.matches(&row.file_name) || name.matches(&row.object_key))
            && self.file_type.as_ref().is_none_or(|file_type| file_type.matches(&row.file_type))
            && self.since.as_ref().is_none_or(|since| row.uploaded_at >= *since)
            && self.until.as_ref().is_none_or(|until| row.uploaded_at < *until)
            && self.object.as_ref().is_none_or(|(_, key)| row.object_key == *key)
            && self.excluded.is_none_or(|excluded| !row.object_key.contains(excluded))
            && self.is_after(&row.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_278_829_120;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    #[test]
    fn the_index_fits_the_question() {
        let now = at(NOW);
        let failed = Query { status: Some(Status::Failed), ..Query::default() };
        assert_eq!(failed.source(&now).0, table::RECENT);
        let of_a_day = Query { since: Some(at(NOW - 3_600_000)), ..failed.clone() };
        let (index, groups) = of_a_day.source(&now);
        assert_eq!((index, groups.len(), groups[0].len()), (table::FAILURES, 2, 32));
        assert!(groups[0][0] > groups[1][0], "newest day first");
        let of_a_year = Query { since: Some(at(NOW - 365 * DAY_MILLIS)), ..failed };
        assert_eq!(of_a_year.source(&now).0, table::RECENT);
        let of_a_key = Query { object: Some(("b".into(), "k".into())), ..Query::default() };
        assert_eq!(of_a_key.source(&now).0, table::BY_OBJECT);
    }

    #[test]
    fn moments() {
        let now = at(NOW);
        for (text, expected) in [
            ("2026-11-22", "2026-11-22T00:00:00.000Z"),
            ("2026-11-22T16:00:00Z", "2026-11-22T16:00:00.000Z"),
            ("2026-11-22T16:00:00+02:00", "2026-11-22T14:00:00.000Z"),
            ("2h", "2026-11-21T14:33:49.120Z"),
            ("7d", "2026-11-14T16:33:49.120Z"),
            ("1w", "2026-11-14T16:33:49.120Z"),
            // As lists and logs print times.
            ("2026-11-22 16:00:05", "2026-11-22T16:00:05.000Z"),
            ("2026-11-22 16:00:05.250", "2026-11-22T16:00:05.250Z"),
            ("2026-11-22 16:00", "2026-11-22T16:00:00.000Z"),
            ("2026-11-22T16:00", "2026-11-22T16:00:00.000Z"),
            ("today", "2026-11-21T00:00:00.000Z"),
            ("Yesterday", "2026-11-20T00:00:00.000Z"),
            ("now", "2026-11-21T16:33:49.120Z"),
        ] {
            assert_eq!(moment(text, &now).unwrap().as_str(), expected);
        }
        for bad in ["", "tomorrow", "2026-13-01", "2", "99999999999999d", "99999999999999999w", "2026-11-22 25:00", "w"]
        {
            assert!(moment(bad, &now).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_that_would_match_nothing_is_refused() {
        for (text, file_type) in
            [("application/pdf", "application/pdf"), ("image/*", "image/png"), ("image", "image/png"), ("*/*", "a/b")]
        {
            assert!(media_type(text).unwrap().matches(file_type), "{text}");
        }
        assert!(!media_type("image").unwrap().matches("text/image"));
        let error = media_type("pdf").unwrap_err().to_string();
        assert!(error.contains("not a media type") && error.ends_with("Did you mean application/pdf?"), "{error}");
        assert!(media_type("").is_err());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for bad in ["", "x", "19f.", "19f.not-a-uuid", "zz.6dcfed7a-f6fd-5ce0-964a-7ab0426018da"] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }
}
