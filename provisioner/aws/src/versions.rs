//! The versions of a bucket's objects, a page at a time: the one place that lists them.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::EncodingType;
use provisioner_model::call_error::{CallError, optional};
use serde::{Deserialize, Serialize};

use super::call_error::from_sdk;
use super::{Aws, percent_decoded};

/// A bucket, of which the keys with a prefix are listed.
#[derive(Debug, Clone)]
pub struct Versions {
    client: Client,
    account: String,
    bucket: String,
    prefix: Option<String>,
}

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The object's key.
    pub key: String,
    /// The version's id; `null` for one that was put while the bucket kept no versions, `None` if the service lists none.
    pub id: Option<String>,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// When it was put. Milliseconds since the Unix epoch; S3 gives whole seconds.
    pub modified: i64,
    /// Its content; `None` for a delete marker.
    pub content: Option<Content>,
}

/// The content of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The `ETag`, without quotes.
    pub e_tag: String,
    /// Bytes.
    pub size: u64,
}

/// Where a listing continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    key: Option<String>,
    version: Option<String>,
}

impl Marker {
    /// Whether the listing continues among the versions of this key. Keys are listed in order, so that no later page has them
    /// otherwise.
    pub(crate) fn is_within(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }
}

/// One page of a listing: at most 1,000 versions and delete markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The versions and delete markers.
    pub versions: Vec<Version>,
    /// Where to continue; `None` after the last page.
    pub next: Option<Marker>,
}

impl Versions {
    /// The versions of the keys with this prefix.
    pub fn new(aws: &Aws, bucket: &str, prefix: Option<&str>) -> Self {
        Self {
            client: aws.s3(),
            account: aws.account.clone(),
            bucket: bucket.to_owned(),
            prefix: prefix.map(ToOwned::to_owned),
        }
    }

    /// A page; `None` if there is no bucket.
    pub async fn page(&self, from: &Marker) -> Result<Option<Page>, CallError> {
        let listed = self
            .client
            .list_object_versions()
            .bucket(&self.bucket)
            .set_prefix(self.prefix.clone())
            .encoding_type(EncodingType::Url)
            .set_key_marker(from.key.clone())
            .set_version_id_marker(from.version.clone())
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let Some(listed) = optional(listed.map_err(from_sdk))? else { return Ok(None) };
        let key = key_reader(listed.encoding_type.as_ref());
        let millis = |time: Option<aws_sdk_s3::primitives::DateTime>| {
            time.and_then(|time| time.to_millis().ok()).unwrap_or_default()
        };
        let next = (listed.is_truncated == Some(true)).then(|| Marker {
            key: listed.next_key_marker.as_deref().map(key),
            version: listed.next_version_id_marker.clone(),
        });
        let files = listed.versions.unwrap_or_default().into_iter().filter_map(|version| {
            Some(Version {
                key: key(&version.key?),
                id: version.version_id,
                is_latest: version.is_latest == Some(true),
                modified: millis(version.last_modified),
                content: Some(Content {
                    e_tag: version.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
                    size: version.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                }),
            })
        });
        let markers = listed.delete_markers.unwrap_or_default().into_iter().filter_map(|marker| {
            Some(Version {
                key: key(&marker.key?),
                id: marker.version_id,
                is_latest: marker.is_latest == Some(true),
                modified: millis(marker.last_modified),
                content: None,
            })
        });
        Ok(Some(Page { versions: files.chain(markers).collect(), next }))
    }
}

/// The decoder for keys of a listing: the response states whether keys are encoded.
pub(crate) fn key_reader(encoding: Option<&EncodingType>) -> fn(&str) -> String {
    if encoding == Some(&EncodingType::Url) { decode } else { ToOwned::to_owned }
}

/// Decodes a key of a listing that was asked for with `encoding-type=url`: percent signs, and `+` for a space.
fn decode(key: &str) -> String {
    percent_decoded(&key.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_listings() {
        for (listed, key) in [
            ("a/b.txt", "a/b.txt"),
            ("a+b%2Bc", "a b+c"),
            ("%C3%A4%0A", "ä\n"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%+1", "% 1"),
        ] {
            assert_eq!(decode(listed), key);
        }
        assert_eq!(key_reader(None)("a+b"), "a+b", "not encoded although asked for");
        assert_eq!(key_reader(Some(&EncodingType::Url))("a+b"), "a b");
    }
}
