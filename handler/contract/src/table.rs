//! The table's attribute and index names, and how records are spread over an index's partitions.
//!
//! A partition of DynamoDB takes 1,000 write units a second, so one index partition for "all records" or "all failures
//! of today" would be the pipeline's limit. Each index therefore splits its records over a fixed number of shards,
//! chosen by the record's id, and a reader asks all shards and merges. `docs/indexes.md` has the arithmetic.

use uuid::Uuid;

/// The table's partition key.
pub const PARTITION_KEY: &str = "documentId";

/// The attribute by which every index sorts.
pub const SORT_KEY: &str = "uploadedAt";

/// The attribute with the time after which `DynamoDB` deletes a record, in seconds since the Unix epoch.
pub const EXPIRY: &str = "expiresAt";

/// Shards of the index of the newest records and of the index of failures.
pub const TIME_SHARDS: u8 = 32;

/// Shards of the index by object key. One key takes at most the 3,500 PUT requests a second of its S3 prefix.
pub const OBJECT_SHARDS: u8 = 16;

/// A global secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// The index's name.
    pub name: &'static str,
    /// The attribute that chooses the partition.
    pub partition_key: &'static str,
}

/// The newest records.
pub const RECENT: Index = Index { name: "recent", partition_key: "recentShard" };
/// The failures of one day; records that succeeded are not in it.
pub const FAILURES: Index = Index { name: "failures", partition_key: "failureShard" };
/// All uploads of one object key.
pub const BY_OBJECT: Index = Index { name: "by-object", partition_key: "objectShard" };

/// All indexes.
pub const INDEXES: [Index; 3] = [RECENT, FAILURES, BY_OBJECT];

/// What an index holds of a record beside its keys: enough for a list, small enough to be cheap to write three times.
pub const PROJECTED: [&str; 8] =
    ["fileName", "fileType", "fileSize", "status", "objectKey", "errorCode", "wordCount", "pageCount"];

/// The partition of [`RECENT`] that holds this record.
pub fn recent_shard(id: Uuid) -> String {
    shard_name(shard(id, TIME_SHARDS))
}

/// All partitions of [`RECENT`].
pub fn recent_shards() -> impl Iterator<Item = String> {
    (0..TIME_SHARDS).map(shard_name)
}

/// The partition of [`FAILURES`] that holds this record; `day` is like `2026-11-22`.
pub fn failure_shard(day: &str, id: Uuid) -> String {
    format!("{day}#{}", shard_name(shard(id, TIME_SHARDS)))
}

/// All partitions of [`FAILURES`] of one day.
pub fn failure_shards(day: &str) -> impl Iterator<Item = String> {
    (0..TIME_SHARDS).map(move |n| format!("{day}#{}", shard_name(n)))
}

/// The partition of [`BY_OBJECT`] that holds this record.
pub fn object_shard(bucket: &str, key: &str, id: Uuid) -> String {
    format!("{}#{bucket}/{key}", shard_name(shard(id, OBJECT_SHARDS)))
}

/// All partitions of [`BY_OBJECT`] of one object.
pub fn object_shards(bucket: &str, key: &str) -> impl Iterator<Item = String> {
    (0..OBJECT_SHARDS).map(move |n| format!("{}#{bucket}/{key}", shard_name(n)))
}

/// The id is a hash, so its last byte is as good as a random one. (The high bits of others carry the UUID's version.)
fn shard(id: Uuid, shards: u8) -> u8 {
    id.as_bytes()[15] % shards
}

fn shard_name(n: u8) -> String {
    format!("{n:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `DynamoDB` developer guide, "Designing partition keys to distribute your workload": per partition and second.
    const WRITE_UNITS_PER_PARTITION: u64 = 1_000;
    /// The load that no index may become hot under: files a second.
    const FILES: u64 = 10_000;
    /// S3 user guide, "Optimizing Amazon S3 performance": PUT requests a second for one prefix, hence for one key.
    const PUTS_PER_KEY: u64 = 3_500;
    /// S3 user guide, "Object key names" and "Bucket naming rules": bytes.
    const LONGEST_KEY: u64 = 1_024;
    const LONGEST_BUCKET: u64 = 63;
    /// Bytes of an index item beside keys and names of objects: attribute names, documentId, uploadedAt, the longest
    /// media type and error code, numbers.
    const REST: u64 = 700;

    /// Write units of an item of this size in bytes.
    fn units(bytes: u64) -> u64 {
        bytes.div_ceil(1_024)
    }

    #[test]
    fn no_index_partition_is_hot_at_ten_thousand_files_a_second() {
        // A key without a slash is in objectKey and in fileName.
        let by_time = units(2 * LONGEST_KEY + REST);
        assert!(FILES.div_ceil(TIME_SHARDS.into()) * by_time <= WRITE_UNITS_PER_PARTITION);
        // And, with the bucket, in objectShard.
        let by_object = units(3 * LONGEST_KEY + LONGEST_BUCKET + REST);
        assert!(PUTS_PER_KEY.div_ceil(OBJECT_SHARDS.into()) * by_object <= WRITE_UNITS_PER_PARTITION);
    }

    #[test]
    fn records_spread_evenly_and_a_reader_finds_them() {
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        for n in 0..32_000_u32 {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, &n.to_be_bytes());
            *seen.entry(recent_shard(id)).or_default() += 1;
            if n < 100 {
                assert!(failure_shards("2026-11-22").any(|s| s == failure_shard("2026-11-22", id)));
                assert!(object_shards("b", "a/b").any(|s| s == object_shard("b", "a/b", id)));
            }
        }
        assert_eq!(seen.keys().cloned().collect::<Vec<_>>(), recent_shards().collect::<Vec<_>>());
        assert!(seen.values().all(|&n| (800..=1200).contains(&n)), "{seen:?}");
    }
}
