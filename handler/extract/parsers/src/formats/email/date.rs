//! Dates of messages (RFC 5322, sections 3.3 and 4.3, and what is written instead), as ISO 8601.

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The instant with the sender's offset, UTC where there is none; `None` if it is no date.
pub(super) fn iso(text: &str) -> Option<String> {
    let text = text.split('(').next().unwrap_or_default().trim().replace(',', " ");
    // Some programs write the right form at once.
    if text.len() >= 19 && text.as_bytes()[4] == b'-' && text.is_ascii() {
        return iso_already(&text);
    }
    let (mut day, mut month, mut year, mut time, mut zone) = (None, None, None, None, None);
    for token in text.split(|c: char| c.is_whitespace()).flat_map(split_hyphens).filter(|t| !t.is_empty()) {
        if token.contains(':') {
            time = Some(clock(token)?);
        } else if let Some(found) = month_of(token) {
            month = month.or(Some(found));
        } else if let Ok(number) =
            token.parse::<u32>().map_err(drop).and_then(|n| if token.starts_with('+') { Err(()) } else { Ok(n) })
        {
            match (day, year) {
                (None, _) if number <= 31 && token.len() <= 2 => day = Some(number),
                (_, None) => year = Some(full_year(number, token.len())?),
                _ => {}
            }
        } else if time.is_some() && zone.is_none() {
            zone = offset(token);
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let valid = (1..=days(year, month)).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let second = second.min(59);
    valid.then(|| {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}", zone.as_deref().unwrap_or("Z"))
    })
}

/// `8-Aug-2003` is three tokens, `-0500` is one.
fn split_hyphens(token: &str) -> impl Iterator<Item = &str> {
    let divided = token.contains('-') && !token.starts_with('-') && !token.contains(':');
    let mut parts = token.split(if divided { '-' } else { '\0' });
    std::iter::from_fn(move || parts.next())
}

fn iso_already(text: &str) -> Option<String> {
    let (date, time) = (&text[..10], &text[11..19]);
    let digits = |text: &str, mark: u8| text.bytes().all(|b| b.is_ascii_digit() || b == mark);
    (digits(date, b'-') && digits(time, b':'))
        .then(|| format!("{date}T{time}{}", offset(text[19..].trim()).as_deref().unwrap_or("Z")))
}

fn clock(token: &str) -> Option<(u32, u32, u32)> {
    let mut parts = token.split(':');
    let mut next = || parts.next().map(|part| part.split('.').next().unwrap_or_default().parse::<u32>().ok());
    let (hour, minute) = (next()??, next()??);
    let second = next().unwrap_or(Some(0))?;
    Some((hour, minute, second))
}

fn month_of(token: &str) -> Option<u32> {
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

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `+0200`, `+02:00`, or one of the names that RFC 5322 knows. Other names have more than one meaning.
fn offset(zone: &str) -> Option<String> {
    let hours = match zone.to_ascii_uppercase().as_str() {
        // A negative zero says that the time is universal, and does not say where the sender is.
        "Z" | "UT" | "UTC" | "GMT" | "+0000" | "+00:00" | "-0000" | "-00:00" => return Some("Z".to_owned()),
        "EDT" => "-04:00",
        "EST" | "CDT" => "-05:00",
        "CST" | "MDT" => "-06:00",
        "MST" | "PDT" => "-07:00",
        "PST" => "-08:00",
        _ => {
            let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
            let valid = zone.starts_with(['+', '-']) && digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
            let valid = valid && digits[..2] < *"24" && digits[2..] < *"60";
            return valid.then(|| format!("{}{}:{}", &zone[..1], &digits[..2], &digits[2..]));
        }
    };
    Some(hours.to_owned())
}

#[cfg(test)]
mod tests {
    use super::iso;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("Fri, 8 Aug 2003 21:20:15 +0200", Some("2003-08-08T21:20:15+02:00")),
            (" Fri, 08 Aug 2003 21:20:15 -0500 (CDT)", Some("2003-08-08T21:20:15-05:00")),
            ("8 Aug 03 21:20 GMT", Some("2003-08-08T21:20:00Z")),
            ("8 Aug 103 21:20 UT", Some("2003-08-08T21:20:00Z")),
            ("Friday, 08-Aug-99 21:20:15 PDT", Some("1999-08-08T21:20:15-07:00")),
            ("Fri Aug  8 21:20:15 2003", Some("2003-08-08T21:20:15Z")),
            ("Fri Aug  8 21:20:15 CEST 2003", Some("2003-08-08T21:20:15Z")),
            ("Thu, 29 Feb 2024 00:00:60 -0000", Some("2024-02-29T00:00:59Z")),
            ("2003-08-08 21:20:15 +0000", Some("2003-08-08T21:20:15Z")),
            ("2003-08-08T21:20:15+05:30", Some("2003-08-08T21:20:15+05:30")),
            ("Thu, 29 Feb 2023 00:00:00 +0000", None),
            ("Fri, 8 Aug 2003 25:20:15 +0200", None),
            ("Fri, 8 Aug 2003", None),
            ("yesterday", None),
            ("", None),
            ("8 Aug 20033 21:20", None),
            ("8 Aug 2003 21:20 +9999", Some("2003-08-08T21:20:00Z")),
            ("äöüäöüäöüäöü 1:2", None),
        ] {
            assert_eq!(iso(text).as_deref(), expected, "{text}");
        }
    }
}
