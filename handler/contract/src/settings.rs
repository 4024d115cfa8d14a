//! The handler's settings, as environment variables: written by the provisioner, read by the handler.
//!
//! `Settings::parse(settings.to_vars()) == settings` for every value, which a property test holds.

use crate::FileTypes;

/// All that the handler is given from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The table that takes the records.
    pub table_name: String,
    /// Larger objects are refused unread. Bytes.
    pub max_file_size: u64,
    /// The types that are accepted, by content.
    pub allowed_types: FileTypes,
    /// How long a record is kept after it was written. Seconds; `None` for ever.
    pub keep_records: Option<u64>,
    /// Whether metrics are also counted by file type and by error code. Each that occurs is a metric on the bill.
    pub detailed_metrics: bool,
    /// What one child process may use for one file.
    pub limits: Limits,
}

/// What one child process may use for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Memory that the child can write to. Bytes.
    pub memory: u64,
    /// Processor time for a small file; [`Limits::cpu_seconds_for`] a larger one. Seconds.
    pub cpu_seconds: u32,
    /// The longest that the child may let its parent wait at a time: to take the next bytes, or to answer after the
    /// last. Seconds.
    pub wall_seconds: u32,
    /// Temporary storage for formats that must be read out of order. Bytes.
    pub spool: u64,
}

impl Default for Limits {
    /// The limits at which no good file of the test corpus was ended and every hostile one was.
    fn default() -> Self {
        Self { memory: 96 << 20, cpu_seconds: 5, wall_seconds: 20, spool: 384 << 20 }
    }
}

impl Limits {
    /// Processor time for a file of this size in bytes. Seconds.
    ///
    /// A second more for every MiB, so that a bomb must be as large as the time that it takes, and at most what the
    /// parent waits for an answer, which follows from the function's timeout. A second for a MiB is what a PDF of
    /// closely printed pages takes several times over; text takes a few milliseconds.
    /// A file of unknown size may be the largest.
    #[must_use]
    pub fn cpu_seconds_for(&self, size: Option<u64>) -> u32 {
        let more = size.map_or(u32::MAX, |size| u32::try_from(size >> 20).unwrap_or(u32::MAX));
        self.cpu_seconds.saturating_add(more).min(self.cpu_seconds.max(self.wall_seconds))
    }
}

const TABLE_NAME: &str = "TABLE_NAME";
const MAX_FILE_SIZE: &str = "MAX_FILE_SIZE";
const ALLOWED_TYPES: &str = "ALLOWED_TYPES";
const DETAILED_METRICS: &str = "DETAILED_METRICS";
/// Only set where records expire, so that other stacks have the environment that they had.
const KEEP_RECORDS: &str = "KEEP_RECORDS_SECONDS";
const CHILD_MEMORY: &str = "CHILD_MEMORY";
const CHILD_CPU_SECONDS: &str = "CHILD_CPU_SECONDS";
const CHILD_WALL_SECONDS: &str = "CHILD_WALL_SECONDS";
const CHILD_SPOOL: &str = "CHILD_SPOOL";

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidVariable {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Everything that is wrong with the environment, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the handler's environment is wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct SettingsError(pub Vec<InvalidVariable>);

impl Settings {
    /// The environment variables that carry these settings.
    pub fn to_vars(&self) -> Vec<(&'static str, String)> {
        let mut vars = vec![
            (TABLE_NAME, self.table_name.clone()),
            (MAX_FILE_SIZE, self.max_file_size.to_string()),
            (ALLOWED_TYPES, self.allowed_types.to_csv()),
            (DETAILED_METRICS, self.detailed_metrics.to_string()),
            (CHILD_MEMORY, self.limits.memory.to_string()),
            (CHILD_CPU_SECONDS, self.limits.cpu_seconds.to_string()),
            (CHILD_WALL_SECONDS, self.limits.wall_seconds.to_string()),
            (CHILD_SPOOL, self.limits.spool.to_string()),
        ];
        vars.extend(self.keep_records.map(|seconds| (KEEP_RECORDS, seconds.to_string())));
        vars
    }

    /// Reads settings from environment variables; the ones it does not know are left alone.
    ///
    /// # Errors
    /// Lists every variable that is missing or wrong, not only the first.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(vars: impl IntoIterator<Item = (K, V)>) -> Result<Self, SettingsError> {
        let vars: std::collections::HashMap<String, String> =
            vars.into_iter().map(|(k, v)| (k.as_ref().to_owned(), v.as_ref().to_owned())).collect();
        let mut reader = VariableReader { vars: &vars, invalid: Vec::new() };
        let settings = Self {
            table_name: reader.read(TABLE_NAME, |text| {
                let valid = (3..=255).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
                if valid { Ok(text.to_owned()) } else { Err(format!("{text:?} is not a table's name")) }
            }),
            max_file_size: reader.positive(MAX_FILE_SIZE, "bytes"),
            allowed_types: reader
                .read_or(ALLOWED_TYPES, FileTypes::any(), |text| FileTypes::from_csv(text).map_err(|e| e.to_string())),
            keep_records: vars.contains_key(KEEP_RECORDS).then(|| reader.positive(KEEP_RECORDS, "seconds")),
            detailed_metrics: reader.read(DETAILED_METRICS, |text| {
                text.parse().map_err(|_| format!("{text:?} is neither \"true\" nor \"false\""))
            }),
            limits: Limits {
                memory: reader.positive(CHILD_MEMORY, "bytes"),
                cpu_seconds: reader.positive(CHILD_CPU_SECONDS, "seconds"),
                wall_seconds: reader.positive(CHILD_WALL_SECONDS, "seconds"),
                spool: reader.positive(CHILD_SPOOL, "bytes"),
            },
        };
        if reader.invalid.is_empty() { Ok(settings) } else { Err(SettingsError(reader.invalid)) }
    }
}

/// Reads variables one by one and collects what is wrong with them; a placeholder replaces a wrong value.
struct VariableReader<'a> {
    vars: &'a std::collections::HashMap<String, String>,
    invalid: Vec<InvalidVariable>,
}

impl VariableReader<'_> {
    fn read_or<T>(&mut self, variable: &'static str, stand_in: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        let parsed = match self.vars.get(variable) {
            None => Err("is not set".to_owned()),
            Some(text) => parse(text),
        };
        parsed.unwrap_or_else(|problem| {
            self.invalid.push(InvalidVariable { variable, problem });
            stand_in
        })
    }

    fn read<T: Default>(&mut self, variable: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.read_or(variable, T::default(), parse)
    }

    fn positive<T: std::str::FromStr + Default + PartialEq>(&mut self, variable: &'static str, unit: &str) -> T {
        self.read(variable, |text| match text.parse::<T>() {
            Ok(n) if n != T::default() => Ok(n),
            _ => Err(format!("{text:?} is not a whole number of {unit} above zero")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn processor_time_grows_with_the_file_up_to_what_the_parent_waits() {
        let limits = |cpu_seconds, wall_seconds| Limits { cpu_seconds, wall_seconds, ..Limits::default() };
        for (limits, size, seconds) in [
            (limits(5, 45), Some(0), 5),
            (limits(5, 45), Some((1 << 20) - 1), 5),
            (limits(5, 45), Some(30 << 20), 35),
            (limits(5, 45), Some(100 << 20), 45),
            (limits(5, 45), Some(u64::MAX), 45),
            // A wait that is shorter than the least of processor time takes nothing away.
            (limits(60, 20), Some(30 << 20), 60),
            (limits(u32::MAX, u32::MAX), Some(u64::MAX), u32::MAX),
            (limits(5, 45), None, 45),
        ] {
            assert_eq!(limits.cpu_seconds_for(size), seconds, "{limits:?} {size:?}");
        }
    }

    #[test]
    fn every_fault_is_listed_at_once() {
        let vars = [
            (TABLE_NAME, "a b"),
            (MAX_FILE_SIZE, "100 MiB"),
            (ALLOWED_TYPES, "pdf"),
            (CHILD_MEMORY, "0"),
            (CHILD_SPOOL, "1"),
            (KEEP_RECORDS, "90d"),
        ];
        let SettingsError(invalid) = Settings::parse(vars).unwrap_err();
        let named: Vec<_> = invalid.iter().map(|f| f.variable).collect();
        assert_eq!(
            named,
            [
                TABLE_NAME,
                MAX_FILE_SIZE,
                ALLOWED_TYPES,
                KEEP_RECORDS,
                DETAILED_METRICS,
                CHILD_MEMORY,
                CHILD_CPU_SECONDS,
                CHILD_WALL_SECONDS
            ]
        );
        assert_eq!(invalid[3].problem, "\"90d\" is not a whole number of seconds above zero");
        assert_eq!(invalid[4].problem, "is not set");
    }

    proptest! {
        #[test]
        fn what_one_side_writes_the_other_reads(
            table_name in "[A-Za-z0-9_.-]{3,255}",
            max_file_size in 1..=u64::MAX,
            types in proptest::collection::vec("([a-z]{1,8}/([a-z+.-]{1,12}|\\*))|\\*/\\*", 1..5),
            detailed_metrics in any::<bool>(),
            keep_records in proptest::option::of(1..=u64::MAX),
            limits in (1..=u64::MAX, 1..=u32::MAX, 1..=u32::MAX, 1..=u64::MAX),
        ) {
            let settings = Settings {
                table_name,
                max_file_size,
                allowed_types: FileTypes::new(types).unwrap(),
                detailed_metrics,
                keep_records,
                limits: Limits { memory: limits.0, cpu_seconds: limits.1, wall_seconds: limits.2, spool: limits.3 },
            };
            prop_assert_eq!(Settings::parse(settings.to_vars()), Ok(settings));
        }
    }
}
