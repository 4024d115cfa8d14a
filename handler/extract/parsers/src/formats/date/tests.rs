use proptest::prelude::*;

use super::{DateParts, from_exif, from_file_time, from_message, from_numbers, from_pdf, from_unix_millis, is_iso};

#[test]
fn dates_of_messages() {
    for (text, expected) in [
        ("Fri, 8 Aug 2003 21:20:15 +0200", Some("2003-08-08T19:20:15Z")),
        (" Fri, 08 Aug 2003 21:20:15 -0500 (CDT)", Some("2003-08-09T02:20:15Z")),
        ("Thu, 26 Nov 2026 10:00:00 +01:00", Some("2026-11-26T09:00:00Z")),
        ("Thu, 26 Nov 2026 10:00:00 -03:30", Some("2026-11-26T13:30:00Z")),
        ("Thu, 26 Nov 2026 10:00:00 +1", Some("2026-11-26T09:00:00Z")),
        ("Thu, 26 Nov 2026 10:00:00 -800", Some("2026-11-26T18:00:00Z")),
        ("8 Aug 03 21:20 GMT", Some("2003-08-08T21:20:00Z")),
        ("8 Aug 103 21:20 UT", Some("2003-08-08T21:20:00Z")),
        ("Friday, 08-Aug-99 21:20:15 PDT", Some("1999-08-09T04:20:15Z")),
        // Without a zone, or with one that is not known.
        ("Fri Aug  8 21:20:15 2003", Some("2003-08-08T21:20:15")),
        ("8 Aug 2003 21:20 IST", Some("2003-08-08T21:20:00")),
        ("8 Aug 2003 21:20 A", Some("2003-08-08T21:20:00")),
        ("8 Aug 2003 21:20 +9999", Some("2003-08-08T21:20:00")),
        ("8 Aug 2003 21:20 Mars Standard Time", Some("2003-08-08T21:20:00")),
        // Names of zones.
        ("Fri Aug  8 21:20:15 CEST 2003", Some("2003-08-08T19:20:15Z")),
        ("Thu, 6 Aug 2026 10:00:00 JST", Some("2026-08-06T01:00:00Z")),
        ("Thu, 6 Aug 2026 10:00:00 aest", Some("2026-08-06T00:00:00Z")),
        ("Wed, 24 Jul 2019 03:05:23 Pacific Daylight Time", Some("2019-07-24T10:05:23Z")),
        ("Wed, 24 Jan 2019 03:05:23 W. Europe Standard Time", Some("2019-01-24T02:05:23Z")),
        ("Wed, 24 Jul 2019 03:05:23 (CEST)", Some("2019-07-24T01:05:23Z")),
        ("Fri Aug 08 2003 21:20:15 GMT+0200 (CEST)", Some("2003-08-08T19:20:15Z")),
        ("Thu, 29 Feb 2024 00:00:60 -0000", Some("2024-02-29T00:00:59Z")),
        ("Thu, 31 Dec 2026 24:00:00 +0000", Some("2027-01-01T00:00:00Z")),
        ("Wed, 24 Jul 2019 12:05:23 AM +0000", Some("2019-07-24T00:05:23Z")),
        ("Wed, 24 Jul 2019 12:05 pm +0000", Some("2019-07-24T12:05:00Z")),
        ("2003-08-08 21:20:15 +0000", Some("2003-08-08T21:20:15Z")),
        ("2003-08-08T21:20:15+05:30", Some("2003-08-08T15:50:15Z")),
        ("2003-08-08T21:20:15 (local)", Some("2003-08-08T21:20:15")),
        ("Thu, 29 Feb 2023 00:00:00 +0000", None),
        ("Fri, 8 Aug 2003 25:20:15 +0200", None),
        ("Fri, 8 Aug 2003", None),
        ("2003-08-08", None),
        ("yesterday", None),
        ("", None),
        ("8 Aug 20033 21:20", None),
        ("äöüäöüäöüäöü 1:2", None),
    ] {
        assert_eq!(from_message(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn dates_of_numbers() {
    for (text, expected) in [
        ("2004", Some("2004")),
        ("2004-05", Some("2004-05")),
        ("2004-05-06", Some("2004-05-06")),
        ("2004:05:06", Some("2004-05-06")),
        ("2004/5/6", Some("2004-05-06")),
        ("20040506", Some("2004-05-06")),
        ("2004-05-06T07", Some("2004-05-06T07:00:00")),
        ("2004-05-06T07:08", Some("2004-05-06T07:08:00")),
        ("2004-05-06T07:08Z", Some("2004-05-06T07:08:00Z")),
        ("2004-05-06T07:08:09", Some("2004-05-06T07:08:09")),
        ("2004-05-06 07:08:09", Some("2004-05-06T07:08:09")),
        ("2004-05-06T07:08:09.5Z", Some("2004-05-06T07:08:09.500Z")),
        ("2004-05-06T07:08:09,123456+02", Some("2004-05-06T05:08:09.123Z")),
        ("20040506T070809Z", Some("2004-05-06T07:08:09Z")),
        ("2004-05-06T07:08:09+0200", Some("2004-05-06T05:08:09Z")),
        ("2004-01-01T00:30:00+01:00", Some("2003-12-31T23:30:00Z")),
        ("2004-05-06T24:00:00", Some("2004-05-07T00:00:00")),
        ("0000", None),
        ("2004-99", None),
        ("2004-02-31", None),
        ("2004-05-06T25:00", None),
        ("2004-05-06T07:61:00Z", None),
        ("2004-05-06T07:08:61Z", None),
        ("2004-05-06T07:08:09+99:00", None),
        ("0001-01-01T00:30:00+01:00", None),
        ("9999-12-31T23:30:00-01:00", None),
        ("2004 or later", None),
        ("12345", None),
        ("04-05-06", None),
        ("", None),
    ] {
        assert_eq!(from_numbers(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn dates_of_pdf() {
    for (text, expected) in [
        ("D:20260506070809+02'00'", Some("2026-05-06T05:08:09Z")),
        ("D:20260506070809-05'30", Some("2026-05-06T12:38:09Z")),
        ("D:20260506070809Z00'00'", Some("2026-05-06T07:08:09Z")),
        ("D:20260506070809Z", Some("2026-05-06T07:08:09Z")),
        ("D:20260506070809", Some("2026-05-06T07:08:09")),
        ("20260506070809", Some("2026-05-06T07:08:09")),
        ("D: 20260506070809", Some("2026-05-06T07:08:09")),
        ("D:202605060708", Some("2026-05-06T07:08:00")),
        ("D:20260506", Some("2026-05-06")),
        ("D:2026", Some("2026")),
        // The years since 1900, after the century.
        ("D:191010506070809", Some("2001-05-06T07:08:09")),
        ("D:191030506070809Z", Some("2003-05-06T07:08:09Z")),
        ("D:19110506070809", Some("1911-05-06T07:08:09")),
        ("Thu May  6 07:08:09 2004", Some("2004-05-06T07:08:09")),
        ("2026-05-06T07:08:09+02:00", Some("2026-05-06T05:08:09Z")),
        ("D:20269901", None),
        ("D:20260231", None),
        ("D:99999999999999", None),
        ("D:", None),
        ("5/6/2004", None),
    ] {
        assert_eq!(from_pdf(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn dates_of_exif() {
    type Row = (&'static [u8], Option<&'static [u8]>, Option<&'static str>);
    let rows: [Row; 8] = [
        (b"2003:10:31 15:44:19\0", None, Some("2003-10-31T15:44:19")),
        (b"2003:10:31 15:44:19\0", Some(b"+01:00\0"), Some("2003-10-31T14:44:19Z")),
        (b"2003:10:31 15:44:19\0", Some(b"   :  "), Some("2003-10-31T15:44:19")),
        (b"2003-10-31T15:44:19", None, Some("2003-10-31T15:44:19")),
        (b"    :  :     :  :  \0", None, None),
        (b"0000:00:00 00:00:00\0", None, None),
        (b"2003:99:31 15:44:19\0", None, None),
        (b"2003:10", None, None),
    ];
    for (time, zone, expected) in rows {
        assert_eq!(from_exif(time, zone).as_deref(), expected, "{}", time.escape_ascii());
    }
}

#[test]
fn instants_and_parts() {
    assert_eq!(from_unix_millis(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    assert_eq!(from_unix_millis(i64::MIN), None);
    assert_eq!(from_file_time(0), None);
    assert_eq!(from_file_time(116_444_736_000_000_000).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    assert_eq!(from_file_time(u64::MAX), None);
    let parts = |year, month, day| DateParts { year, month, day, ..DateParts::default() }.iso();
    assert_eq!(parts(2000, Some(2), Some(29)).as_deref(), Some("2000-02-29"));
    assert_eq!(
        (parts(1900, Some(2), Some(29)), parts(2000, None, Some(1)), parts(10_000, None, None)),
        (None, None, None)
    );
}

#[test]
fn the_check_knows_what_is_no_date() {
    for text in ["2004-02-31", "2004-13", "99", "2004-05-06T07:08", "2004-05-06T25:00:00", "2004-05-06T07:08:09+02:00"]
    {
        assert!(!is_iso(text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn nothing_but_iso_8601_is_returned(
        parts in prop::collection::vec(prop::sample::select(vec![
            "D:", "2004", "19103", "99", "31", "2", "02", "-", ":", "/", ".", "T", " ", "Z", "+", "'", "(", ")", ",",
            "Feb", "8 Aug 2003", "21:20:15", "25:61", "+0200", "-99:99", "CEST", "PM", "60", "ä", "\0", "0000",
        ]), 0..12),
        millis in any::<i64>(),
        ticks in any::<u64>(),
    ) {
        let text = parts.concat();
        let dates = [
            from_message(&text), from_numbers(&text), from_pdf(&text), from_exif(text.as_bytes(), Some(b"+09:30")),
            from_unix_millis(millis), from_file_time(ticks),
        ];
        for date in dates.into_iter().flatten() {
            prop_assert!(is_iso(&date), "{text:?} became {date:?}");
        }
    }
}
