//! Matches records to uploads. Pure.
//!
//! In a bucket with versioning, the response to `PutObject` contains the object's version, and the record's id follows
//! from it. Without versioning, the id follows from a sequencer that only the event contains, so a record is matched by
//! key, `ETag` and time: not before the start of the upload by S3's clock, and not among the records that existed before.
//! One ambiguity remains: of two uploads of the same bytes under the same key within [`SLACK_MILLIS`], the records can be
//! swapped; both have the same content.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use handler_contract::upload::identifying_version;
use handler_contract::{Timestamp, Upload};
use provisioner_model::query::Row;
use serde_json::Value;

/// The tolerance of times, in milliseconds: the skew between S3's clocks, and the resolution of one second of an HTTP
/// date.
pub const SLACK_MILLIS: i64 = 2_000;

/// Up to this number of keys, each key is queried (8 partitions each); for more keys, all newest records are read (32
/// partitions).
const FEW_KEYS: usize = 4;

/// An upload whose record is awaited.
#[derive(Debug, Clone, PartialEq)]
pub struct Awaited<T> {
    /// The object's key.
    pub key: String,
    /// Its `ETag`.
    pub e_tag: Option<String>,
    /// Its version.
    pub version_id: Option<String>,
    /// When the upload started, by S3's clock, in milliseconds since the Unix epoch.
    pub began: i64,
    /// Data of the caller, returned with the match.
    pub with: T,
}

/// The query that finds the records of the awaited uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Records of these keys since this time.
    ByKeys(Vec<String>, Timestamp),
    /// All records since this time.
    Newest(Timestamp),
}

/// The uploads whose records are awaited, and the records that have been seen.
#[derive(Debug)]
pub struct RecordMatcher<T> {
    bucket: String,
    keys: BTreeSet<String>,
    /// Each with the id of its record, if that follows from the upload.
    awaited: Vec<(Awaited<T>, Option<String>)>,
    /// Ids that are skipped: they existed before or were read already.
    known: HashSet<String>,
    /// Records that match no awaited upload yet, by key.
    unclaimed: BTreeMap<String, Vec<Value>>,
}

impl<T> RecordMatcher<T> {
    /// A matcher for uploads of these keys. `before` are the records that existed already.
    pub fn new(bucket: &str, keys: BTreeSet<String>, before: &[Row]) -> Self {
        let known = before.iter().filter(|row| keys.contains(&row.object_key)).map(|row| row.document_id.clone());
        Self {
            bucket: bucket.to_owned(),
            known: known.collect(),
            keys,
            awaited: Vec::new(),
            unclaimed: BTreeMap::new(),
        }
    }

    /// Awaits the record of one more upload.
    pub fn expect(&mut self, upload: Awaited<T>) {
        let id = id_of_version(&self.bucket, &upload.key, upload.version_id.as_deref());
        self.awaited.push((upload, id));
    }

    /// The number of awaited records.
    pub fn len(&self) -> usize {
        self.awaited.len()
    }

    /// Whether no record is awaited.
    pub fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The ids of records that follow from their uploads.
    pub fn known_ids(&self) -> Vec<String> {
        self.awaited.iter().filter_map(|(_, id)| id.clone()).collect()
    }

    /// The query for the other records; `None` if all ids are known.
    pub fn lookup(&self) -> Option<Lookup> {
        let uncertain = || self.awaited.iter().filter(|(_, id)| id.is_none()).map(|(upload, _)| upload);
        let since =
            uncertain().map(|upload| upload.began - SLACK_MILLIS).min().and_then(Timestamp::from_unix_millis)?;
        let keys: BTreeSet<&String> = uncertain().map(|upload| &upload.key).collect();
        if keys.len() <= FEW_KEYS {
            Some(Lookup::ByKeys(keys.into_iter().cloned().collect(), since))
        } else {
            Some(Lookup::Newest(since))
        }
    }

    /// The ids of rows that can match an awaited upload.
    pub fn candidates(&self, rows: &[Row]) -> Vec<String> {
        rows.iter()
            .filter(|row| self.keys.contains(&row.object_key) && !self.known.contains(&row.document_id))
            .map(|row| row.document_id.clone())
            .collect()
    }

    /// Adds records that were read, and returns those that match awaited uploads, with their uploads.
    pub fn match_records(&mut self, records: Vec<Value>) -> Vec<(Awaited<T>, Value)> {
        for record in records {
            if self.known.insert(text(&record, "documentId").to_owned()) {
                self.unclaimed.entry(text(&record, "objectKey").to_owned()).or_default().push(record);
            }
        }
        let mut matched = Vec::new();
        let mut left = Vec::new();
        for (upload, id) in std::mem::take(&mut self.awaited) {
            let records = self.unclaimed.get_mut(&upload.key);
            let found = records.and_then(|records| {
                let at = records.iter().position(|record| belongs(record, &upload))?;
                Some(records.remove(at))
            });
            match found {
                Some(record) => matched.push((upload, record)),
                None => left.push((upload, id)),
            }
        }
        self.awaited = left;
        matched
    }

    /// Stops awaiting the uploads for which `overdue` is true, and returns them.
    pub fn give_up(&mut self, overdue: impl Fn(&T) -> bool) -> Vec<Awaited<T>> {
        let awaited = std::mem::take(&mut self.awaited);
        let (late, left): (Vec<_>, Vec<_>) = awaited.into_iter().partition(|(upload, _)| overdue(&upload.with));
        self.awaited = left;
        late.into_iter().map(|(upload, _)| upload).collect()
    }
}

/// The id of the record of an object's version; `None` without versioning.
pub fn id_of_version(bucket: &str, key: &str, version_id: Option<&str>) -> Option<String> {
    let upload = Upload {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: Some(identifying_version(version_id)?.to_owned()),
        e_tag: None,
        sequencer: None,
        size: None,
        uploaded_at: Timestamp::from_unix_millis(0)?,
    };
    Some(upload.document_id().to_string())
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

fn belongs<T>(record: &Value, upload: &Awaited<T>) -> bool {
    if let Some(version) = identifying_version(upload.version_id.as_deref()) {
        return text(record, "versionId") == version;
    }
    let uploaded_at = Timestamp::parse(text(record, "uploadedAt")).map_or(i64::MIN, |time| time.unix_millis());
    record["eTag"].as_str() == upload.e_tag.as_deref() && uploaded_at >= upload.began - SLACK_MILLIS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const T: i64 = 1_795_278_829_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    fn record(id: &str, key: &str, e_tag: &str, millis: i64) -> Value {
        json!({"documentId": id, "objectKey": key, "eTag": e_tag, "uploadedAt": at(millis), "versionId": format!("v-{id}")})
    }

    fn row(id: &str, key: &str, millis: i64) -> Row {
        serde_json::from_value(json!({
            "documentId": id, "objectKey": key, "uploadedAt": at(millis), "fileName": key, "fileType": "text/plain",
            "fileSize": 1, "status": "SUCCESS",
        }))
        .unwrap()
    }

    fn awaited(key: &str, e_tag: &str, version_id: Option<&str>) -> Awaited<u32> {
        let version_id = version_id.map(Into::into);
        Awaited { key: key.into(), e_tag: Some(e_tag.into()), version_id, began: T, with: 7 }
    }

    fn matcher(keys: &[&str], before: &[Row]) -> RecordMatcher<u32> {
        RecordMatcher::new("b", keys.iter().map(|&key| key.to_owned()).collect(), before)
    }

    #[test]
    fn a_repeated_upload_does_not_match_the_existing_record() {
        let before = [row("old", "a", T - 500)];
        let mut a = matcher(&["a"], &before);
        a.expect(awaited("a", "e", None));
        assert_eq!(a.candidates(&before), Vec::<String>::new());
        assert_eq!(a.candidates(&[row("new", "a", T), before[0].clone(), row("x", "other", T)]), ["new"]);
        let matched = a.match_records(vec![record("new", "a", "e", T)]);
        assert_eq!((matched.len(), matched[0].1["documentId"].as_str()), (1, Some("new")));
        assert!(a.is_empty());
    }

    #[test]
    fn neither_other_bytes_nor_an_older_upload_match() {
        let mut a = matcher(&["a"], &[]);
        a.expect(awaited("a", "e", None));
        let others =
            vec![record("1", "a", "other", T), record("2", "a", "e", T - SLACK_MILLIS - 1), record("3", "b", "e", T)];
        assert!(a.match_records(others).is_empty());
        assert_eq!(a.match_records(vec![record("4", "a", "e", T - SLACK_MILLIS)]).len(), 1);
    }

    #[test]
    fn a_record_can_arrive_before_the_upload_returns() {
        let mut a = matcher(&["a"], &[]);
        assert!(a.match_records(vec![record("1", "a", "e", T)]).is_empty());
        a.expect(awaited("a", "e", None));
        assert_eq!(a.match_records(Vec::new()).len(), 1);
    }

    #[test]
    fn with_versioning_the_id_is_known_and_only_the_version_matches() {
        let mut a = matcher(&["a"], &[]);
        a.expect(awaited("a", "e", Some("v-2")));
        assert_eq!(a.lookup(), None);
        let upload = Upload {
            bucket: "b".into(),
            key: "a".into(),
            version_id: Some("v-2".into()),
            e_tag: Some("e".into()),
            sequencer: Some("01".into()),
            size: Some(3),
            uploaded_at: at(T),
        };
        assert_eq!(a.known_ids(), [upload.document_id().to_string()]);
        assert!(a.match_records(vec![record("1", "a", "e", T)]).is_empty());
        assert_eq!(a.match_records(vec![record("2", "a", "e", T)]).len(), 1);
        // Suspended versioning: "null" identifies nothing.
        a.expect(awaited("a", "e", Some("null")));
        assert_eq!((a.known_ids().len(), a.lookup().is_some()), (0, true));
    }

    #[test]
    fn few_keys_are_queried_one_by_one() {
        let keys = ["a", "b", "c", "d", "e"];
        let mut a = matcher(&keys, &[]);
        for key in &keys[..4] {
            a.expect(awaited(key, "e", None));
        }
        let since = at(T - SLACK_MILLIS);
        let four = keys[..4].iter().map(|&key| key.to_owned()).collect();
        assert_eq!(a.lookup(), Some(Lookup::ByKeys(four, since.clone())));
        a.expect(awaited("e", "e", None));
        assert_eq!(a.lookup(), Some(Lookup::Newest(since)));
        assert_eq!(a.give_up(|&with| with == 7).len(), 5);
        assert!(a.is_empty());
    }
}
