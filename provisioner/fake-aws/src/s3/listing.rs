//! Listings, page by page: `ListObjectsV2`, `ListObjectVersions` and `ListMultipartUploads`.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::bucket::Bucket;
use super::objects::Object;
use crate::http::{Request, Response};
use crate::state::Now;
use crate::xml::{document, node, optional, text};

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// The parameters of every listing.
struct Listing {
    prefix: String,
    delimiter: String,
    /// The maximum number of entries of this page.
    page: usize,
    encoded: bool,
}

impl Listing {
    fn new(request: &Request, page: usize, limit: &str) -> Self {
        let asked = request.parameter(limit).and_then(|limit| limit.parse().ok());
        Self {
            prefix: request.parameter("prefix").unwrap_or_default(),
            delimiter: request.parameter("delimiter").unwrap_or_default(),
            page: asked.map_or(page, |asked: usize| asked.min(page)),
            encoded: request.parameter("encoding-type").as_deref() == Some("url"),
        }
    }

    /// A key as encoded in the response.
    fn spelled(&self, key: &str) -> String {
        if self.encoded { utf8_percent_encode(key, PLAIN).to_string().replace("%20", "+") } else { key.to_owned() }
    }

    /// The common prefix that is listed instead of this key.
    fn common_prefix(&self, key: &str) -> Option<String> {
        let rest = key.strip_prefix(&self.prefix).filter(|_| !self.delimiter.is_empty())?;
        let end = rest.find(&self.delimiter)? + self.delimiter.len();
        Some(key[..self.prefix.len() + end].to_owned())
    }

    fn head(&self, bucket: &str, truncated: bool) -> String {
        [
            text("Name", bucket),
            text("Prefix", self.spelled(&self.prefix)),
            text("IsTruncated", truncated),
            optional("EncodingType", self.encoded.then_some("url")),
        ]
        .concat()
    }

    fn prefixes(&self, prefixes: &BTreeSet<String>) -> String {
        let each = prefixes.iter().map(|prefix| node("CommonPrefixes", &text("Prefix", self.spelled(prefix))));
        each.collect()
    }
}

impl Bucket {
    /// Keys with their versions, in order, after a key (or from it on), limited to the prefix.
    fn entries<'a>(
        &'a self,
        listing: &'a Listing,
        after: &'a str,
        inclusive: bool,
    ) -> impl Iterator<Item = (String, Vec<Object>)> + 'a {
        let start = if after < listing.prefix.as_str() { &listing.prefix } else { after };
        self.objects
            .from(start)
            .skip_while(move |(key, _)| !inclusive && !after.is_empty() && key == after)
            .take_while(|(key, _)| key.starts_with(&listing.prefix))
    }

    /// API, `ListObjectsV2`. The continuation token is the last key or common prefix of the page.
    pub(super) fn list_objects(&self, request: &Request, bucket: &str, page: usize) -> Response {
        let listing = Listing::new(request, page, "max-keys");
        let token = request.parameter("continuation-token").or_else(|| request.parameter("start-after"));
        let after = token.unwrap_or_default();
        let (mut contents, mut prefixes) = (String::new(), BTreeSet::new());
        let (mut count, mut last, mut truncated) = (0, String::new(), false);
        for (key, versions) in self.entries(&listing, &after, false) {
            let Some(object) = versions.first().filter(|object| !object.is_marker) else { continue };
            let common = listing.common_prefix(&key);
            // A common prefix is listed once, on the first page that has a key with it.
            if common.as_ref().is_some_and(|common| prefixes.contains(common) || *common == after) {
                continue;
            }
            if count == listing.page {
                truncated = true;
                break;
            }
            count += 1;
            last = common.clone().unwrap_or_else(|| key.clone());
            match common {
                Some(common) => drop(prefixes.insert(common)),
                None => contents += &node("Contents", &(text("Key", listing.spelled(&key)) + &details(object))),
            }
        }
        let next = truncated.then_some(last);
        let result = [
            listing.head(bucket, truncated),
            text("KeyCount", count),
            optional("NextContinuationToken", next),
            contents,
            listing.prefixes(&prefixes),
        ];
        document("ListBucketResult", &result.concat())
    }

    /// API, `ListObjectVersions`. Delimiters are not modelled.
    pub(super) fn list_versions(&self, request: &Request, bucket: &str, page: usize) -> Response {
        let listing = Listing::new(request, page, "max-keys");
        let after = request.parameter("key-marker").unwrap_or_default();
        let after_version = request.parameter("version-id-marker").filter(|version| !version.is_empty());
        let (mut entries, mut count, mut next) = (String::new(), 0, None);
        let mut last = (String::new(), String::new());
        'keys: for (key, versions) in self.entries(&listing, &after, after_version.is_some()) {
            let newest = versions.first().map(|object| object.version.clone());
            let mut rest = versions.into_iter();
            if let Some(marker) = after_version.as_ref().filter(|_| key == after) {
                // Versions up to the marker were in the previous page.
                rest.by_ref().find(|object| object.version == *marker);
            }
            for object in rest {
                if count == listing.page {
                    next = Some(last);
                    break 'keys;
                }
                count += 1;
                let named = [
                    text("Key", listing.spelled(&key)),
                    text("VersionId", &object.version),
                    text("IsLatest", newest.as_ref() == Some(&object.version)),
                ];
                entries += &if object.is_marker {
                    node("DeleteMarker", &named.concat())
                } else {
                    node("Version", &(named.concat() + &details(&object)))
                };
                last = (key.clone(), object.version);
            }
        }
        let markers = next
            .as_ref()
            .map(|(key, version)| text("NextKeyMarker", listing.spelled(key)) + &text("NextVersionIdMarker", version));
        let result = listing.head(bucket, next.is_some()) + &markers.unwrap_or_default() + &entries;
        document("ListVersionsResult", &result)
    }

    /// API, `ListMultipartUploads`: by key, then by id.
    pub(super) fn list_uploads(&self, request: &Request, bucket: &str, page: usize) -> Response {
        let listing = Listing::new(request, page, "max-uploads");
        let after = (
            request.parameter("key-marker").unwrap_or_default(),
            request.parameter("upload-id-marker").unwrap_or_default(),
        );
        let mut uploads: Vec<(String, String)> =
            self.uploads.iter().map(|(id, upload)| (upload.key.clone(), id.clone())).collect();
        uploads.retain(|upload| upload.0.starts_with(&listing.prefix) && *upload > after);
        uploads.sort_unstable();
        let truncated = uploads.len() > listing.page;
        uploads.truncate(listing.page);
        let next = uploads
            .last()
            .filter(|_| truncated)
            .map(|(key, id)| text("NextKeyMarker", listing.spelled(key)) + &text("NextUploadIdMarker", id));
        let entries = uploads.iter().fold(String::new(), |all, (key, id)| {
            all + &node("Upload", &(text("Key", listing.spelled(key)) + &text("UploadId", id)))
        });
        let result = listing.head(bucket, truncated) + &next.unwrap_or_default() + &entries;
        document("ListMultipartUploadsResult", &result)
    }
}

fn details(object: &Object) -> String {
    [
        text("LastModified", Now(object.modified).rfc3339()),
        text("ETag", format!("\"{}\"", object.e_tag)),
        text("Size", object.body.len()),
        text("StorageClass", "STANDARD"),
    ]
    .concat()
}
