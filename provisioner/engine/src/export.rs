//! Every record of the table, page by page, in the order in which `DynamoDB` has them. Memory is that of one page of
//! 1 MB, whatever the table's size.
//!
//! A table in the free tier has few read units, which the commands of other people need as well. The export is paced to
//! them, and says beforehand how long it takes.

use std::time::{Duration, Instant};

use provisioner_aws::Aws;
use provisioner_aws::records::{Records, Source};
use provisioner_aws::table::Table;
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use serde_json::Value;

/// Amazon DynamoDB developer guide, "Burst and adaptive capacity": five minutes of unused capacity are kept. The export
/// takes half of them.
const BURST: Duration = Duration::from_secs(150);
/// Bytes that one read unit reads with eventual consistency.
const BYTES_PER_UNIT: u64 = 8 << 10;

/// How fast a table with provisioned capacity may be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanRate {
    /// Read units a second.
    pub units: u64,
}

impl ScanRate {
    /// How long reading this much takes.
    pub fn estimate(self, bytes: u64) -> Duration {
        let seconds = bytes.div_ceil(BYTES_PER_UNIT) / self.units.max(1);
        Duration::from_secs(seconds).saturating_sub(BURST)
    }

    /// How long to wait after this many units in this time.
    #[expect(clippy::cast_precision_loss, reason = "read units of a table are at most some ten thousands")]
    pub fn pause(self, consumed: f64, elapsed: Duration) -> Duration {
        let due = Duration::try_from_secs_f64(consumed / self.units.max(1) as f64).unwrap_or_default();
        due.saturating_sub(BURST).saturating_sub(elapsed)
    }
}

/// The export of a table.
#[derive(Debug)]
pub struct Export {
    records: Records,
    source: Source,
    /// The pace; `None` for a table that is billed by request.
    pub pace: Option<ScanRate>,
    /// The size of what is read by the service's own count, which is up to six hours old. Bytes.
    pub bytes: u64,
    /// The number of records by the same count.
    pub items: u64,
}

impl Export {
    /// The export of the stack's table; `None` if there is no table. With `whole`, records have all of their attributes,
    /// else those of a list, which are cheaper to read.
    pub async fn of(
        aws: &Aws,
        names: &Names,
        whole: bool,
    ) -> Result<Option<Self>, provisioner_model::call_error::CallError> {
        let Some(described) = Table::new(aws, &names.table).describe().await? else { return Ok(None) };
        let source = if whole { Source::Table } else { Source::List };
        let capacity = described.capacity(source.index());
        let pace = capacity.units.map(|units| ScanRate { units });
        let records = Records::new(aws, &names.table);
        Ok(Some(Self { records, source, pace, bytes: capacity.bytes, items: described.items }))
    }

    /// Passes the records that match to `take`, a page at a time, until it returns `false`. Returns their number.
    pub async fn run(
        &self,
        query: &Query,
        mut take: impl FnMut(&[Value]) -> bool,
    ) -> Result<u64, provisioner_model::call_error::CallError> {
        let started = Instant::now();
        let (mut consumed, mut exported) = (0.0, 0);
        let mut from = None;
        loop {
            let page = self.records.scan(self.source, from).await?;
            consumed += page.units;
            // What is not a record of this version's form is exported too, unless a filter has to know it.
            let is_filtered = Query { excluded: None, ..query.clone() } != Query::default();
            let wanted = |item: &Value| {
                serde_json::from_value::<Row>(item.clone()).map_or(!is_filtered, |row| query.matches(&row))
            };
            let records: Vec<Value> = page.items.into_iter().filter(wanted).collect();
            exported += records.len() as u64;
            if !take(&records) {
                return Ok(exported);
            }
            from = page.next;
            if from.is_none() {
                return Ok(exported);
            }
            if let Some(pace) = self.pace {
                tokio::time::sleep(pace.pause(consumed, started.elapsed())).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_takes_the_units_that_the_table_has() {
        let pace = ScanRate { units: 3 };
        // 100,000 records of 1 KiB are 12,800 units.
        assert_eq!(pace.estimate(100_000 << 10), Duration::from_secs(12_500 / 3 - 150));
        assert_eq!(pace.estimate(1 << 20), Duration::ZERO, "a small table is within the burst");
        for (consumed, elapsed, expected) in [(450.0, 0, 0), (900.0, 0, 150), (900.0, 100, 50), (900.0, 500, 0)] {
            assert_eq!(pace.pause(consumed, Duration::from_secs(elapsed)), Duration::from_secs(expected));
        }
        assert_eq!(ScanRate { units: 0 }.pause(f64::NAN, Duration::ZERO), Duration::ZERO);
    }
}
