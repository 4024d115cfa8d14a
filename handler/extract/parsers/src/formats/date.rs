//! Dates, as files spell them, brought to ISO 8601: one module for every format.
//!
//! The result has one of these forms: `2003`, `2003-08`, `2003-08-08`, `2003-08-08T21:20:15` where the file gives no
//! zone, and `2003-08-08T19:20:15Z` where it gives one. Instants are in UTC, so that their texts sort as the times do.
//! Nothing else is ever returned: what no calendar or clock shows (month 99, 31 February) is no date, and a zone that
//! is unknown or has more than one meaning is left out rather than taken for UTC.

use handler_contract::Timestamp;
use time::{Date, Duration, Month, PrimitiveDateTime, Time};

/// A date is not longer than this. Bytes.
const LONGEST: usize = 128;
/// The largest offset of a zone, in minutes: 14 hours, and some for the calendars of the past.
const LARGEST_OFFSET: u32 = 16 * 60;

/// What a file gives of a date. Fields are numbers as they are written, valid or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DateParts {
    pub(super) year: u32,
    pub(super) month: Option<u32>,
    pub(super) day: Option<u32>,
    /// Hour, minute, second.
    pub(super) clock: Option<(u32, u32, u32)>,
    /// A fraction of the second, in milliseconds, where the file gives one.
    pub(super) millis: Option<u32>,
    /// Minutes east of UTC.
    pub(super) offset: Option<i32>,
}

impl DateParts {
    /// The date in ISO 8601; `None` if it is on no calendar, or its time on no clock.
    pub(super) fn iso(self) -> Option<String> {
        let year = i32::try_from(self.year).ok().filter(|year| (1..=9999).contains(year))?;
        let Some(month) = self.month else { return self.day.is_none().then(|| format!("{year:04}")) };
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let Some(day) = self.day else { return Some(format!("{year:04}-{:02}", u8::from(month))) };
        let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
        let Some((hour, minute, second)) = self.clock else { return Some(text_of_day(date)) };
        // Midnight may be the end of a day, and a leap second is written as the one before it.
        let is_end = (hour, minute, second) == (24, 0, 0);
        let clock = |field: u32| u8::try_from(field).ok();
        let second = if second == 60 { 59 } else { second };
        let hour = if is_end { 0 } else { hour };
        let local = PrimitiveDateTime::new(date, Time::from_hms(clock(hour)?, clock(minute)?, clock(second)?).ok()?);
        let local = if is_end { local.checked_add(Duration::DAY)? } else { local };
        let moment = match self.offset {
            Some(offset) => local.checked_sub(Duration::minutes(offset.into()))?,
            None => local,
        };
        if !(1..=9999).contains(&moment.year()) {
            return None;
        }
        let fraction = self.millis.filter(|millis| *millis < 1000).map(|millis| format!(".{millis:03}"));
        let (hour, minute, second) = moment.as_hms();
        Some(format!(
            "{}T{hour:02}:{minute:02}:{second:02}{}{}",
            text_of_day(moment.date()),
            fraction.unwrap_or_default(),
            if self.offset.is_some() { "Z" } else { "" },
        ))
    }
}

fn text_of_day(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// The instant that is `millis` milliseconds after the Unix epoch; `None` outside of the years 1 to 9999.
pub(super) fn from_unix_millis(millis: i64) -> Option<String> {
    Timestamp::from_unix_millis(millis).map(|instant| instant.to_string()).filter(|text| !text.starts_with("0000"))
}

/// The instant that is this number of tenths of a microsecond after the start of 1601, as Windows counts (`FILETIME`); zero means
/// none.
pub(super) fn from_file_time(ticks: u64) -> Option<String> {
    const MILLIS_TO_UNIX: i64 = 11_644_473_600_000;
    let millis = i64::try_from(Some(ticks).filter(|ticks| *ticks != 0)? / 10_000).ok()?;
    from_unix_millis(millis - MILLIS_TO_UNIX)
}

/// A date of numbers, the largest unit first: ISO 8601 and its profiles, with or without separators, and what tags of
/// audio, Exif and XMP have, with colons or slashes in the day.
pub(super) fn from_numbers(text: &str) -> Option<String> {
    let (parts, rest) = numbers(short(text)?)?;
    if rest.is_empty() { parts.iso() } else { None }
}

/// A date of Exif (CIPA DC-008, section 4.6.6), and the zone that is kept in another field.
pub(super) fn from_exif(time: &[u8], zone: Option<&[u8]>) -> Option<String> {
    // Blanks and zeros are what cameras write whose clock was never set.
    let (parts, _) = numbers(short(str::from_utf8(time.get(..19)?).ok()?)?)?;
    let zone = zone.and_then(|zone| zone.get(..6)).and_then(|zone| str::from_utf8(zone).ok());
    DateParts { offset: parts.offset.or_else(|| offset(zone?)), ..parts }.iso()
}

/// A date of PDF (PDF 1.7 reference, section 3.8.3): `D:YYYYMMDDHHmmSSOHH'mm'`, of which all but the year may be
/// missing, and what programs write instead.
pub(super) fn from_pdf(text: &str) -> Option<String> {
    let text = short(text)?;
    let text = text.strip_prefix("D:").or_else(|| text.strip_prefix("d:")).unwrap_or(text).trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // Distiller 3 wrote the years since 1900 after the 19: `19103` is 2003.
    if digits >= 15 && text < "193" && text.starts_with("19") {
        let year = 1900 + text.get(2..5)?.parse::<u32>().ok()?;
        let (parts, _) = numbers_after(year, &text[5..]);
        return parts.iso();
    }
    match numbers(text) {
        // What follows the date, such as a last apostrophe, is of no use.
        Some((parts, _)) => parts.iso(),
        None => from_message(text),
    }
}

/// A date of a message (RFC 5322, sections 3.3 and 4.3) and what is written instead: of `asctime`, of `Date` in
/// JavaScript, ISO 8601.
pub(super) fn from_message(text: &str) -> Option<String> {
    let text = short(text)?;
    if let Some((parts, "")) = numbers(text).map(|(parts, rest)| (parts, rest.split('(').next().unwrap_or("").trim())) {
        return parts.clock.is_some().then(|| parts.iso()).flatten();
    }
    let (plain, comment) = text.split_once('(').unwrap_or((text, ""));
    let mut found = DateParts::default();
    let mut has_year = false;
    let mut zone_words = Vec::new();
    for token in plain.split(|c: char| c.is_whitespace() || c == ',').flat_map(divide).filter(|token| !token.is_empty())
    {
        if found.clock.is_some() && (token.starts_with(['+', '-']) || offset(token).is_some()) {
            found.offset = found.offset.or(offset(token));
        } else if token.contains(':') && found.clock.is_none() {
            let (clock, millis) = clock(token)?;
            (found.clock, found.millis) = (Some(clock), millis);
        } else if let (Some(month), None) = (month_of(token), found.month) {
            found.month = Some(month);
        } else if token.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = token.parse().ok()?;
            match (found.day, has_year) {
                (None, _) if number <= 31 && token.len() <= 2 => found.day = Some(number),
                (_, false) => {
                    found.year = full_year(number, token.len())?;
                    has_year = true;
                }
                _ => {}
            }
        } else if let Some((hour, ..)) = found.clock.as_mut() {
            // The twelve hours before noon and those after it.
            match token.to_ascii_lowercase().as_str() {
                "am" => *hour %= 12,
                "pm" => *hour = *hour % 12 + 12,
                _ => zone_words.push(token),
            }
        }
    }
    found.offset = found.offset.or_else(|| zone_by_words(&zone_words));
    found.offset = found.offset.or_else(|| offset(comment.split(')').next()?.trim()));
    (has_year && found.month.is_some() && found.day.is_some() && found.clock.is_some()).then(|| found.iso()).flatten()
}

/// A text without the blanks around it, if it is not too long for a date.
fn short(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty() && text.len() <= LONGEST).then_some(text)
}

/// A date that starts with a year of four digits, and what follows it.
fn numbers(text: &str) -> Option<(DateParts, &str)> {
    let year = digits(text, 4, 4)?;
    Some(numbers_after(year.0, year.1))
}

/// The rest of a date after its year. Fields follow each other, or have separators between them.
fn numbers_after(year: u32, text: &str) -> (DateParts, &str) {
    let mut parts = DateParts { year, ..DateParts::default() };
    let (separator, rest) = separated(text, &['-', ':', '/', '.']);
    let Some((month, rest)) = digits(rest, if separator { 1 } else { 2 }, 2) else { return (parts, text) };
    parts.month = Some(month);
    let (separator, after) = separated(rest, &['-', ':', '/', '.']);
    let Some((day, after)) = digits(after, if separator { 1 } else { 2 }, 2) else { return (parts, rest) };
    parts.day = Some(day);
    let start = after.trim_start_matches(['T', 't', ' ']);
    let Some((hour, rest)) = digits(start, 2, 2) else { return (parts, after) };
    // Hours without minutes are in PDF, and in dates of ID3.
    let (_, start) = separated(rest, &[':', '.']);
    let (minute, rest) = digits(start, 2, 2).unwrap_or((0, rest));
    let (_, start) = separated(rest, &[':', '.']);
    let (second, mut rest) = digits(start, 2, 2).unwrap_or((0, rest));
    parts.clock = Some((hour, minute, second));
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        parts.millis = millis(&fraction[..length]);
        rest = if length > 0 { &fraction[length..] } else { rest };
    }
    let zone = rest.trim_start();
    let end = zone.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(zone.len());
    if let Some(minutes) = offset(&zone[..end]) {
        parts.offset = Some(minutes);
        rest = zone[end..].trim_start();
    }
    (parts, rest)
}

fn separated<'a>(text: &'a str, separators: &[char]) -> (bool, &'a str) {
    text.strip_prefix(separators).map_or((false, text), |rest| (true, rest))
}

/// A number of at least `least` and at most `most` digits, and what follows it.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

/// The first three digits of a fraction.
fn millis(fraction: &str) -> Option<u32> {
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    if fraction.is_empty() { None } else { digits.parse().ok() }
}

/// `8-Aug-2003` is three tokens, `-0500` is one.
fn divide(token: &str) -> impl Iterator<Item = &str> {
    let is_divided = token.contains('-') && !token.starts_with('-') && !token.contains([':', '+']);
    token.split(move |c| is_divided && c == '-')
}

/// Hour, minute, second, and milliseconds where there are any.
fn clock(token: &str) -> Option<((u32, u32, u32), Option<u32>)> {
    let mut parts = token.split(':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (second, fraction) = parts.next().map_or(("0", ""), |second| second.split_once('.').unwrap_or((second, "")));
    Some(((hour, minute, second.parse().ok()?), millis(fraction)))
}

fn month_of(token: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == start)?;
    u32::try_from(at + 1).ok()
}

/// Years of two and three digits (RFC 5322, section 4.3).
fn full_year(number: u32, digits: usize) -> Option<u32> {
    match digits {
        2 if number < 50 => Some(number + 2000),
        2 | 3 => Some(number + 1900),
        4 => Some(number),
        _ => None,
    }
}

/// The offset of a zone, in minutes: `Z`, `+0200`, `+02:00`, `+02'00'`, `+2`, `GMT+2`, or a name with one meaning.
fn offset(zone: &str) -> Option<i32> {
    if let Some(minutes) = named_offset(zone) {
        return Some(minutes);
    }
    let upper = zone.to_ascii_uppercase();
    let zone = ["GMT", "UTC", "Z"].iter().find_map(|name| upper.strip_prefix(name)).unwrap_or(&upper);
    // PDF allows `Z00'00'`.
    let is_universal = zone.len() < upper.len() && !zone.starts_with(['+', '-']);
    let (sign, zone) = match zone.strip_prefix('-') {
        Some(zone) => (-1, zone),
        None if is_universal => (1, zone),
        None => (1, zone.strip_prefix('+')?),
    };
    let numbers: String = zone.chars().filter(|c| !matches!(c, ':' | '\'')).collect();
    if numbers.is_empty() || numbers.len() > 4 || !numbers.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours_len = if numbers.len() > 2 { numbers.len() - 2 } else { numbers.len() };
    let hours = numbers[..hours_len].parse::<u32>().ok()?;
    let minutes = if hours_len < numbers.len() { numbers[hours_len..].parse::<u32>().ok()? } else { 0 };
    let sum = hours * 60 + minutes;
    (minutes < 60 && sum <= LARGEST_OFFSET).then(|| sign * sum.cast_signed())
}

/// Names of zones. Those of RFC 5322 are here, and of others those that mean one zone wherever they are used: `IST` is
/// India's, Israel's and Ireland's, `BST` is Britain's and Bangladesh's.
fn named_offset(zone: &str) -> Option<i32> {
    const ZONES: &[(&str, i32)] = &[
        ("Z", 0),
        ("UT", 0),
        ("UTC", 0),
        ("GMT", 0),
        ("WET", 0),
        ("EST", -5 * 60),
        ("EDT", -4 * 60),
        ("CST", -6 * 60),
        ("CDT", -5 * 60),
        ("MST", -7 * 60),
        ("MDT", -6 * 60),
        ("PST", -8 * 60),
        ("PDT", -7 * 60),
        ("AKST", -9 * 60),
        ("AKDT", -8 * 60),
        ("HST", -10 * 60),
        ("NDT", -2 * 60 - 30),
        ("WEST", 60),
        ("CET", 60),
        ("CEST", 2 * 60),
        ("MET", 60),
        ("MEZ", 60),
        ("MEST", 2 * 60),
        ("MESZ", 2 * 60),
        ("EET", 2 * 60),
        ("EEST", 3 * 60),
        ("SAST", 2 * 60),
        ("MSK", 3 * 60),
        ("MSD", 4 * 60),
        ("HKT", 8 * 60),
        ("SGT", 8 * 60),
        ("AWST", 8 * 60),
        ("JST", 9 * 60),
        ("KST", 9 * 60),
        ("ACST", 9 * 60 + 30),
        ("ACDT", 10 * 60 + 30),
        ("AEST", 10 * 60),
        ("AEDT", 11 * 60),
        ("NZST", 12 * 60),
        ("NZDT", 13 * 60),
    ];
    ZONES.iter().find(|(name, _)| zone.eq_ignore_ascii_case(name)).map(|(_, minutes)| *minutes)
}

/// Windows writes out what a zone is called: `Pacific Daylight Time`.
fn zone_by_words(words: &[&str]) -> Option<i32> {
    let [region @ .., kind, time] = words else { return None };
    let winter = match region.join(" ").to_ascii_lowercase().as_str() {
        "eastern" => -5,
        "central" => -6,
        "mountain" => -7,
        "pacific" => -8,
        "alaskan" => -9,
        "w. europe" | "central europe" | "central european" | "romance" => 1,
        "e. europe" | "fle" | "gtb" => 2,
        "tokyo" | "korea" => 9,
        _ => return None,
    };
    let is_summer = match kind.to_ascii_lowercase().as_str() {
        "standard" => false,
        "daylight" | "summer" => true,
        _ => return None,
    };
    time.eq_ignore_ascii_case("time").then_some((winter + i32::from(is_summer)) * 60)
}

/// Whether a text is one that this module returns. For tests and fuzzers, and written without the code above.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn is_iso(text: &str) -> bool {
    use time::format_description::well_known::Iso8601;

    let day = |day: &str| day.len() == 10 && Date::parse(day, &Iso8601::DATE).is_ok();
    match text.len() {
        4 => day(&format!("{text}-01-01")),
        7 => day(&format!("{text}-01")),
        10 => day(text),
        19.. => {
            let Some((date, time)) = text.split_once('T') else { return false };
            let clock = time.strip_suffix('Z').unwrap_or(time);
            day(date) && matches!(clock.len(), 8 | 12) && Time::parse(clock, &Iso8601::TIME).is_ok()
        }
        _ => false,
    }
}

/// What each reader makes of a text. For fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn readings(text: &str) -> Vec<String> {
    let exif = from_exif(text.as_bytes(), text.get(19..).map(str::as_bytes));
    [from_message(text), from_numbers(text), from_pdf(text), exif].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
