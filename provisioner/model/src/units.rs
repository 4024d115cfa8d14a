//! Sizes and times as people write them: `100 MiB`, `60s`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A size in bytes, written with a unit: `512 KiB`, `100 MiB`, `2 GiB`, or `10 MB` for powers of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The largest object that S3 keeps: 10,000 parts of 5 GiB (S3 user guide, "Amazon S3 multipart upload limits").
pub const MAX_OBJECT: Size = Size(10_000 * (5 << 30));

/// A time in whole seconds, written with a unit: `60s`, `15m`, `6h`, `14d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

/// A text that is not an amount with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {expected}")]
pub struct UnitError {
    given: String,
    expected: &'static str,
}

/// Units of [`Size`], the ones it is printed with first.
const SIZES: [(&str, u64); 9] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];
/// Units of [`Seconds`], largest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

fn parse(text: &str, units: &[(&str, u64)], expected: &'static str) -> Result<u64, UnitError> {
    let error = || UnitError { given: text.to_owned(), expected };
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let amount: u64 = text[..digits].parse().map_err(|_| error())?;
    let unit = text[digits..].trim_start();
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(error)?;
    amount.checked_mul(*factor).ok_or_else(error)
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, &SIZES, "a size; write a whole number and a unit, like 100 MiB").map(Self)
    }
}

impl FromStr for Seconds {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, &TIMES, "a time; write a whole number and a unit, like 60s, 15m, 6h or 14d").map(Self)
    }
}

impl fmt::Display for Size {
    /// Exact: the largest binary unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZES[..4]
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&SIZES[3]);
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl Size {
    /// Rounded to three digits, for people: `1.46 MiB`.
    pub fn rounded(self) -> String {
        let (unit, factor) = SIZES[..4].iter().find(|(_, factor)| self.0 >= *factor).unwrap_or(&SIZES[3]);
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let amount = self.0 as f64 / *factor as f64;
        match amount {
            _ if *factor == 1 => format!("{} B", self.0),
            a if a < 10.0 => format!("{a:.2} {unit}"),
            a if a < 100.0 => format!("{a:.1} {unit}"),
            a => format!("{a:.0} {unit}"),
        }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            TIMES.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)).unwrap_or(&TIMES[3]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

macro_rules! as_text {
    ($type:ty, $format:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a number with a unit, like ", $example))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

as_text!(Size, "size-with-unit", r"^\s*[0-9]+\s*([KMGTkmgt][Ii]?)?[Bb]\s*$", "100 MiB");
as_text!(Seconds, "time-with-unit", r"^\s*[0-9]+\s*[smhdSMHD]\s*$", "60s");

/// A span of time in the two largest units that it has: `250 ms`, `1.2 s`, `1 m 5 s`, `2 d 3 h`.
pub fn span(millis: i64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        ..1 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A number of things, in the plural where it is not one: `1 file`, `2,000 files`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with its thousands set apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("100 MiB", 100 << 20), ("1GiB", 1 << 30), ("10 MB", 10_000_000), ("7 b", 7)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "100", "MiB", "1.5 GiB", "-1 B", "100 MiBs", "99999999999999 TiB", "60s"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
        assert_eq!(Size(1_530_000).rounded(), "1.46 MiB");
        assert_eq!(Size(999).rounded(), "999 B");
    }

    #[test]
    fn times() {
        for (text, seconds) in [("60s", 60), ("15 m", 900), ("6h", 21_600), ("14d", 1_209_600)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for bad in ["60", "1 minute", "s", "1.5h", "10 MiB"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_have_two_units() {
        for (millis, expected) in [
            (-5, "-5 ms"),
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 m 1 s"),
            (3_660_000, "1 h 1 m"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(millis), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(n in any::<u64>()) {
            prop_assert_eq!(Size(n).to_string().parse(), Ok(Size(n)));
            prop_assert_eq!(Seconds(n).to_string().parse(), Ok(Seconds(n)));
        }
    }

    #[test]
    fn thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
