//! The versions of an object, as a bucket lists them.

use handler_contract::Timestamp;

/// A version of an object, or a delete marker. A bucket that keeps no versions has one of each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The object's key.
    pub key: String,
    /// The version; `null` for one that was put while the bucket kept no versions, `None` if the service lists none.
    pub version_id: Option<String>,
    /// When it was put, with a resolution of a second.
    pub modified: Timestamp,
    /// Bytes; `None` for a delete marker.
    pub size: Option<u64>,
    /// The `ETag` without quotes; `None` for a delete marker.
    pub e_tag: Option<String>,
    /// Whether it is what a read without a version finds.
    pub is_latest: bool,
    /// Whether it marks the object as deleted.
    pub is_delete_marker: bool,
}
