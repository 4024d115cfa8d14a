//! One upload, as its event reports it, and the identity that makes its record unique.

use std::time::Duration;

use uuid::Uuid;

use crate::Timestamp;

/// The age at which the event of an upload counts as late. Later events are also looked for under
/// [`Upload::content_id`], because `provisioner reconcile` may have sent the upload in the meantime.
///
/// S3 delivers within seconds; Lambda repeats a failed event after one minute and after two more (Lambda developer guide,
/// "Error handling for asynchronous invocation"). The additional write of a late event should be rare.
pub const LATE_AFTER: Duration = Duration::from_mins(1);

/// The partition key of a record: a version 5 UUID of what identifies one upload ([`Upload::document_id`]).
pub type DocumentId = Uuid;

/// The facts that an event gives about one object that was put into the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// The version, in a bucket that keeps versions.
    pub version_id: Option<String>,
    /// The `ETag` without quotes: which bytes the event speaks of.
    pub e_tag: Option<String>,
    /// Orders the events of one key (hexadecimal of varying length); a redelivered event carries the same one.
    pub sequencer: Option<String>,
    /// The size in bytes, as the event has it.
    pub size: Option<u64>,
    /// When the object was put.
    pub uploaded_at: Timestamp,
}

impl Upload {
    /// The record's partition key: a version 5 UUID of what identifies this upload and no other.
    ///
    /// That is the bucket, the key and the version, or where there is none the sequencer. Events of other make may lack
    /// both; the `ETag` and the time replace them then. Parts are joined with their lengths, so that no two lists of
    /// parts read alike.
    pub fn document_id(&self) -> DocumentId {
        let (kind, occurrence) = match (self.version(), self.sequencer.as_deref().filter(|s| !s.is_empty())) {
            (Some(version), _) => ("version", version.to_owned()),
            (None, Some(sequencer)) => ("sequencer", sequencer.to_owned()),
            (None, None) => ("time", format!("{}/{}", self.uploaded_at, self.e_tag.as_deref().unwrap_or_default())),
        };
        self.id_of(kind, &occurrence)
    }

    /// A second identity of an upload to a bucket that keeps no versions: the object's key, size and `ETag`, which a
    /// listing of the bucket has as well. `None` in a bucket that keeps versions, where [`Self::document_id`] follows from
    /// the listing, and without size or `ETag`.
    ///
    /// The sequencer is only in the event. What is processed without its event has this identity, and so has what is
    /// processed late; either finds the record of the other. Uploads of the same bytes to the same key share it.
    pub fn content_id(&self) -> Option<DocumentId> {
        let (None, Some(size), Some(e_tag)) = (self.version(), self.size, &self.e_tag) else { return None };
        Some(self.id_of("content", &format!("{size}/{e_tag}")))
    }

    /// Whether the event of this upload is late at this time, in milliseconds since the Unix epoch.
    pub fn is_late(&self, now: i64) -> bool {
        let age = now.saturating_sub(self.uploaded_at.unix_millis());
        u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) >= LATE_AFTER)
    }

    fn version(&self) -> Option<&str> {
        identifying_version(self.version_id.as_deref())
    }

    fn id_of(&self, kind: &str, occurrence: &str) -> DocumentId {
        let mut name = String::new();
        for part in ["s3", &self.bucket, &self.key, kind, occurrence] {
            name.push_str(&part.len().to_string());
            name.push(':');
            name.push_str(part);
        }
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
    }

    /// The key's last part, which people know as the file's name.
    pub fn file_name(&self) -> &str {
        self.key.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&self.key)
    }
}

/// The id of a version, if it identifies one: S3 gives the id `null` to every object that is put while its bucket keeps no
/// versions (S3 user guide, "How S3 Versioning works").
pub fn identifying_version(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty() && *id != "null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn upload(key: &str, version: Option<&str>, sequencer: Option<&str>) -> Upload {
        Upload {
            bucket: "b".into(),
            key: key.into(),
            version_id: version.map(Into::into),
            e_tag: Some("d41d8cd98f00b204e9800998ecf8427e".into()),
            sequencer: sequencer.map(Into::into),
            size: Some(0),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49Z").unwrap(),
        }
    }

    #[test]
    fn the_identity_is_pinned() {
        // Changing it would give redelivered events a second record.
        assert_eq!(
            upload("a.txt", None, Some("0055AED6DCD90281E5")).document_id().to_string(),
            "6dcfed7a-f6fd-5ce0-964a-7ab0426018da"
        );
        assert_eq!(
            upload("a.txt", Some("v1"), Some("0055AED6DCD90281E5")).document_id().to_string(),
            "fc190af2-f777-52e8-9898-1845a670ea18"
        );
    }

    #[test]
    fn a_listing_identifies_an_upload_as_its_late_event_does() {
        let listed = Upload { sequencer: None, ..upload("a.txt", None, None) };
        let event = Upload {
            uploaded_at: Timestamp::parse("2026-11-22T16:33:50.120Z").unwrap(),
            ..upload("a.txt", Some("null"), Some("0055AED6DCD90281E5"))
        };
        assert_eq!(listed.content_id(), event.content_id());
        // Pinned, as the others are.
        assert_eq!(listed.content_id().unwrap().to_string(), "1ff1a4e6-8fee-5adf-8e0f-b928365d93f0");
        assert_ne!(listed.content_id(), Upload { size: Some(1), ..listed.clone() }.content_id());
        assert_ne!(listed.content_id(), Upload { e_tag: Some("other".into()), ..listed.clone() }.content_id());
        for unknown in [
            upload("a.txt", Some("v1"), None),
            Upload { size: None, ..listed.clone() },
            Upload { e_tag: None, ..listed.clone() },
        ] {
            assert_eq!(unknown.content_id(), None, "{unknown:?}");
        }
    }

    #[test]
    fn an_event_is_late_after_a_minute() {
        let upload = upload("a.txt", None, None);
        let put = upload.uploaded_at.unix_millis();
        for (age, late) in [(-5_000, false), (0, false), (59_999, false), (60_000, true), (86_400_000, true)] {
            assert_eq!(upload.is_late(put + age), late, "{age}");
        }
    }

    #[test]
    fn a_suspended_bucket_s_null_version_identifies_nothing() {
        assert_ne!(
            upload("a", Some("null"), Some("01")).document_id(),
            upload("a", Some("null"), Some("02")).document_id()
        );
        assert_eq!(upload("a", Some("null"), Some("01")).document_id(), upload("a", None, Some("01")).document_id());
    }

    #[test]
    fn the_name_is_the_last_part_of_the_key() {
        for (key, name) in
            [("a/b/c.pdf", "c.pdf"), ("c.pdf", "c.pdf"), ("a//c d.pdf", "c d.pdf"), ("/", "/"), ("a/", "a")]
        {
            assert_eq!(upload(key, None, None).file_name(), name);
        }
    }

    proptest! {
        #[test]
        fn uploads_that_differ_have_different_records(
            a in ("[ab:0-9/]{0,6}", proptest::option::of("[1-3:]{1,3}"), proptest::option::of("[1-3:]{1,3}")),
            b in ("[ab:0-9/]{0,6}", proptest::option::of("[1-3:]{1,3}"), proptest::option::of("[1-3:]{1,3}")),
        ) {
            let (x, y) = (upload(&a.0, a.1.as_deref(), a.2.as_deref()), upload(&b.0, b.1.as_deref(), b.2.as_deref()));
            // With a version, the sequencer adds nothing.
            let same = a.0 == b.0 && a.1 == b.1 && (a.1.is_some() || a.2 == b.2);
            prop_assert_eq!(x.document_id() == y.document_id(), same);
        }
    }
}
